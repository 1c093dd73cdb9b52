"""``torch.compile`` and ``torch.compiler``: accepted; everything runs as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["allow_in_graph", "compile", "disable", "is_compiling", "is_dynamo_compiling", "is_exporting", "reset"]

F = TypeVar("F", bound=Callable[..., Any])


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
) -> Any:
    """Return a module or a function unchanged; the kernels it calls are compiled already.

    Args:
        model: what to compile; without it, a decorator is returned.
        fullgraph: ignored.
        dynamic: ignored.
        backend: ignored.
        mode: ignored.
        options: ignored.
        disable: ignored.

    Raises:
        RuntimeError: both ``mode`` and ``options`` are given.

    Source: ``torch.compile``.

    Example:
        >>> f = torch.compile(lambda x: x + 1)
        >>> f(torch.ones(1))
        tensor([2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    return (lambda function: function) if model is None else model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Return a function unchanged; without one, a decorator.

    Source: ``torch.compiler.disable``.
    """
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn: F) -> F:
    """Return a function unchanged.

    Source: ``torch.compiler.allow_in_graph``.
    """
    return fn


def is_compiling() -> bool:
    """Return False."""
    return False


def is_dynamo_compiling() -> bool:
    """Return False."""
    return False


def is_exporting() -> bool:
    """Return False."""
    return False


def reset() -> None:
    """Do nothing: there is no cache of compiled graphs."""
