"""Methods of Tensor: shape."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["ShapeMethods"]


class ShapeMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
