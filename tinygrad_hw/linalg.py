"""Linear algebra: ``torch.linalg``."""

from tinygrad_hw.numpy_names import LINALG, with_numpy_names
from tinygrad_hw.ops.decomposition import cholesky, cholesky_ex, eigh, eigvalsh, qr, svd, svdvals
from tinygrad_hw.ops.eig import eig, eigvals
from tinygrad_hw.ops.factor import householder_product, lu, lu_factor, lu_factor_ex, lu_solve
from tinygrad_hw.ops.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from tinygrad_hw.ops.linalg import LinAlgError
from tinygrad_hw.ops.matmul import linalg_cross as cross
from tinygrad_hw.ops.matmul import matmul, multi_dot, vecdot
from tinygrad_hw.ops.matrix_functions import linalg_vander as vander
from tinygrad_hw.ops.matrix_functions import matrix_exp, matrix_power
from tinygrad_hw.ops.matrix_properties import cond, det, matrix_norm, matrix_rank, norm, slogdet, vector_norm
from tinygrad_hw.ops.matrix_properties import linalg_diagonal as diagonal
from tinygrad_hw.ops.solvers import inv, inv_ex, lstsq, pinv, solve, solve_ex, solve_triangular, tensorinv, tensorsolve

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

with_numpy_names(globals(), LINALG)
