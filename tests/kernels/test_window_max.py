"""Maxima of arbitrary windows, against the definition and against pooling of images."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_hw.kernels import pool2d
from tinygrad_hw.kernels.runtime import compiled_kernels
from tinygrad_hw.kernels.window_max import (
    adaptive_windows,
    fractional_windows,
    strided_windows,
    window_max,
    window_max_reference,
)

rng = np.random.default_rng(0)


@pytest.mark.skipif(not compiled_kernels(), reason="the reference itself runs")
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_equals_the_definition(dtype: str) -> None:
    x = rng.integers(-9, 9, (6, 7, 5, 8)).astype(dtype)  # with many equal elements
    if dtype != "int64":
        x[rng.random(x.shape) < 0.05] = np.nan
    strided = tuple(strided_windows(n, 3, 2, 1, 2, (n + 2 - 5) // 2 + 1) for n in x.shape[1:])
    adaptive = tuple(adaptive_windows(n, m) for n, m in zip(x.shape[1:], (3, 5, 2), strict=True))
    fractional = tuple(fractional_windows(n, 2, 3, rng.random(6).astype(np.float32)) for n in x.shape[1:])
    for windows, dilation in ((strided, (2, 2, 2)), (adaptive, (1, 1, 1)), (fractional, (1, 1, 1))):
        out, indices = window_max(x, windows, dilation)
        expected, places = window_max_reference(x, windows, dilation)
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(indices, places)


@pytest.mark.parametrize("options", [(2, 2, 0, 1, False), (3, 2, 1, 1, True), (2, 1, 0, 2, False), (3, 3, 1, 2, True)])
def test_a_volume_of_depth_one_is_an_image(options: tuple[int, int, int, int, bool]) -> None:
    kernel, stride, padding, dilation, ceil_mode = options
    x = rng.standard_normal((2, 3, 9, 8)).astype(np.float32)
    pairs = [(k, k) for k in (kernel, stride, padding, dilation)]
    expected, places = pool2d.max_pool2d_reference(x, *pairs, ceil_mode)  # type: ignore[arg-type]
    windows = (
        strided_windows(1, 1, 1, 0, 1, 1),
        *(strided_windows(n, *options[:4], m) for n, m in zip((9, 8), expected.shape[2:], strict=True)),
    )
    out, indices = window_max(x.reshape(6, 1, 9, 8), windows, (1, dilation, dilation))
    np.testing.assert_array_equal(out.reshape(expected.shape), expected)
    np.testing.assert_array_equal(indices.reshape(expected.shape), places)


def test_fractional_windows_stay_inside_and_reach_the_end() -> None:
    begin, end = fractional_windows(17, 3, 7, rng.random(100))
    assert begin.min() >= 0
    assert (end[:, -1] == 17).all()
    assert (np.diff(begin) >= 1).all()
