"""Softmax, its logarithm, and cross-entropy, forward and backward, each in one go over rows that stay in the cache.

Arrays are float32 or float64. A softmax goes along one axis; arrays are looked at as (outer, n, inner) with the axis in
the middle. Infinities and NaN give what the formulas give.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.exponential import exp32_falling
from tinygrad_hw.kernels.runtime import compiled_kernels, into, kernel

__all__ = [
    "cross_entropy",
    "cross_entropy_backward",
    "cross_entropy_backward_reference",
    "cross_entropy_reference",
    "log_softmax",
    "log_softmax_backward",
    "log_softmax_backward_reference",
    "log_softmax_reference",
    "softmax",
    "softmax_backward",
    "softmax_backward_reference",
    "softmax_reference",
]

prange = range


def _split(x: Any, axis: int) -> tuple[int, int, int]:
    """Return sizes before, of and after an axis of an array with elements."""
    axis %= x.ndim
    if axis == x.ndim - 1:
        return x.size // x.shape[axis], x.shape[axis], 1
    return math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])


# -- the definitions -------------------------------------------------------------------------------


def softmax_reference(x: Any, axis: int) -> Any:
    """The definition; subtracting the maximum keeps exp from overflowing."""
    e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward_reference(g: Any, out: Any, axis: int) -> Any:
    """The rule: (g - sum(g out)) out."""
    return (g - (g * out).sum(axis=axis, keepdims=True)) * out


def log_softmax_reference(x: Any, axis: int) -> Any:
    """The definition; subtracting the maximum keeps exp from overflowing."""
    shifted = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax_backward_reference(g: Any, out: Any, axis: int) -> Any:
    """The rule: g - exp(out) sum(g)."""
    return g - np.exp(out) * g.sum(axis=axis, keepdims=True)


def cross_entropy_reference(x: Any, target: Any, weights: Any, ignore_index: int) -> tuple[Any, Any]:
    """The definition."""
    top = x.max(axis=1, initial=-np.inf)
    sums = top + np.log(np.exp(x - top[:, None]).sum(axis=1))
    safe = np.where(target == ignore_index, 0, target)
    losses = sums - np.take_along_axis(x, safe[:, None], 1)[:, 0]
    if weights is not None:
        losses = losses * weights
    return np.where(target == ignore_index, 0, losses).astype(x.dtype), sums


def cross_entropy_backward_reference(g: Any, x: Any, target: Any, weights: Any, ignore_index: int, sums: Any) -> Any:
    """The rule: (softmax - one-hot) g."""
    share = np.where(target == ignore_index, 0, g if weights is None else g * weights).astype(x.dtype)
    out = np.exp(x - sums[:, None]) * share[:, None]
    out[np.arange(len(x)), np.where(target == ignore_index, 0, target)] -= share
    return np.where(target[:, None] == ignore_index, 0, out).astype(x.dtype)


# -- loops -----------------------------------------------------------------------------------------


@kernel()
def _largest(x: Any, begin: Any, n: Any) -> Any:
    """Return the maximum of ``n`` elements; NaN may or may not count."""
    # Four at a time: a maximum waits for the one before it.
    low = x.dtype.type(-np.inf)
    a, b, c, d = low, low, low, low
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    end = begin + n
    full = begin + n // four * four
    for i in range(begin, full, four):
        a = x[i] if x[i] > a else a
        b = x[i + one] if x[i + one] > b else b
        c = x[i + two] if x[i + two] > c else c
        d = x[i + three] if x[i + three] > d else d
    for i in range(full, end):
        a = x[i] if x[i] > a else a
    a = b if b > a else a
    c = d if d > c else c
    return c if c > a else a


@kernel(parallel=True)
def _softmax_rows(x: Any, out: Any, rows: int, n: int, log: bool) -> None:
    for row in prange(rows):
        begin, end = np.uint64(row * n), np.uint64(row * n + n)
        top = _largest(x, begin, np.uint64(n))
        total = x.dtype.type(0)
        for i in range(begin, end):
            e = exp32_falling(x[i] - top) if x.itemsize == 4 else math.exp(x[i] - top)
            out[i] = e
            total += e
        if log:
            less = x.dtype.type(math.log(total))
            for i in range(begin, end):
                out[i] = (x[i] - top) - less
        else:
            scale = x.dtype.type(1) / total
            for i in range(begin, end):
                out[i] *= scale


@kernel(parallel=True)
def _softmax_columns(x: Any, out: Any, outer: int, n: int, inner: int, log: bool) -> None:
    for block in prange(outer):
        top = np.full(inner, -np.inf, x.dtype)
        total = np.zeros(inner, x.dtype)
        for k in range(n):
            begin = np.uint64((block * n + k) * inner)
            for i in range(np.uint64(inner)):
                top[i] = x[begin + i] if x[begin + i] > top[i] else top[i]
        for k in range(n):
            begin = np.uint64((block * n + k) * inner)
            for i in range(np.uint64(inner)):
                d = x[begin + i] - top[i]
                e = exp32_falling(d) if x.itemsize == 4 else math.exp(d)
                out[begin + i] = e
                total[i] += e
        for i in range(inner):
            total[i] = math.log(total[i]) if log else x.dtype.type(1) / total[i]
        for k in range(n):
            begin = np.uint64((block * n + k) * inner)
            for i in range(np.uint64(inner)):
                out[begin + i] = (x[begin + i] - top[i]) - total[i] if log else out[begin + i] * total[i]


@kernel(parallel=True)
def _backward_rows(g: Any, y: Any, out: Any, rows: int, n: int, log: bool) -> None:
    for row in prange(rows):
        begin, end = np.uint64(row * n), np.uint64(row * n + n)
        total = g.dtype.type(0)
        if log:
            for i in range(begin, end):
                total += g[i]
            for i in range(begin, end):
                out[i] = g[i] - total * (exp32_falling(y[i]) if y.itemsize == 4 else math.exp(y[i]))
        else:
            for i in range(begin, end):
                total += g[i] * y[i]
            for i in range(begin, end):
                out[i] = (g[i] - total) * y[i]


@kernel(parallel=True)
def _backward_columns(g: Any, y: Any, out: Any, outer: int, n: int, inner: int, log: bool) -> None:
    for block in prange(outer):
        total = np.zeros(inner, g.dtype)
        for k in range(n):
            begin = np.uint64((block * n + k) * inner)
            for i in range(np.uint64(inner)):
                total[i] += g[begin + i] if log else g[begin + i] * y[begin + i]
        for k in range(n):
            begin = np.uint64((block * n + k) * inner)
            for i in range(np.uint64(inner)):
                at = begin + i
                if log:
                    out[at] = g[at] - total[i] * (exp32_falling(y[at]) if y.itemsize == 4 else math.exp(y[at]))
                else:
                    out[at] = (g[at] - total[i]) * y[at]


@kernel(parallel=True)
def _entropy(x: Any, target: Any, weights: Any, ignored: int, losses: Any, sums: Any, n: int) -> None:
    for row in prange(losses.size):
        begin = np.uint64(row * n)
        top = _largest(x, begin, np.uint64(n))
        total = x.dtype.type(0)
        for i in range(begin, begin + np.uint64(n)):
            total += exp32_falling(x[i] - top) if x.itemsize == 4 else math.exp(x[i] - top)
        sums[row] = top + math.log(total)
        if target[row] == ignored:
            losses[row] = 0
        else:
            loss = sums[row] - x[row * n + target[row]]
            losses[row] = loss * weights[row] if weights.size else loss


@kernel(parallel=True)
def _entropy_backward(g: Any, x: Any, target: Any, weights: Any, ignored: int, sums: Any, out: Any, n: int) -> None:
    each = g.size == sums.size
    for row in prange(sums.size):
        begin, end = np.uint64(row * n), np.uint64(row * n + n)
        if target[row] == ignored:
            for i in range(begin, end):
                out[i] = 0
            continue
        share = g[row] if each else g[0]
        share = share * weights[row] if weights.size else share
        less = sums[row]
        for i in range(begin, end):
            out[i] = share * (exp32_falling(x[i] - less) if x.itemsize == 4 else math.exp(x[i] - less))
        out[row * n + target[row]] -= share


# -- the kernels -----------------------------------------------------------------------------------


def _run(rows: Any, columns: Any, arrays: tuple[Any, ...], axis: int, log: bool, out: Any) -> Any:
    first = arrays[0]
    if out is None:
        out = np.empty(first.shape, first.dtype)
    if first.size == 0:
        return out
    flat = [a.ravel() for a in (*arrays, out)]
    outer, n, inner = _split(first, axis)
    # On one core an element takes a nanosecond in single precision, and five in double.
    work = first.size * (1 if first.dtype.char == "f" else 5)
    if inner == 1:
        rows.run(work, *flat, outer, n, log)
    else:
        columns(*flat, outer, n, inner, log, work=work)
    return out


def softmax(x: Any, axis: int, out: Any = None) -> Any:
    """Return exp(x) / sum(exp(x)) along an axis.

    Args:
        x: at least 1-D.
        axis: which sums to 1.
        out: where to write, C-contiguous; may be ``x``.
    """
    if not compiled_kernels():
        return into(out, softmax_reference(x, axis))
    return _run(_softmax_rows, _softmax_columns, (x,), axis, False, out)


def softmax_backward(g: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Return the gradient of ``softmax``, whose result was ``y``, for the incoming gradient ``g``."""
    if not compiled_kernels():
        return into(out, softmax_backward_reference(g, y, axis))
    return _run(_backward_rows, _backward_columns, (g, y), axis, False, out)


def log_softmax(x: Any, axis: int, out: Any = None) -> Any:
    """Return x - log(sum(exp(x))) along an axis.

    Args:
        x: at least 1-D.
        axis: the axis.
        out: where to write, C-contiguous and other than ``x``.
    """
    if not compiled_kernels():
        return into(out, log_softmax_reference(x, axis))
    return _run(_softmax_rows, _softmax_columns, (x,), axis, True, out)


def log_softmax_backward(g: Any, y: Any, axis: int, out: Any = None) -> Any:
    """Return the gradient of ``log_softmax``, whose result was ``y``, for the incoming gradient ``g``."""
    if not compiled_kernels():
        return into(out, log_softmax_backward_reference(g, y, axis))
    return _run(_backward_rows, _backward_columns, (g, y), axis, True, out)


_NONE = {char: np.empty(0, char) for char in "fd"}


def _factors(weights: Any, x: Any) -> Any:
    """Return what the loops take: an empty array means 1 for each row."""
    return _NONE[x.dtype.char] if weights is None else np.ascontiguousarray(weights)


def cross_entropy(x: Any, target: Any, weights: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return weighted losses log(sum(exp(x))) - x[target] of rows.

    Args:
        x: (n, C), scores.
        target: (n,) int64, each a class or ``ignore_index``.
        weights: (n,), a factor for each row, or None.
        ignore_index: the target of rows whose loss is 0.

    Returns:
        The losses (n,), and log(sum(exp(x))) of each row, for ``cross_entropy_backward``.
    """
    if not compiled_kernels():
        return cross_entropy_reference(x, target, weights, ignore_index)
    losses, sums = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    _entropy.run(
        x.size * (1 if x.dtype.char == "f" else 5), x.ravel(), np.ascontiguousarray(target), _factors(weights, x),
        ignore_index, losses, sums, x.shape[1],
    )  # fmt: skip
    return losses, sums


def cross_entropy_backward(
    g: Any, x: Any, target: Any, weights: Any, ignore_index: int, sums: Any, out: Any = None
) -> Any:
    """Return the gradient of ``cross_entropy`` with respect to the scores.

    Args:
        g: (n,), gradients of the losses, or (1,), that of all.
        x: (n, C), as for ``cross_entropy``; so are ``target``, ``weights`` and ``ignore_index``.
        target: (n,).
        weights: (n,).
        ignore_index: the target of rows without loss.
        sums: (n,), the second result of ``cross_entropy``.
        out: where to write, (n, C), C-contiguous; may be ``x``.
    """
    if not compiled_kernels():
        return into(out, cross_entropy_backward_reference(g, x, target, weights, ignore_index, sums))
    if out is None:
        out = np.empty(x.shape, x.dtype)
    _entropy_backward.run(
        x.size * (1 if x.dtype.char == "f" else 5), np.ascontiguousarray(g), x.ravel(), np.ascontiguousarray(target),
        _factors(weights, x), ignore_index, sums, out.ravel(), x.shape[1],
    )  # fmt: skip
    return out
