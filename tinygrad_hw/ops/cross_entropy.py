"""Losses of classes and of probabilities: negative log likelihood, cross entropy, also of two classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import softmax as kernels
from tinygrad_hw.ops.activation import logsigmoid
from tinygrad_hw.ops.linear import linear
from tinygrad_hw.ops.loss import _elementwise, _no_whole, _reduced, _reduction, _whole
from tinygrad_hw.ops.permutation import movedim
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where, clamp_min
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.softmax import log_softmax, softmax
from tinygrad_hw.ops.unary import log, sigmoid

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "linear_cross_entropy",
    "nll_loss",
]


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
    wide = input.astype(np.float32) if input.dtype.char == "e" else input
    factors = None if weights is None else weights.astype(wide.dtype, copy=False)
    losses, sums = kernels.cross_entropy(wide, target, factors, ignore_index)
    total = _total(losses, divisor)
    return total if wide is input else total.astype(input.dtype), sums


def _chosen(input: Any, target: Any, weights: Any, ignore_index: int) -> Any:
    """Return rows with the weight at the target, zeros elsewhere."""
    rows = np.zeros(tuple(input.shape), array_of(input).dtype)
    weights = np.where(target == ignore_index, 0, 1 if weights is None else weights).astype(rows.dtype)
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
    wide = input.astype(np.float32) if input.dtype.char == "e" else input
    if divisor is not None:
        g = g.reshape(1) / divisor
    g = g.astype(wide.dtype, copy=False)
    factors = None if weights is None else weights.astype(wide.dtype, copy=False)
    return (kernels.cross_entropy_backward(g, wide, target, factors, ignore_index, sums),)


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


_INT64 = np.dtype(np.int64)


def _ones(value: int, kind: Any) -> Any:
    return np.ones(value, kind)


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
    scores, classes = array_of(input), array_of(target)
    if classes.dtype is not _INT64 and classes.dtype != np.int64 and classes.dtype != np.uint8:
        raise RuntimeError(
            f"{name}: expected scalar type Long but found {dtypes.from_numpy(classes.dtype)}: targets are class "
            "indices. Convert them with .long()"
        )
    ndim, shape, kind = scores.ndim, scores.shape, scores.dtype
    if ndim == 0:
        raise ValueError(f"{name}: Expected 1 or more dimensions (got {ndim})")
    if ndim == 1:
        if classes.ndim not in (0, 1) or classes.size != 1:
            raise ValueError(
                f"{name}: for an input of shape (C,) the target is one class index, got shape {list(classes.shape)}"
            )
        rows = reshape(input, (1, shape[0]))
        flat = classes.reshape(1)
        channels = shape[0]
    else:
        n, channels = shape[:2]
        if classes.shape[:1] != (n,):
            raise ValueError(
                f"Expected input batch_size ({n}) to match target batch_size "
                f"({classes.shape[0] if classes.ndim else 'none'})."
            )
        if classes.shape[1:] != shape[2:]:
            raise RuntimeError(
                f"{name}: Expected target size {[n, *shape[2:]]}, got {list(classes.shape)}: the input "
                f"{list(shape)} is (N, C, ...), the target (N, ...) without the class dimension"
            )
        moved = movedim(input, 1, -1) if ndim > 2 else input
        rows = reshape(moved, (-1, channels)) if ndim > 2 else input
        flat = classes.reshape(-1)
    flat = np.ascontiguousarray(flat, np.int64)
    # Read without a sign, a negative number is a huge one.
    inside = not flat.size or np.maximum.reduce(flat.view(np.uint64)) < channels
    factors: Any
    if inside and weight is None and not 0 <= ignore_index < channels:
        factors = None
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
            table = array_of(weight)
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
        factors = _ones(flat.size, kind) if factors is None else factors
        losses = _picked(rows, flat, factors, ignore_index=ignore_index, divisor=divisor)
    return reshape(losses, tuple(classes.shape)) if how == "none" and classes.ndim != 1 else losses


@in_float32
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


def _by_class(values: Any, weight: Any, axis: int) -> Any:
    """Return ``values`` times the weight of their class, which is their place along ``axis``."""
    if weight is None:
        return values
    return values * reshape(weight, tuple(-1 if i == axis else 1 for i in range(values.ndim)))


@in_float32
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
    if array_of(input).dtype.kind not in "fV":
        raise NotImplementedError(
            f"cross_entropy needs floating point scores, got {dtypes.from_numpy(array_of(input).dtype)}. The scores "
            "come first, then the target"
        )
    if array_of(target).dtype.kind in "fV":
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(input, target, weight, how, label_smoothing)
    if label_smoothing == 0.0:
        return _class_losses("cross_entropy", input, target, weight, ignore_index, how, True)
    axis = 1 if input.ndim > 1 else 0
    logs = log_softmax(input, axis)
    hard = _class_losses("cross_entropy", logs, target, weight, ignore_index, how, False)
    smooth = -sum_(_by_class(logs, weight, axis), axis)
    classes = array_of(target)
    used = classes != ignore_index
    smooth = _where(used, smooth, np.zeros((), array_of(smooth).dtype))
    if how == "mean":
        if weight is None:
            count = float(used.sum())
        else:
            count = float(array_of(weight)[np.where(used, classes, 0)][used].sum(dtype=np.float64))
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
    losses = -sum_(_by_class(log_softmax(input, axis) * target, weight, axis), axis)
    if how == "mean":
        return sum_(losses) / (array_of(input).size // classes)
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


@in_float32
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
    x = array_of(input)
    if array_of(target).dtype != x.dtype:
        raise RuntimeError(
            f"binary_cross_entropy: Found dtype {dtypes.from_numpy(array_of(target).dtype)} but expected "
            f"{dtypes.from_numpy(x.dtype)}. Convert the target with .to(input.dtype)"
        )
    if x.size and not ((x >= 0) & (x <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if weight is None:
        return _bce(input, target, how=how, p=0.0)
    return _reduced(_bce(input, target, how="none", p=0.0) * weight, how)


@in_float32
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
    if _whole(target):
        raise RuntimeError(
            "binary_cross_entropy_with_logits: result type Float can't be cast to the desired output type "
            f"{dtypes.from_numpy(array_of(target).dtype)}: the target must be floating point. Convert it with .float()"
        )
    if _whole(input):
        raise NotImplementedError(_no_whole("binary_cross_entropy_with_logits", input))
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
