"""Probability distributions: ``torch.distributions``.

A distribution has parameters of a batch shape, draws samples (``sample``, or ``rsample`` where they can be
differentiated), and gives the log probability of values, moments and entropies; ``kl_divergence`` compares two of them.
``constraints`` say where parameters and values are valid, ``transforms`` lead from one region to another.
"""

from tinygrad_hw.distributions import constraints as constraints
from tinygrad_hw.distributions import transforms as transforms
from tinygrad_hw.distributions.bernoulli import Bernoulli
from tinygrad_hw.distributions.beta import Beta
from tinygrad_hw.distributions.binomial import Binomial
from tinygrad_hw.distributions.categorical import Categorical
from tinygrad_hw.distributions.cauchy import Cauchy
from tinygrad_hw.distributions.chi2 import Chi2
from tinygrad_hw.distributions.constraint_registry import biject_to, transform_to
from tinygrad_hw.distributions.continuous_bernoulli import ContinuousBernoulli
from tinygrad_hw.distributions.dirichlet import Dirichlet
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.exp_family import ExponentialFamily
from tinygrad_hw.distributions.exponential import Exponential
from tinygrad_hw.distributions.fishersnedecor import FisherSnedecor
from tinygrad_hw.distributions.gamma import Gamma
from tinygrad_hw.distributions.generalized_pareto import GeneralizedPareto
from tinygrad_hw.distributions.geometric import Geometric
from tinygrad_hw.distributions.gumbel import Gumbel
from tinygrad_hw.distributions.half_cauchy import HalfCauchy
from tinygrad_hw.distributions.half_normal import HalfNormal
from tinygrad_hw.distributions.independent import Independent
from tinygrad_hw.distributions.inverse_gamma import InverseGamma
from tinygrad_hw.distributions.kl import kl_divergence, register_kl
from tinygrad_hw.distributions.kumaraswamy import Kumaraswamy
from tinygrad_hw.distributions.laplace import Laplace
from tinygrad_hw.distributions.lkj_cholesky import LKJCholesky
from tinygrad_hw.distributions.log_normal import LogNormal
from tinygrad_hw.distributions.logistic_normal import LogisticNormal
from tinygrad_hw.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from tinygrad_hw.distributions.mixture_same_family import MixtureSameFamily
from tinygrad_hw.distributions.multinomial import Multinomial
from tinygrad_hw.distributions.multivariate_normal import MultivariateNormal
from tinygrad_hw.distributions.negative_binomial import NegativeBinomial
from tinygrad_hw.distributions.normal import Normal
from tinygrad_hw.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from tinygrad_hw.distributions.pareto import Pareto
from tinygrad_hw.distributions.poisson import Poisson
from tinygrad_hw.distributions.relaxed_bernoulli import RelaxedBernoulli
from tinygrad_hw.distributions.relaxed_categorical import RelaxedOneHotCategorical
from tinygrad_hw.distributions.studentT import StudentT
from tinygrad_hw.distributions.transformed_distribution import TransformedDistribution
from tinygrad_hw.distributions.transforms import *  # noqa: F403
from tinygrad_hw.distributions.transforms import __all__ as _transforms
from tinygrad_hw.distributions.uniform import Uniform
from tinygrad_hw.distributions.von_mises import VonMises
from tinygrad_hw.distributions.weibull import Weibull
from tinygrad_hw.distributions.wishart import Wishart

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ContinuousBernoulli",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "StudentT",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "kl_divergence",
    "register_kl",
    "transform_to",
]
__all__ += _transforms
