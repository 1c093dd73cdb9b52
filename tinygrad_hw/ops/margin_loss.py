"""Losses with a margin: hinge, ranking, cosine, several labels, triplets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.ops.activation import logsigmoid
from tinygrad_hw.ops.broadcasting import broadcast_tensors
from tinygrad_hw.ops.loss import _elementwise, _reduced, _reduction
from tinygrad_hw.ops.norm import pairwise_distance
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.scatter import gather
from tinygrad_hw.ops.selection import _where, clamp_min
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import sigmoid

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _soft_margin_value(x: Any, y: Any, p: float) -> Any:
    z = -(x * y)
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


_soft_margin = _elementwise(
    "soft_margin_loss",
    "SoftMarginLossBackward0",
    _soft_margin_value,
    lambda x, y, p: -y * sigmoid(-(x * y)),
    lambda x, y, p: -x * sigmoid(-(x * y)),
)


@in_float32
def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    r"""Return :math:`\log(1 + e^{-y x})`, for targets in {-1, 1}.

    Example:
        >>> torch.nn.functional.soft_margin_loss(torch.zeros(2), torch.ones(2))
        tensor(0.6931)
    """
    how = _reduction(size_average, reduce, reduction)
    if tuple(input.shape) != tuple(target.shape):
        input, target = broadcast_tensors(input, target)
    return _soft_margin(input, target, how=how, p=0.0)


@in_float32
def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`x` where :math:`y = 1`, :math:`\max(0, margin - x)` where :math:`y = -1`.

    Example:
        >>> torch.nn.functional.hinge_embedding_loss(torch.zeros(2), torch.tensor([1.0, -1.0]))
        tensor(0.5000)
    """
    y = array_of(target)
    zero = np.zeros((), array_of(input).dtype)
    far = _where(y != 1, clamp_min(margin - input, 0), zero)
    near = _where(y != -1, input, zero)
    return _reduced(far + near, _reduction(size_average, reduce, reduction))


@in_float32
def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`\max(0, -y (x_1 - x_2) + margin)`.

    Example:
        >>> F = torch.nn.functional
        >>> F.margin_ranking_loss(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(1.)
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    loss = clamp_min(-target * (input1 - input2) + margin, 0)
    return _reduced(loss, _reduction(size_average, reduce, reduction))


@in_float32
def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`1 - \cos` where :math:`y = 1`, :math:`\max(0, \cos - margin)` where :math:`y = -1`.

    Args:
        input1: (N, D) or (D,).
        input2: likewise.
        target: (N,) or ().
        margin: between -1 and 1.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: ``torch.nn.functional.cosine_embedding_loss``.

    Example:
        >>> x = torch.ones(1, 2)
        >>> torch.nn.functional.cosine_embedding_loss(x, x, torch.ones(1)).abs() < 1e-6
        tensor(True)
    """
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    product = sum_(input1 * input2, -1)
    eps = 1e-12
    size1, size2 = sum_(input1 * input1, -1) + eps, sum_(input2 * input2, -1) + eps
    cosine = product / (size1 * size2).sqrt()
    y = array_of(target)
    zero = np.zeros((), array_of(cosine).dtype)
    loss = _where(y == 1, 1 - cosine, zero) + _where(y == -1, clamp_min(cosine - margin, 0), zero)
    return _reduced(loss, _reduction(size_average, reduce, reduction))


def _reduced_rows(losses: Any, single: bool, how: str) -> Any:
    """Reduce the losses of examples, without a dimension if a ``single`` one was given without."""
    return reshape(losses, ()) if single and how == "none" else _reduced(losses, how)


@in_float32
def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return the multiclass SVM loss :math:`\frac{1}{C} \sum_{i \ne y} w_y \max(0, margin - x_y + x_i)^p`.

    Args:
        input: (N, C) or (C,), scores.
        target: (N,) or (), class indices.
        p: 1 or 2.
        margin: the margin.
        weight: (C,), a factor for each class.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: Crammer and Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector
    Machines" (2001); ``torch.nn.functional.multi_margin_loss``.

    Example:
        >>> torch.nn.functional.multi_margin_loss(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.5000)
    """
    how = _reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    single = input.ndim < 2
    scores = reshape(input, (1, -1)) if single else input
    classes = array_of(target).reshape(-1)
    if classes.size != scores.shape[0]:
        raise RuntimeError(
            f"multi_margin_loss: inconsistent target size: {list(target.shape)} for input {list(input.shape)}"
        )
    count = scores.shape[1]
    if classes.size and ((classes < 0) | (classes >= count)).any():
        raise RuntimeError("multi_margin_loss: target out of range")
    picked = gather(scores, 1, wrap(classes[:, None]))
    loss = clamp_min(scores - picked + margin, 0)
    if p == 2:
        loss = loss * loss
    others = np.ones(tuple(scores.shape), array_of(input).dtype)
    np.put_along_axis(others, classes[:, None], 0, 1)
    loss = loss * others
    if weight is not None:
        loss = loss * array_of(weight)[classes][:, None]
    rows = sum_(loss, 1) / count
    return _reduced_rows(rows, single, how)


@in_float32
def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    r"""Return :math:`\frac{1}{C} \sum_{j \in y, i \notin y} \max(0, 1 - x_j + x_i)`.

    Args:
        input: (N, C) or (C,), scores.
        target: likewise, class indices, ended by -1.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: ``torch.nn.functional.multilabel_margin_loss``.

    Example:
        >>> F = torch.nn.functional
        >>> F.multilabel_margin_loss(torch.zeros(1, 2), torch.tensor([[1, -1]]))
        tensor(0.5000)
    """
    how = _reduction(size_average, reduce, reduction)
    if tuple(input.shape) != tuple(target.shape):
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target size: {list(target.shape)} for input of size: "
            f"{list(input.shape)}"
        )
    if input.ndim > 2 or 0 in tuple(input.shape)[1 if input.ndim == 2 else 0 :]:
        raise RuntimeError(
            "multilabel_margin_loss: Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    single = input.ndim < 2
    scores = reshape(input, (1, -1)) if single else input
    labels = array_of(target).reshape(tuple(scores.shape))
    n, count = labels.shape
    kind = array_of(input).dtype
    # A label counts until the first -1 of its row.
    valid = np.cumsum(labels < 0, axis=1) == 0
    member = np.zeros((n, count), np.bool_)
    rows, places = np.nonzero(valid)
    member[rows, labels[rows, places]] = True
    picked = gather(scores, 1, wrap(np.where(valid, labels, 0)))
    gaps = clamp_min(1 - picked.unsqueeze(2) + scores.unsqueeze(1), 0)
    counted = (valid[:, :, None] & ~member[:, None, :]).astype(kind)
    losses = sum_(gaps * counted, (1, 2)) / count
    return _reduced_rows(losses, single, how)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return the mean binary cross-entropy of several labels, given logits.

    Example:
        >>> torch.nn.functional.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
        tensor(0.6931)
    """
    how = _reduction(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    classes = input.shape[-1]
    return _reduced(sum_(loss, -1) / classes, how)


@in_float32
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`\max(d(a, p) - d(a, n) + margin, 0)`.

    Args:
        anchor: (N, D) or (D,); likewise the next two.
        positive: should be near.
        negative: should be far.
        margin: by this much.
        p: of the distance.
        eps: added to the difference inside the distance.
        swap: use the distance from positive to negative if it is smaller.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Source: Balntas et al. (2016); ``torch.nn.functional.triplet_margin_loss``.

    Example:
        >>> x = torch.ones(1, 2)
        >>> torch.nn.functional.triplet_margin_loss(x, x, x)
        tensor(1.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    how = _reduction(size_average, reduce, reduction)
    return _triplet(anchor, positive, negative, distance, margin, swap, how)


def _triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    distance: Callable[..., Any],
    margin: float,
    swap: bool,
    how: str,
) -> Any:
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return _reduced(clamp_min(near - far + margin, 0), how)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[..., Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """Return the triplet margin loss with any distance; see ``triplet_margin_loss``.

    Example:
        >>> x = torch.ones(1, 2)
        >>> torch.nn.functional.triplet_margin_with_distance_loss(x, x, x)
        tensor(1.)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, _reduction(None, None, reduction))
