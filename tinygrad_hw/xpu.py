"""``torch.xpu``: there is no such device."""

from __future__ import annotations

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed", "seed"]


def is_available() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Check the seed: there is no generator of a device to seed.

    Raises:
        ValueError: it is no integer.
    """
    int(seed)


def seed() -> None:
    """Do nothing: there is no generator of a device to seed."""


def empty_cache() -> None:
    """Do nothing: there is no memory of a device."""
