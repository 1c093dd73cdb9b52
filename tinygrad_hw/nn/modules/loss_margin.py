"""Losses with a margin: of classes, of pairs, of triplets; each calls the function of the same meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.modules.loss_base import _Loss, _WeightedLoss
from tinygrad_hw.tensor import Tensor

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class SoftMarginLoss(_Loss):
    r"""The logistic loss of targets in {-1, 1}.

    .. math:: \log(1 + e^{-y x})

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target of the same shape.

    Source: ``torch.nn.SoftMarginLoss``.

    Example:
        >>> torch.nn.SoftMarginLoss()(torch.zeros(2), torch.ones(2))
        tensor(0.6931)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    r"""The hinge loss of distances, for targets in {-1, 1}.

    .. math:: x \text{ if } y = 1 \text{ else } \max(0, margin - x)

    Args:
        margin: the margin.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target of the same shape.

    Source: ``torch.nn.HingeEmbeddingLoss``.

    Example:
        >>> torch.nn.HingeEmbeddingLoss()(torch.zeros(2), torch.tensor([1.0, -1.0]))
        tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    r"""The hinge loss of several target classes.

    .. math:: \sum_{j \in y, i \notin y} \max(0, 1 - x_{j} + x_i) / C

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target (N, C) or (C,); target holds class indices, ended by -1.

    Source: ``torch.nn.MultiLabelMarginLoss``.

    Example:
        >>> torch.nn.MultiLabelMarginLoss()(torch.zeros(1, 2), torch.tensor([[1, -1]]))
        tensor(0.5000)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    r"""The mean binary cross-entropy of several labels, given logits.

    .. math:: -\frac{1}{C} \sum_i y_i \log \sigma(x_i) + (1 - y_i) \log \sigma(-x_i)

    Args:
        weight: (C,), a weight for each class.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target (N, C).

    Source: ``torch.nn.MultiLabelSoftMarginLoss``.

    Example:
        >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.ones(1, 2))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    r"""The multiclass SVM loss.

    .. math:: \frac{1}{C} \sum_{i \ne y} \max(0, margin - x_y + x_i)^p

    Args:
        p: 1 or 2.
        margin: the margin.
        weight: (C,), a weight for each class.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input (N, C) or (C,), target (N,) or () of class indices.

    Source: ``torch.nn.MultiMarginLoss``.

    Example:
        >>> torch.nn.MultiMarginLoss()(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.5000)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        if p not in (1, 2):
            raise ValueError(f"only p == 1 and p == 2 supported, got p={p}")
        super().__init__(weight, size_average, reduce, reduction)
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.multi_margin_loss(
            input,
            target,
            p=self.p,
            margin=self.margin,
            weight=self.weight,
            reduction=self.reduction,
        )


class CosineEmbeddingLoss(_Loss):
    r"""The cosine distance of pairs that belong together (1) or not (-1).

    .. math:: 1 - \cos(x_1, x_2) \text{ if } y = 1 \text{ else } \max(0, \cos(x_1, x_2) - margin)

    Args:
        margin: the margin, between -1 and 1.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        inputs (N, D) or (D,), target (N,) or ().

    Source: ``torch.nn.CosineEmbeddingLoss``.

    Example:
        >>> torch.nn.CosineEmbeddingLoss()(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1)).abs() < 1e-6
        tensor(True)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    r"""The hinge loss of which of two inputs should be larger (1: the first).

    .. math:: \max(0, -y (x_1 - x_2) + margin)

    Args:
        margin: the margin.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        all of the same shape.

    Source: ``torch.nn.MarginRankingLoss``.

    Example:
        >>> torch.nn.MarginRankingLoss()(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(1.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    r"""Anchors should be nearer to positives than to negatives.

    .. math:: \max(d(a, p) - d(a, n) + margin, 0)

    Args:
        margin: the margin.
        p: of the distance.
        eps: added to the difference inside the distance.
        swap: use the distance from positive to negative if it is smaller.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        (N, D) or (D,) each.

    Source: Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses"
    (2016); ``torch.nn.TripletMarginLoss``.

    Example:
        >>> torch.nn.TripletMarginLoss()(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2))
        tensor(1.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin}")
        super().__init__(size_average, reduce, reduction)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    r"""Anchors should be nearer to positives than to negatives, by any distance.

    .. math:: \max(d(a, p) - d(a, n) + margin, 0)

    Args:
        distance_function: of two tensors; the pairwise distance by default.
        margin: the margin.
        swap: use the distance from positive to negative if it is smaller.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: ``torch.nn.TripletMarginWithDistanceLoss``.

    Example:
        >>> x = torch.ones(1, 2)
        >>> torch.nn.TripletMarginWithDistanceLoss()(x, x, x)
        tensor(1.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin}")
        super().__init__(reduction=reduction)
        self.distance_function: Any = distance_function if distance_function is not None else F.pairwise_distance
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
