"""Every distribution against PyTorch's: densities, moments, samples from the same seed, gradients, errors, repr."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tests.parity.both as both
import tinygrad_hw as tg
from tests.parity.distribution_cases import CASES, FLOAT32_ONLY, A, make, outcome, same, tolerance, values

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """PyTorch's own compiler, once another test has called it, switches the checks off for the whole process."""
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)


@pytest.mark.parametrize("name", CASES)
def test_shapes_and_flags(name):
    (ours, _), (theirs, _) = make(tg, name), make(torch, name)
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    assert repr(ours) == repr(theirs)
    assert repr(ours.support).replace(", dtype=torch.float64", "") == repr(theirs.support).replace(
        ", dtype=torch.float64", ""
    )
    assert list(ours.arg_constraints) == list(theirs.arg_constraints)
    assert [repr(c) for c in ours.arg_constraints.values()] == [repr(c) for c in theirs.arg_constraints.values()]
    family = isinstance(theirs, torch.distributions.ExponentialFamily)
    assert isinstance(ours, tg.distributions.ExponentialFamily) == family
    for what in ("is_discrete", "event_dim"):
        assert getattr(ours.support, what) == getattr(theirs.support, what)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_density_and_moments(name, dtype):
    (ours, _), (theirs, _) = make(tg, name, dtype), make(torch, name, dtype)
    limits = {"rtol": 3e-4, "atol": 3e-5} if dtype == "float32" else tolerance(name)
    x = values(name).astype(dtype if values(name).dtype.kind == "f" else "int64")
    if dtype == "float32" and not theirs.support.check(torch.from_numpy(x)).all():
        pytest.skip("the values leave the support in float32")
    if dtype == "float32" or name != FLOAT32_ONLY:
        same(ours.log_prob(tg.from_numpy(x)), theirs.log_prob(torch.from_numpy(x)), **limits)
    if name == "Kumaraswamy":
        assert theirs.mode.isnan().all()  # its formula takes logarithms of negative numbers; ours is in the unit tests
    for what in ("mean", "mode", "variance", "stddev")[:: 2 if name == "Kumaraswamy" else 1]:
        same(outcome(lambda w=what: getattr(ours, w)), outcome(lambda w=what: getattr(theirs, w)), **limits)
    for what in ("entropy", "perplexity", "enumerate_support"):
        same(outcome(lambda w=what: getattr(ours, w)()), outcome(lambda w=what: getattr(theirs, w)()), **limits)
    same(
        outcome(lambda: ours.enumerate_support(expand=False)),
        outcome(lambda: theirs.enumerate_support(expand=False)),
    )
    if dtype == "float32" or name != FLOAT32_ONLY:
        same(
            outcome(lambda: ours.cdf(tg.from_numpy(x))),
            outcome(lambda: theirs.cdf(torch.from_numpy(x))),
            **limits,
        )
    u = np.linspace(0.05, 0.95, 4).reshape(4, 1).astype(dtype)
    same(
        outcome(lambda: ours.icdf(tg.from_numpy(u))),
        outcome(lambda: theirs.icdf(torch.from_numpy(u))),
        **limits,
    )


@pytest.mark.parametrize("shape", [(), (3,), (20, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_same_seed_same_samples(name, dtype, shape):
    (ours, _), (theirs, _) = make(tg, name, dtype), make(torch, name, dtype)
    limits = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-12}
    for method in ("sample", "rsample"):
        tg.manual_seed(5)
        torch.manual_seed(5)
        a, b = (outcome(lambda d=d, m=method: getattr(d, m)(shape)) for d in (ours, theirs))
        same(a, b, **limits)
        # Both streams went on to the same place.
        assert tg.rand(1).item() == torch.rand(1).item()


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_the_log_density(name):
    dtype = "float32" if name == FLOAT32_ONLY else "float64"
    (ours, mine), (theirs, other) = make(tg, name, dtype, grad=True), make(torch, name, dtype, grad=True)
    x = values(name)
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    a = tg.autograd.grad(ours.log_prob(tg.from_numpy(x)).sum(), mine, allow_unused=True)
    b = torch.autograd.grad(theirs.log_prob(torch.from_numpy(x)).sum(), other, allow_unused=True)
    limits = tolerance(name) or {"rtol": 1e-8, "atol": 1e-9}
    if name.startswith("VonMises"):
        limits = {"rtol": 1e-5, "atol": 1e-5}
    if dtype == "float32":
        limits = {"rtol": 1e-3, "atol": 1e-3}
    for g, e in zip(a, b, strict=True):
        if name == "Wishart-tril":
            # PyTorch's Cholesky solver gives a gradient to entries above the diagonal, which it does not read.
            e = e.tril()
        same(g if g is not None else type(None), e if e is not None else type(None), **limits)


#: PyTorch's Wishart samples cannot be differentiated: it changes a mask that it saved. Ours are in the unit tests.
DIFFERENTIABLE = [n for n in CASES if make(torch, n)[0].has_rsample and not n.startswith("Wishart")]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_samples(name):
    (ours, mine), (theirs, other) = make(tg, name, grad=True), make(torch, name, grad=True)
    tg.manual_seed(3)
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = ours.rsample((6,)), theirs.rsample((6,))
    weights = np.random.default_rng(0).standard_normal(tuple(y.shape))
    a = tg.autograd.grad((x * tg.from_numpy(weights)).sum(), mine, allow_unused=True)
    b = torch.autograd.grad((y * torch.from_numpy(weights)).sum(), other, allow_unused=True)
    for g, e in zip(a, b, strict=True):
        # PyTorch approximates the gradients of gamma and Dirichlet samples to three digits.
        same(g if g is not None else type(None), e if e is not None else type(None), rtol=3e-3, atol=3e-3)


@pytest.mark.parametrize("name", CASES)
def test_expand(name):
    (ours, _), (theirs, _) = make(tg, name), make(torch, name)
    size = (4, 2, *theirs.batch_shape)
    a, b = outcome(lambda: ours.expand(size)), outcome(lambda: theirs.expand(size))
    if isinstance(b, type):
        assert a is b
        return
    assert type(a) is type(ours)
    assert tuple(a.batch_shape) == tuple(b.batch_shape)
    assert tuple(a.event_shape) == tuple(b.event_shape)
    assert repr(a) == repr(b)
    x = values(name)[:2]
    if name == FLOAT32_ONLY:
        a, b = make(tg, name, "float32")[0].expand(size), make(torch, name, "float32")[0].expand(size)
        x = x.astype("float32")
    limits = {"rtol": 1e-5, "atol": 1e-5} if name == FLOAT32_ONLY else tolerance(name)
    same(a.log_prob(tg.from_numpy(x)), b.log_prob(torch.from_numpy(x)), **limits)
    tg.manual_seed(2)
    torch.manual_seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(a.sample((2,)), b.sample((2,)), **(limits if name == FLOAT32_ONLY else {}))


BAD = {
    "Bernoulli": [{"probs": 1.5}, {}, {"probs": 0.5, "logits": 0.0}, {"probs": "x"}],
    "Beta": [{"concentration1": -1.0, "concentration0": 1.0}],
    "Binomial": [{"total_count": -1, "probs": [0.5]}, {"total_count": 2.5, "probs": [0.5]}, {"total_count": 2}],
    "Categorical": [{"probs": [-0.5, 1.5]}, {"probs": 0.5}, {}, {"logits": [float("nan"), 1.0]}],
    "Cauchy": [{"loc": 0.0, "scale": 0.0}],
    "Dirichlet": [{"concentration": [0.0, 1.0]}, {"concentration": 1.0}],
    "Exponential": [{"rate": 0.0}],
    "Gamma": [{"concentration": 1.0, "rate": -1.0}],
    "Geometric": [{"probs": 0.0}, {"probs": 1.5}],
    "Gumbel": [{"loc": 0.0, "scale": -1.0}],
    "LKJCholesky": [{"dim": 1}, {"dim": 3, "concentration": -1.0}],
    "LogNormal": [{"loc": 0.0, "scale": -1.0}],
    "Multinomial": [{"total_count": 2.5, "probs": [0.5, 0.5]}],
    "MultivariateNormal": [
        {"loc": [0.0, 0.0]},
        {"loc": 0.0, "covariance_matrix": [[1.0]]},
        {"loc": [0.0, 0.0], "covariance_matrix": [1.0, 1.0]},
        {"loc": [0.0, 0.0], "covariance_matrix": [[1.0, 2.0], [2.0, 1.0]]},
        {"loc": [0.0, 0.0], "covariance_matrix": [[1.0, 2.0], [0.0, 1.0]]},
        {"loc": [0.0, 0.0], "scale_tril": [[1.0, 1.0], [0.0, 1.0]]},
    ],
    "NegativeBinomial": [{"total_count": 1.0, "probs": [1.0]}],
    "Normal": [{"loc": 0.0, "scale": -1.0}, {"loc": float("nan"), "scale": 1.0}, {"loc": [1.0], "scale": "x"}],
    "Pareto": [{"scale": -1.0, "alpha": 1.0}],
    "Poisson": [{"rate": -1.0}],
    "StudentT": [{"df": 0.0}],
    "Uniform": [{"low": 1.0, "high": 0.0}],
    "VonMises": [{"loc": 0.0, "concentration": -1.0}],
    "Weibull": [{"scale": 1.0, "concentration": 0.0}],
    "Wishart": [{"df": 0.5, "covariance_matrix": [[1.0, 0.0], [0.0, 1.0]]}, {"df": 3.0}],
}
#: Values outside the support, or of a wrong shape.
BAD_VALUES = {
    "Bernoulli": [0.5, [0.0, 1.0]],
    "Beta": [1.5],
    "Binomial": [-1.0, 0.5, 99.0],
    "Categorical": [3, -1],
    "Dirichlet": [[0.5, 0.5, 0.5], [1.0]],
    "Exponential": [-1.0],
    "Gamma": [-1.0],
    "LKJCholesky": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 1.0]]],
    "LogNormal": [-1.0],
    "Multinomial": [[9.0, 0.0, 0.0]],
    "MultivariateNormal": [[float("nan")] * 3],
    "Normal": [float("nan")],
    "OneHotCategorical": [[1.0, 1.0, 0.0]],
    "Pareto": [0.1],
    "Poisson": [0.5, -1.0],
    "Uniform": [5.0],
    "Weibull": [-1.0],
}


def construct(package, cls, parameters):
    tensors = {k: package.tensor(v) if isinstance(v, list) else v for k, v in parameters.items()}
    if cls in ("Categorical", "Dirichlet", "MultivariateNormal", "Wishart"):
        tensors = {k: package.tensor(v) if isinstance(v, float) and k != "df" else v for k, v in tensors.items()}
    return getattr(package.distributions, cls)(**tensors)


@pytest.mark.parametrize(("cls", "index"), [(c, i) for c in BAD for i in range(len(BAD[c]))])
def test_bad_parameters_raise_the_same(cls, index):
    with pytest.raises(Exception) as expected:
        construct(torch, cls, BAD[cls][index])
    with pytest.raises(type(expected.value)) as raised:
        construct(tg, cls, BAD[cls][index])
    assert both._dense(str(raised.value)).startswith(both._dense(str(expected.value))[:40])
    assert both._dense(str(raised.value))


@pytest.mark.parametrize(("name", "index"), [(n, i) for n in BAD_VALUES for i in range(len(BAD_VALUES[n]))])
def test_bad_values_raise_the_same(name, index):
    value = BAD_VALUES[name][index]
    (ours, _), (theirs, _) = make(tg, name), make(torch, name)
    whole = isinstance(value, int)
    x, y = tg.tensor(value), torch.tensor(value)
    x, y = (x, y) if whole else (x.double(), y.double())
    with pytest.raises(ValueError) as expected:
        theirs.log_prob(y)
    with pytest.raises(ValueError) as raised:
        ours.log_prob(x)
    assert both.same(("error", "E", str(raised.value)), ("error", "E", str(expected.value)))
    if name != "Gamma":  # which takes numbers
        with pytest.raises(ValueError):
            ours.log_prob(1.0)
    # Without validation nothing is said.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free, _ = make(tg, name, validate_args=False)
        other, _ = make(torch, name, validate_args=False)
        same(
            outcome(lambda: free.log_prob(x)),
            outcome(lambda: other.log_prob(y)),
            rtol=1e-5,
        )


# -- divergences ------------------------------------------------------------------------------------


def pair_of(package, cls, second):
    """Return a distribution for the table of pairs; the second of a pair has other parameters."""
    t = package.tensor
    name = next(n for n in CASES if CASES[n][0] == cls)
    parameters = {}
    for k, v in CASES[name][1].items():
        if isinstance(v, list):
            value = t(v, dtype=package.float64)
            if second and k not in ("total_count", "covariance_matrix", "low", "high"):
                value = value * 0.8 + (0.05 if k in ("probs", "logits") else 0.2)
            parameters[k] = value
        else:
            parameters[k] = v
    if cls == "Uniform":
        parameters = {"low": t([0.1, 0.2, 0.3]).double(), "high": t([0.5, 0.6, 0.9]).double()}
        if second:
            parameters = {"low": t([-1.0, 0.25, -1.0]).double(), "high": t([2.0, 0.55, 2.0]).double()}
    if cls == "Pareto":
        parameters = {
            "scale": t([0.15, 0.15, 0.5]).double() if second else t(A).double(),
            "alpha": t([0.9, 1.5, 2.5]).double(),
        }
    return getattr(package.distributions, cls)(**parameters)


KL = [
    ("Bernoulli", "Bernoulli Poisson"),
    ("Beta", "Beta ContinuousBernoulli Exponential Gamma Normal Pareto Uniform"),
    ("Binomial", "Binomial"),
    ("Categorical", "Categorical"),
    ("Cauchy", "Cauchy"),
    ("Chi2", "Chi2 Gamma"),
    ("ContinuousBernoulli", "ContinuousBernoulli Exponential Normal Pareto Uniform"),
    ("Dirichlet", "Dirichlet"),
    ("Exponential", "Exponential Beta ContinuousBernoulli Gamma Gumbel Normal Pareto Uniform"),
    ("Gamma", "Gamma Beta ContinuousBernoulli Exponential Gumbel Normal Pareto Uniform"),
    ("Geometric", "Geometric"),
    ("Gumbel", "Gumbel Beta ContinuousBernoulli Exponential Gamma Normal Pareto Uniform"),
    ("HalfNormal", "HalfNormal"),
    ("Laplace", "Laplace Beta ContinuousBernoulli Exponential Gamma Normal Pareto Uniform"),
    ("LogNormal", "LogNormal"),
    ("LowRankMultivariateNormal", "LowRankMultivariateNormal MultivariateNormal"),
    ("MultivariateNormal", "MultivariateNormal LowRankMultivariateNormal"),
    ("Normal", "Normal Beta ContinuousBernoulli Exponential Gamma Gumbel Laplace Pareto Uniform"),
    ("OneHotCategorical", "OneHotCategorical"),
    ("Pareto", "Pareto Beta ContinuousBernoulli Exponential Gamma Normal Uniform"),
    ("Poisson", "Poisson Bernoulli Binomial"),
    ("Uniform", "Uniform Beta ContinuousBernoulli Exponential Gamma Gumbel Normal Pareto"),
    ("Wishart", "Wishart"),
]
PAIRS = [(p, q) for p, qs in KL for q in qs.split()]


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_divergence(p, q):
    ours = tg.distributions.kl_divergence(pair_of(tg, p, False), pair_of(tg, q, True))
    theirs = torch.distributions.kl_divergence(pair_of(torch, p, False), pair_of(torch, q, True))
    same(ours, theirs, rtol=1e-7, atol=1e-9)


def test_every_registered_pair_is_compared():
    from torch.distributions import kl as theirs

    from tinygrad_hw.distributions import kl as ours

    def names(registry):
        return {(p.__name__, q.__name__) for p, q in registry if p.__module__.split(".")[0] in ("torch", "tinygrad_hw")}

    assert names(ours._KL_REGISTRY) == names(theirs._KL_REGISTRY)
    general = {("ExponentialFamily",) * 2, ("TransformedDistribution",) * 2, ("Independent",) * 2}
    assert names(ours._KL_REGISTRY) - set(PAIRS) == general


def test_names():
    assert set(tg.distributions.__all__) == set(torch.distributions.__all__)
    assert set(tg.distributions.constraints.__all__) == set(torch.distributions.constraints.__all__)
    assert set(tg.distributions.transforms.__all__) == set(torch.distributions.transforms.__all__)
