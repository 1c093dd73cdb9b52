"""``torch.mps``: there is no such device."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "seed", "synchronize"]


def _no_mps(function: str) -> NoReturn:
    raise RuntimeError(f"Cannot execute {function}() without MPS backend.")


def is_available() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing: there is no generator of a device to seed."""


def seed() -> None:
    """Raise RuntimeError: there is no MPS."""
    _no_mps("getDefaultGenerator")


def empty_cache() -> None:
    """Raise RuntimeError: there is no MPS."""
    _no_mps("emptyCache")


def synchronize() -> None:
    """Raise RuntimeError: there is no MPS."""
    _no_mps("deviceSynchronize")
