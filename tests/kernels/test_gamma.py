"""The gamma function's relatives by their identities, Bessel functions by their integral."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_hw.kernels import bessel, gamma

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.uniform(0.01, 3, 200), RNG.uniform(3, 60, 200), [1e4, 1e8]])
NEGATIVE = RNG.uniform(-6, 0, 100)

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


@pytest.mark.parametrize("x", [X, X[:20], X.astype(np.float32), X[:40].reshape(5, 8)], ids=["many", "few", "f4", "2d"])
def test_lgamma(x):
    expected = np.reshape([math.lgamma(v) for v in x.ravel()], x.shape)
    np.testing.assert_allclose(gamma.lgamma(x), expected, rtol=1e-6 if x.dtype == np.float32 else 1e-13, atol=1e-15)
    assert gamma.lgamma(x).dtype == x.dtype


def test_poles():
    x = np.array([0.0, -0.0, -1.0, -7.0])
    assert np.isposinf(gamma.lgamma(x)).all()
    np.testing.assert_array_equal(gamma.digamma(x), [-np.inf, np.inf, np.nan, np.nan])
    assert np.isposinf(gamma.polygamma(x, 1)).all()
    assert np.isposinf(gamma.zeta(np.array(2.0), np.array(-3.0)))


def test_digamma():
    np.testing.assert_allclose(gamma.digamma(X + 1), gamma.digamma(X) + 1 / X, rtol=1e-13, atol=1e-13)
    reflected = gamma.digamma(1 - NEGATIVE) - math.pi / np.tan(math.pi * NEGATIVE)
    np.testing.assert_allclose(gamma.digamma(NEGATIVE), reflected, rtol=1e-11)
    assert gamma.digamma(np.array(1.0)) == pytest.approx(-0.57721566490153286, rel=1e-15)
    assert gamma.digamma(np.array(0.5)) == pytest.approx(-0.57721566490153286 - 2 * math.log(2), rel=1e-15)
    assert np.isposinf(gamma.digamma(np.array(np.inf)))
    assert np.isnan(gamma.digamma(np.array(np.nan)))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 25])
def test_polygamma(n):
    step = (-1) ** n * math.factorial(n)
    for x in (X, NEGATIVE):
        here, next_ = gamma.polygamma(x, n), gamma.polygamma(x + 1, n)
        error = np.abs(next_ - here - step / x ** (n + 1.0))
        assert (error <= 1e-10 * (np.abs(here) + np.abs(next_))).all()
    if n % 2 and n < 10:
        # zeta of even numbers: pi^2 / 6, pi^4 / 90, pi^8 / 9450
        known = {1: math.pi**2 / 6, 3: 6 * math.pi**4 / 90}.get(n)
        if known:
            assert gamma.polygamma(np.array(1.0), n) == pytest.approx(known, rel=1e-14)


def test_zeta():
    s = np.array([2.0, 4.0, 1.001, 50.0])
    np.testing.assert_allclose(gamma.zeta(s[:2], np.ones(2)), [math.pi**2 / 6, math.pi**4 / 90], rtol=1e-14)
    np.testing.assert_allclose(gamma.zeta(s, np.array(0.7)) - gamma.zeta(s, np.array(1.7)), 0.7**-s, rtol=1e-9)
    assert np.isposinf(gamma.zeta(np.array(1.0), np.array(2.0)))
    assert np.isnan(gamma.zeta(np.array(0.5), np.array(2.0)))
    assert np.isnan(gamma.zeta(np.array(2.5), np.array(-0.5)))


def test_incomplete_gamma():
    x = np.linspace(0.05, 40, 300)
    np.testing.assert_allclose(gamma.gammainc(np.ones(()), x), -np.expm1(-x), rtol=1e-13)
    np.testing.assert_allclose(gamma.gammaincc(np.ones(()), x), np.exp(-x), rtol=1e-12)
    erf = [math.erf(math.sqrt(v)) for v in x]
    np.testing.assert_allclose(gamma.gammainc(np.array(0.5), x), erf, rtol=1e-13)
    for a in (0.3, 2.5, 9.9, 10.1, 80.0, 1e4):
        y = a * np.linspace(0.3, 2.5, 40)
        p, q = gamma.gammainc(np.array(a), y), gamma.gammaincc(np.array(a), y)
        np.testing.assert_allclose(p + q, 1, rtol=1e-13)
        step = np.exp(a * np.log(y) - y - math.lgamma(a + 1))
        np.testing.assert_allclose(gamma.gammainc(np.array(a + 1), y), p - step, rtol=1e-9, atol=1e-11)


def test_incomplete_gamma_at_the_ends():
    inf = np.inf
    a = np.array([0.0, 0.0, 1.0, 1.0, inf, inf, -1.0, 1.0, np.nan])
    x = np.array([0.0, 1.0, 0.0, inf, 1.0, inf, 1.0, -1.0, 1.0])
    np.testing.assert_array_equal(gamma.gammainc(a, x), [np.nan, 1, 0, 1, 0, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(gamma.gammaincc(a, x), [np.nan, 0, 1, 0, 1, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("a", [0.05, 0.7, 1.0, 3.3, 20.0, 400.0, 3e4])
def test_gamma_grad_keeps_the_distribution_function(a):
    """P(a, x) does not change along dx/da."""
    root = math.sqrt(a)
    places = (a - 2 * root, a - 0.5 * root, a, a + root, a + 3 * root, a / 2)
    x = np.array([v for v in places if v > max(0, a - 4 * root)])
    step = 1e-3 * min(a, root)

    def change(h):
        return (gamma.gammainc(np.array(a + h), x) - gamma.gammainc(np.array(a - h), x)) / (2 * h)

    by_a = (4 * change(step) - change(2 * step)) / 3
    density = np.exp((a - 1) * np.log(x) - x - math.lgamma(a))
    np.testing.assert_allclose(gamma.gamma_grad(np.array(a), x), -by_a / density, rtol=1e-6)


def test_gamma_grad_is_smooth_where_the_method_changes():
    a = np.array([0.9999e6, 1.0001e6])
    for z in (-3.0, 0.2, 3.0):
        low, high = gamma.gamma_grad(a, a + z * np.sqrt(a))
        assert low == pytest.approx(high, abs=1e-6)
    for a in (0.5, 30.0):
        low, high = gamma.gamma_grad(np.array(a), np.array([a + 1 - 1e-9, a + 1 + 1e-9]))
        assert low == pytest.approx(high, rel=1e-8)
    np.testing.assert_array_equal(gamma.gamma_grad(np.array([2.0, -1.0]), np.array([0.0, 1.0])), [0, np.nan])


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.6), (1.0, 1.0), (2.5, 0.4), (8.0, 30.0), (300.0, 200.0)])
def test_dirichlet_grad_keeps_the_distribution_function(a, b):
    mean = a / (a + b)
    spread = math.sqrt(mean * (1 - mean) / (a + b + 1))
    step = 1e-4 * a
    for x in (mean - spread, mean, mean + spread, 0.02, 0.98):
        if not 0 < x < 1:
            continue
        slope = float(gamma.dirichlet_grad(np.array(x), np.array(a), np.array(a + b))) * (1 - x)
        density = math.exp(
            (a - 1) * math.log(x) + (b - 1) * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        )
        change = (beta_below(x, a + step, b) - beta_below(x, a - step, b)) / (2 * step)
        assert slope * density == pytest.approx(-change, rel=1e-5, abs=1e-7)


def beta_below(x, a, b):
    """Return the share of a beta distribution below x, by tanh-sinh quadrature."""
    s = np.linspace(-4.5, 4.5, 3001)
    u, du = 0.5 * math.pi * np.sinh(s), 0.5 * math.pi * np.cosh(s)
    near = x / (1 + np.exp(-2 * u))
    weight = (s[1] - s[0]) * 2 * du * near / (1 + np.exp(2 * u))
    log_p = (a - 1) * np.log(near) + (b - 1) * np.log1p(-near)
    return float((weight * np.exp(log_p + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))).sum())


def test_dirichlet_grad_at_the_ends():
    ends = gamma.dirichlet_grad(np.array([0.0, 1.0]), np.array(0.5), np.array(1.5))
    np.testing.assert_array_equal(ends, 0)


@pytest.mark.parametrize("order", [0, 1])
def test_bessel(order):
    x = np.concatenate([np.linspace(-60, 60, 241), [29.999, 30.001]])
    t = (np.arange(2000) + 0.5) * math.pi / 2000
    scaled = np.array([np.mean(np.exp(v * np.cos(t) - abs(v)) * np.cos(order * t)) for v in x])
    plain, exponential = ((bessel.i0, bessel.i0e), (bessel.i1, bessel.i1e))[order]
    np.testing.assert_allclose(exponential(x), scaled, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(plain(x), scaled * np.exp(np.abs(x)), rtol=1e-12, atol=1e-16)
    assert exponential(np.array(1e30)) == pytest.approx(1 / math.sqrt(2 * math.pi * 1e30))
    assert exponential(x.astype(np.float32)).dtype == np.float32
