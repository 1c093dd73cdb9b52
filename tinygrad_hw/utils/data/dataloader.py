"""The DataLoader: a dataset, read in batches."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_hw.autograd.graph import edge_of, wrap
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.utils.data.collate import (
    default_collate,
    default_collate_fn_map,
    default_convert,
)
from tinygrad_hw.utils.data.dataset import IterableDataset, Subset, TensorDataset
from tinygrad_hw.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    draw_seed,
)

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)

_STANDARD_TENSOR_RULE = default_collate_fn_map[Tensor]
_LOCKED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """Return None: the program is not inside a worker process, as there are none.

    Source: ``torch.utils.data.get_worker_info``.
    """
    return None


class _Endless(Sampler[None]):
    """The sampler of an iterable dataset, which needs no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Reads a dataset in batches; iterating over it is one epoch.

    The order is PyTorch's: with the same seed, the same samples come in the same batches, and the
    default stream is where PyTorch's is afterwards (every iterator takes one number from it, and
    every shuffled one takes another). Batches of a :class:`TensorDataset`, or of a :class:`Subset`
    of one, are cut out of its tensors at once.

    Args:
        dataset: what to read: samples by index, or an :class:`IterableDataset`.
        batch_size: samples per batch; None returns single samples.
        shuffle: a new random order in every epoch.
        sampler: the order of the samples; not together with ``shuffle``.
        batch_sampler: the indices of whole batches; not together with the three before or
            ``drop_last``.
        num_workers: 0. Worker processes are not offered yet.
        collate_fn: makes a batch of a list of samples; :func:`default_collate` if None.
        pin_memory: accepted with a warning: there is no other memory to copy to.
        drop_last: leave out a last, smaller batch.
        timeout: 0.
        worker_init_fn: accepted; called in no process, as there are no workers.
        multiprocessing_context: None.
        generator: the stream of the order; the default one if None.
        prefetch_factor: None, as there are no workers.
        persistent_workers: False, as there are no workers.
        pin_memory_device: accepted and without meaning here.
        in_order: accepted and without meaning here.

    Raises:
        ValueError: options that exclude each other or are out of range.
        NotImplementedError: ``num_workers`` is positive.

    Source: ``torch.utils.data.DataLoader``.

    Example:
        >>> data = torch.utils.data.TensorDataset(torch.arange(5), torch.arange(5) % 2)
        >>> for x, y in torch.utils.data.DataLoader(data, batch_size=2):
        ...     print(x, y)
        tensor([0, 1]) tensor([0, 1])
        tensor([2, 3]) tensor([0, 1])
        tensor([4]) tensor([0])
    """

    dataset: Any
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Any
    batch_sampler: Any
    prefetch_factor: int | None
    generator: Generator | None
    collate_fn: Callable[[Any], Any]
    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_worker_options(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            given: Any
            for name, given in (
                ("shuffle", shuffle or None),
                ("sampler", sampler),
                ("batch_sampler", batch_sampler),
            ):
                if given is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={given}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            indices: Any = sampler
            batch_sampler = BatchSampler(indices, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._iterable = iterable
        self._promised: int | None = None
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _LOCKED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        object.__setattr__(self, name, value)

    @property
    def _auto_collation(self) -> bool:
        """Whether samples are made into batches."""
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What yields the indices of one batch, or of one sample."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        return _LoaderIterator(self)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._promised = len(self.dataset)
        if self.batch_size is None:
            return length
        if self.drop_last:
            return length // self.batch_size
        return math.ceil(length / self.batch_size)


def _check_worker_options(
    num_workers: int,
    timeout: float,
    prefetch_factor: int | None,
    persistent_workers: bool,
    context: Any,
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. Let num_workers > "
            "0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if num_workers == 0 and context is not None:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > "
            "0), but got num_workers=0"
        )
    if num_workers > 0:
        raise NotImplementedError(
            f"DataLoader(num_workers={num_workers}): worker processes are not offered yet. Use "
            "num_workers=0, which loads the batches in this process; the batches are the same"
        )


class _LoaderIterator(Iterator[Any]):
    """One epoch."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=3,
            )
        if loader.timeout != 0:
            raise AssertionError(
                f"DataLoader(timeout={loader.timeout}) needs worker processes; without them timeout must be 0"
            )
        self._loader = loader
        self._promised = loader._promised  # by the last len(loader), if the dataset is iterable
        self._count = 0
        indices = iter(loader._index_sampler)
        tensors = _whole_tensors(loader)
        self._batches = _read(loader, indices) if tensors is None else _cut(loader, indices, *tensors)
        # What worker processes would be seeded from; taken from the stream whether or not there are
        # any.
        self._base_seed = draw_seed(loader.generator)

    def __next__(self) -> Any:
        batch = next(self._batches)
        promised = self._promised
        if promised is not None:
            self._count += 1
            if self._count > promised:
                warnings.warn(
                    f"Length of IterableDataset {self._loader.dataset} was reported to be "
                    f"{promised} (when accessing len(dataloader)), but {self._count} samples have "
                    "been fetched.",
                    stacklevel=2,
                )
        return batch

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __reduce__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


def _read(loader: DataLoader[Any], indices: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches, sample by sample."""
    dataset, make, batched = loader.dataset, loader.collate_fn, loader._auto_collation
    if loader._iterable:
        samples = iter(dataset)
        if not batched:
            for sample in samples:
                yield make(sample)
            return
        for places in indices:
            batch = [sample for _, sample in zip(places, samples, strict=False)]
            if not batch or (loader.drop_last and len(batch) < len(places)):
                return
            yield make(batch)
            if len(batch) < len(places):
                return
    elif not batched:
        for index in indices:
            yield make(dataset[index])
    else:
        many = getattr(dataset, "__getitems__", None)
        for places in indices:
            yield make(many(places) if many else [dataset[i] for i in places])


# -- batches of tensors, cut out at once ----------------------------------------------------------


def _whole_tensors(loader: DataLoader[Any]) -> tuple[list[Any], Any] | None:
    """Return the arrays that batches can be cut from, and the places of the samples in them.

    The places are None if they are all in order. The result is None if the dataset is anything but
    plain tensors, or if its samples are not simply stacked.
    """
    if (
        loader.collate_fn is not default_collate
        or loader.batch_sampler is None
        or default_collate_fn_map.get(Tensor) is not _STANDARD_TENSOR_RULE
    ):
        return None
    dataset, places = loader.dataset, None
    while type(dataset) is Subset:
        try:
            own = np.asarray(dataset.indices)
        except (TypeError, ValueError):
            return None
        if own.ndim != 1 or own.dtype.kind not in "iu":
            return None
        places = own if places is None else own[places]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or any(edge_of(t) is not None for t in dataset.tensors):
        return None
    return [t.array for t in dataset.tensors], places


def _cut(loader: DataLoader[Any], indices: Iterator[Any], arrays: list[Any], places: Any) -> Iterator[Any]:
    """Yield batches cut out of ``arrays``."""
    for index in _index_arrays(loader, indices):
        if index.__class__ is list:  # of something that is no integer
            yield loader.collate_fn([loader.dataset[i] for i in index])
            continue
        if index.__class__ is slice:
            if places is None:
                yield [wrap(_copy(array[index])) for array in arrays]
                continue
            index = places[index]
        elif places is not None:
            index = places[index]
        yield [wrap(_take(array, index)) for array in arrays]


def _copy(part: Any) -> Any:
    return part.copy(order="C")


def _take(array: Any, index: Any) -> Any:
    try:
        # take() would copy the whole of an array that is not contiguous.
        if array.flags.c_contiguous:
            return array.take(index, axis=0)
        return np.ascontiguousarray(array[index])
    except IndexError:
        n = len(array)
        bad = next(i for i in index.tolist() if not -n <= i < n)
        raise IndexError(
            f"index {bad} is out of bounds for dimension 0 with size {n}; the sampler yields "
            "indices that the dataset does not have"
        ) from None


def _index_arrays(loader: DataLoader[Any], indices: Iterator[Any]) -> Iterator[Any]:
    """Yield the indices of the batches as slices or integer arrays."""
    batches = loader.batch_sampler
    sampler = batches.sampler if type(batches) is BatchSampler else None
    if type(sampler) is SequentialSampler:
        n, size = len(sampler), batches.batch_size
        for start in range(0, n - size + 1 if batches.drop_last else n, size):
            yield slice(start, start + size)
    elif type(sampler) is RandomSampler:
        yield from _rebatched(sampler.chunks(), batches.batch_size, batches.drop_last)
    else:
        for batch in indices:
            try:
                yield np.array([operator.index(i) for i in batch], np.intp)
            except TypeError:
                yield list(batch)


def _rebatched(chunks: Iterator[Any], size: int, drop_last: bool) -> Iterator[Any]:
    """Yield arrays of ``size`` out of others, drawing a new one when it is needed."""
    rest: Any = np.empty(0, np.int64)
    at = 0
    while True:
        if len(rest) - at >= size:
            yield rest[at : at + size]
            at += size
            continue
        chunk = next(chunks, None)
        if chunk is None:
            break
        rest = np.concatenate((rest[at:], chunk)) if at < len(rest) else chunk
        at = 0
    if at < len(rest) and not drop_last:
        yield rest[at:]
