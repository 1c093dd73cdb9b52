"""Writing down one call: the ops it applied, to what, and whether replaying them would tell the same.

A :class:`Recorder` is at work while a function runs as it is written. It is two things at once. As the tracer of
``autograd/op.py`` it notes each op, its arguments and its results. As Python's profile function it sees every function
that is called in between, which is how it knows that nothing else happened: a function of this package must be on the
list in ``allowed.py`` (it reads no values, draws no random numbers, writes into nothing), a function of the user's may
call only those and Python's own functions without side effects.

What cannot be followed is not an error. The call goes on and its result is right; the recorder has a ``reason`` then,
and there is no program.
"""

from __future__ import annotations

import gc
import sys
import threading
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase
from tinygrad_hw.compiler import allowed
from tinygrad_hw.nn.module import Module

__all__ = ["Constant", "Outer", "Recorder", "Slot", "Step", "Unwrapped"]


class Slot:
    """The array of a tensor that the call was given, or that a step made.

    Attributes:
        number: unique in the recording.
        array: what it held; for its shape and dtype.
        step: what made it; None for an argument or a tensor from outside.
        place: which of the step's outputs it is.
        tensor: the tensor as it was then.
        grad: whether gradients flow to it.
    """

    __slots__ = ("array", "grad", "number", "place", "step", "tensor")

    array: Any

    def __init__(self, number: int, tensor: Any, step: Step | None = None, place: int = 0) -> None:
        self.number = number
        self.tensor = tensor
        self.array = tensor.array
        self.step = step
        self.place = place
        self.grad: bool = tensor._node is not None or tensor._requires_grad

    def forget(self) -> None:
        """Keep nothing but facts."""
        a = self.array
        self.tensor, self.array = None, Facts(a.shape, a.dtype)


class Facts(NamedTuple):
    """What remains of an array."""

    shape: tuple[int, ...]
    dtype: Any


class Outer(Slot):
    """A tensor that was there before: a parameter, a buffer, one that a function or a module refers to."""

    __slots__ = ()


class Constant:
    """A plain value, or an array that is the same in each call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Unwrapped:
    """A slot's integers as one dimension, which a front function read as an array.

    Attributes:
        slot: whose.
        below: numbers as large as this are an error.
    """

    __slots__ = ("below", "slot")

    def __init__(self, slot: Slot, below: int) -> None:
        self.slot = slot
        self.below = below


class Step:
    """One op that was applied.

    Attributes:
        op: the op.
        args: for each array argument a Slot, Constant or Unwrapped.
        params: its parameters, by name.
        outs: its results; None for what is no array.
    """

    __slots__ = ("args", "op", "outs", "params")

    def __init__(self, op: Any, args: list[Any], params: dict[str, Any]) -> None:
        self.op = op
        self.args = args
        self.params = params
        self.outs: list[Slot | None] = []


_PLAIN = (int, float, bool, str, bytes, type(None), np.dtype, type, type(Ellipsis))


def is_plain(value: Any) -> bool:
    """Return whether a value is immutable and says all there is to say about itself."""
    if isinstance(value, (tuple, list)):
        return all(is_plain(v) for v in value)
    if isinstance(value, slice):
        return is_plain((value.start, value.stop, value.step))
    return isinstance(value, _PLAIN) and not isinstance(value, (np.generic, np.ndarray))


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
        self.thread = threading.get_ident()
        self.seen: set[CodeType] = set()
        self.readers: dict[CodeType, str] = {}
        #: Containers that were changed by their methods.
        self.changed: list[Any] = []
        for t in tensors:
            if t._base is not None:
                NAMESPACE["sync"](t)
        self.inputs = [self._slot(t) for t in tensors]

    def fail(self, reason: str) -> None:
        """Note why the call cannot be replayed; the first reason counts."""
        self.reason = self.reason or reason

    def __enter__(self) -> Recorder:
        # A collection in the middle would call what is registered for it, and finalizers, as if the function did.
        self.collecting = gc.isenabled()
        gc.disable()
        NAMESPACE["TRACE"] = self
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        if self.collecting:
            gc.enable()
        if NAMESPACE["TRACE"] is self:
            NAMESPACE["TRACE"] = None
        else:
            self.fail("a tracer was switched on meanwhile")

    # -- ops -------------------------------------------------------------------------------------

    def _slot(self, tensor: Any, step: Step | None = None, place: int = 0, cls: type[Slot] = Slot) -> Slot:
        slot = cls(len(self.slots), tensor, step, place)
        self.slots.append(slot)
        self.by_id[id(tensor)] = slot
        array = slot.array
        if array.dtype == np.int64 and array.flags.c_contiguous and array.size:
            self.by_memory[_address(array), array.size] = slot
        return slot

    def slot_of(self, tensor: Any) -> Slot:
        """Return a tensor's slot; that of an unknown one is from outside until somebody finds out otherwise."""
        slot = self.by_id.get(id(tensor))
        return self._slot(tensor, cls=Outer) if slot is None else slot

    def _argument(self, op: Any, value: Any, args: tuple[Any, ...]) -> Any:
        if isinstance(value, TensorBase):
            return self.slot_of(value)
        if value is None or type(value) in (int, float, bool):
            return Constant(value)
        if op.name == "cross_entropy_rows" and value is args[1]:
            return self._classes(value, args[0], args[2])
        self.fail(f"{op.name}() got a {type(value).__name__} that was computed beside the ops")
        return Constant(None)

    def _classes(self, flat: Any, rows: Any, weights: Any) -> Any:
        """Return which tensor's integers the loss looks up."""
        slot = self.by_memory.get((_address(flat), flat.size)) if flat.flags.c_contiguous and flat.size else None
        if slot is None or weights is not None or flat.dtype != np.int64:
            self.fail("cross_entropy() with weights, ignored targets or targets that are no contiguous int64 tensor")
            return Constant(None)
        return Unwrapped(slot, rows.shape[1])

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an op and note it."""
        if self.quiet or threading.get_ident() != self.thread:
            return op.core(*args, **params)
        if self.reason or not any(isinstance(a, TensorBase) for a in args):
            return op.core(*args, **params)
        self.quiet += 1
        try:
            return self._note(op, args, params)
        finally:
            self.quiet -= 1

    def _note(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if op.name not in allowed.OPS:
            self.fail(f"{op.name}() is not an op that can be replayed")
        for name, value in params.items():
            if not is_plain(value):
                self.fail(f"{op.name}() got a {type(value).__name__} as {name!r}")
        step = Step(op, [self._argument(op, a, args) for a in args], {**op.defaults, **params})
        result = op.core(*args, **params)
        self.steps.append(step)
        for place, r in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            step.outs.append(self._slot(r, step, place) if isinstance(r, TensorBase) else None)
        return result

    #: Read by ``nn.Sequential``: pairs of layers may run as one.
    joins_layers = True

    def before_write(self, tensor: Any, result: Any) -> None:
        """Give up: a tensor's memory is about to be written."""
        if not self.quiet and threading.get_ident() == self.thread:
            self.fail("a tensor is changed in place")

    # -- Python ----------------------------------------------------------------------------------

    def _watch(self, frame: FrameType, event: str, arg: Any) -> None:
        if self.quiet or self.reason:
            return
        code = frame.f_code
        if event == "call":
            if code is _CALL:
                self._module(frame.f_locals["self"])
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


_CALL = Module.__call__.__code__
