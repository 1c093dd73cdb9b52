"""Which kernel attention uses: ``torch.nn.attention``. There is one here; a choice changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """Accept a choice of kernels for a block.

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
    yield {}
