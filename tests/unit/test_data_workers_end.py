"""The DataLoader's workers: no process is left behind, and scripts as they are written for PyTorch."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers import MARKS, PROCESSES, Numbers, Who, command, linux
from tinygrad_hw.utils.data import DataLoader

pytestmark = MARKS


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
