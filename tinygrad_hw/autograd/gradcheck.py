"""Checking gradients against central finite differences."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import always_record, no_grad
from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised by ``gradcheck`` and ``gradgradcheck`` when a gradient is wrong."""


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _outputs(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    """Return the floating point and complex tensors that ``func`` gives."""
    return [t for t in _as_tuple(func(*inputs)) if isinstance(t, TensorBase) and t.array.dtype.kind in "fc"]


def _wide(array: Any) -> Any:
    """Return a copy in double precision."""
    return np.array(array, np.complex128 if array.dtype.kind == "c" else np.float64)


def _parts(array: Any) -> Any:
    """Return the elements as one dimension of real numbers: a complex one is two of them."""
    return np.ascontiguousarray(_wide(array)).reshape(-1).view(np.float64)


def _units(array: Any) -> tuple[complex, ...]:
    """Return the directions in which an element can move."""
    return (1.0, 1j) if array.dtype.kind == "c" else (1.0,)


def _unravel(at: int, array: Any) -> list[Any]:
    """Return the index of an element's real number in ``_parts``, with "real" or "imag" if it is complex."""
    units = len(_units(array))
    index: list[Any] = [int(i) for i in np.unravel_index(at // units, array.shape)]
    return index if units == 1 else [*index, ("real", "imag")[at % 2]]


def _values(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    with no_grad():
        return [_wide(t.array) for t in _outputs(func, inputs)]


def _checked(inputs: Sequence[Any]) -> list[int]:
    """Return the positions of the inputs to check; complain about what cannot work."""
    at = [i for i, t in enumerate(inputs) if isinstance(t, TensorBase) and edge_of(t) is not None]
    if not at:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for i in at:
        array = inputs[i].array
        if array.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point (it is "
                f"{array.dtype}). This check will likely fail if all the inputs are not of double "
                "precision floating point.",
                stacklevel=4,
            )
        if array.size > 1 and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
    return at


class _Perturbed:
    """Add a value to entries of an input's memory for the length of a block."""

    def __init__(self, array: Any, index: Any, delta: Any) -> None:
        self.array, self.index, self.delta = array, index, delta

    def __enter__(self) -> None:
        self.old = np.array(self.array[self.index])
        self.array[self.index] = self.old + self.delta

    def __exit__(self, *exc: object) -> None:
        self.array[self.index] = self.old


def _column(func: Callable[..., Any], inputs: Sequence[Any], i: int, index: Any, delta: Any, eps: float) -> list[Any]:
    """Return the central differences of all outputs along one direction of input ``i``."""
    with _Perturbed(inputs[i].array, index, delta):
        above = _values(func, inputs)
    with _Perturbed(inputs[i].array, index, -delta):
        below = _values(func, inputs)
    return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]


def _kink(func: Callable[..., Any], inputs: Sequence[Any], i: int, row: int, o: int, column: int, eps: float) -> str:
    """Return a remark if the one-sided differences at an entry disagree."""
    array = inputs[i].array
    units = _units(array)
    index, step = np.unravel_index(row // len(units), array.shape), eps * units[row % len(units)]
    middle = _parts(_values(func, inputs)[o])[column]
    with _Perturbed(array, index, step):
        above = _parts(_values(func, inputs)[o])[column]
    with _Perturbed(array, index, -step):
        below = _parts(_values(func, inputs)[o])[column]
    right, left = float(above - middle) / eps, float(middle - below) / eps
    if abs(right - left) > 1e-2 * max(1.0, abs(right), abs(left)):
        return (
            f"\nThe one-sided differences there disagree ({left:.6g} from the left, {right:.6g} from the "
            "right): the function has a kink at this input, and the check does not apply. Move the input "
            "away from it."
        )
    return ""


def _dtype_remark(inputs: Sequence[Any], at: Sequence[int]) -> str:
    low = [i for i in at if inputs[i].array.dtype not in (np.float64, np.complex128)]
    return (
        f"\nInputs {low} are not float64 or complex128: differences in that precision are mostly rounding. Use "
        ".double() or .cdouble()."
        if low
        else ""
    )


def _analytical(outputs: Sequence[Any], o: int, cotangent: Any, inputs: Sequence[Any], at: Sequence[int]) -> list[Any]:
    """Return the gradients of output ``o`` with respect to each checked input, for the output's gradient v."""
    output = outputs[o]
    if edge_of(output) is None:
        return [np.zeros(inputs[i].array.shape) for i in at]
    gradient = wrap(cotangent.astype(output.array.dtype))
    gs = grad(output, [inputs[i] for i in at], gradient, retain_graph=True, allow_unused=True)
    return [np.zeros(inputs[i].array.shape) if g is None else np.asarray(g.array) for i, g in zip(at, gs, strict=True)]


def _as(g: Any, like: Any) -> Any:
    """Return a gradient as complex if its input is."""
    return g.astype(np.complex128) if like.dtype.kind == "c" else g


def _random(rng: np.random.Generator, like: Any) -> Any:
    values = rng.random(like.shape) + 0.1
    return values + 1j * rng.random(like.shape) if like.dtype.kind == "c" else values


def _check_meta(gs: Sequence[Any], inputs: Sequence[Any], at: Sequence[int], dtypes: bool) -> None:
    for i, g in zip(at, gs, strict=True):
        if g.shape != inputs[i].array.shape:
            raise GradcheckError(
                f"the gradient of input {i} has shape {list(g.shape)}, the input has shape "
                f"{list(inputs[i].array.shape)}"
            )
        if dtypes and g.dtype != inputs[i].array.dtype:
            raise GradcheckError(
                f"the gradient of input {i} has dtype {g.dtype}, the input has dtype {inputs[i].array.dtype}"
            )


def _slow(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    at: Sequence[int],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_grad_dtypes: bool,
) -> None:
    """Compare the whole Jacobians."""
    outputs = _outputs(func, inputs)
    numerical: dict[tuple[int, int], Any] = {}
    for i in at:
        shape = inputs[i].array.shape
        columns = [
            _column(func, inputs, i, index, eps * unit, eps)
            for index in np.ndindex(*shape)
            for unit in _units(inputs[i].array)
        ]
        for o, output in enumerate(outputs):
            numerical[i, o] = (
                np.stack([_parts(c[o]) for c in columns]) if columns else np.zeros((0, _parts(output.array).size))
            )
    for o, output in enumerate(outputs):
        shape = output.array.shape
        rows: list[list[Any]] = []
        for index, unit in itertools.product(np.ndindex(*shape), _units(output.array)):
            cotangent = np.zeros(shape, complex if unit == 1j else float)
            cotangent[index] = unit
            gs = _analytical(outputs, o, cotangent, inputs, at)
            _check_meta(gs, inputs, at, check_grad_dtypes)
            again = _analytical(outputs, o, cotangent, inputs, at)
            for i, g, h in zip(at, gs, again, strict=True):
                if g.size and np.abs(g - h).max(initial=0) > nondet_tol:
                    raise GradcheckError(
                        f"Backward is not reentrant: the gradient of output {o} with respect to input {i} "
                        f"differed by {np.abs(g - h).max():.3g} between two runs"
                    )
            rows.append([_parts(_as(g, inputs[i].array)) for i, g in zip(at, gs, strict=True)])
        for k, i in enumerate(at):
            a = np.stack([r[k] for r in rows], axis=1) if rows else np.zeros((_parts(inputs[i].array).size, 0))
            n = numerical[i, o]
            wrong = ~np.isclose(a, n, rtol=rtol, atol=atol, equal_nan=True)
            if not wrong.any():
                continue
            worst = np.where(wrong, np.abs(a - n), -1)
            worst = np.where(np.isnan(worst), np.inf, worst)
            row, column = np.unravel_index(int(np.argmax(worst)), a.shape)
            raise GradcheckError(
                f"Jacobian mismatch for output {o} with respect to input {i}: {int(wrong.sum())} of {a.size} "
                f"entries differ. The worst is d output{_unravel(int(column), output.array)} / d input"
                f"{_unravel(int(row), inputs[i].array)}: numerical {n[row, column]:.8g}, analytical "
                f"{a[row, column]:.8g} (atol={atol}, rtol={rtol}).\nnumerical:\n{n}\nanalytical:\n{a}"
                + _kink(func, inputs, i, int(row), o, int(column), eps)
                + _dtype_remark(inputs, at)
            )


def _fast(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    at: Sequence[int],
    eps: float,
    atol: float,
    rtol: float,
    check_grad_dtypes: bool,
) -> None:
    """Compare v^T J u for random directions u and v, complex numbers being pairs of real ones."""
    rng = np.random.default_rng(0)
    outputs = _outputs(func, inputs)
    directions = {}
    for i in at:
        u = _random(rng, inputs[i].array)
        directions[i] = u / max(float(np.linalg.norm(u)), 1e-30)
    cotangents = [_random(rng, t.array) for t in outputs]
    numerical = {i: _column(func, inputs, i, ..., eps * directions[i], eps) for i in at}
    for o, v in enumerate(cotangents):
        gs = _analytical(outputs, o, v, inputs, at)
        _check_meta(gs, inputs, at, check_grad_dtypes)
        for i, g in zip(at, gs, strict=True):
            a = float(_parts(_as(g, inputs[i].array)) @ _parts(directions[i]))
            n = float(_parts(numerical[i][o]) @ _parts(v))
            # The projection sums many entries, so the tolerance grows with what it sums.
            allowed = atol * max(1.0, float(np.abs(v).sum())) + rtol * abs(n)
            if not abs(a - n) <= allowed and not (np.isnan(a) and np.isnan(n)):
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i} along a random direction: "
                    f"numerical {n:.8g}, analytical {a:.8g} (atol={atol}, rtol={rtol}). Use fast_mode=False "
                    "to see which entries differ." + _dtype_remark(inputs, at)
                )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    r"""Check the gradients of ``func`` against central finite differences.

    .. math:: \partial y / \partial x_i \approx (f(x + \epsilon e_i) - f(x - \epsilon e_i)) / 2\epsilon

    Args:
        func: takes the inputs and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad are checked, and should be float64 or complex128. A
            complex number counts as two real ones.
        eps: the step.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise on failure instead of returning False.
        nondet_tol: how far two runs of the same backward may differ.
        check_undefined_grad: also check that each output alone can be differentiated.
        check_grad_dtypes: also check that a gradient has its input's dtype.
        check_batched_grad: also check ``is_grads_batched`` against single gradients.
        fast_mode: compare one random projection of each Jacobian instead of all its entries.

    Returns:
        True if all gradients are right.

    Raises:
        GradcheckError: a gradient is wrong; the message names the input, the output, the worst entry and
            both numbers, and says if a kink or float32 inputs explain it.
        ValueError: no input requires grad.

    Source: ``torch.autograd.gradcheck``.

    Example:
        >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.sin, (x,))
        True
    """
    inputs = _as_tuple(inputs)
    at = _checked(inputs)
    try:
        with always_record():
            if fast_mode:
                _fast(func, inputs, at, eps, atol, rtol, check_grad_dtypes)
            else:
                _slow(func, inputs, at, eps, atol, rtol, nondet_tol, check_grad_dtypes)
            if check_undefined_grad:
                _check_undefined(func, inputs, at)
            if check_batched_grad:
                _check_batched(func, inputs, at)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_undefined(func: Callable[..., Any], inputs: Sequence[Any], at: Sequence[int]) -> None:
    """Differentiate each of several outputs alone, so that the others' gradients are undefined."""
    outputs = _outputs(func, inputs)
    if len(outputs) < 2:
        return
    for o, output in enumerate(outputs):
        try:
            _analytical(outputs, o, np.ones(output.array.shape), inputs, at)
        except GradcheckError:
            raise
        except Exception as error:
            raise GradcheckError(
                f"backward fails when only output {o} has a gradient: {type(error).__name__}: {error}"
            ) from error


def _check_batched(func: Callable[..., Any], inputs: Sequence[Any], at: Sequence[int]) -> None:
    rng = np.random.default_rng(0)
    outputs = _outputs(func, inputs)
    for o, output in enumerate(outputs):
        if edge_of(output) is None:
            continue
        batch = np.stack([_random(rng, output.array), _random(rng, output.array)])
        wanted = [inputs[i] for i in at]
        together = grad(output, wanted, wrap(batch), retain_graph=True, allow_unused=True, is_grads_batched=True)
        for b in range(2):
            single = _analytical(outputs, o, batch[b], inputs, at)
            for i, s, t in zip(at, single, together, strict=True):
                if t is not None and not np.allclose(t.array[b], s):
                    raise GradcheckError(f"the batched gradient of input {i} differs from single ones")


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Check the gradients of the gradients of ``func`` against central finite differences.

    The function checked is the map from ``inputs`` and ``grad_outputs`` to the gradients of the inputs.

    Args:
        func: takes the inputs and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad are checked, and should be float64.
        grad_outputs: gradients of the outputs; random ones by default.
        eps: the step.
        atol: absolute tolerance.
        rtol: relative tolerance.
        gen_non_contig_grad_outputs: make the random gradients non-contiguous.
        raise_exception: raise on failure instead of returning False.
        nondet_tol: how far two runs of the same backward may differ.
        check_undefined_grad: as in ``gradcheck``.
        check_grad_dtypes: as in ``gradcheck``.
        check_batched_grad: as in ``gradcheck``.
        fast_mode: as in ``gradcheck``.

    Returns:
        True if all second derivatives are right.

    Raises:
        GradcheckError: one is wrong.

    Source: ``torch.autograd.gradgradcheck``.

    Example:
        >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradgradcheck(torch.sin, (x,))
        True
    """
    inputs = _as_tuple(inputs)
    with always_record():
        outputs = [t for t in _outputs(func, inputs) if edge_of(t) is not None]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        made = []
        for t in outputs:
            shape = t.array.shape
            values = rng.standard_normal((*shape, 2))[..., 0] if gen_non_contig_grad_outputs else None
            if values is None:
                values = rng.standard_normal(shape)
            if t.array.dtype.kind == "c":
                values = values + 1j * rng.standard_normal(shape)
            g = wrap(np.asarray(values, t.array.dtype))
            g._requires_grad = True
            made.append(g)
        grad_outputs = tuple(made)
    grad_outputs = _as_tuple(grad_outputs)
    count = len(inputs)
    at = [i for i, t in enumerate(inputs) if isinstance(t, TensorBase) and edge_of(t) is not None]

    def gradients(*args: Any) -> tuple[Any, ...]:
        xs, gs = args[:count], args[count:]
        with always_record():
            ys = [t for t in _outputs(func, xs) if edge_of(t) is not None]
            found = grad(ys, [xs[i] for i in at], gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )
