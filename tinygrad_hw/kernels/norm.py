"""Batch normalisation by channel, and normalisation of rows (layer, group, instance and RMS norm), both ways.

    out = (x - mean) * scale * weight + bias,    scale = 1 / sqrt(variance + eps)

Sums are taken of all elements of a channel or row by one thread, in one order: of up to :data:`_PIECE` elements in the
arrays' precision, in many lanes; of these sums in double precision, which would take twice as long for all. Variances
are biased and computed from differences to the mean.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, into, kernel

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_backward_reference",
    "batch_norm_reference",
    "channel_affine",
    "channel_affine_reference",
    "group_norm",
    "group_norm_backward",
    "group_norm_backward_reference",
    "group_norm_reference",
    "row_norm",
    "row_norm_backward",
    "row_norm_backward_reference",
    "row_norm_reference",
]

prange = range

#: Elements that are summed in the arrays' precision.
_PIECE = 1024

#: Into how many sums the rows are split for the gradients of weight and bias, whatever the number of threads.
_CHUNKS = 16


def _channels(v: Any, like: Any) -> Any:
    """Shape (C,) to broadcast with (N, C, ...)."""
    return v.reshape(1, -1, *(1,) * (like.ndim - 2))


def _or(v: Any, n: int, value: float, dtype: Any) -> Any:
    if v is not None:
        return np.ascontiguousarray(v, dtype)
    return np.ones(n, dtype) if value else np.zeros(n, dtype)


# -- by channel ------------------------------------------------------------------------------------


def batch_norm_reference(x: Any, weight: Any, bias: Any, eps: float, relu: bool = False) -> tuple[Any, Any, Any, Any]:
    """The definition."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes, dtype=np.float64)
    centred = x - _channels(mean, x)
    variance = (centred * centred).mean(axis=axes)
    scale = 1 / np.sqrt(variance + eps)
    out = centred * _channels(scale, x)
    out = out if weight is None else out * _channels(weight, x)
    out = out if bias is None else out + _channels(bias, x)
    out = np.maximum(out, 0) if relu else out
    return tuple(a.astype(x.dtype) for a in (out, mean, variance, scale))  # type: ignore[return-value]


def batch_norm_backward_reference(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, scale: Any, relu: bool = False
) -> tuple[Any, Any, Any]:
    """The rule; see ``batch_norm_backward``."""
    axes = (0, *range(2, x.ndim))
    count = math.prod(x.shape[a] for a in axes)
    normal = (x.astype(np.float64) - _channels(mean, x)) * _channels(scale, x)
    if relu:
        out = normal if weight is None else normal * _channels(weight, x)
        out = out if bias is None else out + _channels(bias, x)
        g = np.where(out <= 0, 0, g)
    g_bias = g.sum(axis=axes, dtype=np.float64)
    g_weight = (g * normal).sum(axis=axes)
    out = (g - _channels(g_bias, x) / count - normal * _channels(g_weight, x) / count) * _channels(scale, x)
    out = out if weight is None else out * _channels(weight, x)
    return out.astype(x.dtype), g_weight.astype(x.dtype), g_bias.astype(x.dtype)


@kernel()
def _sum(x: Any, begin: Any, count: int) -> Any:
    total = 0.0
    for first in range(0, count, _PIECE):
        here = x.dtype.type(0)
        start = begin + np.uint64(first)
        for j in range(np.uint64(min(_PIECE, count - first))):
            here += x[start + j]
        total += here
    return total


@kernel()
def _squares(x: Any, begin: Any, count: int, centre: Any) -> Any:
    """Return the sum of squared differences to ``centre``."""
    total = 0.0
    for first in range(0, count, _PIECE):
        here = x.dtype.type(0)
        start = begin + np.uint64(first)
        for j in range(np.uint64(min(_PIECE, count - first))):
            here += (x[start + j] - centre) * (x[start + j] - centre)
        total += here
    return total


@kernel()
def _moments(g: Any, x: Any, begin: Any, count: int, centre: Any) -> Any:
    """Return the sums of g and of g (x - centre)."""
    total, along = 0.0, 0.0
    for first in range(0, count, _PIECE):
        here, there = x.dtype.type(0), x.dtype.type(0)
        start = begin + np.uint64(first)
        for j in range(np.uint64(min(_PIECE, count - first))):
            here += g[start + j]
            there += g[start + j] * (x[start + j] - centre)
        total += here
        along += there
    return total, along


@kernel()
def _passed_moments(g: Any, x: Any, begin: Any, count: int, centre: Any, a: Any, b: Any) -> Any:
    """Return what ``_moments`` does for the gradient before ReLU of (x - centre) a + b."""
    total, along = 0.0, 0.0
    zero = x.dtype.type(0)
    for first in range(0, count, _PIECE):
        here, there = x.dtype.type(0), x.dtype.type(0)
        start = begin + np.uint64(first)
        for j in range(np.uint64(min(_PIECE, count - first))):
            d = x[start + j] - centre
            passed = zero if d * a + b <= zero else g[start + j]
            here += passed
            there += passed * d
        total += here
        along += there
    return total, along


@kernel(exact=True)
def _input_grad(g: Any, a: Any, less: Any, d: Any, slope: Any) -> Any:
    """Written once, so that it is rounded alike wherever it is compiled."""
    return g * a - less - d * slope


@kernel(parallel=True)
def _batch_norm(
    x: Any, weight: Any, bias: Any, eps: float, relu: bool, n: int, m: int, out: Any, mean: Any, variance: Any,
    scale: Any,
) -> None:  # fmt: skip
    channels = weight.size
    real = x.dtype.type
    zero = real(0)
    for c in prange(channels):
        total = 0.0
        for i in range(n):
            total += _sum(x, np.uint64((i * channels + c) * m), m)
        middle = total / (n * m)
        centre = real(middle)
        squares = 0.0
        for i in range(n):
            squares += _squares(x, np.uint64((i * channels + c) * m), m, centre)
        # The centre is the mean rounded.
        squares = max(squares / (n * m) - (middle - centre) * (middle - centre), 0.0)
        factor = 1.0 / math.sqrt(squares + eps)
        mean[c], variance[c], scale[c] = middle, squares, factor
        a, b = real(scale[c] * weight[c]), bias[c]
        for i in range(n):
            start = np.uint64((i * channels + c) * m)
            for j in range(np.uint64(m)):
                value = (x[start + j] - centre) * a + b
                out[start + j] = zero if relu and value <= zero else value


@kernel(parallel=True)
def _batch_norm_backward(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, scale: Any, relu: bool, n: int, m: int, out: Any,
    g_weight: Any, g_bias: Any,
) -> None:  # fmt: skip
    channels = weight.size
    real = x.dtype.type
    zero = real(0)
    for c in prange(channels):
        centre = mean[c]
        a, b = real(scale[c] * weight[c]), bias[c]
        total, along = 0.0, 0.0
        for i in range(n):
            start = np.uint64((i * channels + c) * m)
            if relu:
                here, there = _passed_moments(g, x, start, m, centre, a, b)
            else:
                here, there = _moments(g, x, start, m, centre)
            total += here
            along += there
        factor = np.float64(scale[c])
        g_weight[c] = along * factor
        g_bias[c] = total
        less = real(total / (n * m)) * a
        slope = real(along * factor * factor / (n * m)) * a
        for i in range(n):
            start = np.uint64((i * channels + c) * m)
            for j in range(np.uint64(m)):
                d = x[start + j] - centre
                passed = zero if relu and d * a + b <= zero else g[start + j]
                out[start + j] = _input_grad(passed, a, less, d, slope)


def batch_norm(
    x: Any, weight: Any, bias: Any, eps: float, relu: bool = False, out: Any = None
) -> tuple[Any, Any, Any, Any]:
    """Normalise each channel by its own mean and variance, and make negative results 0 with ``relu``.

    Args:
        x: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None.
        eps: added to the variance.
        relu: whether ReLU follows.
        out: where to write, C-contiguous; may be ``x``.

    Returns:
        The result, and mean, biased variance and scale 1 / sqrt(variance + eps), each (C,) in the dtype of ``x``.
    """
    if not compiled_kernels():
        first, *rest = batch_norm_reference(x, weight, bias, eps, relu)
        return (into(out, first), *rest)
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    mean, variance, scale = np.empty((3, c), x.dtype)
    _batch_norm(
        np.ascontiguousarray(x).reshape(-1), _or(weight, c, 1, x.dtype), _or(bias, c, 0, x.dtype), float(eps), relu,
        n, math.prod(x.shape[2:]), out.reshape(-1), mean, variance, scale, work=x.size / 3,
    )  # fmt: skip
    return out, mean, variance, scale


def batch_norm_backward(
    g: Any, x: Any, weight: Any, bias: Any, mean: Any, scale: Any, relu: bool = False, out: Any = None
) -> tuple[Any, Any, Any]:
    """Return the gradients of ``batch_norm``.

    With z = (x - mean) scale and n elements in a channel: for the bias sum(g), for the weight sum(g z), and for the
    input (g - sum(g) / n - z sum(g z) / n) scale weight. With ``relu`` g stands for what ReLU passes on.

    Args:
        g: (N, C, ...), the gradient of the result.
        x: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None; matters with ``relu`` only.
        mean: (C,), from ``batch_norm``.
        scale: (C,), from ``batch_norm``.
        relu: whether ReLU followed.
        out: where to write the first result, C-contiguous; may be ``g``.

    Returns:
        Gradients of input, weight and bias.
    """
    if not compiled_kernels():
        first, *rest = batch_norm_backward_reference(g, x, weight, bias, mean, scale, relu)
        return (into(out, first), *rest)
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    g_weight, g_bias = np.empty((2, c), x.dtype)
    _batch_norm_backward(
        np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(x).reshape(-1), _or(weight, c, 1, x.dtype),
        _or(bias, c, 0, x.dtype), mean, scale, relu, n, math.prod(x.shape[2:]), out.reshape(-1), g_weight, g_bias,
        work=x.size / 3,
    )  # fmt: skip
    return out, g_weight, g_bias


def channel_affine_reference(x: Any, factor: Any, shift: Any, relu: bool = False) -> Any:
    """The definition."""
    out = x if factor is None else x * _channels(factor, x)
    out = out if shift is None else out + _channels(shift, x)
    return np.maximum(out, 0) if relu else out


@kernel(parallel=True)
def _affine(x: Any, factor: Any, shift: Any, relu: bool, out: Any) -> None:
    channels = factor.size
    zero = x.dtype.type(0)
    for k in prange(x.shape[0]):
        a, b = factor[k % channels], shift[k % channels]
        for j in range(x.shape[1]):
            value = x[k, j] * a + b
            out[k, j] = zero if relu and value <= zero else value


def channel_affine(x: Any, factor: Any, shift: Any, relu: bool = False, out: Any = None) -> Any:
    """Return x * factor + shift by channel: batch normalisation with fixed statistics, and ReLU of it with ``relu``.

    Args:
        x: (N, C, ...).
        factor: (C,) or None.
        shift: (C,) or None.
        relu: whether ReLU follows.
        out: where to write, C-contiguous; may be ``x``.
    """
    if out is None:
        out = np.empty(x.shape, x.dtype)
    if not compiled_kernels():
        out[...] = channel_affine_reference(x, factor, shift, relu)
        return out
    n, c = x.shape[:2]
    shape = (n * c, math.prod(x.shape[2:]))
    _affine(
        np.ascontiguousarray(x).reshape(shape), _or(factor, c, 1, x.dtype), _or(shift, c, 0, x.dtype), relu,
        out.reshape(shape), work=x.size / 8,
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
def _row_norm(
    x: Any, weight: Any, bias: Any, eps: float, center: bool, rows: int, out: Any, mean: Any, scale: Any
) -> None:
    n = weight.size
    real = x.dtype.type
    for r in prange(rows):
        begin = np.uint64(r * n)
        middle = _sum(x, begin, n) / n if center else 0.0
        centre = real(middle)
        squares = max(_squares(x, begin, n, centre) / n - (middle - centre) * (middle - centre), 0.0)
        mean[r], scale[r] = middle, 1.0 / math.sqrt(squares + eps)
        a = scale[r]
        for j in range(np.uint64(n)):
            out[begin + j] = (x[begin + j] - centre) * a * weight[j] + bias[j]


@kernel(parallel=True)
def _row_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, center: bool, rows: int, out: Any, g_weight: Any, g_bias: Any
) -> None:
    chunks, n = g_weight.shape
    real = x.dtype.type
    for chunk in prange(chunks):
        for r in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            centre, factor = mean[r], scale[r]
            begin = np.uint64(r * n)
            total, along = 0.0, 0.0
            for first in range(0, n, _PIECE):
                here, there = real(0), real(0)
                for j in range(np.uint64(first), np.uint64(min(first + _PIECE, n))):
                    z = (x[begin + j] - centre) * factor
                    inner = g[begin + j] * weight[j]
                    here += inner
                    there += inner * z
                    g_weight[chunk, j] += g[begin + j] * z
                    g_bias[chunk, j] += g[begin + j]
                total += here
                along += there
            less = real(total / n) * factor if center else real(0)
            slope = real(along / n) * factor * factor
            for j in range(np.uint64(n)):
                inner = g[begin + j] * weight[j]
                out[begin + j] = _input_grad(inner, factor, less, x[begin + j] - centre, slope)


def row_norm(x: Any, weight: Any, bias: Any, eps: float, center: bool = True, out: Any = None) -> tuple[Any, Any, Any]:
    """Normalise each row by its own mean and variance, as layer norm does.

    RMS norm is this without centring: by the mean square.

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
        first, *rest = row_norm_reference(x, weight, bias, eps, center)
        return (into(out, first), *rest)
    rows, n = x.shape
    if out is None:
        out = np.empty(x.shape, x.dtype)
    mean, scale = np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    _row_norm.run(
        x.size / 4, x.ravel(), _or(weight, n, 1, x.dtype), _or(bias, n, 0, x.dtype), float(eps), center, rows,
        out.ravel(), mean, scale,
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
        first, *rest = row_norm_backward_reference(g, x, weight, mean, scale, center)
        return (into(out, first), *rest)
    rows, n = x.shape
    if out is None:
        out = np.empty(x.shape, x.dtype)
    g_weight, g_bias = np.zeros((2, max(1, min(_CHUNKS, rows)), n), x.dtype)
    _row_norm_backward(
        np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(x).reshape(-1), _or(weight, n, 1, x.dtype), mean,
        scale, center, rows, out.reshape(-1), g_weight, g_bias, work=x.size / 2,
    )  # fmt: skip
    return out, g_weight.sum(axis=0), g_bias.sum(axis=0)


# -- by group --------------------------------------------------------------------------------------


def group_norm_reference(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    """The definition, by way of ``row_norm_reference``."""
    out, mean, scale = row_norm_reference(x.reshape(len(x) * groups, -1), None, None, eps, True)
    out = out.reshape(x.shape)
    out = out if weight is None else out * _channels(weight, x)
    out = out if bias is None else out + _channels(bias, x)
    return out, mean, scale


def group_norm_backward_reference(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, groups: int
) -> tuple[Any, Any, Any]:
    """The rule, by way of ``row_norm_backward_reference``."""
    axes = (0, *range(2, x.ndim))
    rows = x.reshape(len(x) * groups, -1)
    normal = (rows.astype(np.float64) - mean[:, None]) * scale[:, None]
    inner = g if weight is None else g * _channels(weight, x)
    out = row_norm_backward_reference(inner.reshape(rows.shape), rows, None, mean, scale, True)[0]
    return (
        out.reshape(x.shape),
        (g * normal.reshape(x.shape)).sum(axis=axes).astype(x.dtype),
        g.sum(axis=axes, dtype=np.float64).astype(x.dtype),
    )


@kernel(parallel=True)
def _group_norm(
    x: Any, weight: Any, bias: Any, groups: int, m: int, eps: float, out: Any, mean: Any, scale: Any
) -> None:
    width = weight.size // groups
    n = width * m
    real = x.dtype.type
    for r in prange(mean.size):
        begin = np.uint64(r * n)
        middle = _sum(x, begin, n) / n
        centre = real(middle)
        squares = max(_squares(x, begin, n, centre) / n - (middle - centre) * (middle - centre), 0.0)
        mean[r], scale[r] = middle, 1.0 / math.sqrt(squares + eps)
        for k in range(width):
            c = r % groups * width + k
            a, b = real(scale[r] * weight[c]), bias[c]
            start = begin + np.uint64(k * m)
            for j in range(np.uint64(m)):
                out[start + j] = (x[start + j] - centre) * a + b


@kernel(parallel=True)
def _group_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, groups: int, m: int, out: Any, g_weight: Any, g_bias: Any
) -> None:
    channels = weight.size
    width = channels // groups
    n = width * m
    real = x.dtype.type
    for r in prange(mean.size):
        centre, factor = mean[r], scale[r]
        total, along = 0.0, 0.0
        for k in range(width):
            c = r % groups * width + k
            here, there = _moments(g, x, np.uint64(r * n + k * m), m, centre)
            total += here * weight[c]
            along += there * weight[c]
            g_bias[r // groups, c] = here
            g_weight[r // groups, c] = there * factor
        less = real(total / n) * factor
        slope = real(along / n) * factor * factor * factor
        for k in range(width):
            a = weight[r % groups * width + k] * factor
            start = np.uint64(r * n + k * m)
            for j in range(np.uint64(m)):
                out[start + j] = _input_grad(g[start + j], a, less, x[start + j] - centre, slope)


def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float, out: Any = None) -> tuple[Any, Any, Any]:
    """Normalise the channels of each group in each example by their own mean and variance.

    Instance norm is this with a group for each channel.

    Args:
        x: (N, C, ...).
        weight: (C,) or None.
        bias: (C,) or None.
        groups: G, of which C is a multiple.
        eps: added to the variance.
        out: where to write, C-contiguous; may be ``x``.

    Returns:
        The result, and mean and scale 1 / sqrt(variance + eps), each (N * G,) in the dtype of ``x``.
    """
    if not compiled_kernels():
        first, *rest = group_norm_reference(x, weight, bias, groups, eps)
        return (into(out, first), *rest)
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    mean, scale = np.empty((2, n * groups), x.dtype)
    _group_norm(
        np.ascontiguousarray(x).reshape(-1), _or(weight, c, 1, x.dtype), _or(bias, c, 0, x.dtype), groups,
        math.prod(x.shape[2:]), float(eps), out.reshape(-1), mean, scale, work=x.size / 4,
    )  # fmt: skip
    return out, mean, scale


def group_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, scale: Any, groups: int, out: Any = None
) -> tuple[Any, Any, Any]:
    """Return the gradients of ``group_norm``.

    Args:
        g: (N, C, ...), the gradient of the result.
        x: (N, C, ...).
        weight: (C,) or None.
        mean: (N * G,), from ``group_norm``.
        scale: (N * G,), from ``group_norm``.
        groups: G.
        out: where to write the first result, C-contiguous; may be ``g``.

    Returns:
        Gradients of input, weight and bias.
    """
    if not compiled_kernels():
        first, *rest = group_norm_backward_reference(g, x, weight, mean, scale, groups)
        return (into(out, first), *rest)
    n, c = x.shape[:2]
    if out is None:
        out = np.empty(x.shape, x.dtype)
    g_weight, g_bias = np.empty((2, n, c))
    _group_norm_backward(
        np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(x).reshape(-1), _or(weight, c, 1, x.dtype), mean,
        scale, groups, math.prod(x.shape[2:]), out.reshape(-1), g_weight, g_bias, work=x.size / 3,
    )  # fmt: skip
    return out, g_weight.sum(axis=0).astype(x.dtype), g_bias.sum(axis=0).astype(x.dtype)
