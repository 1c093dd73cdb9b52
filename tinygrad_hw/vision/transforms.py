"""What is done to an image between the file and the network, with torchvision's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["Compose", "Lambda", "Normalize", "ToTensor"]


class Compose:
    """Several transforms, one after the other.

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

    def __repr__(self) -> str:
        return "\n    ".join([f"{type(self).__name__}(", *map(repr, self.transforms)]) + "\n)"


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
