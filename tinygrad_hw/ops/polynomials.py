"""Orthogonal polynomials by their three-term recurrences: ``torch.special``'s, without gradients as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op

__all__ = [
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]

_CHEBYSHEV = lambda k, x, p, q: 2 * x * p - q


def _polynomials(first: Callable[[Any], Any], step: Callable[..., Any], shifted: bool = False) -> Callable[..., Any]:
    """Return the function of x and n: 1, ``first(x)``, then ``step(k, x, p_k, p_{k-1})``; 0 for negative n."""

    def forward(input: Any, n: Any) -> Any:
        kind = np.result_type(input, n)
        kind = kind if kind.kind == "f" and np.ndim(input) + np.ndim(n) else getattr(input, "dtype", None) or n.dtype
        x, degree = np.broadcast_arrays(np.asarray(input, np.float64), np.asarray(n, np.float64))
        x = 2 * x - 1 if shifted else x
        degree = np.trunc(np.where(np.isfinite(degree), degree, -1))
        before, now = np.ones_like(x), first(x)
        result = np.where(degree == 0, before, np.where(degree == 1, now, 0.0))
        for k in range(1, int(degree.max(initial=0))):
            before, now = now, step(k, x, now, before)
            result = np.where(degree == k + 1, now, result)
        return result.astype(kind)

    return forward


chebyshev_polynomial_t = op(
    "special_chebyshev_polynomial_t",
    _polynomials(lambda x: x, _CHEBYSHEV),
    promote="float",
    doc=r"""Return the Chebyshev polynomial of the first kind of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.chebyshev_polynomial_t``.

    Example:
        >>> torch.special.chebyshev_polynomial_t(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-1., 97.])
    """,
    out=True,
)
chebyshev_polynomial_u = op(
    "special_chebyshev_polynomial_u",
    _polynomials(lambda x: 2 * x, _CHEBYSHEV),
    promote="float",
    doc=r"""Return the Chebyshev polynomial of the second kind of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.chebyshev_polynomial_u``.

    Example:
        >>> torch.special.chebyshev_polynomial_u(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([ -1., 209.])
    """,
    out=True,
)
chebyshev_polynomial_v = op(
    "special_chebyshev_polynomial_v",
    _polynomials(lambda x: 2 * x - 1, _CHEBYSHEV),
    promote="float",
    doc=r"""Return the Chebyshev polynomial of the third kind of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.chebyshev_polynomial_v``.

    Example:
        >>> torch.special.chebyshev_polynomial_v(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([ -1., 153.])
    """,
    out=True,
)
chebyshev_polynomial_w = op(
    "special_chebyshev_polynomial_w",
    _polynomials(lambda x: 2 * x + 1, _CHEBYSHEV),
    promote="float",
    doc=r"""Return the Chebyshev polynomial of the fourth kind of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.chebyshev_polynomial_w``.

    Example:
        >>> torch.special.chebyshev_polynomial_w(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([ -1., 265.])
    """,
    out=True,
)
hermite_polynomial_h = op(
    "special_hermite_polynomial_h",
    _polynomials(lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q),
    promote="float",
    doc=r"""Return the physicists' Hermite polynomial of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.hermite_polynomial_h``.

    Example:
        >>> torch.special.hermite_polynomial_h(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-5., 76.])
    """,
    out=True,
)
hermite_polynomial_he = op(
    "special_hermite_polynomial_he",
    _polynomials(lambda x: x, lambda k, x, p, q: x * p - k * q),
    promote="float",
    doc=r"""Return the probabilists' Hermite polynomial of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.hermite_polynomial_he``.

    Example:
        >>> torch.special.hermite_polynomial_he(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-1.3750, -5.0000])
    """,
    out=True,
)
laguerre_polynomial_l = op(
    "special_laguerre_polynomial_l",
    _polynomials(lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1)),
    promote="float",
    doc=r"""Return the Laguerre polynomial of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.laguerre_polynomial_l``.

    Example:
        >>> torch.special.laguerre_polynomial_l(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-0.1458,  0.3333])
    """,
    out=True,
)
legendre_polynomial_p = op(
    "special_legendre_polynomial_p",
    _polynomials(lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1)),
    promote="float",
    doc=r"""Return the Legendre polynomial of degree ``n`` at ``input``; 0 for negative degrees.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.legendre_polynomial_p``.

    Example:
        >>> torch.special.legendre_polynomial_p(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-0.4375, 55.3750])
    """,
    out=True,
)
shifted_chebyshev_polynomial_t = op(
    "special_shifted_chebyshev_polynomial_t",
    _polynomials(lambda x: x, _CHEBYSHEV, shifted=True),
    promote="float",
    doc=r"""Return the shifted Chebyshev polynomial of the first kind and degree ``n``, on [0, 1].

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.shifted_chebyshev_polynomial_t``.

    Example:
        >>> torch.special.shifted_chebyshev_polynomial_t(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([ -0., 577.])
    """,
    out=True,
)
shifted_chebyshev_polynomial_u = op(
    "special_shifted_chebyshev_polynomial_u",
    _polynomials(lambda x: 2 * x, _CHEBYSHEV, shifted=True),
    promote="float",
    doc=r"""Return the shifted Chebyshev polynomial of the second kind and degree ``n``, on [0, 1].

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.shifted_chebyshev_polynomial_u``.

    Example:
        >>> torch.special.shifted_chebyshev_polynomial_u(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([  -0., 1189.])
    """,
    out=True,
)
shifted_chebyshev_polynomial_v = op(
    "special_shifted_chebyshev_polynomial_v",
    _polynomials(lambda x: 2 * x - 1, _CHEBYSHEV, shifted=True),
    promote="float",
    doc=r"""Return the shifted Chebyshev polynomial of the third kind and degree ``n``, on [0, 1].

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.shifted_chebyshev_polynomial_v``.

    Example:
        >>> torch.special.shifted_chebyshev_polynomial_v(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([  1., 985.])
    """,
    out=True,
)
shifted_chebyshev_polynomial_w = op(
    "special_shifted_chebyshev_polynomial_w",
    _polynomials(lambda x: 2 * x + 1, _CHEBYSHEV, shifted=True),
    promote="float",
    doc=r"""Return the shifted Chebyshev polynomial of the fourth kind and degree ``n``, on [0, 1].

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.shifted_chebyshev_polynomial_w``.

    Example:
        >>> torch.special.shifted_chebyshev_polynomial_w(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        tensor([-1.0000e+00,  1.3930e+03])
    """,
    out=True,
)
