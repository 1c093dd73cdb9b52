"""Padding layers."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


def _sides(padding: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """Return the padding of both sides of each dimension, the last dimension first."""
    return (padding,) * (2 * dims) if isinstance(padding, int) else tuple(padding)


class _ConstantPadNd(Module):
    value: float
    padding: Sequence[int]

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded ``input``."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPadNd(_ConstantPadNd):
    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{self.padding}"


class _ModePadNd(Module):
    """Padding with values from the input itself."""

    padding: Sequence[int]
    _mode: str

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded ``input``."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{self.padding}"


class _ReflectionPadNd(_ModePadNd):
    _mode = "reflect"


class _ReplicationPadNd(_ModePadNd):
    _mode = "replicate"


class _CircularPadNd(_ModePadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """Return the padded ``input``."""
        dims = len(self.padding) // 2
        if input.ndim not in (dims + 1, dims + 2):
            raise ValueError(f"expected {dims + 1}D or {dims + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with a constant.

    Args:
        padding: one number for all sides, or (left, right).
        value: the constant.

    Shape:
        input (N, C, W) or (C, W).

    Source: ``torch.nn.ConstantPad1d``.

    Example:
        >>> torch.nn.ConstantPad1d(1, 5.0)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[5., 1., 2., 3., 5.]]])
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__()
        self.padding = _sides(padding, 1)
        self.value = value


class ConstantPad2d(_ConstantPadNd):
    """Pad the last 2 dimensions with a constant.

    Args:
        padding: one number for all sides, or (left, right, top, bottom).
        value: the constant.

    Shape:
        input (N, C, H, W) or (C, H, W).

    Source: ``torch.nn.ConstantPad2d``.

    Example:
        >>> torch.nn.ConstantPad2d(1, 5.0)(torch.ones(1, 1, 3, 3)).shape
        torch.Size([1, 1, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__()
        self.padding = _sides(padding, 2)
        self.value = value


class ConstantPad3d(_ConstantPadNd):
    """Pad the last 3 dimensions with a constant.

    Args:
        padding: one number for all sides, or (left, right, top, bottom, front, back).
        value: the constant.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W).

    Source: ``torch.nn.ConstantPad3d``.

    Example:
        >>> torch.nn.ConstantPad3d(1, 5.0)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__()
        self.padding = _sides(padding, 3)
        self.value = value


class ZeroPad1d(_ZeroPadNd):
    """Pad the last dimension with zeros.

    Args:
        padding: one number for all sides, or (left, right).

    Shape:
        input (N, C, W) or (C, W).

    Source: ``torch.nn.ZeroPad1d``.

    Example:
        >>> torch.nn.ZeroPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[0., 1., 2., 3., 0.]]])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 1)
        self.value = 0.0


class ZeroPad2d(_ZeroPadNd):
    """Pad the last 2 dimensions with zeros.

    Args:
        padding: one number for all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W).

    Source: ``torch.nn.ZeroPad2d``.

    Example:
        >>> torch.nn.ZeroPad2d(1)(torch.ones(1, 1, 3, 3)).shape
        torch.Size([1, 1, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 2)
        self.value = 0.0


class ZeroPad3d(_ZeroPadNd):
    """Pad the last 3 dimensions with zeros.

    Args:
        padding: one number for all sides, or (left, right, top, bottom, front, back).

    Shape:
        input (N, C, D, H, W) or (C, D, H, W).

    Source: ``torch.nn.ZeroPad3d``.

    Example:
        >>> torch.nn.ZeroPad3d(1)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 3)
        self.value = 0.0


class ReflectionPad1d(_ReflectionPadNd):
    """Pad the last dimension with the reflection of the input at its border.

    Args:
        padding: one number for all sides, or (left, right).

    Shape:
        input (N, C, W) or (C, W).

    Source: ``torch.nn.ReflectionPad1d``.

    Example:
        >>> torch.nn.ReflectionPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[2., 1., 2., 3., 2.]]])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 1)


class ReflectionPad2d(_ReflectionPadNd):
    """Pad the last 2 dimensions with the reflection of the input at its border.

    Args:
        padding: one number for all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W).

    Source: ``torch.nn.ReflectionPad2d``.

    Example:
        >>> torch.nn.ReflectionPad2d(1)(torch.ones(1, 1, 3, 3)).shape
        torch.Size([1, 1, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 2)


class ReflectionPad3d(_ReflectionPadNd):
    """Pad the last 3 dimensions with the reflection of the input at its border.

    Args:
        padding: one number for all sides, or (left, right, top, bottom, front, back).

    Shape:
        input (N, C, D, H, W) or (C, D, H, W).

    Source: ``torch.nn.ReflectionPad3d``.

    Example:
        >>> torch.nn.ReflectionPad3d(1)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 3)


class ReplicationPad1d(_ReplicationPadNd):
    """Pad the last dimension with copies of the border elements.

    Args:
        padding: one number for all sides, or (left, right).

    Shape:
        input (N, C, W) or (C, W).

    Source: ``torch.nn.ReplicationPad1d``.

    Example:
        >>> torch.nn.ReplicationPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[1., 1., 2., 3., 3.]]])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 1)


class ReplicationPad2d(_ReplicationPadNd):
    """Pad the last 2 dimensions with copies of the border elements.

    Args:
        padding: one number for all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W).

    Source: ``torch.nn.ReplicationPad2d``.

    Example:
        >>> torch.nn.ReplicationPad2d(1)(torch.ones(1, 1, 3, 3)).shape
        torch.Size([1, 1, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 2)


class ReplicationPad3d(_ReplicationPadNd):
    """Pad the last 3 dimensions with copies of the border elements.

    Args:
        padding: one number for all sides, or (left, right, top, bottom, front, back).

    Shape:
        input (N, C, D, H, W) or (C, D, H, W).

    Source: ``torch.nn.ReplicationPad3d``.

    Example:
        >>> torch.nn.ReplicationPad3d(1)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 3)


class CircularPad1d(_CircularPadNd):
    """Pad the last dimension with the opposite end of the input.

    Args:
        padding: one number for all sides, or (left, right).

    Shape:
        input (N, C, W) or (C, W).

    Source: ``torch.nn.CircularPad1d``.

    Example:
        >>> torch.nn.CircularPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[3., 1., 2., 3., 1.]]])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 1)


class CircularPad2d(_CircularPadNd):
    """Pad the last 2 dimensions with the opposite end of the input.

    Args:
        padding: one number for all sides, or (left, right, top, bottom).

    Shape:
        input (N, C, H, W) or (C, H, W).

    Source: ``torch.nn.CircularPad2d``.

    Example:
        >>> torch.nn.CircularPad2d(1)(torch.ones(1, 1, 3, 3)).shape
        torch.Size([1, 1, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 2)


class CircularPad3d(_CircularPadNd):
    """Pad the last 3 dimensions with the opposite end of the input.

    Args:
        padding: one number for all sides, or (left, right, top, bottom, front, back).

    Shape:
        input (N, C, D, H, W) or (C, D, H, W).

    Source: ``torch.nn.CircularPad3d``.

    Example:
        >>> torch.nn.CircularPad3d(1)(torch.ones(1, 1, 3, 3, 3)).shape
        torch.Size([1, 1, 5, 5, 5])
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        self.padding = _sides(padding, 3)
