"""CTC against its definition, and both against a sum over all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinygrad_hw.kernels import ctc
from tinygrad_hw.kernels.runtime import compiled_kernels


def scores(time: int, batch: int, classes: int, dtype: str) -> np.ndarray:
    x = np.random.default_rng(time).standard_normal((time, batch, classes))
    return (x - np.log(np.exp(x).sum(-1, keepdims=True))).astype(dtype)


TARGETS = np.array([[1, 2, 2], [3, 1, 3], [2, 0, 0], [1, 1, 1]])
SIZES = np.array([3, 3, 0, 3])
TIMES = np.array([7, 5, 4, 4])  # three equal labels need five steps: the last cannot be


@pytest.mark.skipif(not compiled_kernels(), reason="the references themselves run")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equals_the_definition(dtype: str) -> None:
    x = scores(7, 4, 5, dtype)
    losses = ctc.ctc_loss(x, TARGETS, TIMES, SIZES, 0)
    expected = ctc.ctc_loss_reference(x, TARGETS, TIMES, SIZES, 0)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert losses[3] == np.inf
    g = np.array([1.0, -2.0, 0.5, 1.0], dtype)
    got = ctc.ctc_grad(g, x, losses, TARGETS, TIMES, SIZES, 0, True)
    wanted = ctc.ctc_grad_reference(g, x, expected, TARGETS, TIMES, SIZES, 0, True)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert (got[:, 3] == 0).all()
    assert (got[5:, 1] == 0).all()


def test_is_a_sum_over_all_paths() -> None:
    time, classes, target, blank = 5, 3, (1, 2), 0
    x = scores(time, 1, classes, "float64")
    total = 0.0
    for path in itertools.product(range(classes), repeat=time):
        merged = [c for c, _ in itertools.groupby(path)]
        if tuple(c for c in merged if c != blank) == target:
            total += np.exp(sum(x[t, 0, c] for t, c in enumerate(path)))
    lengths = np.array([time]), np.array([len(target)])
    for function in (ctc.ctc_loss, ctc.ctc_loss_reference):
        np.testing.assert_allclose(function(x, np.array([target]), *lengths, blank), [-np.log(total)])
