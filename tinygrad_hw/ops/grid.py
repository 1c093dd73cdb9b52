"""Sampling of images and volumes at given places, and affine grids of such places."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.ops.broadcasting import expand
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import reshape

__all__ = ["affine_grid", "grid_sample"]

_OLD = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)


def _steps(n: int, align_corners: bool, kind: Any) -> Any:
    """Return n places from -1 to 1: centres of the first and last element, or of n equal pieces."""
    if n <= 1:
        return np.zeros(n, kind)
    line = np.linspace(-1, 1, n, dtype=np.float64)
    return (line if align_corners else line * (n - 1) / n).astype(kind)


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """Return the places at which ``grid_sample`` gives the image of an affine map.

    Args:
        theta: (N, 2, 3) for images or (N, 3, 4) for volumes: matrices and shifts.
        size: of the output, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres of the outermost elements, not their edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3); the last dimension is x, y and z.

    Raises:
        ValueError: theta is not floating point or of another shape, or a size is not positive.
        NotImplementedError: ``size`` has neither 4 nor 5 elements.

    Source: Jaderberg et al., "Spatial Transformer Networks" (2015); ``torch.nn.functional.affine_grid``.

    Example:
        >>> theta = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warnings.warn(_OLD, stacklevel=3)  # one for the caller of a marked function
        align_corners = False
    array = array_of(theta)
    if array.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {dtypes.from_numpy(array.dtype)}")
    size = tuple(size)
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{list(size)}."
        )
    dims = len(size) - 2
    if array.ndim != 3 or array.shape[1:] != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {list(size)}. Got "
            f"{list(array.shape)}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    lines = [_steps(n, align_corners, array.dtype) for n in size[2:]]
    places = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*places, np.ones_like(places[0])], -1).reshape(1, -1, dims + 1)
    return reshape(matmul(base, theta.mT), (size[0], *size[2:], dims))


# -- sampling --------------------------------------------------------------------------------------


def _unnormalized(x: Any, n: int, align_corners: bool) -> Any:
    """Return places from -1 to 1 as indices."""
    return (x + 1) * ((n - 1) / 2) if align_corners else ((x + 1) * n - 1) * 0.5


def _clipped(x: Any, n: int) -> Any:
    """Move what is outside to the border, where the gradient is zero; NaN goes to the first element."""
    array = array_of(x)
    inside = (array > 0) & (array < n - 1)
    return _where(inside, x, np.where(array >= n - 1, n - 1, 0).astype(array.dtype))


def _reflected(x: Any, low: float, high: float) -> Any:
    """Fold places back and forth between two mirrors."""
    array = array_of(x)
    if low == high:
        return x * 0
    span = array.dtype.type(high - low)
    sign = np.where(array < low, -1, 1).astype(array.dtype)
    distance = (x - low) * sign
    flips = np.floor(array_of(distance) / span)
    flips = np.where(np.isfinite(flips), flips, 0)
    rest = distance - (flips * span).astype(array.dtype)
    even = np.fmod(flips, 2) == 0
    return _where(even, rest + low, (rest - float(high)) * -1)


def _placed(x: Any, n: int, padding_mode: str, align_corners: bool) -> Any:
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, n - 1.0) if align_corners else _reflected(x, -0.5, n - 0.5)
    return _clipped(x, n)


def _indices(array: Any) -> Any:
    """Return floats as int64; what is no number or too large is far outside."""
    return np.where(np.isfinite(array) & (np.abs(array) < 1e9), array, -(10**9)).astype(np.int64)


def _picked(flat: Any, at: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return (N, C, places) of (N, C, elements) at indices per dimension; zero outside."""
    index, inside = np.zeros(at[0].shape, np.int64), np.ones(at[0].shape, np.bool_)
    for i, n in zip(at, sizes, strict=True):
        inside &= (i >= 0) & (i < n)
        index = index * n + np.clip(i, 0, n - 1)
    n, c = flat.shape[:2]
    index = np.broadcast_to(index[:, None], (n, c, index.shape[1]))
    return gather(flat, 2, index) * inside[:, None].astype(array_of(flat).dtype)


def _cubic(t: Any) -> list[Any]:
    """Return the four weights of cubic convolution with a = -0.75, for a place t past the second element."""
    a = -0.75

    def near(x: Any) -> Any:
        return ((x * (a + 2) - (a + 3)) * x) * x + 1

    def far(x: Any) -> Any:
        return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


_INTERPOLATION = ("bilinear", "nearest", "bicubic")
_PADDING = ("zeros", "border", "reflection")


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """Return ``grid_sample`` with its modes as numbers.

    Args:
        input: images or volumes.
        grid: where to sample.
        interpolation_mode: 0 for bilinear, 1 for nearest, 2 for bicubic.
        padding_mode: 0 for zeros, 1 for border, 2 for reflection.
        align_corners: whether -1 and 1 are the centres of the outer pixels.

    Source: ``torch.grid_sampler``.

    Example:
        >>> torch.grid_sampler(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
        tensor([[[[1.]]]])
    """
    check_real("grid_sampler", input, grid)
    return grid_sample(input, grid, _INTERPOLATION[interpolation_mode], _PADDING[padding_mode], align_corners)


def grid_sampler_2d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """Return ``grid_sample`` of images with its modes as numbers; see ``grid_sampler``.

    Source: ``torch.grid_sampler_2d``.

    Example:
        >>> torch.grid_sampler_2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, True)
        tensor([[[[1.]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """Return ``grid_sample`` of volumes with its modes as numbers; see ``grid_sampler``.

    Source: ``torch.grid_sampler_3d``.

    Example:
        >>> torch.grid_sampler_3d(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, True)
        tensor([[[[[1.]]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@whole
def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """Return an image's, or volume's, values at given places.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, H', W', 2) or (N, D', H', W', 3), places x, y (and z) from -1 to 1.
        mode: ``"bilinear"`` (trilinear in volumes), ``"nearest"`` or ``"bicubic"`` (images only).
        padding_mode: what is outside: ``"zeros"``, the nearest of the ``"border"``, or a ``"reflection"``.
        align_corners: whether -1 and 1 are the centres of the outermost elements, not their edges.

    Returns:
        (N, C, H', W') or (N, C, D', H', W').

    Raises:
        ValueError: an unknown mode.
        RuntimeError: shapes or dtypes do not fit.

    Source: Jaderberg et al., "Spatial Transformer Networks" (2015); ``torch.nn.functional.grid_sample``.

    Example:
        >>> x = torch.tensor([[[[1.0, 2.0]]]])
        >>> torch.nn.functional.grid_sample(x, torch.zeros(1, 1, 1, 2), align_corners=False)
        tensor([[[[1.5000]]]])
    """
    check_real("grid_sample", input, grid)
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_OLD, stacklevel=3)  # one for the caller of a marked function
        align_corners = False
    x, places = array_of(input), array_of(grid)
    dims = x.ndim - 2
    shapes = f"an input of shape {list(x.shape)} and a grid of shape {list(places.shape)}"
    if x.ndim not in (4, 5) or places.ndim != x.ndim or places.shape[0] != x.shape[0] or places.shape[-1] != dims:
        raise RuntimeError(
            f"grid_sampler(): expected an input (N, C, H, W) and a grid (N, H', W', 2), or one dimension more, but got "
            f"{shapes}"
        )
    if x.dtype != places.dtype:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{dtypes.from_numpy(x.dtype)} and grid has {dtypes.from_numpy(places.dtype)}"
        )
    if min(x.shape[2:]) == 0:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but got {shapes}")
    if dims == 3 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    sizes = x.shape[2:]
    n, c = x.shape[:2]
    count = math.prod(places.shape[1:-1])
    flat = reshape(input, (n, c, math.prod(sizes)))
    points = reshape(grid, (n, count, dims))
    # x is the last dimension of the input.
    at = [_unnormalized(points[..., dims - 1 - d], m, align_corners) for d, m in enumerate(sizes)]
    out: Any = None
    if mode == "nearest":
        at = [_placed(p, m, padding_mode, align_corners) for p, m in zip(at, sizes, strict=True)]
        out = _picked(flat, [_indices(np.rint(array_of(p))) for p in at], sizes)
        # The places count for the graph only: their gradient is zero.
        out = out + sum(expand(reshape(p * 0, (n, 1, count)), (n, c, count)) for p in at)
    elif mode == "bilinear":
        at = [_placed(p, m, padding_mode, align_corners) for p, m in zip(at, sizes, strict=True)]
        floors = [np.floor(array_of(p)) for p in at]
        parts = [p - f for p, f in zip(at, floors, strict=True)]
        for corner in itertools.product((0, 1), repeat=dims):
            weight: Any = 1.0
            for k, t in zip(corner, parts, strict=True):
                weight = (t if k else 1 - t) * weight
            values = _picked(flat, [_indices(f + k) for f, k in zip(floors, corner, strict=True)], sizes)
            term = values * reshape(weight, (n, 1, count))
            out = term if out is None else out + term
    else:
        floors = [np.floor(array_of(p)) for p in at]
        weights = [_cubic(p - f) for p, f in zip(at, floors, strict=True)]
        for i, j in itertools.product(range(4), repeat=2):
            near = [
                _indices(array_of(_placed(f + k - 1, m, padding_mode, align_corners)))
                for f, k, m in zip(floors, (i, j), sizes, strict=True)
            ]
            term = _picked(flat, near, sizes) * reshape(weights[0][i] * weights[1][j], (n, 1, count))
            out = term if out is None else out + term
    return reshape(out, (n, c, *places.shape[1:-1]))
