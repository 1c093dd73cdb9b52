"""Methods of Tensor: index."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["IndexMethods"]


class IndexMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
