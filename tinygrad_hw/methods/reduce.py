"""Methods of Tensor: reduce."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["ReduceMethods"]


class ReduceMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
