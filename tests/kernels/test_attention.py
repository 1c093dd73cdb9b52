"""The attention kernels against their definitions, on shapes around the tiles' edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_hw.kernels import attention as kernels
from tinygrad_hw.kernels.runtime import compiled_kernels, get_num_threads, set_num_threads

pytestmark = pytest.mark.skipif(not compiled_kernels(), reason="the references themselves run")

# batch, heads, key heads, value heads, L, S, E, F
SHAPES = [
    (2, 3, 3, 3, 64, 64, 32, 32),
    (1, 2, 2, 2, 130, 77, 20, 70),
    (1, 1, 1, 1, 65, 200, 65, 5),
    (2, 4, 2, 1, 70, 130, 8, 8),
    (1, 9, 9, 9, 3, 5, 7, 2),
    (1, 1, 1, 1, 1, 1, 1, 1),
]


def make(shape: tuple[int, ...], dtype: str, interleaved: bool, seed: int = 0) -> list[Any]:
    b, h, hk, hv, length, s, e, f = shape
    rng = np.random.default_rng(seed)
    arrays = []
    for heads, n, size in ((h, length, e), (hk, s, e), (hv, s, f), (h, length, f)):
        x = rng.standard_normal((b, n, heads, size) if interleaved else (b, heads, n, size)).astype(dtype)
        arrays.append(x.transpose(0, 2, 1, 3) if interleaved else x)
    return arrays


def compare(shape: tuple[int, ...], dtype: str, interleaved: bool, *options: Any) -> None:
    q, k, v, g = make(shape, dtype, interleaved)
    out, logs = kernels.attention(q, k, v, *options)
    expected, expected_logs = kernels.attention_reference(q, k, v, *options)
    limit = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
    assert out.dtype == logs.dtype == dtype
    np.testing.assert_allclose(out, expected, **limit)
    np.testing.assert_allclose(logs, expected_logs, **limit)
    grads = kernels.attention_backward(g, q, k, v, out, logs, *options)
    for got, wanted, like in zip(
        grads,
        kernels.attention_backward_reference(g, q, k, v, expected, expected_logs, *options),
        (q, k, v),
        strict=True,
    ):
        assert got.shape == like.shape
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, **limit)


@pytest.mark.parametrize("interleaved", [False, True], ids=["heads first", "interleaved"])
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_the_definition(shape: tuple[int, ...], dtype: str, causal: bool, interleaved: bool) -> None:
    compare(shape, dtype, interleaved, None, None, causal, 0.4)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize("kind", ["bool", "numbers", "keys only"])
@pytest.mark.parametrize("shape", SHAPES[1:5], ids=str)
def test_masks_and_dropout(shape: tuple[int, ...], kind: str, causal: bool) -> None:
    b, h, _, _, length, s, _, _ = shape
    rng = np.random.default_rng(1)
    mask: Any
    if kind == "bool":
        mask = rng.random((b, 1, length, s)) < 0.6
        mask[:, :, 0] = False
    elif kind == "numbers":
        mask = rng.standard_normal((h, length, s)).astype(np.float32)
        mask[:, -1] = -np.inf
    else:
        mask = rng.random((b, 1, 1, s)) < 0.8
    keep = rng.random((b, h, length, s)) < 0.7
    compare(shape, "float32", False, mask, None, causal, 0.4)
    compare(shape, "float32", True, mask, keep, causal, 0.4, 1 / 0.7)


def test_a_query_without_keys_gets_zeros_and_no_gradient() -> None:
    q, k, v, g = make((1, 1, 1, 1, 5, 6, 4, 4), "float32", False)
    mask = np.ones((5, 6), np.bool_)
    mask[2] = False
    out, logs = kernels.attention(q, k, v, mask, None, False, 0.5)
    assert (out[0, 0, 2] == 0).all()
    assert logs[0, 0, 2] == np.inf
    to_q, _, _ = kernels.attention_backward(g, q, k, v, out, logs, mask, None, False, 0.5)
    assert (to_q[0, 0, 2] == 0).all()
    assert (to_q[0, 0, 1] != 0).all()


def test_nan_spreads_to_what_sees_it_only() -> None:
    q, k, v, _ = make((1, 1, 1, 1, 5, 5, 4, 4), "float32", False)
    k[0, 0, 3] = np.nan
    out, _ = kernels.attention(q, k, v, None, None, True, 0.5)
    assert np.isfinite(out[0, 0, :3]).all()
    assert np.isnan(out[0, 0, 3:]).all()


def test_large_scores_do_not_overflow() -> None:
    q, k, v, _ = make((1, 1, 1, 1, 70, 130, 8, 8), "float32", False)
    compared = kernels.attention(q * 1e3, k * 1e3, v, None, None, False, 1.0)
    expected = kernels.attention_reference(q * 1e3, k * 1e3, v, None, None, False, 1.0)
    np.testing.assert_allclose(compared[0], expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(4, 4, 4, 4, 130, 130, 32, 32), (1, 2, 2, 2, 500, 300, 32, 32)], ids=str)
def test_the_number_of_threads_changes_nothing(shape: tuple[int, ...]) -> None:
    q, k, v, g = make(shape, "float32", True)
    before = get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            out, logs = kernels.attention(q, k, v, None, None, True, 0.2)
            results.append((out, logs, *kernels.attention_backward(g, q, k, v, out, logs, None, None, True, 0.2)))
    finally:
        set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_layout_of_the_result_follows_the_queries() -> None:
    for interleaved in (False, True):
        q, k, v, g = make((2, 3, 3, 3, 9, 8, 4, 4), "float32", interleaved)
        out, logs = kernels.attention(q, k, v, None, None, False, 0.5)
        assert out.strides == q.strides
        grads = kernels.attention_backward(g, q, k, v, out, logs, None, None, False, 0.5)
        assert [d.strides for d in grads] == [x.strides for x in (q, k, v)]
