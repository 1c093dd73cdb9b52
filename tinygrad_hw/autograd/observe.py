"""What a tracer is told besides the ops: functions that are better seen as one, and writes into memory.

``NAMESPACE["TRACE"]``, when it is set, is called for every op (see ``op.py``). A tracer that is an object may have two
methods more:

    ``whole(name, function, args, kwargs)``   called in place of a function marked by :func:`whole`; returns its result
    ``before_write(tensor, result)``          a tensor, a number or (None) something unknown is about to be written
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw.autograd.graph import NAMESPACE

__all__ = ["announce_write", "whole"]

F = TypeVar("F", bound=Callable[..., Any])


def whole(function: F) -> F:
    """Mark a function that a tracer may want to see as one, not as the ops it is made of.

    That is the case where another format has a word for it (a convolution with its padding), or where it looks at
    arrays beside the ops (the order of a sort).
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        trace = NAMESPACE["TRACE"]
        if trace is None:
            return function(*args, **kwargs)
        see = getattr(trace, "whole", None)
        return function(*args, **kwargs) if see is None else see(function.__name__, function, args, kwargs)

    return call  # type: ignore[return-value]


def announce_write(tensor: Any, result: Any) -> None:
    """Tell the tracer, if there is one that wants to know, that a tensor's memory is about to be written."""
    trace = NAMESPACE["TRACE"]
    if trace is not None:
        tell = getattr(trace, "before_write", None)
        if tell is not None:
            tell(tensor, result)
