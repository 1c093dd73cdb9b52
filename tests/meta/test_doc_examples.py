"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw
from tests.meta.modules import MODULES, members, public

PARSER = doctest.DocTestParser()


def documented(name: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, object) for a module, its public names and their members."""
    module = importlib.import_module(name)
    yield name, module
    for n, value in public(name).items():
        if isinstance(value, types.ModuleType):
            continue
        yield f"{name}.{n}", value
        if isinstance(value, type):
            for m, member in members(value):
                yield f"{name}.{n}.{m}", member


def collect() -> dict[str, doctest.DocTest]:
    """Return the examples of each docstring, a re-exported one under where it was written."""
    found: dict[str, doctest.DocTest] = {}
    seen: set[int] = set()
    for name in sorted(MODULES, key=lambda n: (-n.count("."), n)):
        for label, value in documented(name):
            text = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
            if not isinstance(text, str) or id(value) in seen:
                continue
            seen.add(id(value))
            globs = {"np": np, "torch": tinygrad_hw, "__name__": "__main__"}
            if name.startswith("tinygrad_hw.kernels"):
                # Below the names of PyTorch: these examples use the functions directly.
                globs |= public(name)
            test = PARSER.get_doctest(text, globs, label, name, 0)
            if test.examples:
                found[label.removeprefix("tinygrad_hw.")] = test
    return found


EXAMPLES = collect()


def test_the_examples_were_found() -> None:
    for label in (
        "tensor.Tensor",
        "tensor.Tensor.backward",
        "nn.parameter.Parameter",
        "dtypes.dtype",
    ):
        assert label in EXAMPLES
    assert len(EXAMPLES) > 100


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("label", EXAMPLES)
def test_example(label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    runner.run(EXAMPLES[label], out=report.append, clear_globs=False)
    if report:
        pytest.fail("".join(report), pytrace=False)
