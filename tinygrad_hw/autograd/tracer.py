"""Who is told of every op: anomaly mode, the profiler.

``NAMESPACE["TRACE"]`` is None, or a function that every op is handed to (see ``op.py``). Here several share that
place: each is called as ``tracer(op, args, params, apply)`` and calls ``apply(op, args, params)``, which is the next
one and in the end the op. One with a method ``before_write`` is told of writes as well (see ``observe.py``); one with a
function ``whole(name, function, args, kwargs, inner)`` is asked to call the functions that are marked there. The
innermost place can be taken for good by :func:`set_apply`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd.graph import NAMESPACE

__all__ = ["add_tracer", "apply", "remove_tracer", "set_apply", "tracing"]

Apply = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
Tracer = Callable[[Any, tuple[Any, ...], dict[str, Any], Apply], Any]

#: From the innermost out.
_tracers: list[Tracer] = []


def _core(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    return op.core(*args, **params)


_innermost: Apply = _core


def apply(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply an op to arguments that have their common dtype already; what a tracer does in the end."""
    return _innermost(op, args, params)


def set_apply(function: Apply) -> None:
    """Let ``function(op, args, params)`` apply every op from now on; its ``whole`` is as in ``observe.py``."""
    global _innermost
    _innermost = function
    _rebuild()


def _link(tracer: Tracer, inner: Apply) -> Apply:
    def call(op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return tracer(op, args, params, inner)

    return call


def _tell(watchers: list[Callable[[Any, Any], None]], tensor: Any, result: Any) -> None:
    for watcher in watchers:
        watcher(tensor, result)


def _plain(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


def _link_whole(see: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    def call(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return see(name, function, args, kwargs, inner)

    return call


def _rebuild() -> None:
    call: Any = _innermost
    for tracer in _tracers:
        call = _link(tracer, call)
    watchers = [t.before_write for t in _tracers if hasattr(t, "before_write")]
    if watchers:
        call.before_write = functools.partial(_tell, watchers)
    seen = [t.whole for t in _tracers if hasattr(t, "whole")]
    if _tracers and (seen or hasattr(_innermost, "whole")):
        whole = getattr(_innermost, "whole", _plain)
        for see in seen:
            whole = _link_whole(see, whole)
        call.whole = whole
    NAMESPACE["TRACE"] = None if call is _core else call


def add_tracer(tracer: Tracer) -> None:
    """Hand every op to ``tracer`` from now on; does nothing if it is at work already."""
    if tracer not in _tracers:
        _tracers.append(tracer)
        _rebuild()


def tracing() -> bool:
    """Return whether a tracer is at work."""
    return NAMESPACE["TRACE"] is not None and (bool(_tracers) or NAMESPACE["TRACE"] is not _innermost)


def remove_tracer(tracer: Tracer) -> None:
    """Undo :func:`add_tracer`."""
    if tracer in _tracers:
        _tracers.remove(tracer)
        _rebuild()
