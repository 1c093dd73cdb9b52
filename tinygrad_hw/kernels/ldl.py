"""Symmetric indefinite factors: A = L D L^T with pivoting, D of blocks of one or two rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["ldl_packed", "ldl_solved"]

#: Balances the growth of elements in pivots of one row and of two.
_ALPHA = (1 + math.sqrt(17)) / 8


def _pivot(a: Any, k: int) -> tuple[int, int]:
    """Return the row to bring to the front and how many rows the pivot has; (-1, 1) if the column is zero."""
    n = len(a)
    own = abs(a[k, k])
    if k == n - 1:
        return (k, 1) if own > 0 else (-1, 1)
    below = np.abs(a[k + 1 :, k])
    at = k + 1 + int(np.argmax(below))
    largest = below[at - k - 1]
    if not max(own, largest) > 0:
        return -1, 1
    if own >= _ALPHA * largest:
        return k, 1
    others = float(np.abs(a[at, k:at]).max())
    if at < n - 1:
        others = max(others, float(np.abs(a[at + 1 :, at]).max()))
    if own * others >= _ALPHA * largest * largest:
        return k, 1
    return (at, 1) if abs(a[at, at]) >= _ALPHA * others else (at, 2)


def _exchange(a: Any, k: int, row: int, other: int, steps: int) -> None:
    """Exchange two rows and columns of what is left of the lower triangle."""
    if other < len(a) - 1:
        a[other + 1 :, [row, other]] = a[other + 1 :, [other, row]]
    line = a[row + 1 : other, row].copy()
    a[row + 1 : other, row] = a[other, row + 1 : other]
    a[other, row + 1 : other] = line
    a[row, row], a[other, other] = a[other, other], a[row, row]
    if steps == 2:
        a[row, k], a[other, k] = a[other, k], a[row, k]


def ldl_packed(matrix: Any) -> tuple[Any, Any, int]:
    """Return L and D in one lower triangle, the pivots, and the number of the first zero pivot (0: none).

    Args:
        matrix: (n, n), of which the lower triangle is read.

    Returns:
        ``(LD, pivots, info)``: rows are counted from 1; a pair of equal negative pivots is a block of two rows.

    Source: Bunch and Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems"
    (1977); the layout is that of LAPACK's ``sytrf``.
    """
    a = np.tril(matrix)
    n = len(a)
    pivots = np.zeros(n, np.int32)
    info = k = 0
    while k < n:
        other, steps = _pivot(a, k)
        if other < 0:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        row = k + steps - 1
        if other != row:
            _exchange(a, k, row, other, steps)
        if steps == 1:
            rest = a[k + 1 :, k]
            a[k + 1 :, k + 1 :] -= np.tril(np.outer(rest, rest / a[k, k]))
            rest /= a[k, k]
            pivots[k] = other + 1
        else:
            rest = a[k + 2 :, k : k + 2]
            if len(rest):
                scaled = rest @ _inverse(a[k, k], a[k + 1, k], a[k + 1, k + 1])
                a[k + 2 :, k + 2 :] -= np.tril(scaled @ rest.T)
                rest[:] = scaled
            pivots[k] = pivots[k + 1] = -(other + 1)
        k += steps
    return a, pivots, info


def _inverse(p: Any, q: Any, r: Any) -> Any:
    """Return the inverse of the block ((p, q), (q, r)), whose q is the largest element."""
    x, y = r / q, p / q
    t = 1 / (x * y - 1) / q
    return np.array([[x * t, -t], [-t, y * t]])


def ldl_solved(packed: Any, pivots: Any, b: Any) -> Any:
    """Return the solution X of AX = B from what :func:`ldl_packed` returns.

    Args:
        packed: (n, n).
        pivots: (n,).
        b: (n, k).

    Source: LAPACK's ``sytrs``.
    """
    x = b.copy()
    n = len(packed)
    k = 0
    while k < n:
        other = abs(int(pivots[k])) - 1
        steps = 1 if pivots[k] > 0 else 2
        row = k + steps - 1
        if other != row:
            x[[row, other]] = x[[other, row]]
        x[k + steps :] -= packed[k + steps :, k : k + steps] @ x[k : k + steps]
        if steps == 1:
            x[k] /= packed[k, k]
        else:
            x[k : k + 2] = _inverse(packed[k, k], packed[k + 1, k], packed[k + 1, k + 1]) @ x[k : k + 2]
        k += steps
    k = n - 1
    while k >= 0:
        other = abs(int(pivots[k])) - 1
        steps = 1 if pivots[k] > 0 else 2
        first = k - steps + 1
        x[first : k + 1] -= packed[k + 1 :, first : k + 1].T @ x[k + 1 :]
        if other != k:
            x[[k, other]] = x[[other, k]]
        k -= steps
    return x
