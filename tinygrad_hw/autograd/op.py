"""How an op is declared: a pure function on arrays, and a gradient rule for each differentiable argument.

    mul  = op("mul", np.multiply, promote="same", input=lambda g, other: g * other,
              other=lambda g, input: g * input)
    tanh = op("tanh", np.tanh, promote="float", input=lambda g, out: g * (1 - out * out))

The forward function's positional parameters are its array arguments; its keyword-only parameters are
plain Python values. The parameter names of a rule say what is saved for it:

    ``g``            the gradient of the output (a list of gradients for several differentiable outputs)
    ``g_<output>``   the gradient of one named output
    an argument      that argument's array, as the forward function saw it
    ``<arg>_shape``  only its shape
    ``out``          the result (or, by name, one of several outputs)
    a parameter      the value of a keyword-only parameter
    ``needs``        (joint rules) which differentiable arguments need a gradient, a tuple of bool

The names are read once, at import. From them a wrapper is generated that unwraps tensors, promotes
dtypes, calls the forward function, and, only if a gradient will be needed, records a node. The engine
calls a rule with ndarrays for a first-order gradient and with tensors under ``create_graph=True``; a rule
may therefore use operators, package ops, shapes and Python numbers only. An op called with no tensor
among its arguments returns an ndarray, which is what makes package ops usable in rules.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import complex as complex_numbers
from tinygrad_hw.autograd.codegen import LOCALS, NUMBERED, generate_call, generate_vjp
from tinygrad_hw.autograd.graph import NAMESPACE, Node, TensorBase, next_number, offer_saved, wrap

__all__ = ["REGISTRY", "Op", "op", "record", "saved_for_backward_error"]

#: Every declared op by name; the test suite walks it.
REGISTRY: dict[str, Op] = {}

_NUMBERS = (int, float, bool, complex)

_NO_CELL: list[int] = NAMESPACE["NO_CELL"]


class Op:
    """One declared operation. Made by :func:`op`; see the module's docstring for the idea.

    Attributes:
        name: unique name, such as ``"mul"``.
        node_name: what ``grad_fn`` prints, such as ``"MulBackward0"``.
        forward: the function on arrays.
        arguments: names of the array arguments.
        parameters: names of the keyword-only parameters.
        differentiable: the arguments that have a gradient rule, in argument order.
        outputs: names of the outputs; ``("out",)`` for most, ``None`` for a list of unknown length.
        differentiable_outputs: those that carry a gradient.
        call: the generated public function.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        rules: Mapping[str, Callable[..., Any]],
        *,
        promote: str | None,
        promote_over: Sequence[str] | None,
        view: bool,
        outputs: Sequence[str] | None,
        nondiff: Sequence[str],
        joint: Callable[..., Any] | None,
        raw: Callable[..., Any] | None,
        differentiable: Sequence[str],
        node_name: str | None,
        doc: str | None,
        tensors: Sequence[str] = (),
        out: bool = False,
        large: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.out = out
        self.large = large
        self.forward = forward
        self.node_name = node_name or "".join(p.title() for p in name.split("_")) + "Backward0"
        self.promote = promote
        self.view = view
        self.outputs = None if outputs is None else tuple(outputs)
        self.doc = doc
        self.tensors = tuple(tensors)
        self.complex = name in complex_numbers.OPS
        self.joint = joint
        self.raw = raw
        self.rules = dict(rules)
        self.arguments, self.parameters, self.defaults, self.variadic = _signature(forward)
        names = {*self.arguments, *self.parameters}
        clash = ((set(NAMESPACE) | LOCALS) & names) | {n for n in names if NUMBERED.fullmatch(n)}
        if clash:
            raise TypeError(f"op {name!r}: generated code needs the names {sorted(clash)} for itself")
        self.promote_over = tuple(promote_over if promote_over is not None else self.arguments)
        wanted = set(differentiable) | set(rules)
        unknown = wanted - set(self.arguments)
        if unknown:
            raise TypeError(
                f"op {name!r}: gradient rules for unknown arguments {sorted(unknown)}; "
                f"the forward function's arguments are {list(self.arguments)}"
            )
        self.differentiable = tuple(a for a in self.arguments if a in wanted)
        self.differentiable_outputs = (
            None if self.outputs is None else tuple(o for o in self.outputs if o not in nondiff)
        )
        #: Several differentiable outputs: the node's gradient is a list, and each output has its own
        #: ``select_output`` node in front of it.
        self.multi = self.differentiable_outputs is None or len(self.differentiable_outputs) > 1
        self._lay_out()
        if self.variadic:
            self.core, self.call = _variadic(self)
            self.vjp = self._vjp_variadic
        else:
            self.call = generate_call(self, promoting=True)

    # Written when first asked for: most programs use few ops, and writing all would double the time of the import.

    @functools.cached_property
    def core(self) -> Callable[..., Any]:
        """The op for arguments that have their common dtype already."""
        return generate_call(self, promoting=False)

    @functools.cached_property
    def vjp(self) -> Callable[[Node, Any, tuple[Any, ...]], Sequence[Any]]:
        """The rules, for arrays: takes a node, its gradient and its parents."""
        return generate_vjp(self)

    # -- what a node saves ------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Read the rules' parameter names and fix the layout of ``node.saved``."""
        self.rule_names: dict[str, tuple[str, ...]] = {}
        users: dict[str, set[str]] = {}
        all_rules: list[tuple[str, Callable[..., Any], set[str]]] = [(a, r, {a}) for a, r in self.rules.items()]
        everyone = set(self.differentiable)
        if self.joint is not None:
            all_rules.append(("joint rule", self.joint, everyone))
        if self.raw is not None:
            all_rules.append(("raw rule", self.raw, everyone))
        outputs = self.outputs or ()
        for label, rule, serves in all_rules:
            names = tuple(inspect.signature(rule).parameters)
            self.rule_names[label] = names
            for n in names:
                base = n.removesuffix("_shape") if n.endswith("_shape") else n
                if n in ("g", "needs") or (n.startswith("g_") and n[2:] in outputs):
                    continue
                if n in self.parameters:
                    continue
                if n in self.arguments or n in outputs or base in self.arguments:
                    users.setdefault(n, set()).update(serves)
                    continue
                known = ["g", "needs", *self.arguments, *(a + "_shape" for a in self.arguments)]
                raise TypeError(
                    f"op {self.name!r}: the gradient rule of {label!r} asks for {n!r}, which is none of "
                    f"{[*known, *outputs, *self.parameters]}"
                )
        #: (name, kind, arguments whose gradient needs it); kind is "array", "shape" or "output".
        self.layout: list[tuple[str, str, frozenset[str]]] = []
        for n, serves in users.items():
            if n in self.arguments:
                kind = "array"
            elif n in outputs:
                kind = "output"
            else:
                kind = "shape"
            self.layout.append((n, kind, frozenset(serves)))
        self.guarded = [i for i, (_, kind, _) in enumerate(self.layout) if kind != "shape"]
        offer_saved([*self.parameters, *(self.layout[i][0] for i in self.guarded)])
        #: Whether a node's saved values go with the first walk: shapes alone may be used again, as in PyTorch.
        self.frees = bool(self.guarded)

    def changed(self, node: Node) -> str | None:
        """Return a message if a saved array was written to since it was saved."""
        saved = node.saved
        assert saved is not None
        at = len(self.layout)
        for i in self.guarded:
            cells, versions = saved[at], saved[at + 1]
            at += 2
            if not isinstance(versions, tuple):
                cells, versions = (cells,), (versions,)
            for cell, version in zip(cells, versions, strict=True):
                if cell[0] != version:
                    name, value = self.layout[i][0], saved[i]
                    if isinstance(value, (list, tuple)):
                        value = value[cells.index(cell)]
                    return (
                        "one of the variables needed for gradient computation has been modified by an "
                        f"inplace operation: {node.name()} saved {name!r} (shape {list(value.shape)}, "
                        f"{dtypes.from_numpy(value.dtype)}) at version {version}, and it is at version "
                        f"{cell[0]} now. Hint: use the out-of-place form of the operation (x = x + y "
                        "instead of x += y), or clone() the tensor before it is changed"
                    )
        return None

    # -- gradients --------------------------------------------------------------------------------

    def _vjp_variadic(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        values = self._raw_values(node, g, parents)
        rule, label = (self.raw, "raw rule") if self.raw is not None else (self.joint, "joint rule")
        assert rule is not None
        return rule(**{n: values[n] for n in self.rule_names[label]})

    def _raw_values(self, node: Node, g: Any, parents: tuple[Any, ...]) -> dict[str, Any]:
        saved = node.saved
        if saved is None and self.layout:
            raise saved_for_backward_error(node)
        saved = saved or ()
        message = self.changed(node) if self.layout else None
        if message:
            raise RuntimeError(message)
        values = {entry[0]: saved[i] for i, entry in enumerate(self.layout)}
        values.update(zip(self.parameters, node.params, strict=True))
        if self.multi:
            g = materialize(node, g)
            for output, gi in zip(self.differentiable_outputs or (), g, strict=False):
                values["g_" + output] = gi
        values["g"] = g
        values["needs"] = tuple(p is not None for p in parents)
        return values

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Call the rules with tensors, so that the gradient is itself recorded (``create_graph``)."""
        values = self._raw_values(node, None if self.multi else g, parents)
        if self.multi:
            g = [wrap(np.zeros(s, d)) if gi is None else gi for gi, s, d in zip(g, node.shape, node.dtype, strict=True)]
            values["g"] = g
            for output, gi in zip(self.differentiable_outputs or (), g, strict=False):
                values["g_" + output] = gi
        if self.variadic:
            name = self.arguments[0]
            if name in values:
                values[name] = [attach(a, p) for a, p in zip(values[name], node.parents, strict=True)]
        else:
            for argument, parent in zip(self.differentiable, node.parents, strict=True):
                if values.get(argument) is not None:
                    values[argument] = attach(values[argument], parent)
        for i, output in enumerate(self.differentiable_outputs or ()):
            if values.get(output) is not None:
                t = wrap(values[output])
                t._node = select_output(node, i) if self.multi else node
                values[output] = t
        if self.joint is not None:
            return self.joint(**{n: values[n] for n in self.rule_names["joint rule"]})
        return [
            None if p is None else self.rules[a](**{n: values[n] for n in self.rule_names[a]})
            for a, p in zip(self.differentiable, parents, strict=True)
        ]

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join((*self.arguments, *self.parameters))})>"


def _signature(
    forward: Callable[..., Any],
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any], bool]:
    if isinstance(forward, np.ufunc):
        return ("input", "other", "third")[: forward.nin], (), {}, False
    arguments: list[str] = []
    parameters: list[str] = []
    defaults: dict[str, Any] = {}
    variadic = False
    for p in inspect.signature(forward).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            parameters.append(p.name)
        else:
            arguments.append(p.name)
            variadic = variadic or p.kind is p.VAR_POSITIONAL
        if p.default is not p.empty:
            defaults[p.name] = p.default
    return tuple(arguments), tuple(parameters), defaults, variadic


def op(
    name: str,
    forward: Callable[..., Any],
    *,
    promote: str | None = None,
    promote_over: Sequence[str] | None = None,
    view: bool = False,
    outputs: Sequence[str] | None = ("out",),
    nondiff: Sequence[str] = (),
    joint: Callable[..., Any] | None = None,
    raw: Callable[..., Any] | None = None,
    differentiable: Sequence[str] = (),
    node_name: str | None = None,
    doc: str | None = None,
    tensors: Sequence[str] = (),
    out: bool = False,
    large: Callable[..., Any] | None = None,
    **rules: Callable[..., Any],
) -> Callable[..., Any]:
    """Declare an op and return its function, polymorphic over tensors and arrays.

    Args:
        name: unique name in the registry.
        forward: pure function on arrays: positional array arguments, keyword-only parameters. A ufunc's
            arguments are called ``input`` and ``other``.
        promote: ``"same"`` to bring the arguments to their common dtype first; ``"float"`` to make it
            floating point as well (``div``, ``exp``); ``"number"`` to make bool int64 (``square``); None
            (default) to leave them alone.
        promote_over: the arguments that take part in promotion; all by default.
        view: the result shares the first argument's memory.
        outputs: names of several outputs; ``None`` for a list whose length varies.
        nondiff: outputs without a gradient (indices).
        joint: one rule for all ``differentiable`` arguments, returning a sequence of gradients.
        raw: a fused joint rule, used instead of the others for first-order gradients only.
        differentiable: the arguments that ``joint`` serves.
        node_name: what ``grad_fn`` prints; ``<Name>Backward0`` by default.
        doc: the docstring of the returned function.
        tensors: arguments for which a Python number is a TypeError.
        out: the function takes ``out=``, a tensor to write the result into.
        large: does the same for two large arrays, on several threads.
        **rules: for each differentiable argument its gradient rule.

    Raises:
        TypeError: a rule names an unknown argument or asks for an unknown value.
        ValueError: the name is taken.
    """
    if name in REGISTRY:
        raise ValueError(f"an op named {name!r} is declared already")
    o = Op(
        name,
        forward,
        rules,
        promote=promote,
        promote_over=promote_over,
        view=view,
        outputs=outputs,
        nondiff=nondiff,
        joint=joint,
        raw=raw,
        differentiable=differentiable,
        node_name=node_name,
        doc=doc,
        tensors=tensors,
        out=out,
        large=large,
    )
    REGISTRY[name] = o
    return o.call


# -- what generated code and rules call ------------------------------------------------------------


def saved_for_backward_error(node: Node) -> RuntimeError:
    """Return the error for a second walk through a node whose saved arrays were freed."""
    return RuntimeError(
        f"Trying to backward through the graph a second time: what {node.name()} saved was freed by the "
        "first backward. Specify retain_graph=True if you need to backward through the graph a second "
        "time or to access saved tensors after calling backward"
    )


def materialize(node: Node, grads: Any) -> list[Any]:
    """Return the gradients of a node with several outputs, zeros in place of missing ones."""
    return [
        np.zeros(shape, dtype) if g is None else g
        for g, shape, dtype in zip(grads or [None] * len(node.shape), node.shape, node.dtype, strict=True)
    ]


def record(
    op: Op,
    parents: tuple[Any, ...],
    saved: tuple[Any, ...],
    params: tuple[Any, ...],
    shape: Any,
    dtype: Any,
) -> Node:
    """Return a new node."""
    node: Node = object.__new__(Node)
    node.op = op
    node.params = params
    node.parents = parents
    node.saved = saved
    node.number = next_number()
    node.shape = shape
    node.dtype = dtype
    node.hooks = None
    return node


def select_output(node: Node, index: int) -> Node:
    """Return the node of one output of a node with several differentiable outputs."""
    return record(SELECT_OUTPUT, (node,), (), (index,), node.shape[index], node.dtype[index])


def attach(array: Any, parent: Any) -> Any:
    """Return a saved array as a tensor whose gradient flows to ``parent``."""
    if not isinstance(array, np.ndarray):
        return array
    if isinstance(parent, TensorBase):
        if parent.array is array:
            return parent
        t = wrap(array)
        t._node = record(ALIAS, (parent,), (), (), array.shape, array.dtype)
        return t
    t = wrap(array)
    t._node = parent
    return t


def _promote(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Bring the arguments to a common dtype (recorded casts), then apply the op."""
    over = [i for i, a in enumerate(op.arguments) if a in op.promote_over]
    arrays: list[Any] = []
    values = list(args)
    for i in over:
        v = values[i]
        if isinstance(v, TensorBase):
            arrays.append(v.array)
        elif isinstance(v, np.ndarray):
            arrays.append(v)
        elif isinstance(v, np.generic):
            values[i] = v.item()
            arrays.append(values[i])
        elif isinstance(v, (bool, int, float, complex)):
            arrays.append(v)
        elif v is not None:
            raise TypeError(
                f"{op.name}(): argument {op.arguments[i]!r} must be Tensor or a number, not {type(v).__name__}"
            )
    target = dtypes.result_type_of(arrays)
    if target.kind == 3 and not op.complex:
        raise complex_numbers.refuse(op.name, target.numpy)
    if op.promote == "float" and target.kind < 2:
        target = dtypes.get_default_dtype()
    elif op.promote == "number" and target.kind == 0:
        target = dtypes.int64
    numpy_target = target.numpy
    cast = NAMESPACE["cast"]
    for i in over:
        v = values[i]
        if isinstance(v, TensorBase):
            if v.array.dtype != numpy_target:
                values[i] = cast(v, dtype=numpy_target)
        elif isinstance(v, np.ndarray):
            values[i] = v.astype(numpy_target, copy=False)
        elif v is not None:
            v = (bool, int, float, complex)[target.kind](v)
            values[i] = _wrapped(v, numpy_target) if v.__class__ is int else v
    if NAMESPACE["TRACE"] is not None:
        return NAMESPACE["TRACE"](op, tuple(values), params)
    return op.core(*values, **params)


def _wrapped(value: int, kind: Any) -> int:
    """Return an integer as ``kind`` holds it: PyTorch lets a number that is too large wrap around."""
    bits = 8 * kind.itemsize
    if not -(1 << 63) <= value < 1 << 64:
        raise RuntimeError("Overflow when unpacking long long")
    value &= (1 << bits) - 1
    return value - (1 << bits) if kind.kind == "i" and value >> (bits - 1) else value


def _same_dtype(*arrays: Any) -> bool:
    """Whether no promotion is needed: floating arrays of one dtype, and Python numbers."""
    found = None
    for a in arrays:
        if a.__class__ is np.ndarray:
            if found is None:
                found = a.dtype
            elif a.dtype is not found:
                return False
        elif not (a is None or a.__class__ is float or a.__class__ is int):
            return False
    return found is not None and found.kind == "f"


def _raw(out: Any) -> Any:
    """Make numpy scalars 0-d arrays."""
    if isinstance(out, tuple):
        return tuple(o if o is None else np.asarray(o) for o in out)
    if isinstance(out, list):
        return [np.asarray(o) for o in out]
    return np.asarray(out)


def _check_arguments(op: Op, *arguments: Any) -> None:
    """Raise if there is neither a tensor nor an array, as when a user passes numbers or lists."""
    if not any(isinstance(a, (np.ndarray, np.generic)) for a in arguments):
        raise _needs_tensor(op, *arguments)


def _needs_tensor(op: Op, *arguments: Any) -> TypeError:
    """Return PyTorch's error for a Python number where a tensor belongs."""
    given = ", ".join(type(a).__name__ for a in arguments)
    return TypeError(
        f"{op.name}() received an invalid combination of arguments - got ({given}): "
        f"{op.arguments[0]!r} must be a Tensor. Wrap the number in torch.tensor()"
    )


def _broadcast_error(op: Op, error: ValueError, *arrays: Any) -> Exception:
    """Return PyTorch's error for shapes that do not broadcast; any other error as it is."""
    shapes = [np.shape(a) for a in arrays]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        pass
    else:
        return error
    for a, b in itertools.combinations(shapes, 2):
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                dim = max(len(s) for s in shapes) - i
                return RuntimeError(
                    f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton "
                    f"dimension {dim}: {op.name} cannot broadcast the shapes "
                    f"{' and '.join(str(list(s)) for s in shapes)}. Reshape or unsqueeze one of them"
                )
    return error


NAMESPACE.update(
    broadcast_error=_broadcast_error,
    check_arguments=_check_arguments,
    needs_tensor=_needs_tensor,
    no_complex=complex_numbers.refuse,
    NUMBERS=_NUMBERS,
    saved_for_backward_error=saved_for_backward_error,
    materialize=materialize,
    select_output=select_output,
    promote=_promote,
    same_dtype=_same_dtype,
    raw=_raw,
)


def _variadic(op: Op) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the wrappers (untraced and public) of an op on any number of arrays, such as ``cat``."""
    if op.rules or op.outputs != ("out",) or op.view:
        raise TypeError(f"op {op.name!r}: an op on *arrays has one output and a joint rule")
    forward, parameters, layout = op.forward, op.parameters, op.layout

    def call(*tensors: Any, **params: Any) -> Any:
        if NAMESPACE["TRACE"] is not None:
            return NAMESPACE["TRACE"](op, tensors, params)
        return run(tensors, params)

    def core(*tensors: Any, **params: Any) -> Any:
        return run(tensors, params)

    def run(tensors: tuple[Any, ...], params: dict[str, Any]) -> Any:
        arrays: list[Any] = []
        parents: list[Any] = []
        found = needed = mixed = False
        kind = None
        for t in tensors:
            if isinstance(t, TensorBase):
                found = True
                if t._base is not None:
                    NAMESPACE["sync"](t)
                array = t.array
                edge = t._node
                if edge is None and t._requires_grad:
                    edge = t  # type: ignore[assignment]
                parents.append(edge)
                needed = needed or edge is not None
            else:
                array = t
                parents.append(None)
            arrays.append(array)
            if array.__class__ is np.ndarray and array.dtype is not kind:
                mixed = kind is not None
                kind = array.dtype
        if op.promote is not None and found and mixed:
            kinds = {a.dtype for a in arrays if isinstance(a, np.ndarray)}
            if len(kinds) > 1:
                target = dtypes.result_type_of(arrays).numpy
                cast = NAMESPACE["cast"]
                return run(tuple(cast(t, dtype=target) for t in tensors), params)
        out = np.asarray(forward(*arrays, **params))
        if not found:
            return out
        result = wrap(out)
        if not needed or not NAMESPACE["GRAD_MODE"].enabled or not op.differentiable:
            return result
        saved: list[Any] = []
        guards: list[Any] = []
        for _, kind, _ in layout:
            if kind == "array":
                cells = tuple(t._version_cell if isinstance(t, TensorBase) else _NO_CELL for t in tensors)
                saved.append(arrays)
                guards += [cells, tuple(c[0] for c in cells)]
            elif kind == "shape":
                saved.append([a.shape for a in arrays])
            else:
                saved.append(out)
                guards += [result._version_cell, result._version_cell[0]]
        values = tuple(params[p] if p in params else op.defaults[p] for p in parameters)
        result._node = record(op, tuple(parents), (*saved, *guards), values, out.shape, out.dtype)
        return result

    call.__doc__ = op.doc
    call.__name__ = call.__qualname__ = op.name
    call.op = op  # type: ignore[attr-defined]
    return core, call


def _passing(name: str, forward: Callable[..., Any]) -> Op:
    """Return an op that stands in graphs only; it hands its gradient on."""
    return Op(
        name,
        forward,
        {"input": lambda g: g},
        promote=None,
        promote_over=None,
        view=False,
        outputs=("out",),
        nondiff=(),
        joint=None,
        raw=None,
        differentiable=(),
        node_name=None,
        doc=None,
    )


SELECT_OUTPUT = _passing("select_output", lambda input, *, index: input[index])
ALIAS = _passing("alias", lambda input: input)
