"""Products of matrices against numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import matmul as K

SHAPES = [
    (64, 784, 128),
    (250, 200, 100),
    (65, 100, 47),
    (30, 900, 33),
    (9, 4000, 17),
    (100, 70, 129),
    (2, 2000, 300),
    (8, 16, 16),
    (7, 2100, 9),
]


@pytest.fixture(autouse=True, params=["loops", "by size"])
def _chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything multiplied by the loops, whatever its size; then by what is chosen."""
    if request.param == "loops":
        monkeypatch.setattr(K, "_LEAST", 0)
        monkeypatch.setattr(K, "_LEAST_OF_MANY", 0)
        monkeypatch.setattr(K, "_SMALL", 0)


def layouts(x: Any) -> list[Any]:
    """Return the same matrices by rows, by columns, with gaps, and backwards."""
    by_columns = np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    gaps = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
    gaps[...] = x
    return [x, by_columns, gaps, np.ascontiguousarray(x[..., ::-1])[..., ::-1]]


def close(got: Any, want: Any) -> None:
    assert got.shape == want.shape
    limit = 2e-5 if got.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(got, want, rtol=limit, atol=limit * np.abs(want).max(initial=0))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_gemm(shape: tuple[int, int, int], kind: Any) -> None:
    m, k, n = shape
    r = np.random.default_rng(0)
    a, b = r.standard_normal((m, k)).astype(kind), r.standard_normal((k, n)).astype(kind)
    want = a.astype(np.float64) @ b
    for left in layouts(a):
        for right in layouts(b):
            close(K.gemm(left, right, np.empty((m, n), kind)), want)
    close(K.gemm(a, b, np.full((m, n), 3, kind), add=True), want + 3)
    close(K.affine(a, b, b[0]), want + b[0])
    close(K.affine(a, b, None), want)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((5, 30, 40), (5, 40, 50)),
        ((5, 30, 40), (40, 50)),
        ((30, 40), (5, 40, 50)),
        ((2, 1, 30, 40), (3, 40, 50)),
        ((4, 3, 64, 32), (4, 3, 32, 64)),
        ((0, 30, 40), (0, 40, 50)),
        ((30, 0), (0, 50)),
        ((40,), (40, 50)),
    ],
)
def test_broadcasting_is_numpys(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    r = np.random.default_rng(0)
    a, b = r.standard_normal(left).astype(np.float32), r.standard_normal(right).astype(np.float32)
    for x in layouts(a) if a.ndim > 1 else [a]:
        for y in layouts(b):
            close(K.matmul(x, y), np.matmul(a, b))


def test_infinity_and_nan_stay_where_they_belong() -> None:
    a, b = np.ones((65, 130), np.float32), np.ones((130, 47), np.float32)
    a[3, 5], b[7, 11] = np.inf, np.nan
    out = K.matmul(a, b)
    strange = ~np.isfinite(out)
    expected = np.zeros_like(strange)
    expected[3], expected[:, 11] = True, True
    np.testing.assert_array_equal(strange, expected)
    assert np.isnan(out[:, 11]).all()


def test_error_of_single_precision() -> None:
    """It stays near that of BLAS, which adds up in parts too."""
    r = np.random.default_rng(0)
    a, b = r.standard_normal((40, 6000)).astype(np.float32), r.standard_normal((6000, 40)).astype(np.float32)
    want = a.astype(np.float64) @ b

    def error(x: Any) -> float:
        return float(np.abs(x - want).max())

    assert error(K.matmul(a, b)) < 4 * error(np.matmul(a, b))


@pytest.mark.parametrize("shape", [(64, 784, 128), (600, 50, 70), (9, 4000, 300)])
def test_same_bits_on_any_number_of_threads(shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    r = np.random.default_rng(0)
    a, b = r.standard_normal((m, k)).astype(np.float32), r.standard_normal((k, n)).astype(np.float32)
    same_on_threads(lambda: K.matmul(a, b))
    same_on_threads(lambda: K.matmul(a, np.asfortranarray(b)))
    same_on_threads(lambda: K.matmul(np.asfortranarray(a), b))
