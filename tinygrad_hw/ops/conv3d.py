"""Convolutions of volumes; as in two dimensions, conv3d and its two gradients are a closed family."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import conv3d as kernels
from tinygrad_hw.ops.conv import _check, _convolve, _padding, _transposed, _tuple, _wide, conv1d
from tinygrad_hw.ops.permutation import permute
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import squeeze, unsqueeze

__all__ = ["conv3d", "conv_tbc", "conv_transpose3d"]


def _forward(input: Any, weight: Any, bias: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    x, w, b = _wide(input, weight, bias)
    return kernels.conv3d(x, w, b, stride, padding, dilation, groups).astype(input.dtype, copy=False)


def _input_grad_forward(
    grad: Any, weight: Any, *, input_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    g, w = _wide(grad, weight)
    out = kernels.conv3d_input_grad(g, w, input_shape, stride, padding, dilation, groups)
    return out.astype(grad.dtype, copy=False)


def _weight_grad_forward(
    grad: Any, input: Any, *, weight_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    g, x = _wide(grad, input)
    out = kernels.conv3d_weight_grad(g, x, weight_shape, stride, padding, dilation, groups)
    return out.astype(grad.dtype, copy=False)


def _transposed_forward(
    input: Any, weight: Any, bias: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    x, w = _wide(input, weight)
    out = kernels.conv3d_input_grad(x, w, size, stride, padding, dilation, groups)
    if bias is not None:
        out += bias[:, None, None, None]
    return out.astype(input.dtype, copy=False)


def _cropped(out: Any, shape: Any) -> Any:
    """Leave out the end that an output padding of a stride or more brought in."""
    return out if tuple(out.shape) == tuple(shape) else out[:, :, : shape[2], : shape[3], : shape[4]]


_conv3d = op(
    "conv3d",
    _forward,
    node_name="ConvolutionBackward0",
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: _input_grad(
        g, weight, input_shape=tuple(input_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: _weight_grad(
        g, input, weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    bias=lambda g: sum_(g, (0, 2, 3, 4)),
)
_input_grad = op(
    "conv3d_input_grad",
    _input_grad_forward,
    node_name="ConvolutionBackwardBackward0",
    grad=lambda g, weight, grad_shape, stride, padding, dilation, groups: _cropped(
        _conv3d(g, weight, None, stride=stride, padding=padding, dilation=dilation, groups=groups), grad_shape
    ),
    weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: _weight_grad(
        grad, g, weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
)
_weight_grad = op(
    "conv3d_weight_grad",
    _weight_grad_forward,
    node_name="ConvolutionBackwardBackward0",
    grad=lambda g, input, grad_shape, stride, padding, dilation, groups: _cropped(
        _conv3d(input, g, None, stride=stride, padding=padding, dilation=dilation, groups=groups), grad_shape
    ),
    input=lambda g, grad, input_shape, stride, padding, dilation, groups: _input_grad(
        grad, g, input_shape=tuple(input_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
)
#: The same function as conv3d_input_grad, by the name of what it computes, and with a bias.
_conv_transpose3d = op(
    "conv_transpose3d",
    _transposed_forward,
    node_name="ConvolutionBackward0",
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: _cropped(
        _conv3d(g, weight, None, stride=stride, padding=padding, dilation=dilation, groups=groups), input_shape
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: _weight_grad(
        input, g, weight_shape=tuple(weight_shape), stride=stride, padding=padding, dilation=dilation, groups=groups
    ),
    bias=lambda g: sum_(g, (0, 2, 3, 4)),
)


@whole
def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    r"""Return the 3-D convolution (cross-correlation) of volumes with kernels.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (O, C / groups, KD, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel, one number or three; likewise the next two.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.

    Returns:
        (N, O, D', H', W') with :math:`D' = \lfloor (D + 2 p - d (KD - 1) - 1) / s \rfloor + 1`, and so on.

    Raises:
        RuntimeError: channels, dimensions or dtypes do not fit.

    Source: ``torch.nn.functional.conv3d``.

    Example:
        >>> torch.nn.functional.conv3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
        tensor([[[[[8.]]]]])
    """
    name = "conv3d"
    _check(name, input, weight, bias, 3, groups, False)
    single = input.ndim == 4
    out = _convolve(
        name,
        unsqueeze(input, 0) if single else input,
        weight,
        bias,
        _tuple(name, "stride", stride, 3),
        _padding(name, padding, 3),
        _tuple(name, "dilation", dilation, 3),
        groups,
        _conv3d,
    )
    return squeeze(out, 0) if single else out


@whole
def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the transposed convolution: the gradient of ``conv3d`` with respect to its input.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (C, O / groups, KD, KH, KW).
        bias: (O,) or None.
        stride: step of the kernel in the output.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: groups of channels convolved separately.
        dilation: spacing between kernel elements.

    Source: ``torch.nn.functional.conv_transpose3d``.

    Example:
        >>> F = torch.nn.functional
        >>> F.conv_transpose3d(torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2), stride=2).shape
        torch.Size([1, 1, 4, 4, 4])
    """
    name = "conv_transpose3d"
    _check(name, input, weight, bias, 3, groups, True)
    single = input.ndim == 4
    out = _transposed(
        name,
        unsqueeze(input, 0) if single else input,
        weight,
        bias,
        _tuple(name, "stride", stride, 3),
        _tuple(name, "padding", padding, 3),
        _tuple(name, "output_padding", output_padding, 3),
        groups,
        _tuple(name, "dilation", dilation, 3),
        _conv_transpose3d,
    )
    return squeeze(out, 0) if single else out


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """Return a 1-D convolution of sequences whose time comes first and channels last.

    Args:
        input: (T, N, C).
        weight: (K, C, O).
        bias: (O,).
        pad: zeros on both sides.

    Source: ``torch.conv_tbc``.

    Example:
        >>> torch.nn.functional.conv_tbc(torch.ones(4, 2, 3), torch.ones(2, 3, 5), torch.zeros(5)).shape
        torch.Size([3, 2, 5])
    """
    for label, t, dims in (("Input", input, 3), ("Weight", weight, 3), ("Bias", bias, 1)):
        if t.ndim != dims:
            raise RuntimeError(f"{label} must have {dims} dims, but conv_tbc got shape {list(t.shape)}")
    if input.shape[2] != weight.shape[1] or weight.shape[2] != bias.shape[0]:
        raise RuntimeError(
            "conv_tbc: input dim 2 (channels) and weight dim 1, and weight dim 2 and bias, must be equal, but got "
            f"shapes {list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}"
        )
    out = conv1d(permute(input, (1, 2, 0)), permute(weight, (2, 1, 0)), bias, 1, pad)
    return permute(out, (2, 0, 1))
