"""Nested tuples, lists and dictionaries: taken apart into a flat list of leaves, and put together again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Structure", "flatten", "tree_map"]


class Structure:
    """How a nest of containers is built: the leaves' places.

    Attributes:
        kind: the container's class; None for a leaf.
        keys: of a dictionary.
        children: the structures inside.
    """

    def __init__(self, kind: type | None, keys: tuple[Any, ...], children: tuple[Structure, ...]) -> None:
        self.kind = kind
        self.keys = keys
        self.children = children
        self.count: int = 1 if kind is None else sum(c.count for c in children)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Structure)
            and self.kind is other.kind
            and self.keys == other.keys
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        inside = [repr(c) for c in self.children]
        if self.keys:
            inside = [f"{k!r}: {c}" for k, c in zip(self.keys, inside, strict=True)]
        return f"{self.kind.__name__}({', '.join(inside)})"

    def build(self, leaves: Any) -> Any:
        """Return the nest with these leaves (a sequence or an iterator)."""
        leaves = iter(leaves)
        return self._build(leaves)

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        parts = [c._build(leaves) for c in self.children]
        if self.keys:
            return self.kind(zip(self.keys, parts, strict=True))
        if hasattr(self.kind, "_fields"):
            return self.kind(*parts)
        return self.kind(parts)

    def spread(self, prefix: Any) -> list[Any] | None:
        """Return one value for each leaf from a nest that may stop at any container; None if it doesn't fit."""
        nested = isinstance(prefix, (tuple, list, dict))
        if not nested:
            return [prefix] * self.count
        # A list may stand for a tuple and the other way round.
        alike = self.kind in (tuple, list) and isinstance(prefix, (tuple, list))
        if self.kind is None or not (alike or isinstance(prefix, self.kind)):
            return None
        if isinstance(prefix, dict):
            if tuple(prefix) != self.keys and set(prefix) != set(self.keys):
                return None
            values = [prefix[k] for k in self.keys]
        else:
            values = list(prefix)
        if len(values) != len(self.children):
            return None
        found: list[Any] = []
        for child, value in zip(self.children, values, strict=True):
            part = child.spread(value)
            if part is None:
                return None
            found += part
        return found


_LEAF = Structure(None, (), ())


def flatten(nest: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a nest, in order, and its structure; what is no container is a leaf."""
    if isinstance(nest, (dict, OrderedDict)):
        keys, values = tuple(nest), list(nest.values())
    elif isinstance(nest, (tuple, list)):
        keys, values = (), list(nest)
    else:
        return [nest], _LEAF
    leaves: list[Any] = []
    children = []
    for value in values:
        inner, structure = flatten(value)
        leaves += inner
        children.append(structure)
    return leaves, Structure(type(nest), keys, tuple(children))


def tree_map(function: Callable[[Any], Any], nest: Any) -> Any:
    """Return the nest with ``function`` applied to each leaf."""
    leaves, structure = flatten(nest)
    return structure.build([function(leaf) for leaf in leaves])
