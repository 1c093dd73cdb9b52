"""Comparisons, logic, bits: results without gradients."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]


def _wrap(t: Any, array: Any) -> Any:
    """Return a tensor if a tensor was given, else an array."""
    return wrap(array) if isinstance(t, TensorBase) else np.asarray(array)


def _check_bits(name: str, kind: np.dtype[Any]) -> None:
    if kind.kind == "f":
        raise NotImplementedError(f"{name} is not implemented for {kind} tensors: it needs integers or bool")


def _bits(function: Any) -> Any:
    """Return a bitwise function that refuses floating point operands."""

    def forward(input: Any, other: Any) -> Any:
        _check_bits(function.__name__, np.result_type(input, other))
        return function(input, other)

    return forward


def _shift(function: Any, left: bool) -> Any:
    def forward(input: Any, other: Any) -> Any:
        kind = np.result_type(input, other)
        if kind.kind not in "iu":
            raise NotImplementedError(f"{function.__name__} is not implemented for {kind} tensors: it needs integers")
        bits = kind.itemsize * 8
        shift = np.asarray(other)
        # A shift by the width or more is undefined in C; all bits leave, or the sign stays.
        beyond = (shift < 0) | (shift >= bits)
        result = function(input, np.where(beyond, 0, shift).astype(kind))
        rest = np.zeros((), kind) if left else np.where(np.asarray(input) < 0, -1, 0).astype(kind)
        return np.where(beyond, rest, result)

    return forward


_comparison = functools.partial(op, promote="same", tensors=("input",), out=True)
_logic = functools.partial(op, promote="same", tensors=("input", "other"), out=True)
_bitwise = functools.partial(op, promote="same", out=True)

eq = _comparison(
    "eq",
    np.equal,
    doc="""Return where ``input`` is equal to ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.eq``.

    Example:
        >>> torch.eq(torch.tensor([1, 2]), 1)
        tensor([ True, False])
    """,
)
ne = _comparison(
    "ne",
    np.not_equal,
    doc="""Return where ``input`` is different from ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.ne``.

    Example:
        >>> torch.ne(torch.tensor([1, 2]), 1)
        tensor([False,  True])
    """,
)
lt = _comparison(
    "lt",
    np.less,
    doc="""Return where ``input`` is less than ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.lt``.

    Example:
        >>> torch.lt(torch.tensor([1, 2]), 1)
        tensor([False, False])
    """,
)
le = _comparison(
    "le",
    np.less_equal,
    doc="""Return where ``input`` is less than or equal to ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.le``.

    Example:
        >>> torch.le(torch.tensor([1, 2]), 1)
        tensor([ True, False])
    """,
)
gt = _comparison(
    "gt",
    np.greater,
    doc="""Return where ``input`` is greater than ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.gt``.

    Example:
        >>> torch.gt(torch.tensor([1, 2]), 1)
        tensor([False,  True])
    """,
)
ge = _comparison(
    "ge",
    np.greater_equal,
    doc="""Return where ``input`` is greater than or equal to ``other``, element by element.

    Args:
        input: a tensor.
        other: a tensor or a number, broadcastable.

    Returns:
        A bool tensor.

    Source: ``torch.ge``.

    Example:
        >>> torch.ge(torch.tensor([1, 2]), 1)
        tensor([True, True])
    """,
)
logical_and = _logic(
    "logical_and",
    np.logical_and,
    doc="""Return where both operands are non-zero.

    Source: ``torch.logical_and``.

    Example:
        >>> torch.logical_and(torch.tensor([True, True]), torch.tensor([True, False]))
        tensor([ True, False])
    """,
)
logical_or = _logic(
    "logical_or",
    np.logical_or,
    doc="""Return where at least one operand is non-zero.

    Source: ``torch.logical_or``.

    Example:
        >>> torch.logical_or(torch.tensor([True, True]), torch.tensor([True, False]))
        tensor([True, True])
    """,
)
logical_xor = _logic(
    "logical_xor",
    np.logical_xor,
    doc="""Return where exactly one operand is non-zero.

    Source: ``torch.logical_xor``.

    Example:
        >>> torch.logical_xor(torch.tensor([True, True]), torch.tensor([True, False]))
        tensor([False,  True])
    """,
)
bitwise_and = _bitwise(
    "bitwise_and",
    _bits(np.bitwise_and),
    doc="""Return the bitwise and of integers, the logical one of bool tensors.

    Source: ``torch.bitwise_and``.

    Example:
        >>> torch.bitwise_and(torch.tensor([6]), torch.tensor([3]))
        tensor([2])
    """,
)
bitwise_or = _bitwise(
    "bitwise_or",
    _bits(np.bitwise_or),
    doc="""Return the bitwise or of integers, the logical one of bool tensors.

    Source: ``torch.bitwise_or``.

    Example:
        >>> torch.bitwise_or(torch.tensor([6]), torch.tensor([3]))
        tensor([7])
    """,
)
bitwise_xor = _bitwise(
    "bitwise_xor",
    _bits(np.bitwise_xor),
    doc="""Return the bitwise xor of integers, the logical one of bool tensors.

    Source: ``torch.bitwise_xor``.

    Example:
        >>> torch.bitwise_xor(torch.tensor([6]), torch.tensor([3]))
        tensor([5])
    """,
)
bitwise_left_shift = _bitwise(
    "bitwise_left_shift",
    _shift(np.left_shift, True),
    doc="""Return ``input`` with its bits shifted by ``other``.

    Source: ``torch.bitwise_left_shift``.

    Example:
        >>> torch.bitwise_left_shift(torch.tensor([3]), 2)
        tensor([12])
    """,
)
bitwise_right_shift = _bitwise(
    "bitwise_right_shift",
    _shift(np.right_shift, False),
    doc="""Return ``input`` with its bits shifted by ``other``.

    Source: ``torch.bitwise_right_shift``.

    Example:
        >>> torch.bitwise_right_shift(torch.tensor([4]), 2)
        tensor([1])
    """,
)


def _invert(input: Any) -> Any:
    _check_bits("bitwise_not", input.dtype)
    return np.invert(input)


bitwise_not = op(
    "bitwise_not",
    _invert,
    doc="""Return integers with all bits inverted, bool tensors negated.

    Source: ``torch.bitwise_not``.

    Example:
        >>> torch.bitwise_not(torch.tensor([0, 1]))
        tensor([-1, -2])
    """,
    out=True,
)
logical_not = op(
    "logical_not",
    np.logical_not,
    doc="""Return where elements are zero.

    Source: ``torch.logical_not``.

    Example:
        >>> torch.logical_not(torch.tensor([0, 1]))
        tensor([ True, False])
    """,
    out=True,
)
isnan = op(
    "isnan",
    np.isnan,
    doc="""Return where elements are NaN.

    Source: ``torch.isnan``.

    Example:
        >>> torch.isnan(torch.tensor([1.0, float("nan")]))
        tensor([False,  True])
    """,
)
isinf = op(
    "isinf",
    np.isinf,
    doc="""Return where elements are infinite.

    Source: ``torch.isinf``.

    Example:
        >>> torch.isinf(torch.tensor([1.0, float("inf")]))
        tensor([False,  True])
    """,
)
isfinite = op(
    "isfinite",
    np.isfinite,
    doc="""Return where elements are neither NaN nor infinite.

    Source: ``torch.isfinite``.

    Example:
        >>> torch.isfinite(torch.tensor([1.0, float("inf")]))
        tensor([ True, False])
    """,
)
isposinf = op(
    "isposinf",
    lambda input: np.isposinf(input) if input.dtype.kind == "f" else np.zeros(input.shape, np.bool_),
    doc="""Return where elements are plus infinity.

    Source: ``torch.isposinf``.

    Example:
        >>> torch.isposinf(torch.tensor([float("-inf"), float("inf")]))
        tensor([False,  True])
    """,
    out=True,
)
isneginf = op(
    "isneginf",
    lambda input: np.isneginf(input) if input.dtype.kind == "f" else np.zeros(input.shape, np.bool_),
    doc="""Return where elements are minus infinity.

    Source: ``torch.isneginf``.

    Example:
        >>> torch.isneginf(torch.tensor([float("-inf"), float("inf")]))
        tensor([ True, False])
    """,
    out=True,
)
signbit = op(
    "signbit",
    lambda input: np.signbit(input) if input.dtype.kind == "f" else input < 0,
    doc="""Return where the sign bit is set.

    Source: ``torch.signbit``.

    Example:
        >>> torch.signbit(torch.tensor([-1.0, 2.0]))
        tensor([ True, False])
    """,
    out=True,
)
isreal = op(
    "isreal",
    lambda input: input.imag == 0 if input.dtype.kind == "c" else np.ones(input.shape, np.bool_),
    doc="""Return where elements have no imaginary part.

    Source: ``torch.isreal``.

    Example:
        >>> torch.isreal(torch.tensor([1.0]))
        tensor([True])
    """,
)


@whole
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    r"""Return where :math:`|a - b| \le atol + rtol\,|b|`.

    Args:
        input: a tensor.
        other: a tensor of the same dtype.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether two NaN are close.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.

    Source: ``torch.isclose``.

    Example:
        >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1]))
        tensor([ True, False])
    """
    for argument, value in (("input", input), ("other", other)):
        if not isinstance(value, (TensorBase, np.ndarray)):
            raise TypeError(f"isclose(): argument {argument!r} must be Tensor, not {type(value).__name__}")
    a, b = array_of(input), array_of(other)
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{dtypes.from_numpy(a.dtype)} and {dtypes.from_numpy(b.dtype)}: isclose needs the same dtype"
        )
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    if a.dtype.kind not in "fcVW":
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        return _wrap(input, (a == b) | (np.abs(wide_a - wide_b) <= atol + rtol * np.abs(wide_b)))
    return _wrap(input, np.isclose(a, b, rtol, atol, equal_nan))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Return whether all elements are close; see ``isclose``.

    Source: ``torch.allclose``.

    Example:
        >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-9]))
        True
    """
    return bool(array_of(isclose(input, other, rtol, atol, equal_nan)).all())


def equal(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape and elements.

    Source: ``torch.equal``.

    Example:
        >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
        True
    """
    for value in (input, other):
        if not isinstance(value, (TensorBase, np.ndarray)):
            raise TypeError(f"equal(): arguments must be Tensor, not {type(value).__name__}")
    a, b = array_of(input), array_of(other)
    if a.shape != b.shape:
        return False
    return bool((a == b).all())


greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
