"""Whether operations record: context managers and decorators, per thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw.autograd.graph import NAMESPACE, mode
from tinygrad_hw.autograd.version import new_cell

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])

_lock = threading.Lock()
_users = 0


def _count_users(more: int) -> None:
    """Let new tensors ask for their cell as long as a thread is in inference mode."""
    global _users
    with _lock:
        _users += more
        NAMESPACE["NEW_CELL"] = new_cell if _users else None


def is_grad_enabled() -> bool:
    """Return whether operations of this thread are recorded for gradients."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Return whether this thread is inside ``inference_mode``."""
    return mode.inference


class _GradMode:
    """A context manager, and a decorator for functions and generator functions."""

    _enabled: bool = False

    def _clone(self) -> _GradMode:
        return type(self)()

    def __enter__(self) -> None:
        self._before = mode.enabled
        # Nothing is recorded in inference mode, whatever the modes inside.
        mode.enabled = self._enabled and not mode.inference

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._before

    def __call__(self, func: F) -> F:
        """Return the function with the mode set while it runs."""
        if inspect.isgeneratorfunction(func):

            @functools.wraps(func)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The mode holds while the generator runs, not while its consumer does.
                inner = func(*args, **kwargs)
                send: Any = None
                try:
                    while True:
                        with self._clone():
                            item = inner.send(send)
                        send = yield item
                except StopIteration as stop:
                    return stop.value
                finally:
                    inner.close()

            return generator  # type: ignore[return-value]

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._clone():
                return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class no_grad(_GradMode):
    """Record nothing inside: results do not require grad.

    Works as ``with torch.no_grad():`` and as a decorator ``@torch.no_grad()`` or ``@torch.no_grad``.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    _enabled = False

    def __new__(cls, orig_func: Any = None) -> Any:
        """Return the context manager, or the decorated function."""
        self = super().__new__(cls)
        return self if orig_func is None else _GradMode.__call__(self, orig_func)

    def __init__(self, orig_func: Any = None) -> None:
        pass


class enable_grad(_GradMode):
    """Record inside, whatever the mode around.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     with torch.enable_grad():
        ...         y = x * 2
        >>> y.requires_grad
        True
    """

    _enabled = True

    def __new__(cls, orig_func: Any = None) -> Any:
        """Return the context manager, or the decorated function."""
        self = super().__new__(cls)
        return self if orig_func is None else _GradMode.__call__(self, orig_func)

    def __init__(self, orig_func: Any = None) -> None:
        pass


class always_record(_GradMode):
    """Record inside, or not, even in inference mode: for derivatives that are part of a function's own work."""

    def __init__(self, on: bool = True) -> None:
        self._on = on

    def __enter__(self) -> None:
        self._before = mode.enabled
        mode.enabled = self._on


class inference_mode(_GradMode):
    """Record nothing inside, not even under ``enable_grad``, and make inference tensors.

    Outside, an inference tensor may be used as any other, but not saved for a gradient, written to, or made to require
    one: it has no count of writes. Its ``clone()`` is an ordinary tensor.

    Args:
        mode: True (default) to enter inference mode, False to leave it inside.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.inference_mode():
        ...     y = x * 2
        >>> y.requires_grad, y.is_inference(), y.clone().is_inference()
        (False, True, False)
        >>> y.add_(1)
        Traceback (most recent call last):
        RuntimeError: Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone...
    """

    def __new__(cls, mode: Any = True) -> Any:
        """Return the context manager, or the decorated function."""
        self = super().__new__(cls)
        if callable(mode):
            self.__init__(True)  # type: ignore[misc]
            return _GradMode.__call__(self, mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        self._enabled = not mode
        self._inference = bool(mode)

    def __enter__(self) -> None:
        self._modes = (mode.enabled, mode.inference)
        if self._inference:
            _count_users(1)
        mode.enabled, mode.inference = self._enabled, self._inference

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference = self._modes
        if self._inference:
            _count_users(-1)

    def _clone(self) -> _GradMode:
        return type(self)(self._inference)


class set_grad_enabled(_GradMode):
    """Switch recording on or off: at once as a function, or for a block or function.

    Args:
        mode: whether to record.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.set_grad_enabled(False):
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    def __init__(self, mode: bool) -> None:
        self._enabled = bool(mode)
        current = globals()["mode"]
        self._before = current.enabled
        current.enabled = self._enabled and not current.inference

    def _clone(self) -> _GradMode:
        return set_grad_enabled(self._enabled)

    def __enter__(self) -> None:
        mode.enabled = self._enabled and not mode.inference

    def __call__(self, func: F) -> F:
        """Return the function with the mode set while it runs, and undo the switch made by the constructor."""
        mode.enabled = self._before
        return super().__call__(func)

    def __repr__(self) -> str:
        return f"set_grad_enabled(mode={self._enabled})"
