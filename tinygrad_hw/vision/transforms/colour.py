"""Transforms of colour: brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.kernels.hue import turn_hue
from tinygrad_hw.ops import random as draws
from tinygrad_hw.vision.transforms.images import Transform, bound_of, draw, own_generator

__all__ = ["ColorJitter", "Grayscale", "brightness", "contrast", "hue", "saturation"]

_LUMA = np.array([0.2989, 0.587, 0.114], np.float32)


def _channels(planes: Any, name: str) -> int:
    channels = planes.shape[-3] if planes.ndim > 2 else 1
    if channels not in (1, 3):
        raise TypeError(f"{name}: Input image tensor permitted channel values are 1 or 3, but found {channels}")
    return int(channels)


def _working(planes: Any) -> Any:
    return planes if planes.dtype in (np.float32, np.float64) else planes.astype(np.float32)


def _mixed(planes: Any, other: Any, factor: Any) -> Any:
    """Return factor * planes + (1 - factor) * other, within the levels there are."""
    x = _working(planes)
    factor = np.asarray(factor, x.dtype)
    out = factor * x + (1 - factor) * other
    np.clip(out, 0, bound_of(planes), out=out)
    return out.astype(planes.dtype, copy=False)


def _grey(planes: Any) -> Any:
    """Return (..., 1, H, W), the brightness as the eye sees it, of the working dtype."""
    x = _working(planes)
    if planes.shape[-3] == 1:
        return x
    r, g, b = (x[..., i : i + 1, :, :] for i in range(3))
    out = _LUMA[0] * r + _LUMA[1] * g + _LUMA[2] * b
    return np.floor(out) if planes.dtype.kind in "iu" else out


def brightness(planes: Any, factor: Any) -> Any:
    """Return planes (..., C, H, W) mixed with black."""
    return _mixed(planes, 0, factor)


def contrast(planes: Any, factor: Any) -> Any:
    """Return planes mixed with their own mean grey."""
    return _mixed(planes, _grey(planes).mean((-3, -2, -1), keepdims=True), factor)


def saturation(planes: Any, factor: Any) -> Any:
    """Return planes mixed with themselves in grey."""
    return planes if planes.shape[-3] == 1 else _mixed(planes, _grey(planes), factor)


def hue(planes: Any, shift: Any) -> Any:
    """Return planes with their colours turned around the colour circle by ``shift`` turns."""
    if planes.shape[-3] == 1:
        return planes
    whole = planes.dtype.kind in "iu"
    x = planes.astype(np.float32) / np.float32(bound_of(planes)) if whole else _working(planes)
    shifts = np.asarray(shift, np.float64)
    images = np.ascontiguousarray(x).reshape(-1, *x.shape[-3:])
    out = turn_hue(images, np.broadcast_to(shifts, (len(images),))).reshape(x.shape)
    if not whole:
        return out.astype(planes.dtype, copy=False)
    return (np.clip(out, 0, 1) * np.float32(bound_of(planes) + 1 - 1e-3)).astype(planes.dtype)


_ADJUST = (brightness, contrast, saturation, hue)


class ColorJitter(Transform):
    """The image with random brightness, contrast, saturation and hue, changed in a random order.

    Args:
        brightness: a factor's range (low, high), or one number b for (max(0, 1 - b), 1 + b); 0 for no change.
        contrast: likewise.
        saturation: likewise.
        hue: how far around the colour circle, in turns: (low, high) within -0.5 to 0.5, or one number.
        generator: see :class:`Compose`.

    Raises:
        ValueError, TypeError: arguments that mean nothing.

    Source: ``torchvision.transforms.ColorJitter``.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", center=0.0, bounds=(-0.5, 0.5))

    @staticmethod
    def _range(
        value: Any, name: str, center: float = 1.0, bounds: tuple[float, float] = (0.0, float("inf"))
    ) -> tuple[float, float] | None:
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"ColorJitter: If {name} is a single number, it must be non negative; got {value}")
            low, high = center - float(value), center + float(value)
            if center == 1.0:
                low = max(low, 0.0)
        elif isinstance(value, Sequence) and len(value) == 2:
            low, high = float(value[0]), float(value[1])
        else:
            raise TypeError(f"ColorJitter: {name} should be a single number or a sequence of length 2; got {value!r}")
        if not bounds[0] <= low <= high <= bounds[1]:
            raise ValueError(f"ColorJitter: {name} values should be between {bounds}, but got {[low, high]}")
        return None if low == high == center else (low, high)

    def _ranges(self) -> tuple[tuple[float, float] | None, ...]:
        return self.brightness, self.contrast, self.saturation, self.hue

    def one(self, planes: Any) -> Any:
        """Return the planes with other colours."""
        _channels(planes, "ColorJitter")
        planes = planes if planes.ndim > 2 else planes[None]
        g = own_generator(self.generator)
        order = draws.randperm(4, generator=g).tolist()
        factors = [None if r is None else draw.uniform(*r, g) for r in self._ranges()]
        for i in order:
            if factors[i] is not None:
                planes = _ADJUST[i](planes, factors[i])
        return planes

    def many(self, planes: Any) -> Any:
        """Return each image with other colours; the order of the changes is one for all."""
        _channels(planes, "ColorJitter")
        n, g = len(planes), own_generator(self.generator)
        order = draws.randperm(4, generator=g).tolist()
        for i in order:
            limits = self._ranges()[i]
            if limits is not None:
                factors = draw.uniforms(limits[0], limits[1], n, g)
                planes = _ADJUST[i](planes, factors if i == 3 else factors[:, None, None, None])
        return planes

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


class Grayscale(Transform):
    """The image in grey.

    Args:
        num_output_channels: 1, or 3 equal ones.

    Source: ``torchvision.transforms.Grayscale``.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        if num_output_channels not in (1, 3):
            raise ValueError(f"Grayscale: num_output_channels should be either 1 or 3; got {num_output_channels}")
        self.num_output_channels = num_output_channels

    def one(self, planes: Any) -> Any:
        """Return the planes in grey."""
        _channels(planes, "Grayscale")
        out = _grey(planes).astype(planes.dtype, copy=False)
        return np.repeat(out, self.num_output_channels, -3) if self.num_output_channels == 3 else out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"
