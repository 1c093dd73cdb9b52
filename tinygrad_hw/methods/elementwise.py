"""Methods of Tensor: elementwise."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["ElementwiseMethods"]


class ElementwiseMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
