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


def _polynomial(
    name: str,
    what: str,
    first: Callable[[Any], Any],
    step: Callable[..., Any],
    example: str,
    shifted: bool = False,
) -> Callable[..., Any]:
    """Return the op of x and n: 1, ``first(x)``, then ``step(k, x, p_k, p_{k-1})``; 0 for negative n."""

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

    return op(
        f"special_{name}",
        forward,
        promote="float",
        doc=f"""Return the {what}.

    Args:
        input: a tensor or a number.
        n: degrees, a tensor or a number, broadcastable.

    Source: ``torch.special.{name}``.

    Example:
        >>> torch.special.{name}(torch.tensor([0.5, 2.0]), torch.tensor([3, 4]))
        {example}
    """,
        out=True,
    )


chebyshev_polynomial_t = _polynomial(
    "chebyshev_polynomial_t",
    "Chebyshev polynomial of the first kind of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: x,
    _CHEBYSHEV,
    "tensor([-1., 97.])",
)
chebyshev_polynomial_u = _polynomial(
    "chebyshev_polynomial_u",
    "Chebyshev polynomial of the second kind of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: 2 * x,
    _CHEBYSHEV,
    "tensor([ -1., 209.])",
)
chebyshev_polynomial_v = _polynomial(
    "chebyshev_polynomial_v",
    "Chebyshev polynomial of the third kind of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: 2 * x - 1,
    _CHEBYSHEV,
    "tensor([ -1., 153.])",
)
chebyshev_polynomial_w = _polynomial(
    "chebyshev_polynomial_w",
    "Chebyshev polynomial of the fourth kind of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: 2 * x + 1,
    _CHEBYSHEV,
    "tensor([ -1., 265.])",
)
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h",
    "physicists' Hermite polynomial of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: 2 * x,
    lambda k, x, p, q: 2 * x * p - 2 * k * q,
    "tensor([-5., 76.])",
)
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he",
    "probabilists' Hermite polynomial of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: x,
    lambda k, x, p, q: x * p - k * q,
    "tensor([-1.3750, -5.0000])",
)
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l",
    "Laguerre polynomial of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: 1 - x,
    lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1),
    "tensor([-0.1458,  0.3333])",
)
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p",
    "Legendre polynomial of degree ``n`` at ``input``; 0 for negative degrees",
    lambda x: x,
    lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1),
    "tensor([-0.4375, 55.3750])",
)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t",
    "shifted Chebyshev polynomial of the first kind and degree ``n``, on [0, 1]",
    lambda x: x,
    _CHEBYSHEV,
    "tensor([ -0., 577.])",
    shifted=True,
)
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u",
    "shifted Chebyshev polynomial of the second kind and degree ``n``, on [0, 1]",
    lambda x: 2 * x,
    _CHEBYSHEV,
    "tensor([  -0., 1189.])",
    shifted=True,
)
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v",
    "shifted Chebyshev polynomial of the third kind and degree ``n``, on [0, 1]",
    lambda x: 2 * x - 1,
    _CHEBYSHEV,
    "tensor([  1., 985.])",
    shifted=True,
)
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w",
    "shifted Chebyshev polynomial of the fourth kind and degree ``n``, on [0, 1]",
    lambda x: 2 * x + 1,
    _CHEBYSHEV,
    "tensor([-1.0000e+00,  1.3930e+03])",
    shifted=True,
)
