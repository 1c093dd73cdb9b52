"""The operations behind a tensor, read from its graph, and their text for Graphviz."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.graph import Node, TensorBase, edge_of
from tinygrad_hw.nn.module import Module
from tinygrad_hw.viz.canvas import plain, short

__all__ = ["graph_dot"]


@dataclass
class Box:
    """A thing in the picture: an operation, a leaf, the output, or what was left out.

    Attributes:
        kind: ``"op"``, ``"leaf"``, ``"output"`` or ``"more"``.
        lines: what is written into it; the first is its name.
        sources: for each incoming edge the box it comes from and what is written at it (two lines at most).
    """

    kind: str
    lines: list[str]
    sources: list[tuple[Box, tuple[str, ...]]] = field(default_factory=list)


def shape_text(shape: Any) -> str:
    """Return a shape as Python writes a tuple."""
    return str(tuple(int(n) for n in shape))


def _number(value: float) -> str:
    return f"|g| {value:.3g}"


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.asarray(array, dtype=np.float64).ravel()))


def _inner(node: Any) -> tuple[Any, int | None]:
    """Return the operation behind an edge, and which of its outputs the edge carries if it has several."""
    if isinstance(node, Node) and node.op.name == "select_output":
        return node.parents[0], node.params[0]
    return node, None


def _names(names: Any) -> dict[int, str]:
    """Return names by the identity of what an edge points to."""
    if names is None:
        return {}
    if isinstance(names, Module):
        pairs = list(names.named_parameters())
    elif isinstance(names, Mapping):
        pairs = [(str(k), v) for k, v in names.items()]
    else:
        raise TypeError(
            f"names is a Module or a mapping of names to tensors, which names the leaves; got {type(names).__name__}"
        )
    found = {}
    for name, tensor in pairs:
        edge = edge_of(tensor) if isinstance(tensor, TensorBase) else None
        if edge is not None:
            found[id(_inner(edge)[0])] = name
    return found


def _walk(root: Any) -> list[Any]:
    """Return all operations and leaves behind an edge, those nearest to it first."""
    found, queue, seen = [], deque([root]), {id(root)}
    while queue:
        node = queue.popleft()
        found.append(node)
        for parent in node.parents if isinstance(node, Node) else ():
            inner = _inner(parent)[0]
            if inner is not None and id(inner) not in seen:
                seen.add(id(inner))
                queue.append(inner)
    return found


def _gradient_norms(tensor: TensorBase, nodes: list[Any]) -> dict[tuple[int, int | None], float]:
    """Return the norm of the gradient of ``tensor.sum()`` for each operation's output and each leaf.

    Where a backward freed the graph already, those of the leaves' ``.grad``.
    """
    norms: dict[tuple[int, int | None], float] = {}
    leaves = [n for n in nodes if isinstance(n, TensorBase)]
    if any(isinstance(n, Node) and n.saved is None and n.op.layout for n in nodes):
        return {(id(t), None): _norm(t._grad.array) for t in leaves if t._grad is not None}

    def watch(node: Node) -> Any:
        def hook(gradients: Any) -> None:
            several = len(gradients) > 1
            for i, g in enumerate(gradients):
                if g is not None:
                    norms[id(node), i if several else None] = _norm(g.array)

        return hook

    handles = [n.register_prehook(watch(n)) for n in nodes if isinstance(n, Node)]
    try:
        ones = type(tensor)._wrap(np.ones_like(tensor.array))  # type: ignore[attr-defined]
        gradients = grad(tensor, leaves, ones, retain_graph=True, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    for leaf, g in zip(leaves, gradients, strict=True):
        if g is not None:
            norms[id(leaf), None] = _norm(g.array)
    return norms


def collect(tensor: Any, names: Any, *, gradients: bool, max_nodes: int) -> list[Box]:
    """Return the boxes of a tensor's graph, its output first."""
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"the graph of a Tensor can be drawn; got {type(tensor).__name__}")
    if max_nodes < 1:
        raise ValueError(f"max_nodes must be at least 1; got {max_nodes}")
    edge = edge_of(tensor)
    if edge is None:
        raise ValueError(
            f"the tensor of shape {shape_text(tensor.array.shape)} has no graph: nothing that it was computed from "
            "requires grad, or it was computed under no_grad()"
        )
    root, which = _inner(edge)
    nodes = _walk(root)
    known = _names(names)
    norms = _gradient_norms(tensor, nodes) if gradients else {}
    kept = nodes[:max_nodes]
    boxes = {id(n): _box(n, known, norms) for n in kept}
    left_out = len(nodes) - len(kept)
    more = Box("more", [f"{left_out:,} more", f"nearest {len(kept):,} drawn"])
    for node in kept:
        if not isinstance(node, Node):
            continue
        for parent in node.parents:
            inner, index = _inner(parent)
            if inner is None:
                continue
            source = boxes.get(id(inner), more)
            label = _label(inner, index, norms) if source.kind == "op" else ()
            if source is not more or all(s is not more for s, _ in boxes[id(node)].sources):
                boxes[id(node)].sources.append((source, label))
    if isinstance(root, TensorBase):
        return [boxes[id(root)]]
    output = Box("output", [known.get(id(tensor), "output"), f"{shape_text(tensor.array.shape)} {tensor.array.dtype}"])
    output.sources.append((boxes[id(root)], _label(root, which, norms)))
    return [output, *boxes.values(), *([more] if left_out else [])]


def _box(node: Any, known: dict[int, str], norms: dict[tuple[int, int | None], float]) -> Box:
    name = known.get(id(node))
    if isinstance(node, Node):
        return Box("op", [node.name(), *([short(name, 32)] if name else [])])
    lines = [short(name or "leaf", 32), f"{shape_text(node.array.shape)} {node.array.dtype}"]
    if (id(node), None) in norms:
        lines.append(_number(norms[id(node), None]))
    return Box("leaf", lines)


def _label(node: Any, index: int | None, norms: dict[tuple[int, int | None], float]) -> tuple[str, ...]:
    """Return what stands at an edge that leaves an operation: the shape, and the norm of its gradient."""
    if not isinstance(node, Node):
        return ()
    lines = [shape_text(node.shape) if index is None else f"[{index}] {shape_text(node.shape[index])}"]
    norm = norms.get((id(node), index), math.nan)
    if not math.isnan(norm):
        lines.append(_number(norm))
    return tuple(lines)


def _quoted(lines: Any) -> str:
    text = "\\n".join(plain(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{text}"'


_DOT_STYLE = {
    "op": "shape=box, style=filled, fillcolor=white",
    "leaf": 'shape=box, style="filled,rounded", fillcolor="#d7eee6"',
    "output": 'shape=box, style="filled,bold", fillcolor="#fbe3d3"',
    "more": "shape=box, style=dashed",
}


def graph_dot(tensor: Any, *, names: Any = None, gradients: bool = False, max_nodes: int = 2000) -> str:
    r"""Return the operations that a tensor was computed by, as text in Graphviz's DOT language.

    Operations bear the names of their ``grad_fn``; leaves their shape and dtype; edges the shape of what flows along
    them. Nothing needs to be installed to make the text; ``dot -Tsvg`` turns it into a picture, as :func:`graph_svg`
    does without it.

    Args:
        tensor: the result whose graph is wanted, such as a loss.
        names: a Module whose parameters' names the leaves get, or a mapping of names to tensors.
        gradients: also write the norms of the gradients of ``tensor.sum()`` to leaves and edges. They are computed by a
            backward pass that leaves ``.grad`` alone but runs tensor hooks; of a graph that was freed already, those of
            the leaves' ``.grad``. Default False.
        max_nodes: of a larger graph only so many operations and leaves are written, those nearest to the output, and a
            box that counts the rest. Default 2000.

    Raises:
        ValueError: the tensor has no graph.

    Example:
        >>> from tinygrad_hw import viz
        >>> weight = torch.ones(2, 3, requires_grad=True)
        >>> print(viz.graph_dot((weight * 2).sum(), names={"weight": weight}))
        digraph {
          node [fontname="monospace", fontsize=11];
          edge [fontname="monospace", fontsize=10];
          n0 [label="output\n() float32", shape=box, style="filled,bold", fillcolor="#fbe3d3"];
          n1 [label="SumBackward0", shape=box, style=filled, fillcolor=white];
          n2 [label="MulBackward0", shape=box, style=filled, fillcolor=white];
          n3 [label="weight\n(2, 3) float32", shape=box, style="filled,rounded", fillcolor="#d7eee6"];
          n1 -> n0 [label="()"];
          n2 -> n1 [label="(2, 3)"];
          n3 -> n2;
        }
    """
    boxes = collect(tensor, names, gradients=gradients, max_nodes=max_nodes)
    number = {id(box): i for i, box in enumerate(boxes)}
    lines = ["digraph {", '  node [fontname="monospace", fontsize=11];', '  edge [fontname="monospace", fontsize=10];']
    lines += [f"  n{i} [label={_quoted(box.lines)}, {_DOT_STYLE[box.kind]}];" for i, box in enumerate(boxes)]
    for i, box in enumerate(boxes):
        for source, label in box.sources:
            lines.append(f"  n{number[id(source)]} -> n{i}{f' [label={_quoted(label)}]' if label else ''};")
    return "\n".join([*lines, "}"])
