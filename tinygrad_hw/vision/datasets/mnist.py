"""MNIST and the sets that took over its form: Fashion-MNIST, KMNIST."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np

from tinygrad_hw.tensor import Tensor
from tinygrad_hw.vision.datasets.base import DIGIT_CLASSES, PublishedFile, Transform, VisionDataset, read_published
from tinygrad_hw.vision.download import download_file
from tinygrad_hw.vision.idx import parse_idx

__all__ = ["KMNIST", "MNIST", "FashionMNIST"]

FASHION_CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
KMNIST_CLASSES = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class MNIST(VisionDataset):
    """Handwritten digits of 28x28 pixels: 60000 to train on, 10000 to test on.

    The four IDX files are looked for in ``root`` and, where torchvision puts them, in
    ``root/MNIST/raw``, packed with gzip (``.gz``) or not; their checksums are compared with those
    of the published files. An item is the image, an ndarray (28, 28) of uint8, and its label, an
    int.

    Args:
        root: the folder of the files.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        download: fetch the files that are missing or damaged into ``root/MNIST/raw`` first.

    Raises:
        FileNotFoundError: a file is missing.
        RuntimeError: a file is cut short, damaged or another one, or could not be downloaded.

    Source: ``torchvision.datasets.MNIST``; Y. LeCun, L. Bottou, Y. Bengio, P. Haffner,
        "Gradient-based
        learning applied to document recognition", Proceedings of the IEEE 86(11), 1998.
    """

    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    #: (images, labels) of the training part and of the test part.
    files: ClassVar[dict[str, tuple[PublishedFile, PublishedFile]]] = {
        "train": (
            PublishedFile(
                "train-images-idx3-ubyte",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "6bbc9ace898e44ae57da46a324031adb",
            ),
            PublishedFile(
                "train-labels-idx1-ubyte",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "a25bea736e30d166cdddb491f175f624",
            ),
        ),
        "test": (
            PublishedFile(
                "t10k-images-idx3-ubyte",
                "9fb629c4189551a2d022fa330f9573f3",
                "2646ac647ad5339dbf082846283269ea",
            ),
            PublishedFile(
                "t10k-labels-idx1-ubyte",
                "ec29112dd5afa0611ce80d1b7f02629c",
                "27ae3e4e09519cfbb04c329615203637",
            ),
        ),
    }
    classes = DIGIT_CLASSES

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform, target_transform)
        self.train = train
        if download:
            self.download()
        images, labels = (
            parse_idx(self._content(file), file.name) for file in self.files["train" if train else "test"]
        )
        self.data = Tensor._wrap(images)
        self.targets = Tensor._wrap(labels.astype(np.int64))

    @property
    def raw_folder(self) -> str:
        """Where downloads go: ``root/<name of the class>/raw``."""
        assert self.root is not None
        return os.path.join(self.root, type(self).__name__, "raw")

    def _content(self, file: PublishedFile) -> bytes:
        """Return the unpacked content of one file, from the first place that has it whole.

        Raises:
            FileNotFoundError: no place has the file.
            RuntimeError: only damaged files were found; the first one is named.
        """
        assert self.root is not None
        damage = None
        for folder in (self.raw_folder, self.root):
            for name in (file.name, file.name + ".gz"):
                path = Path(folder, name)
                if not path.exists():
                    continue
                try:
                    return read_published(path, file, "Remove it and pass download=True to fetch it again")
                except RuntimeError as error:
                    damage = damage or error
        if damage is not None:
            raise damage
        raise FileNotFoundError(
            f"{type(self).__name__}: {file.name} (or {file.name}.gz) is neither in {self.root!r} "
            f"nor in {self.raw_folder!r}. Pass download=True to fetch it, or name the folder that "
            "has it as root"
        )

    def download(self) -> None:
        """Fetch the files that are missing or damaged, of both parts, from the first good mirror.

        Raises:
            RuntimeError: no mirror gave a file; the message says what each one did.
        """
        for files in self.files.values():
            for file in files:
                try:
                    self._content(file)
                except (FileNotFoundError, RuntimeError):
                    download_file(file.name + ".gz", self.mirrors, Path(self.raw_folder), file.packed_md5)

    def extra_repr(self) -> str:
        """Return which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing of 28x28 pixels: 60000 to train on, 10000 to test on.

    The files have the names of MNIST's and are looked for in ``root`` and in
    ``root/FashionMNIST/raw``; all else is as in :class:`MNIST`.

    Args:
        root: the folder of the files.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        download: fetch the files that are missing or damaged into ``root/FashionMNIST/raw`` first.

    Raises:
        FileNotFoundError: a file is missing.
        RuntimeError: a file is cut short, damaged or another one, or could not be downloaded.

    Source: ``torchvision.datasets.FashionMNIST``; H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a
        Novel Image Dataset for Benchmarking Machine Learning Algorithms" (2017).
    """

    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    )
    files: ClassVar[dict[str, tuple[PublishedFile, PublishedFile]]] = {
        "train": (
            PublishedFile(
                "train-images-idx3-ubyte",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            ),
            PublishedFile(
                "train-labels-idx1-ubyte",
                "25c81989df183df01b3e8a0aad5dffbe",
                "9018921c3c673c538a1fc5bad174d6f9",
            ),
        ),
        "test": (
            PublishedFile(
                "t10k-images-idx3-ubyte",
                "bef4ecab320f06d8554ea6380940ec79",
                "8181f5470baa50b63fa0f6fddb340f0a",
            ),
            PublishedFile(
                "t10k-labels-idx1-ubyte",
                "bb300cfdad3c16e7a12a480ee83cd310",
                "15d484375f8d13e6eb1aabb0c3f46965",
            ),
        ),
    }
    classes = FASHION_CLASSES


class KMNIST(MNIST):
    """Cursive Japanese characters (Kuzushiji) of 28x28 pixels: 60000 to train on, 10000 to test on.

    The files have the names of MNIST's and are looked for in ``root`` and in ``root/KMNIST/raw``; all else is as
    in :class:`MNIST`.

    Args:
        root: the folder of the files.
        train: the training part, or the test part.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        download: fetch the files that are missing or damaged into ``root/KMNIST/raw`` first.

    Raises:
        FileNotFoundError: a file is missing.
        RuntimeError: a file is cut short, damaged or another one, or could not be downloaded.

    Source: ``torchvision.datasets.KMNIST``; T. Clanuwat and others, "Deep Learning for Classical Japanese
        Literature" (2018).
    """

    mirrors = (
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    )
    # Only the checksums of the packed files were published.
    files: ClassVar[dict[str, tuple[PublishedFile, PublishedFile]]] = {
        "train": (
            PublishedFile("train-images-idx3-ubyte", "bdb82020997e1d708af4cf47b453dcf7", None),
            PublishedFile("train-labels-idx1-ubyte", "e144d726b3acfaa3e44228e80efcd344", None),
        ),
        "test": (
            PublishedFile("t10k-images-idx3-ubyte", "5c965bf0a639b31b8f53240b1b52f4d7", None),
            PublishedFile("t10k-labels-idx1-ubyte", "7320c461ea6c1c855c0b718fb2a4b134", None),
        ),
    }
    classes = KMNIST_CLASSES
