"""Hooks on what operations save for their gradients.

A node saves arrays in a tuple that the generated code writes and reads, and nothing there looks for hooks. While hooks
are on, a tracer sees every op (see ``tracer.py``), calls the pack hook on what the new node saved and puts a stand-in
for the op into the node, which unpacks before the op's rules are called. Without hooks nothing of it is there.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import Node, TensorBase, next_number, wrap
from tinygrad_hw.autograd.op import attach, saved_for_backward_error
from tinygrad_hw.autograd.tracer import add_tracer, remove_tracer

__all__ = [
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Pack = Callable[[Any], Any]
Unpack = Callable[[Any], Any]


class _State(threading.local):
    """The hooks of a thread; the innermost pair counts."""

    def __init__(self) -> None:
        self.stack: list[tuple[Pack, Unpack]] = []
        self.disabled: str | None = None
        #: Nodes of an in-place operation, whose result is not where it will stay yet.
        self.pending: list[tuple[Node, Pack, Unpack, Sequence[Any]]] | None = None


_state = _State()
_lock = threading.Lock()
_users = 0


class Packed:
    """What a pack hook returned, in the place of the array it was given."""

    __slots__ = ("pack", "source", "unpack", "value")

    def __init__(self, tensor: Any, pack: Pack, unpack: Unpack) -> None:
        cell = tensor._version_cell
        version = cell[0]
        with no_grad():
            self.value = pack(tensor)
        if cell[0] != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can "
                "not be modified by in-place operations as this can lead to unexpected side-effects. Please open an "
                "issue if you need to perform in-place operations on the input to a pack hook."
            )
        self.pack, self.unpack = pack, unpack
        self.source = weakref.ref(tensor.array)

    def kept(self, target: Any) -> Packed:
        """Return itself, or, if ``target`` is about to be written and holds what was packed, a packed copy."""
        array = self.source()
        if array is None or not (array is target or np.may_share_memory(array, target)):
            return self
        return Packed(wrap(array.copy()), self.pack, self.unpack)

    def get(self) -> Any:
        """Call the unpack hook and return the array of its tensor."""
        with no_grad():
            tensor = self.unpack(self.value)
        if not isinstance(tensor, TensorBase):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor.array


class HookedOp:
    """Stands in a node for its op, and unpacks what the node saved before the op's rules see it."""

    def __init__(self, op: Any) -> None:
        self.op = op

    def __getattr__(self, name: str) -> Any:
        return getattr(self.op, name)

    def _opened(self, node: Node) -> Node:
        if node.saved is None:
            raise saved_for_backward_error(node)
        opened: Node = object.__new__(Node)
        opened.op, opened.params, opened.parents = self.op, node.params, node.parents
        opened.number, opened.shape, opened.dtype, opened.hooks = node.number, node.shape, node.dtype, node.hooks
        opened.saved = tuple(
            [x.get() if isinstance(x, Packed) else x for x in value]
            if isinstance(value, list)
            else value.get()
            if isinstance(value, Packed)
            else value
            for value in node.saved
        )
        return opened

    def vjp(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Unpack, and call the rules with arrays."""
        result: Sequence[Any] = self.op.vjp(self._opened(node), g, parents)
        return result

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Unpack, and call the rules with tensors."""
        opened = self._opened(node)
        result: Sequence[Any] = self.op.vjp_tensors(opened, g, parents)
        return result


def _owner(array: Any, cell: list[int], tensors: Sequence[Any], parent: Any = None) -> Any:
    """Return the tensor that a saved array belongs to, for the hook to see; a new one if that is gone."""
    for t in tensors:
        if isinstance(t, TensorBase) and t.array is array:
            return t
    if parent is not None:
        return attach(array, parent)
    t = wrap(array)
    t._version_cell = cell
    return t


def pack_node(node: Node, pack: Pack, unpack: Unpack, tensors: Sequence[Any]) -> None:
    """Call the pack hook on everything that a node saved of ``tensors``, its op's arguments and results."""
    op = node.op
    if isinstance(op, HookedOp) or not op.guarded or node.saved is None:
        return
    saved = list(node.saved)
    at = len(op.layout)
    packed = False
    for i in op.guarded:
        cells, value = saved[at], saved[i]
        if isinstance(value, list):
            saved[i] = [
                Packed(_owner(v, c, tensors), pack, unpack) if isinstance(v, np.ndarray) else v
                for v, c in zip(value, cells, strict=True)
            ]
            saved[at : at + 2] = [(), ()]
            packed = True
        elif isinstance(value, np.ndarray):
            name = op.layout[i][0]
            parent = node.parents[op.differentiable.index(name)] if name in op.differentiable else None
            saved[i] = Packed(_owner(value, cells, tensors, parent), pack, unpack)
            # Whoever packs answers for the contents: a hook may have copied them.
            saved[at : at + 2] = [[0], 0]
            packed = True
        at += 2
    if packed:
        node.saved = tuple(saved)
        node.op = HookedOp(op)


def saved_value(node: Node, name: str) -> Any:
    """Return what a node saved, under PyTorch's name: ``_saved_self``, ``_saved_other``, ``_saved_result``."""
    key = {"self": "input", "result": "out"}.get(name.removeprefix("_saved_"), name.removeprefix("_saved_"))
    op = node.op
    if key in op.parameters:
        return node.params[op.parameters.index(key)]
    index = next((i for i, (n, kind, _) in enumerate(op.layout) if n == key and kind != "shape"), None)
    if index is None:
        raise AttributeError(f"{node.name()!r} object has no attribute {name!r}")
    if node.saved is None:
        raise saved_for_backward_error(node)
    if not isinstance(op, HookedOp):
        message = op.changed(node)
        if message:
            raise RuntimeError(message)
    value = node.saved[index]
    if value.__class__ is Packed:
        value = value.get()
    kind = op.layout[index][1]
    if kind == "output" and isinstance(value, np.ndarray):
        t = wrap(value)
        t._node = node
        return t
    edge = node.parents[op.differentiable.index(key)] if key in op.differentiable else None
    if not isinstance(value, np.ndarray):
        return value
    return wrap(value) if edge is None else attach(value, edge)


def _new_nodes(outputs: Sequence[Any], before: int) -> list[Node]:
    found: list[Node] = []
    for t in outputs:
        node = t._node if isinstance(t, TensorBase) else None
        if node is not None and node.op.name == "select_output":
            node = node.parents[0]
        if node is not None and node.number < before and node not in found:
            found.append(node)
    return found


def _tracer(op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
    if not _state.stack:
        return apply(op, args, params)
    pack, unpack = _state.stack[-1]
    before = next_number()
    result = apply(op, args, params)
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    for node in _new_nodes(outputs, before):
        if _state.pending is not None:
            _state.pending.append((node, pack, unpack, (*args, *outputs)))
        else:
            pack_node(node, pack, unpack, (*args, *outputs))
    return result


@contextlib.contextmanager
def deferred(target: Any) -> Iterator[None]:
    """Pack at the end of the block: an in-place operation on ``target`` saves what is still to move there."""
    if not _state.stack or _state.pending is not None:
        yield
        return
    pending: list[tuple[Node, Pack, Unpack, Sequence[Any]]] = []
    _state.pending = pending
    try:
        yield
    finally:
        _state.pending = None
    for node, pack, unpack, tensors in pending:
        pack_node(node, pack, unpack, (target, *tensors))


def current_hooks() -> tuple[Pack, Unpack] | None:
    """Return the hooks of this thread, or None."""
    return _state.stack[-1] if _state.stack else None


def _forbid() -> None:
    if _state.disabled is not None and _state.stack:
        raise RuntimeError(_state.disabled)


class saved_tensors_hooks:
    """Decide how operations keep what they need for their gradients.

    Inside the block every tensor that an operation saves (also one given to ``ctx.save_for_backward``) goes through
    ``pack_hook``, and what that returns is kept in its place. The gradient's rule gets what ``unpack_hook`` makes of
    it. Only the innermost pair counts. What the hooks do is not recorded. A tensor saved under hooks is not watched for
    in-place changes: if a hook returns the tensor itself, a later change shows.

    Args:
        pack_hook: takes a tensor, returns anything; not something that holds the tensor itself (``detach()`` it).
        unpack_hook: takes that, returns a tensor of the same contents.

    Raises:
        RuntimeError: hooks are disabled, or the pack hook changes its argument.
        TypeError: (from backward) the unpack hook returned no tensor.

    Source: ``torch.autograd.graph.saved_tensors_hooks``. Which tensors an operation saves can differ from PyTorch.

    Example:
        >>> a = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        ...     y = a.exp()
        >>> y.sum().backward()
        >>> a.grad
        tensor([2.7183, 2.7183])
    """

    def __init__(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        global _users
        if _state.disabled is not None:
            raise RuntimeError(_state.disabled)
        _state.stack.append((self.pack_hook, self.unpack_hook))
        with _lock:
            _users += 1
            add_tracer(_tracer)

    def __exit__(self, *exc: object) -> None:
        global _users
        _state.stack.pop()
        with _lock:
            _users -= 1
            if not _users:
                remove_tracer(_tracer)


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in the CPU's memory, where they are anyway: nothing is copied.

    Args:
        pin_memory: keep a copy.
        device_type: where the tensors come from; no other device is there.

    Source: ``torch.autograd.graph.save_on_cpu``.

    Example:
        >>> a = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.save_on_cpu():
        ...     y = a * a
        >>> y.sum().backward()
        >>> a.grad
        tensor([2., 2.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Any) -> Any:
            return tensor.device, tensor.clone() if pin_memory else tensor.cpu()

        def unpack(packed: Any) -> Any:
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Forbid hooks on saved tensors in a block, for code that they would break.

    Args:
        error_message: of the error that ``saved_tensors_hooks`` raises.

    Raises:
        RuntimeError: hooks are on already.

    Source: ``torch.autograd.graph.disable_saved_tensors_hooks``.

    Example:
        >>> with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
        ...     with torch.autograd.graph.save_on_cpu():
        ...         pass
        Traceback (most recent call last):
        RuntimeError: not here
    """
    before = _state.disabled
    _state.disabled = error_message
    try:
        _forbid()
        yield
    finally:
        _state.disabled = before


# -- mutation of saved tensors ---------------------------------------------------------------------


class _Handle:
    """Stands for what one storage held at one version."""

    __slots__ = ("__weakref__", "cell", "version")

    def __init__(self, cell: list[int]) -> None:
        self.cell, self.version = cell, cell[0]


class _MutationContext:
    """What ``allow_mutation_on_saved_tensors`` gives.

    Attributes:
        original: the saved tensors that were not changed since.
        cloned: copies of those that were.
    """

    def __init__(self) -> None:
        self.original: weakref.WeakKeyDictionary[_Handle, Any] = weakref.WeakKeyDictionary()
        self.cloned: weakref.WeakKeyDictionary[_Handle, Any] = weakref.WeakKeyDictionary()
        self._handles: weakref.WeakValueDictionary[tuple[int, int], _Handle] = weakref.WeakValueDictionary()
        self._of_cell: dict[int, weakref.WeakSet[_Handle]] = {}
        self._on = True

    def clear(self) -> None:
        """Forget everything that was saved."""
        self.original.clear()
        self.cloned.clear()
        self._handles.clear()
        self._of_cell.clear()

    def pack(self, tensor: Any) -> _Handle:
        """Remember a tensor by its array and version."""
        cell = tensor._version_cell
        handle = self._handles.get((id(tensor.array), cell[0]))
        if handle is None or handle.cell is not cell:
            handle = self._handles[id(tensor.array), cell[0]] = _Handle(cell)
            self.original[handle] = tensor
            self._of_cell.setdefault(id(cell), weakref.WeakSet()).add(handle)
        return handle

    def unpack(self, handle: _Handle) -> Any:
        """Return the tensor, or its copy."""
        tensor = self.cloned.get(handle) if self._on else None
        if tensor is None and self._on:
            tensor = self.original.get(handle)
        if tensor is None:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                "in which the graph was originally recorded."
            )
        return tensor

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
        return apply(op, args, params)

    def before_write(self, tensor: Any, result: Any) -> None:
        """Copy what was saved of a tensor that is about to be changed."""
        cell = tensor._version_cell
        for handle in list(self._of_cell.get(id(cell), ())):
            if handle.cell is cell and handle.version == cell[0] and handle in self.original:
                with no_grad():
                    self.cloned[handle] = self.original[handle].clone()
                del self.original[handle]


_mutation: _MutationContext | None = None


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_MutationContext]:
    """Let tensors that were saved for a gradient be changed in place: they are copied just before.

    Forward and backward both belong into the block, whose end forgets what it saved.

    Returns:
        an object with what was kept (``original``), what was copied (``cloned``), and ``clear()``.

    Raises:
        RuntimeError: blocks are nested.
        AssertionError: (from backward) after the block.

    Source: ``torch.autograd.graph.allow_mutation_on_saved_tensors``.

    Example:
        >>> a = torch.ones(2, requires_grad=True)
        >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
        ...     b = a.clone()
        ...     y = (b**2).sum()
        ...     _ = b.zero_()
        ...     y.backward()
        >>> a.grad
        tensor([2., 2.])
    """
    global _mutation
    if _mutation is not None:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = _mutation = _MutationContext()
    add_tracer(context)
    try:
        with saved_tensors_hooks(context.pack, context.unpack):
            yield context
    finally:
        context.clear()
        context._on = False
        remove_tracer(context)
        _mutation = None
