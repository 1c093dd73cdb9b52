"""What the transforms share: variables to differentiate by, and when a result must itself be differentiable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import always_record, is_grad_enabled
from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap
from tinygrad_hw.autograd.version import saved_cell
from tinygrad_hw.func.tree import Structure, flatten, tree_map
from tinygrad_hw.ops.creation import zeros_like

__all__ = ["Recording", "pick_arguments", "record"]


def _variable(t: Any, connected: bool) -> Any:
    """Return ``t`` as a variable of its own, connected to what it was computed from."""
    if not isinstance(t, TensorBase):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
    if connected and edge_of(t) is not None:
        return t.clone()  # type: ignore[attr-defined]
    leaf = wrap(t.array)
    leaf._version_cell = saved_cell(t._version_cell)
    return leaf.requires_grad_()


def depends_on_others(tensors: Sequence[Any], own: Sequence[Any]) -> bool:
    """Return whether the graph of ``tensors`` has leaves besides ``own``, by which anyone may differentiate further."""
    known = {id(t) for t in own}
    waiting = [edge_of(t) for t in tensors if isinstance(t, TensorBase)]
    seen: set[int] = set()
    while waiting:
        edge = waiting.pop()
        if edge is None or id(edge) in seen:
            continue
        seen.add(id(edge))
        if isinstance(edge, TensorBase):
            if id(edge) not in known:
                return True
            continue
        waiting.extend(edge.parents)
    return False


class Recording:
    """A call of a function with its graph.

    Attributes:
        variables: what is differentiated by, flat.
        inputs: their structure.
        outputs: tensors, flat.
        structure: theirs.
        aux: what the function returned besides.
        further: whether results are to be differentiable.
    """

    def __init__(self, variables: list[Any], inputs: Structure, result: Any, aux: Any, enabled: bool) -> None:
        self.variables = variables
        self.inputs = inputs
        self.outputs, self.structure = flatten(result)
        self.further = enabled and depends_on_others(self.outputs, variables)
        self.aux = None if aux is None else tree_map(lambda t: self._aux(t, enabled), aux)

    def _aux(self, t: Any, enabled: bool) -> Any:
        if not isinstance(t, TensorBase):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}: aux may be a nest of tensors only")
        return t if enabled and depends_on_others([t], self.variables) else t.detach()  # type: ignore[attr-defined]

    def outward(self, tensors: Sequence[Any]) -> list[Any]:
        """Return tensors as the caller may see them: without our graph, unless it leads further."""
        return list(tensors) if self.further else [t.detach() for t in tensors]

    def value(self) -> Any:
        """Return what the function returned."""
        return self.structure.build(self.outward(self.outputs))

    def pull(self, cotangents: Sequence[Any], further: bool | None = None) -> list[Any]:
        """Return the gradients of the variables from those of the outputs; zeros where there is no dependence."""
        further = self.further if further is None else further
        return gradients(self.outputs, self.variables, cotangents, further)


def gradients(outputs: Sequence[Any], inputs: Sequence[Any], vectors: Sequence[Any], further: bool) -> list[Any]:
    """Return vector-Jacobian products; zeros where there is no dependence. The graph is kept."""
    live = [(y, v) for y, v in zip(outputs, vectors, strict=True) if edge_of(y) is not None]
    if not live:
        return [zeros_like(x) for x in inputs]
    found = grad(
        [y for y, _ in live],
        list(inputs),
        [v for _, v in live],
        retain_graph=True,
        create_graph=further,
        allow_unused=True,
    )
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def record(func: Callable[..., Any], given: Any, call: Callable[[Any], Any], has_aux: bool, name: str) -> Recording:
    """Call a function with variables in place of some arguments.

    Args:
        func: the function; for messages.
        given: the nest of tensors to differentiate by.
        call: takes the nest with variables in their place.
        has_aux: whether the function returns (output, aux).
        name: of the transform.
    """
    enabled = is_grad_enabled()
    leaves, structure = flatten(given)
    with always_record():
        variables = [_variable(t, enabled) for t in leaves]
        result = call(structure.build(variables))
    aux = None
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(
                f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True, but got "
                f"{type(result).__name__}"
            )
        result, aux = result
    return Recording(variables, structure, result, aux, enabled)


def _one_argument(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def pick_arguments(args: tuple[Any, ...], argnums: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the arguments that ``argnums`` names, and a function that puts others in their place.

    Raises:
        RuntimeError: there are no such arguments.
    """
    if isinstance(argnums, int):
        place = _one_argument(argnums, len(args))
        return args[place], lambda new: (*args[:place], new, *args[place + 1 :])
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    places = [_one_argument(a, len(args)) for a in argnums]
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")

    def replaced(new: Any) -> tuple[Any, ...]:
        filled = list(args)
        for place, value in zip(places, new, strict=True):
            filled[place] = value
        return tuple(filled)

    return tuple(args[p] for p in places), replaced
