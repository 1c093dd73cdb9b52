"""What all image data sets have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_hw.utils.data.dataset import Dataset
from tinygrad_hw.vision.download import md5_of
from tinygrad_hw.vision.idx import parse_idx, unpack

__all__ = ["DIGIT_CLASSES", "PublishedFile", "Transform", "VisionDataset", "read_published"]

Transform = Callable[[Any], Any]
DIGIT_CLASSES = [
    "0 - zero",
    "1 - one",
    "2 - two",
    "3 - three",
    "4 - four",
    "5 - five",
    "6 - six",
    "7 - seven",
    "8 - eight",
    "9 - nine",
]


class PublishedFile(NamedTuple):
    """A published file: its name without ``.gz``, its MD5 packed, and unpacked (None: not known)."""

    name: str
    packed_md5: str
    md5: str | None


def read_published(path: Path, file: PublishedFile, fix: str) -> bytes:
    """Return the unpacked content of a file on the disk, if it is the published one.

    Raises:
        RuntimeError: it is cut short, damaged or another file.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        if md5_of(content) == file.packed_md5:
            return unpack(content, str(path))
        # Not the published archive, but perhaps the published content, packed again.
        try:
            content = unpack(content, str(path))
        except RuntimeError as error:
            raise RuntimeError(f"{error}. {fix}") from error
    found = md5_of(content)
    if found == file.md5:
        return content
    if file.name.endswith("ubyte"):
        try:
            parse_idx(content, str(path))
        except RuntimeError as error:
            raise RuntimeError(f"{error}. {fix}") from error
    if file.md5 is None:
        return content
    raise RuntimeError(
        f"{path} has the wrong checksum: its content's MD5 is {found}, that of the published file is {file.md5}. {fix}"
    )


class VisionDataset(Dataset[tuple[Any, Any]]):
    """Base class of data sets of images: holds them and applies the transforms.

    A subclass sets ``data`` and ``targets``.

    Args:
        root: the folder of the files, or None if there is none.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.

    Attributes:
        data: the images, for most sets a uint8 tensor (N, H, W).
        targets: the labels, for most sets an int64 tensor (N,).
        classes: a name for each label.

    Source: ``torchvision.datasets.VisionDataset``.
    """

    classes: Any
    data: Any
    targets: Any

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root = None if root is None else os.path.expanduser(os.fspath(root))
        self.transform = transform
        self.target_transform = target_transform

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class's name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self.sample(index)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def sample(self, index: int) -> tuple[Any, Any]:
        """Return an image and its label, before the transforms."""
        return self.data.array[index], int(self.targets.array[index])

    def extra_repr(self) -> str:
        """Return what ``repr`` says of this data set in particular."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transform is not None or self.target_transform is not None:
            lines.append("StandardTransform")
            for title, transform in [
                ("Transform: ", self.transform),
                ("Target transform: ", self.target_transform),
            ]:
                if transform is not None:
                    first, *rest = repr(transform).splitlines()
                    lines += [title + first, *(" " * len(title) + line for line in rest)]
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])
