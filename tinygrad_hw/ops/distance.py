"""Distances between points: ``cdist``, ``pdist``; ``renorm``, which limits the norms of slices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.arithmetic import pow
from tinygrad_hw.ops.reduce import norm
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import unsqueeze
from tinygrad_hw.ops.unary import abs as abs_
from tinygrad_hw.ops.unary import sign

__all__ = ["cdist", "pdist", "renorm"]


def _distances(difference: Any, p: float) -> Any:
    """Return the p-norms along the last dimension of an array."""
    if p == 0:
        return (difference != 0).sum(-1).astype(difference.dtype)
    if p == 1:
        return np.abs(difference).sum(-1)
    if p == 2:
        return np.sqrt(np.einsum("...k,...k->...", difference, difference))
    if p == math.inf:
        return np.abs(difference).max(-1, initial=0.0)
    return (np.abs(difference) ** p).sum(-1) ** (1 / p)


def _pull(g: Any, difference: Any, distance: Any, p: float) -> Any:
    """Return the gradient of the differences; 0 where the distance is."""
    g, distance = unsqueeze(g, -1), unsqueeze(distance, -1)
    if p == 0:
        return difference * 0.0
    if p == 1:
        return g * sign(difference)
    zero = array_of(distance) == 0
    safe = _where(zero, np.ones((), array_of(distance).dtype), distance)
    if p == 2:
        share = difference / safe
    elif p == math.inf:
        size = np.abs(array_of(difference))
        share = sign(difference) * (size == array_of(distance)).astype(size.dtype)
    else:
        flat = array_of(difference) == 0
        size = _where(flat, np.ones((), array_of(distance).dtype), abs_(difference))
        share = sign(difference) * pow(size, p - 1) / pow(safe, p - 1)
        # The slope at 0 of |x|^p is 0, but for p < 1 infinite; PyTorch says 0 there too.
        share = _where(flat, np.zeros((), array_of(distance).dtype), share)
    return _where(np.broadcast_to(zero, array_of(share).shape), np.zeros((), array_of(share).dtype), g * share)


def _cdist_forward(x1: Any, x2: Any, *, p: float) -> Any:
    return _distances(x1[..., :, None, :] - x2[..., None, :, :], p)


def _cdist_rule(g: Any, x1: Any, x2: Any, out: Any, needs: Any, p: float) -> tuple[Any, Any]:
    pulled = _pull(g, unsqueeze(x1, -2) - unsqueeze(x2, -3), out, p)
    return (sum_(pulled, -2) if needs[0] else None, -sum_(pulled, -3) if needs[1] else None)


_cdist = op("cdist", _cdist_forward, differentiable=("x1", "x2"), joint=_cdist_rule)


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    r"""Return the distances :math:`\lVert a_i - b_j \rVert_p` of all pairs of points.

    Args:
        x1: (..., P, M), P points.
        x2: (..., R, M), R points.
        p: the norm, from 0 to infinity.
        compute_mode: accepted; distances are always computed from differences.

    Returns:
        (..., P, R).

    Raises:
        RuntimeError: the points have other dimensions or dtypes, or ``p`` is negative.

    Source: ``torch.cdist``.

    Example:
        >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
        if array_of(x).dtype.kind not in "fV":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if array_of(x1).dtype != array_of(x2).dtype:
        raise RuntimeError(f"cdist: X1 and X2 must have the same dtype, got {x1.dtype} and {x2.dtype}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    return _cdist(x1, x2, p=float(p))


def _pairs(n: int) -> tuple[Any, Any]:
    return np.triu_indices(n, 1)


def _pdist_forward(input: Any, *, p: float) -> Any:
    i, j = _pairs(len(input))
    return _distances(input[i] - input[j], p)


def _pdist_rule(g: Any, input: Any, out: Any, p: float) -> Any:
    i, j = _pairs(input.shape[0])
    pulled = _pull(g, input[i] - input[j], out, p)
    return _gathered(pulled, n=input.shape[0])


def _gathered_forward(input: Any, *, n: int) -> Any:
    """Return what each point gets from the pairs it is part of."""
    i, j = _pairs(n)
    total = np.zeros((n, input.shape[-1]), input.dtype)
    np.add.at(total, i, input)
    np.subtract.at(total, j, input)
    return total


def _spread(g: Any, n: int) -> Any:
    i, j = _pairs(n)
    return g[i] - g[j]


_gathered = op("pdist_adjoint", _gathered_forward, input=lambda g, n: _spread(g, n))
_pdist = op("pdist", _pdist_forward, input=_pdist_rule)


def pdist(input: Any, p: float = 2.0) -> Any:
    """Return the distances of all pairs of rows, as the part of ``cdist(x, x)`` above the diagonal.

    Args:
        input: (N, M), N points.
        p: the norm, from 0 to infinity.

    Returns:
        (N (N - 1) / 2,), in the order (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        RuntimeError: the input is not 2-D and floating point, or ``p`` is negative.

    Source: ``torch.nn.functional.pdist``.

    Example:
        >>> torch.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        tensor([5.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if array_of(input).dtype.kind not in "fV":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return _pdist(input, p=float(p))


def renorm(input: Any, p: float, dim: int, maxnorm: float, *, out: Any = None) -> Any:
    """Return a copy whose slices along a dimension have a p-norm of at most ``maxnorm``.

    Args:
        input: a tensor of 2 dimensions or more.
        p: the norm, above 0.
        dim: the dimension whose slices are scaled down.
        maxnorm: the limit.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: ``p`` or ``maxnorm`` is out of range, or the tensor has fewer than 2 dimensions.

    Source: ``torch.renorm``.

    Example:
        >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    if out is not None:
        return into(out, renorm, input, p, dim, maxnorm)
    if array_of(input).dtype.kind not in "fV":
        raise RuntimeError(f"renorm: expected a floating point tensor, got {input.dtype}")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    d = one_dim(dim, input.ndim)
    size = norm(input, p, tuple(i for i in range(input.ndim) if i != d), True)
    factor = _where(array_of(size) > maxnorm, maxnorm / (size + 1e-7), np.ones((), array_of(size).dtype))
    return input * factor
