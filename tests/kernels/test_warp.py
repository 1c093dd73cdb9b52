"""The affine map of images: the compiled kernel against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_hw.kernels.warp import warp, warp_reference

IDENTITY = [1.0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("bilinear", [False, True])
def test_kernel_is_its_definition(dtype: type, bilinear: bool) -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((5, 3, 9, 12)) * 255).astype(dtype)
    matrices = np.array(IDENTITY) + rng.normal(0, 0.5, (5, 6)) * [1, 1, 4, 1, 1, 4]
    matrices[0] = IDENTITY
    fill = np.array([0.0, 7, 200])
    for size in ((9, 12), (4, 15)):
        a, b = warp(x, matrices, size, bilinear, fill), warp_reference(x, matrices, size, bilinear, fill)
        assert a.shape == b.shape == (5, 3, *size)
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a.astype(float), b.astype(float), atol=1 if dtype is np.uint8 else 1e-4)
    np.testing.assert_array_equal(warp(x, matrices, (9, 12), bilinear, fill)[0], x[0])


def test_shift_and_fill() -> None:
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    out = warp(x, [[1, 0, 1, 0, 1, -1]], (3, 4), False, [-1])
    assert out[0, 0].tolist() == [[-1, -1, -1, -1], [1, 2, 3, -1], [5, 6, 7, -1]]
    half = warp(x, [[1, 0, 0.5, 0, 1, 0]], (3, 4), True, [0])
    np.testing.assert_allclose(half[0, 0, 0], [0.5, 1.5, 2.5, 1.5])


def test_nothing() -> None:
    assert warp(np.zeros((0, 3, 4, 4)), np.zeros((0, 6)), (2, 2), True, np.zeros(3)).shape == (0, 3, 2, 2)
