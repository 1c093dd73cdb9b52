"""Functions that are recorded at their first call and replayed from then on."""

from __future__ import annotations

import functools
import itertools
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase, mode
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.compiler.guards import Guards, Unwatchable
from tinygrad_hw.compiler.program import Program
from tinygrad_hw.compiler.recorder import Recorder
from tinygrad_hw.compiler.steps import Outer, Output, Slot, is_plain
from tinygrad_hw.compiler.writing import MISS, Unsupported, Writer, root_of, unpacked
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.registry import CHANGES

__all__ = ["Compiled", "Settings", "forget_all"]

#: How many different calls of a function are recorded; PyTorch's limit.
LIMIT = 8

#: Writes the source of a result.
Compose = Callable[[Writer], str]

_recording = threading.Lock()
_ALL: weakref.WeakSet[Compiled] = weakref.WeakSet()


class Call:
    """How a function was called: which arguments were tensors, alone or in tuples, lists and dictionaries."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.count = len(args)
        self.names = tuple(kwargs)
        self.values = (*args, *kwargs.values())
        leaves = [v for value in self.values for v in _leaves(value)]
        self.tensors = [v for v in leaves if isinstance(v, TensorBase)]
        self.modules = [v for v in leaves if isinstance(v, Module)]

    def objection(self) -> str:
        """Return why such a call is not recorded; "" if it may be."""
        if len({id(t) for t in self.tensors}) < len(self.tensors):
            return "one tensor is given twice"
        for v in (v for value in self.values for v in _leaves(value)):
            if isinstance(v, TensorBase):
                if type(v) is not NAMESPACE["T"] or v.array.dtype.kind == "c":
                    return f"an argument is a {type(v).__name__} of {v.dtype}"  # type: ignore[attr-defined]
            elif not isinstance(v, Module) and not _is_value(v):
                return f"an argument is a {type(v).__name__}"
        return ""

    def containers(self) -> list[Any]:
        """Return the lists and dictionaries among the arguments."""
        return [v for value in self.values for v in _containers(value)]

    def key(self) -> Any:
        """Return what tells this call from others."""
        return self.count, self.names, mode.enabled, mode.inference, CHANGES[0], *(_key(v) for v in self.values)

    def write(self, w: Any, unless: Callable[[str], None]) -> None:
        """Write the lines that take the arguments apart and compare those that are no tensors."""
        unless(f"len(args) != {self.count}" + (f" or tuple(kwargs) != {self.names!r}" if self.names else " or kwargs"))
        number = {id(t): i for i, t in enumerate(self.tensors)}
        plain = itertools.count()

        def take(values: Any, source: str) -> None:
            names = [f"x{number[id(v)]}" if id(v) in number else f"p{next(plain)}" for v in values]
            if names:
                w(f"{unpacked(names)} = {source}")
            for name, v in zip(names, values, strict=True):
                if id(v) in number:
                    continue
                if _is_taken_apart(v):
                    unless(f"{name}.__class__ is not {w.constant(type(v), 'cls')} or len({name}) != {len(v)}")
                    if isinstance(v, dict):
                        unless(f"tuple({name}) != {tuple(v)!r}")
                    take(_inside(v), f"{name}.values()" if isinstance(v, dict) else name)
                    continue
                known = w.object(v)
                if v is None or isinstance(v, (bool, Module, type, np.dtype)):
                    unless(f"{name} is not {known}")
                else:
                    unless(f"{name} is not {known} and not {w.constant(_same_argument)}({name}, {known})")

        take(self.values, "(*args, *kwargs.values())" if self.names else "args")


def _is_taken_apart(value: Any) -> bool:
    """Return whether a value is a list, a dictionary of strings, or a tuple with more than plain values in it."""
    if type(value) is dict:
        return all(type(k) is str for k in value)
    return type(value) is list or (type(value) is tuple and not _is_value(value))


def _is_value(value: Any) -> bool:
    """Return whether a value is plain, and no list is in it."""
    if isinstance(value, (tuple, list)):
        return isinstance(value, tuple) and all(_is_value(v) for v in value)
    return is_plain(value)


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _leaves(value: Any) -> list[Any]:
    return [x for v in _inside(value) for x in _leaves(v)] if _is_taken_apart(value) else [value]


def _containers(value: Any) -> list[Any]:
    if not _is_taken_apart(value):
        return []
    return [value, *(c for v in _inside(value) for c in _containers(v))]


def _key(value: Any) -> Any:
    if isinstance(value, TensorBase):
        a = value.array
        return a.shape, a.dtype.str, a.strides, value._requires_grad or value._node is not None
    if _is_taken_apart(value):
        return type(value), tuple(value) if isinstance(value, dict) else (), tuple(_key(v) for v in _inside(value))
    return id(value) if isinstance(value, Module) else repr(value)


def _same_argument(a: Any, b: Any) -> bool:
    return type(a) is type(b) and is_plain(a) and repr(a) == repr(b)


class Compiled:
    """A function with the programs of its calls.

    Args:
        function: what is called where there is no program.
        fullgraph: raise where there cannot be one.
        limit: how many calls of different kinds are recorded.
    """

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False, limit: int = LIMIT) -> None:
        self.function = function
        self.limit = limit
        self.fullgraph = fullgraph
        self.forget()
        _ALL.add(self)

    def forget(self) -> None:
        """Forget all programs."""
        self.programs: list[Program] = []
        self.runs: tuple[Callable[..., Any], ...] = ()
        self.refused: dict[Any, str] = {}
        self.attempts = 0

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call for which there is no program, and record it."""
        if tracing() or sys.getprofile() is not None:
            return self.function(*args, **kwargs)
        if self.attempts >= self.limit:
            if self.fullgraph:
                raise _unsupported(f"there are {self.limit} recordings of other calls, which is the limit")
            return self.function(*args, **kwargs)
        call = Call(args, kwargs)
        reason = call.objection()
        if reason:
            return self._refuse(reason, args, kwargs)
        key = call.key()
        if key in self.refused:
            return self._refuse(self.refused[key], args, kwargs)
        if not _recording.acquire(blocking=False):
            return self.function(*args, **kwargs)
        try:
            result, program, recorder = self._record(call, args, kwargs)
        finally:
            _recording.release()
        self.attempts += 1
        if isinstance(program, Program):
            # From the first call on the graph is that of a replayed one, as whoever compares graphs expects.
            recorder.rewind()
            again = program.run(args, kwargs)
            if again is MISS:
                recorder.redo()
                program = "the call changes what it depends on"
            else:
                recorder.forget()
                self.programs.append(program)
                self.runs = (program.run, *self.runs)
                return again
        if isinstance(program, str):
            self.refused[call.key()] = self.refused[key] = program
            if self.fullgraph:
                raise _unsupported(program)
        return result

    def _refuse(self, reason: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.fullgraph:
            raise _unsupported(reason)
        return self.function(*args, **kwargs)

    def _record(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Program | str, Recorder]:
        """Make the call; return its result, its program or why there is none, and the recorder."""
        with Recorder(call.tensors) as recorder:
            result = self.function(*args, **kwargs)
        if recorder.reason:
            return result, recorder.reason, recorder
        try:
            guards = Guards(self.function, call.modules, recorder.codes, recorder.modules.values(), call)
            if any(id(t) in guards.tensors for t in call.tensors):
                raise Unsupported("an argument is a tensor that the function refers to as well")
            given = {id(c) for c in call.containers()}
            if any(id(c) in guards.found.containers or id(c) in given for c in recorder.changed):
                raise Unwatchable("a list, dictionary or set that outlives the call is changed")
            outputs, compose = _results(result, recorder)
            for slot in recorder.slots:
                if isinstance(slot, Outer):
                    _check_outer(slot, guards)
            name = getattr(self.function, "__qualname__", type(self.function).__name__)
            program = Program(recorder, outputs, compose, guards, mode.enabled, name)
        except (Unwatchable, Unsupported) as e:
            recorder.redo()
            return result, str(e), recorder
        return result, program, recorder


def _check_outer(slot: Slot, guards: Guards) -> None:
    t = slot.tensor
    if id(t) not in guards.tensors:
        raise Unsupported("a tensor is made inside of the function")
    if t._base is not None:
        NAMESPACE["sync"](t)
    if t._node is not None or (t._base is not None and t._requires_grad):
        raise Unsupported("the function refers to a tensor that was computed, or to a view with a gradient")


def _results(result: Any, recorder: Recorder) -> tuple[list[Output], Compose]:
    """Return the results, and what writes source that puts their tensors together."""
    found: dict[int, tuple[Slot, Any]] = {}

    def tensor(value: Any) -> str:
        array = recorder.by_array.get(id(value.array))
        slot = recorder.by_id.get(id(value)) if array is None else recorder.slot_of(value)
        if id(value) in recorder.commits or slot is None or slot.step is None:
            raise Unsupported("a result is one of the arguments, or no result of an op")
        if root_of(slot).step is None:
            raise Unsupported("a result is a view of an argument or a parameter")
        found[slot.number] = slot, value
        return f"t{slot.number}"

    def source(value: Any) -> Compose:
        inner: list[Compose]
        if isinstance(value, TensorBase):
            text = tensor(value)
            return lambda w: text
        kind = type(value)
        if isinstance(value, tuple) and (kind is tuple or _is_named_tuple(value)):
            inner = [source(v) for v in value]

            def plain(w: Writer) -> str:
                return f"({''.join(s(w) + ', ' for s in inner)})"

            if kind is tuple:
                return plain
            return lambda w: f"{w.constant(tuple.__new__, 'new_tuple')}({w.constant(kind, 'cls')}, {plain(w)})"
        if kind is list:
            inner = [source(v) for v in value]
            return lambda w: f"[{', '.join(s(w) for s in inner)}]"
        if kind is dict and all(type(k) is str for k in value):
            items = [(k, source(v)) for k, v in value.items()]
            return lambda w: f"{{{', '.join(f'{k!r}: {s(w)}' for k, s in items)}}}"
        if value is None or kind in (bool, int, str):
            text = repr(value)
            return lambda w: text
        raise Unsupported(f"a result is a {kind.__name__}")

    compose = source(result)
    if not found:
        raise Unsupported("there is no tensor among the results")
    return _outputs(list(found.values()), recorder), compose


def _outputs(found: list[tuple[Slot, Any]], recorder: Recorder) -> list[Output]:
    """Return the results, and what several of them are views of."""
    by_root: dict[int, list[tuple[Slot, Any]]] = {}
    for slot, value in found:
        by_root.setdefault(root_of(slot).number, []).append((slot, value))
    outputs: list[Output] = []
    for group in by_root.values():
        if len(group) == 1:
            slot, value = group[0]
            outputs.append(Output(slot, value._version_cell[0]))
            continue
        root, version = root_of(group[0][0]), group[0][1]._version_cell[0]
        bases = [value._base for _, value in group if value._base is not None]
        if any(recorder.by_id.get(id(b)) is not root for b in bases):
            raise Unsupported("results share the memory of a tensor that is not known")
        first = root if bases or any(slot is root for slot, _ in group) else group[0][0]
        outputs.append(Output(first, version))
        for slot, value in group:
            if slot is not first:
                outputs.append(Output(slot, version, None if value._base is None else root, first))
    return outputs


def _is_named_tuple(value: Any) -> bool:
    """Return whether a tuple's class adds names to it and nothing else."""
    kind = type(value)
    fields = getattr(kind, "_fields", None)
    return isinstance(fields, tuple) and len(fields) == len(value) and not getattr(value, "__dict__", None)


def _unsupported(reason: str) -> RuntimeError:
    return RuntimeError(
        f"torch.compile(fullgraph=True): the call cannot be recorded as a whole: {reason}. Leave fullgraph=False to "
        "have such calls run as they are written"
    )


class Settings:
    """How a function is compiled; what PyTorch calls a context.

    Args:
        fullgraph: raise where a call cannot be replayed.
        eager: run everything as it is written.
        limit: how many calls of different kinds are recorded.
    """

    def __init__(self, fullgraph: bool, eager: bool, limit: int | None) -> None:
        self.fullgraph = fullgraph
        self.eager = eager
        self.limit = LIMIT if limit is None else limit

    def apply(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that replays the calls of ``function``."""
        if self.eager:

            @functools.wraps(function)
            def replayed(*args: Any, **kwargs: Any) -> Any:
                return function(*args, **kwargs)
        else:
            compiled = Compiled(function, self.fullgraph, self.limit)

            @functools.wraps(function)
            def replayed(*args: Any, **kwargs: Any) -> Any:
                for run in compiled.runs:
                    result = run(args, kwargs)
                    if result is not MISS:
                        return result
                return compiled.call(args, kwargs)

            replayed._compiled = compiled  # type: ignore[attr-defined]
        replayed._torchdynamo_orig_callable = function  # type: ignore[attr-defined]
        return replayed


def forget_all() -> None:
    """Forget all programs of all functions."""
    for compiled in list(_ALL):
        compiled.forget()
