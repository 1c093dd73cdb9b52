"""The handwritten digits that come with the package."""

from __future__ import annotations

import io
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw.tensor import Tensor
from tinygrad_hw.vision.datasets.base import DIGIT_CLASSES, PublishedFile, Transform, VisionDataset, read_published
from tinygrad_hw.vision.idx import unpack

__all__ = ["Digits"]


class Digits(VisionDataset):
    """Handwritten digits of 8x8 pixels, bundled with the package: 1438 to train on, 359 to test on.

    The published grey levels 0 to 16 are spread over 0 to 255 and rounded, so that everything made
    for 8-bit images (``ToTensor``, ``/ 255``) fits; ``round(pixel / 255 * 16)`` gives them back.
    Over the whole set the mean is 0.3053 and the standard deviation 0.3760, as fractions of 255.

    The test set is, within each class and in the order of the file, the third of every five images: every
    class and every writer is in both parts, in proportion. An item is the image, an ndarray (8, 8)
    of uint8, and its label, an int.

    Args:
        root: a folder with ``digits.csv.gz`` or ``digits.csv``, to read instead of the bundled
            file.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.

    Raises:
        FileNotFoundError: ``root`` holds neither file.
        RuntimeError: the file is damaged.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
        Learning
        Repository (1998).

    Example:
        >>> from tinygrad_hw.vision.datasets import Digits
        >>> digits = Digits(train=False)
        >>> image, label = digits[0]
        >>> image.shape, image.dtype, label
        ((8, 8), dtype('uint8'), 0)
        >>> digits
        Dataset Digits
            Number of datapoints: 359
            Split: Test
    """

    classes = DIGIT_CLASSES
    file = PublishedFile("digits.csv", "9b335364a7bfd63947c7480a5bd51f2d", "a0339c30a8a5312a1b6f9e5c719dcce5")

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(root, transform, target_transform)
        self.train = train
        rows = np.loadtxt(io.BytesIO(self._content()), np.int64, delimiter=",")
        pixels, labels = rows[:, :64], rows[:, 64]
        part = self._is_test(labels) != train
        images = ((pixels[part] * 255 + 8) // 16).astype(np.uint8).reshape(-1, 8, 8)
        self.data = Tensor._wrap(images)
        self.targets = Tensor._wrap(labels[part])

    def _content(self) -> bytes:
        if self.root is None:
            bundled = resources.files("tinygrad_hw.vision").joinpath("data", "digits.csv.gz")
            return unpack(bundled.read_bytes(), "the bundled digits.csv.gz")
        for name in (self.file.name, self.file.name + ".gz"):
            path = Path(self.root, name)
            if path.exists():
                return read_published(path, self.file, "Leave out root to use the copy in the package")
        raise FileNotFoundError(
            f"Digits: neither digits.csv nor digits.csv.gz is in {self.root!r}. Leave out root to "
            "use the copy in the package"
        )

    @staticmethod
    def _is_test(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return a mask: the third of every five images of each class."""
        test = np.zeros(len(labels), bool)
        for label in range(10):
            test[np.flatnonzero(labels == label)[2::5]] = True
        return test

    def extra_repr(self) -> str:
        """Return which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"
