"""Activations and their gradients against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import elementwise as E

#: Numbers beside the arrays.
NUMBERS: dict[str, list[tuple[float, ...]]] = {
    "clamp": [(-1.0, 1.0), (0.0, 6.0)],
    "elu": [(1.0, 1.0, 1.0), (1.67, 1.05, 1.0), (2.0, 1.0, 0.5), (-1.0, 1.0, 1.0), (-2.0, 1.0, -0.5)],
    "leaky_relu": [(0.01,), (-0.5,)],
    "masked": [(1.25,)],
    "softplus": [(1.0, 20.0), (3.0, 2.0)],
}
NAMES = sorted(n.removesuffix("_reference") for n in E.__all__ if n.endswith("_reference"))
CASES = [(name, numbers) for name in NAMES for numbers in NUMBERS.get(name.removesuffix("_backward"), [()])]
#: Of results in single and double precision, of the largest.
NEAR = {np.float16: 1e-3, np.float32: 2e-6, np.float64: 1e-14}


def arguments(name: str, shape: Any, kind: Any, seed: int = 0) -> tuple[Any, ...]:
    r = np.random.default_rng(seed)
    x = (r.standard_normal(shape) * 4).astype(kind)
    if name == "masked":
        return r.random(shape) < 0.5, x
    if not name.endswith("_backward"):
        return (x,)
    if name.startswith(("sigmoid", "tanh")):
        x = np.tanh(x)
    return r.standard_normal(shape).astype(kind), x


def same(got: Any, want: Any, kind: Any) -> None:
    assert got.dtype == kind
    assert got.shape == want.shape
    want = want.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
    scale = max(1.0, np.abs(want[finite]).max(initial=0))
    np.testing.assert_allclose(got[finite] / scale, want[finite] / scale, rtol=0, atol=NEAR[kind])


def wide(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a if a.dtype == np.bool_ else a.astype(np.float64) for a in arrays)


@pytest.mark.parametrize(("name", "numbers"), CASES)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 17, 600, 4099, 70_001])
def test_values(name: str, numbers: Any, kind: Any, size: int) -> None:
    arrays = arguments(name, size, kind, size)
    want = getattr(E, name + "_reference")(*wide(arrays), *numbers)
    same(getattr(E, name)(*arrays, *numbers), want, kind)


@pytest.mark.parametrize(("name", "numbers"), CASES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_special_values_in_large_and_small_arrays(name: str, numbers: Any, kind: Any) -> None:
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 88.5, -88.5, 104.0, -104.0, 20.0, 20.5, -3.0, 3.0]
    if name.startswith(("sigmoid_", "tanh_")):
        special = [0.0, 1.0, -1.0, np.nan]
    x = np.array(special, kind)
    arrays = arguments(name, x.size, kind)
    arrays = (*arrays[:-1], x)
    with np.errstate(all="ignore"):
        want = getattr(E, name + "_reference")(*wide(arrays), *numbers)
        for repeats in (1, 700):
            got = getattr(E, name)(*[np.tile(a, repeats) for a in arrays], *numbers)
            same(got, np.tile(want, repeats), kind)


@pytest.mark.parametrize(("name", "numbers"), CASES)
def test_layouts(name: str, numbers: Any) -> None:
    arrays = arguments(name, (12, 20, 30), np.float32)
    want = getattr(E, name)(*arrays, *numbers)
    call = getattr(E, name)
    # dense in another order: the result is so, too
    turned = [np.ascontiguousarray(a.transpose(2, 0, 1)).transpose(1, 2, 0) for a in arrays]
    got = call(*turned, *numbers)
    np.testing.assert_array_equal(got, want)
    assert got.strides == turned[-1].strides
    # every other row; the gradient in another layout than the rest
    sparse = [np.repeat(a, 2, axis=1)[:, ::2] for a in arrays]
    np.testing.assert_array_equal(call(*sparse, *numbers), want)
    np.testing.assert_array_equal(call(*turned[:1], *sparse[1:], *numbers), want)
    # one gradient for all
    if name.endswith("_backward"):
        one = np.broadcast_to(np.float32(0.5), want.shape)
        np.testing.assert_array_equal(call(one, arrays[1], *numbers), call(one.copy(), arrays[1], *numbers))


@pytest.mark.parametrize(("name", "numbers"), CASES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_same_on_all_threads(name: str, numbers: Any, kind: Any) -> None:
    arrays = arguments(name, 10_007, kind)
    same_on_threads(lambda: getattr(E, name)(*arrays, *numbers))


def test_arguments_are_left_alone() -> None:
    for name, numbers in CASES:
        arrays = arguments(name, 9000, np.float32)
        copies = [a.copy() for a in arrays]
        out = getattr(E, name)(*arrays, *numbers)
        for a, b in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(a, b)
            assert not np.shares_memory(a, out)


def test_a_mask_may_broadcast() -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    mask = np.array([[True, False, True], [False, True, True]])[:, :, None]
    np.testing.assert_array_equal(E.masked(mask, x, 2.0), np.where(mask, x * 2, 0))


def test_dropping_does_not_hide_infinity() -> None:
    x = np.full(5000, np.inf, np.float32)
    assert np.isnan(E.masked(np.zeros(5000, np.bool_), x, 2.0)).all()
