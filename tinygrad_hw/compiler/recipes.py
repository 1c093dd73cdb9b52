"""What an op's forward function and rules come to for arrays of known shapes, as lines of source.

A forward function chooses by its arrays' sizes and dtypes between ways of computing a thing. In a program these are
known, so that the choice can be made when it is written; what is called in the end is the same, and so are the bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.compiler.steps import Outer, Slot, Unwrapped
from tinygrad_hw.kernels import elementwise, matmul, softmax
from tinygrad_hw.kernels.runtime import PARALLEL_WORK, Kernel, compiled_kernels, leave_blas_one_thread

__all__ = ["backward", "forward"]

Recipe = Callable[..., bool]

_FORWARD: dict[str, Recipe] = {}
_BACKWARD: dict[str, Recipe] = {}


def forward(w: Any, step: Any) -> bool:
    """Write lines that compute a step's results; False if its forward function is to be called."""
    recipe = _FORWARD.get(step.op.name)
    return recipe is not None and _is_plain(step) and recipe(w, step)


def backward(w: Any, step: Any, g: str, slots: Any, at: int) -> bool:
    """Write lines that compute a step's gradients, ``r<at>_<k>``; False if its rules are to be called."""
    recipe = _BACKWARD.get(step.op.name)
    return recipe is not None and _is_plain(step) and recipe(w, step, g, slots, at)


def _is_plain(step: Any) -> bool:
    """Return whether all arrays that are computed with are of one dtype, single or double precision."""
    kinds = {a.array.dtype.char for a in step.args if isinstance(a, Slot)}
    return len(kinds) == 1 and kinds <= {"f", "d"}


# -- linear ----------------------------------------------------------------------------------------


def _product(w: Any, left: str, right: str, rows: int, depth: int, columns: int, kind: Any) -> str:
    """Return source of ``kernels.matmul(left, right)`` for matrices of these sizes."""
    if rows * depth * columns >= matmul._SMALL:
        if matmul._worth(Matrix((rows, depth), kind), Matrix((depth, columns), kind)):
            return f"{w.constant(matmul.matmul, 'matmul')}({left}, {right})"
        if (rows + columns) * depth > matmul._SPLIT and compiled_kernels():
            w(f"{w.constant(leave_blas_one_thread, 'one_thread')}()")
    return f"{left}.dot({right})"


class Matrix(NamedTuple):
    """What ``kernels.matmul`` looks at."""

    shape: tuple[int, int]
    dtype: Any

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(self.dtype.itemsize)


def _linear(w: Any, step: Any) -> bool:
    x, weight = step.args[:2]
    bias = step.args[2] if isinstance(step.args[2], Slot) else None
    (rows, depth), columns, kind = x.array.shape, weight.array.shape[0], x.array.dtype
    out = f"a{step.outs[0].number}"
    turned = f"a{weight.number}.T"
    if isinstance(weight, Outer):
        turned = w.constant(weight.array.T, "W")  # it is the same array in each call, or there is none
    product = _product(w, f"a{x.number}", turned, rows, depth, columns, kind)
    if bias is not None and not product.startswith("a"):
        w(f"{out} = {w.constant(matmul.affine, 'affine')}(a{x.number}, {turned}, a{bias.number})")
        return True
    w(f"{out} = {product}")
    if bias is not None:
        w(f"{out} += a{bias.number}")
    return True


def _linear_rule(w: Any, step: Any, g: str, slots: Any, at: int) -> bool:
    x, weight = step.args[:2]
    (rows, inner), outer, kind = x.array.shape, weight.array.shape[0], x.array.dtype
    if rows > 4096:
        return False
    if slots[0] is not None:
        w(f"r{at}_0 = {_product(w, g, f'a{weight.number}', rows, outer, inner, kind)}")
    if slots[1] is not None:
        w(f"r{at}_1 = {_product(w, f'{g}.T', f'a{x.number}', outer, rows, inner, kind)}")
    if slots[2] is not None:
        w(f"r{at}_2 = {w.constant(np.add.reduce, 'add_reduce')}({g})")
    return True


for _name in ("linear", "linear_without_bias"):
    _FORWARD[_name] = _linear
    _BACKWARD[_name] = _linear_rule


# -- ReLU ------------------------------------------------------------------------------------------


def _loop(w: Any, kernel: Kernel, work: float) -> tuple[str, str]:
    """Return what to call for a kernel, and what to add to its arguments."""
    if work <= PARALLEL_WORK and kernel._serial is not None:
        return w.constant(kernel._serial, "loop"), ""
    return w.constant(kernel, "kernel"), f", work={w.constant(work)}"


def _elements(w: Any, kernel: Kernel, cost: float, given: list[str], array: Any, out: str) -> bool:
    """Write what ``kernels.elementwise._run`` does for arrays without gaps."""
    if not compiled_kernels() or not array.flags.c_contiguous:
        return False
    loop, more = _loop(w, kernel, array.size * (cost if array.dtype.char == "f" else 8 * cost))
    w(f"{out} = {w.constant(np.empty, 'empty')}({w.constant(array.shape)}, {w.constant(array.dtype)})")
    w(f"{loop}({', '.join(f'{a}.reshape(-1)' for a in given)}, {out}.reshape(-1){more})")
    return True


def _relu(w: Any, step: Any) -> bool:
    x, out = step.args[0], step.outs[0]
    if x.array.size >= elementwise.CHEAP:
        return _elements(w, elementwise._relu, 0.1, [f"a{x.number}"], x.array, f"a{out.number}")
    if not x.array.ndim:
        return False
    zero = w.constant(np.zeros((), x.array.dtype), "zero")
    w(f"a{out.number} = {w.constant(np.maximum, 'maximum')}(a{x.number}, {zero})")
    return True


def _relu_rule(w: Any, step: Any, g: str, slots: Any, at: int) -> bool:
    out = step.outs[0]
    if out.array.size >= elementwise.SMALL:
        return False
    if not out.array.ndim:
        return False
    zero = w.constant(np.zeros((), out.array.dtype), "zero")
    below = f"{w.constant(np.less_equal, 'less_equal')}(a{out.number}, {zero})"
    w(f"r{at}_0 = {w.constant(np.where, 'where')}({below}, {zero}, {g})")
    return True


_FORWARD["relu"] = _relu
_BACKWARD["relu"] = _relu_rule


# -- cross-entropy ---------------------------------------------------------------------------------


def _entropy_facts(step: Any) -> tuple[Any, Any, float] | None:
    x, target = step.args[:2]
    divisor = step.params["divisor"]
    if not compiled_kernels() or divisor is None or not isinstance(target, Unwrapped) or not x.array.flags.c_contiguous:
        return None
    return x, target, x.array.size * (1 if x.array.dtype.char == "f" else 5)


def _classes(target: Unwrapped) -> str:
    name = f"a{target.slot.number}"
    return name if target.slot.array.ndim == 1 else f"{name}.reshape(-1)"


def _entropy(w: Any, step: Any) -> bool:
    facts = _entropy_facts(step)
    if facts is None:
        return False
    x, target, work = facts
    kind, (n, classes) = x.array.dtype, x.array.shape
    loss, sums = step.outs
    loop, more = _loop(w, softmax._entropy, work)
    empty, dtype = w.constant(np.empty, "empty"), w.constant(kind)
    w(f"losses = {empty}({n}, {dtype})")
    w(f"a{sums.number} = {empty}({n}, {dtype})")
    given = f"a{x.number}.ravel(), {_classes(target)}, {w.constant(softmax._NONE[kind.char])}"
    w(f"{loop}({given}, {w.constant(step.params['ignore_index'])}, losses, a{sums.number}, {classes}{more})")
    total = f"{w.constant(np.add.reduce, 'add_reduce')}(losses, axis=None)"
    w(f"a{loss.number} = asarray({total} / {w.constant(kind.type(step.params['divisor']))})")
    return True


def _entropy_rule(w: Any, step: Any, g: str, slots: Any, at: int) -> bool:
    facts = _entropy_facts(step)
    if facts is None:
        return False
    x, target, work = facts
    kind = x.array.dtype
    loop, more = _loop(w, softmax._entropy_backward, work)
    w(f"r{at}_0 = {w.constant(np.empty, 'empty')}({w.constant(x.array.shape)}, {w.constant(kind)})")
    share = f"{g}.reshape(1) / {w.constant(np.asarray(step.params['divisor'], kind))}"
    given = f"{share}, a{x.number}.ravel(), {_classes(target)}, {w.constant(softmax._NONE[kind.char])}"
    ignored = w.constant(step.params["ignore_index"])
    w(f"{loop}({given}, {ignored}, a{step.outs[1].number}, r{at}_0.reshape(-1), {x.array.shape[1]}{more})")
    return True


_FORWARD["cross_entropy_rows"] = _entropy
_BACKWARD["cross_entropy_rows"] = _entropy_rule
