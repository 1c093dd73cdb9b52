"""Normalisation by channel, row and group, both ways, against the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import norm as K

NEAR = {np.float32: 4e-6, np.float64: 2e-14}


def draw(shape: Any, kind: Any, seed: int = 0) -> tuple[Any, ...]:
    """Return gradients, values far from 0, weights and biases."""
    r = np.random.default_rng(seed)
    g, x = r.standard_normal(shape), r.standard_normal(shape) * 2 + 3
    return tuple(a.astype(kind) for a in (g, x, r.standard_normal(shape[1]) + 1, r.standard_normal(shape[1])))


def wide(*arrays: Any) -> list[Any]:
    return [None if a is None else a.astype(np.float64) for a in arrays]


def same(got: Any, want: Any, kind: Any) -> None:
    """Compare with results in double precision, relative to the largest."""
    for a, b in zip(got, want, strict=True):
        assert a.dtype == kind
        assert a.shape == b.shape
        scale = max(1.0, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=NEAR[kind])


shapes = st.tuples(st.integers(1, 5), st.sampled_from([1, 4, 6]), st.sampled_from([1, 2, 7, 64, 1025, 2300]))
options = {
    "shape": shapes.filter(lambda s: s[0] * s[2] > 1),
    "kind": st.sampled_from([np.float32, np.float64]),
    "affine": st.sampled_from(["both", "weight", "bias", "none"]),
}


def chosen(affine: str, weight: Any, bias: Any) -> tuple[Any, Any]:
    return (weight if affine in ("both", "weight") else None), (bias if affine in ("both", "bias") else None)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(**options, relu=st.booleans())
def test_batch_norm(shape: Any, kind: Any, affine: str, relu: bool) -> None:
    g, x, weight, bias = draw(shape, kind)
    weight, bias = chosen(affine, weight, bias)
    want = K.batch_norm_reference(*wide(x, weight, bias), 0.1, relu)
    got = K.batch_norm(x, weight, bias, 0.1, relu)
    same(got, want, kind)
    if relu:
        # An element that rounding moves across 0 passes its gradient or not.
        g = np.where(np.abs(K.batch_norm_reference(*wide(x, weight, bias), 0.1)[0]) < 1e-5, 0, g).astype(kind)
    back = K.batch_norm_backward(g, x, weight, bias, got[1], got[3], relu)
    same(back, K.batch_norm_backward_reference(*wide(g, x, weight, bias, want[1], want[3]), relu), kind)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(**options, relu=st.booleans())
def test_channel_affine(shape: Any, kind: Any, affine: str, relu: bool) -> None:
    _, x, weight, bias = draw(shape, kind)
    same([K.channel_affine(x, weight, bias, relu)], [K.channel_affine_reference(*wide(x, weight, bias), relu)], kind)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(**options, center=st.booleans())
def test_row_norm(shape: Any, kind: Any, affine: str, center: bool) -> None:
    g, x, weight, bias = draw((shape[0] * shape[1], shape[2]), kind)[:2] + draw((1, shape[2]), kind, 1)[2:]
    weight, bias = chosen(affine, weight, bias)
    want = K.row_norm_reference(*wide(x, weight, bias), 0.1, center)
    got = K.row_norm(x, weight, bias, 0.1, center)
    same(got, want, kind)
    back = K.row_norm_backward(g, x, weight, *got[1:], center)
    same(back, K.row_norm_backward_reference(*wide(g, x, weight, *want[1:]), center), kind)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(**options, groups=st.sampled_from([1, 2, 0]))
def test_group_norm(shape: Any, kind: Any, affine: str, groups: int) -> None:
    g, x, weight, bias = draw(shape, kind)
    groups = shape[1] if groups == 0 or shape[1] == 1 else groups
    weight, bias = chosen(affine, weight, bias)
    want = K.group_norm_reference(*wide(x, weight, bias), groups, 0.1)
    got = K.group_norm(x, weight, bias, groups, 0.1)
    same(got, want, kind)
    back = K.group_norm_backward(g, x, weight, *got[1:], groups)
    same(back, K.group_norm_backward_reference(*wide(g, x, weight, *want[1:]), groups), kind)


def test_a_mean_far_from_zero_leaves_the_variance_right() -> None:
    x = (np.random.default_rng(0).standard_normal((8, 2, 3000)) + 1e4).astype(np.float32)
    truth = x.astype(np.float64).var(axis=(0, 2))
    np.testing.assert_allclose(K.batch_norm(x, None, None, 1e-5)[2], truth, rtol=1e-5)
    scale = K.group_norm(x, None, None, 2, 1e-5)[2].reshape(8, 2)
    np.testing.assert_allclose(scale, 1 / np.sqrt(x.astype(np.float64).var(axis=2) + 1e-5), rtol=1e-5)


def test_equal_values_have_no_variance() -> None:
    x = np.full((4, 2, 50), 1 / 3, np.float32)
    out, _, variance, scale = K.batch_norm(x, None, None, 1e-5)
    assert (variance >= 0).all()
    assert np.abs(out).max() < 1e-3
    np.testing.assert_allclose(scale, 1e-5**-0.5, rtol=1e-4)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_not_a_number_spoils_its_channel_only(kind: Any) -> None:
    x = draw((3, 4, 40), kind)[1]
    x[1, 2, 3] = np.nan
    for relu in (False, True):
        out = K.batch_norm(x, None, None, 1e-5, relu)[0]
        assert np.isnan(out[:, 2]).all()
        assert np.isfinite(np.delete(out, 2, axis=1)).all()


def test_out_and_layouts() -> None:
    _, x, weight, bias = draw((3, 4, 6, 5), np.float32)
    turned = np.ascontiguousarray(x.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0)
    calls = {
        "batch": lambda x, **k: K.batch_norm(x, weight, bias, 1e-5, **k),
        "relu": lambda x, **k: K.batch_norm(x, weight, bias, 1e-5, True, **k),
        "group": lambda x, **k: K.group_norm(x, weight, bias, 2, 1e-5, **k),
        "affine": lambda x, **k: (K.channel_affine(x, weight, bias, **k),),
    }
    for call in calls.values():
        want = call(x)
        buffer = x.copy()
        got = call(buffer, out=buffer)
        assert got[0] is buffer
        for a, b, c in zip(want, got, call(turned), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a, c)
    _, mean, _, scale = K.batch_norm(x, weight, bias, 1e-5)
    one = np.broadcast_to(np.float32(0.5), x.shape)
    for a, b in zip(
        K.batch_norm_backward(one, turned, weight, bias, mean, scale),
        K.batch_norm_backward(one.copy(), x, weight, bias, mean, scale),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_same_bits_on_any_number_of_threads(kind: Any) -> None:
    g, x, weight, bias = draw((5, 6, 1500), kind)
    rows = x.reshape(30, 1500)
    shift = np.linspace(-1, 1, 1500).astype(kind)
    _, mean, _, scale = K.batch_norm(x, weight, bias, 1e-5)
    _, row_mean, row_scale = K.row_norm(rows, shift, shift, 1e-5)
    _, group_mean, group_scale = K.group_norm(x, weight, bias, 3, 1e-5)
    for relu in (False, True):
        same_on_threads(lambda r=relu: K.batch_norm(x, weight, bias, 1e-5, r))
        same_on_threads(lambda r=relu: K.batch_norm_backward(g, x, weight, bias, mean, scale, r))
        same_on_threads(lambda r=relu: K.channel_affine(x, weight, bias, r))
    same_on_threads(lambda: K.row_norm(rows, shift, shift, 1e-5))
    same_on_threads(lambda: K.row_norm_backward(g.reshape(30, 1500), rows, shift, row_mean, row_scale))
    same_on_threads(lambda: K.group_norm(x, weight, bias, 3, 1e-5))
    same_on_threads(lambda: K.group_norm_backward(g, x, weight, group_mean, group_scale, 3))
