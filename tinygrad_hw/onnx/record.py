"""A model's call written down: which operations it applied to which values, in order.

The recorder is a tracer (see ``tinygrad_hw.autograd.op``): it lets every op run and notes its name, arguments and
results. A value is known by its array, which stays alive as long as the recorder, so no two values share an ``id``.

Memory may be written to and seen through views. A :class:`Cell` stands for an array: it holds its current value, or
names the view it is of another cell. A write into a view becomes a value of the cell that owns the memory, and other
views are read from that anew.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase, wrap
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from tinygrad_hw.onnx.errors import OnnxExporterError

__all__ = ["Node", "Recorder", "Trace", "Value"]


class Value:
    """What one array held at one time.

    Attributes:
        number: values are counted in the order of their birth, in each recording from 0.
        array: the array; for a value that depends on the model's inputs only its shape and dtype mean anything later.
        kind: ``"input"``, ``"parameter"``, ``"constant"`` (a tensor from nowhere) or ``"result"``.
        label: the name of an input or parameter.
        node: which computed it; None for the others.
        varies: whether it depends on the model's inputs.
        on_parameters: whether it depends on parameters.
    """

    __slots__ = ("array", "kind", "label", "node", "number", "on_parameters", "shape", "varies")

    def __init__(self, number: int, array: Any, kind: str, label: str = "", node: Node | None = None) -> None:
        self.number = number
        self.array = array
        self.shape = array.shape
        self.kind = kind
        self.label = label
        self.node = node
        self.varies: bool = kind == "input" or (node is not None and any(v.varies for v in node.inputs))
        self.on_parameters: bool = kind == "parameter" or (
            node is not None and any(v.on_parameters for v in node.inputs)
        )

    @property
    def dtype(self) -> Any:
        """The numpy dtype."""
        return self.array.dtype

    def __repr__(self) -> str:
        return f"<value {self.number}: {self.kind} {self.label or (self.node and self.node.op)} {self.shape}>"


class Node:
    """One operation that was applied.

    Attributes:
        op: the op's name; that of a function that was recorded whole begins with ``F.``.
        arguments: by name: values, sequences of values, plain Python.
        inputs: the values among them.
        outputs: the values it made; None for those that are no tensors.
        scope: the path of the module that was running, such as ``"features.0"``.
        module: its class's name.
    """

    __slots__ = ("arguments", "inputs", "module", "op", "outputs", "scope")

    def __init__(self, op: str, arguments: dict[str, Any], scope: str, module: str) -> None:
        self.op = op
        self.arguments = arguments
        self.inputs: list[Value] = []
        _collect(arguments, self.inputs)
        self.outputs: list[Value | None] = []
        self.scope = scope
        self.module = module

    def where(self) -> str:
        """Return words that say where in the model the operation is."""
        return f"{self.scope or 'the model'} ({self.module})" if self.module else "the model"


def _collect(nest: Any, found: list[Value]) -> None:
    if isinstance(nest, Value):
        found.append(nest)
    elif isinstance(nest, (list, tuple)):
        for item in nest:
            _collect(item, found)
    elif isinstance(nest, dict):
        for item in nest.values():
            _collect(item, found)


class Cell:
    """An array and what it holds: a value of its own, or what an op shows of another cell's."""

    __slots__ = ("array", "place", "seen", "source", "value", "version", "view")

    def __init__(self, array: Any, value: Value | None, source: Cell | None = None) -> None:
        self.array = array
        self.value = value
        self.source = source
        #: For a view: the op, its other arguments, and which of its outputs this is.
        self.view: tuple[str, dict[str, Any]] = ("", {})
        self.place = 0
        self.version = 0
        self.seen = source.current() if source is not None else 0

    def current(self) -> int:
        """Return how often the memory was written to."""
        cell = self
        while cell.source is not None:
            cell = cell.source
        return cell.version


class Trace:
    """A finished recording.

    Attributes:
        nodes: in the order of their application.
        values: all of them, by number.
        inputs: the values of the model's arguments.
        outputs: those of its results.
        random: whether random numbers were drawn.
    """

    def __init__(self, nodes: list[Node], values: list[Value], inputs: list[Value], outputs: list[Value]) -> None:
        self.nodes = nodes
        self.values = values
        self.inputs = inputs
        self.outputs = outputs
        self.random = False


@functools.cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


class Recorder:
    """The tracer; used as ``with Recorder(model) as recorder: ...``.

    Args:
        model: whose parameters and buffers are known by name.
    """

    def __init__(self, model: Any) -> None:
        self.nodes: list[Node] = []
        self.values: list[Value] = []
        self.cells: dict[int, Cell] = {}
        self.inputs: list[Value] = []
        self.quiet = 0
        self.thread = threading.get_ident()
        self.scopes: list[tuple[str, str]] = []
        self.paths = {id(m): name for name, m in model.named_modules()}
        self.before: Any = None
        self.kept: list[tuple[Any, Any]] = []
        for name, t in (*model.named_parameters(), *model.named_buffers()):
            if id(t.array) not in self.cells:
                self._leaf(t.array, "parameter", name)

    # -- on and off ------------------------------------------------------------------------------

    def __enter__(self) -> Recorder:
        if tracing():
            raise OnnxExporterError("another tracer is at work: leave the profiler or anomaly mode before exporting")
        self.handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        self.before = NAMESPACE["TRACE"]
        NAMESPACE["TRACE"] = self
        return self

    def __exit__(self, *exc: object) -> None:
        NAMESPACE["TRACE"] = self.before
        for handle in self.handles:
            handle.remove()
        # What the model wrote into its own parameters and buffers is taken back.
        for array, old in reversed(self.kept):
            array[...] = old

    def _enter(self, module: Any, args: Any) -> None:
        if threading.get_ident() == self.thread:
            path = self.paths.get(id(module))
            if path is None:
                path = self.scopes[-1][0] if self.scopes else ""
            self.scopes.append((path, type(module).__name__))

    def _leave(self, module: Any, args: Any, output: Any) -> None:
        if threading.get_ident() == self.thread:
            self.scopes.pop()

    # -- values ----------------------------------------------------------------------------------

    def _new(self, array: Any, kind: str, label: str = "", node: Node | None = None) -> Value:
        value = Value(len(self.values), array, kind, label, node)
        self.values.append(value)
        return value

    def _leaf(self, array: Any, kind: str, label: str = "") -> Value:
        value = self._new(array, kind, label)
        self.cells[id(array)] = Cell(array, value)
        return value

    def add_input(self, tensor: Any, label: str) -> None:
        """Make a tensor one of the model's inputs."""
        self.inputs.append(self._leaf(tensor.array, "input", label))

    def value_of(self, array: Any) -> Value:
        """Return what an array holds now."""
        cell = self.cells.get(id(array))
        return self._leaf(array, "constant") if cell is None else self._read(cell)

    def _read(self, cell: Cell) -> Value:
        if cell.source is not None and cell.seen != cell.current():
            op, others = cell.view
            node = self._node(op, {"input": self._read(cell.source), **others})
            results: list[Value | None] = [None] * cell.place
            node.outputs = [*results, self._new(cell.array, "result", node=node)]
            cell.value, cell.seen = node.outputs[-1], cell.current()
        assert cell.value is not None
        return cell.value

    # -- operations ------------------------------------------------------------------------------

    def _node(self, op: str, arguments: dict[str, Any]) -> Node:
        scope, module = self.scopes[-1] if self.scopes else ("", "")
        node = Node(op, arguments, scope, module)
        self.nodes.append(node)
        return node

    def _named(self, nest: Any) -> Any:
        """Return arguments with values in place of tensors and arrays."""
        if isinstance(nest, TensorBase):
            return self.value_of(nest.array)
        if isinstance(nest, np.ndarray):
            return self.value_of(nest)
        if isinstance(nest, tuple):
            items = [self._named(i) for i in nest]
            return type(nest)(*items) if hasattr(nest, "_fields") else tuple(items)
        if isinstance(nest, list):
            return [self._named(i) for i in nest]
        return nest

    def _results(self, node: Node, results: Any) -> None:
        for r in results if isinstance(results, (tuple, list)) else (results,):
            if not isinstance(r, TensorBase):
                node.outputs.append(None)
                continue
            value = self._new(r.array, "result", node=node)
            node.outputs.append(value)
            # A function may return its argument as it is; then that has a new name for what it held before.
            self.cells[id(r.array)] = Cell(r.array, value)

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an op and note it."""
        if self.quiet or threading.get_ident() != self.thread:
            return op.core(*args, **params)
        if not any(isinstance(a, TensorBase) for a in args):
            return op.core(*args, **params)
        values = self._named(args)
        arguments = {op.arguments[0]: list(values)} if op.variadic else dict(zip(op.arguments, values, strict=False))
        others = {p: self._named(params.get(p, op.defaults.get(p))) for p in op.parameters}
        node = self._node(op.name, {**arguments, **others})
        result = self._run(op.core, args, params)
        self._results(node, result)
        if op.view:
            source = self.cells[id(args[0].array)]
            for place, r in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
                cell = Cell(r.array, node.outputs[place], source)
                cell.view, cell.place = (op.name, others), place
                self.cells[id(r.array)] = cell
        return result

    def whole(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function and note it as one operation."""
        if self.quiet or threading.get_ident() != self.thread:
            return function(*args, **kwargs)
        bound = _signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.arguments.pop("out", None) is not None:
            return function(*args, **kwargs)  # which comes here again without it
        arguments = self._named(list(bound.arguments.values()))
        before = len(self.nodes)
        node = self._node("F." + name, dict(zip(bound.arguments, arguments, strict=True)))
        result = self._run(function, args, kwargs)
        tensors = result if isinstance(result, (tuple, list)) else (result,)
        given = {id(v.array) for v in node.inputs}
        if not node.inputs or any(isinstance(t, TensorBase) and id(t.array) in given for t in tensors):
            del self.nodes[before]  # nothing was done
            return result
        self._results(node, result)
        return result

    def _run(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        self.quiet += 1
        try:
            return function(*args, **kwargs)
        finally:
            self.quiet -= 1

    # -- writes ----------------------------------------------------------------------------------

    def before_write(self, tensor: Any, result: Any) -> None:
        """Note that ``result`` is about to be written into ``tensor``; a number; None for contents that no op made."""
        if self.quiet or threading.get_ident() != self.thread:
            return
        array = tensor.array
        self.value_of(array)
        self._keep(array)
        if result is None:
            raise OnnxExporterError(
                f"{self._here()}: random numbers or other contents that no operation made are written into a tensor; "
                "the exporter cannot follow that. Draw them into a new tensor"
            )
        if not isinstance(result, TensorBase):
            result = wrap(np.full(array.shape, result, array.dtype))
        cell, value = self.cells[id(array)], self.value_of(result.array)
        while cell.source is not None:
            whole = self._read(cell.source)
            node = self._node("write", {"input": whole, "value": value, "view": cell.view, "place": cell.place})
            value = self._new(cell.source.array, "result", node=node)
            node.outputs = [value]
            cell = cell.source
        cell.value = value
        cell.version += 1

    def _here(self) -> str:
        scope, module = self.scopes[-1] if self.scopes else ("", "")
        return f"{scope or 'the model'} ({module})" if module else "the model"

    def _keep(self, array: Any) -> None:
        """Copy what the memory of ``array`` holds for the values that still mean it."""
        for value in self.values:
            if not value.varies and value.array.size and np.may_share_memory(value.array, array):
                if value.kind == "parameter" and not any(a is value.array for a, _ in self.kept):
                    self.kept.append((value.array, value.array.copy()))
                value.array = value.array.copy()

    def finish(self, outputs: Sequence[Any]) -> Trace:
        """Return the recording of a call with these results."""
        found = [self.value_of(t.array) for t in outputs]
        return Trace(self.nodes, self.values, self.inputs, found)
