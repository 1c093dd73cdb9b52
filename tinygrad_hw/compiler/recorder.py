"""Writing down one call: the ops it applied, to what, and whether replaying them would tell the same.

A :class:`Recorder` is at work while a function runs as it is written. It is two things at once. As the tracer of
``autograd/op.py`` it notes each op, its arguments and its results. As Python's profile function it sees every function
that is called in between, which is how it knows that nothing else happened: a function of this package must be on the
list in ``allowed.py`` (it reads no values, draws no random numbers, writes into nothing) or have an entry in
``beside.py`` (what it draws, makes or writes is noted as a step), a function of the user's may call only those and
Python's own functions without side effects.

What cannot be followed is not an error. The call goes on and its result is right; the recorder has a ``reason`` then,
and there is no program.
"""

from __future__ import annotations

import gc
import sys
import threading
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase, mode
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.autograd.tracer import apply
from tinygrad_hw.compiler import allowed
from tinygrad_hw.compiler.beside import ALIAS, HELPERS, random_state, restore_random_state
from tinygrad_hw.compiler.steps import (
    Check,
    Commit,
    Constant,
    Made,
    Outer,
    Slot,
    Step,
    Unwrapped,
    Written,
    is_plain,
)
from tinygrad_hw.nn.module import Module

__all__ = ["Recorder"]


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


class Recorder:
    """The tracer and profile function; used as ``with Recorder(tensors) as recorder: ...``.

    Args:
        tensors: the call's tensor arguments.

    Attributes:
        reason: why there can be no program; "" while there can.
        steps: the ops, in order.
        codes: code of the user's that ran, and the globals it saw.
        modules: the modules that were called.
        checks: indices that are looked at before they are used.
        written: the writes, in order.
        commits: by the tensor's id, what tensors that outlive the call hold in the end.
        before: by the slot's number, what these held at first, and their version.
    """

    def __init__(self, tensors: list[Any]) -> None:
        self.reason = ""
        self.steps: list[Step] = []
        self.slots: list[Slot] = []
        self.by_id: dict[int, Slot] = {}
        self.by_memory: dict[tuple[int, int], Slot] = {}
        self.codes: dict[CodeType, dict[str, Any]] = {}
        self.modules: dict[int, Any] = {}
        self.quiet = 0
        self.collecting = False
        self.traced: Any = None
        self.thread = threading.get_ident()
        self.seen: set[CodeType] = set()
        self.readers: dict[CodeType, str] = {}
        #: Containers that were changed by their methods.
        self.changed: list[Any] = []
        for t in tensors:
            if t._base is not None:
                NAMESPACE["sync"](t)
        self.checks: list[Check] = []
        self.written: list[Written] = []
        self.commits: dict[int, Commit] = {}
        self.before: dict[int, tuple[Any, int]] = {}
        self.by_array: dict[int, tuple[Any, Slot]] = {}
        #: Arrays of the modules' tensors.
        self.known: dict[int, Any] = {}
        self.registered: set[int] = set()
        #: The function beside the ops that runs, its table entry, and what that noted.
        self.inside: tuple[FrameType, Any, Any] | None = None
        self.begun: int | None = None
        #: Whether gradients were recorded anywhere.
        self.recording = mode.enabled
        self.kept: list[Any] = []
        self.random = random_state()
        self.inputs = [self._slot(t) for t in tensors]

    def fail(self, reason: str) -> None:
        """Note why the call cannot be replayed; the first reason counts."""
        self.reason = self.reason or reason

    def __enter__(self) -> Recorder:
        # A collection in the middle would call what is registered for it, and finalizers, as if the function did.
        self.collecting = gc.isenabled()
        self.mode = (mode.enabled, mode.inference)
        gc.disable()
        self.traced = NAMESPACE["TRACE"]
        NAMESPACE["TRACE"] = self
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        self.random_after = random_state() if self.draws else None
        for outer, _, writes in self.commits.values():
            if outer.tensor._version_cell[0] != self.before[outer.number][1] + writes:
                self.fail("a tensor is changed in place in more than one way")
            for s in self.slots:
                if isinstance(s, Outer) and s is not outer and np.may_share_memory(s.array, outer.array):
                    self.fail("a tensor is changed in place whose memory another one shares")
        if (mode.enabled, mode.inference) != self.mode:
            self.fail("the gradient mode is another one afterwards")
        if self.collecting:
            gc.enable()
        if NAMESPACE["TRACE"] is self:
            NAMESPACE["TRACE"] = self.traced
        else:
            self.fail("a tracer was switched on meanwhile")

    # -- ops -------------------------------------------------------------------------------------

    def number(self) -> int:
        """Return a number for another slot."""
        return len(self.slots)

    def add(self, slot: Slot) -> Slot:
        """Note what holds an array; its tensor, if there is one, and its array lead to it from now on."""
        self.slots.append(slot)
        array = slot.array
        if slot.tensor is not None:
            self.by_id[id(slot.tensor)] = slot
        self._lead(array if slot.tensor is None else slot.tensor.array, slot)
        return slot

    def _lead(self, array: Any, slot: Slot) -> None:
        self.by_array[id(array)] = array, slot
        if array.dtype == np.int64 and array.flags.c_contiguous and array.size:
            self.by_memory[_address(array), array.size] = slot

    def _slot(self, tensor: Any, step: Step | None = None, place: int = 0, cls: type[Slot] = Slot) -> Slot:
        if tensor.array.dtype.kind in "VW":
            self.fail(f"tensors of {tensor.dtype} are computed with beside the ops")
        return self.add(cls(self.number(), tensor, tensor.array, step, place))

    def slot_of(self, tensor: Any) -> Slot:
        """Return a tensor's slot; that of an unknown one is from outside until somebody finds out otherwise."""
        slot = self.by_id.get(id(tensor))
        if slot is not None:
            return slot
        _, source = self.by_array.get(id(tensor.array), (None, None))
        if source is None or tensor._node is not None or tensor._requires_grad or tensor._base is not None:
            return self._slot(tensor, cls=Outer)
        if source.tensor is None:  # the array was made beside the ops, for this tensor
            source.tensor = tensor
            self.by_id[id(tensor)] = source
            return source
        step = Step(ALIAS, [source], {})
        self.steps.append(step)
        step.outs.append(self._slot(tensor, step))
        alias: Slot = step.outs[0]  # type: ignore[assignment]
        return alias

    def slot_of_array(self, value: Any, name: str) -> Slot | Constant:
        """Return what stands for an argument: a slot for a tensor or its array, or a plain value."""
        if isinstance(value, TensorBase):
            return self.slot_of(value)
        if value is None or type(value) in (int, float, bool) or (type(value) is tuple and is_plain(value)):
            return Constant(value)
        if isinstance(value, np.ndarray):
            if id(value) in self.by_array:
                return self.by_array[id(value)][1]
            tensor = self.known.get(id(value))
            if tensor is not None and tensor.array is value:
                return self.slot_of(tensor)
        self.fail(f"{name}() got a {type(value).__name__} that was computed beside the ops")
        return Constant(None)

    def _argument(self, op: Any, value: Any, args: tuple[Any, ...]) -> Any:
        if op.name in ("cross_entropy_rows", "nll_rows") and value is args[1]:
            return self._classes(value, args[0], args[2])
        return self.slot_of_array(value, op.name)

    def _classes(self, flat: Any, rows: Any, weights: Any) -> Any:
        """Return which tensor's integers the loss looks up."""
        slot = self.by_memory.get((_address(flat), flat.size)) if flat.flags.c_contiguous and flat.size else None
        plain = weights is None or isinstance(self.by_array.get(id(weights), (None, None))[1], Made)
        if slot is None or not plain or flat.dtype != np.int64:
            self.fail("cross_entropy() with weights, ignored targets or targets that are no contiguous int64 tensor")
            return Constant(None)
        return Unwrapped(slot, rows.shape[1])

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an op and note it."""
        if self.quiet or threading.get_ident() != self.thread:
            return apply(op, args, params)
        if self.reason or not any(isinstance(a, TensorBase) for a in args):
            return apply(op, args, params)
        self.quiet += 1
        try:
            return self._note(op, args, params)
        finally:
            self.quiet -= 1

    def _note(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.name not in allowed.OPS:
            self.fail(f"{op.name}() is not an op that can be replayed")
        given = {**op.defaults, **params}
        for name, value in params.items():
            if isinstance(value, np.ndarray):
                given[name] = self.slot_of_array(value, op.name)
            elif not is_plain(value):
                self.fail(f"{op.name}() got a {type(value).__name__} as {name!r}")
        step = Step(op, [self._argument(op, a, args) for a in args], given)
        result = apply(op, args, params)
        self.recording = self.recording or mode.enabled
        self.steps.append(step)
        for place, r in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            step.outs.append(self._slot(r, step, place) if isinstance(r, TensorBase) else None)
        return result

    #: Read by ``nn.Sequential``: pairs of layers may run as one.
    joins_layers = True

    # -- writes ----------------------------------------------------------------------------------

    def before_write(self, tensor: Any, result: Any) -> None:
        """Give up: a tensor's memory is about to be written, and not by a function that is known to."""
        if not self.quiet and threading.get_ident() == self.thread:
            self.fail("a tensor is changed in place")

    def keep_contents(self, slot: Outer) -> None:
        """Keep what a tensor that outlives the call holds before it is written to for the first time."""
        if slot.tensor._version_cell.__class__ is not list:
            self.fail("an inference tensor is changed in place")
        self.before[slot.number] = slot.array.copy(), slot.tensor._version_cell[0]

    def outer_of(self, tensor: Any, slot: Slot) -> Outer | None:
        """Return the slot of a tensor as it was before the call; None for one that was made in it."""
        if id(tensor) in self.commits:
            return self.commits[id(tensor)].outer
        return slot if isinstance(slot, Outer) else None

    def replaced(self, tensor: Any, old: Slot, new: Slot) -> None:
        """Note that a tensor was written to."""
        begin = len(self.steps) - 1 if self.begun is None else self.begun
        self.begun = None
        self.written.append(Written(old, new, begin, len(self.steps)))
        outer = self.outer_of(tensor, old)
        if outer is not None:
            writes = self.commits[id(tensor)].writes if id(tensor) in self.commits else 0
            self.commits[id(tensor)] = Commit(outer, new, writes + 1)
        self.kept.append(tensor)
        self.by_id[id(tensor)] = new
        self._lead(tensor.array, new)

    @property
    def draws(self) -> bool:
        """Whether random numbers are drawn."""
        return any(getattr(step.op, "draws", False) for step in self.steps)

    def rewind_random(self) -> None:
        """Let the random numbers be drawn once more."""
        if self.random_after is not None:
            restore_random_state(self.random)

    def rewind(self) -> None:
        """Undo what the call did to random numbers and to tensors that were there before."""
        self.rewind_random()
        for outer, _, _ in self.commits.values():
            contents, version = self.before[outer.number]
            np.copyto(outer.array, contents)
            outer.tensor._version_cell[0] = version

    def forget(self) -> None:
        """Keep nothing but facts of what the call computed."""
        for slot in self.slots:
            if not isinstance(slot, Outer):
                slot.forget()

    def redo(self) -> None:
        """Do it again."""
        if self.random_after is not None:
            restore_random_state(self.random_after)
        for outer, new, writes in self.commits.values():
            np.copyto(outer.array, new.array)
            outer.tensor._version_cell[0] = self.before[outer.number][1] + writes

    # -- Python ----------------------------------------------------------------------------------

    def _watch(self, frame: FrameType, event: str, arg: Any) -> None:
        if self.inside is not None:
            if event == "return" and frame is self.inside[0]:
                _, helper, opened = self.inside
                self.inside = None
                self.quiet -= 1
                if not self.reason:
                    helper.leave(self, opened, arg)
            return
        if self.quiet or self.reason:
            return
        code = frame.f_code
        if event == "call":
            helper = HELPERS.get(code)
            if helper is not None:
                self.quiet += 1
                self.inside = frame, helper, helper.enter(self, frame)
                return
            if code is _CALL:
                self._module(frame.f_locals["self"])
            elif code is _APPLY_INPLACE:
                self.begun = len(self.steps)
            if code not in self.seen:
                self.seen.add(code)
                self._enter(code, frame)
            if code in self.readers and isinstance(frame.f_locals[self.readers[code]], TensorBase):
                self.fail(f"{code.co_name}() reads the value of a tensor")
        elif event == "c_call":
            place = allowed.place_of(code.co_filename)
            if place is not None:
                if not place.startswith("compiler/") and not allowed.is_shapely(arg):
                    self.fail(f"{place}: {code.co_name}() calls {arg.__name__}()")
            elif not allowed.of_numpy(code.co_filename):
                if not allowed.is_pure(arg):
                    self.fail(f"Python's {getattr(arg, '__qualname__', arg)}() is called")
                elif arg.__name__ in allowed.MUTATORS:
                    self.changed.append(arg.__self__)

    def _enter(self, code: CodeType, frame: FrameType) -> None:
        """Look at a function that is called for the first time."""
        place = allowed.place_of(code.co_filename)
        if place is None:
            if allowed.is_context_manager(code):
                return
            file = allowed.of_numpy(code.co_filename)
            if file:
                if "stride_tricks" not in file:
                    self.fail(f"numpy's {code.co_name}() is called")
                return
            self.codes[code] = frame.f_globals
            objection = allowed.objection(code)
            if objection:
                self.fail(objection)
        elif not place.startswith("compiler/") and not allowed.is_allowed(place, code.co_name):
            self.fail(f"{place}: {code.co_name}() is not known to depend on shapes alone")
        elif (place, code.co_name) in allowed.READERS:
            self.readers[code] = allowed.READERS[place, code.co_name]

    def _module(self, module: Any) -> None:
        self.modules[id(module)] = module
        if id(module) in self.registered:
            return
        for m in module.modules():
            self.registered.add(id(m))
            for value in vars(m).values():
                if isinstance(value, TensorBase):
                    self.known[id(value.array)] = value


_CALL = Module.__call__.__code__
_APPLY_INPLACE = apply_inplace.__code__
