"""A recorded call as straight-line Python on arrays, and its gradient likewise.

From the steps of a recording two functions are written, as ``autograd/op.py`` writes its wrappers:

    run(args, kwargs)        checks that the call is like the recorded one, applies the ops' forward functions to
                             arrays, and wraps the result; MISS if the call is another one
    vjp(node, g, parents)    applies the ops' rules in the order in which the engine would walk through their nodes

The whole call is one node. Its parents are what the call's leaves are, one entry for each gradient that a rule hands
to one, so that it is the engine that adds up what belongs to one leaf, in the order in which it always does.

For gradients that are recorded themselves (``create_graph``) the node unfolds: from what it saved the nodes are made
that the ops would have recorded, and walked through.
"""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.autograd import anomaly, profiler
from tinygrad_hw.autograd.engine import _fit
from tinygrad_hw.autograd.graph import NAMESPACE, Node
from tinygrad_hw.autograd.op import record, saved_for_backward_error, select_output
from tinygrad_hw.compiler import recipes
from tinygrad_hw.compiler.recorder import Constant, Outer, Slot, Step, Unwrapped
from tinygrad_hw.kernels.arithmetic import LARGE

__all__ = ["MISS", "Program", "Unsupported"]

MISS: Any = object()
_F = (np.dtype(np.float32), np.dtype(np.float64))
_LARGE = 1 << 14  # bytes from which an array is let go as soon as it is not needed any more


class Unsupported(Exception):
    """The recording cannot be made into a program; the message says why."""


class Writer:
    """Lines of source and the constants they refer to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[int, str] = {}

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def constant(self, value: Any, hint: str = "K") -> str:
        """Return a name for an object; small literals stand for themselves."""
        if value is None or value is True or value is False or (type(value) is int and 0 <= value < 1 << 30):
            return repr(value)
        return self.object(value, hint)

    def object(self, value: Any, hint: str = "K") -> str:
        """Return a name for an object."""
        key = id(value)
        if key not in self.names or self.constants[self.names[key]] is not value:
            self.names[key] = f"{hint}{len(self.constants)}"
            self.constants[self.names[key]] = value
        return self.names[key]

    def compile(self, name: str, arguments: str, filename: str) -> Callable[..., Any]:
        """Return the function of these lines; constants are variables of the function around it."""
        source = f"def make({', '.join(self.constants)}):\n    def {name}({arguments}):\n"
        source += "".join(f"        {line}\n" for line in self.lines) + f"    return {name}\n"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        written: dict[str, Any] = {}
        exec(compile(source, filename, "exec"), NAMESPACE, written)
        return written["make"](**self.constants)


def needs_grad(slot: Any) -> bool:
    """Return whether gradients flow to a slot."""
    return isinstance(slot, Slot) and slot.grad


class Backward:
    """What the walk from one slot back does, step by step.

    Attributes:
        steps: those that are reached, youngest first.
        edges: slots from outside in the order in which they are given gradients, once for each.
        saved: slots whose arrays are needed.
        guarded: those of them that must not be written to.
    """

    def __init__(self, steps: Sequence[Step], root: Slot) -> None:
        reached = {root.number}
        self.guarded: set[int] = set()
        self.root = root
        self.steps: list[Step] = []
        self.edges: list[Slot] = []
        self.saved: dict[int, Slot] = {}
        for step in reversed(steps):
            if not any(o is not None and o.number in reached for o in step.outs):
                continue
            self.steps.append(step)
            for slot in differentiated(step):
                if slot is None:
                    continue
                if slot.step is None:
                    self.edges.append(slot)
                else:
                    reached.add(slot.number)
            for name, kind, users in step.op.layout:
                if kind == "shape" or not wanted(step, users):
                    continue
                for a in _named(step, name):
                    if isinstance(a, Slot):
                        self.saved[a.number] = a
                        self.guarded.add(a.number)
                    elif isinstance(a, Unwrapped):
                        self.saved[a.slot.number] = a.slot  # as an array, which has no versions


def _named(step: Step, name: str) -> list[Any]:
    """Return what a saved name stands for."""
    if name in (step.op.outputs or ()):
        return [step.outs[step.op.outputs.index(name)]]
    return step.args if step.op.variadic else [step.args[step.op.arguments.index(name)]]


def differentiated(step: Step) -> list[Slot | None]:
    """Return for each differentiable argument its slot, None if it needs no gradient."""
    op = step.op
    args = step.args if op.variadic else [step.args[op.arguments.index(a)] for a in op.differentiable]
    return [a if needs_grad(a) else None for a in args]


def wanted(step: Step, users: Any) -> bool:
    """Return whether one of these arguments needs a gradient."""
    if step.op.variadic:
        return any(s is not None for s in differentiated(step))
    return any(s is not None for a, s in zip(step.op.differentiable, differentiated(step), strict=True) if a in users)


def root_of(slot: Slot) -> Slot:
    """Return the slot that owns the memory of a view."""
    while slot.step is not None and slot.step.op.view:
        slot = slot.step.args[0]
    return slot


class Program:
    """A call that can be replayed. It stands in its nodes where the others have their op.

    Args:
        steps: what was recorded.
        inputs: the slots of the tensor arguments.
        outputs: the slots of the results, in the order of their appearance.
        shape_of_result: source of the result, in which ``t<number>`` is an output's tensor.
        guards: lines that go before.
        enabled: whether gradients were recorded.
        name: for tracebacks.
    """

    name = "compiled_function"
    node_name = "CompiledFunctionBackward"
    multi = False
    layout: ClassVar[tuple[Any, ...]] = ()  # nothing that a node could show by name
    view = False
    guarded: tuple[int, ...] = ()
    rules: ClassVar[dict[str, Any]] = {}
    differentiable: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    def __init__(
        self,
        steps: list[Step],
        inputs: list[Slot],
        outputs: list[Slot],
        result: str,
        guards: Any,
        enabled: bool,
        name: str,
    ) -> None:
        self.inputs, self.outputs, self.enabled = inputs, outputs, enabled
        self.result, self.guards = result, guards
        self.filename = f"<tinygrad_hw compiled {name}>"
        roots = [o for o in outputs if needs_grad(o)]
        if len(roots) > 1:
            raise Unsupported("several results have gradients")
        self.backward = Backward(steps, roots[0]) if roots else None
        self.steps = _used(steps, outputs, self.backward)
        self.outer = list({s.number: s for s in _sources(self.steps) if isinstance(s, Outer)}.values())
        #: What the first run finds out: results that are numpy scalars, gradients that must be fitted.
        self.scalars: set[int] = set()
        self.unfit: set[tuple[int, int]] = set()
        #: Whether a walk frees what is saved, so that a second one is an error.
        self.frees = False
        if self.backward is not None:
            self.frees = any(s.op.frees for s in self.backward.steps)
            self._cells()
        with np.errstate(all="ignore"):
            self._learn()
        self.run = self._write_run()

    # -- forward ---------------------------------------------------------------------------------

    def _cells(self) -> None:
        """Find out whose version cells say whether what is saved has changed."""
        assert self.backward is not None
        self.cells: dict[int, Slot] = {}
        out = {root_of(o).number: o for o in self.outputs}
        for slot in self.backward.saved.values():
            if slot.number not in self.backward.guarded:
                continue
            root = root_of(slot)
            if root.step is None:
                self.cells[root.number] = root
            elif root.number in out:
                self.cells[out[root.number].number] = out[root.number]

    def _write_steps(self, w: Writer, note: str = "") -> None:
        """Write the forward functions' calls; with ``note``, that of what they return."""
        saved = {} if self.backward is None else self.backward.saved
        last = _last_use(self.steps, {*saved, *(o.number for o in self.outputs)})
        for i, step in enumerate(self.steps):
            for a in step.args:
                if isinstance(a, Unwrapped):
                    # Read without a sign, a negative number is a huge one.
                    most = f"{w.constant(np.maximum.reduce, 'most')}(a{a.slot.number}.reshape(-1).view('u8'))"
                    w(f"if {most} >= {a.below}:")
                    w(f"    return {w.constant(MISS)}")
            if note or not recipes.forward(w, step):
                given = [_argument(w, step, a) for a in step.args]
                given += [f"{n}={w.constant(v)}" for n, v in step.params.items()]
                call = f"{w.constant(_forward_of(step), 'f')}({', '.join(given)})"
                if step.op.outputs == ("out",):
                    out = step.outs[0]
                    assert out is not None
                    w(f"a{out.number} = {call}")
                    if note:
                        w(f"a{out.number} = {note}({out.number}, a{out.number})")
                    elif out.number in self.scalars:
                        w(f"a{out.number} = asarray(a{out.number})")
                else:
                    names = [f"a{o.number}" if o is not None else "_" for o in step.outs]
                    w(f"{', '.join(names)}{',' if len(names) == 1 else ''} = raw({call})")
            for number in last.get(i, ()):
                w(f"a{number} = None")

    def _write_run(self) -> Callable[[Any, Any], Any]:
        w = Writer()
        self.guards.write(w, self.inputs, self.outer, self.enabled)
        self._write_steps(w)
        # An error is for the function itself to raise, with its own words.
        w.lines = ["try:", *("    " + line for line in w.lines)]
        w(f"except {w.constant(Exception)}:")
        w(f"    return {w.constant(MISS)}")
        for o in self.outputs:
            t = f"t{o.number}"
            w(f"{t} = new(T)")
            w(f"{t}.array = a{o.number}")
            w(f"{t}._node = {t}._grad = {t}._hooks = {t}._base = None")
            w(f"{t}._requires_grad = False")
            w(f"{t}._version_cell = [0] if NEW_CELL is None else NEW_CELL()")
        if self.backward is not None:
            self._write_node(w)
        w(f"return {self.result}")
        return w.compile("run", "args, kwargs", self.filename)

    def _write_node(self, w: Writer) -> None:
        backward = self.backward
        assert backward is not None
        values = [f"a{n}" for n in backward.saved]
        for slot in self.cells.values():
            cell = self._cell(w, slot)
            values += [cell, f"{cell}[0]"]
        edges = [self._edge(w, s) for s in backward.edges]
        w("node = new(Node)")
        w(f"node.op = {w.constant(self)}")
        w("node.params = ()")
        w(f"node.parents = ({', '.join(edges)},)")
        w(f"node.saved = ({', '.join(values)}{',' if len(values) == 1 else ''})")
        w("node.number = next_number()")
        w(f"node.shape = {w.constant(backward.root.array.shape)}")
        w(f"node.dtype = {w.constant(backward.root.array.dtype)}")
        w("node.hooks = None")
        w(f"t{backward.root.number}._node = node")

    def _cell(self, w: Writer, slot: Slot) -> str:
        if isinstance(slot, Outer):
            return f"{w.constant(slot.tensor, 'L')}._version_cell"
        if slot.step is None:
            return f"x{slot.number}._version_cell"
        return f"t{slot.number}._version_cell"

    def _edge(self, w: Writer, slot: Slot) -> str:
        return w.constant(slot.tensor, "L") if isinstance(slot, Outer) else f"n{slot.number}"

    # -- backward --------------------------------------------------------------------------------

    def _write_vjp(self, note: Any = None) -> Callable[[Node, Any, Any], Any]:
        backward = self.backward
        assert backward is not None
        w = Writer()
        values = [f"a{n}" for n in backward.saved]
        pairs = [(f"c{n}", f"v{n}") for n in self.cells]
        w("saved = node.saved")
        w("if saved is None:")
        w("    raise saved_for_backward_error(node)")
        names = [*values, *(x for p in pairs for x in p)]
        if names:
            w(f"{', '.join(names)}{',' if len(names) == 1 else ''} = saved")
        if pairs:
            w(f"if {' or '.join(f'{c}[0] != {v}' for c, v in pairs)}:")
            w(f"    raise {w.constant(self.changed)}(node)")
        given: dict[int, list[str]] = {backward.root.number: ["g"]}
        edges: list[str] = []
        for at, step in enumerate(backward.steps):
            gs = [_sum(w, given.pop(o.number, []), o) if o is not None else None for o in step.outs]
            for k, slot in enumerate(_write_rule(w, step, gs, at)):
                if slot is None:
                    continue
                name = f"r{at}_{k}"
                if note is not None or (at, k) in self.unfit:
                    fit = w.constant(note or _fit)
                    place = f"{at}, {k}, " if note is not None else ""
                    w(f"{name} = {fit}({place}{name}, {w.constant(slot.array.shape)}, {w.constant(slot.array.dtype)})")
                if slot.step is None:
                    edges.append(name)
                else:
                    given.setdefault(slot.number, []).append(name)
        w(f"return ({', '.join(edges)},)")
        return w.compile("vjp", "node, g, parents", self.filename.replace(">", " backward>"))

    def changed(self, node: Node) -> RuntimeError:
        """Return the error for a saved tensor that was written to."""
        assert self.backward is not None and node.saved is not None
        first = len(self.backward.saved)
        pairs = zip(node.saved[first::2], node.saved[first + 1 :: 2], self.cells.values(), strict=True)
        cell, version, slot = next(p for p in pairs if p[0][0] != p[1])
        return RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"{self.node_name} saved a tensor of shape {list(slot.array.shape)} at version {version}, and it is at "
            f"version {cell[0]} now. Hint: use the out-of-place form of the operation (x = x + y instead of x += y), "
            "or clone() the tensor before it is changed"
        )

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Iterable[Any]:
        """Carry a recorded gradient through the nodes that the ops would have made."""
        backward = self.backward
        assert backward is not None
        saved = node.saved
        if saved is None:
            raise saved_for_backward_error(node)
        at = len(backward.saved)
        if any(saved[i][0] != saved[i + 1] for i in range(at, len(saved), 2)):
            raise self.changed(node)
        arrays = dict(zip(backward.saved, saved, strict=False))
        edges: dict[int, Any] = {s.number: e for s, e in zip(backward.edges, node.parents, strict=True)}
        nodes: dict[int, Node] = {}
        for step in reversed(backward.steps):
            n = nodes[id(step)] = _unfold(step, arrays, edges)
            for k, o in enumerate(_carrying(step)):
                if o is not None:
                    edges[o.number] = select_output(n, k) if step.op.multi else n
        found = self._walk(backward, nodes, g)
        # One after the other, so that what the engine adds up in between comes where it would have come.
        return list(found) if node.hooks is not None or anomaly.enabled or profiler.recorder is not None else found

    @staticmethod
    def _walk(backward: Backward, nodes: dict[int, Node], g: Any) -> Iterator[Any]:
        """Yield the gradients that go out to the leaves, in the engine's order."""
        given: dict[int, Any] = {backward.root.number: g}
        for step in backward.steps:
            gs = [given.pop(o.number, None) if o is not None else None for o in _carrying(step)]
            n = nodes[id(step)]
            grads = step.op.vjp_tensors(n, gs if step.op.multi else gs[0], n.parents)
            for slot, gp in zip(differentiated(step), grads, strict=False):
                if slot is None:
                    continue
                if slot.step is None:
                    yield gp
                elif gp is not None:
                    gp = _fit(gp, slot.array.shape, slot.array.dtype)
                    given[slot.number] = given[slot.number] + gp if slot.number in given else gp

    # -- the first run ---------------------------------------------------------------------------

    def _learn(self) -> None:
        """Replay the recorded call, see what the functions return, and compare that with the recording.

        Raises:
            Unsupported: it differs.
        """
        w = Writer()

        def note(number: int, value: Any) -> Any:
            if value.__class__ is not np.ndarray:
                self.scalars.add(number)
            return np.asarray(value)

        for s in (*self.inputs, *self.outer):
            w(f"a{s.number} = {w.constant(s.array, 'A')}")
        self._write_steps(w, w.constant(note))
        w(f"return {{{', '.join(f'{n}: a{n}' for n in self._kept())}}}")
        arrays = w.compile("first", "", self.filename)()
        if not all(_same(arrays[o.number], o.array) for o in self.outputs):
            raise Unsupported("the replayed results are not those of the recorded call")
        if self.backward is None:
            return

        def fit(at: int, k: int, g: Any, shape: Any, dtype: Any) -> Any:
            if g is None:
                raise Unsupported("a gradient that is needed is None")
            if g.shape != shape or g.dtype is not dtype:
                self.unfit.add((at, k))
                return _fit(g, shape, dtype)
            return g

        vjp = self._write_vjp(fit)
        root = self.backward.root.array
        g = np.asarray((np.arange(root.size) % 7 - 2.5).reshape(root.shape), root.dtype)
        cells: list[Any] = [0] * (2 * len(self.cells))
        for i in range(0, len(cells), 2):
            cells[i] = [0]
        node = record(self, (), (*(arrays[n] for n in self.backward.saved), *cells), (), root.shape, root.dtype)  # type: ignore[arg-type]
        first = vjp(node, g, ())
        self.vjp = self._write_vjp()
        second = self.vjp(node, g, ())
        if not all(_same(_fit(b, a.shape, a.dtype), a) for a, b in zip(first, second, strict=True)):
            raise Unsupported("the replayed gradients differ")

    def _kept(self) -> list[int]:
        saved = () if self.backward is None else self.backward.saved
        return list({*saved, *(o.number for o in self.outputs)})


def _same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _used(steps: Sequence[Step], outputs: Sequence[Slot], backward: Backward | None) -> list[Step]:
    """Return the steps that the outputs or what is saved depend on."""
    needed = {o.number for o in outputs} | set(() if backward is None else backward.saved)
    used: list[Step] = []
    for step in reversed(steps):
        checks = any(isinstance(a, Unwrapped) for a in step.args)
        if checks or any(o is not None and o.number in needed for o in step.outs):
            used.append(step)
            for a in step.args:
                if isinstance(a, (Slot, Unwrapped)):
                    needed.add(a.number if isinstance(a, Slot) else a.slot.number)
    return used[::-1]


def _sources(steps: Sequence[Step]) -> list[Slot]:
    found = [a.slot if isinstance(a, Unwrapped) else a for s in steps for a in s.args]
    return [a for a in found if isinstance(a, Slot) and a.step is None]


def _last_use(steps: Sequence[Step], keep: set[int]) -> dict[int, list[int]]:
    """Return for each step the large arrays that nobody needs after it."""
    last: dict[int, int] = {}
    for i, step in enumerate(steps):
        for a in step.args:
            slot = a.slot if isinstance(a, Unwrapped) else a
            if isinstance(slot, Slot) and slot.step is not None and slot.array.nbytes >= _LARGE:
                last[slot.number] = i
    found: dict[int, list[int]] = {}
    for number, i in last.items():
        if number not in keep:
            found.setdefault(i, []).append(number)
    return found


def _forward_of(step: Step) -> Any:
    """Return the function that the op's wrapper calls for arrays of these sizes."""
    op, first = step.op, step.args[0]
    if op.large is None or not isinstance(first, Slot) or math.prod(first.array.shape) < LARGE:
        return op.forward
    kinds = {a.array.dtype for a in step.args if isinstance(a, Slot)}
    return op.large if len(kinds) == 1 and kinds <= set(_F) else op.forward


def _number_as(step: Step, value: Any) -> Any:
    """Return a Python number as the op's wrapper hands it on: as an array of the other argument's dtype."""
    op = step.op
    if op.promote is not None and len(op.promote_over) == 2 and type(value) in (int, float):
        for a in step.args:
            if isinstance(a, Slot) and a.array.dtype in _F:
                return np.asarray(value, a.array.dtype)
    return value


def _argument(w: Writer, step: Step, a: Any) -> str:
    if isinstance(a, Slot):
        return f"a{a.number}"
    if isinstance(a, Unwrapped):
        return f"a{a.slot.number}.reshape(-1)"
    return w.constant(_constant(step, a))


def _constant(step: Step, a: Constant) -> Any:
    """Return what stands for a constant, always the same object."""
    made = _number_as(step, a.value)
    if made is not a.value:
        a.value = made
    return a.value


def _carrying(step: Step) -> list[Slot | None]:
    """Return the outputs that carry gradients."""
    op = step.op
    if op.outputs is None:
        return list(step.outs)
    return [step.outs[op.outputs.index(o)] for o in op.differentiable_outputs]


def _sum(w: Writer, names: list[str], slot: Slot) -> str | None:
    """Write the sum of gradients as the engine makes it: the third is added into the sum of the first two."""
    if len(names) < 2:
        return names[0] if names else None
    total = f"g{slot.number}"
    if not slot.array.ndim:
        w(f"{total} = {' + '.join(names)}")
        return total
    w(f"{total} = {names[0]} + {names[1]}")
    for name in names[2:]:
        # What it is added into keeps its layout, on which the order of later sums depends.
        w(f"{w.constant(np.add, 'add')}({total}, {name}, {total})")
    return total


def _write_rule(w: Writer, step: Step, gs: list[str | None], at: int) -> list[Slot | None]:
    """Write the rules' calls; the gradients are ``r<at>_<k>``. Returns the slots they are for."""
    op = step.op
    slots = differentiated(step)
    outputs = op.outputs or ()
    carrying = [o.number if o is not None else -1 for o in _carrying(step)]
    by_number = {o.number: g for o, g in zip(step.outs, gs, strict=True) if o is not None}
    if op.multi:
        raise Unsupported(f"{op.name}() has several results with gradients")
    g = by_number[carrying[0]]
    assert g is not None
    recipe = recipes.backward(w, step, g, slots, at)
    if recipe:
        return slots

    def argument(n: str) -> str:
        if n == "needs":
            return w.constant(tuple(s is not None for s in slots))
        if n in op.parameters:
            return w.constant(step.params[n])
        if n == "g" or (n.startswith("g_") and n[2:] in outputs):
            return g
        return _saved(w, step, n)

    joint, label = (op.raw, "raw rule") if op.raw is not None else (op.joint, "joint rule")
    if joint is not None:
        call = f"{w.constant(joint, 'rule')}({', '.join(argument(n) for n in op.rule_names[label])})"
        if len(slots) == 1:
            w(f"r{at}_0 = {call}[0]")
        else:
            names = ", ".join(f"r{at}_{k}" for k in range(len(slots)))
            w(f"{names} = {call}")
    else:
        for k, (a, slot) in enumerate(zip(op.differentiable, slots, strict=True)):
            if slot is not None:
                given = ", ".join(argument(n) for n in op.rule_names[a])
                w(f"r{at}_{k} = {w.constant(op.rules[a], 'rule')}({given})")
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
        return f"[{', '.join(_argument(w, step, a) for a in step.args)}]"
    return _argument(w, step, step.args[op.arguments.index(n)])


def _shape(a: Any) -> Any:
    return a.array.shape if isinstance(a, Slot) else getattr(a.value, "shape", ())


def _unfold(step: Step, arrays: dict[int, Any], edges: dict[int, Any]) -> Node:
    """Return the node that the op would have recorded."""
    op = step.op

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
        if kind == "output":
            saved.append(value(step.outs[op.outputs.index(name)]) if used else None)
        elif op.variadic:
            saved.append([value(a) for a in step.args])
        else:
            saved.append(value(step.args[op.arguments.index(name)]) if used else None)
        guards += [NAMESPACE["NO_CELL"], 0]
    parents = tuple(None if s is None else edges.get(s.number) for s in differentiated(step))
    outs = [o for o in _carrying(step) if o is not None]
    shape: Any = [o.array.shape for o in outs] if op.multi else outs[0].array.shape
    dtype: Any = [o.array.dtype for o in outs] if op.multi else outs[0].array.dtype
    return record(op, parents, (*saved, *guards), tuple(step.params[p] for p in op.parameters), shape, dtype)
