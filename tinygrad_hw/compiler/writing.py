"""Lines of source for a program, and what is asked about steps when they are written."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.compiler.steps import Constant, Slot, Step, Unwrapped

__all__ = [
    "MISS",
    "Unsupported",
    "Writer",
    "argument",
    "carrying",
    "constant",
    "differentiated",
    "named",
    "needs_grad",
    "parameter",
    "root_of",
    "same",
    "unpacked",
    "wanted",
]

#: What a program returns for a call that is not like the recorded one.
MISS: Any = object()
#: Bytes from which an array is let go as soon as it is not needed any more.
LARGE = 1 << 14
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Unsupported(Exception):
    """The recording cannot be made into a program; the message says why."""


class Writer:
    """Lines of source and the constants they refer to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[int, str] = {}

    def __call__(self, line: str) -> None:
        """Add a line."""
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


def unpacked(names: list[str]) -> str:
    """Return names as the left side of an assignment from a tuple."""
    return f"{', '.join(names)}{',' if len(names) == 1 else ''}"


def same(a: Any, b: Any) -> bool:
    """Return whether two arrays are the same to the last bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


# -- steps -----------------------------------------------------------------------------------------


def needs_grad(slot: Any) -> bool:
    """Return whether gradients flow to a slot."""
    return isinstance(slot, Slot) and slot.grad


def named(step: Step, name: str) -> list[Any]:
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


def carrying(step: Step) -> list[Slot | None]:
    """Return the outputs that carry gradients."""
    op = step.op
    if op.outputs is None:
        return list(step.outs)
    return [step.outs[op.outputs.index(o)] for o in op.differentiable_outputs]


def root_of(slot: Slot) -> Slot:
    """Return the slot that owns the memory of a view."""
    while slot.step is not None and slot.step.op.view:
        slot = slot.step.args[0]
    return slot


# -- arguments -------------------------------------------------------------------------------------


def argument(w: Writer, step: Step, a: Any) -> str:
    """Return the source of an op's argument."""
    if isinstance(a, Slot):
        return f"a{a.number}"
    if isinstance(a, Unwrapped):
        return f"a{a.slot.number}.reshape(-1)"
    return w.constant(constant(step, a))


def parameter(w: Writer, value: Any) -> str:
    """Return the source of an op's parameter."""
    return f"a{value.number}" if isinstance(value, Slot) else w.constant(value)


def constant(step: Step, a: Constant) -> Any:
    """Return what stands for a constant, always the same object."""
    made = _number_as(step, a.value)
    if made is not a.value:
        a.value = made
    return a.value


def _number_as(step: Step, value: Any) -> Any:
    """Return a Python number as the op's wrapper hands it on: as an array of the other argument's dtype."""
    op = step.op
    if op.promote is not None and len(op.promote_over) == 2 and type(value) in (int, float):
        for a in step.args:
            if isinstance(a, Slot) and a.array.dtype in FLOATS:
                return np.asarray(value, a.array.dtype)
    return value
