"""Sums over images and places against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels.sums import channel_sums, channel_sums_reference

rng = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(64, 6, 14, 14), (3, 40, 9, 8), (1, 9, 700), (9, 513, 2), (2, 3, 0, 5), (0, 4, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_the_definition(shape: tuple[int, ...], dtype: str) -> None:
    x = (rng.standard_normal(shape) + 1).astype(dtype)
    out = channel_sums(x)
    assert out.dtype == x.dtype
    assert out.shape == shape[1:2]
    np.testing.assert_allclose(out, channel_sums_reference(x), rtol=3e-6 if dtype == "float32" else 1e-14, atol=1e-30)


def test_layout_does_not_matter() -> None:
    x = rng.standard_normal((16, 9, 8, 12)).astype(np.float32)
    turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert channel_sums(turned).tobytes() == channel_sums(x).tobytes()


def test_many_equal_numbers_keep_their_sum() -> None:
    # Added one after another in single precision these would stop growing at 2**24.
    x = np.full((20, 1, 1_000_000), 1, np.float32)
    assert channel_sums(x) == 20_000_000


def test_threads_do_not_change_bits() -> None:
    x = rng.standard_normal((20, 6, 28, 28)).astype(np.float32)
    same_on_threads(lambda: channel_sums(x))
