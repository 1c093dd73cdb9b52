"""How good a classifier is: accuracy, the confusion matrix, precision, recall and F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.functional import one_hot
from tinygrad_hw.tensor import Tensor

__all__ = [
    "PrecisionRecallF1",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "one_hot",
    "precision_recall_f1",
    "top_k_accuracy",
]

Array: TypeAlias = "np.ndarray[Any, Any]"


def _array(values: Any) -> Array:
    """Return the ndarray of a tensor, an array or a list."""
    return values.array if isinstance(values, TensorBase) else np.asarray(values)


def _classes(name: str, values: Array, what: str) -> Array:
    """Return class numbers as int64, or raise for what cannot be some."""
    if values.dtype.kind not in "iub" and values.size:  # an empty list has no integer dtype
        raise TypeError(f"{name}: {what} are class numbers, integers, but got dtype {values.dtype}{_hint(values)}")
    return values.astype(np.int64, copy=False)


def _hint(values: Array) -> str:
    if values.ndim < 2:
        return "; convert with .long(), or for a regression train with other metrics (metrics={})"
    return f" of shape {values.shape}; of scores take .argmax(1)"


def _true_classes(name: str, scores: Array, targets: Array) -> Array:
    """Return the class numbers of targets, which may be one-hot or probabilities like the scores."""
    if targets.shape == scores.shape and scores.ndim > 1:
        return targets.argmax(axis=1)
    wanted = (scores.shape[0], *scores.shape[2:])
    if targets.shape != wanted:
        raise ValueError(
            f"{name}: scores have shape {scores.shape}, so targets need shape {wanted} (class numbers) or "
            f"{scores.shape} (one-hot), but got {targets.shape}"
        )
    return _classes(name, targets, "targets")


def _share(hits: Array) -> float:
    """Return the share of True; NaN of nothing."""
    return float(np.count_nonzero(hits) / hits.size) if hits.size else float("nan")


def accuracy(scores: Any, targets: Any) -> float:
    """Return the share of samples whose class was found.

    Args:
        scores: (N, classes, ...), of which the largest counts; or (N,) class numbers.
        targets: (N, ...) class numbers, or one-hot and shaped as the scores. Tensors, arrays or lists.

    Returns:
        A number from 0 to 1; NaN without samples.

    Raises:
        ValueError: the shapes do not belong together.
        TypeError: class numbers that are no integers.

    Example:
        >>> from tinygrad_hw.train import accuracy
        >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), torch.tensor([0, 1, 1]))
        0.6666666666666666
    """
    s, t = _array(scores), _array(targets)
    if s.ndim == 1:
        found = _classes("accuracy", s, "one-dimensional scores")
        if t.shape != s.shape:
            raise ValueError(f"accuracy: {s.shape} class numbers, but targets of shape {t.shape}")
        return _share(found == _classes("accuracy", t, "targets"))
    if s.ndim == 0:
        raise ValueError("accuracy: scores are a single number; they need shape (N, classes)")
    true = _true_classes("accuracy", s, t)
    if s.size == 0:
        return float("nan")
    return _share(s.argmax(axis=1) == true)


def binary_accuracy(scores: Any, targets: Any, threshold: float = 0.0) -> float:
    """Return the share of samples on the right side of a threshold.

    Args:
        scores: one per sample, (N,) or (N, 1).
        targets: as many, 0 or 1.
        threshold: larger scores mean class 1; 0 (default) for logits, 0.5 for probabilities.

    Raises:
        ValueError: scores and targets differ in number.

    Example:
        >>> from tinygrad_hw.train import binary_accuracy
        >>> binary_accuracy(torch.tensor([[1.5], [-2.0]]), torch.tensor([1.0, 1.0]))
        0.5
    """
    s, t = _array(scores), _array(targets)
    if s.size != t.size:
        raise ValueError(
            f"binary_accuracy: one score per sample is needed, but got shapes {s.shape} and {t.shape}; "
            "for scores of several classes use accuracy"
        )
    return _share((s.reshape(-1) > threshold) == (t.reshape(-1) > 0.5))


def top_k_accuracy(scores: Any, targets: Any, k: int = 5) -> float:
    """Return the share of samples whose class is among the k largest scores.

    Of equal scores the class with the smaller number comes first.

    Args:
        scores: (N, classes).
        targets: (N,) class numbers, or one-hot and shaped as the scores.
        k: from 1 on; with as many as there are classes, the result is 1.

    Raises:
        ValueError: ``k`` is not positive, or the shapes do not belong together.

    Example:
        >>> from tinygrad_hw.train import top_k_accuracy
        >>> scores = torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]])
        >>> top_k_accuracy(scores, torch.tensor([2, 2]), k=2)
        0.5
    """
    s, t = _array(scores), _array(targets)
    if s.ndim != 2:
        raise ValueError(f"top_k_accuracy: scores need shape (N, classes), but got {s.shape}")
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or k < 1:
        raise ValueError(f"top_k_accuracy: k is a number of classes, 1 or more, but got {k!r}")
    true = _true_classes("top_k_accuracy", s, t)
    n, classes = s.shape
    if n == 0:
        return float("nan")
    _check_range("top_k_accuracy", true, classes)
    own = s[np.arange(n), true][:, None]
    ahead = (s > own) | ((s == own) & (np.arange(classes) < true[:, None]))
    # NaN is larger than everything and equal to nothing: a sample with such a score of its own is missed.
    ahead |= np.isnan(s) & (np.arange(classes) != true[:, None])
    return _share((ahead.sum(axis=1) < k) & ~np.isnan(own[:, 0]))


def _check_range(name: str, classes: Array, count: int) -> None:
    if classes.size and (classes.min() < 0 or classes.max() >= count):
        bad = classes.min() if classes.min() < 0 else classes.max()
        raise ValueError(f"{name}: class {bad} is not among the {count} classes, 0 to {count - 1}")


def confusion_matrix(predictions: Any, targets: Any, num_classes: int | None = None) -> Tensor:
    """Return how often each class was taken for which.

    Args:
        predictions: (N,) class numbers, or (N, classes) scores, of which the largest counts.
        targets: (N,) class numbers.
        num_classes: how many classes there are; by default as many as the scores have, or one more than the
            largest number that occurs.

    Returns:
        An int64 tensor (classes, classes): rows are the true classes, columns the predicted ones.

    Raises:
        ValueError: different numbers of samples, or a class outside of ``num_classes``.
        TypeError: class numbers that are no integers.

    Example:
        >>> from tinygrad_hw.train import confusion_matrix
        >>> confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1])
        tensor([[1, 1],
                [0, 2]])
    """
    p, t = _array(predictions), _array(targets)
    if p.ndim == 2:
        num_classes = p.shape[1] if num_classes is None else num_classes
        t = _true_classes("confusion_matrix", p, t)
        p = p.argmax(axis=1) if p.size else np.empty(0, np.int64)
    p, t = _classes("confusion_matrix", p, "predictions"), _classes("confusion_matrix", t, "targets")
    if p.shape != t.shape:
        raise ValueError(f"confusion_matrix: {p.shape} predictions, but {t.shape} targets")
    p, t = p.reshape(-1), t.reshape(-1)
    if num_classes is None:
        num_classes = int(max(p.max(), t.max())) + 1 if p.size else 0
    _check_range("confusion_matrix", p, num_classes)
    _check_range("confusion_matrix", t, num_classes)
    counts = np.bincount(t * num_classes + p, minlength=num_classes * num_classes)
    return Tensor._wrap(counts.reshape(num_classes, num_classes).astype(np.int64, copy=False))


@dataclass(frozen=True)
class PrecisionRecallF1:
    """Precision, recall and F1 of each class, and their means.

    Attributes:
        precision: (classes,) of the samples taken for a class, the share that was of it.
        recall: (classes,) of the samples of a class, the share that was taken for it.
        f1: (classes,) the harmonic mean of both.
        support: (classes,) samples of each class.
        macro_precision: the mean over the classes that occur, as a true or as a predicted class; likewise the others.
        macro_recall: see above.
        macro_f1: see above.
        accuracy: the share of all samples that was found.
    """

    precision: Tensor
    recall: Tensor
    f1: Tensor
    support: Tensor
    macro_precision: float
    macro_recall: float
    macro_f1: float
    accuracy: float

    def table(self, class_names: Any = None) -> str:
        """Return a line per class and one of the means, as a table of text.

        Args:
            class_names: one per class; their numbers by default.

        Example:
            >>> from tinygrad_hw.train import precision_recall_f1
            >>> print(precision_recall_f1([[1, 1], [0, 2]]).table(["cat", "dog"]))
            class  precision  recall      f1  support
            cat       1.0000  0.5000  0.6667        2
            dog       0.6667  1.0000  0.8000        2
            macro     0.8333  0.7500  0.7333        4
        """
        n = len(self.support)
        names = [str(i) for i in range(n)] if class_names is None else [str(c) for c in class_names]
        if len(names) != n:
            raise ValueError(f"class_names has {len(names)} names, but there are {n} classes")
        width = max([5, *map(len, names)])
        rows = zip(
            [*names, "macro"],
            [*self.precision.tolist(), self.macro_precision],
            [*self.recall.tolist(), self.macro_recall],
            [*self.f1.tolist(), self.macro_f1],
            [*self.support.tolist(), int(self.support.array.sum())],
            strict=True,
        )
        lines = [f"{'class':<{width}}  precision  recall      f1  support"]
        lines += [f"{name:<{width}}  {p:9.4f}  {r:6.4f}  {f:6.4f}  {s:7d}" for name, p, r, f, s in rows]
        return "\n".join(lines)


def precision_recall_f1(matrix: Any) -> PrecisionRecallF1:
    """Return precision, recall and F1 of each class and on average, from a confusion matrix.

    With the diagonal :math:`d`, precision is d / (sum of the column), recall d / (sum of the row), and F1 is
    2 d / (both sums); where a sum is 0, so is the result.

    Args:
        matrix: (classes, classes), rows the true classes, columns the predicted, as from :func:`confusion_matrix`.

    Raises:
        ValueError: the matrix is not square, or has negative entries.

    Example:
        >>> from tinygrad_hw.train import confusion_matrix, precision_recall_f1
        >>> result = precision_recall_f1(confusion_matrix([0, 1, 1, 1], [0, 1, 0, 1]))
        >>> result.precision, result.macro_recall
        (tensor([1.0000, 0.6667], dtype=torch.float64), 0.75)
    """
    m = _array(matrix)
    if m.ndim != 2 or m.shape[0] != m.shape[1]:
        raise ValueError(f"precision_recall_f1: a confusion matrix is square, but this has shape {m.shape}")
    m = m.astype(np.float64)
    if m.size and not m.min() >= 0:
        raise ValueError("precision_recall_f1: a confusion matrix holds counts; this has a negative entry or NaN")
    hits, rows, columns = m.diagonal(), m.sum(axis=1), m.sum(axis=0)
    precision, recall, f1 = _ratio(hits, columns), _ratio(hits, rows), _ratio(2 * hits, rows + columns)
    occurs = rows + columns > 0
    macro = [float(v[occurs].mean()) if occurs.any() else 0.0 for v in (precision, recall, f1)]
    total = m.sum()
    share = float(hits.sum() / total) if total else 0.0
    return PrecisionRecallF1(
        Tensor._wrap(precision),
        Tensor._wrap(recall),
        Tensor._wrap(f1),
        Tensor._wrap(rows.astype(np.int64)),
        macro[0],
        macro[1],
        macro[2],
        share,
    )


def _ratio(a: Array, b: Array) -> Array:
    """Return a / b, and 0 where b is."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
