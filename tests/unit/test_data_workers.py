"""The DataLoader's workers: the same batches in the same order, iterable datasets, and what a worker knows."""

from __future__ import annotations

import gc
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.workers import (
    MARKS,
    METHODS,
    Marked,
    Numbers,
    Pair,
    Stream,
    Who,
    as_it_is,
    fail_to_start,
    linux,
    mark,
    values,
)
from tinygrad_hw.utils.data import DataLoader, TensorDataset, get_worker_info

pytestmark = MARKS


# -- the same batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_batches_are_those_of_one_process(method: str) -> None:
    data = Numbers(23)
    expected = list(DataLoader(data, batch_size=4))
    found = list(DataLoader(data, batch_size=4, num_workers=2, multiprocessing_context=method))
    assert len(found) == len(expected) == 6
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a[0].numpy(), b[0].numpy())
        np.testing.assert_array_equal(a[1].numpy(), b[1].numpy())
        assert a[0].dtype is b[0].dtype
    if method == "spawn":
        return  # each process takes its time, and the rest is the same as with the fork server
    for options in ({"shuffle": True}, {"drop_last": True}, {"batch_size": None}, {"sampler": [3, 1, 2]}):
        orders = []
        for workers in (0, 2):
            torch.manual_seed(5)
            context = {"multiprocessing_context": method} if workers else {}
            loader = DataLoader(data, num_workers=workers, **{"batch_size": 4, **options}, **context)
            orders.append([b[1].tolist() if options.get("batch_size", 4) else b[1] for b in loader])
            orders.append(torch.rand(1).item())
        assert orders[0] == orders[2], options
        assert orders[1] == orders[3], "the default stream is where it would be without workers"


@pytest.mark.parametrize("method", ["forkserver", "thread"])
def test_whole_tensors_are_cut_in_workers_too(method: str) -> None:
    data = TensorDataset(torch.arange(40.0).reshape(10, 4).t().contiguous().t(), torch.arange(10))
    subset = torch.utils.data.Subset(data, [9, 0, 5, 4, 2])
    for source in (data, subset):
        loaders = [
            DataLoader(source, batch_size=3, num_workers=n, multiprocessing_context=method if n else None)
            for n in (0, 2)
        ]
        for a, b in zip(*loaders, strict=True):
            assert [t.tolist() for t in a] == [t.tolist() for t in b]
    loader = DataLoader(data, batch_sampler=[[1, 99]], num_workers=1, multiprocessing_context=method)
    with pytest.raises(IndexError, match="index 99 is out of bounds"):
        next(iter(loader))


def test_every_kind_of_batch_comes_through() -> None:
    class_of = {0: {"a": torch.ones(2), "b": ["x", 1]}, 1: Pair(np.arange(3), (None, b"y")), 2: torch.zeros(0)}
    big = {"big": torch.arange(100_000.0).reshape(10, -1).t(), "bool": np.ones(70_000, bool)}
    data = [class_of[0], class_of[1], class_of[2], big, torch.nn.Parameter(torch.ones(3))]
    found = list(DataLoader(data, batch_size=None, num_workers=2, collate_fn=as_it_is))
    assert repr(found[:3]) == repr(data[:3])
    np.testing.assert_array_equal(found[3]["big"].numpy(), big["big"].numpy())
    assert found[3]["bool"].all() and found[3]["bool"].dtype == bool
    assert type(found[4]) is torch.nn.Parameter


def test_batches_are_the_programs_own() -> None:
    """Memory is used again only when nothing refers to a batch any more."""
    loader = DataLoader(Numbers(600, size=20_000), batch_size=4, num_workers=2)
    kept, views = [], []
    for i, (x, _) in enumerate(loader):
        x.array[0, 0] += 0  # writable
        if i % 10 == 0:
            kept.append(x)
        elif i % 10 == 1:
            views.append(x[2, 5:7])
        del x
    for i, x in enumerate(kept):
        assert np.unique(x.numpy()).tolist() == [40 * i, 40 * i + 1, 40 * i + 2, 40 * i + 3]
    for i, view in enumerate(views):
        assert view.tolist() == [40 * i + 6] * 2


@linux
def test_memory_is_used_again_and_keeping_all_is_possible() -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("tinygrad_hw batch")

    loader = iter(DataLoader(Numbers(400, size=20_000), batch_size=4, num_workers=1))
    for _ in range(50):
        next(loader)
    assert 0 < mapped() <= 6
    kept = list(DataLoader(Numbers(400, size=20_000), batch_size=4, num_workers=1))
    assert [int(x[0, 0].item()) for x, _ in kept] == list(range(0, 400, 4))
    assert mapped() <= 6 + 64
    handles = len(os.listdir("/proc/self/fd"))
    assert handles < 100
    del kept, loader
    gc.collect()
    assert mapped() == 0


@pytest.mark.parametrize("method", ["forkserver", "thread"])
def test_order(method: str) -> None:
    data = Numbers(12, slow=0)
    options = {"batch_size": 1, "num_workers": 2, "multiprocessing_context": method}
    assert values(DataLoader(data, **options)) == [[i] for i in range(12)]
    found = values(DataLoader(data, in_order=False, **options))
    assert sorted(found) == [[i] for i in range(12)]
    assert found[0] != [0], "batch 0 is the slow one; the others need not wait for it"


class Counted(Numbers):
    """Says how many samples were asked for, through a file that all workers append to."""

    def __init__(self, path: Path, n: int) -> None:
        super().__init__(n)
        self.path = path

    def __getitem__(self, i: int) -> Any:
        if i == 0:
            time.sleep(0.5)
        with open(self.path, "a") as file:
            file.write("x")
        return i


@pytest.mark.parametrize("factor", [1, 3])
def test_only_so_much_is_read_ahead(tmp_path: Path, factor: int) -> None:
    loader = DataLoader(Counted(tmp_path / "count", 100), batch_size=1, num_workers=2, prefetch_factor=factor)
    it = iter(loader)
    for taken in range(3):
        deadline = time.monotonic() + 10
        expected = 2 * factor + taken
        while time.monotonic() < deadline:
            time.sleep(0.15)
            done = (tmp_path / "count").stat().st_size if (tmp_path / "count").exists() else 0
            if done >= expected:
                break
        time.sleep(0.15)
        assert (tmp_path / "count").stat().st_size == expected
        next(it)
    assert DataLoader([1], num_workers=1).prefetch_factor == 2
    with pytest.raises(AssertionError, match="prefetch_factor must be greater than 0"):
        iter(DataLoader([1], num_workers=1, prefetch_factor=0))


# -- iterable datasets -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["forkserver", "thread"])
def test_iterable_datasets(method: str) -> None:
    options = {"num_workers": 3, "multiprocessing_context": method}
    found = [b.tolist() for b in DataLoader(Stream(20), batch_size=4, **options)]
    assert sorted(i for batch in found for i in batch) == list(range(20))
    assert found[:3] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    found = [b.tolist() for b in DataLoader(Stream(20), batch_size=4, drop_last=True, **options)]
    assert found == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]
    assert sorted(DataLoader(Stream(7), batch_size=None, **options)) == list(range(7))
    # One worker has less to do than the others, and ends earlier.
    assert sorted(DataLoader(Stream(2), batch_size=None, **options)) == [0, 1]
    assert list(DataLoader(Stream(0), **options)) == []


def test_every_worker_reads_all_of_a_dataset_that_does_not_share() -> None:
    loader = DataLoader(Stream(3, shared=False), batch_size=None, num_workers=2)
    assert len(loader) == 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert sorted(loader) == [0, 0, 1, 1, 2, 2]
    told = [str(w.message) for w in caught if "Length of IterableDataset" in str(w.message)]
    assert [int(t.partition("but ")[2].split()[0]) for t in told] == [4, 5, 6]
    assert "was reported to be 3" in told[0] and "With several workers" in told[0]


# -- what a worker knows ---------------------------------------------------------------------------


def test_workers_are_told_apart_and_seeded() -> None:
    torch.manual_seed(1)
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        loader = DataLoader(Who(), batch_size=None, num_workers=2)
        runs.append([list(loader), list(loader)])
    epochs = runs[0]
    for first, second in zip(runs[0], runs[1], strict=True):
        for a, b in zip(first, second, strict=True):
            for key in ("worker", "seed", "torch", "numpy", "python"):
                assert a[key] == b[key], "the same seed gives the same epoch"
    samples = epochs[0] + epochs[1]
    for key in ("torch", "numpy", "python"):
        assert len({str(s[key]) for s in samples}) == 16, "no worker and no epoch repeats another"
    assert [s["worker"] for s in epochs[0]] == [0, 1] * 4
    assert len({s["seed"] for s in samples}) == 4
    assert epochs[0][1]["seed"] == epochs[0][0]["seed"] + 1
    for s in samples:
        assert (s["of"], s["initial"], s["threads"], s["method"], s["mine"]) == (
            2,
            s["seed"],
            1,
            "multiprocessing",
            True,
        )
    assert len({s["pid"] for s in samples}) == 4
    assert os.getpid() not in {s["pid"] for s in samples}
    assert get_worker_info() is None


def test_threads_have_generators_of_their_own() -> None:
    class Draw(Who):
        def __getitem__(self, i: int) -> Any:
            info = get_worker_info()
            assert info is not None and info.rng is not None
            return info.id, torch.rand(2, generator=info.rng).tolist(), os.getpid()

    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append(list(DataLoader(Draw(), batch_size=None, num_workers=2, multiprocessing_context="thread")))
    assert runs[0] == runs[1]
    assert len({str(s[1]) for s in runs[0]}) == 8
    assert {s[2] for s in runs[0]} == {os.getpid()}
    seen = list(DataLoader(Who(), batch_size=None, num_workers=2, multiprocessing_context="thread"))
    assert {s["method"] for s in seen} == {"thread"}
    assert len({s["thread"] for s in seen}) == 2


@pytest.mark.parametrize("method", METHODS)
def test_worker_init_fn(method: str) -> None:
    options = {"num_workers": 2, "multiprocessing_context": method, "batch_size": None}
    found = list(DataLoader(Marked(4), worker_init_fn=mark, **options))
    if method != "thread":  # whose workers share the dataset
        assert found == [0, 1, 0, 1]
        assert "TINYGRAD_HW_TEST_MARK" not in os.environ
    os.environ.pop("TINYGRAD_HW_TEST_MARK", None)
    with pytest.raises(OSError, match=r"Caught OSError in DataLoader worker \w+ 0(?s:.*)no disk for worker 0"):
        list(DataLoader(Numbers(4), worker_init_fn=fail_to_start, **options))


@pytest.mark.parametrize("method", ["forkserver", "thread"])
def test_persistent_workers(method: str) -> None:
    options = {"num_workers": 2, "multiprocessing_context": method, "batch_size": None}
    key = "thread" if method == "thread" else "pid"
    loader = DataLoader(Who(), persistent_workers=True, **options)
    epochs = [list(loader) for _ in range(3)]
    assert len({s[key] for epoch in epochs for s in epoch}) == 2
    draws = {str(s["torch"]) for epoch in epochs for s in epoch}
    assert len(draws) == 24
    # An epoch that is left early does not leak into the next one.
    numbers = DataLoader(Numbers(50), persistent_workers=True, **options)
    for stop in (1, 7, 0):
        for i, sample in enumerate(numbers):
            assert sample[1] == i
            if i == stop:
                break
    assert [s[1] for s in numbers] == list(range(50))
    streams = DataLoader(Stream(9), persistent_workers=True, **options)
    assert sorted(streams) == sorted(streams) == list(range(9))
    assert iter(streams) is iter(streams)
