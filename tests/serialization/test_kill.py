"""A process that is killed while it saves leaves the old file or the new one, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 200

#: Imports once and forks a writer per kill: starting Python 200 times would take minutes.
PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
import tinygrad_hw as torch

folder, suffix, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
path = folder / f"model{suffix}"
random.seed(7)

def state(number):
    # 2 MB in several storages; every element tells which file it belongs to.
    return {f"layer{i}": torch.full((256, 512), float(number)) for i in range(4)}

def write_on(number, pipe):
    while True:
        number += 1
        os.write(pipe, f"start {number}\\n".encode())
        torch.save(state(number), path)
        os.write(pipe, f"done {number}\\n".encode())

torch.save(state(0), path)
number, halfway, seen = 0, 0, set()
for kill in range(kills):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            write_on(number, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        first = told.readline()
        time.sleep(random.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
        lines = (first + told.read()).split(b"\\n")[:-1]
    started = max(int(line.split()[1]) for line in lines if line.startswith(b"start"))
    done = max([int(line.split()[1]) for line in lines if line.startswith(b"done")], default=number)
    loaded = torch.load(path)
    values = {float(v) for tensor in loaded.values() for v in np.unique(tensor.numpy())}
    assert len(values) == 1, f"kill {kill}: a mixture of {values}"
    number = int(values.pop())
    assert number in (done, started), f"kill {kill}: holds {number}, done {done}, started {started}"
    assert [t.shape for t in loaded.values()] == [(256, 512)] * 4
    seen.add(number)
    for left in folder.glob(".*.tmp"):
        halfway += 1
        left.unlink()
print(halfway, len(seen))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
@pytest.mark.parametrize(("suffix", "kills"), [(".pt", KILLS), (".npz", 20)])
def test_killed_while_saving(tmp_path: Path, suffix: str, kills: int) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), suffix, str(kills)], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    halfway, files = map(int, result.stdout.split())
    # Otherwise the kills fell beside the writing, and nothing was tested.
    assert halfway > kills // 4, f"only {halfway} of {kills} kills fell into the writing"
    assert files > kills // 10
