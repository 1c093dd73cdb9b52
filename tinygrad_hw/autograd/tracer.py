"""Who is told of every op: anomaly mode, the profiler.

``NAMESPACE["TRACE"]`` is None, or a function that every op is handed to (see ``op.py``). Here several share that
place: each is called as ``tracer(op, args, params, apply)`` and calls ``apply(op, args, params)``, which is the next
one and in the end the op. One with a method ``before_write`` is told of writes as well (see ``observe.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd.graph import NAMESPACE

__all__ = ["add_tracer", "remove_tracer"]

Apply = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
Tracer = Callable[[Any, tuple[Any, ...], dict[str, Any], Apply], Any]

#: From the innermost out.
_tracers: list[Tracer] = []


def _apply(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    return op.core(*args, **params)


def _link(tracer: Tracer, inner: Apply) -> Apply:
    def call(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return tracer(op, args, params, inner)

    return call


def _tell(watchers: list[Callable[[Any, Any], None]], tensor: Any, result: Any) -> None:
    for watcher in watchers:
        watcher(tensor, result)


def _rebuild() -> None:
    call: Any = _apply
    for tracer in _tracers:
        call = _link(tracer, call)
    watchers = [t.before_write for t in _tracers if hasattr(t, "before_write")]
    if watchers:
        call.before_write = functools.partial(_tell, watchers)
    NAMESPACE["TRACE"] = call if _tracers else None


def add_tracer(tracer: Tracer) -> None:
    """Hand every op to ``tracer`` from now on; does nothing if it is at work already."""
    if tracer not in _tracers:
        _tracers.append(tracer)
        _rebuild()


def remove_tracer(tracer: Tracer) -> None:
    """Undo :func:`add_tracer`."""
    if tracer in _tracers:
        _tracers.remove(tracer)
        _rebuild()
