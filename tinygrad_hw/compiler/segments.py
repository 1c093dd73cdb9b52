"""The gradient of a recorded call: nodes for its results, and straight-line Python for what each of them does.

A call with one result is one node of the graph. If there are several, each is one, for it may have a hook, be the end
of ``autograd.grad`` or be walked back from alone; and so is each step whose results lead to several of these. What
lies between such steps is a segment, which is reached from nowhere but its first step, so that it is walked through as
a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.autograd import anomaly, profiler
from tinygrad_hw.autograd.engine import _fit, current_task
from tinygrad_hw.autograd.graph import NAMESPACE, Node
from tinygrad_hw.autograd.op import record, saved_for_backward_error, select_output
from tinygrad_hw.compiler import recipes
from tinygrad_hw.compiler.steps import Made, Slot, Step, Unwrapped
from tinygrad_hw.compiler.writing import (
    LARGE,
    Unsupported,
    Writer,
    argument,
    carrying,
    differentiated,
    named,
    parameter,
    root_of,
    same,
    unpacked,
    wanted,
)
from tinygrad_hw.kernels import arithmetic

__all__ = ["Segment", "segments_of"]


def _frees() -> bool:
    """Return whether the walk that this thread is in drops what nodes saved."""
    task = current_task()
    return task is not None and not task.retain


class Segment:
    """What the walk from one step back does, step by step. It stands in its nodes where the others have their op.

    Args:
        root: the step that it begins with.
        filename: for tracebacks.

    Attributes:
        heads: the results of that step that carry gradients.
        steps: those that are reached, youngest first.
        edges: slots from outside in the order in which they are given gradients, once for each.
        saved: slots whose arrays are needed.
        guarded: those of them that must not be written to, and the steps that save them.
        cells: slots whose version cells say whether what is saved has changed.
    """

    name = "compiled_function"
    node_name = "CompiledFunctionBackward"
    layout: ClassVar[tuple[Any, ...]] = ()  # nothing that a node could show by name
    view = False
    rules: ClassVar[dict[str, Any]] = {}
    differentiable: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    def __init__(self, root: Step, filename: str) -> None:
        self.multi: bool = root.op.multi
        self.heads: list[Slot] = [o for o in carrying(root) if o is not None]
        self.filename = filename
        self.steps: list[Step] = []
        self.edges: list[Slot] = []
        self.saved: dict[int, Slot] = {}
        self.guarded: dict[int, list[Step]] = {}
        self.cells: dict[int, Slot] = {}
        self.cell_of: dict[int, int] = {}
        #: What the first run finds out: gradients that must be fitted.
        self.unfit: set[tuple[int, int]] = set()
        #: Whether a walk frees what is saved, so that a second one is an error.
        self.frees = False

    def add(self, step: Step) -> None:
        """Take in a step."""
        self.steps.append(step)
        self.frees = self.frees or step.op.frees
        for name, kind, users in step.op.layout:
            if kind == "shape" or not wanted(step, users):
                continue
            for a in named(step, name):
                if isinstance(a, Slot):
                    self.saved[a.number] = a
                    self.guarded.setdefault(a.number, []).append(step)
                elif isinstance(a, Unwrapped):
                    self.saved[a.slot.number] = a.slot  # as an array, which has no versions
        for value in step.params.values():
            if isinstance(value, Slot):
                self.saved[value.number] = value

    def find_cells(self, outputs: Sequence[Slot]) -> None:
        """Find out whose version cells say whether what is saved has changed."""
        out = {root_of(o).number: o for o in outputs}
        for number in self.guarded:
            root = root_of(self.saved[number])
            if root.number in out:
                root = out[root.number]
            elif root.step is not None or isinstance(root, Made):
                continue
            self.cells[root.number] = root
            self.cell_of[number] = root.number

    # -- arrays ----------------------------------------------------------------------------------

    def write(self, note: Any = None) -> Any:
        """Return the function that applies the rules; with ``note``, each gradient goes through it."""
        w = Writer()
        values = [f"a{n}" for n in self.saved]
        pairs = [(f"c{n}", f"v{n}") for n in self.cells]
        w("saved = node.saved")
        w("if saved is None:")
        w("    raise saved_for_backward_error(node)")
        names = [*values, *(x for p in pairs for x in p)]
        if names:
            w(f"{unpacked(names)} = saved")
        if pairs:
            w(f"if {' or '.join(f'{c}[0] != {v}' for c, v in pairs)}:")
            w(f"    raise {w.constant(self.changed)}(node)")
        if self.frees:
            # Memory that is let go on the way is used again while it is in the cache.
            w(f"if {w.constant(_frees)}():")
            w("    node.saved = None")
        w("saved = None")
        last = self._last_use()
        if self.multi:
            first = [f"h{h.number}" for h in self.heads]
            w(f"{unpacked(first)} = materialize(node, g)")
            given = {h.number: [n] for h, n in zip(self.heads, first, strict=True)}
        else:
            given = {self.heads[0].number: ["g"]}
        inside = {id(s) for s in self.steps}
        edges: list[str] = []
        for at, step in enumerate(self.steps):
            done = [f"a{n}" for n in last.get(at, ())]
            gs: dict[int, str | None] = {}
            for o in carrying(step):
                if o is not None:
                    names = given.pop(o.number, [])
                    gs[o.number] = _sum(w, names, o)
                    if o.array.nbytes >= LARGE:
                        done += names if len(names) < 2 else [*names, f"g{o.number}"]
            for k, slot in enumerate(_write_rule(w, step, gs, at)):
                if slot is None:
                    continue
                name = f"r{at}_{k}"
                if note is not None or (at, k) in self.unfit:
                    fit = w.constant(note or _fit)
                    place = f"{at}, {k}, " if note is not None else ""
                    w(f"{name} = {fit}({place}{name}, {w.constant(slot.array.shape)}, {w.constant(slot.array.dtype)})")
                if slot.step is None or id(slot.step) not in inside:
                    edges.append(name)
                else:
                    given.setdefault(slot.number, []).append(name)
            if done:
                w(f"{' = '.join(done)} = None")
        w(f"return ({', '.join(edges)},)")
        return w.compile("vjp", "node, g, parents", self.filename.replace(">", " backward>"))

    def _last_use(self) -> dict[int, list[int]]:
        """Return for each step the large arrays that were saved for it and for younger ones only."""
        last: dict[int, int] = {}
        for at, step in enumerate(self.steps):
            for a in (*step.args, *step.outs, *step.params.values()):
                slot = a.slot if isinstance(a, Unwrapped) else a
                if isinstance(slot, Slot) and slot.number in self.saved and slot.array.nbytes >= LARGE:
                    last[slot.number] = at
        found: dict[int, list[int]] = {}
        for number, at in last.items():
            found.setdefault(at, []).append(number)
        return found

    def learn(self, arrays: dict[int, Any]) -> None:
        """Walk with gradients of no meaning, see what the rules return, and write the function that is used.

        Raises:
            Unsupported: that function returns something else.
        """

        def fit(at: int, k: int, g: Any, shape: Any, dtype: Any) -> Any:
            if g is None:
                raise Unsupported("a gradient that is needed is None")
            if g.shape != shape or g.dtype is not dtype:
                self.unfit.add((at, k))
                return _fit(g, shape, dtype)
            return g

        def some(h: Slot) -> Any:
            a = h.array
            return np.asarray((np.arange(a.size) % 7 - 2.5).reshape(a.shape), a.dtype)

        gs = [some(h) for h in self.heads]
        cells: list[Any] = [0] * (2 * len(self.cells))
        for i in range(0, len(cells), 2):
            cells[i] = [0]
        shapes, kinds = [g.shape for g in gs], [g.dtype for g in gs]
        shape, kind = (shapes, kinds) if self.multi else (shapes[0], kinds[0])
        node = record(self, (), (*(arrays[n] for n in self.saved), *cells), (), shape, kind)  # type: ignore[arg-type]
        g = gs if self.multi else gs[0]
        first = self.write(fit)(node, g, ())
        self.vjp = self.write()
        second = self.vjp(node, g, ())
        if not all(same(_fit(b, a.shape, a.dtype), a) for a, b in zip(first, second, strict=True)):
            raise Unsupported("the replayed gradients differ")

    def changed(self, node: Node) -> RuntimeError:
        """Return the error for a saved tensor that was written to."""
        assert node.saved is not None
        first = len(self.saved)
        pairs = zip(node.saved[first::2], node.saved[first + 1 :: 2], self.cells.values(), strict=True)
        cell, version, slot = next(p for p in pairs if p[0][0] != p[1])
        return RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"{self.node_name} saved a tensor of shape {list(slot.array.shape)} at version {version}, and it is at "
            f"version {cell[0]} now. Hint: use the out-of-place form of the operation (x = x + y instead of x += y), "
            "or clone() the tensor before it is changed"
        )

    # -- tensors ---------------------------------------------------------------------------------

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Iterable[Any]:
        """Carry a recorded gradient through the nodes that the ops would have made.

        The node itself becomes that of the first step, and those of the others get ages between it and its parents:
        from now on the graph is that of the function as it is written, for the walks to come.
        """
        saved = node.saved
        if saved is None:
            raise saved_for_backward_error(node)
        at = len(self.saved)
        if any(saved[i][0] != saved[i + 1] for i in range(at, len(saved), 2)):
            raise self.changed(node)
        arrays = dict(zip(self.saved, saved, strict=False))
        cells = dict(zip(self.cells, zip(saved[at::2], saved[at + 1 :: 2], strict=True), strict=True))
        held = {n: cells[c] for n, c in self.cell_of.items()}
        edges: dict[int, Any] = {s.number: e for s, e in zip(self.edges, node.parents, strict=True)}
        nodes: dict[int, Node] = {}
        for i in range(len(self.steps) - 1, -1, -1):
            step = self.steps[i]
            n = _unfold(step, arrays, held, edges)
            if i == 0:
                node.op, node.params, node.parents, node.saved = n.op, n.params, n.parents, n.saved
                n = node
            else:
                n.number = node.number + i / len(self.steps)  # type: ignore[assignment]
                outs = carrying(step)
                for k, o in enumerate(outs):
                    if o is None:
                        continue
                    edges[o.number] = n
                    if step.op.multi:
                        edges[o.number] = select_output(n, k)
                        edges[o.number].number = n.number - (k + 1) / (len(outs) + 1) / len(self.steps)
            nodes[id(step)] = n
        first = self.steps[0].op.vjp_tensors(node, g, node.parents)
        found = self._walk(nodes, first)
        # One after the other, so that what the engine adds up in between comes where it would have come.
        return list(found) if node.hooks is not None or anomaly.enabled or profiler.recorder is not None else found

    def _walk(self, nodes: dict[int, Node], first: Sequence[Any]) -> Iterator[Any]:
        """Yield the gradients that go out to the leaves, in the engine's order, from those of the first step."""
        given: dict[int, Any] = {}
        inside = {id(s) for s in self.steps}
        for i, step in enumerate(self.steps):
            grads = first
            if i:
                gs = [given.pop(o.number, None) if o is not None else None for o in carrying(step)]
                n = nodes[id(step)]
                grads = step.op.vjp_tensors(n, gs if step.op.multi else gs[0], n.parents)
            for slot, gp in zip(differentiated(step), grads, strict=False):
                if slot is None:
                    continue
                if slot.step is None or id(slot.step) not in inside:
                    yield gp
                elif gp is not None:
                    gp = _fit(gp, slot.array.shape, slot.array.dtype)
                    given[slot.number] = given[slot.number] + gp if slot.number in given else gp


def segments_of(steps: Sequence[Step], roots: Sequence[Slot], filename: str) -> list[Segment]:
    """Return the segments of the walk back from some results, youngest first."""
    cuts: set[int] = set()
    while True:
        found, home = _split(steps, {r.number for r in roots}, cuts, filename)
        early = _too_early(steps, found, home) if len(found) > 1 else None
        if early is None:
            return found
        cuts.add(id(early))


def _split(
    steps: Sequence[Step], results: set[int], cuts: set[int], filename: str
) -> tuple[list[Segment], dict[int, Segment]]:
    """Return the segments, of which some begin at ``cuts``, and where each step is."""
    users: dict[int, list[Segment]] = {}
    home: dict[int, Segment] = {}
    found: list[Segment] = []
    for step in reversed(steps):
        outs = [o.number for o in carrying(step) if o is not None]
        above = {id(s): s for n in outs for s in users.get(n, ())}
        if results.intersection(outs) or len(above) > 1 or (above and id(step) in cuts):
            found.append(Segment(step, filename))
            segment = found[-1]
        elif above:
            (segment,) = above.values()
        else:
            continue
        home[id(step)] = segment
        segment.add(step)
        for slot in differentiated(step):
            if slot is not None and slot.step is not None:
                users.setdefault(slot.number, []).append(segment)
    for segment in found:
        for step in segment.steps:
            segment.edges += [s for s in differentiated(step) if s is not None and home.get(id(s.step)) is not segment]
    return found, home


def _too_early(steps: Sequence[Step], found: Sequence[Segment], home: dict[int, Segment]) -> Step | None:
    """Return a step whose gradient would be added before that of a younger one, if there is one.

    Gradients are summed in the order of the steps' ages, and a segment is walked through as a whole.
    """
    age = {id(s): i for i, s in enumerate(steps)}
    last: dict[int, Step] = {}
    for segment in found:
        for step in segment.steps:
            for slot in differentiated(step):
                if slot is None or home.get(id(slot.step)) is segment:
                    continue
                before = last.get(slot.number)
                if before is not None and age[id(before)] < age[id(step)]:
                    return before
                last[slot.number] = step
    return None


def _sum(w: Writer, names: list[str], slot: Slot) -> str | None:
    """Write the sum of gradients as the engine makes it: the third is added into the sum of the first two."""
    if len(names) < 2:
        return names[0] if names else None
    total = f"g{slot.number}"
    if not slot.array.ndim:
        w(f"{total} = {' + '.join(names)}")
        return total
    add = w.constant(np.add if slot.array.size < arithmetic.LARGE else arithmetic.add, "add")
    w(f"{total} = {add}({names[0]}, {names[1]})")
    for name in names[2:]:
        # What it is added into keeps its layout, on which the order of later sums depends.
        w(f"{add}({total}, {name}, {total})")
    return total


def _write_rule(w: Writer, step: Step, gs: dict[int, str | None], at: int) -> list[Slot | None]:
    """Write the rules' calls; the gradients are ``r<at>_<k>``. Returns the slots they are for."""
    op = step.op
    slots = differentiated(step)
    outputs = op.outputs or ()
    given: list[str] = []
    for o in carrying(step):
        assert o is not None
        name = gs[o.number]
        if name is None:
            name = f"g{o.number}"
            w(f"{name} = {w.constant(np.zeros, 'zeros')}({w.constant(o.array.shape)}, {w.constant(o.array.dtype)})")
        given.append(name)
    by_output = dict(zip(op.differentiable_outputs or (), given, strict=False))
    if not op.multi and recipes.backward(w, step, given[0], slots, at):
        return slots

    def source(n: str) -> str:
        if n == "needs":
            return w.constant(tuple(s is not None for s in slots))
        if n in op.parameters:
            return parameter(w, step.params[n])
        if n == "g":
            return f"[{', '.join(given)}]" if op.multi else given[0]
        if n.startswith("g_") and n[2:] in outputs:
            return by_output[n[2:]]
        return _saved(w, step, n)

    joint, label = (op.raw, "raw rule") if op.raw is not None else (op.joint, "joint rule")
    if joint is not None:
        call = f"{w.constant(joint, 'rule')}({', '.join(source(n) for n in op.rule_names[label])})"
        if len(slots) == 1:
            w(f"r{at}_0 = {call}[0]")
        else:
            names = ", ".join(f"r{at}_{k}" for k in range(len(slots)))
            w(f"{names} = {call}")
    else:
        for k, (a, slot) in enumerate(zip(op.differentiable, slots, strict=True)):
            if slot is not None:
                call = ", ".join(source(n) for n in op.rule_names[a])
                w(f"r{at}_{k} = {w.constant(op.rules[a], 'rule')}({call})")
    return slots


def _saved(w: Writer, step: Step, n: str) -> str:
    """Source of what a node would have saved under a name."""
    op = step.op
    _, kind, users = next(entry for entry in op.layout if entry[0] == n)
    if kind == "output":
        out = step.outs[op.outputs.index(n)]
        return f"a{out.number}" if out is not None and wanted(step, users) else "None"
    if kind == "shape":
        if op.variadic:
            return w.constant([a.array.shape for a in step.args])
        return w.constant(_shape(step.args[op.arguments.index(n.removesuffix("_shape"))]))
    if not wanted(step, users):
        return "None"
    if op.variadic:
        return f"[{', '.join(argument(w, step, a) for a in step.args)}]"
    return argument(w, step, step.args[op.arguments.index(n)])


def _shape(a: Any) -> Any:
    return a.array.shape if isinstance(a, Slot) else getattr(a.value, "shape", ())


def _unfold(step: Step, arrays: dict[int, Any], held: dict[int, tuple[Any, int]], edges: dict[int, Any]) -> Node:
    """Return the node that the op would have recorded."""
    op = step.op
    free = NAMESPACE["NO_CELL"], 0

    def value(a: Any) -> Any:
        if isinstance(a, Slot):
            return arrays.get(a.number)
        return arrays[a.slot.number].reshape(-1) if isinstance(a, Unwrapped) else a.value

    saved: list[Any] = []
    guards: list[Any] = []
    for name, kind, users in op.layout:
        used = wanted(step, users)
        if kind == "shape":
            if op.variadic:
                saved.append([a.array.shape for a in step.args])
            else:
                saved.append(_shape(step.args[op.arguments.index(name.removesuffix("_shape"))]))
            continue
        if op.variadic and kind == "array":
            saved.append([value(a) for a in step.args])
            guards += zip(*(held.get(getattr(a, "number", -1), free) for a in step.args), strict=True)
            continue
        (a,) = named(step, name)
        saved.append(value(a) if used and a is not None else None)
        guards += held.get(getattr(a, "number", -1), free) if used else free
    parents = tuple(None if s is None else edges.get(s.number) for s in differentiated(step))
    outs = [o for o in carrying(step) if o is not None]
    shape: Any = [o.array.shape for o in outs] if op.multi else outs[0].array.shape
    dtype: Any = [o.array.dtype for o in outs] if op.multi else outs[0].array.dtype
    given = tuple(value(v) if isinstance(v, Slot) else v for v in (step.params[p] for p in op.parameters))
    return record(op, parents, (*saved, *guards), given, shape, dtype)
