"""Jacobians and Hessians."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap
from tinygrad_hw.func.gradients import Argnums, Forward
from tinygrad_hw.func.tracing import pick_arguments, record
from tinygrad_hw.ops.creation import zeros
from tinygrad_hw.ops.joining import stack
from tinygrad_hw.ops.permutation import movedim

__all__ = ["hessian", "jacfwd", "jacrev"]


def _units(t: Any) -> Any:
    """Yield a tensor for each element of ``t``, with a 1 in its place."""
    for index in np.ndindex(*t.array.shape):
        unit = np.zeros_like(t.array)
        unit[index] = 1
        yield wrap(unit)


def _only_tensors(outputs: list[Any], name: str, via: str) -> None:
    if not outputs or outputs == [None]:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise RuntimeError(f"{via}: expected f(*primals) to return only tensors, got unsupported type {type(y)}")


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    r"""Return a function that computes the Jacobian of ``func`` by the reverse mode: a row for each output element.

    Args:
        func: returns a nest of tensors (with ``has_aux``, a pair of that and anything).
        argnums: the argument, or a tuple of arguments, to differentiate by; each may be a nest of tensors.
        has_aux: whether ``func`` returns something besides.
        chunk_size: accepted; rows are computed one by one.

    Returns:
        A function of the same arguments. It returns, in place of each output, a tensor of shape
        ``output.shape + input.shape``, or such tensors nested as the arguments; or a pair of that and aux.

    Raises:
        ValueError: ``chunk_size`` is not positive.

    Source: ``torch.func.jacrev``.

    Example:
        >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        given, replaced = pick_arguments(args, argnums)
        call = record(func, given, lambda new: func(*replaced(new)), has_aux, "vjp(f, *primals)")
        _only_tensors(call.outputs, "jacrev(f, ...)(*args)", "vjp(f, *primals)")
        blocks = []
        for k, y in enumerate(call.outputs):
            rows = []
            if edge_of(y) is not None:
                for unit in _units(y):
                    vectors = [unit if j == k else z.detach() * 0 for j, z in enumerate(call.outputs)]
                    rows.append(call.pull(vectors))
            found = []
            for i, x in enumerate(call.variables):
                size = (*y.array.shape, *x.array.shape)
                found.append(stack([r[i] for r in rows]).reshape(size) if rows else zeros(size, dtype=x.dtype))
            blocks.append(call.inputs.build(found))
        result = call.structure.build(blocks)
        return (result, call.aux) if has_aux else result

    return wrapper


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    r"""Return a function that computes the Jacobian of ``func`` column by column, one for each input element.

    Args:
        func: returns a nest of tensors (with ``has_aux``, a pair of that and anything).
        argnums: the argument, or a tuple of arguments, to differentiate by; each may be a nest of tensors.
        has_aux: whether ``func`` returns something besides.
        randomness: accepted; ``func`` is run once.

    Returns:
        A function of the same arguments. It returns, in place of each output, a tensor of shape
        ``output.shape + input.shape``, or such tensors nested as the arguments; or a pair of that and aux.

    Source: ``torch.func.jacfwd``; columns come from differentiating the reverse mode, as in ``jvp``.

    Example:
        >>> torch.func.jacfwd(torch.sin)(torch.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        given, replaced = pick_arguments(args, argnums)
        call = record(func, given, lambda new: func(*replaced(new)), has_aux, "jvp(f, primals, tangents)")
        _only_tensors(call.outputs, "jacfwd(f, ...)(*args)", "jvp(f, primals, tangents)")
        forward = Forward(call)
        blocks: list[list[Any]] = [[] for _ in call.outputs]
        for i, x in enumerate(call.variables):
            columns = []
            for unit in _units(x):
                tangents = [unit if j == i else z.detach() * 0 for j, z in enumerate(call.variables)]
                columns.append(forward.push(tangents))
            for k, y in enumerate(call.outputs):
                size = (*y.array.shape, *x.array.shape)
                block = movedim(stack([c[k] for c in columns]), 0, -1).reshape(size) if columns else None
                blocks[k].append(zeros(size, dtype=y.dtype) if block is None else block)
        result = call.structure.build([call.inputs.build(b) for b in blocks])
        return (result, call.aux) if has_aux else result

    return wrapper


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    r"""Return a function that computes the Hessian of ``func``.

    Args:
        func: returns a tensor.
        argnums: the argument, or a tuple of arguments, to differentiate by, twice.

    Returns:
        A function of the same arguments. It returns a tensor of shape ``output.shape + input.shape + input.shape``, or
        such tensors nested.

    Source: ``torch.func.hessian``; both Jacobians are reverse-mode here.

    Example:
        >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
