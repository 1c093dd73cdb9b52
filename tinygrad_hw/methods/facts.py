"""Methods of Tensor: what it is and is not, and older names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.absent import hint
from tinygrad_hw.autograd.graph import TensorBase, count_write, edge_of, wrap

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["Absent", "FactMethods"]


class Absent:
    """An attribute that raises AttributeError with a reason.

    Args:
        about: a name that ``absent.hint`` knows.
    """

    def __init__(self, about: str) -> None:
        self.about = about
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name:  # several names in one assignment: a descriptor for each, which knows its own
            other = Absent(self.about)
            other.name = name
            setattr(owner, name, other)
        else:
            self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}{hint(self.about)}")


class FactMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    is_cpu = True
    is_ipu = False
    is_maia = False
    is_meta = False
    is_mkldnn = False
    is_mps = False
    is_mtia = False
    is_nested = False
    is_sparse_csr = False
    is_vulkan = False
    is_xla = False
    is_xpu = False
    name = None

    @property
    def volatile(self) -> bool:
        """Always False, with a warning: a thing of the past."""
        warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
        return False

    def ndimension(self) -> int:
        """Return the number of dimensions."""
        return self.array.ndim

    def get_device(self) -> int:
        """Return -1, the number of the CPU."""
        return -1

    def is_nonzero(self) -> bool:
        """Return whether the only element is not zero."""
        return bool(self)

    def is_shared(self) -> bool:
        """Return False: the memory belongs to this process."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """Return False: there is no device that would need it."""
        return False

    def is_distributed(self) -> bool:
        """Return False."""
        return False

    def is_neg(self) -> bool:
        """Return False: negation is carried out at once."""
        return False

    def is_same_size(self, other: Tensor) -> bool:
        """Return whether the other tensor has the same shape."""
        return self.array.shape == other.array.shape

    def is_set_to(self, tensor: Tensor) -> bool:
        """Return whether the other tensor is the same view of the same memory."""
        a, b = self.array, tensor.array
        same = a.__array_interface__["data"] == b.__array_interface__["data"]
        return bool(same and a.shape == b.shape and a.strides == b.strides and a.dtype == b.dtype)

    def dim_order(self) -> tuple[int, ...]:
        """Return the dimensions from the one with the largest steps in memory to the one with the smallest.

        Example:
            >>> torch.empty(2, 3).t().dim_order()
            (1, 0)
        """
        strides = self.array.strides
        return tuple(sorted(range(self.array.ndim), key=lambda d: -strides[d]))

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """Return the tensor itself, converted to ``dtype``: it is dense."""
        return self if dtype is None else self.to(dtype)  # type: ignore[attr-defined,return-value]

    def dense_dim(self) -> int:
        """Return the number of dimensions: all are dense."""
        return self.array.ndim

    def sparse_dim(self) -> int:
        """Return 0."""
        return 0

    def const_data_ptr(self) -> int:
        """Return the memory address of the first element."""
        return self.data_ptr()  # type: ignore[attr-defined]

    def untyped_storage(self) -> Any:
        """Return the memory that the tensor is a view of."""
        from tinygrad_hw.storage import UntypedStorage

        return UntypedStorage(self.array)

    def new(self, *args: Any) -> Tensor:
        """Return a tensor of the same dtype: of sizes, or of data."""
        if len(args) == 1 and not isinstance(args[0], int):
            value = args[0].array if isinstance(args[0], TensorBase) else args[0]
            if isinstance(value, tuple) and hasattr(value, "numel"):
                return wrap(np.empty(value, self.array.dtype))
            return wrap(np.array(value, self.array.dtype))
        return wrap(np.empty(args or (0,), self.array.dtype))

    def as_subclass(self, cls: type) -> Any:
        """Return a tensor of another class on the same memory and with the same history."""
        t = wrap(self.array, cls)
        t._version_cell, t._node, t._requires_grad = self._version_cell, self._node, self._requires_grad
        t._base = self._base
        if self._base is not None:
            t._seen = self._seen
        return t

    def _by_function(self, name: str, function: Callable[..., Any], *others: Any) -> Tensor:
        if edge_of(self) is not None or any(edge_of(o) is not None for o in others):
            raise TypeError(f"{name} is not differentiable: the function is Python's. Call it on tensor.detach()")
        count_write(self)
        kind = self.array.dtype
        arrays = np.broadcast_arrays(self.array, *(o.array for o in others))
        values = [function(*numbers) for numbers in zip(*(a.ravel().tolist() for a in arrays), strict=True)]
        self.array[...] = np.array(values, kind).reshape(self.array.shape)
        return self  # type: ignore[return-value]

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        """Replace each element by what a Python function makes of it.

        Raises:
            TypeError: the tensor requires grad.

        Example:
            >>> torch.tensor([1.0, 4.0]).apply_(lambda x: x + 1)
            tensor([2., 5.])
        """
        return self._by_function("apply_", callable)

    def map_(self, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Replace each element by a Python function of it and of the other tensor's.

        Raises:
            TypeError: a tensor requires grad.

        Example:
            >>> torch.tensor([1.0, 4.0]).map_(torch.tensor([2.0, 3.0]), lambda a, b: a * b)
            tensor([ 2., 12.])
        """
        return self._by_function("map_", callable, tensor)

    def map2_(self, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
        """Replace each element by a Python function of it and of two other tensors'.

        Raises:
            TypeError: a tensor requires grad.
        """
        return self._by_function("map2_", callable, x, y)

    # A descriptor each, because __getattr__ would make every access to an attribute slower.
    coalesce = col_indices = crow_indices = ccol_indices = row_indices = Absent("sparse")
    indices = values = is_coalesced = sparse_mask = sparse_resize_ = sparse_resize_and_clear_ = Absent("sparse")
    to_sparse = to_sparse_coo = to_sparse_csr = to_sparse_csc = to_sparse_bsr = to_sparse_bsc = Absent("sparse")
    smm = sspaddmm = resize_as_sparse_ = Absent("sparse")
    dequantize = int_repr = q_per_channel_axis = q_per_channel_scales = q_per_channel_zero_points = Absent("quant")
    q_scale = q_zero_point = qscheme = Absent("quant")
    to_mkldnn = record_stream = ipu = xpu = mtia = Absent("xpu")
    to_padded_tensor = Absent("nested")
    storage = storage_type = Absent("Storage")
    eig = Absent("eig")
    lstsq = Absent("lstsq")
    solve = Absent("solve")
    symeig = Absent("symeig")
    reinforce = Absent("reinforce")
