"""Element by element, one operand or another: ``where``, the larger, the smaller, limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import cast
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into

__all__ = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "fmax",
    "fmin",
    "maximum",
    "minimum",
    "where",
]


def _zero_where(condition: Any, value: Any) -> Any:
    """Return ``value`` with zeros where ``condition`` (an array) holds, whatever was there."""
    return _where(condition, np.zeros((), array_of(value).dtype), value)


def _where_forward(condition: Any, input: Any, other: Any) -> Any:
    return np.where(condition, input, other)


_where = op(
    "where",
    _where_forward,
    promote="same",
    promote_over=("input", "other"),
    input=lambda g, condition: _where(condition, g, np.zeros((), array_of(g).dtype)),
    other=lambda g, condition: _where(condition, np.zeros((), array_of(g).dtype), g),
)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """Return ``input`` where ``condition`` holds, else ``other``.

    With the condition alone, return the indices where it holds, as ``nonzero(as_tuple=True)`` does.

    Args:
        condition: a bool tensor.
        input: a tensor or a number.
        other: a tensor or a number.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the condition is not bool (or uint8).

    Source: ``torch.where``.

    Example:
        >>> torch.where(torch.tensor([True, False]), 1.0, 0.0)
        tensor([1., 0.])
    """
    if out is not None:
        return into(out, where, condition, input, other)
    if input is None and other is None:
        values = array_of(condition)
        return tuple(wrap(i) for i in np.nonzero(values))
    if not isinstance(condition, (TensorBase, np.ndarray)):
        raise TypeError(f"where(): argument 'condition' must be Tensor, not {type(condition).__name__}")
    kind = array_of(condition).dtype
    if kind != np.bool_:
        if kind != np.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{dtypes.from_numpy(kind)}"
            )
        condition = condition != 0
    if isinstance(input, (int, float, complex)) and isinstance(other, (int, float, complex)):
        both = dtypes.result_type_of([input, other]).numpy
        input = wrap(np.asarray(input, both))
    return _where(condition, input, other)


def _selected(g: Any, mine: Any, tie: Any) -> Any:
    """Return ``g`` where an operand was chosen, half of it where both were equal."""
    weight = np.where(tie, 0.5, np.where(mine, 1.0, 0.0)).astype(array_of(g).dtype)
    return g * weight


def _gt(a: Any, b: Any) -> Any:
    return np.greater(array_of(a), array_of(b))


def _eq(a: Any, b: Any) -> Any:
    return np.equal(array_of(a), array_of(b))


_maximum = op(
    "maximum",
    np.maximum,
    promote="same",
    input=lambda g, input, other: _selected(g, _gt(input, other), _eq(input, other)),
    other=lambda g, input, other: _selected(g, _gt(other, input), _eq(input, other)),
)
_minimum = op(
    "minimum",
    np.minimum,
    promote="same",
    input=lambda g, input, other: _selected(g, _gt(other, input), _eq(input, other)),
    other=lambda g, input, other: _selected(g, _gt(input, other), _eq(input, other)),
)


def _keep(g: Any, mask: Any) -> Any:
    return g * np.asarray(mask, array_of(g).dtype)


def _fmax_mask(a: Any, b: Any) -> Any:
    return np.greater_equal(array_of(a), array_of(b)) | np.isnan(array_of(b))


def _fmin_mask(a: Any, b: Any) -> Any:
    return np.less_equal(array_of(a), array_of(b)) | np.isnan(array_of(b))


_fmax = op(
    "fmax",
    np.fmax,
    promote="same",
    input=lambda g, input, other: _keep(g, _fmax_mask(input, other)),
    other=lambda g, input, other: _keep(g, ~_fmax_mask(input, other)),
)
_fmin = op(
    "fmin",
    np.fmin,
    promote="same",
    input=lambda g, input, other: _keep(g, _fmin_mask(input, other)),
    other=lambda g, input, other: _keep(g, ~_fmin_mask(input, other)),
)


def _need_tensors(name: str, input: Any, other: Any) -> None:
    for argument, value in (("input", input), ("other", other)):
        if not isinstance(value, (TensorBase, np.ndarray)):
            raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(value).__name__}")


def maximum(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the larger of two tensors; NaN if one is NaN. Ties share the gradient.

    Source: ``torch.maximum``.

    Example:
        >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
        tensor([3, 5])
    """
    if out is not None:
        return into(out, maximum, input, other)
    _need_tensors("maximum", input, other)
    return _maximum(input, other)


def minimum(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the smaller of two tensors; NaN if one is NaN. Ties share the gradient.

    Source: ``torch.minimum``.

    Example:
        >>> torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))
        tensor([1, 2])
    """
    if out is not None:
        return into(out, minimum, input, other)
    _need_tensors("minimum", input, other)
    return _minimum(input, other)


def fmax(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the larger of two tensors; a NaN only if both are NaN.

    Source: ``torch.fmax``.

    Example:
        >>> torch.fmax(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """
    if out is not None:
        return into(out, fmax, input, other)
    _need_tensors("fmax", input, other)
    return _fmax(input, other)


def fmin(input: Any, other: Any, *, out: Any = None) -> Any:
    """Return the smaller of two tensors; a NaN only if both are NaN.

    Source: ``torch.fmin``.

    Example:
        >>> torch.fmin(torch.tensor([1.0, float("nan")]), torch.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    if out is not None:
        return into(out, fmin, input, other)
    _need_tensors("fmin", input, other)
    return _fmin(input, other)


def _clip(input: Any, *, min: Any, max: Any) -> Any:
    low = None if min is None else input.dtype.type(min)
    high = None if max is None else input.dtype.type(max)
    if low is not None and high is not None and low > high:
        return np.where(np.isnan(input), input, high) if input.dtype.kind == "f" else np.full_like(input, high)
    return input.clip(low, high)


def _clip_rule(g: Any, input: Any, min: Any, max: Any) -> Any:
    values = array_of(input)
    inside = np.ones(values.shape, np.bool_)
    if min is not None:
        inside &= values >= min
    if max is not None:
        inside &= values <= max
    return _keep(g, inside)


#: Classes of bounds that leave floating point tensors their dtype.
_BOUNDS = (float, int, type(None))

_clamp = op("clamp", _clip, node_name="ClampBackward1", input=_clip_rule)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """Return ``input`` limited to the range from ``min`` to ``max``.

    Args:
        input: a tensor.
        min: lower bound, a number or a tensor; None for none.
        max: upper bound, a number or a tensor; None for none. Where ``min`` is above it, it wins.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: neither bound is given.

    Source: ``torch.clamp``. The gradient is 1 at the bounds.

    Example:
        >>> torch.clamp(torch.tensor([-2.0, 0.5, 3.0]), 0, 1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if out is not None:
        return into(out, clamp, input, min, max)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        for name, bound in (("min", min), ("max", max)):
            if not (bound is None or isinstance(bound, TensorBase)):
                raise TypeError(f"clamp(): argument {name!r} must be Tensor as the other bound, not a number")
        if min is not None:
            input = _clamp_below(input, min)
        if max is not None:
            input = _clamp_above(input, max)
        return input
    if input.__class__ in (int, float, bool):
        raise TypeError(f"clamp(): argument 'input' must be Tensor, not {type(input).__name__}")
    if min.__class__ in _BOUNDS and max.__class__ in _BOUNDS and array_of(input).dtype.char in "fd":
        return _clamp(input, min=min, max=max)
    given = [b for b in (min, max) if b is not None]
    for bound in given:
        if not isinstance(bound, (int, float, np.generic)):
            raise TypeError(f"clamp(): a bound must be a Tensor or a number, not {type(bound).__name__}")
    target = dtypes.result_type_of([array_of(input), *given]).numpy
    if target != array_of(input).dtype:
        input = cast(input, dtype=target)
    if target.kind in "iu":
        min = None if min is None else dtypes.fitting(int(min), target)
        max = None if max is None else dtypes.fitting(int(max), target)
    return _clamp(input, min=min, max=max)


_clamp_below = op(
    "clamp_below",
    np.maximum,
    promote="same",
    tensors=("input",),
    node_name="ClampBackward0",
    input=lambda g, input, other: _keep(g, ~_gt(other, input)),
    other=lambda g, input, other: _keep(g, _gt(other, input)),
)
_clamp_above = op(
    "clamp_above",
    np.minimum,
    promote="same",
    tensors=("input",),
    node_name="ClampBackward0",
    input=lambda g, input, other: _keep(g, ~_gt(input, other)),
    other=lambda g, input, other: _keep(g, _gt(input, other)),
)


def clamp_min(input: Any, min: Any, *, out: Any = None) -> Any:
    """Return ``input`` limited from below; see ``clamp``."""
    if out is not None:
        return into(out, clamp_min, input, min)
    return clamp(input, min=min)


def clamp_max(input: Any, max: Any, *, out: Any = None) -> Any:
    """Return ``input`` limited from above; see ``clamp``."""
    if out is not None:
        return into(out, clamp_max, input, max)
    return clamp(input, max=max)


clip = clamp
