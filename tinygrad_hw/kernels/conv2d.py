"""2-D convolution and its two gradients, a closed family: each is bilinear, each one's gradients are the others.

    out[n, o]  = bias[o] + sum_c weight[o, c] * x[n, c]        (cross-correlation)

Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,), out (N, O, OH, OW); float32 or float64. The
blocks under the window are gathered as columns (``fold.im2col``) for as many examples as fit the
cache, and multiplied by BLAS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.fold import Pair, col2im, im2col, im2col_reference, output_size

__all__ = [
    "conv2d",
    "conv2d_input_grad",
    "conv2d_input_grad_reference",
    "conv2d_reference",
    "conv2d_weight_grad",
    "conv2d_weight_grad_reference",
]

#: Bytes of columns worked on at a time. LeNet's first layer (5 MB of columns for 64 images) is 1.3 times faster
#: in pieces of this size than at once.
_COLUMN_BYTES = 1 << 21


def conv2d_reference(
    x: Any, weight: Any, bias: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The definition, as one sum of products."""
    n, c = x.shape[:2]
    o, cg, kh, kw = weight.shape
    columns = im2col_reference(x, (kh, kw), stride, padding, dilation)
    columns = columns.reshape(n, groups, cg, *columns.shape[2:])
    grouped = weight.reshape(groups, o // groups, cg, kh, kw)
    out = np.einsum("gocij,ngcijyx->ngoyx", grouped, columns)
    out = out.reshape(n, o, *out.shape[3:])
    del c
    return out if bias is None else out + bias[:, None, None]


def conv2d_input_grad_reference(
    g: Any, weight: Any, input_shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The adjoint of the definition in x."""
    from tinygrad_hw.kernels.fold import col2im_reference

    n, c, h, w = input_shape
    o, cg, kh, kw = weight.shape
    grouped = weight.reshape(groups, o // groups, cg, kh, kw)
    gg = g.reshape(n, groups, o // groups, *g.shape[2:])
    columns = np.einsum("gocij,ngoyx->ngcijyx", grouped, gg)
    columns = columns.reshape(n, c, kh, kw, *g.shape[2:])
    return col2im_reference(columns, (h, w), (kh, kw), stride, padding, dilation)


def conv2d_weight_grad_reference(
    g: Any, x: Any, weight_shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Any:
    """The adjoint of the definition in weight."""
    o, cg, kh, kw = weight_shape
    n = x.shape[0]
    columns = im2col_reference(x, (kh, kw), stride, padding, dilation)
    oh, ow = g.shape[2:]
    columns = columns[..., :oh, :ow].reshape(n, groups, cg, kh, kw, oh, ow)
    gg = g.reshape(n, groups, o // groups, oh, ow)
    return np.einsum("ngoyx,ngcijyx->gocij", gg, columns).reshape(weight_shape)


def _pointwise(kernel: Pair, stride: Pair, padding: Pair) -> bool:
    return kernel == (1, 1) and stride == (1, 1) and padding == (0, 0)


def _pieces(n: int, bytes_each: int) -> int:
    """Return how many examples are worked on at a time."""
    return max(1, min(n, _COLUMN_BYTES // max(bytes_each, 1)))


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
) -> Any:
    """Return the convolution of ``x`` with ``weight``.

    Args:
        x: (N, C, H, W).
        weight: (O, C / groups, KH, KW).
        bias: (O,) or None.
        stride: step of the window.
        padding: zeros on both sides of each dimension.
        dilation: spacing of the window's elements.
        groups: groups of channels.
        out: where to write, (N, O, OH, OW).
    """
    n, c, h, w = x.shape
    o, cg, kh, kw = weight.shape
    oh = output_size(h, kh, stride[0], padding[0], dilation[0])
    ow = output_size(w, kw, stride[1], padding[1], dilation[1])
    if out is None:
        out = np.empty((n, o, oh, ow), x.dtype)
    length, depth = oh * ow, cg * kh * kw
    matrix = weight.reshape(groups, o // groups, depth)
    flat = out.reshape(n, groups, o // groups, length)
    if out.size == 0 or depth == 0:
        flat[...] = 0
    elif _pointwise((kh, kw), stride, padding):
        np.matmul(matrix, np.ascontiguousarray(x).reshape(n, groups, depth, length), out=flat)
    else:
        step = _pieces(n, groups * depth * length * x.itemsize)
        buffer = np.empty((step, c, kh, kw, oh, ow), x.dtype)
        for i in range(0, n, step):
            j = min(i + step, n)
            columns = im2col(x[i:j], (kh, kw), stride, padding, dilation, out=buffer[: j - i])
            np.matmul(matrix, columns.reshape(j - i, groups, depth, length), out=flat[i:j])
    if bias is not None:
        out += bias[:, None, None]
    return out


def conv2d_input_grad(
    g: Any,
    weight: Any,
    input_shape: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
) -> Any:
    """Return the gradient with respect to the input; as a forward pass, the transposed convolution.

    Args:
        g: (N, O, OH, OW).
        weight: (O, C / groups, KH, KW).
        input_shape: (N, C, H, W).
        stride, padding, dilation, groups: as for ``conv2d``.
        out: where to write, (N, C, H, W).
    """
    n, c, h, w = input_shape
    o, cg, kh, kw = weight.shape
    oh, ow = g.shape[2:]
    if out is None:
        out = np.empty(tuple(input_shape), g.dtype)
    length, depth = oh * ow, cg * kh * kw
    if out.size == 0 or g.size == 0:
        out[...] = 0
        return out
    matrix = weight.reshape(groups, o // groups, depth).transpose(0, 2, 1)
    grouped = np.ascontiguousarray(g).reshape(n, groups, o // groups, length)
    if _pointwise((kh, kw), stride, padding):
        np.matmul(matrix, grouped, out=out.reshape(n, groups, depth, length))
        return out
    step = _pieces(n, groups * depth * length * g.itemsize)
    buffer = np.empty((step, groups, depth, length), g.dtype)
    for i in range(0, n, step):
        j = min(i + step, n)
        columns = np.matmul(matrix, grouped[i:j], out=buffer[: j - i])
        columns = columns.reshape(j - i, c, kh, kw, oh, ow)
        col2im(columns, (h, w), (kh, kw), stride, padding, dilation, out=out[i:j])
    return out


def conv2d_weight_grad(
    g: Any,
    x: Any,
    weight_shape: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    out: Any = None,
) -> Any:
    """Return the gradient with respect to the weight.

    Args:
        g: (N, O, OH, OW).
        x: (N, C, H, W).
        weight_shape: (O, C / groups, KH, KW).
        stride, padding, dilation, groups: as for ``conv2d``.
        out: where to write, of ``weight_shape``.
    """
    o, cg, kh, kw = weight_shape
    n, c = x.shape[:2]
    oh, ow = g.shape[2:]
    if out is None:
        out = np.empty(tuple(weight_shape), x.dtype)
    length, depth = oh * ow, cg * kh * kw
    total = out.reshape(groups, o // groups, depth)
    total[...] = 0
    if g.size == 0 or depth == 0:
        return out
    grouped = np.ascontiguousarray(g).reshape(n, groups, o // groups, length)
    pointwise = _pointwise((kh, kw), stride, padding)
    step = _pieces(n, groups * depth * length * x.itemsize)
    buffer = None if pointwise else np.empty((step, c, kh, kw, oh, ow), x.dtype)
    for i in range(0, n, step):
        j = min(i + step, n)
        if buffer is None:
            columns = np.ascontiguousarray(x[i:j])
        else:
            columns = im2col(x[i:j], (kh, kw), stride, padding, dilation, out=buffer[: j - i])
        columns = columns.reshape(j - i, groups, depth, length)
        total += np.matmul(grouped[i:j], columns.transpose(0, 1, 3, 2)).sum(axis=0)
    return out
