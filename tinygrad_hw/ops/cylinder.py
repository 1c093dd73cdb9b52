"""Bessel's and Airy's functions: those of ``torch.special`` that have no gradients, as there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import cylinder

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]


def _spherical(input: Any) -> Any:
    near = np.abs(input) < 1e-4
    safe = np.where(near, 1, input)
    value = np.where(near, 1 - input * input / 6, np.sin(safe) / safe)
    return np.where(np.isinf(input), 0, value).astype(input.dtype)


def _function(name: str, what: str, forward: Callable[[Any], Any], example: str) -> Callable[..., Any]:
    return op(
        f"special_{name}",
        forward,
        promote="float",
        doc=f"""Return {what}.

    Args:
        input: a tensor.

    Source: ``torch.special.{name}``.

    Example:
        >>> torch.special.{name}(torch.tensor([1.0, 2.0]))
        {example}
    """,
        out=True,
    )


airy_ai = _function(
    "airy_ai",
    "Airy's function Ai",
    lambda input: cylinder.airy(input),
    "tensor([0.1353, 0.0349])",
)
bessel_j0 = _function(
    "bessel_j0",
    "the Bessel function of the first kind of order 0",
    lambda input: cylinder.bessel_j(0, input),
    "tensor([0.7652, 0.2239])",
)
bessel_j1 = _function(
    "bessel_j1",
    "the Bessel function of the first kind of order 1",
    lambda input: cylinder.bessel_j(1, input),
    "tensor([0.4401, 0.5767])",
)
bessel_y0 = _function(
    "bessel_y0",
    "the Bessel function of the second kind of order 0",
    lambda input: cylinder.bessel_y(0, input),
    "tensor([0.0883, 0.5104])",
)
bessel_y1 = _function(
    "bessel_y1",
    "the Bessel function of the second kind of order 1",
    lambda input: cylinder.bessel_y(1, input),
    "tensor([-0.7812, -0.1070])",
)
modified_bessel_i0 = _function(
    "modified_bessel_i0",
    "the modified Bessel function of the first kind of order 0",
    lambda input: cylinder.bessel_i(0, input),
    "tensor([1.2661, 2.2796])",
)
modified_bessel_i1 = _function(
    "modified_bessel_i1",
    "the modified Bessel function of the first kind of order 1",
    lambda input: cylinder.bessel_i(1, input),
    "tensor([0.5652, 1.5906])",
)
modified_bessel_k0 = _function(
    "modified_bessel_k0",
    "the modified Bessel function of the second kind of order 0",
    lambda input: cylinder.bessel_k(0, input),
    "tensor([0.4210, 0.1139])",
)
modified_bessel_k1 = _function(
    "modified_bessel_k1",
    "the modified Bessel function of the second kind of order 1",
    lambda input: cylinder.bessel_k(1, input),
    "tensor([0.6019, 0.1399])",
)
scaled_modified_bessel_k0 = _function(
    "scaled_modified_bessel_k0",
    "the modified Bessel function of the second kind of order 0, times :math:`e^x`",
    lambda input: cylinder.bessel_k(0, input, scaled=True),
    "tensor([1.1445, 0.8416])",
)
scaled_modified_bessel_k1 = _function(
    "scaled_modified_bessel_k1",
    "the modified Bessel function of the second kind of order 1, times :math:`e^x`",
    lambda input: cylinder.bessel_k(1, input, scaled=True),
    "tensor([1.6362, 1.0335])",
)
spherical_bessel_j0 = _function(
    "spherical_bessel_j0",
    r"the spherical Bessel function of the first kind of order 0, :math:`\sin(x) / x`",
    _spherical,
    "tensor([0.8415, 0.4546])",
)
