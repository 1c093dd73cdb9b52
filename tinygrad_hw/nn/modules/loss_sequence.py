"""Losses of sequences without alignment, and of scores that the loss computes itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.modules.linear import Linear
from tinygrad_hw.nn.modules.loss_base import _Loss, _WeightedLoss
from tinygrad_hw.tensor import Tensor

__all__ = ["CTCLoss", "LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]


class CTCLoss(_Loss):
    """Connectionist temporal classification: sequences of labels whose times are not known.

    Args:
        blank: the class between labels.
        reduction: ``"mean"`` (of losses by their target's length), ``"sum"`` or ``"none"``.
        zero_infinity: count what cannot be aligned as zero.

    Shape:
        log_probs (T, N, C) or (T, C); targets (N, S) or all one after the other; lengths (N,).

    Source: Graves et al. (2006); ``torch.nn.CTCLoss``.

    Example:
        >>> scores = torch.zeros(2, 1, 2).log_softmax(2)
        >>> torch.nn.CTCLoss()(scores, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1])).exp()
        tensor(1.3333)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        """Return the loss."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch splits ``linear_cross_entropy`` to save memory; accepted, and without an effect here.

    Args:
        allow_retain_graph: keep what a second backward pass needs.
        batch_chunk_size: rows at a time.
        chunking_method: how that is chosen.
        acc_policy: where sums are kept.
        acc_dtype: their dtype.

    Source: ``torch.nn.LinearCrossEntropyOptions``.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross-entropy of an affine map of the input.

    Args:
        in_features: size of the input.
        num_classes: C.
        out_features: further sizes, for as many losses.
        bias: whether the map has a bias.
        device: the CPU.
        dtype: of the parameters.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: (C,), a factor for each class.
        ignore_index: a class index that does not count.
        label_smoothing: mix the target with the uniform distribution by this much.
        options: without an effect.

    Shape:
        input (N, in_features) or (in_features,); target (N, *out_features), or probabilities (N, C, *out_features).

    Source: ``torch.nn.LinearCrossEntropyLoss``.

    Example:
        >>> loss = torch.nn.LinearCrossEntropyLoss(5, 10)
        >>> loss(torch.randn(2, 5), torch.tensor([1, 9])).shape
        torch.Size([])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
