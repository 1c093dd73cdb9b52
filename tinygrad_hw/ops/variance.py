"""Variance and standard deviation, alone and with the mean."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.complex import imag, real
from tinygrad_hw.ops.reduce import _back, _dims, _mean, _mean_forward, _sum_forward, mean
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.unary import sqrt

__all__ = [
    "std",
    "std_mean",
    "var",
    "var_mean",
]


def _var_forward(input: Any, *, dim: tuple[int, ...], keepdim: bool, correction: float) -> Any:
    wide = input.astype(np.float32) if input.dtype == np.float16 else input
    count = math.prod(input.shape[d] for d in dim)
    centre = wide - _mean_forward(wide, dim=dim, keepdim=True)
    total = _sum_forward(centre * centre, dim=dim, keepdim=keepdim)
    free = np.asarray(builtins.max(count - correction, 0), wide.dtype)
    return np.true_divide(total, free).astype(input.dtype)


def _var_rule(g: Any, input: Any, dim: tuple[int, ...], correction: float) -> Any:
    shape = tuple(input.shape)
    count = math.prod(shape[d] for d in dim)
    centre = input - _mean(input, dim=dim, keepdim=True)
    free = count - correction
    # No degrees of freedom: infinite where an element differs from the mean. Fewer than none are PyTorch's.
    factor = 2 / free if free else math.inf
    return _back(g, shape, dim) * centre * factor


_var = op("var", _var_forward, node_name="VarBackward0", input=_var_rule)


def _correction(unbiased: Any, correction: Any) -> float:
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


def _spread_arguments(dim: Any, unbiased: Any) -> tuple[Any, Any]:
    # var(x, False) means unbiased=False.
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Any:
    r"""Return the variance :math:`\frac{1}{n - c} \sum_i (x_i - \bar x)^2` over the given dimensions.

    Args:
        input: a floating point tensor.
        dim: a dimension, a tuple of them, or None for all.
        unbiased: True for c = 1 (the default), False for c = 0.
        keepdim: keep reduced dimensions with size 1.
        correction: c.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtype is not floating point.

    Source: ``torch.var``.

    Example:
        >>> torch.var(torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    if out is not None:
        return into(out, var, input, dim, unbiased, keepdim, correction=correction)
    dim, unbiased = _spread_arguments(dim, unbiased)
    if array_of(input).dtype.kind not in "fV":
        if array_of(input).dtype.kind == "c":
            parts = [var(part, dim, unbiased, keepdim, correction=correction) for part in (real(input), imag(input))]
            return parts[0] + parts[1]
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return _var(
        input,
        dim=_dims("var", dim, input.ndim),
        keepdim=keepdim,
        correction=_correction(unbiased, correction),
    )


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Any = None,
) -> Any:
    """Return the standard deviation, the root of ``var``; same arguments.

    Source: ``torch.std``.

    Example:
        >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    if out is not None:
        return into(out, std, input, dim, unbiased, keepdim, correction=correction)
    dim, unbiased = _spread_arguments(dim, unbiased)
    if array_of(input).dtype.kind not in "fV":
        if array_of(input).dtype.kind == "c":
            return sqrt(var(input, dim, unbiased, keepdim, correction=correction))
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return _std(
        input,
        dim=_dims("std", dim, input.ndim),
        keepdim=keepdim,
        correction=_correction(unbiased, correction),
    )


def _std_rule(g: Any, input: Any, out: Any, dim: tuple[int, ...], correction: float) -> Any:
    # At zero deviation the gradient is 0, not 0/0.
    zero = array_of(out) == 0
    safe = _where(zero, np.ones((), array_of(out).dtype), out)
    inner = _where(zero, np.zeros((), array_of(out).dtype), g / (safe * 2))
    return _var_rule(inner, input, dim, correction)


_std = op(
    "std",
    lambda input, *, dim, keepdim, correction: np.sqrt(
        _var_forward(input, dim=dim, keepdim=keepdim, correction=correction)
    ),
    node_name="StdBackward0",
    input=_std_rule,
)


def var_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Return ``(var, mean)``; arguments as for ``var``.

    Example:
        >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    dim, unbiased = _spread_arguments(dim, unbiased)
    return (
        var(input, dim, unbiased, keepdim, correction=correction),
        mean(input, dim, keepdim),
    )


def std_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Any, Any]:
    """Return ``(std, mean)``; arguments as for ``var``.

    Example:
        >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    dim, unbiased = _spread_arguments(dim, unbiased)
    return (
        std(input, dim, unbiased, keepdim, correction=correction),
        mean(input, dim, keepdim),
    )
