"""Softmaxes: scores along a dimension as probabilities, or their logarithms."""

from __future__ import annotations

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _AlongDim(Module):
    dim: int | None

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    r""":math:`e^{x_i} / \sum_j e^{x_j}`, along one dimension.

    Args:
        dim: the dimension that sums to 1.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Softmax``.

    Example:
        >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.softmax(input, self.dim, _stacklevel=5)


class Softmin(_AlongDim):
    r""":math:`e^{-x_i} / \sum_j e^{-x_j}`, along one dimension.

    Args:
        dim: the dimension that sums to 1.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Softmin``.

    Example:
        >>> torch.nn.Softmin(dim=1)(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.softmin(input, self.dim, _stacklevel=5)


class LogSoftmax(_AlongDim):
    r""":math:`x_i - \log \sum_j e^{x_j}`, along one dimension.

    Args:
        dim: the dimension along which the exponentials sum to 1.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.LogSoftmax``.

    Example:
        >>> torch.nn.LogSoftmax(dim=1)(torch.zeros(1, 2))
        tensor([[-0.6931, -0.6931]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    r""":math:`e^{x_i} / \sum_j e^{x_j}` over the channels of an image, at each place.

    Shape:
        (N, C, H, W) or (C, H, W), likewise the output.

    Source: ``torch.nn.Softmax2d``.

    Example:
        >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the softmax over the channels."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3, _stacklevel=5)
