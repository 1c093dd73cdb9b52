"""Batch normalisation by channel, and normalisation of rows (layer, group, instance and RMS norm), both ways.

    out = (x - mean) * scale * weight + bias,    scale = 1 / sqrt(variance + eps)

Sums are taken in double precision, of all elements of a channel or row by one thread, in one order. Variances are
biased and computed from differences to the mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_backward_reference",
    "batch_norm_reference",
    "channel_affine",
    "channel_affine_reference",
    "row_norm",
    "row_norm_backward",
    "row_norm_backward_reference",
    "row_norm_reference",
]

prange = range

#: Into how many sums the rows are split for the gradients of weight and bias, whatever the number of threads.
_CHUNKS = 16


def _channels(v: Any, like: Any) -> Any:
    """Shape (C,) to broadcast with (N, C, ...)."""
    return v.reshape(1, -1, *(1,) * (like.ndim - 2))


def _or(v: Any, n: int, value: float, dtype: Any) -> Any:
    return np.full(n, value, dtype) if v is None else np.ascontiguousarray(v, dtype)


# -- by channel ------------------------------------------------------------------------------------


def batch_norm_reference(x: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any, Any]:
    """The definition."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes, dtype=np.float64)
    centred = x - _channels(mean, x)
    variance = (centred * centred).mean(axis=axes)
    scale = 1 / np.sqrt(variance + eps)
    out = centred * _channels(scale, x)
    out = out if weight is None else out * _channels(weight, x)
    out = out if bias is None else out + _channels(bias, x)
    return tuple(a.astype(x.dtype) for a in (out, mean, variance, scale))  # type: ignore[return-value]


def batch_norm_backward_reference(g: Any, x: Any, weight: Any, mean: Any, scale: Any) -> tuple[Any, Any, Any]:
    """The rule; see ``batch_norm_backward``."""
    axes = (0, *range(2, x.ndim))
    count = math.prod(x.shape[a] for a in axes)
    normal = (x.astype(np.float64) - _channels(mean, x)) * _channels(scale, x)
    g_bias = g.sum(axis=axes, dtype=np.float64)
    g_weight = (g * normal).sum(axis=axes)
    out = (g - _channels(g_bias, x) / count - normal * _channels(g_weight, x) / count) * _channels(scale, x)
    out = out if weight is None else out * _channels(weight, x)
    return out.astype(x.dtype), g_weight.astype(x.dtype), g_bias.astype(x.dtype)


@kernel(parallel=True)
def _batch_norm(x: Any, weight: Any, bias: Any, eps: float, out: Any, mean: Any, variance: Any, scale: Any) -> None:
    n, channels, m = x.shape
    real = x.dtype.type
    for c in prange(channels):
        total = 0.0
        for i in range(n):
            here = 0.0
            for j in range(m):
                here += x[i, c, j]
            total += here
        middle = total / (n * m)
        squares = 0.0
        for i in range(n):
            here = 0.0
            for j in range(m):
                d = x[i, c, j] - middle
                here += d * d
            squares += here
        mean[c] = middle
        variance[c] = squares / (n * m)
        factor = 1.0 / math.sqrt(squares / (n * m) + eps)
        scale[c] = factor
        a, b = real(factor * weight[c]), bias[c]
        centre = real(middle)
        for i in range(n):
            for j in range(m):
                out[i, c, j] = (x[i, c, j] - centre) * a + b


@kernel(exact=True)
def _input_grad(g: Any, x: Any, a: Any, b: Any, centre: Any, d: Any) -> Any:
    return (g - b - (x - centre) * d) * a


@kernel(parallel=True)
def _batch_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, out: Any, g_weight: Any, g_bias: Any
) -> None:
    n, channels, m = x.shape
    real = x.dtype.type
    for c in prange(channels):
        centre = mean[c]
        total, along = 0.0, 0.0
        for i in range(n):
            here, there = 0.0, 0.0
            for j in range(m):
                here += g[i, c, j]
                there += np.float64(g[i, c, j]) * (x[i, c, j] - centre)
            total += here
            along += there
        factor = np.float64(scale[c])
        g_weight[c] = along * factor
        g_bias[c] = total
        a = real(factor * weight[c])
        b = real(total / (n * m))
        d = real(along * factor * factor / (n * m))
        for i in range(n):
            for j in range(m):
                out[i, c, j] = _input_grad(g[i, c, j], x[i, c, j], a, b, centre, d)


def batch_norm(x: Any, weight: Any, bias: Any, eps: float, out: Any = None) -> tuple[Any, Any, Any, Any]:
    """Normalise each channel by its own mean and variance.

    Args:
        x: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None.
        eps: added to the variance.
        out: where to write, C-contiguous; may be ``x``.

    Returns:
        The result, and mean, biased variance and scale 1 / sqrt(variance + eps), each (C,) in the dtype of ``x``.
    """
    if not compiled_kernels():
        result = batch_norm_reference(x, weight, bias, eps)
        if out is not None:
            out[...] = result[0]
        return result if out is None else (out, *result[1:])
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    mean, variance, scale = np.empty((3, c), x.dtype)
    shape = (n, c, math.prod(x.shape[2:]))
    _batch_norm(
        np.ascontiguousarray(x).reshape(shape), _or(weight, c, 1, x.dtype), _or(bias, c, 0, x.dtype), float(eps),
        out.reshape(shape), mean, variance, scale, work=x.size,
    )  # fmt: skip
    return out, mean, variance, scale


def batch_norm_backward(g: Any, x: Any, weight: Any, mean: Any, scale: Any, out: Any = None) -> tuple[Any, Any, Any]:
    """Return the gradients of ``batch_norm``.

    With z = (x - mean) scale and n elements in a channel: for the bias sum(g), for the weight sum(g z), and for the
    input (g - sum(g) / n - z sum(g z) / n) scale weight.

    Args:
        g: (N, C, ...), the gradient of the result.
        x: (N, C, ...).
        weight: (C,) or None.
        mean: (C,), from ``batch_norm``.
        scale: (C,), from ``batch_norm``.
        out: where to write the first result, C-contiguous; may be ``g``.

    Returns:
        Gradients of input, weight and bias.
    """
    if not compiled_kernels():
        result = batch_norm_backward_reference(g, x, weight, mean, scale)
        if out is not None:
            out[...] = result[0]
        return result if out is None else (out, *result[1:])
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    g_weight, g_bias = np.empty((2, c), x.dtype)
    shape = (n, c, math.prod(x.shape[2:]))
    _batch_norm_backward(
        np.ascontiguousarray(g).reshape(shape), np.ascontiguousarray(x).reshape(shape), _or(weight, c, 1, x.dtype),
        mean, scale, out.reshape(shape), g_weight, g_bias, work=x.size,
    )  # fmt: skip
    return out, g_weight, g_bias


def channel_affine_reference(x: Any, factor: Any, shift: Any) -> Any:
    """The definition."""
    return x * _channels(factor, x) + _channels(shift, x)


@kernel(parallel=True)
def _affine(x: Any, factor: Any, shift: Any, out: Any) -> None:
    channels = factor.size
    for k in prange(x.shape[0]):
        a, b = factor[k % channels], shift[k % channels]
        for j in range(x.shape[1]):
            out[k, j] = x[k, j] * a + b


def channel_affine(x: Any, factor: Any, shift: Any, out: Any = None) -> Any:
    """Return x * factor + shift by channel: batch normalisation with fixed statistics.

    Args:
        x: (N, C, ...).
        factor: (C,).
        shift: (C,).
        out: where to write, C-contiguous; may be ``x``.
    """
    if out is None:
        out = np.empty(x.shape, x.dtype)
    if not compiled_kernels():
        out[...] = channel_affine_reference(x, factor, shift)
        return out
    n, c = x.shape[:2]
    shape = (n * c, math.prod(x.shape[2:]))
    _affine(
        np.ascontiguousarray(x).reshape(shape), _or(factor, c, 1, x.dtype), _or(shift, c, 0, x.dtype),
        out.reshape(shape), work=x.size / 2,
    )  # fmt: skip
    return out


# -- by row ----------------------------------------------------------------------------------------


def row_norm_reference(x: Any, weight: Any, bias: Any, eps: float, center: bool) -> tuple[Any, Any, Any]:
    """The definition."""
    mean = x.mean(axis=1, dtype=np.float64) if center else np.zeros(len(x))
    centred = x - mean[:, None]
    scale = 1 / np.sqrt((centred * centred).mean(axis=1) + eps)
    out = centred * scale[:, None]
    out = out if weight is None else out * weight
    out = out if bias is None else out + bias
    return out.astype(x.dtype), mean.astype(x.dtype), scale.astype(x.dtype)


def row_norm_backward_reference(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, center: bool
) -> tuple[Any, Any, Any]:
    """The rule; see ``row_norm_backward``."""
    normal = (x.astype(np.float64) - mean[:, None]) * scale[:, None]
    inner = g if weight is None else g * weight
    out = inner - normal * (inner * normal).mean(axis=1, keepdims=True)
    if center:
        out = out - inner.mean(axis=1, keepdims=True, dtype=np.float64)
    out = out * scale[:, None]
    return (
        out.astype(x.dtype),
        (g * normal).sum(axis=0).astype(x.dtype),
        g.sum(axis=0, dtype=np.float64).astype(x.dtype),
    )


@kernel(parallel=True)
def _row_norm(x: Any, weight: Any, bias: Any, eps: float, center: bool, out: Any, mean: Any, scale: Any) -> None:
    rows, n = x.shape
    real = x.dtype.type
    for r in prange(rows):
        middle = 0.0
        if center:
            for j in range(n):
                middle += x[r, j]
            middle /= n
        squares = 0.0
        for j in range(n):
            d = x[r, j] - middle
            squares += d * d
        factor = 1.0 / math.sqrt(squares / n + eps)
        mean[r], scale[r] = middle, factor
        a, centre = real(factor), real(middle)
        for j in range(n):
            out[r, j] = (x[r, j] - centre) * a * weight[j] + bias[j]


@kernel(parallel=True)
def _row_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, center: bool, out: Any, g_weight: Any, g_bias: Any
) -> None:
    rows, n = x.shape
    chunks = g_weight.shape[0]
    real = x.dtype.type
    for chunk in prange(chunks):
        for r in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            centre, factor = mean[r], scale[r]
            total, along = 0.0, 0.0
            for j in range(n):
                z = (x[r, j] - centre) * factor
                inner = g[r, j] * weight[j]
                total += inner
                along += np.float64(inner) * z
                g_weight[chunk, j] += g[r, j] * z
                g_bias[chunk, j] += g[r, j]
            b = real(total / n) if center else real(0)
            d = real(along / n) * factor
            for j in range(n):
                out[r, j] = (g[r, j] * weight[j] - b - (x[r, j] - centre) * d) * factor


def row_norm(x: Any, weight: Any, bias: Any, eps: float, center: bool = True, out: Any = None) -> tuple[Any, Any, Any]:
    """Normalise each row by its own mean and variance, as layer norm does.

    Group norm is this on rows of a group's elements, instance norm on rows of a channel's (without weight and bias
    then). RMS norm is this without centring: by the mean square.

    Args:
        x: (rows, n).
        weight: (n,) or None.
        bias: (n,) or None.
        eps: added to the variance.
        center: whether the mean is subtracted.
        out: where to write, C-contiguous; may be ``x``.

    Returns:
        The result, and mean and scale 1 / sqrt(variance + eps), each (rows,) in the dtype of ``x``.
    """
    if not compiled_kernels():
        result = row_norm_reference(x, weight, bias, eps, center)
        if out is not None:
            out[...] = result[0]
        return result if out is None else (out, *result[1:])
    rows, n = x.shape
    if out is None:
        out = np.empty(x.shape, x.dtype)
    mean, scale = np.empty((2, rows), x.dtype)
    _row_norm(
        np.ascontiguousarray(x), _or(weight, n, 1, x.dtype), _or(bias, n, 0, x.dtype), float(eps), center,
        out, mean, scale, work=x.size,
    )  # fmt: skip
    return out, mean, scale


def row_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, center: bool = True, out: Any = None
) -> tuple[Any, Any, Any]:
    """Return the gradients of ``row_norm``.

    With z = (x - mean) scale and h = g weight: for the bias the sum of g over the rows, for the weight that of g z, and
    for the input (h - mean(h) - z mean(h z)) scale, the means over a row; mean(h) only with ``center``.

    Args:
        g: (rows, n), the gradient of the result.
        x: (rows, n).
        weight: (n,) or None.
        mean: (rows,), from ``row_norm``.
        scale: (rows,), from ``row_norm``.
        center: as in ``row_norm``.
        out: where to write the first result, C-contiguous.

    Returns:
        Gradients of input, weight and bias.
    """
    if not compiled_kernels():
        result = row_norm_backward_reference(g, x, weight, mean, scale, center)
        if out is not None:
            out[...] = result[0]
        return result if out is None else (out, *result[1:])
    rows, n = x.shape
    if out is None:
        out = np.empty(x.shape, x.dtype)
    g_weight, g_bias = np.zeros((2, max(1, min(_CHUNKS, rows)), n), x.dtype)
    _row_norm_backward(
        np.ascontiguousarray(g), np.ascontiguousarray(x), _or(weight, n, 1, x.dtype), mean, scale, center,
        out, g_weight, g_bias, work=2 * x.size,
    )  # fmt: skip
    return out, g_weight.sum(axis=0), g_bias.sum(axis=0)
