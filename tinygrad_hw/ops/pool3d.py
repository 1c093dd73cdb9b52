"""Pooling of volumes, and fractional max pooling.

Means are separable: those of images come first, then those along the depth. So they need no ops of their own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import random as random_kernels
from tinygrad_hw.kernels import window_max as kernels
from tinygrad_hw.kernels.pool2d import pool_output_size
from tinygrad_hw.ops.pool import (
    _adaptive_avg,
    _avg_pool,
    _check_input,
    _check_window,
    _pair,
    _places,
    _power_mean,
    _scatter,
    _target,
    _unpool_op,
    _unpooled_size,
    _wide,
    _window,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    max_pool1d,
    max_pool2d,
)
from tinygrad_hw.ops.shape import reshape, squeeze, unsqueeze

__all__ = [
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool3d",
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool3d",
]


def _max_forward(input: Any, *, windows: Any, dilation: Any) -> tuple[Any, Any]:
    n, c = input.shape[:2]
    out, indices = kernels.window_max(_wide(input).reshape(n * c, *input.shape[2:]), windows, dilation)
    shape = (n, c, *out.shape[1:])
    return out.reshape(shape).astype(input.dtype, copy=False), indices.reshape(shape)


def _put_back(g: Any, indices: Any, shape: Any) -> Any:
    """Add gradients up at their indices: volumes are looked at as images of one row."""
    n, c, *size = shape
    windows = (n, c, 1, math.prod(tuple(g.shape)[2:]))
    flat = _scatter(reshape(g, windows), reshape(indices, windows), size=(1, math.prod(size)))
    return reshape(flat, tuple(shape))


def _max_op(name: str, node_name: str) -> Any:
    return op(
        name,
        _max_forward,
        outputs=("out", "indices"),
        nondiff=("indices",),
        node_name=node_name,
        input=lambda g, indices, input_shape: _put_back(g, indices, input_shape),
    )


_max_pool3d = _max_op("max_pool3d", "MaxPool3DWithIndicesBackward0")
_adaptive_max3d = _max_op("adaptive_max_pool3d", "AdaptiveMaxPool3DBackward0")
_fractional = _max_op("fractional_max_pool", "FractionalMaxPool2DBackward0")


def _batched(input: Any) -> tuple[Any, bool]:
    single = input.ndim == 4
    return (unsqueeze(input, 0) if single else input), single


def _with_indices(out: Any, indices: Any, single: bool, return_indices: bool) -> Any:
    if single:
        out, indices = squeeze(out, 0), squeeze(indices, 0)
    return (out, indices) if return_indices else out


@whole
def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size: one number or three; likewise the next three.
        stride: step between windows; ``kernel_size`` by default.
        padding: implicit minus infinity on both sides, at most half the kernel.
        dilation: spacing inside a window.
        ceil_mode: let a last window stick out.
        return_indices: also return the flat indices of the elements in each volume.

    Raises:
        RuntimeError: the window does not fit.

    Source: ``torch.nn.functional.max_pool3d``.

    Example:
        >>> torch.nn.functional.max_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
        tensor([[[[[7.]]]]])
    """
    name = "max_pool3d"
    _check_input(name, input, 3)
    kernel, steps, sides = _window(name, 3, kernel_size, stride, padding)
    spread = _pair(name, "dilation", dilation, 3)
    sizes = input.shape[-3:]
    _check_window(name, sizes, kernel, steps, sides, spread, ceil_mode)
    windows = tuple(
        kernels.strided_windows(n, k, s, p, d, pool_output_size(n, k, s, p, d, ceil_mode))
        for n, k, s, p, d in zip(sizes, kernel, steps, sides, spread, strict=True)
    )
    x, single = _batched(input)
    out, indices = _max_pool3d(x, windows=windows, dilation=spread)
    return _with_indices(out, indices, single, return_indices)


@in_float32
def max_unpool3d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Return elements put back to where ``max_pool3d`` found them, zeros elsewhere.

    Source: ``torch.nn.functional.max_unpool3d``.

    Example:
        >>> F = torch.nn.functional
        >>> y, i = F.max_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 2, return_indices=True)
        >>> F.max_unpool3d(y, i, 2).sum()
        tensor(7.)
    """
    name = "max_unpool3d"
    if input.ndim not in (4, 5):
        raise RuntimeError(f"{name}: expected (N, C, D, H, W) or (C, D, H, W), but got shape {list(input.shape)}")
    size = _unpooled_size(name, 3, input, indices, kernel_size, stride, padding, output_size)
    places = _places(name, indices, size, "found")
    lead = input.shape[:-3]
    planes = (1, math.prod(lead), 1, -1)
    flat = _unpool_op(reshape(input, planes), places.reshape(planes), size=(1, math.prod(size)))
    return reshape(flat, (*lead, *size))


def _by_depth(function: Any, x: Any, options: dict[str, Any], depth_options: dict[str, Any]) -> Any:
    """Apply a pooling of images to (H, W), and then to (D, 1)."""
    n, c, d, h, w = x.shape
    planes = function(reshape(x, (n, c * d, h, w)), **options)
    oh, ow = planes.shape[2:]
    out = function(reshape(planes, (n, c, d, oh * ow)), **depth_options)
    return reshape(out, (n, c, out.shape[2], oh, ow))


@whole
def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    out: Any = None,
) -> Any:
    """Return the mean of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size: one number or three; likewise the next two.
        stride: step between windows; ``kernel_size`` by default.
        padding: zeros on both sides, at most half the kernel.
        ceil_mode: let a last window stick out.
        count_include_pad: whether the zeros count in the mean.
        divisor_override: divide by this instead.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the window does not fit.

    Source: ``torch.nn.functional.avg_pool3d``.

    Example:
        >>> torch.nn.functional.avg_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
        tensor([[[[[3.5000]]]]])
    """
    if out is not None:
        return into(
            out, avg_pool3d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
    name = "avg_pool3d"
    _check_input(name, input, 3)
    kernel, steps, sides = _window(name, 3, kernel_size, stride, padding)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    _check_window(name, input.shape[-3:], kernel, steps, sides, (1, 1, 1), ceil_mode)
    if input.dtype is dtypes.int64:
        # Whole numbers, rounded towards zero; the margin makes up for the rounding of two means in a row.
        means = avg_pool3d(
            input.double(), kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        ).array
        return wrap(np.trunc(means + np.copysign(1e-9, means)).astype(np.int64))
    x, single = _batched(input)
    same = {
        "ceil_mode": ceil_mode,
        "include_pad": count_include_pad,
        "divisor": None if divisor_override is None else 1,
    }
    out = _by_depth(
        _avg_pool,
        x,
        {"kernel": kernel[1:], "stride": steps[1:], "padding": sides[1:], **same},
        {"kernel": (kernel[0], 1), "stride": (steps[0], 1), "padding": (sides[0], 0), **same},
    )
    out = out if divisor_override is None else out / divisor_override
    return squeeze(out, 0) if single else out


def _check_sizes(input: Any, output_size: Any) -> None:
    if isinstance(output_size, (tuple, list)) and input.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}, got shape {list(input.shape)}")


@whole
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Return means of windows of volumes chosen so that the output has given sizes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        output_size: one number or three; None keeps the input's size.

    Source: ``torch.nn.functional.adaptive_avg_pool3d``.

    Example:
        >>> torch.nn.functional.adaptive_avg_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 1)
        tensor([[[[[3.5000]]]]])
    """
    name = "adaptive_avg_pool3d"
    _check_sizes(input, output_size)
    _check_input(name, input, 3)
    size = _target(name, output_size, input.shape[-3:], 3)
    x, single = _batched(input)
    n, c = x.shape[:2]
    planes = _adaptive_avg(reshape(x, (n, c * x.shape[2], *x.shape[3:])), size=size[1:])
    out = _adaptive_avg(reshape(planes, (n, c, x.shape[2], size[1] * size[2])), size=(size[0], size[1] * size[2]))
    out = reshape(out, (n, c, *size))
    return squeeze(out, 0) if single else out


@whole
def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return largest elements of windows of volumes chosen so that the output has given sizes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        output_size: one number or three; None keeps the input's size.
        return_indices: also return the flat indices of the elements in each volume.

    Source: ``torch.nn.functional.adaptive_max_pool3d``.

    Example:
        >>> torch.nn.functional.adaptive_max_pool3d(torch.arange(8.0).reshape(1, 1, 2, 2, 2), 1)
        tensor([[[[[7.]]]]])
    """
    name = "adaptive_max_pool3d"
    _check_sizes(input, output_size)
    _check_input(name, input, 3)
    size = _target(name, output_size, input.shape[-3:], 3)
    windows = tuple(kernels.adaptive_windows(n, m) for n, m in zip(input.shape[-3:], size, strict=True))
    x, single = _batched(input)
    out, indices = _adaptive_max3d(x, windows=windows, dilation=(1, 1, 1))
    return _with_indices(out, indices, single, return_indices)


@whole
def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    r"""Return the p-norm :math:`(\sum x^p)^{1/p}` of each window of volumes.

    Source: ``torch.nn.functional.lp_pool3d``.

    Example:
        >>> torch.nn.functional.lp_pool3d(torch.tensor([[[[[3.0, 4.0]]]]]), 2.0, (1, 1, 2))
        tensor([[[[[5.]]]]])
    """
    return _power_mean("lp_pool3d", 3, avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)


# -- fractional ------------------------------------------------------------------------------------


def _fractional_pool(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    _check_input(name, input, dims)
    kernel = _pair(name, "kernel_size", kernel_size, dims)
    sizes = tuple(input.shape[-dims:])
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * dims
        output_size = tuple(int(n * r) for n, r in zip(sizes, ratios, strict=True))
    size = _pair(name, "output_size", output_size, dims)
    # PyTorch wants room for one more step in volumes.
    if any(m + k - 1 + (dims == 3) > n for n, k, m in zip(sizes, kernel, size, strict=True)):
        raise RuntimeError(
            f"{name}: pool size {list(kernel)} too large relative to the input's {list(sizes)} and the output's "
            f"{list(size)}"
        )
    single = input.ndim == dims + 1
    x = unsqueeze(input, 0) if single else input
    n, c = x.shape[:2]
    kind = array_of(x).dtype
    if samples is None:
        samples = wrap(random_kernels.rand((1 if single else n, c, dims), kind))
    values = array_of(samples).reshape(-1, dims)
    if values.shape[0] < n * c:
        raise RuntimeError(
            f"{name}: _random_samples must be of shape ({n}, {c}, {dims}), but got {list(samples.shape)}"
        )
    if values.dtype != kind:
        raise RuntimeError(
            f"{name}: Expect _random_samples to have the same dtype as input, but got "
            f"{dtypes.from_numpy(values.dtype)} and {dtypes.from_numpy(kind)}"
        )
    values = values[: n * c]
    # Of images, the first random number is for the columns; of volumes, for the depth.
    order = (1, 0) if dims == 2 else (0, 1, 2)
    windows = [
        kernels.fractional_windows(s, k, m, values[:, i]) for s, k, m, i in zip(sizes, kernel, size, order, strict=True)
    ]
    if dims == 2:
        x = unsqueeze(x, 2)
        windows.insert(0, (np.zeros((1, 1), np.int64), np.ones((1, 1), np.int64)))
    out, indices = _fractional(x, windows=tuple(windows), dilation=(1, 1, 1))
    if dims == 2:
        out, indices = squeeze(out, 2), squeeze(indices, 2)
    return _with_indices(out, indices, single, return_indices)


@in_float32
def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Return largest elements of windows of images whose steps are random, so that any output size is possible.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: one number or (KH, KW).
        output_size: one number or (H', W').
        output_ratio: the output's size by the input's, one number or two; instead of ``output_size``.
        return_indices: also return the flat indices of the elements in each plane.
        _random_samples: (N, C, 2), from [0, 1); drawn if None.

    Raises:
        ValueError: neither a size nor a ratio is given.
        RuntimeError: the windows do not fit.

    Source: Graham, "Fractional Max-Pooling" (2014); ``torch.nn.functional.fractional_max_pool2d``.

    Example:
        >>> torch.nn.functional.fractional_max_pool2d(torch.randn(1, 3, 10, 10), 2, output_size=(7, 6)).shape
        torch.Size([1, 3, 7, 6])
    """
    return _fractional_pool(
        "fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


@in_float32
def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Return largest elements of windows of volumes whose steps are random; see ``fractional_max_pool2d``.

    Source: ``torch.nn.functional.fractional_max_pool3d``.

    Example:
        >>> torch.nn.functional.fractional_max_pool3d(torch.randn(1, 3, 8, 8, 8), 2, output_ratio=0.5).shape
        torch.Size([1, 3, 4, 4, 4])
    """
    return _fractional_pool(
        "fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


# -- by their other names --------------------------------------------------------------------------


def max_pool1d_with_indices(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return ``max_pool1d`` and its indices."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return ``max_pool2d`` and its indices."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return ``max_pool3d`` and its indices."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d_with_indices(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return ``adaptive_max_pool1d`` and its indices."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return ``adaptive_max_pool2d`` and its indices."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return ``adaptive_max_pool3d`` and its indices."""
    return adaptive_max_pool3d(input, output_size, True)


@in_float32
def fractional_max_pool2d_with_indices(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """Return ``fractional_max_pool2d`` and its indices."""
    return fractional_max_pool2d(input, kernel_size, output_size, output_ratio, True, _random_samples)


@in_float32
def fractional_max_pool3d_with_indices(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """Return ``fractional_max_pool3d`` and its indices."""
    return fractional_max_pool3d(input, kernel_size, output_size, output_ratio, True, _random_samples)
