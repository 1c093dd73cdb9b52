"""The typed constructors of PyTorch's early days: ``torch.FloatTensor(2, 3)``, ``torch.LongTensor([1, 2])``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]


def _constructor(name: str, d: dtypes.dtype) -> Callable[..., Any]:
    def make(*data: Any) -> Any:
        if len(data) == 1 and not isinstance(data[0], int):
            value = data[0].array if isinstance(data[0], TensorBase) else data[0]
            return wrap(np.array(value, d.numpy))
        return wrap(np.empty(data or (0,), d.numpy))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"Return a {d.name} tensor of given sizes (uninitialised) or with given elements."
    return make


HalfTensor = _constructor("HalfTensor", dtypes.float16)
FloatTensor = _constructor("FloatTensor", dtypes.float32)
DoubleTensor = _constructor("DoubleTensor", dtypes.float64)
CharTensor = _constructor("CharTensor", dtypes.int8)
ShortTensor = _constructor("ShortTensor", dtypes.int16)
IntTensor = _constructor("IntTensor", dtypes.int32)
LongTensor = _constructor("LongTensor", dtypes.int64)
ByteTensor = _constructor("ByteTensor", dtypes.uint8)
BoolTensor = _constructor("BoolTensor", dtypes.bool)
