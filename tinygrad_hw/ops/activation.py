"""Activations: element-wise functions between layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.inplace import apply_inplace
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import elementwise as kernels
from tinygrad_hw.kernels import random as random_kernels
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.splitting import chunk
from tinygrad_hw.ops.trigonometry import tanh
from tinygrad_hw.ops.unary import exp, sigmoid

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def _keep(g: Any, mask: Any) -> Any:
    """Return ``g`` where ``mask`` holds, else 0."""
    return g * np.asarray(mask, array_of(g).dtype)


def _apply(function: Callable[..., Any], name: str, inplace: bool, input: Any, *args: Any, **kw: Any) -> Any:
    if inplace:
        return apply_inplace(function, name, input, *args, **kw)
    return function(input, *args, **kw)


_relu = op(
    "relu",
    lambda input: kernels.relu(input),
    input=lambda g, out: _keep(g, ~(array_of(out) <= 0)),
    raw=lambda g, out: (kernels.relu_backward(g, out),),
)


def relu(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`\max(0, x)`; the gradient at 0 is 0.

    Args:
        input: a tensor.
        inplace: write the result into the input.

    Source: ``torch.nn.functional.relu``.

    Example:
        >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    if array_of(input).dtype.char == "?":
        raise RuntimeError("Boolean inputs not supported for relu")
    return apply_inplace(_relu, "relu_", input) if inplace else _relu(input)


def relu_(input: Any) -> Any:
    """In-place form of ``relu``."""
    return relu(input, inplace=True)


_hardtanh = op(
    "hardtanh",
    lambda input, *, min_val, max_val: np.clip(input, input.dtype.type(min_val), input.dtype.type(max_val)),
    input=lambda g, input, min_val, max_val: _keep(g, ~((array_of(input) <= min_val) | (array_of(input) >= max_val))),
    raw=lambda g, input, min_val, max_val: (kernels.clamp_backward(g, input, min_val, max_val),),
)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    r"""Return :math:`\min(\max(x, min\_val), max\_val)`.

    Example:
        >>> torch.nn.functional.hardtanh(torch.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _apply(_hardtanh, "hardtanh_", inplace, input, min_val=min_val, max_val=max_val)


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """In-place form of ``hardtanh``."""
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`\min(\max(0, x), 6)`.

    Example:
        >>> torch.nn.functional.relu6(torch.tensor([-1.0, 8.0]))
        tensor([0., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


_leaky_relu = op(
    "leaky_relu",
    lambda input, *, negative_slope: kernels.leaky_relu(input, negative_slope),
    input=lambda g, input, negative_slope: _where(array_of(input) > 0, g, g * negative_slope),
    raw=lambda g, input, negative_slope: (kernels.leaky_relu_backward(g, input, negative_slope),),
)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    r"""Return :math:`x` if :math:`x > 0` else :math:`a\,x`.

    Example:
        >>> torch.nn.functional.leaky_relu(torch.tensor([-1.0, 2.0]))
        tensor([-0.0100,  2.0000])
    """
    return _apply(_leaky_relu, "leaky_relu_", inplace, input, negative_slope=negative_slope)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """In-place form of ``leaky_relu``."""
    return leaky_relu(input, negative_slope, inplace=True)


def _elu_rule(g: Any, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    positive = array_of(input) > 0
    # exp of the positive part would overflow; it is not used.
    low = _where(positive, np.zeros((), array_of(input).dtype), input)
    return _where(positive, g * scale, g * (exp(low * input_scale) * (alpha * scale * input_scale)))


_elu = op(
    "elu",
    lambda input, *, alpha, scale, input_scale: kernels.elu(input, alpha, scale, input_scale),
    input=_elu_rule,
    raw=lambda g, input, alpha, scale, input_scale: (kernels.elu_backward(g, input, alpha, scale, input_scale),),
)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    r"""Return :math:`x` if :math:`x > 0` else :math:`\alpha (e^x - 1)`.

    Example:
        >>> torch.nn.functional.elu(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """
    return _apply(_elu, "elu_", inplace, input, alpha=alpha, scale=1.0, input_scale=1.0)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """In-place form of ``elu``."""
    return elu(input, alpha, inplace=True)


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def selu(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`s\,x` if :math:`x > 0` else :math:`s \alpha (e^x - 1)`, with the constants of the paper.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017); ``torch.nn.functional.selu``.

    Example:
        >>> torch.nn.functional.selu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.0507])
    """
    return _apply(_elu, "selu_", inplace, input, alpha=_SELU_ALPHA, scale=_SELU_SCALE, input_scale=1.0)


def selu_(input: Any) -> Any:
    """In-place form of ``selu``."""
    return selu(input, inplace=True)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    r"""Return :math:`\max(0, x) + \min(0, \alpha (e^{x/\alpha} - 1))`.

    Example:
        >>> torch.nn.functional.celu(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _apply(_elu, "celu_", inplace, input, alpha=alpha, scale=1.0, input_scale=1.0 / alpha)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """In-place form of ``celu``."""
    return celu(input, alpha, inplace=True)


_ROOT_HALF = math.sqrt(0.5)
_INV_ROOT_TWO_PI = 1 / math.sqrt(2 * math.pi)
_GELU_C = math.sqrt(2 / math.pi)
_GELU_A = 0.044715


def _gelu_rule(g: Any, input: Any) -> Any:
    from tinygrad_hw.ops.unary import erf

    cdf = (erf(input * _ROOT_HALF) + 1) * 0.5
    return g * (cdf + input * (exp(input * input * -0.5) * _INV_ROOT_TWO_PI))


_gelu = op(
    "gelu",
    lambda input: kernels.gelu(input),
    input=_gelu_rule,
    raw=lambda g, input: (kernels.gelu_backward(g, input),),
)


def _gelu_tanh_rule(g: Any, input: Any) -> Any:
    square = input * input
    t = tanh((input + input * square * _GELU_A) * _GELU_C)
    slope = (square * (3 * _GELU_A) + 1) * _GELU_C
    return g * ((t + 1) * 0.5 + input * 0.5 * (1 - t * t) * slope)


_gelu_tanh = op(
    "gelu_tanh",
    lambda input: kernels.gelu_tanh(input),
    node_name="GeluBackward0",
    input=_gelu_tanh_rule,
    raw=lambda g, input: (kernels.gelu_tanh_backward(g, input),),
)


def gelu(input: Any, *, approximate: str = "none", out: Any = None) -> Any:
    r"""Return :math:`x \Phi(x)`, with the normal distribution function, or its tanh approximation.

    Args:
        input: a tensor.
        approximate: ``"none"`` or ``"tanh"``.
        out: a tensor to write the result into.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016); ``torch.nn.functional.gelu``.

    Example:
        >>> torch.nn.functional.gelu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])
    """
    if out is not None:
        return into(out, gelu, input, approximate=approximate)
    if array_of(input).dtype.kind not in "fV":
        raise NotImplementedError("gelu needs a floating point tensor; convert it with .float()")
    if approximate == "none":
        return _gelu(input)
    if approximate == "tanh":
        return _gelu_tanh(input)
    raise RuntimeError("approximate argument must be either none or tanh.")


def silu(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`x \sigma(x)`.

    Source: ``torch.nn.functional.silu``.

    Example:
        >>> torch.nn.functional.silu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])
    """
    return _apply(_silu, "silu_", inplace, input)


def _silu_rule(g: Any, input: Any) -> Any:
    s = sigmoid(input)
    return g * (s * (input * (1 - s) + 1))


_silu = op(
    "silu",
    lambda input: kernels.silu(input),
    input=_silu_rule,
    raw=lambda g, input: (kernels.silu_backward(g, input),),
)


_softplus = op(
    "softplus",
    lambda input, *, beta, threshold: kernels.softplus(input, beta, threshold),
    input=lambda g, input, beta, threshold: _where(array_of(input) * beta > threshold, g, g * sigmoid(input * beta)),
    raw=lambda g, input, beta, threshold: (kernels.softplus_backward(g, input, beta, threshold),),
)


def softplus(input: Any, beta: float = 1, threshold: float = 20, *, out: Any = None) -> Any:
    r"""Return :math:`\log(1 + e^{\beta x}) / \beta`; the identity where :math:`\beta x` is above ``threshold``.

    Example:
        >>> torch.nn.functional.softplus(torch.tensor([0.0]))
        tensor([0.6931])
    """
    if out is not None:
        return into(out, softplus, input, beta, threshold)
    return _softplus(input, beta=beta, threshold=threshold)


def mish(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`x \tanh(\log(1 + e^x))`.

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    Example:
        >>> torch.nn.functional.mish(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8651])
    """
    return _apply(_mish, "mish_", inplace, input)


def _mish_rule(g: Any, input: Any) -> Any:
    t = tanh(_softplus(input, beta=1, threshold=20))
    return g * (t + input * (1 - t * t) * sigmoid(input))


_mish = op(
    "mish",
    lambda input: kernels.mish(input),
    input=_mish_rule,
    raw=lambda g, input: (kernels.mish_backward(g, input),),
)


def softsign(input: Any) -> Any:
    r"""Return :math:`x / (1 + |x|)`.

    Example:
        >>> torch.nn.functional.softsign(torch.tensor([1.0]))
        tensor([0.5000])
    """
    from tinygrad_hw.ops.unary import abs as abs_

    return input / (abs_(input) + 1)


_logsigmoid = op(
    "log_sigmoid",
    lambda input: kernels.log_sigmoid(input),
    node_name="LogSigmoidBackward0",
    input=lambda g, input: g * sigmoid(-input),
    raw=lambda g, input: (kernels.log_sigmoid_backward(g, input),),
)


def logsigmoid(input: Any, *, out: Any = None) -> Any:
    r"""Return :math:`\log \sigma(x)`, without overflow.

    Example:
        >>> torch.nn.functional.logsigmoid(torch.tensor([0.0]))
        tensor([-0.6931])
    """
    if out is not None:
        return into(out, logsigmoid, input)
    return _logsigmoid(input)


def tanhshrink(input: Any) -> Any:
    r"""Return :math:`x - \tanh x`.

    Example:
        >>> torch.nn.functional.tanhshrink(torch.tensor([0.0]))
        tensor([0.])
    """
    return input - tanh(input)


_softshrink = op(
    "softshrink",
    lambda input, *, lambd: np.where(
        input > lambd,
        input - input.dtype.type(lambd),
        np.where(input < -lambd, input + input.dtype.type(lambd), input * 0),
    ),
    input=lambda g, input, lambd: _keep(g, np.abs(array_of(input)) > lambd),
)


def softshrink(input: Any, lambd: float = 0.5, *, out: Any = None) -> Any:
    r"""Return :math:`x` moved towards 0 by :math:`\lambda`, 0 in between.

    Example:
        >>> torch.nn.functional.softshrink(torch.tensor([1.0, 0.2]))
        tensor([0.5000, 0.0000])
    """
    if out is not None:
        return into(out, softshrink, input, lambd)
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _softshrink(input, lambd=lambd)


_hardshrink = op(
    "hardshrink",
    lambda input, *, lambd: np.where(np.abs(input) <= lambd, input.dtype.type(0), input),
    input=lambda g, input, lambd: _keep(g, ~(np.abs(array_of(input)) <= lambd)),
)


def hardshrink(input: Any, lambd: float = 0.5, *, out: Any = None) -> Any:
    r"""Return :math:`x` if :math:`|x| > \lambda` else 0.

    Example:
        >>> torch.nn.functional.hardshrink(torch.tensor([1.0, 0.2]))
        tensor([1., 0.])
    """
    if out is not None:
        return into(out, hardshrink, input, lambd)
    return _hardshrink(input, lambd=lambd)


_threshold = op(
    "threshold",
    lambda input, *, threshold, value: np.where(input <= threshold, input.dtype.type(value), input),
    input=lambda g, input, threshold: _keep(g, ~(array_of(input) <= threshold)),
)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Return ``input`` where it is above ``threshold``, else ``value``.

    Example:
        >>> torch.nn.functional.threshold(torch.tensor([0.05, 1.0]), 0.1, 20.0)
        tensor([20.,  1.])
    """
    return _apply(_threshold, "threshold_", inplace, input, threshold=threshold, value=value)


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """In-place form of ``threshold``."""
    return _apply(_threshold, "threshold_", True, input, threshold=threshold, value=value)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`\min(\max(x / 6 + 1/2, 0), 1)`.

    Example:
        >>> torch.nn.functional.hardsigmoid(torch.tensor([0.0]))
        tensor([0.5000])
    """
    return _apply(_hardsigmoid, "hardsigmoid_", inplace, input)


_hardsigmoid = op(
    "hardsigmoid",
    lambda input: np.clip(input + input.dtype.type(3), 0, 6) / input.dtype.type(6),
    input=lambda g, input: _keep(g, (array_of(input) > -3) & (array_of(input) < 3)) / 6,
)


def hardswish(input: Any, inplace: bool = False) -> Any:
    r"""Return :math:`x \min(\max(x + 3, 0), 6) / 6`.

    Source: Howard et al., "Searching for MobileNetV3" (2019).

    Example:
        >>> torch.nn.functional.hardswish(torch.tensor([3.0]))
        tensor([3.])
    """
    return _apply(_hardswish, "hardswish_", inplace, input)


def _hardswish_rule(g: Any, input: Any) -> Any:
    x = array_of(input)
    middle = g * (input / 3 + 0.5)
    return _where(x <= -3, np.zeros((), array_of(g).dtype), _where(x >= 3, g, middle))


_hardswish = op(
    "hardswish",
    lambda input: kernels.hardswish(input),
    input=_hardswish_rule,
    raw=lambda g, input: (kernels.hardswish_backward(g, input),),
)


def glu(input: Any, dim: int = -1) -> Any:
    r"""Return :math:`a \sigma(b)` for the halves of the input along a dimension.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2016).

    Example:
        >>> torch.nn.functional.glu(torch.zeros(4))
        tensor([0., 0.])
    """
    check_real("glu", input)
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = one_dim(dim, input.ndim)
    if input.shape[d] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {input.shape[d]}")
    a, b = chunk(input, 2, d)
    return a * sigmoid(b)


def _prelu_forward(input: Any, weight: Any) -> Any:
    return np.where(input > 0, input, input * weight)


#: The weight broadcasts against the input.
_prelu = op(
    "prelu",
    _prelu_forward,
    node_name="PreluKernelBackward0",
    input=lambda g, input, weight: _where(array_of(input) > 0, g, g * weight),
    weight=lambda g, input: _keep(g * input, ~(array_of(input) > 0)),
)


def prelu(input: Any, weight: Any) -> Any:
    r"""Return :math:`x` if :math:`x > 0` else :math:`a\,x` with learned slopes.

    Args:
        input: a tensor.
        weight: one slope, or one per channel (dimension 1).

    Source: He et al., "Delving Deep into Rectifiers" (2015); ``torch.nn.functional.prelu``.

    Example:
        >>> torch.nn.functional.prelu(torch.tensor([-1.0, 2.0]), torch.tensor([0.25]))
        tensor([-0.2500,  2.0000])
    """
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if array_of(weight).dtype != array_of(input).dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {dtypes.from_numpy(array_of(input).dtype)} and "
            f"{dtypes.from_numpy(array_of(weight).dtype)}"
        )
    count = array_of(weight).size
    if count == 1:
        weight = reshape(weight, ())
    else:
        channels = input.shape[1] if input.ndim > 1 else 1
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        if channels != count:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
        weight = reshape(weight, (count, *(1,) * (input.ndim - 2))) if input.ndim > 2 else weight
    return _prelu(input, weight)


_sloped = op(
    "rrelu",
    lambda input, *, slopes: input * slopes,
    node_name="RreluWithNoiseBackward0",
    input=lambda g, slopes: _sloped(g, slopes=slopes),
)


def rrelu(
    input: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    r"""Return :math:`x` if :math:`x \ge 0` else :math:`a\,x`, with random slopes while training.

    Args:
        input: a tensor.
        lower: smallest slope.
        upper: largest slope.
        training: False for the mean of both.
        inplace: write the result into the input.

    Source: Xu et al., "Empirical Evaluation of Rectified Activations in Convolutional Network" (2015).

    Example:
        >>> torch.nn.functional.rrelu(torch.tensor([2.0]))
        tensor([2.])
    """
    check_real("rrelu", input)
    if lower > upper:
        raise RuntimeError(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got lower={lower} and upper={upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    array = array_of(input)
    # Bounds and slopes have the dtype PyTorch computes in; a slope is drawn in float64 and not rounded further.
    wide = np.float64 if array.dtype == np.float64 else np.float32
    low, high = float(wide(lower)), float(wide(upper))
    slopes = np.ones(array.shape, array.dtype if array.dtype == np.float16 else wide)
    negative = array <= 0
    drawn = random_kernels.rand(int(negative.sum()), np.float64)
    slopes[negative] = drawn * (high - low) + low
    return _apply(_sloped, "rrelu_", inplace, input, slopes=slopes)


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Any:
    """In-place form of ``rrelu``."""
    return rrelu(input, lower, upper, training, inplace=True)
