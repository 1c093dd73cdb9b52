"""How backward hooks of a module see the gradients of its inputs and outputs.

The inputs of a call, and later its outputs, are led through one identity node each. The output node
shows the gradients that arrive, the input node those that leave, whatever graph lies between.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_hw.autograd.graph import Node, TensorBase, edge_of, mode, wrap
from tinygrad_hw.autograd.hooks import add_node_hook
from tinygrad_hw.autograd.op import record, select_output

__all__ = ["GradientGate", "attach_to_grad_fn"]

Hook: TypeAlias = Callable[..., Any]


class _GateOp:
    """The identity on a module's inputs or outputs, where their gradients meet."""

    name = "module_gate"
    node_name = "BackwardHookFunctionBackward"
    multi = True
    layout: tuple[Any, ...] = ()
    guarded: tuple[Any, ...] = ()
    frees = False
    parameters: tuple[str, ...] = ()

    @staticmethod
    def _fill(node: Node, gs: Sequence[Any]) -> list[Any]:
        return [
            np.zeros(shape, dtype) if g is None else g
            for g, shape, dtype in zip(gs, node.shape, node.dtype, strict=True)
        ]

    def vjp(self, node: Node, g: Any, parents: tuple[Any, ...]) -> list[Any]:
        """Return the incoming gradients, zeros where there are none."""
        return self._fill(node, g)

    def vjp_tensors(self, node: Node, g: Any, parents: tuple[Any, ...]) -> list[Any]:
        """The same, as tensors."""
        return [t if isinstance(t, TensorBase) else wrap(t) for t in self._fill(node, g)]


_GATE = _GateOp()


def _pass_gate(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Node | None, list[int]]:
    """Lead the tensors among ``values`` through one identity node.

    Returns:
        The new values, the node and the places of the tensors; no node if nothing is recorded.
    """
    places = [i for i, v in enumerate(values) if isinstance(v, TensorBase)]
    edges = [edge_of(values[i]) for i in places]
    if not mode.enabled or all(e is None for e in edges):
        return values, None, []
    arrays = [values[i].array for i in places]
    node = record(
        _GATE,  # type: ignore[arg-type]
        tuple(edges),
        (),
        (),
        [a.shape for a in arrays],
        [a.dtype for a in arrays],
    )
    new = list(values)
    for k, (i, edge) in enumerate(zip(places, edges, strict=True)):
        if edge is not None:
            t = wrap(arrays[k])
            t._version_cell = values[i]._version_cell
            t._node = select_output(node, k)
            new[i] = t
    fields = type(values)
    return (tuple(new) if fields is tuple else fields(*new)), node, places


def _through(hooks: Sequence[Hook], kind: str, name: str, module: Any, grads: Any, *more: Any) -> Any:
    """Return gradients after a module's hooks, each of which may replace them all."""
    for hook in hooks:
        result = hook(module, grads, *more)
        if result is None:
            continue
        if len(result) != len(grads):
            raise RuntimeError(
                f"Backward {kind} returned an invalid number of {name}, got {len(result)}, but expected {len(grads)}"
            )
        grads = result
    return grads


class GradientGate:
    """Shows the gradients of one call's outputs and inputs to the backward hooks."""

    def __init__(self, module: Any, hooks: list[Hook], pre_hooks: list[Hook]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_output: tuple[Any, ...] | None = None
        self.input_places: list[int] | None = None
        self.n_inputs = 0

    @staticmethod
    def _spread(places: list[int], values: Sequence[Any], n: int) -> tuple[Any, ...]:
        spread: list[Any] = [None] * n
        for place, value in zip(places, values, strict=True):
            spread[place] = value
        return tuple(spread)

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Lead the inputs through the gate."""
        args, node, places = _pass_gate(args)
        self.n_inputs = len(args)
        if node is None:
            return args
        self.input_places = places

        def on_inputs(grad_input: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
            grad_output = self.grad_output
            if grad_output is None:
                return None  # a gradient of the inputs that did not come through the outputs
            grads = self._spread(places, grad_input, self.n_inputs)
            grads = _through(self.hooks, "hook", "grad_input", self.module, grads, grad_output)
            self.grad_output = None
            return tuple(grads[i] for i in places)

        add_node_hook(node, "post", on_inputs)
        return args

    def leave(self, result: Any) -> Any:
        """Lead the outputs through the gate."""
        if not isinstance(result, (TensorBase, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        single = not isinstance(result, tuple)
        outputs: Any = (result,) if single else result
        values, node, places = _pass_gate(outputs)
        if node is not None:
            # The hook must not hold the tensors: they hold the node, which holds the hook.
            n = len(values)

            def on_outputs(_: Any, grad_output: tuple[Any, ...]) -> tuple[Any, ...]:
                return self._see_outputs(places, grad_output, n)

            add_node_hook(node, "post", on_outputs)
        return values[0] if single else values

    def _see_outputs(self, places: list[int], grad_output: tuple[Any, ...], n: int) -> tuple[Any, ...]:
        grads = self._spread(places, grad_output, n)
        grads = _through(self.pre_hooks, "pre hook", "grad_output", self.module, grads)
        self.grad_output = grads
        if self.input_places is None:
            self._without_inputs(grads)
            self.grad_output = None
        return tuple(grads[i] for i in places)

    def _without_inputs(self, grad_output: tuple[Any, ...]) -> None:
        """Call the hooks of a module none of whose inputs requires grad."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients: grad_input holds None only",
            stacklevel=5,
        )
        for hook in self.hooks:
            result = hook(self.module, (None,) * self.n_inputs, grad_output)
            if result is not None and not (isinstance(result, tuple) and all(r is None for r in result)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )


def attach_to_grad_fn(module: Any, hooks: list[Hook], result: Any) -> None:
    """Attach old-style backward hooks to the node that made the (first) output."""
    first = result
    while not isinstance(first, TensorBase):
        first = next(v for v in first.values() if isinstance(v, TensorBase)) if isinstance(first, dict) else first[0]
    node = edge_of(first)
    if isinstance(node, Node):
        if node.op.name == "select_output":
            node = node.parents[0]
        for hook in hooks:
            add_node_hook(node, "post", functools.partial(hook, module))
