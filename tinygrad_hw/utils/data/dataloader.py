"""The DataLoader: a dataset, read in batches."""

from __future__ import annotations

import itertools
import math
import operator
import os
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from pickle import PicklingError
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_hw.autograd.graph import wrap
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.utils.data.collate import default_collate, default_convert
from tinygrad_hw.utils.data.dataset import IterableDataset
from tinygrad_hw.utils.data.fetch import Fetcher, copy_part, take, whole_tensors
from tinygrad_hw.utils.data.pools import ProcessPool, ThreadPool, check_context
from tinygrad_hw.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    draw_seed,
)
from tinygrad_hw.utils.data.worker import Failure, Job, WorkerInfo, get_worker_info

__all__ = ["DataLoader", "WorkerInfo", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)

_LOCKED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Endless(Sampler[None]):
    """The sampler of an iterable dataset, which needs no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Reads a dataset in batches; iterating over it is one epoch.

    Workers start from random streams of their own, seeded as PyTorch seeds them: the number ``base_seed + worker``,
    where ``base_seed`` is drawn for every iterator, for Python's and this package's, and numpy's ``SeedSequence`` of
    both for numpy's. Arrays come from worker processes in shared memory. However the program ends, they end too.

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
        num_workers: how many processes (or threads) read ahead; 0 reads in this one. A dataset in memory
            needs none.
        collate_fn: makes a batch of a list of samples; :func:`default_collate` if None.
        pin_memory: accepted with a warning: there is no other memory to copy to.
        drop_last: leave out a last, smaller batch.
        timeout: seconds to wait for a worker's batch before giving up; 0 waits for ever.
        worker_init_fn: called in each worker with its number, before the first batch.
        multiprocessing_context: how workers start: ``"fork"``, ``"forkserver"``, ``"spawn"`` or a context, by default
            Python's own (``multiprocessing.get_start_method()``); or ``"thread"``, for datasets that wait for a disk
            or a network, or whose work releases the interpreter's lock. With all but ``"fork"`` and ``"thread"``, what
            the workers get must be importable, and a script does its work under ``if __name__ == "__main__":``.
        generator: the stream of the order; the default one if None.
        prefetch_factor: how many batches each worker reads ahead; 2 by default.
        persistent_workers: keep the workers from one epoch to the next.
        pin_memory_device: accepted and without meaning here.
        in_order: whether the batches of several workers come in the order of the sampler, or as they are ready.

    Raises:
        ValueError: options that exclude each other or are out of range.
        RuntimeError: (from the iterator) a worker was killed or took longer than ``timeout``. An exception in a worker
            arrives with its own type and traceback.

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
        if num_workers > 0:
            multiprocessing_context = check_context(multiprocessing_context)
            prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
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
        self._kept: _WorkerIterator | None = None
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
        if self.num_workers == 0:
            return _LoaderIterator(self)
        _warn_of_many_workers(self.num_workers)
        if self.persistent_workers:
            if self._kept is not None and not self._kept.pool.closed:
                self._kept.start_epoch(self)
            else:
                self._kept = _WorkerIterator(self)
            return self._kept
        return _WorkerIterator(self)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

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


def _warn_of_many_workers(n: int) -> None:
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cpus is not None and n > cpus:
        warnings.warn(
            f"This DataLoader will create {n} worker processes in total. Our suggested max number of worker in current "
            f"system is {cpus}, which is smaller than what this DataLoader is going to create. More workers than CPUs "
            "make loading slower, unless they wait for a disk or a network",
            stacklevel=3,
        )


def _warn_of_pinning() -> None:
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
        stacklevel=4,
    )


def _warn_of_length(dataset: Any, promised: int, count: int) -> None:
    warnings.warn(
        f"Length of IterableDataset {dataset} was reported to be {promised} (when accessing len(dataloader)), but "
        f"{count} samples have been fetched. With several workers, each has a copy of the dataset, and reads all of it "
        "unless the dataset asks get_worker_info() for its part",
        stacklevel=3,
    )


class _LoaderIterator(Iterator[Any]):
    """One epoch, read in this process."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            _warn_of_pinning()
        if loader.timeout != 0:
            raise AssertionError(
                f"DataLoader(timeout={loader.timeout}) needs worker processes; without them timeout must be 0"
            )
        self._loader = loader
        self._promised = loader._promised  # by the last len(loader), if the dataset is iterable
        self._count = 0
        indices = iter(loader._index_sampler)
        tensors = whole_tensors(loader.dataset, loader.collate_fn) if loader._auto_collation else None
        self._batches = _read(loader, indices) if tensors is None else _cut(loader, indices, *tensors)
        self._indices = indices
        self._reads = tensors is None and not loader._iterable
        # What worker processes would be seeded from; taken from the stream whether or not there are
        # any.
        self._base_seed = draw_seed(loader.generator)

    def __next__(self) -> Any:
        batch = next(self._batches)
        promised = self._promised
        if promised is not None:
            self._count += 1
            if self._count > promised:
                _warn_of_length(self._loader.dataset, promised, self._count)
        return batch

    def skip(self, count: int) -> int:
        """Pass over up to ``count`` batches without reading them; return over how many."""
        # Batches that are cut out of tensors have indices of their own, and cost nothing.
        return sum(1 for _ in itertools.islice(self._indices, count)) if self._reads else 0

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __reduce__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


def _read(loader: DataLoader[Any], indices: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches, sample by sample."""
    fetcher = Fetcher(loader.dataset, loader.collate_fn, loader._auto_collation, loader.drop_last)
    if fetcher.samples is None:
        for places in indices:
            yield fetcher.fetch(places)
        return
    for places in indices:
        try:
            batch = fetcher.fetch(places)
        except StopIteration:
            return
        yield batch
        if fetcher.ended:
            return


class _WorkerIterator(Iterator[Any]):
    """One epoch (with persistent workers, one after the other), read by workers."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            _warn_of_pinning()
        if loader.prefetch_factor is None or loader.prefetch_factor <= 0:
            raise AssertionError(f"prefetch_factor must be greater than 0 with workers; got {loader.prefetch_factor}")
        indices = iter(loader._index_sampler)
        base_seed = draw_seed(loader.generator)
        job = Job(
            loader.dataset,
            loader.collate_fn,
            loader._auto_collation,
            loader.drop_last,
            loader.worker_init_fn,
            base_seed,
            loader.num_workers,
        )
        context = loader.multiprocessing_context
        self.pool: ProcessPool | ThreadPool
        if context == "thread":
            self.pool = ThreadPool(job)
        else:
            try:
                self.pool = ProcessPool(job, context)
            except (TypeError, AttributeError, PicklingError) as error:
                raise type(error)(
                    f"{error}. What a DataLoader hands to its worker processes (dataset, collate_fn, worker_init_fn) "
                    "must be picklable: no lambda or local function. Or pass multiprocessing_context='fork' or 'thread'"
                ) from error
        # Runs when the iterator is dropped, at the latest when the program ends.
        self._close = weakref.finalize(self, self.pool.close)
        self._epoch = 0
        self._begin(loader, indices)

    def start_epoch(self, loader: DataLoader[Any]) -> None:
        """Begin another epoch with the same workers; what they still had to do is forgotten."""
        indices = iter(loader._index_sampler)
        self._epoch += 1
        for worker in range(loader.num_workers):
            self.pool.send(worker, ("epoch", self._epoch))
        self._begin(loader, indices)

    def _begin(self, loader: DataLoader[Any], indices: Iterator[Any]) -> None:
        self._loader = loader
        self._indices = indices
        self._promised = loader._promised
        self._count = 0
        self._sent = 0
        self._returned = 0
        self._done = False
        self._ready: dict[int, tuple[str, Any]] = {}
        #: Of each task that was sent and not returned, which worker has it.
        self._at: dict[int, int] = {}
        self._active = [True] * loader.num_workers
        self._loads = [0] * loader.num_workers
        self._turns = itertools.cycle(range(loader.num_workers))
        assert loader.prefetch_factor is not None
        self._most = loader.prefetch_factor * loader.num_workers
        for _ in range(self._most):
            self._send_one()

    def _send_one(self) -> None:
        """Give the next batch to the worker whose turn it is."""
        if not any(self._active):
            return
        places = next(self._indices, self)
        if places is self:
            return
        share = self._most // sum(self._active)
        worker = next(
            w for w in self._turns if self._active[w] and (self._loader.in_order or self._loads[w] < max(share, 1))
        )
        task = self._sent
        self._sent += 1
        self._at[task] = worker
        self._loads[worker] += 1
        self.pool.send(worker, ("task", self._epoch, task, places))

    def __next__(self) -> Any:
        if self.pool.closed and not self._done:
            raise RuntimeError("the workers of this DataLoader have ended; start another epoch with iter(loader)")
        while True:
            kind, value = self._next_result()
            if kind == "end":
                continue
            if kind == "failure":
                failure: Failure = value
                failure.raise_again()
            promised = self._promised
            if promised is not None:
                self._count += 1
                if self._count > promised:
                    _warn_of_length(self._loader.dataset, promised, self._count)
            return value

    def _next_result(self) -> tuple[str, Any]:
        """Return the kind and value of the next result in order, or of the first one there is."""
        while self._at or self._ready:
            task = self._returned if self._loader.in_order else next(iter(self._ready), -1)
            if task in self._ready:
                self._returned += 1
                # Not before: a slow worker would let the batches of the others pile up.
                self._send_one()
                return self._ready.pop(task)
            self._file(*self._receive())
        self._done = True
        if not self._loader.persistent_workers:
            self._close()
        raise StopIteration

    def streams(self, states: list[Any] | None = None) -> list[Any]:
        """Return the states of the workers' random streams; between epochs, when they have nothing to do.

        Args:
            states: what to set the streams to, as this method returned it; None to leave them.
        """
        workers = range(self._loader.num_workers)
        for worker in workers:
            self.pool.send(worker, ("streams", None if states is None else states[worker]))
        answers: dict[int, Any] = {}
        while len(answers) < len(workers):
            worker, place, kind, value = self._receive()
            if kind == "streams":
                answers[worker] = value
            else:
                self._file(worker, place, kind, value)
        return [answers[worker] for worker in workers]

    def _receive(self) -> tuple[int, Any, str, Any]:
        """Wait for a message of a worker."""
        timeout = self._loader.timeout
        found = self.pool.receive(timeout or None)
        if found is None:
            self.pool.close()
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        return found

    def _file(self, worker: int, place: tuple[int, int], kind: str, value: Any) -> None:
        """Note a result, if it is one of this epoch."""
        epoch, task = place
        if epoch != self._epoch:
            return
        del self._at[task]
        self._loads[worker] -= 1
        if kind == "end":
            self._active[worker] = False
        self._ready[task] = kind, value

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __reduce__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


# -- batches of tensors, cut out at once ----------------------------------------------------------


def _cut(loader: DataLoader[Any], indices: Iterator[Any], arrays: list[Any], places: Any) -> Iterator[Any]:
    """Yield batches cut out of ``arrays``."""
    for index in _index_arrays(loader, indices):
        if index.__class__ is list:  # of something that is no integer
            yield loader.collate_fn([loader.dataset[i] for i in index])
            continue
        if index.__class__ is slice:
            if places is None:
                yield [wrap(copy_part(array[index])) for array in arrays]
                continue
            index = places[index]
        elif places is not None:
            index = places[index]
        yield [wrap(take(array, index)) for array in arrays]


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
