"""The place where a profiler takes its seat, and labels for parts of a program.

The profiler itself is ``tinygrad_hw.profiler``.
"""

from __future__ import annotations

import contextlib
from typing import Any

__all__ = ["record_function"]

#: What records at the moment, or None. The walk reads it once per backward, labels once per block.
recorder: Any = None


_NOTHING: contextlib.AbstractContextManager[None] = contextlib.nullcontext()


def walking(name: str) -> contextlib.AbstractContextManager[None]:
    """Return the context in which a walk through the graph takes place."""
    return _NOTHING if recorder is None else recorder.walking(name)


class record_function(contextlib.ContextDecorator):
    """Name a block of code, or a function, in the profile.

    Costs a fraction of a microsecond while nothing is profiled.

    Args:
        name: the label.
        args: further text, shown with the event in the trace.

    Source: ``torch.autograd.profiler.record_function``.

    Example:
        >>> with torch.profiler.profile() as prof:
        ...     with torch.autograd.profiler.record_function("warm-up"):
        ...         x = torch.ones(3) * 2
        >>> [e.count for e in prof.key_averages() if e.key == "warm-up"]
        [1]
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: Any = None

    def _recreate_cm(self) -> record_function:
        # A decorated function may run in several threads, and call itself.
        return record_function(self.name, self.args)

    def __enter__(self) -> record_function:
        if recorder is not None:
            self._open = recorder, recorder.begin_user(self.name, self.args)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._open is not None:
            (owner, event), self._open = self._open, None
            owner.end(event)
