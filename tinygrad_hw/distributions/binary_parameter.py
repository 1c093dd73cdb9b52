"""The parameter of distributions of successes and failures: a chance or its log odds."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.distributions.distribution import Distribution
from tinygrad_hw.distributions.utils import broadcast_all, exactly_one, lazy_property, logits_to_probs, probs_to_logits
from tinygrad_hw.size import Size
from tinygrad_hw.tensor import Tensor

__all__ = ["BinaryParameter"]


class BinaryParameter(Distribution):
    """Mixin for a parameter that is given as ``probs`` or as ``logits``; the other follows from it at its first use."""

    _param: Tensor
    total_count: Tensor

    def _set_parameter(self, probs: Any, logits: Any, total_count: Any = None) -> None:
        """Keep the parameter, broadcast with ``total_count`` if that is given."""
        exactly_one(probs, logits)
        given = probs if logits is None else logits
        if total_count is None:
            (given,) = broadcast_all(given)
        else:
            total_count, given = broadcast_all(total_count, given)
            self.total_count = total_count.to(given.dtype)
        self.__dict__["probs" if logits is None else "logits"] = self._param = given

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """The chance of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """Shape of the parameter."""
        return self._param.shape
