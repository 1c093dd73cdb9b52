"""Softmax and its logarithm."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import array_of, wrap
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import random as random_kernels
from tinygrad_hw.kernels import softmax as kernels
from tinygrad_hw.ops.arguments import one_dim
from tinygrad_hw.ops.reduce import _converted
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.unary import exp

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype.char == "e" else x


def _softmax_forward(input: Any, *, dim: int) -> Any:
    if input.ndim == 0:
        return np.where(np.isnan(input), input, np.ones((), input.dtype))
    if input.dtype.char == "e":
        return kernels.softmax(_wide(input), dim).astype(input.dtype)
    return kernels.softmax(input, dim)


def _log_softmax_forward(input: Any, *, dim: int) -> Any:
    if input.ndim == 0:
        return input - input
    if input.dtype.char == "e":
        return kernels.log_softmax(_wide(input), dim).astype(input.dtype)
    return kernels.log_softmax(input, dim)


def _softmax_fused(g: Any, out: Any, dim: int) -> tuple[Any]:
    return (kernels.softmax_backward(_wide(g), _wide(out), dim) if out.ndim else g * 0,)


def _log_softmax_fused(g: Any, out: Any, dim: int) -> tuple[Any]:
    return (kernels.log_softmax_backward(_wide(g), _wide(out), dim) if out.ndim else g * 0,)


_softmax = op(
    "softmax",
    _softmax_forward,
    promote="float",
    input=lambda g, out, dim: (g - sum_(g * out, dim, True)) * out,
    raw=_softmax_fused,
)
_log_softmax = op(
    "log_softmax",
    _log_softmax_forward,
    promote="float",
    input=lambda g, out, dim: g - exp(out) * sum_(g, dim, True),
    raw=_log_softmax_fused,
)


def _implicit_dim(name: str, ndim: int, level: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=level + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, out: Any = None) -> Any:
    r"""Return :math:`e^{x_i} / \sum_j e^{x_j}` along a dimension.

    Args:
        input: a tensor.
        dim: the dimension that sums to 1.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.nn.functional.softmax``.

    Example:
        >>> torch.nn.functional.softmax(torch.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    if out is not None:
        return into(out, softmax, input, dim, _stacklevel, dtype)
    if dim is None:
        dim = _implicit_dim("softmax", input.ndim, _stacklevel)
    x = input if dtype is None else _converted(input, dtype)
    array = array_of(x)
    if array.dtype.kind in "iub":
        return _of_integers("softmax", x, dim)
    return _softmax(x, dim=one_dim(dim, array.ndim))


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, out: Any = None) -> Any:
    r"""Return :math:`x_i - \log \sum_j e^{x_j}` along a dimension.

    Args:
        input: a tensor.
        dim: the dimension.
        dtype: convert to it first.
        out: a tensor to write the result into.

    Source: ``torch.nn.functional.log_softmax``.

    Example:
        >>> torch.nn.functional.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
        tensor([-0.6931, -0.6931])
    """
    if out is not None:
        return into(out, log_softmax, input, dim, _stacklevel, dtype)
    if dim is None:
        dim = _implicit_dim("log_softmax", input.ndim, _stacklevel)
    x = input if dtype is None else _converted(input, dtype)
    array = array_of(x)
    if array.dtype.kind in "iub":
        return _of_integers("log_softmax", x, dim)
    return _log_softmax(x, dim=one_dim(dim, array.ndim))


def _of_integers(name: str, x: Any, dim: int) -> Any:
    """Return an empty tensor of the same dtype; PyTorch knows no softmax of integers, but does not notice if empty."""
    one_dim(dim, x.ndim)
    array = array_of(x)
    if array.size:
        raise NotImplementedError(
            f"{name} is not implemented for {dtypes.from_numpy(array.dtype)}. Convert the tensor with .float(), or "
            "pass dtype=torch.float32"
        )
    return wrap(np.empty_like(array))


def torch_softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """``torch.nn.functional.softmax`` along a dimension that must be named.

    Source: ``torch.softmax``.

    Example:
        >>> torch.softmax(torch.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    return softmax(input, dim, 3, dtype, out=out)


def torch_log_softmax(input: Any, dim: int, dtype: Any = None, *, out: Any = None) -> Any:
    """``torch.nn.functional.log_softmax`` along a dimension that must be named.

    Source: ``torch.log_softmax``.

    Example:
        >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
        tensor([-0.6931, -0.6931])
    """
    return log_softmax(input, dim, 3, dtype, out=out)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return the softmax of the negated input; see ``softmax``.

    Example:
        >>> torch.nn.functional.softmin(torch.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmin", input.ndim, _stacklevel)
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    r"""Return a sample of the Gumbel-softmax distribution, :math:`\operatorname{softmax}((x + g) / \tau)`.

    Args:
        logits: unnormalised log-probabilities.
        tau: temperature.
        hard: return one-hot rows; gradients are those of the soft sample.
        eps: ignored.
        dim: the dimension of the choices.

    Source: Jang et al., "Categorical Reparameterization with Gumbel-Softmax" (2016);
    ``torch.nn.functional.gumbel_softmax``.

    Example:
        >>> torch.nn.functional.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(1)
        tensor([1., 1.])
    """
    array = logits.array
    noise = random_kernels.exponential_(np.empty(array.shape, array.dtype))
    gumbels = (logits + wrap(-np.log(noise))) / tau
    soft = softmax(gumbels, dim)
    if not hard:
        return soft
    d = one_dim(dim, array.ndim)
    index = np.expand_dims(soft.array.argmax(axis=d), d)
    one_hot = np.zeros(array.shape, array.dtype)
    np.put_along_axis(one_hot, index, 1, d)
    return wrap(one_hot) - soft.detach() + soft
