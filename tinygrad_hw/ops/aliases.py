"""Functions of ``torch`` that stand elsewhere under another form: in ``nn.functional``, or as a method."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops import embedding as embedding_
from tinygrad_hw.ops import norm
from tinygrad_hw.ops.ranges import arange

__all__ = [
    "batch_norm",
    "detach",
    "embedding",
    "get_device",
    "instance_norm",
    "is_same_size",
    "is_signed",
    "range",
    "typename",
]


def detach(input: Any) -> Any:
    """Return a tensor on the same memory without history; see ``Tensor.detach``.

    Source: ``torch.detach``.
    """
    return input.detach()


def is_signed(input: Any) -> bool:
    """Return whether the dtype can hold negative numbers.

    Source: ``torch.is_signed``.

    Example:
        >>> torch.is_signed(torch.ones(1)), torch.is_signed(torch.ones(1, dtype=torch.uint8))
        (True, False)
    """
    return bool(input.is_signed())


def is_same_size(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape.

    Source: ``torch.is_same_size``.

    Example:
        >>> torch.is_same_size(torch.ones(2), torch.ones(1, 2))
        False
    """
    return bool(input.array.shape == other.array.shape)


def get_device(input: Any) -> int:
    """Return -1, the number of the CPU.

    Source: ``torch.get_device``.
    """
    return -1


def typename(obj: Any) -> str:
    """Return what PyTorch calls the type of a value, such as ``"torch.FloatTensor"``.

    Source: ``torch.typename``.

    Example:
        >>> torch.typename(torch.ones(1)), torch.typename(3)
        ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, TensorBase):
        name = obj.array.dtype.name
        return f"torch.{dtypes.LEGACY_NAMES.get(name, name.title())}Tensor"
    cls = obj if isinstance(obj, type) or hasattr(obj, "__qualname__") else type(obj)
    module = getattr(cls, "__module__", "") or ""
    return cls.__qualname__ if module in ("", "builtins") else f"{module}.{cls.__qualname__}"


def range(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, **options: Any) -> Any:
    """Return numbers from ``start`` to ``end``, which is included; deprecated in favour of ``arange``.

    Args:
        start: the first number.
        end: the last one.
        step: between two.
        dtype: of the result; the default floating point dtype if left out.
        **options: as in ``arange``.

    Source: ``torch.range``.
    """
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = int(np.floor((end - start) / step)) + 1
    if dtype is None:
        start, step = float(start), float(step)
    return arange(start, start + (count - 0.5) * step, step, dtype=dtype, **options)


def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Any:
    """Return ``nn.functional.batch_norm`` with the arguments in another order.

    Source: ``torch.batch_norm``.
    """
    return norm.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Any:
    """Return ``nn.functional.instance_norm`` with the arguments in another order.

    Source: ``torch.instance_norm``.
    """
    return norm.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    """Return rows of a table; ``nn.functional.embedding`` with the table first.

    Source: ``torch.embedding``.

    Example:
        >>> torch.embedding(torch.tensor([[1.0], [2.0]]), torch.tensor([1, 0]))
        tensor([[2.],
                [1.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return embedding_.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)
