"""The graph: what a tensor carries for autograd, what a node is, and whether operations record.

A :class:`TensorBase` is a bare record (array, node, flags); ``tinygrad_hw.tensor.Tensor`` subclasses it and
registers itself once as the type of every result. Edges go from a node to its parents and point to nodes,
never to tensors, so that an intermediate tensor dies with its last user reference. The one exception is a
leaf that requires grad: it is its own node, because it must receive the gradient.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "NAMESPACE",
    "Node",
    "TensorBase",
    "array_of",
    "edge_of",
    "mode",
    "next_number",
    "set_result_type",
    "wrap",
]


class TensorBase:
    """What autograd knows of a tensor; see ``tinygrad_hw.tensor.Tensor`` for what a user sees.

    Attributes:
        array: the numpy array that holds or views the elements; an ndarray even when 0-d.
        _node: the graph node that made this tensor, or None for a leaf.
        _requires_grad: for a leaf, whether gradients are accumulated into it.
        _grad: the accumulated gradient, a tensor or None.
        _version: ``[count of in-place writes]``, shared by all tensors on one storage.
        _base: for a differentiable view, the tensor that owns the storage.
        _seen: for a view, the version at which ``_node`` was right.
        _hooks: for a leaf, what ``register_hook`` collected, or None.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_grad",
        "_hooks",
        "_node",
        "_requires_grad",
        "_seen",
        "_version",
        "array",
    )

    # numpy hands `ndarray * tensor` to the tensor's reflected method instead of making an object array.
    __array_ufunc__: Any = None

    array: np.ndarray[Any, Any]
    _node: Node | None
    _requires_grad: bool
    _grad: Any
    _version: list[int]
    _base: Any
    _seen: int
    _hooks: Any


class Node:
    """One recorded operation.

    Attributes:
        op: the ``Op`` that was applied.
        params: the values of its keyword-only parameters, in declaration order.
        parents: for each differentiable argument its node, its leaf tensor, or None if no gradient is needed.
        saved: what the gradient rules need, laid out by ``op``; None once freed.
        number: decreasing birth number; children come before parents in ascending order.
        shape: shape of the output (a list of shapes for an op with several differentiable outputs).
        dtype: numpy dtype of the output (a list likewise).
        hooks: functions on the incoming gradient, or None.
        metadata: a dict made on first use, for tools (the forward stack in anomaly mode).
    """

    __slots__ = (
        "__weakref__",
        "_metadata",
        "dtype",
        "hooks",
        "number",
        "op",
        "params",
        "parents",
        "saved",
        "shape",
    )

    op: Any
    params: tuple[Any, ...]
    parents: tuple[Any, ...]
    saved: tuple[Any, ...] | None
    number: int
    shape: Any
    dtype: Any
    hooks: Any
    _metadata: dict[str, Any]

    def name(self) -> str:
        """Return the name PyTorch prints for the node, such as ``MulBackward0``."""
        if self.op.name == "select_output":
            return str(self.parents[0].op.node_name)
        return str(self.op.node_name)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for tools to attach facts to the node."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata = {}
            return self._metadata

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The parents as PyTorch lists them: ``((node or AccumulateGrad or None, 0), ...)``."""
        return tuple((AccumulateGrad(p) if isinstance(p, TensorBase) else p, 0) for p in self.parents)

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_inputs, grad_outputs)`` after the node's gradients were computed."""
        from tinygrad_hw.autograd.hooks import add_node_hook

        return add_node_hook(self, "post", hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Call ``hook(grad_outputs)`` before the node's gradients are computed."""
        from tinygrad_hw.autograd.hooks import add_node_hook

        return add_node_hook(self, "pre", hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class AccumulateGrad:
    """What ``next_functions`` shows for a leaf: the place where its gradient accumulates."""

    __slots__ = ("variable",)

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable

    def name(self) -> str:
        """Return ``torch::autograd::AccumulateGrad``."""
        return "torch::autograd::AccumulateGrad"

    @property
    def next_functions(self) -> tuple[()]:
        """A leaf has no parents."""
        return ()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


class _Mode(threading.local):
    """Per-thread switches; the class attributes are every new thread's start."""

    enabled = True
    inference = False


mode = _Mode()

#: Birth numbers fall, so that a min-heap of them yields the youngest node first.
next_number = itertools.count(-1, -1).__next__

#: The globals of all generated op wrappers (see ``codegen.py``): one dictionary, so that the result type and
#: the tracer can be set once for all of them.
NAMESPACE: dict[str, Any] = {
    "__name__": "tinygrad_hw.autograd.op",
    "TensorBase": TensorBase,
    "Node": Node,
    "T": TensorBase,
    "TRACE": None,
    "new": object.__new__,
    "GRAD_MODE": mode,
    "next_number": next_number,
    "ndarray": np.ndarray,
    "asarray": np.asarray,
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "I64": np.dtype(np.int64),
    "NO_CELL": [0],
}


def set_result_type(cls: type[TensorBase]) -> None:
    """Make ``cls`` the type of every op's result; called once, by the module that defines Tensor."""
    NAMESPACE["T"] = cls


def wrap(array: Any, cls: type[TensorBase] | None = None) -> Any:
    """Return a new leaf tensor on ``array``, without copying it."""
    t: Any = object.__new__(NAMESPACE["T"] if cls is None else cls)
    t.array = array if array.__class__ is np.ndarray else np.asarray(array)
    t._node = None
    t._requires_grad = False
    t._grad = None
    t._version = [0]
    t._base = None
    t._hooks = None
    return t


def array_of(t: Any) -> Any:
    """Return a tensor's array; of anything else what numpy makes of it."""
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


def edge_of(tensor: TensorBase) -> Any:
    """Return where the gradient of ``tensor`` goes: its node, the leaf itself, or None."""
    if tensor._base is not None:
        NAMESPACE["sync"](tensor)
    if tensor._node is not None:
        return tensor._node
    return tensor if tensor._requires_grad else None
