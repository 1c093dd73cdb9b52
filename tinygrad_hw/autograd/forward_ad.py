"""Forward-mode differentiation: tensors that carry a tangent through the operations applied to them.

There are no forward rules here. While a level is open a tracer sees every op (see ``tracer.py``). An op with an
argument that has a tangent is recorded once by itself; its gradient rule is applied to a dummy gradient ``u``, which
gives ``J^T u``; and the adjoint of that linear map in ``u``, the reverse mode once more, applied to the tangent is
``J t``. So every op that can be differentiated twice has a forward derivative, at a few times the cost of a rule of
its own. Tangents are kept beside the arrays, not in the tensors: without a level nothing looks for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_hw.autograd import engine, tangents
from tinygrad_hw.autograd.grad_mode import always_record
from tinygrad_hw.autograd.graph import TensorBase, edge_of, mode, wrap
from tinygrad_hw.autograd.op import ALIAS, record
from tinygrad_hw.autograd.tracer import add_tracer, remove_tracer
from tinygrad_hw.autograd.version import saved_cell

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class UnpackedDualTensor(NamedTuple):
    """What ``unpack_dual`` returns.

    Attributes:
        primal: the value, a view.
        tangent: the derivative, or None.

    Source: ``torch.autograd.forward_ad.UnpackedDualTensor``.
    """

    primal: Any
    tangent: Any


class _Tracer:
    """Carries tangents through ops and writes."""

    def __call__(self, op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
        if not tangents.active():
            return apply(op, args, params)
        given = [tangents.lookup(a) if isinstance(a, TensorBase) else None for a in args]
        if all(t is None for t in given):
            return apply(op, args, params)
        if op.view:
            return _through_view(op, args, params, given, apply)
        if not op.differentiable:
            return apply(op, args, params)
        return _through(op, args, params, given, apply)

    def before_write(self, tensor: Any, result: Any) -> None:
        tangents.on_write(tensor, result)


def _through_view(op: Any, args: Sequence[Any], params: dict[str, Any], given: Sequence[Any], apply: Any) -> Any:
    """Apply a view op, and the same to the tangent."""
    result = apply(op, args, params)
    if given[0] is None:
        return result
    with tangents.suspended():
        moved = op.core(given[0], *args[1:], **params)
    several = isinstance(result, (tuple, list))
    for r, t in zip(result if several else [result], moved if several else [moved], strict=True):
        tangents.store(r.array, t)
    return result


def _through(op: Any, args: Sequence[Any], params: dict[str, Any], given: Sequence[Any], apply: Any) -> Any:
    """Apply an op to tensors some of which have tangents."""
    recording = mode.enabled
    edges = {id(t): edge_of(t) for t in (*args, *given) if isinstance(t, TensorBase)} if recording else {}
    needs = any(e is not None for e in edges.values())
    own: dict[int, Any] = {}
    replaced, sources, directions = list(args), [], []
    with tangents.suspended(), always_record():
        for i, t in enumerate(given):
            if t is None or args[i].array.dtype.kind not in "fc":
                continue
            source = wrap(args[i].array)
            source._version_cell = saved_cell(args[i]._version_cell)
            edge = edges.get(id(args[i]))
            if edge is None:
                source._requires_grad = True
                own[id(source)] = None
            else:
                source._node = record(ALIAS, (edge,), (), (), source.array.shape, source.array.dtype)
                own[id(source._node)] = edge
            replaced[i] = source
            sources.append(source)
            directions.append(t)
        result = apply(op, tuple(replaced), params)
        outputs = [
            r
            for r in (result if isinstance(result, (tuple, list)) else (result,))
            if isinstance(r, TensorBase) and edge_of(r) is not None
        ]
        found: Sequence[Any] = [None] * len(outputs)
        if outputs and sources:
            us = [wrap(np.zeros_like(o.array)) for o in outputs]
            for u in us:
                u._requires_grad = True
            gs = engine.grad(outputs, sources, us, create_graph=True, allow_unused=True)
            pairs = [(g, t) for g, t in zip(gs, directions, strict=True) if g is not None and edge_of(g) is not None]
            if pairs:
                found = engine.grad(
                    [g for g, _ in pairs], us, [t for _, t in pairs], create_graph=needs, allow_unused=True
                )
    for o, t in zip(outputs, found, strict=True):
        tangents.store(o.array, tangents.zeros_like(o) if t is None else t)
        _reconnect(o, own, recording)
    return result


def _reconnect(output: Any, own: dict[int, Any], recording: bool) -> None:
    """Put the true parents in the place of the sources that the forward derivative needed."""
    node = output._node
    main = node.parents[0] if node.op.name == "select_output" else node
    main.parents = tuple(own.get(id(p), p) for p in main.parents)
    if not recording or all(p is None for p in main.parents):
        output._node = None


_tracer = _Tracer()


def enter_dual_level() -> int:
    """Open a level, on which tensors can have tangents, and return its number.

    Raises:
        RuntimeError: one is open already.

    Source: ``torch.autograd.forward_ad.enter_dual_level``.

    Example:
        >>> fwAD = torch.autograd.forward_ad
        >>> fwAD.enter_dual_level()
        0
        >>> fwAD.exit_dual_level()
    """
    if tangents.level >= 0:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    tangents.level = 0
    add_tracer(_tracer)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level; all tangents are gone.

    Args:
        level: its number; the last one opened by default.

    Raises:
        RuntimeError: another number, or no level is open.

    Source: ``torch.autograd.forward_ad.exit_dual_level``.

    Example:
        >>> fwAD = torch.autograd.forward_ad
        >>> level = fwAD.enter_dual_level()
        >>> fwAD.exit_dual_level(level=level)
    """
    if level is not None and level != tangents.level:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if tangents.level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    tangents.level = -1
    tangents.clear()
    remove_tracer(_tracer)


class dual_level(contextlib.ContextDecorator):
    """A block, or a decorated function, in which tensors can have tangents.

    Source: ``torch.autograd.forward_ad.dual_level``. Forward derivatives are computed by differentiating the reverse
    mode, so that they cost more than PyTorch's, and need an operation to be differentiable twice.

    Example:
        >>> fwAD = torch.autograd.forward_ad
        >>> with fwAD.dual_level():
        ...     x = fwAD.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
        ...     fwAD.unpack_dual(x**3).tangent
        tensor([3., 0.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """Return a view of a tensor that has a tangent; results of operations on it have theirs.

    Args:
        tensor: floating point or complex.
        tangent: of the same shape.
        level: the open one by default.

    Raises:
        RuntimeError: no level is open, the shapes differ, or one of them has a tangent already.
        ValueError: one of them is of integers.

    Source: ``torch.autograd.forward_ad.make_dual``; see ``dual_level``.

    Example:
        >>> fwAD = torch.autograd.forward_ad
        >>> with fwAD.dual_level():
        ...     x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
        ...     x * 3
        tensor(6., tangent=3.0)
    """
    level = tangents.level if level is None else level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if level != tangents.level:
        raise RuntimeError(
            "Trying to access a forward AD level with an invalid index. This index was either not created or is "
            "already deleted."
        )
    if tensor.array.shape != tangent.array.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
            f"not supported. Tensor is of size {list(tensor.array.shape)} while the given forward gradient is of size "
            f"{list(tangent.array.shape)}."
        )
    if tangents.lookup(tensor) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported."
        )
    if tangents.lookup(tangent) is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
        )
    dual = _view(tensor)
    tangents.store(dual.array, tangent)
    return dual


def _view(tensor: Any) -> Any:
    """Return a tensor on the same memory, and at the same place of the graph, under an array of its own."""
    view = wrap(tensor.array.view())
    view._version_cell = tensor._version_cell
    edge = edge_of(tensor) if mode.enabled else None
    if edge is not None:
        view._node = record(ALIAS, (edge,), (), (), view.array.shape, view.array.dtype)
    return view


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """Return a tensor's value and tangent.

    Args:
        tensor: any tensor; one without a tangent gives None for it.
        level: the open one by default.

    Raises:
        RuntimeError: there can be no such level.

    Source: ``torch.autograd.forward_ad.unpack_dual``; see ``dual_level``.

    Example:
        >>> fwAD = torch.autograd.forward_ad
        >>> with fwAD.dual_level():
        ...     x = fwAD.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
        ...     fwAD.unpack_dual((x * x).sum())
        UnpackedDualTensor(primal=tensor(5.), tangent=tensor(6.))
    """
    level = tangents.level if level is None else level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    if level > 0:
        raise RuntimeError("Invalid level given to _fw_primal")
    return UnpackedDualTensor(_view(tensor), tangents.lookup(tensor))


def _is_fwd_grad_enabled() -> bool:
    return tangents.enabled


class _set_fwd_grad_enabled(contextlib.ContextDecorator):
    """Switch on or off whether operations carry tangents on."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.prev = tangents.enabled
        tangents.enabled = mode

    def __enter__(self) -> None:
        tangents.enabled = self.mode

    def __exit__(self, *exc: object) -> None:
        tangents.enabled = self.prev
