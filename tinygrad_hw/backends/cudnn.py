"""``torch.backends.cudnn``: its switches. They are kept and checked; no computation here asks for them."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_hw.backends.switches import check_bool as _check_bool

__all__ = ["flags", "is_acceptable", "is_available", "version"]

enabled = True
benchmark = False
#: None without cuDNN, whatever :func:`flags` is told.
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"

_SETTERS = {
    "enabled": "set_enabled_cudnn",
    "benchmark": "set_benchmark_cudnn",
    "deterministic": "set_deterministic_cudnn",
    "allow_tf32": "set_allow_tf32_cublas",
}


class _Switches(types.ModuleType):
    """This module, whose switches take nothing but bools."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SETTERS:
            _check_bool(_SETTERS[name], value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Switches


def is_available() -> bool:
    """Return False."""
    return False


def version() -> None:
    """Return None: there is no cuDNN."""


def is_acceptable(tensor: Any) -> bool:
    """Return False: cuDNN takes no tensor of the CPU.

    Source: ``torch.backends.cudnn.is_acceptable``.
    """
    return False


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> Iterator[None]:
    """Set the switches inside of a block.

    Source: ``torch.backends.cudnn.flags``.
    """
    module = sys.modules[__name__]
    names = (*_SETTERS, "fp32_precision")
    before = {name: getattr(module, name) for name in names}
    for name, value in zip(names, (enabled, benchmark, deterministic, allow_tf32, fp32_precision), strict=True):
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
