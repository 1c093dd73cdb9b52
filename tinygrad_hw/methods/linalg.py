"""Methods of Tensor: matrix products and linear algebra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import contraction, decomposition, factor, matmul, matrix_functions, matrix_properties, solvers

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["LinalgMethods"]


class LinalgMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def __matmul__(self, other: Any) -> Tensor:
        if not isinstance(other, TensorBase):
            return NotImplemented
        return matmul.matmul(self, other)

    def matmul(self, other: Any) -> Tensor:
        """Return the matrix product with ``other``; see ``torch.matmul``."""
        return matmul.matmul(self, other)

    def mm(self, mat2: Any) -> Tensor:
        """Return the product with another matrix; see ``torch.mm``."""
        return matmul.mm(self, mat2)

    def bmm(self, mat2: Any) -> Tensor:
        """Return the products with another batch of matrices; see ``torch.bmm``."""
        return matmul.bmm(self, mat2)

    def mv(self, vec: Any) -> Tensor:
        """Return the product with a vector; see ``torch.mv``."""
        return matmul.mv(self, vec)

    def dot(self, tensor: Any) -> Tensor:
        """Return the dot product with another vector; see ``torch.dot``."""
        return matmul.dot(self, tensor)

    def vdot(self, other: Any) -> Tensor:
        """Return the dot product with another vector; see ``torch.vdot``."""
        return matmul.vdot(self, other)

    def outer(self, vec2: Any) -> Tensor:
        """Return the outer product with another vector; see ``torch.outer``."""
        return matmul.outer(self, vec2)

    def ger(self, vec2: Any) -> Tensor:
        """Return the outer product with another vector; see ``torch.outer``."""
        return matmul.ger(self, vec2)

    def inner(self, other: Any) -> Tensor:
        """Return the sums of products over the last dimensions; see ``torch.inner``."""
        return contraction.inner(self, other)

    def kron(self, other: Any) -> Tensor:
        """Return the Kronecker product; see ``torch.kron``."""
        return matmul.kron(self, other)

    def trace(self) -> Tensor:
        """Return the sum of the diagonal; see ``torch.trace``."""
        return matmul.trace(self)

    def cross(self, other: Any, dim: int | None = None) -> Tensor:
        """Return cross products along ``dim``; see ``torch.cross``."""
        return matmul.cross(self, other, dim)

    def addmm(self, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """Return ``beta * self + alpha * mat1 @ mat2``; see ``torch.addmm``."""
        return matmul.addmm(self, mat1, mat2, beta=beta, alpha=alpha)

    def addmm_(self, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """In-place form of ``addmm``."""
        return apply_inplace(matmul.addmm, "addmm_", self, mat1, mat2, beta=beta, alpha=alpha)

    def addmv(self, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """Return ``beta * self + alpha * mat @ vec``; see ``torch.addmv``."""
        return matmul.addmv(self, mat, vec, beta=beta, alpha=alpha)

    def addmv_(self, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """In-place form of ``addmv``."""
        return apply_inplace(matmul.addmv, "addmv_", self, mat, vec, beta=beta, alpha=alpha)

    def addr(self, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """Return ``beta * self + alpha * outer(vec1, vec2)``; see ``torch.addr``."""
        return matmul.addr(self, vec1, vec2, beta=beta, alpha=alpha)

    def addr_(self, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """In-place form of ``addr``."""
        return apply_inplace(matmul.addr, "addr_", self, vec1, vec2, beta=beta, alpha=alpha)

    def baddbmm(self, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """Return ``beta * self + alpha * bmm(batch1, batch2)``; see ``torch.baddbmm``."""
        return matmul.baddbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    def baddbmm_(self, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """In-place form of ``baddbmm``."""
        return apply_inplace(matmul.baddbmm, "baddbmm_", self, batch1, batch2, beta=beta, alpha=alpha)

    def addbmm(self, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """Return ``beta * self + alpha * sum of bmm(batch1, batch2)``; see ``torch.addbmm``."""
        return matmul.addbmm(self, batch1, batch2, beta=beta, alpha=alpha)

    def addbmm_(self: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """In-place form of ``addbmm``."""
        result = matmul.addbmm(self._twin(), batch1, batch2, beta=beta, alpha=alpha)
        if result.shape != self.shape:
            # PyTorch lets this one grow to the shape of the result.
            return self._become(lambda _: result)
        return apply_inplace(matmul.addbmm, "addbmm_", self, batch1, batch2, beta=beta, alpha=alpha)

    def __rmatmul__(self, other: Any) -> Tensor:
        return matmul.matmul(other, self)

    def cholesky_inverse(self, upper: bool = False) -> Tensor:
        """Return the inverse of the matrix whose Cholesky factor this is; see ``torch.cholesky_inverse``."""
        return solvers.cholesky_inverse(self, upper)

    def cholesky_solve(self, input2: Any, upper: bool = False) -> Tensor:
        """Return the solution for this right side; see ``torch.cholesky_solve``."""
        return solvers.cholesky_solve(self, input2, upper)

    def logdet(self) -> Tensor:
        """Return the logarithm of the determinant; see ``torch.logdet``."""
        return matrix_properties.logdet(self)

    def matrix_exp(self) -> Tensor:
        """Return the exponential; see ``torch.linalg.matrix_exp``."""
        return matrix_functions.matrix_exp(self)

    def triangular_solve(self, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
        """Return the solution for this right side and a copy of A; see ``torch.triangular_solve``."""
        return solvers.triangular_solve(self, A, upper, transpose, unitriangular)

    def svd(self, some: bool = True, compute_uv: bool = True) -> Any:
        """Return the singular value decomposition ``(U, S, V)``; see ``torch.svd``."""
        return decomposition.torch_svd(self, some, compute_uv)

    def qr(self, some: bool = True) -> Any:
        """Return the QR factors; see ``torch.linalg.qr``."""
        return decomposition.torch_qr(self, some)

    def geqrf(self) -> Any:
        """Return the QR factors as LAPACK keeps them; see ``torch.geqrf``."""
        return factor.geqrf(self)

    def orgqr(self, input2: Any) -> Tensor:
        """Return the first columns of the product of reflectors; see ``torch.linalg.householder_product``."""
        return factor.orgqr(self, input2)

    def ormqr(self, input2: Any, input3: Any, left: bool = True, transpose: bool = False) -> Tensor:
        """Return the product of the reflectors' matrix with another; see ``torch.ormqr``."""
        return factor.ormqr(self, input2, input3, left, transpose)

    def lu(self, pivot: bool = True, get_infos: bool = False) -> Any:
        """Return the LU factors in one matrix and the pivots; see ``torch.linalg.lu_factor``."""
        return factor.torch_lu(self, pivot, get_infos)

    def lu_solve(self, LU_data: Any, LU_pivots: Any) -> Tensor:
        """Return the solution for this right side; see ``torch.linalg.lu_solve``."""
        return factor.torch_lu_solve(self, LU_data, LU_pivots)

    def det(self) -> Tensor:
        """Return the determinant; see ``torch.linalg.det``."""
        return matrix_properties.det(self)

    def slogdet(self) -> Any:
        """Return sign and logarithm of the determinant; see ``torch.linalg.slogdet``."""
        return matrix_properties.slogdet(self)

    def inverse(self) -> Tensor:
        """Return the inverse; see ``torch.linalg.inv``."""
        return solvers.inv(self)

    def pinverse(self, rcond: float = 1e-15) -> Tensor:
        """Return the pseudo-inverse; see ``torch.linalg.pinv``."""
        return solvers.pinverse(self, rcond)

    def cholesky(self, upper: bool = False) -> Tensor:
        """Return the Cholesky factor; see ``torch.linalg.cholesky``."""
        return decomposition.cholesky(self, upper=upper)

    def matrix_power(self, n: int) -> Tensor:
        """Return the n-th power; see ``torch.linalg.matrix_power``."""
        return matrix_functions.matrix_power(self, n)
