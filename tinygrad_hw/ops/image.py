"""Rearranging and resizing images."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import fold as kernels
from tinygrad_hw.kernels import interpolate as resize
from tinygrad_hw.ops.antialias import FILTERS, resize_bytes, resize_smooth
from tinygrad_hw.ops.permutation import permute
from tinygrad_hw.ops.shape import reshape, squeeze, unsqueeze

__all__ = [
    "channel_shuffle",
    "fold",
    "interpolate",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]


def _pair(name: str, what: str, value: Any) -> tuple[int, int]:
    if isinstance(value, (int, np.integer)):
        return int(value), int(value)
    values = tuple(int(v) for v in value)
    if len(values) == 1:
        return values[0], values[0]
    if len(values) != 2:
        raise RuntimeError(f"{name}: {what} must be an int or a pair of ints, got {list(values)}")
    return values[0], values[1]


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float16 else x


# -- im2col and col2im -----------------------------------------------------------------------------


def _im2col_forward(input: Any, *, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    columns = kernels.im2col(_wide(input), kernel, stride, padding, dilation).astype(input.dtype, copy=False)
    n, c = input.shape[:2]
    return columns.reshape(n, c * kernel[0] * kernel[1], math.prod(columns.shape[-2:]))


def _col2im_forward(input: Any, *, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    n = input.shape[0]
    out = [kernels.output_size(*a) for a in zip(size, kernel, stride, padding, dilation, strict=True)]
    columns = _wide(np.ascontiguousarray(input)).reshape(n, input.shape[1] // math.prod(kernel), *kernel, *out)
    return kernels.col2im(columns, size, kernel, stride, padding, dilation).astype(input.dtype, copy=False)


_im2col = op(
    "im2col",
    _im2col_forward,
    node_name="Im2ColBackward0",
    input=lambda g, input_shape, kernel, dilation, padding, stride: _col2im(
        g,
        size=tuple(input_shape[2:]),
        kernel=kernel,
        dilation=dilation,
        padding=padding,
        stride=stride,
    ),
)
_col2im = op(
    "col2im",
    _col2im_forward,
    node_name="Col2ImBackward0",
    input=lambda g, kernel, dilation, padding, stride: _im2col(
        g, kernel=kernel, dilation=dilation, padding=padding, stride=stride
    ),
)


def _check_block(name: str, kernel: Any, dilation: Any, padding: Any, stride: Any) -> None:
    if min(kernel) <= 0:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {kernel}")
    if min(dilation) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, but got {dilation}")
    if min(padding) < 0:
        raise RuntimeError(f"{name}: padding should be non-negative, but got {padding}")
    if min(stride) <= 0:
        raise RuntimeError(f"{name}: stride should be greater than zero, but got {stride}")


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the sliding blocks of images as columns (im2col).

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: one number or (KH, KW); likewise the others.
        dilation: spacing inside a block.
        padding: zeros on both sides.
        stride: step between blocks.

    Returns:
        (N, C KH KW, L) for L blocks.

    Source: ``torch.nn.functional.unfold``.

    Example:
        >>> torch.nn.functional.unfold(torch.ones(1, 1, 3, 3), 2).shape
        torch.Size([1, 4, 4])
    """
    if input.ndim < 3:
        raise IndexError(
            f"unfold: Dimension out of range: expected (C, H, W) or (N, C, H, W), got shape {list(input.shape)}"
        )
    if input.ndim > 4:
        raise RuntimeError(f"unfold: Expected 3D or 4D (batch mode) tensor, but got shape {list(input.shape)}")
    kernel, spread = (
        _pair("unfold", "kernel_size", kernel_size),
        _pair("unfold", "dilation", dilation),
    )
    sides, steps = _pair("unfold", "padding", padding), _pair("unfold", "stride", stride)
    _check_block("unfold", kernel, spread, sides, steps)
    single = input.ndim == 3
    x = unsqueeze(input, 0) if single else input
    out = [kernels.output_size(*a) for a in zip(x.shape[2:], kernel, steps, sides, spread, strict=True)]
    if min(out) <= 0:
        raise RuntimeError(
            f"unfold: Given input with spatial size {list(x.shape[2:])} and kernel_size={kernel}, the calculated shape "
            f"of the array of sliding blocks is {out}, but its components must be at least one"
        )
    result = _im2col(x, kernel=kernel, dilation=spread, padding=sides, stride=steps)
    return squeeze(result, 0) if single else result


def fold(
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Return the images to which columns of blocks add up (col2im).

    Args:
        input: (N, C KH KW, L) or (C KH KW, L).
        output_size: (H, W).
        kernel_size: one number or (KH, KW); likewise the others.
        dilation: spacing inside a block.
        padding: zeros that were on both sides.
        stride: step between blocks.

    Source: ``torch.nn.functional.fold``.

    Example:
        >>> torch.nn.functional.fold(torch.ones(1, 4, 4), (3, 3), 2).shape
        torch.Size([1, 1, 3, 3])
    """
    if input.ndim not in (2, 3):
        raise RuntimeError(f"fold: Expected 2D or 3D (batch mode) tensor, but got shape {list(input.shape)}")
    size, kernel = (
        _pair("fold", "output_size", output_size),
        _pair("fold", "kernel_size", kernel_size),
    )
    spread, sides = _pair("fold", "dilation", dilation), _pair("fold", "padding", padding)
    steps = _pair("fold", "stride", stride)
    _check_block("fold", kernel, spread, sides, steps)
    single = input.ndim == 2
    x = unsqueeze(input, 0) if single else input
    if x.shape[1] % (kernel[0] * kernel[1]):
        raise RuntimeError(
            "fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={x.shape[1]} and kernel_size={kernel}"
        )
    out = [kernels.output_size(*a) for a in zip(size, kernel, steps, sides, spread, strict=True)]
    if x.shape[2] != out[0] * out[1] or min(out) <= 0:
        raise RuntimeError(
            f"fold: Given output_size={size}, kernel_size={kernel}, dilation={spread}, padding={sides}, "
            f"stride={steps}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks {out[0]} * "
            f"{out[1]} = {out[0] * out[1]}, but got input.size(2)={x.shape[2]}"
        )
    result = _col2im(x, size=size, kernel=kernel, dilation=spread, padding=sides, stride=steps)
    return squeeze(result, 0) if single else result


# -- pixels ----------------------------------------------------------------------------------------


@whole
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Rearrange (..., C r^2, H, W) to (..., C, H r, W r).

    Source: Shi et al. (2016); ``torch.nn.functional.pixel_shuffle``.

    Example:
        >>> torch.nn.functional.pixel_shuffle(torch.ones(1, 9, 4, 4), 3).shape
        torch.Size([1, 1, 12, 12])
    """
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    *lead, c, h, w = input.shape
    if r <= 0 or c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = math.prod(lead)
    x = reshape(input, (n, c // (r * r), r, r, h, w))
    return reshape(permute(x, (0, 1, 4, 2, 5, 3)), (*lead, c // (r * r), h * r, w * r))


@whole
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Rearrange (..., C, H r, W r) to (..., C r^2, H, W); the inverse of ``pixel_shuffle``.

    Source: ``torch.nn.functional.pixel_unshuffle``.

    Example:
        >>> torch.nn.functional.pixel_unshuffle(torch.ones(1, 1, 12, 12), 3).shape
        torch.Size([1, 9, 4, 4])
    """
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    *lead, c, h, w = input.shape
    if r <= 0 or h % r or w % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {h}x{w} is not "
            f"divisible by {r}"
        )
    n = math.prod(lead)
    x = reshape(input, (n, c, h // r, r, w // r, r))
    return reshape(permute(x, (0, 1, 3, 5, 2, 4)), (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Mix groups of channels: read (N, groups, C / groups, ...) by the second of these first.

    Args:
        input: (N, C, ...).
        groups: by which C is divisible.

    Raises:
        RuntimeError: it is not, or there are no channels.

    Source: Zhang et al., "ShuffleNet" (2017); ``torch.nn.functional.channel_shuffle``.

    Example:
        >>> torch.nn.functional.channel_shuffle(torch.arange(4.0).reshape(1, 4, 1, 1), 2).flatten()
        tensor([0., 2., 1., 3.])
    """
    if input.ndim <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, (N, C, ...), but got input with shape {list(input.shape)}"
        )
    n, c, *rest = input.shape
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups: {groups}")
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    if 0 in input.shape:
        return input * 1
    mixed = permute(reshape(input, (n, groups, c // groups, -1)), (0, 2, 1, 3))
    return reshape(mixed, (n, c, *rest))


native_channel_shuffle = channel_shuffle


# -- resizing --------------------------------------------------------------------------------------


def _resize_forward(input: Any, *, rows: Any, columns: Any) -> Any:
    return resize.interpolate(_wide(input), rows, columns).astype(input.dtype, copy=False)


def _resize_adjoint_forward(input: Any, *, size: Any, rows: Any, columns: Any) -> Any:
    return resize.interpolate_adjoint(_wide(input), size, rows, columns).astype(input.dtype, copy=False)


_resize = op(
    "interpolate",
    _resize_forward,
    node_name="UpsampleBackward0",
    input=lambda g, input_shape, rows, columns: _resize_adjoint(
        g, size=tuple(input_shape[2:]), rows=rows, columns=columns
    ),
)
_resize_adjoint = op(
    "interpolate_adjoint",
    _resize_adjoint_forward,
    node_name="UpsampleBackwardBackward0",
    input=lambda g, rows, columns: _resize(g, rows=rows, columns=columns),
)


#: Rows and columns combined linearly by two matrices; the adjoint takes them transposed.
_combine = op(
    "interpolate_cubic",
    lambda input, *, rows, columns: np.matmul(np.matmul(rows, input), columns.T).astype(input.dtype, copy=False),
    node_name="UpsampleBicubic2DBackward0",
    input=lambda g, rows, columns: _combine(g, rows=rows.T, columns=columns.T),
)


def _cubic_matrix(n: int, out: int, scale: float | None, align: bool, kind: Any) -> Any:
    """Return the weights of cubic convolution, (out, n); places outside count as the nearest inside."""
    at = np.arange(out, dtype=np.float64)
    if align:
        place = at * ((n - 1) / (out - 1)) if out > 1 else at * 0
    else:
        step = 1 / scale if scale and out != n else n / out
        place = (at + 0.5) * step - 0.5
    low = np.floor(place)
    matrix = np.zeros((out, n))
    for k in (-1, 0, 1, 2):
        d = np.abs(place - low - k)
        near = (1.25 * d - 2.25) * d * d + 1
        far = ((-0.75 * d + 3.75) * d - 6) * d + 3
        np.add.at(matrix, (np.arange(out), np.clip(low + k, 0, n - 1).astype(np.int64)), np.where(d <= 1, near, far))
    return matrix.astype(kind)


def _linear_matrix(n: int, out: int, scale: float | None, align: bool, kind: Any) -> Any:
    """Return the weights of linear interpolation, (out, n)."""
    low, high, share = resize.linear_table(n, out, scale, align, kind)
    matrix = np.zeros((out, n), kind)
    np.add.at(matrix, (np.arange(out), low), 1 - share)
    np.add.at(matrix, (np.arange(out), high), share)
    return matrix


@whole
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Resize sequences, images or volumes.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: sizes of the output.
        scale_factor: or how many times larger it is.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (sequences), ``"bilinear"``,
            ``"bicubic"`` and ``"lanczos"`` (images), ``"trilinear"`` (volumes), ``"area"``.
        align_corners: for the linear modes, whether the corner elements keep their values.
        recompute_scale_factor: use the output sizes, not the given factor.
        antialias: for ``"bilinear"`` and ``"bicubic"``, take in all pixels that an output pixel covers where images
            get smaller; ``"lanczos"`` always does and wants True.

    Raises:
        ValueError: the arguments contradict each other.
        NotImplementedError: the mode does not exist for such an input.

    Source: ``torch.nn.functional.interpolate``.

    Example:
        >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    check_real("interpolate", input)
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    elif align_corners is None:
        align_corners = False
    dims = input.ndim - 2
    if dims not in (1, 2, 3):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "only one of size or scale_factor should be defined"
            if size is not None
            else "either size or scale_factor should be defined"
        )
    sizes = tuple(input.shape[2:])
    factors: tuple[float | None, ...]
    if size is not None:
        out = (int(size),) * dims if isinstance(size, (int, np.integer)) else tuple(int(s) for s in size)
        if len(out) != dims:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(sizes)} and output size of {size}"
            )
        factors = (None,) * dims
    else:
        given = (
            (float(scale_factor),) * dims
            if isinstance(scale_factor, (int, float))
            else tuple(float(s) for s in scale_factor)
        )
        if len(given) != dims:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(sizes)} and scale_factor of shape {list(given)}"
            )
        out = tuple(math.floor(n * f) for n, f in zip(sizes, given, strict=True))
        factors = (None,) * dims if recompute_scale_factor else given
    if min(out) <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(sizes)} and output {list(out)}"
        )
    if antialias and (mode not in FILTERS or dims != 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as "
            f"input, not {mode} and {input.ndim}-D"
        )
    if mode == "lanczos" and dims == 2:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if antialias:
        return resize_smooth(input, mode, out, factors, bool(align_corners))
    if mode == "area":
        from tinygrad_hw.ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d
        from tinygrad_hw.ops.pool3d import adaptive_avg_pool3d

        if dims == 3:
            return adaptive_avg_pool3d(input, out)
        return adaptive_avg_pool1d(input, out[0]) if dims == 1 else adaptive_avg_pool2d(input, out)
    only = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3, "lanczos": 2}
    if only.get(mode, dims) != dims:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {only[mode] + 2}D input")
    if mode not in ("nearest", "nearest-exact", *only):
        raise NotImplementedError(
            f"interpolate: mode {mode!r} is not supported; there are nearest, nearest-exact, "
            "linear, bilinear, bicubic, trilinear and area"
        )
    kind = input.array.dtype if hasattr(input, "array") else input.dtype
    wide = np.float32 if kind == np.float16 else kind

    if kind == np.uint8 and mode in ("bilinear", "bicubic"):
        weights = _cubic_matrix if mode == "bicubic" else _linear_matrix
        rows, columns = (weights(*a, bool(align_corners), np.float64) for a in zip(sizes, out, factors, strict=True))
        return resize_bytes(input, rows=rows, columns=columns)
    if mode == "bicubic":
        rows, columns = (_cubic_matrix(*a, bool(align_corners), wide) for a in zip(sizes, out, factors, strict=True))
        return _combine(input, rows=rows, columns=columns)

    def table(i: int) -> Any:
        if mode.startswith("nearest"):
            return resize.nearest_table(sizes[i], out[i], factors[i], mode == "nearest-exact", wide)
        return resize.linear_table(sizes[i], out[i], factors[i], bool(align_corners), wide)

    def unchanged(n: int) -> Any:
        return resize.nearest_table(n, n, None, False, wide)

    if dims == 1:
        return squeeze(_resize(unsqueeze(input, 2), rows=unchanged(1), columns=table(0)), 2)
    if dims == 2:
        return _resize(input, rows=table(0), columns=table(1))
    # Planes first, then from plane to plane.
    n, c = input.shape[:2]
    planes = _resize(reshape(input, (n, c * sizes[0], *sizes[1:])), rows=table(1), columns=table(2))
    lines = reshape(planes, (n, c, sizes[0], out[1] * out[2]))
    return reshape(_resize(lines, rows=table(0), columns=unchanged(out[1] * out[2])), (n, c, *out))


def upsample(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """Resize; a deprecated name of ``interpolate``."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """Resize to nearest neighbours; a deprecated name of ``interpolate``."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """Resize bilinearly with aligned corners; a deprecated name of ``interpolate``."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
