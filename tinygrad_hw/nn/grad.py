"""Gradients of convolutions as functions: ``torch.nn.grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import always_record
from tinygrad_hw.autograd.graph import wrap
from tinygrad_hw.nn import functional as F

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _zeros(size: Sequence[int], like: Any) -> Any:
    # One element is enough: the gradient of a linear function does not read the argument.
    t = wrap(np.broadcast_to(np.zeros((), like.array.dtype), tuple(int(n) for n in size)))
    t._requires_grad = True
    return t


def _input(
    conv: Callable[..., Any], size: Any, weight: Any, g: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    with always_record():
        x = _zeros(size, weight)
        y = conv(x, weight.detach(), None, stride, padding, dilation, groups)
    return grad(y, x, g)[0]


def _weight(
    conv: Callable[..., Any], x: Any, size: Any, g: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    with always_record():
        weight = _zeros(size, x)
        y = conv(x.detach(), weight, None, stride, padding, dilation, groups)
    return grad(y, weight, g)[0]


def conv1d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv1d`` with respect to its input.

    Args:
        input_size: shape of the input.
        weight: the kernels.
        grad_output: the gradient of the output.
        stride: as in ``conv1d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv1d_input``.

    Example:
        >>> weight, g = torch.ones(1, 1, 2), torch.ones(1, 1, 3)
        >>> torch.nn.grad.conv1d_input((1, 1, 4), weight, g).shape
        torch.Size([1, 1, 4])
    """
    return _input(F.conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv1d`` with respect to its weight.

    Args:
        input: the input.
        weight_size: shape of the weight.
        grad_output: the gradient of the output.
        stride: as in ``conv1d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv1d_weight``.

    Example:
        >>> x, g = torch.ones(1, 1, 4), torch.ones(1, 1, 3)
        >>> torch.nn.grad.conv1d_weight(x, (1, 1, 2), g).shape
        torch.Size([1, 1, 2])
    """
    return _weight(F.conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv2d`` with respect to its input.

    Args:
        input_size: shape of the input.
        weight: the kernels.
        grad_output: the gradient of the output.
        stride: as in ``conv2d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv2d_input``.

    Example:
        >>> weight, g = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3)
        >>> torch.nn.grad.conv2d_input((1, 1, 4, 4), weight, g).shape
        torch.Size([1, 1, 4, 4])
    """
    return _input(F.conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv2d`` with respect to its weight.

    Args:
        input: the input.
        weight_size: shape of the weight.
        grad_output: the gradient of the output.
        stride: as in ``conv2d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv2d_weight``.

    Example:
        >>> x, g = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
        >>> torch.nn.grad.conv2d_weight(x, (1, 1, 2, 2), g).shape
        torch.Size([1, 1, 2, 2])
    """
    return _weight(F.conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv3d`` with respect to its input.

    Args:
        input_size: shape of the input.
        weight: the kernels.
        grad_output: the gradient of the output.
        stride: as in ``conv3d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv3d_input``.

    Example:
        >>> weight, g = torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 3, 3, 3)
        >>> torch.nn.grad.conv3d_input((1, 1, 4, 4, 4), weight, g).shape
        torch.Size([1, 1, 4, 4, 4])
    """
    return _input(F.conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the gradient of ``conv3d`` with respect to its weight.

    Args:
        input: the input.
        weight_size: shape of the weight.
        grad_output: the gradient of the output.
        stride: as in ``conv3d``, like the others.
        padding: likewise.
        dilation: likewise.
        groups: likewise.

    Source: ``torch.nn.grad.conv3d_weight``.

    Example:
        >>> x, g = torch.ones(1, 1, 4, 4, 4), torch.ones(1, 1, 3, 3, 3)
        >>> torch.nn.grad.conv3d_weight(x, (1, 1, 2, 2, 2), g).shape
        torch.Size([1, 1, 2, 2, 2])
    """
    return _weight(F.conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)
