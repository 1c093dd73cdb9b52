"""The von Mises distribution of angles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all, lazy_property
from tinygrad_hw.ops.bessel import i0e, i1e
from tinygrad_hw.ops.creation import zeros
from tinygrad_hw.ops.random import rand
from tinygrad_hw.ops.selection import where
from tinygrad_hw.tensor import Tensor

__all__ = ["VonMises"]


class VonMises(Distribution):
    r"""The von Mises distribution of angles, of density :math:`e^{c \cos(x - loc)} / (2 \pi I_0(c))`.

    Args:
        loc: the mean direction, in radians.
        concentration: :math:`c`; nearly one over the variance where it is large.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.VonMises``; Best and Fisher, "Efficient simulation of the von Mises distribution"
    (1979). The Bessel functions are exact to rounding; PyTorch's polynomials to seven digits.

    Example:
        >>> torch.distributions.VonMises(torch.tensor([0.0]), torch.tensor([1.0])).log_prob(torch.zeros(1))
        tensor([-1.0738])
    """

    arg_constraints: Any = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _batched = {"loc": 0, "concentration": 0}

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Any) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        c = self.concentration
        # cos - 1 and the scaled Bessel function: neither overflows.
        return c * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(c).log()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Return random angles in [-pi, pi), without a gradient; see ``Distribution.sample``."""
        with no_grad():
            loc, c = self.loc.double(), self.concentration.double()
            tau = 1 + (1 + 4 * c**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * c)
            r = where(c < 1e-5, 1 / c + c, (1 + rho**2) / (2 * rho))
            x = zeros(self._extended_shape(sample_shape), dtype=loc.dtype)
            done = zeros(x.shape, dtype=dtypes.bool)
            while not done.all():
                # A wrapped Cauchy variable is proposed for every element; the latest accepted one counts.
                u1, u2, u3 = rand((3, *x.shape), dtype=loc.dtype).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                k = c * (r - f)
                accept = (k * (2 - k) - u2 > 0) | ((k / u2).log() + 1 - k >= 0)
                x = where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """The circular variance, 1 - I1(c) / I0(c)."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)
