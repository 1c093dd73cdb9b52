"""Compiling ahead of time, as a user calls it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw import cli, kernels, warmup
from tinygrad_hw.kernels import runtime

#: Kernels that no op uses.
UNUSED = {"optim_fused.takes"}
#: Those of ``set_flush_denormal``.
APART = {"denormal._switch", "denormal.flushes_denormal"}

needs_numba = pytest.mark.skipif(not runtime.compiled_kernels(), reason="kernels are not compiled")


def _name(kernel: runtime.Kernel) -> str:
    return f"{kernel.function.__module__.rpartition('.')[2]}.{kernel.function.__qualname__}"


@needs_numba
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_calls_reach_every_kernel(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that Python calls; those that kernels call are compiled with them."""
    everything, called = {}, set()
    for module in pkgutil.iter_modules(kernels.__path__):
        for value in vars(importlib.import_module(f"{kernels.__name__}.{module.name}")).values():
            if isinstance(value, runtime.Kernel):
                everything[_name(value)] = value
    inner = {
        _name(value)
        for kernel in everything.values()
        for name in kernel.function.__code__.co_names
        if isinstance(value := kernel.function.__globals__.get(name), runtime.Kernel)
    }
    call = runtime.Kernel.__call__

    def spy(self: runtime.Kernel, *args: Any, **options: Any) -> Any:
        called.add(_name(self))
        return call(self, *args, **options)

    monkeypatch.setattr(runtime.Kernel, "__call__", spy)
    monkeypatch.setattr(runtime.Kernel, "run", lambda self, work, *args: self(*args, work=work))
    for _, run in warmup.calls(dtype):
        results = run()
        assert results
        for array in results:
            assert array.dtype in (dtype.numpy, np.int64, np.uint8)
            assert np.isfinite(array).all()
            assert np.any(array)
    assert set(everything) - called - inner == (UNUSED | APART) - called - inner
    assert not called & UNUSED, "these are used now: take them from UNUSED"


@needs_numba
def test_warm_up_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A few calls stand for all: they run on one thread and on several, with a bar, and need no compiling later."""
    root = Path(torch.__file__).parent.parent
    names = ("max_pool2d", "cross_entropy")
    code = f"""
import sys
import tinygrad_hw as torch
from tinygrad_hw import cli, warmup
from tinygrad_hw.kernels import pool2d, runtime, softmax
every = warmup.calls
warmup.calls = lambda dtype, size=1: [c for c in every(dtype, size) if c[0] in {names}]
before = runtime.PARALLEL_WORK
assert cli.main(["warmup", *sys.argv[1:]]) == 0
assert runtime.PARALLEL_WORK == before
used = (pool2d._quarters, pool2d._quarters_backward, softmax._entropy, softmax._entropy_backward)
stats = [k.compile(parallel=p).stats for k in used for p in (False, True)]
print(sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats))
"""
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(tmp_path)}
    told = []
    for options in ([], ["--float64", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *options], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        told.append((done.stdout.splitlines(), done.stderr))
    (first, bar), (second, quiet) = told
    assert first[0] == f"compiled kernels are in {next(tmp_path.iterdir())}"
    assert first[1] == "8 0"
    assert "100%" in bar and "4/4" in bar and "cross_entropy" in bar
    assert second[1] == "8 8"  # float64 is new
    assert "%" not in quiet


def test_nothing_to_warm_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"kernels": "numpy", "kernels_reason": "NUMBA_DISABLE_JIT is set"}
    monkeypatch.setattr(runtime, "config", lambda: facts)
    assert cli.main(["warmup"]) == 1
    assert "there is nothing to compile: NUMBA_DISABLE_JIT is set" in capsys.readouterr().err
    facts.update(kernels="numba", cache=False, cache_reason="no locator available")
    assert cli.main(["warmup"]) == 1
    assert "cannot be kept: no locator available. Set NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_show_config_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show-config"]) == 0
    assert capsys.readouterr().out == torch.show_config() + "\n"
