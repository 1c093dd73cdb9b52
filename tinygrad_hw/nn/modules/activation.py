"""Activations: element-wise functions as modules; softmaxes are in ``softmax``."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops.creation import full
from tinygrad_hw.tensor import Tensor

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


def _inplace(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class _Inplace(Module):
    """A function without other options that can write its result into the input."""

    inplace: bool

    def extra_repr(self) -> str:
        """Return the arguments."""
        return "inplace=True" if self.inplace else ""


class _Exponential(Module):
    """The identity above zero, an exponential that falls to ``-alpha`` below."""

    alpha: float
    inplace: bool

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"alpha={self.alpha}" + _inplace(self.inplace)


class _Shrink(Module):
    """Zero within ``lambd`` of zero."""

    lambd: float

    def extra_repr(self) -> str:
        """Return the arguments."""
        return str(self.lambd)


class ReLU(_Inplace):
    r""":math:`\max(0, x)`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.ReLU``.

    Example:
        >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.relu(input, inplace=self.inplace)


class ReLU6(_Inplace):
    r""":math:`\min(\max(0, x), 6)`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.ReLU6``.

    Example:
        >>> torch.nn.ReLU6()(torch.tensor([-1.0, 8.0]))
        tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.relu6(input, inplace=self.inplace)


class LeakyReLU(Module):
    r""":math:`x \text{ if } x \ge 0 \text{ else } a\,x`, element by element.

    Args:
        negative_slope: :math:`a`.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.LeakyReLU``.

    Example:
        >>> torch.nn.LeakyReLU()(torch.tensor([-1.0, 2.0]))
        tensor([-0.0100,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"negative_slope={self.negative_slope}" + _inplace(self.inplace)


class RReLU(Module):
    r""":math:`x \text{ if } x \ge 0 \text{ else } a\,x,\ a \sim U(lower, upper)`, element by element.

    Args:
        lower: smallest slope.
        upper: largest slope; in eval mode the slope is the mean of both.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.RReLU``.

    Example:
        >>> torch.nn.RReLU()(torch.tensor([2.0]))
        tensor([2.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"lower={self.lower}, upper={self.upper}" + _inplace(self.inplace)


class ELU(_Exponential):
    r""":math:`x \text{ if } x > 0 \text{ else } \alpha (e^x - 1)`, element by element.

    Args:
        alpha: :math:`\alpha`.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.ELU``.

    Example:
        >>> torch.nn.ELU()(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.elu(input, self.alpha, self.inplace)


class SELU(_Inplace):
    r""":math:`s (x \text{ if } x > 0 \text{ else } \alpha (e^x - 1)),\ s = 1.0507..., \alpha = 1.6733...`.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.SELU``.

    Example:
        >>> torch.nn.SELU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.0507])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.selu(input, self.inplace)


class CELU(_Exponential):
    r""":math:`\max(0, x) + \min(0, \alpha (e^{x/\alpha} - 1))`, element by element.

    Args:
        alpha: :math:`\alpha`.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.CELU``.

    Example:
        >>> torch.nn.CELU()(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.celu(input, self.alpha, self.inplace)


class GELU(Module):
    r""":math:`x \Phi(x)`, element by element.

    Args:
        approximate: ``"none"``, or ``"tanh"`` for the usual approximation.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.GELU``.

    Example:
        >>> torch.nn.GELU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"approximate={self.approximate!r}"


class SiLU(_Inplace):
    r""":math:`x \sigma(x)`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.SiLU``.

    Example:
        >>> torch.nn.SiLU()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    r""":math:`x \tanh(\log(1 + e^x))`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Mish``.

    Example:
        >>> torch.nn.Mish()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8651])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.mish(input, inplace=self.inplace)


class Sigmoid(Module):
    r""":math:`1 / (1 + e^{-x})`, element by element.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Sigmoid``.

    Example:
        >>> torch.nn.Sigmoid()(torch.tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return input.sigmoid()


class Tanh(Module):
    r""":math:`\tanh x`, element by element.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Tanh``.

    Example:
        >>> torch.nn.Tanh()(torch.tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return input.tanh()


class LogSigmoid(Module):
    r""":math:`\log(1 / (1 + e^{-x}))`, element by element.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.LogSigmoid``.

    Example:
        >>> torch.nn.LogSigmoid()(torch.tensor([0.0]))
        tensor([-0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.logsigmoid(input)


class Softplus(Module):
    r""":math:`\log(1 + e^{\beta x}) / \beta`, element by element.

    Args:
        beta: :math:`\beta`.
        threshold: above this value of :math:`\beta x` the function is the identity.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Softplus``.

    Example:
        >>> torch.nn.Softplus()(torch.tensor([0.0]))
        tensor([0.6931])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    r""":math:`x / (1 + |x|)`, element by element.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Softsign``.

    Example:
        >>> torch.nn.Softsign()(torch.tensor([1.0]))
        tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.softsign(input)


class Softshrink(_Shrink):
    r""":math:`x - \lambda,\ x + \lambda \text{ or } 0`, element by element.

    Args:
        lambd: :math:`\lambda`.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Softshrink``.

    Example:
        >>> torch.nn.Softshrink()(torch.tensor([1.0, 0.2]))
        tensor([0.5000, 0.0000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.softshrink(input, self.lambd)


class Hardshrink(_Shrink):
    r""":math:`x \text{ if } |x| > \lambda \text{ else } 0`, element by element.

    Args:
        lambd: :math:`\lambda`.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Hardshrink``.

    Example:
        >>> torch.nn.Hardshrink()(torch.tensor([1.0, 0.2]))
        tensor([1., 0.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.hardshrink(input, self.lambd)


class Tanhshrink(Module):
    r""":math:`x - \tanh x`, element by element.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Tanhshrink``.

    Example:
        >>> torch.nn.Tanhshrink()(torch.tensor([0.0]))
        tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.tanhshrink(input)


class Hardtanh(Module):
    r""":math:`\min(\max(x, min\_val), max\_val)`, element by element.

    Args:
        min_val: smallest result.
        max_val: largest result.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Hardtanh``.

    Example:
        >>> torch.nn.Hardtanh()(torch.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + _inplace(self.inplace)


class Hardsigmoid(Module):
    r""":math:`\min(\max(x / 6 + 1/2, 0), 1)`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Hardsigmoid``.

    Example:
        >>> torch.nn.Hardsigmoid()(torch.tensor([0.0]))
        tensor([0.5000])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.hardsigmoid(input, self.inplace)


class Hardswish(Module):
    r""":math:`x \min(\max(x + 3, 0), 6) / 6`, element by element.

    Args:
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Hardswish``.

    Example:
        >>> torch.nn.Hardswish()(torch.tensor([3.0]))
        tensor([3.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.hardswish(input, self.inplace)


class Threshold(Module):
    r""":math:`x \text{ if } x > threshold \text{ else } value`, element by element.

    Args:
        threshold: the bound.
        value: the replacement.
        inplace: write the result into the input.

    Shape:
        the output has the shape of the input.

    Source: ``torch.nn.Threshold``.

    Example:
        >>> torch.nn.Threshold(0.1, 20.0)(torch.tensor([0.05, 1.0]))
        tensor([20.,  1.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"threshold={self.threshold}, value={self.value}" + _inplace(self.inplace)


class GLU(Module):
    r""":math:`a \sigma(b),\ a \text{ and } b \text{ the halves of the input}`, along one dimension.

    Args:
        dim: the dimension that is halved.

    Shape:
        the output is half as large along ``dim``.

    Source: ``torch.nn.GLU``.

    Example:
        >>> torch.nn.GLU()(torch.zeros(4))
        tensor([0., 0.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"dim={self.dim}"


class PReLU(Module):
    r""":math:`x \text{ if } x \ge 0 \text{ else } a\,x` with a learned slope :math:`a`.

    Args:
        num_parameters: 1 slope for all, or one for each channel (dimension 1).
        init: the slopes' first value.
        device: the CPU.
        dtype: of the slopes.

    Attributes:
        weight: (num_parameters,). Weight decay should not be used on it.

    Source: ``torch.nn.PReLU``.

    Example:
        >>> torch.nn.PReLU()(torch.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Set the slopes to their first value."""
        self.weight.data.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of ``input``."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"num_parameters={self.num_parameters}"
