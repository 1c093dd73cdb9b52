"""Samplers: in which order, and in which batches, a dataset is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.tensor import Tensor

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
    "draw_seed",
]

T_co = TypeVar("T_co", covariant=True)


def draw_seed(generator: Generator | None = None) -> int:
    """Return a seed: one int64 of 63 random bits."""
    return int(kernels.random_(np.empty((), np.int64), generator=generator))


class Sampler(Generic[T_co]):
    """Base class of samplers: ``__iter__`` yields indices, or lists of them for a batch sampler.

    ``__len__`` is optional; a DataLoader has a length if its sampler has.

    Source: ``torch.utils.data.Sampler``.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """The indices in order.

    Args:
        data_source: the dataset.

    Source: ``torch.utils.data.SequentialSampler``.
    """

    data_source: Sized

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices in random order, every time another one.

    Args:
        data_source: the dataset.
        replacement: draw every index from all, so that some come several times.
        num_samples: how many to draw; as many as there are by default.
        generator: the stream. By default every iteration has its own, seeded from the default one.

    Raises:
        TypeError: ``replacement`` is no bool.
        ValueError: ``num_samples`` is not positive.

    Source: ``torch.utils.data.RandomSampler``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> sorted(torch.utils.data.RandomSampler(range(4)))
        [0, 1, 2, 3]
    """

    data_source: Sized
    replacement: bool

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many indices are drawn; follows the length of the dataset unless it was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def chunks(self) -> Iterator[Any]:
        """Yield the indices in arrays, drawing each when it is asked for."""
        n, wanted = len(self.data_source), self.num_samples
        generator = self.generator
        if generator is None:
            generator = Generator().manual_seed(draw_seed())
        if self.replacement:
            for size in [32] * (wanted // 32) + [wanted % 32]:
                yield kernels.randint(0, n, (size,), generator=generator)
        else:
            for _ in range(wanted // n):
                yield kernels.randperm(n, generator=generator)
            # Drawn even if nothing of it is needed: the stream moves on as PyTorch's does.
            yield kernels.randperm(n, generator=generator)[: wanted % n]

    def __iter__(self) -> Iterator[int]:
        for chunk in self.chunks():
            yield from chunk.tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    Args:
        indices: the indices.
        generator: the stream; the default one if None.

    Source: ``torch.utils.data.SubsetRandomSampler``.
    """

    indices: Sequence[int]

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in kernels.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with chances in proportion to weights.

    Args:
        weights: (n,), not negative; they need not add up to 1.
        num_samples: how many to draw.
        replacement: whether an index can come several times.
        generator: the stream; the default one if None.

    Raises:
        ValueError: the weights are not a vector, ``num_samples`` is not positive, or
            ``replacement`` is no bool.

    Source: ``torch.utils.data.WeightedRandomSampler``.

    Example:
        >>> list(torch.utils.data.WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]
    """

    weights: Tensor
    num_samples: int
    replacement: bool

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        given = weights.array if isinstance(weights, TensorBase) else weights
        array = np.asarray(given, np.float64)
        if array.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {array.shape}")
        self.weights = Tensor._wrap(array)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = kernels.multinomial(self.weights.array, self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler, in lists of ``batch_size``.

    Args:
        sampler: a sampler, or any iterable of indices.
        batch_size: the length of the lists.
        drop_last: leave out a last, shorter list.

    Raises:
        ValueError: ``batch_size`` is no positive integer, or ``drop_last`` is no bool.

    Source: ``torch.utils.data.BatchSampler``.

    Example:
        >>> list(torch.utils.data.BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)
