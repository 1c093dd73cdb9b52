"""``torch.backends.cudnn``: its switches. They are kept and checked; no computation here asks for them."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from tinygrad_hw.backends.switches import Switches, switched

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


sys.modules[__name__].__class__ = Switches


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


def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> AbstractContextManager[None]:
    """Set the switches inside of a block.

    Source: ``torch.backends.cudnn.flags``.
    """
    return switched(
        sys.modules[__name__],
        enabled=enabled,
        benchmark=benchmark,
        deterministic=deterministic,
        allow_tf32=allow_tf32,
        fp32_precision=fp32_precision,
    )
