"""The DataLoader's workers: the same batches, errors that arrive, and no process left behind."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

pytestmark = [
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


# -- what goes wrong -------------------------------------------------------------------------------


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


# -- no process is left behind ---------------------------------------------------------------------


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pids: Any, seconds: float = 60) -> set[int]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        left = {p for p in pids if alive(p)}
        if not left:
            return set()
        time.sleep(0.02)
    return left


def check_that_workers_end(method: str) -> None:
    options = {"batch_size": None, "num_workers": 2, "multiprocessing_context": method}
    pids = {s["pid"] for s in DataLoader(Who(), **options)}
    assert len(pids) == 2 and not wait_until_dead(pids)
    it = iter(DataLoader(Who(), **options))
    pids = {next(it)["pid"], next(it)["pid"]}
    assert all(map(alive, pids))
    del it
    assert not wait_until_dead(pids)
    loader = DataLoader(Who(), persistent_workers=True, **options)
    pids = {s["pid"] for s in loader}
    assert all(map(alive, pids))
    gone = weakref.ref(loader)
    del loader
    gc.collect()
    assert gone() is None, gc.get_referrers(gone())
    assert not wait_until_dead(pids)


@linux
@pytest.mark.parametrize("method", ["forkserver", "fork"])
def test_workers_end_with_their_epoch_or_iterator(method: str) -> None:
    # In a process of its own: what other tests leave in this one may keep the collector from freeing the loader.
    code = f"from {__name__} import check_that_workers_end; check_that_workers_end({method!r})"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


PROGRAM = """
import os, signal, sys, time
import tinygrad_hw as torch
from tinygrad_hw.utils.data import DataLoader, Dataset

class Pids(Dataset):
    def __len__(self):
        return 10_000

    def __getitem__(self, i):
        if MODE == "stuck" and i >= 40:
            while True:
                time.sleep(100)
        time.sleep(0.002)
        return os.getpid()

MODE, METHOD = sys.argv[1:3]
# Not five seconds for workers that are stuck in a batch.
torch.utils.data.pools._PATIENCE = (0.5, 1.0)
torch.utils.data.worker._GRACE = 0.5

def main():
    loader = DataLoader(Pids(), batch_size=4, num_workers=2, multiprocessing_context=METHOD,
                        persistent_workers=MODE == "persistent")
    it = iter(loader)
    pids = {int(p) for _ in range(4) for p in next(it)}
    print(*pids, flush=True)
    if MODE == "exit":
        sys.exit(3)
    if MODE == "error":
        raise ValueError("in the program")
    if "forget" in sys.argv:
        return
    for batch in it:
        pass

if __name__ == "__main__":
    main()
"""


@linux
@pytest.mark.parametrize("method", PROCESSES)
@pytest.mark.parametrize(
    ("mode", "how"),
    [
        ("run", "ctrl-c"),
        ("persistent", "ctrl-c"),
        ("stuck", "ctrl-c"),
        ("stuck", "kill"),
        ("run", "term"),
        ("exit", ""),
        ("error", ""),
        ("persistent", "forget"),
    ],
)
def test_nothing_is_left_when_the_program_ends(tmp_path: Path, method: str, mode: str, how: str) -> None:
    if (method == "spawn" and (mode, how) != ("run", "ctrl-c")) or (method == "fork" and how not in ("ctrl-c", "kill")):
        pytest.skip("the fork server's cases cover it")
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"}
    program = subprocess.Popen(
        [sys.executable, str(script), mode, method, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        pids = set(map(int, line.split()))
        assert len(pids) == 2, program.communicate()[1]
        session = {int(p.name) for p in Path("/proc").glob("[0-9]*") if in_session(p, program.pid)}
        session |= pids  # some programs end at once
        time.sleep(0.2)
        if how == "ctrl-c":
            os.killpg(program.pid, signal.SIGINT)
        elif how == "kill":
            program.kill()
        elif how == "term":
            program.terminate()
        _, errors = program.communicate(timeout=30)
        expected = {"ctrl-c": -signal.SIGINT, "kill": -signal.SIGKILL, "term": -signal.SIGTERM}
        assert program.returncode == expected.get(how, {"exit": 3, "error": 1}.get(mode, 0))
        if how == "ctrl-c":
            assert errors.count("KeyboardInterrupt") == 1, errors
        assert not wait_until_dead(session, 10), {p: command(p) for p in session if alive(p)}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        program.stdout.close()  # type: ignore[union-attr]
        program.stderr.close()  # type: ignore[union-attr]


def in_session(path: Path, session: int) -> bool:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session
    except OSError:
        return False


@linux
def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import tinygrad_hw as torch\nprint(len(list(torch.utils.data.DataLoader(range(4), num_workers=1))))\n"
    )
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
    )
    if result.returncode == 0:
        # From Python 3.12 on, the fork server may have imported the script without its main part.
        assert result.stdout.strip() == "4"
    else:
        assert "exited unexpectedly" in result.stderr
        assert "__name__ == '__main__'" in result.stderr


# -- scripts as they are written for PyTorch -------------------------------------------------------

SCRIPT = """
import tinygrad_hw as torch

class Squares(torch.utils.data.Dataset):
    def __init__(self, f):
        self.f = f
    def __len__(self):
        return 5
    def __getitem__(self, i):
        return self.f(i)

print("once")
torch.mm(torch.ones(600, 600), torch.ones(600, 600))
loader = torch.utils.data.DataLoader(
    Squares(lambda i: i * i), batch_size=2, num_workers=2, collate_fn=lambda batch: torch.tensor(batch) * 1.0
)
for batch in loader:
    print(batch.tolist())
"""


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="Python does not fork here")
def test_a_script_without_a_guard_and_with_local_functions(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(tmp_path / "script.py")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.splitlines() == ["once", "[0.0, 1.0]", "[4.0, 9.0]", "[16.0]"], done.stderr
    assert done.returncode == 0


def test_the_start_method_is_pythons() -> None:
    it = iter(DataLoader(Numbers(2), batch_size=1, num_workers=1))
    kind = type(it.pool.workers[0]).__name__
    assert (
        kind
        == {"fork": "ForkProcess", "spawn": "SpawnProcess", "forkserver": "ForkServerProcess"}[
            multiprocessing.get_start_method()
        ]
    )
    assert len(list(it)) == 2
