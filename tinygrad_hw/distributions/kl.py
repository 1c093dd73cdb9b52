"""Kullback-Leibler divergences, by pairs of distributions.

A divergence is minus p's entropy, less the mean under p of q's log density. Most formulas below are written that way;
they need the mean of a few functions under p.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import total_ordering
from typing import Any

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.distributions.bernoulli import Bernoulli
from tinygrad_hw.distributions.beta import Beta
from tinygrad_hw.distributions.binomial import Binomial
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.cauchy import Cauchy
from tinygrad_hw.distributions.continuous_bernoulli import ContinuousBernoulli
from tinygrad_hw.distributions.dirichlet import Dirichlet
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.exponential import Exponential
from tinygrad_hw.distributions.gamma import Gamma
from tinygrad_hw.distributions.geometric import Geometric
from tinygrad_hw.distributions.gumbel import Gumbel
from tinygrad_hw.distributions.half_normal import HalfNormal
from tinygrad_hw.distributions.independent import Independent
from tinygrad_hw.distributions.laplace import Laplace
from tinygrad_hw.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from tinygrad_hw.distributions.multivariate_normal import MultivariateNormal, batch_mahalanobis
from tinygrad_hw.distributions.normal import Normal
from tinygrad_hw.distributions.one_hot_categorical import OneHotCategorical
from tinygrad_hw.distributions.pareto import Pareto
from tinygrad_hw.distributions.poisson import Poisson
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.uniform import Uniform
from tinygrad_hw.distributions.utils import euler_constant, sum_rightmost
from tinygrad_hw.ops.activation import softplus
from tinygrad_hw.ops.binary import xlogy
from tinygrad_hw.ops.creation import full_like
from tinygrad_hw.ops.gamma import digamma, lgamma
from tinygrad_hw.ops.selection import where
from tinygrad_hw.ops.solvers import solve_triangular
from tinygrad_hw.ops.unary import erf
from tinygrad_hw.tensor import Tensor

__all__ = ["kl_divergence", "register_kl"]

Formula = Callable[[Any, Any], Tensor]

_KL_REGISTRY: dict[tuple[type, type], Formula] = {}
_FOUND: dict[tuple[type, type], Formula | None] = {}
_LOG_TWO_PI = math.log(2 * math.pi)


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Register a formula for ``kl_divergence``; a decorator.

    For two distributions whose classes have no formula of their own, that of the nearest base classes is used.

    Args:
        type_p: class of the first distribution.
        type_q: class of the second.

    Raises:
        TypeError: one of them is no subclass of ``Distribution``.

    Source: ``torch.distributions.register_kl``.

    Example:
        >>> d = torch.distributions
        >>> class Point(d.Normal):
        ...     pass
        >>> @d.register_kl(Point, Point)
        ... def points(p, q):
        ...     return (p.loc - q.loc).abs()
        >>> d.kl_divergence(Point(0.0, 1.0), Point(3.0, 1.0))
        tensor(3.)
    """
    for name, cls in (("type_p", type_p), ("type_q", type_q)):
        if not (isinstance(cls, type) and issubclass(cls, Distribution)):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {cls}")

    def decorate(formula: Formula) -> Formula:
        _KL_REGISTRY[type_p, type_q] = formula
        _FOUND.clear()
        return formula

    return decorate


@total_ordering
class _Match:
    """A pair of classes; the nearer to the classes asked for, the smaller, by the first class and then the second."""

    def __init__(self, *types: type) -> None:
        self.types = types

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Match) and self.types == other.types

    def __le__(self, other: _Match) -> bool:
        for x, y in zip(self.types, other.types, strict=True):
            if not issubclass(x, y):
                return False
            if x is not y:
                break
        return True

    __hash__ = None  # type: ignore[assignment]


def _find(type_p: type, type_q: type) -> Formula | None:
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return None
    left = min(_Match(p, q) for p, q in matches).types
    right = min(_Match(q, p) for p, q in matches).types[::-1]
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:  # type: ignore[index]
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl({left[0].__name__}, "
            f"{right[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[left]  # type: ignore[index]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    r"""Return the Kullback-Leibler divergence :math:`\int p(x) \log (p(x) / q(x)) dx`.

    Args:
        p: a distribution.
        q: another.

    Returns:
        One number for each pair of the (broadcast) batches.

    Raises:
        NotImplementedError: no formula is registered for this pair of classes.

    Source: ``torch.distributions.kl_divergence``.

    Example:
        >>> d = torch.distributions
        >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
        tensor(0.5000)
    """
    pair = type(p), type(q)
    if pair not in _FOUND:
        _FOUND[pair] = _find(*pair)
    formula = _FOUND[pair]
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
        )
    return formula(p, q)


def _infinite_for(attribute: str, type_p: type, *types_q: type) -> None:
    """Register pairs where p has values that q never has; the shape is that of a parameter of p."""

    def formula(p: Any, q: Any) -> Tensor:
        return full_like(getattr(p, attribute), math.inf)

    for type_q in types_q:
        register_kl(type_p, type_q)(formula)


_infinite_for("concentration1", Beta, Pareto)
_infinite_for("probs", ContinuousBernoulli, Pareto)
_infinite_for("rate", Exponential, Beta, ContinuousBernoulli, Pareto, Uniform)
_infinite_for("concentration", Gamma, Beta, ContinuousBernoulli, Pareto, Uniform)
_infinite_for("loc", Gumbel, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite_for("loc", Laplace, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite_for("loc", Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_infinite_for("scale", Pareto, Beta, ContinuousBernoulli, Uniform)
_infinite_for("rate", Poisson, Bernoulli, Binomial)


# -- q's log density, from means under p ------------------------------------------------------------


def _against_normal(entropy: Any, mean: Any, variance: Any, q: Any) -> Any:
    """Return the divergence from a normal q, from p's entropy, mean and variance."""
    square = variance + (mean - q.loc) ** 2
    return -entropy + 0.5 * _LOG_TWO_PI + q.scale.log() + square / (2 * q.scale**2)


def _against_gamma(entropy: Any, mean: Any, mean_log: Any, q: Any) -> Any:
    """Return the divergence from a gamma q, from p's entropy, mean, and mean logarithm."""
    c = q.concentration
    return -entropy + lgamma(c) - c * q.rate.log() - (c - 1) * mean_log + q.rate * mean


def _against_exponential(entropy: Any, mean: Any, q: Any) -> Any:
    return -entropy - q.rate.log() + q.rate * mean


def _against_gumbel(entropy: Any, mean: Any, mean_exp: Any, q: Any) -> Any:
    """Return the divergence from a Gumbel q; ``mean_exp`` is p's mean of exp(-x / q.scale)."""
    return -entropy + q.scale.log() + (mean - q.loc) / q.scale + (q.loc / q.scale).exp() * mean_exp


def _against_continuous_bernoulli(entropy: Any, mean: Any, q: Any) -> Any:
    return -entropy - mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()


# -- both of one family -----------------------------------------------------------------------------


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily(p: Any, q: Any) -> Tensor:
    """Return the Bregman divergence of the log normaliser."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman "
            "divergences"
        )
    of_p = [t.detach().requires_grad_() for t in p._natural_params]
    of_q = q._natural_params
    normalizer = p._log_normalizer(*of_p)
    slopes = grad(normalizer.sum(), of_p, create_graph=True)
    result = q._log_normalizer(*of_q) - normalizer
    for a, b, slope in zip(of_p, of_q, slopes, strict=True):
        result = result - sum_rightmost((b - a) * slope, len(q.event_shape))
    return result


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Tensor:
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    one = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, one))
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    zero = where(p.probs == 1, 0.0, where(q.probs == 1, math.inf, zero))
    return one + zero


def _log_beta(*concentrations: Any) -> Any:
    return sum(lgamma(c) for c in concentrations) - lgamma(sum(concentrations))


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Tensor:
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    slopes = (a - c) * digamma(a) + (b - d) * digamma(b) + (c + d - a - b) * digamma(a + b)
    return _log_beta(c, d) - _log_beta(a, b) + slopes


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, math.inf, p.total_count * each)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Tensor:
    each = p.probs * (p.logits - q.logits)
    return where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, each)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: Any, q: Any) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Tensor:
    """Source: Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence" (2019)."""
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> Tensor:
    of_p = p.mean * p.logits + p._cont_bern_log_norm() + (-p.probs).log1p()
    return of_p - p.mean * q.logits - q._cont_bern_log_norm() - (-q.probs).log1p()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    total_a, total_b = a.sum(-1), b.sum(-1)
    normalizers = lgamma(total_a) - lgamma(total_b) - (lgamma(a) - lgamma(b)).sum(-1)
    return normalizers + ((a - b) * (digamma(a) - digamma(total_a).unsqueeze(-1))).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    normalizers = b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a)
    return normalizers + (a - b) * digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Any, q: Any) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return shift - ratio.log() + ratio * euler_constant + (lgamma(1 + ratio) - shift).exp() - (1 + euler_constant)


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return distance / q.scale + ratio * (-distance / p.scale).exp() - ratio.log() - 1


@register_kl(Pareto, Pareto)
def _pareto(p: Any, q: Any) -> Tensor:
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, result)


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, result)


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents that reinterpret different numbers of dimensions")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of TransformedDistributions needs equal transforms and event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


# -- normal vectors ---------------------------------------------------------------------------------


def _squares(matrix: Any) -> Any:
    """Return the trace of M M^T."""
    return (matrix**2).sum((-2, -1))


def _same_event(p: Any, q: Any, names: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {names} with different event shapes cannot be computed: {p.event_shape} and "
            f"{q.event_shape}"
        )


def _log_det(d: Any) -> Any:
    return d._log_det() if isinstance(d, LowRankMultivariateNormal) else 2 * d._half_log_det()


def _explained(q: Any) -> Any:
    """Return the A for which the precision of q is D^-1 - A^T A."""
    weighted = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)
    return solve_triangular(q._capacitance_tril, weighted, upper=False)


@register_kl(MultivariateNormal, MultivariateNormal)
def _vectors(p: Any, q: Any) -> Tensor:
    _same_event(p, q, "Multivariate Normals")
    trace = _squares(solve_triangular(q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril, upper=False))
    distance = batch_mahalanobis(q._unbroadcasted_scale_tril, q.loc - p.loc)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _vectors_lowrank(p: Any, q: Any) -> Tensor:
    _same_event(p, q, "(Low Rank) Multivariate Normals")
    lower = p._unbroadcasted_scale_tril
    trace = _squares(lower / q._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)) - _squares(_explained(q) @ lower)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + q._mahalanobis(q.loc - p.loc) - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _lowrank_vectors(p: Any, q: Any) -> Tensor:
    _same_event(p, q, "(Low Rank) Multivariate Normals")
    lower = q._unbroadcasted_scale_tril
    root = p._unbroadcasted_cov_diag.sqrt().diag_embed()
    trace = _squares(solve_triangular(lower, p._unbroadcasted_cov_factor, upper=False))
    trace = trace + _squares(solve_triangular(lower, root, upper=False))
    distance = batch_mahalanobis(lower, q.loc - p.loc)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _lowrank(p: Any, q: Any) -> Tensor:
    _same_event(p, q, "Low Rank Multivariate Normals")
    a, factor, diagonal = _explained(q), p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag
    trace = (diagonal / q._unbroadcasted_cov_diag).sum(-1)
    trace = trace + _squares(factor / q._unbroadcasted_cov_diag.sqrt().unsqueeze(-1))
    trace = trace - _squares(a * diagonal.sqrt().unsqueeze(-2)) - _squares(a @ factor)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + q._mahalanobis(q.loc - p.loc) - p.event_shape[0])


# -- different families -----------------------------------------------------------------------------


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    return _against_continuous_bernoulli(p.entropy(), p.mean, q)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Any, q: Any) -> Tensor:
    return _against_exponential(p.entropy(), p.mean, q)


@register_kl(Beta, Gamma)
def _beta_gamma(p: Any, q: Any) -> Tensor:
    mean_log = digamma(p.concentration1) - digamma(p.concentration1 + p.concentration0)
    return _against_gamma(p.entropy(), p.mean, mean_log, q)


@register_kl(Beta, Normal)
def _beta_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Any, q: Any) -> Tensor:
    return where((q.low > 0) | (q.high < 1), math.inf, (q.high - q.low).log() - p.entropy())


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: Any, q: Any) -> Tensor:
    return _against_exponential(p.entropy(), p.mean, q)


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: Any, q: Any) -> Tensor:
    # PyTorch's condition, which is also infinite where the bounds are equal.
    return where((q.low >= 0) | (q.high <= 1), math.inf, (q.high - q.low).log() - p.entropy())


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    return _against_gamma(p.entropy(), p.mean, -euler_constant - p.rate.log(), q)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Any, q: Any) -> Tensor:
    product = p.rate * q.scale
    return _against_gumbel(p.entropy(), p.mean, product / (product + 1), q)


@register_kl(Exponential, Normal)
def _exponential_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Tensor:
    return _against_exponential(p.entropy(), p.mean, q)


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Any, q: Any) -> Tensor:
    mean_exp = (1 + (p.rate * q.scale).reciprocal()) ** -p.concentration
    return _against_gumbel(p.entropy(), p.mean, mean_exp, q)


@register_kl(Gamma, Normal)
def _gamma_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Tensor:
    mean_exp = (-p.loc / q.scale + 0.5 * (p.scale / q.scale) ** 2).exp()
    return _against_gumbel(p.entropy(), p.mean, mean_exp, q)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Tensor:
    """Return the divergence; the mean distance from q.loc is that of a folded normal variable."""
    away = (p.loc - q.loc) / p.scale
    distance = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * away**2).exp() + away * erf(math.sqrt(0.5) * away))
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Any, q: Any) -> Tensor:
    mean = p.alpha * p.scale / (p.alpha - 1)
    return where(p.alpha <= 1, math.inf, _against_exponential(p.entropy(), mean, q))


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Any, q: Any) -> Tensor:
    mean, mean_log = p.alpha * p.scale / (p.alpha - 1), p.scale.log() + p.alpha.reciprocal()
    return where(p.alpha <= 1, math.inf, _against_gamma(p.entropy(), mean, mean_log, q))


@register_kl(Pareto, Normal)
def _pareto_normal(p: Any, q: Any) -> Tensor:
    a = p.alpha
    mean, variance = a * p.scale / (a - 1), p.scale**2 * a / ((a - 1) ** 2 * (a - 2))
    return where(a <= 2, math.inf, _against_normal(p.entropy(), mean, variance, q))


def _mean_log(p: Any, low: Any, high: Any) -> Any:
    """Return the mean logarithm of a uniform variable's place, for p shifted or mirrored to [low, high]."""
    return (xlogy(high, high) - xlogy(low, low)) / (p.high - p.low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Tensor:
    a, b = q.concentration1, q.concentration0
    from_zero, from_one = _mean_log(p, p.low, p.high), _mean_log(p, 1 - p.high, 1 - p.low)
    result = -p.entropy() + _log_beta(a, b) - (a - 1) * from_zero - (b - 1) * from_one
    return where((p.high > 1) | (p.low < 0), math.inf, result)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    # PyTorch's condition, which is also infinite where the bounds are equal.
    return where((p.high >= 1) | (p.low <= 0), math.inf, _against_continuous_bernoulli(p.entropy(), p.mean, q))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Tensor:
    return where(p.low < 0, math.inf, _against_exponential(p.entropy(), p.mean, q))


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Tensor:
    return where(p.low < 0, math.inf, _against_gamma(p.entropy(), p.mean, _mean_log(p, p.low, p.high), q))


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Any, q: Any) -> Tensor:
    mean_exp = q.scale * ((-p.low / q.scale).exp() - (-p.high / q.scale).exp()) / (p.high - p.low)
    return _against_gumbel(p.entropy(), p.mean, mean_exp, q)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Tensor:
    return _against_normal(p.entropy(), p.mean, p.variance, q)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Tensor:
    log_q = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_log(p, p.low, p.high)
    return where(p.low < q.scale, math.inf, -p.entropy() - log_q)
