"""Distributions by their definitions: densities integrate to one, moments and divergences are integrals of them."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.distributions import kl as kl_module

D = torch.distributions
inf = math.inf


def t(*values):
    return torch.tensor(values if len(values) > 1 else values[0], dtype=torch.float64)


# name -> (distribution of batch shape (), lower end, upper end of the support)
CONTINUOUS = {
    "Beta": (D.Beta(t(2.5), t(1.7)), 0.0, 1.0),
    "Cauchy": (D.Cauchy(t(0.5), t(1.5)), -inf, inf),
    "Chi2": (D.Chi2(t(3.5)), 0.0, inf),
    "ContinuousBernoulli": (D.ContinuousBernoulli(t(0.8)), 0.0, 1.0),
    "ContinuousBernoulli-half": (D.ContinuousBernoulli(t(0.5003)), 0.0, 1.0),
    "Exponential": (D.Exponential(t(1.7)), 0.0, inf),
    "FisherSnedecor": (D.FisherSnedecor(t(4.0), t(11.0)), 0.0, inf),
    "Gamma": (D.Gamma(t(2.6), t(1.4)), 0.0, inf),
    "GeneralizedPareto": (D.GeneralizedPareto(t(0.5), t(1.5), t(0.2)), 0.5, inf),
    "GeneralizedPareto-exponential": (D.GeneralizedPareto(t(0.5), t(1.5), t(0.0)), 0.5, inf),
    "GeneralizedPareto-bounded": (D.GeneralizedPareto(t(0.5), t(1.5), t(-0.5)), 0.5, 3.5),
    "Gumbel": (D.Gumbel(t(0.5), t(1.5)), -inf, inf),
    "HalfCauchy": (D.HalfCauchy(t(1.5)), 0.0, inf),
    "HalfNormal": (D.HalfNormal(t(1.5)), 0.0, inf),
    "InverseGamma": (D.InverseGamma(t(5.5), t(1.4)), 0.0, inf),
    "Kumaraswamy": (D.Kumaraswamy(t(2.5), t(1.7)), 0.0, 1.0),
    "Laplace": (D.Laplace(t(0.5), t(1.5)), -inf, inf),
    "LogNormal": (D.LogNormal(t(0.3), t(0.5)), 0.0, inf),
    "Normal": (D.Normal(t(0.5), t(1.5)), -inf, inf),
    "Pareto": (D.Pareto(t(1.5), t(5.5)), 1.5, inf),
    "RelaxedBernoulli": (D.RelaxedBernoulli(t(1.3), t(0.3)), 0.0, 1.0),
    "StudentT": (D.StudentT(t(6.5), t(0.5), t(1.5)), -inf, inf),
    "Uniform": (D.Uniform(t(-0.5), t(1.5)), -0.5, 1.5),
    "VonMises": (D.VonMises(t(0.5), t(1.5)), 0.5 - math.pi, 0.5 + math.pi),
    "Weibull": (D.Weibull(t(1.5), t(1.7)), 0.0, inf),
    "mixture": (D.MixtureSameFamily(D.Categorical(t(0.3, 0.7)), D.Normal(t(-1.0, 2.0), t(0.5, 1.5))), -inf, inf),
    "transformed": (D.TransformedDistribution(D.Normal(t(0.2), t(0.5)), [D.AffineTransform(1.0, -2.0)]), -inf, inf),
}
HEAVY = {"Cauchy", "HalfCauchy"}

DISCRETE = {
    "Bernoulli": (D.Bernoulli(t(0.3)), 1),
    "Binomial": (D.Binomial(10, t(0.3)), 10),
    "Geometric": (D.Geometric(t(0.3)), 150),
    "NegativeBinomial": (D.NegativeBinomial(t(3.5), t(0.3)), 150),
    "Poisson": (D.Poisson(t(3.5)), 60),
}


def nodes(low, high):
    """Return places and weights of a quadrature (tanh-sinh) that forgives ends that are infinite or singular."""
    s = np.linspace(-4.2, 4.2, 4001)
    h = s[1] - s[0]
    u, du = 0.5 * math.pi * np.sinh(s), 0.5 * math.pi * np.cosh(s)
    if math.isinf(low) and math.isinf(high):
        return np.sinh(u * 0.6), h * du * 0.6 * np.cosh(u * 0.6)
    if math.isinf(high):
        return low + np.exp(u * 0.5), h * du * 0.5 * np.exp(u * 0.5)
    # Distances from both ends are computed without cancellation.
    near = 1 / (1 + np.exp(-2 * u))
    return low + (high - low) * near, h * (high - low) * 2 * du * near * (1 / (1 + np.exp(2 * u)))


def integral(distribution, low, high, function):
    """Return the mean of a function of values and log densities."""
    x, w = nodes(low, high)
    keep = (x > low) & (x < high) & (w > 0)
    x, w = x[keep], w[keep]
    log_p = distribution.log_prob(torch.from_numpy(x)).numpy()
    p = np.exp(log_p)
    with np.errstate(all="ignore"):
        inside = p * function(x, log_p)
    return float(np.sum(w * np.where(p == 0, 0.0, inside)))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_integrates_to_one(name):
    # Half of a Cauchy's tail beyond x is of size 1 / x.
    assert integral(*CONTINUOUS[name], lambda x, q: 1.0) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(
    "name", [n for n in CONTINUOUS if n not in HEAVY and n not in ("RelaxedBernoulli", "transformed")]
)
def test_moments_are_integrals(name):
    d, low, high = CONTINUOUS[name]
    if name == "VonMises":
        length = integral(d, low, high, lambda x, q: np.cos(x - 0.5))
        assert (d.mean.item(), d.variance.item()) == pytest.approx((0.5, 1 - length))
        return
    mean = integral(d, low, high, lambda x, q: x)
    variance = integral(d, low, high, lambda x, q: (x - mean) ** 2)
    assert d.mean.item() == pytest.approx(mean, rel=1e-6, abs=1e-8)
    assert d.variance.item() == pytest.approx(variance, rel=1e-5)
    assert d.stddev.item() == pytest.approx(math.sqrt(variance), rel=1e-5)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_entropy_is_minus_the_mean_log_density(name):
    d, low, high = CONTINUOUS[name]
    try:
        entropy = d.entropy().item()
    except NotImplementedError:
        assert name in ("FisherSnedecor", "RelaxedBernoulli", "VonMises", "mixture", "transformed")
        return
    assert entropy == pytest.approx(integral(d, low, high, lambda x, q: -q), rel=1e-6, abs=1e-6)
    assert d.perplexity().item() == pytest.approx(math.exp(entropy))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_cdf_is_the_integral_and_icdf_its_inverse(name):
    d, low, high = CONTINUOUS[name]
    for x in (0.55, 0.9, 1.6, 2.7):
        if not low < x < high:
            continue
        try:
            cdf = d.cdf(t(x)).item()
        except NotImplementedError:
            assert name in ("Beta", "FisherSnedecor", "StudentT", "VonMises", "RelaxedBernoulli")
            return
        from_below = not math.isinf(low)
        share = integral(d, low if from_below else x, x if from_below else inf, lambda x, q: 1.0)
        below = share if from_below else 1 - share
        # Near one half the distribution is taken for uniform.
        limit = 1e-3 if name == "ContinuousBernoulli-half" else 1e-6
        assert cdf == pytest.approx(below, rel=limit, abs=1e-7)
        try:
            assert d.icdf(t(cdf)).item() == pytest.approx(x, rel=1e-6)
        except NotImplementedError:
            assert name in ("Chi2", "Gamma", "InverseGamma", "mixture")


@pytest.mark.parametrize("name", CONTINUOUS)
def test_mode_is_where_the_density_is_highest(name):
    d, low, high = CONTINUOUS[name]
    try:
        mode = d.mode.item()
    except NotImplementedError:
        assert name in ("RelaxedBernoulli", "mixture", "transformed", "ContinuousBernoulli", "ContinuousBernoulli-half")
        return
    if name == "Uniform":
        assert math.isnan(mode)
        return
    x, _ = nodes(low, high)
    x = x[(x > low) & (x < high)]
    log_p = d.log_prob(torch.from_numpy(x)).numpy()
    at_mode = d.log_prob(t(max(mode, x.min()))).item()
    assert at_mode >= log_p.max() - 1e-4 * abs(log_p.max()) - 1e-6


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name):
    d, last = DISCRETE[name]
    x = np.arange(last + 1.0)
    log_p = d.log_prob(torch.from_numpy(x)).numpy()
    p = np.exp(log_p)
    mean = (p * x).sum()
    assert p.sum() == pytest.approx(1)
    assert d.mean.item() == pytest.approx(mean)
    assert d.variance.item() == pytest.approx((p * (x - mean) ** 2).sum())
    assert d.mode.item() == x[p.argmax()]
    if d.has_enumerate_support:
        np.testing.assert_array_equal(d.enumerate_support().numpy(), x)
    if name in ("Bernoulli", "Binomial", "Geometric"):
        assert d.entropy().item() == pytest.approx(-(p * log_p).sum())


@pytest.mark.parametrize("name", {**CONTINUOUS, **DISCRETE})
def test_samples_follow_the_distribution(name):
    torch.manual_seed(1)
    d = (CONTINUOUS.get(name) or DISCRETE[name])[0]
    n = 20_000
    x = d.sample((n,))
    assert x.shape == (n,)
    assert not x.requires_grad
    d._validate_sample(x)
    if name in DISCRETE:
        mean, spread = d.mean.item(), d.stddev.item()
        assert x.mean().item() == pytest.approx(mean, abs=5 * spread / math.sqrt(n))
        assert x.std().item() == pytest.approx(spread, rel=0.05)
        return
    # The share of samples below a place is the integral of the density up to there.
    high = CONTINUOUS[name][2]
    values = x.numpy()
    if name == "VonMises":
        values = (values - 0.5 + math.pi) % (2 * math.pi) + 0.5 - math.pi
    for place in np.quantile(values, [0.1, 0.4, 0.75]):
        share = float((values <= place).mean())
        above = integral(d, place, high, lambda x, q: 1.0)
        assert 1 - above == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / n))


# -- gradients of samples ---------------------------------------------------------------------------

REPARAMETRISED = {
    "Gamma": (D.Gamma, (0.4, 1.5)),
    "Gamma-large": (D.Gamma, (35.0, 1.5)),
    "Chi2": (D.Chi2, (3.5,)),
    "InverseGamma": (D.InverseGamma, (6.5, 1.4)),
    "Normal": (D.Normal, (0.3, 1.5)),
    "Laplace": (D.Laplace, (0.3, 1.5)),
    "Exponential": (D.Exponential, (1.5,)),
    "Gumbel": (D.Gumbel, (0.3, 1.5)),
    "Weibull": (D.Weibull, (1.5, 2.0)),
    "Kumaraswamy": (D.Kumaraswamy, (1.5, 2.5)),
    "HalfNormal": (D.HalfNormal, (1.5,)),
    "Pareto": (D.Pareto, (1.5, 3.0)),
    "Uniform": (D.Uniform, (0.5, 1.5)),
    "Cauchy": (D.Cauchy, (0.5, 1.5)),
    "ContinuousBernoulli": (D.ContinuousBernoulli, (0.3,)),
    "LogNormal": (D.LogNormal, (0.3, 0.5)),
}


@pytest.mark.parametrize("name", REPARAMETRISED)
def test_a_sample_moves_along_its_distribution_function(name):
    """F(x(a); a) stays the same: dF/da + p dx/da is 0, for every parameter."""
    torch.manual_seed(3)
    cls, values = REPARAMETRISED[name]
    for k in range(len(values)):
        parameters = [t(v) for v in values]
        parameters[k] = t(values[k]).requires_grad_()
        x = cls(*parameters).rsample((5,))
        assert x.requires_grad
        (total,) = torch.autograd.grad(cls(*parameters).cdf(x).sum(), parameters[k], retain_graph=True)
        for i in range(5):
            dx = torch.autograd.grad(x[i], parameters[k], retain_graph=True)[0].item()
            y, step = x[i].detach(), 1e-5
            up, down = list(parameters), list(parameters)
            up[k], down[k] = t(values[k] + step), t(values[k] - step)
            slope = (cls(*up, validate_args=False).cdf(y) - cls(*down, validate_args=False).cdf(y)).item() / (2 * step)
            density = cls(*[t(v) for v in values]).log_prob(y).exp().item()
            assert dx * density == pytest.approx(-slope, rel=1e-5, abs=1e-8)
        assert total.item() == pytest.approx(0, abs=1e-8)


def test_gradients_of_dirichlet_samples_are_right_on_average():
    torch.manual_seed(0)
    c = t(0.7, 1.5, 2.8).requires_grad_()
    x = D.Dirichlet(c).rsample((40_000,))
    assert (x.sum(-1) - 1).abs().max().item() < 1e-12
    for k in range(3):
        mean = torch.autograd.grad(x[:, k].mean(), c, retain_graph=True)[0]
        exact = torch.autograd.grad((c / c.sum())[k], c)[0]
        np.testing.assert_allclose(mean.numpy(), exact.numpy(), atol=6e-3)
        square = torch.autograd.grad((x[:, k] ** 2).mean(), c, retain_graph=True)[0]
        d = D.Dirichlet(c)
        exact = torch.autograd.grad((d.variance + d.mean**2)[k], c)[0]
        np.testing.assert_allclose(square.numpy(), exact.numpy(), atol=6e-3)


def test_gradients_of_beta_samples_are_those_of_the_distribution_function():
    torch.manual_seed(0)
    a, b = t(1.8).requires_grad_(), t(0.6).requires_grad_()
    x = D.Beta(a, b).rsample((4,))
    for i in range(4):
        found = torch.autograd.grad(x[i], (a, b), retain_graph=True)
        y, step = x[i].item(), 1e-4

        def share(p, q, y=y):
            return integral(D.Beta(t(p), t(q)), 0.0, y, lambda x, q: 1.0)

        density = D.Beta(t(1.8), t(0.6)).log_prob(t(y)).exp().item()
        by_a = (share(1.8 + step, 0.6) - share(1.8 - step, 0.6)) / (2 * step)
        by_b = (share(1.8, 0.6 + step) - share(1.8, 0.6 - step)) / (2 * step)
        assert found[0].item() == pytest.approx(-by_a / density, rel=1e-5)
        assert found[1].item() == pytest.approx(-by_b / density, rel=1e-5)


def test_second_gradients_of_gamma_samples_are_refused():
    a = t(2.0).requires_grad_()
    (g,) = torch.autograd.grad(D.Gamma(a, 1.0).rsample(), a, create_graph=True)
    with pytest.raises(NotImplementedError, match="_standard_gamma_grad"):
        torch.autograd.grad(g, a)


def test_wishart_samples_have_gradients():
    torch.manual_seed(0)
    lower = t([1.2, 0.0], [0.4, 0.9]).requires_grad_()
    df = t(7.0).requires_grad_()
    x = D.Wishart(df, scale_tril=lower).rsample((20_000,)).mean(0)
    by_df = torch.autograd.grad(x[0, 1], df, retain_graph=True)[0]
    assert by_df.item() == pytest.approx(1.2 * 0.4, abs=0.03)
    by_lower = torch.autograd.grad(x[0, 0], lower)[0]
    assert by_lower[0, 0].item() == pytest.approx(2 * 7 * 1.2, rel=0.03)


# -- vectors and matrices ---------------------------------------------------------------------------


def test_multivariate_normal_is_its_formula():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((2, 3, 3))
    cov = a @ a.transpose(0, 2, 1) + np.eye(3)
    loc, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 2, 3))
    diff = x - loc
    expected = -0.5 * (
        np.einsum("sbi,bij,sbj->sb", diff, np.linalg.inv(cov), diff)
        + np.log(np.linalg.det(cov))
        + 3 * math.log(2 * math.pi)
    )
    for given in (
        {"covariance_matrix": cov},
        {"precision_matrix": np.linalg.inv(cov)},
        {"scale_tril": np.linalg.cholesky(cov)},
    ):
        m = D.MultivariateNormal(torch.from_numpy(loc), **{k: torch.from_numpy(v) for k, v in given.items()})
        np.testing.assert_allclose(m.log_prob(torch.from_numpy(x)).numpy(), expected)
        np.testing.assert_allclose(m.covariance_matrix.numpy(), cov)
        np.testing.assert_allclose(m.precision_matrix.numpy(), np.linalg.inv(cov))
        np.testing.assert_allclose(m.variance.numpy(), np.diagonal(cov, axis1=1, axis2=2))
        entropy = 0.5 * (3 + 3 * math.log(2 * math.pi) + np.log(np.linalg.det(cov)))
        np.testing.assert_allclose(m.entropy().numpy(), entropy)


def test_low_rank_normal_is_the_full_one():
    rng = np.random.default_rng(0)
    w, d, loc = (
        torch.from_numpy(v) for v in (rng.standard_normal((4, 2)), rng.random(4) + 0.5, rng.standard_normal(4))
    )
    low = D.LowRankMultivariateNormal(loc, w, d)
    full = D.MultivariateNormal(loc, low.covariance_matrix)
    x = torch.from_numpy(rng.standard_normal((5, 4)))
    np.testing.assert_allclose(low.log_prob(x).numpy(), full.log_prob(x).numpy())
    np.testing.assert_allclose(low.entropy().item(), full.entropy().item())
    np.testing.assert_allclose(low.precision_matrix.numpy(), full.precision_matrix.numpy())
    np.testing.assert_allclose(low.scale_tril.numpy(), full.scale_tril.numpy())
    torch.manual_seed(0)
    np.testing.assert_allclose(np.cov(low.sample((40_000,)).numpy().T), low.covariance_matrix.numpy(), atol=0.12)
    for p, q in ((low, full), (full, low), (low, low), (full, full)):
        assert D.kl_divergence(p, q).item() == pytest.approx(0, abs=1e-10)


def test_special_cases_agree():
    x = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    both = torch.stack([x, 1 - x], -1)

    def close(a, b):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)

    close(D.Dirichlet(t(1.7, 0.6)).log_prob(both), D.Beta(t(1.7), t(0.6)).log_prob(x))
    close(D.Gamma(t(1.0), t(1.7)).log_prob(x), D.Exponential(t(1.7)).log_prob(x))
    close(D.Weibull(t(1 / 1.7), t(1.0)).log_prob(x), D.Exponential(t(1.7)).log_prob(x))
    close(D.StudentT(t(1.0), t(0.3), t(0.7)).log_prob(x), D.Cauchy(t(0.3), t(0.7)).log_prob(x))
    close(D.Kumaraswamy(t(1.7), t(1.0)).log_prob(x), D.Beta(t(1.7), t(1.0)).log_prob(x))
    close(D.Wishart(t(3.0), t([[0.5]])).log_prob(x.reshape(-1, 1, 1)), D.Gamma(t(1.5), t(1.0)).log_prob(x))
    k = torch.arange(4.0, dtype=torch.float64)
    counts = torch.stack([k, 3 - k], -1)
    close(D.Multinomial(3, t(0.3, 0.7)).log_prob(counts), D.Binomial(3, t(0.3)).log_prob(k))
    close(D.NegativeBinomial(t(1.0), t(0.7)).log_prob(k), D.Geometric(t(0.3)).log_prob(k))
    close(D.Multinomial(3, t(0.3, 0.7)).entropy(), D.Binomial(3, t(0.3)).entropy())
    # A correlation r of a 2 x 2 matrix has a density proportional to (1 - r^2)^(c - 1).
    r = torch.linspace(-0.8, 0.8, 5, dtype=torch.float64)
    rest = (1 - r * r).sqrt()
    lower = torch.stack([torch.stack([torch.ones_like(r), torch.zeros_like(r)], -1), torch.stack([r, rest], -1)], -2)
    of_r = D.LKJCholesky(2, t(2.5)).log_prob(lower)
    normalizer = math.log(2 ** (2 * 2.5 - 1)) + 2 * math.lgamma(2.5) - math.lgamma(5.0)
    close(of_r, 1.5 * (1 - r * r).log() - normalizer)


def test_random_correlations_are_correlations():
    torch.manual_seed(0)
    lower = D.LKJCholesky(4, t(1.3)).sample((2000,))
    r = (lower @ lower.mT).numpy()
    np.testing.assert_allclose(np.diagonal(r, axis1=1, axis2=2), 1.0)
    np.testing.assert_allclose(r.mean(0), np.eye(4), atol=0.06)
    # A correlation is a beta variable of c + (n - 2) / 2 on [-1, 1]; see the class for the other rows.
    a = 1.3 + 1
    assert r[:, 1, 0].var() == pytest.approx(1 / (2 * a + 1), rel=0.1)


# -- divergences ------------------------------------------------------------------------------------

UNIVARIATE = {
    "Beta": D.Beta(t(2.5), t(1.7)),
    "ContinuousBernoulli": D.ContinuousBernoulli(t(0.8)),
    "Exponential": D.Exponential(t(1.7)),
    "Gamma": D.Gamma(t(2.6), t(1.4)),
    "Gumbel": D.Gumbel(t(0.5), t(1.5)),
    "Laplace": D.Laplace(t(0.5), t(1.5)),
    "Normal": D.Normal(t(0.5), t(1.5)),
    "Pareto": D.Pareto(t(0.2), t(5.5)),
    "Uniform": D.Uniform(t(0.25), t(0.85)),
    "Cauchy": D.Cauchy(t(0.5), t(1.5)),
    "HalfNormal": D.HalfNormal(t(1.5)),
}
OTHER = {
    "Beta": D.Beta(t(1.5), t(2.7)),
    "ContinuousBernoulli": D.ContinuousBernoulli(t(0.3)),
    "Exponential": D.Exponential(t(0.7)),
    "Gamma": D.Gamma(t(1.6), t(0.9)),
    "Gumbel": D.Gumbel(t(-0.5), t(2.5)),
    "Laplace": D.Laplace(t(-0.5), t(0.9)),
    "Normal": D.Normal(t(-0.5), t(2.5)),
    "Pareto": D.Pareto(t(0.1), t(2.5)),
    "Uniform": D.Uniform(t(-1.25), t(2.85)),
    "Cauchy": D.Cauchy(t(-0.5), t(0.5)),
    "HalfNormal": D.HalfNormal(t(0.5)),
}
ENDS = {
    "Beta": (0.0, 1.0),
    "ContinuousBernoulli": (0.0, 1.0),
    "Exponential": (0.0, inf),
    "Gamma": (0.0, inf),
    "Pareto": (0.2, inf),
    "Uniform": (0.25, 0.85),
    "HalfNormal": (0.0, inf),
}
PAIRS = [
    (p.__name__, q.__name__)
    for p, q in kl_module._KL_REGISTRY
    if p.__name__ in UNIVARIATE and q.__name__ in UNIVARIATE and p.__module__.startswith("tinygrad_hw")
]


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergence_is_the_integral(p, q):
    first, second = UNIVARIATE[p], OTHER[q]
    low, high = ENDS.get(p, (-inf, inf))
    value = D.kl_divergence(first, second).item()
    if math.isinf(value):
        # p has values that q has not.
        place = first.icdf(t([0.001, 0.5, 1 - 1e-9])) if p not in ("Beta", "Gamma") else t([0.001, 0.999, 2.0])
        assert not second.support.check(place).all() or (p, q) in (("Beta", "Uniform"), ("Gamma", "Uniform"))
        return

    def function(x, log_p):
        return log_p - second.log_prob(torch.from_numpy(x)).numpy()

    assert value == pytest.approx(integral(first, low, high, function), rel=1e-6, abs=1e-8)


def test_discrete_divergences_are_sums():
    x = torch.arange(80.0, dtype=torch.float64)
    for p, q, n in (
        (D.Bernoulli(t(0.3)), D.Bernoulli(t(0.6)), 2),
        (D.Bernoulli(t(0.3)), D.Poisson(t(0.6)), 2),
        (D.Binomial(7, t(0.3)), D.Binomial(7, t(0.6)), 8),
        (D.Geometric(t(0.3)), D.Geometric(t(0.6)), 80),
        (D.Poisson(t(3.0)), D.Poisson(t(6.0)), 80),
    ):
        a, b = p.log_prob(x[:n]), q.log_prob(x[:n])
        assert D.kl_divergence(p, q).item() == pytest.approx((a.exp() * (a - b)).sum().item(), rel=1e-8)
    p, q = t(0.2, 0.3, 0.5), t(0.6, 0.3, 0.1)
    expected = (p * (p / q).log()).sum().item()
    assert D.kl_divergence(D.Categorical(p), D.Categorical(q)).item() == pytest.approx(expected)
    assert D.kl_divergence(D.OneHotCategorical(p), D.OneHotCategorical(q)).item() == pytest.approx(expected)


def test_joint_divergences_are_means_over_samples():
    torch.manual_seed(0)
    cov = t([2.0, 0.3], [0.3, 1.5])
    for p, q in (
        (D.Dirichlet(t(1.5, 2.5, 3.5)), D.Dirichlet(t(2.5, 2.0, 1.5))),
        (D.MultivariateNormal(t(0.5, 1.0), cov), D.MultivariateNormal(t(0.0, 0.5), cov.inverse())),
        (D.Wishart(t(5.0), cov), D.Wishart(t(4.0), cov.inverse())),
        (D.Independent(D.Normal(t(0.0, 1.0), t(1.0, 2.0)), 1), D.Independent(D.Normal(t(1.0, 1.0), t(2.0, 1.0)), 1)),
    ):
        x = p.sample((60_000,))
        difference = p.log_prob(x) - q.log_prob(x)
        error = 5 * difference.std().item() / math.sqrt(60_000)
        assert D.kl_divergence(p, q).item() == pytest.approx(difference.mean().item(), abs=error)


def test_the_general_formula_of_exponential_families_agrees_with_the_special_ones():
    general = kl_module._KL_REGISTRY[D.ExponentialFamily, D.ExponentialFamily]
    for name in ("Beta", "Exponential", "Gamma", "Normal", "ContinuousBernoulli"):
        p, q = UNIVARIATE[name], OTHER[name]
        assert general(p, q).item() == pytest.approx(D.kl_divergence(p, q).item(), rel=1e-5), name
    p, q = D.Dirichlet(t(1.5, 2.5)), D.Dirichlet(t(0.5, 2.0))
    assert general(p, q).item() == pytest.approx(D.kl_divergence(p, q).item())
    with pytest.raises(NotImplementedError, match="Bregman"):
        general(UNIVARIATE["Gamma"], UNIVARIATE["Normal"])


def test_the_general_entropy_of_exponential_families_agrees():
    for d in (D.Normal(t(0.5), t(1.5)), D.Exponential(t(1.7)), D.Bernoulli(t(0.3)), D.ContinuousBernoulli(t(0.8))):
        assert D.ExponentialFamily.entropy(d).item() == pytest.approx(d.entropy().item(), rel=1e-4)


def test_ambiguous_registrations_warn():
    class A(D.Normal):
        pass

    class B(D.Normal):
        pass

    try:
        D.register_kl(A, D.Normal)(lambda p, q: p.loc * 0 + 1)
        D.register_kl(D.Normal, B)(lambda p, q: p.loc * 0 + 2)
        with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(A, B\)"):
            assert D.kl_divergence(A(0.0, 1.0), B(0.0, 1.0)).item() == 1
        assert D.kl_divergence(D.Normal(0.0, 1.0), B(0.0, 1.0)).item() == 2
    finally:
        for key in [k for k in kl_module._KL_REGISTRY if A in k or B in k]:
            del kl_module._KL_REGISTRY[key]
        kl_module._FOUND.clear()


# -- transforms -------------------------------------------------------------------------------------

BIJECTIONS = {
    "affine": (D.AffineTransform(t(1.0, 2.0, 3.0), t(-2.0, 0.5, 3.0)), t(0.5, -1.5, 0.2)),
    "affine-event": (D.AffineTransform(1.0, -2.0, event_dim=1), t(0.5, -1.5, 0.2)),
    "compose": (D.ComposeTransform([D.TanhTransform(), D.AffineTransform(1.0, 0.5), D.ExpTransform()]), t(0.5, -1.5)),
    "cat": (D.CatTransform([D.ExpTransform(), D.SigmoidTransform()], lengths=[1, 2]), t(0.5, -1.5, 0.2)),
    "stack": (D.StackTransform([D.ExpTransform(), D.SigmoidTransform()]), t(0.5, -1.5)),
    "corr-cholesky": (D.CorrCholeskyTransform(), t(0.5, -1.5, 0.2)),
    "cdf": (D.CumulativeDistributionTransform(D.Normal(t(0.3), t(1.5))), t(0.5, -1.5)),
    "exp": (D.ExpTransform(), t(0.5, -1.5)),
    "power": (D.PowerTransform(t(-1.5)), t(0.5, 1.5)),
    "reshape": (D.ReshapeTransform((4,), (2, 2)), t(0.5, -1.5, 0.2, 1.0)),
    "sigmoid": (D.SigmoidTransform(), t(0.5, -1.5)),
    "softplus": (D.SoftplusTransform(), t(0.5, -1.5)),
    "stick-breaking": (D.StickBreakingTransform(), t(0.5, -1.5, 0.2)),
    "tanh": (D.TanhTransform(), t(0.5, -1.5)),
}


@pytest.mark.parametrize("name", BIJECTIONS)
def test_transform_has_its_inverse_and_its_jacobian(name):
    transform, x = BIJECTIONS[name]
    y = transform(x)
    assert transform.domain.check(x).all()
    assert transform.codomain.check(y).all()
    np.testing.assert_allclose(transform.inv(y).numpy(), x.numpy(), rtol=1e-9)
    assert tuple(transform.forward_shape(x.shape)) == tuple(y.shape)
    assert tuple(transform.inverse_shape(y.shape)) == tuple(x.shape)
    # The determinant of the free entries of y.
    jacobian = torch.autograd.functional.jacobian(lambda v: transform(v), x).reshape(y.numel(), x.numel())
    if name == "stick-breaking":
        jacobian = jacobian[:-1]
    if name == "corr-cholesky":
        jacobian = jacobian[torch.tensor([3, 6, 7])]
    expected = jacobian.det().abs().log().item()
    assert transform.log_abs_det_jacobian(x, y).sum().item() == pytest.approx(expected, abs=1e-8)
    assert transform.inv.log_abs_det_jacobian(y, x).sum().item() == pytest.approx(-expected, abs=1e-8)


def test_a_cache_makes_the_inverse_exact():
    transform = D.TanhTransform(cache_size=1)
    x = t(30.0)
    assert transform.inv(transform(x)) is x
    assert math.isinf(D.TanhTransform().inv(transform(x)).item())
    with pytest.raises(ValueError, match="cache_size"):
        D.ExpTransform(cache_size=2)


# -- the frame --------------------------------------------------------------------------------------


def test_validation_can_be_left_out():
    with pytest.raises(ValueError, match="parameter scale"):
        D.Normal(0.0, -1.0)
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    strict = D.Exponential(1.0)
    with pytest.raises(ValueError, match="within the support"):
        strict.log_prob(t(-1.0))
    assert D.Exponential(1.0, validate_args=False).log_prob(t(-1.0)).item() == 1
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


def test_expanding_shares_memory_and_keeps_gradients():
    scale = torch.ones(3, dtype=torch.float64, requires_grad=True)
    d = D.Normal(torch.zeros(3, dtype=torch.float64), scale).expand((4, 3))
    assert d.batch_shape == (4, 3)
    assert np.shares_memory(d.scale.detach().numpy(), scale.detach().numpy())
    d.log_prob(torch.zeros(4, 3, dtype=torch.float64)).sum().backward()
    np.testing.assert_allclose(scale.grad.numpy(), -4.0)


def test_parameters_are_computed_once_and_keep_their_gradient():
    logits = t(0.5, -1.0).requires_grad_()
    d = D.Bernoulli(logits=logits)
    with torch.no_grad():
        probs = d.probs
    assert probs is d.probs
    assert probs.requires_grad
    assert D.Bernoulli.probs.__doc__ == "The chance of success."


def test_a_distribution_without_constraints_warns():
    class Bare(D.Distribution):
        pass

    with pytest.warns(UserWarning, match="arg_constraints"):
        bare = Bare()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Bare(validate_args=False)
    with pytest.warns(UserWarning, match="support"):
        bare._validate_sample(t(0.0))
    with pytest.raises(NotImplementedError):
        bare.expand((2,))


def test_nothing_is_imported_before_it_is_used():
    import subprocess
    import sys

    code = (
        "import sys, tinygrad_hw as t; a = 'tinygrad_hw.distributions' in sys.modules; t.distributions.Normal; print(a)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = torch.no_such_name
