"""Turning hues: the compiled kernel against its definition, and against the colour circle of Python's own colorsys."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from tinygrad_hw.kernels.hue import turn_hue, turn_hue_reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_is_its_definition(dtype: type) -> None:
    rng = np.random.default_rng(0)
    x = rng.random((4, 3, 7, 9)).astype(dtype)
    x[0, :, :2] = x[0, :1, :2]  # greys, which have no hue
    shifts = np.array([0.1, -0.5, 0.0, 0.37])
    a, b = turn_hue(x, shifts), turn_hue_reference(x, shifts)
    assert a.dtype == b.dtype == dtype
    np.testing.assert_allclose(a, b, atol=2e-6)
    np.testing.assert_allclose(a[2], x[2], atol=2e-6)
    np.testing.assert_allclose(a[0, :, :2], x[0, :, :2], atol=2e-6)


def test_the_colour_circle() -> None:
    rng = np.random.default_rng(1)
    for shift in (-0.4, 0.25, 1 / 3):
        r, g, b = rng.random(3)
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        expected = colorsys.hsv_to_rgb((h + shift) % 1, s, v)
        found = turn_hue(np.array([r, g, b]).reshape(1, 3, 1, 1), np.array([shift])).ravel()
        np.testing.assert_allclose(found, expected, atol=1e-12)
