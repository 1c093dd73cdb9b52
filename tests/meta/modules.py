"""The package's modules and what they make public, for the tests of this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
from collections.abc import Iterator
from typing import Any

import tinygrad_hw

__all__ = ["MODULES", "members", "public"]

#: Dotted names of all modules but those that run something when imported.
MODULES = sorted(
    {"tinygrad_hw"}
    | {m.name for m in pkgutil.walk_packages(tinygrad_hw.__path__, "tinygrad_hw.") if not m.name.endswith("__main__")}
)


def public(name: str) -> dict[str, Any]:
    """Return what a module lists in ``__all__``; nothing for one without such a list."""
    module = importlib.import_module(name)
    return {n: getattr(module, n) for n in getattr(module, "__all__", ())}


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the functions and properties that a class itself defines under a public name."""
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if getattr(value, "__name__", "") == "<lambda>":
            continue  # an attribute that happens to be callable
        if inspect.isroutine(value) or isinstance(value, (property, types.GetSetDescriptorType)):
            yield name, value
