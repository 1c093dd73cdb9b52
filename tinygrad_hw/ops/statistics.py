"""Covariance, histograms, and integrals and derivatives of sampled functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import return_types
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.arithmetic import div
from tinygrad_hw.ops.complex import conj
from tinygrad_hw.ops.diagonals import diagonal
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.permutation import transpose
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.scan import cumsum
from tinygrad_hw.ops.selection import clamp
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import sqrt

__all__ = [
    "corrcoef",
    "cov",
    "cumulative_trapezoid",
    "gradient",
    "histogram",
    "histogramdd",
    "trapezoid",
    "trapz",
]


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Return the covariance matrix of variables (rows) over observations (columns).

    Args:
        input: (variables, observations), or 1-D for one variable.
        correction: subtracted from the number of observations.
        fweights: how often each observation counts, 1-D integers.
        aweights: weight of each observation, 1-D floats.

    Raises:
        RuntimeError: more than 2 dimensions, bool elements, or weights that do not fit.

    Source: ``torch.cov``.

    Example:
        >>> torch.cov(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
        tensor([[ 2., -2.],
                [-2.,  2.]])
    """
    x = array_of(input)
    if x.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got {x.ndim} dimensions")
    if x.dtype == np.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = reshape(input, (1, -1)) if x.ndim < 2 else input
    n = rows.shape[1]
    weights: Any = None
    for name, given, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if given is None:
            continue
        w = array_of(given)
        if w.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {w.ndim} dimensions")
        if w.dtype.kind not in kinds:
            raise RuntimeError(
                f"cov(): expected {name} to have {'integral' if kinds == 'iu' else 'floating point'} dtype but got "
                f"{name} with {w.dtype} dtype"
            )
        if w.size != n:
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input")
        if w.size and w.min() < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
        weights = given if weights is None else weights * given
    if weights is None:
        total: Any = n
        mean = div(sum_(rows, 1, True), n) if n else sum_(rows, 1, True) * float("nan")
    else:
        total = sum_(weights)
        if n and not array_of(total) > 0:
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        mean = div(sum_(rows * weights, 1, True), total)
    if weights is not None and aweights is not None and correction != 0:
        factor = total - correction * (sum_(weights * aweights) / total)
    else:
        factor = total - correction
    centred = rows - mean
    weighted = centred if weights is None else centred * weights
    factor = clamp(factor, min=0) if isinstance(factor, TensorBase) else max(factor, 0)
    product = matmul(weighted, conj(transpose(centred, 0, 1)))
    result = div(product, factor) if isinstance(factor, TensorBase) else div(product, float(factor))
    return reshape(result, ()) if result.shape == (1, 1) else result


def corrcoef(input: Any) -> Any:
    """Return the correlation coefficients of variables (rows) over observations (columns).

    Raises:
        RuntimeError: more than 2 dimensions.

    Source: ``torch.corrcoef``.

    Example:
        >>> torch.corrcoef(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got {input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviation = sqrt(diagonal(c))
    c = c / reshape(deviation, (-1, 1)) / deviation
    return clamp(c, -1, 1)


# -- histograms ------------------------------------------------------------------------------------


def _edges(name: str, x: Any, bins: int, low: float | None, high: float | None) -> Any:
    """Return equally spaced edges over a range, or over the values'."""
    if bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins}")
    if low is None or high is None:
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RuntimeError(f"{name}(): dimension's range [{low}, {high}] is not finite")
    elif low > high:
        raise RuntimeError(f"{name}(): min should not exceed max, but got min {low} max {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = (high - low) / bins
    index = np.arange(bins + 1)
    return np.where(index < (bins + 1) // 2, low + step * index, high - step * (bins - index)).astype(x.dtype)


def _count(name: str, points: Any, edges: list[Any], weight: Any, density: bool) -> Any:
    """Return the (weighted) counts of points, one a row, in the boxes between edges."""
    shape = tuple(len(e) - 1 for e in edges)
    inside = np.ones(len(points), np.bool_)
    at = []
    for k, e in enumerate(edges):
        column = points[:, k]
        inside &= (column >= e[0]) & (column <= e[-1])
        place = np.searchsorted(e, column, side="right") - 1
        at.append(np.minimum(place, len(e) - 2))
    counts = np.zeros(shape, points.dtype)
    weights = None if weight is None else array_of(weight).reshape(-1)
    if weights is not None and weights.size != len(points):
        raise RuntimeError(
            f"{name}(): if weight tensor is provided it should have the same shape as the input excluding its "
            f"innermost dimension: {weights.size} weights for {len(points)} points"
        )
    flat = np.ravel_multi_index(tuple(np.maximum(a[inside], 0) for a in at), shape) if len(points) else np.zeros(0, int)
    total = np.bincount(flat, None if weights is None else weights[inside], minlength=counts.size)
    counts[...] = total.reshape(shape)
    if density:
        volume = np.ones((), points.dtype)
        for k, e in enumerate(edges):
            volume = volume * np.diff(e).reshape([-1 if i == k else 1 for i in range(len(edges))])
        counts = counts / counts.sum() / volume
    return counts.astype(points.dtype)


def _check_edges(name: str, edges: Any, kind: Any) -> Any:
    e = array_of(edges)
    if e.dtype != kind:
        raise RuntimeError(
            f"{name}(): input tensor and bins tensors should have the same dtype, got {kind} and {e.dtype}"
        )
    if e.ndim != 1 or not e.size:
        raise RuntimeError(f"{name}(): bins tensor should have one dimension, but got {e.ndim} dimensions")
    if name == "histogram" and (np.diff(e) < 0).any():
        raise RuntimeError(f"{name}(): bins tensor must be monotonically increasing")
    return e


def histogram(
    input: Any,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Any = None,
    density: bool = False,
    out: Any = None,
) -> Any:
    """Return how many elements lie between edges, the last one included.

    Args:
        input: a floating point tensor, taken flat.
        bins: how many bins, or a 1-D tensor of edges.
        range: lower and upper end of the bins; those of the values by default.
        weight: how much each element counts, of the shape of ``input``.
        density: scale the counts to an integral of 1.
        out: a tensor to write the result into.

    Returns:
        ``(hist, bin_edges)``.

    Raises:
        RuntimeError: the arguments do not fit each other.

    Source: ``torch.histogram``.

    Example:
        >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist
        tensor([0., 2., 1., 0.])
    """
    if out is not None:
        return into(out, histogram, input, bins, range=range, weight=weight, density=density)
    check_real("histogram", input)
    x = array_of(input)
    if x.dtype.kind not in "fV":
        raise NotImplementedError(
            f"histogram is not implemented for {x.dtype} tensors: convert to floating point first"
        )
    if weight is not None and array_of(weight).dtype != x.dtype:
        raise RuntimeError(
            "histogram(): if weight tensor is provided, input tensor and weight should have the same dtype"
        )
    if weight is not None and array_of(weight).shape != x.shape:
        raise RuntimeError(
            "histogram(): if weight tensor is provided it should have the same shape as the input tensor"
        )
    if isinstance(bins, TensorBase):
        edges = _check_edges("histogram", bins, x.dtype)
    else:
        low, high = (None, None) if range is None else (range[0], range[1])
        edges = _edges("histogram", x, int(bins), low, high)
    counts = _count("histogram", x.reshape(-1, 1), [edges], weight, density)
    return return_types.histogram(wrap(counts), wrap(np.array(edges)))


def histogramdd(
    input: Any,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Any = None,
    density: bool = False,
    *,
    out: Any = None,
) -> Any:
    """Return how many points lie in each box of a grid.

    Args:
        input: (..., dimensions) floating point coordinates.
        bins: bins per dimension: a number, a list of numbers, or a list of 1-D tensors of edges.
        range: lower and upper end for each dimension, one after the other; those of the values by default.
        weight: how much each point counts.
        density: scale the counts to an integral of 1.
        out: a tensor to write the result into.

    Returns:
        ``(hist, bin_edges)``; the edges are a tuple, one tensor a dimension.

    Raises:
        RuntimeError: the arguments do not fit each other.

    Source: ``torch.histogramdd``.

    Example:
        >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), bins=[2, 2]).hist
        tensor([[0., 1.],
                [1., 0.]])
    """
    if out is not None:
        return into(out, histogramdd, input, bins, range, weight, density)
    check_real("histogramdd", input)
    x = array_of(input)
    if x.ndim < 2:
        raise RuntimeError("histogramdd(): input tensor should have at least 2 dimensions")
    points = x.reshape(-1, x.shape[-1])
    n = points.shape[1]
    if weight is not None and array_of(weight).dtype != x.dtype:
        raise RuntimeError("histogramdd(): input tensor and weight should have the same dtype")
    many = list(bins) if isinstance(bins, (list, tuple)) else [bins] * n
    if len(many) != n:
        raise RuntimeError(f"histogramdd(): expected {n} sequences of bins for a given {n}-dimensional input tensor")
    edges = []
    for k, b in enumerate(many):
        if isinstance(b, TensorBase):
            edges.append(_check_edges("histogramdd", b, x.dtype))
        else:
            low, high = (None, None) if range is None else (range[2 * k], range[2 * k + 1])
            edges.append(_edges("histogramdd", points[:, k], int(b), low, high))
    counts = _count("histogramdd", points, edges, weight, density)
    return return_types.histogramdd(wrap(counts), tuple(wrap(e) for e in edges))


# -- sampled functions -----------------------------------------------------------------------------


def _between(t: Any, dim: int, begin: int | None, end: int | None) -> Any:
    return t[(*(slice(None),) * dim, slice(begin, end))]


def _pieces(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """Return the areas of the trapezoids between neighbours."""
    if y.ndim == 0:
        raise IndexError(f"{name}(): a 0-d tensor has no dimension to integrate over")
    d = one_dim(dim, y.ndim)
    if (isinstance(x, TensorBase) and array_of(x).dtype == np.bool_) or array_of(y).dtype == np.bool_:
        raise RuntimeError(f"{name}: received a bool input for `x` or `y`, but bool is not supported")
    if isinstance(x, TensorBase):
        if x.ndim == 0:
            raise IndexError(f"{name}(): a 0-d tensor `x` has no dimension to integrate over")
        if x.ndim == 1:
            if x.shape[0] != y.shape[d]:
                raise RuntimeError(
                    f"{name}: There must be one `x` value for each sample point: {x.shape[0]} for {y.shape[d]}"
                )
            x = reshape(x, tuple(-1 if i == d else 1 for i in range(y.ndim)))
            width = _between(x, d, 1, None) - _between(x, d, None, -1)
        else:
            lead = y.ndim - x.ndim
            if lead > 0:
                x = reshape(x, (*(1,) * lead, *x.shape))
            elif lead < 0:
                y, d = reshape(y, (*(1,) * -lead, *y.shape)), d - lead
            width = _between(x, d, 1, None) - _between(x, d, None, -1)
        return (_between(y, d, 1, None) + _between(y, d, None, -1)) * width / 2.0, d
    step = dx if x is None else x
    return (_between(y, d, 1, None) + _between(y, d, None, -1)) * (step / 2.0), d


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    r"""Return the integral by the trapezoidal rule, :math:`\sum_i (y_i + y_{i+1})(x_{i+1} - x_i) / 2`.

    Args:
        y: values of the function.
        x: where they were taken, 1-D or of the shape of ``y``.
        dx: distance of neighbours if ``x`` is not given; 1 by default.
        dim: the dimension to integrate over.

    Raises:
        RuntimeError: ``x`` does not fit ``y``.

    Source: ``torch.trapezoid``.

    Example:
        >>> torch.trapezoid(torch.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    areas, d = _pieces("trapezoid", y, x, 1 if dx is None else dx, dim)
    return sum_(areas, d)


def trapz(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """Return the integral by the trapezoidal rule; see ``trapezoid``.

    Source: ``torch.trapz``.

    Example:
        >>> torch.trapz(torch.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """Return the running integrals by the trapezoidal rule; see ``trapezoid``.

    Source: ``torch.cumulative_trapezoid``.

    Example:
        >>> torch.cumulative_trapezoid(torch.tensor([1.0, 2.0, 3.0]))
        tensor([1.5000, 4.0000])
    """
    areas, d = _pieces("cumulative_trapezoid", y, x, 1 if dx is None else dx, dim)
    return cumsum(areas, d)


def _gradient_along(input: Any, dim: int, spacing: Any, edge_order: int) -> Any:
    """Return the derivative along a dimension: central differences inside, one-sided ones at the ends."""
    n = input.shape[dim]

    def part(a: int | None, b: int | None) -> Any:
        return _between(input, dim, a, b)

    coordinates: Any = spacing
    if not isinstance(spacing, TensorBase):
        inside = (part(2, None) - part(None, -2)) / (2 * spacing)
        if edge_order == 1:
            first = (part(1, 2) - part(0, 1)) / spacing
            last = (part(n - 1, n) - part(n - 2, n - 1)) / spacing
        else:
            first = (part(0, 1) * -1.5 + part(1, 2) * 2 - part(2, 3) * 0.5) / spacing
            last = (part(n - 1, n) * 1.5 - part(n - 2, n - 1) * 2 + part(n - 3, n - 2) * 0.5) / spacing
        return cat([first, inside, last], dim)
    shape = tuple(-1 if i == dim else 1 for i in range(input.ndim))
    step = reshape(coordinates[1:] - coordinates[:-1], shape)
    before, behind = _between(step, dim, None, -1), _between(step, dim, 1, None)
    a = -behind / (before * (before + behind))
    b = (behind - before) / (before * behind)
    c = before / (behind * (before + behind))
    inside = part(None, -2) * a + part(1, -1) * b + part(2, None) * c

    def at(i: int) -> Any:
        return _between(step, dim, i, i + 1)

    if edge_order == 1:
        first = (part(1, 2) - part(0, 1)) / at(0)
        last = (part(n - 1, n) - part(n - 2, n - 1)) / at(n - 2)
    else:
        u, v = at(0), at(1)
        first = (
            part(0, 1) * (-(u * 2 + v) / (u * (u + v)))
            + part(1, 2) * ((u + v) / (u * v))
            - part(2, 3) * (u / (v * (u + v)))
        )
        u, v = at(n - 3), at(n - 2)
        last = (
            part(n - 3, n - 2) * (v / (u * (u + v)))
            - part(n - 2, n - 1) * ((u + v) / (u * v))
            + part(n - 1, n) * ((u + v * 2) / (v * (u + v)))
        )
    return cat([first, inside, last], dim)


def gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Any, ...]:
    r"""Return the derivatives of a sampled function along its dimensions, by differences of second order.

    Args:
        input: values of the function.
        spacing: distance of neighbours (1): one number for all dimensions, one for each, or 1-D tensors of coordinates.
        dim: a dimension or several; all by default.
        edge_order: 1 or 2, the order of the one-sided differences at the ends.

    Returns:
        A tensor for each dimension.

    Raises:
        RuntimeError: a dimension has fewer than ``edge_order + 1`` elements, or the arguments do not fit.

    Source: ``torch.gradient``.

    Example:
        >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0, 16.0]))
        (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if array_of(input).dtype == np.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    given = list(dim) if isinstance(dim, (list, tuple)) else None if dim is None else [dim]
    dims = [one_dim(d, input.ndim) for d in (range(input.ndim) if given is None else given)]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims[0]} appears multiple times in the list of dims")
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {len(dims)}', but got a list of length {len(spacing)}"
            )
        steps = list(spacing)
    else:
        steps = [1 if spacing is None else spacing] * len(dims)
    for d, step in zip(dims, steps, strict=True):
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1, but dimension "
                f"{d} has {input.shape[d]} elements"
            )
        if isinstance(step, TensorBase):
            if step.ndim != 1:
                raise RuntimeError(
                    f"torch.gradient expected each element of spacing to have one dimension, got {step.ndim}"
                )
            if step.shape[0] != input.shape[d]:
                raise RuntimeError(
                    "torch.gradient expected each element of spacing to have as many elements as its dimension: "
                    f"{step.shape[0]} for {input.shape[d]}"
                )
    return tuple(_gradient_along(input, d, s, edge_order) for d, s in zip(dims, steps, strict=True))
