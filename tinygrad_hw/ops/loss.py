"""Losses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import softmax as kernels
from tinygrad_hw.ops.activation import logsigmoid, sigmoid
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.index import gather
from tinygrad_hw.ops.linear import linear
from tinygrad_hw.ops.norm import pairwise_distance
from tinygrad_hw.ops.reduce import mean
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where, clamp, clamp_min
from tinygrad_hw.ops.shape import broadcast_tensors, movedim, reshape
from tinygrad_hw.ops.softmax import log_softmax, softmax
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import exp, log, square

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


def _reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _reduced(loss: Any, reduction: str) -> Any:
    return loss if reduction == "none" else mean(loss) if reduction == "mean" else sum_(loss)


def _pair(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Broadcast input and target, warning as PyTorch does where that is seldom meant."""
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        try:
            np.broadcast_shapes(tuple(input.shape), tuple(target.shape))
        except ValueError:
            raise RuntimeError(
                f"{name}: the shapes of input {list(input.shape)} and target {list(target.shape)} do not broadcast"
            ) from None
        input, target = broadcast_tensors(input, target)
    return input, target


# -- losses of each element ------------------------------------------------------------------------


def _reduce(losses: Any, how: str) -> Any:
    if how == "none":
        return losses
    total = np.add.reduce(losses, axis=None)
    return total if how == "sum" else total / losses.dtype.type(losses.size)


def _spread(g: Any, how: str, size: int) -> Any:
    """Return the gradient of each element's loss; it broadcasts."""
    return g / size if how == "mean" else g


def _elementwise(
    name: str,
    node_name: str,
    value: Callable[..., Any],
    slope: Callable[..., Any],
    target_slope: Callable[..., Any] | None = None,
) -> Any:
    """Declare a loss of (input, target) of one shape that is reduced in the same op.

    Args:
        name: of the op.
        node_name: as PyTorch prints it.
        value: losses of arrays, given (input, target, parameter).
        slope: their derivative by the input, made of ops.
        target_slope: their derivative by the target; minus ``slope`` by default.
    """

    def by_input(g: Any, input: Any, target: Any, how: str, p: float) -> Any:
        return slope(input, target, p) * _spread(g, how, _values(input).size)

    def by_target(g: Any, input: Any, target: Any, how: str, p: float) -> Any:
        g = _spread(g, how, _values(input).size)
        return slope(input, target, p) * -g if target_slope is None else target_slope(input, target, p) * g

    def forward(input: Any, target: Any, *, how: str, p: float) -> Any:
        if input.dtype == np.float16:
            return forward(input.astype(np.float32), target.astype(np.float32), how=how, p=p).astype(np.float16)
        return _reduce(value(input, target, p), how)

    return op(
        name,
        forward,
        promote="same",
        node_name=node_name,
        input=by_input,
        target=by_target,
    )


def _square_of_difference(x: Any, y: Any, p: float) -> Any:
    d = x - y
    d *= d
    return d


def _huber_value(x: Any, y: Any, delta: float) -> Any:
    d = np.abs(x - y)
    kind = d.dtype.type
    return np.where(d < delta, kind(0.5) * d * d, kind(delta) * (d - kind(0.5 * delta)))


def _huber_slope(x: Any, y: Any, delta: float) -> Any:
    return clamp(x - y, -delta, delta)


def _smooth_value(x: Any, y: Any, beta: float) -> Any:
    d = np.abs(x - y)
    kind = d.dtype.type
    return np.where(d < beta, kind(0.5) * d * d / kind(beta), d - kind(0.5 * beta))


_mse = _elementwise("mse_loss", "MseLossBackward0", _square_of_difference, lambda x, y, p: (x - y) * 2)
_huber = _elementwise("huber_loss", "HuberLossBackward0", _huber_value, _huber_slope)
_smooth_l1 = _elementwise(
    "smooth_l1_loss", "SmoothL1LossBackward0", _smooth_value, lambda x, y, beta: clamp((x - y) / beta, -1.0, 1.0)
)


# -- regression ------------------------------------------------------------------------------------


def mse_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return the (mean) squared difference.

    Args:
        input: a tensor.
        target: of the same shape.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: a factor for each element.

    Source: ``torch.nn.functional.mse_loss``.

    Example:
        >>> torch.nn.functional.mse_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(5.)
    """
    how = _reduction(size_average, reduce, reduction)
    input, target = _pair("mse_loss", input, target)
    if weight is None:
        return _mse(input, target, how=how, p=0.0)
    return _weighted(_mse(input, target, how="none", p=0.0), weight, how)


def _times(loss: Any, weight: Any) -> Any:
    if tuple(weight.shape) != tuple(loss.shape):
        raise ValueError(f"Weights and input must have the same size, got {list(weight.shape)} and {list(loss.shape)}")
    return loss * weight


def _weighted(loss: Any, weight: Any, how: str) -> Any:
    loss = _times(loss, weight)
    return sum_(loss) / sum_(weight) if how == "mean" else _reduced(loss, how)


def l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return the (mean) absolute difference; see ``mse_loss``.

    Example:
        >>> torch.nn.functional.l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(2.)
    """
    how = _reduction(size_average, reduce, reduction)
    input, target = _pair("l1_loss", input, target)
    loss = abs_(input - target)
    return _reduced(loss, how) if weight is None else _weighted(loss, weight, how)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    r"""Return :math:`d^2 / 2\beta` where :math:`|d| < \beta`, else :math:`|d| - \beta / 2`; see ``mse_loss``.

    Source: Girshick, "Fast R-CNN" (2015); ``torch.nn.functional.smooth_l1_loss``.

    Example:
        >>> torch.nn.functional.smooth_l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)
    """
    how = _reduction(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    input, target = _pair("smooth_l1_loss", input, target)
    if beta == 0:
        return _reduced(abs_(input - target), how)
    return _smooth_l1(input, target, how=how, p=float(beta))


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    r"""Return :math:`d^2 / 2` where :math:`|d| < \delta`, else :math:`\delta (|d| - \delta / 2)`.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964); ``torch.nn.functional.huber_loss``.

    Example:
        >>> torch.nn.functional.huber_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)
    """
    how = _reduction(None, None, reduction)
    if not isinstance(delta, (int, float)):
        raise TypeError(f"delta must be a float or int, got: {type(delta)}")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _pair("huber_loss", input, target)
    if weight is None:
        return _huber(input, target, how=how, p=float(delta))
    return _reduced(_times(_huber(input, target, how="none", p=float(delta)), weight), how)


# -- classes ---------------------------------------------------------------------------------------


def _total(losses: Any, divisor: float | None) -> Any:
    """Leave losses as they are (None), or return their sum over ``divisor``."""
    return losses if divisor is None else np.add.reduce(losses, axis=None) / losses.dtype.type(divisor)


def _each(g: Any, divisor: float | None) -> Any:
    """Return the gradient of each loss as a column."""
    return reshape(g, (-1, 1)) if divisor is None else reshape(g / divisor, (1, 1))


def _entropy_forward(
    input: Any, target: Any, weights: Any, *, ignore_index: int, divisor: float | None
) -> tuple[Any, Any]:
    """Return the weighted loss of each row of (n, C), or of all, and the row's log-sum-exp."""
    wide = input.astype(np.float32) if input.dtype == np.float16 else input
    losses, sums = kernels.cross_entropy(wide, target, weights.astype(wide.dtype, copy=False), ignore_index)
    return _total(losses, divisor).astype(input.dtype, copy=False), sums


def _chosen(input: Any, target: Any, weights: Any, ignore_index: int) -> Any:
    """Return rows with the weight at the target, zeros elsewhere."""
    rows = np.zeros(tuple(input.shape), _values(input).dtype)
    weights = np.where(target == ignore_index, 0, weights).astype(rows.dtype)
    safe = np.where(target == ignore_index, 0, target)
    np.put_along_axis(rows, safe[:, None], weights[:, None], 1)
    return rows


def _entropy_rule(
    g: Any, input: Any, target: Any, weights: Any, ignore_index: int, divisor: float | None
) -> tuple[Any]:
    rows = _chosen(input, target, weights, ignore_index)
    return (_each(g, divisor) * (softmax(input, 1) * rows.sum(axis=1, keepdims=True) - rows),)


def _entropy_fused(
    g: Any, input: Any, target: Any, weights: Any, sums: Any, ignore_index: int, divisor: float | None
) -> tuple[Any]:
    wide = input.astype(np.float32) if input.dtype == np.float16 else input
    if divisor is not None:
        g = np.full(sums.shape, g / g.dtype.type(divisor), wide.dtype)
    g, weights = g.astype(wide.dtype, copy=False), weights.astype(wide.dtype, copy=False)
    return (kernels.cross_entropy_backward(g, wide, target, weights, ignore_index, sums),)


_entropy = op(
    "cross_entropy_rows",
    _entropy_forward,
    outputs=("out", "sums"),
    nondiff=("sums",),
    differentiable=("input",),
    joint=_entropy_rule,
    raw=_entropy_fused,
    node_name="NllLossBackward0",
)


def _picked_forward(input: Any, target: Any, weights: Any, *, ignore_index: int, divisor: float | None) -> Any:
    ignored = target == ignore_index
    picked = input[np.arange(target.size), np.where(ignored, 0, target)] * -weights
    return _total(np.where(ignored, input.dtype.type(0), picked), divisor)


def _picked_fused(
    g: Any, input_shape: Any, target: Any, weights: Any, ignore_index: int, divisor: float | None
) -> tuple[Any]:
    """Write the gradients of the targets among zeros."""
    ignored = target == ignore_index
    shares = (g if divisor is None else g / g.dtype.type(divisor)) * -weights
    rows = np.zeros(input_shape, g.dtype)
    rows[np.arange(target.size), np.where(ignored, 0, target)] = np.where(ignored, g.dtype.type(0), shares)
    return (rows,)


_picked = op(
    "nll_rows",
    _picked_forward,
    node_name="NllLossBackward0",
    input=lambda g, input, target, weights, ignore_index, divisor: (
        _each(g, divisor) * -_chosen(input, target, weights, ignore_index)
    ),
    raw=_picked_fused,
)


def _class_losses(
    name: str,
    input: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    how: str,
    from_logits: bool,
) -> Any:
    """Return the loss for class indices: input (N, C, ...) or (C,), target (N, ...) or ()."""
    classes = _values(target)
    if classes.dtype not in (np.int64, np.uint8):
        raise RuntimeError(
            f"{name}: expected scalar type Long but found {dtypes.from_numpy(classes.dtype)}: targets are class "
            "indices. Convert them with .long()"
        )
    ndim = input.ndim
    if ndim == 0:
        raise ValueError(f"{name}: Expected 1 or more dimensions (got {ndim})")
    if ndim == 1:
        if classes.ndim not in (0, 1) or classes.size != 1:
            raise ValueError(
                f"{name}: for an input of shape (C,) the target is one class index, got shape {list(classes.shape)}"
            )
        rows = reshape(input, (1, input.shape[0]))
        flat = classes.reshape(1)
    else:
        n, channels = input.shape[0], input.shape[1]
        if classes.shape[:1] != (n,):
            raise ValueError(
                f"Expected input batch_size ({n}) to match target batch_size "
                f"({classes.shape[0] if classes.ndim else 'none'})."
            )
        if tuple(classes.shape[1:]) != tuple(input.shape[2:]):
            raise RuntimeError(
                f"{name}: Expected target size {[n, *input.shape[2:]]}, got {list(classes.shape)}: the input "
                f"{list(input.shape)} is (N, C, ...), the target (N, ...) without the class dimension"
            )
        moved = movedim(input, 1, -1) if ndim > 2 else input
        rows = reshape(moved, (-1, channels)) if ndim > 2 else input
        flat = classes.reshape(-1)
    channels = rows.shape[1]
    flat = np.ascontiguousarray(flat, np.int64)
    kind = _values(input).dtype
    lowest, highest = (int(np.minimum.reduce(flat)), int(np.maximum.reduce(flat))) if flat.size else (0, 0)
    inside = lowest >= 0 and highest < channels
    if inside and weight is None and not 0 <= ignore_index < channels:
        factors = np.ones(flat.size, kind)
        total = float(flat.size)
    else:
        used = flat != ignore_index
        wrong = flat[used & ((flat < 0) | (flat >= channels))]
        if wrong.size:
            raise IndexError(
                f"Target {int(wrong[0])} is out of bounds: the input of shape {list(input.shape)} has {channels} "
                f"classes, numbered from 0"
            )
        factors = used.astype(kind)
        if weight is not None:
            table = _values(weight)
            if table.shape != (channels,):
                raise RuntimeError(
                    "weight tensor should be defined either for all or no classes: expected "
                    f"{[channels]}, got {list(table.shape)}"
                )
            if table.dtype != kind:
                raise RuntimeError(
                    f"{name}: expected weight of dtype {dtypes.from_numpy(kind)} as the input, but found "
                    f"{dtypes.from_numpy(table.dtype)}"
                )
            factors *= table[np.where(used, flat, 0)]
        total = float(factors.sum(dtype=np.float64))
    divisor = None if how == "none" else 1.0 if how == "sum" else total
    if from_logits:
        losses, _ = _entropy(rows, flat, factors, ignore_index=ignore_index, divisor=divisor)
    else:
        losses = _picked(rows, flat, factors, ignore_index=ignore_index, divisor=divisor)
    return reshape(losses, tuple(classes.shape)) if how == "none" and classes.ndim != 1 else losses


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return the negative log-likelihood of target classes, given log-probabilities.

    Args:
        input: (N, C, ...) or (C,), log-probabilities.
        target: (N, ...) or (), class indices.
        weight: (C,), a factor for each class; the mean is weighted too.
        size_average: deprecated; see ``reduction``.
        ignore_index: a target that does not count.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        IndexError: a target is no class.
        ValueError: the batch sizes differ.
        RuntimeError: shapes or dtypes do not fit.

    Source: ``torch.nn.functional.nll_loss``.

    Example:
        >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
        tensor(2.)
    """
    check_real("nll_loss", input, target)
    how = _reduction(size_average, reduce, reduction)
    return _class_losses("nll_loss", input, target, weight, ignore_index, how, False)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    r"""Return the cross-entropy of logits with target classes or probabilities.

    .. math:: -w_y \log \frac{e^{x_y}}{\sum_c e^{x_c}}

    Args:
        input: (N, C, ...) or (C,), unnormalised scores.
        target: (N, ...) class indices, or probabilities of the input's shape.
        weight: (C,), a factor for each class; for class indices the mean is weighted too.
        size_average: deprecated; see ``reduction``.
        ignore_index: a class index that does not count.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: mix the target with the uniform distribution by this much.

    Raises:
        IndexError: a target is no class.
        ValueError: the batch sizes differ.
        RuntimeError: shapes or dtypes do not fit.

    Source: ``torch.nn.functional.cross_entropy``.

    Example:
        >>> torch.nn.functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
        tensor(0.6931)
    """
    check_real("cross_entropy", input, target)
    how = _reduction(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if _values(input).dtype.kind != "f":
        raise RuntimeError(f"cross_entropy needs floating point scores, got {dtypes.from_numpy(_values(input).dtype)}")
    if _values(target).dtype.kind == "f":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(input, target, weight, how, label_smoothing)
    if label_smoothing == 0.0:
        return _class_losses("cross_entropy", input, target, weight, ignore_index, how, True)
    logs = log_softmax(input, 1 if input.ndim > 1 else 0)
    hard = _class_losses("cross_entropy", logs, target, weight, ignore_index, how, False)
    axis = 1 if input.ndim > 1 else 0
    shape = [1] * input.ndim
    shape[axis] = -1
    weighted = logs if weight is None else logs * reshape(weight, tuple(shape))
    smooth = -sum_(weighted, axis)
    classes = _values(target)
    used = classes != ignore_index
    smooth = _where(used, smooth, np.zeros((), _values(smooth).dtype))
    if how == "mean":
        if weight is None:
            count = float(used.sum())
        else:
            count = float(_values(weight)[np.where(used, classes, 0)][used].sum(dtype=np.float64))
        smooth = sum_(smooth) / count
    elif how == "sum":
        smooth = sum_(smooth)
    share = label_smoothing / input.shape[axis]
    return hard * (1 - label_smoothing) + smooth * share


def _soft_cross_entropy(input: Any, target: Any, weight: Any, how: str, label_smoothing: float) -> Any:
    if tuple(input.shape) != tuple(target.shape):
        if input.ndim > 1 and target.ndim and input.shape[0] != target.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
            )
        raise RuntimeError(
            f"cross_entropy: probabilities as target must have the shape of the input {list(input.shape)}, got "
            f"{list(target.shape)}; class indices must be integers"
        )
    axis = 1 if input.ndim > 1 else 0
    classes = input.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    products = log_softmax(input, axis) * target
    if weight is not None:
        shape = [1] * input.ndim
        shape[axis] = -1
        products = products * reshape(weight, tuple(shape))
    losses = -sum_(products, axis)
    if how == "mean":
        return sum_(losses) / (_values(input).size // classes)
    return _reduced(losses, how)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:
    """Return the cross-entropy of an affine map of the input; see ``linear`` and ``cross_entropy``.

    Args:
        input: (N, in_features) or (in_features,).
        linear_weight: (C, ..., in_features), where further sizes d1, ... mean as many losses.
        target: (N, d1, ...) class indices, or probabilities (N, C, d1, ...).
        linear_bias: (C, d1, ...) or None.
        weight: (C,), a factor for each class.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: a class index that does not count.
        label_smoothing: mix the target with the uniform distribution by this much.
        options: how PyTorch would save memory; without an effect here.

    Raises:
        RuntimeError: shapes do not fit.

    Source: ``torch.nn.functional.linear_cross_entropy``.

    Example:
        >>> F = torch.nn.functional
        >>> F.linear_cross_entropy(torch.zeros(1, 3), torch.zeros(2, 3), torch.tensor([1]))
        tensor(0.6931)
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if linear_weight.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}")
    size = input.shape[-1]
    if size != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{size} and {linear_weight.shape[-1]}, respectively"
        )
    outputs = tuple(linear_weight.shape[:-1])
    if linear_bias is not None and tuple(linear_bias.shape) != outputs:
        raise RuntimeError(f"expected linear_bias shape {outputs}, got {tuple(linear_bias.shape)}")
    if len(outputs) > 1 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {size}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*input.shape[:-1], *outputs)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else reshape(linear_bias, (-1,))
    logits = reshape(linear(input, reshape(linear_weight, (-1, size)), bias), shape)
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


# -- probabilities ---------------------------------------------------------------------------------


def _entropy_value(x: Any, y: Any, p: float) -> Any:
    # Logarithms are bounded, so that a confident mistake has a finite loss.
    low = x.dtype.type(-100)
    return (y - 1) * np.maximum(np.log1p(-x), low) - y * np.maximum(np.log(x), low)


def _bounded_log(x: Any) -> Any:
    return clamp_min(log(x), -100.0)


_bce = _elementwise(
    "binary_cross_entropy",
    "BinaryCrossEntropyBackward0",
    _entropy_value,
    lambda x, y, p: (x - y) / clamp_min(x * (1 - x), 1e-12),
    lambda x, y, p: _bounded_log(1 - x) - _bounded_log(x),
)


def _logits_value(x: Any, y: Any, p: float) -> Any:
    # max(x, 0) - x y + log(1 + exp(-|x|))
    return np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))


_bce_logits = _elementwise(
    "binary_cross_entropy_with_logits",
    "BinaryCrossEntropyWithLogitsBackward0",
    _logits_value,
    lambda x, y, p: sigmoid(x) - y,
    lambda x, y, p: -x,
)


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`-w (y \log x + (1 - y) \log(1 - x))`, logarithms clamped to -100.

    Args:
        input: probabilities in [0, 1].
        target: of the same shape.
        weight: a factor for each element, broadcastable.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: the shapes differ.
        RuntimeError: an input is outside [0, 1].

    Source: ``torch.nn.functional.binary_cross_entropy``.

    Example:
        >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
        tensor(0.6931)
    """
    check_real("binary_cross_entropy", input, target)
    how = _reduction(size_average, reduce, reduction)
    if tuple(target.shape) != tuple(input.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    x = _values(input)
    if x.size and not ((x >= 0) & (x <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if weight is None:
        return _bce(input, target, how=how, p=0.0)
    return _reduced(_bce(input, target, how="none", p=0.0) * weight, how)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    r"""Return :math:`-w (p\,y \log \sigma(x) + (1 - y) \log(1 - \sigma(x)))`, without overflow.

    Args:
        input: logits.
        target: of the same shape.
        weight: a factor for each element, broadcastable.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: :math:`p`, a factor for positive targets, broadcastable.

    Raises:
        ValueError: the shapes differ.

    Source: ``torch.nn.functional.binary_cross_entropy_with_logits``.

    Example:
        >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(1), torch.ones(1))
        tensor(0.6931)
    """
    how = _reduction(size_average, reduce, reduction)
    if tuple(target.shape) != tuple(input.shape):
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if pos_weight is None:
        if weight is None:
            return _bce_logits(input, target, how=how, p=0.0)
        loss = _bce_logits(input, target, how="none", p=0.0)
    else:
        factor = (pos_weight - 1) * target + 1
        loss = (1 - target) * input - factor * logsigmoid(input)
    if weight is not None:
        loss = loss * weight
    return _reduced(loss, how)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    r"""Return :math:`y (\log y - x)`, the pointwise Kullback-Leibler divergence.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with ``log_target``.
        size_average: deprecated; see ``reduction``.
        reduce: deprecated; see ``reduction``.
        reduction: ``"batchmean"`` (the definition), ``"mean"``, ``"sum"`` or ``"none"``.
        log_target: the target holds logarithms.

    Source: ``torch.nn.functional.kl_div``.

    Example:
        >>> torch.nn.functional.kl_div(torch.zeros(2), torch.ones(2), reduction="sum")
        tensor(0.)
    """
    check_real("kl_div", input, target)
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    batch = reduction == "batchmean"
    how = "sum" if batch else _reduction(size_average, reduce, reduction)
    loss = exp(target) * (target - input) if log_target else xlogy(target, target) - target * input
    total = _reduced(loss, how)
    return total / input.shape[0] if batch and input.ndim else total


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`e^x - y x` (or :math:`x - y \log(x + \epsilon)`), the loss of Poisson counts.

    Source: ``torch.nn.functional.poisson_nll_loss``.

    Example:
        >>> torch.nn.functional.poisson_nll_loss(torch.zeros(1), torch.ones(1))
        tensor(1.)
    """
    check_real("poisson_nll_loss", input, target)
    how = _reduction(size_average, reduce, reduction)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        stirling = target * log(target) - target + log(target * (2 * math.pi)) * 0.5
        loss = loss + _where(_values(target) <= 1, np.zeros((), _values(loss).dtype), stirling)
    return _reduced(loss, how)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    r"""Return :math:`\frac{1}{2} (\log v + (x - y)^2 / v)`, the loss of normal variables.

    Args:
        input: means.
        target: of the same shape.
        var: variances, of that shape, with a last dimension of 1, without it, or a number.
        full: add the constant.
        eps: smallest variance.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: the shape of ``var`` does not fit, or a variance is negative.

    Source: ``torch.nn.functional.gaussian_nll_loss``.

    Example:
        >>> torch.nn.functional.gaussian_nll_loss(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(0.5000)
    """
    check_real("gaussian_nll_loss", input, target)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    if isinstance(var, (int, float)):
        var = wrap(np.full(tuple(input.shape), var, _values(input).dtype))
    elif tuple(var.shape) != tuple(input.shape):
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = reshape(var, (*var.shape, 1))
        elif input.ndim != var.ndim or [b for a, b in zip(input.shape, var.shape, strict=True) if a != b] != [1]:
            raise ValueError("var is of incorrect size")
    if (_values(var) < 0).any():
        raise ValueError("var has negative entry/entries")
    # The bound is applied without a gradient, as in PyTorch.
    lifted = var + np.maximum(eps - _values(var), 0).astype(_values(var).dtype)
    loss = (log(lifted) + square(input - target) / lifted) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


# -- margins ---------------------------------------------------------------------------------------


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
    y = _values(target)
    zero = np.zeros((), _values(input).dtype)
    far = _where(y != 1, clamp_min(margin - input, 0), zero)
    near = _where(y != -1, input, zero)
    return _reduced(far + near, _reduction(size_average, reduce, reduction))


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
    y = _values(target)
    zero = np.zeros((), _values(cosine).dtype)
    loss = _where(y == 1, 1 - cosine, zero) + _where(y == -1, clamp_min(cosine - margin, 0), zero)
    return _reduced(loss, _reduction(size_average, reduce, reduction))


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
    single = input.ndim == 1
    scores = reshape(input, (1, -1)) if input.ndim < 2 else input
    classes = _values(target).reshape(-1)
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
    others = np.ones(tuple(scores.shape), _values(input).dtype)
    np.put_along_axis(others, classes[:, None], 0, 1)
    loss = loss * others
    if weight is not None:
        loss = loss * _values(weight)[classes][:, None]
    rows = sum_(loss, 1) / count
    if how == "none":
        return reshape(rows, ()) if single or input.ndim == 0 else rows
    return _reduced(rows, how)


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
    labels = _values(target).reshape(tuple(scores.shape))
    n, count = labels.shape
    kind = _values(input).dtype
    # A label counts until the first -1 of its row.
    valid = np.cumsum(labels < 0, axis=1) == 0
    member = np.zeros((n, count), np.bool_)
    rows, places = np.nonzero(valid)
    member[rows, labels[rows, places]] = True
    picked = gather(scores, 1, wrap(np.where(valid, labels, 0)))
    gaps = clamp_min(1 - picked.unsqueeze(2) + scores.unsqueeze(1), 0)
    counted = (valid[:, :, None] & ~member[:, None, :]).astype(kind)
    losses = sum_(gaps * counted, (1, 2)) / count
    if how == "none":
        return reshape(losses, ()) if single else losses
    return _reduced(losses, how)


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
