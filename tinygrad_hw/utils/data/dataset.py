"""Datasets: what holds samples, and how datasets are combined and divided."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, cast

from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.tensor import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base class of datasets that return a sample by its index (or another key).

    A subclass defines ``__getitem__``, and ``__len__`` if it is to be sampled by index. It may
    define ``__getitems__(indices)``, which returns a list of samples, to fetch a batch at once.

    Source: ``torch.utils.data.Dataset``.

    Example:
        >>> class Squares(torch.utils.data.Dataset):
        ...     def __len__(self):
        ...         return 5
        ...
        ...     def __getitem__(self, i):
        ...         return i * i
        >>> next(iter(torch.utils.data.DataLoader(Squares(), batch_size=5)))
        tensor([ 0,  1,  4,  9, 16])
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Base class of datasets that can only be read in order, such as streams.

    A subclass defines ``__iter__``.

    Source: ``torch.utils.data.IterableDataset``.

    Example:
        >>> class Count(torch.utils.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(3))
        >>> list(torch.utils.data.DataLoader(Count(), batch_size=2))
        [tensor([0, 1]), tensor([2])]
    """

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are slices of tensors along their first dimension.

    A DataLoader with the default ``collate_fn`` reads a whole batch from it at once.

    Args:
        *tensors: each (n, ...).

    Raises:
        AssertionError: the first dimensions differ.

    Source: ``torch.utils.data.TensorDataset``.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.arange(3), torch.ones(3, 2))
        >>> len(data), data[1]
        (3, (tensor(1), tensor([1., 1.])))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensors[0].size(0) != t.size(0) for t in tensors):
            raise AssertionError(
                f"Size mismatch between tensors: the first dimensions are {[t.size(0) for t in tensors]}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


class StackDataset(Dataset[Any]):
    """Several datasets side by side: a sample is the tuple, or the dictionary, of their samples.

    Args:
        *args: datasets of one length, for tuples.
        **kwargs: or named ones, for dictionaries.

    Raises:
        ValueError: both forms, none, or different lengths.

    Source: ``torch.utils.data.StackDataset``.

    Example:
        >>> torch.utils.data.StackDataset([1, 2], ["a", "b"])[1]
        (2, 'b')
    """

    datasets: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like "
                "input/output, but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        parts = list(args or kwargs.values())
        self._length = len(parts[0])
        if any(len(part) != self._length for part in parts):
            raise ValueError("Size mismatch between datasets")

    def _join(self, columns: Iterable[Any]) -> Any:
        """Make one sample of the samples of the datasets."""
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, columns, strict=True))
        return tuple(columns)

    def _parts(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def __getitem__(self, index: Any) -> Any:
        return self._join(part[index] for part in self._parts())

    def __getitems__(self, indices: list[int]) -> list[Any]:
        columns = []
        for part in self._parts():
            samples = _fetch(part, indices)
            if len(samples) != len(indices):
                raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(samples)}")
            columns.append(samples)
        return [self._join(row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


def _fetch(dataset: Any, indices: Sequence[Any]) -> Any:
    """Return the samples at ``indices``, by ``__getitems__`` where the dataset has it."""
    many = getattr(dataset, "__getitems__", None)
    if callable(many):
        return many(indices)
    return [dataset[i] for i in indices]


class ConcatDataset(Dataset[T_co]):
    """Several datasets one after the other.

    Args:
        datasets: at least one, each with a length.

    Raises:
        AssertionError: there is none, or one is an IterableDataset.

    Source: ``torch.utils.data.ConcatDataset``.

    Example:
        >>> data = torch.utils.data.ConcatDataset([[1, 2], [3]])
        >>> len(data), data[2]
        (3, 3)
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Return the running totals of the lengths."""
        return list(itertools.accumulate(len(d) for d in sequence))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, idx)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][idx - before]


class ChainDataset(IterableDataset[Any]):
    """Several iterable datasets one after the other.

    Args:
        datasets: the datasets.

    Source: ``torch.utils.data.ChainDataset``.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T_co]):
    """The samples of a dataset at given indices.

    Args:
        dataset: the whole.
        indices: which samples, in which order.

    Raises:
        NotImplementedError: a subclass overrides ``__getitem__`` but not ``__getitems__``.

    Source: ``torch.utils.data.Subset``.

    Example:
        >>> torch.utils.data.Subset(["a", "b", "c"], [2, 0])[0]
        'c'
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, which a DataLoader "
                "calls. "
                "Override it, too, for example by:\n\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: Any) -> T_co:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        samples: list[T_co] = _fetch(self.dataset, [self.indices[i] for i in indices])
        return samples

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any,
    lengths: Sequence[int | float],
    generator: Generator | None = None,
) -> list[Subset[Any]]:
    """Divide a dataset at random into parts.

    Args:
        dataset: a dataset with a length n.
        lengths: sizes of the parts that add up to n; or shares that add up to 1, rounded down, the
            samples left over going to the first parts, one each.
        generator: the stream; the default one if None.

    Returns:
        One :class:`Subset` per length.

    Raises:
        ValueError: the lengths don't add up, or a share is not between 0 and 1.

    Source: ``torch.utils.data.random_split``.

    Example:
        >>> parts = torch.utils.data.random_split(range(10), [0.7, 0.3])
        >>> [len(part) for part in parts]
        [7, 3]
    """
    total = sum(lengths)
    size = len(dataset)
    if math.isclose(total, 1) and total <= 1:
        sizes = []
        for i, share in enumerate(lengths):
            if share < 0 or share > 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
            sizes.append(math.floor(size * share))
        for i in range(size - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, n in enumerate(sizes):
            if n == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.",
                    stacklevel=2,
                )
        lengths = sizes
    if sum(lengths) != size:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"{list(lengths)} add up to {sum(lengths)}, the dataset has {size} samples"
        )
    order = kernels.randperm(size, generator=generator).tolist()
    ends = itertools.accumulate(cast("Sequence[int]", lengths))
    return [Subset(dataset, order[end - int(n) : end]) for end, n in zip(ends, lengths, strict=True)]
