"""Losses of values and classes as modules; each calls the function of the same meaning in ``nn.functional``.

Those with a margin are in ``loss_margin``, those of sequences in ``loss_sequence``.
"""

from __future__ import annotations

import warnings
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.modules.loss_base import _Loss, _WeightedLoss
from tinygrad_hw.nn.modules.loss_margin import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from tinygrad_hw.tensor import Tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class L1Loss(_Loss):
    r"""The absolute difference.

    .. math:: |x - y|

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target of the same shape.

    Source: ``torch.nn.L1Loss``.

    Example:
        >>> torch.nn.L1Loss()(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(2.)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    r"""The squared difference.

    .. math:: (x - y)^2

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target of the same shape.

    Source: ``torch.nn.MSELoss``.

    Example:
        >>> torch.nn.MSELoss()(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(5.)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    r"""Squared for small differences, absolute for large ones.

    .. math:: (x - y)^2 / 2\beta \text{ if } |x - y| < \beta \text{ else } |x - y| - \beta / 2

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: :math:`\beta`.

    Shape:
        input and target of the same shape.

    Source: Girshick, "Fast R-CNN" (2015); ``torch.nn.SmoothL1Loss``.

    Example:
        >>> torch.nn.SmoothL1Loss()(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    r"""Squared for small differences, absolute for large ones.

    .. math:: (x - y)^2 / 2 \text{ if } |x - y| < \delta \text{ else } \delta (|x - y| - \delta / 2)

    Args:
        reduction: reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: :math:`\delta`.

    Shape:
        input and target of the same shape.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964); ``torch.nn.HuberLoss``.

    Example:
        >>> torch.nn.HuberLoss()(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    r"""The negative log-likelihood of the target class, given log-probabilities.

    .. math:: -w_{y} x_{y}

    Args:
        weight: (C,), a weight for each class.
        size_average: deprecated; see ``reduction``.
        ignore_index: a target that does not count.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input (N, C, ...), (C,); target (N, ...) of class indices.

    Source: ``torch.nn.NLLLoss``.

    Example:
        >>> torch.nn.NLLLoss()(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
        tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    r"""The negative log-likelihood of the target class, given unnormalised scores (logits).

    .. math:: -w_y \log \frac{e^{x_y}}{\sum_c e^{x_c}}

    Args:
        weight: (C,), a weight for each class.
        size_average: deprecated; see ``reduction``.
        ignore_index: a target that does not count.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: mix the target with the uniform distribution by this much.

    Shape:
        input (N, C, ...) or (C,); target (N, ...) of class indices, or probabilities of the input's shape.

    Source: ``torch.nn.CrossEntropyLoss``.

    Example:
        >>> torch.nn.CrossEntropyLoss()(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class KLDivLoss(_Loss):
    r"""The Kullback-Leibler divergence, given log-probabilities.

    .. math:: y (\log y - x)

    Args:
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        log_target: the target holds log-probabilities too.

    Shape:
        input and target of the same shape. ``"batchmean"`` divides the sum by N, as the definition does.

    Source: ``torch.nn.KLDivLoss``.

    Example:
        >>> torch.nn.KLDivLoss(reduction="sum")(torch.zeros(2), torch.ones(2))
        tensor(0.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_WeightedLoss):
    r"""The binary cross-entropy of probabilities.

    .. math:: -w (y \log x + (1 - y) \log(1 - x))

    Args:
        weight: a factor for each element, broadcastable.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input (in [0, 1]) and target of the same shape. Logarithms are clamped to -100.

    Source: ``torch.nn.BCELoss``.

    Example:
        >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
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
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The same as :class:`NLLLoss`, under an older name.

    Source: ``torch.nn.NLLLoss2d``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
            "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)


class PoissonNLLLoss(_Loss):
    r"""The negative log-likelihood of Poisson counts.

    .. math:: e^x - y x \text{ (log\_input) or } x - y \log(x + \epsilon)

    Args:
        log_input: the input is the logarithm of the rate.
        full: add Stirling's approximation of :math:`\log y!`.
        size_average: deprecated; see ``reduction``.
        eps: :math:`\epsilon`.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        both of the same shape.

    Source: ``torch.nn.PoissonNLLLoss``.

    Example:
        >>> torch.nn.PoissonNLLLoss()(torch.zeros(1), torch.ones(1))
        tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    r"""The negative log-likelihood of normal variables.

    .. math:: \frac{1}{2} (\log v + (x - y)^2 / v)

    Args:
        full: add the constant :math:`\log(2 \pi) / 2`.
        eps: smallest variance.
        reduction: reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape:
        input and target of the same shape, var of that shape or broadcastable.

    Source: ``torch.nn.GaussianNLLLoss``.

    Example:
        >>> torch.nn.GaussianNLLLoss()(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(0.5000)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    r"""The binary cross-entropy of logits, computed without overflow.

    .. math:: -w (p\, y \log \sigma(x) + (1 - y) \log(1 - \sigma(x)))

    Args:
        weight: a factor for each element, broadcastable.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: :math:`p`, a factor for positive targets, broadcastable.

    Shape:
        input and target of the same shape.

    Source: ``torch.nn.BCEWithLogitsLoss``.

    Example:
        >>> torch.nn.BCEWithLogitsLoss()(torch.zeros(1), torch.ones(1))
        tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )
