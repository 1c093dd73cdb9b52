"""Matrix products, decompositions, norms."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import OpCase, T, distinct, spd, well_conditioned


def W(*shape: int) -> T:
    return T(*shape, make=well_conditioned)


def S(*shape: int) -> T:
    return T(*shape, make=spd)


def spinning(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """3x3 matrices, one eigenvalue of which is real and two are not."""
    block = np.array([[1.0, 2.0, 0.0], [-2.0, 1.5, 0.0], [0.0, 0.0, -1.0]])
    return block + 0.2 * rng.standard_normal(shape)


def symmetric(tensors):
    return [(t + t.mT) / 2 for t in tensors]


CASES = [
    OpCase(
        "mm",
        (T(3, 4), T(4, 2)),
        reference=np.matmul,
        errors=[
            ((T(3, 4), T(3, 4)), {}, RuntimeError),
            ((T(3), T(3, 4)), {}, RuntimeError),
            ((T(3, 4), T(4, 2, dtype="int64")), {}, RuntimeError),
            ((T(3, 4), 2.0), {}, TypeError),
        ],
    ),
    OpCase("mm", (T(0, 4), T(4, 2)), reference=np.matmul),
    OpCase("mm", (T(3, 0), T(0, 2)), reference=np.matmul),
    OpCase(
        "mm",
        (T(3, 4, dtype="int64", low=-5, high=5), T(4, 2, dtype="int64", low=-5, high=5)),
        reference=np.matmul,
        orders=0,
    ),
    OpCase(
        "matmul",
        (T(4), T(4)),
        reference=np.matmul,
        errors=[
            ((T(), T(4)), {}, RuntimeError),
            ((T(2, 3, 4), T(5, 2)), {}, RuntimeError),
            ((T(2, 3, 4), T(3, 4, 2)), {}, RuntimeError),
        ],
    ),
    OpCase("matmul", (T(3, 4), T(4)), reference=np.matmul),
    OpCase("matmul", (T(4), T(4, 3)), reference=np.matmul),
    OpCase("matmul", (T(2, 3, 4), T(4)), reference=np.matmul),
    OpCase("matmul", (T(3), T(2, 3, 4)), reference=np.matmul),
    OpCase("matmul", (T(2, 3, 4), T(4, 5)), reference=np.matmul),
    OpCase("matmul", (T(3, 4), T(2, 4, 5)), reference=np.matmul),
    OpCase("matmul", (T(2, 1, 3, 4), T(3, 4, 2)), reference=np.matmul),
    OpCase("matmul", (T(0, 3, 4), T(4, 5)), reference=np.matmul),
    OpCase("Tensor.__matmul__", (T(3, 4), T(4, 2)), reference=np.matmul),
    OpCase(
        "bmm",
        (T(2, 3, 4), T(2, 4, 2)),
        reference=np.matmul,
        errors=[
            ((T(2, 3, 4), T(3, 4, 2)), {}, RuntimeError),
            ((T(3, 4), T(3, 4, 2)), {}, RuntimeError),
        ],
    ),
    OpCase("mv", (T(3, 4), T(4)), reference=np.matmul, errors=[((T(3, 4), T(3)), {}, RuntimeError)]),
    OpCase(
        "dot",
        (T(4), T(4)),
        reference=np.dot,
        errors=[
            ((T(3), T(4)), {}, RuntimeError),
            ((T(3, 1), T(3)), {}, RuntimeError),
        ],
    ),
    OpCase("outer", (T(3), T(4)), reference=np.outer, errors=[((T(3, 1), T(3)), {}, RuntimeError)]),
    OpCase(
        "inner",
        (T(2, 3), T(4, 3)),
        reference=np.inner,
        errors=[((T(2, 3), T(4)), {}, RuntimeError)],
    ),
    OpCase("inner", (T(), T(3)), reference=np.multiply),
    OpCase("kron", (T(2, 2), T(3)), reference=np.kron),
    OpCase("trace", (T(3, 4),), reference=np.trace, errors=[((T(3),), {}, RuntimeError)]),
    OpCase(
        "cross",
        (T(2, 3), T(2, 3)),
        {"dim": 1},
        reference=lambda a, b, dim: np.cross(a, b, axis=dim),
    ),
    OpCase(
        "linalg.cross",
        (T(2, 3), T(2, 3)),
        {"dim": 1},
        reference=lambda a, b, dim: np.cross(a, b, axis=dim),
    ),
    OpCase(
        "addmm",
        (T(2), T(3, 4), T(4, 2)),
        {"beta": 0.5, "alpha": 2.0},
        reference=lambda m, a, b, beta, alpha: beta * m + alpha * (a @ b),
        errors=[
            ((T(3), T(3, 4), T(4, 2)), {}, RuntimeError),
        ],
    ),
    OpCase("addmm", (T(3, 2), T(3, 4), T(4, 2)), reference=lambda m, a, b: m + a @ b),
    OpCase("addmv", (T(3), T(3, 4), T(4)), reference=lambda m, a, b: m + a @ b),
    OpCase("addr", (T(3, 4), T(3), T(4)), reference=lambda m, a, b: m + np.outer(a, b)),
    OpCase("baddbmm", (T(2, 3, 2), T(2, 3, 4), T(2, 4, 2)), reference=lambda m, a, b: m + a @ b),
    OpCase("addbmm", (T(3, 2), T(2, 3, 4), T(2, 4, 2)), reference=lambda m, a, b: m + (a @ b).sum(0)),
    OpCase(
        "chain_matmul",
        (T(2, 3), T(3, 4), T(4, 2)),
        reference=lambda a, b, c: a @ b @ c,
        parity=False,
    ),
    OpCase("linalg.multi_dot", ([T(2), T(2, 3), T(3, 4), T(4)],), reference=np.linalg.multi_dot),
    OpCase(
        "tensordot",
        (T(2, 3, 4), T(3, 4, 2)),
        reference=np.tensordot,
        errors=[
            ((T(2, 3), T(4, 2)), {"dims": 1}, RuntimeError),
        ],
    ),
    OpCase("tensordot", (T(2, 3, 4), T(4, 2)), {"dims": ([2, 0], [0, 1])}, label="lists"),
    OpCase("tensordot", (T(2), T(3)), {"dims": 0}, label="outer"),
    *[
        OpCase(
            "einsum",
            (equation, *operands),
            label=equation,
            reference=lambda e, *xs: np.einsum(e, *xs),
        )
        for equation, operands in [
            ("ij,jk->ik", (T(2, 3), T(3, 4))),
            ("bij,bjk->bik", (T(2, 2, 3), T(2, 3, 2))),
            ("ij->ji", (T(2, 3),)),
            ("ij->", (T(2, 3),)),
            ("ii->i", (T(3, 3),)),
            ("ii", (T(3, 3),)),
            ("i,j->ij", (T(2), T(3))),
            ("ij,ij->i", (T(2, 3), T(2, 3))),
            ("...ij,...jk->...ik", (T(2, 2, 3), T(3, 2))),
            ("bhqd,bhkd->bhqk", (T(2, 2, 2, 3), T(2, 2, 3, 3))),
            ("ij,jk,kl->il", (T(2, 3), T(3, 2), T(2, 2))),
            ("ba,ca", (T(2, 3), T(4, 3))),
            ("ij,kj->k", (T(2, 3), T(4, 3))),
        ]
    ],
    OpCase("einsum", ("ij,jk->ik", T(2, 1), T(3, 4)), label="size-one broadcast"),
    OpCase(
        "einsum",
        ("i,i->i", T(3), T(3)),
        label="errors",
        errors=[
            (("ij,jk->ik", T(2, 3)), {}, RuntimeError),
            (("ij,jk->ik", T(2, 3), T(4, 5)), {}, RuntimeError),
            (("ij->ii", T(2, 3)), {}, RuntimeError),
            (("ij->k", T(2, 3)), {}, RuntimeError),
            (("i1->i", T(2, 3)), {}, RuntimeError),
        ],
    ),
    OpCase(
        "linalg.inv",
        (W(3, 3),),
        reference=np.linalg.inv,
        errors=[
            ((T(2, 3),), {}, RuntimeError),
            ((T(3),), {}, RuntimeError),
            ((T(2, 2, make=lambda r, s: np.ones(s)),), {}, RuntimeError),
            ((T(2, 2, dtype="int64"),), {}, RuntimeError),
        ],
    ),
    OpCase("linalg.inv", (W(2, 3, 3),), reference=np.linalg.inv),
    OpCase(
        "linalg.solve",
        (W(3, 3), T(3, 2)),
        reference=np.linalg.solve,
        errors=[
            ((T(3, 3), T(2, 2)), {}, RuntimeError),
        ],
    ),
    OpCase("linalg.solve", (W(3, 3), T(3))),
    OpCase("linalg.solve", (W(2, 3, 3), T(2, 3))),
    OpCase("linalg.solve", (W(2, 3, 3), T(3, 2))),
    OpCase("linalg.solve", (W(3, 3), T(2, 3)), {"left": False}, label="right"),
    OpCase("linalg.solve_triangular", (W(3, 3), T(3, 2)), {"upper": True}, label="upper"),
    OpCase(
        "linalg.solve_triangular",
        (W(3, 3), T(3, 2)),
        {"upper": False, "unitriangular": True},
        label="unit",
    ),
    OpCase("linalg.det", (W(3, 3),), reference=np.linalg.det),
    OpCase("linalg.det", (W(2, 2, 2),), reference=np.linalg.det),
    OpCase("linalg.slogdet", (W(3, 3),), reference=np.linalg.slogdet),
    OpCase(
        "linalg.cholesky",
        (S(3, 3),),
        prepare=symmetric,
        reference=np.linalg.cholesky,
        errors=[
            ((T(2, 2, make=lambda r, s: -np.eye(2)),), {}, RuntimeError),
        ],
    ),
    OpCase(
        "linalg.qr",
        (W(4, 3),),
        reference=np.linalg.qr,
        errors=[((T(3, 3), "full"), {}, RuntimeError)],
    ),
    OpCase("linalg.qr", (W(3, 3),)),
    OpCase("linalg.qr", (W(2, 3, 4),)),
    OpCase("linalg.qr", (W(4, 3),), {"mode": "complete"}, orders=0, label="complete"),
    OpCase("linalg.svd", (W(3, 3),), select=lambda r: r[1], label="values"),
    OpCase(
        "linalg.svd",
        (W(4, 3),),
        {"full_matrices": False},
        select=lambda r: (abs(r[0]), r[1], abs(r[2])),
        label="vectors, tall",
    ),
    OpCase(
        "linalg.svd",
        (W(2, 3, 4),),
        {"full_matrices": False},
        select=lambda r: (abs(r[0]), r[1], abs(r[2])),
        label="vectors, wide",
    ),
    OpCase("linalg.svdvals", (W(3, 4),), reference=lambda a: np.linalg.svd(a, compute_uv=False)),
    OpCase(
        "linalg.eigh",
        (S(3, 3),),
        prepare=symmetric,
        select=lambda r: (r[0], abs(r[1])),
        label="symmetric",
        errors=[((T(3, 3), "X"), {}, RuntimeError)],
    ),
    OpCase("linalg.eigvalsh", (S(2, 3, 3),), prepare=symmetric, reference=np.linalg.eigvalsh),
    OpCase(
        "linalg.eig",
        (T(3, 3, make=spinning),),
        select=lambda r: (r[0], abs(r[1])),
        label="real and complex eigenvalues",
        errors=[
            ((T(3, 4),), {}, RuntimeError),
            ((T(3),), {}, RuntimeError),
            ((T(2, 2, dtype="int64"),), {}, RuntimeError),
            ((1.0,), {}, TypeError),
        ],
    ),
    OpCase("linalg.eig", (T(2, 3, 3, make=spinning),), select=lambda r: (r[0], abs(r[1])), label="batched"),
    OpCase("linalg.eig", (T(2, 0, 0),), select=lambda r: (r[0], abs(r[1])), label="empty"),
    OpCase(
        "linalg.eigvals",
        (T(3, 3, make=spinning),),
        reference=np.linalg.eigvals,
        errors=[((T(3, 4),), {}, RuntimeError), ((T(2, 2, dtype="int64"),), {}, RuntimeError)],
    ),
    OpCase("linalg.eigvals", (T(2, 3, 3, make=spinning),), reference=np.linalg.eigvals),
    OpCase("linalg.eigvals", (T(0, 2, 2),), label="empty"),
    OpCase("linalg.pinv", (W(4, 3),), reference=np.linalg.pinv),
    OpCase("linalg.pinv", (W(3, 4),), reference=np.linalg.pinv),
    OpCase("linalg.lstsq", (W(4, 3), T(4, 2)), select=lambda r: r.solution, label="tall"),
    OpCase("linalg.matrix_power", (W(3, 3), 3), reference=np.linalg.matrix_power),
    OpCase("linalg.matrix_power", (W(3, 3), -2), reference=np.linalg.matrix_power, label="negative"),
    OpCase(
        "linalg.matrix_power",
        (W(3, 3), 0),
        reference=np.linalg.matrix_power,
        label="zero",
        orders=0,
        parity=False,
    ),
    OpCase("linalg.matrix_rank", (W(3, 3),), reference=np.linalg.matrix_rank, orders=0),
    OpCase("linalg.cond", (W(3, 3),), reference=np.linalg.cond),
    OpCase(
        "linalg.vector_norm",
        (T(3, 4),),
        reference=lambda a: np.linalg.norm(a.ravel()),
        errors=[
            ((T(3, dtype="int64"),), {}, RuntimeError),
        ],
    ),
    *[
        OpCase(
            "linalg.vector_norm",
            (T(3, 4, make=distinct), p),
            {"dim": 1},
            label=f"{p}",
            reference=lambda a, p, dim: np.linalg.norm(a, p, axis=dim),
            orders=0 if p == 0 else 2,
        )
        for p in (1, 2, 3, 0, float("inf"), -float("inf"))
    ],
    *[
        OpCase(
            "linalg.matrix_norm",
            (W(3, 4), p),
            {"keepdim": keep},
            label=f"{p} {keep}",
            reference=lambda a, p, keepdim: np.linalg.norm(a, p, axis=(-2, -1), keepdims=keepdim),
        )
        for p, keep in [
            ("fro", False),
            ("nuc", True),
            (1, False),
            (-1, True),
            (2, False),
            (-2, False),
            (float("inf"), False),
            (-float("inf"), True),
        ]
    ],
    OpCase(
        "linalg.matrix_norm",
        (T(2, 3),),
        label="errors",
        errors=[
            ((T(2, 3), 3), {}, RuntimeError),
            ((T(3),), {}, RuntimeError),
        ],
    ),
    OpCase("linalg.norm", (T(2, 3),), reference=np.linalg.norm),
    OpCase(
        "linalg.norm",
        (T(2, 3), 1),
        {"dim": 1},
        label="vectors",
        reference=lambda a, p, dim: np.linalg.norm(a, p, axis=dim),
    ),
    OpCase("linalg.norm", (W(3, 3), "nuc"), label="nuclear", reference=np.linalg.norm),
    *[OpCase("linalg.ldl_factor", (T(*s, grad=False),), orders=0) for s in ((3, 3), (2, 4, 4), (0, 0), (0, 2, 2))],
    OpCase("linalg.ldl_factor_ex", (T(3, 3, grad=False),), orders=0, errors=[((T(3),), {}, RuntimeError)]),
    OpCase(
        "linalg.ldl_solve",
        (T(3, 3, grad=False), T(3, dtype="int32", low=1, high=2, grad=False), T(3, 2, grad=False)),
        orders=0,
        float32_tolerance=1e-2,
    ),
]
