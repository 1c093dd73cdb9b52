"""Results are the same, bit by bit, on any number of threads: every kernel, forwards and backwards, and training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tinygrad_hw
from tests.kernels import determinism
from tinygrad_hw.kernels import runtime

if not runtime.compiled_kernels():
    pytest.skip("kernels are not compiled", allow_module_level=True)

#: Kernels whose results are not numbers, and why.
NOT_COMPARED = {"denormal._switch": "sets a register of each thread"}


@pytest.fixture(scope="module")
def found() -> Any:
    """What the cases gave on 1, 2 and 3 threads."""
    root = Path(tinygrad_hw.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", determinism.__name__],
        env={**os.environ, "PYTHONPATH": str(root), "NUMBA_NUM_THREADS": "3"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["threads"] == {"1": 1, "2": 2, "3": 3}
    return facts


@pytest.mark.parametrize("case", determinism.cases())
def test_same_bits(case: str, found: Any) -> None:
    digests = found["digests"][case]
    assert len(digests) == len(determinism.THREADS)
    assert len(set(digests)) == 1, f"threads {determinism.THREADS} gave {[d[:8] for d in digests]}"


def test_every_kernel_ran(found: Any) -> None:
    """A new kernel needs a case, in the warm-up or here."""
    assert len(found["kernels"]) > 20
    missing = [
        f"{name} for {kind}"
        for name in found["kernels"]
        for kind in determinism.DTYPES
        if name not in NOT_COMPARED and kind not in found["ran"].get(name, ())
    ]
    assert not missing
