"""The graph: what a tensor carries for autograd, what a node is, and whether operations record.

A :class:`TensorBase` is a bare record (array, node, flags); ``tinygrad_hw.tensor.Tensor`` subclasses it and
registers itself once as the type of every result. Edges go from a node to its parents and point to nodes,
never to tensors, so that an intermediate tensor dies with its last user reference. The one exception is a
leaf that requires grad: it is its own node, because it must receive the gradient.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_hw.autograd.version import mode

if TYPE_CHECKING:
    from tinygrad_hw.autograd.multi_grad import register_multi_grad_hook as register_multi_grad_hook
    from tinygrad_hw.autograd.saved import allow_mutation_on_saved_tensors as allow_mutation_on_saved_tensors
    from tinygrad_hw.autograd.saved import disable_saved_tensors_hooks as disable_saved_tensors_hooks
    from tinygrad_hw.autograd.saved import save_on_cpu as save_on_cpu
    from tinygrad_hw.autograd.saved import saved_tensors_hooks as saved_tensors_hooks

__all__ = [
    "NAMESPACE",
    "GradientEdge",
    "Node",
    "TensorBase",
    "allow_mutation_on_saved_tensors",
    "array_of",
    "count_write",
    "disable_saved_tensors_hooks",
    "edge_of",
    "get_gradient_edge",
    "increment_version",
    "mode",
    "next_number",
    "offer_saved",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
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
        _version_cell: ``[count of in-place writes]``, shared by all tensors on one storage; see ``version.py``.
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
        "_version_cell",
        "array",
    )

    # numpy hands `ndarray * tensor` to the tensor's reflected method instead of making an object array.
    __array_ufunc__: Any = None

    array: np.ndarray[Any, Any]
    _node: Node | None
    _requires_grad: bool
    _grad: Any
    _version_cell: list[int]
    _base: Any
    _seen: int
    _hooks: Any

    @property
    def _version(self) -> int:
        """How often the memory was written in place; views of one storage count together."""
        cell: Any = self._version_cell
        return cell[0] if cell.__class__ is list else cell.version()


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
        """The parents as PyTorch lists them: ``((node or AccumulateGrad or None, which of its outputs), ...)``."""
        return tuple(_shown(p) for p in self.parents)

    def register_hook(self, fn: Callable[..., Any]) -> Any:
        """Call ``fn(grad_inputs, grad_outputs)`` after the node's gradients were computed.

        Args:
            fn: may return other ``grad_inputs``, a tuple.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> a = torch.zeros(2, requires_grad=True)
            >>> b = a.clone()
            >>> handle = b.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_outputs[0] * 2,))
            >>> b.sum().backward()
            >>> a.grad
            tensor([2., 2.])
        """
        from tinygrad_hw.autograd.hooks import add_node_hook

        return add_node_hook(self, "post", fn)

    def register_prehook(self, fn: Callable[..., Any]) -> Any:
        """Call ``fn(grad_outputs)`` before the node's gradients are computed.

        Args:
            fn: may return other ``grad_outputs``, a tuple.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> a = torch.zeros(2, requires_grad=True)
            >>> b = a.clone()
            >>> handle = b.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 3,))
            >>> b.sum().backward()
            >>> a.grad
            tensor([3., 3.])
        """
        from tinygrad_hw.autograd.hooks import add_node_hook

        return add_node_hook(self, "pre", fn)

    def _sequence_nr(self) -> int:
        return -self.number

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


def offer_saved(names: Iterable[str]) -> None:
    """Let nodes show what ops save under PyTorch's names for it, such as ``_saved_self`` or ``_saved_result``.

    Properties, one for each name: a class with ``__getattr__`` is slower at every attribute (a node of the walk by a
    tenth).
    """
    for name in names:
        shown = "_saved_" + {"input": "self", "out": "result"}.get(name, name)
        if shown not in Node.__dict__:
            setattr(Node, shown, property(functools.partial(_read_saved, name=shown)))


def _read_saved(node: Node, *, name: str) -> Any:
    from tinygrad_hw.autograd.saved import saved_value

    return saved_value(node, name)


def _shown(parent: Any) -> tuple[Any, int]:
    """Return a parent as a node and the number of its output."""
    if isinstance(parent, TensorBase):
        return accumulator(parent), 0
    if parent is not None and parent.op.name == "select_output":
        return parent.parents[0], parent.params[0]
    return parent, 0


class AccumulateGrad(Node):
    """What the graph shows for a leaf: the place where its gradient accumulates.

    Attributes:
        variable: the leaf.
    """

    __slots__ = ("variable",)

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable

    def name(self) -> str:
        """Return ``torch::autograd::AccumulateGrad``, as PyTorch calls it."""
        return "torch::autograd::AccumulateGrad"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """A leaf has no parents."""
        return ()

    def _sequence_nr(self) -> int:
        return (1 << 64) - 1

    def register_hook(self, fn: Callable[..., Any]) -> Any:
        """Call ``fn((), (gradient,))`` after the leaf's gradient was accumulated."""
        from tinygrad_hw.autograd.hooks import add_leaf_hook

        return add_leaf_hook(self.variable, "post", fn)

    def register_prehook(self, fn: Callable[..., Any]) -> Any:
        """Call ``fn((gradient,))`` before the leaf's gradient is accumulated; it may return another."""
        from tinygrad_hw.autograd.hooks import add_leaf_hook

        return add_leaf_hook(self.variable, "pre", fn)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


#: So that there is one of them for a leaf, as long as somebody holds it.
_accumulators: weakref.WeakValueDictionary[int, AccumulateGrad] = weakref.WeakValueDictionary()


def accumulator(leaf: TensorBase) -> AccumulateGrad:
    """Return the place where a leaf's gradient accumulates."""
    found = _accumulators.get(id(leaf))
    if found is None or found.variable is not leaf:
        found = _accumulators[id(leaf)] = AccumulateGrad(leaf)
    return found


class GradientEdge(NamedTuple):
    """Where a gradient flows: a node and which of its outputs. Stands for a tensor in ``backward`` and ``grad``.

    Attributes:
        node: the node, or the ``AccumulateGrad`` of a leaf.
        output_nr: the number of the output.
        ownership_token: keeps the place alive.

    Source: ``torch.autograd.graph.GradientEdge``.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: TensorBase) -> GradientEdge:
    """Return where the gradient of a tensor is computed; the tensor itself is not kept.

    Args:
        tensor: one that requires grad.

    Raises:
        RuntimeError: it does not.

    Source: ``torch.autograd.graph.get_gradient_edge``.

    Example:
        >>> a = torch.ones(2, requires_grad=True)
        >>> edge = torch.autograd.graph.get_gradient_edge(a * 2)
        >>> torch.autograd.grad(edge, a, torch.ones(2))
        (tensor([2., 2.]),)
    """
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, number = _shown(edge)
    return GradientEdge(node, number, None if node is edge or isinstance(edge, TensorBase) else edge)


def increment_version(tensor: TensorBase | Iterable[TensorBase]) -> None:
    """Tell autograd that the memory of a tensor, or of several, was changed behind its back (not of inference tensors).

    Source: ``torch.autograd.graph.increment_version``.

    Example:
        >>> a = torch.ones(2, requires_grad=True).clone()
        >>> b = a * a
        >>> torch.autograd.graph.increment_version(a)
        >>> b.sum().backward()
        Traceback (most recent call last):
        RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation...
    """
    tensors = (tensor,) if isinstance(tensor, TensorBase) else tuple(tensor)
    for t in tensors:
        if not isinstance(t, TensorBase):
            raise RuntimeError(
                f"increment_version expects each element of the iterable to be a tensor, not {type(t).__name__}"
            )
    for t in tensors:
        if t._version_cell.__class__ is list:
            t._version_cell[0] += 1


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
    # ``new_cell`` while a thread is in inference mode; None otherwise, when every new tensor's cell is ``[0]``.
    "NEW_CELL": None,
}


def set_result_type(cls: type[TensorBase]) -> None:
    """Make ``cls`` the type of every op's result; called once, by the module that defines Tensor."""
    NAMESPACE["T"] = cls


def stand_in(edge: GradientEdge) -> Any:
    """Return a tensor without contents at a place of the graph, for functions that take tensors."""
    if isinstance(edge.node, AccumulateGrad):
        return edge.node.variable
    node = edge.node if edge.ownership_token is None else edge.ownership_token
    multi = isinstance(node.shape, list)
    shape, dtype = (node.shape[edge.output_nr], node.dtype[edge.output_nr]) if multi else (node.shape, node.dtype)
    t = wrap(np.broadcast_to(np.zeros((), dtype), shape))
    if multi:
        from tinygrad_hw.autograd.op import select_output

        node = select_output(node, edge.output_nr)
    t._node = node
    return t


def wrap(array: Any, cls: type[TensorBase] | None = None) -> Any:
    """Return a new leaf tensor on ``array``, without copying it."""
    t: Any = object.__new__(NAMESPACE["T"] if cls is None else cls)
    t.array = array if array.__class__ is np.ndarray else np.asarray(array)
    t._node = None
    t._requires_grad = False
    t._grad = None
    t._version_cell = [0] if NAMESPACE["NEW_CELL"] is None else NAMESPACE["NEW_CELL"]()
    t._base = None
    t._hooks = None
    return t


def count_write(t: TensorBase) -> None:
    """Count a write to the memory of a tensor.

    Raises:
        RuntimeError: it is an inference tensor, outside inference mode.
    """
    cell: Any = t._version_cell
    if cell.__class__ is list:
        cell[0] += 1
    else:
        cell.check_write()
        cell.count_write()


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


#: Names of ``torch.autograd.graph`` that stand above the graph.
_LATER = {
    "allow_mutation_on_saved_tensors": "saved",
    "disable_saved_tensors_hooks": "saved",
    "register_multi_grad_hook": "multi_grad",
    "save_on_cpu": "saved",
    "saved_tensors_hooks": "saved",
}


def __getattr__(name: str) -> Any:
    """Return a name of ``torch.autograd.graph`` that has a file of its own here."""
    if name in _LATER:
        return getattr(importlib.import_module(f"tinygrad_hw.autograd.{_LATER[name]}"), name)
    raise AttributeError(f"module 'tinygrad_hw.autograd.graph' has no attribute {name!r}")
