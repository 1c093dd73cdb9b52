"""What a script asks of CUDA before it settles for the CPU: there is none.

Questions have answers (``is_available()`` is False, ``device_count()`` is 0), seeds and caches are accepted, and
what would need a device raises what PyTorch raises when it was built without CUDA.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_hw.cuda import amp as amp

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]


def _no_cuda(*_: Any, **__: Any) -> Any:
    raise AssertionError("Torch not compiled with CUDA enabled: this package computes on the CPU only")


def is_available() -> bool:
    """Return False.

    Source: ``torch.cuda.is_available``.

    Example:
        >>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
        device(type='cpu')
    """
    return False


def is_initialized() -> bool:
    """Return False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def get_arch_list() -> list[str]:
    """Return no architecture."""
    return []


def manual_seed(seed: int) -> None:
    """Check the seed: there is no generator of a device to seed.

    Raises:
        ValueError: it is no integer.
    """
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Check the seed: there is no generator of a device to seed.

    Raises:
        ValueError: it is no integer.
    """
    int(seed)


def seed() -> None:
    """Do nothing: there is no generator of a device to seed."""


def seed_all() -> None:
    """Do nothing: there is no generator of a device to seed."""


def empty_cache() -> None:
    """Do nothing: there is no memory of a device."""


def memory_allocated(device: Any = None) -> int:
    """Return 0 bytes."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """Return 0 bytes."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Return 0 bytes."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """Return 0 bytes."""
    return 0


def init() -> None:
    """Raise AssertionError: there is no CUDA."""
    _no_cuda()


def current_device() -> int:
    """Raise AssertionError: there is no CUDA."""
    return _no_cuda()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Raise AssertionError: there is no CUDA."""
    _no_cuda()


def set_device(device: Any) -> None:
    """Raise AssertionError: there is no CUDA; a negative number stands for no device, and nothing happens.

    Raises:
        ValueError: it is a device of another type.
    """
    if isinstance(device, int):
        if device < 0:
            return
    elif str(device).partition(":")[0] != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    _no_cuda()


def synchronize(device: Any = None) -> None:
    """Raise AssertionError: there is no CUDA."""
    _no_cuda()


def get_device_name(device: Any = None) -> str:
    """Raise AssertionError: there is no CUDA."""
    return _no_cuda()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Raise AssertionError: there is no CUDA."""
    return _no_cuda()


def get_device_properties(device: Any = None) -> Any:
    """Raise AssertionError: there is no CUDA."""
    return _no_cuda()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Raise AssertionError: there is no CUDA."""
    return _no_cuda()


def __getattr__(name: str) -> object:
    """Import ``amp`` when it is first used; say of all else that there is no CUDA."""
    if name == "amp":
        return _importlib.import_module("tinygrad_hw.cuda.amp")
    raise AttributeError(f"module 'tinygrad_hw.cuda' has no attribute {name!r}: this package computes on the CPU only")
