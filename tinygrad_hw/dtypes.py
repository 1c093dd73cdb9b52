"""PyTorch's dtype names and PyTorch's promotion rules, on numpy dtypes.

A :class:`dtype` is one of a few singletons. Its ``repr`` is PyTorch's (``torch.float32``), so that a script
which prints dtypes prints the same text here. Quantized dtypes are not part of the package.

``bfloat16`` and ``complex32`` are unknown to numpy. Their arrays are made with the ``ml_dtypes`` package, which is
imported when the first one is needed; such arrays hold and convert numbers, and every operation on them computes in
float32 or complex64 and rounds its result (see ``autograd/narrow.py``).

The promotion rules are those of "Tensor Attributes, type promotion" in PyTorch's documentation: the kind
(bool, integer, floating point, complex) of a tensor with dimensions wins over that of a 0-d tensor, which
wins over that of a Python number.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "as_dtype",
    "bfloat16",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "chalf",
    "complex32",
    "complex64",
    "complex128",
    "double",
    "dtype",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "get_default_dtype",
    "half",
    "iinfo",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "promote_types",
    "result_type",
    "set_default_dtype",
    "short",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


class dtype:
    """The element type of a tensor.

    Attributes:
        name: PyTorch's name, such as ``"float32"``.
        numpy: the numpy dtype that stores it.
        is_floating_point: whether it is float16, bfloat16, float32 or float64.
        is_complex: whether it is complex32, complex64 or complex128.
        is_signed: whether it can hold negative numbers.
        itemsize: bytes per element.
        kind: 0 for bool, 1 for integers, 2 for floating point, 3 for complex; the order of promotion.

    Example:
        >>> torch.float32.itemsize, torch.float32.is_floating_point
        (4, True)
        >>> torch.zeros(2).dtype
        torch.float32
    """

    __slots__ = (
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "kind",
        "name",
        "numpy",
    )

    name: str
    numpy: np.dtype[Any]
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    itemsize: builtins.int
    kind: builtins.int

    def __init__(self, name: str, numpy_type: type[np.generic] | str) -> None:
        self.name = name
        if isinstance(numpy_type, str):  # numpy has none: its code as numpy would write it
            code, self.itemsize = numpy_type[0], builtins.int(numpy_type[1:])
        else:
            self.numpy = np.dtype(numpy_type)
            code, self.itemsize = self.numpy.kind, self.numpy.itemsize
        self.is_floating_point = code == "f"
        self.is_complex = code == "c"
        self.is_signed = code in "fic"
        self.kind = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}[code]

    def __getattr__(self, name: str) -> Any:
        # Reached only while ``numpy`` of a dtype that numpy does not know has not been asked for yet.
        if name == "numpy" and self in _NARROW:
            return _make(self)
        raise AttributeError(f"'torch.dtype' object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        # Singletons: pickling, copy and deepcopy give back the module's own object.
        return self.name

    def to_complex(self) -> dtype:
        """Return the complex dtype whose parts have this precision.

        Raises:
            RuntimeError: the dtype is an integer one or bool.

        Example:
            >>> torch.float64.to_complex()
            torch.complex128
        """
        if self.kind == 3:
            return self
        if self.kind == 2:
            return {float16: complex32, float64: complex128}.get(self, complex64)
        raise RuntimeError(f"Unknown Complex ScalarType for {self!r}: floating point dtypes have complex counterparts")

    def to_real(self) -> dtype:
        """Return the real dtype of the same precision: of a complex dtype that of its parts, else the dtype itself.

        Example:
            >>> torch.complex64.to_real()
            torch.float32
        """
        if self.kind == 3:
            return {4: float16, 8: float32, 16: float64}[self.itemsize]
        return self


float16 = half = dtype("float16", np.float16)
float32 = float = dtype("float32", np.float32)
float64 = double = dtype("float64", np.float64)
int8 = dtype("int8", np.int8)
int16 = short = dtype("int16", np.int16)
int32 = int = dtype("int32", np.int32)
int64 = long = dtype("int64", np.int64)
uint8 = dtype("uint8", np.uint8)
uint16 = dtype("uint16", np.uint16)
uint32 = dtype("uint32", np.uint32)
uint64 = dtype("uint64", np.uint64)
bool = dtype("bool", np.bool_)
complex64 = cfloat = dtype("complex64", np.complex64)
complex128 = cdouble = dtype("complex128", np.complex128)
bfloat16 = dtype("bfloat16", "f2")
complex32 = chalf = dtype("complex32", "c4")

#: The dtypes of numpy.
ALL = (
    *(float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool),
    *(complex64, complex128),
)

#: What PyTorch's early tensor types and its error messages call each dtype: ``torch.FloatTensor``.
LEGACY_NAMES = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint8": "Byte",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "bool": "Bool",
    "bfloat16": "BFloat16",
    "complex32": "ComplexHalf",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}

#: What is combined with its own kind and with floating point numbers alone.
_UNSIGNED = (uint16, uint32, uint64)

#: The dtypes that numpy can only store, and the dtype that operations on them compute in.
_NARROW: dict[dtype, dtype] = {bfloat16: float32, complex32: complex64}

#: The same by numpy dtype, as far as they have been used: ``COMPUTE[array.dtype]``.
COMPUTE: dict[np.dtype[Any], np.dtype[Any]] = {}

#: Called once, when the first array of a dtype that numpy can only store is about to be made.
on_first_narrow: list[Callable[[], None]] = []

_FROM_NUMPY: dict[np.dtype[Any], dtype] = {d.numpy: d for d in ALL}
_FROM_PYTHON: dict[Any, dtype] = {builtins.bool: bool, builtins.int: int64, builtins.complex: complex128}

_default: dtype = float32


def _make(d: dtype) -> np.dtype[Any]:
    """Import the numpy dtype of a dtype that numpy itself has not."""
    try:
        import ml_dtypes

        d.numpy = np.dtype(getattr(ml_dtypes, d.name))
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"{d!r} needs the ml_dtypes package{', version 0.6 or later' if d is complex32 else ''}: "
            "pip install 'tinygrad-hw[bfloat16]'"
        ) from error
    _FROM_NUMPY[d.numpy] = d
    COMPUTE[d.numpy] = _NARROW[d].numpy
    while on_first_narrow:
        on_first_narrow.pop()()
    return d.numpy


def is_available(d: dtype) -> builtins.bool:
    """Return whether arrays of a dtype can be made: those that numpy has not need the ``ml_dtypes`` package."""
    try:
        _ = d.numpy
    except ImportError:
        return False
    return True


def by_name() -> dict[str, dtype]:
    """Return all dtypes by name."""
    return {d.name: d for d in (*ALL, *_NARROW)}


def from_numpy(numpy_dtype: np.dtype[Any]) -> dtype:
    """Return the dtype for a numpy dtype.

    Raises:
        TypeError: numpy's type has no counterpart here (objects, text, times).
    """
    try:
        return _FROM_NUMPY[numpy_dtype]
    except KeyError:
        if numpy_dtype.newbyteorder("=") in _FROM_NUMPY:
            return _FROM_NUMPY[numpy_dtype.newbyteorder("=")]
        for d in _NARROW:  # made by somebody else with ml_dtypes
            if numpy_dtype.kind in "VW" and numpy_dtype.name == d.name and d.numpy == numpy_dtype:
                return d
        raise TypeError(
            f"can't convert a numpy array of type {numpy_dtype}; the supported types are: "
            + ", ".join(d.name for d in ALL)
        ) from None


def convert(array: Any, kind: np.dtype[Any]) -> Any:
    """Return a copy of an array with another dtype, the real parts of complex numbers if that is a real one."""
    if array.dtype.kind in "VW":
        array = array.astype(COMPUTE[array.dtype])
    if array.dtype.kind == "c" and from_numpy(np.dtype(kind)).kind != 3:
        array = array.real
    # numpy would lay an expanded array out along its repeated dimensions.
    return array.astype(kind, order="C" if 0 in array.strides else "K")


def as_dtype(value: Any) -> dtype:
    """Return ``value`` as a dtype: a dtype, a numpy dtype or scalar type, or Python's bool, int, float, complex.

    Raises:
        TypeError: ``value`` names no supported dtype.

    Example:
        >>> from tinygrad_hw.dtypes import as_dtype
        >>> as_dtype(float), as_dtype("int32")
        (torch.float32, torch.int32)
    """
    if value.__class__ is dtype:
        return value
    if value is builtins.float:
        return _default
    if value in _FROM_PYTHON:
        return _FROM_PYTHON[value]
    try:
        if isinstance(value, str) and value in ("bfloat16", "complex32"):
            return by_name()[value]
        return from_numpy(np.dtype(value))
    except TypeError:
        raise TypeError(f"expected a dtype such as torch.float32, got {value!r}") from None


def get_default_dtype() -> dtype:
    """Return the floating point dtype of tensors made without one; float32 unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the floating point dtype that tensors get when none is asked for.

    Args:
        d: float16, bfloat16, float32 or float64.

    Raises:
        TypeError: ``d`` is not a floating point dtype.

    Example:
        >>> torch.set_default_dtype(torch.float64)
        >>> torch.tensor([1.5]).dtype
        torch.float64
        >>> torch.set_default_dtype(torch.float32)
    """
    global _default
    d = as_dtype(d)
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype of which both operands' kinds and sizes are part.

    Raises:
        RuntimeError: one is uint16, uint32 or uint64 and the other is neither the same nor a floating point dtype.

    Example:
        >>> torch.promote_types(torch.int64, torch.float16)
        torch.float16
        >>> torch.promote_types(torch.uint8, torch.int8)
        torch.int16
    """
    a, b = as_dtype(type1), as_dtype(type2)
    if a is b:
        return a
    if (a in _UNSIGNED or b in _UNSIGNED) and 2 not in (a.kind, b.kind):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{LEGACY_NAMES[a.name]} and {LEGACY_NAMES[b.name]}. Convert one of the two, for example with .to({a!r})"
        )
    if a.kind != b.kind:
        high, low = (a, b) if a.kind > b.kind else (b, a)
        # Only complex numbers look at the precision of a lower kind.
        return promote_types(high.to_real(), low).to_complex() if low.kind == 2 else high
    if a.itemsize != b.itemsize:
        return a if a.itemsize > b.itemsize else b
    # Of one size, neither holds the other: float16 and bfloat16, or uint8 and int8.
    return float32 if a.kind == 2 else int16


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Return whether PyTorch lets ``from_`` be cast to ``to`` in an in-place operation.

    Example:
        >>> torch.can_cast(torch.float32, torch.int64)
        False
    """
    a, b = as_dtype(from_), as_dtype(to)
    return a.kind <= b.kind


def fitting(value: builtins.int, kind: Any) -> builtins.int:
    """Return a number for an integer dtype; unsigned ones take negative numbers as C does, -1 as 255.

    Raises:
        RuntimeError: it is out of range.
    """
    limits = np.iinfo(kind)
    if value > limits.max or value < (limits.min if kind.kind == "i" else -limits.max):
        raise RuntimeError(
            f"value cannot be converted to type {from_numpy(kind).name} without overflow: {value} is out of "
            f"range, which is {limits.min} to {limits.max}"
        )
    return value if kind.kind == "i" or value >= 0 else value + limits.max + 1


def of_scalar(value: Any) -> dtype:
    """Return the dtype a Python number stands for in promotion."""
    if isinstance(value, builtins.bool | np.bool_):
        return bool
    if isinstance(value, builtins.int | np.integer):
        return int64
    if isinstance(value, builtins.complex | np.complexfloating):
        return _default_complex()
    return _default


def _default_complex() -> dtype:
    """Return the dtype of complex tensors made without one."""
    return complex128 if _default is float64 else complex64


def result_type_of(operands: Any) -> dtype:
    """Return the dtype of an operation on ndarrays and Python numbers.

    Three classes of operands count in turn: arrays with dimensions, 0-d arrays, numbers. A later class
    changes the result only if its kind (bool < integer < floating point < complex) is higher.
    """
    ranks: list[dtype | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, np.ndarray):
            rank, d = (0 if operand.ndim else 1), from_numpy(operand.dtype)
        else:
            rank, d = 2, of_scalar(operand)
        seen = ranks[rank]
        ranks[rank] = d if seen is None else promote_types(seen, d)
    result: dtype | None = None
    for d_or_none in ranks:
        if d_or_none is not None and (result is None or d_or_none.kind > result.kind):
            if result is not None and result.kind == 2:
                # Complex numbers of a later class make a floating point array complex in its own precision.
                result = {float64: complex128, float16: complex32}.get(result, complex64)
            else:
                result = d_or_none
    assert result is not None
    return result


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """Return the dtype that an arithmetic operation on the two operands gives.

    Args:
        tensor1: a Tensor or a Python number.
        tensor2: a Tensor or a Python number.

    Example:
        >>> torch.result_type(torch.tensor([1, 2]), 1.0)
        torch.float32
    """
    return result_type_of([getattr(t, "array", t) for t in (tensor1, tensor2)])


class finfo:
    """Numerical properties of a floating point dtype: eps, max, min, tiny, smallest_normal, resolution, bits.

    Args:
        type: float16, bfloat16, float32 or float64; the default dtype if left out. Of a complex dtype, that of its
            parts.

    Raises:
        TypeError: ``type`` is not a floating point or complex dtype.

    Example:
        >>> torch.finfo(torch.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        d = _default if type is None else as_dtype(type).to_real()
        if not d.is_floating_point:
            raise TypeError(
                f"torch.finfo() requires a floating point input type, got {d!r}. "
                "Use torch.iinfo to handle integer types"
            )
        self.dtype = d.name
        self.bits = d.itemsize * 8
        if d is bfloat16:
            self.eps, self.tiny, self.resolution = 2.0**-7, 2.0**-126, 0.01
            self.max, self.min, self.smallest_normal = (2 - self.eps) * 2.0**127, -(2 - self.eps) * 2.0**127, self.tiny
            return
        info = np.finfo(d.numpy)
        self.eps = builtins.float(info.eps)
        self.max = builtins.float(info.max)
        self.min = builtins.float(info.min)
        self.tiny = self.smallest_normal = builtins.float(info.tiny)
        self.resolution = builtins.float(f"1e-{info.precision}")

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Numerical properties of an integer dtype: bits, min, max.

    Args:
        type: uint8 to uint64 or int8 to int64.

    Raises:
        TypeError: ``type`` is not an integer dtype.

    Example:
        >>> torch.iinfo(torch.int8).max
        127
    """

    def __init__(self, type: dtype) -> None:
        d = as_dtype(type)
        if d.kind != 1:
            raise TypeError(
                f"torch.iinfo() requires an integer input type, got {d!r}. "
                "Use torch.finfo to handle floating point types"
            )
        info = np.iinfo(d.numpy)
        self.dtype = d.name
        self.bits = d.itemsize * 8
        self.max = builtins.int(info.max)
        self.min = builtins.int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
