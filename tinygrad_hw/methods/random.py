"""Methods of Tensor: random."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["RandomMethods"]


class RandomMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
