"""The gamma function's relatives, element by element, in float64 whatever the dtype given.

Everything is built from four pieces: Stirling's series behind a shift of the argument, the Euler-Maclaurin sum of
the Hurwitz zeta function, and for the incomplete gamma function the power series left of its bend and the
continued fraction right of it. The derivative of the last two with respect to the shape parameter is carried
along, which gives the gradients of gamma and beta samples to full precision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

__all__ = ["digamma", "dirichlet_grad", "gamma_grad", "gammainc", "gammaincc", "lgamma", "polygamma", "zeta"]

prange = range

#: B(2k) / (2k), the coefficients of digamma's asymptotic series.
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
#: B(2k) / (2k)!, those of the Euler-Maclaurin sum.
_EULER_MACLAURIN = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
    43867 / 5109094217170944000,
    -174611 / 802857662698291200000,
)
#: B(2k) / (2k (2k - 1)), those of log gamma.
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)
_EPS = 1e-17
#: Shape parameter from which a gamma variable is normal enough; see gamma_grad.
_NORMAL_ENOUGH = 1e6


def _lgamma_one(x: float) -> float:
    try:
        return math.lgamma(x)
    except ValueError:  # a pole
        return math.inf


_lgamma_each = np.frompyfunc(_lgamma_one, 1, 1)


@kernel(parallel=True)
def _lgamma(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = math.lgamma(x[i])


def lgamma(x: Any) -> Any:
    """Return the logarithm of the absolute value of the gamma function."""
    x = np.asarray(x)
    wide = np.ascontiguousarray(x, np.float64)
    if x.size < 64 or not compiled_kernels():
        return np.asarray(_lgamma_each(wide)).astype(x.dtype).reshape(x.shape)
    out = np.empty_like(wide)
    _lgamma(wide.reshape(-1), out.reshape(-1), work=x.size * 30)
    return out.astype(x.dtype, copy=False).reshape(x.shape)


def _digamma64(x: Any) -> Any:
    negative = x < 0
    # psi(x) = psi(1 - x) - pi / tan(pi x), whose tangent is taken of the small part behind the point.
    y = np.where(negative, 1 - x, x)
    total = np.where(negative, -math.pi / np.tan(math.pi * (x - np.trunc(x))), 0.0)
    for _ in range(10):
        small = y < 10
        total = np.where(small, total - 1 / y, total)
        y = np.where(small, y + 1, y)
    z = 1 / (y * y)
    series = np.zeros_like(y)
    for c in reversed(_DIGAMMA):
        series = (series + c) * z
    result = total + np.log(y) - 0.5 / y - series
    result = np.where(np.isposinf(x), np.inf, result)
    return np.where(x == 0, np.copysign(np.inf, -x), np.where(negative & (x == np.floor(x)), np.nan, result))


def digamma(x: Any) -> Any:
    """Return the derivative of log gamma: minus infinity at 0, NaN at the other poles."""
    x = np.asarray(x)
    return _digamma64(x.astype(np.float64)).astype(x.dtype)


def _zeta_right(s: Any, q: Any) -> Any:
    """Return sum over k of (q + k)^-s for s > 1 and q > 0."""
    shift = 12 + int(min(40.0, float(np.max(s, initial=1.0, where=np.isfinite(s))) / 2))
    total = np.zeros(np.broadcast(s, q).shape)
    for k in range(shift):
        total = total + (q + k) ** -s
    w = q + shift
    tail = w**-s
    total = total + tail * w / (s - 1) + 0.5 * tail
    factor = tail * s / w
    for j, c in enumerate(_EULER_MACLAURIN):
        total = total + c * factor
        factor = factor * (s + 2 * j + 1) * (s + 2 * j + 2) / (w * w)
    return total


def _zeta64(s: Any, q: Any) -> Any:
    s, q = np.broadcast_arrays(s, q)
    whole = np.floor(q)
    left = q <= 0
    f = np.where(left, q - whole, q)
    safe = np.where(s > 1, s, 2.0)
    f_safe = np.where(f > 0, f, 1.0)
    total = _zeta_right(safe, f_safe)
    if left.any():
        # The terms left of 0 are (-1)^s times those from 1 - f up to -q.
        mirrored = _zeta_right(safe, 1 - f_safe + (f_safe == 1)) - _zeta_right(safe, np.where(left, 1 - q, 1.0))
        total = np.where(left, total + np.where(safe % 2 == 0, mirrored, -mirrored), total)
        total = np.where(left & (q == whole), np.inf, np.where(left & (s != np.floor(s)), np.nan, total))
    total = np.where(s == 1, np.inf, np.where(s < 1, np.nan, total))
    return np.where(np.isnan(s) | (np.isnan(q) & (s != 1)), np.nan, total)


def zeta(x: Any, q: Any) -> Any:
    """Return the Hurwitz zeta function, the sum over k of (q + k)^-x.

    Source: the Euler-Maclaurin formula.
    """
    x, q = np.asarray(x), np.asarray(q)
    return _zeta64(x.astype(np.float64), q.astype(np.float64)).astype(x.dtype)


def polygamma(x: Any, n: int) -> Any:
    """Return the ``n``-th derivative of digamma: (-1)^(n + 1) n! zeta(n + 1, x)."""
    if n == 0:
        return digamma(x)
    x = np.asarray(x)
    scale = math.exp(math.lgamma(n + 1.0)) if n > 20 else float(math.factorial(n))
    return ((scale if n % 2 else -scale) * _zeta64(np.float64(n + 1), x.astype(np.float64))).astype(x.dtype)


# -- incomplete gamma ------------------------------------------------------------------------------


def _log1p_less(u: Any) -> Any:
    """Return log(1 + u) - u, exact near 0."""
    r = np.where(np.abs(u) < 0.4, u / (2 + u), 0.0)
    square = r * r
    series = np.zeros_like(r)
    for k in range(25, 1, -2):
        series = (series + 1 / k) * square
    near = 2 * r * series - r * u
    return np.where(np.abs(u) < 0.4, near, np.log1p(np.where(np.abs(u) < 0.4, 0.0, u)) - u)


def _prefactor(a: Any, x: Any) -> Any:
    """Return x^a e^-x / gamma(a), without cancellation for large ``a``."""
    large = np.maximum(a, 10.0)
    z = 1 / (large * large)
    series = np.zeros_like(large)
    for c in reversed(_STIRLING):
        series = series * z + c
    correction = series / large
    u = (x - large) / large
    far = large * _log1p_less(u) + 0.5 * np.log(large) - _LOG_ROOT_TWO_PI - correction
    small = np.minimum(a, 10.0)
    near = small * np.log(x) - x - lgamma(small)
    return np.exp(np.where(a >= 10, far, near))


def _power_series(a: Any, x: Any) -> tuple[Any, Any]:
    """Return S = sum of x^n / (a (a + 1) ... (a + n)) and sum of term n times sum_{1 <= k <= n} 1 / (a + k)."""
    term = 1 / a
    total, slope, harmonic = term.copy(), np.zeros_like(a), np.zeros_like(a)
    n = 0
    while True:
        n += 1
        term = term * x / (a + n)
        harmonic += 1 / (a + n)
        total += term
        slope += term * harmonic
        if not (term * (1 + harmonic) > _EPS * total).any():
            return total, slope


def _continued_fraction(a: Any, x: Any) -> tuple[Any, Any]:
    """Return h with gamma(a, x) = x^a e^-x h, and its derivative by ``a``.

    Source: Legendre's continued fraction, by Lentz' method as modified by Thompson and Barnett (1986).
    """
    b = x + 1 - a
    c, dc = np.full_like(a, 1e300), np.zeros_like(a)
    d = 1 / np.where(b == 0, 1e-300, b)
    dd = d * d
    h, dh = d.copy(), dd.copy()
    i = 0
    while True:
        i += 1
        an = -i * (i - a)
        b = b + 2
        inverse = 1 / c
        dc = i * inverse - an * dc * inverse * inverse - 1
        c = b + an * inverse
        dd = -(i * d + an * dd - 1)
        d = 1 / (an * d + b)
        dd = dd * d * d
        step, dstep = c * d, dc * d + c * dd
        dh = dh * step + h * dstep
        h = h * step
        if not (np.abs(step - 1) + np.abs(dstep) > 1e-15).any() or i > 100_000:
            return h, dh


def _inc(a: Any, x: Any, lower: bool) -> Any:
    """Return the regularised incomplete gamma function, lower or upper."""
    a, x = np.broadcast_arrays(a, x)
    result = np.full(a.shape, np.nan)
    zero, one = (0.0, 1.0) if lower else (1.0, 0.0)
    valid = (a >= 0) & (x >= 0)
    result[valid & (x == 0) & (a > 0)] = zero
    result[valid & (a == 0) & (x > 0)] = one
    result[valid & np.isinf(x) & np.isfinite(a)] = one
    result[valid & np.isinf(a) & np.isfinite(x)] = zero
    plain = valid & (x > 0) & (a > 0) & np.isfinite(x) & np.isfinite(a)
    # Near 0 the upper function needs the continued fraction's complement only where it is not small.
    left = plain & (x < a + 1)
    right = plain & ~left
    if left.any():
        p = _prefactor(a[left], x[left]) * _power_series(a[left], x[left])[0]
        result[left] = p if lower else 1 - p
    if right.any():
        q = _prefactor(a[right], x[right]) * _continued_fraction(a[right], x[right])[0]
        result[right] = 1 - q if lower else q
    return result


def _inc_like(a: Any, x: Any, lower: bool) -> Any:
    a, x = np.asarray(a), np.asarray(x)
    return _inc(a.astype(np.float64), x.astype(np.float64), lower).astype(a.dtype)


def gammainc(a: Any, x: Any) -> Any:
    """Return P(a, x), the regularised lower incomplete gamma function."""
    return _inc_like(a, x, True)


def gammaincc(a: Any, x: Any) -> Any:
    """Return Q(a, x) = 1 - P(a, x)."""
    return _inc_like(a, x, False)


def _gamma_grad64(a: Any, x: Any) -> Any:
    a, x = np.broadcast_arrays(a, x)
    result = np.where((a > 0) & (x == 0), 0.0, np.full(a.shape, np.nan))
    plain = (a > 0) & (x > 0) & np.isfinite(x) & np.isfinite(a)
    huge = plain & (a > _NORMAL_ENOUGH)
    left = plain & ~huge & (x < a + 1)
    right = plain & ~huge & ~left
    if left.any():
        u, v = a[left], x[left]
        total, slope = _power_series(u, v)
        result[left] = -v * (total * (np.log(v) - _digamma64(u + 1)) - slope)
    if right.any():
        u, v = a[right], x[right]
        h, dh = _continued_fraction(u, v)
        result[right] = v * (h * (np.log(v) - _digamma64(u)) + dh)
    if huge.any():
        u, v = a[huge], x[huge]
        root = np.cbrt(v / u)
        z = 3 * np.sqrt(u) * (root - 1 + 1 / (9 * u))
        result[huge] = root**3 + root**2 * (1 / (3 * u) - z / (2 * np.sqrt(u)))
    return result


def gamma_grad(a: Any, x: Any) -> Any:
    r"""Return :math:`dx / da` of a gamma variable ``x`` of shape ``a``, along its distribution function.

    That is :math:`-\partial_a P(a, x) / p(x; a)`. Up to a = 1e6 the derivative of the series (or continued fraction) is
    summed; above, Wilson and Hilferty's normal approximation of the cube root is differentiated.

    Source: Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients" (2018).
    """
    a, x = np.asarray(a), np.asarray(x)
    return _gamma_grad64(a.astype(np.float64), x.astype(np.float64)).astype(a.dtype)


# -- incomplete beta -------------------------------------------------------------------------------


def _beta_fraction(a: Any, b: Any, x: Any, by_first: bool) -> tuple[Any, Any]:
    """Return h with I_x(a, b) = x^a (1 - x)^b h / (a B(a, b)), and its derivative by ``a`` or by ``b``."""
    da, db = (1.0, 0.0) if by_first else (0.0, 1.0)
    c, dc = np.ones_like(x), np.zeros_like(x)
    d, dd = np.zeros_like(x), np.zeros_like(x)
    f, df = np.ones_like(x), np.zeros_like(x)
    n = 0
    while True:
        m = n // 2
        if n % 2 == 0:  # the coefficient of x of step 2m + 1
            top, dtop = -(a + m) * (a + b + m), -(da * (a + b + m) + (a + m) * (da + db))
            low, dlow = (a + 2 * m) * (a + 2 * m + 1), da * (2 * a + 4 * m + 1)
            if n == 0:  # a cancels
                top, dtop, low, dlow = -(a + b), -(da + db) + 0 * a, a + 1, da + 0 * a
        else:
            k = m + 1
            top, dtop = k * (b - k), k * db
            low, dlow = (a + 2 * k - 1) * (a + 2 * k), da * (2 * a + 4 * k - 1)
        e = top / low * x
        de = (dtop - top / low * dlow) / low * x
        dd = -(de * d + e * dd)
        d = 1 / (1 + e * d)
        dd = dd * d * d
        dc = de / c - e * dc / (c * c)
        c = 1 + e / c
        step, dstep = c * d, dc * d + c * dd
        df = df * step + f * dstep
        f = f * step
        n += 1
        if n > 4 and (not (np.abs(step - 1) + np.abs(dstep) > 1e-15).any() or n > 100_000):
            return 1 / f, -df / (f * f)


def _dirichlet_grad64(x: Any, alpha: Any, total: Any) -> Any:
    x, alpha, total = np.broadcast_arrays(x, alpha, total)
    beta = total - alpha
    result = np.full(x.shape, np.nan)
    # At the ends the distribution function does not move.
    result[(alpha > 0) & ((x <= 0) | (x >= 1))] = 0.0
    plain = (alpha > 0) & (beta > 0) & (x > 0) & (x < 1)
    left = plain & (x * (total + 2) < alpha + 1)
    right = plain & ~left
    if left.any():
        u, a, b = x[left], alpha[left], beta[left]
        h, dh = _beta_fraction(a, b, u, True)
        result[left] = -u / a * (h * (np.log(u) - _digamma64(a + 1) + _digamma64(a + b)) + dh)
    if right.any():
        u, a, b = x[right], alpha[right], beta[right]
        h, dh = _beta_fraction(b, a, 1 - u, False)
        result[right] = u / b * (h * (np.log(u) - _digamma64(a) + _digamma64(a + b)) + dh)
    return result


def dirichlet_grad(x: Any, alpha: Any, total: Any) -> Any:
    r"""Return :math:`dx / d\alpha / (1 - x)` of a component ``x`` of a Dirichlet variable, along its distribution.

    A component is a beta variable of :math:`\alpha` and :math:`total - \alpha`; the rest of the vector shrinks in
    proportion, which is where the factor comes from.

    Source: Jankowiak and Obermeyer, "Pathwise Derivatives Beyond the Reparameterization Trick" (2018).
    """
    x, alpha, total = np.asarray(x), np.asarray(alpha), np.asarray(total)
    wide = (v.astype(np.float64) for v in (x, alpha, total))
    return _dirichlet_grad64(*wide).astype(x.dtype)
