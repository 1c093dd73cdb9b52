"""Kernels are made machine code once, as a whole."""

from __future__ import annotations

import textwrap

from tests.kernels.test_runtime import needs_numba, passes

#: Two kernels that share a part with a loop, and how often machine code was made.
KERNELS = """
import gc, warnings
warnings.simplefilter("ignore", RuntimeWarning)  # these have no file, and are not kept on disk
import numpy as np
from numba.core.codegen import JITCodeLibrary
from tinygrad_hw.kernels import linking, runtime
from tinygrad_hw.kernels.runtime import kernel

made = []
emit = JITCodeLibrary._finalize_specific
def count(self):
    made.append(self.name)
    emit(self)
JITCodeLibrary._finalize_specific = count
prange = range

@kernel()
def total(x, factor):
    scaled = np.zeros(x.size)
    for i in range(x.size):
        scaled[i] = x[i] * factor
    return scaled.sum()

@kernel(parallel=True)
def rows(x, out):
    for i in prange(x.shape[0]):
        out[i] = total(x[i], 2.0)

@kernel()
def both(x):
    return total(x[0], 1.0) + total(x[1], 1.0)

@kernel()
def guarded(x):
    if x.size == 0:
        raise ValueError("nothing")
    return total(x, 1.0)

x = np.arange(12.0).reshape(3, 4)
out = np.empty(3)

def check():
    rows(x, out)
    assert np.array_equal(out, 2 * x.sum(1)), out
    assert both(x) == x[:2].sum()
"""


def _script(code: str) -> str:
    return KERNELS + textwrap.dedent(code)


@needs_numba
def test_machine_code_is_made_once() -> None:
    code = """
    check()
    kernels = [name for name in made if name in ("rows", "both", "total_part", "rows_serial") or "parfor" in name]
    assert linking.supported()
    assert kernels == ["rows", "both"], made
    """
    passes(_script(code))


@needs_numba
def test_parts_are_called_from_python_as_kernels_of_their_own() -> None:
    code = """
    check()
    assert total(x[2], 3.0) == 3 * x[2].sum()
    assert made[-1] == "total"
    """
    passes(_script(code))


@needs_numba
def test_functions_of_users_link_what_kernels_have_brought() -> None:
    """numba keeps the parts of np.zeros and np.sum, and takes them for others."""
    code = """
    import numba
    check()
    @numba.njit
    def mine(x):
        return np.zeros(x.size).sum() + x.sum()
    @numba.njit(parallel=True)
    def mine_parallel(x):
        s = 0.0
        for i in numba.prange(x.size):
            s += np.zeros(3).sum() + x[i]
        return s
    assert mine(x[1]) == mine_parallel(x[1]) == x[1].sum()
    """
    passes(_script(code))


@needs_numba
def test_errors_leave_numba_as_it_was() -> None:
    code = """
    import numba
    try:
        total("no array", 1.0)
    except numba.TypingError:
        pass
    else:
        raise AssertionError
    codegen = numba.core.registry.cpu_target.target_context.codegen()
    assert type(codegen.create_library("x")) is JITCodeLibrary
    assert gc.isenabled()
    check()
    for _ in range(2):
        try:
            guarded(x[:0, 0])
        except ValueError as error:
            assert error.args == ("nothing",)
        else:
            raise AssertionError
    assert guarded(x[0]) == x[0].sum()
    """
    passes(_script(code))


@needs_numba
def test_another_numba_compiles_in_its_own_way() -> None:
    code = """
    linking.supported = lambda: False
    check()
    assert "total_part" in made and "rows" in made, made
    """
    passes(_script(code))
