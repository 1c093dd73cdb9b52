"""Pooling over windows of sequences and images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.graph import TensorBase, array_of
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import pool2d as kernels
from tinygrad_hw.kernels import pool2d_windows
from tinygrad_hw.ops.activation import relu
from tinygrad_hw.ops.arithmetic import pow as pow_
from tinygrad_hw.ops.shape import squeeze, unsqueeze
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import sign

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "lp_pool1d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_unpool1d",
    "max_unpool2d",
]

Pair = tuple[int, int]


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _max_forward(
    input: Any, *, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Any, Any]:
    out, indices = kernels.max_pool2d(_wide(input), kernel, stride, padding, dilation, ceil_mode)
    return out.astype(input.dtype, copy=False), indices


_max_pool = op(
    "max_pool2d",
    _max_forward,
    outputs=("out", "indices"),
    nondiff=("indices",),
    node_name="MaxPool2DWithIndicesBackward0",
    input=lambda g, indices, input_shape: _scatter(g, indices, size=tuple(input_shape[2:])),
)
#: Planes of ``size`` with the elements added at the indices, and the adjoint.
_scatter = op(
    "max_pool2d_scatter",
    lambda input, indices, *, size: kernels.max_pool2d_scatter(_wide(input), indices, size).astype(
        input.dtype, copy=False
    ),
    node_name="MaxPool2DWithIndicesBackwardBackward0",
    input=lambda g, indices: _gather(g, indices),
)
_gather = op(
    "max_pool2d_gather",
    lambda input, indices: kernels.max_pool2d_gather(input, indices),
    input=lambda g, indices, input_shape: _scatter(g, indices, size=tuple(input_shape[2:])),
)


def _quarters_forward(input: Any) -> tuple[Any, Any]:
    out, codes = kernels.max_pool2d_quarters(_wide(input))
    return out.astype(input.dtype, copy=False), codes


#: The usual 2x2 windows, where nobody asks for indices.
_max_quarters = op(
    "max_pool2d_quarters",
    _quarters_forward,
    outputs=("out", "codes"),
    nondiff=("codes",),
    node_name="MaxPool2DWithIndicesBackward0",
    input=lambda g, codes, input_shape: _scatter(
        g, kernels.quarter_places(codes, input_shape[3]), size=tuple(input_shape[2:])
    ),
    raw=lambda g, codes, input_shape: (
        kernels.max_pool2d_quarters_backward(_wide(g), codes, tuple(input_shape[2:])).astype(g.dtype, copy=False),
    ),
)


def _put_forward(input: Any, indices: Any, *, size: Pair) -> Any:
    n, c = input.shape[:2]
    out = np.zeros((n * c, size[0] * size[1]), input.dtype)
    np.put_along_axis(out, indices.reshape(n * c, -1), input.reshape(n * c, -1), 1)
    return out.reshape(n, c, *size)


#: Unlike ``_scatter``, of several elements with one index the last one stays; PyTorch gives all of them a gradient.
_unpool_op = op(
    "max_unpool2d",
    _put_forward,
    node_name="MaxUnpool2DBackward0",
    input=lambda g, indices: _gather(g, indices),
)
_adaptive_max = op(
    "adaptive_max_pool2d",
    lambda input, *, size: pool2d_windows.adaptive_max_pool2d(input, size),
    outputs=("out", "indices"),
    nondiff=("indices",),
    input=lambda g, indices, input_shape: _scatter(g, indices, size=tuple(input_shape[2:])),
)


def _avg_forward(
    input: Any,
    *,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    include_pad: bool,
    divisor: Any,
) -> Any:
    out = pool2d_windows.avg_pool2d(_wide(input), kernel, stride, padding, ceil_mode, include_pad, divisor)
    return out.astype(input.dtype, copy=False)


def _avg_adjoint_forward(
    input: Any,
    *,
    shape: Any,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    include_pad: bool,
    divisor: Any,
) -> Any:
    out = pool2d_windows.avg_pool2d_input_grad(
        _wide(input), shape, kernel, stride, padding, ceil_mode, include_pad, divisor
    )
    return out.astype(input.dtype, copy=False)


_avg_pool = op(
    "avg_pool2d",
    _avg_forward,
    node_name="AvgPool2DBackward0",
    input=lambda g, input_shape, kernel, stride, padding, ceil_mode, include_pad, divisor: _avg_adjoint(
        g,
        shape=tuple(input_shape),
        kernel=kernel,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        include_pad=include_pad,
        divisor=divisor,
    ),
)
_avg_adjoint = op(
    "avg_pool2d_adjoint",
    _avg_adjoint_forward,
    node_name="AvgPool2DBackwardBackward0",
    input=lambda g, kernel, stride, padding, ceil_mode, include_pad, divisor: _avg_pool(
        g,
        kernel=kernel,
        stride=stride,
        padding=padding,
        ceil_mode=ceil_mode,
        include_pad=include_pad,
        divisor=divisor,
    ),
)
_adaptive_avg = op(
    "adaptive_avg_pool2d",
    lambda input, *, size: pool2d_windows.adaptive_avg_pool2d(input, size),
    node_name="AdaptiveAvgPool2DBackward0",
    input=lambda g, input_shape: _adaptive_avg_adjoint(g, shape=tuple(input_shape)),
)
_adaptive_avg_adjoint = op(
    "adaptive_avg_pool2d_adjoint",
    lambda input, *, shape: pool2d_windows.adaptive_avg_pool2d_input_grad(input, shape),
    input=lambda g, input_shape: _adaptive_avg(g, size=tuple(input_shape[2:])),
)


# -- arguments -------------------------------------------------------------------------------------


def _pair(name: str, what: str, value: Any, dims: int) -> tuple[int, ...]:
    if isinstance(value, (int, np.integer)):
        return (int(value),) * dims
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(f"{name}: {what} must either be a single int, or a tuple of {dims} ints, got {list(values)}")
    return values


def _window(name: str, dims: int, kernel_size: Any, stride: Any, padding: Any) -> tuple[Any, Any, Any]:
    kernel = _pair(name, "kernel_size", kernel_size, dims)
    steps = kernel if stride is None or stride == () else _pair(name, "stride", stride, dims)
    return kernel, steps, _pair(name, "padding", padding, dims)


def _check_input(name: str, input: Any, dims: int) -> None:
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    if name == "avg_pool2d" and input.ndim < 3:
        raise IndexError(
            f"avg_pool2d: Dimension out of range: expected (N, C, H, W) or (C, H, W), got shape {list(input.shape)}"
        )
    if input.ndim not in (dims + 1, dims + 2) or any(n == 0 for n in input.shape[-dims - 1 :]):
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D input with non-empty channels and sizes, but got shape "
            f"{list(input.shape)}"
        )


def _check_window(
    name: str, sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> None:
    for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True):
        if k <= 0:
            raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {list(kernel)}")
        if s <= 0:
            raise RuntimeError(f"{name}: stride should be greater than zero, but got {list(stride)}")
        if d <= 0:
            raise RuntimeError(f"{name}: dilation should be greater than zero, but got {list(dilation)}")
        if p < 0:
            raise RuntimeError(f"{name}: padding must be non-negative, but got {list(padding)}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"{name}: pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} "
                f"and dilation={d}"
            )
    out = [
        kernels.pool_output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    if any(n <= 0 for n in out):
        raise RuntimeError(
            f"{name}: Given input size {list(sizes)} and kernel {list(kernel)}, the calculated output size is "
            f"{out}. Output size is too small"
        )


def _batched(input: Any, dims: int) -> tuple[Any, bool]:
    """Return (N, C, H, W) from any accepted input, and whether the batch was added."""
    single = input.ndim == dims + 1
    x = unsqueeze(input, 0) if single else input
    return (unsqueeze(x, 2) if dims == 1 else x), single


def _unbatched(out: Any, dims: int, single: bool) -> Any:
    if dims == 1:
        out = squeeze(out, 2)
    return squeeze(out, 0) if single else out


def _max(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    _check_input(name, input, dims)
    kernel, steps, sides = _window(name, dims, kernel_size, stride, padding)
    spread = _pair(name, "dilation", dilation, dims)
    _check_window(name, input.shape[-dims:], kernel, steps, sides, spread, ceil_mode)
    x, single = _batched(input, dims)
    if dims == 1:
        kernel, steps, sides, spread = (1, *kernel), (1, *steps), (0, *sides), (1, *spread)
    if not return_indices and kernels.is_quarters(x.shape, kernel, steps, sides, spread, ceil_mode):
        return _unbatched(_max_quarters(x)[0], dims, single)
    out, indices = _max_pool(x, kernel=kernel, stride=steps, padding=sides, dilation=spread, ceil_mode=ceil_mode)
    out = _unbatched(out, dims, single)
    return (out, _unbatched(indices, dims, single)) if return_indices else out


@whole
def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window of images.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: one number or (KH, KW); likewise the next three.
        stride: step between windows; ``kernel_size`` by default.
        padding: implicit minus infinity on both sides, at most half the kernel.
        dilation: spacing inside a window.
        ceil_mode: let a last window stick out.
        return_indices: also return the flat indices of the elements in each plane.

    Raises:
        RuntimeError: the window does not fit.

    Source: ``torch.nn.functional.max_pool2d``.

    Example:
        >>> torch.nn.functional.max_pool2d(torch.arange(4.0).reshape(1, 1, 2, 2), 2)
        tensor([[[[3.]]]])
    """
    return _max("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@whole
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window of sequences; see ``max_pool2d``.

    Source: ``torch.nn.functional.max_pool1d``.

    Example:
        >>> torch.nn.functional.max_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        tensor([[[3., 2.]]])
    """
    return _max("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _unpooled_size(
    name: str,
    dims: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> tuple[int, ...]:
    """Return the sizes from which the pooling came, by its window if they are not given."""
    kernel = _pair(name, "kernel_size", kernel_size, dims)
    steps = kernel if stride is None else _pair(name, "stride", stride, dims)
    sides = _pair(name, "padding", padding, dims)
    if tuple(input.shape) != tuple(indices.shape):
        raise RuntimeError(
            f"{name}: Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got "
            f"indices tensor with shape: {list(indices.shape)}"
        )
    size = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-dims:], steps, kernel, sides, strict=True))
    return size if output_size is None else tuple(output_size)[-dims:]


def _places(name: str, indices: Any, size: Sequence[int], found: str) -> Any:
    """Return checked indices as an array; PyTorch's message begins with a capital or without."""
    places = array_of(indices)
    if places.size and (places.min() < 0 or places.max() >= math.prod(size)):
        raise RuntimeError(
            f"{name}: {found} an invalid max index: {int(places.max())} (output volumes are of size {list(size)})"
        )
    return places


def _unpool(
    name: str,
    dims: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Any:
    size = _unpooled_size(name, dims, input, indices, kernel_size, stride, padding, output_size)
    x, single = _batched(input, dims)
    at, _ = _batched(indices, dims)
    size = (1, *size) if dims == 1 else size
    places = _places(name, at, size, "Found")
    return _unbatched(_unpool_op(x, places, size=size), dims, single)


@in_float32
def max_unpool1d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Return elements put back to where ``max_pool1d`` found them, zeros elsewhere.

    Source: ``torch.nn.functional.max_unpool1d``.

    Example:
        >>> F = torch.nn.functional
        >>> y, i = F.max_pool1d(torch.tensor([[[1.0, 3.0]]]), 2, return_indices=True)
        >>> F.max_unpool1d(y, i, 2)
        tensor([[[0., 3.]]])
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@in_float32
def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Return elements put back to where ``max_pool2d`` found them, zeros elsewhere.

    Source: ``torch.nn.functional.max_unpool2d``.

    Example:
        >>> F = torch.nn.functional
        >>> y, i = F.max_pool2d(torch.arange(4.0).reshape(1, 1, 2, 2), 2, return_indices=True)
        >>> F.max_unpool2d(y, i, 2)
        tensor([[[[0., 0.],
                  [0., 3.]]]])
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def _avg(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: Any,
) -> Any:
    _check_input(name, input, dims)
    kernel, steps, sides = _window(name, dims, kernel_size, stride, padding)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    _check_window(name, input.shape[-dims:], kernel, steps, sides, (1,) * dims, ceil_mode)
    x, single = _batched(input, dims)
    if dims == 1:
        kernel, steps, sides = (1, *kernel), (1, *steps), (0, *sides)
    out = _avg_pool(
        x,
        kernel=kernel,
        stride=steps,
        padding=sides,
        ceil_mode=ceil_mode,
        include_pad=count_include_pad,
        divisor=divisor,
    )
    return _unbatched(out, dims, single)


@whole
def avg_pool2d(
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
    """Return the mean of each window of images.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: one number or (KH, KW); likewise the next two.
        stride: step between windows; ``kernel_size`` by default.
        padding: zeros on both sides, at most half the kernel.
        ceil_mode: let a last window stick out.
        count_include_pad: whether the zeros count in the mean.
        divisor_override: divide by this instead.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the window does not fit.

    Source: ``torch.nn.functional.avg_pool2d``.

    Example:
        >>> torch.nn.functional.avg_pool2d(torch.arange(4.0).reshape(1, 1, 2, 2), 2)
        tensor([[[[1.5000]]]])
    """
    if out is not None:
        return into(
            out, avg_pool2d, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
    return _avg(
        "avg_pool2d",
        2,
        input,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )


@whole
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Return the mean of each window of sequences; see ``avg_pool2d``.

    Source: ``torch.nn.functional.avg_pool1d``.

    Example:
        >>> torch.nn.functional.avg_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        tensor([[[2., 1.]]])
    """
    return _avg("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def _target(name: str, output_size: Any, sizes: Any, dims: int) -> tuple[int, ...]:
    wanted = (output_size,) * dims if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(wanted) != dims:
        raise RuntimeError(f"{name}: output_size must be {dims}, got {list(wanted)}")
    result = tuple(int(n) if w is None else int(w) for w, n in zip(wanted, sizes, strict=True))
    if any(n < 0 for n in result):
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, got {list(result)}")
    return result


def _adaptive(name: str, dims: int, input: Any, output_size: Any, function: Any) -> Any:
    if dims == 2 and isinstance(output_size, (tuple, list)) and input.ndim <= len(output_size):
        raise ValueError(f"{name}: Input dimension should be at least {len(output_size) + 1}")
    _check_input(name, input, dims)
    size = _target(name, output_size, input.shape[-dims:], dims)
    x, single = _batched(input, dims)
    out = function(x, size=(1, *size) if dims == 1 else size)
    if isinstance(out, tuple):
        return tuple(_unbatched(o, dims, single) for o in out)
    return _unbatched(out, dims, single)


@whole
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Return means of windows chosen so that the output has given sizes.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: one number or (H', W'); None keeps the input's size.

    Source: ``torch.nn.functional.adaptive_avg_pool2d``.

    Example:
        >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(4.0).reshape(1, 1, 2, 2), 1)
        tensor([[[[1.5000]]]])
    """
    return _adaptive("adaptive_avg_pool2d", 2, input, output_size, _adaptive_avg)


@whole
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Return means of windows chosen so that the output has a given length.

    Source: ``torch.nn.functional.adaptive_avg_pool1d``.

    Example:
        >>> torch.nn.functional.adaptive_avg_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        tensor([[[2., 1.]]])
    """
    return _adaptive("adaptive_avg_pool1d", 1, input, output_size, _adaptive_avg)


@whole
def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return largest elements of windows chosen so that the output has given sizes.

    Args:
        input: (N, C, H, W) or (C, H, W).
        output_size: one number or (H', W'); None keeps the input's size.
        return_indices: also return the flat indices of the elements in each plane.

    Source: ``torch.nn.functional.adaptive_max_pool2d``.

    Example:
        >>> torch.nn.functional.adaptive_max_pool2d(torch.arange(4.0).reshape(1, 1, 2, 2), 1)
        tensor([[[[3.]]]])
    """
    out = _adaptive("adaptive_max_pool2d", 2, input, output_size, _adaptive_max)
    return out if return_indices else out[0]


@whole
def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Return largest elements of windows chosen so that the output has a given length.

    Source: ``torch.nn.functional.adaptive_max_pool1d``.

    Example:
        >>> torch.nn.functional.adaptive_max_pool1d(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        tensor([[[3., 2.]]])
    """
    out = _adaptive("adaptive_max_pool1d", 1, input, output_size, _adaptive_max)
    return out if return_indices else out[0]


def _power_mean(
    name: str, dims: int, mean: Any, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Any:
    kernel = _pair(name, "kernel_size", kernel_size, dims)
    means = mean(pow_(input, norm_type), kernel, stride, 0, ceil_mode)
    return pow_(sign(means) * relu(abs_(means)) * math.prod(kernel), 1.0 / norm_type)


@whole
def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    r"""Return the p-norm :math:`(\sum x^p)^{1/p}` of each window of images.

    Source: ``torch.nn.functional.lp_pool2d``.

    Example:
        >>> torch.nn.functional.lp_pool2d(torch.tensor([[[[3.0, 4.0]]]]), 2.0, (1, 2))
        tensor([[[[5.]]]])
    """
    return _power_mean("lp_pool2d", 2, avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


@whole
def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    r"""Return the p-norm :math:`(\sum x^p)^{1/p}` of each window of sequences.

    Source: ``torch.nn.functional.lp_pool1d``.

    Example:
        >>> torch.nn.functional.lp_pool1d(torch.tensor([[[3.0, 4.0]]]), 2.0, 2)
        tensor([[[5.]]])
    """
    return _power_mean("lp_pool1d", 1, avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)
