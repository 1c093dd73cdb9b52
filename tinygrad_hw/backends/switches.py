"""What the switches of ``torch.backends`` have in common: they take nothing but what they stand for."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Switches", "check_bool"]


def check_bool(setter: str, value: object) -> None:
    """Raise RuntimeError, as PyTorch's setter of that name does, unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise RuntimeError(f"{setter} expects a bool, but got {type(value).__name__}")


class Switches(types.ModuleType):
    """A module of switches; its dictionary ``_SETTERS`` has PyTorch's names of their setters, for its errors."""

    def __setattr__(self, name: str, value: Any) -> None:
        setters: dict[str, str] = self.__dict__["_SETTERS"]
        if name in setters:
            check_bool(setters[name], value)
        super().__setattr__(name, value)


@contextmanager
def switched(module: types.ModuleType, **values: Any) -> Iterator[None]:
    """Set a module's switches inside of a block."""
    before = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
