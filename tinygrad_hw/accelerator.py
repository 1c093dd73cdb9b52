"""``torch.accelerator``: there is none."""

from __future__ import annotations

from typing import Any

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """Return None."""


def synchronize(device: Any = None) -> None:
    """Raise RuntimeError: there is nothing to wait for.

    Source: ``torch.accelerator.synchronize``.
    """
    raise RuntimeError("Cannot access accelerator device when none is available: this package computes on the CPU only")
