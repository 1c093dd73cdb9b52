"""Images in their two forms, as planes: what the transforms compute on.

An ndarray is (H, W) or (H, W, C), as files and data sets give images; a tensor is (..., C, H, W). Both are seen as an
array (..., C, H, W), and the result goes back into the form that came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.ops import random as draws
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.utils.data.worker import get_worker_info

__all__ = ["Images", "Transform", "bound_of", "draw", "own_generator", "pair"]


class Images:
    """One image or a batch of them.

    Attributes:
        planes: (..., C, H, W), a view of what came where that is possible.
        form: ``"tensor"``, ``"grey"`` for (..., H, W) or ``"colour"`` for (..., H, W, C).
    """

    __slots__ = ("form", "planes")

    def __init__(self, planes: Any, form: str) -> None:
        self.planes = planes
        self.form = form

    @staticmethod
    def of(value: Any, name: str, batch: bool = False) -> Images:
        """Look at an image, or at a batch of images of one size.

        Args:
            value: a tensor, an ndarray, or an image that numpy understands.
            name: of the transform, for errors.
            batch: whether there is a first dimension of images.

        Raises:
            TypeError: it is no image.
            ValueError: it has too few or too many dimensions.
        """
        more = 1 if batch else 0
        if isinstance(value, Tensor):
            array = value.array
            if array.ndim < 2 + more or (batch and array.ndim != 4):
                wanted = "(N, C, H, W)" if batch else "(..., H, W)"
                raise ValueError(f"{name}: expected a tensor {wanted}, got {tuple(array.shape)}")
            return Images(array, "tensor")
        if not isinstance(value, np.ndarray):
            if not hasattr(value, "__array_interface__"):
                raise TypeError(
                    f"{name}: img should be a tensor (..., C, H, W) or an ndarray (H, W) or (H, W, C); got "
                    f"{type(value).__name__}"
                )
            value = np.asarray(value)
        if value.ndim == 2 + more:
            return Images(np.expand_dims(value, -3), "grey")
        if value.ndim == 3 + more:
            return Images(np.moveaxis(value, -1, -3), "colour")
        wanted = "(N, H, W) or (N, H, W, C)" if batch else "(H, W) or (H, W, C)"
        raise ValueError(f"{name}: expected an ndarray {wanted}, got the shape {value.shape}")

    def back(self, planes: Any) -> Any:
        """Return ``planes`` in the form that came."""
        if self.form == "tensor":
            return Tensor._wrap(np.ascontiguousarray(planes))
        if self.form == "grey" and planes.shape[-3] == 1:
            return np.ascontiguousarray(np.squeeze(planes, -3))
        return np.ascontiguousarray(np.moveaxis(planes, -3, -1))


class Transform:
    """Base class: a transform of one image, and of a whole batch at once.

    A subclass overrides :meth:`one`, and :meth:`many` if each image of a batch gets random numbers of its own.

    Args:
        generator: the stream of its random numbers; by default that of the worker thread it runs in, or the default
            one.
    """

    def __init__(self, generator: Generator | None = None) -> None:
        self.generator = generator

    def __call__(self, img: Any) -> Any:
        """Return the transformed image."""
        images = Images.of(img, type(self).__name__)
        return images.back(self.one(images.planes))

    def batch(self, imgs: Any) -> Any:
        """Return a batch (N, C, H, W), (N, H, W) or (N, H, W, C) of transformed images."""
        images = Images.of(imgs, type(self).__name__, batch=True)
        return images.back(self.many(images.planes))

    def one(self, planes: Any) -> Any:
        """Return planes (..., C, H, W), transformed."""
        raise NotImplementedError

    def many(self, planes: Any) -> Any:
        """Return planes (N, C, H, W), each transformed; the same for all unless overridden."""
        return self.one(planes)


def own_generator(generator: Generator | None) -> Generator | None:
    """Return the stream to draw from: the given one, that of the worker thread, or None for the default one."""
    if generator is not None:
        return generator
    info = get_worker_info()
    return None if info is None else info.rng


class draw:
    """Random numbers as PyTorch draws them, one at a time for an image, all at once for a batch."""

    @staticmethod
    def uniform(low: float, high: float, generator: Generator | None) -> float:
        """Return a number in [low, high)."""
        return float(
            Tensor._wrap(np.empty(1, np.float32)).uniform_(float(low), float(high), generator=generator).item()
        )

    @staticmethod
    def integer(low: int, high: int, generator: Generator | None) -> int:
        """Return an integer in [low, high)."""
        return int(draws.randint(low, high, (1,), generator=generator).item())

    @staticmethod
    def uniforms(low: float, high: float, n: int, generator: Generator | None) -> Any:
        """Return n numbers in [low, high), float64."""
        return draws.rand(n, generator=generator).array.astype(np.float64) * (high - low) + low

    @staticmethod
    def integers(high: Any, n: int, generator: Generator | None) -> Any:
        """Return n integers, each in [0, high); high may be (n,)."""
        return np.minimum(np.floor(draw.uniforms(0, 1, n, generator) * high), np.asarray(high) - 1).astype(np.intp)


def bound_of(planes: Any) -> Any:
    """Return the brightest level: 1 for floating point images, the largest integer for others."""
    return 1.0 if planes.dtype.kind == "f" else int(np.iinfo(planes.dtype).max) if planes.dtype.kind in "iu" else 1


def pair(value: Any, name: str, check: Callable[[Any], bool] = lambda v: v > 0) -> tuple[int, int]:
    """Return (height, width) of an int or a sequence of one or two.

    Raises:
        TypeError, ValueError: it is something else.
    """
    values = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if isinstance(value, Sequence) and len(values) == 1:
        values = values * 2
    if len(values) != 2:
        raise ValueError(f"{name}: Please provide only two dimensions (h, w) for size; got {value}")
    if not all(isinstance(v, (int, np.integer)) and check(v) for v in values):
        raise ValueError(f"{name}: the size should be positive integers; got {value}")
    return int(values[0]), int(values[1])
