"""Norm and scaling of lists of arrays against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import clip


def arrays(kind: Any) -> list[Any]:
    r = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(3, 4), (), (0, 5), (70_001,), (1, 2, 3), (5000,)]
    return [np.asarray(r.standard_normal(s)).astype(kind) for s in shapes]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_values(kind: Any) -> None:
    given = arrays(kind)
    assert math.isclose(clip.norm(given), clip.norm_reference(given), rel_tol=1e-6)
    one, two = [a.copy() for a in given], [a.copy() for a in given]
    clip.scale(one, 0.3)
    clip.scale_reference(two, 0.3)
    for a, b, c in zip(one, two, given, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c * kind(0.3), rtol=1e-3)
    one = [a.copy() for a in given]
    clip.clamp(one, 0.5)
    for a, c in zip(one, given, strict=True):
        np.testing.assert_array_equal(a, np.clip(c, -0.5, 0.5))


def test_layouts_and_mixed_dtypes() -> None:
    wide = np.arange(40.0).reshape(4, 10)
    for given in ([wide[:, ::3].copy()], [wide[:, ::3]], [wide.T], [wide, wide.astype(np.float32)]):
        copies = [a.copy() for a in given]
        assert math.isclose(clip.norm(list(given)), math.sqrt(sum((a.astype(float) ** 2).sum() for a in given)))
        clip.scale(copies, 0.5)
        for a, b in zip(copies, given, strict=True):
            np.testing.assert_array_equal(a, b * 0.5)


def test_not_finite() -> None:
    x = np.ones(9000, np.float32)
    x[77] = np.inf
    assert clip.norm([x]) == math.inf
    x[78] = np.nan
    assert math.isnan(clip.norm([x]))
    clip.clamp([x], 2.0)
    assert x[77] == 2
    assert np.isnan(x[78])
    clip.scale([x], float("nan"))
    assert np.isnan(x).all()
    assert clip.norm([]) == 0


def test_squares_beyond_single_precision() -> None:
    assert math.isclose(clip.norm([np.full(3, 1e15, np.float32)]), 3**0.5 * 1e15, rel_tol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_same_bits_on_any_number_of_threads(kind: Any) -> None:
    given = arrays(kind)
    same_on_threads(lambda: np.array(clip.norm(given)))

    def scaled() -> Any:
        copies = [a.copy() for a in given]
        clip.scale(copies, 1 / 3)
        clip.clamp(copies, 0.4)
        return tuple(copies)

    same_on_threads(scaled)
