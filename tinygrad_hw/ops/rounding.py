"""Rounding to whole numbers, element by element."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into

__all__ = [
    "ceil",
    "fix",
    "floor",
    "frac",
    "round",
    "trunc",
]


def _copied_integers(name: str, input: Any) -> Any:
    if input.dtype.kind == "b":
        raise NotImplementedError(f"{name} is not implemented for bool tensors: convert to a number type first")
    return input.copy()


def _floor(input: Any) -> Any:
    return np.floor(input) if input.dtype.kind == "f" else _copied_integers("floor", input)


def _ceil(input: Any) -> Any:
    return np.ceil(input) if input.dtype.kind == "f" else _copied_integers("ceil", input)


def _trunc(input: Any) -> Any:
    return np.trunc(input) if input.dtype.kind == "f" else _copied_integers("trunc", input)


def _frac(input: Any) -> Any:
    if input.dtype.kind not in "fV":
        raise NotImplementedError(f"frac is not implemented for {input.dtype} tensors: convert to floating point first")
    return input - np.trunc(input)


floor = op(
    "floor",
    _floor,
    input=lambda g: g * 0.0,
    doc="""Return the largest integer not above each element.

    Args:
        input: a tensor.

    Source: ``torch.floor``.

    Example:
        >>> torch.floor(torch.tensor([1.7, -1.2]))
        tensor([ 1., -2.])
    """,
    out=True,
)
ceil = op(
    "ceil",
    _ceil,
    input=lambda g: g * 0.0,
    doc="""Return the smallest integer not below each element.

    Args:
        input: a tensor.

    Source: ``torch.ceil``.

    Example:
        >>> torch.ceil(torch.tensor([1.2, -1.7]))
        tensor([ 2., -1.])
    """,
    out=True,
)
trunc = op(
    "trunc",
    _trunc,
    input=lambda g: g * 0.0,
    doc="""Return each element rounded towards zero.

    Args:
        input: a tensor.

    Source: ``torch.trunc``.

    Example:
        >>> torch.trunc(torch.tensor([1.7, -1.7]))
        tensor([ 1., -1.])
    """,
    out=True,
)
frac = op(
    "frac",
    _frac,
    input=lambda g: g,
    doc="""Return the part behind the point, with the sign of the element.

    Args:
        input: a tensor.

    Source: ``torch.frac``.

    Example:
        >>> torch.frac(torch.tensor([1.5, -1.5]))
        tensor([ 0.5000, -0.5000])
    """,
    out=True,
)


def _round(input: Any, *, decimals: int) -> Any:
    if input.dtype.kind not in "fV":
        return input.copy()
    if decimals == 0:
        return np.rint(input)
    scale = input.dtype.type(10.0 ** builtins.abs(decimals))
    return np.rint(input * scale) / scale if decimals > 0 else np.rint(input / scale) * scale


_round_op = op("round", _round, input=lambda g: g * 0.0)


def round(input: Any, *, decimals: int = 0, out: Any = None) -> Any:
    """Return each element rounded to the nearest, halves to even.

    Args:
        input: a tensor.
        decimals: digits kept after the point; negative to round to tens, hundreds, ...
        out: a tensor to write the result into.

    Source: ``torch.round``.

    Example:
        >>> torch.round(torch.tensor([0.5, 1.5, 2.5]))
        tensor([0., 2., 2.])
    """
    if out is not None:
        return into(out, round, input, decimals=decimals)
    return _round_op(input, decimals=decimals)


fix = trunc
