"""Image data sets with torchvision's names: the bundled digits, MNIST, Fashion-MNIST."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinygrad_hw.tensor import Tensor
from tinygrad_hw.utils.data.dataset import Dataset
from tinygrad_hw.vision.download import download_file, md5_of
from tinygrad_hw.vision.idx import parse_idx, unpack

__all__ = ["MNIST", "Digits", "FashionMNIST", "VisionDataset"]

Transform = Callable[[Any], Any]
_DIGIT_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class _File(NamedTuple):
    """A published file: its name without ``.gz``, its MD5 packed and unpacked."""

    name: str
    packed_md5: str
    md5: str


def _read(path: Path, file: _File, fix: str) -> bytes:
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
        data: the images, a uint8 tensor (N, H, W).
        targets: the labels, an int64 tensor (N,).
        classes: a name for each label.

    Source: ``torchvision.datasets.VisionDataset``.
    """

    classes: ClassVar[list[str]]
    data: Tensor
    targets: Tensor

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
        image: Any = self.data.array[index]
        target: Any = int(self.targets.array[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

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


class Digits(VisionDataset):
    """Handwritten digits of 8x8 pixels, bundled with the package: 1438 to train on, 359 to test on.

    The published grey levels 0 to 16 are spread over 0 to 255 and rounded, so that everything made
    for 8-bit images (``ToTensor``, ``/ 255``) fits; ``round(pixel / 255 * 16)`` gives them back.
    Over the whole set the mean is 0.3053 and the standard deviation 0.3760, as fractions of 255.

    The test set is, within each class and in the order of the file, the third of every five images:
        every
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

    classes: ClassVar[list[str]] = [f"{i} - {name}" for i, name in enumerate(_DIGIT_NAMES)]
    file = _File("digits.csv", "9b335364a7bfd63947c7480a5bd51f2d", "a0339c30a8a5312a1b6f9e5c719dcce5")

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
                return _read(path, self.file, "Leave out root to use the copy in the package")
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
    files: ClassVar[dict[str, tuple[_File, _File]]] = {
        "train": (
            _File(
                "train-images-idx3-ubyte",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "6bbc9ace898e44ae57da46a324031adb",
            ),
            _File(
                "train-labels-idx1-ubyte",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "a25bea736e30d166cdddb491f175f624",
            ),
        ),
        "test": (
            _File(
                "t10k-images-idx3-ubyte",
                "9fb629c4189551a2d022fa330f9573f3",
                "2646ac647ad5339dbf082846283269ea",
            ),
            _File(
                "t10k-labels-idx1-ubyte",
                "ec29112dd5afa0611ce80d1b7f02629c",
                "27ae3e4e09519cfbb04c329615203637",
            ),
        ),
    }
    classes: ClassVar[list[str]] = [f"{i} - {name}" for i, name in enumerate(_DIGIT_NAMES)]

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

    def _content(self, file: _File) -> bytes:
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
                    return _read(path, file, "Remove it and pass download=True to fetch it again")
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
        Novel
    Image Dataset for Benchmarking Machine Learning Algorithms" (2017).
    """

    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    )
    files: ClassVar[dict[str, tuple[_File, _File]]] = {
        "train": (
            _File(
                "train-images-idx3-ubyte",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            ),
            _File(
                "train-labels-idx1-ubyte",
                "25c81989df183df01b3e8a0aad5dffbe",
                "9018921c3c673c538a1fc5bad174d6f9",
            ),
        ),
        "test": (
            _File(
                "t10k-images-idx3-ubyte",
                "bef4ecab320f06d8554ea6380940ec79",
                "8181f5470baa50b63fa0f6fddb340f0a",
            ),
            _File(
                "t10k-labels-idx1-ubyte",
                "bb300cfdad3c16e7a12a480ee83cd310",
                "15d484375f8d13e6eb1aabb0c3f46965",
            ),
        ),
    }
    classes: ClassVar[list[str]] = [
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
