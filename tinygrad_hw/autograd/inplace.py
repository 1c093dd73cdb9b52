"""Writing into a tensor's memory so that autograd still knows the truth.

An in-place operation is its out-of-place op, whose result is then written into the tensor's memory. The
tensor takes over the result's node; a write through a view is recorded in the view's base. The version
cell of the storage counts the write, so that whoever saved the old contents finds out at backward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast, constant_into, copy_into, copy_slices, sync
from tinygrad_hw.autograd.graph import NAMESPACE, Node, TensorBase, count_write, mode, next_number
from tinygrad_hw.autograd.hooks import node_hooks
from tinygrad_hw.autograd.observe import announce_write
from tinygrad_hw.autograd.saved import Packed, deferred

__all__ = ["apply_inplace", "check_inplace", "write"]


def check_inplace(tensor: TensorBase, name: str, overlap: bool = False) -> None:
    """Raise if ``tensor`` may not be written to; ``overlap`` is for one value, which may be written twice to a place.

    Raises:
        RuntimeError: it is a leaf that requires grad (or a view of one) and recording is on, or several of
            its elements lie at one place in memory.
    """
    if mode.enabled:
        if tensor._requires_grad and tensor._node is None:
            raise RuntimeError(
                f"a leaf Variable that requires grad is being used in an in-place operation ({name}): its "
                "history would be lost. Wrap the operation in torch.no_grad(), or work on a clone()"
            )
        base = tensor._base
        if base is not None and base._requires_grad and base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation "
                f"({name}). Wrap the operation in torch.no_grad(), or work on a clone()"
            )
        node = tensor._node
        if base is not None and node is not None and _several_views(node):
            raise RuntimeError(
                f"{name}: the tensor is one of several views that one call returned (unbind, split, chunk), which "
                "may not be written to in place. Index the original tensor instead"
            )
        if node is not None and _of_custom_function(node):
            raise RuntimeError(
                f"{name}: the tensor is a view that the custom Function {node.name()} made of its input and is being "
                "modified inplace; its backward would be lost. Clone the output of the custom Function"
            )
    if tensor._version_cell.__class__ is not list:
        tensor._version_cell.check_write()  # type: ignore[attr-defined]
    array = tensor.array
    if array.size > 1 and not overlap and not array.flags.c_contiguous:
        for n, s in zip(array.shape, array.strides, strict=True):
            if s == 0 and n > 1:
                raise RuntimeError(
                    "unsupported operation: more than one element of the written-to tensor refers to a "
                    f"single memory location ({name} on an expanded tensor of shape {list(array.shape)}). "
                    "Please clone() the tensor before performing the operation."
                )
    if not array.flags.writeable:
        raise RuntimeError(f"{name}: the tensor shares the memory of a read-only numpy array; clone() it first")


def _several_views(node: Node) -> bool:
    """Return whether a view's node picks it from the list that one call returned."""
    return node.op.name == "select_output"


def _of_custom_function(node: Node) -> bool:
    """Return whether the node's output is a view that a custom Function made of its input."""
    index = 0
    if node.op.name == "select_output":
        node, index = node.parents[0], node.params[0]
    return index in getattr(node.op, "views", ())


def apply_inplace(function: Callable[..., Any], name: str, tensor: Any, *args: Any, **params: Any) -> Any:
    """Return ``tensor`` after ``tensor[...] = function(tensor, *args, **params)``.

    Raises:
        RuntimeError: the tensor may not be written to, or the result has another shape or a dtype of a
            higher kind than the tensor's.
    """
    check_inplace(tensor, name)
    before = next_number()
    if NAMESPACE["TRACE"] is not None:
        with deferred(tensor):
            return write(tensor, function(tensor, *args, **params), name, before)
    return write(tensor, function(tensor, *args, **params), name, before)


def write(tensor: Any, result: Any, name: str, before: int | None = None) -> Any:
    """Write ``result`` (a recorded tensor) into ``tensor`` and hand its history over.

    Nodes younger than the birth number ``before`` belong to the operation; the result's alone by default.
    """
    made = result._node
    if mode.enabled and result is not tensor and (result._requires_grad if made is None else _older(made, before)):
        # Another tensor's history: a leaf must get its gradient, a node must not save what is written here.
        result = copy_into(tensor, result)
    array, source = tensor.array, result.array
    if result._node is not None:
        _keep_old_contents(result._node, array, before)
    if source.shape != array.shape:
        raise RuntimeError(
            f"{name}: output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(source.shape)}; an in-place operation cannot change the shape. Use the out-of-place form"
        )
    if source.dtype != array.dtype:
        own, other = dtypes.from_numpy(array.dtype), dtypes.from_numpy(source.dtype)
        if not dtypes.can_cast(other, own):
            raise RuntimeError(
                f"{name}: result type {dtypes.LEGACY_NAMES[other.name]} can't be cast to the desired output type "
                f"{dtypes.LEGACY_NAMES[own.name]}. Convert the tensor first, for example with .to({other!r})"
            )
        result = cast(result, dtype=array.dtype)
        source = result.array
    node = result._node
    if node is None and mode.enabled and tensor._node is not None and tensor._base is None:
        # What has no gradient (a comparison, random numbers) was written: the history goes on with zeros.
        node = constant_into(tensor)._node
    announce_write(tensor, result)
    np.copyto(array, source)
    cell = tensor._version_cell
    if cell.__class__ is list:
        cell[0] += 1
    else:
        count_write(tensor)
    if node is not None:
        _save_from(node, source, array, cell)
    if not mode.enabled:
        return tensor
    base = tensor._base
    before_write = [(t, t._node) for t in (tensor, base) if t is not None]
    if base is None:
        tensor._node = node
    else:
        if node is not None or base._node is not None:
            copy_slices(base, tensor, node)
            sync(tensor)
        else:
            tensor._seen = cell[0]
    for t, old in before_write:
        if old is None or old.hooks is None or t._node is None or t._node is old:
            continue
        kept = old.hooks.retained
        if kept is not None and kept() is t:
            # retain_grad() means the tensor as it is now, not what it was.
            old.hooks.retained, node_hooks(t._node).retained = None, kept
    return tensor


def _older(node: Node, before: int | None) -> bool:
    """Return whether a node was made before an in-place operation began (birth numbers fall)."""
    return before is not None and node.number > before


def _keep_old_contents(node: Node, array: Any, before: int | None) -> None:
    """Give the operation's nodes copies of what they saved in memory that is about to be overwritten."""
    if before is not None:
        for parent in node.parents:
            if parent.__class__ is Node and parent.number < before:
                _keep_old_contents(parent, array, before)
    if node.saved is None:
        return
    saved = list(node.saved)
    at = len(node.op.layout)
    for i in node.op.guarded:
        if saved[i].__class__ is Packed:
            saved[i] = saved[i].kept(array)
        elif saved[i] is array or (isinstance(saved[i], np.ndarray) and np.may_share_memory(saved[i], array)):
            saved[i], saved[at], saved[at + 1] = saved[i].copy(), [0], 0
        at += 2
    node.saved = tuple(saved)


def _save_from(node: Node, source: Any, array: Any, cell: list[int]) -> None:
    """Let a node that saved its result save the memory the result was written to."""
    if node.saved is None:
        return
    saved = list(node.saved)
    at = len(node.op.layout)
    for i in node.op.guarded:
        if saved[i] is source:
            saved[i], saved[at], saved[at + 1] = array, cell, cell[0]
        at += 2
    node.saved = tuple(saved)
