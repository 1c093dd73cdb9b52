"""What listens while a profile runs: to operations, gradient rules, layers, optimizer steps and loaders.

Nothing of it is there when no profile runs. The wrappers of ops have one place for tracers (``autograd/tracer.py``),
the walk reads one name (``autograd/profiler.py``), and the methods that are watched besides are replaced in their
classes as a profile starts and put back as it ends.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import Any

import numpy as np

from tinygrad_hw.autograd import profiler as seat
from tinygrad_hw.autograd.function import Function
from tinygrad_hw.autograd.graph import Node, TensorBase
from tinygrad_hw.autograd.tracer import add_tracer, remove_tracer
from tinygrad_hw.nn.module import Module
from tinygrad_hw.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from tinygrad_hw.profiler.events import BACKWARD, LAYER, LAYER_BACKWARD, OP, USER, FunctionEvent, Lane, settle
from tinygrad_hw.profiler.flops import flops_of
from tinygrad_hw.profiler.memory import Ledger
from tinygrad_hw.utils.data import dataloader

__all__ = ["Recorder"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STACK_DEPTH = 5


class _Names:
    """Labels of modules: the qualified name in the model that was called first, and the class."""

    def __init__(self) -> None:
        #: For each model itself, so that its id stays taken; its label; what its layers' names begin with; the names.
        self._models: dict[int, tuple[Module, str, str, dict[int, str]]] = {}
        self._classes: dict[str, int] = {}

    def label(self, module: Module, modules: list[Any]) -> str:
        """Return the label of a module that is called inside ``modules``."""
        kind = type(module).__name__
        if not modules:
            return self._model(module)[1]
        model, _, prefix, names = self._model(modules[0])
        name = names.get(id(module))
        if name is None:
            # Added since the model was first seen, or none of its layers.
            names.update({id(m): n for n, m in model.named_modules()})
            name = names.setdefault(id(module), "")
        return f"{prefix}{name} ({kind})" if name else kind

    def _model(self, module: Module) -> tuple[Module, str, str, dict[int, str]]:
        entry = self._models.get(id(module))
        if entry is None:
            kind = type(module).__name__
            number = self._classes[kind] = self._classes.get(kind, 0) + 1
            label = kind if number == 1 else f"{kind}#{number}"
            names = {id(m): n for n, m in module.named_modules()}
            # The layers of the first model that has any go by their plain names.
            first = all(len(known[3]) == 1 for known in self._models.values())
            entry = module, label, "" if first else f"{label}.", names
            self._models[id(module)] = entry
        return entry


def _arrays(values: Any) -> Iterator[Any]:
    """Yield the arrays among values and in lists of them."""
    if isinstance(values, TensorBase):
        yield values.array
    elif isinstance(values, np.ndarray):
        yield values
    elif isinstance(values, (tuple, list)):
        for v in values:
            yield from _arrays(v)


def _shapes(values: Iterable[Any]) -> list[list[int]]:
    """Return the shape of each value; ``[]`` for what has none."""
    return [list(v.array.shape) if isinstance(v, TensorBase) else list(getattr(v, "shape", ())) for v in values]


def _node_of(tensor: Any) -> Node | None:
    """Return the node of the op that made a tensor."""
    node: Node | None = tensor._node if isinstance(tensor, TensorBase) else None
    if node is not None and node.op.name == "select_output":
        return node.parents[0]
    return node


class Recorder:
    """Records from ``start`` to ``stop``.

    Args:
        shapes: record the shapes of inputs.
        memory: keep a ledger of results.
        flops: estimate floating point operations.
        stack: record the calls that led to an operation.
    """

    def __init__(self, *, shapes: bool, memory: bool, flops: bool, stack: bool) -> None:
        self.ledger = Ledger() if memory else None
        self._with_shapes, self._with_flops, self._with_stack = shapes, flops, stack
        self.lanes: list[Lane] = []
        self._local = threading.local()
        self._lock = threading.Lock()
        self._names = _Names()
        self._undo = contextlib.ExitStack()

    # -- on and off ------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the seat and begin to listen."""
        with contextlib.ExitStack() as undo:
            self._origin = perf_counter_ns()
            seat.recorder = self
            undo.callback(setattr, seat, "recorder", None)
            trace = self._trace  # one bound method, to be found again
            add_tracer(trace)
            undo.callback(remove_tracer, trace)
            self._replace(undo, Module, "__call__", self._watched_call)
            self._replace(undo, Function, "apply", self._watched_apply)
            for iterator in (dataloader._LoaderIterator, dataloader._WorkerIterator):
                self._replace(undo, iterator, "__next__", self._watched_next)
            for handle in (
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
            ):
                undo.callback(handle.remove)
            self._undo = undo.pop_all()

    def stop(self) -> list[FunctionEvent]:
        """Stop listening and return the events by their begin."""
        self._undo.close()
        now = perf_counter_ns()
        with self._lock:
            for lane in self.lanes:
                lane.close(now)
        if self.ledger is not None:
            self.ledger.close()
        self._names = _Names()
        return settle(self.lanes, self._origin)

    @property
    def origin(self) -> int:
        """When recording began, in nanoseconds of the performance counter."""
        return self._origin

    @staticmethod
    def _replace(undo: contextlib.ExitStack, owner: Any, name: str, watched: Callable[[Any], Any]) -> None:
        """Put ``watched(method)`` in a method's place until ``undo``."""
        method = vars(owner)[name]
        setattr(owner, name, watched(method))
        undo.callback(setattr, owner, name, method)

    def lane(self) -> Lane:
        """Return the lane of this thread."""
        try:
            return self._local.lane
        except AttributeError:
            with self._lock:
                lane = self._local.lane = Lane(len(self.lanes) + 1)
                self.lanes.append(lane)
            return lane

    # -- operations ------------------------------------------------------------------------------

    def _begin(self, lane: Lane, name: str, kind: str, inputs: Iterable[Any]) -> FunctionEvent:
        shapes = _shapes(inputs) if self._with_shapes else []
        stack = _stack() if self._with_stack else []
        event = lane.begin(name, kind)
        event.input_shapes, event.stack = shapes, stack
        return event

    def _trace(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
        """Apply an op; called in place of its core."""
        lane = self.lane()
        op.core  # noqa: B018 - written at the first use, which is not to be timed
        event = self._begin(lane, op.name, OP, args)
        try:
            result = apply(op, args, params)
        finally:
            lane.end(event)
        self._made(lane, event, op.name, args, result)
        return result

    def _made(self, lane: Lane, event: FunctionEvent, op: str, args: tuple[Any, ...], result: Any) -> None:
        """Note what an op returned, and on its node which layer it belongs to."""
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        if self._with_flops and isinstance(outputs[0], TensorBase):
            given = [a.array if isinstance(a, TensorBase) else a for a in args]
            event.flops = flops_of(op, given, outputs[0].array)
        node = next((n for n in map(_node_of, outputs) if n is not None), None)
        if node is not None:
            node.metadata.setdefault("profile", (lane.layers, event.flops))
        if self.ledger is not None:
            event.self_cpu_memory_usage = self.ledger.add(_arrays(outputs), _arrays(args))
            if node is not None:
                event.self_saved_memory_usage = self.ledger.save(_arrays(node.saved))

    def _watched_apply(self, method: Any) -> Any:
        plain = method.__func__

        @functools.wraps(plain)
        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            lane = self.lane()
            event = self._begin(lane, cls.__name__, OP, args)
            try:
                result = plain(cls, *args, **kwargs)
            finally:
                lane.end(event)
            self._made(lane, event, "", args, result)
            return result

        return classmethod(apply)

    # -- the walk --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def walking(self, name: str) -> Iterator[None]:
        """Record a walk through the graph."""
        lane = self.lane()
        event = lane.begin(name, OP)
        around, layers = (lane.walk, lane.leaves), lane.layers
        lane.walk, lane.leaves = [], []
        try:
            yield
        finally:
            leaves = lane.leaves
            (lane.walk, lane.leaves), lane.layers = around, layers
            lane.end(event)
        if self.ledger is not None:
            # The gradients of leaves that were copied or summed.
            made = [t._grad for t, _ in leaves]
            event.self_cpu_memory_usage = self.ledger.add(_arrays(made), _arrays([before for _, before in leaves]))

    def node(self, node: Node, g: Any, parents: tuple[Any, ...], create_graph: bool) -> Any:
        """Call the gradient rule of a node; called by the walk."""
        lane = self.lane()
        op = node.op
        rule = op.vjp_tensors if create_graph else op.vjp
        layers, flops = getattr(node, "_metadata", {}).get("profile", ((), 0))
        self._walk_into(lane, layers)
        event = self._begin(lane, node.name(), BACKWARD, g if isinstance(g, list) else (g,))
        try:
            gs = rule(node, g, parents)
        finally:
            lane.end(event)
        if flops:
            # One product of the forward's size for each factor that needs its gradient.
            event.flops = flops * sum(p is not None for p in parents[:2])
        if self.ledger is not None:
            lane.leaves += [(p, p._grad) for p in parents if isinstance(p, TensorBase)]
            event.self_cpu_memory_usage = self.ledger.add(_arrays(list(gs)), _arrays([g, node.saved]))
        return gs

    def _walk_into(self, lane: Lane, layers: tuple[str, ...]) -> None:
        """Leave the open layers that a node does not belong to, and enter those that it does."""
        same = 0
        while same < min(len(lane.walk), len(layers)) and lane.walk[same].name == layers[same]:
            same += 1
        if len(lane.walk) > same:
            lane.end(lane.walk[same])
            del lane.walk[same:]
        for i in range(same, len(layers)):
            lane.layers = layers[: i + 1]
            lane.walk.append(lane.begin(layers[i], LAYER_BACKWARD))
        lane.layers = layers

    # -- layers, labels, steps, loaders ----------------------------------------------------------

    def _watched_call(self, method: Any) -> Any:
        @functools.wraps(method)
        def __call__(module: Any, /, *args: Any, **kwargs: Any) -> Any:
            lane = self.lane()
            layers = lane.layers
            label = self._names.label(module, lane.modules)
            lane.layers = (*layers, label)
            lane.modules.append(module)
            event = self._begin(lane, label, LAYER, args)
            try:
                return method(module, *args, **kwargs)
            finally:
                lane.end(event)
                lane.modules.pop()
                lane.layers = layers

        return __call__

    def _watched_next(self, method: Any) -> Any:
        @functools.wraps(method)
        def __next__(iterator: Any) -> Any:
            event = self.begin_user(f"enumerate(DataLoader)#{type(iterator).__name__}.__next__", None)
            try:
                return method(iterator)
            finally:
                self.end(event)

        return __next__

    def begin_user(self, name: str, args: str | None) -> FunctionEvent:
        """Begin a labelled block."""
        event = self._begin(self.lane(), name, USER, ())
        event.args = args
        return event

    def end(self, event: FunctionEvent) -> None:
        """End it, maybe after the profile, and maybe in another thread."""
        event._lane.end(event)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        name = type(optimizer).__name__
        steps = self._local.__dict__.setdefault("steps", [])
        while steps:  # a step that failed
            self.end(steps.pop())
        steps.append(self.begin_user(f"Optimizer.step#{name}.step", None))

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        steps = self._local.__dict__.get("steps")
        if steps:
            self.end(steps.pop())


def _stack() -> list[str]:
    """Return the innermost calls outside the package, as ``file(line): function``."""
    frames: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and len(frames) < _STACK_DEPTH:
        code = frame.f_code
        if not code.co_filename.startswith((_PACKAGE, "<tinygrad_hw op")):
            frames.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return frames
