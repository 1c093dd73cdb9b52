"""2-D pooling and its gradients against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import pool2d as P
from tinygrad_hw.kernels import pool2d_windows

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def values(shape: Any, kind: Any, ties: bool, special: bool) -> Any:
    """Return numbers, with many equal ones or with NaN and infinities if asked for."""
    r = np.random.default_rng(0)
    x = r.integers(-2, 3, shape).astype(kind) if ties else r.standard_normal(shape).astype(kind)
    if special and x.size:
        x.flat[r.integers(0, x.size, 1 + x.size // 20)] = np.nan
        x.flat[r.integers(0, x.size, 1 + x.size // 5)] = -np.inf
    return x


def same(got: Any, want: Any) -> None:
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def brute(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, size: Any) -> tuple[Any, Any]:
    """PyTorch's rule, element by element: larger, or NaN."""
    n, c, h, w = x.shape
    out, indices = np.empty((n, c, *size)), np.empty((n, c, *size), np.int64)
    for at in np.ndindex(*out.shape):
        best, place = -np.inf, None
        for i, j in np.ndindex(*kernel):
            row = at[2] * stride[0] - padding[0] + i * dilation[0]
            column = at[3] * stride[1] - padding[1] + j * dilation[1]
            if 0 <= row < h and 0 <= column < w:
                value = x[at[0], at[1], row, column]
                if place is None or value > best or np.isnan(value):
                    best, place = value, row * w + column
        out[at], indices[at] = best, -1 if place is None else place
    return out, indices


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64]),
    planes=st.tuples(st.integers(0, 3), st.integers(1, 3)),
    size=sizes,
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.tuples(*[st.integers(1, 3)] * 2),
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    dilation=st.tuples(*[st.integers(1, 3)] * 2),
    ceil_mode=st.booleans(),
    halves=st.booleans(),
    ties=st.booleans(),
    special=st.booleans(),
)
def test_max_pool(
    kind: Any, planes: Any, size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    halves: bool, ties: bool, special: bool,
) -> None:  # fmt: skip
    if halves:
        kernel = stride = (2, 2)
        padding, dilation = (0, 0), (1, 1)
    window = (kernel, stride, padding, dilation)
    out_size = tuple(P.pool_output_size(*a, ceil_mode) for a in zip(size, *window, strict=True))
    if min(out_size) < 1:
        return
    x = values((*planes, *size), kind, ties, special)
    want, places = P.max_pool2d_reference(x, *window, ceil_mode)
    by_rule, by_rule_places = brute(x, *window, out_size)
    np.testing.assert_array_equal(want, by_rule)
    np.testing.assert_array_equal(places, by_rule_places)
    got, indices = P.max_pool2d(x, *window, ceil_mode)
    same(got, want)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, places)
    g = values(got.shape, kind, False, False)
    scattered = P.max_pool2d_scatter(g, indices, size)
    same(scattered, P.max_pool2d_scatter_reference(g, indices, size))
    assert scattered.shape == x.shape
    y = values(x.shape, kind, False, False)
    gathered = P.max_pool2d_gather(y, indices)
    same(gathered, P.max_pool2d_gather_reference(y, indices))
    np.testing.assert_allclose((scattered * y).sum(dtype=np.float64), (g * gathered).sum(dtype=np.float64), atol=1e-4)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64, np.float16, np.int64]),
    planes=st.tuples(st.integers(0, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(2, 12), st.sampled_from([2, 3, 7, 16, 33, 64, 71])),
    ties=st.booleans(),
    special=st.booleans(),
)
def test_max_pool_of_quarters(kind: Any, planes: Any, size: Any, ties: bool, special: bool) -> None:
    x = values((*planes, *size), kind, ties, special and kind != np.int64)
    want, codes = P.max_pool2d_quarters_reference(x)
    got, got_codes = P.max_pool2d_quarters(x)
    same(got, want)
    assert got_codes.dtype == np.uint8
    np.testing.assert_array_equal(got_codes, codes)
    np.testing.assert_array_equal(
        P.quarter_places(codes, size[1]), P.max_pool2d_reference(x, (2, 2), (2, 2), (0, 0), (1, 1), False)[1]
    )
    g = values(want.shape, kind, True, False)
    back = P.max_pool2d_quarters_backward(g, codes, size)
    same(back, P.max_pool2d_quarters_backward_reference(g, codes, size))
    assert back.shape == x.shape


def test_what_is_quarters() -> None:
    plain = ((2, 2), (2, 2), (0, 0), (1, 1))
    assert P.is_quarters((1, 1, 5, 6), *plain, False)
    assert not P.is_quarters((1, 1, 5, 6), *plain, True)
    assert P.is_quarters((1, 1, 4, 6), *plain, True)
    for i, other in enumerate(((2, 3), (2, 1), (0, 1), (1, 2))):
        assert not P.is_quarters((1, 1, 4, 6), *plain[:i], other, *plain[i + 1 :], False)


def test_first_of_equals_and_last_nan() -> None:
    x = np.array([[1, 1, 1, np.nan], [1, 1, np.nan, 1]], np.float32)[None, None]
    for pool in (P.max_pool2d, P.max_pool2d_reference):
        out, indices = pool(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
        assert indices.ravel().tolist() == [0, 6]
        assert out[0, 0, 0, 0] == 1
        assert np.isnan(out[0, 0, 0, 1])
        out, indices = pool(x, (2, 2), (2, 1), (0, 0), (1, 1), False)
        assert indices.ravel().tolist() == [0, 6, 6]


def test_window_that_sees_nothing() -> None:
    """Two elements three apart, around a plane of one: no place, and no gradient."""
    x = np.ones((1, 1, 1, 1), np.float32)
    for pool in (P.max_pool2d, P.max_pool2d_reference):
        out, indices = pool(x, (1, 2), (1, 1), (0, 2), (1, 3), False)
        assert out.ravel().tolist() == [-np.inf, -np.inf]
        assert indices.ravel().tolist() == [-1, -1]
    for scatter in (P.max_pool2d_scatter, P.max_pool2d_scatter_reference):
        assert scatter(np.ones_like(out), indices, (1, 1)).item() == 0
    for gather in (P.max_pool2d_gather, P.max_pool2d_gather_reference):
        assert gather(x, indices).ravel().tolist() == [0, 0]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float16])
def test_other_dtypes(kind: Any) -> None:
    x = np.arange(32).reshape(1, 2, 4, 4).astype(kind)
    out, indices = P.max_pool2d(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert out.dtype == kind
    assert out[0, 0].tolist() == [[5, 7], [13, 15]]
    assert indices[0, 1].tolist() == [[5, 7], [13, 15]]
    assert P.max_pool2d_gather(x, indices).tolist() == out.tolist()
    assert P.max_pool2d_scatter(out, indices, (4, 4)).sum() == out.sum()


@pytest.mark.parametrize(
    ("arguments", "floor", "ceiling"),
    [
        ((5, 2, 2, 0, 1), 2, 3),
        ((4, 2, 2, 0, 1), 2, 2),
        ((6, 3, 2, 1, 1), 3, 4),
        # The last window would start in the padding on the right.
        ((3, 2, 2, 1, 1), 2, 2),
        ((1, 1, 3, 0, 1), 1, 1),
        ((7, 3, 2, 0, 2), 2, 2),
        ((8, 3, 2, 0, 2), 2, 3),
    ],
)
def test_output_size(arguments: Any, floor: int, ceiling: int) -> None:
    assert P.pool_output_size(*arguments, False) == floor
    assert P.pool_output_size(*arguments, True) == ceiling


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([np.float32, np.float64]),
    planes=st.tuples(st.integers(0, 3), st.integers(1, 3)),
    size=sizes,
    kernel=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.tuples(*[st.integers(1, 3)] * 2),
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    ceil_mode=st.booleans(),
    include=st.booleans(),
    override=st.sampled_from([None, 3]),
    usual=st.sampled_from(["", "", "quarters", "plane"]),
)
def test_avg_pool(
    kind: Any, planes: Any, size: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool,
    override: Any, usual: str,
) -> None:  # fmt: skip
    if usual:
        kernel = stride = (2, 2) if usual == "quarters" else size
        padding = (0, 0)
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
    out_size = tuple(P.pool_output_size(*a, 1, ceil_mode) for a in zip(size, kernel, stride, padding, strict=True))
    if min(out_size) < 1:
        return
    options = (kernel, stride, padding, ceil_mode, include, override)
    x = values((*planes, *size), kind, False, False)
    n, c, h, w = x.shape
    want = np.empty((n, c, *out_size), kind)
    for y, z in np.ndindex(*out_size):
        r0, q0 = y * stride[0] - padding[0], z * stride[1] - padding[1]
        r1, q1 = min(r0 + kernel[0], h + padding[0]), min(q0 + kernel[1], w + padding[1])
        count = (r1 - r0) * (q1 - q0)
        inside = x[:, :, max(r0, 0) : min(r1, h), max(q0, 0) : min(q1, w)]
        if not include:
            count = inside.shape[2] * inside.shape[3]
        want[:, :, y, z] = inside.sum(axis=(2, 3)) / (override or count)
    got = pool2d_windows.avg_pool2d(x, *options)
    same(got, want)
    windows = pool2d_windows._average_windows(size, kernel, stride, padding, out_size, include, override)
    if usual and (usual == "plane" or not ceil_mode):
        assert windows.regular == usual or size in ((2, 2), (3, 3), (2, 3), (3, 2))
    same(pool2d_windows.window_means_reference(x, *windows[:3]), want)
    g = values(got.shape, kind, False, False)
    back = pool2d_windows.avg_pool2d_input_grad(g, x.shape, *options)
    same(back, pool2d_windows.window_means_adjoint_reference(g, *windows[:3], size))
    np.testing.assert_allclose((back * x).sum(dtype=np.float64), (g * got).sum(dtype=np.float64), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (7, 3), (9, 11)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_adaptive(size: Any, kind: Any) -> None:
    x = values((2, 3, 7, 8), kind, True, False)
    out, indices = pool2d_windows.adaptive_max_pool2d(x, size)
    mean = pool2d_windows.adaptive_avg_pool2d(x, size)
    for y, z in np.ndindex(*size):
        rows = slice(y * 7 // size[0], -(-(y + 1) * 7 // size[0]))
        columns = slice(z * 8 // size[1], -(-(z + 1) * 8 // size[1]))
        window = x[:, :, rows, columns].astype(np.float64)
        np.testing.assert_allclose(
            mean[:, :, y, z], window.mean(axis=(2, 3)), rtol=2e-3 if kind == np.float16 else 1e-5, atol=1e-6
        )
        np.testing.assert_array_equal(out[:, :, y, z], window.max(axis=(2, 3)))
    np.testing.assert_array_equal(P.max_pool2d_gather(x, indices), out)
    for got, want in zip((out, indices), pool2d_windows.adaptive_max_pool2d_reference(x, size), strict=True):
        np.testing.assert_array_equal(got, want)
    g = values(mean.shape, kind, False, False)
    back = pool2d_windows.adaptive_avg_pool2d_input_grad(g, x.shape)
    windows = pool2d_windows._adaptive_windows((7, 8), size)
    same(back, pool2d_windows.window_means_adjoint_reference(g, *windows[:3], (7, 8)))


def test_out() -> None:
    x = values((2, 3, 6, 6), np.float32, False, False)
    out, indices = P.max_pool2d(x, (3, 3), (2, 2), (1, 1), (1, 1), False)
    options = ((3, 3), (2, 2), (1, 1), False, True, None)
    for call in (
        lambda **k: P.max_pool2d_scatter(out, indices, (6, 6), **k),
        lambda **k: pool2d_windows.avg_pool2d_input_grad(out, x.shape, *options, **k),
        lambda **k: pool2d_windows.adaptive_avg_pool2d_input_grad(out, x.shape, **k),
        lambda **k: pool2d_windows.adaptive_avg_pool2d_input_grad(out[:, :, :2, :2], x.shape, **k),
        lambda **k: pool2d_windows.adaptive_avg_pool2d_input_grad(out[:, :, :1, :1], x.shape, **k),
        lambda **k: P.max_pool2d_quarters_backward(out, indices.astype(np.uint8) % 4, (6, 6), **k),
    ):
        buffer = np.full(x.shape, np.nan, np.float32)
        assert call(out=buffer) is buffer
        np.testing.assert_array_equal(buffer, call())


def test_layouts() -> None:
    x = values((2, 3, 6, 6), np.float32, False, False)
    other = np.ascontiguousarray(x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    window = ((2, 2), (2, 2), (0, 0), (1, 1), False)
    for a, b in zip(P.max_pool2d(x, *window), P.max_pool2d(other, *window), strict=True):
        np.testing.assert_array_equal(a, b)
    g = np.broadcast_to(np.float32(1), (2, 3, 3, 3))
    indices = P.max_pool2d(x, *window)[1]
    assert P.max_pool2d_scatter(g, indices, (6, 6)).sum() == g.size


def test_same_bits_on_any_number_of_threads() -> None:
    x = values((3, 5, 9, 10), np.float32, False, False)
    for window in (((2, 2), (2, 2), (0, 0), (1, 1), False), ((3, 3), (2, 1), (1, 1), (1, 1), True)):
        out, indices = P.max_pool2d(x, *window)
        same_on_threads(lambda w=window: P.max_pool2d(x, *w))
        same_on_threads(lambda o=out, i=indices: P.max_pool2d_scatter(o, i, (9, 10)))
        same_on_threads(lambda i=indices: P.max_pool2d_gather(x, i))
    codes = P.max_pool2d_quarters(x)[1]
    same_on_threads(lambda: P.max_pool2d_quarters_backward(x[:, :, :4, :5], codes, (9, 10)))
    for options in (((2, 2), (2, 2), (0, 0), False, True, None), ((9, 10), (1, 1), (0, 0), False, True, None)):
        y = pool2d_windows.avg_pool2d(x, *options)
        same_on_threads(lambda o=options: pool2d_windows.avg_pool2d(x, *o))
        same_on_threads(lambda o=options, g=y: pool2d_windows.avg_pool2d_input_grad(g, x.shape, *o))
    same_on_threads(lambda: pool2d_windows.adaptive_avg_pool2d(x, (4, 3)))
    same_on_threads(lambda: pool2d_windows.adaptive_avg_pool2d_input_grad(x, (3, 5, 17, 19)))
    same_on_threads(lambda: pool2d_windows.adaptive_max_pool2d(x, (4, 3)))
