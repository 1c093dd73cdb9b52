"""Switches of ``torch`` itself: precision, determinism, the default device."""

from __future__ import annotations

import warnings
from typing import Any

from tinygrad_hw.device import device as Device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

_deterministic = _warn_only = _warn_always = False
_precision = "highest"
_PRECISIONS = ("highest", "high", "medium")
_MODES = ("default", "warn", "error")

#: Which of PyTorch's kernels attention may take, as ``torch.backends.cuda`` sets it. The CPU has flash and math; here
#: one kernel serves for both.
ATTENTION_KERNELS = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def get_default_device() -> Device:
    """Return the CPU.

    Source: ``torch.get_default_device``.

    Example:
        >>> torch.get_default_device()
        device(type='cpu')
    """
    return Device("cpu")


def set_default_device(device: Any) -> None:
    """Accept the CPU.

    Args:
        device: the CPU, or None.

    Raises:
        RuntimeError: another device.

    Source: ``torch.set_default_device``.
    """
    Device.check(device)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Note a wish that is always met: the same input gives the same bits on any number of threads.

    Args:
        mode: what :func:`are_deterministic_algorithms_enabled` will say.
        warn_only: what :func:`is_deterministic_algorithms_warn_only_enabled` will say.

    Source: ``torch.use_deterministic_algorithms``.
    """
    global _deterministic, _warn_only
    _deterministic, _warn_only = bool(mode), bool(mode) and bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Return what ``use_deterministic_algorithms`` was given last.

    Source: ``torch.are_deterministic_algorithms_enabled``.
    """
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return whether only a warning was asked for.

    Source: ``torch.is_deterministic_algorithms_warn_only_enabled``.
    """
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Note the same wish as a word or number: ``"default"`` (0), ``"warn"`` (1), ``"error"`` (2).

    Raises:
        RuntimeError: another value.

    Source: ``torch.set_deterministic_debug_mode``.
    """
    if debug_mode in _MODES:
        debug_mode = _MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of {list(_MODES)} or 0, 1, 2, got {debug_mode!r}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """Return 0, 1 or 2.

    Source: ``torch.get_deterministic_debug_mode``.
    """
    return (1 if _warn_only else 2) if _deterministic else 0


def set_float32_matmul_precision(precision: str) -> None:
    """Note how exact products of float32 matrices need to be; they are always computed in float32.

    Args:
        precision: ``"highest"``, ``"high"`` or ``"medium"``; anything else is a warning.

    Source: ``torch.set_float32_matmul_precision``.
    """
    global _precision
    if precision in _PRECISIONS:
        _precision = precision
    else:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has "
            "no effect.",
            UserWarning,
            stacklevel=2,
        )


def get_float32_matmul_precision() -> str:
    """Return what ``set_float32_matmul_precision`` was given last; ``"highest"`` at first.

    Source: ``torch.get_float32_matmul_precision``.
    """
    return _precision


def get_num_interop_threads() -> int:
    """Return 1: operations run one after another.

    Source: ``torch.get_num_interop_threads``.
    """
    return 1


def set_num_interop_threads(num: int) -> None:
    """Accept a number of threads between operations, which run one after another.

    Raises:
        RuntimeError: it is not positive.

    Source: ``torch.set_num_interop_threads``.
    """
    if num <= 0:
        raise RuntimeError("Expected a positive number of threads: set_num_interop_threads")


def set_warn_always(b: bool) -> None:
    """Note whether warnings shall come each time; Python's own filters decide here.

    Source: ``torch.set_warn_always``.
    """
    global _warn_always
    _warn_always = bool(b)


def is_warn_always_enabled() -> bool:
    """Return what ``set_warn_always`` was given last.

    Source: ``torch.is_warn_always_enabled``.
    """
    return _warn_always
