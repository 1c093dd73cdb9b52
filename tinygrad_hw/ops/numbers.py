"""Numbers taken apart and put together: mantissa and exponent, common divisors, constant fillings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes, return_types
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.ops.arithmetic import mul, pow

__all__ = [
    "fill",
    "fill_",
    "frexp",
    "gcd",
    "lcm",
    "ldexp",
    "nextafter",
    "zero_",
]


def _itself(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    return input


_frexp = op(
    "frexp",
    lambda input: np.frexp(input),
    outputs=("mantissa", "exponent"),
    nondiff=("exponent",),
    input=lambda g, exponent: g * _power_of_two(-exponent, g.dtype),
)


def _power_of_two(exponent: Any, kind: Any) -> Any:
    """Return 2 to an integer array as a constant."""
    values = exponent.array if isinstance(exponent, TensorBase) else exponent
    return np.ldexp(np.ones((), dtypes.as_dtype(kind).numpy), values)


def frexp(input: Any, *, out: Any = None) -> Any:
    r"""Return mantissa and exponent, :math:`x = m\, 2^e` with :math:`0.5 \le |m| < 1`.

    Args:
        input: a floating point tensor.
        out: a tensor to write the result into.

    Returns:
        ``(mantissa, exponent)``; the exponents are int32.

    Raises:
        RuntimeError: the tensor is not floating point.

    Source: ``torch.frexp``.

    Example:
        >>> torch.frexp(torch.tensor([8.0])).exponent
        tensor([4], dtype=torch.int32)
    """
    if out is not None:
        return into(out, frexp, input)
    if _itself("frexp", input).array.dtype.kind not in "fV":
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype}")
    return return_types.frexp(*_frexp(input))


def ldexp(input: Any, other: Any, *, out: Any = None) -> Any:
    r"""Return :math:`input \cdot 2^{other}`.

    Args:
        input: a tensor.
        other: the exponents, a tensor, broadcastable.
        out: a tensor to write the result into.

    Source: ``torch.ldexp``.

    Example:
        >>> torch.ldexp(torch.tensor([3.0]), torch.tensor([2]))
        tensor([12.])
    """
    if out is not None:
        return into(out, ldexp, input, other)
    for argument, value in (("input", input), ("other", other)):
        if not isinstance(value, TensorBase):
            raise TypeError(f"ldexp(): argument {argument!r} must be Tensor, not {type(value).__name__}")
    return mul(input, pow(2.0, other))


def _whole(name: str, function: Any) -> Any:
    def forward(input: Any, other: Any) -> Any:
        if input.dtype.kind not in "iu":
            raise NotImplementedError(f"{name} is not implemented for {input.dtype} tensors: it needs integers")
        return function(input, other)

    return forward


gcd = op(
    "gcd",
    _whole("gcd", np.gcd),
    promote="same",
    tensors=("input", "other"),
    doc="""Return the greatest common divisors of integers.

    Args:
        input: an integer tensor.
        other: an integer tensor, broadcastable.

    Raises:
        NotImplementedError: the tensors are not integer.

    Source: ``torch.gcd``.

    Example:
        >>> torch.gcd(torch.tensor([12, 9]), torch.tensor([8, 6]))
        tensor([4, 3])
    """,
    out=True,
)
lcm = op(
    "lcm",
    _whole("lcm", np.lcm),
    promote="same",
    tensors=("input", "other"),
    doc="""Return the least common multiples of integers.

    Args:
        input: an integer tensor.
        other: an integer tensor, broadcastable.

    Raises:
        NotImplementedError: the tensors are not integer.

    Source: ``torch.lcm``.

    Example:
        >>> torch.lcm(torch.tensor([4, 6]), torch.tensor([6, 9]))
        tensor([12, 18])
    """,
    out=True,
)


def _nextafter_forward(input: Any, other: Any) -> Any:
    if input.dtype.kind not in "fV":
        raise NotImplementedError(f"nextafter is not implemented for {input.dtype} tensors: it needs floats")
    return np.nextafter(input, other)


nextafter = op(
    "nextafter",
    _nextafter_forward,
    promote="same",
    tensors=("input", "other"),
    input=lambda g: g,
    other=lambda g: g * 0.0,
    doc="""Return the floating point numbers next to ``input`` on the way to ``other``.

    Args:
        input: a floating point tensor.
        other: a tensor, broadcastable.

    Raises:
        NotImplementedError: the tensors are not floating point.

    Source: ``torch.nextafter``.

    Example:
        >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])) > 1
        tensor([True])
    """,
    out=True,
)


_fill = op(
    "fill",
    lambda input, value: np.full(input.shape, value, input.dtype),
    input=lambda g: g * 0.0,
    value=lambda g: g,
)


def fill(input: Any, value: Any) -> Any:
    """Return a tensor like ``input`` with one value everywhere.

    Args:
        input: a tensor.
        value: a number or a 0-d tensor.

    Raises:
        RuntimeError: ``value`` has dimensions.

    Source: ``torch.fill``.

    Example:
        >>> torch.fill(torch.tensor([1.0, 2.0]), 7)
        tensor([7., 7.])
    """
    if isinstance(value, TensorBase) and value.array.ndim:
        raise RuntimeError(
            f"fill only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions."
        )
    return _fill(input, value)


def fill_(input: Any, value: Any) -> Any:
    """Write one value everywhere in ``input``.

    Source: ``torch.fill_``.

    Example:
        >>> torch.fill_(torch.zeros(2), 7)
        tensor([7., 7.])
    """
    return input.fill_(value)


def zero_(input: Any) -> Any:
    """Write zeros everywhere in ``input``.

    Source: ``torch.zero_``.

    Example:
        >>> torch.zero_(torch.ones(2))
        tensor([0., 0.])
    """
    return input.zero_()
