"""Flushing denormal numbers to zero, through the control register of x86's floating-point unit.

Imported when asked for, because it imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tinygrad_hw.kernels import runtime
from tinygrad_hw.kernels.runtime import kernel

__all__ = ["flush_denormal", "flushes_denormal"]

prange = range

#: Bits of the register: results are flushed (FTZ), arguments count as zero (DAZ).
_BITS = (1 << 15) | (1 << 6)

_word = ir.IntType(32)
_pointer = ir.IntType(8).as_pointer()


def _call(builder: Any, name: str, place: Any) -> None:
    """Emit a call of an intrinsic that takes the address of the register's copy."""
    kind = ir.FunctionType(ir.VoidType(), [_pointer])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    builder.call(function, [builder.bitcast(place, _pointer)])


@intrinsic
def _get(context: Any) -> Any:
    """Return the register."""

    def build(code: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.alloca(_word)
        _call(builder, "llvm.x86.sse.stmxcsr", place)
        return builder.load(place)

    return types.int32(), build


@intrinsic
def _set(context: Any, value: Any) -> Any:
    """Write the register."""

    def build(code: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.alloca(_word)
        builder.store(args[0], place)
        _call(builder, "llvm.x86.sse.ldmxcsr", place)
        return code.get_dummy_value()

    return types.void(types.int32), build


@kernel(parallel=True)
def _switch(on: bool, bits: int, done: Any) -> None:
    # A thread of the team each, since the schedule is static.
    for i in prange(done.size):
        before = _get()
        _set(np.int32((before | bits) if on else (before & ~bits)))
        done[i] = 1


@kernel()
def flushes_denormal(bits: int) -> bool:
    """Return whether all of ``bits`` are set for this thread."""
    return (_get() & bits) == bits


def flush_denormal(on: bool, threads: int) -> None:
    """Switch flushing on or off for the calling thread and its workers.

    Args:
        on: whether to flush.
        threads: how many threads kernels use.
    """
    for kind in (np.float16, np.float32, np.float64):
        np.finfo(kind)  # numpy finds out about denormals at the first use, and warns if there are none
    _switch(on, _BITS, np.zeros(threads, np.int8))
    # The caller may have been left out of the team, and there may be no team.
    _switch(on, _BITS, np.zeros(1, np.int8), work=0)
    for library in runtime._thread_pools().lib_controllers:
        # OpenBLAS starts its threads again at the next product, and they inherit the caller's
        # register.
        stop = getattr(library.dynlib, "blas_thread_shutdown_", None)
        if library.internal_api == "openblas" and stop is not None:
            stop()
