"""Derivatives of functions as values: Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.basics import stack
from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import always_record
from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap
from tinygrad_hw.autograd.version import saved_cell

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(value: Any, what: str, name: str) -> tuple[tuple[Any, ...], bool]:
    single = not isinstance(value, (tuple, list))
    values = (value,) if single else tuple(value)
    for i, t in enumerate(values):
        if not isinstance(t, TensorBase):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors, but the value at "
                f"index {i} has type {type(t)}."
            )
    return values, single


def _fresh(inputs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """Return the inputs as tensors to differentiate by, connected to the originals if asked."""
    made = []
    for t in inputs:
        if create_graph and edge_of(t) is not None:
            made.append(t + 0.0)
        else:
            leaf = wrap(t.array)
            leaf._version_cell = saved_cell(t._version_cell)
            leaf._requires_grad = True
            made.append(leaf)
    return tuple(made)


def _finish(value: Any, create_graph: bool) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_finish(v, create_graph) for v in value)
    if create_graph or value is None:
        return value
    return wrap(value.array)


def _outputs(func: Callable[..., Any], xs: Sequence[Any], name: str) -> tuple[tuple[Any, ...], bool]:
    with always_record():
        return _tuple(func(*xs), "outputs of the user-provided function", name)


def _zeros_like(t: Any) -> Any:
    return wrap(np.zeros_like(t.array))


def _grads(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    vectors: Sequence[Any] | None,
    create_graph: bool,
    strict: bool,
    retain: bool = True,
) -> tuple[Any, ...]:
    """Return gradients with zeros for what is independent."""
    pairs = [(o, None if vectors is None else vectors[i]) for i, o in enumerate(outputs) if edge_of(o) is not None]
    if not pairs:
        if strict:
            raise RuntimeError(
                "The outputs of the user-provided function are independent of the inputs. This is not allowed "
                "in strict mode."
            )
        return tuple(_zeros_like(x) for x in inputs)
    found = grad(
        [o for o, _ in pairs],
        inputs,
        None if vectors is None else [v for _, v in pairs],
        create_graph=create_graph,
        retain_graph=retain or create_graph,
        allow_unused=True,
    )
    for i, g in enumerate(found):
        if g is None and strict:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is not allowed in "
                "strict mode."
            )
    return tuple(_zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def _vectors(v: Any, like: Sequence[Any], name: str, what: str) -> tuple[Any, ...]:
    if v is None:
        if len(like) != 1 or like[0].array.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} of the user-provided function is a single Tensor "
                "with a single element."
            )
        return (wrap(np.ones_like(like[0].array)),)
    vs, _ = _tuple(v, "vector v", name)
    if len(vs) != len(like):
        raise RuntimeError(f"{name}: v has {len(vs)} tensors, the {what} {len(like)}")
    for i, (a, b) in enumerate(zip(vs, like, strict=True)):
        if a.array.shape != b.array.shape:
            raise RuntimeError(
                f"{name}: entry {i} of v has shape {list(a.array.shape)}, it must have the shape of the {what}, "
                f"{list(b.array.shape)}"
            )
    return vs


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    r"""Return the Jacobian :math:`J_{ij} = \partial f_i / \partial x_j`.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise if an output does not depend on an input, instead of returning zeros.
        vectorize: accepted; rows or columns are computed one by one either way.
        strategy: ``"reverse-mode"`` goes back once for each output element; ``"forward-mode"`` (with ``vectorize``)
            once for each input element, through ``autograd.forward_ad``.

    Returns:
        A tensor of shape ``output.shape + input.shape``; nested tuples (outputs, then inputs) if there are
        several.

    Source: ``torch.autograd.functional.jacobian``.

    Example:
        >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        _check_forward(create_graph, strict, vectorize)
        return _jacobian_forward(func, inputs)
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
            "Please either set `strict=False` or `vectorize=False`."
        )
    given, single_input = _tuple(inputs, "inputs", "jacobian")
    xs = _fresh(given, create_graph)
    outputs, single_output = _outputs(func, xs, "jacobian")
    result = []
    for y in outputs:
        rows: list[tuple[Any, ...]] = []
        shape = y.array.shape
        for index in np.ndindex(*shape):
            v = np.zeros(shape, y.array.dtype)
            v[index] = 1
            rows.append(_grads([y], xs, [wrap(v)], create_graph, strict))
        per_input = []
        for k, x in enumerate(xs):
            size = (*shape, *x.array.shape)
            if not rows:
                per_input.append(wrap(np.zeros(size, x.array.dtype)))
            elif create_graph:
                per_input.append(stack(*(r[k] for r in rows), dim=0).reshape(size))
            else:
                per_input.append(wrap(np.stack([r[k].array for r in rows]).reshape(size)))
        result.append(per_input[0] if single_input else tuple(per_input))
    return _finish(result[0] if single_output else tuple(result), create_graph)


def _check_forward(create_graph: bool, strict: bool, vectorize: bool) -> None:
    """Raise what PyTorch raises for arguments that do not go together with ``strategy="forward-mode"``."""
    if create_graph:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported '
            'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported '
            'together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
            "only implemented for `vectorize=True`."
        )


def _jacobian_forward(func: Callable[..., Any], inputs: Any) -> Any:
    """Return the Jacobian column by column, from tensors with tangents."""
    from tinygrad_hw.autograd import forward_ad

    given, single_input = _tuple(inputs, "inputs", "jacobian")
    #: For each input and each of its elements the tangents of all outputs.
    columns: list[list[list[Any]]] = []
    outputs: tuple[Any, ...] = ()
    single_output = True
    for k, x in enumerate(given):
        columns.append([])
        for index in np.ndindex(*x.array.shape):
            direction = np.zeros(x.array.shape, x.array.dtype)
            direction[index] = 1
            with forward_ad.dual_level():
                duals = [forward_ad.make_dual(t, wrap(direction if t is x else np.zeros_like(t.array))) for t in given]
                outputs, single_output = _tuple(func(*duals), "outputs", "jacobian")
                moved = [forward_ad.unpack_dual(y).tangent for y in outputs]
            columns[k].append(
                [np.zeros_like(y.array) if t is None else t.array for y, t in zip(outputs, moved, strict=True)]
            )
    result = []
    for j, y in enumerate(outputs):
        parts = []
        for x, column in zip(given, columns, strict=True):
            size = (*y.array.shape, *x.array.shape)
            parts.append(
                wrap(np.stack([c[j] for c in column], -1).reshape(size) if column else np.zeros(size, y.array.dtype))
            )
        result.append(parts[0] if single_input else tuple(parts))
    return result[0] if single_output else tuple(result)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    r"""Return the Hessian :math:`H_{ij} = \partial^2 f / \partial x_i \partial x_j` of a scalar function.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: raise if the gradient does not depend on an input.
        vectorize: accepted; rows or columns are computed one by one either way.
        outer_jacobian_strategy: how the gradient is differentiated; see ``jacobian``.

    Returns:
        A tensor of shape ``input.shape + input.shape``; nested tuples if there are several inputs.

    Source: ``torch.autograd.functional.hessian``.

    Example:
        >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    given, single = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*xs: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            xs = tuple(x.requires_grad_() for x in xs)
        return _gradient_of_scalar(func, xs, "hessian", strict)[1]

    result = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return result[0][0] if single else result


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    r"""Return ``(func(inputs), v^T J)``.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the outputs' shapes; may be None for a one-element output.
        create_graph: make the results differentiable.
        strict: raise if an output does not depend on an input.

    Source: ``torch.autograd.functional.vjp``.

    Example:
        >>> torch.autograd.functional.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, single_input = _tuple(inputs, "inputs", "vjp")
    xs = _fresh(given, create_graph)
    outputs, single_output = _outputs(func, xs, "vjp")
    vs = _vectors(v, outputs, "vjp", "output")
    gs = _grads(outputs, xs, vs, create_graph, strict)
    return (
        _finish(outputs[0] if single_output else outputs, create_graph),
        _finish(gs[0] if single_input else gs, create_graph),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    r"""Return ``(func(inputs), J v)``, by differentiating :math:`u \mapsto u^T J` (the double-backward trick).

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' shapes; may be None for a one-element input.
        create_graph: make the results differentiable.
        strict: raise if an output does not depend on an input.

    Source: ``torch.autograd.functional.jvp``.

    Example:
        >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, _ = _tuple(inputs, "inputs", "jvp")
    xs = _fresh(given, create_graph)
    vs = _vectors(v, xs, "jvp", "input")
    outputs, single = _outputs(func, xs, "jvp")
    us = []
    for y in outputs:
        u = wrap(np.zeros_like(y.array))
        u._requires_grad = True
        us.append(u)
    with always_record():
        gs = _grads(outputs, xs, us, True, strict)
        products = _grads(list(gs), us, list(vs), create_graph, False)
    return (
        _finish(outputs[0] if single else outputs, create_graph),
        _finish(products[0] if single else products, create_graph),
    )


def _gradient_of_scalar(
    func: Callable[..., Any], xs: Sequence[Any], name: str, strict: bool
) -> tuple[Any, tuple[Any, ...]]:
    outputs, single = _outputs(func, xs, name)
    if not single or outputs[0].array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    with always_record():
        return outputs[0], _grads(outputs, xs, None, True, strict)


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    r"""Return ``(func(inputs), v^T H)`` for a scalar function.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' shapes; may be None for a one-element input.
        create_graph: make the results differentiable.
        strict: raise if the gradient does not depend on an input.

    Source: ``torch.autograd.functional.vhp``.

    Example:
        >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    given, single = _tuple(inputs, "inputs", "vhp")
    xs = _fresh(given, create_graph)
    vs = _vectors(v, xs, "vhp", "input")
    y, gs = _gradient_of_scalar(func, xs, "vhp", strict)
    with always_record():
        products = _grads(gs, xs, vs, create_graph, strict)
    return _finish(y, create_graph), _finish(products[0] if single else products, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    r"""Return ``(func(inputs), H v)`` for a scalar function; equal to ``vhp``, since :math:`H` is symmetric.

    Args:
        func: takes tensors, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' shapes; may be None for a one-element input.
        create_graph: make the results differentiable.
        strict: raise if the gradient does not depend on an input.

    Source: ``torch.autograd.functional.hvp``.

    Example:
        >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)
