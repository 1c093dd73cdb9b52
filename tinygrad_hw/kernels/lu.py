"""LU factors with partial pivoting, batched, on numpy arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["lu_packed", "permutation"]


def lu_packed(a: Any, pivot: bool = True) -> tuple[Any, Any, Any]:
    """Return the factors in one matrix, LAPACK's pivots (from 1), and where the first zero pivot is (0 for none).

    Args:
        a: (..., m, n).
        pivot: whether to bring the largest element of each column up.
    """
    lead, (m, n) = a.shape[:-2], a.shape[-2:]
    batch, k = math.prod(lead), min(m, n)
    lu = np.array(a, order="C").reshape(batch, m, n)
    pivots = np.zeros((batch, k), np.int32)
    info = np.zeros(batch, np.int32)
    each = np.arange(batch)
    for j in range(k):
        at = j + np.abs(lu[:, j:, j]).argmax(1) if pivot else np.full(batch, j)
        pivots[:, j] = at + 1
        lu[each, at], lu[each, j] = lu[each, j], lu[each, at]
        top = lu[:, j, j]
        zero = top == 0
        info[zero & (info == 0)] = j + 1
        lu[:, j + 1 :, j] /= np.where(zero, 1, top)[:, None]
        lu[:, j + 1 :, j + 1 :] -= lu[:, j + 1 :, j, None] * lu[:, j, None, j + 1 :]
    return lu.reshape(*lead, m, n), pivots.reshape(*lead, k), info.reshape(lead)


def permutation(pivots: Any, m: int, dtype: Any) -> Any:
    """Return the matrices P of A = P L U that LAPACK's pivots stand for."""
    lead, k = pivots.shape[:-1], pivots.shape[-1]
    flat = pivots.reshape(math.prod(lead), k)
    each = np.arange(len(flat))
    rows = np.broadcast_to(np.arange(m), (len(flat), m)).copy()
    for j in range(k):
        at = flat[:, j] - 1
        rows[each, j], rows[each, at] = rows[each, at], rows[each, j]
    p = np.zeros((len(flat), m, m), dtype)
    p[each[:, None], rows, np.arange(m)] = 1
    return p.reshape(*lead, m, m)
