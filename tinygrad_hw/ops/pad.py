"""Padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.autocast import as_float32
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.index_select import index_select

__all__ = ["pad"]


def _slices(size: Sequence[int], sides: Any) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where the kept part lies in the input and in the output; negative sides crop."""
    source, target = [], []
    for n, (before, after) in zip(size, sides, strict=True):
        begin, end = max(-before, 0), n - max(-after, 0)
        source.append(slice(begin, end))
        target.append(slice(max(before, 0), max(before, 0) + end - begin))
    return tuple(source), tuple(target)


def _pad_forward(input: Any, *, sides: Any, value: float) -> Any:
    shape = [n + b + a for n, (b, a) in zip(input.shape, sides, strict=True)]
    out = np.full(shape, value, input.dtype)
    source, target = _slices(input.shape, sides)
    out[target] = input[source]
    return out


_constant_pad = op(
    "constant_pad_nd",
    _pad_forward,
    node_name="ConstantPadNdBackward0",
    input=lambda g, sides: _constant_pad(g, sides=tuple((-b, -a) for b, a in sides), value=0.0),
)


def _indices(mode: str, n: int, before: int, after: int) -> Any:
    """Return which element each place of the padded dimension takes."""
    if mode == "circular":
        # What negative sides crop is gone before the rest is repeated.
        begin, end = max(-before, 0), n - max(-after, 0)
        at = np.arange(-max(before, 0), end - begin + max(after, 0))
        return at % (end - begin) + begin
    at = np.arange(-max(before, 0), n + max(after, 0))
    if mode == "replicate":
        at = np.clip(at, 0, n - 1)
    else:
        period = max(2 * (n - 1), 1)
        folded = np.abs(at) % period
        at = np.where(folded >= n, period - folded, folded)
    return at[max(-before, 0) : at.size - max(-after, 0)]


@whole
def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """Return a tensor padded at the ends of its last dimensions.

    Args:
        input: a tensor.
        pad: sizes of both sides of the last dimension, then of the one before, ...; negative ones crop.
        mode: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        value: the constant, 0 by default.

    Raises:
        RuntimeError: the padding does not fit the dimensions.
        NotImplementedError: the mode does not exist for so many dimensions.

    Source: ``torch.nn.functional.pad``.

    Example:
        >>> torch.nn.functional.pad(torch.tensor([1.0, 2.0]), (1, 0))
        tensor([0., 1., 2.])
    """
    sizes = [int(p) for p in pad]
    if len(sizes) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    count = len(sizes) // 2
    if count > input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(sizes)} and input of dimension {input.ndim}"
        )
    pairs = [(sizes[2 * i], sizes[2 * i + 1]) for i in range(count)]
    sides = ((0, 0),) * (input.ndim - count) + tuple(reversed(pairs))
    for n, (b, a) in zip(input.shape, sides, strict=True):
        if n + b + a < 0:
            raise RuntimeError(
                f"pad: The input size {n}, plus negative padding {b} and {a}, resulted in a negative output size"
            )
    if mode == "constant":
        return _constant_pad(input, sides=sides, value=0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if input.ndim not in (count + 1, count + 2) or count > 3:
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: {mode!r} with "
            f"{len(sizes)} sizes on a {input.ndim}-D tensor"
        )
    input = result = input if mode == "circular" else as_float32(input)
    for dim in range(input.ndim - count, input.ndim):
        before, after = sides[dim]
        n = result.shape[dim]
        if mode == "reflect" and (before >= n or after >= n):
            raise RuntimeError(
                "Padding size should be less than the corresponding input dimension, but got: padding "
                f"({before}, {after}) at dimension {dim} of input {list(input.shape)}"
            )
        if mode == "circular" and (before > n or after > n):
            raise RuntimeError(
                "Padding value causes wrapping around more than once: "
                f"({before}, {after}) at dimension {dim} of input {list(input.shape)}"
            )
        if before or after:
            result = index_select(result, dim, _indices(mode, n, before, after))
    return result if result is not input else _constant_pad(input, sides=sides, value=0.0)
