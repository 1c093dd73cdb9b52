"""3-D convolution and its gradients, by 2-D convolution: the planes under one place of the kernel are its channels.

Shapes: x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW). An output plane sees KD planes of each channel, which are
laid side by side: one 2-D convolution of N OD images with C KD channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels import conv2d as flat

__all__ = ["conv3d", "conv3d_input_grad", "conv3d_weight_grad"]

Triple = tuple[int, int, int]


def _count(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _planes(x: Any, kernel: int, stride: int, padding: int, dilation: int, count: int) -> Any:
    """Return (N OD, C KD, H, W): the planes that each output plane sees."""
    n, c, d, h, w = x.shape
    out = np.zeros((n, count, c, kernel, h, w), x.dtype)
    for k in range(kernel):
        for o in range(count):
            plane = o * stride - padding + k * dilation
            if 0 <= plane < d:
                out[:, o, :, k] = x[:, :, plane]
    return out.reshape(n * count, c * kernel, h, w)


def _stacked(g: Any) -> Any:
    """Return (N, O, OD, OH, OW) as (N OD, O, OH, OW)."""
    n, o, d, h, w = g.shape
    return np.ascontiguousarray(g.transpose(0, 2, 1, 3, 4)).reshape(n * d, o, h, w)


def _folded(weight: Any) -> Any:
    o, c, d, h, w = weight.shape
    return np.ascontiguousarray(weight).reshape(o, c * d, h, w)


def conv3d(x: Any, weight: Any, bias: Any, stride: Triple, padding: Triple, dilation: Triple, groups: int) -> Any:
    """Return the convolution (cross-correlation) of volumes with kernels.

    Args:
        x: (N, C, D, H, W).
        weight: (O, C / groups, KD, KH, KW).
        bias: (O,) or None.
        stride: steps of the kernel.
        padding: zeros on both sides of each dimension.
        dilation: spacings between kernel elements.
        groups: groups of channels convolved separately.

    Returns:
        (N, O, OD, OH, OW).
    """
    kd = weight.shape[2]
    count = _count(x.shape[2], kd, stride[0], padding[0], dilation[0])
    planes = _planes(x, kd, stride[0], padding[0], dilation[0], count)
    out = flat.conv2d(planes, _folded(weight), bias, stride[1:], padding[1:], dilation[1:], groups)
    out = out.reshape(x.shape[0], count, *out.shape[1:])
    return np.ascontiguousarray(out.transpose(0, 2, 1, 3, 4))


def conv3d_input_grad(
    g: Any, weight: Any, input_shape: Any, stride: Triple, padding: Triple, dilation: Triple, groups: int
) -> Any:
    """Return the gradient of ``conv3d`` with respect to ``x``, of ``input_shape``, for the output's gradient ``g``."""
    n, c, d, h, w = input_shape
    kd, count = weight.shape[2], g.shape[2]
    planes = flat.conv2d_input_grad(
        _stacked(g), _folded(weight), (n * count, c * kd, h, w), stride[1:], padding[1:], dilation[1:], groups
    ).reshape(n, count, c, kd, h, w)
    out = np.zeros((n, c, d, h, w), g.dtype)
    for k in range(kd):
        for o in range(count):
            plane = o * stride[0] - padding[0] + k * dilation[0]
            if 0 <= plane < d:
                out[:, :, plane] += planes[:, o, :, k]
    return out


def conv3d_weight_grad(
    g: Any, x: Any, weight_shape: Any, stride: Triple, padding: Triple, dilation: Triple, groups: int
) -> Any:
    """Return the gradient of ``conv3d`` with respect to the weight, of ``weight_shape``, for the output's ``g``."""
    o, c, kd, kh, kw = weight_shape
    planes = _planes(x, kd, stride[0], padding[0], dilation[0], g.shape[2])
    shape = (o, c * kd, kh, kw)
    out = flat.conv2d_weight_grad(_stacked(g), planes, shape, stride[1:], padding[1:], dilation[1:], groups)
    return out.reshape(weight_shape)
