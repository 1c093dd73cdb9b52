"""Normalisations that return their statistics too: ``native_batch_norm``, ``native_layer_norm`` and the like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.norm import batch_norm, group_norm, layer_norm
from tinygrad_hw.ops.reduce import mean
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import rsqrt
from tinygrad_hw.ops.variance import var

__all__ = ["native_batch_norm", "native_group_norm", "native_layer_norm"]


def _statistics(rows: Any, eps: float) -> tuple[Any, Any]:
    """Return mean and reciprocal deviation of each row of an array."""
    if not rows.size:
        blank = np.full(rows.shape[0], np.nan if rows.shape[1] == 0 else 0, rows.dtype)
        return blank, blank.copy()
    return rows.mean(1), 1 / np.sqrt(rows.var(1) + rows.dtype.type(eps))


def native_layer_norm(
    input: Any, normalized_shape: int | Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Any, Any, Any]:
    """Return ``(layer_norm(...), mean, 1 / deviation)``; the statistics carry no gradient.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: sizes of the last dimensions.
        weight: of ``normalized_shape``, or None.
        bias: of ``normalized_shape``, or None.
        eps: added to the variance.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.native_layer_norm``.

    Example:
        >>> torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), (2,), None, None, 0.0)[1]
        tensor([[2.]])
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    array = input.array
    lead = array.shape[: array.ndim - len(shape)]
    centre, scale = _statistics(array.reshape(math.prod(lead), math.prod(shape)), eps)
    kept = (*lead, *(1,) * len(shape))
    return out, wrap(centre.reshape(kept)), wrap(scale.reshape(kept))


def native_group_norm(
    input: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Any, Any, Any]:
    """Return ``(group_norm(...), mean, 1 / deviation)``, the statistics are (N, group) and carry gradients.

    Args:
        input: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None.
        N: examples.
        C: channels.
        HxW: elements of a channel.
        group: groups of channels.
        eps: added to the variance.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.native_group_norm``.

    Example:
        >>> torch.native_group_norm(torch.tensor([[[1.0], [3.0]]]), None, None, 1, 2, 1, 1, 0.0)[1]
        tensor([[2.]])
    """
    out = group_norm(input, group, weight, bias, eps)
    rows = reshape(input, (N, group, C // group * HxW))
    return out, mean(rows, 2), rsqrt(var(rows, 2, correction=0) + eps)


def native_batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    *,
    out: Any = None,
) -> tuple[Any, Any, Any]:
    """Return ``(batch_norm(...), mean, 1 / deviation)``; the statistics are empty outside training.

    Args:
        input: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None.
        running_mean: (C,), updated in training, or None.
        running_var: (C,), updated in training, or None.
        training: whether to normalise by the batch.
        momentum: weight of the batch in the running statistics.
        eps: added to the variance.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: ``torch.native_batch_norm``.

    Example:
        >>> torch.native_batch_norm(torch.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-5)[1]
        tensor([2.])
    """
    if out is not None:
        return into(out, native_batch_norm, input, weight, bias, running_mean, running_var, training, momentum, eps)
    out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    array = input.array if isinstance(input, TensorBase) else input
    if not training:
        return out, wrap(np.empty(0, array.dtype)), wrap(np.empty(0, array.dtype))
    channels = np.moveaxis(array, 1, 0)
    centre, scale = _statistics(channels.reshape(channels.shape[0], -1), eps)
    return out, wrap(centre), wrap(scale)
