"""Metrics against counting by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.train import (
    accuracy,
    binary_accuracy,
    confusion_matrix,
    one_hot,
    precision_recall_f1,
    top_k_accuracy,
)

SCORES = np.array(
    [[0.1, 0.9, 0.0, 0.3], [2.0, 1.0, 3.0, 2.5], [0.0, 0.0, 0.0, 0.0], [-1.0, -2.0, -3.0, -4.0], [1.0, 5.0, 5.0, 0.0]],
    np.float32,
)
TARGETS = np.array([1, 0, 2, 3, 2])

FORMS: list[Callable[[Any], Any]] = [lambda a: a, torch.from_numpy, lambda a: a.tolist()]


@pytest.mark.parametrize("form", FORMS)
def test_accuracy(form: Any) -> None:
    # Largest scores: 1, 2, 0 (the first of equal ones), 0, 1.
    assert accuracy(form(SCORES), form(TARGETS)) == 1 / 5
    assert accuracy(form(SCORES), form(np.array([1, 2, 0, 0, 1]))) == 1.0
    assert accuracy(form(np.array([0, 1, 2])), form(np.array([0, 2, 2]))) == 2 / 3
    assert accuracy(form(SCORES), form(np.eye(4)[[1, 2, 0, 0, 3]])) == 4 / 5


def test_accuracy_of_pixels() -> None:
    scores = np.zeros((1, 2, 2, 2))
    scores[0, 1, 0, 0] = scores[0, 1, 1, 1] = 1
    assert accuracy(scores, np.array([[[1, 0], [1, 1]]])) == 3 / 4


def test_accuracy_of_nothing() -> None:
    assert np.isnan(accuracy(np.empty((0, 3)), np.empty(0, int)))
    assert np.isnan(accuracy(np.empty(0, int), np.empty(0, int)))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_top_k(k: int) -> None:
    hits = 0
    for row, target in zip(SCORES, TARGETS, strict=True):
        order = sorted(range(4), key=lambda c, row=row: (-row[c], c))  # type: ignore[misc]
        hits += target in order[:k]
    assert top_k_accuracy(SCORES, TARGETS, k=k) == hits / 5
    assert top_k_accuracy(torch.from_numpy(SCORES), torch.from_numpy(TARGETS), k) == hits / 5
    if k == 1:
        assert top_k_accuracy(SCORES, TARGETS, 1) == accuracy(SCORES, TARGETS)


def test_top_k_by_hand() -> None:
    assert [top_k_accuracy(SCORES, TARGETS, k) for k in (1, 2, 3, 4)] == [1 / 5, 2 / 5, 4 / 5, 5 / 5]
    assert top_k_accuracy(SCORES, np.eye(4)[TARGETS], 2) == 2 / 5


def test_top_k_with_nan_is_no_hit() -> None:
    nan = float("nan")
    assert top_k_accuracy([[nan, 1.0], [0.0, nan]], [0, 0], k=1) == 0.0


def test_binary_accuracy() -> None:
    assert binary_accuracy([[2.0], [-1.0], [0.5]], [1, 0, 0]) == 2 / 3
    assert binary_accuracy(torch.tensor([0.4, 0.6]), torch.tensor([0.0, 1.0]), threshold=0.5) == 1.0


@pytest.mark.parametrize("form", FORMS)
def test_confusion_matrix(form: Any) -> None:
    predictions, targets = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    expected = np.zeros((3, 3), int)
    for p, t in zip(predictions, targets, strict=True):
        expected[t, p] += 1
    matrix = confusion_matrix(form(predictions), form(targets))
    assert matrix.dtype == torch.int64
    np.testing.assert_array_equal(matrix.numpy(), expected)
    np.testing.assert_array_equal(expected, [[1, 0, 1], [1, 1, 0], [0, 0, 2]])
    wide = confusion_matrix(form(predictions), form(targets), num_classes=5).numpy()
    assert wide.shape == (5, 5) and wide.sum() == 6
    np.testing.assert_array_equal(wide[:3, :3], expected)


def test_confusion_matrix_of_scores_and_of_nothing() -> None:
    matrix = confusion_matrix(SCORES, TARGETS).numpy()
    np.testing.assert_array_equal(matrix, [[0, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(confusion_matrix([], [], 2).numpy(), np.zeros((2, 2)))
    assert confusion_matrix([], []).shape == (0, 0)
    assert confusion_matrix(np.empty((0, 3)), []).shape == (3, 3)


def test_precision_recall_f1() -> None:
    # Class 2 is never predicted, class 3 never occurs, class 4 neither.
    matrix = np.array([[3, 1, 0, 0, 0], [2, 4, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = precision_recall_f1(torch.from_numpy(matrix))
    precision, recall = [3 / 6, 4 / 6, 0, 0, 0], [3 / 4, 4 / 7, 0, 0, 0]
    f1 = [2 * p * r / (p + r) if p + r else 0 for p, r in zip(precision, recall, strict=True)]
    np.testing.assert_allclose(result.precision.numpy(), precision)
    np.testing.assert_allclose(result.recall.numpy(), recall)
    np.testing.assert_allclose(result.f1.numpy(), f1)
    assert result.support.tolist() == [4, 7, 2, 0, 0]
    # Class 4 counts for nothing, class 3 was predicted wrongly and counts.
    assert result.macro_precision == pytest.approx(sum(precision) / 4)
    assert result.macro_recall == pytest.approx(sum(recall) / 4)
    assert result.macro_f1 == pytest.approx(sum(f1) / 4)
    assert result.accuracy == 7 / 13


def test_precision_recall_f1_of_nothing() -> None:
    for matrix in (np.zeros((2, 2), int), np.zeros((0, 0), int)):
        result = precision_recall_f1(matrix)
        assert (result.macro_precision, result.macro_recall, result.macro_f1, result.accuracy) == (0, 0, 0, 0)


def test_one_hot_is_the_functional_one() -> None:
    assert one_hot is torch.nn.functional.one_hot
    assert one_hot(torch.tensor([0, 2]), 3).tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: accuracy(SCORES, TARGETS[:3]), ValueError, r"targets need shape \(5,\).*but got \(3,\)"),
        (lambda: accuracy(SCORES, TARGETS * 1.0), TypeError, "integers, but got dtype float64"),
        (lambda: accuracy(SCORES[:, 0], TARGETS), TypeError, "metrics={}"),
        (lambda: accuracy([0, 1], [0, 1, 1]), ValueError, "targets of shape"),
        (lambda: accuracy(1.0, 1), ValueError, "single number"),
        (lambda: top_k_accuracy(SCORES, TARGETS, 0), ValueError, "k is a number of classes, 1 or more, but got 0"),
        (lambda: top_k_accuracy(SCORES[0], TARGETS), ValueError, r"shape \(N, classes\)"),
        (lambda: top_k_accuracy(SCORES, TARGETS + 3), ValueError, "class 6 is not among the 4 classes"),
        (lambda: top_k_accuracy(SCORES, TARGETS - 1), ValueError, "class -1 is not among"),
        (lambda: binary_accuracy([1.0], [1.0, 0.0]), ValueError, "one score per sample"),
        (lambda: confusion_matrix([0, 1], [0, 1, 1]), ValueError, "predictions, but"),
        (lambda: confusion_matrix([0, 3], [0, 1], 3), ValueError, "class 3 is not among the 3 classes, 0 to 2"),
        (lambda: confusion_matrix([0, -1], [0, 1]), ValueError, "class -1"),
        (lambda: confusion_matrix([0.5], [0]), TypeError, "integers"),
        (lambda: precision_recall_f1(np.zeros((2, 3))), ValueError, "square"),
        (lambda: precision_recall_f1([[1, -1], [0, 1]]), ValueError, "negative"),
        (lambda: precision_recall_f1([[1.0]]).table(["a", "b"]), ValueError, "2 names, but there are 1 classes"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
