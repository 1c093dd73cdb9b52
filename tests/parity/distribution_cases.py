"""The distributions that are compared with PyTorch's, and how."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

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
