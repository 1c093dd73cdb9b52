"""What the tests of the DataLoader's workers share: datasets that do as they are told, and ways to start workers."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.utils.data import Dataset, IterableDataset, get_worker_info

MARKS = [
    # The tests use as many workers as they need, whatever the machine has.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    # Python 3.12 and later warn of fork in a process with threads; the tests of "fork" want it all the same.
    pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning"),
]

METHODS = [m for m in ("forkserver", "spawn", "fork", "thread") if m != "fork" or hasattr(os, "fork")]
PROCESSES = [m for m in METHODS if m != "thread"]
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
Pair = namedtuple("Pair", "x y")


class Numbers(Dataset[Any]):
    """Sample i is filled with i; what happens at index i can be chosen."""

    def __init__(self, n: int, size: int = 10, **events: int) -> None:
        self.n = n
        self.size = size
        self.events = events

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        if i == self.events.get("fail"):
            raise ValueError(f"sample {i} is bad")
        if i == self.events.get("key"):
            return {}["missing"]
        if i == self.events.get("odd"):
            raise Odd(1, 2)
        if i == self.events.get("stop"):
            raise StopIteration
        if i == self.events.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if i == self.events.get("exit"):
            os._exit(7)
        if i == self.events.get("hang"):
            time.sleep(1000)
        if i == self.events.get("unpicklable"):
            return lambda: 0
        if i == self.events.get("slow"):
            time.sleep(0.3)
        return torch.full((self.size,), float(i)), i


class Odd(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"odd {a} {b}")


class Stream(IterableDataset[Any]):
    def __init__(self, n: int, shared: bool = True) -> None:
        self.n = n
        self.shared = shared

    def __iter__(self) -> Any:
        info = get_worker_info()
        if info is None or not self.shared:
            return iter(range(self.n))
        return iter(range(info.id, self.n, info.num_workers))

    def __len__(self) -> int:
        return self.n


class Who(Dataset[Any]):
    """Samples that tell who made them, and from which random streams."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> Any:
        info = get_worker_info()
        assert info is not None
        return {
            "worker": info.id,
            "of": info.num_workers,
            "seed": info.seed,
            "initial": torch.initial_seed(),
            "torch": torch.rand(2).tolist(),
            "numpy": np.random.rand(),  # noqa: NPY002
            "python": random.random(),
            "pid": os.getpid(),
            "thread": threading.get_ident(),
            "threads": torch.get_num_threads(),
            "method": info.worker_method,
            "mine": info.dataset is self,
        }


def as_it_is(batch: Any) -> Any:
    return batch


def mark(worker: int) -> None:
    os.environ["TINYGRAD_HW_TEST_MARK"] = str(worker)
    info = get_worker_info()
    assert info is not None
    info.dataset.events["marked"] = worker


class Marked(Numbers):
    def __getitem__(self, i: int) -> Any:
        return self.events["marked"]


def fail_to_start(worker: int) -> None:
    raise OSError(f"no disk for worker {worker}")


def values(loader: Any) -> list[list[int]]:
    return [batch[1].tolist() for batch in loader]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
