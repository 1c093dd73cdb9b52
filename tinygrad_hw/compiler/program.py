"""A recorded call as straight-line Python on arrays, and its gradient likewise.

From the steps of a recording functions are written, as ``autograd/op.py`` writes its wrappers:

    run(args, kwargs)        checks that the call is like the recorded one, applies the ops' forward functions to
                             arrays, and wraps the results; MISS if the call is another one
    vjp(node, g, parents)    applies the ops' rules in the order in which the engine would walk through their nodes

There is a node for each result with a gradient (see ``segments.py``). Its parents are what the leaves are, one entry
for each gradient that a rule hands to one, so that it is the engine that adds up what belongs to one leaf, in the
order in which it always does.

What outlives the call comes last: tensors that it writes to (the running averages of batch norm) get their new
contents when nothing can go wrong any more, and the random numbers that it drew are given back if something does.

For gradients that are recorded themselves (``create_graph``) a node unfolds: from what it saved the nodes are made
that the ops would have recorded, and walked through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.compiler import recipes
from tinygrad_hw.compiler.beside import owners, random_state, restore_random_state
from tinygrad_hw.compiler.segments import segments_of
from tinygrad_hw.compiler.steps import Check, Made, Outer, Output, Slot, Step, Unwrapped
from tinygrad_hw.compiler.writing import (
    FLOATS,
    LARGE,
    MISS,
    Unsupported,
    Writer,
    argument,
    needs_grad,
    parameter,
    root_of,
    same,
    unpacked,
)
from tinygrad_hw.kernels import arithmetic

__all__ = ["Program"]


class Program:
    """A call that can be replayed.

    Args:
        recording: what was recorded.
        outputs: the results, in the order of their appearance, none before that whose memory it shares.
        compose: writes the source of the result, in which ``t<number>`` is an output's tensor.
        guards: lines that go before.
        enabled: whether gradients were recorded.
        name: for tracebacks.

    Raises:
        Unsupported: it would not do the same.
    """

    def __init__(
        self,
        recording: Any,
        outputs: list[Output],
        compose: Callable[[Writer], str],
        guards: Any,
        enabled: bool,
        name: str,
    ) -> None:
        self.inputs, self.enabled, self.guards = recording.inputs, enabled, guards
        self.outputs = [o.slot for o in outputs]
        self.results = outputs
        self.compose = compose
        self.inside: bool = recording.recording
        self.filename = f"<tinygrad_hw compiled {name}>"
        self.commits = list(recording.commits.values())
        roots = [o for o in self.outputs if needs_grad(o)]
        self.segments = segments_of(recording.steps, roots, self.filename)
        self.saved = {n: slot for s in self.segments for n, slot in s.saved.items()}
        self._check_writes(recording)
        kept = {*self.saved, *(o.number for o in self.outputs), *(c.new.number for c in self.commits)}
        self.kept = kept
        self.steps = _used(recording.steps, kept, recording.checks)
        self.checks: list[Check] = recording.checks
        sources = [s for _, step in self.steps for s in _arguments(step) if s.step is None]
        sources += [c.outer for c in self.commits]
        sources += [s for s in self.saved.values() if s.step is None] + [c.slot for c in self.checks]
        self.outer = list({s.number: s for s in sources if isinstance(s, Outer)}.values())
        self.made = list({s.number: s for s in sources if isinstance(s, Made)}.values())
        self.draws = any(getattr(step.op, "draws", False) for _, step in self.steps)
        #: What the first run finds out: results that are numpy scalars.
        self.scalars: set[int] = set()
        for segment in self.segments:
            segment.find_cells(self.outputs)
        with np.errstate(all="ignore"):
            self._learn(recording)
        self.run = self._write_run()

    def _check_writes(self, recording: Any) -> None:
        """Raise if a gradient needs contents of a tensor that are written over."""
        for c in self.commits:
            if any(np.may_share_memory(s.array, c.outer.array) for s in (*self.outputs, *self.saved.values())):
                raise Unsupported(
                    "a result or a gradient needs a tensor that outlives the call and is changed in place"
                )
        lasting = {c.outer.number for c in self.commits}
        for w in recording.written:
            if w.old.number in lasting:
                lasting.add(w.new.number)
        place = {id(s): i for i, s in enumerate(recording.steps)}
        for segment in self.segments:
            for number, savers in segment.guarded.items():
                root = root_of(segment.saved[number]).number
                if root in lasting:
                    raise Unsupported("a gradient needs a tensor that outlives the call and is changed in place")
                for w in recording.written:
                    if w.old.number == root and any(not w.begin <= place[id(s)] < w.end for s in savers):
                        raise Unsupported("a gradient needs a tensor that is changed in place")

    # -- forward ---------------------------------------------------------------------------------

    def _write_steps(self, w: Writer, note: str = "") -> None:
        """Write the forward functions' calls; with ``note``, that of what they return."""
        last = _last_use([s for _, s in self.steps], self.kept)
        checks = sorted(self.checks, key=lambda c: c.at)
        for k, (i, step) in enumerate(self.steps):
            while checks and checks[0].at <= i:
                self._write_check(w, checks.pop(0))
            for a in step.args:
                if isinstance(a, Unwrapped):
                    self._write_check(w, Check(a.slot, a.below, i))
            if note or not recipes.forward(w, step):
                self._write_call(w, step, note)
            for number in last.get(k, ()):
                w(f"a{number} = None")
        for check in checks:
            self._write_check(w, check)

    def _write_check(self, w: Writer, check: Check) -> None:
        # Read without a sign, a negative number is a huge one.
        array = f"a{check.slot.number}"
        kind = f"u{check.slot.array.dtype.itemsize}"
        w(f"if {w.constant(np.maximum.reduce, 'most')}({array}.view({kind!r}), None) >= {check.below}:")
        self._write_miss(w, "    ")

    def _write_miss(self, w: Writer, indent: str) -> None:
        if self.draws:
            w(f"{indent}if state is not None:")
            w(f"{indent}    {w.constant(restore_random_state, 'restore')}(state)")
        w(f"{indent}return {w.constant(MISS)}")

    def _write_call(self, w: Writer, step: Step, note: str) -> None:
        """Write the call of a step's forward function."""
        given = [argument(w, step, a) for a in step.args]
        given += [f"{n}={parameter(w, v)}" for n, v in step.params.items()]
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
            w(f"{unpacked([f'a{o.number}' if o is not None else '_' for o in step.outs])} = raw({call})")

    def _write_run(self) -> Callable[[Any, Any], Any]:
        w = Writer()
        self.guards.write(w, self.inputs, self.outer, self.enabled, self.inside)
        if self.commits:
            touches = w.constant(_touching([c.outer.array for c in self.commits]), "touches")
            for s in self.inputs:
                w(f"if {touches}(a{s.number}):")
                w(f"    return {w.constant(MISS)}")
        if self.draws:
            w(f"state = {w.constant(random_state, 'random_state')}()")
        for s in self.made:
            w(f"a{s.number} = {w.constant(s.array, 'A')}")
        self._write_steps(w)
        # An error is for the function itself to raise, with its own words.
        w.lines = [*(["state = None"] if self.draws else []), "try:", *("    " + line for line in w.lines)]
        w(f"except {w.constant(Exception)}:")
        self._write_miss(w, "    ")
        for c in self.commits:
            w(f"{w.constant(np.copyto, 'copyto')}({w.constant(c.outer.array, 'A')}, a{c.new.number})")
            w(f"{w.constant(c.outer.tensor, 'L')}._version_cell[0] += {c.writes}")
        for o in self.results:
            t = f"t{o.slot.number}"
            w(f"{t} = new(T)")
            w(f"{t}.array = a{o.slot.number}")
            w(f"{t}._node = {t}._grad = {t}._hooks = {t}._base = None")
            w(f"{t}._requires_grad = False")
            if o.sharing is None:
                w(f"{t}._version_cell = [{o.version}] if NEW_CELL is None else NEW_CELL()")
            else:
                w(f"{t}._version_cell = t{o.sharing.number}._version_cell")
            if o.base is not None:
                w(f"{t}._base = t{o.base.number}")
                w(f"{t}._seen = {o.version}")
        self._write_nodes(w)
        w(f"return {self.compose(w)}")
        return w.compile("run", "args, kwargs", self.filename)

    def _write_nodes(self, w: Writer) -> None:
        """Write what makes the nodes, the oldest first."""
        used = {s.number for segment in self.segments for s in segment.edges} | {o.number for o in self.outputs}
        heads: set[int] = set()
        for segment in reversed(self.segments):
            values = [f"a{n}" for n in segment.saved]
            for slot in segment.cells.values():
                cell = self._cell(w, slot)
                values += [cell, f"{cell}[0]"]
            edges = [f"h{s.number}" if s.number in heads else self._edge(w, s) for s in segment.edges]
            shapes = [h.array.shape for h in segment.heads]
            kinds = [h.array.dtype for h in segment.heads]
            w("node = new(Node)")
            w(f"node.op = {w.constant(segment, 'S')}")
            w("node.params = ()")
            w(f"node.parents = ({', '.join(edges)},)")
            w(f"node.saved = ({', '.join(values)}{',' if len(values) == 1 else ''})")
            w("node.number = next_number()")
            w(f"node.shape = {w.constant(shapes if segment.multi else shapes[0])}")
            w(f"node.dtype = {w.constant(kinds if segment.multi else kinds[0])}")
            w("node.hooks = None")
            for k, head in enumerate(segment.heads):
                heads.add(head.number)
                if head.number in used:
                    w(f"h{head.number} = {f'select_output(node, {k})' if segment.multi else 'node'}")
        for o in self.outputs:
            if o.number in heads:
                w(f"t{o.number}._node = h{o.number}")

    def _cell(self, w: Writer, slot: Slot) -> str:
        if isinstance(slot, Outer):
            return f"{w.constant(slot.tensor, 'L')}._version_cell"
        if slot.step is None:
            return f"x{slot.number}._version_cell"
        return f"t{slot.number}._version_cell"

    def _edge(self, w: Writer, slot: Slot) -> str:
        return w.constant(slot.tensor, "L") if isinstance(slot, Outer) else f"n{slot.number}"

    # -- the first run ---------------------------------------------------------------------------

    def _learn(self, recording: Any) -> None:
        """Replay the recorded call, see what the functions return, and compare that with the recording.

        Raises:
            Unsupported: it differs.
        """
        w = Writer()

        def note(number: int, value: Any) -> Any:
            if value.__class__ is not np.ndarray:
                self.scalars.add(number)
            return np.asarray(value)

        for s in (*self.inputs, *self.outer, *self.made):
            before = recording.before.get(s.number)
            w(f"a{s.number} = {w.constant(s.array if before is None else before[0], 'A')}")
        w("state = None")
        self._write_steps(w, w.constant(note))
        w(f"return {{{', '.join(f'{n}: a{n}' for n in self.kept)}}}")
        recording.rewind_random()
        arrays = w.compile("first", "", self.filename)()
        if arrays is MISS:
            raise Unsupported("indices are out of range")
        if not all(same(arrays[o.number], o.array) for o in self.outputs):
            raise Unsupported("the replayed results are not those of the recorded call")
        if not all(same(arrays[c.new.number], c.outer.array) for c in self.commits):
            raise Unsupported("what is replayed writes something else")
        if recording.random_after is not None and not _same_state(random_state(), recording.random_after):
            raise Unsupported("what is replayed draws other random numbers")
        for segment in self.segments:
            segment.learn(arrays)


def _same_state(a: Any, b: Any) -> bool:
    return bool((a[0] == b[0]).all()) and a[1:] == b[1:]


def _touching(arrays: Sequence[Any]) -> Callable[[Any], bool]:
    """Return a function that tells whether an array lies in the memory of one of these, which own theirs."""
    known = {id(b) for a in arrays for b in owners(a)}

    def touches(array: Any) -> bool:
        if array.base is None:
            return id(array) in known
        return any(np.may_share_memory(array, a) for a in arrays)

    return touches


def _arguments(step: Step) -> list[Slot]:
    """Return the slots that a step reads."""
    found = [a.slot if isinstance(a, Unwrapped) else a for a in (*step.args, *step.params.values())]
    return [a for a in found if isinstance(a, Slot)]


def _used(steps: Sequence[Step], kept: set[int], checks: Sequence[Check]) -> list[tuple[int, Step]]:
    """Return the steps that what is kept depends on, and those that do more than compute, with their numbers."""
    needed = kept | {c.slot.number for c in checks}
    used: list[tuple[int, Step]] = []
    for i, step in reversed(list(enumerate(steps))):
        more = any(isinstance(a, Unwrapped) for a in step.args) or getattr(step.op, "draws", False)
        if more or any(o is not None and o.number in needed for o in step.outs):
            used.append((i, step))
            needed.update(a.number for a in _arguments(step))
    return used[::-1]


def _last_use(steps: Sequence[Step], keep: set[int]) -> dict[int, list[int]]:
    """Return for each step the large arrays that nobody needs after it."""
    last: dict[int, int] = {}
    for i, step in enumerate(steps):
        for slot in _arguments(step):
            if slot.step is not None and slot.array.nbytes >= LARGE:
                last[slot.number] = i
    found: dict[int, list[int]] = {}
    for number, i in last.items():
        if number not in keep:
            found.setdefault(i, []).append(number)
    return found


def _forward_of(step: Step) -> Any:
    """Return the function that the op's wrapper calls for arrays of these sizes."""
    op, first = step.op, step.args[0] if step.args else None
    if op.large is None or not isinstance(first, Slot) or math.prod(first.array.shape) < arithmetic.LARGE:
        return op.forward
    kinds = {a.array.dtype for a in step.args if isinstance(a, Slot)}
    return op.large if len(kinds) == 1 and kinds <= set(FLOATS) else op.forward
