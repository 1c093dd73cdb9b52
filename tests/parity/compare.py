"""Whether a result of ours is PyTorch's: structure, shape, dtype, values, strides of views."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import tinygrad_hw
from tests.parity.translate import numpy_of
from tinygrad_hw.autograd.narrow import wide

#: Relative and absolute tolerance; the absolute one grows with the largest value of the result.
TOLERANCES = {
    torch.float64: (1e-7, 1e-7),
    torch.float32: (1e-4, 1e-5),
    torch.float16: (1e-2, 1e-3),
    torch.bfloat16: (2e-2, 1e-2),
    torch.complex32: (1e-2, 1e-3),
    torch.complex128: (1e-7, 1e-7),
    torch.complex64: (1e-4, 1e-5),
}


class Different(Exception):
    """The result differs; the text says how in a few words, ``detail`` shows both."""

    def __init__(self, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.detail = detail


def tensors_in(value: Any, kind: type) -> list[Any]:
    """Return the tensors in a nested value, in order, each once."""
    found: dict[int, Any] = {}

    def visit(v: Any) -> None:
        if isinstance(v, kind):
            found.setdefault(id(v), v)
        elif isinstance(v, (list, tuple)):
            for x in v:
                visit(x)
        elif isinstance(v, dict):
            for x in v.values():
                visit(x)

    visit(value)
    return list(found.values())


def same(ours: Any, theirs: Any, values: bool = True, tolerance: float = 1.0) -> None:
    """Compare two results.

    Raises:
        Different: at the first difference.
    """
    if isinstance(theirs, torch.Tensor):
        _same_tensor(ours, theirs, values, tolerance)
    elif isinstance(theirs, torch.Size):
        if not isinstance(ours, tinygrad_hw.Size) or tuple(ours) != tuple(theirs):
            raise Different("size", f"{ours!r} instead of {theirs!r}")
    elif isinstance(theirs, torch.dtype):
        if repr(ours) != repr(theirs):
            raise Different("dtype", f"{ours!r} instead of {theirs!r}")
    elif isinstance(theirs, (list, tuple)):
        if not isinstance(ours, (list, tuple)) or isinstance(theirs, tuple) != isinstance(ours, tuple):
            raise Different("structure", f"{type(ours).__name__} instead of {type(theirs).__name__}")
        if len(ours) != len(theirs):
            raise Different("structure", f"{len(ours)} outputs instead of {len(theirs)}")
        for name in getattr(theirs, "_fields", None) or _fields(theirs):
            if not hasattr(ours, name):
                raise Different("structure", f"a result without .{name}")
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, values, tolerance)
    elif isinstance(theirs, bool) or theirs is None:
        if ours is not theirs:
            raise Different("result", f"{ours!r} instead of {theirs!r}")
    elif isinstance(theirs, (int, float, complex)):
        if type(ours) is not type(theirs):
            raise Different("structure", f"{type(ours).__name__} instead of {type(theirs).__name__}")
        if values and not np.isclose(ours, theirs, rtol=1e-6, equal_nan=True):
            raise Different("result", f"{ours!r} instead of {theirs!r}")
    elif type(ours).__name__ != type(theirs).__name__:
        raise Different("structure", f"{type(ours).__name__} instead of {type(theirs).__name__}")


def _fields(value: Any) -> tuple[str, ...]:
    """Return the field names of one of PyTorch's own named results."""
    kind = type(value)
    return kind.__match_args__ if kind.__module__ == "torch.return_types" else ()


def _same_tensor(ours: Any, theirs: torch.Tensor, values: bool, tolerance: float) -> None:
    if not isinstance(ours, tinygrad_hw.Tensor):
        raise Different("structure", f"{type(ours).__name__} instead of a tensor")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Different("shape", f"{list(ours.shape)} instead of {list(theirs.shape)}")
    if repr(ours.dtype) != repr(theirs.dtype):
        raise Different("dtype", f"{ours.dtype} instead of {theirs.dtype}")
    if values:
        same_values(ours.array, numpy_of(theirs), theirs.dtype, tolerance)


def same_values(a: np.ndarray, b: np.ndarray, dtype: torch.dtype, tolerance: float = 1.0) -> None:
    """Compare values to the tolerance of a dtype.

    Raises:
        Different: they differ; the detail says where and by how much.
    """
    if a.size == 0:
        return
    a, b = wide(a), wide(b)
    if dtype not in TOLERANCES:
        if not np.array_equal(a, b):
            at = tuple(np.argwhere(a != b)[0])
            raise Different("values", f"{a[at]} instead of {b[at]} at {[int(i) for i in at]}")
        return
    rtol, atol = TOLERANCES[dtype]
    finite = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(all="ignore"):
        close = np.isclose(a, b, rtol=rtol * tolerance, atol=atol * tolerance * min(scale, 1e6), equal_nan=True)
    if not close.all():
        at = tuple(np.argwhere(~close)[0])
        raise Different(
            "values", f"{a[at]!r} instead of {b[at]!r} at {[int(i) for i in at]} ({int((~close).sum())} of {a.size})"
        )


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def same_view(ours: Any, mine: list[Any], theirs: Any, inputs: list[Any]) -> None:
    """Where PyTorch's results are views of its inputs, ours are too, with the same strides.

    Raises:
        Different: one is a copy, or has other strides.
    """
    for a, b in zip(tensors_in(ours, tinygrad_hw.Tensor), tensors_in(theirs, torch.Tensor), strict=False):
        if b.numel() == 0 or b.is_sparse:
            continue
        for x, y in zip(mine, inputs, strict=True):
            if b.untyped_storage().data_ptr() != y.untyped_storage().data_ptr():
                continue
            if not np.may_share_memory(a.array, _owner(x.array)):
                raise Different("view", "a copy where PyTorch gives a view")
            own = tuple(s // a.array.itemsize for s in a.array.strides)
            # The stride of a dimension of one element says nothing.
            if any(n > 1 and s != t for n, s, t in zip(b.shape, own, b.stride(), strict=True)):
                raise Different("strides", f"{own} instead of {tuple(b.stride())}")
            break
