"""Methods of Tensor: nn."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["NNMethods"]


class NNMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
