"""Data sets in tables: CSV files of pixels and a label, HDF5 files of images and labels."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.serialization.hdf5 import import_h5py
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.vision.datasets.base import Transform, VisionDataset

__all__ = ["CSVDataset", "HDF5Dataset"]


def _find(root: str, train: bool, patterns: Sequence[str], what: str) -> Path:
    """Return ``root`` if it is a file, else the file in it that matches one of the patterns.

    Raises:
        FileNotFoundError: there is none.
        RuntimeError: there are several.
    """
    if os.path.isfile(root):
        return Path(root)
    part = "train" if train else "test"
    for pattern in patterns:
        found = sorted(Path(root).glob(pattern.format(part)))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(p.name for p in found)
            raise RuntimeError(f"{what}: {root!r} has several files for train={train}: {names}. Name one as root")
    looked = ", ".join(pattern.format(part) for pattern in patterns)
    raise FileNotFoundError(f"{what}: {root!r} is no file, and no folder with {looked}")


def _shaped(data: Any, shape: Sequence[int] | None, what: str) -> Any:
    if shape is None:
        return data
    try:
        return data.reshape(len(data), *shape)
    except ValueError:
        raise ValueError(f"{what}: shape={tuple(shape)} does not fit samples of shape {data.shape[1:]}") from None


class CSVDataset(VisionDataset):
    r"""A table of text: each line has the pixels of an image and its label, separated by commas.

    A line of names above the numbers is left out. An item is the image, an ndarray (columns - 1,) or of ``shape``, and
    its label, an int.

    Args:
        root: the file, which may be packed with gzip (``.gz``), or a folder with ``train.csv`` and ``test.csv``.
        train: which of the two to read in a folder.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        label_column: where the label stands; the last column by default.
        shape: of an image, such as ``(28, 28)``.
        dtype: of the pixels; the default dtype if None.
        delimiter: between the columns.

    Attributes:
        data: the images, a tensor (N, columns - 1) or (N, \*shape).
        targets: the labels, an int64 tensor (N,).
        classes: the labels that occur, as text.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: a line has another number of columns, no numbers, or a label that is no integer.
        ValueError: ``shape`` or ``label_column`` does not fit.

    Example:
        >>> from tinygrad_hw.vision.datasets import CSVDataset
        >>> with open("points.csv", "w") as file:
        ...     _ = file.write("x,y,class\n0.5,1,0\n0.25,2,1\n")
        >>> points = CSVDataset("points.csv")
        >>> points[1]
        (array([0.25, 2.  ], dtype=float32), 1)
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        *,
        label_column: int = -1,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        delimiter: str = ",",
    ) -> None:
        super().__init__(root, transform, target_transform)
        assert self.root is not None
        self.train = train
        self.path = _find(self.root, train, ("{}.csv", "{}.csv.gz"), "CSVDataset")
        # In double precision, which holds every label and every pixel exactly.
        table = self._table(delimiter)
        if table.shape[1] < 2 or not -table.shape[1] <= label_column < table.shape[1]:
            raise ValueError(
                f"CSVDataset: {self.path} has {table.shape[1]} columns, and no column {label_column} beside others"
            )
        labels = table[:, label_column]
        wrong = np.flatnonzero(labels != np.floor(labels))
        if len(wrong):
            raise RuntimeError(
                f"{self.path}: in row {wrong[0] + 1} of the numbers the label is {labels[wrong[0]]:g}, which is no "
                f"integer. Is column {label_column} the label's? Pass label_column"
            )
        kind = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy
        pixels = np.delete(table, label_column, axis=1).astype(kind)
        self.data = Tensor._wrap(_shaped(pixels, shape, "CSVDataset"))
        self.targets = Tensor._wrap(labels.astype(np.int64))
        self.classes = [str(c) for c in np.unique(self.targets.array)]

    def _table(self, delimiter: str) -> np.ndarray[Any, Any]:
        content = self.path.read_bytes()
        try:
            if self.path.suffix == ".gz":
                content = gzip.decompress(content)
            text = content.decode("utf-8-sig")
        except (OSError, EOFError, zlib.error, UnicodeError) as error:
            raise RuntimeError(f"{self.path} is damaged, or no text: {error}") from error
        first = text.split("\n", 1)[0]
        try:
            [float(cell) for cell in first.split(delimiter)]
            header = 0
        except ValueError:
            header = 1
        try:
            table = np.loadtxt(io.StringIO(text), np.float64, delimiter=delimiter, skiprows=header, ndmin=2)
        except ValueError as error:
            raise RuntimeError(f"{self.path} is no table of numbers: {error}") from error
        if not table.size:
            raise RuntimeError(f"{self.path} has no rows")
        if not np.isfinite(table).all():
            row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
            raise RuntimeError(f"{self.path}: row {row + 1} of the numbers has one that is missing or infinite")
        return table

    def extra_repr(self) -> str:
        """Return which file it is."""
        return f"File: {self.path.name}"


class HDF5Dataset(VisionDataset):
    """An HDF5 file with a data set of images and one of labels.

    The labels are integers (N,), or one-hot rows (N, classes). An item is the image, an ndarray, and its label, an int
    (or with ``one_hot`` the row, an ndarray).

    Args:
        root: the file, or a folder with one file that has "train" in its name and one that has "test".
        train: which of the two to read in a folder.
        transform: applied to each image when it is read.
        target_transform: applied to each label when it is read.
        keys: the names of the two data sets.
        one_hot: give the labels as rows of zeros and a one.
        shape: of an image, such as ``(28, 28)``; as in the file if None.
        in_memory: read all images at once; else each when it is asked for.

    Attributes:
        data: the images, a tensor (N, ...); with ``in_memory=False`` None.
        targets: the labels, an int64 tensor (N,).
        classes: a number, as text, for each label.

    Raises:
        ImportError: h5py is not installed.
        FileNotFoundError: there is no such file.
        RuntimeError: the file is damaged, or its data sets don't fit together.
        KeyError: the file has no data set of a name.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        *,
        keys: tuple[str, str] = ("xdata", "ydata"),
        one_hot: bool = False,
        shape: Sequence[int] | None = None,
        in_memory: bool = True,
    ) -> None:
        super().__init__(root, transform, target_transform)
        assert self.root is not None
        import_h5py()
        self.train = train
        self.keys = keys
        self.one_hot = one_hot
        self.shape = None if shape is None else tuple(shape)
        self.path = _find(self.root, train, ("*{}*.hdf5", "*{}*.h5"), "HDF5Dataset")
        self.data = None
        self._file: Any = None
        self._owner = 0
        try:
            images, labels = (self._dataset(key) for key in keys)
            targets = self._targets(labels)
            if len(images) != len(targets):
                raise RuntimeError(f"{self.path} has {len(images)} images in {keys[0]!r} and {len(targets)} labels")
            if dtypes.from_numpy(images.dtype).is_complex:
                raise TypeError(f"{self.path}: images of {images.dtype} in {keys[0]!r}; they must be real numbers")
            self._count = len(targets)
            if in_memory:
                self.data = Tensor._wrap(_shaped(np.array(images[()], order="C"), self.shape, "HDF5Dataset"))
            elif self._count:
                _shaped(images[:1], self.shape, "HDF5Dataset")
        except OSError as error:
            raise RuntimeError(f"{self.path} is cut short or damaged, or no HDF5 file ({error})") from error
        finally:
            if in_memory:
                self.close()
        self.targets = Tensor._wrap(targets)
        self.classes = [str(i) for i in range(self._classes)]

    def _dataset(self, key: str) -> Any:
        """Return a data set of the file, opened once in every process."""
        if self._file is None or self._owner != os.getpid():
            self._file = import_h5py().File(self.path, "r")
            self._owner = os.getpid()
        found = self._file.get(key)
        if found is None or not hasattr(found, "shape"):
            raise KeyError(f"{self.path} has no data set {key!r}; it has {', '.join(map(repr, self._file)) or 'none'}")
        return found

    def _targets(self, labels: Any) -> Any:
        """Return the labels as integers (N,)."""
        found = np.asarray(labels[()])
        self._classes = int(found.shape[1]) if found.ndim == 2 else int(found.max(initial=-1)) + 1
        if found.ndim == 2 and found.shape[1] == 1:
            found = found[:, 0]
            self._classes = int(found.max(initial=-1)) + 1
        if found.ndim == 1:
            if found.dtype.kind not in "iu" and (found != np.floor(found)).any():
                raise RuntimeError(f"{self.path}: the labels in {self.keys[1]!r} are no integers")
            return found.astype(np.int64)
        if found.ndim != 2 or ((found != 0) & (found != 1)).any() or (found.sum(axis=1) != 1).any():
            raise RuntimeError(
                f"{self.path}: {self.keys[1]!r} of shape {found.shape} holds neither integers (N,) nor one-hot rows"
            )
        return found.argmax(axis=1).astype(np.int64)

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int) -> tuple[Any, Any]:
        """Return an image and its label, before the transforms."""
        target = int(self.targets.array[index])
        if self.data is not None:
            image = self.data.array[index]
        else:
            if index < 0:
                index += self._count
            image = self._dataset(self.keys[0])[index]
            if self.shape is not None:
                image = image.reshape(self.shape)
        if not self.one_hot:
            return image, target
        row = np.zeros(self._classes, dtypes.get_default_dtype().numpy)
        row[target] = 1
        return image, row

    def close(self) -> None:
        """Close the file; it is opened again if an image is asked for."""
        if self._file is not None and self._owner == os.getpid():
            self._file.close()
        self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def extra_repr(self) -> str:
        """Return which file it is."""
        return f"File: {self.path.name}"
