"""The device of a tensor: the CPU."""

from __future__ import annotations

from typing import Any

__all__ = ["device"]


class _NotBuiltIn(AssertionError, RuntimeError):
    """PyTorch built for the CPU fails an assertion when CUDA is asked for, and says RuntimeError of other devices."""


class device:
    """A device name. Only the CPU exists here.

    Args:
        type: ``"cpu"`` (also ``"cpu:0"``).
        index: None or 0.

    Raises:
        RuntimeError: another device was asked for; for ``"cuda"`` it is an AssertionError too.

    Source: ``torch.device``.

    Example:
        >>> torch.device("cpu")
        device(type='cpu')
        >>> torch.device("mps")
        Traceback (most recent call last):
        RuntimeError: device 'mps' is not available: this package computes on the CPU only...
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        name, _, number = str(type).partition(":")
        if name != "cpu":
            raise (_NotBuiltIn if name == "cuda" else RuntimeError)(
                f"device {str(type)!r} is not available: this package computes on the CPU only. Leave the "
                "device out or use 'cpu'"
            )
        self.type = name
        self.index = int(number) if number else index

    @staticmethod
    def check(value: Any) -> None:
        """Raise unless ``value`` is None or names the CPU."""
        if value is not None:
            device(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"
