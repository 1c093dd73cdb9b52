"""What a recorded call depended on beside its tensors' values, and how that is noticed when it changes.

Most of it is checked at each call, by lines of source: the arguments' shapes, dtypes and strides, which arrays the
parameters have, plain values in the globals and closures that the user's code names. What modules hold is behind a
counter that each assignment to any module moves; only when that has moved are the modules looked at.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, mode
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.compiler import allowed
from tinygrad_hw.compiler.writing import MISS
from tinygrad_hw.device import device as Device
from tinygrad_hw.nn.hooks import has_hooks
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.registry import CHANGES

__all__ = ["Guards", "Unwatchable"]

_SCALARS = (int, bool, str, bytes, type(None), complex, type(Ellipsis))
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type, dtypes.dtype, Device)
_SAFE_MODULES = {"math", "operator", "functools", "itertools", "typing", "collections", "copy", "__future__"}
_HEAP = 1 << 9  # the flag of classes that are written in Python
_PACKAGE = __name__.partition(".")[0]


class Unwatchable(Exception):
    """Something that the call depended on can change without being noticed; the message names it."""


def _is_ours(name: str | None) -> bool:
    return name is not None and (name == _PACKAGE or name.startswith(_PACKAGE + "."))


class Found:
    """What was met on the way: tensors, modules and containers, all kept alive."""

    def __init__(self) -> None:
        self.tensors: dict[int, Any] = {}
        self.modules: dict[int, Any] = {}
        self.containers: dict[int, Any] = {}
        self.kept: list[Any] = []


def freeze(value: Any, found: Found, depth: int = 4) -> Any:
    """Return what can be compared with the same thing later.

    Raises:
        Unwatchable: the value can change behind its face.
    """
    kind = type(value)
    if kind in _SCALARS:
        return kind, value
    if kind is float:
        return kind, repr(value)
    if isinstance(value, (np.generic, np.ndarray)):
        raise Unwatchable(f"a value of numpy's ({kind.__name__})")
    if isinstance(value, TensorBase):
        found.tensors[id(value)] = value
    elif isinstance(value, Module):
        found.modules[id(value)] = value
    elif isinstance(value, (*_FUNCTIONS, types.ModuleType, property, staticmethod, classmethod)):
        found.kept.append(value)
    elif isinstance(value, types.MethodType):
        return kind, freeze(value.__func__, found, depth), freeze(value.__self__, found, depth)
    elif depth == 0:
        raise Unwatchable(f"a deeply nested {kind.__name__}")
    elif isinstance(value, (list, tuple)):
        found.containers[id(value)] = value
        return kind, tuple([freeze(v, found, depth - 1) for v in value])
    elif isinstance(value, dict):
        found.containers[id(value)] = value
        return kind, tuple([(freeze(k, found, depth - 1), freeze(v, found, depth - 1)) for k, v in value.items()])
    elif isinstance(value, (set, frozenset)):
        found.containers[id(value)] = value
        return kind, frozenset([freeze(v, found, depth - 1) for v in value])
    elif isinstance(getattr(value, "__dict__", None), dict) and _is_simple(kind):
        found.containers[id(value)] = value
        shared = [(c, n, v) for c in kind.__mro__ if c is not object for n, v in vars(c).items() if n[:2] != "__"]
        return (
            kind, id(value), freeze(vars(value), found, depth - 1),
            tuple([(id(c), n, freeze(v, found, depth - 1)) for c, n, v in shared]),
        )  # fmt: skip
    else:
        raise Unwatchable(f"a {kind.__module__}.{kind.__qualname__}")
    return kind, id(value)


def _is_simple(kind: type) -> bool:
    """Return whether all that objects of a class are is in their dictionary."""
    return all(
        c is object
        or (
            c.__flags__ & _HEAP
            and not {"__slots__", "__call__", "__getattr__", "__getattribute__"} & set(vars(c))
            and not _is_ours(c.__module__)
        )
        for c in kind.__mro__
    )


def same_plain(a: Any, b: Any) -> bool:
    """Return whether two plain values are the same, to the sign of a zero."""
    return type(a) is type(b) and repr(a) == repr(b)


def _state(module: Any) -> tuple[Any, ...]:
    """Return what a module is and holds, for comparison by :func:`_same_state`."""
    kind = type(module), has_hooks(module)
    return kind, tuple(vars(module)), tuple(vars(module).values())


def _same_state(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return (
        a[0] == b[0]
        and a[1] == b[1]
        and all(x is y or (type(x) in (int, float, str) and same_plain(x, y)) for x, y in zip(a[2], b[2], strict=True))
    )


class Guards:
    """The conditions under which a recording holds.

    Args:
        function: what was called.
        modules: modules among the arguments.
        codes: the user's code that ran, and its globals.
        called: the modules that were called.
        call: the arguments; it writes the lines that compare them.

    Attributes:
        tensors: what the function can have got without making it.

    Raises:
        Unwatchable: there is something that cannot be watched.
    """

    def __init__(
        self,
        function: Any,
        modules: Iterable[Any],
        codes: dict[types.CodeType, dict[str, Any]],
        called: Iterable[Any],
        call: Any,
    ) -> None:
        self.call = call
        self.found = Found()
        #: (source of the value, with {} for a constant that it is read from; that constant; the value it must have)
        self.values: dict[tuple[str, int], tuple[str, Any, Any]] = {}
        self.frozen: list[tuple[Any, Any]] = []
        self.attributes: set[str] = {"forward"}
        for code in codes:
            self.attributes.update(allowed.global_names(code)[1])
        self.reads_by_name = any("getattr" in allowed.global_names(code)[0] for code in codes)
        for m in (*modules, *called):
            self.found.modules[id(m)] = m
        if isinstance(function, types.MethodType):
            self._watch(function.__self__, "the function's object")
            function = function.__func__
        self.found.kept.append(function)
        for code, variables in codes.items():
            for name in allowed.global_names(code)[0]:
                if name in variables:
                    self._name(f"{{}}.get({name!r})", variables, variables[name], name)
        self.states: list[tuple[Any, tuple[Any, ...]]] = []
        self.looked: set[int] = set()
        self._modules()
        for code in codes:
            self._function(code, codes)
        self._modules()
        self.tensors = self.found.tensors

    # -- collecting ------------------------------------------------------------------------------

    def _function(self, code: types.CodeType, codes: Any) -> None:
        """Watch what a function brings with it: closure variables and default arguments."""
        known = [f for f in self.found.kept if isinstance(f, types.FunctionType) and f.__code__ is code]
        found = known or [f for f in gc.get_referrers(code) if isinstance(f, types.FunctionType) and f.__code__ is code]
        owners = {id(f): f for f in found}
        for f in owners.values():
            for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
                self._watch(value, f"a default argument of {code.co_name}()")
        if not code.co_freevars:
            return
        if len(owners) != 1:
            if any(code in parent.co_consts for parent in codes):
                return  # made during the call, of what is watched
            raise Unwatchable(f"several functions {code.co_name!r} with variables of their own")
        for owner in owners.values():
            for name, cell in zip(code.co_freevars, owner.__closure__ or (), strict=True):
                if name != "__class__":
                    self._name("{}.cell_contents", cell, cell.cell_contents, name)

    def _name(self, source: str, owner: Any, value: Any, label: str) -> None:
        """Watch what a name of the user's stands for."""
        self._watch(value, label)
        self.values[source, id(owner)] = (source, owner, value)

    def _watch(self, value: Any, label: str, depth: int = 3) -> None:
        """Watch what is inside of a value."""
        if isinstance(value, types.ModuleType):
            self._watch_file(value, depth)
            return
        try:
            found = Found()
            frozen = freeze(value, found)
        except Unwatchable as e:
            raise Unwatchable(f"{label} is {e}") from None
        self.found.tensors.update(found.tensors)
        self.found.modules.update(found.modules)
        self.found.containers.update(found.containers)
        self.found.kept += found.kept
        if found.containers:
            self.frozen.append((value, frozen))

    def _watch_file(self, module: types.ModuleType, depth: int) -> None:
        """Watch the attributes of a Python module that the code names."""
        name = module.__name__
        if _is_ours(name) or name in _SAFE_MODULES or depth == 0:
            return
        if name.partition(".")[0] in {*sys.stdlib_module_names, "numpy"} or not hasattr(module, "__file__"):
            raise Unwatchable(f"the module {name}, which is not known to be free of side effects")
        for attribute in sorted(self.attributes & set(vars(module))):
            value = vars(module)[attribute]
            self._watch(value, f"{name}.{attribute}", depth - 1)
            self.values[f"{{}}.get({attribute!r})", id(vars(module))] = (
                f"{{}}.get({attribute!r})", vars(module), value
            )  # fmt: skip

    def _modules(self) -> None:
        """Watch all modules that were met, those below them, and what the user's classes add."""
        waiting = list(self.found.modules.values())
        while waiting:
            module = waiting.pop()
            if id(module) in self.looked:
                continue
            self.looked.add(id(module))
            self.states.append((module, _state(module)))
            user = not _is_ours(type(module).__module__)
            for name, value in vars(module).items():
                if isinstance(value, TensorBase):
                    self.found.tensors[id(value)] = value
                elif isinstance(value, Module):
                    waiting.append(value)
                elif user and name[0:1] != "_" and (name in self.attributes or self.reads_by_name):
                    before = set(self.found.modules)
                    self._watch(value, f"{type(module).__name__}.{name}")
                    waiting += [m for i, m in self.found.modules.items() if i not in before]
            if user:
                self._class(type(module))
        self.changes = [CHANGES[0]]

    def _class(self, cls: type) -> None:
        for c in cls.__mro__:
            if c is object or _is_ours(c.__module__):
                continue
            for name in sorted(self.attributes & set(vars(c))):
                value = vars(c)[name]
                source = f"{{}}.get({name!r})"
                # A class's dictionary is made anew when it is asked for; the view of it stays true.
                self._watch(value, f"{c.__name__}.{name}")
                self.values[source, id(c)] = (source, c.__dict__, value)

    # -- checking --------------------------------------------------------------------------------

    def still(self) -> bool:
        """Return whether the modules are as they were, and remember the counter if so."""
        now = CHANGES[0]
        if all(_same_state(state, _state(module)) for module, state in self.states):
            self.changes[0] = now
            return True
        return False

    def unchanged(self) -> bool:
        """Return whether the containers hold what they held."""
        nothing = Found()
        try:
            return all(freeze(value, nothing) == frozen for value, frozen in self.frozen)
        except Unwatchable:
            return False

    def write(self, w: Any, inputs: list[Any], outer: list[Any], enabled: bool, inside: bool) -> None:
        """Write the lines that return MISS for another call and set ``a<number>`` for the arrays.

        Gradients are recorded from the beginning if ``enabled``, and somewhere in the call if ``inside``.
        """
        miss = w.constant(MISS)

        def unless(condition: str) -> None:
            w(f"if {condition}:")
            w(f"    return {miss}")

        self.call.write(w, unless)
        current = w.constant(mode, "MODE")
        unless(
            f"(TRACE is not None and {w.constant(tracing)}()) or {current}.enabled is not {enabled}"
            + ("" if enabled else f" or {current}.inference is not {mode.inference}")
        )
        unless(f"{w.constant(CHANGES)}[0] != {w.constant(self.changes)}[0] and not {w.constant(self.still)}()")
        unless(f"{w.constant(dtypes.get_default_dtype)}() is not {w.constant(dtypes.get_default_dtype())}")
        for source, owner, value in self.values.values():
            now = source.format(w.constant(owner))
            expected = w.object(value)
            if type(value) in (int, float, str, bytes, complex):
                unless(f"{now} is not {expected} and not {w.constant(same_plain)}({now}, {expected})")
            else:
                unless(f"{now} is not {expected}")
        if self.frozen:
            unless(f"not {w.constant(self.unchanged)}()")
        for s in inputs:
            x, a = f"x{s.number}", f"a{s.number}"
            unless(f"{x}.__class__ is not {w.constant(s.tensor.__class__)}")
            w(f"if {x}._base is not None:")
            w(f"    sync({x})")
            w(f"{a} = {x}.array")
            array = s.array
            unless(
                f"{a}.shape != {w.constant(array.shape)} or {a}.dtype is not {w.constant(array.dtype)} "
                f"or {a}.strides != {w.constant(array.strides)}"
            )
            if inside:
                if not s.grad:
                    unless(f"{x}._node is not None or {x}._requires_grad")
                else:
                    w(f"n{s.number} = {x}._node")
                    w(f"if n{s.number} is None:")
                    w(f"    if not {x}._requires_grad:")
                    w(f"        return {miss}")
                    w(f"    n{s.number} = {x}")
        for s in outer:
            t = w.constant(s.tensor, "L")
            if s.tensor._base is not None:
                w(f"sync({t})")
            w(f"a{s.number} = {t}.array")
            condition = f"a{s.number} is not {w.constant(s.array, 'A')} or {t}._node is not None"
            if inside:
                condition += f" or {t}._requires_grad is not {s.tensor._requires_grad}"
            unless(condition)
