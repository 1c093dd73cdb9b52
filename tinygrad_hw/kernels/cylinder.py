"""Bessel functions of order 0 and 1, and Airy's, from their integrals, power series and asymptotic series.

The integrals of DLMF 10.9 are of analytic functions, periodic or falling off doubly exponentially: the trapezoidal
rule and Gauss-Legendre nodes reach double precision with a few dozen points. Arguments above 25 take Hankel's
asymptotic series (DLMF 10.17, 10.40), whose terms fall below it there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["airy", "bessel_i", "bessel_j", "bessel_k", "bessel_y"]

_FAR = 25.0
_GAMMA = 0.5772156649015329
#: Elements computed at a time: each takes a row of some hundred nodes.
_CHUNK = 4096


def _piecewise(x: Any, parts: list[tuple[Any, Callable[[Any], Any]]]) -> Any:
    """Return values computed by each part's function where its mask holds; NaN elsewhere."""
    out = np.full(x.shape, np.nan)
    for mask, function in parts:
        places = np.flatnonzero(mask)
        for start in range(0, len(places), _CHUNK):
            at = places[start : start + _CHUNK]
            out[at] = function(x[at])
    return out


def _shaped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of flat float64 arrays take any shape and floating dtype."""

    @functools.wraps(function)
    def shaped(*args: Any, **kwargs: Any) -> Any:
        x = np.asarray(args[-1])
        with np.errstate(all="ignore"):
            flat = function(*args[:-1], x.astype(np.float64).reshape(-1), **kwargs)
        return flat.reshape(x.shape).astype(x.dtype)

    return shaped


@functools.cache
def _hankel(order: float, terms: int = 24) -> Any:
    """Return the coefficients a_k of Hankel's expansions."""
    a = [1.0]
    for k in range(1, terms):
        a.append(a[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return np.array(a)


def _series(coefficients: Any, z: Any) -> Any:
    return np.polynomial.polynomial.polyval(z, coefficients)


def _wave(order: float, x: Any) -> tuple[Any, Any, Any]:
    """Return amplitude parts and phase of the oscillating functions for large arguments."""
    a = _hankel(order)
    z = -1 / (x * x)
    return _series(a[0::2], z), _series(a[1::2], z) / x, x - (order / 2 + 0.25) * math.pi


@functools.cache
def _legendre(n: int) -> tuple[Any, Any]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _j_near(n: int, x: Any) -> Any:
    theta = (np.arange(96) + 0.5) * (math.pi / 96)
    return np.cos(n * theta - x[:, None] * np.sin(theta)).mean(1)


def _j_far(n: int, x: Any) -> Any:
    p, q, chi = _wave(n, x)
    return np.sqrt(2 / (math.pi * x)) * (p * np.cos(chi) - q * np.sin(chi))


@_shaped
def bessel_j(n: int, x: Any) -> Any:
    """Return the Bessel functions of the first kind of order 0 or 1.

    Source: DLMF 10.9.2 and 10.17.3.
    """
    size = np.abs(x)
    value = _piecewise(
        size,
        [
            (size <= _FAR, lambda s: _j_near(n, s)),
            ((size > _FAR) & np.isfinite(size), lambda s: _j_far(n, s)),
            (np.isinf(size), np.zeros_like),
        ],
    )
    return value * np.sign(x) if n else value


def _y_series(n: int, x: Any) -> Any:
    """Return the functions of the second kind for small arguments (DLMF 10.8.1)."""
    half = x / 2
    term = np.ones_like(x) if n == 0 else half.copy()
    total = np.zeros_like(x)
    harmonic = 0.0
    for k in range(40):
        below = harmonic if k == 0 else harmonic + 1 / k
        psi = below - _GAMMA
        psi_next = psi + (1 / (k + 1) if n else 0.0)
        total += term * (2 * psi if n == 0 else psi + psi_next)
        harmonic = below
        term = term * (-half * half) / ((k + 1) * (k + 1 + n))
    first = 0.0 if n == 0 else -2 / (math.pi * x)
    return first + 2 / math.pi * np.log(half) * _j_near(n, x) - total / math.pi


def _y_near(n: int, x: Any) -> Any:
    """Return the functions of the second kind by Schlaefli's integral (DLMF 10.9.7)."""
    nodes, weights = _legendre(80)
    theta = nodes * math.pi
    first = (np.sin(x[:, None] * np.sin(theta) - n * theta) * weights).sum(1)
    end = np.arcsinh(45 / x)[:, None]
    t = nodes * end
    growth = np.exp(n * t) + (-1) ** n * np.exp(-n * t)
    second = (growth * np.exp(-x[:, None] * np.sinh(t)) * weights * end).sum(1)
    return first - second / math.pi


def _y_far(n: int, x: Any) -> Any:
    p, q, chi = _wave(n, x)
    return np.sqrt(2 / (math.pi * x)) * (p * np.sin(chi) + q * np.cos(chi))


@_shaped
def bessel_y(n: int, x: Any) -> Any:
    """Return the Bessel functions of the second kind of order 0 or 1; -inf at 0, NaN below.

    Source: DLMF 10.8.1, 10.9.7 and 10.17.4.
    """
    return _piecewise(
        x,
        [
            (x == 0, lambda s: np.full(s.shape, -np.inf)),
            ((x > 0) & (x <= 5), lambda s: _y_series(n, s)),
            ((x > 5) & (x <= _FAR), lambda s: _y_near(n, s)),
            ((x > _FAR) & np.isfinite(x), lambda s: _y_far(n, s)),
            (np.isposinf(x), np.zeros_like),
        ],
    )


def _i_near(n: int, x: Any) -> Any:
    theta = (np.arange(64) + 0.5) * (math.pi / 64)
    return (np.exp(x[:, None] * (np.cos(theta) - 1)) * np.cos(n * theta)).mean(1)


def _i_far(n: int, x: Any) -> Any:
    return _series(_hankel(n), -1 / x) / np.sqrt(2 * math.pi * x)


@_shaped
def bessel_i(n: int, x: Any) -> Any:
    """Return the modified Bessel functions of the first kind of order 0 or 1.

    Source: DLMF 10.32.3 and 10.40.1.
    """
    size = np.abs(x)
    scaled = _piecewise(
        size,
        [
            (size <= _FAR, lambda s: _i_near(n, s)),
            ((size > _FAR) & np.isfinite(size), lambda s: _i_far(n, s)),
            (np.isinf(size), np.ones_like),
        ],
    )
    value = scaled * np.exp(size)
    return value * np.sign(x) if n else value


def _k_near(order: float, x: Any) -> Any:
    """Return e^x K(x) by the trapezoidal rule on an integral that falls off doubly exponentially."""
    end = np.arccosh(1 + 60 / x)[:, None]
    t = np.arange(400) / 399.0 * end
    values = np.exp(-2 * x[:, None] * np.sinh(t / 2) ** 2) * np.cosh(order * t)
    return (values.sum(1) - (values[:, 0] + values[:, -1]) / 2) * end[:, 0] / 399.0


def _k_far(order: float, x: Any) -> Any:
    return _series(_hankel(order), 1 / x) * np.sqrt(math.pi / (2 * x))


def _k_scaled(order: float, x: Any) -> Any:
    return _piecewise(
        x,
        [
            (x == 0, lambda s: np.full(s.shape, np.inf)),
            ((x > 0) & (x <= _FAR), lambda s: _k_near(order, s)),
            ((x > _FAR) & np.isfinite(x), lambda s: _k_far(order, s)),
            (np.isposinf(x), np.zeros_like),
        ],
    )


@_shaped
def bessel_k(order: float, x: Any, scaled: bool = False) -> Any:
    """Return the modified Bessel functions of the second kind, times e^x if ``scaled``; NaN below 0.

    Source: DLMF 10.32.9 and 10.40.2.
    """
    value = _k_scaled(order, x)
    return value if scaled else value * np.exp(-x)


def _airy_series(x: Any) -> Any:
    """Return Ai near 0 (DLMF 9.4.1)."""
    cube = x**3
    f, g = np.ones_like(x), x.copy()
    first, second = f.copy(), g.copy()
    for k in range(1, 60):
        f = f * cube / ((3 * k - 1) * (3 * k))
        g = g * cube / ((3 * k) * (3 * k + 1))
        first += f
        second += g
    return first / (3 ** (2 / 3) * math.gamma(2 / 3)) - second / (3 ** (1 / 3) * math.gamma(1 / 3))


def _airy_wave(x: Any) -> Any:
    """Return Ai far below 0 (DLMF 9.7.9), in Hankel's coefficients of order 1/3."""
    size = -x
    zeta = 2 / 3 * size**1.5
    a = _hankel(1 / 3)
    z = -1 / (zeta * zeta)
    chi = zeta - math.pi / 4
    # The expansion's u_k are (-1)^k a_k of order 1/3.
    return (np.cos(chi) * _series(a[0::2], z) - np.sin(chi) * _series(a[1::2], z) / zeta) / (
        math.sqrt(math.pi) * size**0.25
    )


def _airy_decay(x: Any) -> Any:
    zeta = 2 / 3 * x**1.5
    return np.sqrt(x / 3) / math.pi * _k_scaled(1 / 3, zeta) * np.exp(-zeta)


@_shaped
def airy(x: Any) -> Any:
    """Return Airy's function Ai.

    Source: DLMF 9.4.1, 9.6.2 and 9.7.9.
    """
    return _piecewise(
        x,
        [
            ((x >= -8) & (x <= 1), _airy_series),
            ((x > 1) & (x < 1e100), _airy_decay),
            ((x < -8) & np.isfinite(x), _airy_wave),
        ],
    )
