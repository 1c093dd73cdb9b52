"""What the switches of ``torch.backends`` have in common: they take nothing but what they stand for."""

from __future__ import annotations

__all__ = ["check_bool"]


def check_bool(setter: str, value: object) -> None:
    """Raise RuntimeError, as PyTorch's setter of that name does, unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise RuntimeError(f"{setter} expects a bool, but got {type(value).__name__}")
