"""Indexing, gathering, scattering, masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tests.ops.harness import OpCase, T, distinct
from tests.ops.short import INT, C, E


def N(*shape: int, n: int) -> T:
    """Integers below n."""
    return T(*shape, dtype="int64", low=0, high=n)


def B(*shape: int) -> T:
    return T(*shape, dtype="bool")


def U(n: int, count: int) -> T:
    """Distinct integers below n."""
    return T(count, dtype="int64", make=lambda rng, shape: rng.permutation(n)[:count])


def P(*shape: int, dim: int, n: int) -> T:
    """Integers below n, distinct along a dimension: a scatter without collisions."""

    def make(rng: Any, shape: tuple[int, ...]) -> Any:
        wide = list(shape)
        wide[dim] = n
        order = np.argsort(rng.random(wide), axis=dim)
        return np.take(order, np.arange(shape[dim]), axis=dim)

    return T(*shape, dtype="int64", make=make)


def G(index: Any, *shape: int, **kw: Any) -> OpCase:
    return C("Tensor.__getitem__", T(*shape, **kw), index)


def inplace(path: str, *args: Any) -> OpCase:
    """A method that writes, called on a copy."""
    return replace(C(path, *args), prepare=lambda tensors: [tensors[0].clone(), *tensors[1:]])


S = slice
GET = [
    G(1, 3, 4),
    G(-1, 3),
    G((1, 2), 3, 4),
    G((1, -2), 3, 4),
    G(S(None), 3, 4),
    G(S(1, None), 3, 4),
    G(S(None, -1), 3, 4),
    G(S(5, 9), 3, 4),
    G(S(2, 1), 3, 4),
    G(S(None, None, 2), 3, 4),
    G((S(0, 2), 1), 3, 4),
    G((S(None), S(1, 4, 2)), 3, 5),
    G(Ellipsis, 3, 4),
    G(Ellipsis),
    G((), 3),
    G((Ellipsis, 0), 2, 3, 4),
    G((0, Ellipsis, S(1, 2)), 2, 3, 4),
    G((0, Ellipsis), 3),
    G((0, 1, Ellipsis), 2, 3),
    G(None, 3),
    G((None, S(None), None), 3),
    G((None, Ellipsis)),
    G((1, None, S(None)), 2, 3),
    G((None, 1, None), 2, 3),
    G(True, 2, 3),
    G(False, 2, 3),
    G((S(None), True), 2, 3),
    G([0, 2], 3, 4),
    G([0, 0, -1], 3, 4),
    G([], 3, 4),
    G([[0, 1], [2, 0]], 3, 4),
    G(([0, 1], [2, 0]), 3, 4),
    G((S(None), [0, 0, 2]), 3, 4),
    G(([0, 2], S(None), [1, 3]), 3, 2, 4),
    G((S(None), [0, 1], [1, 3]), 3, 2, 4),
    G(([0, 1], Ellipsis, [1, 3]), 3, 2, 4),
    G(([0, 1], None), 3, 2),
    G(([0, 1], None, [0, 1]), 3, 2),
    G((1, S(None), [0, 2]), 3, 2, 4),
    G(([0, 1], 1), 3, 2),
    G(([0, 1], 1, S(None), [0, 2]), 3, 2, 2, 4),
    G((1, None, [0, 1]), 3, 2, 4),
    G((Ellipsis, 1, [0, 1], None), 2, 3, 4),
    G((0, True, [0, 1]), 3, 4),
    G([None, 1], 3, 4),
    G([0, S(None)], 3, 4),
    G(range(2), 3, 4),
    G([True, False, True], 3, 2),
    G((S(None), [True, False]), 3, 2),
    G(1, 3, 4, **INT),
    G([1, 0], 3, 4, **INT),
    G(S(1, 2), 0, 3),
    G((S(None), [0, 1]), 0, 3),
    G([], 0, 3),
    C("Tensor.__getitem__", T(4, 3), N(2, n=4)),
    C("Tensor.__getitem__", T(4, 3), N(2, 2, n=4)),
    C("Tensor.__getitem__", T(4, 3), N(n=4)),
    C("Tensor.__getitem__", T(4, 3), (N(n=4), N(2, n=3))),
    C("Tensor.__getitem__", T(4, 3), (N(2, 1, n=4), N(3, n=3))),
    C("Tensor.__getitem__", T(4, 3), (S(None), N(2, n=3))),
    C("Tensor.__getitem__", T(4, 3), (N(2, n=4), S(1, None))),
    C("Tensor.__getitem__", T(4, 3), (N(2, n=4), None, S(None))),
    C("Tensor.__getitem__", T(4, 3), N(0, n=4)),
    C("Tensor.__getitem__", T(4, 3), T(2, dtype="int32", low=0, high=4)),
    C("Tensor.__getitem__", T(2, 3, 4), (N(2, n=2), S(None), N(2, n=4))),
    C("Tensor.__getitem__", T(2, 3, 4), (0, S(None), N(2, n=4))),
    C("Tensor.__getitem__", T(2, 3, 4), (S(0, 1), N(2, n=3), 1)),
    C("Tensor.__getitem__", T(4, 3), B(4, 3)),
    C("Tensor.__getitem__", T(4, 3), B(4)),
    C("Tensor.__getitem__", T(4, 3), (B(4), 1)),
    C("Tensor.__getitem__", T(4, 3), (S(None), B(3))),
    C("Tensor.__getitem__", T(4, 3, 2), (Ellipsis, B(3, 2))),
    C("Tensor.__getitem__", T(2, 3), B()),
    C("Tensor.__getitem__", T(), B()),
    C("Tensor.__getitem__", T(0, 3), B(0)),
    OpCase(
        "Tensor.__getitem__",
        (T(3, 4), (0, 1)),
        label="errors",
        errors=[
            E(IndexError, T(3, 4), 3),
            E(IndexError, T(3, 4), -4),
            E(IndexError, T(3, 4), (0, 4)),
            E(IndexError, T(3, 4), (0, 0, 0)),
            E(IndexError, T(), 0),
            E(IndexError, T(3, 4), [3]),
            E(IndexError, T(3, 4), ([0, 5],)),
            E(IndexError, T(3, 4), B(4)),
            E(IndexError, T(3, 4), B(3, 3)),
            E(IndexError, T(3, 4), T(2)),
            E(IndexError, T(3, 4), ([0, 1], [0, 1, 2])),
            E(ValueError, T(3, 4), S(None, None, -1)),
            E(ValueError, T(3, 4), S(None, None, 0)),
            E(TypeError, T(3, 4), "a"),
            E(IndexError, T(3, 4), 1.0),
            E(IndexError, T(3, 4), (Ellipsis, 0, 0, 0)),
        ],
    ),
]

CASES = [
    *GET,
    # -- along one dimension
    C("index_select", T(3, 4), 0, N(5, n=3), errors=[E(IndexError, T(3, 4), 2, N(1, n=3))]),
    C("index_select", T(3, 4), -1, N(2, n=4), errors=[E(IndexError, T(3, 4), 0, N(1, 1, n=3))]),
    C("index_select", T(3), 0, N(n=3), errors=[E(RuntimeError, T(3), 0, T(2))]),
    C("index_select", T(), 0, N(1, n=1)),
    C("index_select", T(3, 4), 0, N(0, n=3)),
    C("index_select", T(3, 4, **INT), 1, N(2, n=4)),
    C("index_add", T(3, 4), 0, N(2, n=3), T(2, 4), errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(3))]),
    C("index_add", T(3, 4), 1, N(3, n=4), T(3, 3), alpha=2.5),
    C("index_add", T(3, **INT), 0, N(3, n=3), T(3, **INT), errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2, **INT))]),
    C("index_copy", T(3, 4), 0, U(3, 2), T(2, 4), errors=[E(IndexError, T(3), 0, N(2, n=3), T(3))]),
    C("index_copy", T(3, 4), -1, U(4, 2), T(3, 2), errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2, **INT))]),
    C("index_fill", T(3, 4), 1, N(2, n=4), 5.0, errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2))]),
    C("index_fill", T(3, 4), 0, N(2, n=3), T()),
    C("index_fill", T(3, 4, **INT), 0, N(2, n=3), 7),
    C("index_put", T(3, 4), (U(3, 2),), T(2, 4), errors=[E(RuntimeError, T(3), (N(2, n=3),), T(2, **INT))]),
    C("index_put", T(3, 4), (N(5, n=3), N(5, n=4)), T(5), accumulate=True),
    C("index_put", T(3, 4), (B(3, 4),), T()),
    C("index_put", T(3, 4), (B(3),), T(4), errors=[E(IndexError, T(3), (N(2, n=3), N(2, n=3)), T(2))]),
    C("index_put", T(3, 4), (N(5, n=3),), T(4), accumulate=True),
    C("index_put", T(3, 4, **INT), (N(5, n=3),), T(1, **INT), accumulate=True),
    *(
        inplace(f"Tensor.{name}_", T(3, 4), *args)
        for name, *args in [
            ("index_add", 0, N(2, n=3), T(2, 4)),
            ("index_copy", 0, U(3, 2), T(2, 4)),
            ("index_fill", 0, N(2, n=3), T()),
            ("index_put", (U(3, 2),), T(4)),
            ("masked_fill", B(3, 4), T()),
            ("masked_scatter", B(3, 4), T(12)),
            ("scatter", 1, P(3, 2, dim=1, n=4), T(3, 2)),
            ("scatter_add", 1, N(3, 2, n=4), T(3, 2)),
            ("scatter_reduce", 1, N(3, 2, n=4), T(3, 2), "mean"),
        ]
    ),
    # -- gather and scatter
    C("gather", T(3, 4), 1, N(3, 2, n=4), errors=[E(RuntimeError, T(3, 4), 1, N(4, 1, n=2))]),
    C("gather", T(3, 4), 0, N(5, 2, n=3), errors=[E(RuntimeError, T(3, 4), 1, N(3, n=2))]),
    C("gather", T(2, 3, 4), -1, N(1, 2, 6, n=4), errors=[E(RuntimeError, T(3), 0, T(3))]),
    C("gather", T(), 0, N(n=1), errors=[E(IndexError, T(3), 1, N(3, n=2))]),
    C("gather", T(3), 0, N(0, n=1), errors=[E(RuntimeError, T(3), 0, T(2, dtype="int64", low=3, high=5))]),
    C("gather", T(3, 4, **INT), 1, N(3, 2, n=4)),
    C("scatter", T(3, 4), 1, P(3, 2, dim=1, n=4), T(3, 2), errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2, **INT))]),
    C(
        "scatter",
        T(3, 4),
        0,
        P(2, 3, dim=0, n=3),
        T(3, 4, grad=False),
        errors=[E(RuntimeError, T(3), 0, N(3, n=3), T(2))],
    ),
    C("scatter", T(3, 4), 1, N(3, 2, n=4), 2.5, errors=[E(RuntimeError, T(3), 0, N(1, 1, n=3), 1.0)]),
    C("scatter", T(3, 4), 1, N(3, 2, n=4), value=2.5),
    C("scatter", T(3, 4, grad=False), 1, N(3, 2, n=4), T(3, 2, grad=False), reduce="add", orders=0),
    C("scatter", T(3, 4, grad=False), 1, N(3, 2, n=4), T(3, 2, grad=False), reduce="multiply", orders=0),
    C("scatter", T(3, 4), 1, N(0, 2, n=4), T(3, 2, grad=False)),
    C("scatter", T(3, 4, **INT), 1, P(3, 2, dim=1, n=4), T(3, 2, **INT)),
    C("scatter_add", T(3, 4), 1, N(3, 6, n=4), T(3, 6), errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2, **INT))]),
    C("scatter_add", T(3, 4), 0, N(2, 3, n=3), T(3, 4, grad=False)),
    C("scatter_add", T(3, **INT), 0, N(6, n=3), T(6, **INT)),
    *(
        C(
            "scatter_reduce",
            T(3, 4, make=distinct),
            1,
            N(3, 6, n=4),
            T(3, 6, low=0.5),
            reduce,
            include_self=own,
        )
        for reduce in ("sum", "mean", "amax", "amin", "prod")
        for own in (True, False)
    ),
    *(
        C("scatter_reduce", T(3, 4, **INT), 1, N(3, 6, n=4), T(3, 6, **INT), reduce)
        for reduce in ("sum", "mean", "amax", "prod")
    ),
    C("scatter_reduce", T(3), 0, N(2, n=3), T(2), "sum", errors=[E(RuntimeError, T(3), 0, N(2, n=3), T(2), "no")]),
    C("take", T(3, 4), N(2, 2, n=12), errors=[E(IndexError, T(3), T(2, dtype="int64", low=3, high=5))]),
    C("take", T(3, 4), N(n=12)),
    C("take", T(3, **INT), N(2, n=3), errors=[E(RuntimeError, T(3), T(2))]),
    C("take_along_dim", T(3, 4), N(3, 2, n=4), 1),
    C("take_along_dim", T(3, 4), N(1, 4, n=3), dim=0, errors=[E(RuntimeError, T(3, 4), N(3, n=3), dim=0)]),
    C("take_along_dim", T(3, 4), N(5, n=12)),
    # -- masks
    C("masked_fill", T(3, 4), B(3, 4), 2.5, errors=[E(RuntimeError, T(3), T(3), 1.0)]),
    C("masked_fill", T(3, 4), B(4), T(), errors=[E(RuntimeError, T(3), B(3), T(3))]),
    C("masked_fill", T(3), B(2, 3), -1, errors=[E(RuntimeError, T(3), B(2), 1.0)]),
    C("masked_fill", T(), B(), float("-inf")),
    C("masked_fill", T(0, 3), B(3), 1.0),
    C("masked_fill", T(3, 4, **INT), B(3, 4), 7),
    C("masked_select", T(3, 4), B(3, 4), errors=[E(RuntimeError, T(3), T(3))]),
    C("masked_select", T(3, 4), B(4), errors=[E(RuntimeError, T(3), B(2))]),
    C("masked_select", T(4), B(3, 4)),
    C("masked_select", T(), B()),
    C("masked_select", T(3, **INT), B(3)),
    C("masked_scatter", T(3, 4), B(3, 4), T(12), errors=[E(RuntimeError, T(3), B(3), T(3, **INT))]),
    C("masked_scatter", T(3, 4), B(4), T(3, 4)),
    C("nonzero", T(3, 4, dtype="int64", low=0, high=2)),
    C("nonzero", B(3, 4), as_tuple=True),
    C("nonzero", B()),
    C("nonzero", B(0, 2)),
    C("nonzero", B(), as_tuple=True),
    C("nonzero", T(3, grad=False)),
    C("argwhere", B(3, 4)),
    # -- writing into a copy
    C("select_scatter", T(3, 4), T(3), 1, -1, errors=[E(RuntimeError, T(3, 4), T(4), 1, 0)]),
    C("select_scatter", T(3, 4), T(4), 0, 1, errors=[E(IndexError, T(3, 4), T(4), 0, 3)]),
    C("slice_scatter", T(5, 2), T(2, 2), 0, 1, 3, errors=[E(RuntimeError, T(5), T(2), 0, 1, 4)]),
    C("slice_scatter", T(5), T(3), step=2),
    C("slice_scatter", T(2, 5), T(2, 2), dim=1, start=-2),
    C("diagonal_scatter", T(3, 4), T(3), errors=[E(RuntimeError, T(3, 4), T(4))]),
    C("diagonal_scatter", T(3, 4), T(2), -1),
]
