"""Reading one batch: by samples, or cut out of whole tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import edge_of, wrap
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.utils.data.collate import default_collate, default_collate_fn_map
from tinygrad_hw.utils.data.dataset import IterableDataset, Subset, TensorDataset

__all__ = ["Fetcher", "copy_part", "take", "whole_tensors"]

_STANDARD_TENSOR_RULE = default_collate_fn_map[Tensor]


class Fetcher:
    """Reads the batches of one epoch from a dataset.

    Args:
        dataset: samples by index, or an iterable dataset.
        collate_fn: makes a batch of a list of samples, or converts a sample.
        batched: whether samples are made into batches.
        drop_last: whether an iterable dataset's last, smaller batch is left out.
    """

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Any], batched: bool, drop_last: bool) -> None:
        self.dataset = dataset
        self.make = collate_fn
        self.batched = batched
        self.drop_last = drop_last
        self.many = getattr(dataset, "__getitems__", None)
        self.samples: Iterator[Any] | None = iter(dataset) if isinstance(dataset, IterableDataset) else None
        self.ended = False

    def fetch(self, places: Any) -> Any:
        """Return the batch (or, without batches, the sample) at ``places``.

        Raises:
            StopIteration: the iterable dataset has no more.
        """
        if self.samples is not None:
            return self._next(places, self.samples)
        if not self.batched:
            return self.make(self.dataset[places])
        dataset = self.dataset
        return self.make(self.many(places) if self.many else [dataset[i] for i in places])

    def _next(self, places: Any, samples: Iterator[Any]) -> Any:
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.make(next(samples))
        batch = [sample for _, sample in zip(places, samples, strict=False)]
        self.ended = len(batch) < len(places)
        if not batch or (self.drop_last and self.ended):
            raise StopIteration
        return self.make(batch)


class TensorFetcher:
    """Cuts batches out of whole tensors, for a worker."""

    def __init__(self, dataset: Any, arrays: list[Any], places: Any) -> None:
        self.dataset = dataset
        self.arrays = arrays
        self.places = places

    def fetch(self, index: Any) -> Any:
        """Return the batch at ``index``, a list."""
        try:
            index = np.array([operator.index(i) for i in index], np.intp)
        except TypeError:
            return default_collate([self.dataset[i] for i in index])
        if self.places is not None:
            index = self.places[index]
        return [wrap(take(array, index)) for array in self.arrays]


def make_fetcher(dataset: Any, collate_fn: Callable[[Any], Any], batched: bool, drop_last: bool) -> Any:
    """Return the quickest fetcher for a dataset."""
    tensors = whole_tensors(dataset, collate_fn) if batched else None
    if tensors is not None:
        return TensorFetcher(dataset, *tensors)
    return Fetcher(dataset, collate_fn, batched, drop_last)


def whole_tensors(dataset: Any, collate_fn: Any) -> tuple[list[Any], Any] | None:
    """Return the arrays that batches can be cut from, and the places of the samples in them.

    The places are None if they are all in order. The result is None if the dataset is anything but
    plain tensors, or if its samples are not simply stacked.
    """
    if collate_fn is not default_collate or default_collate_fn_map.get(Tensor) is not _STANDARD_TENSOR_RULE:
        return None
    places = None
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


def copy_part(part: Any) -> Any:
    """Return a contiguous copy."""
    return part.copy(order="C")


def take(array: Any, index: Any) -> Any:
    """Return the rows of ``array`` at ``index``, an integer array."""
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
