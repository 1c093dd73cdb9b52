"""Weights of convolutions in another order in memory."""

from __future__ import annotations

from typing import Any, TypeVar

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def _convert(module: Any, kinds: tuple[type, ...], memory_format: Any) -> None:
    if isinstance(module, kinds):
        weight: Any = getattr(module, "weight")  # noqa: B009 - of no class that mypy could know
        weight.data = weight.detach().clone().contiguous(memory_format=memory_format)
    for child in module.children():
        _convert(child, kinds, memory_format)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lay out the weights of all 2-D convolutions in a module in ``memory_format``.

    Source: ``torch.nn.utils.convert_conv2d_weight_memory_format``.

    Example:
        >>> m = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3))
        >>> m = torch.nn.utils.convert_conv2d_weight_memory_format(m, torch.channels_last)
        >>> m[0].weight.stride()
        (18, 1, 6, 2)
    """
    _convert(module, (Conv2d, ConvTranspose2d), memory_format)
    return module


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Lay out the weights of all 3-D convolutions in a module in ``memory_format``.

    Source: ``torch.nn.utils.convert_conv3d_weight_memory_format``.
    """
    _convert(module, (Conv3d, ConvTranspose3d), memory_format)
    return module
