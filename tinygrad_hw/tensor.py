"""The Tensor: an array that remembers how it was computed."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_hw import dtypes, printing
from tinygrad_hw.autograd import engine, tangents
from tinygrad_hw.autograd.graph import Node, TensorBase, count_write, edge_of, mode, set_result_type, wrap
from tinygrad_hw.autograd.hooks import (
    RemovableHandle,
    add_leaf_hook,
    add_node_hook,
    node_hooks,
)
from tinygrad_hw.autograd.inplace import check_inplace, write
from tinygrad_hw.autograd.narrow import wide
from tinygrad_hw.autograd.version import own_cell
from tinygrad_hw.device import device as Device
from tinygrad_hw.dtypes import dtype as DType
from tinygrad_hw.layout import is_in_format, strided
from tinygrad_hw.layout import layout as Layout
from tinygrad_hw.methods.complex import ComplexMethods
from tinygrad_hw.methods.conversion import ConversionMethods
from tinygrad_hw.methods.elementwise import ElementwiseMethods
from tinygrad_hw.methods.facts import FactMethods
from tinygrad_hw.methods.gamma import GammaMethods
from tinygrad_hw.methods.index import IndexMethods
from tinygrad_hw.methods.linalg import LinalgMethods
from tinygrad_hw.methods.nn import NNMethods
from tinygrad_hw.methods.numbers import NumberMethods
from tinygrad_hw.methods.random import RandomMethods
from tinygrad_hw.methods.reduce import ReduceMethods
from tinygrad_hw.methods.shape import ShapeMethods
from tinygrad_hw.methods.unary import UnaryMethods
from tinygrad_hw.numpy_names import METHODS, with_numpy_names
from tinygrad_hw.ops import conversion
from tinygrad_hw.size import Size

__all__ = ["Size", "Tensor"]


class Tensor(
    ConversionMethods,
    ElementwiseMethods,
    UnaryMethods,
    NumberMethods,
    ComplexMethods,
    GammaMethods,
    ReduceMethods,
    ShapeMethods,
    IndexMethods,
    LinalgMethods,
    RandomMethods,
    NNMethods,
    FactMethods,
):
    """An n-dimensional array that records the operations it takes part in.

    Made by ``torch.tensor``, ``torch.zeros`` and the other factories rather than by its constructor, which
    is PyTorch's legacy one: ``Tensor(2, 3)`` is an uninitialised tensor of that shape, ``Tensor([1, 2])``
    one with those values, both of the default dtype.

    Attributes:
        array: the numpy array that holds or views the elements; writing to it bypasses autograd.

    Source: ``torch.Tensor``.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ()

    #: What repr calls the class; a subclass that does not say prints its own name.
    _repr_name = "tensor"

    def __new__(cls, *data: Any, device: Any = None) -> Any:
        """Make a tensor of the default dtype from sizes or from data."""
        Device.check(device)
        kind = dtypes.get_default_dtype().numpy
        if len(data) == 1 and not isinstance(data[0], int):
            value = data[0]
            if isinstance(value, Size):
                return wrap(np.empty(value, kind), cls)
            if isinstance(value, TensorBase):
                return wrap(value.array, cls)
            return wrap(np.array(value, kind), cls)
        return wrap(np.empty(data if data else (0,), kind), cls)

    @staticmethod
    def _wrap(array: Any) -> Tensor:
        """Return a tensor on ``array``, without copying it."""
        return wrap(array)

    # -- facts ------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def dtype(self) -> DType:
        """The element type."""
        return dtypes.from_numpy(self.array.dtype)

    @property
    def device(self) -> Device:
        """Where the elements live: always the CPU."""
        return Device("cpu")

    @property
    def layout(self) -> Layout:
        """Always ``torch.strided``."""
        return strided

    @property
    def is_cuda(self) -> bool:
        """Always False."""
        return False

    @property
    def is_sparse(self) -> bool:
        """Always False."""
        return False

    @property
    def is_quantized(self) -> bool:
        """Always False."""
        return False

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def element_size(self) -> int:
        """Return the bytes per element."""
        return self.array.itemsize

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """Return the sizes, or that of dimension ``dim``.

        Raises:
            IndexError: there is no such dimension.
        """
        if dim is None:
            return Size(self.array.shape)
        n = self.array.ndim
        if not -max(n, 1) <= dim < max(n, 1) or n == 0:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-max(n, 1)}, {max(n, 1) - 1}], but got {dim})"
            )
        return self.array.shape[dim]

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """Return how many elements apart neighbours along each dimension (or along ``dim``) lie."""
        strides = conversion.element_strides(self.array)
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """Return the position of the first element in the storage, in elements."""
        return conversion.storage_offset(self.array)

    def data_ptr(self) -> int:
        """Return the memory address of the first element (0 for an empty tensor)."""
        return int(self.array.__array_interface__["data"][0]) if self.array.size else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Return whether the elements lie in memory in row-major order without gaps."""
        if memory_format is not None:
            return is_in_format(self.array, memory_format)
        return bool(self.array.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Return whether the dtype is float16, bfloat16, float32 or float64."""
        return self.array.dtype.kind == "f" or self.dtype.is_floating_point

    def is_signed(self) -> bool:
        """Return whether the dtype can hold negative numbers."""
        return self.array.dtype.kind in "fic" or self.dtype.is_signed

    def is_inference(self) -> bool:
        """Return whether the tensor was made under ``inference_mode``, or is a view of one that was."""
        return self._version_cell.__class__ is not list

    # -- autograd ---------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor; settable on leaves. A view says so too once its base does."""
        return edge_of(self) is not None or (self._base is not None and self._base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if edge_of(self) is not None and self._node is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether this leaf accumulates a gradient; returns the tensor.

        Raises:
            RuntimeError: the dtype is not floating point or complex, the tensor is not a leaf, or it is an inference
                tensor, outside inference mode.
        """
        if edge_of(self) is not None and self._node is not None:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                    "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return self
        if requires_grad and self.array.dtype.kind not in "fcVW":
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients; this one is {self.dtype}")
        if requires_grad and not mode.inference and self._version_cell.__class__ is not list:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user and not by a recorded operation."""
        edge = edge_of(self)
        return edge is None or edge is self

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made the tensor; None for a leaf."""
        edge = edge_of(self)
        if edge is None or edge is self:
            return None
        return edge.parents[0] if edge.op.name == "select_output" else edge

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, of the tensor's shape and dtype, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with dtype "
                    f"'{self.dtype}'. Please ensure that the gradient and the tensor have the same dtype"
                )
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.array.shape)}' to a tensor of size "
                    f"'{list(self.array.shape)}'. Please ensure that the gradient and the tensor are the same "
                    "size"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without history; writes to it are not seen by autograd."""
        t: Tensor = wrap(self.array if tangents.level < 0 else self.array.view())
        t._version_cell = own_cell(self._version_cell)
        return t

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"data must be a Tensor, not {type(value).__name__}")
        self.array = value.array
        self._version_cell = own_cell(value._version_cell)
        self._base = None

    @property
    def output_nr(self) -> int:
        """Which output of its node the tensor is."""
        node = self._node
        return int(node.params[0]) if node is not None and node.op.name == "select_output" else 0

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        r"""Accumulate the gradient of this tensor into the leaves it was computed from.

        Args:
            gradient: :math:`\\partial L/\\partial self`, of this tensor's shape; 1 for a one-element tensor.
            retain_graph: keep the graph for another backward; defaults to ``create_graph``.
            create_graph: record the gradient computation, for higher derivatives.
            inputs: accumulate only into these tensors; all leaves by default.

        Raises:
            RuntimeError: see ``torch.autograd.backward``.

        Example:
            >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
            >>> (x**2).backward(torch.ones(2))
            >>> x.grad
            tensor([2., 4.])
        """
        engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """Return a tensor on the same memory that does not require grad and has no history."""
        t: Tensor = wrap(self.array if tangents.level < 0 else self.array.view())
        cell = self._version_cell
        t._version_cell = cell if cell.__class__ is list else own_cell(cell)
        return t

    def detach_(self) -> Tensor:
        """Cut the tensor from its history, making it a leaf.

        Raises:
            RuntimeError: it is a view; detach() it instead.
        """
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        self._requires_grad = False
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf tensor in ``.grad`` at the next backward.

        Raises:
            RuntimeError: the tensor does not require grad.
        """
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if edge is not self:
            node_hooks(edge).retained = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called on this non-leaf tensor."""
        node = self._node
        return (
            node is not None
            and node.hooks is not None
            and node.hooks.retained is not None
            and node.hooks.retained() is self
        )

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` when the gradient of this tensor is known; it may return another gradient.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: the tensor does not require grad.

        Example:
            >>> x = torch.ones(2, requires_grad=True)
            >>> handle = x.register_hook(lambda grad: grad * 10)
            >>> x.sum().backward()
            >>> x.grad
            tensor([10., 10.])
        """
        edge = edge_of(self)
        if edge is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if edge is self:
            return add_leaf_hook(self, "on_grad", hook)
        return add_node_hook(edge, "on_grad", hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(self)`` after a backward has added to this leaf's ``.grad``.

        Raises:
            RuntimeError: the tensor is not a leaf that requires grad.
        """
        if edge_of(self) is not self:
            raise RuntimeError("post accumulate grad hooks can only be registered on leaf tensors that require grad")
        return add_leaf_hook(self, "post_accumulate", hook)

    # -- conversion -------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """Return the elements as an ndarray that shares this tensor's memory.

        Args:
            force: detach first instead of raising.

        Raises:
            RuntimeError: the tensor requires grad.
            TypeError: numpy has no such dtype.
        """
        if not force and edge_of(self) is not None:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.array.dtype.kind in "VW":
            raise TypeError(f"Got unsupported ScalarType {dtypes.LEGACY_NAMES[self.dtype.name]}")
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"unable to avoid a copy: {array.dtype} to {dtype}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let numpy's functions of elements take tensors: the result is a tensor without a history.

        ``ndarray * tensor`` comes here too, and becomes the tensor's own operation, with its gradient.
        """
        if method == "__call__" and not kwargs and len(inputs) == 2 and not isinstance(inputs[0], Tensor):
            reflected = _REFLECTED.get(ufunc.__name__)
            if reflected is not None:
                return getattr(inputs[1], reflected)(inputs[0])
        arrays = [i.numpy() if isinstance(i, Tensor) else i for i in inputs]
        outputs = kwargs.get("out")
        if outputs is not None:
            kwargs["out"] = tuple(o.numpy() if isinstance(o, Tensor) else o for o in outputs)
        result = getattr(ufunc, method)(*arrays, **kwargs)
        if outputs is not None:
            for o in outputs:
                if isinstance(o, Tensor):
                    count_write(o)
            return outputs if len(outputs) > 1 else outputs[0]
        return tuple(map(_of_numpy, result)) if isinstance(result, tuple) else _of_numpy(result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(_requires_grad(a) for a in args):
            raise RuntimeError(
                f"numpy.{func.__name__} cannot record gradients. Use the function of this package, or "
                "tensor.detach() first"
            )
        args, kwargs = _to_arrays(args), _to_arrays(kwargs)
        return func(*args, **kwargs)

    def __dlpack__(self, *, stream: Any = None, **options: Any) -> Any:
        if edge_of(self) is not None:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def item(self) -> Any:
        """Return the only element as a Python number.

        Raises:
            RuntimeError: the tensor has not exactly one element.
        """
        if self.array.size != 1:
            raise RuntimeError(
                f"a Tensor with {self.array.size} elements cannot be converted to Scalar: its shape is "
                f"{list(self.shape)}. Use .tolist(), or reduce it first"
            )
        return wide(self.array).item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers; a number if 0-d."""
        return wide(self.array).tolist()

    def __bool__(self) -> bool:
        if self.array.size != 1:
            if self.array.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous; use .any() or .all()")
        return bool(self.item())

    def __int__(self) -> int:
        return int(self._real_item())

    def __float__(self) -> float:
        return float(self._real_item())

    def _real_item(self) -> Any:
        value = self._only_item()
        if value.__class__ is complex:
            if value.imag:
                raise RuntimeError(f"value cannot be converted to a real number without overflow: {value}")
            return value.real
        return value

    def __complex__(self) -> complex:
        return complex(self._only_item())

    def _only_item(self) -> Any:
        """Return the only element for Python's number types, whose error is not that of ``item``."""
        if self.array.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, not one of shape {list(self.shape)}. "
                "Use .tolist(), or reduce it first"
            )
        return self.array.item()

    def __index__(self) -> int:
        if self.array.size != 1 or self.array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.array.item())

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (int, float, bool, complex, TensorBase)):
            return bool((self == element).any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        node = self.grad_fn
        cls = type(self)
        return printing.tensor_str(
            self.array,
            default_dtype=dtypes.get_default_dtype().name,
            requires_grad=node is None and self._requires_grad,
            grad_fn_name=None if node is None else node.name(),
            type_name=cls.__dict__.get("_repr_name", cls.__name__),
            contents=tensor_contents,
            tangent=None if tangents.level < 0 else tangents.lookup(self),
        )

    def __copy__(self) -> Tensor:
        t: Tensor = wrap(self.array, type(self))
        t._version_cell = self._version_cell
        t._requires_grad = self._requires_grad
        t._node, t._base = self._node, self._base
        if self._base is not None:
            t._seen = self._seen
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
                "the moment. Use .detach().clone() for a copy without history"
            )
        if id(self) in memo:
            return memo[id(self)]
        t: Tensor = wrap(conversion.copy_in_layout(self.array), type(self))
        memo[id(self)] = t
        t._requires_grad = self._requires_grad
        if self._grad is not None:
            t._grad = copy.deepcopy(self._grad, memo)
        if hasattr(self, "__dict__"):
            t.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "only leaf tensors can be pickled: the graph is not part of a pickle. Use .detach() first"
            )
        extra = dict(self.__dict__) if hasattr(self, "__dict__") else None
        return _rebuild, (type(self), self.array, self._requires_grad, extra)

    @property
    def __cuda_array_interface__(self) -> Any:
        raise AttributeError("Can't get __cuda_array_interface__ on a CPU tensor")

    # -- in-place on the whole --------------------------------------------------------------------

    def set_(self, source: Tensor) -> Tensor:
        """Make this tensor use the memory of ``source``."""
        if self._version_cell.__class__ is not list:
            self._version_cell.check_write()  # type: ignore[attr-defined]
        self.array = source.array
        self._version_cell = source._version_cell
        return self

    def _write(self, result: Tensor, name: str) -> Tensor:
        """Take over the values and the history of ``result``."""
        check_inplace(self, name)
        return write(self, result, name)


#: numpy's functions behind Python's operators, and the method of the operand on the right.
_REFLECTED = {
    "add": "__radd__",
    "subtract": "__rsub__",
    "multiply": "__rmul__",
    "divide": "__rtruediv__",
    "true_divide": "__rtruediv__",
    "floor_divide": "__rfloordiv__",
    "remainder": "__rmod__",
    "power": "__rpow__",
    "matmul": "__rmatmul__",
    "bitwise_and": "__rand__",
    "bitwise_or": "__ror__",
    "bitwise_xor": "__rxor__",
    "left_shift": "__rlshift__",
    "right_shift": "__rrshift__",
    "equal": "__eq__",
    "not_equal": "__ne__",
    "less": "__gt__",
    "less_equal": "__ge__",
    "greater": "__lt__",
    "greater_equal": "__le__",
}


def _of_numpy(result: Any) -> Tensor:
    array = np.asarray(result)
    # As PyTorch does it; its own comparisons give bool.
    made: Tensor = wrap(array.astype(np.uint8) if array.dtype == np.bool_ else array)
    return made


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool, extra: Any) -> Tensor:
    t: Tensor = wrap(array, cls)
    t._requires_grad = requires_grad
    if extra:
        t.__dict__.update(extra)
    return t


def _requires_grad(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_requires_grad(v) for v in value)
    return isinstance(value, TensorBase) and edge_of(value) is not None


def _to_arrays(value: Any) -> Any:
    if isinstance(value, TensorBase):
        return value.array
    if isinstance(value, (list, tuple)):
        return type(value)(_to_arrays(v) for v in value)
    if isinstance(value, dict):
        return {k: _to_arrays(v) for k, v in value.items()}
    return value


# Where users find it: type(x) says so.
Tensor.__module__ = "tinygrad_hw"
with_numpy_names(Tensor, METHODS)
set_result_type(Tensor)
