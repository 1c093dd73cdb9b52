"""Transforms by chance: crops, flips, rotations, affine maps, erasing. The same seed draws what torchvision draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.ops import random as draws
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.vision.transforms.geometry import (
    InterpolationMode,
    affine_planes,
    interpolation_of,
    inverse_affine,
    pad_planes,
    sides_of,
)
from tinygrad_hw.vision.transforms.images import Images, Transform, draw, own_generator, pair

__all__ = [
    "Cutout",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
]

_NEAR_OR_MIXED = (InterpolationMode.NEAREST, InterpolationMode.BILINEAR)


def _probability(p: float, name: str) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p should be a probability between 0 and 1; got {p}")
    return p


def _range(value: Any, name: str, what: str) -> list[float]:
    """Return [low, high] of a number (low = -number) or of a pair."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"{name}: If {what} is a single number, it must be positive; got {value}")
        return [float(-value), float(value)]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name}: {what} should be a sequence of length 2; got {type(value).__name__}")
    if len(value) != 2:
        raise ValueError(f"{name}: {what} should be a sequence of length 2; got {len(value)} numbers")
    return [float(v) for v in value]


class RandomCrop(Transform):
    """A part of the image, at a random place.

    Args:
        size: (height, width), or one number for both.
        padding: a border that goes around the image first: one number, two, or four; see :class:`Pad`.
        pad_if_needed: also make a border where the image is smaller than ``size``.
        fill: the border's value.
        padding_mode: see :class:`Pad`.
        generator: see :class:`Compose`.

    Raises:
        ValueError: (when called) the image is smaller than ``size``.

    Source: ``torchvision.transforms.RandomCrop``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.RandomCrop(28, padding=4)(torch.zeros(1, 28, 28)).shape
        torch.Size([1, 28, 28])
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.size = pair(size, "RandomCrop")
        self.padding = padding
        self._sides = None if padding is None else sides_of(padding, "RandomCrop")
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    def _bordered(self, planes: Any) -> Any:
        if self._sides is not None:
            planes = pad_planes(planes, self._sides, self.fill, self.padding_mode, "RandomCrop")
        (h, w), (height, width) = planes.shape[-2:], self.size
        if self.pad_if_needed:
            if w < width:
                planes = pad_planes(planes, (width - w, 0, width - w, 0), self.fill, self.padding_mode, "RandomCrop")
            if h < height:
                planes = pad_planes(planes, (0, height - h, 0, height - h), self.fill, self.padding_mode, "RandomCrop")
            h, w = planes.shape[-2:]
        if h < height or w < width:
            raise ValueError(
                f"Required crop size {self.size} is larger than input image size {(h, w)}; pass padding or "
                "pad_if_needed=True"
            )
        return planes

    def one(self, planes: Any) -> Any:
        """Return a random part of the planes."""
        planes = self._bordered(planes)
        (h, w), (height, width) = planes.shape[-2:], self.size
        if (h, w) == (height, width):
            return planes
        g = own_generator(self.generator)
        top = draw.integer(0, h - height + 1, g)
        left = draw.integer(0, w - width + 1, g)
        return planes[..., top : top + height, left : left + width]

    def many(self, planes: Any) -> Any:
        """Return a random part of each image."""
        padded = self._bordered(planes)
        (n, c, h, w), (height, width) = padded.shape, self.size
        g = own_generator(self.generator)
        tops, lefts = draw.integers(h - height + 1, n, g).tolist(), draw.integers(w - width + 1, n, g).tolist()
        # Laid out as the input is: an image's bytes are copied in long runs.
        out = np.empty_like(planes, shape=(n, c, height, width))
        for i in range(n):
            top, left = tops[i], lefts[i]
            out[i] = padded[i, :, top : top + height, left : left + width]
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class _Flip(Transform):
    """An image and its mirror image."""

    axis: int

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__(generator)
        self.p = _probability(p, type(self).__name__)

    def one(self, planes: Any) -> Any:
        """Return the planes, or their mirror image."""
        flip = draws.rand(1, generator=own_generator(self.generator)).item() < self.p
        return np.flip(planes, self.axis) if flip else planes

    def many(self, planes: Any) -> Any:
        """Return each image or its mirror image."""
        chosen = np.flatnonzero(draw.uniforms(0, 1, len(planes), own_generator(self.generator)) < self.p)
        out = planes.copy(order="K")
        out[chosen] = np.flip(planes[chosen], self.axis)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Flip):
    """The image, or with probability ``p`` its mirror image, left for right.

    Args:
        p: the probability.
        generator: see :class:`Compose`.

    Source: ``torchvision.transforms.RandomHorizontalFlip``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.RandomHorizontalFlip(p=1)(torch.tensor([[[1, 2]]]))
        tensor([[[2, 1]]])
    """

    axis = -1


class RandomVerticalFlip(_Flip):
    """The image, or with probability ``p`` its mirror image, top for bottom.

    Args:
        p: the probability.
        generator: see :class:`Compose`.

    Source: ``torchvision.transforms.RandomVerticalFlip``.
    """

    axis = -2


class RandomRotation(Transform):
    """The image, turned by a random angle around its middle.

    Args:
        degrees: the range of angles, counter-clockwise: (low, high), or one number for (-number, number).
        interpolation: nearest or bilinear.
        expand: make the result so large that all of the image is in it.
        center: to turn around: (x, y) in pixels from the left upper corner.
        fill: what stands outside of the image: a number, or one per channel.
        generator: see :class:`Compose`.

    Raises:
        ValueError, TypeError: arguments that mean nothing.

    Source: ``torchvision.transforms.RandomRotation``.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.degrees = _range(degrees, "RandomRotation", "degrees")
        self.interpolation = interpolation_of(interpolation, "RandomRotation", _NEAR_OR_MIXED)
        self.expand = expand
        self.center = center
        self.fill = fill

    def _matrix(self, angle: float, h: int, w: int) -> list[float]:
        center = (0.0, 0.0)
        if self.center is not None:
            center = (self.center[0] - 0.5 * w, self.center[1] - 0.5 * h)
        return inverse_affine(-angle, (0, 0), 1.0, (0, 0), center)

    def one(self, planes: Any) -> Any:
        """Return the turned planes."""
        h, w = planes.shape[-2:]
        angle = draw.uniform(self.degrees[0], self.degrees[1], own_generator(self.generator))
        matrix = self._matrix(angle, h, w)
        size = None
        if self.expand:
            # How far the corners reach; a little less, for what rounding has added.
            corners = np.array([[x, y, 1] for x in (-0.5 * w, 0.5 * w) for y in (-0.5 * h, 0.5 * h)], np.float32)
            reach = corners @ np.array(matrix, np.float32).reshape(2, 3).T + np.array([w / 2, h / 2], np.float32)
            high, low = (np.trunc(edge / 1e-4) * 1e-4 for edge in (reach.max(0), reach.min(0)))
            width, height = np.ceil(high) - np.floor(low)
            size = (int(height), int(width))
        return affine_planes(planes, matrix, self.interpolation, self.fill, "RandomRotation", size)

    def many(self, planes: Any) -> Any:
        """Return each image, turned by an angle of its own."""
        if self.expand:
            raise ValueError("RandomRotation: with expand=True the images of a batch would have different sizes")
        angles = draw.uniforms(self.degrees[0], self.degrees[1], len(planes), own_generator(self.generator))
        matrices = [self._matrix(angle, *planes.shape[-2:]) for angle in angles.tolist()]
        return affine_planes(planes, matrices, self.interpolation, self.fill, "RandomRotation")

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine(Transform):
    """The image, turned, moved, scaled and sheared at random, around its middle.

    Args:
        degrees: the range of angles, clockwise: (low, high), or one number for (-number, number); 0 for none.
        translate: how far at most, as fractions (of the width, of the height); not at all if None.
        scale: the range of factors; 1 if None.
        shear: a range of angles in degrees along x: one number or two; four, for x and y; 0 if None.
        interpolation: nearest or bilinear.
        fill: what stands outside of the image: a number, or one per channel.
        center: of the rotation: (x, y) in pixels from the left upper corner.
        generator: see :class:`Compose`.

    Raises:
        ValueError, TypeError: arguments that mean nothing.

    Source: ``torchvision.transforms.RandomAffine``.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.degrees = _range(degrees, "RandomAffine", "degrees")
        if translate is not None and (len(translate) != 2 or not all(0 <= t <= 1 for t in translate)):
            raise ValueError(f"RandomAffine: translation values should be two between 0 and 1; got {translate}")
        if scale is not None and (len(scale) != 2 or not all(s > 0 for s in scale)):
            raise ValueError(f"RandomAffine: scale values should be two positive numbers; got {scale}")
        self.translate = translate
        self.scale = scale
        self.shear: list[float] | None = None
        if isinstance(shear, Sequence) and len(shear) == 4:
            self.shear = [float(s) for s in shear]
        elif shear is not None:
            self.shear = _range(shear, "RandomAffine", "shear")
        self.interpolation = interpolation_of(interpolation, "RandomAffine", _NEAR_OR_MIXED)
        self.fill = fill
        self.center = center

    def _center(self, h: int, w: int) -> tuple[float, float]:
        if self.center is None:
            return 0.0, 0.0
        return self.center[0] - 0.5 * w, self.center[1] - 0.5 * h

    def one(self, planes: Any) -> Any:
        """Return the mapped planes."""
        (h, w), g = planes.shape[-2:], own_generator(self.generator)
        angle = draw.uniform(self.degrees[0], self.degrees[1], g)
        moved = [0, 0]
        if self.translate is not None:
            moved = [round(draw.uniform(-t * n, t * n, g)) for t, n in zip(self.translate, (w, h), strict=True)]
        scale = 1.0 if self.scale is None else draw.uniform(self.scale[0], self.scale[1], g)
        shear = [0.0, 0.0]
        if self.shear is not None:
            shear[0] = draw.uniform(self.shear[0], self.shear[1], g)
            if len(self.shear) == 4:
                shear[1] = draw.uniform(self.shear[2], self.shear[3], g)
        matrix = inverse_affine(angle, moved, scale, shear, self._center(h, w))
        return affine_planes(planes, matrix, self.interpolation, self.fill, "RandomAffine")

    def many(self, planes: Any) -> Any:
        """Return each image, mapped in its own way."""
        (n, _, h, w), g = planes.shape, own_generator(self.generator)

        def between(low: float, high: float) -> Any:
            return draw.uniforms(low, high, n, g)

        angles, zeros = between(self.degrees[0], self.degrees[1]), np.zeros(n)
        moved = [zeros, zeros]
        if self.translate is not None:
            moved = [np.rint(between(-t * k, t * k)) for t, k in zip(self.translate, (w, h), strict=True)]
        scales = np.ones(n) if self.scale is None else between(self.scale[0], self.scale[1])
        shears = [zeros, zeros]
        if self.shear is not None:
            shears[0] = between(self.shear[0], self.shear[1])
            if len(self.shear) == 4:
                shears[1] = between(self.shear[2], self.shear[3])
        center = self._center(h, w)
        rows = zip(angles, *moved, scales, *shears, strict=True)
        matrices = [inverse_affine(a, (x, y), s, (p, q), center) for a, x, y, s, p, q in rows]
        return affine_planes(planes, matrices, self.interpolation, self.fill, "RandomAffine")

    def __repr__(self) -> str:
        parts = [f"degrees={self.degrees}"]
        parts += [f"{n}={getattr(self, n)}" for n in ("translate", "scale", "shear") if getattr(self, n) is not None]
        if self.interpolation is not InterpolationMode.NEAREST:
            parts.append(f"interpolation={self.interpolation.value}")
        if self.fill != 0:
            parts.append(f"fill={self.fill}")
        if self.center is not None:
            parts.append(f"center={self.center}")
        return f"{type(self).__name__}({', '.join(parts)})"


class RandomErasing(Transform):
    """The image with, by chance, a random rectangle wiped out.

    Args:
        p: the probability.
        scale: the range of the rectangle's share of the area.
        ratio: the range of its height over its width.
        value: what is put there: a number, one per channel, or ``"random"`` for noise of N(0, 1).
        inplace: write into the tensor that is given.
        generator: see :class:`Compose`.

    Raises:
        TypeError, ValueError: arguments that mean nothing.

    Source: ``torchvision.transforms.RandomErasing``; Z. Zhong and others, "Random Erasing Data Augmentation" (2017).
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | str | Sequence[float] = 0,
        inplace: bool = False,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        if isinstance(value, str) and value != "random":
            raise ValueError(f"RandomErasing: If value is str, it should be 'random'; got {value!r}")
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("RandomErasing: Argument value should be either a number or str or a sequence")
        if not isinstance(scale, Sequence) or not isinstance(ratio, Sequence):
            raise TypeError("RandomErasing: scale and ratio should be sequences")
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(f"RandomErasing: Scale should be between 0 and 1, and (min, max); got {scale}")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"RandomErasing: ratio should be positive, and (min, max); got {ratio}")
        self.p = _probability(p, "RandomErasing")
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    def __call__(self, img: Any) -> Any:
        """Return the image, or a copy with a rectangle wiped out."""
        images = Images.of(img, "RandomErasing")
        if draws.rand(1, generator=own_generator(self.generator)).item() >= self.p:
            return img
        planes = images.planes
        if not self.inplace or not planes.flags.writeable:
            planes = planes.copy(order="K")
        self._erase(planes)
        return img if planes is images.planes else images.back(planes)

    def many(self, planes: Any) -> Any:
        """Return each image, by chance with a rectangle wiped out."""
        out = planes.copy(order="K")
        g = own_generator(self.generator)
        for i in np.flatnonzero(draw.uniforms(0, 1, len(planes), g) < self.p).tolist():
            self._erase(out[i])
        return out

    def _erase(self, planes: Any) -> None:
        """Wipe out a rectangle, if one of ten random ones fits."""
        g = own_generator(self.generator)
        channels = planes.shape[-3] if planes.ndim > 2 else 1
        h, w = planes.shape[-2:]
        values = None if self.value == "random" else np.atleast_1d(np.asarray(self.value, np.float64))
        if values is not None and values.shape not in ((1,), (channels,)):
            raise ValueError(
                f"RandomErasing: If value is a sequence, it should have either a single value or {channels} (number of "
                f"input channels); got {values.size}"
            )
        low, high = (float(v) for v in np.log(np.asarray(self.ratio, np.float32)))
        for _ in range(10):
            area = h * w * draw.uniform(self.scale[0], self.scale[1], g)
            # In single precision, as PyTorch: a rounding error could change a size.
            ratio = float(np.exp(np.float32(draw.uniform(low, high, g))))
            height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if not (height < h and width < w):
                continue
            if values is None:
                noise = Tensor._wrap(np.empty((channels, height, width), np.float32)).normal_(generator=g).array
            else:
                noise = np.broadcast_to(values[:, None, None], (channels, height, width))
            top, left = draw.integer(0, h - height + 1, g), draw.integer(0, w - width + 1, g)
            place = planes[..., top : top + height, left : left + width]
            place[...] = (noise if planes.ndim > 2 else noise[0]).astype(planes.dtype)
            return

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )


class Cutout(Transform):
    """The image with square holes at random places, which may reach over its edges.

    Args:
        size: of a hole's side.
        holes: how many.
        fill: what is put there.
        generator: see :class:`Compose`.

    Raises:
        ValueError: ``size`` or ``holes`` is not positive.

    Source: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017).

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> bool((transforms.Cutout(3)(torch.ones(1, 8, 8)) == 0).any())
        True
    """

    def __init__(self, size: int, holes: int = 1, fill: float = 0, *, generator: Generator | None = None) -> None:
        super().__init__(generator)
        if size < 1 or holes < 1:
            raise ValueError(f"Cutout: size and holes should be positive; got {size} and {holes}")
        self.size = size
        self.holes = holes
        self.fill = fill

    def one(self, planes: Any) -> Any:
        """Return the planes with holes."""
        out = planes.copy(order="K")
        g = own_generator(self.generator)
        for _ in range(self.holes):
            self._cut(out, draw.integer(0, out.shape[-2], g), draw.integer(0, out.shape[-1], g))
        return out

    def many(self, planes: Any) -> Any:
        """Return each image with holes of its own."""
        out = planes.copy(order="K")
        n, g = len(out), own_generator(self.generator)
        for _ in range(self.holes):
            rows, columns = draw.integers(out.shape[-2], n, g).tolist(), draw.integers(out.shape[-1], n, g).tolist()
            for i in range(n):
                self._cut(out[i], rows[i], columns[i])
        return out

    def _cut(self, planes: Any, row: int, column: int) -> None:
        top, left = row - self.size // 2, column - self.size // 2
        planes[..., max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.fill

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, holes={self.holes}, fill={self.fill})"
