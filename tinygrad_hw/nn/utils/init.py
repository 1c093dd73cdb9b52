"""Modules whose parameters are not initialised."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from tinygrad_hw.nn.module import Module
from tinygrad_hw.ops.random import fork_rng

__all__ = ["skip_init"]

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """Make a module whose parameters and buffers hold no particular values, and draw no random numbers for it.

    Args:
        module_cls: a class of modules whose constructor has an argument ``device``.
        *args: of the constructor.
        **kwargs: of the constructor.

    Raises:
        RuntimeError: not such a class.

    Source: ``torch.nn.utils.skip_init``.

    Example:
        >>> torch.nn.utils.skip_init(torch.nn.Linear, 2, 3).weight.shape
        torch.Size([3, 2])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    with fork_rng():
        module = module_cls(*args, **kwargs)
    return module.to_empty(device=kwargs.get("device") or "cpu")
