"""The source of an op's wrapper and of its rules' call, written for its signature.

The generated functions share one dictionary of globals, ``NAMESPACE`` of ``graph.py``; what they call beyond that
module is put there by ``op.py``.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import NAMESPACE, Node
from tinygrad_hw.kernels.arithmetic import LARGE

if TYPE_CHECKING:
    from tinygrad_hw.autograd.op import Op

__all__ = ["LOCALS", "NUMBERED", "generate_call", "generate_vjp"]

#: Names of local variables in generated code.
NUMBERED = re.compile(r"[acdgnsv]\d+")
LOCALS = {"cell", "d", "g", "node", "out", "outs", "parents", "saved", "t", "tensor", "ts"}


def _compile(source: str, name: str) -> Any:
    """Run generated source in the shared namespace and return the function it defines."""
    filename = f"<tinygrad_hw op {name}>"
    # So that tracebacks and debuggers show the generated lines.
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    written: dict[str, Any] = {}
    exec(compile(source, filename, "exec"), NAMESPACE, written)
    return written[name]


def _condition(op: Op, users: frozenset[str]) -> str | None:
    """Source of "one of these arguments needs a gradient"; None if that goes without saying."""
    if users == frozenset(op.differentiable):
        return None
    indices = sorted(op.arguments.index(u) for u in users)
    return " or ".join(f"n{i} is not None" for i in indices)


def generate_call(op: Op, promoting: bool) -> Callable[..., Any]:
    """Write the wrapper of an op with a fixed number of arguments.

    ``promoting=True`` writes the public function; ``promoting=False`` the one applied to arguments
    that have their common dtype already, and to which a tracer passes on.
    """
    args, params = op.arguments, op.parameters
    key = f"op_{op.name}"
    NAMESPACE[key] = op
    NAMESPACE[f"forward_{op.name}"] = op.forward
    name = f"call_{op.name}" if promoting else f"core_{op.name}"
    taking_out = promoting and op.out
    lines: list[str] = []
    w = lines.append
    w(f"def {name}({', '.join(_parameters(op, taking_out))}):")
    if taking_out:
        w("    if out is not None:")
        w(f"        return into(out, {name}, {', '.join((*args, *(f'{p}={p}' for p in params)))})")
    w("    tensor = False")
    for i, a in enumerate(args):
        _write_unwrapping(op, w, i, a)
    keyword_args = "".join(f", {p}={p}" for p in params)
    call = f"forward_{op.name}({', '.join(f'a{i}' for i in range(len(args)))}{keyword_args})"
    w("    if not tensor:")
    if args:
        w(f"        if {' and '.join(f'a{i}.__class__ is not ndarray' for i in range(len(args)))}:")
        w(f"            check_arguments({key}, {', '.join(f'a{i}' for i in range(len(args)))})")
    w(f"        out = {call}")
    w("        return out if out.__class__ is ndarray else raw(out)")
    if op.promote is None and args and not op.complex:
        w("    if a0.__class__ is ndarray and a0.dtype is not F32 and a0.dtype.kind == 'c':")
        w(f"        raise no_complex({op.name!r}, a0.dtype)")
    if promoting:
        given = ", ".join(args) + ("," if len(args) == 1 else "")
        handed = f"({key}, ({given}), {{{', '.join(f'{p!r}: {p}' for p in params)}}})"
        if op.promote is not None:
            _write_promotion(op, w, f"return promote{handed}")
        w("    if TRACE is not None:")
        w(f"        return TRACE{handed}")
    if op.outputs == ("out",):
        _write_single(op, w, call, arrays=promoting)
    else:
        _write_several(op, w, call)
    function = _compile("\n".join(lines) + "\n", name)
    function.__doc__ = op.doc
    function.__qualname__ = function.__name__ = op.name
    function.__module__ = getattr(op.forward, "__module__", None) or NAMESPACE["__name__"]
    function.op = op
    if taking_out:
        NAMESPACE[name] = function
    return function


def _parameters(op: Op, taking_out: bool) -> list[str]:
    """Return the source of a wrapper's parameters, in order."""
    pieces = []
    for p in (*op.arguments, *op.parameters):
        if op.parameters and p == op.parameters[0]:
            pieces.append("*")
        if p in op.defaults:
            NAMESPACE[f"default_{op.name}_{p}"] = op.defaults[p]
            pieces.append(f"{p}=default_{op.name}_{p}")
        else:
            pieces.append(p)
    if taking_out:
        pieces += ["out=None"] if op.parameters else ["*", "out=None"]
    return pieces


def _write_unwrapping(op: Op, w: Callable[[str], None], i: int, a: str) -> None:
    """Write what takes argument ``a`` apart: its array, where its gradient goes, its count of writes."""
    differentiable = a in op.differentiable
    guarded = any(n == a and k == "array" for n, k, _ in op.layout)
    w(f"    if isinstance({a}, TensorBase):")
    w("        tensor = True")
    w(f"        if {a}._base is not None:")
    w(f"            sync({a})")
    w(f"        a{i} = {a}.array")
    if differentiable:
        w(f"        n{i} = {a}._node")
        w(f"        if n{i} is None and {a}._requires_grad:")
        w(f"            n{i} = {a}")
    if guarded:
        w(f"        c{i} = {a}._version_cell")
    w("    else:")
    w(f"        a{i} = {a}")
    if a in op.tensors:
        w(f"        if a{i}.__class__ in NUMBERS:")
        w(f"            raise needs_tensor(op_{op.name}, {', '.join(op.arguments)})")
    if differentiable:
        w(f"        n{i} = None")
    if guarded:
        w(f"        c{i} = NO_CELL")


def _write_promotion(op: Op, w: Callable[[str], None], slow: str) -> None:
    """Write the tests that send arguments without their common dtype to ``slow``, the statement that promotes."""
    over = [i for i, a in enumerate(op.arguments) if a in op.promote_over]
    if len(over) == 1:
        if op.promote in ("float", "number"):
            w(f"    d = a{over[0]}.dtype")
            w("    if d is not F32 and d is not F64:")
            w(f"        {slow}")
    elif len(over) == 2:
        x, y = over
        floats = " and (d is F32 or d is F64)" if op.promote == "float" else ""
        w(f"    if a{x}.__class__ is ndarray:")
        w(f"        d = a{x}.dtype")
        if not op.complex and not floats:
            w("        if d.kind == 'c':")
            w(f"            raise no_complex({op.name!r}, d)")
        w(f"        if a{y}.__class__ is ndarray:")
        w(f"            if not (a{y}.dtype is d{floats}):")
        w(f"                {slow}")
        # A ufunc takes a 0-d array in 0.21 us and a Python float in 0.43 us; asarray costs 0.08.
        w(f"        elif (d is F32 or d is F64) and (a{y}.__class__ is float or a{y}.__class__ is int):")
        w(f"            a{y} = asarray(a{y}, d)")
        w("        else:")
        w(f"            {slow}")
        w("    else:")
        w(f"        d = a{y}.dtype")
        w(f"        if (d is F32 or d is F64) and (a{x}.__class__ is float or a{x}.__class__ is int):")
        w(f"            a{x} = asarray(a{x}, d)")
        w("        else:")
        w(f"            {slow}")
    else:
        w(f"    if not same_dtype({', '.join(f'a{i}' for i in over)}):")
        w(f"        {slow}")


def _write_tensor(op: Op, w: Callable[[str], None], indent: str) -> None:
    """Write what makes tensor ``t`` of array ``out``. A view knows who owns the storage, unless recording is off."""
    a = op.arguments[0] if op.view else ""
    w(f"{indent}t = new(T)")
    w(f"{indent}t.array = out")
    w(f"{indent}t._requires_grad = False")
    w(f"{indent}t._grad = None")
    w(f"{indent}t._hooks = None")
    if not op.view:
        w(f"{indent}t._version_cell = [0] if NEW_CELL is None else NEW_CELL()")
        w(f"{indent}t._base = None")
        return
    w(f"{indent}cell = t._version_cell = {a}._version_cell")
    w(f"{indent}if GRAD_MODE.enabled and cell.__class__ is list:")
    w(f"{indent}    t._base = {a} if {a}._base is None else {a}._base")
    w(f"{indent}    t._seen = cell[0]")
    w(f"{indent}else:")
    w(f"{indent}    t._base = None")


def _write_node(op: Op, w: Callable[[str], None], shape: str, dtype: str, output: Callable[[str], str]) -> None:
    """Write the statements that make ``node``; ``output(name)`` is the source of an output's tensor."""
    values, guards = [], []
    for i, (n, kind, users) in enumerate(op.layout):
        if kind == "shape":
            k = op.arguments.index(n.removesuffix("_shape"))
            values.append(f"getattr(a{k}, 'shape', ())" if op.promote else f"a{k}.shape")
            continue
        if kind == "array":
            k = op.arguments.index(n)
            value, cell, version = f"a{k}", f"c{k}", f"c{k}[0]"
        else:
            t = output(n)
            value, cell, version = f"{t}.array", f"{t}._version_cell", f"g{i}[0]"
        condition = _condition(op, users)
        if condition is None:
            values.append(value)
            guards.append(f"{cell}, {cell}[0]")
        else:
            w(f"    if {condition}:")
            w(f"        s{i} = {value}; g{i} = {cell}; v{i} = {version}")
            w("    else:")
            w(f"        s{i} = None; g{i} = NO_CELL; v{i} = 0")
            values.append(f"s{i}")
            guards.append(f"g{i}, v{i}")
    parents = ", ".join(f"n{op.arguments.index(a)}" for a in op.differentiable)
    saved = ", ".join((*values, *guards))
    parameters = ", ".join(op.parameters)
    w("    node = new(Node)")
    w(f"    node.op = op_{op.name}")
    w(f"    node.params = ({parameters}{',' if len(op.parameters) == 1 else ''})")
    w(f"    node.parents = ({parents}{',' if len(op.differentiable) == 1 else ''})")
    w(f"    node.saved = ({saved}{',' if len(values) + len(guards) == 1 else ''})")
    w("    node.number = next_number()")
    w(f"    node.shape = {shape}")
    w(f"    node.dtype = {dtype}")
    w("    node.hooks = None")


def _needs_none(op: Op) -> str:
    """Source of "nothing to record"."""
    unneeded = " and ".join(f"n{op.arguments.index(a)} is None" for a in op.differentiable)
    return f"({unneeded}) or not GRAD_MODE.enabled"


def _write_single(op: Op, w: Callable[[str], None], call: str, arrays: bool) -> None:
    """Write the call of an op with one result; ``arrays``: all that was promoted is an array by now."""
    if op.large is not None:
        NAMESPACE[f"large_{op.name}"] = op.large
        small = f"a0.size < {LARGE}" if arrays else f"a0.__class__ is not ndarray or a0.size < {LARGE}"
        call = f"{call} if {small} else large_{op.name}(a0, a1)"
    if op.promote is not None and len(op.promote_over) > 1:
        w("    try:")
        w(f"        out = {call}")
        w("    except ValueError as error:")
        w(f"        raise broadcast_error(op_{op.name}, error, {', '.join(f'a{i}' for i in range(len(op.arguments)))})")
    else:
        w(f"    out = {call}")
    w("    if out.__class__ is not ndarray:")
    w("        out = asarray(out)")
    _write_tensor(op, w, "    ")
    if not op.differentiable:
        w("    t._node = None")
        w("    return t")
        return
    w(f"    if {_needs_none(op)}:")
    w("        t._node = None")
    w("        return t")
    _write_node(op, w, "out.shape", "out.dtype", lambda _: "t")
    w("    t._node = node")
    w("    return t")


def _write_several(op: Op, w: Callable[[str], None], call: str) -> None:
    w(f"    outs = {call if op.outputs is not None else f'raw({call})'}")
    w("    ts = []")
    w("    for out in outs:")
    if op.outputs is not None:
        w("        if out is None:")
        w("            ts.append(None)")
        w("            continue")
        w("        if out.__class__ is not ndarray:")
        w("            out = asarray(out)")
    _write_tensor(op, w, "        ")
    w("        t._node = None")
    w("        ts.append(t)")
    result = "ts" if op.outputs is None else "tuple(ts)"
    if not op.differentiable:
        w(f"    return {result}")
        return
    w(f"    if {_needs_none(op)}:")
    w(f"        return {result}")
    if op.outputs is None:
        _write_node(op, w, "[o.shape for o in outs]", "[o.dtype for o in outs]", lambda _: "t")
        w("    for i, t in enumerate(ts):")
        w("        t._node = select_output(node, i)")
    else:
        outputs = op.outputs
        at = [outputs.index(o) for o in op.differentiable_outputs or ()]
        output = lambda n: f"ts[{outputs.index(n)}]"  # noqa: E731
        if op.multi:
            shapes = ", ".join(f"outs[{i}].shape" for i in at)
            kinds = ", ".join(f"outs[{i}].dtype" for i in at)
            _write_node(op, w, f"[{shapes}]", f"[{kinds}]", output)
            for k, i in enumerate(at):
                w(f"    ts[{i}]._node = select_output(node, {k})")
        else:
            _write_node(op, w, f"outs[{at[0]}].shape", f"outs[{at[0]}].dtype", output)
            w(f"    ts[{at[0]}]._node = node")
    w(f"    return {result}")


def generate_vjp(op: Op) -> Callable[[Node, Any, tuple[Any, ...]], Sequence[Any]]:
    """Write the function that unpacks a node and calls the rules with arrays."""
    name = f"vjp_{op.name}"
    lines: list[str] = []
    w = lines.append
    w(f"def {name}(node, g, parents):")
    value = {n: f"s{i}" for i, (n, _, _) in enumerate(op.layout)}
    if op.layout:
        w("    saved = node.saved")
        w("    if saved is None:")
        w("        raise saved_for_backward_error(node)")
        names = [f"s{i}" for i in range(len(op.layout))]
        names += [piece for i in op.guarded for piece in (f"c{i}", f"v{i}")]
        w(f"    {', '.join(names)}{',' if len(names) == 1 else ''} = saved")
        if op.guarded:
            w(f"    if {' or '.join(f'c{i}[0] != v{i}' for i in op.guarded)}:")
            w(f"        raise RuntimeError(op_{op.name}.changed(node))")
    if op.parameters:
        w(f"    {', '.join(op.parameters)}{',' if len(op.parameters) == 1 else ''} = node.params")
    if op.multi:
        w("    g = materialize(node, g)")
    parents = [f"p{i}" for i in range(len(op.differentiable))]
    if parents:
        w(f"    {', '.join(parents)}{',' if len(parents) == 1 else ''} = parents")
    diff_outputs = op.differentiable_outputs or ()

    def argument(n: str) -> str:
        if n == "needs":
            return "(" + " ".join(f"{p} is not None," for p in parents) + ")"
        if n in op.parameters:
            return n
        if n.startswith("g_") and n[2:] in diff_outputs:
            return f"g[{diff_outputs.index(n[2:])}]" if op.multi else "g"
        return "g" if n == "g" else value[n]

    joint, label = (op.raw, "raw rule") if op.raw is not None else (op.joint, "joint rule")
    if joint is not None:
        NAMESPACE[f"rule_{op.name}"] = joint
        w(f"    return rule_{op.name}({', '.join(argument(n) for n in op.rule_names[label])})")
    else:
        calls = []
        for p, a in zip(parents, op.differentiable, strict=True):
            NAMESPACE[f"rule_{op.name}_{a}"] = op.rules[a]
            given = ", ".join(argument(n) for n in op.rule_names[a])
            calls.append(f"rule_{op.name}_{a}({given}) if {p} is not None else None")
        w(f"    return ({', '.join(calls)}{',' if len(calls) == 1 else ''})")
    return _compile("\n".join(lines) + "\n", name)
