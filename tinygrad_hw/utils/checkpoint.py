"""Activation checkpointing: compute a part of a model again on the way back instead of keeping what it saved."""

from __future__ import annotations

import contextlib
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd import engine
from tinygrad_hw.autograd.function import Function
from tinygrad_hw.autograd.grad_mode import always_record, no_grad
from tinygrad_hw.autograd.graph import Node, TensorBase, edge_of, mode, next_number
from tinygrad_hw.autograd.hooks import add_node_hook
from tinygrad_hw.autograd.tracer import add_tracer, remove_tracer
from tinygrad_hw.func.tree import flatten
from tinygrad_hw.nn.modules.container import Sequential
from tinygrad_hw.ops.random import fork_rng, get_rng_state, set_rng_state

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first did.

    Source: ``torch.utils.checkpoint.CheckpointError``.
    """


def noop_context_fn() -> tuple[Any, Any]:
    """Return two context managers that do nothing, for the first run and the second.

    Source: ``torch.utils.checkpoint.noop_context_fn``.
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


def _tensors(value: Any) -> list[TensorBase]:
    return [x for x in flatten(value)[0] if isinstance(x, TensorBase)]


@contextlib.contextmanager
def _random_state(state: Any) -> Any:
    """Run the block with the random numbers of the first run; the stream outside goes on as if it had not run."""
    if state is None:
        yield
        return
    with fork_rng():
        set_rng_state(state)
        yield


def _nodes_of(result: Any, oldest: int) -> list[Node]:
    """Return the nodes behind a result that are younger than a birth number, oldest first."""
    found: dict[int, Node] = {}
    stack: list[Any] = [edge_of(t) for t in _tensors(result)]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node) or node.number >= oldest or node.number in found:
            continue
        found[node.number] = node
        stack.extend(node.parents)
    return [found[n] for n in sorted(found, reverse=True)]


def _is_small(value: Any) -> bool:
    """Whether what a node saved is a number or a shape, which costs no memory."""
    if isinstance(value, tuple):
        return all(isinstance(v, int) for v in value)
    return value is None or isinstance(value, (int, float, str))


def _keeps(node: Node) -> bool:
    """Whether a node saved more than shapes, so that a second run must provide it."""
    return getattr(node.op, "ctx", None) is not None or not all(map(_is_small, node.saved or ()))


class _Enough(Exception):
    """Raised inside of a second run once all that the first run had saved is there again."""


class _Watch:
    """A tracer of a second run, which ends it before the next operation once a node of a given age is there."""

    def __init__(self, oldest: int, last: int) -> None:
        self.oldest, self.last = oldest, last
        self.thread = threading.get_ident()
        self.found: list[Any] = []
        self.stopped = False

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
        if self.stopped or threading.get_ident() != self.thread:
            return apply(op, args, params)
        # Before, not after: an operation in place has then written what it saved.
        if self.found and self.oldest - min(n.number for n in self.found[-1]) >= self.last:
            self.stopped = True
            raise _Enough
        result = apply(op, args, params)
        nodes = [e for t in _tensors(result) if isinstance(e := t._node, Node)]
        if nodes:
            self.found.append(nodes)
        return result


class _Region:
    """The nodes of a checkpointed call. They saved nothing, and get it all when the first of them needs it."""

    def __init__(
        self,
        run: Callable[[], Any],
        nodes: list[Node],
        inputs: list[TensorBase],
        strict: bool,
        oldest: int,
        early: bool,
    ) -> None:
        self.run = run
        self.ages = [oldest - n.number for n in nodes]
        kept = [a for n, a in zip(nodes, self.ages, strict=True) if _keeps(n)]
        self.last = max(kept, default=0) if early else 0
        self.strict = strict
        # The nodes hold the region by their hooks: were it to hold them too, nothing would be freed.
        self.nodes = [weakref.ref(n) for n in nodes]
        self.inputs = [(t, t._version_cell, t._version_cell[0]) for t in inputs]
        self.empty = True
        for node in nodes:
            context = getattr(node.op, "ctx", None)
            if _keeps(node):
                add_node_hook(node, "pre", self.refill)
                node.saved = None
            if context is not None:
                context._saved = None

    def refill(self, _: Any) -> None:
        """Run the function again, and take over what the nodes of this second run saved."""
        if not self.empty:
            return
        self.empty = False
        for tensor, cell, version in self.inputs:
            if tensor._version_cell is not cell or cell[0] != version:
                raise RuntimeError(
                    "torch.utils.checkpoint: a tensor given to the checkpointed function (shape "
                    f"{list(tensor.array.shape)}) has been modified by an inplace operation since. clone() it first"
                )
        if self.last and self._refill_early():
            return
        oldest = next_number()
        with always_record():
            again = _nodes_of(self.run(), oldest)
        if len(again) != len(self.nodes):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of operations recorded during forward: {len(self.nodes)}.\n"
                f"Number of operations recorded during recomputation: {len(again)}. The function must do the same "
                "each time it is called"
            )
        for reference, new in zip(self.nodes, again, strict=True):
            old = reference()
            if old is None:
                continue
            if old.op.name != new.op.name or (self.strict and (old.shape != new.shape or old.dtype != new.dtype)):
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    f"during the forward pass: {old.name()} of shape {old.shape} and {old.dtype}, now {new.name()} of "
                    f"shape {new.shape} and {new.dtype}. The function must do the same each time it is called"
                )
            self._take(old, new, reference)

    def _take(self, old: Node, new: Node, reference: Any) -> None:
        old.saved = new.saved
        if hasattr(old.op, "ctx"):
            old.op.ctx.__dict__.update(new.op.ctx.__dict__)
            old.op.ctx._node = reference

    def _refill_early(self) -> bool:
        """Run the function up to the last node that saves something; return False if what came is not the same graph.

        Nodes are told apart by their age and must have the same operations, shapes and parents as those of the first
        run. If they have not, for whatever reason, a whole second run tells what is wrong.
        """
        watch = _Watch(next_number(), self.last)
        add_tracer(watch)
        try:
            with always_record():
                whole = _nodes_of(self.run(), watch.oldest)
        except _Enough:
            whole = []
        finally:
            remove_tracer(watch)
        again: dict[int, Node] = {}
        stack = [*whole, *(n for nodes in watch.found for n in nodes)]
        while stack:
            node = stack.pop()
            age = watch.oldest - node.number
            if age > 0 and age not in again:
                again[age] = node
                stack.extend(p for p in node.parents if isinstance(p, Node))
        pairs: dict[int, tuple[Node, Node, Any]] = {}
        for age, reference in zip(self.ages, self.nodes, strict=True):
            old = reference()
            if old is None or age > self.last:
                continue
            new = again.get(age)
            if new is None or old.op.name != new.op.name or old.shape != new.shape or old.dtype != new.dtype:
                return False
            pairs[id(old)] = (old, new, reference)
        for old, new, _ in pairs.values():
            for a, b in zip(old.parents, new.parents, strict=True):
                if (pairs[id(a)][1] if id(a) in pairs else a) is not b:
                    return False
        for old, new, reference in pairs.values():
            self._take(old, new, reference)
        return True


def _checkpoint(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    preserve: bool,
    context_fn: Callable[[], tuple[Any, Any]],
    strict: bool,
    early: bool,
) -> Any:
    first, second = context_fn()
    state = get_rng_state() if preserve else None
    oldest = next_number()
    with first:
        result = function(*args, **kwargs)
    if not mode.enabled:
        return result
    nodes = _nodes_of(result, oldest)

    def run() -> Any:
        with _random_state(state), second:
            return function(*args, **kwargs)

    if nodes:
        _Region(run, nodes, _tensors((args, kwargs)), strict, oldest, early)
    return result


class CheckpointFunction(Function):
    """A call as one node, whose gradient is that of a second call: the older, reentrant way.

    Source: ``torch.utils.checkpoint.CheckpointFunction``.
    """

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        """Call the function without recording."""
        if not any(isinstance(a, TensorBase) and edge_of(a) is not None for a in args):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", UserWarning, stacklevel=4
            )
        ctx.run_function = run_function
        ctx.state = get_rng_state() if preserve_rng_state else None
        ctx.args = tuple(None if isinstance(a, TensorBase) else a for a in args)
        ctx.at = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
        ctx.save_for_backward(*(args[i] for i in ctx.at))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Call the function again, recording, and go back through that."""
        args = list(ctx.args)
        for i, tensor in zip(ctx.at, ctx.saved_tensors, strict=True):
            args[i] = tensor.detach().requires_grad_(edge_of(tensor) is not None)
        with always_record(), _random_state(ctx.state):
            outputs = ctx.run_function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (o, g) for o, g in zip(outputs, grads, strict=True) if isinstance(o, TensorBase) and edge_of(o) is not None
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        engine.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(a._grad if isinstance(a, TensorBase) else None for a in args))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function without keeping what its operations save; it is called again when gradients need that.

    Memory for time: between the first call and the backward pass only the arguments and the results are kept.

    Args:
        function: to call; it must do the same each time.
        *args: of the function.
        use_reentrant: False, which is recommended: gradients flow as if there were no checkpoint. True makes one node
            of the call; then ``autograd.grad`` and keyword arguments are not supported.
        context_fn: returns two context managers, for the first call and for later ones; only with
            ``use_reentrant=False``.
        determinism_check: ``"default"`` compares shapes and dtypes of both runs, ``"none"`` does not.
        debug: accepted for PyTorch's sake, with ``use_reentrant=False`` only.
        early_stop: end the second call, by an exception, before the first operation whose saved tensors nobody needs.
        **kwargs: of the function; ``preserve_rng_state`` (default True) draws the same random numbers each time.

    Returns:
        What the function returns.

    Raises:
        ValueError: arguments that the reentrant way does not take.
        CheckpointError: (at backward) the second call did something else.

    Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016); ``torch.utils.checkpoint.checkpoint``.

    Example:
        >>> from tinygrad_hw.utils.checkpoint import checkpoint
        >>> x = torch.ones(2, requires_grad=True)
        >>> y = checkpoint(lambda v: (v * 3).exp(), x, use_reentrant=False)
        >>> y.sum().backward()
        >>> x.grad
        tensor([60.2566, 60.2566])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for "
            "more details on the differences between the two variants.",
            UserWarning,
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        if determinism_check not in ("default", "none"):
            raise ValueError(
                "determinism_check should be one of ['default', 'none'], but got " + str(determinism_check)
            )
        return _checkpoint(function, args, kwargs, preserve, context_fn, determinism_check == "default", early_stop)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call functions one after another, in checkpointed segments; the last segment keeps what it saves.

    Args:
        functions: a ``Sequential`` or a list of modules and functions of one argument.
        segments: how many.
        input: of the first function.
        use_reentrant: see :func:`checkpoint`.
        **kwargs: ``preserve_rng_state``.

    Returns:
        The last function's result.

    Raises:
        ValueError: other keyword arguments.

    Source: ``torch.utils.checkpoint.checkpoint_sequential``.

    Example:
        >>> from tinygrad_hw.utils.checkpoint import checkpoint_sequential
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
        >>> checkpoint_sequential(model, 2, torch.ones(1, 2), use_reentrant=False).shape
        torch.Size([1, 1])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. "
            "In version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is "
            "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. "
            "Refer to docs for more details on the differences between the two variants.",
            UserWarning,
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if isinstance(functions, Sequential) else list(functions)

    def chain(part: list[Any]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in part:
                x = step(x)
            return x

        return run

    size = len(steps) // segments
    done = 0
    for done in range(size, size * segments, size):
        part = chain(steps[done - size : done])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return chain(steps[done:])(input)
