"""``torch.backends.cuda``: its switches, which nothing reads."""

from __future__ import annotations

__all__ = ["enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp", "is_built", "matmul"]


class _Matmul:
    """Switches of matrix products on CUDA."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False


matmul = _Matmul()


def is_built() -> bool:
    """Return False."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Do nothing: attention has one kernel here."""


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Do nothing: attention has one kernel here."""


def enable_math_sdp(enabled: bool) -> None:
    """Do nothing: attention has one kernel here."""


def enable_cudnn_sdp(enabled: bool) -> None:
    """Do nothing: attention has one kernel here."""
