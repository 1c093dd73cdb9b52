"""Handles of hooks, under PyTorch's address for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw.autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]

F = TypeVar("F", bound=Callable[..., Any])


def unserializable_hook(f: F) -> F:
    """Mark a hook that need not be saved with its tensor, so that nobody is warned.

    Source: ``torch.utils.hooks.unserializable_hook``.

    Example:
        >>> @torch.utils.hooks.unserializable_hook
        ... def double(grad):
        ...     return grad * 2
        >>> double(3)
        6
    """
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn if a leaf has hooks, which a file does not hold.

    Source: ``torch.utils.hooks.warn_if_has_hooks``.

    Example:
        >>> torch.utils.hooks.warn_if_has_hooks(torch.ones(2))
    """
    hooks = tensor._hooks
    for hook in () if hooks is None else hooks.on_grad.values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the "
                "function with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )
