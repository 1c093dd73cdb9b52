"""``torch.backends.cudnn``: its switches, which nothing reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["flags", "is_available", "version"]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Return False."""
    return False


def version() -> None:
    """Return None: there is no cuDNN."""


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """Set the switches inside of a block.

    Source: ``torch.backends.cudnn.flags``.
    """
    values = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
    given = dict(zip(_SWITCHES, values, strict=True))
    before = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(before)


_SWITCHES = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32")
