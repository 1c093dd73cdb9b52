"""Arguments that may be one number or one per dimension."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["pair", "single", "triple"]


def single(value: Any) -> tuple[Any, ...]:
    """Return a 1-tuple."""
    return tuple(value) if isinstance(value, Iterable) else (value,)


def pair(value: Any) -> tuple[Any, ...]:
    """Return a 2-tuple; one number counts for both."""
    return tuple(value) if isinstance(value, Iterable) else (value, value)


def triple(value: Any) -> tuple[Any, ...]:
    """Return a 3-tuple; one number counts for all."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * 3
