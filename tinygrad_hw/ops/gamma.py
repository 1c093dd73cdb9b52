"""The gamma function's relatives: log gamma, its derivatives, the incomplete gamma function, gamma and beta draws."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import gamma as kernels
from tinygrad_hw.kernels import random_gamma
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.ops.reduce import sum
from tinygrad_hw.ops.unary import exp, log

__all__ = [
    "binomial",
    "digamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "igamma",
    "igammac",
    "lgamma",
    "multigammaln",
    "mvlgamma",
    "polygamma",
    "psi",
    "zeta",
]


def _once(name: str) -> Any:
    """Return a rule for a gradient that nobody has a formula for."""

    def rule(g: Any) -> NoReturn:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented: it is differentiable once only")

    return rule


lgamma = op(
    "lgamma",
    lambda input: kernels.lgamma(input),
    promote="float",
    input=lambda g, input: g * digamma(input),
    doc=r"""Return :math:`\log |\Gamma(x)|`.

    Args:
        input: a tensor.

    Source: ``torch.lgamma``.

    Example:
        >>> torch.lgamma(torch.tensor([0.5, 1.0, 4.0]))
        tensor([0.5724, 0.0000, 1.7918])
    """,
    out=True,
)
digamma = op(
    "digamma",
    lambda input: kernels.digamma(input),
    promote="float",
    input=lambda g, input: g * polygamma(1, input),
    doc=r"""Return :math:`\psi(x)`, the derivative of log gamma.

    Args:
        input: a tensor.

    Source: ``torch.digamma``.

    Example:
        >>> torch.digamma(torch.tensor([1.0, 0.5]))
        tensor([-0.5772, -1.9635])
    """,
    out=True,
)
_polygamma = op(
    "polygamma",
    lambda input, *, n: kernels.polygamma(input, n),
    promote="float",
    input=lambda g, input, n: g * _polygamma(input, n=n + 1),
)


def polygamma(n: int, input: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\psi^{(n)}(x)`, the n-th derivative of digamma.

    Args:
        n: not negative.
        input: a tensor.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: ``n`` is negative.

    Source: ``torch.polygamma``.

    Example:
        >>> torch.polygamma(1, torch.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    if out is not None:
        return into(out, polygamma, n, input)
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, but got n={n}")
    return _polygamma(input, n=n)


def mvlgamma(input: Any, p: int, *, out: Any = None) -> Any:
    r"""Return the multivariate log gamma function :math:`\log \pi^{p(p-1)/4} \prod_{j=1}^p \Gamma(x - (j-1)/2)`.

    Args:
        input: a tensor of numbers above (p - 1) / 2.
        p: the dimension, at least 1.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: ``p`` is less than 1.

    Source: ``torch.mvlgamma``.

    Example:
        >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), 2)
        tensor([0.4516, 1.5502])
    """
    if out is not None:
        return into(out, mvlgamma, input, p)
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, but got p={p}")
    if not isinstance(input, TensorBase):
        input = wrap(input)
    if input.array.dtype.kind not in "fV":
        input = input * 1.0
    steps = arange(p, dtype=input.dtype) * -0.5
    return sum(lgamma(input.unsqueeze(-1) + steps), -1) + p * (p - 1) / 4 * math.log(math.pi)


def _pdf(a: Any, x: Any) -> Any:
    """Return x^(a - 1) e^-x / gamma(a)."""
    return exp((a - 1) * log(x) - x - lgamma(a))


igamma = op(
    "igamma",
    lambda input, other: kernels.gammainc(input, other),
    promote="same",
    tensors=("input", "other"),
    input=lambda g, input, other: -g * _pdf(input, other) * _standard_gamma_grad(input, other),
    other=lambda g, input, other: g * _pdf(input, other),
    doc=r"""Return :math:`P(a, x) = \frac{1}{\Gamma(a)} \int_0^x t^{a-1} e^{-t} dt`.

    Args:
        input: :math:`a`, not negative.
        other: :math:`x`, not negative.

    Source: ``torch.special.gammainc``. Unlike there, ``input`` has a gradient (of first order).

    Example:
        >>> torch.special.gammainc(torch.tensor([2.0]), torch.tensor([1.0]))
        tensor([0.2642])
    """,
    out=True,
)
igammac = op(
    "igammac",
    lambda input, other: kernels.gammaincc(input, other),
    promote="same",
    tensors=("input", "other"),
    input=lambda g, input, other: g * _pdf(input, other) * _standard_gamma_grad(input, other),
    other=lambda g, input, other: -g * _pdf(input, other),
    doc=r"""Return :math:`Q(a, x) = 1 - P(a, x)`, exact where it is small; see ``gammainc``.

    Args:
        input: :math:`a`, not negative.
        other: :math:`x`, not negative.

    Source: ``torch.special.gammaincc``.

    Example:
        >>> torch.special.gammaincc(torch.tensor([2.0]), torch.tensor([1.0]))
        tensor([0.7358])
    """,
    out=True,
)
zeta = op(
    "special_zeta",
    lambda input, other: kernels.zeta(input, other),
    promote="float",
    input=_once("zeta: input"),
    other=lambda g, input, other: g * -input * zeta(input + 1, other),
    doc=r"""Return the Hurwitz zeta function :math:`\sum_{k=0}^\infty (q + k)^{-x}`.

    Args:
        input: :math:`x`.
        other: :math:`q`.

    Source: ``torch.special.zeta``.

    Example:
        >>> torch.special.zeta(torch.tensor([2.0]), torch.tensor([1.0]))
        tensor([1.6449])
    """,
    out=True,
)

gammaln = lgamma
psi = digamma
multigammaln = mvlgamma
gammainc = igamma
gammaincc = igammac


# -- draws ------------------------------------------------------------------------------------------

_standard_gamma_grad = op(
    "standard_gamma_grad",
    lambda input, output: kernels.gamma_grad(input, output),
    input=_once("_standard_gamma_grad: self"),
    output=_once("_standard_gamma_grad: output"),
)
_dirichlet_grad = op(
    "dirichlet_grad",
    lambda x, alpha, total: kernels.dirichlet_grad(x, alpha, total),
    x=_once("_dirichlet_grad: x"),
    alpha=_once("_dirichlet_grad: alpha"),
    total=_once("_dirichlet_grad: total"),
)


def _dirichlet_rule(g: Any, input: Any, out: Any) -> Any:
    slope = _dirichlet_grad(out, input, sum(input, -1, True))
    return slope * (g - sum(out * g, -1, True))


_gamma_op = op(
    "standard_gamma",
    lambda input, *, generator: random_gamma.standard_gamma(input, generator),
    input=lambda g, input, out: g * _standard_gamma_grad(input, out),
)
_dirichlet_op = op(
    "sample_dirichlet",
    lambda input, *, generator: random_gamma.sample_dirichlet(input, generator),
    input=_dirichlet_rule,
)


def _standard_gamma(input: Any, generator: Generator | None = None) -> Any:
    """Return gamma draws of rate 1, differentiable by their shape parameters ``input``."""
    return _gamma_op(input, generator=generator)


def _sample_dirichlet(input: Any, generator: Generator | None = None) -> Any:
    """Return Dirichlet draws along the last dimension, differentiable by their concentrations ``input``."""
    return _dirichlet_op(input, generator=generator)


_binomial_op = op(
    "binomial",
    lambda count, prob, *, generator: random_gamma.binomial(count, prob, generator),
    count=lambda g: g * 0.0,
    prob=lambda g: g * 0.0,
)


def binomial(count: Any, prob: Any, generator: Generator | None = None) -> Any:
    """Return how many of ``count`` trials succeed, each with chance ``prob``.

    Args:
        count: numbers of trials, floating point.
        prob: chances that broadcast with ``count``.
        generator: the stream; the default one if None.

    Source: ``torch.binomial``. The gradient is zero.

    Example:
        >>> torch.binomial(torch.tensor([3.0, 5.0]), torch.tensor([0.0, 1.0]))
        tensor([0., 5.])
    """
    return _binomial_op(count, prob, generator=generator)
