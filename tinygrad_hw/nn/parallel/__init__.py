"""Modules on several devices: ``torch.nn.parallel``. There is one device, which is used."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.nn.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Calls the module it wraps, as PyTorch's does where there is no GPU.

    Args:
        module: to call; parameters are named ``module.*``.
        device_ids: must be empty or None.
        output_device: ignored.
        dim: ignored.

    Raises:
        RuntimeError: devices were given.

    Source: ``torch.nn.DataParallel``.

    Example:
        >>> net = torch.nn.DataParallel(torch.nn.Linear(2, 1))
        >>> list(net.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        if device_ids:
            raise RuntimeError(
                f"DataParallel: there are no devices {list(device_ids)}; this package computes on the CPU only"
            )
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Call the module."""
        return self.module(*inputs, **kwargs)
