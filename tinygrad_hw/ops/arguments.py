"""How arguments are read: a dimension, a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase


def one_dim(dim: Any, ndim: int) -> int:
    """Return a dimension counted from the front; 0-d counts as 1-d.

    Raises:
        IndexError: there is no such dimension.
    """
    if dim.__class__ is int and -ndim <= dim < ndim:
        found: int = dim % ndim
        return found
    n = max(ndim, 1)
    if isinstance(dim, TensorBase):
        dim = dim.array.item()
    if not isinstance(dim, (int, np.integer)) or isinstance(dim, bool):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return int(dim) % n


def as_size(size: Sequence[Any], name: str = "size") -> tuple[int, ...]:
    """Return the sizes of ``f(2, 3)``, ``f((2, 3))`` or ``f(torch.Size([2, 3]))`` as a tuple of int."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    for n in size:
        if n.__class__ is not int:
            break
    else:
        return tuple(size)
    sizes = []
    for n in size:
        if isinstance(n, TensorBase) and n.array.ndim == 0:
            n = n.array.item()
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool):
            raise TypeError(
                f"argument {name!r} must be tuple of ints, but found element of type {type(n).__name__}: {n!r}"
            )
        sizes.append(int(n))
    return tuple(sizes)
