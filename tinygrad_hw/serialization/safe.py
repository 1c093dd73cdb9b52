"""Names that the user trusts files to call: ``torch.serialization.add_safe_globals`` and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_hw.serialization.unpickler import Opaque

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]

Entry = Callable[..., Any] | tuple[Callable[..., Any], str]

_entries: list[Any] = []


class Trusted(Opaque):
    """A class or function of the user's, named in a file."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value


def _name_of(entry: Any) -> tuple[str, Any]:
    if isinstance(entry, tuple):
        value, name = entry
        if not isinstance(name, str):
            raise TypeError(f"add_safe_globals: the name in {entry!r} must be a string")
        return name, value
    return f"{entry.__module__}.{entry.__name__}", entry


class UserTrust:
    """What the reader of pickles asks: see ``unpickler.Trust``."""

    def find(self, module: str, name: str) -> Trusted | None:
        """Return what the user said may stand under a name."""
        dotted = f"{module}.{name}"
        for entry in reversed(_entries):
            known, value = _name_of(entry)
            if known == dotted:
                return Trusted(dotted, value)
        return None

    def call(self, function: Any, args: tuple[Any, ...], new: bool) -> Any:
        """Call a class or function, or make an object without calling ``__init__``."""
        if not isinstance(function, Trusted):
            raise TypeError(f"{function.name} cannot be called")
        args = tuple(a.value if isinstance(a, Trusted) else a for a in args)
        return function.value.__new__(function.value, *args) if new else function.value(*args)

    def build(self, target: Any, state: Any) -> bool:
        """Give an object of a trusted class its state, as pickle does."""
        if not any(_name_of(entry)[1] is type(target) for entry in _entries):
            return False
        if hasattr(target, "__setstate__"):
            target.__setstate__(state)
            return True
        slots = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        for name, value in (state or {}).items():
            target.__dict__[name] = value
        for name, value in (slots or {}).items():
            setattr(target, name, value)
        return True


def add_safe_globals(safe_globals: list[Entry]) -> None:
    """Let files name these classes and functions, which then are called as the file says.

    Only add what cannot do harm whatever its arguments are: a class of plain fields, not ``os.system``.

    Args:
        safe_globals: classes and functions, or pairs of one and the dotted name it has in files.

    Source: ``torch.serialization.add_safe_globals``.

    Example:
        >>> class Settings:
        ...     pass
        >>> torch.serialization.add_safe_globals([Settings, (Settings, "old_place.Settings")])
        >>> Settings in torch.serialization.get_safe_globals()
        True
        >>> torch.serialization.clear_safe_globals()
    """
    for entry in safe_globals:
        _name_of(entry)
    _entries.extend(entry for entry in safe_globals if entry not in _entries)


def get_safe_globals() -> list[Entry]:
    """Return what files may name besides plain data.

    Source: ``torch.serialization.get_safe_globals``.

    Example:
        >>> len in torch.serialization.get_safe_globals()
        False
    """
    return list(_entries)


def clear_safe_globals() -> None:
    """Let files name nothing but plain data again.

    Source: ``torch.serialization.clear_safe_globals``.

    Example:
        >>> torch.serialization.clear_safe_globals()
    """
    _entries.clear()


class safe_globals:
    """Let files name classes and functions in a block; see ``add_safe_globals``.

    Args:
        safe_globals: classes and functions, or pairs of one and the dotted name it has in files.

    Source: ``torch.serialization.safe_globals``.

    Example:
        >>> import fractions
        >>> with torch.serialization.safe_globals([fractions.Fraction]):
        ...     fractions.Fraction in torch.serialization.get_safe_globals()
        True
        >>> fractions.Fraction in torch.serialization.get_safe_globals()
        False
    """

    def __init__(self, safe_globals: list[Entry]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self._before = list(_entries)
        add_safe_globals(self.safe_globals)

    def __exit__(self, *exc: object) -> None:
        _entries[:] = self._before
