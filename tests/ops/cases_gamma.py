"""Cases of the gamma function's relatives, Bessel functions, and gamma, Dirichlet and binomial draws."""

from __future__ import annotations

import math

import numpy as np

from tests.ops.harness import OpCase, T
from tests.ops.short import E

POSITIVE = {"low": 0.2, "high": 9.0}


def each(function):
    return lambda x, *rest: np.reshape([function(float(v), *rest) for v in np.ravel(x)], np.shape(x))


def euler_digamma(x):
    """Digamma by its defining limit, differentiated log gamma in steps of one."""
    return math.log(x + 400) - 1 / (2 * (x + 400)) - 1 / (12 * (x + 400) ** 2) - sum(1 / (x + k) for k in range(400))


def bessel(order, scaled):
    """I_n(x) by its integral over a period, which the trapezoidal rule integrates exactly."""
    t = (np.arange(400) + 0.5) * math.pi / 400
    return each(lambda x: np.mean(np.exp(x * np.cos(t) - (abs(x) if scaled else 0)) * np.cos(order * t)))


def trials(rng, shape):
    return np.floor(rng.uniform(0, 60, shape))


CASES = [
    OpCase("lgamma", (T(3, 4, **POSITIVE),), reference=each(math.lgamma)),
    OpCase("lgamma", (T(9, 9, **POSITIVE),), reference=each(math.lgamma), label="compiled"),
    OpCase("lgamma", (T(3, low=-2.9, high=-2.1),), reference=each(math.lgamma), label="negative"),
    OpCase("lgamma", (T(**POSITIVE),), reference=each(math.lgamma)),
    OpCase("lgamma", (T(0, 3),)),
    OpCase("lgamma", (T(4, dtype="int64", low=1, high=9),), orders=0, label="int"),
    OpCase("digamma", (T(3, 4, **POSITIVE),), reference=each(euler_digamma)),
    OpCase("digamma", (T(5, low=-2.9, high=-2.1),), label="negative"),
    OpCase("digamma", (T(**POSITIVE),), reference=each(euler_digamma)),
    OpCase("digamma", (T(0, 3),)),
    OpCase("polygamma", (0, T(3, **POSITIVE)), label="0"),
    OpCase(
        "polygamma",
        (1, T(3, 4, **POSITIVE)),
        reference=lambda n, x: sum((x + k) ** -2.0 for k in range(4000)) + 1 / (x + 4000) + 0.5 / (x + 4000) ** 2,
        label="1",
        errors=[E(RuntimeError, -1, T(3))],
    ),
    OpCase("polygamma", (2, T(3, **POSITIVE)), label="2"),
    OpCase("polygamma", (3, T(low=-1.8, high=-1.2)), label="negative"),
    OpCase("polygamma", (3, T(0, 3)), label="empty"),
    OpCase("special.polygamma", (4, T(3, **POSITIVE)), label="4"),
    OpCase("Tensor.polygamma", (T(3, **POSITIVE), 1), label="method"),
    OpCase("mvlgamma", (T(3, low=1.5, high=5.0), 3), label="3", errors=[E(RuntimeError, T(3, **POSITIVE), 0)]),
    OpCase("mvlgamma", (T(**POSITIVE), 1), reference=lambda x, p: each(math.lgamma)(x), label="1"),
    OpCase("special.zeta", (T(3, low=1.5, high=6.0, grad=False), T(3, **POSITIVE)), orders=1),
    OpCase("special.zeta", (T(3, 1, low=1.5, high=6.0, grad=False), T(2, **POSITIVE)), orders=1),
    OpCase("special.zeta", (T(3, 0, grad=False), T(3, 0)), orders=1),
    OpCase(
        "igamma",
        (T(3, 4, low=0.3, high=9.0, grad=False), T(3, 4, **POSITIVE)),
        errors=[E(RuntimeError, T(3), T(4))],
    ),
    OpCase("igamma", (T(3, 1, low=0.3, high=9.0), T(4, **POSITIVE)), orders=1, parity=False, label="both"),
    OpCase("igamma", (T(low=1.0, high=1.0, grad=False), T(5, **POSITIVE)), reference=lambda a, x: -np.expm1(-x)),
    OpCase("igamma", (T(0, grad=False), T(0))),
    OpCase(
        "special.gammainc", (T(2, low=20.0, high=40.0, grad=False), T(2, low=20.0, high=40.0)), label="large", rtol=1e-8
    ),
    OpCase("igammac", (T(3, 4, low=0.3, high=9.0, grad=False), T(3, 4, **POSITIVE))),
    OpCase("igammac", (T(3, 1, low=0.3, high=9.0), T(4, **POSITIVE)), orders=1, parity=False, label="both"),
    OpCase("igammac", (T(low=1.0, high=1.0, grad=False), T(5, **POSITIVE)), reference=lambda a, x: np.exp(-x)),
    OpCase("igammac", (T(0, grad=False), T(0))),
    *[
        case
        for path, order, scaled in [
            ("i0", 0, False),
            ("special.i0e", 0, True),
            ("special.i1", 1, False),
            ("special.i1e", 1, True),
        ]
        for case in [
            OpCase(path, (T(3, 4, low=-9.0, high=9.0, kinks=(0.0,)),), reference=bessel(order, scaled)),
            OpCase(path, (T(3, low=25.0, high=40.0),), reference=bessel(order, scaled), label="bend"),
            OpCase(path, (T(low=0.5, high=1.0),), reference=bessel(order, scaled)),
            OpCase(path, (T(2, 0),)),
        ]
    ],
    OpCase("_standard_gamma", (T(3, 4, low=0.2, high=4.0, grad=False),), seeded=True, orders=0),
    OpCase("_standard_gamma", (T(300, low=0.2, high=4.0, grad=False),), seeded=True, orders=0, label="compiled"),
    OpCase("_standard_gamma", (T(0, grad=False),), seeded=True, orders=0),
    OpCase("_sample_dirichlet", (T(3, 4, low=0.2, high=4.0, grad=False),), seeded=True, orders=0),
    # PyTorch approximates these to three or four digits, the second one to two.
    OpCase(
        "_standard_gamma_grad",
        (T(3, 4, low=0.2, high=20.0, grad=False), T(3, 4, low=0.2, high=20.0, grad=False)),
        orders=0,
        rtol=1e-3,
        float32_tolerance=1e-3,
    ),
    OpCase(
        "_dirichlet_grad",
        (
            T(3, 4, low=0.05, high=0.95, grad=False),
            T(3, 4, low=0.2, high=9.0, grad=False),
            T(3, 4, low=10.0, high=20.0, grad=False),
        ),
        orders=0,
        rtol=1e-2,
        float32_tolerance=1e-2,
    ),
    OpCase(
        "binomial", (T(3, 4, make=trials, grad=False), T(4, low=0.0, high=1.0)), seeded=True, orders=1, parity=False
    ),
    OpCase(
        "binomial",
        (T(3, 4, make=trials, grad=False), T(4, low=0.0, high=1.0, grad=False)),
        seeded=True,
        orders=0,
        label="parity",
    ),
]
