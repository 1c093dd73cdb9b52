"""Batch normalisation folded into the layer before it, for inference."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops.creation import ones_like, zeros_like
from tinygrad_hw.ops.unary import rsqrt

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

M = TypeVar("M", bound=Module)


def fuse_conv_bn_weights(
    conv_w: Any, conv_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any, transpose: bool = False
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of a convolution that includes a batch norm.

    Args:
        conv_w: the weight.
        conv_b: the bias or None.
        bn_rm: running means.
        bn_rv: running variances.
        bn_eps: added to them.
        bn_w: the norm's weight or None.
        bn_b: its bias or None.
        transpose: whether the convolution is a transposed one.

    Source: ``torch.nn.utils.fusion.fuse_conv_bn_weights``.
    """
    bias = zeros_like(bn_rm) if conv_b is None else conv_b
    shift = zeros_like(bn_rm) if bn_b is None else bn_b
    scale = rsqrt(bn_rv + bn_eps) * (ones_like(bn_rm) if bn_w is None else bn_w)
    shape = [1, -1] if transpose else [-1, 1]
    weight = (conv_w * scale.reshape(shape + [1] * (conv_w.ndim - 2))).to(conv_w.dtype)
    fused = ((bias - bn_rm) * scale + shift).to(conv_w.dtype if conv_b is None else conv_b.dtype)
    return Parameter(weight.detach(), conv_w.requires_grad), Parameter(fused.detach(), bias.requires_grad)


def fuse_conv_bn_eval(conv: M, bn: Any, transpose: bool = False) -> M:
    """Return a convolution that does what a convolution and a batch norm after it do.

    Args:
        conv: in evaluation mode.
        bn: in evaluation mode, with running statistics.
        transpose: whether the convolution is a transposed one.

    Source: ``torch.nn.utils.fuse_conv_bn_eval``.

    Example:
        >>> conv, norm = torch.nn.Conv1d(2, 3, 2).eval(), torch.nn.BatchNorm1d(3).eval()
        >>> torch.nn.utils.fuse_conv_bn_eval(conv, norm)
        Conv1d(2, 3, kernel_size=(2,), stride=(1,))
    """
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first")
    fused: Any = copy.deepcopy(conv)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of a linear layer that includes a batch norm; see ``fuse_conv_bn_weights``.

    Source: ``torch.nn.utils.fusion.fuse_linear_bn_weights``.
    """
    bias = zeros_like(bn_rm) if linear_b is None else linear_b
    scale = bn_w * rsqrt(bn_rv + bn_eps)
    weight = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    fused = ((bias - bn_rm) * scale + bn_b).to(linear_w.dtype if linear_b is None else linear_b.dtype)
    return Parameter(weight.detach(), linear_w.requires_grad), Parameter(fused.detach(), bias.requires_grad)


def fuse_linear_bn_eval(linear: M, bn: Any) -> M:
    """Return a linear layer that does what it and a batch norm after it do.

    Args:
        linear: in evaluation mode.
        bn: in evaluation mode, with running statistics.

    Source: ``torch.nn.utils.fuse_linear_bn_eval``.

    Example:
        >>> linear, norm = torch.nn.Linear(2, 3).eval(), torch.nn.BatchNorm1d(3).eval()
        >>> torch.nn.utils.fuse_linear_bn_eval(linear, norm)
        Linear(in_features=2, out_features=3, bias=True)
    """
    if linear.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first")
    fused: Any = copy.deepcopy(linear)
    if fused.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got linear.out_features="
            f"{fused.out_features} and bn.num_features={bn.num_features}"
        )
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
