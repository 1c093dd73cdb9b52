"""Which kernel attention uses: ``torch.nn.attention``. One kernel here serves for flash and math."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_hw.settings import ATTENTION_KERNELS

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels of scaled dot-product attention.

    Source: ``torch.nn.attention.SDPBackend``.
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_KERNELS = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "mem_efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """Allow some kernels of attention in a block, and forbid the others; without flash and math attention raises.

    Args:
        backends: an :class:`SDPBackend` or a list of them.
        set_priority: ignored.

    Raises:
        AssertionError: something else.

    Source: ``torch.nn.attention.sdpa_kernel``.

    Example:
        >>> from tinygrad_hw.nn.attention import SDPBackend, sdpa_kernel
        >>> x = torch.ones(1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     torch.nn.functional.scaled_dot_product_attention(x, x, x).shape
        torch.Size([1, 2, 4])
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    allowed = backends if isinstance(backends, list) else [backends]
    before = dict(ATTENTION_KERNELS)
    ATTENTION_KERNELS.update({name: kernel in allowed for name, kernel in _KERNELS.items()})
    try:
        yield {}
    finally:
        ATTENTION_KERNELS.update(before)
