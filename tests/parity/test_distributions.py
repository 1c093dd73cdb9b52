"""Every distribution against PyTorch's: densities, moments, samples from the same seed, gradients, errors, repr."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tests.parity.both as both
import tinygrad_hw as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

A = [0.7, 1.6, 3.2]
B = [1.4, 0.6, 2.5]
P = [0.2, 0.5, 0.9]
R = [-0.8, 0.3, 1.9]
ROWS = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]
COV = [[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]]
TRIL = [[1.2, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.3, 0.2, 1.1]]
FACTOR = [[1.0, 0.2], [0.1, 0.7], [-0.5, 0.3]]
TEMPERATURE = [0.8]

#: name -> (class, parameters by name)
CASES = {
    "Bernoulli": ("Bernoulli", {"probs": P}),
    "Bernoulli-logits": ("Bernoulli", {"logits": R}),
    "Beta": ("Beta", {"concentration1": A, "concentration0": B}),
    "Binomial": ("Binomial", {"total_count": [7.0], "probs": P}),
    "Binomial-logits": ("Binomial", {"total_count": [40.0], "logits": R}),
    "Categorical": ("Categorical", {"probs": ROWS}),
    "Categorical-logits": ("Categorical", {"logits": ROWS}),
    "Cauchy": ("Cauchy", {"loc": R, "scale": A}),
    "Chi2": ("Chi2", {"df": A}),
    "ContinuousBernoulli": ("ContinuousBernoulli", {"probs": P}),
    "ContinuousBernoulli-logits": ("ContinuousBernoulli", {"logits": R}),
    "Dirichlet": ("Dirichlet", {"concentration": [A, B]}),
    "Exponential": ("Exponential", {"rate": A}),
    "FisherSnedecor": ("FisherSnedecor", {"df1": A, "df2": [1.5, 3.0, 9.0]}),
    "Gamma": ("Gamma", {"concentration": A, "rate": B}),
    "GeneralizedPareto": ("GeneralizedPareto", {"loc": R, "scale": A, "concentration": [0.3, 0.0, -0.4]}),
    "Geometric": ("Geometric", {"probs": P}),
    "Geometric-logits": ("Geometric", {"logits": R}),
    "Gumbel": ("Gumbel", {"loc": R, "scale": A}),
    "HalfCauchy": ("HalfCauchy", {"scale": A}),
    "HalfNormal": ("HalfNormal", {"scale": A}),
    "InverseGamma": ("InverseGamma", {"concentration": A, "rate": B}),
    "Kumaraswamy": ("Kumaraswamy", {"concentration1": A, "concentration0": B}),
    "LKJCholesky": ("LKJCholesky", {"dim": 3, "concentration": A}),
    "Laplace": ("Laplace", {"loc": R, "scale": A}),
    "LogNormal": ("LogNormal", {"loc": R, "scale": [0.3, 0.6, 0.9]}),
    "LogisticNormal": ("LogisticNormal", {"loc": R, "scale": A}),
    "LowRankMultivariateNormal": ("LowRankMultivariateNormal", {"loc": R, "cov_factor": FACTOR, "cov_diag": A}),
    "Multinomial": ("Multinomial", {"total_count": 5, "probs": ROWS}),
    "Multinomial-logits": ("Multinomial", {"total_count": 5, "logits": ROWS}),
    "MultivariateNormal": ("MultivariateNormal", {"loc": [R, A], "covariance_matrix": COV}),
    "MultivariateNormal-precision": ("MultivariateNormal", {"loc": R, "precision_matrix": [COV, TRIL]}),
    "MultivariateNormal-tril": ("MultivariateNormal", {"loc": R, "scale_tril": TRIL}),
    "NegativeBinomial": ("NegativeBinomial", {"total_count": [4.0], "probs": P}),
    "NegativeBinomial-logits": ("NegativeBinomial", {"total_count": [4.0], "logits": R}),
    "Normal": ("Normal", {"loc": R, "scale": A}),
    "OneHotCategorical": ("OneHotCategorical", {"probs": ROWS}),
    "OneHotCategoricalStraightThrough": ("OneHotCategoricalStraightThrough", {"logits": ROWS}),
    "Pareto": ("Pareto", {"scale": A, "alpha": [1.5, 2.5, 0.5]}),
    "Poisson": ("Poisson", {"rate": A}),
    "RelaxedBernoulli": ("RelaxedBernoulli", {"temperature": TEMPERATURE, "probs": P}),
    "RelaxedBernoulli-logits": ("RelaxedBernoulli", {"temperature": TEMPERATURE, "logits": R}),
    "RelaxedOneHotCategorical": ("RelaxedOneHotCategorical", {"temperature": TEMPERATURE, "probs": ROWS}),
    "StudentT": ("StudentT", {"df": [0.8, 1.7, 6.0], "loc": R, "scale": A}),
    "Uniform": ("Uniform", {"low": R, "high": [0.1, 2.0, 3.0]}),
    "VonMises": ("VonMises", {"loc": R, "concentration": A}),
    "Weibull": ("Weibull", {"scale": A, "concentration": B}),
    "Wishart": ("Wishart", {"df": [5.5], "covariance_matrix": COV}),
    "Wishart-tril": ("Wishart", {"df": 4.0, "scale_tril": TRIL}),
    "Wishart-precision": ("Wishart", {"df": [4.0, 6.0], "precision_matrix": COV}),
}
CASES["MultivariateNormal-precision"][1]["precision_matrix"] = [COV, [[1.0, 0, 0], [0, 2.0, 0], [0, 0, 3.0]]]


#: PyTorch's raises RuntimeError for log_prob and cdf of float64 ("Double did not match Float").
FLOAT32_ONLY = "GeneralizedPareto"


def make(package, name, dtype="float64", grad=False, **options):
    """Return the distribution and its tensor parameters."""
    cls, parameters = CASES[name]
    kind = getattr(package, dtype)
    tensors = {
        k: package.tensor(v, dtype=kind, requires_grad=grad and k != "total_count") if isinstance(v, list) else v
        for k, v in parameters.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(package.distributions, cls)(**tensors, **options), [
            t for t in tensors.values() if hasattr(t, "requires_grad") and t.requires_grad
        ]


def array(t):
    return np.asarray(t.detach().tolist()) if hasattr(t, "detach") else np.asarray(t)


def outcome(function):
    """Return what a call gives, or the class of what it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function()
    except Exception as error:
        return type(error)


def same(ours, theirs, rtol=1e-9, atol=1e-10):
    if isinstance(theirs, type):
        assert ours is theirs, (ours, theirs)
        return
    assert not isinstance(ours, type), ours
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(array(ours), array(theirs), rtol=rtol, atol=atol)


def values(name):
    """Return values of each case's support: samples of PyTorch's, as arrays."""
    torch.manual_seed(11)
    d, _ = make(torch, name)
    return outcome(lambda: d.sample((4,))).numpy()


def tolerance(name):
    # PyTorch's Bessel functions have seven digits, and it takes the factorial of a count in float32.
    return {"rtol": 1e-6, "atol": 1e-6} if name.startswith(("VonMises", "Multinomial")) else {}


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


def test_names():
    assert set(tg.distributions.__all__) == set(torch.distributions.__all__)
    assert set(tg.distributions.constraints.__all__) == set(torch.distributions.constraints.__all__)
    assert set(tg.distributions.transforms.__all__) == set(torch.distributions.transforms.__all__)
