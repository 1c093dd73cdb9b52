"""What ``import tinygrad_hw`` does, and does not do."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_import_leaves_numba_and_its_like_alone() -> None:
    heavy = "numba llvmlite torch scipy matplotlib h5py pandas"
    code = f"import sys, tinygrad_hw; print([m for m in {heavy.split()!r} if m in sys.modules])"
    assert run(code) == "[]"


def test_import_does_not_change_numpy_error_handling() -> None:
    code = "import numpy; a = numpy.geterr(); import tinygrad_hw; print(a == numpy.geterr())"
    assert run(code) == "True"
