"""Bessel's and Airy's functions: those of ``torch.special`` that have no gradients, as there."""

from __future__ import annotations

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


airy_ai = op(
    "special_airy_ai",
    lambda input: cylinder.airy(input),
    promote="float",
    doc=r"""Return Airy's function Ai.

    Args:
        input: a tensor.

    Source: ``torch.special.airy_ai``.

    Example:
        >>> torch.special.airy_ai(torch.tensor([1.0, 2.0]))
        tensor([0.1353, 0.0349])
    """,
    out=True,
)
bessel_j0 = op(
    "special_bessel_j0",
    lambda input: cylinder.bessel_j(0, input),
    promote="float",
    doc=r"""Return the Bessel function of the first kind of order 0.

    Args:
        input: a tensor.

    Source: ``torch.special.bessel_j0``.

    Example:
        >>> torch.special.bessel_j0(torch.tensor([1.0, 2.0]))
        tensor([0.7652, 0.2239])
    """,
    out=True,
)
bessel_j1 = op(
    "special_bessel_j1",
    lambda input: cylinder.bessel_j(1, input),
    promote="float",
    doc=r"""Return the Bessel function of the first kind of order 1.

    Args:
        input: a tensor.

    Source: ``torch.special.bessel_j1``.

    Example:
        >>> torch.special.bessel_j1(torch.tensor([1.0, 2.0]))
        tensor([0.4401, 0.5767])
    """,
    out=True,
)
bessel_y0 = op(
    "special_bessel_y0",
    lambda input: cylinder.bessel_y(0, input),
    promote="float",
    doc=r"""Return the Bessel function of the second kind of order 0.

    Args:
        input: a tensor.

    Source: ``torch.special.bessel_y0``.

    Example:
        >>> torch.special.bessel_y0(torch.tensor([1.0, 2.0]))
        tensor([0.0883, 0.5104])
    """,
    out=True,
)
bessel_y1 = op(
    "special_bessel_y1",
    lambda input: cylinder.bessel_y(1, input),
    promote="float",
    doc=r"""Return the Bessel function of the second kind of order 1.

    Args:
        input: a tensor.

    Source: ``torch.special.bessel_y1``.

    Example:
        >>> torch.special.bessel_y1(torch.tensor([1.0, 2.0]))
        tensor([-0.7812, -0.1070])
    """,
    out=True,
)
modified_bessel_i0 = op(
    "special_modified_bessel_i0",
    lambda input: cylinder.bessel_i(0, input),
    promote="float",
    doc=r"""Return the modified Bessel function of the first kind of order 0.

    Args:
        input: a tensor.

    Source: ``torch.special.modified_bessel_i0``.

    Example:
        >>> torch.special.modified_bessel_i0(torch.tensor([1.0, 2.0]))
        tensor([1.2661, 2.2796])
    """,
    out=True,
)
modified_bessel_i1 = op(
    "special_modified_bessel_i1",
    lambda input: cylinder.bessel_i(1, input),
    promote="float",
    doc=r"""Return the modified Bessel function of the first kind of order 1.

    Args:
        input: a tensor.

    Source: ``torch.special.modified_bessel_i1``.

    Example:
        >>> torch.special.modified_bessel_i1(torch.tensor([1.0, 2.0]))
        tensor([0.5652, 1.5906])
    """,
    out=True,
)
modified_bessel_k0 = op(
    "special_modified_bessel_k0",
    lambda input: cylinder.bessel_k(0, input),
    promote="float",
    doc=r"""Return the modified Bessel function of the second kind of order 0.

    Args:
        input: a tensor.

    Source: ``torch.special.modified_bessel_k0``.

    Example:
        >>> torch.special.modified_bessel_k0(torch.tensor([1.0, 2.0]))
        tensor([0.4210, 0.1139])
    """,
    out=True,
)
modified_bessel_k1 = op(
    "special_modified_bessel_k1",
    lambda input: cylinder.bessel_k(1, input),
    promote="float",
    doc=r"""Return the modified Bessel function of the second kind of order 1.

    Args:
        input: a tensor.

    Source: ``torch.special.modified_bessel_k1``.

    Example:
        >>> torch.special.modified_bessel_k1(torch.tensor([1.0, 2.0]))
        tensor([0.6019, 0.1399])
    """,
    out=True,
)
scaled_modified_bessel_k0 = op(
    "special_scaled_modified_bessel_k0",
    lambda input: cylinder.bessel_k(0, input, scaled=True),
    promote="float",
    doc=r"""Return the modified Bessel function of the second kind of order 0, times :math:`e^x`.

    Args:
        input: a tensor.

    Source: ``torch.special.scaled_modified_bessel_k0``.

    Example:
        >>> torch.special.scaled_modified_bessel_k0(torch.tensor([1.0, 2.0]))
        tensor([1.1445, 0.8416])
    """,
    out=True,
)
scaled_modified_bessel_k1 = op(
    "special_scaled_modified_bessel_k1",
    lambda input: cylinder.bessel_k(1, input, scaled=True),
    promote="float",
    doc=r"""Return the modified Bessel function of the second kind of order 1, times :math:`e^x`.

    Args:
        input: a tensor.

    Source: ``torch.special.scaled_modified_bessel_k1``.

    Example:
        >>> torch.special.scaled_modified_bessel_k1(torch.tensor([1.0, 2.0]))
        tensor([1.6362, 1.0335])
    """,
    out=True,
)
spherical_bessel_j0 = op(
    "special_spherical_bessel_j0",
    lambda input: _spherical(input),
    promote="float",
    doc=r"""Return the spherical Bessel function of the first kind of order 0, :math:`\sin(x) / x`.

    Args:
        input: a tensor.

    Source: ``torch.special.spherical_bessel_j0``.

    Example:
        >>> torch.special.spherical_bessel_j0(torch.tensor([1.0, 2.0]))
        tensor([0.8415, 0.4546])
    """,
    out=True,
)
