"""A sampler that gives each of several processes its part of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index of a shuffled dataset, beginning with the ``rank``-th.

    All processes shuffle alike, from ``seed + epoch``, and together read every element. A dataset that cannot be
    divided evenly is filled up from its beginning, or cut.

    Args:
        dataset: anything with a length.
        num_replicas: the number of processes; there is no process group here to ask, so it must be given.
        rank: the number of this process; likewise.
        shuffle: whether to shuffle (default True).
        seed: the same in all processes (default 0).
        drop_last: cut the dataset instead of filling it up (default False).

    Raises:
        RuntimeError: ``num_replicas`` or ``rank`` is not given.
        ValueError: there is no process of this rank.

    Source: ``torch.utils.data.DistributedSampler``.

    Example:
        >>> Sampler = torch.utils.data.DistributedSampler
        >>> [list(Sampler(range(5), num_replicas=2, rank=r, shuffle=False)) for r in range(2)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available: DistributedSampler has no process group to ask for the "
                "number of processes. Pass num_replicas and rank"
            )
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        whole, rest = divmod(len(dataset), num_replicas)
        self.num_samples = whole if drop_last or not rest else whole + 1
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            order = kernels.randperm(n, generator=Generator().manual_seed(self.seed + self.epoch))
        else:
            order = np.arange(n)
        # np.resize goes round as often as needed.
        order = order[: self.total_size] if self.drop_last else np.resize(order, self.total_size)
        return iter(order[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins, so that it is shuffled differently from the others."""
        self.epoch = epoch
