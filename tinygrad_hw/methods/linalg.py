"""Methods of Tensor: linalg."""

from __future__ import annotations

from tinygrad_hw.autograd.graph import TensorBase

__all__ = ["LinalgMethods"]


class LinalgMethods(TensorBase):
    """Mixin of Tensor; see the module's docstring."""

    __slots__ = ()
