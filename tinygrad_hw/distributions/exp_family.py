"""Exponential families."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import sum_rightmost
from tinygrad_hw.tensor import Tensor

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    r"""A distribution of density :math:`\exp(\langle t(x), \theta \rangle - F(\theta) + k(x))`.

    From the natural parameters :math:`\theta` and the log normaliser :math:`F` follow the entropy and the divergence of
    two members, by differentiating :math:`F`.

    Source: ``torch.distributions.ExponentialFamily``; Nielsen and Nock, "Entropies and cross-entropies of
    exponential families" (2010).

    Example:
        >>> isinstance(torch.distributions.Poisson(1.0), torch.distributions.ExponentialFamily)
        True
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Return the entropy: F less the product of the parameters with F's gradient."""
        carrier = self._mean_carrier_measure
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        gradients = grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - carrier
        for p, g in zip(params, gradients, strict=True):
            result = result - sum_rightmost(p * g, p.ndim - len(self._batch_shape))
        return result
