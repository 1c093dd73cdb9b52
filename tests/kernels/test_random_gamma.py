"""Gamma, Dirichlet and binomial draws: compiled and interpreted loops agree, the stream goes on where it should."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_hw.kernels import random_gamma as R
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.kernels.random import normal_, poisson, rand
from tinygrad_hw.kernels.runtime import compiled_kernels


def seeded(seed=0):
    return Generator().manual_seed(seed)


DRAWS = {
    "gamma": lambda n, g: R.standard_gamma(np.linspace(0, 9, n), g),
    "gamma-small": lambda n, g: R.standard_gamma(np.full(n, 0.02), g),
    "dirichlet": lambda n, g: R.sample_dirichlet(np.linspace(0.1, 9, 4 * n).reshape(n, 4), g),
    "binomial": lambda n, g: R.binomial(np.floor(np.linspace(0, 200, n)), np.linspace(0, 1, n) ** 2, g),
    "binomial-few": lambda n, g: R.binomial(np.full(n, 12.0), np.linspace(0, 1, n), g),
}


@pytest.mark.skipif(not compiled_kernels(), reason="kernels are not compiled here")
@pytest.mark.parametrize("name", DRAWS)
def test_compiled_and_interpreted_loops_agree(name, monkeypatch):
    g, h = seeded(), seeded()
    compiled = DRAWS[name](400, g)
    monkeypatch.setattr(R, "compiled_kernels", lambda: False)
    interpreted = DRAWS[name](400, h)
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-12)
    assert rand(1, np.float64, g) == rand(1, np.float64, h)


@pytest.mark.parametrize("name", DRAWS)
def test_draws_do_not_depend_on_the_block(name, monkeypatch):
    g, h = seeded(3), seeded(3)
    whole = DRAWS[name](60, g)
    count = []
    real = Generator.doubles

    def small(self, n):
        count.append(n)
        return real(self, min(n, 5) if len(count) % 2 else n)

    monkeypatch.setattr(Generator, "doubles", small)
    pieces = DRAWS[name](60, h)
    np.testing.assert_array_equal(whole, pieces)
    assert len(count) > 1


def test_the_spare_normal_is_handed_on():
    g, h = seeded(), seeded()
    one = np.array([R.standard_gamma(np.array([2.5]), g)[0] for _ in range(7)])
    np.testing.assert_array_equal(one, R.standard_gamma(np.full(7, 2.5), h))
    assert (g._normal is None) == (h._normal is None)
    np.testing.assert_array_equal(normal_(np.empty(3), 0, 1, g), normal_(np.empty(3), 0, 1, h))


@pytest.mark.parametrize("a", [0.05, 0.9, 1.0, 4.0, 250.0])
def test_gamma_moments(a):
    x = R.standard_gamma(np.full(40_000, a), seeded())
    assert x.mean() == pytest.approx(a, abs=5 * math.sqrt(a / 40_000))
    assert x.var() == pytest.approx(a, rel=0.05 if a > 0.5 else 0.2)
    assert (x >= np.finfo(float).tiny).all()


@pytest.mark.parametrize(("n", "p"), [(5, 0.3), (40, 0.5), (40, 0.97), (1000, 0.2), (10**6, 0.7), (3, 0.0), (3, 1.0)])
def test_binomial_moments(n, p):
    x = R.binomial(np.full(30_000, float(n)), np.array(p), seeded())
    assert x.min() >= 0
    assert x.max() <= n
    assert x.mean() == pytest.approx(n * p, abs=5 * math.sqrt(n * p * (1 - p) / 30_000) + 1e-12)
    assert x.var() == pytest.approx(n * p * (1 - p), rel=0.05)
    np.testing.assert_array_equal(x, np.floor(x))


def test_dirichlet_rows_sum_to_one():
    x = R.sample_dirichlet(np.full((500, 3), 0.01, np.float32), seeded())
    np.testing.assert_allclose(x.sum(-1), 1, rtol=1e-6)
    assert (x > 0).all()
    assert (x < 1).all()


def test_dtypes_shapes_and_bad_values():
    for dtype in (np.float16, np.float32, np.float64):
        x = R.standard_gamma(np.full((2, 3), 2.0, dtype), seeded())
        assert (x.dtype, x.shape) == (dtype, (2, 3))
    assert R.standard_gamma(np.empty((0, 3)), seeded()).shape == (0, 3)
    assert R.standard_gamma(np.array(2.0), seeded()).shape == ()
    assert R.binomial(np.full((2, 1), 3.0), np.full(4, 0.5), seeded()).shape == (2, 4)
    tiny = np.finfo(np.float64).tiny
    np.testing.assert_array_equal(R.standard_gamma(np.array([0.0, -1.0, np.nan]), seeded())[:1], tiny)
    assert np.isnan(R.binomial(np.array([3.0]), np.array([np.nan]), seeded()))
    for function in (R.standard_gamma, R.sample_dirichlet, lambda a: R.binomial(a, a)):
        with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
            function(np.array([1]))


def test_expanded_input_is_drawn_in_the_order_of_its_elements():
    a = np.broadcast_to(np.array([0.5, 20.0]), (6, 2))
    np.testing.assert_array_equal(R.standard_gamma(a, seeded()), R.standard_gamma(a.copy(), seeded()))
    np.testing.assert_array_equal(R.standard_gamma(a.T, seeded()), R.standard_gamma(a.T.copy(), seeded()))
    np.testing.assert_array_equal(poisson(a, seeded()), poisson(a.copy(), seeded()))
    np.testing.assert_array_equal(poisson(a.T, seeded()), poisson(a.T.copy(), seeded()))
