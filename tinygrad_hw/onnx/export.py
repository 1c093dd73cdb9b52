"""``torch.onnx.export``."""

from __future__ import annotations

import enum
import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.func.tree import Structure, flatten
from tinygrad_hw.nn.module import Module
from tinygrad_hw.onnx.errors import OnnxExporterError, OnnxExporterWarning
from tinygrad_hw.onnx.record import Recorder, Trace
from tinygrad_hw.onnx.sizes import Varying
from tinygrad_hw.ops.random import default_generator
from tinygrad_hw.serialization.atomic import atomic_write

__all__ = ["ONNXProgram", "TrainingMode", "export", "is_in_onnx_export"]

#: The versions of ONNX's operator set that the rules know.
OPSETS = range(17, 24)
DEFAULT_OPSET = 18

_exporting = False


class TrainingMode(enum.IntEnum):
    """In which mode a model is exported; only ``EVAL``, and ``PRESERVE`` for a model that is in it."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


def is_in_onnx_export() -> bool:
    """Return whether a model is being exported: for a ``forward`` that must do something else then."""
    return _exporting


class ONNXProgram:
    """An exported model.

    Attributes:
        model_proto: the model as the ``onnx`` library knows it.
    """

    def __init__(self, model_proto: Any) -> None:
        self.model_proto = model_proto

    def save(self, destination: str | os.PathLike[str]) -> None:
        """Write the model to a file; the file is always whole, the old one or the new one."""
        with atomic_write(destination) as file:
            file.write(self.model_proto.SerializeToString())

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        return (
            f"ONNXProgram({len(graph.node)} nodes, inputs={[i.name for i in graph.input]}, "
            f"outputs={[o.name for o in graph.output]})"
        )


class _Call:
    """The model and its arguments, taken apart into tensors and a way to put them together."""

    def __init__(self, model: Module, args: Any, kwargs: Mapping[str, Any] | None) -> None:
        self.model = model
        args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
        kwargs = dict(kwargs or {})
        if args and isinstance(args[-1], dict) and not kwargs:
            # As in PyTorch, a dictionary at the end holds keyword arguments.
            *rest, kwargs = args
            args = tuple(rest)
        self.count = len(args)
        self.keys = tuple(kwargs)
        bound = inspect.signature(model.forward).bind(*args, **kwargs)
        self.leaves: list[Any] = []
        self.labels: list[str] = []
        self.places: list[tuple[str, int]] = []
        self.parts: list[Structure] = []
        names = _argument_names(model, args)
        for name, value in [*zip(names, args, strict=True), *kwargs.items()]:
            leaves, structure = flatten(value)
            several = sum(isinstance(x, TensorBase) for x in leaves) > 1
            at = 0
            for leaf in leaves:
                self.places.append((name, at))
                self.labels.append(f"{name}_{at}" if several else name)
                at += isinstance(leaf, TensorBase)
            self.leaves += leaves
            self.parts.append(structure)
        del bound
        self.tensors = [i for i, x in enumerate(self.leaves) if isinstance(x, TensorBase)]

    def build(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments with these tensors."""
        leaves = list(self.leaves)
        for i, t in zip(self.tensors, tensors, strict=True):
            leaves[i] = t
        values, at = [], 0
        for part in self.parts:
            values.append(part.build(leaves[at : at + part.count]))
            at += part.count
        return tuple(values[: self.count]), dict(zip(self.keys, values[self.count :], strict=True))


def _argument_names(model: Module, args: tuple[Any, ...]) -> list[str]:
    """Return the names of the parameters of ``forward`` that take positional arguments."""
    names: list[str] = []
    for p in inspect.signature(model.forward).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            names += [f"{p.name}_{i}" for i in range(len(args) - len(names))]
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return names[: len(args)]


def _axis_name(value: Any, fallback: str) -> str | None:
    """Return the name of a dynamic axis in one of torch's forms; None for a fixed one."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return None
    if isinstance(value, str):
        return value
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else fallback


def _axes_of(spec: Any, label: str) -> dict[int, str]:
    """Return ``{axis: name}`` of a specification: a dictionary of axes, or a sequence, of axes or by axis."""
    if spec is None:
        return {}
    if isinstance(spec, Mapping):
        pairs = list(spec.items())
    elif all(isinstance(i, int) and not isinstance(i, bool) for i in spec):
        pairs = [(i, True) for i in spec]
    else:
        pairs = list(enumerate(spec))
    named = {int(axis): _axis_name(value, f"{label}_dynamic_axes_{axis}") for axis, value in pairs}
    return {axis: name for axis, name in named.items() if name is not None}


def _dynamic(
    call: _Call, labels: Sequence[str], output_names: Sequence[str], dynamic_axes: Any, dynamic_shapes: Any
) -> list[dict[int, str]]:
    """Return the dynamic axes of each input tensor, by name."""
    if dynamic_axes and dynamic_shapes:
        raise ValueError("export takes dynamic_axes or dynamic_shapes, not both")
    found: list[dict[int, str]] = [{} for _ in labels]
    if dynamic_axes:
        known = set(labels) | set(output_names)
        unknown = [n for n in dynamic_axes if n not in known]
        if unknown:
            raise ValueError(
                f"dynamic_axes names {unknown}, but the inputs are {list(labels)} and the outputs "
                f"{list(output_names)}. Give them names with input_names and output_names"
            )
        found = [_axes_of(dynamic_axes.get(label), label) for label in labels]
    elif dynamic_shapes:
        tensors = [call.places[i] for i in call.tensors]
        if isinstance(dynamic_shapes, Mapping):
            by_name = dict(dynamic_shapes)
            unknown = [n for n in by_name if n not in {name for name, _ in call.places} | set(labels)]
            if unknown:
                raise ValueError(
                    f"dynamic_shapes names {unknown}, but the arguments are "
                    f"{list(dict.fromkeys(name for name, _ in call.places))}"
                )
        else:
            names = list(dict.fromkeys(name for name, _ in call.places))
            if len(dynamic_shapes) != len(names):
                raise ValueError(
                    f"dynamic_shapes has {len(dynamic_shapes)} entries for {len(names)} arguments ({names})"
                )
            by_name = dict(zip(names, dynamic_shapes, strict=True))
        for k, ((name, at), label) in enumerate(zip(tensors, labels, strict=True)):
            spec = by_name.get(label, by_name.get(name))
            several = sum(n == name for n, _ in tensors) > 1
            if several and isinstance(spec, (tuple, list)):
                spec = spec[at]
            found[k] = _axes_of(spec, label)
    for label, axes, i in zip(labels, found, call.tensors, strict=True):
        shape = call.leaves[i].array.shape
        for axis in list(axes):
            if not -len(shape) <= axis < len(shape):
                raise ValueError(f"input {label!r} of shape {list(shape)} has no axis {axis}")
            axes[axis % len(shape)] = axes.pop(axis)
    return found


def _resized(array: Any, sizes: Mapping[int, int]) -> Any:
    """Return an array with other sizes, its elements repeated or left out."""
    for axis, n in sizes.items():
        array = np.take(array, np.arange(n) % array.shape[axis], axis=axis)
    return np.array(array)


def _sizes(base: Mapping[str, int]) -> list[list[dict[str, int]]]:
    """Return ways to choose sizes for the recordings: each axis changes alone, then all of them.

    Multiples come first, because a size must often be divisible by the strides of a network; a size of 1 is left out,
    because it broadcasts.
    """

    def plan(change: Any) -> list[dict[str, int]]:
        rows = [{n: change(v, 0) for n, v in base.items()}]
        if len(base) > 1:
            rows += [{**rows[0], name: change(base[name], 1)} for name in base]
        else:
            rows += [{n: change(v, 1) for n, v in base.items()}]
        return [*rows, {n: change(v, 2) for n, v in base.items()}]

    return [
        plan(lambda v, k: max(v, 2) * (k + 1)),
        plan(lambda v, k: max(v, 2) + k),
        plan(lambda v, k: max(v, 4) - k),
    ]


def _record(call: _Call, labels: Sequence[str], arrays: Sequence[Any]) -> Trace:
    """Return a recording of the call with these inputs."""
    state = default_generator.get_state()
    try:
        with no_grad(), Recorder(call.model) as recorder:
            tensors = [wrap(a) for a in arrays]
            for t, label in zip(tensors, labels, strict=True):
                recorder.add_input(t, label)
            args, kwargs = call.build(tensors)
            result = call.model(*args, **kwargs)
            found = [t for t in flatten(result)[0] if isinstance(t, TensorBase)]
            if not found:
                raise OnnxExporterError(f"the model returned no tensor, but {type(result).__name__}")
            trace = recorder.finish(found)
            trace.random = bool((default_generator.get_state() != state).any())
            return trace
    finally:
        default_generator.set_state(state)


def _with_other_values(call: _Call, labels: Sequence[str], arrays: Sequence[Any]) -> Trace | None:
    """Return a recording with the inputs' elements reversed and smaller; None if the model does not take them so."""
    changed = [np.array(np.flip(a)) for a in arrays]
    try:
        return _record(call, labels, [a * a.dtype.type(0.75) if a.dtype.kind == "f" else a for a in changed])
    except Exception:
        return None


def _recordings(
    call: _Call, labels: Sequence[str], dynamic: Sequence[Mapping[int, str]]
) -> tuple[list[Trace], dict[str, tuple[int, ...]], Trace | None]:
    """Return recordings with several sizes of the dynamic axes, these sizes, and a recording with other values."""
    arrays = [np.array(call.leaves[i].array) for i in call.tensors]
    base: dict[str, int] = {}
    for label, array, axes in zip(labels, arrays, dynamic, strict=True):
        for axis, name in axes.items():
            if base.setdefault(name, array.shape[axis]) != array.shape[axis]:
                raise ValueError(
                    f"the dynamic axis {name!r} is {base[name]} in one input and {array.shape[axis]} in {label!r} "
                    f"(axis {axis}); give axes of different sizes different names"
                )
    if not base:
        return [_record(call, labels, arrays)], {}, _with_other_values(call, labels, arrays)
    error: Exception | None = None
    for rows in _sizes(base):
        try:
            traces: list[Trace] = []
            first: list[Any] = []
            for row in rows:
                resized = [
                    _resized(a, {axis: row[name] for axis, name in axes.items()})
                    for a, axes in zip(arrays, dynamic, strict=True)
                ]
                traces.append(_record(call, labels, resized))
                first = first or resized
            sizes = {name: tuple(row[name] for row in rows) for name in base}
            return traces, sizes, _with_other_values(call, labels, first)
        except OnnxExporterError:
            raise
        except Exception as problem:
            error = error or problem
    raise OnnxExporterError(
        f"the model cannot be run with other sizes of the dynamic axes {list(base)}: {type(error).__name__}: {error}. "
        "Leave out the axes whose size it fixes"
    ) from error


def export(
    model: Any,
    args: Any = (),
    f: Any = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    verbose: bool | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamo: bool = True,
    external_data: bool = True,
    dynamic_shapes: Any = None,
    verify: bool = False,
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    dynamic_axes: Any = None,
    training: TrainingMode = TrainingMode.EVAL,
    do_constant_folding: bool = True,
) -> ONNXProgram:
    """Write a model as an ONNX file; see ``torch.onnx`` for how, and for what cannot be written.

    The model is run in evaluation mode on ``args``, and what it computes is recorded. Python's ``if``, ``for`` and
    numbers taken out of tensors (``item()``) are fixed to what they were; sizes are not, along dynamic axes.

    Args:
        model: a module.
        args: its arguments, a tuple, or one tensor. A dictionary at the end holds keyword arguments.
        f: a path, or a file opened for writing in binary mode; None to write nothing.
        kwargs: keyword arguments of the model.
        verbose: print the graph.
        input_names: names of the inputs; those of the parameters of ``forward`` by default.
        output_names: names of the outputs; ``output``, or ``output_0``, ... by default.
        opset_version: version of ONNX's operators, 17 to 23; 18 by default.
        dynamo: accepted; there is one exporter.
        external_data: accepted; everything is in one file, at most 2 GiB.
        dynamic_shapes: axes whose size is not fixed, by argument: ``{"x": {0: "batch"}}``, or a tuple in their order.
        verify: run the file in onnxruntime and compare with the model.
        export_params: False to make parameters inputs of the graph.
        keep_initializers_as_inputs: list parameters among the inputs too.
        dynamic_axes: axes whose size is not fixed, by input: ``{"x": {0: "batch"}}`` or ``{"x": [0]}``. Axes with one
            name have one size. Those of outputs follow and need not be named.
        training: ``TrainingMode.EVAL``, or ``PRESERVE`` to leave the model in its mode.
        do_constant_folding: compute now what depends on no input.

    Returns:
        The exported model; ``save(path)`` writes it.

    Raises:
        ImportError: the ``onnx`` library is missing.
        ValueError: names, axes or versions do not fit.
        torch.onnx.OnnxExporterError: the model cannot be exported; says where and why.

    Source: ``torch.onnx.export``.

    Example:
        >>> model, axes = torch.nn.Linear(3, 2), {"input": {0: "batch"}}
        >>> torch.onnx.export(model, torch.ones(1, 3), "linear.onnx", dynamic_axes=axes)  # doctest: +SKIP
    """
    global _exporting
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "torch.onnx.export needs the onnx library: python -m pip install onnx (or tinygrad-hw[onnx])"
        ) from error
    if not isinstance(model, Module):
        raise TypeError(
            f"export needs a torch.nn.Module, got {type(model).__name__}. Put the function into a module's forward"
        )
    opset = DEFAULT_OPSET if opset_version is None else opset_version
    if opset not in OPSETS:
        raise ValueError(f"opset_version must be {OPSETS[0]} to {OPSETS[-1]}, got {opset}")
    if training == TrainingMode.TRAINING:
        raise ValueError("a model can be exported in evaluation mode only; leave out training=")
    from tinygrad_hw.onnx import rules as rules  # fills the table
    from tinygrad_hw.onnx.graph import Graph, Symbol
    from tinygrad_hw.onnx.model import assemble

    call = _Call(model, args, kwargs)
    labels = [call.labels[i] for i in call.tensors]
    if input_names is not None:
        if len(input_names) > len(labels):
            raise ValueError(f"{len(input_names)} input_names for {len(labels)} inputs: {list(input_names)}")
        labels = [*input_names, *labels[len(input_names) :]]
    dynamic = _dynamic(call, labels, output_names or (), dynamic_axes, dynamic_shapes)
    modes = [(m, m.training) for m in model.modules()]
    if training == TrainingMode.EVAL:
        model.eval()
    _exporting = True
    try:
        traces, sizes, other = _recordings(call, labels, dynamic)
        symbols: list[Symbol] = []
        for value, axes in zip(traces[0].inputs, dynamic, strict=True):
            for axis, name in axes.items():
                if name not in [s.name for s in symbols]:
                    symbols.append(Symbol(name, Varying(sizes[name]), (value, axis)))
        graph = Graph(traces, symbols, opset, export_params, do_constant_folding)
        graph.write()
        frozen = graph.frozen(other) if other is not None else None
        if traces[0].random:
            warnings.warn(
                "the model draws random numbers; the file holds those that were drawn now. Leave them out of forward, "
                "or make them an input",
                OnnxExporterWarning,
                stacklevel=2,
            )
        if frozen is not None:
            warnings.warn(
                f"the model looks at values of its input in Python (if, item(), numpy): {frozen} depends on them. The "
                "file does what was right for the given input. Use tensor operations, such as torch.where",
                OnnxExporterWarning,
                stacklevel=2,
            )
        names = _output_names(output_names, len(graph.trace.outputs), set(graph.taken))
        program = ONNXProgram(assemble(graph, names, keep_initializers_as_inputs))
        if verify:
            _verify(program, call, labels)
    finally:
        _exporting = False
        for m, was in modes:
            m.training = was
    if verbose:
        print(_text(program.model_proto))
    if f is not None:
        if isinstance(f, (str, os.PathLike)):
            program.save(f)
        else:
            f.write(program.model_proto.SerializeToString())
    return program


def _text(model: Any) -> str:
    """Return the model's nodes as text, without the values of its parameters."""
    graph = model.graph

    def typed(info: Any) -> str:
        tensor = info.type.tensor_type
        sizes = [d.dim_param or str(d.dim_value) for d in tensor.shape.dim]
        return f"{info.name}[{', '.join(sizes)}]"

    lines = [f"graph({', '.join(typed(i) for i in graph.input)}) -> {', '.join(typed(o) for o in graph.output)}"]
    lines += [f"  {t.name}{list(t.dims)}" for t in graph.initializer]
    lines += [f"  {', '.join(n.output)} = {n.op_type}({', '.join(n.input)})" for n in graph.node]
    return "\n".join(lines)


def _output_names(given: Sequence[str] | None, count: int, taken: set[str]) -> list[str]:
    names = list(given or ())
    if len(names) > count:
        raise ValueError(f"{len(names)} output_names for {count} outputs: {names}")
    names += ["output" if count == 1 else f"output_{i}" for i in range(len(names), count)]
    clash = [n for n in names if n in taken]
    if clash or len(set(names)) < len(names):
        raise ValueError(f"the output names {names} are not unique, or names of inputs or parameters ({clash})")
    return names


def _verify(program: ONNXProgram, call: _Call, labels: Sequence[str]) -> None:
    """Compare the exported model, run in onnxruntime, with the model."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("verify=True needs onnxruntime: python -m pip install onnxruntime") from error
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    arrays = [call.leaves[i].array for i in call.tensors]
    wanted = {i.name for i in session.get_inputs()}
    found = session.run(None, {n: a for n, a in zip(labels, arrays, strict=True) if n in wanted})
    with no_grad():
        args, kwargs = call.build([wrap(np.array(a)) for a in arrays])
        outputs = [t.array for t in flatten(call.model(*args, **kwargs))[0] if isinstance(t, TensorBase)]
    for output, ours, theirs in zip(program.model_proto.graph.output, outputs, found, strict=True):
        if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-5, equal_nan=True):
            apart = float(np.max(np.abs(np.asarray(ours, np.float64) - theirs)))
            warnings.warn(
                f"output {output.name!r} of the exported model differs by up to {apart:.2g} in onnxruntime",
                OnnxExporterWarning,
                stacklevel=3,
            )
