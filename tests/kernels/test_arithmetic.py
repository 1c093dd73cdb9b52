"""The four operations on large arrays: numpy's bits, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels import arithmetic
from tinygrad_hw.kernels.runtime import Kernel, compiled_kernels, parallel_allowed

rng = np.random.default_rng(0)
PAIRS = [
    (arithmetic.add, np.add),
    (arithmetic.sub, np.subtract),
    (arithmetic.mul, np.multiply),
    (arithmetic.div, np.true_divide),
]


def operands(dtype: str) -> tuple[Any, Any]:
    a, b = (rng.standard_normal((7, arithmetic.LARGE // 6)).astype(dtype) for _ in range(2))
    a[0, :4] = [0, np.inf, np.nan, -0.0]
    b[0, :4] = [0, np.inf, 1, 0]
    return a, b


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The loops that ran."""
    names: list[str] = []
    call = Kernel.__call__

    def noted(self: Kernel, *args: Any, **kwargs: Any) -> Any:
        names.append(self.function.__name__)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(Kernel, "__call__", noted)
    return names


@pytest.mark.parametrize(("ours", "ufunc"), PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_numpys(ours: Callable[..., Any], ufunc: Any, dtype: str) -> None:
    a, b = operands(dtype)
    with np.errstate(all="ignore"):
        expected = ufunc(a, b)
        for result in (ours(a, b), ours(a, b, out=np.empty_like(a)), ours(a, b, out=a.copy())):
            np.testing.assert_array_equal(result, expected)
        same = a.copy()
        assert ours(same, b, out=same) is same
        np.testing.assert_array_equal(same, expected)


def test_what_the_loops_do_not_take_goes_to_numpy(ran: list[str]) -> None:
    a, b = (rng.standard_normal((7, arithmetic.LARGE // 6)).astype(np.float32) for _ in range(2))
    whole = a.astype(np.int64), b.astype(np.int64)
    for x, y in [(a, b[0]), (a.T, b.T), (a, b.astype(np.float64)), whole, (a[:1], b[:1])]:
        np.testing.assert_array_equal(arithmetic.sub(x, y), x - y)
    assert ran == []


@pytest.mark.skipif(not compiled_kernels() or not parallel_allowed(), reason="numpy itself runs")
def test_tensors_are_added_on_threads_and_gradients_too(ran: list[str]) -> None:
    x = torch.randn(arithmetic.LARGE, requires_grad=True)
    y = torch.randn(arithmetic.LARGE)
    z = x * 2
    out = (z + y) * z - z / y
    assert ran == ["_add", "_mul", "_div", "_sub"]
    out.sum().backward()
    assert ran.count("_add") == 3  # the three gradients of z
    expected = 2 * (2 * z.detach() + y - 1 / y)
    torch.testing.assert_close(x.grad, expected)


def test_an_error_names_the_op() -> None:
    with pytest.raises(RuntimeError, match="size of tensor a"):
        torch.ones(arithmetic.LARGE) + torch.ones(arithmetic.LARGE + 1)


def test_threads_do_not_change_bits() -> None:
    a, b = operands("float32")
    same_on_threads(lambda: (arithmetic.add(a, b), arithmetic.mul(a, b)))
