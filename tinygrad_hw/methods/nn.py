"""Methods of Tensor: activations and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops import activation, softmax

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["NNMethods"]


class NNMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring."""

    __slots__ = ()

    def relu(self) -> Tensor:
        """Return the larger of 0 and each element."""
        return activation.relu(self)

    def relu_(self) -> Tensor:
        """In-place form of ``relu``."""
        return activation.relu(self, inplace=True)

    def softmax(self, dim: int, dtype: Any = None) -> Tensor:
        """Return the softmax along a dimension."""
        return softmax.softmax(self, dim, dtype=dtype)

    def log_softmax(self, dim: int, dtype: Any = None) -> Tensor:
        """Return the logarithm of the softmax along a dimension."""
        return softmax.log_softmax(self, dim, dtype=dtype)

    def hardshrink(self, lambd: float = 0.5) -> Tensor:
        """Return elements with small ones replaced by 0."""
        return activation.hardshrink(self, lambd)

    def prelu(self, weight: Any) -> Tensor:
        """Return elements with negative ones scaled."""
        return activation.prelu(self, weight)
