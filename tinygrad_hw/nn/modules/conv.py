"""Convolutions and transposed convolutions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn import init
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.utils import pair, single, triple
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops.conv import conv2d_then
from tinygrad_hw.ops.creation import empty
from tinygrad_hw.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]


class _ConvNd(Module):
    """What all convolutions share: the checks, the parameters, their initialisation and the repr."""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError(
                f"in_channels must be divisible by groups, got in_channels={in_channels} and groups={groups}"
            )
        if out_channels % groups != 0:
            raise ValueError(
                f"out_channels must be divisible by groups, got out_channels={out_channels} and groups={groups}"
            )
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        modes = ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ValueError(f"padding_mode must be one of {set(modes)}, but got padding_mode='{padding_mode}'")
        if transposed and padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        if padding == "valid":
            before = [(0, 0)] * len(kernel_size)
        elif padding == "same":
            totals = [d * (k - 1) for d, k in zip(dilation, kernel_size, strict=True)]
            before = [(t // 2, t - t // 2) for t in totals]
        else:
            before = [(p, p) for p in padding]  # type: ignore[misc]
        # As F.pad wants it: the last dimension first.
        self._reversed_padding_repeated_twice = [p for sides in reversed(before) for p in sides]
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        shape = (first, second // groups, *kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Return the sizes, and what differs from the defaults."""
        s = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.kernel_size):
            s += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            s += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            s += f", output_padding={self.output_padding}"
        if self.groups != 1:
            s += f", groups={self.groups}"
        if self.bias is None:
            s += ", bias=False"
        if self.padding_mode != "zeros":
            s += f", padding_mode={self.padding_mode}"
        return s

    def _convolve(self, function: Callable[..., Tensor], input: Tensor) -> Tensor:
        if self.padding_mode == "zeros":
            return function(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        zeros = (0,) * len(self.kernel_size)
        return function(padded, self.weight, self.bias, self.stride, zeros, self.dilation, self.groups)


class Conv1d(_ConvNd):
    r"""A convolution (cross-correlation) over sequences of several channels.

    .. math:: out_{n, o} = b_o + \sum_{c} w_{o, c} \star x_{n, c}

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: K.
        stride: step of the kernel.
        padding: zeros added on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: number of groups of channels convolved separately.
        bias: whether to learn :math:`b`.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, L) or (C, L), output (N, O, L'), with
        :math:`L' = \lfloor (L + 2\,padding - dilation\,(K - 1) - 1) / stride \rfloor + 1`.

    Attributes:
        weight: (O, C / groups, K), uniform in :math:`\pm \sqrt{groups / (C K)}`.
        bias: (O,), likewise, or None.

    Raises:
        ValueError: channels are not divisible by groups, or a mode is unknown.

    Source: ``torch.nn.Conv1d``.

    Example:
        >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape
        torch.Size([20, 33, 24])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            single(kernel_size),
            single(stride),
            padding if isinstance(padding, str) else single(padding),
            single(dilation),
            False,
            single(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input``."""
        return self._convolve(F.conv1d, input)


class Conv2d(_ConvNd):
    r"""A convolution (cross-correlation) over images of several channels.

    .. math:: out_{n, o} = b_o + \sum_{c} w_{o, c} \star x_{n, c}

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: (KH, KW), or one number for both; likewise the next three.
        stride: step of the kernel.
        padding: zeros added on all sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: number of groups of channels convolved separately.
        bias: whether to learn :math:`b`.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, O, H', W'), with
        :math:`H' = \lfloor (H + 2\,padding - dilation\,(KH - 1) - 1) / stride \rfloor + 1`, likewise W'.

    Attributes:
        weight: (O, C / groups, KH, KW), uniform in :math:`\pm \sqrt{groups / (C\,KH\,KW)}`.
        bias: (O,), likewise, or None.

    Raises:
        ValueError: channels are not divisible by groups, or a mode is unknown.

    Source: ``torch.nn.Conv2d``.

    Example:
        >>> torch.nn.Conv2d(3, 8, 3, padding=1)(torch.randn(2, 3, 32, 32)).shape
        torch.Size([2, 8, 32, 32])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            pair(kernel_size),
            pair(stride),
            padding if isinstance(padding, str) else pair(padding),
            pair(dilation),
            False,
            pair(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input``."""
        return self._convolve(F.conv2d, input)

    def forward_then(self, with_relu: bool, input: Tensor) -> Tensor:
        """Return the convolution of ``input``, or ReLU of it."""
        return self._convolve(functools.partial(conv2d_then, with_relu), input)


class Conv3d(_ConvNd):
    r"""A convolution (cross-correlation) over volumes of several channels.

    .. math:: out_{n, o} = b_o + \sum_{c} w_{o, c} \star x_{n, c}

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: (KD, KH, KW), or one number for all; likewise the next three.
        stride: step of the kernel.
        padding: zeros added on all sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: number of groups of channels convolved separately.
        bias: whether to learn :math:`b`.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, O, D', H', W'), with
        :math:`D' = \lfloor (D + 2\,padding - dilation\,(KD - 1) - 1) / stride \rfloor + 1`, likewise H' and W'.

    Attributes:
        weight: (O, C / groups, KD, KH, KW), uniform in :math:`\pm \sqrt{groups / (C\,KD\,KH\,KW)}`.
        bias: (O,), likewise, or None.

    Raises:
        ValueError: channels are not divisible by groups, or a mode is unknown.

    Source: ``torch.nn.Conv3d``.

    Example:
        >>> torch.nn.Conv3d(3, 8, 3, padding=1)(torch.randn(2, 3, 4, 8, 8)).shape
        torch.Size([2, 8, 4, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int],
        stride: int | tuple[int, int, int] = 1,
        padding: str | int | tuple[int, int, int] = 0,
        dilation: int | tuple[int, int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            triple(kernel_size),
            triple(stride),
            padding if isinstance(padding, str) else triple(padding),
            triple(dilation),
            False,
            triple(0),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of ``input``."""
        return self._convolve(F.conv3d, input)


class _ConvTransposeNd(_ConvNd):
    """What transposed convolutions share: the call, and the padding that makes an output of a given size."""

    def _enlarge(self, function: Callable[..., Tensor], input: Tensor, output_size: Any) -> Tensor:
        return function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(input, output_size),
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """Return the output padding that gives ``output_size``."""
        if output_size is None:
            return self.output_padding
        dims = len(self.kernel_size)
        batched = input.ndim == dims + 2
        lead = 2 if batched else 1
        sizes = tuple(output_size)
        if len(sizes) == lead + dims:
            sizes = sizes[lead:]
        if len(sizes) != dims:
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {dims} or "
                f"{lead + dims} elements (got {len(tuple(output_size))})"
            )
        result = []
        for d in range(dims):
            smallest = (
                (input.shape[d + lead] - 1) * self.stride[d]
                - 2 * self.padding[d]
                + self.dilation[d] * (self.kernel_size[d] - 1)
                + 1
            )
            largest = smallest + self.stride[d] - 1
            if not smallest <= sizes[d] <= largest:
                raise ValueError(
                    f"requested an output size of {list(sizes)}, but valid sizes of dimension {d} range from "
                    f"{smallest} to {largest} (for an input of {list(input.shape[lead:])})"
                )
            result.append(sizes[d] - smallest)
        return tuple(result)


class ConvTranspose1d(_ConvTransposeNd):
    r"""The gradient of a 1-D convolution with respect to its input, as a layer that enlarges.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: K.
        stride: step of the kernel in the output.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: number of groups of channels convolved separately.
        bias: whether to learn a bias.
        dilation: spacing between kernel elements.
        padding_mode: only ``"zeros"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, L) or (C, L), output (N, O, L'), with
        :math:`L' = (L - 1)\,stride - 2\,padding + dilation\,(K - 1) + output\_padding + 1`.

    Attributes:
        weight: (C, O / groups, K).
        bias: (O,) or None.

    Source: ``torch.nn.ConvTranspose1d``.

    Example:
        >>> torch.nn.ConvTranspose1d(4, 2, 3, stride=2)(torch.randn(1, 4, 5)).shape
        torch.Size([1, 2, 11])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            single(kernel_size),
            single(stride),
            single(padding),
            single(dilation),
            True,
            single(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Return the transposed convolution of ``input``, of ``output_size`` if given."""
        return self._enlarge(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(_ConvTransposeNd):
    r"""The gradient of a 2-D convolution with respect to its input, as a layer that enlarges.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: (KH, KW), or one number for both; likewise the others.
        stride: step of the kernel in the output.
        padding: removed from all sides of the output.
        output_padding: added to one side of each dimension of the output.
        groups: number of groups of channels convolved separately.
        bias: whether to learn a bias.
        dilation: spacing between kernel elements.
        padding_mode: only ``"zeros"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, O, H', W'), with
        :math:`H' = (H - 1)\,stride - 2\,padding + dilation\,(KH - 1) + output\_padding + 1`.

    Attributes:
        weight: (C, O / groups, KH, KW).
        bias: (O,) or None.

    Source: ``torch.nn.ConvTranspose2d``.

    Example:
        >>> torch.nn.ConvTranspose2d(4, 2, 2, stride=2)(torch.randn(1, 4, 5, 5)).shape
        torch.Size([1, 2, 10, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        output_padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            pair(kernel_size),
            pair(stride),
            pair(padding),
            pair(dilation),
            True,
            pair(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Return the transposed convolution of ``input``, of ``output_size`` if given."""
        return self._enlarge(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(_ConvTransposeNd):
    r"""The gradient of a 2-D convolution with respect to its input, as a layer that enlarges.

    Args:
        in_channels: channels of the input, C.
        out_channels: channels of the output, O.
        kernel_size: (KD, KH, KW), or one number for all; likewise the others.
        stride: step of the kernel in the output.
        padding: removed from all sides of the output.
        output_padding: added to one side of each dimension of the output.
        groups: number of groups of channels convolved separately.
        bias: whether to learn a bias.
        dilation: spacing between kernel elements.
        padding_mode: only ``"zeros"``.
        device: the CPU.
        dtype: of the parameters.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, O, D', H', W'), with
        :math:`D' = (D - 1)\,stride - 2\,padding + dilation\,(KD - 1) + output\_padding + 1`.

    Attributes:
        weight: (C, O / groups, KD, KH, KW).
        bias: (O,) or None.

    Source: ``torch.nn.ConvTranspose3d``.

    Example:
        >>> torch.nn.ConvTranspose3d(4, 2, 2, stride=2)(torch.randn(1, 4, 5, 5, 5)).shape
        torch.Size([1, 2, 10, 10, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int],
        stride: int | tuple[int, int, int] = 1,
        padding: int | tuple[int, int, int] = 0,
        output_padding: int | tuple[int, int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int, int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            triple(kernel_size),
            triple(stride),
            triple(padding),
            triple(dilation),
            True,
            triple(output_padding),
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Return the transposed convolution of ``input``, of ``output_size`` if given."""
        return self._enlarge(F.conv_transpose3d, input, output_size)
