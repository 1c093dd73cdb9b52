"""The DataLoader's workers: what goes wrong in them arrives."""

from __future__ import annotations

import os
import signal
import time
import warnings
from typing import Any

import pytest

from tests.unit.workers import MARKS, METHODS, PROCESSES, Numbers, Who
from tinygrad_hw.utils.data import DataLoader

pytestmark = MARKS


@pytest.mark.parametrize("method", METHODS)
def test_an_exception_arrives_with_its_traceback(method: str) -> None:
    what = "thread" if method == "thread" else "process"
    it = iter(DataLoader(Numbers(6, fail=2), batch_size=1, num_workers=2, multiprocessing_context=method))
    assert [next(it)[1].item(), next(it)[1].item()] == [0, 1]
    with pytest.raises(ValueError, match=f"Caught ValueError in DataLoader worker {what} 0") as raised:
        next(it)
    text = str(raised.value)
    assert "Original Traceback (most recent call last)" in text
    assert "in __getitem__" in text and text.rstrip().endswith("ValueError: sample 2 is bad")
    assert [b[1].item() for b in it] == [3, 4, 5], "the epoch goes on behind it"


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ("key", KeyError, "(?s)Caught KeyError in .*\n.*'missing'"),
        ("odd", RuntimeError, "Caught Odd in DataLoader"),
        ("stop", RuntimeError, "Caught StopIteration in DataLoader"),
        ("unpicklable", Exception, "(?s)Caught .*pickle"),
    ],
)
def test_other_exceptions(event: str, error: Any, message: str) -> None:
    loader = DataLoader(Numbers(4, **{event: 1}), batch_size=None, num_workers=1)
    it = iter(loader)
    next(it)
    with pytest.raises(error, match=message):
        next(it)
    assert next(it)[1] == 2


@pytest.mark.parametrize("method", PROCESSES)
@pytest.mark.parametrize(
    ("event", "how"), [("kill", "killed by SIGKILL, perhaps for want of memory"), ("exit", "exit code 7")]
)
def test_a_dead_worker_is_reported(method: str, event: str, how: str) -> None:
    loader = DataLoader(Numbers(40, **{event: 9}), batch_size=2, num_workers=2, multiprocessing_context=method)
    started = time.monotonic()
    it = iter(loader)
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: worker 0, {how}"):
        for _ in range(20):
            next(it)
    assert time.monotonic() - started < 20
    with pytest.raises(RuntimeError, match="workers of this DataLoader have ended; start another epoch"):
        next(it)


def test_a_worker_killed_from_outside_while_it_is_idle() -> None:
    loader = DataLoader(Who(), batch_size=None, num_workers=2, persistent_workers=True)
    pids = {s["pid"] for s in loader}
    os.kill(min(pids), signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader)
    assert len(list(loader)) == 8, "the next epoch starts new workers"


@pytest.mark.parametrize("method", ["forkserver", "thread"])
def test_timeout(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_hw.utils.data.pools._PATIENCE", (0.2, 1.0))
    loader = DataLoader(Numbers(4, hang=1), batch_size=1, num_workers=1, timeout=1.0, multiprocessing_context=method)
    it = iter(loader)
    started = time.monotonic()
    next(it)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 1\.0 seconds"):
        next(it)
    assert time.monotonic() - started < 15


def test_what_cannot_be_pickled_is_told_before_anything_starts() -> None:
    with pytest.raises(Exception, match=r"(?i)pickle.*no lambda or local function.*multiprocessing_context='fork'"):
        iter(DataLoader([1, 2], num_workers=2, collate_fn=lambda b: b, multiprocessing_context="spawn"))
    if "fork" in METHODS:
        loader = DataLoader([1, 2], num_workers=1, collate_fn=lambda batch: batch, multiprocessing_context="fork")
        assert list(loader) == [[1], [2]]


def test_too_many_workers_warn() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        it = iter(DataLoader([1], num_workers=len(os.sched_getaffinity(0)) + 1, multiprocessing_context="thread"))
        list(it)
    assert any("Our suggested max number of worker" in str(w.message) for w in caught)
