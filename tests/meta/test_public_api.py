"""Every public name exists and says what it is."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests.meta.modules import MODULES, members, public
from tinygrad_hw.version import __version__


def own_docstring(value: Any) -> str:
    """Return the docstring of an object itself, not one it inherits."""
    text = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    return (text or "").strip()


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is_for(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    names = list(getattr(module, "__all__", []))
    assert len(names) == len(set(names)), "a name stands twice in __all__"
    missing = [n for n in names if not hasattr(module, n)]
    assert not missing, f"in __all__ but not in the module: {missing}"
    bare = []
    for n, value in public(name).items():
        if not (inspect.isroutine(value) or isinstance(value, type)):
            continue
        if not own_docstring(value):
            bare.append(n)
        if isinstance(value, type) and value.__module__.startswith("tinygrad_hw"):
            bare += [f"{n}.{m}" for m, member in members(value) if not own_docstring(member)]
    assert not bare, f"without a docstring: {bare}"


def test_there_is_one_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'version = { attr = "tinygrad_hw.version.__version__" }' in text
    assert __version__ not in text
