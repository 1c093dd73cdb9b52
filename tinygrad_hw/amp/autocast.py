"""``torch.autocast``: products in bfloat16, losses in float32."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import autocast as engine
from tinygrad_hw.autograd.graph import mode

__all__ = [
    "autocast",
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
]

F = TypeVar("F", bound=Callable[..., Any])

_LOWER = (dtypes.bfloat16, dtypes.float16)

#: PyTorch's kinds of devices: those with autocast, those of them whose lower precision is bfloat16, and all.
_DEVICES = ("cpu", "cuda", "ipu", "xpu", "mps", "maia", "xla", "hpu", "mtia", "privateuseone")
_BFLOAT16 = ("cpu", "maia", "xla", "hpu")
_KINDS = (*_DEVICES, "hip", "mkldnn", "opengl", "opencl", "ideep", "ve", "fpga", "lazy", "vulkan", "meta")


def _known(kind: str) -> str:
    if kind not in _KINDS:
        raise RuntimeError(f"Expected one of {', '.join(_KINDS)} device type at start of device string: {kind}")
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Return whether PyTorch has a lower precision for a kind of device, be the device there or not.

    Raises:
        RuntimeError: there is no such kind.

    Source: ``torch.amp.is_autocast_available``.

    Example:
        >>> torch.amp.is_autocast_available("cpu")
        True
    """
    return _known(device_type) in _DEVICES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Return whether a block of :class:`autocast` for a kind of device is on.

    Raises:
        RuntimeError: there is no such kind, or it has no lower precision.

    Source: ``torch.is_autocast_enabled``.

    Example:
        >>> torch.is_autocast_enabled("cpu")
        False
    """
    if device_type == "cpu":
        return mode.autocast is not None
    if _known(device_type) not in _DEVICES:
        raise RuntimeError(f"unknown device type for autocast: {device_type!r}; there are {', '.join(_DEVICES)}")
    return False


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """Return the lower precision of a kind of device: bfloat16 for the CPU unless a block says otherwise.

    Source: ``torch.get_autocast_dtype``.

    Example:
        >>> torch.get_autocast_dtype("cpu")
        torch.bfloat16
    """
    if device_type != "cpu":
        if _known(device_type) not in (*_DEVICES, "hip"):
            raise RuntimeError(f"unsupported scalarType: autocast knows the devices {', '.join(_DEVICES)}")
        return dtypes.bfloat16 if device_type in _BFLOAT16 else dtypes.float16
    return mode.autocast or dtypes.bfloat16


def is_autocast_cpu_enabled() -> bool:
    """Return whether a block of :class:`autocast` for the CPU is on.

    Source: ``torch.is_autocast_cpu_enabled``.
    """
    return is_autocast_enabled("cpu")


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """Return the lower precision of the CPU.

    Source: ``torch.get_autocast_cpu_dtype``.
    """
    return get_autocast_dtype("cpu")


def is_autocast_cache_enabled() -> bool:
    """Return True, the default; there is no cache: parameters are cast whenever they are used.

    Source: ``torch.is_autocast_cache_enabled``.
    """
    return True


def clear_autocast_cache() -> None:
    """Do nothing: there is no cache.

    Source: ``torch.clear_autocast_cache``.
    """


class autocast:
    """A context manager and decorator under which products compute in a lower precision.

    Linear layers, matrix products, convolutions and attention take their operands in ``dtype`` and give results of that
    dtype; losses, and a few other functions that lose too much, compute in float32; everything else computes in the
    dtype of its arguments. These are PyTorch's rules for the CPU. Parameters and their gradients keep their dtype. Run
    the forward pass and the loss inside, ``backward`` outside. For another device than the CPU it warns that the device
    is not there and does nothing, as PyTorch does.

    It saves memory, not time: the products are computed in float32 and rounded.

    Args:
        device_type: ``"cpu"``.
        dtype: bfloat16 (default) or float16.
        enabled: whether to switch it on; False inside of a block switches it off.
        cache_enabled: ignored.

    Raises:
        ImportError: bfloat16 needs the ``ml_dtypes`` package.

    Source: ``torch.autocast``.

    Example:
        >>> with torch.autocast("cpu", dtype=torch.float16):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float16
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type != "cpu":
            if enabled:
                name = device_type.upper() if device_type in ("cuda", "xpu", "mps") else device_type
                warnings.warn(
                    f"User provided device_type of '{device_type}', but {name} is not available. Disabling",
                    UserWarning,
                    stacklevel=2,
                )
            enabled = False
        elif enabled and dtype is not None and dtype not in _LOWER:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._enabled = enabled
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        self._before.append(mode.autocast)
        if self.device == "cpu":
            if self._enabled:
                _ = self.fast_dtype.numpy  # says what is missing before anything is computed
                engine.start()
            mode.autocast = self.fast_dtype if self._enabled else None
        return self

    def __exit__(self, *exc: object) -> None:
        mode.autocast = self._before.pop()
        if self.device == "cpu" and self._enabled:
            engine.stop()

    def __call__(self, func: F) -> F:
        """Return a function that runs inside of such a block."""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]
