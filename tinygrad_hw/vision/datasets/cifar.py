"""CIFAR-10 and CIFAR-100, in the form of Python pickles in which they are published."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.serialization.unpickler import NUMPY_NAMES, PLAIN_NAMES, restricted_loads
from tinygrad_hw.vision.datasets.base import Transform, VisionDataset
from tinygrad_hw.vision.download import download_file, md5_of

__all__ = ["CIFAR10", "CIFAR100"]

_NAMES = {**PLAIN_NAMES, **NUMPY_NAMES}
_FIX = "Remove it and pass download=True to fetch it again"


class CIFAR10(VisionDataset):
    """Small colour photographs of 32x32 pixels in 10 classes: 50000 to train on, 10000 to test on.

    The files are looked for in ``root/cifar-10-batches-py`` and in ``root`` itself; their checksums are compared with
    those of the published files. They are Python pickles, and are read without executing anything: whatever is not a
    number, a text, a list, a dictionary or a numpy array is refused. An item is the image, an ndarray (32, 32, 3) of
    uint8, and its label, an int.

    Args:
        root: the folder that holds the folder of the files.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        download: fetch and unpack the files into ``root`` first, if one is missing or damaged.
        batches: which of the five training batches to read; all must be there by default.

    Attributes:
        data: the images, an ndarray (N, 32, 32, 3) of uint8.
        targets: the labels, a list of int.
        classes: their names.

    Raises:
        FileNotFoundError: a file is missing.
        RuntimeError: a file is damaged or another one, or could not be downloaded.
        ValueError: ``batches`` names a batch that does not exist.

    Source: ``torchvision.datasets.CIFAR10``; A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
        technical report, University of Toronto, 2009.
    """

    base_folder: ClassVar[str] = "cifar-10-batches-py"
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://www.cs.toronto.edu/~kriz/",
        "https://ossci-datasets.s3.amazonaws.com/",
    )
    filename: ClassVar[str] = "cifar-10-python.tar.gz"
    tgz_md5: ClassVar[str] = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[list[list[str]]] = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list: ClassVar[list[list[str]]] = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }
    _labels: ClassVar[bytes] = b"labels"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
        *,
        batches: Sequence[int] | None = None,
    ) -> None:
        super().__init__(root, transform, target_transform)
        self.train = train
        files = self.train_list if train else self.test_list
        if batches is not None:
            unknown = [b for b in batches if not 1 <= b <= len(self.train_list)]
            if unknown or not train or len(set(batches)) != len(list(batches)):
                raise ValueError(
                    f"{type(self).__name__}: batches={tuple(batches)} with train={train}; name each of the training "
                    f"batches 1 to {len(self.train_list)} at most once"
                )
            files = [self.train_list[b - 1] for b in batches]
        self.batches = None if batches is None else tuple(batches)
        if download:
            self.download()
        images, self.targets = [], []
        for name, md5 in files:
            pixels, labels = self._read_batch(name, md5)
            images.append(pixels)
            self.targets += labels
        self.data = np.concatenate(images) if images else np.empty((0, 32, 32, 3), np.uint8)
        self.classes = self._read_classes()

    def sample(self, index: int) -> tuple[Any, Any]:
        """Return an image and its label, before the transforms."""
        return self.data[index], self.targets[index]

    def _path(self, name: str) -> Path:
        """Return where a file is.

        Raises:
            FileNotFoundError: it is nowhere.
        """
        assert self.root is not None
        folders = (Path(self.root, self.base_folder), Path(self.root))
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        some = ""
        if name.startswith("data_batch"):
            here = [i + 1 for i, (n, _) in enumerate(self.train_list) if any((f / n).exists() for f in folders)]
            if here:
                some = f", or batches={tuple(here)} to be content with those that are there"
        raise FileNotFoundError(
            f"{type(self).__name__}: {name} is neither in {str(folders[0])!r} nor in {str(folders[1])!r}. Pass "
            f"download=True to fetch it{some}"
        )

    def _read(self, name: str, md5: str) -> dict[Any, Any]:
        """Return the dictionary in a file, if it is the published one.

        Raises:
            FileNotFoundError: there is no such file.
            RuntimeError: it is damaged or another one.
        """
        path = self._path(name)
        content = path.read_bytes()
        found = md5_of(content)
        if found != md5:
            raise RuntimeError(
                f"{path} has the wrong checksum: its MD5 is {found}, that of the published file is {md5}. {_FIX}"
            )
        try:
            entry = restricted_loads(content, _NAMES, source=str(path), encoding="bytes")
        except UnpicklingError as error:
            raise RuntimeError(f"{error}. {_FIX}") from error
        if not isinstance(entry, dict):
            raise RuntimeError(f"{path} holds a {type(entry).__name__}, not a dictionary. {_FIX}")
        return entry

    def _read_batch(self, name: str, md5: str) -> tuple[np.ndarray[Any, Any], list[int]]:
        entry = self._read(name, md5)
        pixels, labels = entry.get(b"data"), entry.get(self._labels)
        if (
            not isinstance(pixels, np.ndarray)
            or pixels.dtype != np.uint8
            or pixels.ndim != 2
            or pixels.shape[1] != 3 * 32 * 32
            or not isinstance(labels, list)
            or len(labels) != len(pixels)
            or not all(isinstance(label, int) for label in labels)
        ):
            raise RuntimeError(f"{self._path(name)} is no batch of images and labels. {_FIX}")
        # Published as three planes a row; stored with the channels last, as images are everywhere else.
        return np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels

    def _read_classes(self) -> list[str]:
        names = self._read(self.meta["filename"], self.meta["md5"]).get(self.meta["key"].encode())
        if not isinstance(names, list):
            raise RuntimeError(f"{self._path(self.meta['filename'])} holds no names of classes. {_FIX}")
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]

    def download(self) -> None:
        """Fetch the archive and unpack it into ``root``, if a file is missing or damaged.

        Raises:
            RuntimeError: no mirror gave the archive; the message says what each one did.
        """
        assert self.root is not None
        files = [(n, m) for n, m in [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]]
        try:
            if all(md5_of(self._path(name).read_bytes()) == md5 for name, md5 in files):
                return
        except FileNotFoundError:
            pass
        path = Path(self.root, self.filename)
        if not (path.exists() and md5_of(path.read_bytes()) == self.tgz_md5):
            download_file(self.filename, self.mirrors, Path(self.root), self.tgz_md5)
        folder = Path(self.root, self.base_folder)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(path, "r:gz") as archive:
                for name, md5 in files:
                    # One by one, by name: nothing in the archive can say where a file goes.
                    member = archive.extractfile(f"{self.base_folder}/{name}")
                    content = b"" if member is None else member.read(1 << 28)
                    if md5_of(content) != md5:
                        raise RuntimeError(f"{path} holds another {name} than the published one. {_FIX}")
                    with atomic_write(folder / name) as file:
                        file.write(content)
        except (tarfile.TarError, KeyError, EOFError, OSError, zlib.error) as error:
            raise RuntimeError(f"{path} is damaged: {error}. {_FIX}") from error

    def extra_repr(self) -> str:
        """Return which part it is."""
        part = f"Split: {'Train' if self.train else 'Test'}"
        return part if self.batches is None else f"{part}\nBatches: {', '.join(map(str, self.batches))}"


class CIFAR100(CIFAR10):
    """Small colour photographs of 32x32 pixels in 100 classes: 50000 to train on, 10000 to test on.

    The files are looked for in ``root/cifar-100-python`` and in ``root`` itself; all else is as in :class:`CIFAR10`.

    Args:
        root: the folder that holds the folder of the files.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        download: fetch and unpack the files into ``root`` first, if one is missing or damaged.
        batches: None; there is one training file.

    Raises:
        FileNotFoundError: a file is missing.
        RuntimeError: a file is damaged or another one, or could not be downloaded.

    Source: ``torchvision.datasets.CIFAR100``.
    """

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar[list[list[str]]] = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list: ClassVar[list[list[str]]] = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
    _labels = b"fine_labels"
