"""Gradients of functions, and products of their Jacobians with vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_hw.autograd.grad_mode import always_record, is_grad_enabled
from tinygrad_hw.autograd.graph import TensorBase, edge_of
from tinygrad_hw.func.tracing import Recording, depends_on_others, gradients, pick_arguments, record
from tinygrad_hw.func.tree import flatten
from tinygrad_hw.ops.creation import ones_like, zeros_like

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]

Argnums = int | tuple[int, ...]


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes the gradient of ``func`` and its value.

    Args:
        func: returns a 0-d tensor (with ``has_aux``, a pair of that and anything).
        argnums: the argument, or a tuple of arguments, to differentiate by; each may be a nest of tensors.
        has_aux: whether ``func`` returns something besides.

    Returns:
        A function of the same arguments. It returns (gradient, value) or (gradient, (value, aux)).

    Raises:
        RuntimeError: on the call, if the output is no 0-d tensor.

    Source: ``torch.func.grad_and_value``.

    Example:
        >>> torch.func.grad_and_value(lambda x: (x**2).sum())(torch.tensor([1.0, 2.0]))
        (tensor([2., 4.]), tensor(5.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        given, replaced = pick_arguments(args, argnums)
        name = "grad_and_value(f)(*args)"
        call = record(func, given, lambda new: func(*replaced(new), **kwargs), has_aux, name)
        output = call.outputs[0] if call.structure.kind is None else call.structure.kind
        if not isinstance(output, TensorBase):
            kind = output if isinstance(output, type) else type(output)
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {kind}")
        if output.array.ndim != 0:
            raise RuntimeError(
                f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {output.array.ndim} dims. Maybe "
                "you wanted to use the vjp or jacrev APIs instead?"
            )
        found = call.inputs.build(call.pull([ones_like(output)]))
        return (found, (call.value(), call.aux)) if has_aux else (found, call.value())

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``.

    Args:
        func: returns a 0-d tensor (with ``has_aux``, a pair of that and anything).
        argnums: the argument, or a tuple of arguments, to differentiate by; each may be a nest of tensors.
        has_aux: whether ``func`` returns something besides.

    Returns:
        A function of the same arguments. It returns the gradient, or (gradient, aux).

    Raises:
        RuntimeError: on the call, if the output is no 0-d tensor.

    Source: ``torch.func.grad``.

    Example:
        >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
        tensor(1.)
        >>> torch.func.grad(torch.func.grad(lambda x: x**3))(torch.tensor(2.0))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


def _tensors(leaves: list[Any], what: str, name: str) -> None:
    if not leaves:
        raise RuntimeError(f"{name}: Expected {what} to contain at least one Tensor.")
    for leaf in leaves:
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(f"{name}: Expected {what} to only contain Tensors, got {type(leaf)}")


def _floating(outputs: list[Any]) -> None:
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise RuntimeError(
                f"vjp(f, ...): expected f(*primals) to return only tensors, got unsupported type {type(y)}"
            )
        if y.array.dtype.kind != "f":
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{y.dtype}"  # type: ignore[attr-defined]
            )


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    r"""Return the value of ``func`` and a function that computes :math:`v^T J`.

    Args:
        func: takes and returns nests of tensors.
        *primals: its arguments.
        has_aux: whether ``func`` returns a pair of its output and something besides.

    Returns:
        (output, function) or (output, function, aux). The function takes cotangents built as the output (as one
        argument, or several for a tuple) and returns a tuple of gradients, one for each primal; it may be called again.

    Raises:
        RuntimeError: the output is no nest of floating point tensors; or, on the call, cotangents don't fit.

    Source: ``torch.func.vjp``.

    Example:
        >>> value, pull = torch.func.vjp(torch.sin, torch.tensor([0.0, 1.0]))
        >>> pull(torch.ones(2))
        (tensor([1.0000, 0.5403]),)
    """
    call = record(func, primals, lambda new: func(*new), has_aux, "vjp(f, *primals)")
    _floating(call.outputs)

    def pull(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """Return one gradient for each primal."""
        vectors, structure = flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if structure != call.structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {structure}, primal output: {call.structure}"
            )
        further = call.further or any(edge_of(v) is not None for v in vectors)
        return call.inputs.build(call.pull(vectors, further and is_grad_enabled()))

    return (call.value(), pull, call.aux) if has_aux else (call.value(), pull)


class Forward:
    r"""A call made ready for :math:`J v`: the gradients :math:`u^T J` recorded as a linear function of u.

    Their derivative by u, in the direction v, is :math:`J v` (the double-backward trick).
    """

    def __init__(self, call: Recording) -> None:
        self.call = call
        self.live = [y for y in call.outputs if edge_of(y) is not None]
        with always_record():
            self.cotangents = [zeros_like(y).requires_grad_() for y in self.live]
            self.pulled = gradients(self.live, call.variables, self.cotangents, True)

    def push(self, tangents: list[Any]) -> list[Any]:
        """Return the tangents of the outputs; zeros for those that don't depend on the inputs."""
        known = [*self.call.variables, *self.cotangents]
        further = is_grad_enabled() and (
            self.call.further or any(edge_of(t) is not None for t in tangents) or depends_on_others(self.pulled, known)
        )
        pushed = iter(gradients(self.pulled, self.cotangents, tangents, further))
        live = {id(y) for y in self.live}
        return [next(pushed) if id(y) in live else zeros_like(y).detach() for y in self.call.outputs]


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    r"""Return the value of ``func`` and :math:`J v`.

    Args:
        func: takes and returns nests of tensors.
        primals: a tuple of its arguments.
        tangents: :math:`v`, built as the primals.
        strict: raise if an output does not depend on the primals, instead of returning zeros.
        has_aux: whether ``func`` returns a pair of its output and something besides.

    Returns:
        (output, tangents of the output) or (output, tangents, aux).

    Raises:
        RuntimeError: primals and tangents don't fit, the output is no nest of tensors, or is independent and
            ``strict`` is set.

    Source: ``torch.func.jvp``; computed by differentiating the reverse mode.

    Example:
        >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    leaves, structure = flatten(primals)
    directions, other = flatten(tangents)
    if structure != other:
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {structure} and tangents with "
            f"structure {other}"
        )
    _tensors(leaves, "primals", name)
    _tensors(directions, "tangents", name)
    for x, v in zip(leaves, directions, strict=True):
        if x.array.shape != v.array.shape:
            raise RuntimeError(
                f"{name}: a tangent of shape {list(v.array.shape)} for a primal of shape {list(x.array.shape)}; "
                "they must be the same"
            )
    call = record(func, primals, lambda new: func(*new), has_aux, name)
    for y in call.outputs:
        if not isinstance(y, TensorBase):
            raise RuntimeError(f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(y)}")
        if strict and edge_of(y) is None:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )
    pushed = call.structure.build(Forward(call).push(directions))
    return (call.value(), pushed, call.aux) if has_aux else (call.value(), pushed)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    r"""Return the value of ``func`` and a function that computes :math:`J v`.

    ``func`` is run once; each call of the function costs one walk through the recorded graph.

    Args:
        func: takes and returns nests of tensors.
        *primals: its arguments.

    Returns:
        (output, function). The function takes tangents as ``func`` takes the primals.

    Raises:
        RuntimeError: on the call, if the tangents are not built, shaped or typed as the primals.

    Source: ``torch.func.linearize``.

    Example:
        >>> value, push = torch.func.linearize(torch.sin, torch.tensor([0.0, 1.0]))
        >>> push(torch.tensor([1.0, 2.0]))
        tensor([1.0000, 1.0806])
    """
    call = record(func, primals, lambda new: func(*new), False, "linearize(f, *primals)")
    _floating(call.outputs)
    forward = Forward(call)

    def push(*tangents: Any) -> Any:
        """Return the tangents of the output."""
        directions, structure = flatten(tangents)
        if structure != call.inputs:
            raise RuntimeError(
                f"Expected the tangents {structure} to have the same argspec as the primals {call.inputs}"
            )
        for i, (x, v) in enumerate(zip(call.variables, directions, strict=True)):
            for what in ("shape", "dtype"):
                if getattr(v, what) != getattr(x, what):
                    raise RuntimeError(
                        f"tangent:{i} with {what} {getattr(v, what)} in flattened pytree doesn't match the {what} "
                        f"{getattr(x, what)} of the corresponding primal."
                    )
        return call.structure.build(forward.push(directions))

    return call.value(), push
