"""Pooling layers over sequences and images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.utils import pair, single
from tinygrad_hw.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "LPPool1d",
    "LPPool2d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxUnpool1d",
    "MaxUnpool2d",
]


class _MaxPoolNd(Module):
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )

    def _pool(self, function: Callable[..., Any], input: Tensor) -> Any:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool1d(_MaxPoolNd):
    r"""The largest element of each window of a sequence.

    Args:
        kernel_size: K, elements in a window.
        stride: step between windows; ``kernel_size`` by default.
        padding: implicit minus infinity on both sides, at most K / 2.
        dilation: spacing between the elements of a window.
        return_indices: also return where the largest elements are, for ``MaxUnpool1d``.
        ceil_mode: round the output length up instead of down.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L'), with
        :math:`L' = \lfloor (L + 2\,padding - dilation\,(K - 1) - 1) / stride \rfloor + 1`.

    Source: ``torch.nn.MaxPool1d``.

    Example:
        >>> torch.nn.MaxPool1d(2)(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
        tensor([[[3., 2.]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return self._pool(F.max_pool1d, input)


class MaxPool2d(_MaxPoolNd):
    r"""The largest element of each window of an image.

    Args:
        kernel_size: (KH, KW), or one number for both; likewise the next three.
        stride: step between windows; ``kernel_size`` by default.
        padding: implicit minus infinity on all sides, at most half the kernel size.
        dilation: spacing between the elements of a window.
        return_indices: also return where the largest elements are, for ``MaxUnpool2d``.
        ceil_mode: round the output sizes up instead of down.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H', W'), with
        :math:`H' = \lfloor (H + 2\,padding - dilation\,(KH - 1) - 1) / stride \rfloor + 1`, likewise W'.

    Source: ``torch.nn.MaxPool2d``.

    Example:
        >>> torch.nn.MaxPool2d(2)(torch.arange(16.0).reshape(1, 1, 4, 4))
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return self._pool(F.max_pool2d, input)


class _MaxUnpoolNd(Module):
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Put elements back to where ``MaxPool1d`` found them, zeros elsewhere.

    Args:
        kernel_size: as for the pooling.
        stride: as for the pooling.
        padding: as for the pooling.

    Source: ``torch.nn.MaxUnpool1d``.

    Example:
        >>> x = torch.tensor([[[1.0, 3.0, 2.0, 0.0]]])
        >>> y, i = torch.nn.MaxPool1d(2, return_indices=True)(x)
        >>> torch.nn.MaxUnpool1d(2)(y, i)
        tensor([[[0., 3., 2., 0.]]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = single(kernel_size)
        self.stride = single(stride if stride is not None else kernel_size)
        self.padding = single(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Return the enlarged ``input``."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """Put elements back to where ``MaxPool2d`` found them, zeros elsewhere.

    Args:
        kernel_size: as for the pooling.
        stride: as for the pooling.
        padding: as for the pooling.

    Source: ``torch.nn.MaxUnpool2d``.

    Example:
        >>> y, i = torch.nn.MaxPool2d(2, return_indices=True)(torch.arange(4.0).reshape(1, 1, 2, 2))
        >>> torch.nn.MaxUnpool2d(2)(y, i)
        tensor([[[[0., 0.],
                  [0., 3.]]]])
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride if stride is not None else kernel_size)
        self.padding = pair(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Return the enlarged ``input``."""
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _AvgPoolNd(Module):
    kernel_size: Any
    stride: Any
    padding: Any

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _DividedAvgPoolNd(_AvgPoolNd):
    """Over images and volumes, where sums can be divided by another number than that of their terms."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _pool(self, function: Callable[..., Tensor], input: Tensor) -> Tensor:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool1d(_AvgPoolNd):
    r"""The mean of each window of a sequence.

    Args:
        kernel_size: K, elements in a window.
        stride: step between windows; ``kernel_size`` by default.
        padding: zeros added on both sides, at most K / 2.
        ceil_mode: round the output length up instead of down.
        count_include_pad: whether the added zeros count in the mean.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L'), with
        :math:`L' = \lfloor (L + 2\,padding - K) / stride \rfloor + 1`.

    Source: ``torch.nn.AvgPool1d``.

    Example:
        >>> torch.nn.AvgPool1d(2)(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
        tensor([[[2., 1.]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = single(kernel_size)
        self.stride = single(stride if stride is not None else kernel_size)
        self.padding = single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_DividedAvgPoolNd):
    r"""The mean of each window of an image.

    Args:
        kernel_size: (KH, KW), or one number for both; likewise the next two.
        stride: step between windows; ``kernel_size`` by default.
        padding: zeros added on all sides, at most half the kernel size.
        ceil_mode: round the output sizes up instead of down.
        count_include_pad: whether the added zeros count in the mean.
        divisor_override: divide by this instead of the window's size.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H', W'), with
        :math:`H' = \lfloor (H + 2\,padding - KH) / stride \rfloor + 1`, likewise W'.

    Source: ``torch.nn.AvgPool2d``.

    Example:
        >>> torch.nn.AvgPool2d(2)(torch.arange(4.0).reshape(1, 1, 2, 2))
        tensor([[[[1.5000]]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return self._pool(F.avg_pool2d, input)


class _LPPoolNd(Module):
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    r"""The p-norm :math:`(\sum x^p)^{1/p}` of each window of a sequence.

    Args:
        norm_type: p.
        kernel_size: elements in a window.
        stride: step between windows; ``kernel_size`` by default.
        ceil_mode: round the output length up instead of down.

    Shape:
        input (N, C, L) or (C, L), output (N, C, L').

    Source: ``torch.nn.LPPool1d``.

    Example:
        >>> torch.nn.LPPool1d(2, 2)(torch.tensor([[[3.0, 4.0]]]))
        tensor([[[5.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    r"""The p-norm :math:`(\sum x^p)^{1/p}` of each window of an image.

    Args:
        norm_type: p.
        kernel_size: (KH, KW), or one number for both.
        stride: step between windows; ``kernel_size`` by default.
        ceil_mode: round the output sizes up instead of down.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H', W').

    Source: ``torch.nn.LPPool2d``.

    Example:
        >>> torch.nn.LPPool2d(2, (1, 2))(torch.tensor([[[[3.0, 4.0]]]]))
        tensor([[[[5.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _AdaptivePoolNd(Module):
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """Means of windows chosen so that the output has a given length.

    Args:
        output_size: length of the output.

    Shape:
        input (N, C, L) or (C, L), output (N, C, output_size).

    Source: ``torch.nn.AdaptiveAvgPool1d``.

    Example:
        >>> torch.nn.AdaptiveAvgPool1d(2)(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
        tensor([[[2., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """Means of windows chosen so that the output has given sizes.

    Args:
        output_size: (H', W'), or one number for both; None keeps the input's size.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H', W').

    Source: ``torch.nn.AdaptiveAvgPool2d``.

    Example:
        >>> torch.nn.AdaptiveAvgPool2d(1)(torch.arange(4.0).reshape(1, 1, 2, 2))
        tensor([[[[1.5000]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Largest elements of windows chosen so that the output has a given length.

    Args:
        output_size: length of the output.
        return_indices: also return where the largest elements are.

    Shape:
        input (N, C, L) or (C, L), output (N, C, output_size).

    Source: ``torch.nn.AdaptiveMaxPool1d``.

    Example:
        >>> torch.nn.AdaptiveMaxPool1d(2)(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
        tensor([[[3., 2.]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Largest elements of windows chosen so that the output has given sizes.

    Args:
        output_size: (H', W'), or one number for both; None keeps the input's size.
        return_indices: also return where the largest elements are.

    Shape:
        input (N, C, H, W) or (C, H, W), output (N, C, H', W').

    Source: ``torch.nn.AdaptiveMaxPool2d``.

    Example:
        >>> torch.nn.AdaptiveMaxPool2d(1)(torch.arange(4.0).reshape(1, 1, 2, 2))
        tensor([[[[3.]]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)
