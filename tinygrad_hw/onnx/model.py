"""From the nodes that the rules wrote to a model: names, shapes, and nothing that no output needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw.onnx.errors import OnnxExporterError
from tinygrad_hw.onnx.graph import Graph, Step, elem_type
from tinygrad_hw.onnx.record import Value
from tinygrad_hw.onnx.sizes import Varying
from tinygrad_hw.version import __version__

__all__ = ["assemble"]

#: A protocol buffer ends here.
_LIMIT = (1 << 31) - 1


def assemble(graph: Graph, output_names: Sequence[str], keep_initializers_as_inputs: bool) -> Any:
    """Return the model of a graph whose rules have been applied."""
    import onnx
    from onnx import helper, numpy_helper

    inputs, outputs = graph.trace.inputs, graph.trace.outputs
    sources = [graph.name(v) for v in outputs]
    nodes = _named_outputs(graph.nodes, sources, output_names)
    nodes = _needed(nodes, set(output_names))
    used = {name for n in nodes for name in n.inputs} | set(output_names)
    initializers = [numpy_helper.from_array(a, name) for name, a in graph.initializers.items() if name in used]
    size = sum(len(i.raw_data) for i in initializers)
    if size > _LIMIT:
        raise OnnxExporterError(
            f"the model's constants take {size / 2**30:.1f} GiB, and an ONNX file holds at most 2 GiB. Convert the "
            "model to half precision, or export it in parts"
        )
    dims = _Dims(graph)
    given = [_info(graph.names[v.number], v, dims) for v in inputs]
    given += [_info(name, v, dims) for name, v in graph.open_parameters.items() if name in used]
    if keep_initializers_as_inputs:
        given += [helper.make_tensor_value_info(i.name, i.data_type, list(i.dims)) for i in initializers]
    results = [_info(name, v, dims) for name, v in zip(output_names, outputs, strict=True)]
    protos = [helper.make_node(n.kind, n.inputs, n.outputs, name=n.name, **n.attributes) for n in nodes]
    proto = helper.make_graph(protos, "main_graph", given, results, initializers)
    opset = helper.make_opsetid("", graph.opset)
    model = helper.make_model(
        proto, opset_imports=[opset], producer_name="tinygrad_hw", producer_version=__version__,
        ir_version=helper.find_min_ir_version_for([opset]),
    )  # fmt: skip
    onnx.checker.check_model(model, full_check=True)
    return model


def _named_outputs(nodes: Sequence[Step], sources: Sequence[str], names: Sequence[str]) -> list[Step]:
    """Give the graph's outputs their names: by renaming what computes them, or by a node that copies."""
    made = {name for n in nodes for name in n.outputs}
    renamed: dict[str, str] = {}
    copies = []
    for source, name in zip(sources, names, strict=True):
        if source in made and source not in renamed:
            renamed[source] = name
        else:
            copies.append(Step("Identity", [renamed.get(source, source)], [name], f"/{name}/Identity"))
    for n in nodes:
        n.inputs = [renamed.get(name, name) for name in n.inputs]
        n.outputs = [renamed.get(name, name) for name in n.outputs]
    return [*nodes, *copies]


def _needed(nodes: Sequence[Step], wanted: set[str]) -> list[Step]:
    """Return the nodes on which an output depends; outputs at the end of a node that nobody reads are dropped."""
    wanted, kept = set(wanted), []
    for n in reversed(nodes):
        if not wanted.isdisjoint(n.outputs):
            while n.kind != "Split" and n.outputs[-1] not in wanted:
                del n.outputs[-1]
            kept.append(n)
            wanted.update(n.inputs)
    return kept[::-1]


class _Dims:
    """Names of sizes in the file: a number, a dynamic axis, a multiple of one, or a name for nothing known."""

    def __init__(self, graph: Graph) -> None:
        self.names = {s.size: s.name for s in graph.symbols}
        for s in reversed(graph.symbols):
            for k in range(2, 65):
                self.names.setdefault(Varying([k * v for v in s.size.values]), f"{k}*{s.name}")

    def of(self, n: Any) -> Any:
        if not isinstance(n, Varying):
            return n
        if n not in self.names:
            self.names[n] = f"size_{len([x for x in self.names.values() if x.startswith('size_')])}"
        return self.names[n]


def _info(name: str, value: Value, dims: _Dims) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, elem_type(value.dtype), [dims.of(n) for n in value.shape])
