"""Where a module keeps its parameters, buffers and child modules.

The value of ``self.weight`` is an ordinary attribute of the module: reading it costs what reading
any attribute costs, and there is no second copy that could disagree. What a module adds is three
ordered tables of names, one per kind. ``module._parameters``, ``module._buffers`` and
``module._modules`` are live mappings over such a table: they read and write the attributes
themselves, so that code written for PyTorch's dictionaries (``module._parameters["weight"] = p``,
``module._modules.items()``) keeps working. They are made when asked for and hold the module; the
module does not hold them (``vars(module)`` has the values in their place), so a module dies with
its last reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["CHANGES", "KINDS", "Registry", "typename"]

V = TypeVar("V")

#: Counts what happens to modules: assignments to attributes, registrations, hooks. Who has looked at a module need
#: not look again while it stands still (see ``tinygrad_hw.compiler``).
CHANGES = [0]

#: The attributes that hold the tables of names.
KINDS = ("_parameter_names", "_buffer_names", "_module_names")


class Registry(MutableMapping[str, V]):
    """A live mapping over the attributes of one kind, in place of PyTorch's dictionary.

    Args:
        owner: the module.
        names: the module's table of names of this kind.
    """

    __slots__ = ("_names", "_owner")

    def __init__(self, owner: Any, names: dict[str, None]) -> None:
        self._owner = owner
        self._names = names

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        return getattr(self._owner, name)

    def __setitem__(self, name: str, value: V) -> None:
        CHANGES[0] += 1
        if name not in self._names:
            forget(self._owner, name)
            self._names[name] = None
        object.__setattr__(self._owner, name, value)

    def __delitem__(self, name: str) -> None:
        CHANGES[0] += 1
        del self._names[name]
        object.__delattr__(self._owner, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __repr__(self) -> str:
        return repr(dict(self))

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}

    def __ior__(self, other: Any) -> Registry[V]:  # type: ignore[misc]
        self.update(other)
        return self

    def __copy__(self) -> dict[str, V]:
        return dict(self)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def copy(self) -> dict[str, V]:
        """Return an ordinary dictionary with the same items."""
        return dict(self)

    def popitem(self) -> tuple[str, V]:
        """Remove the newest item and return it."""
        if not self._names:
            raise KeyError("popitem(): the registry is empty")
        name = next(reversed(self._names))
        return name, self.pop(name)

    def replace(self, items: Mapping[str, V] | Iterable[tuple[str, V]]) -> None:
        """Become ``items``, in their order."""
        new = dict(items)
        self.clear()
        self.update(new)


def forget(owner: Any, name: str) -> None:
    """Take ``name`` out of every table of ``owner``; its value stays."""
    for kind in KINDS:
        getattr(owner, kind).pop(name, None)
    owner._non_persistent_buffers_set.discard(name)


def typename(value: object) -> str:
    """Return the name by which error messages call the type of ``value``."""
    if isinstance(value, TensorBase):
        return str(value.type())  # type: ignore[attr-defined]
    cls = value if isinstance(value, type) else type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
