"""Whether operations record: context managers and decorators, per thread."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw.autograd.graph import mode

__all__ = [
    "enable_grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_grad_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """Return whether operations of this thread are recorded for gradients."""
    return mode.enabled


def is_inference_mode_enabled() -> bool:
    """Return whether this thread is inside ``inference_mode``."""
    return mode.inference


class _GradMode:
    """A context manager, and a decorator for functions and generator functions."""

    _enabled: bool = False
    _inference: bool | None = None

    def _clone(self) -> _GradMode:
        return type(self)()

    def __enter__(self) -> None:
        self._before = (mode.enabled, mode.inference)
        mode.enabled = self._enabled
        if self._inference is not None:
            mode.inference = self._inference

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.inference = self._before

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


class inference_mode(_GradMode):
    """Record nothing inside, as ``no_grad``; ``is_inference_mode_enabled()`` is True inside.

    Args:
        mode: True (default) to enter inference mode, False to leave it inside.

    Unlike PyTorch's, tensors made inside may be used for training afterwards.
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
        self._inference = mode

    def _clone(self) -> _GradMode:
        return type(self)(bool(self._inference))


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
        self._before = (globals()["mode"].enabled, globals()["mode"].inference)
        globals()["mode"].enabled = self._enabled

    def _clone(self) -> _GradMode:
        return set_grad_enabled(self._enabled)

    def __enter__(self) -> None:
        mode.enabled = self._enabled

    def __call__(self, func: F) -> F:
        """Return the function with the mode set while it runs, and undo the switch made by the constructor."""
        mode.enabled, mode.inference = self._before
        return super().__call__(func)

    def __repr__(self) -> str:
        return f"set_grad_enabled(mode={self._enabled})"
