"""What all losses share: how the losses of elements become one number, and weights."""

from __future__ import annotations

from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__: list[str] = []


class _Loss(Module):
    """The reduction, and PyTorch's deprecated way of naming it."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            average = True if size_average is None else size_average
            keep = reduce is not None and not reduce
            reduction = "none" if keep else "mean" if average else "sum"
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class or element, kept as a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
