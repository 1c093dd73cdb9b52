"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.conversion import clone
from tinygrad_hw.ops.joining import cat, stack
from tinygrad_hw.ops.permutation import flip
from tinygrad_hw.ops.reduce import _converted, _one_dim
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.unary import exp, log

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]


def _widened(x: Any) -> Any:
    return np.int64 if x.dtype.kind in "iub" else x.dtype


def _reversed_sum(g: Any, dim: int) -> Any:
    return flip(_cumsum(flip(g, (dim,)), dim=dim), (dim,))


_cumsum = op(
    "cumsum",
    lambda input, *, dim: np.cumsum(input, axis=dim, dtype=_widened(input)).reshape(input.shape),
    input=lambda g, dim: _reversed_sum(g, dim) if g.ndim else g,
)


def cumsum(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    r"""Return running sums :math:`y_i = \sum_{j \le i} x_j` along a dimension.

    Args:
        input: a tensor; integers are summed as int64.
        dim: the dimension.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.cumsum``.

    Example:
        >>> torch.cumsum(torch.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 3., 6.])
    """
    if out is not None:
        return into(out, cumsum, input, dim, dtype=dtype)
    input = _converted(input, dtype)
    # Sums of integers are int64, unless another dtype was asked for.
    return _converted(_cumsum(input, dim=_one_dim("cumsum", dim, input.ndim)), dtype)


def _cumprod_rule(g: Any, input: Any, out: Any, dim: int) -> Any:
    if g.ndim == 0:
        return g
    if not (array_of(input) == 0).any():
        return _reversed_sum(g * out, dim) / input
    # With zeros: the derivative of out_k in x_i is the product of the others up to k. Quadratic, but right.
    n = input.shape[dim]
    lead = (slice(None),) * dim
    pieces = []
    for i in range(n):
        before = out[(*lead, slice(i - 1, i))] if i else None
        after = input[(*lead, slice(i + 1, n))]
        ones = np.ones_like(array_of(input)[(*lead, slice(0, 1))])
        tail = _cumprod(cat((ones, after), dim), dim=dim)
        part = tail if before is None else before * tail
        weighted = g[(*lead, slice(i, n))] * part
        from tinygrad_hw.ops.reduce import sum as sum_

        pieces.append(sum_(weighted, dim))
    return stack(pieces, dim)


_cumprod = op(
    "cumprod",
    lambda input, *, dim: np.cumprod(input, axis=dim, dtype=_widened(input)).reshape(input.shape),
    input=_cumprod_rule,
)


def cumprod(input: Any, dim: int, *, dtype: Any = None, out: Any = None) -> Any:
    r"""Return running products :math:`y_i = \prod_{j \le i} x_j` along a dimension.

    Args:
        input: a tensor; integers are multiplied as int64.
        dim: the dimension.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.cumprod``.

    Example:
        >>> torch.cumprod(torch.tensor([1.0, 2.0, 3.0]), 0)
        tensor([1., 2., 6.])
    """
    if out is not None:
        return into(out, cumprod, input, dim, dtype=dtype)
    input = _converted(input, dtype)
    return _converted(_cumprod(input, dim=_one_dim("cumprod", dim, input.ndim)), dtype)


def _running(largest: bool) -> Any:
    function = np.maximum if largest else np.minimum

    def forward(input: Any, *, dim: int) -> tuple[Any, Any]:
        if input.ndim == 0:
            return input.copy(), np.zeros((), np.int64)
        values = function.accumulate(input, axis=dim)
        n = input.shape[dim]
        places = np.arange(n).reshape([n if i == dim else 1 for i in range(input.ndim)])
        # The index moves where the element reaches the running extreme; ties take the later one.
        reached = (input == values) | (np.isnan(input) if input.dtype.kind == "f" else False)
        indices = np.maximum.accumulate(np.where(reached, places, 0), axis=dim)
        return values, indices

    return forward


def _running_rule(g: Any, indices: Any, input_shape: Any, dim: int) -> Any:
    from tinygrad_hw.ops.scatter import scatter_add

    if not input_shape:
        return g
    zeros = np.zeros(input_shape, array_of(g).dtype)
    if isinstance(g, TensorBase):
        return scatter_add(wrap(zeros), dim, wrap(indices), g)
    return scatter_add(zeros, dim, indices, g)


_cummax = op(
    "cummax",
    _running(True),
    outputs=("values", "indices"),
    nondiff=("indices",),
    input=_running_rule,
)
_cummin = op(
    "cummin",
    _running(False),
    outputs=("values", "indices"),
    nondiff=("indices",),
    input=_running_rule,
)


def cummax(input: Any, dim: int, *, out: Any = None) -> Any:
    """Return the running maximum along a dimension and where it was reached last.

    Returns:
        A named tuple ``(values, indices)``.

    Source: ``torch.cummax``.

    Example:
        >>> torch.cummax(torch.tensor([1.0, 3.0, 2.0]), 0).values
        tensor([1., 3., 3.])
    """
    if out is not None:
        return into(out, cummax, input, dim)
    return return_types.cummax(*_cummax(input, dim=_one_dim("cummax", dim, input.ndim)))


def cummin(input: Any, dim: int, *, out: Any = None) -> Any:
    """Return the running minimum along a dimension and where it was reached last.

    Returns:
        A named tuple ``(values, indices)``.

    Source: ``torch.cummin``.

    Example:
        >>> torch.cummin(torch.tensor([2.0, 3.0, 1.0]), 0).values
        tensor([2., 2., 1.])
    """
    if out is not None:
        return into(out, cummin, input, dim)
    return return_types.cummin(*_cummin(input, dim=_one_dim("cummin", dim, input.ndim)))


_logcumsumexp = op(
    "logcumsumexp",
    lambda input, *, dim: np.logaddexp.accumulate(input, axis=dim) if input.ndim else input.copy(),
    promote="float",
    input=lambda g, input, out, dim: _logcumsumexp_rule(g, input, out, dim) if g.ndim else g,
)


def _logcumsumexp_rule(g: Any, input: Any, out: Any, dim: int) -> Any:
    """Sums of exponentials in logarithms, the positive and the negative part of ``g`` apart: no overflow."""
    parts = []
    for sign in (1.0, -1.0):
        mask = array_of(g) * sign > 0
        # The dtype's lowest number stands for the logarithm of 0: with infinities the second order would be NaN.
        lowest = float(np.finfo(array_of(g).dtype).min)
        size = where(mask, log(where(mask, g * sign, 1.0)), lowest)
        later = flip(_logcumsumexp(flip(size - out, (dim,)), dim=dim), (dim,))
        parts.append(exp(later + input))
    return parts[0] - parts[1]


def logcumsumexp(input: Any, dim: int, *, out: Any = None) -> Any:
    r"""Return :math:`y_i = \log \sum_{j \le i} e^{x_j}` along a dimension, without overflow.

    Source: ``torch.logcumsumexp``.

    Example:
        >>> torch.logcumsumexp(torch.tensor([1000.0, 1000.0]), 0)
        tensor([1000.0000, 1000.6932])
    """
    if out is not None:
        return into(out, logcumsumexp, input, dim)
    return _logcumsumexp(input, dim=_one_dim("logcumsumexp", dim, input.ndim))


def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, *, out: Any = None) -> Any:
    """Return the differences of neighbours along a dimension, n times.

    Args:
        input: a tensor.
        n: how often.
        dim: the dimension.
        prepend: joined before it first.
        append: joined behind it first.
        out: a tensor to write the result into.

    Source: ``torch.diff``.

    Example:
        >>> torch.diff(torch.tensor([1, 3, 6]))
        tensor([2, 3])
    """
    if out is not None:
        return into(out, diff, input, n, dim, prepend, append)
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    d = _one_dim("diff", dim, input.ndim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return clone(input)
    pieces = [t for t in (prepend, input, append) if t is not None]
    if len(pieces) > 1:
        input = cat(pieces, d)
    lead = (slice(None),) * d
    for _ in range(n):
        later, earlier = input[(*lead, slice(1, None))], input[(*lead, slice(None, -1))]
        input = later ^ earlier if array_of(input).dtype == np.bool_ else later - earlier
    return input
