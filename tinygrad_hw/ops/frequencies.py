"""The frequencies that belong to a transform's results, and shifts that put zero in the middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops.fourier import Dims, _one, _tuple
from tinygrad_hw.ops.permutation import roll
from tinygrad_hw.ops.ranges import arange

__all__ = [
    "fftfreq",
    "fftshift",
    "ifftshift",
    "rfftfreq",
]


def _check_frequencies(name: str, dtype: Any) -> None:
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if kind.kind < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype, got {kind}")


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Return the frequencies that the numbers of ``fft`` stand for, in cycles per unit.

    Args:
        n: the length of the transform.
        d: the distance of samples.
        dtype: the default dtype if None.
        layout: ignored.
        device: the CPU.
        requires_grad: whether the result accumulates gradients.

    Source: ``torch.fft.fftfreq``.

    Example:
        >>> torch.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    _check_frequencies("fftfreq", dtype)
    steps = arange(n, dtype=dtypes.get_default_dtype() if dtype is None else dtype, device=device)
    steps.array[(n + 1) // 2 :] -= n
    return (steps * (1.0 / (n * d)) if n else steps).requires_grad_(requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Return the frequencies that the numbers of ``rfft`` stand for, in cycles per unit; see ``fftfreq``.

    Source: ``torch.fft.rfftfreq``.

    Example:
        >>> torch.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    _check_frequencies("rfftfreq", dtype)
    steps = arange(n // 2 + 1, dtype=dtypes.get_default_dtype() if dtype is None else dtype, device=device)
    return (steps * (1.0 / (n * d)) if n else steps).requires_grad_(requires_grad)


def _shifted(input: Any, dim: Dims, name: str, back: bool) -> Any:
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise TypeError(f"fft_{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    dims = tuple(range(input.ndim)) if dim is None else tuple(_one(d, input.ndim) for d in _tuple(dim))
    if not dims:
        return input
    return roll(input, tuple((input.shape[d] + back) // 2 for d in dims), dims)


def fftshift(input: Any, dim: Dims = None) -> Any:
    """Return the numbers of a transform with frequency 0 in the middle.

    Args:
        input: a tensor.
        dim: the dimensions; all by default.

    Raises:
        IndexError: there is no such dimension.

    Source: ``torch.fft.fftshift``.

    Example:
        >>> torch.fft.fftshift(torch.fft.fftfreq(4))
        tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted(input, dim, "fftshift", False)


def ifftshift(input: Any, dim: Dims = None) -> Any:
    """Return the numbers in the order they had before ``fftshift``.

    Source: ``torch.fft.ifftshift``.

    Example:
        >>> torch.fft.ifftshift(torch.tensor([-1, 0, 1]))
        tensor([ 0,  1, -1])
    """
    return _shifted(input, dim, "ifftshift", True)
