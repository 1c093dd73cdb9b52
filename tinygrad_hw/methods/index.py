"""Methods of Tensor: indexing, sorting, searching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase, next_number
from tinygrad_hw.autograd.inplace import apply_inplace, check_inplace, write
from tinygrad_hw.ops import index as index_ops
from tinygrad_hw.ops import index_select, masks, placing, scatter, view_scatter
from tinygrad_hw.ops import sort as sort_ops

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["IndexMethods"]


class IndexMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Tensor:
        return index_ops.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        before = next_number()
        view, contents = index_ops.assigned(self, index, value)
        target = self if view is None else view
        check_inplace(target, "__setitem__")
        write(target, contents, "__setitem__", before)

    def argwhere(self) -> Tensor:
        """Return the indices of the elements that are not zero, one row each; see ``nonzero``."""
        return masks.argwhere(self)

    def gather(self, dim: int, index: Any, *, sparse_grad: bool = False) -> Tensor:
        r"""Return :math:`out_{i j k} = input_{index_{i j k}\, j\, k}` (for ``dim=0``)."""
        return scatter.gather(self, dim, index, sparse_grad=sparse_grad)

    def index_add(self, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
        """Return a copy with slices of ``source`` added at the slices that ``index`` names."""
        return index_select.index_add(self, dim, index, source, alpha=alpha)

    def index_add_(self, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
        """In-place form of ``index_add``."""
        return apply_inplace(index_select.index_add, "index_add_", self, dim, index, source, alpha=alpha)

    def index_reduce(self, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Tensor:
        """Return a copy with slices of ``source`` reduced into the slices that ``index`` names."""
        return placing.index_reduce(self, dim, index, source, reduce, include_self=include_self)

    def index_reduce_(self, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Tensor:
        """In-place form of ``index_reduce``."""
        return apply_inplace(
            placing.index_reduce, "index_reduce_", self, dim, index, source, reduce, include_self=include_self
        )

    def put(self, index: Any, source: Any, accumulate: bool = False) -> Tensor:
        """Return a copy with elements of ``source`` at places of the flattened tensor."""
        return placing.put(self, index, source, accumulate)

    def put_(self, index: Any, source: Any, accumulate: bool = False) -> Tensor:
        """In-place form of ``put``."""
        return apply_inplace(placing.put, "put_", self, index, source, accumulate)

    def nonzero_static(self, *, size: int, fill_value: int = -1) -> Tensor:
        """Return the indices of the first ``size`` elements that are not zero."""
        return placing.nonzero_static(self, size=size, fill_value=fill_value)

    def index_copy(self, dim: int, index: Any, source: Any) -> Tensor:
        """Return a copy with slices replaced by slices of ``source``."""
        return index_select.index_copy(self, dim, index, source)

    def index_copy_(self, dim: int, index: Any, source: Any) -> Tensor:
        """In-place form of ``index_copy``."""
        return apply_inplace(index_select.index_copy, "index_copy_", self, dim, index, source)

    def index_fill(self, dim: int, index: Any, value: Any) -> Tensor:
        """Return a copy with slices filled with one value."""
        return index_select.index_fill(self, dim, index, value)

    def index_fill_(self, dim: int, index: Any, value: Any) -> Tensor:
        """In-place form of ``index_fill``."""
        return apply_inplace(index_select.index_fill, "index_fill_", self, dim, index, value)

    def index_put(self, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
        """Return a copy with ``values`` put at the index."""
        return index_ops.index_put(self, indices, values, accumulate)

    def index_put_(self, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
        """In-place form of ``index_put``."""
        return apply_inplace(index_ops.index_put, "index_put_", self, indices, values, accumulate)

    def index_select(self, dim: int, index: Any) -> Tensor:
        """Return the slices along a dimension that ``index`` names."""
        return index_select.index_select(self, dim, index)

    def masked_fill(self, mask: Any, value: Any) -> Tensor:
        """Return ``input`` with ``value`` where ``mask`` holds."""
        return masks.masked_fill(self, mask, value)

    def masked_fill_(self, mask: Any, value: Any) -> Tensor:
        """In-place form of ``masked_fill``."""
        return apply_inplace(masks.masked_fill, "masked_fill_", self, mask, value)

    def masked_scatter(self, mask: Any, source: Any) -> Tensor:
        """Return ``input`` with consecutive elements of ``source`` where ``mask`` holds."""
        return masks.masked_scatter(self, mask, source)

    def masked_scatter_(self, mask: Any, source: Any) -> Tensor:
        """In-place form of ``masked_scatter``."""
        return apply_inplace(masks.masked_scatter, "masked_scatter_", self, mask, source)

    def masked_select(self, mask: Any) -> Tensor:
        """Return the elements where ``mask`` holds, as one dimension."""
        return masks.masked_select(self, mask)

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """Return the indices of the elements that are not zero."""
        return masks.nonzero(self, as_tuple=as_tuple)

    def scatter(self, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
        r"""Return a copy with :math:`out_{index_{i j k}\, j\, k} = src_{i j k}` (for ``dim=0``)."""
        return scatter.scatter(self, dim, index, src, value=value, reduce=reduce)

    def scatter_(
        self, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> Tensor:
        """In-place form of ``scatter``."""
        return apply_inplace(scatter.scatter, "scatter_", self, dim, index, src, value=value, reduce=reduce)

    def scatter_add(self, dim: int, index: Any, src: Any) -> Tensor:
        """Return a copy with ``src`` added at the places that ``index`` names; see ``scatter``."""
        return scatter.scatter_add(self, dim, index, src)

    def scatter_add_(self, dim: int, index: Any, src: Any) -> Tensor:
        """In-place form of ``scatter_add``."""
        return apply_inplace(scatter.scatter_add, "scatter_add_", self, dim, index, src)

    def scatter_reduce(self, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Tensor:
        """Return a copy with ``src`` reduced into the places that ``index`` names."""
        return scatter.scatter_reduce(self, dim, index, src, reduce, include_self=include_self)

    def scatter_reduce_(self, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Tensor:
        """In-place form of ``scatter_reduce``."""
        return apply_inplace(
            scatter.scatter_reduce,
            "scatter_reduce_",
            self,
            dim,
            index,
            src,
            reduce,
            include_self=include_self,
        )

    def select_scatter(self, src: Any, dim: int, index: int) -> Tensor:
        """Return a copy with the slice ``index`` along a dimension replaced."""
        return view_scatter.select_scatter(self, src, dim, index)

    def slice_scatter(
        self,
        src: Any,
        dim: int = 0,
        start: int | None = None,
        end: int | None = None,
        step: int = 1,
    ) -> Tensor:
        """Return a copy with a slice along a dimension replaced."""
        return view_scatter.slice_scatter(self, src, dim, start, end, step)

    def diagonal_scatter(self, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """Return a copy with a diagonal replaced."""
        return view_scatter.diagonal_scatter(self, src, offset, dim1, dim2)

    def take(self, index: Any) -> Tensor:
        """Return the elements of the flattened tensor at ``index``."""
        return index_ops.take(self, index)

    def take_along_dim(self, indices: Any, dim: int | None = None) -> Tensor:
        """Return the elements that ``indices`` names along a dimension, the other dimensions broadcast."""
        return scatter.take_along_dim(self, indices, dim)

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
        """Return the indices that sort a tensor along a dimension; see ``sort``."""
        return sort_ops.argsort(self, dim, descending, stable)

    def bincount(self, weights: Any = None, minlength: int = 0) -> Tensor:
        """Return how often each non-negative integer occurs, or the sum of its weights."""
        return sort_ops.bincount(self, weights, minlength)

    def bucketize(self, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
        """Return which bucket each element falls into; see ``searchsorted``."""
        return sort_ops.bucketize(self, boundaries, out_int32=out_int32, right=right)

    def histc(self, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
        """Return counts of elements in equal bins from ``min`` to ``max`` (of the data if both are equal)."""
        return sort_ops.histc(self, bins, min, max)

    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> Any:
        """Return the k-th smallest element along a dimension (from 1), and where it is."""
        return sort_ops.kthvalue(self, k, dim, keepdim)

    def msort(self) -> Tensor:
        """Return the tensor sorted along its first dimension."""
        return sort_ops.msort(self)

    def searchsorted(
        self,
        input: Any,
        *,
        out_int32: bool = False,
        right: bool = False,
        side: str | None = None,
        sorter: Any = None,
    ) -> Tensor:
        """Return where elements would go into sorted rows so that these stay sorted."""
        return sort_ops.searchsorted(self, input, out_int32=out_int32, right=right, side=side, sorter=sorter)

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
        """Return the elements sorted along a dimension, and where they were."""
        return sort_ops.sort(self, dim, descending, stable)

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
        """Return the k largest (or smallest) elements along a dimension, and where they are."""
        return sort_ops.topk(self, k, dim, largest, sorted)

    def unique(
        self,
        sorted: bool = True,
        return_inverse: bool = False,
        return_counts: bool = False,
        dim: int | None = None,
    ) -> Any:
        """Return the distinct elements (or slices along ``dim``), in order."""
        return sort_ops.unique(self, sorted, return_inverse, return_counts, dim)

    def unique_consecutive(
        self, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
    ) -> Any:
        """Return the elements (or slices along ``dim``) without those equal to their predecessor."""
        return sort_ops.unique_consecutive(self, return_inverse, return_counts, dim)
