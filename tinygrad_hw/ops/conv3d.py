"""Convolutions of volumes; as in two dimensions, conv3d and its two gradients are a closed family."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.kernels import conv3d as kernels
from tinygrad_hw.ops.conv import conv1d, convolution, family, transposed_convolution
from tinygrad_hw.ops.permutation import permute

__all__ = ["conv3d", "conv_tbc", "conv_transpose3d"]


_conv3d, _, _, _conv_transpose3d = family(3, kernels.conv3d, kernels.conv3d_input_grad, kernels.conv3d_weight_grad)


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
    return convolution("conv3d", 3, _conv3d, input, weight, bias, stride, padding, dilation, groups)


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
    return transposed_convolution(
        "conv_transpose3d",
        3,
        _conv_transpose3d,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


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
