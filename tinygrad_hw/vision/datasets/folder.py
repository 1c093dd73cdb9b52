"""Images in folders, one folder per class."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.vision.datasets.base import Transform, VisionDataset

__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path: str) -> np.ndarray[Any, Any]:
    """Return an image file as an ndarray (H, W, 3) of uint8.

    Raises:
        ImportError: pillow is not installed.
        RuntimeError: the file is no image, is damaged, or claims a size that would fill the memory.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("image files need the pillow package: pip install 'tinygrad-hw[images]'") from error
    try:
        with open(path, "rb") as file, Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError) as error:
        raise RuntimeError(f"{path} cannot be read as an image: {error}") from error


class DatasetFolder(VisionDataset):
    """Files of any kind in folders, one folder per class: ``root/dog/1.ext``, ``root/cat/sub/2.ext``.

    Args:
        root: the folder of the classes' folders.
        loader: reads a file, given its path.
        extensions: of the files to read, in lower case; not together with ``is_valid_file``.
        transform: applied to each sample when it is read.
        target_transform: applied to each label when it is read.
        is_valid_file: says of a path whether to read it.
        allow_empty: whether a class may have no files.

    Attributes:
        classes: the names of the classes' folders, sorted.
        class_to_idx: the label of each.
        samples: (path, label) pairs, sorted by class and path.
        targets: the labels.

    Raises:
        FileNotFoundError: there are no classes, or one without files.
        ValueError: both ``extensions`` and ``is_valid_file``, or neither.

    Source: ``torchvision.datasets.DatasetFolder``.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform, target_transform)
        assert self.root is not None
        self.loader = loader
        self.extensions = extensions
        self.classes, self._indices = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self._indices, extensions, is_valid_file, allow_empty)
        self.targets = [label for _, label in self.samples]

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class's name."""
        return self._indices

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Return the names of the classes, and their labels; may be overridden.

        Raises:
            FileNotFoundError: there are no folders.
        """
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not classes:
            raise FileNotFoundError(
                f"Couldn't find any class folder in {directory}. The images of each class stand in a folder of its "
                "name: root/dog/1.png"
            )
        return classes, {name: i for i, name in enumerate(classes)}

    @staticmethod
    def make_dataset(
        directory: str | os.PathLike[str],
        class_to_idx: dict[str, int],
        extensions: Sequence[str] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """Return the (path, label) pairs of all files; may be overridden."""
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
        if extensions is not None:
            endings = (extensions,) if isinstance(extensions, str) else tuple(extensions)

            def is_valid_file(path: str) -> bool:
                return path.lower().endswith(endings)

        assert is_valid_file is not None
        found: list[tuple[str, int]] = []
        empty = []
        for name in sorted(class_to_idx):
            before = len(found)
            for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
                paths = (os.path.join(folder, file) for file in sorted(files))
                found += [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]
            if len(found) == before:
                empty.append(name)
        if empty and not allow_empty:
            ends = "" if extensions is None else f" Supported extensions are: {', '.join(endings)}"
            raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}.{ends}")
        return found

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int) -> tuple[Any, Any]:
        """Return what the loader makes of a file, and its label, before the transforms."""
        path, target = self.samples[index]
        return self.loader(path), target


class ImageFolder(DatasetFolder):
    """Image files in folders, one folder per class: ``root/dog/1.png``, ``root/cat/2.jpg``.

    An item is the image, an ndarray (H, W, 3) of uint8, and its label, an int.

    Args:
        root: the folder of the classes' folders.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        loader: reads a file, given its path; needs pillow by default.
        is_valid_file: says of a path whether to read it; by default, whether it ends as image files do.
        allow_empty: whether a class may have no files.

    Attributes:
        imgs: the same as ``samples``: (path, label) pairs.

    Raises:
        FileNotFoundError: there are no classes, or one without images.

    Source: ``torchvision.datasets.ImageFolder``.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
