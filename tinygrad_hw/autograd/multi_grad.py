"""A hook on the gradients of several tensors."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_hw.autograd.engine import Task, current_task
from tinygrad_hw.autograd.graph import GradientEdge, edge_of, stand_in
from tinygrad_hw.autograd.hooks import RemovableHandle

__all__ = ["register_multi_grad_hook"]


class _MultiHandle(RemovableHandle):
    """The handles of the hooks on the single tensors, as one."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Remove the hooks."""
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> Any:
        return self.handles

    def __setstate__(self, state: Any) -> None:
        self.handles = state


def _task() -> Task:
    task = current_task()
    if task is None:
        raise AssertionError("expected this hook to be called inside a backward call")
    return task


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Call a function once per backward with the gradients of several tensors.

    Args:
        tensors: tensors that require grad.
        fn: takes the list of gradients, None for tensors that this backward does not come to, and is called when all
            the others are there; under ``mode="any"`` it takes the first gradient that is there.
        mode: ``"all"`` or ``"any"``.

    Returns:
        a handle whose ``remove()`` takes the hook away.

    Raises:
        ValueError: another mode.

    Source: ``torch.autograd.graph.register_multi_grad_hook``.

    Example:
        >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        >>> c, d = a * b, a * b
        >>> def show(grads):
        ...     print([g is not None for g in grads])
        >>> handle = torch.autograd.graph.register_multi_grad_hook((a, b, c, d), show)
        >>> c.sum().backward()
        [True, True, True, False]
    """
    modes = ("all", "any")
    if mode not in modes:
        raise ValueError(f"Expects mode to be one of {modes} but got {mode}")
    lock = threading.Lock()
    if mode == "any":
        ran: weakref.WeakSet[Task] = weakref.WeakSet()

        @functools.wraps(fn)
        def first(grad: Any) -> None:
            task = _task()
            with lock:
                if task in ran:
                    return
                ran.add(task)
            fn(grad)

        return _MultiHandle(tuple(t.register_hook(first) for t in tensors if t.requires_grad))

    given = [stand_in(t) if isinstance(t, GradientEdge) else t for t in tensors]
    edges = [edge_of(t) for t in given]
    if any(e is None for e in edges):
        raise RuntimeError("register_multi_grad_hook: cannot register a hook on a tensor that doesn't require gradient")
    #: For each walk how many gradients are still to come, and those that have.
    waiting: weakref.WeakKeyDictionary[Task, list[Any]] = weakref.WeakKeyDictionary()

    def inner(index: int) -> Callable[[Any], None]:
        def hook(grad: Any) -> None:
            task = _task()
            with lock:
                if task not in waiting:
                    waiting[task] = [sum(task.executes(e) for e in edges), [None] * len(edges)]
                entry = waiting[task]
                entry[0] -= 1
                entry[1][index] = grad
                done = entry[0] == 0
                if done:
                    del waiting[task]
            if done:
                fn(entry[1])

        return hook

    return _MultiHandle(tuple(t.register_hook(inner(i)) for i, t in enumerate(given)))
