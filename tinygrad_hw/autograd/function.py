"""User-defined operations in PyTorch's form: a class with ``forward`` and ``backward``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np

from tinygrad_hw.autograd import tangents
from tinygrad_hw.autograd.basics import conj, copy_slices, sync
from tinygrad_hw.autograd.complex import is_complex
from tinygrad_hw.autograd.grad_mode import always_record, no_grad
from tinygrad_hw.autograd.graph import Node, TensorBase, count_write, edge_of, mode, wrap
from tinygrad_hw.autograd.inplace import check_inplace
from tinygrad_hw.autograd.op import attach, record, select_output
from tinygrad_hw.autograd.saved import Packed, current_hooks

__all__ = ["Function", "FunctionCtx", "once_differentiable"]

F = TypeVar("F", bound=Callable[..., Any])


class FunctionCtx:
    """What ``forward`` and ``backward`` of a :class:`Function` share; any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument of ``apply``, whether its gradient will be needed.
        saved_tensors: what ``save_for_backward`` was given.
    """

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Any] | None = None
        self._non_differentiable: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True
        self._freed = False
        self._for_forward: tuple[Any, ...] | None = None
        self._in_jvp = False

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``backward``; call it once, in ``forward``.

        Inputs and outputs should be saved only this way: it prevents reference cycles and notices in-place
        changes.

        Raises:
            TypeError: something that is no tensor is saved; set it as an attribute instead.
        """
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but got {type(t).__name__}; set it as an "
                    "attribute of ctx instead"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``jvp``; call it in ``forward``.

        Raises:
            TypeError: something that is no tensor is saved.
        """
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    f"save_for_forward expects all arguments to be tensors; you should save {type(t).__name__} as an "
                    "attribute on ctx."
                )
        self._for_forward = tensors

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Say that these outputs have no gradient (indices, masks); call it in ``forward``."""
        self._non_differentiable = outputs

    def mark_dirty(self, *inputs: Any) -> None:
        """Say that ``forward`` changed these inputs in place and returns them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether missing output gradients come as zeros (True, the default) or as None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that ``save_for_backward`` was given.

        Raises:
            RuntimeError: they were freed by an earlier backward, or changed in place since.
        """
        if self._in_jvp and self._for_forward is not None:
            return self._for_forward
        if self._freed:
            raise RuntimeError(
                "Trying to backward through the graph a second time: the saved tensors were freed. Specify "
                "retain_graph=True if you need to backward through the graph a second time"
            )
        if self._saved is None:
            return self._to_save
        tensors: list[Any] = []
        for array, edge, cell, version, original in self._saved:
            if array is None:
                tensors.append(None)
                continue
            if array.__class__ is Packed:
                edge = self._output_edge(edge) if isinstance(edge, int) else edge
                tensors.append(wrap(array.get()) if edge is None else attach(array.get(), edge))
                continue
            if cell[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace "
                    f"operation: a tensor of shape {list(array.shape)} saved by {self._name} is at version "
                    f"{cell[0]}; expected version {version} instead. Hint: use the out-of-place form, or "
                    "clone() the tensor before it is changed"
                )
            if original is not None:
                tensors.append(original)
                continue
            t = wrap(array)
            t._version_cell = cell
            t._node = self._output_edge(edge) if isinstance(edge, int) else edge
            tensors.append(t)
        return tuple(tensors)

    _name = "Function"
    _node: Any = None

    def _output_edge(self, index: int) -> Node | None:
        node = self._node() if self._node is not None else None
        if node is None:
            return None
        return select_output(node, index) if node.op.multi else node

    def _pack(self, outputs: Sequence[Any]) -> None:
        """Replace saved tensors by arrays and edges, so that no output is held by its own node."""
        packed: list[Any] = []
        hooks = current_hooks()
        for t in self._to_save:
            if t is None:
                packed.append((None, None, None, 0, None))
                continue
            at = next((i for i, o in enumerate(outputs) if o is t), None)
            if hooks is not None:
                packed.append((Packed(t, *hooks), edge_of(t) if at is None else at, None, 0, None))
            elif at is not None:
                packed.append((t.array, at, t._version_cell, t._version_cell[0], None))
            elif t._node is None:
                packed.append((t.array, None, t._version_cell, t._version_cell[0], t))
            else:
                packed.append((t.array, t._node, t._version_cell, t._version_cell[0], None))
        self._saved = packed
        self._to_save = ()


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


class _FunctionOp:
    """Stands in a node for the op; calls the user's ``backward``."""

    layout: tuple[Any, ...] = ()
    guarded: tuple[Any, ...] = ()
    frees = True
    #: The outputs that are views of an input, which may not be written to.
    views: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()

    def __init__(self, cls: type[Function], ctx: FunctionCtx, positions: list[int], multi: bool) -> None:
        self.cls, self.ctx, self.positions, self.multi = cls, ctx, positions, multi
        self.name = cls.__name__
        self.node_name = cls.__name__ + "Backward"

    def vjp(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Call ``backward`` without recording."""
        found = self._call(node, [g] if not self.multi else g, parents, False)
        return [None if t is None else t.array for t in found]

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> Sequence[Any]:
        """Call ``backward`` and record what it does."""
        return self._call(node, [g] if not self.multi else g, parents, True)

    def _call(self, node: Node, gs: Sequence[Any], parents: tuple[Any, ...], create_graph: bool) -> Sequence[Any]:
        if node.saved is None:
            self.ctx._freed = True
        shapes = node.shape if self.multi else [node.shape]
        kinds = node.dtype if self.multi else [node.dtype]
        incoming: list[Any] = []
        for g, shape, dtype in zip(gs, shapes, kinds, strict=True):
            if g is None and self.ctx._materialize:
                incoming.append(wrap(np.zeros(shape, dtype)))
            else:
                t = g if g is None or isinstance(g, TensorBase) else wrap(g)
                incoming.append(conj(t) if t is not None and is_complex(t) else t)
        with always_record(create_graph):
            result = self.cls.backward(self.ctx, *self._spread(incoming))
        result = result if isinstance(result, tuple) else (result,)
        count = len(self.ctx.needs_input_grad)
        if len(result) > count and all(r is None for r in result[count:]):
            result = result[:count]
        if len(result) != count:
            raise RuntimeError(
                f"function {self.name}Backward returned an incorrect number of gradients (expected {count}, "
                f"got {len(result)})"
            )
        grads: list[Any] = []
        for position, parent in zip(self.positions, parents, strict=True):
            t = result[position]
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    f"function {self.name}Backward: expected a Tensor or None as the gradient of input "
                    f"{position}, got {type(t).__name__}"
                )
            if parent is None or t is None:
                grads.append(None)
            else:
                own, expected = t.array.shape, tuple(parent.shape)
                # What is larger by broadcasting is summed later.
                if own != expected and _broadcast(own, expected) != own:
                    raise RuntimeError(
                        f"Function {self.name}Backward returned an invalid gradient at index {position} - got "
                        f"{list(own)} but expected shape compatible with {list(expected)}"
                    )
                grads.append(conj(t) if is_complex(t) else t)
        return grads

    def _spread(self, incoming: list[Any]) -> list[Any]:
        """Put None (or zeros) where outputs are not differentiable."""
        spread: list[Any] = []
        it = iter(incoming)
        for differentiable, shape, dtype in self.all_outputs:
            if differentiable:
                spread.append(next(it))
            elif self.ctx._materialize and shape is not None:
                spread.append(wrap(np.zeros(shape, dtype)))
            else:
                spread.append(None)
        return spread

    #: For each output whether it is differentiable, its shape and dtype; set by ``apply``.
    all_outputs: list[tuple[bool, Any, Any]]


class Function:
    r"""Base class of user-defined differentiable operations.

    Subclass it, write the static methods ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, and
    call ``apply``. ``forward`` runs without recording. ``backward`` gets one gradient per output and returns
    one per argument of ``forward`` (None for those without). It is recorded under ``create_graph=True``, so
    that higher derivatives work if it uses differentiable operations only.

    Alternatively ``forward(*args)`` without ``ctx`` and ``setup_context(ctx, inputs, output)``.

    Source: ``torch.autograd.Function``.

    Example:
        >>> class Cube(torch.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad_output):
        ...         (x,) = ctx.saved_tensors
        ...         return grad_output * 3 * x * x
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    def __init__(self) -> None:
        raise RuntimeError(
            f"{type(self).__name__}() makes no sense: an autograd function is not instantiated. Call "
            f"{type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; to be overridden."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what ``backward`` needs, when ``forward`` takes no ``ctx``; may be overridden."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradient of each argument of ``forward``; to be overridden."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use "
            "it with backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangent of each output, given those of the arguments; to be overridden for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` on the arguments and record the operation."""
        import weakref

        ctx = FunctionCtx()
        ctx._name = cls.__name__
        edges = [edge_of(a) if isinstance(a, TensorBase) else None for a in args]
        ctx.needs_input_grad = tuple(e is not None for e in edges)
        directions = _directions(args) if tangents.active() else None
        with no_grad(), nullcontext() if directions is None else tangents.suspended():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
        if mode.enabled:
            for d in ctx._dirty:
                check_inplace(d, cls.__name__)
        single = not isinstance(result, (tuple, list))
        outputs = [result] if single else list(result)
        moved = None if directions is None else _carried(cls, ctx, args, directions)
        for i, o in enumerate(outputs):
            unchanged = isinstance(o, TensorBase) and any(o is a for a in args)
            if unchanged and not any(o is d for d in ctx._dirty):
                # An input returned as it is becomes a new tensor on the same memory.
                outputs[i] = _alias(o)
                ctx._to_save = tuple(outputs[i] if t is o else t for t in ctx._to_save)
        if mode.enabled and any(ctx.needs_input_grad):
            differentiable = [
                isinstance(o, TensorBase)
                and o.array.dtype.kind in "fcVW"
                and not any(o is n or _same_memory(o, n) for n in ctx._non_differentiable)
                for o in outputs
            ]
            carrying = [o for o, d in zip(outputs, differentiable, strict=True) if d]
            positions = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
            multi = len(carrying) != 1
            op = _FunctionOp(cls, ctx, positions, multi)
            op.all_outputs = [
                (d, o.array.shape, o.array.dtype) if isinstance(o, TensorBase) else (d, None, None)
                for o, d in zip(outputs, differentiable, strict=True)
            ]
            if carrying:
                node = record(
                    op,  # type: ignore[arg-type]
                    tuple(edges[i] for i in positions),
                    (),
                    (),
                    [o.array.shape for o in carrying] if multi else carrying[0].array.shape,
                    [o.array.dtype for o in carrying] if multi else carrying[0].array.dtype,
                )
                for d in ctx._dirty:
                    count_write(d)
                for k, o in enumerate(carrying):
                    made = select_output(node, k) if multi else node
                    if o._base is not None and any(o is d for d in ctx._dirty):
                        copy_slices(o._base, o, made)
                        sync(o)
                    else:
                        o._node = made
                    o._requires_grad = False
                    if not any(o is d for d in ctx._dirty) and any(
                        isinstance(a, TensorBase) and a._version_cell is o._version_cell for a in args
                    ):
                        op.views += (k,)
                ctx._node = weakref.ref(node)
                ctx._pack(carrying)
        if moved is not None:
            for o, t in zip(outputs, moved, strict=False):
                if isinstance(o, TensorBase) and t is not None:
                    tangents.store(o.array, t)
        if single:
            return outputs[0]
        return tuple(outputs)


def _directions(args: tuple[Any, ...]) -> list[Any] | None:
    """Return the tangents of the arguments, None if there is none."""
    found = [tangents.lookup(a) if isinstance(a, TensorBase) else None for a in args]
    return found if any(t is not None for t in found) else None


def _carried(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], directions: list[Any]) -> tuple[Any, ...]:
    """Call ``jvp`` with the tangents of the arguments."""
    given = [
        tangents.zeros_like(a)
        if t is None and ctx._materialize and isinstance(a, TensorBase) and a.array.dtype.kind in "fc"
        else t
        for a, t in zip(args, directions, strict=True)
    ]
    ctx._in_jvp = True
    try:
        with tangents.suspended():
            moved = cls.jvp(ctx, *given)
    finally:
        ctx._in_jvp = False
    return moved if isinstance(moved, tuple) else (moved,)


def _alias(t: Any) -> Any:
    alias = wrap(t.array)
    alias._version_cell = t._version_cell
    return alias


def _same_memory(a: Any, b: Any) -> bool:
    return isinstance(b, TensorBase) and a.array is b.array


def once_differentiable(fn: F) -> F:
    """Mark a ``backward`` that cannot be differentiated: a second derivative raises instead of being wrong.

    Source: ``torch.autograd.function.once_differentiable``.
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        recording = mode.enabled
        with no_grad():
            outputs = fn(ctx, *grads)
        if not recording:
            return outputs
        needs = any(isinstance(g, TensorBase) and edge_of(g) is not None for g in grads) or any(ctx.needs_input_grad)
        if not needs:
            return outputs
        single = not isinstance(outputs, tuple)
        marked = tuple(
            _NotTwice.apply(_requiring(o)) if isinstance(o, TensorBase) else o
            for o in ((outputs,) if single else outputs)
        )
        return marked[0] if single else marked

    return wrapper  # type: ignore[return-value]


def _requiring(t: Any) -> Any:
    leaf = wrap(t.array)
    leaf._requires_grad = True
    return leaf


class _NotTwice(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return _alias(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
