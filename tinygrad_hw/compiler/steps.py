"""What a recording is made of: ops that were applied, and the arrays that they were applied to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Check", "Commit", "Constant", "Made", "Outer", "Output", "Slot", "Step", "Unwrapped", "Written", "is_plain"]


class Slot:
    """The array of a tensor that the call was given, or that a step made.

    Attributes:
        number: unique in the recording.
        array: what it held; for its shape and dtype.
        step: what made it; None for an argument or a tensor from outside.
        place: which of the step's outputs it is.
        tensor: the tensor as it was then; None for an array beside the ops.
        grad: whether gradients flow to it.
    """

    __slots__ = ("array", "grad", "number", "place", "step", "tensor")

    array: Any

    def __init__(self, number: int, tensor: Any, array: Any, step: Step | None = None, place: int = 0) -> None:
        self.number = number
        self.tensor = tensor
        self.array = array
        self.step = step
        self.place = place
        self.grad: bool = tensor is not None and (tensor._node is not None or tensor._requires_grad)

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


class Made(Slot):
    """A tensor that is made inside, of numbers: the same in each call."""

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


class Check(NamedTuple):
    """Indices that must be within a table.

    Attributes:
        slot: the indices.
        below: numbers as large as this, or negative ones, are an error.
        at: before which step.
    """

    slot: Slot
    below: int
    at: int


class Written(NamedTuple):
    """A write into memory.

    Attributes:
        old: what was there before.
        new: what is there now.
        begin: the first step of the operation that writes.
        end: the first step after it.
    """

    old: Slot
    new: Slot
    begin: int
    end: int


class Commit(NamedTuple):
    """What a tensor that outlives the call holds in the end.

    Attributes:
        outer: the tensor as it was before.
        new: its new contents.
        writes: how often it was written to.
    """

    outer: Outer
    new: Slot
    writes: int


class Output(NamedTuple):
    """A result of the call, or the tensor of which several results are views.

    Attributes:
        slot: what it holds.
        version: how often it was written to.
        base: what it is a view of, if that is an output too.
        sharing: the output whose memory, and count of writes, it shares.
    """

    slot: Slot
    version: int
    base: Slot | None = None
    sharing: Slot | None = None


class Step:
    """One op that was applied.

    Attributes:
        op: the op.
        args: for each array argument a Slot, Constant or Unwrapped.
        params: its parameters, by name; a Slot for an array among them.
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
