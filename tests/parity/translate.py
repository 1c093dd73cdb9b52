"""Turning PyTorch's functions, tensors and constants into this package's.

A function of PyTorch becomes the one of the same path here. A function of the database's own (a lambda that
calls a few of PyTorch's) is run with this package in the place of ``torch``.
"""

from __future__ import annotations

import builtins
import functools
import operator
import types
from typing import Any

import numpy as np
import torch

import tinygrad_hw
import tinygrad_hw.nn.functional


class Missing(Exception):
    """This package has no counterpart of a function; the text is its path."""


class Unsupported(Exception):
    """A sample needs what is not there on purpose: sparse layouts, other dtypes, other devices."""


_PLACES = (
    ("", torch),
    ("Tensor", torch.Tensor),
    ("nn.functional", torch.nn.functional),
    ("linalg", torch.linalg),
    ("special", torch.special),
    ("fft", torch.fft),
    ("masked", torch.masked),
    ("signal.windows", torch.signal.windows),
    ("nn.functional", torch._C._nn),
)


def _paths() -> dict[int, str]:
    found: dict[int, str] = {}
    for place, owner in _PLACES:
        for name in dir(owner):
            try:
                value = getattr(owner, name)
            except Exception:
                continue
            if callable(value) or isinstance(value, property):
                found.setdefault(id(value), f"{place}.{name}" if place else name)
    return found


PATHS = _paths()
_BY_DTYPE = {
    getattr(torch, name): getattr(tinygrad_hw, name)
    for name in (
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    )
} | {
    torch.complex64: tinygrad_hw.complex64,
    torch.complex128: tinygrad_hw.complex128,
    torch.bfloat16: tinygrad_hw.bfloat16,
    torch.complex32: tinygrad_hw.complex32,
}

#: Dtypes that PyTorch gives no array for, and one of the same size for which it does.
_BITS = {torch.bfloat16: torch.int16, torch.complex32: torch.int32}


def look_up(path: str) -> Any:
    """Return what stands at a path below the package, such as ``"nn.functional.gelu"``."""
    value: Any = tinygrad_hw
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise Missing(path) from None
    return value


def dtype_of(value: torch.dtype) -> Any:
    """Return our dtype."""
    if value not in _BY_DTYPE:
        raise Unsupported(str(value))
    return _BY_DTYPE[value]


class _Torch:
    """What the database's own functions see as ``torch``: this package, missing names reported by path."""

    def __init__(self, path: str = "") -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}.{name}" if self._path else name
        if path in ("nn", "nn.functional", "linalg", "special", "fft", "masked", "signal", "signal.windows", "ops"):
            return _Torch(path)
        return look_up(path)


def _wrapper_set_seed(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The database's helper of the same name: run with one seed."""
    tinygrad_hw.manual_seed(42)
    return function(*args, **kwargs)


def function(value: Any, path: str | None = None) -> Any:
    """Return our counterpart of a function.

    Args:
        value: PyTorch's function, a function of the database's own, or a partial of one.
        path: where to look first, for a function that has several names.

    Raises:
        Missing: there is none.
    """
    if path is not None and id(value) in PATHS:
        try:
            found = look_up(path)
        except Missing:
            found = None
        # The database names some entries after a method; the name may be a dtype's as well.
        return found if callable(found) else look_up(PATHS[id(value)])
    if id(value) in PATHS:
        return look_up(PATHS[id(value)])
    if isinstance(value, functools.partial):
        return functools.partial(
            function(value.func),
            *(convert(a) for a in value.args),
            **{k: convert(v) for k, v in value.keywords.items()},
        )
    if isinstance(value, types.FunctionType):
        if value.__name__ == "wrapper_set_seed":
            return _wrapper_set_seed
        return _rebuilt(value)
    if getattr(operator, getattr(value, "__name__", ""), None) is value:
        return value
    raise Missing(str(getattr(value, "__name__", value)))


def _rebuilt(value: types.FunctionType) -> Any:
    """Return the same code with this package in the place of PyTorch."""
    scope: dict[str, Any] = {"__builtins__": builtins}
    for name in _names(value.__code__):
        if name in value.__globals__:
            scope[name] = _Torch() if name == "torch" else _value(value.__globals__[name])
    cells = tuple(types.CellType(_value(c.cell_contents)) for c in value.__closure__ or ())
    copy = types.FunctionType(value.__code__, scope, value.__name__, value.__defaults__, cells)
    copy.__kwdefaults__ = value.__kwdefaults__
    return copy


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _value(value: Any) -> Any:
    """Translate what a function refers to; what is not PyTorch's stays."""
    if value is torch.nn.functional or (isinstance(value, types.ModuleType) and value.__name__.startswith("torch.")):
        return _Torch(value.__name__.removeprefix("torch").removeprefix("."))
    if isinstance(value, (types.FunctionType, functools.partial)):
        module = getattr(value, "__module__", "") or ""
        return function(value) if module.startswith("torch") or id(value) in PATHS else value
    if id(value) in PATHS:
        return function(value)
    if isinstance(value, (torch.Tensor, torch.dtype)):
        return convert(value)
    return value


def numpy_of(t: torch.Tensor) -> np.ndarray:
    """Return the elements of a tensor of any dtype as an array; where there can be, on the same memory."""
    t = t.detach().resolve_conj().resolve_neg()
    if t.dtype in _BITS:
        return t.view(_BITS[t.dtype]).numpy(force=True).view(dtype_of(t.dtype).numpy)
    return t.numpy(force=True)


def array_of(t: torch.Tensor) -> np.ndarray:
    """Return a copy of a tensor's memory as an array with the same strides.

    A copy that PyTorch makes: it will not resize a tensor that numpy has seen.

    Raises:
        Unsupported: it has no dense form.
    """
    if t.device.type != "cpu":
        raise Unsupported(f"device {t.device.type}")
    if t.layout is not torch.strided or t.is_quantized or getattr(t, "is_nested", False):
        raise Unsupported("sparse")
    dtype_of(t.dtype)
    if t.ndim > 64:
        raise Unsupported("more than numpy's 64 dimensions")
    t = t.detach().resolve_conj().resolve_neg()
    length = t.untyped_storage().nbytes() // t.element_size()
    if t.numel() == 0 or (t.is_contiguous() and length == t.numel()):
        return numpy_of(t.clone(memory_format=torch.contiguous_format))
    flat = numpy_of(torch.as_strided(t, (length,), (1,), 0).clone())
    strides = tuple(s * flat.itemsize for s in t.stride())
    return np.ndarray(tuple(t.shape), flat.dtype, flat, t.storage_offset() * flat.itemsize, strides)


def convert(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """Return a value of a sample with PyTorch's objects replaced by ours, one tensor for one tensor."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            ours = tinygrad_hw.Tensor._wrap(array_of(value))
            if isinstance(value, torch.nn.Parameter):
                ours = tinygrad_hw.nn.Parameter(ours, requires_grad=value.requires_grad)
            memo[id(value)] = ours.requires_grad_(value.requires_grad) if value.requires_grad else ours
        return memo[id(value)]
    if isinstance(value, torch.dtype):
        return dtype_of(value)
    if isinstance(value, torch.Size):
        return tinygrad_hw.Size(value)
    if isinstance(value, torch.device):
        if value.type != "cpu":
            raise Unsupported(f"device {value.type}")
        return tinygrad_hw.device("cpu")
    if isinstance(value, torch.layout):
        if value is not torch.strided:
            raise Unsupported("sparse")
        return tinygrad_hw.strided
    if isinstance(value, torch.memory_format):
        return look_up(str(value).removeprefix("torch."))
    if isinstance(value, torch.Generator):
        ours = look_up("Generator")()
        ours.manual_seed(value.initial_seed())
        return ours
    if isinstance(value, str) and value.startswith("cuda"):
        raise Unsupported("device cuda")
    if isinstance(value, slice):
        return slice(*(convert(v, memo) for v in (value.start, value.stop, value.step)))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(convert(v, memo) for v in value))
    if isinstance(value, (list, tuple)):
        return type(value)(convert(v, memo) for v in value)
    if isinstance(value, dict):
        return {k: convert(v, memo) for k, v in value.items()}
    if isinstance(value, (types.FunctionType, functools.partial)) or id(value) in PATHS:
        return function(value)
    if isinstance(value, torch.nn.Module):
        return look_up("nn." + type(value).__name__)()
    return value
