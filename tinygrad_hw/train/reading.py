"""Reading the batches of an epoch, from the first one or from where it was cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tinygrad_hw.train.position import Position
from tinygrad_hw.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tinygrad_hw.utils.data.streams import restore_streams, same_state, save_streams

__all__ = ["Reader", "set_workers", "worker_streams"]


class Reader(Iterator[Any]):
    """An iterator over the batches of an epoch that can be begun anew in another process.

    A loader's order and contents follow from the states of the random streams before the epoch. To go on after batch k,
    the streams are put back there, k batches are passed over, and the streams are put where they were after batch k.
    What trained on those batches drew numbers in between. Where that could change the order (samplers and iterable
    datasets that draw as they go), the states before such batches are noted in ``position.before``.

    Args:
        loader: of the batches.
        streams: all random streams, as from :func:`~tinygrad_hw.utils.data.streams.find_streams`.
        position: the place in the epoch; a new one, or one to go back to.
        go_back: whether the epoch had begun before.

    Raises:
        ValueError: the loader has fewer batches than were passed.
    """

    def __init__(self, loader: Iterable[Any], streams: dict[str, Any], position: Position, go_back: bool) -> None:
        self.streams = streams
        self.position = position
        self.noting = not _drawn_at_once(loader)
        if go_back:
            now = save_streams(streams)
            set_workers(loader, position.workers)
            restore_streams(streams, position.start)
        self.batches = iter(loader)
        #: The states that the streams would have here if nobody else had drawn from them.
        self.alone = save_streams(streams) if self.noting else {}
        if go_back:
            self._pass(position.batch, position.before)
            if self.noting:
                self.alone = save_streams(streams)
            restore_streams(streams, now)

    def __next__(self) -> Any:
        if not self.noting:
            return next(self.batches)
        before = save_streams(self.streams)
        batch = next(self.batches)
        after = save_streams(self.streams)
        for name, state in after.items():
            if same_state(state, before[name]):
                continue
            if not same_state(before[name], self.alone[name]):
                self.position.before.setdefault(self.position.batch, {})[name] = before[name]
            self.alone[name] = state
        return batch

    def _pass(self, count: int, before: dict[int, dict[str, Any]]) -> None:
        """Pass over batches that were trained on."""
        skip = getattr(self.batches, "skip", None)
        done = 0
        if skip is not None and not self.noting:
            done = skip(count)
        while done < count:
            if done in before:
                restore_streams(self.streams, before[done], part=True)
            if next(self.batches, self) is self:
                raise ValueError(
                    f"the training was cut after batch {count} of an epoch, but the train_loader yields {done} batches "
                    "now; make it as it was made then"
                )
            done += 1


def _drawn_at_once(loader: Any) -> bool:
    """Return whether a loader's order is settled when its first batch is asked for, whoever draws numbers later."""
    if isinstance(loader, (list, tuple)):
        return True
    if type(loader) is not DataLoader or type(loader.batch_sampler) not in (BatchSampler, type(None)):
        return False
    sampler = loader.sampler
    if type(sampler) is RandomSampler:
        # More than one round is drawn as it goes on; without a generator, from a stream of the sampler's own.
        once = not sampler.replacement and sampler.num_samples <= len(sampler.data_source)
        return once or sampler.generator is None
    return type(sampler) in (SequentialSampler, SubsetRandomSampler, WeightedRandomSampler)


def _workers(loader: Any) -> Any:
    """Return a loader's persistent workers, if they are running."""
    kept = getattr(loader, "_kept", None)
    return None if kept is None or kept.pool.closed else kept


def worker_streams(loader: Any) -> list[Any] | None:
    """Return the states of the random streams of a loader's persistent workers; None if none are running."""
    workers = _workers(loader)
    return None if workers is None else workers.streams()


def set_workers(loader: Any, states: list[Any] | None) -> None:
    """Have persistent workers running with these states, or none: starting them at another time draws another seed."""
    if not getattr(loader, "persistent_workers", False):
        return
    if states is None:
        loader._kept = None
        return
    if _workers(loader) is None:
        iter(loader)
    if len(states) == loader.num_workers:
        _workers(loader).streams(states)
