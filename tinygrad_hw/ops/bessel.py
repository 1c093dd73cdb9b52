"""Modified Bessel functions of the first kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import bessel
from tinygrad_hw.ops.unary import sgn

__all__ = ["i0", "i0e", "i1", "i1e"]


def _over(out: Any, input: Any) -> Any:
    """Return out / input, and its limit 1/2 at 0."""
    values = input.array if isinstance(input, TensorBase) else np.asarray(input)
    zero = np.asarray(values == 0, values.dtype)
    return (out + zero * 0.5) / (input + zero)


i0 = op(
    "i0",
    lambda input: bessel.i0(input),
    promote="float",
    input=lambda g, input: g * i1(input),
    doc="""Return the modified Bessel function of the first kind of order 0.

    Args:
        input: a tensor.

    Source: ``torch.special.i0``.

    Example:
        >>> torch.special.i0(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """,
    out=True,
)
i0e = op(
    "special_i0e",
    lambda input: bessel.i0e(input),
    promote="float",
    input=lambda g, input, out: g * (i1e(input) - sgn(input) * out),
    doc="""Return :math:`e^{-|x|} I_0(x)`, which does not overflow.

    Args:
        input: a tensor.

    Source: ``torch.special.i0e``.

    Example:
        >>> torch.special.i0e(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """,
    out=True,
)
i1 = op(
    "special_i1",
    lambda input: bessel.i1(input),
    promote="float",
    input=lambda g, input, out: g * (i0(input) - _over(out, input)),
    doc="""Return the modified Bessel function of the first kind of order 1.

    Args:
        input: a tensor.

    Source: ``torch.special.i1``.

    Example:
        >>> torch.special.i1(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """,
    out=True,
)
i1e = op(
    "special_i1e",
    lambda input: bessel.i1e(input),
    promote="float",
    input=lambda g, input, out: g * (i0e(input) - sgn(input) * out - _over(out, input)),
    doc="""Return :math:`e^{-|x|} I_1(x)`, which does not overflow.

    Args:
        input: a tensor.

    Source: ``torch.special.i1e``.

    Example:
        >>> torch.special.i1e(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """,
    out=True,
)
