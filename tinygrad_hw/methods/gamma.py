"""Methods of Tensor: the gamma function's relatives and Bessel functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.ops import bessel, gamma

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["GammaMethods"]


class GammaMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def lgamma(self) -> Tensor:
        r"""Return :math:`\log |\Gamma(x)|`."""
        return gamma.lgamma(self)

    def lgamma_(self) -> Tensor:
        """In-place form of ``lgamma``."""
        return apply_inplace(gamma.lgamma, "lgamma_", self)

    def digamma(self) -> Tensor:
        """Return the derivative of log gamma."""
        return gamma.digamma(self)

    def digamma_(self) -> Tensor:
        """In-place form of ``digamma``."""
        return apply_inplace(gamma.digamma, "digamma_", self)

    def polygamma(self, n: int) -> Tensor:
        """Return the ``n``-th derivative of digamma."""
        return gamma.polygamma(n, self)

    def polygamma_(self, n: int) -> Tensor:
        """In-place form of ``polygamma``."""
        return apply_inplace(lambda t: gamma.polygamma(n, t), "polygamma_", self)

    def mvlgamma(self, p: int) -> Tensor:
        """Return the multivariate log gamma function of dimension ``p``."""
        return gamma.mvlgamma(self, p)

    def mvlgamma_(self, p: int) -> Tensor:
        """In-place form of ``mvlgamma``."""
        return apply_inplace(lambda t: gamma.mvlgamma(t, p), "mvlgamma_", self)

    def igamma(self, other: Any) -> Tensor:
        """Return the regularised lower incomplete gamma function P(self, other)."""
        return gamma.igamma(self, other)

    def igamma_(self, other: Any) -> Tensor:
        """In-place form of ``igamma``."""
        return apply_inplace(gamma.igamma, "igamma_", self, other)

    def igammac(self, other: Any) -> Tensor:
        """Return the regularised upper incomplete gamma function Q(self, other)."""
        return gamma.igammac(self, other)

    def igammac_(self, other: Any) -> Tensor:
        """In-place form of ``igammac``."""
        return apply_inplace(gamma.igammac, "igammac_", self, other)

    def i0(self) -> Tensor:
        """Return the modified Bessel function of the first kind of order 0."""
        return bessel.i0(self)

    def i0_(self) -> Tensor:
        """In-place form of ``i0``."""
        return apply_inplace(bessel.i0, "i0_", self)
