"""Transforms, constraints, and what is built of distributions, against PyTorch."""

from __future__ import annotations

import pytest

import tests.parity.both as both
import tinygrad_hw as tg
from tests.parity.distribution_cases import TRIL

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def _divergences(torch, log):
    d = torch.distributions
    log(
        d.kl_divergence(
            d.Independent(d.Normal(torch.zeros(2, 3), 1.0), 1), d.Independent(d.Normal(torch.ones(2, 3), 2.0), 1)
        )
    )
    log(
        d.kl_divergence(
            d.Bernoulli(torch.tensor([0.0, 1.0, 0.5, 0.5])), d.Bernoulli(torch.tensor([0.5, 0.5, 0.0, 1.0]))
        )
    )
    log(d.kl_divergence(d.Categorical(torch.tensor([0.0, 1.0])), d.Categorical(torch.tensor([0.5, 0.5]))))
    log(d.kl_divergence(d.Categorical(torch.tensor([0.5, 0.5])), d.Categorical(torch.tensor([0.0, 1.0]))))
    log(d.kl_divergence(d.Binomial(3, torch.tensor([0.5])), d.Binomial(2, torch.tensor([0.5]))))
    log.error(d.kl_divergence, d.Binomial(2, torch.tensor([0.5])), d.Binomial(3, torch.tensor([0.5])))
    log.error(d.kl_divergence, d.Normal(0.0, 1.0), d.VonMises(torch.tensor(0.0), torch.tensor(1.0)))
    log.error(d.kl_divergence, d.Poisson(1.0), d.Normal(0.0, 1.0))


# -- transforms, constraints, the rest --------------------------------------------------------------

TRANSFORMS = {
    "abs": (lambda d, t: d.AbsTransform(), [[-1.0, 2.0]]),
    "affine": (lambda d, t: d.AffineTransform(t([1.0, 2.0]), t([-2.0, 3.0])), [[0.5, -1.5], [1.0, 2.0]]),
    "affine-numbers": (lambda d, t: d.AffineTransform(1.0, -2.0), [0.5, -1.5]),
    "affine-event": (lambda d, t: d.AffineTransform(t([1.0, 2.0]), t([2.0, 3.0]), event_dim=1), [[0.5, -1.5]]),
    "cat": (lambda d, t: d.CatTransform([d.ExpTransform(), d.TanhTransform()], 0, [1, 2]), [0.5, -1.5, 0.3]),
    "compose": (lambda d, t: d.ComposeTransform([d.ExpTransform(), d.PowerTransform(2.0)]), [0.5, -1.5]),
    "compose-joint": (
        lambda d, t: d.ComposeTransform([d.AffineTransform(1.0, 2.0), d.StickBreakingTransform()]),
        [[0.5, -1.5], [0.1, 0.2]],
    ),
    "corr-cholesky": (lambda d, t: d.CorrCholeskyTransform(), [[0.5, -1.5, 0.3], [0.1, 0.2, -0.4]]),
    "cdf": (lambda d, t: d.CumulativeDistributionTransform(d.Normal(t(1.0), t(2.0))), [0.5, -1.5]),
    "exp": (lambda d, t: d.ExpTransform(), [0.5, -1.5]),
    "independent": (lambda d, t: d.IndependentTransform(d.ExpTransform(), 1), [[0.5, -1.5], [1.0, 2.0]]),
    "lower-cholesky": (lambda d, t: d.LowerCholeskyTransform(), TRIL),
    "positive-definite": (lambda d, t: d.PositiveDefiniteTransform(), TRIL),
    "power": (lambda d, t: d.PowerTransform(t([2.0, -1.0])), [0.5, 1.5]),
    "reshape": (lambda d, t: d.ReshapeTransform((4,), (2, 2)), [[0.5, -1.5, 1.0, 2.0]]),
    "sigmoid": (lambda d, t: d.SigmoidTransform(), [0.5, -1.5, 30.0]),
    "softmax": (lambda d, t: d.SoftmaxTransform(), [[0.5, -1.5, 1.0]]),
    "softplus": (lambda d, t: d.SoftplusTransform(), [0.5, -1.5]),
    "stack": (lambda d, t: d.StackTransform([d.ExpTransform(), d.TanhTransform()], 1), [[0.5, -1.5], [0.3, 0.1]]),
    "stick-breaking": (lambda d, t: d.StickBreakingTransform(), [[0.5, -1.5], [0.1, 0.2]]),
    "tanh": (lambda d, t: d.TanhTransform(), [0.5, -1.5]),
    "inverse": (lambda d, t: d.ExpTransform().inv, [0.5, 1.5]),
    "identity": (lambda d, t: d.identity_transform, [0.5, 1.5]),
}


@pytest.mark.parametrize("cache_size", [0, 1])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform(name, cache_size):
    build, value = TRANSFORMS[name]

    def code(torch, log):
        d = torch.distributions

        def t(v):
            return torch.tensor(v, dtype=torch.float64)

        def attempt(function):
            try:
                log(function())
            except (NotImplementedError, ValueError, AttributeError, AssertionError) as error:
                log(type(error).__name__)

        transform = build(d, t)
        if name not in ("power",):
            transform = transform.with_cache(cache_size)
        x = t(value)
        y = transform(x)
        log(y, transform.inv(y), repr(transform), repr(transform.inv))
        attempt(lambda: transform.log_abs_det_jacobian(x, y))
        attempt(lambda: transform.inv.log_abs_det_jacobian(y, x))
        attempt(lambda: transform.sign)
        attempt(lambda: transform.event_dim)
        attempt(lambda: repr(transform.domain))
        attempt(lambda: repr(transform.codomain))
        log(transform.bijective, transform.inv.inv is transform)
        log(tuple(transform.forward_shape(x.shape)), tuple(transform.inverse_shape(y.shape)))
        log(transform == build(d, t), transform == d.SigmoidTransform())
        if cache_size and name not in ("affine", "abs"):
            log(transform.inv(y) is x)

    both.compare(code, tg, torch, rtol=1e-9)


def _registries(torch, log):
    d = torch.distributions
    c = d.constraints
    for constraint in (
        c.real,
        c.positive,
        c.nonnegative,
        c.greater_than(2.0),
        c.less_than(2.0),
        c.unit_interval,
        c.interval(-1.0, 2.0),
        c.half_open_interval(-1.0, 2.0),
        c.real_vector,
        c.simplex,
        c.lower_cholesky,
        c.positive_definite,
        c.corr_cholesky,
        c.independent(c.positive, 1),
        c.cat([c.positive, c.real], 0, [1, 2]),
        c.stack([c.positive, c.real], 0),
    ):
        for registry in (d.transform_to, d.biject_to):
            try:
                log(repr(registry(constraint)))
            except NotImplementedError:
                log("none")
    log.error(d.transform_to, c.boolean)
    log.error(d.biject_to, c.lower_cholesky)
    log.error(d.transform_to.register, 3, lambda x: x)


def _constraints(torch, log):
    c = torch.distributions.constraints
    numbers = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, float("inf"), float("nan")])
    for constraint in (
        c.boolean, c.greater_than(0.5), c.greater_than_eq(0.5), c.half_open_interval(0.5, 1.0),
        c.integer_interval(0, 1),
        c.interval(0.5, 1.0), c.less_than(0.5), c.nonnegative, c.nonnegative_integer, c.positive, c.positive_integer,
        c.real, c.unit_interval, c.independent(c.positive, 1),
        c.cat([c.positive, c.real], 0, [3, 4]), c.stack([c.positive] * 7, 0),
    ):  # fmt: skip
        log(repr(constraint), constraint.check(numbers), constraint.is_discrete, constraint.event_dim)
    vectors = torch.tensor([[0.2, 0.8], [0.0, 1.0], [0.5, 0.6], [-0.5, 1.5]])
    for constraint in (c.simplex, c.one_hot, c.real_vector, c.multinomial(1)):
        log(repr(constraint), constraint.check(vectors), constraint.is_discrete, constraint.event_dim)
    matrices = torch.tensor(
        [[[1.0, 0.0], [0.5, 2.0]], [[2.0, 0.5], [0.5, 2.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [0.6, 0.8]]]
    )
    for constraint in (c.lower_triangular, c.lower_cholesky, c.corr_cholesky, c.square, c.symmetric):
        log(repr(constraint), constraint.check(matrices), constraint.is_discrete, constraint.event_dim)
    for constraint in (c.positive_definite, c.positive_semidefinite):
        log(repr(constraint), constraint.check(matrices), constraint.check(matrices[1:3]))
    log(c.is_dependent(torch.distributions.Uniform.support), c.is_dependent(c.real), c.is_dependent(c.dependent))
    log.error(c.dependent.check, numbers)
    log.error(c.independent(c.positive, 3).check, numbers)
    log.error(c.independent, 3, 1)
    log.error(lambda: torch.distributions.Independent.support.is_discrete)
    log(torch.distributions.Binomial.support.is_discrete, torch.distributions.Uniform.support.event_dim)


def _transformed(torch, log):
    d = torch.distributions
    base = d.Normal(torch.zeros(3), torch.ones(3))
    for transforms in (
        d.ExpTransform(),
        [d.AffineTransform(torch.tensor([[1.0], [2.0]]), 2.0), d.SigmoidTransform()],
        d.StickBreakingTransform(),
        [d.IndependentTransform(d.ExpTransform(), 1)],
        [d.ReshapeTransform((3,), (1, 3))],
        [],
    ):
        t = d.TransformedDistribution(base, transforms)
        torch.manual_seed(0)
        x = t.rsample((2,))
        log(x, t.log_prob(x), tuple(t.batch_shape), tuple(t.event_shape), repr(t.support), t.has_rsample)
        e = t.expand((4, *t.batch_shape))
        log(e.log_prob(x[0]), tuple(e.batch_shape), tuple(e.sample().shape))
    down = d.TransformedDistribution(base, d.AffineTransform(1.0, -2.0))
    log(down.cdf(torch.tensor([0.0, 1.0, 2.0])), down.icdf(torch.tensor([0.2, 0.5, 0.9])))
    log.error(d.TransformedDistribution, base, 3)
    log.error(d.TransformedDistribution, base, [3])
    log.error(d.TransformedDistribution, d.Normal(0.0, 1.0), d.StickBreakingTransform())
    log(repr(d.TransformedDistribution(base, d.ExpTransform())))


def _independent(torch, log):
    d = torch.distributions
    m = d.Independent(d.Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    x = torch.arange(6.0).reshape(2, 3)
    log(repr(m), m.log_prob(x), m.entropy(), m.mean, m.variance, m.mode, tuple(m.batch_shape), tuple(m.event_shape))
    log(repr(m.support), m.has_rsample, m.has_enumerate_support, tuple(m.expand((5, 2)).sample().shape))
    none = d.Independent(d.Bernoulli(torch.tensor([0.5, 0.25])), 0)
    log(none.enumerate_support(), none.has_enumerate_support)
    log.error(d.Independent(d.Bernoulli(torch.tensor([0.5])), 1).enumerate_support)
    log.error(d.Independent, d.Normal(0.0, 1.0), 1)


def _mixtures(torch, log):
    d = torch.distributions
    parts = d.Normal(torch.tensor([[-1.0, 0.0, 2.0], [1.0, 2.0, 3.0]]), torch.tensor([0.5, 1.0, 2.0]))
    one = d.MixtureSameFamily(d.Categorical(torch.tensor([0.2, 0.3, 0.5])), parts)
    log(one.mean, one.variance, one.log_prob(torch.tensor([0.3, 1.0])), one.cdf(torch.tensor([0.3, 1.0])))
    for weights in (torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]),):
        m = d.MixtureSameFamily(d.Categorical(weights), parts)
        torch.manual_seed(1)
        x = m.sample((5,))
        log(repr(m), x, m.log_prob(x), m.cdf(x), m.mean, m.variance, repr(m.support), tuple(m.batch_shape))
        e = m.expand((4, 2))
        log(e.mean, e.log_prob(x[0]))
    vectors = d.Independent(d.Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1)
    m = d.MixtureSameFamily(d.Categorical(torch.ones(3)), vectors)
    torch.manual_seed(1)
    x = m.sample((2, 2))
    log(x, m.log_prob(x), m.mean, m.variance, repr(m.support), tuple(m.event_shape))
    log.error(d.MixtureSameFamily, d.Normal(0.0, 1.0), parts)
    log.error(d.MixtureSameFamily, d.Categorical(torch.ones(3)), 3)
    log.error(d.MixtureSameFamily, d.Categorical(torch.ones(2)), parts)
    log.error(d.MixtureSameFamily, d.Categorical(torch.ones(4, 3)), parts)


def _numbers_as_parameters(torch, log):
    d = torch.distributions
    for m in (
        d.Normal(0.0, 1.0), d.Beta(1.0, 2.0), d.Gamma(1, 2), d.Bernoulli(0.5), d.Exponential(2), d.Uniform(0, 1),
        d.Gumbel(0.0, 1.0), d.Laplace(0.0, 1), d.Pareto(1.0, 2.0), d.StudentT(3.0), d.Weibull(1.0, 2.0), d.Poisson(2.0),
        d.HalfNormal(2.0), d.HalfCauchy(1.0), d.LogNormal(0.0, 1.0), d.Chi2(2.0), d.FisherSnedecor(2.0, 3.0),
        d.Cauchy(0.0, 1.0), d.Geometric(0.5), d.ContinuousBernoulli(0.3), d.InverseGamma(1.0, 1.0),
        d.Kumaraswamy(1.0, 1.0),
        d.LKJCholesky(2), d.LogisticNormal(0.0, 1.0),
    ):  # fmt: skip
        torch.manual_seed(4)
        log(repr(m), tuple(m.batch_shape), m.sample(), m.sample((2,)))
    log(d.Normal(torch.zeros(2, dtype=torch.float64), 1).scale)


def _subclasses(torch, log):
    d = torch.distributions

    class Plain(d.Normal):
        pass

    class Shifted(d.Normal):
        def __init__(self, loc):
            super().__init__(loc + 1, 1.0)

    log(type(Plain(0.0, 1.0).expand((2,))).__name__, tuple(Plain(0.0, 1.0).expand((2,)).loc.shape))
    log.error(Shifted(torch.zeros(1)).expand, (2,))
    log(d.kl_divergence(Plain(0.0, 1.0), Plain(1.0, 1.0)), d.kl_divergence(d.Normal(0.0, 1.0), Plain(1.0, 2.0)))

    class Bare(d.Distribution):
        pass

    log.warned(lambda: repr(Bare(validate_args=False).batch_shape))
    for name in ("mean", "mode", "variance", "support", "arg_constraints"):
        log.error(lambda name=name: getattr(Bare(validate_args=False), name))
    for name in ("log_prob", "cdf", "icdf", "expand"):
        log.error(getattr(Bare(validate_args=False), name), torch.zeros(1))
    for name in ("sample", "rsample", "entropy", "enumerate_support"):
        log.error(getattr(Bare(validate_args=False), name))
    log.error(d.Distribution.set_default_validate_args, 3)
    d.Distribution.set_default_validate_args(False)
    try:
        log(d.Normal(0.0, -1.0).loc)
    finally:
        d.Distribution.set_default_validate_args(True)
    log.warned(d.Bernoulli(1.0).sample_n, 3)


def _edges(torch, log):
    d = torch.distributions
    t = torch.tensor
    log(d.Dirichlet(t([[0.5, 0.2], [2.0, 3.0]])).mode, d.Beta(t([0.5, 3.0]), t([0.2, 2.0])).mode)
    log(d.Geometric(t([1.0])).log_prob(t([0.0])), d.NegativeBinomial(t([0.0]), t([0.5])).log_prob(t([0.0])))
    log(d.Multinomial(2, t([0.0, 1.0])).log_prob(t([0.0, 2.0])), d.Multinomial(2, t([0.5, 0.5])).entropy())
    log(d.Binomial(t([0.0, 3.0]), t([0.5, 0.0])).log_prob(t([0.0, 0.0])))
    log.error(d.Binomial(t([2.0, 3.0]), t([0.5, 0.5])).entropy)
    log.error(d.Binomial(t([2.0, 3.0]), t([0.5, 0.5])).enumerate_support)
    log(d.ContinuousBernoulli(t([0.4999, 0.5, 0.5001])).log_prob(t([0.1, 0.5, 0.9])))
    log(d.ContinuousBernoulli(t([0.4999, 0.3])).cdf(t([0.2, 1.0])))
    log(d.Categorical(logits=t([[0.0, -float("inf")]])).entropy())
    log(
        d.OneHotCategorical(t([0.2, 0.8])).enumerate_support(),
        d.OneHotCategorical(t([[0.2, 0.8]])).enumerate_support(False),
    )
    log(d.Uniform(0.0, 1.0, validate_args=False).log_prob(t([-1.0, 0.0, 0.5, 1.0])))
    log(d.HalfNormal(t(1.0), validate_args=False).log_prob(t([-1.0, 1.0])))
    log(d.Gamma(t(2.0), t(1.0)).log_prob(0.5), d.StudentT(t([1.0, 2.0])).variance)
    log(d.MultivariateNormal(torch.zeros(2), torch.eye(2)).expand((3,)).precision_matrix)
    m = d.LowRankMultivariateNormal(torch.zeros(2), t([[1.0], [0.5]]), t([1.0, 2.0]))
    log(m.precision_matrix, m.covariance_matrix, m.scale_tril, m.variance)
    w = d.Wishart(t(3.0), torch.eye(2))
    log(w.precision_matrix, w.scale_tril, w.variance, d.Wishart(t([3.0, 5.0]), torch.eye(2)).mode)
    log(d.utils.vec_to_tril_matrix(torch.arange(3.0), -1), d.utils.tril_matrix_to_vec(torch.eye(3), -1))
    log.error(d.utils.vec_to_tril_matrix, torch.arange(5.0))
    log.error(d.utils.tril_matrix_to_vec, torch.eye(3), 3)
    log.error(d.ReshapeTransform, (2,), (3,))
    log.error(d.ExpTransform, 2)


@pytest.mark.parametrize(
    "code",
    [
        _divergences, _registries, _constraints, _transformed, _independent, _mixtures, _numbers_as_parameters,
        _subclasses, _edges,
    ],
    ids=lambda code: code.__name__,
)  # fmt: skip
def test_same_code_tells_the_same(code):
    both.compare(code, tg, torch, rtol=1e-5)
