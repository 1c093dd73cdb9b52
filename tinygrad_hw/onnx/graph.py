"""The ONNX graph that rules write into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.onnx.errors import OnnxExporterError, UnsupportedOperatorError
from tinygrad_hw.onnx.record import Node, Trace, Value
from tinygrad_hw.onnx.sizes import Varying, compare, same

__all__ = ["RULES", "Graph", "Step", "Symbol", "elem_type", "rule"]

#: For each op, and each function that is recorded whole (``F.name``), the function that writes its ONNX nodes.
RULES: dict[str, Callable[..., Any]] = {}

#: Constants up to this many bytes are computed when the model is exported, even where that makes them larger.
_SMALL = 1 << 16


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function ``f(graph, **arguments)`` as the rule of these ops; it returns names of values."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            if name in RULES:
                raise ValueError(f"there is a rule for {name!r} already")
            RULES[name] = function
        return function

    return declare


class Symbol:
    """A dynamic axis.

    Attributes:
        name: what the file calls it.
        size: its sizes in the recordings.
        place: an input and the axis of it that has this size.
    """

    def __init__(self, name: str, size: Varying, place: tuple[Value, int]) -> None:
        self.name = name
        self.size = size
        self.place = place


#: ONNX's numbers of dtypes.
_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip


def elem_type(dtype: Any) -> int:
    """Return ONNX's number of a numpy dtype."""
    return _TYPES[np.dtype(dtype).name]


class Step:
    """A node of the file: an operator, names of values, attributes."""

    __slots__ = ("attributes", "inputs", "kind", "name", "outputs")

    def __init__(
        self, kind: str, inputs: list[str], outputs: list[str], name: str, attributes: dict[str, Any] | None = None
    ) -> None:
        self.kind = kind
        self.inputs = inputs
        self.outputs = outputs
        self.name = name
        self.attributes = attributes or {}


class Graph:
    """A graph in the making.

    Args:
        traces: recordings of the same call with different sizes of the dynamic axes.
        symbols: these axes.
        opset: the version of the operator set.
        parameters: whether values of parameters are known; then what is computed from them alone is computed now.
        fold: the same for constants.
    """

    def __init__(
        self, traces: Sequence[Trace], symbols: Sequence[Symbol], opset: int, parameters: bool = True, fold: bool = True
    ) -> None:
        self.trace = traces[0]
        self.opset = opset
        self.symbols = list(symbols)
        self.parameters = parameters
        self.fold = fold
        self.arguments, shapes, self.arrays = compare(traces)
        for value, shape in zip(self.trace.values, shapes, strict=True):
            value.shape = shape
        for arguments, node in zip(self.arguments, self.trace.nodes, strict=True):
            _simplify(arguments, node)
        self.nodes: list[Step] = []
        self.initializers: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.taken: set[str] = set()
        self.known: list[Value] = []
        self.sizes: dict[Varying, str] = {}
        self.shared: dict[tuple[Any, ...], str] = {}
        self.computed: dict[tuple[Any, ...], Any] = {}
        self.node: Node | None = None
        for value in self.trace.inputs:
            self.names[value.number] = self._free(value.label)
            self.known.append(value)
        #: Names in the file of parameters whose values are not in it.
        self.open_parameters: dict[str, Value] = {}

    # -- names -----------------------------------------------------------------------------------

    def _free(self, name: str) -> str:
        base, n = name, 0
        while name in self.taken:
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name

    def _path(self, kind: str) -> str:
        scope = self.node.scope.replace(".", "/") if self.node is not None else ""
        return f"/{scope}/{kind}" if scope else f"/{kind}"

    # -- constants -------------------------------------------------------------------------------

    def const(self, value: Any) -> Any:
        """Return the array of a value that is the same whatever the inputs; None for others."""
        if not isinstance(value, Value):
            return None if value is None or isinstance(value, (str, Varying)) else np.asarray(value)
        if value.varies or (value.on_parameters and not self.parameters):
            return None
        if value.kind == "result" and not self.fold:
            return None
        arrays = self.arrays[value.number]
        if not all(same(arrays[0], a) for a in arrays):
            return None
        return arrays[0]

    def tensor(self, array: Any, name: str | None = None) -> str:
        """Return the name of an initializer; equal small ones are shared."""
        array = np.asarray(array)
        key: tuple[Any, ...] | None = None
        if name is None and array.nbytes <= 1024:
            key = (array.dtype.str, array.shape, array.tobytes())
            if key in self.shared:
                return self.shared[key]
        found = self._free(name or self._path("Constant"))
        self.initializers[found] = np.array(array, order="C")
        if key is not None:
            self.shared[key] = found
        return found

    def derived(self, value: Value, how: str, make: Callable[[Any], Any]) -> str | None:
        """Return the name of a constant made from a constant value; None if it is none. ``how`` is for its name."""
        array = self.const(value)
        if array is None:
            return None
        key = ("derived", value.number, how)
        if key not in self.computed:
            label = f"{value.label}.{how}" if value.label else None
            self.computed[key] = self.tensor(make(array), label)
        return str(self.computed[key])

    # -- what rules call -------------------------------------------------------------------------

    def name(self, x: Any, like: Any = None) -> str:
        """Return the ONNX name of a value, of a name (itself), or of a constant (of the dtype of ``like``)."""
        if x is None:
            return ""
        if isinstance(x, str):
            return x
        if isinstance(x, Value):
            return self._name_of(x)
        if isinstance(x, Varying):
            return self.number(x, like)
        return self.tensor(x if like is None or isinstance(x, np.ndarray) else np.asarray(x, like))

    def _name_of(self, value: Value) -> str:
        found = self.names.get(value.number)
        if found is not None:
            return found
        if value.kind == "parameter" and not self.parameters:
            found = self._free(value.label)
            self.open_parameters[found] = value
        else:
            array = self.const(value)
            if array is not None:
                found = self.tensor(array, value.label or None)
            elif value.kind == "constant":
                found = self._sized_constant(value)
            else:
                raise OnnxExporterError(f"{self.here()}: a value was used before it was computed: {value!r}")
        self.names[value.number] = found
        return found

    def op(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or a tuple of names. Numbers take the first tensor's dtype."""
        like = next((self.dtype_of(x) for x in inputs if isinstance(x, Value)), None)
        names = [self.name(x, like) for x in inputs]
        while names and not names[-1]:
            names.pop()
        node = self._free(self._path(kind))
        made = [self._free(f"{node}_output_{i}") for i in range(outputs)]
        given = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(Step(kind, names, made, node, given))
        return made[0] if outputs == 1 else tuple(made)

    def dtype_of(self, x: Any) -> Any:
        """Return the numpy dtype of a value or array."""
        return x.array.dtype if isinstance(x, Value) else np.asarray(x).dtype

    def cast(self, x: Any, dtype: Any) -> str:
        """Return ``x`` with another dtype."""
        array = self.const(x) if not isinstance(x, str) else None
        if array is not None:
            return self.tensor(array.astype(dtype))
        if isinstance(x, Value) and x.array.dtype == dtype:
            return self.name(x)
        return str(self.op("Cast", x, to=elem_type(dtype)))

    def transposed(self, x: Any, order: Sequence[int]) -> str:
        """Return ``x`` with its dimensions in another order, at once if it is a constant."""
        if isinstance(x, Value):
            how = "T" if list(order) == [1, 0] else "transposed_" + "".join(map(str, order))
            found = self.derived(x, how, lambda a: np.ascontiguousarray(a.transpose(order)))
            if found is not None:
                return found
        return str(self.op("Transpose", x, perm=list(order)))

    def reduce(self, kind: str, x: Any, axes: Sequence[int] | None, keepdims: bool) -> str:
        """Add a reduction; its axes were an attribute up to opset 17, but for sums."""
        if axes is None:
            return str(self.op(kind, x, keepdims=int(keepdims)))
        if self.opset < 18 and kind != "ReduceSum":
            return str(self.op(kind, x, axes=list(axes), keepdims=int(keepdims)))
        return str(self.op(kind, x, np.asarray(axes, np.int64), keepdims=int(keepdims)))

    def squeeze(self, x: Any, *axes: int) -> str:
        """Remove dimensions of size 1."""
        return str(self.op("Squeeze", x, np.asarray(axes, np.int64)))

    def unsqueeze(self, x: Any, *axes: int) -> str:
        """Insert dimensions of size 1."""
        return str(self.op("Unsqueeze", x, np.asarray(axes, np.int64)))

    def slice(self, x: Any, axis: int, start: Any, stop: Any, step: int = 1) -> str:
        """Return ``x[start:stop:step]`` along an axis; start and stop may vary."""
        parts = (self.ints([start]), self.ints([stop]), self.tensor(np.asarray([axis], np.int64)))
        return str(self.op("Slice", x, *parts, self.tensor(np.asarray([step], np.int64))))

    def reshape(self, x: Any, size: Sequence[Any]) -> str:
        """Reshape; where only one size varies, the file leaves it to be found out."""
        shape = x.shape if isinstance(x, Value) else ()
        sizes: list[Any] = [
            0 if isinstance(s, Varying) and i < len(shape) and shape[i] == s else s for i, s in enumerate(size)
        ]
        open_ones = [i for i, s in enumerate(sizes) if isinstance(s, Varying)]
        zeros = any(isinstance(s, int) and s == 0 for s in size)
        if len(open_ones) == 1 and not zeros:
            sizes[open_ones[0]] = -1
        if zeros:
            sizes = list(size)
        return str(self.op("Reshape", x, self.ints(sizes), allowzero=1 if zeros else None))

    def expand(self, x: Any, size: Sequence[Any]) -> str:
        """Broadcast to ``size``."""
        shape: tuple[Any, ...] = x.shape if isinstance(x, Value) else ()
        shape = (None,) * (len(size) - len(shape)) + tuple(shape)
        return str(self.op("Expand", x, self.ints([1 if s == n else s for s, n in zip(size, shape, strict=True)])))

    # -- sizes -----------------------------------------------------------------------------------

    def static(self, x: Any, what: str) -> Any:
        """Return ``x``; raise if it varies."""
        nest = x if isinstance(x, (tuple, list)) else (x,)
        if any(isinstance(i, Varying) for i in nest):
            self.fail(
                f"{what} depends on the size of a dynamic axis, which ONNX cannot express. Give that axis a fixed size"
            )
        return x

    def ints(self, sizes: Sequence[Any]) -> str:
        """Return a 1-D int64 tensor of sizes."""
        if not any(isinstance(s, Varying) for s in sizes):
            return self.tensor(np.asarray([int(s) for s in sizes], np.int64))
        parts: list[str] = []
        fixed: list[int] = []
        for s in [*sizes, None]:
            if s is not None and not isinstance(s, Varying):
                fixed.append(int(s))
                continue
            if fixed:
                parts.append(self.tensor(np.asarray(fixed, np.int64)))
                fixed = []
            if s is not None:
                parts.append(self.size(s))
        return parts[0] if len(parts) == 1 else str(self.op("Concat", *parts, axis=0))

    def size(self, s: Varying) -> str:
        """Return a varying size as an int64 tensor of one element.

        Raises:
            OnnxExporterError: no size of a tensor, nor a simple function of one, explains its values.
        """
        if s not in self.sizes:
            found = self._from_inputs(s) or self._from_values(s) or self._from_quotient(s)
            if found is None:
                names = ", ".join(f"{symbol.name} = {symbol.size}" for symbol in self.symbols)
                self.fail(
                    f"a number in Python is {s} when the dynamic axes are {names}, and the exporter cannot tell how it "
                    "is computed from them (it knows sums, products and quotients of sizes by constants). Compute it "
                    "with tensor operations, or give these axes a fixed size"
                )
            self.sizes[s] = str(found)
        return self.sizes[s]

    def _dim(self, value: Value, axis: int) -> str:
        return str(self.op("Shape", value, start=axis, end=axis + 1))

    def _from_inputs(self, s: Varying) -> str | None:
        """Explain a size as the size of an input, a multiple of it with something added, or a product of such."""
        values = s.values
        if not all(isinstance(v, (int, np.integer)) for v in values):
            return None
        for symbol in self.symbols:
            if symbol.size == s:
                return self._dim(*symbol.place)
        for i, first in enumerate(self.symbols):
            for second in self.symbols[i + 1 :]:
                product = Varying([a * b for a, b in zip(first.size.values, second.size.values, strict=True)])
                factor = _factor(values, product.values)
                if factor is not None:
                    both = self.op("Mul", self.size(first.size), self.size(second.size))
                    return both if factor == 1 else self.op("Mul", both, np.asarray([factor], np.int64))
        for symbol in self.symbols:
            line = _line(values, symbol.size.values)
            if line is None:
                continue
            factor, more = line
            x = self.size(symbol.size)
            if factor != 1:
                x = self.op("Mul", x, np.asarray([factor], np.int64))
            return self.op("Add", x, np.asarray([more], np.int64)) if more else x
        return None

    def _from_values(self, s: Varying) -> str | None:
        for value in reversed(self.known):
            for axis, n in enumerate(value.shape):
                if n == s:
                    return self._dim(value, axis)
        sizes = {n for v in self.known for n in v.shape if isinstance(n, Varying)}
        for n in sizes:
            factor = _factor(s.values, n.values)
            if factor is not None:
                return str(self.op("Mul", self.size(n), np.asarray([factor], np.int64)))
            factor = _factor(n.values, s.values)
            if factor is not None:
                return str(self.op("Div", self.size(n), np.asarray([factor], np.int64)))
            for m in sizes:
                factor = _factor(s.values, [a * b for a, b in zip(n.values, m.values, strict=True)])
                if factor is not None:
                    both = self.op("Mul", self.size(n), self.size(m))
                    return str(both if factor == 1 else self.op("Mul", both, np.asarray([factor], np.int64)))
        return None

    def _from_quotient(self, s: Varying) -> str | None:
        """Explain a size as ``(n + a) // b``."""
        for symbol in self.symbols:
            for divisor in range(2, 33):
                for more in range(-divisor, divisor):
                    if all((n + more) // divisor == v for n, v in zip(symbol.size.values, s.values, strict=True)):
                        x = self.size(symbol.size)
                        x = self.op("Add", x, np.asarray([more], np.int64)) if more else x
                        return str(self.op("Div", x, np.asarray([divisor], np.int64)))
        return None

    def number(self, x: Any, dtype: Any) -> str:
        """Return a number, which may vary, as a 0-d tensor."""
        if not isinstance(x, Varying):
            return self.tensor(np.asarray(x, dtype))
        if all(isinstance(v, (int, np.integer)) for v in x.values):
            found = self.squeeze(self.size(x), 0)
            return found if dtype is None or np.dtype(dtype) == np.int64 else self.cast(found, dtype)
        sizes = [s.size for s in self.symbols] + [n for v in self.known for n in v.shape if isinstance(n, Varying)]
        for n in dict.fromkeys(sizes):
            for power in (1.0, -1.0, 0.5, -0.5):
                factors = [v / float(a) ** power for v, a in zip(x.values, n.values, strict=True)]
                if np.ptp(factors) <= 1e-12 * abs(factors[0]):
                    size = self.cast(self.squeeze(self.size(n), 0), dtype)
                    base = size if power == 1.0 else self.op("Pow", size, np.asarray(power, dtype))
                    return str(self.op("Mul", base, np.asarray(factors[0], dtype)))
        return str(
            self.fail(
                f"a number in Python, {x}, depends on the sizes of dynamic axes in a way the exporter cannot tell"
            )
        )

    def _sized_constant(self, value: Value) -> str:
        """Return a constant tensor whose size varies: one number everywhere, or a range."""
        arrays = self.arrays[value.number]
        flat = [a.reshape(-1) for a in arrays]
        dtype = value.array.dtype
        filled = [f for f in flat if f.size]
        if not filled or all((f == filled[0][0]).all() for f in filled):
            one = np.full((1,) * len(value.shape), filled[0][0] if filled else 0, dtype)
            return str(self.op("Expand", self.tensor(one), self.ints(value.shape)))
        longest = max(flat, key=lambda f: f.size)
        if value.array.ndim == 1 and longest.size > 1:
            step = longest[1] - longest[0]
            line = longest[0] + step * np.arange(longest.size, dtype=dtype)
            if all(same(f, line[: f.size]) for f in flat):
                count = self.number(value.shape[0], dtype)
                x = self.op("Range", np.asarray(0, dtype), count, np.asarray(1, dtype))
                x = x if step == 1 else self.op("Mul", x, np.asarray(step, dtype))
                return str(x if longest[0] == 0 else self.op("Add", x, np.asarray(longest[0], dtype)))
        shape = " x ".join(str(n) if not isinstance(n, Varying) else f"({n})" for n in value.shape)
        self.fail(
            f"a tensor of shape {shape} that was made outside of the exporter's sight depends on the sizes of the "
            "dynamic axes, or on random numbers. Constants (zeros, ones, full) and ranges are understood; compute "
            "others from them with tensor operations, or make it a buffer and slice it"
        )
        raise AssertionError

    # -- errors ----------------------------------------------------------------------------------

    def here(self) -> str:
        """Return words for the place in the model that is being written."""
        return self.node.where() if self.node is not None else "the model"

    def fail(self, message: str) -> Any:
        """Raise for something that ONNX, or a rule, does not have."""
        op = self.node.op.removeprefix("F.") if self.node is not None else "the model"
        raise OnnxExporterError(f"{self.here()}, {op}: {message}")

    # -- the whole -------------------------------------------------------------------------------

    def write(self) -> None:
        """Apply the rules to all nodes on which an output depends."""
        needed: set[int] = {v.number for v in self.trace.outputs}
        wanted: list[bool] = []
        for node in reversed(self.trace.nodes):
            wanted.append(any(o is not None and o.number in needed for o in node.outputs))
            if wanted[-1]:
                needed.update(v.number for v in node.inputs)
        self.wanted = wanted[::-1]
        for node, arguments, want in zip(self.trace.nodes, self.arguments, self.wanted, strict=True):
            if want:
                self._write(node, arguments, needed)
        self.node = None

    def frozen(self, other: Trace) -> str | None:
        """Return what differs in a recording with other values of the inputs: it is fixed in the file."""
        for node, arguments, twin, want in zip(
            self.trace.nodes, self.arguments, other.nodes, self.wanted, strict=False
        ):
            if node.op != twin.op:
                return f"{node.where()} calls {node.op.removeprefix('F.')!r} or {twin.op.removeprefix('F.')!r}"
            if not want:
                continue
            given = dict(twin.arguments)
            _simplify(given, twin)
            for name, mine in arguments.items():
                if _differs(mine, given[name], self.arrays, other.values):
                    return f"{name!r} of {node.op.removeprefix('F.')!r} in {node.where()}"
        return None if len(self.trace.nodes) == len(other.nodes) else "the number of operations"

    def _write(self, node: Node, arguments: dict[str, Any], needed: set[int]) -> None:
        outputs = [o for o in node.outputs if o is not None and o.number in needed]
        if all(self._foldable(o, node) for o in outputs):
            return
        self.node = node
        write = RULES.get(node.op)
        if write is None:
            name = node.op.removeprefix("F.")
            raise UnsupportedOperatorError(
                f"{node.where()} uses {name!r}, for which there is no rule to write it in ONNX. Write it with other "
                "operations, or leave it out of the exported model and apply it to the model's output"
            )
        names = write(self, **arguments)
        names = names if isinstance(names, (tuple, list)) else (names,)
        for output, name in zip(node.outputs, names, strict=False):
            if output is not None and name is not None:
                self.names[output.number] = self.name(name)
                if output.varies:
                    self.known.append(output)
        for output in outputs:
            if output.number not in self.names:
                self.fail("ONNX has no such output (indices of a pooling, for example); compute without it")

    def _foldable(self, value: Value, node: Node) -> bool:
        """Return whether a value is a constant that goes into the file as such."""
        if not self.fold or self.const(value) is None:
            return False
        size = sum(v.array.nbytes for v in node.inputs)
        return value.array.nbytes <= max(_SMALL, 2 * size)


def _simplify(arguments: dict[str, Any], node: Node) -> None:
    """Let a write of one number at a mask take that number, not as many of it as the mask has places."""
    value = arguments.get("value")
    if node.op == "index_put" and isinstance(value, Value):
        while value.node is not None and value.node.op in ("expand", "view"):
            value = value.node.arguments["input"]
        if value.array.size == 1:
            arguments["value"] = value
            node.inputs = [value if v is node.arguments["value"] else v for v in node.inputs]


def _differs(mine: Any, theirs: Any, arrays: Any, others: Sequence[Value]) -> bool:
    """Return whether an argument, or the contents of a constant, differ between two recordings."""
    if isinstance(mine, Value):
        if not isinstance(theirs, Value) or theirs.number != mine.number:
            return True
        return mine.kind == "constant" and not same(arrays[mine.number][0], others[mine.number].array)
    if isinstance(mine, Varying):
        return bool(mine.values[0] != theirs)
    if isinstance(mine, (tuple, list)):
        return len(mine) != len(theirs) or any(
            _differs(a, b, arrays, others) for a, b in zip(mine, theirs, strict=True)
        )
    if isinstance(mine, dict):
        return any(_differs(v, theirs[k], arrays, others) for k, v in mine.items())
    if isinstance(mine, slice):
        return _differs((mine.start, mine.stop, mine.step), (theirs.start, theirs.stop, theirs.step), arrays, others)
    return bool(mine is not theirs and mine != theirs and not (mine != mine and theirs != theirs))


def _factor(values: Sequence[int], units: Sequence[int]) -> int | None:
    """Return the integer that times ``units`` is ``values``."""
    if 0 in units or values[0] % units[0]:
        return None
    factor = values[0] // units[0]
    return factor if factor > 0 and all(u * factor == v for u, v in zip(units, values, strict=True)) else None


def _line(values: Sequence[int], at: Sequence[int]) -> tuple[int, int] | None:
    """Return (a, b) with ``values = a * at + b`` in integers; a is positive."""
    spread = [(v - values[0], n - at[0]) for v, n in zip(values, at, strict=True) if n != at[0]]
    if not spread or spread[0][0] % spread[0][1]:
        return None
    a = spread[0][0] // spread[0][1]
    b = values[0] - a * at[0]
    ok = a > 0 and all(a * n + b == v for v, n in zip(values, at, strict=True))
    return (a, b) if ok else None
