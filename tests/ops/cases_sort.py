"""Sorting, searching, counting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.harness import OpCase, T, distinct
from tests.ops.short import INT, C, E


def D(*shape: int) -> T:
    return T(*shape, make=distinct)


def few(rng: Any, shape: tuple[int, ...]) -> Any:
    """Values with repetitions."""
    return rng.integers(-2, 2, shape) / 2


def F(*shape: int) -> T:
    return T(*shape, make=few, grad=False)


def ascending(rng: Any, shape: tuple[int, ...]) -> Any:
    return np.sort(rng.integers(-8, 8, shape) / 4, axis=-1)


def A(*shape: int) -> T:
    return T(*shape, make=ascending, grad=False)


def N(*shape: int, n: int) -> T:
    return T(*shape, dtype="int64", low=0, high=n)


def nans(rng: Any, shape: tuple[int, ...]) -> Any:
    values = distinct(rng, shape)
    values.flat[1] = np.nan
    return values


NAN = T(2, 3, make=nans, grad=False)
FLAGS = T(3, 4, dtype="bool")
# Repeated elements may come in any order unless the sort is stable, so that unstable cases have none.
CASES: list[OpCase] = [
    C("sort", D(3, 4), errors=[E(IndexError, T(3, 4), 2)]),
    C("sort", D(3, 4), 0, True),
    C("sort", D(3, 4), dim=0, descending=True),
    C("sort", F(3, 4), stable=True),
    C("sort", F(3, 4), stable=True, dim=0, descending=True),
    C("sort", T(3, 4, **INT), stable=True),
    C("sort", FLAGS, stable=True),
    C("sort", T()),
    C("sort", T(0, 3)),
    C("sort", T(3, 0)),
    C("sort", NAN),
    C("sort", NAN, descending=True),
    C("Tensor.sort", D(5)),
    C("argsort", D(3, 4), orders=0),
    C("argsort", D(3, 4), 0, True, orders=0),
    C("argsort", F(3, 4), stable=True),
    C("argsort", F(3, 4), stable=True, dim=1, descending=True),
    C("argsort", T(grad=False)),
    C("msort", D(3, 4)),
    C("msort", T(4, **INT)),
    C("topk", D(3, 5), 2, errors=[E(RuntimeError, T(3), 4), E(RuntimeError, T(3), -1), E(IndexError, T(3), 1, 1)]),
    C("topk", D(5, 3), 2, 0, False),
    C("topk", D(3, 5), 5, largest=False),
    C("topk", D(3, 5), 0),
    C("topk", T(), 1),
    C("topk", D(3), 3),
    C("topk", T(5, dtype="int64", make=lambda rng, shape: rng.permutation(5)), 2),
    C("topk", NAN, 2),
    C("topk", NAN, 2, largest=False),
    C("Tensor.topk", D(6), 2),
    C("kthvalue", D(3, 5), 2, errors=[E(RuntimeError, T(3), 0), E(RuntimeError, T(3), 4), E(IndexError, T(3), 1, 1)]),
    C("kthvalue", D(3, 5), 1, 0, True),
    C("kthvalue", D(3, 5), 3, dim=0, keepdim=True),
    C("kthvalue", T(), 1),
    C("kthvalue", T(5, dtype="int64", make=lambda rng, shape: rng.permutation(5)), 2),
    C("kthvalue", NAN, 3),
    # -- distinct elements
    C("unique", F(3, 4)),
    C("unique", F(3, 4), return_inverse=True),
    C("unique", F(3, 4), return_counts=True),
    C("unique", F(3, 4), True, True, True),
    C("unique", T(6, 2, dtype="int64", low=0, high=2), return_inverse=True, return_counts=True, dim=0),
    C("unique", T(2, 6, dtype="int64", low=0, high=2), dim=1, errors=[E(IndexError, T(3), dim=1)]),
    C("unique", FLAGS, return_counts=True),
    C("unique", T(0, grad=False), return_inverse=True),
    C("unique", F(), return_inverse=True, return_counts=True),
    C("unique", T(3, 2, make=lambda rng, shape: np.full(shape, np.nan), grad=False), return_counts=True),
    C("Tensor.unique", F(6)),
    C("unique_consecutive", F(8)),
    C("unique_consecutive", F(3, 4), return_inverse=True, return_counts=True),
    C("unique_consecutive", T(6, 2, dtype="int64", low=0, high=2), True, True, 0),
    C("unique_consecutive", T(2, 6, dtype="int64", low=0, high=2), dim=1),
    C("unique_consecutive", T(0, grad=False), return_counts=True),
    C("unique_consecutive", F(), return_counts=True),
    # -- searching
    C(
        "searchsorted",
        A(5),
        F(3, 4),
        errors=[
            E(RuntimeError, T(2, 5), T(3, 4)),
            E(RuntimeError, T(5), T(3), right=True, side="left"),
            E(RuntimeError, T(5), T(3), side="middle"),
            E(RuntimeError, T(), T(3)),
        ],
    ),
    C("searchsorted", A(5), F(3, 4), right=True),
    C("searchsorted", A(5), F(4), side="right", out_int32=True),
    C("searchsorted", A(2, 5), F(2, 4)),
    C("searchsorted", A(5), 0.25),
    C("searchsorted", A(5), F()),
    C("searchsorted", A(0), F(3)),
    C("searchsorted", A(5), T(3, **INT)),
    C("searchsorted", A(5), F(0)),
    C("searchsorted", F(4), F(3), sorter=T(4, dtype="int64", make=lambda rng, shape: np.arange(4)), orders=0),
    C("bucketize", F(3, 4), A(5), errors=[E(RuntimeError, T(3), T(2, 5))]),
    C("bucketize", F(3, 4), A(5), right=True, out_int32=True),
    C("bucketize", 0.25, A(5)),
    C("bucketize", T(4, **INT), T(3, dtype="int64", make=lambda rng, shape: np.arange(3))),
    # -- counting
    C("bincount", N(10, n=4), errors=[E(RuntimeError, T(3)), E(RuntimeError, T(3, dtype="int64", low=-3, high=-1))]),
    C("bincount", N(10, n=4), T(10, grad=False), errors=[E(RuntimeError, N(3, n=2), T(2))]),
    C("bincount", N(10, n=4), minlength=7, errors=[E(RuntimeError, N(3, n=2), minlength=-1)]),
    C("bincount", N(10, n=4), T(10, **INT), errors=[E(RuntimeError, N(2, 2, n=2))]),
    C("bincount", N(0, n=4)),
    C("bincount", N(0, n=4), minlength=3),
    C("histc", T(20, grad=False), bins=5, errors=[E(RuntimeError, T(3), bins=0), E(RuntimeError, T(3), min=2, max=1)]),
    C("histc", T(4, 5, grad=False), 4, -1, 1),
    C("histc", T(20, grad=False), bins=5, min=3, max=3),
    C("histc", T(0, grad=False), bins=3),
    C("isin", T(3, 4, **INT), T(4, **INT)),
    C("isin", T(3, 4, **INT), T(4, **INT), invert=True),
    C("isin", F(3, 4), 0.5),
    C("isin", 2, T(4, **INT), errors=[E(TypeError, 1, 2)]),
    C("isin", T(4, **INT), F(3)),
    C("isin", T(0, **INT), T(3, **INT)),
]
