"""What a model sees: the form of its input, and images in that form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinygrad_hw.cli.errors import Failure
from tinygrad_hw.tensor import Tensor

__all__ = ["InputForm", "normalised"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class InputForm:
    """The size of images, and what is done to their pixels: (pixel / 255 - mean) / std, per channel."""

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return names and values, for a configuration file."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> InputForm:
        """Take over what a configuration file says.

        Raises:
            Failure: something is missing or makes no sense.
        """
        try:
            form = cls(
                int(values["channels"]),
                int(values["height"]),
                int(values["width"]),
                tuple(float(v) for v in values["mean"]),
                tuple(float(v) for v in values["std"]),
                tuple(str(v) for v in values["classes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(f"{where}: its table [input] is damaged: {error}") from None
        sizes = (form.channels, form.height, form.width)
        if min(sizes) < 1 or max(sizes) > 4096 or not len(form.mean) == len(form.std) == form.channels:
            raise Failure(f"{where}: its table [input] is damaged: {form.channels} channels, sizes {sizes}")
        if not form.classes or min(form.std) <= 0:
            raise Failure(f"{where}: its table [input] is damaged: classes {form.classes}, std {form.std}")
        return form


def normalised(pixels: Array, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return images (N, C, H, W) of bytes, or of numbers from 0 to 255, as a tensor of mean 0 and deviation 1."""
    x = pixels.astype(np.float32)
    x /= np.float32(255)
    for c, (m, s) in enumerate(zip(mean, std, strict=True)):
        x[:, c] -= np.float32(m)
        x[:, c] /= np.float32(s)
    return Tensor._wrap(x)
