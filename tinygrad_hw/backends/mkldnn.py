"""``torch.backends.mkldnn``: it is not used here. Its switches are kept and checked; no computation asks for them."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from tinygrad_hw.backends.switches import Switches, switched

__all__ = ["flags", "is_available"]

enabled = True
deterministic = False
fp32_precision = "none"

_SETTERS = {"enabled": "set_enabled_mkldnn", "deterministic": "set_deterministic_mkldnn"}

sys.modules[__name__].__class__ = Switches


def is_available() -> bool:
    """Return False."""
    return False


def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> AbstractContextManager[None]:
    """Set the switches inside of a block; ``allow_tf32`` is for other devices.

    Source: ``torch.backends.mkldnn.flags``.
    """
    return switched(sys.modules[__name__], enabled=enabled, deterministic=deterministic, fp32_precision=fp32_precision)
