"""Results are the same, bit by bit, on any number of threads: every kernel, forwards and backwards, and training."""

from __future__ import annotations

import functools
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
#: Kernels that work in double precision whatever they are given.
DOUBLE = {"gamma._lgamma"}


@functools.cache
def found(kind: str) -> Any:
    """What the cases of a dtype gave on 1, 2 and 3 threads."""
    root = Path(tinygrad_hw.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", determinism.__name__, kind],
        env={**os.environ, "PYTHONPATH": str(root), "NUMBA_NUM_THREADS": "3"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["threads"] == {"1": 1, "2": 2, "3": 3}
    return facts


@pytest.mark.parametrize("case", determinism.cases(*determinism.DTYPES))
def test_same_bits(case: str) -> None:
    digests = found(case.split(", ")[1])["digests"][case]
    assert len(digests) == len(determinism.THREADS)
    assert len(set(digests)) == 1, f"threads {determinism.THREADS} gave {[d[:8] for d in digests]}"


@pytest.mark.parametrize("kind", determinism.DTYPES)
def test_every_kernel_ran(kind: str) -> None:
    """A new kernel needs a case, in the warm-up or here."""
    facts = found(kind)
    assert len(facts["kernels"]) > 20
    left_out = NOT_COMPARED.keys() | (DOUBLE if kind == "float32" else set())
    assert not [name for name in facts["kernels"] if name not in left_out and kind not in facts["ran"].get(name, ())]
