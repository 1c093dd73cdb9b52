"""Transforms of vectors and matrices, and several transforms side by side; ``transforms`` re-exports them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.transforms_base import Transform, at_least
from tinygrad_hw.distributions.utils import lazy_property, sum_rightmost, tril_matrix_to_vec, vec_to_tril_matrix
from tinygrad_hw.ops.activation import logsigmoid, softplus
from tinygrad_hw.ops.creation import eye
from tinygrad_hw.ops.decomposition import cholesky
from tinygrad_hw.ops.joining import cat, stack
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.size import Size

__all__ = [
    "CatTransform",
    "CorrCholeskyTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "SoftmaxTransform",
    "StackTransform",
    "StickBreakingTransform",
]


class SoftmaxTransform(Transform):
    """The softmax of a vector; not bijective, since a constant may be added to x.

    Source: ``torch.distributions.transforms.SoftmaxTransform``.

    Example:
        >>> torch.distributions.SoftmaxTransform()(torch.zeros(4))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Any) -> Any:
        return x.softmax(-1)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 1)
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 1)
        return shape


def _logits_of_even_breaks(n: int, x: Any) -> Any:
    """Return log(n), ..., log(1): breaks that leave even pieces come from zeros."""
    return arange(n, 0, -1, dtype=x.dtype).log()


class StickBreakingTransform(Transform):
    """A vector of n numbers to n + 1 probabilities: each breaks its share, a sigmoid, off what is left of a stick.

    Source: ``torch.distributions.transforms.StickBreakingTransform``.

    Example:
        >>> torch.distributions.StickBreakingTransform()(torch.zeros(3))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Any) -> Any:
        finfo = dtypes.finfo(x.dtype)
        share = (x - _logits_of_even_breaks(x.shape[-1], x)).sigmoid().clamp(finfo.tiny, 1.0 - finfo.eps)
        left = (1 - share).cumprod(-1)
        return pad(share, [0, 1], value=1) * pad(left, [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        broken = y[..., :-1]
        # Rounding may leave less than nothing.
        left = (1 - broken.cumsum(-1)).clamp(min=dtypes.finfo(y.dtype).tiny)
        return broken.log() - left.log() + _logits_of_even_breaks(broken.shape[-1], y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        # The factor of step k is y_k (1 - s_k), and 1 - s = e^-x s.
        x = x - _logits_of_even_breaks(x.shape[-1], x)
        return (logsigmoid(x) - x + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 1)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 1)
        return Size((*shape[:-1], shape[-1] - 1))


class LowerCholeskyTransform(Transform):
    """The lower triangle of a matrix, with the exponential of its diagonal.

    Source: ``torch.distributions.transforms.LowerCholeskyTransform``.

    Example:
        >>> torch.distributions.LowerCholeskyTransform()(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """L L^T of the matrix L that ``LowerCholeskyTransform`` makes.

    Source: ``torch.distributions.transforms.PositiveDefiniteTransform``.

    Example:
        >>> torch.distributions.PositiveDefiniteTransform()(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Any) -> Any:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(Transform):
    """A vector of n (n - 1) / 2 numbers to the Cholesky factor of an n x n correlation matrix.

    The tanh of each number is the share of what is left of its row's length 1; the diagonal gets the rest.

    Source: ``torch.distributions.transforms.CorrCholeskyTransform``.

    Example:
        >>> torch.distributions.CorrCholeskyTransform()(torch.zeros(1))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def __eq__(self, other: object) -> bool:
        return self is other

    def _call(self, x: Any) -> Any:
        eps = dtypes.finfo(x.dtype).eps
        share = vec_to_tril_matrix(x.tanh().clamp(-1 + eps, 1 - eps), diag=-1)
        left = (1 - share**2).sqrt().cumprod(-1)
        share = share + eye(share.shape[-1], dtype=share.dtype)
        return share * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        left = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (t.log1p() - (-t).log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2)
        of_tanh = 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * left.log().sum(-1) - of_tanh

    def forward_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 1)
        k = shape[-1]
        n = round((0.25 + 2 * k) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != k:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        at_least(len(shape), 2)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))


class _SideBySide(Transform):
    """What ``cat`` and ``stack`` have in common."""

    def __init__(self, tseq: Sequence[Any], dim: int, cache_size: int) -> None:
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size=cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    def _check(self, x: Any, wanted: int) -> None:
        if not -x.ndim <= self.dim < x.ndim:
            raise AssertionError(f"dim {self.dim} out of range for tensor with {x.ndim} dimensions")
        if x.shape[self.dim] != wanted:
            raise AssertionError(f"x.size({self.dim}) = {x.shape[self.dim]} must equal {wanted}, what the parts take")

    @property
    def bijective(self) -> Any:
        return all(t.bijective for t in self.transforms)


class CatTransform(_SideBySide):
    """Several transforms, each on a piece of a dimension.

    Args:
        tseq: the transforms.
        dim: the dimension.
        lengths: of the pieces; 1 each by default.
        cache_size: 1 to remember the last pairs.

    Source: ``torch.distributions.transforms.CatTransform``.

    Example:
        >>> d = torch.distributions
        >>> d.CatTransform([d.ExpTransform(), d.identity_transform], lengths=[1, 2])(torch.zeros(3))
        tensor([1., 0., 0.])
    """

    def __init__(
        self, tseq: Sequence[Any], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})")

    @lazy_property
    def event_dim(self) -> Any:
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self) -> int:
        """The sum of the lengths."""
        return sum(self.lengths)

    def _again(self, cache_size: int) -> Any:
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _pieces(self, x: Any) -> Any:
        self._check(x, self.length)
        return x.split(self.lengths, self.dim)

    def _call(self, x: Any) -> Any:
        return cat([t(v) for t, v in zip(self.transforms, self._pieces(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return cat([t.inv(v) for t, v in zip(self.transforms, self._pieces(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        terms = []
        for t, a, b in zip(self.transforms, self._pieces(x), self._pieces(y), strict=True):
            terms.append(sum_rightmost(t.log_abs_det_jacobian(a, b), self.event_dim - t.event_dim))
        dim = (self.dim if self.dim < 0 else self.dim - x.ndim) + self.event_dim
        return cat(terms, dim) if dim < 0 else sum(terms)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_SideBySide):
    """Several transforms, one for each index of a dimension.

    Args:
        tseq: the transforms.
        dim: the dimension.
        cache_size: 1 to remember the last pairs.

    Source: ``torch.distributions.transforms.StackTransform``.

    Example:
        >>> d = torch.distributions
        >>> d.StackTransform([d.ExpTransform(), d.identity_transform], dim=1)(torch.zeros(2, 2))
        tensor([[1., 0.],
                [1., 0.]])
    """

    def __init__(self, tseq: Sequence[Any], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    def _again(self, cache_size: int) -> Any:
        return StackTransform(self.transforms, self.dim, cache_size)

    def _parts(self, x: Any) -> Any:
        self._check(x, len(self.transforms))
        return x.unbind(self.dim)

    def _call(self, x: Any) -> Any:
        return stack([t(v) for t, v in zip(self.transforms, self._parts(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return stack([t.inv(v) for t, v in zip(self.transforms, self._parts(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        parts = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return stack([t.log_abs_det_jacobian(a, b) for t, a, b in parts], self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
