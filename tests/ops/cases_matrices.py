"""Factors, solvers and functions of matrices; special functions without gradients; windows; masked reductions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import tinygrad_hw as tg
from tests.ops.harness import OpCase, T, spd, well_conditioned
from tests.ops.short import INT, C, E

W = {"make": well_conditioned}
MASK = T(3, 4, dtype="bool")
NONE = T(3, 4, make=lambda rng, shape: np.zeros(shape, bool), dtype="bool")


def lower(rng, shape):
    """Well conditioned lower triangles."""
    return np.tril(rng.uniform(-0.5, 0.5, shape), -1) + 2 * np.eye(shape[-1])


def reflectors(rng, shape):
    """What ``geqrf`` leaves below the diagonal."""
    return rng.uniform(-1, 1, shape)


def pivots(rng, shape):
    """Row exchanges that lu_factor could have made."""
    n = shape[-1]
    return np.minimum(np.arange(1, n + 1) + rng.integers(0, 2, shape), n)


PIVOTS = T(3, make=pivots, dtype="int32")
DEGREES = T(4, dtype="int64", low=0, high=6)
WHOLE_MINUS = T(9, grad=False, make=lambda rng, shape: np.linspace(-30, 30, 9))
PROBABILITY = T(5, low=0.01, high=0.99)

CASES = [
    # -- LU
    C("linalg.lu", T(3, 3, **W), errors=[E(RuntimeError, T(3)), E(RuntimeError, T(2, 2), pivot=False)]),
    C("linalg.lu", T(2, 4, **W)),
    C("linalg.lu", T(2, 4, 3, **W)),
    C("linalg.lu", T(0, 0)),
    C("linalg.lu_factor", T(3, 3, **W)),
    C("linalg.lu_factor", T(4, 2, **W)),
    C("linalg.lu_factor", T(2, 4, **W)),
    C("linalg.lu_factor_ex", T(3, 3, **W)),
    C("lu", T(3, 3, **W), True, True),
    C("lu_unpack", T(3, 3, **W), PIVOTS),
    C("lu_unpack", T(3, 3, grad=False, **W), PIVOTS, False),
    C("linalg.lu_solve", T(3, 3, make=lower), PIVOTS, T(3, 2)),
    C("linalg.lu_solve", T(3, 3, make=lower), PIVOTS, T(2, 3), left=False, adjoint=True),
    C("lu_solve", T(3, 2), T(3, 3, make=lower), PIVOTS),
    # -- reflectors
    C("geqrf", T(4, 3, grad=False, **W)),
    C("linalg.householder_product", T(4, 3, make=reflectors), T(3), errors=[E(RuntimeError, T(2, 3), T(2))]),
    C("orgqr", T(4, 3, make=reflectors), T(3)),
    C("ormqr", T(4, 3, make=reflectors), T(3), T(4, 2), errors=[E(RuntimeError, T(4, 3), T(3), T(3, 2))]),
    C("ormqr", T(4, 3, make=reflectors), T(3), T(2, 4), False, True),
    # -- solvers
    OpCase(
        "linalg.cholesky_ex", (T(3, 3, make=spd),), prepare=lambda ts: [(ts[0] + ts[0].mT) / 2], select=lambda r: r.L
    ),
    OpCase(
        "linalg.cholesky_ex",
        (T(2, 2, grad=False, make=lambda rng, shape: -np.eye(2)),),
        orders=0,
        select=lambda r: r.info,
        label="not positive definite",
    ),
    OpCase("linalg.inv_ex", (T(3, 3, **W),), select=lambda r: r.inverse),
    OpCase(
        "linalg.inv_ex",
        (T(2, 2, grad=False, make=lambda rng, shape: np.zeros((2, 2))),),
        orders=0,
        select=lambda r: r.info,
        label="singular",
    ),
    OpCase("linalg.solve_ex", (T(3, 3, **W), T(3, 2)), select=lambda r: r.result),
    # Gradients are those of a full matrix, as PyTorch's: finite differences do not see the other triangle.
    OpCase("cholesky_solve", (T(3, 2), T(3, 3, grad=False, make=lower)), errors=[E(RuntimeError, T(3, 2), T(2, 2))]),
    OpCase(
        "cholesky_solve",
        (T(3, 2), T(3, 3, grad=False, make=lower), True),
        prepare=lambda ts: [ts[0], ts[1].mT],
        label="upper",
    ),
    OpCase("cholesky_inverse", (T(3, 3, grad=False, make=lower),), orders=0, errors=[E(RuntimeError, T(2, 3))]),
    C("triangular_solve", T(3, 2), T(3, 3, make=lower), False),
    C("linalg.tensorinv", T(4, 4, **W), 1, errors=[E(RuntimeError, T(2, 3), 1), E(RuntimeError, T(2, 2), 0)]),
    C("linalg.tensorsolve", T(3, 3, **W), T(3), errors=[E(RuntimeError, T(2, 3), T(2))]),
    # -- functions of matrices
    C("logdet", T(3, 3, make=spd)),
    C("linalg.matrix_exp", T(3, 3), errors=[E(RuntimeError, T(2, 3))]),
    C("linalg.matrix_exp", T(2, 2, 2, low=-8.0, high=8.0)),
    C("matrix_exp", T(0, 0)),
    C("linalg.vecdot", T(2, 3), T(3), errors=[E(RuntimeError, T(3, **INT), T(3, **INT))]),
    C("linalg.vander", T(3), errors=[E(RuntimeError, T(3), N=1)]),
    C("linalg.vander", T(2, 3, **INT), N=4),
    C("linalg.cross", T(2, 3), T(2, 3), errors=[E(RuntimeError, T(2, 3), T(3)), E(IndexError, T(3), T(3), dim=3)]),
    C("linalg.diagonal", T(2, 3, 4), offset=1),
    OpCase("svd", (T(3, 2, **W),), select=lambda r: r.S),
    OpCase("qr", (T(3, 2, **W),), select=lambda r: r.R.abs()),
    OpCase("svd_lowrank", (T(4, 3, **W),), {"q": 3}, select=lambda r: r[1], orders=0, seeded=True, rtol=1e-6),
    OpCase("pca_lowrank", (T(4, 3, **W),), select=lambda r: r[1], orders=0, seeded=True, rtol=1e-6, atol=1e-9),
    # -- special functions
    *[
        # PyTorch's rational approximations are good to 1e-7 or so.
        replace(C(f"special.{name}", T(3, 4, low=0.1, high=4.0, grad=False)), rtol=1e-6, atol=1e-6)
        for name in (
            "airy_ai",
            "bessel_j0",
            "bessel_j1",
            "bessel_y0",
            "bessel_y1",
            "modified_bessel_i0",
            "modified_bessel_i1",
            "modified_bessel_k0",
            "modified_bessel_k1",
            "scaled_modified_bessel_k0",
            "scaled_modified_bessel_k1",
            "spherical_bessel_j0",
        )
    ],
    C("special.modified_bessel_i0", WHOLE_MINUS),
    C("special.modified_bessel_k1", WHOLE_MINUS),
    C("special.spherical_bessel_j0", WHOLE_MINUS),
    *[
        C(f"special.{prefix}{name}", T(4, grad=False), DEGREES)
        for prefix in ("", "shifted_")
        for name in [f"chebyshev_polynomial_{k}" for k in "tuvw"]
    ],
    C("special.hermite_polynomial_h", T(3, 4, grad=False), DEGREES),
    C("special.hermite_polynomial_he", T(3, 4, grad=False), DEGREES),
    C("special.laguerre_polynomial_l", T(3, 4, grad=False), DEGREES),
    C("special.legendre_polynomial_p", T(3, 4, grad=False), DEGREES),
    C("special.legendre_polynomial_p", T(grad=False), 3),
    C("special.legendre_polynomial_p", T(0, grad=False), T(0, **INT)),
    C("special.entr", T(3, 4, low=0.1, high=3.0)),
    C("special.entr", T(3, **INT)),
    C("special.entr", T(0)),
    C("special.erfcx", T(3, 4, low=-3.0, high=30.0)),
    C("special.erfcx", T()),
    C("special.ndtr", T(3, 4)),
    C("special.ndtr", T(0)),
    C("special.log_ndtr", T(6, low=-40.0, high=5.0)),
    C("special.ndtri", PROBABILITY),
    C("special.ndtri", T(3, grad=False, make=lambda rng, shape: np.array([0.0, 1.0, 2.0]))),
    C("special.xlog1py", T(3, 4), T(4, low=0.1, high=2.0)),
    C("special.xlog1py", T(3, **INT), T(3, low=0.1)),
    C("special.xlog1py", 2.0, T(3, low=0.1)),
    # -- windows
    *[
        C(f"signal.windows.{name}", 6)
        for name in ("bartlett", "blackman", "cosine", "hamming", "hann", "kaiser", "nuttall")
    ],
    C("signal.windows.hann", 6, sym=False, errors=[E(ValueError, -1), E(ValueError, 3, dtype=tg.int64)]),
    C("signal.windows.exponential", 5, tau=2.0, errors=[E(ValueError, 3, tau=-1.0)]),
    C("signal.windows.gaussian", 5, std=0.9, errors=[E(ValueError, 3, std=0.0)]),
    C("signal.windows.general_cosine", 5, a=[0.4, 0.3], errors=[E(TypeError, 3, a=1.0), E(ValueError, 3, a=[])]),
    C("signal.windows.general_hamming", 5, alpha=0.6),
    C("signal.windows.kaiser", 5, beta=4.0, sym=False, errors=[E(ValueError, 3, beta=-1.0)]),
    *[
        C(f"{name}_window", 5, errors=[E(RuntimeError, -1)])
        for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")
    ],
    # -- masked
    *[C(f"masked.{name}", T(3, 4), 1, mask=MASK) for name in ("sum", "prod", "cumsum", "cumprod")],
    *[
        C(f"masked.{name}", T(3, 4), 0)
        for name in (
            "sum",
            "mean",
            "amax",
            "amin",
            "logsumexp",
            "softmax",
            "log_softmax",
            "softmin",
            "std",
            "var",
            "median",
        )
    ],
    *[
        C(f"masked.{name}", T(3, 4, grad=False), 1, mask=T(3, 4, dtype="bool"))
        for name in (
            "amax",
            "amin",
            "argmax",
            "argmin",
            "mean",
            "median",
            "var",
            "std",
            "softmax",
            "softmin",
            "logsumexp",
        )
    ],
    C("masked.norm", T(3, 4), 2.0, 1, mask=T(4, dtype="bool", make=lambda rng, shape: np.array([1, 0, 1, 1], bool))),
    C("masked.normalize", T(3, 4), 2.0, 1),
    C("masked.logaddexp", T(3), T(3)),
    C("masked.sum", T(3, 4), mask=NONE, errors=[E(IndexError, T(3), mask=T(2, 3, dtype="bool"))]),
]
