"""Writing pickles of plain data and tensors that PyTorch's ``weights_only`` reader accepts.

Python's pickler can only name classes that it can import; a ``.pt`` file names PyTorch's. So the opcodes are written
here, for a fixed set of types, in protocol 2.
"""

from __future__ import annotations

import io
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, edge_of
from tinygrad_hw.device import device
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.size import Size

__all__ = ["PROTOCOLS", "STORAGE_NAMES", "Place", "dumps"]

#: The protocols whose readers understand what is written here.
PROTOCOLS = (2, 3, 4, 5)

#: What PyTorch calls the storages of each dtype.
STORAGE_NAMES = {
    dtypes.float16: "HalfStorage",
    dtypes.float32: "FloatStorage",
    dtypes.float64: "DoubleStorage",
    dtypes.int8: "CharStorage",
    dtypes.int16: "ShortStorage",
    dtypes.int32: "IntStorage",
    dtypes.int64: "LongStorage",
    dtypes.uint8: "ByteStorage",
    dtypes.bool: "BoolStorage",
    dtypes.complex64: "ComplexFloatStorage",
    dtypes.complex128: "ComplexDoubleStorage",
    dtypes.bfloat16: "BFloat16Storage",
}

#: Deeper nesting would overflow the stack of the readers, which recurse.
_MAX_DEPTH = 100


class Place:
    """Where a tensor's elements lie: in which storage, of how many elements, from which one on, how far apart."""

    __slots__ = ("key", "numel", "offset", "strides")

    def __init__(self, key: str, numel: int, offset: int, strides: tuple[int, ...]) -> None:
        self.key = key
        self.numel = numel
        self.offset = offset
        self.strides = strides


def dumps(obj: Any, place: Callable[[TensorBase], Place], protocol: int = 2) -> bytes:
    """Return the pickle of ``obj``.

    Args:
        obj: nested dictionaries, lists, tuples and sets of tensors, numbers, text, sizes, dtypes and devices.
        place: says of each tensor where its elements are put.
        protocol: written in front; the opcodes are those of protocol 2.

    Raises:
        TypeError: something in ``obj`` has another type; the message says where.
        RecursionError: the nesting is too deep.
    """
    writer = _Writer(place, protocol)
    writer.write(obj)
    return bytes([0x80, protocol]) + writer.out.getvalue() + b"."


class _Writer:
    def __init__(self, place: Callable[[TensorBase], Place], protocol: int) -> None:
        # Python's reader translates the names of Python 2 only in the protocols of its time.
        self.builtins = "__builtin__" if protocol < 3 else "builtins"
        self.out = io.BytesIO()
        self.place = place
        self.memo: dict[Any, int] = {}
        #: Objects in the memo, kept alive so that no other takes their id.
        self.kept: list[Any] = []
        self.path: list[str] = []

    # -- pieces -----------------------------------------------------------------------------------

    def put(self, key: Any) -> None:
        """Remember what was just written."""
        i = self.memo[key] = len(self.memo)
        self.out.write(struct.pack("<BB", 0x71, i) if i < 256 else struct.pack("<BI", 0x72, i))

    def known(self, key: Any) -> bool:
        """Refer to what was written before under ``key``, if it was."""
        i = self.memo.get(key)
        if i is None:
            return False
        self.out.write(struct.pack("<BB", 0x68, i) if i < 256 else struct.pack("<BI", 0x6A, i))
        return True

    def name(self, module: str, name: str) -> None:
        if not self.known((module, name)):
            self.out.write(f"c{module}\n{name}\n".encode("ascii"))
            self.put((module, name))

    def text(self, value: str) -> None:
        if not self.known(value):
            raw = value.encode("utf-8", "surrogatepass")
            self.out.write(b"X" + struct.pack("<I", len(raw)) + raw)
            self.put(value)

    def integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.out.write(struct.pack("<BB", 0x4B, value))
        elif 0 <= value < 1 << 16:
            self.out.write(struct.pack("<BH", 0x4D, value))
        elif -(1 << 31) <= value < 1 << 31:
            self.out.write(struct.pack("<Bi", 0x4A, value))
        else:
            n = (value.bit_length() >> 3) + 1
            if n > 255:
                raise self.error(f"an integer of {value.bit_length()} bits; 2000 are the most that can be stored")
            self.out.write(struct.pack("<BB", 0x8A, n) + value.to_bytes(n, "little", signed=True))

    def floating(self, value: float) -> None:
        self.out.write(struct.pack(">Bd", 0x47, value))

    def tuple_of(self, items: tuple[Any, ...]) -> None:
        n = len(items)
        if n == 0:
            self.out.write(b")")
            return
        if n > 3:
            self.out.write(b"(")
        for i, item in enumerate(items):
            self.within(f"[{i}]", item)
        self.out.write(b"t" if n > 3 else bytes([0x84 + n]))

    def call(self, module: str, name: str, *args: Any) -> None:
        self.name(module, name)
        self.tuple_of(args)
        self.out.write(b"R")

    def within(self, step: str, value: Any) -> None:
        self.path.append(step)
        self.write(value)
        self.path.pop()

    def error(self, what: str) -> TypeError:
        where = "".join(self.path)
        return TypeError(f"save: {what}{f' at {where}' if where else ''}")

    # -- types ------------------------------------------------------------------------------------

    def write(self, value: Any) -> None:
        write = _WRITERS.get(value.__class__)
        if write is not None:
            write(self, value)
        elif isinstance(value, TensorBase):
            self.tensor(value)
        elif isinstance(value, np.generic):
            self.numpy_scalar(value)
        else:
            raise self.error(_advice(value))

    def begin(self, value: Any) -> bool:
        """Refer to a container that was written before, or check that there is room for another inside."""
        if self.known(id(value)):
            return False
        if len(self.path) > _MAX_DEPTH:
            raise RecursionError(f"save: nested more than {_MAX_DEPTH} deep at {''.join(self.path[:4])}...")
        self.kept.append(value)
        return True

    def list(self, value: list[Any]) -> None:
        if not self.begin(value):
            return
        self.out.write(b"]")
        self.put(id(value))
        if value:
            self.out.write(b"(")
            for i, item in enumerate(value):
                self.within(f"[{i}]", item)
            self.out.write(b"e")

    def tuple(self, value: tuple[Any, ...]) -> None:
        if not value:
            self.out.write(b")")
        elif self.begin(value):
            self.tuple_of(value)
            self.put(id(value))

    def items(self, value: Mapping[Any, Any]) -> None:
        if not value:
            return
        self.out.write(b"(")
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bytes, tuple, type(None))):
                raise self.error(f"a dictionary key of type {type(key).__name__}; text and numbers can be stored")
            self.within(f"[{key!r}]", key)
            self.within(f"[{key!r}]", item)
        self.out.write(b"u")

    def dict(self, value: dict[Any, Any]) -> None:
        if self.begin(value):
            self.out.write(b"}")
            self.put(id(value))
            self.items(value)

    def ordered_dict(self, value: OrderedDict[Any, Any]) -> None:
        if not self.begin(value):
            return
        self.call("collections", "OrderedDict")
        self.put(id(value))
        self.items(value)
        attributes = vars(value)
        if attributes:
            # _metadata: the version of each module's entries in a state_dict.
            self.within(".__dict__", dict(attributes))
            self.out.write(b"b")

    def counter(self, value: Counter[Any]) -> None:
        if self.begin(value):
            self.call("collections", "Counter", dict(value))
            self.put(id(value))

    def set(self, value: set[Any]) -> None:
        if self.begin(value):
            self.call(self.builtins, "set", list(value))
            self.put(id(value))

    def bytes(self, value: bytes) -> None:
        self.call("_codecs", "encode", value.decode("latin1"), "latin1")

    def bytearray(self, value: bytearray) -> None:
        self.call(self.builtins, "bytearray", bytes(value))

    def complex(self, value: complex) -> None:
        self.call(self.builtins, "complex", value.real, value.imag)

    def size(self, value: Size) -> None:
        self.call("torch", "Size", tuple(value))

    def dtype(self, value: dtypes.dtype) -> None:
        self.name("torch", value.name)

    def device(self, value: device) -> None:
        self.call("torch", "device", *((value.type,) if value.index is None else (value.type, value.index)))

    def numpy_dtype(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind not in "biufcSU":
            raise self.error(f"a numpy array or number of dtype {dtype}")
        self.call("numpy", "dtype", dtype.str[1:], False, True)
        order = dtype.str[0]
        size, alignment = (dtype.itemsize, dtype.alignment) if dtype.kind in "SU" else (-1, -1)
        self.tuple_of((3, order, None, None, None, size, alignment, 8 if dtype.kind == "U" else 0))
        self.out.write(b"b")

    def numpy_scalar(self, value: np.generic) -> None:
        self.name("numpy._core.multiarray", "scalar")
        self.numpy_dtype(value.dtype)
        self.bytes(value.tobytes())
        self.out.write(b"\x86R")

    def array(self, value: np.ndarray[Any, Any]) -> None:
        if not self.begin(value):
            return
        self.name("numpy._core.multiarray", "_reconstruct")
        self.name("numpy", "ndarray")
        self.tuple_of((0,))
        self.bytes(b"b")
        self.out.write(b"\x87R")
        self.put(id(value))
        self.out.write(b"(")
        self.integer(1)
        self.tuple_of(value.shape)
        self.numpy_dtype(value.dtype)
        fortran = value.flags.fnc
        self.write(bool(fortran))
        self.bytes(value.tobytes("F" if fortran else "C"))
        self.out.write(b"tb")

    def tensor(self, value: TensorBase) -> None:
        if not self.begin(value):
            return
        requires_grad = edge_of(value) is not None
        if not isinstance(value, Parameter):
            self.plain_tensor(value, requires_grad)
        else:
            attributes = vars(value)
            self.name("torch._utils", "_rebuild_parameter_with_state" if attributes else "_rebuild_parameter")
            self.out.write(b"(")
            self.plain_tensor(value, False)
            self.write(requires_grad)
            self.call("collections", "OrderedDict")
            if attributes:
                self.within(".__dict__", dict(attributes))
            self.out.write(b"tR")
        self.put(id(value))

    def plain_tensor(self, value: TensorBase, requires_grad: bool) -> None:
        place = self.place(value)
        dtype = dtypes.from_numpy(value.array.dtype)
        # PyTorch stores the dtypes that came last as bytes, and names the dtype besides.
        typed = dtype in STORAGE_NAMES
        self.name("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
        self.out.write(b"((")
        self.text("storage")
        if typed:
            self.name("torch", STORAGE_NAMES[dtype])
        else:
            self.name("torch.storage", "UntypedStorage")
        self.text(place.key)
        self.text("cpu")
        self.integer(place.numel if typed else place.numel * dtype.itemsize)
        self.out.write(b"tQ")
        self.integer(place.offset)
        self.tuple_of(value.array.shape)
        self.tuple_of(place.strides)
        self.write(requires_grad)
        self.call("collections", "OrderedDict")
        if not typed:
            self.dtype(dtype)
        self.out.write(b"tR")


_WRITERS: dict[type, Callable[[_Writer, Any], Any]] = {
    type(None): lambda w, v: w.out.write(b"N"),
    bool: lambda w, v: w.out.write(b"\x88" if v else b"\x89"),
    int: _Writer.integer,
    float: _Writer.floating,
    str: _Writer.text,
    list: _Writer.list,
    tuple: _Writer.tuple,
    dict: _Writer.dict,
    OrderedDict: _Writer.ordered_dict,
    Counter: _Writer.counter,
    set: _Writer.set,
    bytes: _Writer.bytes,
    bytearray: _Writer.bytearray,
    complex: _Writer.complex,
    Size: _Writer.size,
    dtypes.dtype: _Writer.dtype,
    device: _Writer.device,
    np.ndarray: _Writer.array,
}


def _advice(value: Any) -> str:
    """Say what ``value`` is and what to store in its place."""
    name = type(value).__name__
    if hasattr(value, "state_dict"):
        return f"a {name} is code and data; store its state_dict() and load it with load_state_dict()"
    if isinstance(value, Mapping):
        return f"a {name} cannot be stored; make it a dict with dict(...)"
    if isinstance(value, tuple):
        return f"a {name} cannot be stored; make it a plain tuple with tuple(...)"
    return (
        f"a {name} cannot be stored; tensors, numbers, text, None, sizes, dtypes, devices, and dictionaries, lists, "
        "tuples and sets of them can"
    )
