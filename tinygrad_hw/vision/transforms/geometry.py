"""Transforms that move pixels, without chance: padding, cropping, resizing."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.kernels.warp import warp
from tinygrad_hw.nn import functional as F
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.vision.transforms.images import Transform, pair

__all__ = [
    "CenterCrop",
    "InterpolationMode",
    "Pad",
    "Resize",
    "affine_planes",
    "crop_planes",
    "interpolation_of",
    "inverse_affine",
    "pad_planes",
    "resize_planes",
    "sides_of",
]

_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


class InterpolationMode(enum.Enum):
    """How a pixel between others gets its value.

    Source: ``torchvision.transforms.InterpolationMode``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.InterpolationMode("bilinear") is transforms.InterpolationMode.BILINEAR
        True
    """

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


def interpolation_of(value: Any, name: str, allowed: Sequence[InterpolationMode] = tuple(InterpolationMode)) -> Any:
    """Return a mode given as one, as text, or by pillow's number.

    Raises:
        ValueError: there is no such mode here.
    """
    known = {0: "nearest", 2: "bilinear", 3: "bicubic"}
    try:
        mode = value if isinstance(value, InterpolationMode) else InterpolationMode(known.get(value, value))
    except ValueError:
        mode = None
    if mode not in allowed:
        names = ", ".join(m.value for m in allowed)
        raise ValueError(f"{name}: interpolation should be one of {names}; got {value!r}")
    return mode


def sides_of(padding: Any, name: str) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of one number for all, two for (left and right, top and bottom), or four.

    Raises:
        TypeError, ValueError: it is something else, or negative.
    """
    if not isinstance(padding, (int, np.integer, Sequence)):
        raise TypeError(f"{name}: Got inappropriate padding arg {padding!r}; use an int or a sequence")
    values = (padding,) if isinstance(padding, (int, np.integer)) else tuple(padding)
    if len(values) not in (1, 2, 4):
        raise ValueError(
            f"{name}: Padding must be an int or a 1, 2, or 4 element tuple, not a {len(values)} element one"
        )
    left, top, right, bottom = {1: values * 4, 2: values * 2, 4: values}[len(values)]
    if min(left, top, right, bottom) < 0:
        raise ValueError(f"{name}: the padding {padding} is negative; crop instead")
    return int(left), int(top), int(right), int(bottom)


def _fills(fill: Any, planes: Any, name: str) -> Any:
    """Return (C,): what stands outside of each plane.

    Raises:
        ValueError: there are neither one nor C values.
    """
    values = np.atleast_1d(np.asarray(fill, np.float64))
    channels = planes.shape[-3] if planes.ndim > 2 else 1
    if values.shape not in ((1,), (channels,)):
        raise ValueError(f"{name}: fill has {values.size} values, the image {channels} channels")
    return np.broadcast_to(values, (channels,))


def pad_planes(planes: Any, sides: tuple[int, int, int, int], fill: Any, mode: str, name: str) -> Any:
    """Return planes (..., H, W) with a border."""
    left, top, right, bottom = sides
    if not any(sides):
        return planes
    around = [(0, 0)] * (planes.ndim - 2) + [(top, bottom), (left, right)]
    if mode != "constant":
        h, w = planes.shape[-2:]
        if mode == "reflect" and (max(top, bottom) >= h or max(left, right) >= w):
            raise RuntimeError(
                f"{name}: padding {sides} (left, top, right, bottom) must be smaller than the image {h}x{w} with "
                "padding_mode='reflect'"
            )
        return np.pad(planes, around, mode=mode)  # type: ignore[call-overload]
    values = _fills(fill, planes, name)
    out = np.empty((*planes.shape[:-2], planes.shape[-2] + top + bottom, planes.shape[-1] + left + right), planes.dtype)
    out[...] = values.astype(planes.dtype)[:, None, None] if planes.ndim > 2 else values[0]
    out[..., top : top + planes.shape[-2], left : left + planes.shape[-1]] = planes
    return out


def crop_planes(planes: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of planes (..., H, W); zeros where it reaches beyond them."""
    h, w = planes.shape[-2:]
    bottom, right = top + height, left + width
    part = planes[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    sides = (max(-left, 0), max(-top, 0), max(right - w, 0), max(bottom - h, 0))
    return pad_planes(part, sides, 0, "constant", "crop") if any(sides) else part


@functools.lru_cache(maxsize=64)
def _weights(size: int, out: int, cubic: bool) -> Any:
    """Return the matrix (out, size) that resamples a line, smoothed so far that no input element is left out."""
    scale = size / out
    stretch = max(scale, 1.0)
    support = (2.0 if cubic else 1.0) * stretch
    matrix = np.zeros((out, size))
    for i in range(out):
        center = scale * (i + 0.5)
        first = max(int(center - support + 0.5), 0)
        last = min(int(center + support + 0.5), size)
        t = np.abs((np.arange(first, last) + 0.5 - center) / stretch)
        if cubic:
            # Keys' cubic convolution with a = -1/2.
            near, far = (1.5 * t - 2.5) * t * t + 1, ((-0.5 * t + 2.5) * t - 4) * t + 2
            w = np.where(t < 1, near, np.where(t < 2, far, 0))
        else:
            w = np.maximum(1 - t, 0)
        matrix[i, first:last] = w / w.sum()
    return matrix


def resize_planes(planes: Any, size: tuple[int, int], mode: InterpolationMode, antialias: bool) -> Any:
    """Return planes (..., H, W) of another size."""
    h, w = planes.shape[-2:]
    if (h, w) == size:
        return planes
    if mode is InterpolationMode.NEAREST:
        rows = np.minimum((np.arange(size[0]) * np.float32(h / size[0])).astype(np.intp), h - 1)
        columns = np.minimum((np.arange(size[1]) * np.float32(w / size[1])).astype(np.intp), w - 1)
        return planes[..., rows[:, None], columns]
    whole = planes.dtype.kind in "iub"
    kind = np.dtype(np.float32) if whole or planes.dtype.itemsize < 4 else planes.dtype
    x = planes.astype(kind, copy=False)
    if antialias:
        cubic = mode is InterpolationMode.BICUBIC
        if w != size[1]:
            x = x @ _weights(w, size[1], cubic).T.astype(kind)
        if h != size[0]:
            x = _weights(h, size[0], cubic).astype(kind) @ x
    else:
        flat = Tensor._wrap(np.ascontiguousarray(x.reshape(-1, 1, h, w)))
        x = F.interpolate(flat, size, mode=mode.value, align_corners=False).array.reshape(*x.shape[:-2], *size)
    if whole:
        info = np.iinfo(planes.dtype) if planes.dtype.kind != "b" else None
        x = np.rint(x)
        if info is not None:
            x = np.clip(x, info.min, info.max)
    return x.astype(planes.dtype, copy=False)


def inverse_affine(
    angle: float, translate: Sequence[float], scale: float, shear: Sequence[float], center: Sequence[float] = (0.0, 0.0)
) -> list[float]:
    r"""Return the map from output to input pixels of a rotation, scaling, shear and translation.

    All is measured from the image's centre, :math:`x` to the right and :math:`y` down. The map forward is
    :math:`p \mapsto c + t + R(\alpha)\, S\, H_y H_x (p - c)`.

    Args:
        angle: in degrees, clockwise.
        translate: (x, y) in pixels.
        scale: a factor.
        shear: (x, y) in degrees.
        center: of the rotation.
    """
    rotation, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    turn = np.array([[math.cos(rotation), -math.sin(rotation)], [math.sin(rotation), math.cos(rotation)]])
    along_x = np.array([[1, -math.tan(sx)], [0, 1]])
    along_y = np.array([[1, 0], [-math.tan(sy), 1]])
    inverse = np.linalg.inv(scale * turn @ along_y @ along_x)
    c = np.asarray(center, np.float64)
    shift = c - inverse @ (c + np.asarray(translate, np.float64))
    return [inverse[0, 0], inverse[0, 1], shift[0], inverse[1, 0], inverse[1, 1], shift[1]]


def affine_planes(
    planes: Any, matrices: Any, mode: InterpolationMode, fill: Any, name: str, size: tuple[int, int] | None = None
) -> Any:
    """Return planes (..., C, H, W) under affine maps (1, 6), or (N, 6) for N images."""
    shape = planes.shape
    channels = shape[-3] if planes.ndim > 2 else 1
    images = planes.reshape(-1, channels, *shape[-2:])
    matrices = np.broadcast_to(np.asarray(matrices, np.float64), (len(images), 6))
    values = _fills(fill, planes, name)
    kind = images.dtype
    if kind.char not in "fdB":
        images = images.astype(np.float64 if kind.itemsize > 2 else np.float32)
    out = warp(images, matrices, size or shape[-2:], mode is InterpolationMode.BILINEAR, values)
    if kind.char not in "fdB":
        out = (np.rint(out) if kind.kind in "iub" else out).astype(kind)
    return out.reshape(*shape[:-2], *out.shape[-2:])


class Pad(Transform):
    """A border around the image.

    Args:
        padding: on all sides; (left and right, top and bottom); or (left, top, right, bottom).
        fill: the border's value, or one per channel.
        padding_mode: ``"constant"``, ``"edge"``, ``"reflect"`` or ``"symmetric"``.

    Raises:
        TypeError, ValueError: arguments that mean nothing.

    Source: ``torchvision.transforms.Pad``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.Pad((1, 0), fill=9)(torch.tensor([[[1, 2]]]))
        tensor([[[9, 1, 2, 9]]])
    """

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"Pad: Padding mode should be either constant, edge, reflect or symmetric; got {padding_mode!r}"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode
        self._sides = sides_of(padding, "Pad")

    def one(self, planes: Any) -> Any:
        """Return the planes with their border."""
        return pad_planes(planes, self._sides, self.fill, self.padding_mode, "Pad")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class CenterCrop(Transform):
    """The middle of the image; zeros around it, if it is smaller.

    Args:
        size: (height, width), or one number for both.

    Source: ``torchvision.transforms.CenterCrop``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.CenterCrop(1)(torch.arange(9).reshape(1, 3, 3))
        tensor([[[4]]])
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = pair(size, "CenterCrop")

    def one(self, planes: Any) -> Any:
        """Return the middle of the planes."""
        (h, w), (height, width) = planes.shape[-2:], self.size
        # The border goes around first, as in torchvision: what is odd is left over on the same side.
        sides = (
            (width - w) // 2 if width > w else 0,
            (height - h) // 2 if height > h else 0,
            (width - w + 1) // 2 if width > w else 0,
            (height - h + 1) // 2 if height > h else 0,
        )
        planes = pad_planes(planes, sides, 0, "constant", "CenterCrop")
        h, w = planes.shape[-2:]
        top, left = round((h - height) / 2.0), round((w - width) / 2.0)
        return crop_planes(planes, top, left, height, width)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Resize(Transform):
    """The image in another size.

    Args:
        size: (height, width); or one number for the shorter edge, the other one in proportion.
        interpolation: nearest, bilinear or bicubic.
        max_size: with one number, what the longer edge may become at most.
        antialias: smooth before making it smaller, so that no pixel is left out.

    Raises:
        ValueError: arguments that mean nothing.

    Source: ``torchvision.transforms.Resize``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.Resize(2)(torch.arange(16.0).reshape(1, 4, 4)).shape
        torch.Size([1, 2, 2])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = size
        both = pair(size, "Resize")
        self._edge = both[0] if isinstance(size, int) or len(size) == 1 else None
        self._both = both
        if max_size is not None and (self._edge is None or max_size <= self._edge):
            raise ValueError(
                f"Resize: max_size = {max_size} must be strictly greater than the requested size for the smaller edge "
                f"size = {size}, which must be one number"
            )
        self.max_size = max_size
        self.interpolation = interpolation_of(interpolation, "Resize")
        self.antialias = antialias

    def one(self, planes: Any) -> Any:
        """Return the planes in the new size."""
        return resize_planes(planes, self._size(*planes.shape[-2:]), self.interpolation, bool(self.antialias))

    def _size(self, h: int, w: int) -> tuple[int, int]:
        if self._edge is None:
            return self._both
        short, long = min(h, w), max(h, w)
        new_short, new_long = self._edge, int(self._edge * long / short)
        if self.max_size is not None and new_long > self.max_size:
            new_short, new_long = int(self.max_size * new_short / new_long), self.max_size
        return (new_short, new_long) if h <= w else (new_long, new_short)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )
