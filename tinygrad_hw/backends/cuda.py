"""``torch.backends.cuda``: its switches. They are kept and checked; only attention asks for its own."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.backends.switches import check_bool
from tinygrad_hw.settings import ATTENTION_KERNELS

__all__ = [
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
]


class _Matmul:
    """Switches of matrix products on CUDA."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "fp32_precision":
            _check_precision(value)
        elif name in _SETTERS:
            check_bool(_SETTERS[name], value)
        elif name in _REDUCTIONS:
            value = _first_switch(name, value)
        else:
            raise AttributeError(f"Unknown attribute {name}")
        super().__setattr__(name, value)
        if name == "allow_tf32":
            self.fp32_precision = "tf32" if value else "ieee"


_SETTERS = {"allow_tf32": "set_allow_tf32_cublas", "allow_fp16_accumulation": "set_allow_fp16_accumulation_cublas"}
_REDUCTIONS = ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")


def _check_precision(value: object) -> None:
    if value == "bf16":
        raise RuntimeError("backend 'cuda' does not support precision 'bf16'")
    if value not in ("none", "ieee", "tf32"):
        raise RuntimeError(f"Unknown precision: {value}")


def _first_switch(name: str, value: Any) -> bool:
    """Return the switch of a reduction, which may be followed by one that allows to split its sums."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{name} expects a bool or a tuple/list of bools, but got {type(value)}")
    if not 1 <= len(value) <= 2 or not all(isinstance(v, bool) for v in value):
        raise TypeError(f"{name} expects one or two bools, but got {value}")
    if value[0] and not all(value):
        raise RuntimeError("allow_splitk=False is not supported when reduced precision reductions are enabled")
    return bool(value[0])


matmul = _Matmul()


def _allow(kernel: str, enabled: bool) -> None:
    check_bool("set_sdp_use_cudnn" if kernel == "cudnn" else "set_sdp_use_math", enabled)
    ATTENTION_KERNELS[kernel] = enabled


def is_built() -> bool:
    """Return False."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Allow attention to take PyTorch's kernel of that name, or forbid it; without flash and math there is none."""
    _allow("flash", enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Set what :func:`mem_efficient_sdp_enabled` returns: the CPU has no such kernel of attention."""
    _allow("mem_efficient", enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Allow attention to take PyTorch's kernel of that name, or forbid it; without flash and math there is none."""
    _allow("math", enabled)


def enable_cudnn_sdp(enabled: bool) -> None:
    """Set what :func:`cudnn_sdp_enabled` returns: the CPU has no such kernel of attention."""
    _allow("cudnn", enabled)


def flash_sdp_enabled() -> bool:
    """Return what :func:`enable_flash_sdp` set, True at first."""
    return ATTENTION_KERNELS["flash"]


def mem_efficient_sdp_enabled() -> bool:
    """Return what :func:`enable_mem_efficient_sdp` set, True at first."""
    return ATTENTION_KERNELS["mem_efficient"]


def math_sdp_enabled() -> bool:
    """Return what :func:`enable_math_sdp` set, True at first."""
    return ATTENTION_KERNELS["math"]


def cudnn_sdp_enabled() -> bool:
    """Return what :func:`enable_cudnn_sdp` set, True at first."""
    return ATTENTION_KERNELS["cudnn"]
