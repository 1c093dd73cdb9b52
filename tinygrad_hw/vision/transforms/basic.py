"""Chains of transforms, whole batches, and the way from an image to a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import stack
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["Batched", "Compose", "Lambda", "Normalize", "ToTensor"]


class Compose:
    """Several transforms, one after the other.

    Random ones take a ``generator``, the stream they draw from. By default it is the default one, or in a worker thread
    of a DataLoader the worker's (``get_worker_info().rng``).

    Args:
        transforms: functions of one image.

    Source: ``torchvision.transforms.Compose``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> to_input = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
        >>> to_input
        Compose(
            ToTensor()
            Normalize(mean=0.5, std=0.5)
        )
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Return the image after all transforms."""
        for transform in self.transforms:
            img = transform(img)
        return img

    def batch(self, imgs: Any) -> Any:
        """Return a batch of images after all transforms; see :class:`Batched`."""
        for transform in self.transforms:
            imgs = _batch(transform, imgs)
        return imgs

    def __repr__(self) -> str:
        return "\n    ".join([f"{type(self).__name__}(", *map(repr, self.transforms)]) + "\n)"


def _batch(transform: Callable[[Any], Any], imgs: Any) -> Any:
    """Apply a transform to a whole batch, image by image if it knows no better way."""
    whole = getattr(transform, "batch", None)
    if whole is not None:
        return whole(imgs)
    results = [transform(img) for img in imgs]
    if results and isinstance(results[0], Tensor):
        return stack(*results, dim=0)
    return np.stack(results)


class Batched:
    """A transform, or a :class:`Compose` of some, applied to a whole batch at once.

    Each image gets random numbers of its own, drawn and applied together: what takes a Python call per image otherwise
    takes one for all. The numbers are others than the single images' for the same seed; :class:`ColorJitter` takes one
    order of its changes for all images of a batch. A function that knows nothing of batches is called for each image.

    Args:
        transform: of one image.

    Shape:
        A tensor (N, C, H, W) or an ndarray (N, H, W) or (N, H, W, C), to what the transform makes of each.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> augment = transforms.Batched(
        ...     transforms.Compose(
        ...         [
        ...             transforms.RandomCrop(32, padding=4),
        ...             transforms.RandomHorizontalFlip(),
        ...             transforms.ToTensor(),
        ...             transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        ...         ]
        ...     )
        ... )
        >>> augment(np.zeros((64, 32, 32, 3), np.uint8)).shape
        torch.Size([64, 3, 32, 32])
    """

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self.transform = transform

    def __call__(self, imgs: Any) -> Any:
        """Return the batch after the transform."""
        return _batch(self.transform, imgs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transform!r})"


class ToTensor:
    r"""An image as a tensor, channels first; the 256 levels of a uint8 image become 0 to 1.

    :math:`y_{chw} = x_{hwc} / 255`

    An ndarray (H, W) or (H, W, C) of uint8 becomes a tensor (C, H, W) of the default dtype. Of
    another dtype, the values and the dtype stay as they are.

    Raises:
        TypeError: the image is no ndarray.
        ValueError: it has not 2 or 3 dimensions.

    Source: ``torchvision.transforms.ToTensor``.

    Example:
        >>> import numpy as np
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.ToTensor()(np.array([[0, 51], [102, 255]], np.uint8))
        tensor([[[0.0000, 0.2000],
                 [0.4000, 1.0000]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        """Return the image as a tensor."""
        if not isinstance(pic, np.ndarray | Tensor) and hasattr(pic, "__array_interface__"):
            pic = np.asarray(pic)  # an image of pillow's
        if not isinstance(pic, np.ndarray):
            hint = " (it is a tensor already)" if isinstance(pic, Tensor) else ""
            raise TypeError(
                f"ToTensor: pic should be an ndarray, got {type(pic).__name__}{hint}; "
                "use np.asarray(pic) for other images"
            )
        if pic.ndim not in (2, 3):
            raise ValueError(f"ToTensor: pic should be 2/3 dimensional, (H, W) or (H, W, C); got the shape {pic.shape}")
        planes = pic[None] if pic.ndim == 2 else pic.transpose(2, 0, 1)
        if planes.dtype != np.uint8:
            dtypes.from_numpy(planes.dtype)
            return Tensor._wrap(np.array(planes, order="C"))
        planes = np.ascontiguousarray(planes)
        return Tensor._wrap(np.divide(planes, 255, dtype=dtypes.get_default_dtype().numpy))

    def batch(self, imgs: Any) -> Tensor:
        """Return a batch of images (N, H, W) or (N, H, W, C) as a tensor (N, C, H, W)."""
        if isinstance(imgs, Tensor):
            # Batches that a DataLoader has stacked: images of uint8, their channels last or none.
            imgs = imgs.array
        if not isinstance(imgs, np.ndarray) or imgs.ndim not in (3, 4):
            raise ValueError("ToTensor: a batch should be an array (N, H, W) or (N, H, W, C)")
        planes = imgs[:, None] if imgs.ndim == 3 else imgs.transpose(0, 3, 1, 2)
        if planes.dtype != np.uint8:
            dtypes.from_numpy(planes.dtype)
            return Tensor._wrap(np.array(planes, order="C"))
        kind = dtypes.get_default_dtype().numpy
        out = np.empty(planes.shape, kind)
        # A division takes twice the time, but multiplying by 1/255 gives other last bits.
        np.divide(planes, 255, out=out, dtype=kind)
        return Tensor._wrap(out)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize(Module):
    r"""Shift and scale each channel: :math:`y_c = (x_c - \text{mean}_c) / \text{std}_c`.

    Args:
        mean: one number per channel, or one for all.
        std: likewise.
        inplace: write the result into the input.

    Shape:
        (..., C, H, W) of a floating point dtype, to the same.

    Raises:
        TypeError: the input is no floating point tensor.
        ValueError: it has fewer than 3 dimensions, or a ``std`` is zero.
        RuntimeError: there are neither one nor C means or deviations.

    Source: ``torchvision.transforms.Normalize``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.Normalize((0.5,), (0.25,))(torch.tensor([[[0.0, 0.5, 1.0]]]))
        tensor([[[-2.,  0.,  2.]]])
    """

    def __init__(
        self,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        inplace: bool = False,
    ) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Tensor) -> Tensor:
        """Return the normalised image or images."""
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"Normalize: img should be a Tensor image, got {type(tensor).__name__}; put ToTensor() before it"
            )
        if not tensor.is_floating_point():
            raise TypeError(
                f"Normalize: the input should be a float tensor, got {tensor.dtype}; put "
                "ToTensor() before it, or use .float()"
            )
        if tensor.ndim < 3:
            raise ValueError(f"Normalize: expected an image of shape (..., C, H, W), got {tuple(tensor.shape)}")
        mean = self._per_channel("mean", self.mean, tensor)
        std = self._per_channel("std", self.std, tensor)
        if (std.array == 0).any():
            raise ValueError(f"Normalize: std is zero after conversion to {tensor.dtype}; it would divide by zero")
        shifted: Tensor = tensor.sub_(mean) if self.inplace else tensor.sub(mean)
        result: Tensor = shifted.div_(std)
        return result

    def batch(self, imgs: Tensor) -> Tensor:
        """Return the normalised images; as for one image."""
        return self.forward(imgs)

    @staticmethod
    def _per_channel(name: str, values: float | Sequence[float], image: Tensor) -> Tensor:
        """Return (C, 1, 1), or (1, 1, 1) for all channels, of the image's dtype."""
        array = np.array(values, image.array.dtype).reshape(-1, 1, 1)
        channels = image.array.shape[-3]
        if len(array) not in (1, channels):
            raise RuntimeError(
                f"Normalize: {name} has {len(array)} numbers, the image {channels} channels "
                f"(shape {tuple(image.shape)}); give one number, or one per channel"
            )
        return Tensor._wrap(array)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Lambda:
    """Any function of one image as a transform.

    Args:
        lambd: the function.

    Raises:
        TypeError: it cannot be called.

    Source: ``torchvision.transforms.Lambda``.

    Example:
        >>> from tinygrad_hw.vision import transforms
        >>> transforms.Lambda(lambda image: image[::-1])([1, 2, 3])
        [3, 2, 1]
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: the argument should be callable, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """Return what the function makes of the image."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
