"""Filling parameters with their first values.

Every function fills its tensor in place, records nothing, and returns it. The random ones draw from
PyTorch's stream: the same seed gives the same numbers.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.kernels.generator import Generator
from tinygrad_hw.ops.random import fill_inplace
from tinygrad_hw.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

F = TypeVar("F", bound=Callable[..., Tensor])


def _fill(name: str, tensor: Tensor, fill: Callable[[Any], Any]) -> Tensor:
    """Let ``fill`` write into the tensor's array."""
    with no_grad():
        return fill_inplace(name, tensor, fill)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    r"""Return by how much weights in front of a nonlinearity are scaled.

    1 for linear layers and sigmoid, 5/3 for tanh, :math:`\sqrt 2` for relu,
    :math:`\sqrt{2/(1+\text{slope}^2)}` for leaky_relu, 3/4 for selu.

    Args:
        nonlinearity: the name of the function in ``nn.functional``.
        param: the negative slope of leaky_relu; 0.01 if None.

    Raises:
        ValueError: an unknown name, or a slope that is no number.

    Source: ``torch.nn.init.calculate_gain``.

    Example:
        >>> torch.nn.init.calculate_gain("leaky_relu", 0.2)
        1.3867504905630728
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    gains: dict[str, float] = {
        **{f"conv{t}{n}d": 1 for t in ("", "_transpose") for n in (1, 2, 3)},
        "linear": 1,
        "sigmoid": 1,
        "tanh": 5.0 / 3,
        "relu": math.sqrt(2.0),
        "selu": 3.0 / 4,
    }
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


# -- one distribution for all elements ------------------------------------------------------------


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with uniform numbers in [a, b).

    Args:
        tensor: any shape, floating point.
        a: the lower bound.
        b: the upper bound.
        generator: the stream; the default one if None.

    Source: ``torch.nn.init.uniform_``.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> torch.nn.init.uniform_(torch.empty(3))
        tensor([0.4963, 0.7682, 0.0885])
    """
    return _fill("uniform_", tensor, lambda out: kernels.uniform_(out, a, b, generator))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers.

    Args:
        tensor: any shape, floating point.
        mean: of the distribution.
        std: its standard deviation.
        generator: the stream; the default one if None.

    Source: ``torch.nn.init.normal_``.
    """
    return _fill("normal_", tensor, lambda out: kernels.normal_(out, mean, std, generator))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers, drawn again while they lie outside [a, b].

    Args:
        tensor: any shape, floating point.
        mean: of the distribution before it is cut.
        std: its standard deviation before it is cut.
        a: the lower bound.
        b: the upper bound.
        generator: the stream; the default one if None.

    Source: ``torch.nn.init.trunc_normal_``.
    """
    return _fill(
        "trunc_normal_",
        tensor,
        lambda out: kernels.trunc_normal_(out, mean, std, a, b, generator),
    )


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with the number ``val``.

    Source: ``torch.nn.init.constant_``.

    Example:
        >>> torch.nn.init.constant_(torch.empty(2), 0.5)
        tensor([0.5000, 0.5000])
    """
    return _fill("constant_", tensor, lambda out: out.fill(val))


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Source: ``torch.nn.init.ones_``.
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    Source: ``torch.nn.init.zeros_``.
    """
    return constant_(tensor, 0.0)


# -- structured -----------------------------------------------------------------------------------


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: ones on the main diagonal, zeros elsewhere.

    Args:
        tensor: (rows, columns).

    Raises:
        ValueError: not 2 dimensions.

    Source: ``torch.nn.init.eye_``.

    Example:
        >>> torch.nn.init.eye_(torch.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")

    def fill(out: Any) -> None:
        out.fill(0)
        diagonal = np.arange(min(out.shape))
        out[diagonal, diagonal] = 1

    return _fill("eye_", tensor, fill)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes its input channels through unchanged.

    Args:
        tensor: (out_channels, in_channels / groups, *kernel), 1 to 3 kernel dimensions.
        groups: of the convolution; each passes its own channels.

    Raises:
        ValueError: not 3 to 5 dimensions, or out_channels is no multiple of ``groups``.

    Source: ``torch.nn.init.dirac_``.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    channels, inputs, *kernel = tensor.shape
    if channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = channels // groups
    center = tuple(k // 2 for k in kernel)

    def fill(out: Any) -> None:
        out.fill(0)
        for first in range(0, channels, max(per_group, 1)):
            for d in range(min(per_group, inputs)):
                place = (first + d, d, *center)
                out[place] = 1

    return _fill("dirac_", tensor, fill)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with orthonormal rows, or columns if the matrix is tall, times ``gain``.

    The matrix is the Q of a normal matrix's QR decomposition, its signs made unique.

    Args:
        tensor: (rows, ...); the dimensions after the first count as columns.
        gain: a factor.
        generator: the stream; the default one if None.

    Raises:
        ValueError: fewer than 2 dimensions.

    Source: ``torch.nn.init.orthogonal_``; Saxe, McClelland and Ganguli (2013).

    Example:
        >>> w = torch.nn.init.orthogonal_(torch.empty(2, 5))
        >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
        True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    array = tensor.array
    if array.dtype.kind == "V":
        raise NotImplementedError("orthogonal_ is not implemented for 'BFloat16': fill a float32 tensor and convert it")
    flat = np.empty((rows, array.size // rows), array.dtype)
    kernels.normal_(flat, 0.0, 1.0, generator)
    wide = rows < flat.shape[1]
    q, r = np.linalg.qr(flat.T if wide else flat)
    q = q * np.sign(np.diagonal(r))
    values = (q.T if wide else q).astype(array.dtype, copy=False) * array.dtype.type(gain)

    def fill(out: Any) -> None:
        out[...] = values.reshape(out.shape)

    return _fill("orthogonal_", tensor, fill)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers and set a share of each column to zero.

    Args:
        tensor: (rows, columns).
        sparsity: the share of zeros, rounded up to whole elements.
        std: of the other elements.
        generator: the stream of the normal numbers; which elements become zero is always drawn from
            the default one, as in PyTorch.

    Raises:
        ValueError: not 2 dimensions.

    Source: ``torch.nn.init.sparse_``; Martens (2010).
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)

    def fill(out: Any) -> None:
        kernels.normal_(out, 0.0, std, generator)
        for column in range(columns):
            out[kernels.randperm(rows)[:zeros], column] = 0

    return _fill("sparse_", tensor, fill)


# -- scaled by the layer's size -------------------------------------------------------------------


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs make one output of this weight, and how many outputs an input."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions; this "
            f"one has shape {list(tensor.shape)}"
        )
    outputs, inputs, *kernel = tensor.shape
    field = math.prod(kernel)
    return inputs * field, outputs * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the fan that ``mode`` names."""
    mode = mode.lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fill with uniform numbers, bounded by the layer's inputs and outputs together.

    The bounds are :math:`\pm\text{gain}\sqrt{6/(\text{fan\_in}+\text{fan\_out})}`.

    Args:
        tensor: a weight (out, in, *kernel).
        gain: a factor; see :func:`calculate_gain`.
        generator: the stream; the default one if None.

    Raises:
        ValueError: fewer than 2 dimensions.

    Source: ``torch.nn.init.xavier_uniform_``; Glorot and Bengio (2010).
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    r"""Fill with normal numbers, scaled by the layer's inputs and outputs together.

    The standard deviation is :math:`\text{gain}\sqrt{2/(\text{fan\_in}+\text{fan\_out})}`.

    Args:
        tensor: a weight (out, in, *kernel).
        gain: a factor; see :func:`calculate_gain`.
        generator: the stream; the default one if None.

    Raises:
        ValueError: fewer than 2 dimensions.

    Source: ``torch.nn.init.xavier_normal_``; Glorot and Bengio (2010).
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Fill with uniform numbers in :math:`\pm\text{gain}\sqrt{3/\text{fan}}`.

    Args:
        tensor: a weight (out, in, *kernel), used as ``x @ w.T``.
        a: the negative slope of the leaky_relu behind the layer; 0 is relu.
        mode: ``"fan_in"`` keeps the variance of the outputs, ``"fan_out"`` that of the gradients.
        nonlinearity: its name, for the gain; see :func:`calculate_gain`.
        generator: the stream; the default one if None.

    Raises:
        ValueError: fewer than 2 dimensions, or an unknown mode or nonlinearity.

    Source: ``torch.nn.init.kaiming_uniform_``; He, Zhang, Ren and Sun (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    r"""Fill with normal numbers of standard deviation :math:`\text{gain}/\sqrt{\text{fan}}`.

    Args:
        tensor: a weight (out, in, *kernel), used as ``x @ w.T``.
        a: the negative slope of the leaky_relu behind the layer; 0 is relu.
        mode: ``"fan_in"`` keeps the variance of the outputs, ``"fan_out"`` that of the gradients.
        nonlinearity: its name, for the gain; see :func:`calculate_gain`.
        generator: the stream; the default one if None.

    Raises:
        ValueError: fewer than 2 dimensions, or an unknown mode or nonlinearity.

    Source: ``torch.nn.init.kaiming_normal_``; He, Zhang, Ren and Sun (2015).
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """Return gain / sqrt(fan), or None (with a warning) for a tensor without elements."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


# -- PyTorch's old names --------------------------------------------------------------------------


def _old_name(function: F) -> F:
    """Return ``function`` under its name without the underscore, which warns."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"Do what :func:`{new}` does; deprecated."
    return renamed  # type: ignore[return-value]


uniform = _old_name(uniform_)
normal = _old_name(normal_)
constant = _old_name(constant_)
eye = _old_name(eye_)
dirac = _old_name(dirac_)
xavier_uniform = _old_name(xavier_uniform_)
xavier_normal = _old_name(xavier_normal_)
kaiming_uniform = _old_name(kaiming_uniform_)
kaiming_normal = _old_name(kaiming_normal_)
orthogonal = _old_name(orthogonal_)
sparse = _old_name(sparse_)
