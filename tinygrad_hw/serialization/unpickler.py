"""Reading pickles without executing anything: a small machine for the opcodes, and a fixed list of names.

Python's own unpickler imports whatever a file names and calls it. This one knows the opcodes that build plain
data; a name in the file is looked up in a table that the caller gives, and what stands there is one of the caller's own
functions, which checks its arguments. There is no import, no ``getattr`` and no ``__setstate__`` of a foreign object.
The work and the memory are proportional to the length of the file.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pickle import UnpicklingError
from typing import Any, Protocol

import numpy as np

__all__ = ["NUMPY_NAMES", "PLAIN_NAMES", "Call", "Names", "Opaque", "restricted_loads"]

#: More than this is no checkpoint but an attack on the memory: a byte of pickle can become a hundred in Python.
_MAX_BYTES = 1 << 28

#: Integers beyond this can be chosen to have one hash value, which makes a dictionary of them quadratic.
_MAX_KEY = 1 << 60


class Opaque:
    """An object that a file may hand to a call, but that is no value of its own."""

    __slots__ = ()
    name: str


class Call(Opaque):
    """What stands in the table for a name that a pickle may call.

    Args:
        name: dotted, for messages.
        function: gets the arguments from the file; must check them.
    """

    __slots__ = ("function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Trust(Protocol):
    """What the user lets files call: nothing here knows of it unless somebody asked for it."""

    def find(self, module: str, name: str) -> Opaque | None:
        """Return what may stand under a name, or None."""

    def call(self, function: Any, args: tuple[Any, ...], new: bool) -> Any:
        """Call it, or make an object of it without calling ``__init__`` (``new``)."""

    def build(self, target: Any, state: Any) -> bool:
        """Give an object its state; False if its class is not trusted."""


#: (module, name) to the object of that name, or to a :class:`Call`.
Names = Mapping[tuple[str, str], Any]

_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def restricted_loads(
    data: bytes,
    names: Names,
    *,
    persistent_load: Callable[[Any], Any] | None = None,
    source: str = "the pickle",
    explain: Callable[[str, str], str] | None = None,
    encoding: str = "ascii",
    trust: Trust | None = None,
) -> Any:
    """Return the object that a pickle describes, if it is made of plain data and of ``names``.

    Args:
        data: the bytes.
        names: what a GLOBAL in the file may name.
        persistent_load: gets each persistent id; none are allowed if left out.
        source: how to call the bytes in errors.
        explain: for a name that is not in the table, a sentence to add to the error.
        encoding: of the 8-bit strings of Python 2, ``"bytes"`` to leave them so.
        trust: what the user lets files call besides.

    Raises:
        pickle.UnpicklingError: an opcode, a name or an argument that is not allowed, or damage. Nothing was called.

    Example:
        >>> import pickle
        >>> from tinygrad_hw.serialization.unpickler import PLAIN_NAMES, restricted_loads
        >>> restricted_loads(pickle.dumps({"a": [1, 2.5, None]}), PLAIN_NAMES)
        {'a': [1, 2.5, None]}
        >>> restricted_loads(pickle.dumps(print), PLAIN_NAMES)
        Traceback (most recent call last):
        _pickle.UnpicklingError: the pickle names builtins.print, which is not on the list of names...
    """
    if len(data) > _MAX_BYTES:
        raise UnpicklingError(f"{source} is refused: its pickle has {len(data):,} bytes, more than {_MAX_BYTES:,}")
    return _Machine(data, names, persistent_load, source, explain, encoding, trust).run()


class _Machine:
    """The stack, the memo and one method per opcode."""

    def __init__(
        self,
        data: bytes,
        names: Names,
        persistent_load: Callable[[Any], Any] | None,
        source: str,
        explain: Callable[[str, str], str] | None,
        encoding: str,
        trust: Trust | None,
    ) -> None:
        self.trust = trust
        self.data = data
        self.at = 0
        self.names = names
        self.persistent_load = persistent_load
        self.source = source
        self.explain = explain
        self.encoding = encoding
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        table, data = _OPCODES, self.data
        while True:
            try:
                code = data[self.at]
            except IndexError:
                raise self.error("is cut short: it has no STOP") from None
            self.at += 1
            if code == 0x2E:  # STOP
                if self.marks or len(self.stack) != 1:
                    raise self.error("is damaged: it stops with an unfinished object")
                return self.plain(self.stack[0])
            step = table.get(code)
            if step is None:
                name = _REFUSED.get(code, f"{code:#04x}")
                raise self.error(f"has the opcode {name} at byte {self.at - 1}, which plain data does not need")
            try:
                step(self)
            except (IndexError, struct.error):
                raise self.error(f"is damaged or cut short near byte {self.at}") from None
            except UnicodeError as error:
                raise self.error(f"has damaged text near byte {self.at}: {error}") from None

    def error(self, what: str) -> UnpicklingError:
        return UnpicklingError(f"{self.source} {what}. Nothing in it was executed")

    # -- reading -----------------------------------------------------------------------------------

    def take(self, n: int) -> bytes:
        part = self.data[self.at : self.at + n]
        if len(part) < n:
            raise self.error(f"is cut short: {n} bytes should follow byte {self.at}")
        self.at += n
        return part

    def number(self, form: str) -> Any:
        size = struct.calcsize(form)
        return struct.unpack(form, self.take(size))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 300)
        if end < 0:
            raise self.error(f"is damaged: no name ends after byte {self.at}")
        text = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return text

    def popped_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def plain(self, value: Any) -> Any:
        """Return ``value`` unless it is only good for a call: a name, a storage."""
        if isinstance(value, Opaque):
            raise self.error(f"holds {value.name} itself, where a value should be")
        return value

    def key(self, value: Any) -> Any:
        """Return ``value`` if it may be a key: hashing it is quick and calls nothing."""
        kind = value.__class__
        if kind is int:
            if -_MAX_KEY < value < _MAX_KEY:
                return value
        elif kind in (str, bytes, bool, type(None), float, complex):
            return value
        elif kind is tuple and len(value) < 64 and all(v.__class__ is not tuple for v in value):
            return tuple(map(self.key, value))
        raise self.error(f"has a dictionary key or set element of type {kind.__name__}; text and numbers are allowed")

    # -- opcodes -----------------------------------------------------------------------------------

    def proto(self) -> None:
        version = self.take(1)[0]
        if version > 5:
            raise self.error(f"has the pickle protocol {version}; 5 is the newest that is known")

    def frame(self) -> None:
        self.take(8)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def text(self, form: str) -> None:
        self.push(self.take(self.number(form)).decode("utf-8", "surrogatepass"))

    def raw(self, form: str) -> None:
        self.push(self.take(self.number(form)))

    def old_text(self, form: str) -> None:
        raw = self.take(self.number(form))
        self.push(raw if self.encoding == "bytes" else raw.decode(self.encoding))

    def bytearray(self) -> None:
        self.push(bytearray(self.take(self.number("<Q"))))

    def long(self, form: str) -> None:
        n = self.number(form)
        if n < 0:
            raise self.error("is damaged: an integer of negative length")
        self.push(int.from_bytes(self.take(n), "little", signed=True))

    def tuple_of(self, n: int) -> None:
        if len(self.stack) < n:
            raise IndexError
        self.stack[-n:] = [tuple(self.stack[-n:])]

    def tuple_of_mark(self) -> None:
        items = tuple(self.popped_mark())
        self.push(items)

    def list_at_top(self) -> list[Any]:
        target = self.stack[-1]
        if target.__class__ is not list:
            raise self.error(f"appends to a {type(target).__name__}")
        return target

    def append(self) -> None:
        item = self.plain(self.stack.pop())
        self.list_at_top().append(item)

    def appends(self) -> None:
        items = self.popped_mark()
        self.list_at_top().extend(map(self.plain, items))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if target.__class__ not in (dict, OrderedDict, Counter):
            raise self.error(f"sets items of a {type(target).__name__}")
        if len(items) % 2:
            raise self.error("is damaged: a key without a value")
        for i in range(0, len(items), 2):
            target[self.key(items[i])] = self.plain(items[i + 1])

    def setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def setitems(self) -> None:
        self.set_items(self.popped_mark())

    def additems(self) -> None:
        items = self.popped_mark()
        target = self.stack[-1]
        if target.__class__ is not set:
            raise self.error(f"adds items to a {type(target).__name__}")
        target.update(map(self.key, items))

    def frozenset(self) -> None:
        items = self.popped_mark()
        self.push(frozenset(map(self.key, items)))

    def get(self, form: str) -> None:
        i = self.number(form)
        if i not in self.memo:
            raise self.error(f"is damaged: it refers to object {i}, which it has not made")
        self.push(self.memo[i])

    def put(self, form: str) -> None:
        self.memo[self.number(form)] = self.stack[-1]

    def memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def pop(self) -> None:
        self.stack.pop()

    def global_(self) -> None:
        module = self.line()
        self.find(module, self.line())

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if name.__class__ is not str or module.__class__ is not str:
            raise self.error("is damaged: a name that is no text")
        self.find(module, name)

    def find(self, module: str, name: str) -> None:
        module = _PYTHON_2.get(module, module)
        found = self.names.get((module, name))
        if found is None and self.trust is not None:
            found = self.trust.find(module, name)
        if found is None:
            hint = self.explain(module, name) if self.explain is not None else ""
            message = f"names {module}.{name}, which is not on the list of names that are read".replace("\n", " ")
            raise self.error(f"{message[:400]}{hint and '. ' + hint}")
        self.push(found)

    def reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.call(function, args)

    def newobj(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.call(function, args, new=True)

    def newobj_ex(self) -> None:
        kwargs = self.stack.pop()
        if kwargs:
            raise self.error("calls something with keyword arguments")
        self.newobj()

    def call(self, function: Any, args: Any, new: bool = False) -> None:
        known = function.__class__ is Call
        if not known and (self.trust is None or not isinstance(function, Opaque)):
            raise self.error(f"calls an object of type {type(function).__name__}")
        if args.__class__ is not tuple:
            raise self.error(f"calls {function.name} without a tuple of arguments")
        try:
            self.push(function.function(*args) if known else self.trust.call(function, args, new))  # type: ignore[union-attr]
        except (TypeError, ValueError, OverflowError, AttributeError, KeyError) as error:
            raise self.error(f"gives {function.name} arguments that do not fit ({error})") from error

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        builder = _BUILDERS.get(target.__class__)
        if builder is None:
            if self.trust is not None and self.trust.build(target, state):
                return
            raise self.error(f"changes the state of a {type(target).__name__}")
        try:
            builder(target, state)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.error(f"gives a {type(target).__name__} a state that does not fit ({error})") from error

    def binpersid(self) -> None:
        pid = self.stack.pop()
        if self.persistent_load is None:
            raise self.error("refers to data outside of it")
        try:
            self.push(self.persistent_load(pid))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise self.error(f"refers to data that is not there ({error})") from error


def _constant(make: Callable[[], Any]) -> Callable[[_Machine], None]:
    return lambda m: m.push(make())


def _with(step: Callable[[_Machine, Any], None], value: Any) -> Callable[[_Machine], None]:
    return lambda m: step(m, value)


_M = _Machine
_OPCODES: dict[int, Callable[[_Machine], None]] = {
    ord(code): step
    for code, step in {
        "\x80": _M.proto,
        "\x95": _M.frame,
        "(": _M.mark,
        "0": _M.pop,
        "N": _constant(lambda: None),
        "\x88": _constant(lambda: True),
        "\x89": _constant(lambda: False),
        "K": lambda m: m.push(m.take(1)[0]),
        "M": lambda m: m.push(m.number("<H")),
        "J": lambda m: m.push(m.number("<i")),
        "G": lambda m: m.push(m.number(">d")),
        "\x8a": _with(_M.long, "<B"),
        "\x8b": _with(_M.long, "<i"),
        "X": _with(_M.text, "<I"),
        "\x8c": _with(_M.text, "<B"),
        "\x8d": _with(_M.text, "<Q"),
        "B": _with(_M.raw, "<I"),
        "C": _with(_M.raw, "<B"),
        "\x8e": _with(_M.raw, "<Q"),
        "U": _with(_M.old_text, "<B"),
        "T": _with(_M.old_text, "<I"),
        "\x96": _M.bytearray,
        ")": _constant(tuple),
        "\x85": _with(_M.tuple_of, 1),
        "\x86": _with(_M.tuple_of, 2),
        "\x87": _with(_M.tuple_of, 3),
        "t": _M.tuple_of_mark,
        "]": _constant(list),
        "a": _M.append,
        "e": _M.appends,
        "}": _constant(dict),
        "s": _M.setitem,
        "u": _M.setitems,
        "\x8f": _constant(set),
        "\x90": _M.additems,
        "\x91": _M.frozenset,
        "h": _with(_M.get, "<B"),
        "j": _with(_M.get, "<I"),
        "q": _with(_M.put, "<B"),
        "r": _with(_M.put, "<I"),
        "\x94": _M.memoize,
        "c": _M.global_,
        "\x93": _M.stack_global,
        "R": _M.reduce,
        "\x81": _M.newobj,  # cls.__new__(cls, *args), for the classes in a table the same as a call
        "\x92": _M.newobj_ex,
        "b": _M.build,
        "Q": _M.binpersid,
    }.items()
}

#: What the other opcodes are called, for the error.
_REFUSED = {
    ord(code): name
    for code, name in {
        "i": "INST",
        "o": "OBJ",
        "\x82": "EXT1",
        "\x83": "EXT2",
        "\x84": "EXT4",
        "P": "PERSID",
        "d": "DICT",
        "l": "LIST",
        "F": "FLOAT",
        "I": "INT",
        "L": "LONG",
        "S": "STRING",
        "V": "UNICODE",
        "g": "GET",
        "p": "PUT",
        "1": "POP_MARK",
        "2": "DUP",
        "\x97": "NEXT_BUFFER",
        "\x98": "READONLY_BUFFER",
    }.items()
}


# -- the names of plain Python data ----------------------------------------------------------------


def _exactly(value: Any, *kinds: type) -> Any:
    if value.__class__ not in kinds:
        raise TypeError(f"a {type(value).__name__} where a {kinds[0].__name__} should be")
    return value


def _key(value: Any) -> Any:
    if value.__class__ is int and not -_MAX_KEY < value < _MAX_KEY:
        raise TypeError("a set of huge integers")
    return _exactly(value, str, int, float, bool, bytes, type(None), complex)


def _ordered_dict(items: Any = ()) -> Any:
    pairs = [_exactly(pair, list, tuple) for pair in _exactly(items, tuple, list)]
    return OrderedDict((_key(k), v) for k, v in pairs)


def _counter(counts: Any = None) -> Any:
    return Counter() if counts is None else Counter(_exactly(counts, dict))


def _set(items: Any = ()) -> Any:
    return set(map(_key, _exactly(items, list, tuple)))


def _complex(real: Any, imag: Any) -> complex:
    return complex(_exactly(real, float, int), _exactly(imag, float, int))


def _encode(text: Any, encoding: Any) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"the encoding {str(encoding)[:20]!r}")
    return _exactly(text, str).encode("latin1")


def _bytearray(data: Any = b"", encoding: Any = None) -> bytearray:
    return bytearray(_exactly(data, bytes) if encoding is None else _encode(data, encoding))


def _bytes(items: Any = b"") -> bytes:
    # How Python 3 writes b"" in protocol 2: as a call of bytes without arguments.
    return bytes(_exactly(items, bytes))


PLAIN_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Call("collections.OrderedDict", _ordered_dict),
    ("collections", "Counter"): Call("collections.Counter", _counter),
    ("builtins", "set"): Call("set", _set),
    ("builtins", "frozenset"): Call("frozenset", lambda items=(): frozenset(_set(items))),
    ("builtins", "complex"): Call("complex", _complex),
    ("builtins", "bytes"): Call("bytes", _bytes),
    ("builtins", "bytearray"): Call("bytearray", _bytearray),
    ("_codecs", "encode"): Call("_codecs.encode", _encode),
}


def _set_attributes(target: OrderedDict[Any, Any], state: Any) -> None:
    """Give an OrderedDict the attributes it was saved with: ``_metadata``, for a state_dict."""
    if state.__class__ is tuple and len(state) == 2:
        state = state[0]
    for name, value in _exactly(state, dict, OrderedDict).items():
        if not isinstance(name, str) or hasattr(OrderedDict, name):
            raise ValueError(f"the attribute {str(name)[:40]!r}")
        setattr(target, name, value)


# -- the names of numpy arrays ---------------------------------------------------------------------


def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "biufcSU" or dtype.subdtype is not None or dtype.names is not None:
        raise TypeError(f"the dtype {dtype}")
    return dtype


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    if code.__class__ is bytes:
        code = code.decode("ascii")
    if not _exactly(code, str)[1:].isdecimal() or len(code) > 8:
        raise ValueError(f"the dtype {code[:20]!r}")
    # A copy, because BUILD sets its byte order.
    return _plain_dtype(np.dtype(code, align=False, copy=True))


def _build_dtype(target: np.dtype[Any], state: Any) -> None:
    state = _exactly(state, tuple)
    version, order = state[:2]
    order = order.decode("ascii") if order.__class__ is bytes else order
    if version != 3 or order not in ("<", ">", "|", "=") or state[2:5] != (None, None, None):
        raise ValueError("a structured dtype")
    size, alignment, flags = (_exactly(v, int) for v in state[5:])
    if (size, alignment) != (-1, -1) and not (target.kind in "SU" and 0 < size < 1 << 20 and 0 < alignment <= 8):
        raise ValueError("a dtype of a strange size")
    if flags & ~8:
        raise ValueError("a dtype of objects")
    target.__setstate__((3, order, None, None, None, size, alignment, flags))  # type: ignore[attr-defined]


def _empty_array(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    if kind is not _NDARRAY or shape != (0,):
        raise ValueError("not an empty ndarray")
    return np.empty(0, np.uint8)


def _build_array(target: np.ndarray[Any, Any], state: Any) -> None:
    _version, shape, dtype, fortran, content = _exactly(state, tuple)
    if not isinstance(dtype, np.dtype):
        raise TypeError("no dtype")
    # One of its own: a later BUILD of the dtype in the file would change the size of the array's elements.
    dtype = np.dtype(_plain_dtype(dtype).str)
    size = dtype.itemsize
    for n in _exactly(shape, tuple):
        if _exactly(n, int) < 0:
            raise ValueError("a negative size")
        size *= n
    if len(shape) > 32 or size != len(_exactly(content, bytes)):
        raise ValueError(f"{len(content):,} bytes for the shape {shape} of {dtype}")
    target.__setstate__((1, shape, dtype, bool(fortran), content))  # type: ignore[arg-type]


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray[Any, Any]:
    """How arrays are written in protocol 5."""
    array = np.empty(0, np.uint8)
    _build_array(array, (1, shape, dtype, order == "F", bytes(_exactly(content, bytes, bytearray))))
    return array


def _scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(dtype, np.dtype):
        raise TypeError("no dtype")
    if len(_exactly(content, bytes)) != _plain_dtype(dtype).itemsize:
        raise ValueError(f"{len(content)} bytes for a {dtype}")
    return np.frombuffer(content, dtype)[0]


def _not_callable(*args: Any) -> Any:
    raise TypeError("it is not called directly")


_NDARRAY = Call("numpy.ndarray", _not_callable)

NUMPY_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): Call("numpy.dtype", _dtype),
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    NUMPY_NAMES[_module, "_reconstruct"] = Call("numpy's _reconstruct", _empty_array)
    NUMPY_NAMES[_module, "scalar"] = Call("numpy's scalar", _scalar)
for _module in ("numpy.core.numeric", "numpy._core.numeric"):
    NUMPY_NAMES[_module, "_frombuffer"] = Call("numpy's _frombuffer", _frombuffer)

_BUILDERS: dict[type, Callable[[Any, Any], None]] = {
    OrderedDict: _set_attributes,
    np.ndarray: _build_array,
    **dict.fromkeys({type(np.dtype(c)) for c in "?bhilqBHILQefdgFDGSU"}, _build_dtype),
}
