"""Methods of Tensor: views and rearrangements."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.basics import cast, sum_to
from tinygrad_hw.autograd.grad_mode import always_record
from tinygrad_hw.autograd.graph import TensorBase, count_write, mode, wrap
from tinygrad_hw.autograd.inplace import apply_inplace, check_inplace
from tinygrad_hw.dtypes import dtype as DType
from tinygrad_hw.ops import (
    arguments,
    broadcasting,
    complex,
    copies,
    diagonals,
    index_select,
    permutation,
    shape,
    splitting,
    strided,
    view_scatter,
)
from tinygrad_hw.ops.conversion import memory_of, storage_offset

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["ShapeMethods"]


def _resized(tensor: Any, size: tuple[int, ...]) -> Any:
    if tensor.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    array = tensor.array
    if tuple(array.shape) != size:
        count_write(tensor)
        memory = memory_of(array)[storage_offset(array) :]
        need = math.prod(size)
        if memory.size < need:
            memory = np.concatenate([memory, np.empty(need - memory.size, array.dtype)])
        tensor.array = memory[:need].reshape(size)
    return tensor


class ShapeMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def adjoint(self) -> Tensor:
        """Return a view with the last two dimensions swapped."""
        return permutation.adjoint(self)

    def as_strided_(self, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
        """Make this tensor the view that ``as_strided`` returns."""
        return self._become(lambda t: strided.as_strided(t, size, stride, storage_offset))

    def as_strided_scatter(self, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
        """Return a copy with the elements at given strides of the memory replaced."""
        return view_scatter.as_strided_scatter(self, src, size, stride, storage_offset)

    def narrow_copy(self, dim: int, start: Any, length: int) -> Tensor:
        """Return a copy of ``length`` slices along a dimension, from ``start`` on."""
        return copies.narrow_copy(self, dim, start, length)

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Tensor:
        """Give the tensor other sizes: its elements in memory order, new ones uninitialised.

        Raises:
            RuntimeError: the tensor requires grad.
        """
        return _resized(self, arguments.as_size(sizes))

    def resize_as_(self, the_template: Any, *, memory_format: Any = None) -> Tensor:
        """Give the tensor the sizes of another; see ``resize_``."""
        return _resized(self, tuple(the_template.shape))

    def unsafe_chunk(self, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """Return what ``chunk`` returns."""
        return copies.unsafe_chunk(self, chunks, dim)

    def unsafe_split(self, split_size: int, dim: int = 0) -> tuple[Any, ...]:
        """Return what ``split`` returns."""
        return copies.unsafe_split(self, split_size, dim)

    def unsafe_split_with_sizes(self, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
        """Return what ``split_with_sizes`` returns."""
        return copies.unsafe_split_with_sizes(self, split_sizes, dim)

    def as_strided(self, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
        """Return elements at given strides of the tensor's memory."""
        return strided.as_strided(self, size, stride, storage_offset)

    def broadcast_to(self, size: Any) -> Tensor:
        """Return a view of ``input`` broadcast to ``size``."""
        return broadcasting.broadcast_to(self, size)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """Return views of at most ``chunks`` consecutive pieces of equal size, the last maybe smaller."""
        return splitting.chunk(self, chunks, dim)

    def diag(self, diagonal: int = 0) -> Tensor:
        """Return the diagonal of a matrix, or the matrix with a vector on its diagonal."""
        return diagonals.diag(self, diagonal)

    def diag_embed(self, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
        """Return matrices with the last dimension of ``input`` on their diagonals."""
        return diagonals.diag_embed(self, offset, dim1, dim2)

    def diagflat(self, offset: int = 0) -> Tensor:
        """Return a matrix with the flattened elements on its diagonal."""
        return diagonals.diagflat(self, offset)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """Return a view of the diagonals of matrices, as the last dimension."""
        return diagonals.diagonal(self, offset, dim1, dim2)

    def dsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Return pieces along dimension 2; see ``tensor_split``."""
        return splitting.dsplit(self, indices_or_sections)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Return the tensor with dimensions ``start_dim`` to ``end_dim`` merged into one."""
        return shape.flatten(self, start_dim, end_dim)

    def flip(self, *args: Any, dims: Any = None) -> Tensor:
        """Return a copy with the order of elements reversed along dimensions."""
        return permutation.flip(self, *args, dims=dims)

    def fliplr(self) -> Tensor:
        """Return a copy with columns reversed."""
        return permutation.fliplr(self)

    def flipud(self) -> Tensor:
        """Return a copy with rows reversed."""
        return permutation.flipud(self)

    def hsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Return pieces along dimension 1 (0 for 1-D); see ``tensor_split``."""
        return splitting.hsplit(self, indices_or_sections)

    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """Return a view with some dimensions moved, the others in their order."""
        return permutation.moveaxis(self, source, destination)

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """Return a view with some dimensions moved, the others in their order."""
        return permutation.movedim(self, source, destination)

    def narrow(self, dim: int, start: Any, length: int) -> Tensor:
        """Return a view of ``length`` slices along a dimension, from ``start`` on."""
        return splitting.narrow(self, dim, start, length)

    def permute(self, *dims: Any) -> Tensor:
        """Return a view with the dimensions in another order."""
        return permutation.permute(self, *dims)

    def ravel(self) -> Tensor:
        """Return the elements as one dimension."""
        return shape.ravel(self)

    def repeat_interleave(
        self, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
    ) -> Tensor:
        """Return the tensor with each element repeated."""
        return index_select.repeat_interleave(self, repeats, dim, output_size=output_size)

    def reshape(self, *sizes: Any) -> Tensor:
        """Return the elements in another shape; a view where memory allows, else a copy."""
        return shape.reshape(self, *sizes)

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Return a copy with elements shifted along dimensions, those that leave coming back in."""
        return permutation.roll(self, shifts, dims)

    def rot90(self, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
        """Return a copy rotated by k times 90 degrees, from the first dimension towards the second."""
        return permutation.rot90(self, k, dims)

    def select(self, dim: int, index: int) -> Tensor:
        """Return a view of one slice along a dimension, which is dropped."""
        return splitting.select(self, dim, index)

    def split_with_sizes(self, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
        """Return views of consecutive pieces of given sizes; see ``split``."""
        return splitting.split_with_sizes(self, split_sizes, dim)

    def squeeze(self, dim: Any = None) -> Tensor:
        """Return a view without dimensions of size 1."""
        return shape.squeeze(self, dim)

    def swapaxes(self, dim0: int, dim1: int) -> Tensor:
        """Return a view with two dimensions swapped."""
        return permutation.swapaxes(self, dim0, dim1)

    def swapdims(self, dim0: int, dim1: int) -> Tensor:
        """Return a view with two dimensions swapped."""
        return permutation.swapdims(self, dim0, dim1)

    def t(self) -> Tensor:
        """Return a view of a matrix transposed; vectors and scalars as they are."""
        return permutation.t(self)

    def tensor_split(self, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
        """Return views of pieces: so many nearly equal ones, or cut before given indices."""
        return splitting.tensor_split(self, indices_or_sections, dim)

    def tile(self, *dims: Any) -> Tensor:
        """Return the tensor repeated along its last dimensions."""
        return broadcasting.tile(self, *dims)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Return a view with two dimensions swapped."""
        return permutation.transpose(self, dim0, dim1)

    def tril(self, diagonal: int = 0) -> Tensor:
        """Return the lower triangles of matrices, zeros above."""
        return diagonals.tril(self, diagonal)

    def triu(self, diagonal: int = 0) -> Tensor:
        """Return the upper triangles of matrices, zeros below."""
        return diagonals.triu(self, diagonal)

    def unbind(self, dim: int = 0) -> tuple[Any, ...]:
        """Return views of all slices along a dimension."""
        return splitting.unbind(self, dim)

    def unflatten(self, dim: int, sizes: Any) -> Tensor:
        """Return the tensor with one dimension split into several."""
        return shape.unflatten(self, dim, sizes)

    def unsqueeze(self, dim: int) -> Tensor:
        """Return a view with a new dimension of size 1 before ``dim``."""
        return shape.unsqueeze(self, dim)

    def vsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Return pieces along dimension 0; see ``tensor_split``."""
        return splitting.vsplit(self, indices_or_sections)

    def expand(self, *size: Any) -> Tensor:
        """Return a view with dimensions of size 1 repeated; see ``Tensor.expand``."""
        return broadcasting.expand(self, *size)

    def repeat(self, *repeats: Any) -> Tensor:
        """Return the tensor repeated along each dimension; see ``Tensor.repeat``."""
        return broadcasting.repeat(self, *repeats)

    def split(self, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
        """Return views of consecutive pieces along a dimension; see ``torch.split``."""
        return splitting.split(self, split_size, dim)

    def view(self, *size: Any) -> Tensor:
        """Return a view of another shape, or of the same memory as another dtype.

        Args:
            *size: the new sizes, one of which may be -1; or a dtype.

        Raises:
            RuntimeError: the strides do not allow a view; use ``reshape``.

        Example:
            >>> torch.arange(4).view(2, 2)
            tensor([[0, 1],
                    [2, 3]])
        """
        if len(size) == 1 and isinstance(size[0], DType):
            return shape.view_dtype(self, size[0])
        return shape.view(self, *size)

    def view_as(self, other: Any) -> Tensor:
        """Return a view of the shape of another tensor."""
        return shape.view(self, other.array.shape)

    def reshape_as(self, other: Any) -> Tensor:
        """Return the elements in the shape of another tensor."""
        return shape.reshape(self, other.array.shape)

    def expand_as(self, other: Any) -> Tensor:
        """Return a view expanded to the shape of another tensor."""
        return broadcasting.expand(self, other.array.shape)

    def sum_to_size(self, *size: Any) -> Tensor:
        """Return the sum over dimensions along which ``size`` would be broadcast."""
        wanted, own = arguments.as_size(size), self.array.shape
        lead = len(own) - len(wanted)
        if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, own[lead:], strict=True)):
            raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(own)}.")
        if self.array.dtype.kind in "iub":
            if wanted == own and own:
                return self  # type: ignore[return-value]
            return sum_to(cast(self, dtype=np.dtype(np.int64)), size=wanted)
        return sum_to(self, size=wanted)

    def unfold(self, dimension: int, size: int, step: int) -> Tensor:
        """Return windows along a dimension, each in a new last dimension.

        Args:
            dimension: the dimension.
            size: elements in a window.
            step: distance between windows.

        Example:
            >>> torch.arange(4).unfold(0, 2, 1)
            tensor([[0, 1],
                    [1, 2],
                    [2, 3]])
        """
        return strided.unfold_dim(self, dimension, size, step)

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions reversed."""
        return permutation._permute(self, dims=tuple(range(self.array.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions swapped."""
        if self.array.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self.array.ndim}-D tensor."
            )
        return permutation.transpose(self, -2, -1)

    @property
    def H(self) -> Tensor:
        """The conjugate transpose of a matrix."""
        return complex.conj(permutation.t(self))

    @property
    def mH(self) -> Tensor:
        """The conjugate of the tensor with its last two dimensions swapped."""
        return complex.conj(self.mT)

    def tril_(self, diagonal: int = 0) -> Tensor:
        """In-place form of ``tril``."""
        return apply_inplace(diagonals.tril, "tril_", self, diagonal)

    def triu_(self, diagonal: int = 0) -> Tensor:
        """In-place form of ``triu``."""
        return apply_inplace(diagonals.triu, "triu_", self, diagonal)

    def _become(self, view: Callable[[Any], Any]) -> Tensor:
        """Take over ``view`` of this tensor's own memory; recorded even under no_grad(), which loses no history."""
        twin = self._twin()
        with always_record(mode.enabled or self._node is not None):
            other = view(twin)
        self.array, self._node, self._base = other.array, other._node, other._base
        if other._base is not None:
            self._seen = other._seen
        return self  # type: ignore[return-value]

    def unsqueeze_(self, dim: int) -> Tensor:
        """In-place form of ``unsqueeze``."""
        return self._become(lambda t: shape.unsqueeze(t, dim))

    def squeeze_(self, dim: Any = None) -> Tensor:
        """In-place form of ``squeeze``."""
        return self._become(lambda t: shape.squeeze(t, dim))

    def transpose_(self, dim0: int, dim1: int) -> Tensor:
        """In-place form of ``transpose``."""
        return self._become(lambda t: permutation.transpose(t, dim0, dim1))

    swapaxes_ = swapdims_ = transpose_

    def t_(self) -> Tensor:
        """In-place form of ``t``."""
        return self._become(permutation.t)

    def _twin(self) -> Any:
        """Return another tensor with this one's memory and history."""
        twin = wrap(self.array)
        twin._version_cell, twin._node, twin._base = self._version_cell, self._node, self._base
        if self._base is not None:
            twin._seen = self._seen
        check_inplace(self, "view change")
        return twin
