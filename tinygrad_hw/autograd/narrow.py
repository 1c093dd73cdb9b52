"""Dtypes that numpy stores but cannot compute with: bfloat16 and complex32.

An array of such a dtype ("narrow", numpy's kinds ``V`` and ``W``) comes from the ``ml_dtypes`` package. When the first
one is made, :func:`apply` takes the place through which every op is applied (see ``tracer.py``); until then nothing
here costs anything. It hands an op float32 or complex64 copies of its narrow arguments and rounds the results once, as
PyTorch's kernels on the CPU do. Forward functions and gradient rules therefore never see a narrow array:

* an argument's copy shares its version and its edge in the graph, so that the node looks as if it had got the argument;
* the node knows the narrow dtype of its output, so that gradients are rounded between nodes; its op is wrapped in a
  :class:`_Wide`, which hands the rules the gradient in the dtype they compute in.

Views keep the array itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd import complex as complex_numbers
from tinygrad_hw.autograd import tracer
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import Node, TensorBase, edge_of, wrap
from tinygrad_hw.autograd.op import SELECT_OUTPUT, Op

__all__ = ["apply", "is_narrow", "rounded", "wide"]

#: Ops that copy elements as they are, or convert them themselves, besides the views.
_NATIVE = frozenset({"cast", "clone", "copy_into"})
#: Ops that bring a Python number to the dtype of the tensor first; products and quotients take it as it is.
_ROUNDS_NUMBERS = frozenset({"add", "sub"})


def is_narrow(value: Any) -> bool:
    """Return whether an array, or a tensor's array, has a dtype that numpy can only store."""
    array = getattr(value, "array", value)
    return isinstance(array, np.ndarray) and array.dtype.kind in "VW"


def wide(value: Any) -> Any:
    """Return a narrow array or tensor in the dtype that operations on it compute in; anything else as it is.

    A tensor's copy has the place of the tensor in the graph.
    """
    if isinstance(value, TensorBase):
        array = value.array
        if array.dtype.kind not in "VW":
            return value
        edge = edge_of(value)
        copy = wrap(array.astype(dtypes.COMPUTE[array.dtype]))
        copy._node = edge
        copy._version_cell = value._version_cell
        return copy
    if isinstance(value, np.ndarray) and value.dtype.kind in "VW":
        return value.astype(dtypes.COMPUTE[value.dtype])
    return value


def rounded(array: Any, narrow: Sequence[np.dtype[Any]]) -> Any:
    """Return what an op computed for arguments of ``narrow`` dtypes in the dtype that its result has.

    Real results of complex32 arguments are float16.
    """
    for kind in narrow:
        computed = dtypes.COMPUTE[kind]
        if array.dtype == computed:
            return array.astype(kind)
        if computed.kind == "c" and array.dtype == np.float32:
            return array.astype(np.float16)
    return array


class _Wide:
    """An op whose rules get gradients in the dtype that they compute in."""

    def __init__(self, op: Op) -> None:
        self.inner = op

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def vjp(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Call the rules with arrays."""
        return self.inner.vjp(node, _wide_gradient(node, g, False), parents)

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Call the rules with tensors."""
        return self.inner.vjp_tensors(node, _wide_gradient(node, g, True), parents)

    def __repr__(self) -> str:
        return repr(self.inner)


def _wide_gradient(node: Node, g: Any, recorded: bool) -> Any:
    if not isinstance(node.dtype, list):
        return _wide_one(g)
    gradients = []
    for gi, shape, dtype in zip(g or [None] * len(node.shape), node.shape, node.dtype, strict=True):
        if gi is None:
            zeros = np.zeros(shape, dtypes.COMPUTE.get(dtype, dtype))
            gradients.append(wrap(zeros) if recorded else zeros)
        else:
            gradients.append(_wide_one(gi))
    return gradients


def _wide_one(g: Any) -> Any:
    kind = (g.array if isinstance(g, TensorBase) else g).dtype
    return cast(g, dtype=dtypes.COMPUTE[kind]) if kind.kind in "VW" else g


_WIDE: dict[str, _Wide] = {}


def _of(op: Any) -> _Wide:
    if isinstance(op, _Wide):
        return op
    found = _WIDE.get(op.name)
    if found is None or found.inner is not op:
        found = _WIDE[op.name] = _Wide(op)
    return found


def apply(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Apply an op; to wide copies of its arguments if there are narrow ones."""
    for a in args:
        if isinstance(a, TensorBase):
            if a.array.dtype.kind in "VW":
                break
        elif a.__class__ is np.ndarray and a.dtype.kind in "VW":
            break
    else:
        if not params:
            return op.core(*args)
        kind = params.get("dtype")
        if kind is None or op.name in _NATIVE or not _is_narrow_dtype(kind):
            return op.core(*args, **params)
    if op.name in _NATIVE:
        return op.core(*args, **params)
    if op.view:
        result = op.core(*args, **params)
        _mark(result, None)
        return result
    narrow = tuple(dict.fromkeys(a.dtype for a in (getattr(a, "array", a) for a in args) if is_narrow(a)))
    if op.variadic:  # its arguments have not been brought to their common dtype yet
        common = dtypes.result_type_of([getattr(a, "array", a) for a in args]).numpy
        narrow = (common,) if common in dtypes.COMPUTE else ()
    if not op.complex and any(dtypes.COMPUTE[k].kind == "c" for k in narrow):
        raise complex_numbers.refuse(op.name, narrow[0])
    if params.get("dtype") is not None:
        asked = _numpy(params["dtype"])
        narrow = (asked,) if asked.kind in "VW" else ()
        if narrow:
            params = {**params, "dtype": _like(params["dtype"], dtypes.COMPUTE[asked])}
    copies = [wide(a) for a in args]
    if op.name in _ROUNDS_NUMBERS and narrow:
        copies = [float(np.float32(a).astype(narrow[0])) if a.__class__ is float else a for a in copies]
    try:
        result = op.core(*copies, **params)
    except NotImplementedError as error:
        if len(narrow) != 1:
            raise
        # The op saw the copies.
        computed, own = (dtypes.from_numpy(k).name for k in (dtypes.COMPUTE[narrow[0]], narrow[0]))
        raise type(error)(str(error).replace(computed, own)) from None
    if isinstance(result, TensorBase):
        for a, copy in zip(args, copies, strict=True):
            if copy is not a and isinstance(a, TensorBase) and result.array is copy.array:
                result.array = a.array  # what was handed through stays a view
    _mark(result, narrow, op)
    return result


def _numpy(dtype: Any) -> np.dtype[Any]:
    return dtype.numpy if isinstance(dtype, dtypes.dtype) else np.dtype(dtype)


def _like(given: Any, kind: np.dtype[Any]) -> Any:
    return dtypes.from_numpy(kind) if isinstance(given, dtypes.dtype) else kind


def _is_narrow_dtype(dtype: Any) -> bool:
    return (
        dtype in (dtypes.bfloat16, dtypes.complex32) if isinstance(dtype, dtypes.dtype) else _numpy(dtype).kind in "VW"
    )


def _mark(result: Any, narrow: Sequence[np.dtype[Any]] | None, op: Any = None) -> None:
    """Round the results (those of views are None: not computed) and tell their nodes what dtype they have.

    What an op returns besides, such as the statistics of a batch, stays as precise as it was computed.
    """
    several = isinstance(result, (tuple, list))
    names = op.outputs if op is not None and several else None
    for i, t in enumerate(result if several else (result,)):
        if t is None:
            continue
        if narrow and (names is None or names[i] in op.differentiable_outputs):
            t.array = rounded(t.array, narrow)
        node = t._node
        if node is None or not isinstance(node, Node):
            continue
        kind = t.array.dtype
        if node.op is SELECT_OUTPUT:
            main, index = node.parents[0], node.params[0]
            node.dtype = main.dtype[index] = kind
            main.op = _of(main.op)
        else:
            node.dtype = kind
            node.op = _of(node.op)


#: Functions marked by :func:`~tinygrad_hw.autograd.observe.whole` that look at arrays, or that PyTorch computes in
#: one kernel.
_AS_ONE = frozenset(
    """
    heaviside histc interpolate isclose isin kthvalue lp_pool1d lp_pool2d lp_pool3d median mode nanmedian
    nanquantile quantile rms_norm scaled_dot_product_attention searchsorted sort topk unique unique_consecutive
    """.split()  # noqa: SIM905
)


def whole(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that is better seen as one; those of ``_AS_ONE`` with wide copies of narrow arguments."""
    if name not in _AS_ONE or kwargs.get("out") is not None:
        return function(*args, **kwargs)
    given = (*args, *kwargs.values())
    narrow = tuple(dict.fromkeys(getattr(a, "array", a).dtype for a in given if is_narrow(a)))
    if not narrow:
        return function(*args, **kwargs)
    result = function(*(wide(a) for a in args), **{k: wide(v) for k, v in kwargs.items()})
    if not isinstance(result, bool):
        _mark(result, narrow)
    return result


apply.whole = whole  # type: ignore[attr-defined]


def _install() -> None:
    tracer.set_apply(apply)


dtypes.on_first_narrow.append(_install)
if dtypes.COMPUTE:  # somebody made one before autograd was there
    _install()
