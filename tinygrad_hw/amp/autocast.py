"""``torch.autocast``: accepted where it changes nothing."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["autocast", "is_autocast_available"]

F = TypeVar("F", bound=Callable[..., Any])


def is_autocast_available(device_type: str) -> bool:
    """Return False: no device computes in a lower precision than that of its tensors.

    Source: ``torch.amp.is_autocast_available``.
    """
    return False


class autocast:
    """A context manager and decorator that is always switched off.

    For another device than the CPU it warns that the device is not there and does nothing, as PyTorch does. On the CPU,
    PyTorch would compute in bfloat16 inside of the block; here that is an error unless ``enabled=False``, since the
    results would have another dtype.

    Args:
        device_type: such as ``"cuda"``.
        dtype: ignored.
        enabled: whether to switch it on.
        cache_enabled: ignored.

    Raises:
        RuntimeError: it is to be switched on for the CPU.

    Source: ``torch.autocast``.

    Example:
        >>> with torch.autocast("cpu", enabled=False):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if enabled and device_type == "cpu":
            raise RuntimeError(
                "autocast: this package computes in the dtype of the tensors; there is no lower precision to switch "
                "to. Pass enabled=False, or convert the model and its input with .half()"
            )
        if enabled:
            name = device_type.upper() if device_type in ("cuda", "xpu", "mps") else device_type
            warnings.warn(
                f"User provided device_type of '{device_type}', but {name} is not available. Disabling",
                UserWarning,
                stacklevel=2,
            )
        self.device = device_type
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, func: F) -> F:
        """Return the function as it is, wrapped as PyTorch does."""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return func(*args, **kwargs)

        return wrapper  # type: ignore[return-value]
