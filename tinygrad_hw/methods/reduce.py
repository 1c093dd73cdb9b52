"""Methods of Tensor: reductions and scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import distance, extrema, quantile, reduce, scan, statistics, variance

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["ReduceMethods"]


class ReduceMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def cov(self, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
        """Return the covariance matrix of variables (rows) over observations (columns)."""
        return statistics.cov(self, correction=correction, fweights=fweights, aweights=aweights)

    def corrcoef(self) -> Tensor:
        """Return the correlation coefficients of variables (rows) over observations (columns)."""
        return statistics.corrcoef(self)

    def histogram(self, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
        """Return how many elements lie between edges, and the edges."""
        return statistics.histogram(self, bins, range=range, weight=weight, density=density)

    def renorm(self, p: float, dim: int, maxnorm: float) -> Tensor:
        """Return a copy whose slices along a dimension have a p-norm of at most ``maxnorm``."""
        return distance.renorm(self, p, dim, maxnorm)

    def renorm_(self, p: float, dim: int, maxnorm: float) -> Tensor:
        """In-place form of ``renorm``."""
        return apply_inplace(distance.renorm, "renorm_", self, p, dim, maxnorm)

    def all(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Return whether all elements are non-zero, over the given dimensions."""
        return reduce.all(self, dim, keepdim)

    def amax(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """Return the largest elements over the given dimensions; ties share the gradient evenly."""
        return extrema.amax(self, dim, keepdim)

    def amin(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """Return the smallest elements over the given dimensions; see ``amax``."""
        return extrema.amin(self, dim, keepdim)

    def aminmax(self, *, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the smallest and the largest elements as ``(min, max)``; see ``amax``."""
        return extrema.aminmax(self, dim=dim, keepdim=keepdim)

    def any(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Return whether any element is non-zero, over the given dimensions."""
        return reduce.any(self, dim, keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Return the index of the largest element, the first if several are; of the flattened tensor by default."""
        return extrema.argmax(self, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Return the index of the smallest element; see ``argmax``."""
        return extrema.argmin(self, dim, keepdim)

    def count_nonzero(self, dim: Any = None) -> Tensor:
        """Return how many elements are not zero, over the given dimensions."""
        return reduce.count_nonzero(self, dim)

    def dist(self, other: Any, p: float = 2) -> Tensor:
        """Return the p-norm of the difference of two tensors."""
        return reduce.dist(self, other, p)

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Tensor:
        r"""Return :math:`\log \sum_i e^{x_i}` over the given dimensions, without overflow."""
        return reduce.logsumexp(self, dim, keepdim)

    def max(self, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        """Return the largest element; along ``dim`` the values and their indices; of two tensors the larger."""
        return extrema.max(self, dim, keepdim, other=other)

    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        r"""Return the mean :math:`\frac{1}{n} \sum_i x_i` over the given dimensions."""
        return reduce.mean(self, dim, keepdim, dtype=dtype)

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the median, the lower of the two middle elements if their number is even."""
        return quantile.median(self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        """Return the smallest element; along ``dim`` the values and their indices; see ``max``."""
        return extrema.min(self, dim, keepdim, other=other)

    def mode(self, dim: int = -1, keepdim: bool = False) -> Any:
        """Return the most frequent element along a dimension, the smallest if several are."""
        return quantile.mode(self, dim, keepdim)

    def nanmean(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        """Return the mean of the elements that are not NaN; see ``mean``."""
        return reduce.nanmean(self, dim, keepdim, dtype=dtype)

    def nanmedian(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the median of the elements that are not NaN; see ``median``."""
        return quantile.nanmedian(self, dim, keepdim)

    def nanquantile(
        self,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Tensor:
        """Return the q-quantiles of the elements that are not NaN; see ``quantile``."""
        return quantile.nanquantile(self, q, dim, keepdim, interpolation=interpolation)

    def nansum(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        """Return the sum with NaN counted as zero; see ``sum``."""
        return reduce.nansum(self, dim, keepdim, dtype=dtype)

    def hash_tensor(self, dim: Any = None, *, keepdim: bool = False, mode: int = 0) -> Tensor:
        """Return the exclusive or of the elements' bits as float64 or int64 numbers, a uint64."""
        return reduce.hash_tensor(self, dim, keepdim=keepdim, mode=mode)

    def norm(self, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        r"""Return the vector norm :math:`(\sum_i |x_i|^p)^{1/p}` over the given dimensions."""
        return reduce.norm(self, p, dim, keepdim, dtype=dtype)

    def prod(self, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        r"""Return :math:`\prod_i x_i` over a dimension, or of all elements."""
        return reduce.prod(self, dim, keepdim, dtype=dtype)

    def quantile(
        self,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
    ) -> Tensor:
        """Return the q-quantiles along a dimension; NaN if any element is."""
        return quantile.quantile(self, q, dim, keepdim, interpolation=interpolation)

    def std(
        self,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Tensor:
        """Return the standard deviation, the root of ``var``; same arguments."""
        return variance.std(self, dim, unbiased, keepdim, correction=correction)

    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
        r"""Return :math:`\sum_i x_i` over the given dimensions."""
        return reduce.sum(self, dim, keepdim, dtype=dtype)

    def var(
        self,
        dim: Any = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Tensor:
        r"""Return the variance :math:`\frac{1}{n - c} \sum_i (x_i - \bar x)^2` over the given dimensions."""
        return variance.var(self, dim, unbiased, keepdim, correction=correction)

    def cummax(self, dim: int) -> Any:
        """Return the running maximum along a dimension and where it was reached last."""
        return scan.cummax(self, dim)

    def cummin(self, dim: int) -> Any:
        """Return the running minimum along a dimension and where it was reached last."""
        return scan.cummin(self, dim)

    def cumprod(self, dim: int, *, dtype: Any = None) -> Tensor:
        r"""Return running products :math:`y_i = \prod_{j \le i} x_j` along a dimension."""
        return scan.cumprod(self, dim, dtype=dtype)

    def cumprod_(self, dim: int, *, dtype: Any = None) -> Tensor:
        """In-place form of ``cumprod``."""
        return apply_inplace(scan.cumprod, "cumprod_", self, dim, dtype=self.array.dtype if dtype is None else dtype)

    def cumsum(self, dim: int, *, dtype: Any = None) -> Tensor:
        r"""Return running sums :math:`y_i = \sum_{j \le i} x_j` along a dimension."""
        return scan.cumsum(self, dim, dtype=dtype)

    def cumsum_(self, dim: int, *, dtype: Any = None) -> Tensor:
        """In-place form of ``cumsum``."""
        return apply_inplace(scan.cumsum, "cumsum_", self, dim, dtype=self.array.dtype if dtype is None else dtype)

    def diff(self, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
        """Return the differences of neighbours along a dimension, n times."""
        return scan.diff(self, n, dim, prepend, append)

    def logcumsumexp(self, dim: int) -> Tensor:
        r"""Return :math:`y_i = \log \sum_{j \le i} e^{x_j}` along a dimension, without overflow."""
        return scan.logcumsumexp(self, dim)
