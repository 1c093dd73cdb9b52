"""Losses of regression and of distributions, and how losses are reduced."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.broadcasting import broadcast_tensors
from tinygrad_hw.ops.reduce import mean
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where, clamp
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import exp, log, square

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


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


def _whole(t: Any) -> bool:
    return array_of(t).dtype.kind not in "fcVW"


def _no_whole(name: str, input: Any) -> str:
    kind = dtypes.from_numpy(array_of(input).dtype)
    return f"{name} is not implemented for {kind}. Convert input and target with .float()"


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
        return slope(input, target, p) * _spread(g, how, array_of(input).size)

    def by_target(g: Any, input: Any, target: Any, how: str, p: float) -> Any:
        g = _spread(g, how, array_of(input).size)
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


@in_float32
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
    if _whole(input) and _whole(target):
        raise NotImplementedError(_no_whole("mse_loss", input))
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


@in_float32
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


@in_float32
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
    if _whole(input) and _whole(target):
        raise NotImplementedError(_no_whole("smooth_l1_loss", input))
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    input, target = _pair("smooth_l1_loss", input, target)
    if beta == 0:
        return _reduced(abs_(input - target), how)
    return _smooth_l1(input, target, how=how, p=float(beta))


@in_float32
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    r"""Return :math:`d^2 / 2` where :math:`|d| < \delta`, else :math:`\delta (|d| - \delta / 2)`.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964); ``torch.nn.functional.huber_loss``.

    Example:
        >>> torch.nn.functional.huber_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)
    """
    how = _reduction(None, None, reduction)
    if _whole(input) and _whole(target):
        raise NotImplementedError(_no_whole("huber_loss", input))
    if not isinstance(delta, (int, float)):
        raise TypeError(f"delta must be a float or int, got: {type(delta)}")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _pair("huber_loss", input, target)
    if weight is None:
        return _huber(input, target, how=how, p=float(delta))
    return _reduced(_times(_huber(input, target, how="none", p=float(delta)), weight), how)


@in_float32
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


@in_float32
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
        loss = loss + _where(array_of(target) <= 1, np.zeros((), array_of(loss).dtype), stirling)
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
        var = wrap(np.full(tuple(input.shape), var, array_of(input).dtype))
    elif tuple(var.shape) != tuple(input.shape):
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = reshape(var, (*var.shape, 1))
        elif input.ndim != var.ndim or [b for a, b in zip(input.shape, var.shape, strict=True) if a != b] != [1]:
            raise ValueError("var is of incorrect size")
    if (array_of(var) < 0).any():
        raise ValueError("var has negative entry/entries")
    # The bound is applied without a gradient, as in PyTorch.
    lifted = var + np.maximum(eps - array_of(var), 0).astype(array_of(var).dtype)
    loss = (log(lifted) + square(input - target) / lifted) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)
