"""Sums over images and places against the definition, sums of rows against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.kernels.threads import same_on_threads
from tinygrad_hw.kernels.runtime import Kernel, compiled_kernels
from tinygrad_hw.kernels.sums import _add_rows, channel_sums, channel_sums_reference, sum_of_rows

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


ROWS = [(64, 128), (4096, 3), (2, 5000), (1, 4097), (3000, 2), (5000, 1), (40, 17, 9), (513, 2, 5), (10, 10), (0, 5000)]


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_sums_of_rows_are_numpys_to_the_bit(shape: tuple[int, ...], dtype: str) -> None:
    x = (rng.standard_normal(shape) * 1000).astype(dtype)
    if dtype != "int64":
        x.reshape(-1)[::7] = -0.0
        x.reshape(-1)[5:6] = np.nan
    for array in (x, np.asfortranarray(x), np.full_like(x, -0.0), np.repeat(x, 2, 0)[::2]):
        found, expected = sum_of_rows(array), np.add.reduce(array)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        assert found.tobytes() == expected.tobytes()


@pytest.mark.skipif(not compiled_kernels(), reason="numpy itself runs")
def test_sums_of_rows_and_gradients_of_biases_take_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    run = Kernel.run

    def noted(self: Kernel, work: float, *args: object) -> object:
        counted.append(self)
        return run(self, work, *args)

    monkeypatch.setattr(Kernel, "run", noted)
    x = torch.randn(64, 128)
    assert x.sum(0).numpy().tobytes() == np.add.reduce(x.numpy()).tobytes()
    assert counted == [_add_rows]
    row = torch.zeros(128, requires_grad=True)
    (row * x).backward(torch.ones(64, 128))
    assert counted == [_add_rows] * 2
    assert row.grad is not None
    assert row.grad.numpy().tobytes() == np.add.reduce(x.numpy()).tobytes()
    torch.nn.functional.linear(torch.ones(64, 3), torch.ones(128, 3), row).backward(x)
    assert counted == [_add_rows] * 3
