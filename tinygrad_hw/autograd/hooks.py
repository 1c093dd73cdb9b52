"""Hooks on gradients, and the handle that removes a hook."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_hw.autograd.basics import conj
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.graph import Node, TensorBase, wrap

__all__ = ["RemovableHandle", "TensorHooks"]

_next_id = itertools.count().__next__


class RemovableHandle:
    """What ``register_hook`` and its relatives return: ``remove()`` takes the hook away again.

    Also a context manager, which removes the hook at the end of the block.

    Args:
        hooks_dict: the ordered dictionary that holds the hook under ``handle.id``.
        extra_dict: a further dictionary, or a list of them, from which the id is removed as well.

    Source: ``torch.utils.hooks.RemovableHandle``.

    Example:
        >>> from collections import OrderedDict
        >>> hooks = OrderedDict()
        >>> handle = torch.utils.hooks.RemovableHandle(hooks)
        >>> hooks[handle.id] = print
        >>> handle.remove()
        >>> len(hooks)
        0
    """

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.id: int = _next_id()
        self.hooks_dict_ref: Any = weakref.ref(hooks_dict)
        extra = () if extra_dict is None else [extra_dict] if isinstance(extra_dict, dict) else extra_dict
        self.extra_dict_ref: tuple[Any, ...] = tuple(weakref.ref(d) for d in extra)

    def remove(self) -> None:
        """Remove the hook; does nothing if it was removed already."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> Any:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: Any) -> None:
        self.id = state[1]
        # A copy refers to the copied dictionaries; to none where the original's were gone.
        first, *more = (weakref.ref(HookDict() if d is None else d) for d in (state[0], *state[2]))
        self.hooks_dict_ref, self.extra_dict_ref = first, tuple(more)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class HookDict(OrderedDict[int, Any]):
    """An ordered dictionary that a handle can refer to weakly."""


class TensorHooks:
    """The hooks of a leaf tensor, and (``pre``, ``post``) of the place where its gradient accumulates."""

    __slots__ = ("on_grad", "post", "post_accumulate", "pre")

    def __init__(self) -> None:
        self.on_grad: HookDict = HookDict()
        self.post_accumulate: HookDict = HookDict()
        self.pre: HookDict = HookDict()
        self.post: HookDict = HookDict()


class NodeHooks:
    """The hooks of a node: on its incoming gradient, and after its rule ran."""

    __slots__ = ("on_grad", "post", "pre", "retained")

    def __init__(self) -> None:
        self.on_grad: HookDict = HookDict()
        self.pre: HookDict = HookDict()
        self.post: HookDict = HookDict()
        #: Weak reference to the tensor whose ``.grad`` is to be kept (``retain_grad``).
        self.retained: Any = None


def node_hooks(node: Node) -> NodeHooks:
    """Return the node's hooks, made on first use."""
    if node.hooks is None:
        node.hooks = NodeHooks()
    return node.hooks


def add_node_hook(node: Node, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook of kind ``"on_grad"``, ``"pre"`` or ``"post"`` to a node."""
    hooks = getattr(node_hooks(node), kind)
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def add_leaf_hook(leaf: TensorBase, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook of kind ``"on_grad"``, ``"pre"``, ``"post_accumulate"`` or ``"post"`` to a leaf."""
    if leaf._hooks is None:
        leaf._hooks = TensorHooks()
    hooks = getattr(leaf._hooks, kind)
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _as_tensor(g: Any) -> Any:
    return g if g is None or isinstance(g, TensorBase) else wrap(g)


def _shown(g: Any) -> Any:
    """Return a gradient of a walk as hooks see it."""
    return g if g is None else conj(_as_tensor(g)) if is_complex(g) else _as_tensor(g)


def _back(g: Any, create_graph: bool) -> Any:
    """Return what a hook saw or made as a gradient of a walk."""
    if g is not None and is_complex(g):
        g = conj(g)
    return g if g is None or create_graph else g.array


def _apply_hooks(hooks: HookDict, tensor: Any) -> Any:
    """Pass a gradient through hooks; a hook that returns a tensor replaces it."""
    for hook in list(hooks.values()):
        result = hook(tensor)
        if result is None:
            continue
        if not isinstance(result, TensorBase):
            raise TypeError(f"expected a tensor hook to return None or a Tensor, not {type(result).__name__}")
        if result.array.shape != tensor.array.shape:
            raise RuntimeError(
                f"hook {getattr(hook, '__name__', hook)!r} has changed the size of the gradient: "
                f"{list(tensor.array.shape)} became {list(result.array.shape)}"
            )
        tensor = result
    return tensor


def run_tensor_hooks(leaf: TensorBase, g: Any) -> Any:
    """Pass a leaf's gradient through its hooks; returns a tensor."""
    return _apply_hooks(leaf._hooks.on_grad, _as_tensor(g))


def run_leaf_pre_hooks(leaf: TensorBase, g: Any) -> Any:
    """Pass a leaf's gradient through its hooks and those of its ``AccumulateGrad``; returns a tensor."""
    tensor = run_tensor_hooks(leaf, g)
    for hook in list(leaf._hooks.pre.values()):
        result = hook((tensor,))
        if result is not None:
            tensor = result[0] if isinstance(result, tuple) else result
    return tensor


def run_leaf_post_hooks(leaf: TensorBase, g: Any) -> None:
    """Tell a leaf's hooks that its gradient was accumulated."""
    for hook in list(leaf._hooks.post_accumulate.values()):
        hook(leaf)
    for hook in list(leaf._hooks.post.values()):
        hook((), (_as_tensor(g),))


def run_node_pre_hooks(node: Node, g: Any, create_graph: bool) -> Any:
    """Pass a node's incoming gradient through its hooks, and keep it where ``retain_grad`` asked."""
    hooks: NodeHooks = node.hooks
    if isinstance(g, list):  # several outputs; tensor hooks are on the select_output nodes
        tensors = tuple(_shown(gi) for gi in g)
        for hook in list(hooks.pre.values()):
            result = hook(tensors)
            if result is not None:
                tensors = result if isinstance(result, tuple) else (result,)
        return [_back(t, create_graph) for t in tensors]
    tensor = _apply_hooks(hooks.on_grad, _shown(g))
    for hook in list(hooks.pre.values()):
        result = hook((tensor,))
        if result is not None:
            tensor = result[0] if isinstance(result, tuple) else result
    if hooks.retained is not None:
        owner = hooks.retained()
        if owner is not None:
            kept = tensor if create_graph else wrap(tensor.array.copy())
            owner._grad = kept if owner._grad is None else owner._grad + kept
    return _back(tensor, create_graph)


def run_node_post_hooks(node: Node, gs: Sequence[Any], g: Any, create_graph: bool) -> Sequence[Any]:
    """Call the hooks that see a node's computed gradients; they may replace them."""
    hooks: NodeHooks = node.hooks
    if not hooks.post:
        return gs
    grad_inputs = tuple(_shown(gi) for gi in gs)
    incoming = g if isinstance(g, list) else [g]
    grad_outputs = tuple(_shown(gi) for gi in incoming)
    for hook in list(hooks.post.values()):
        result = hook(grad_inputs, grad_outputs)
        if result is not None:
            grad_inputs = result if isinstance(result, tuple) else (result,)
    return [_back(t, create_graph) for t in grad_inputs]
