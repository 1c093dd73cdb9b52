"""Pooling layers over volumes, and fractional max pooling."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.pooling import (
    _AdaptiveMaxPoolNd,
    _AdaptivePoolNd,
    _DividedAvgPoolNd,
    _LPPoolNd,
    _MaxPoolNd,
    _MaxUnpoolNd,
)
from tinygrad_hw.nn.modules.utils import pair, triple
from tinygrad_hw.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool3d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool3d",
    "MaxPool3d",
    "MaxUnpool3d",
]


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of a volume; see ``MaxPool2d``.

    Args:
        kernel_size: (KD, KH, KW), or one number for all; likewise the next three.
        stride: step between windows; ``kernel_size`` by default.
        padding: implicit minus infinity on all sides, at most half the kernel size.
        dilation: spacing between the elements of a window.
        return_indices: also return where the largest elements are, for ``MaxUnpool3d``.
        ceil_mode: round the output sizes up instead of down.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, D', H', W').

    Source: ``torch.nn.MaxPool3d``.

    Example:
        >>> torch.nn.MaxPool3d(2)(torch.arange(8.0).reshape(1, 1, 2, 2, 2))
        tensor([[[[[7.]]]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return self._pool(F.max_pool3d, input)


class MaxUnpool3d(_MaxUnpoolNd):
    """Put elements back to where ``MaxPool3d`` found them, zeros elsewhere.

    Args:
        kernel_size: as for the pooling.
        stride: as for the pooling.
        padding: as for the pooling.

    Source: ``torch.nn.MaxUnpool3d``.

    Example:
        >>> y, i = torch.nn.MaxPool3d(2, return_indices=True)(torch.arange(8.0).reshape(1, 1, 2, 2, 2))
        >>> torch.nn.MaxUnpool3d(2)(y, i).sum()
        tensor(7.)
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = triple(kernel_size)
        self.stride = triple(stride if stride is not None else kernel_size)
        self.padding = triple(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Return the enlarged ``input``."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class AvgPool3d(_DividedAvgPoolNd):
    """The mean of each window of a volume; see ``AvgPool2d``.

    Args:
        kernel_size: (KD, KH, KW), or one number for all; likewise the next two.
        stride: step between windows; ``kernel_size`` by default.
        padding: zeros added on all sides, at most half the kernel size.
        ceil_mode: round the output sizes up instead of down.
        count_include_pad: whether the added zeros count in the mean.
        divisor_override: divide by this instead of the window's size.

    Shape:
        input (N, C, D, H, W) or (C, D, H, W), output (N, C, D', H', W').

    Source: ``torch.nn.AvgPool3d``.

    Example:
        >>> torch.nn.AvgPool3d(2)(torch.arange(8.0).reshape(1, 1, 2, 2, 2))
        tensor([[[[[3.5000]]]]])
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
        return self._pool(F.avg_pool3d, input)


class LPPool3d(_LPPoolNd):
    r"""The p-norm :math:`(\sum x^p)^{1/p}` of each window of a volume.

    Args:
        norm_type: p.
        kernel_size: (KD, KH, KW), or one number for all.
        stride: step between windows; ``kernel_size`` by default.
        ceil_mode: round the output sizes up instead of down.

    Source: ``torch.nn.LPPool3d``.

    Example:
        >>> torch.nn.LPPool3d(2, (1, 1, 2))(torch.tensor([[[[[3.0, 4.0]]]]]))
        tensor([[[[[5.]]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class AdaptiveAvgPool3d(_AdaptivePoolNd):
    """The means of windows of a volume, chosen so that the output has given sizes.

    Args:
        output_size: (D', H', W'), or one number for all; None keeps the input's size.

    Source: ``torch.nn.AdaptiveAvgPool3d``.

    Example:
        >>> torch.nn.AdaptiveAvgPool3d(1)(torch.arange(8.0).reshape(1, 1, 2, 2, 2))
        tensor([[[[[3.5000]]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the pooled ``input``."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest elements of windows of a volume, chosen so that the output has given sizes.

    Args:
        output_size: (D', H', W'), or one number for all; None keeps the input's size.
        return_indices: also return where the largest elements are.

    Source: ``torch.nn.AdaptiveMaxPool3d``.

    Example:
        >>> torch.nn.AdaptiveMaxPool3d(1)(torch.arange(8.0).reshape(1, 1, 2, 2, 2))
        tensor([[[[[7.]]]]])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _FractionalMaxPoolNd(Module):
    def __init__(
        self,
        kernel_size: tuple[int, ...],
        output_size: tuple[int, ...] | None,
        output_ratio: tuple[float, ...] | None,
        return_indices: bool,
        _random_samples: Tensor | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if any(k <= 0 for k in kernel_size):
            raise ValueError(f"kernel_size must greater than zero, but got {kernel_size}")
        self.kernel_size = kernel_size
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = output_size
        self.output_ratio = output_ratio
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError(f"{name}: only one of output_size and output_ratio may be specified")
        if output_ratio is not None and not all(0 < r < 1 for r in output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The largest elements of windows of an image whose steps are random, so that any output size is possible.

    Args:
        kernel_size: (KH, KW), or one number for both.
        output_size: (H', W'), or one number for both.
        output_ratio: the output's size by the input's, instead of ``output_size``.
        return_indices: also return where the largest elements are.
        _random_samples: (N, C, 2), to be used in place of random numbers.

    Raises:
        ValueError: neither or both of size and ratio are given, or a ratio is outside (0, 1).

    Source: Graham, "Fractional Max-Pooling" (2014); ``torch.nn.FractionalMaxPool2d``.

    Example:
        >>> torch.nn.FractionalMaxPool2d(2, output_size=(7, 6))(torch.randn(1, 3, 10, 10)).shape
        torch.Size([1, 3, 7, 6])
    """

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__(
            pair(kernel_size),
            None if output_size is None else pair(output_size),
            None if output_ratio is None else pair(output_ratio),
            return_indices,
            _random_samples,
        )

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return F.fractional_max_pool2d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The largest elements of windows of a volume whose steps are random; see ``FractionalMaxPool2d``.

    Args:
        kernel_size: (KD, KH, KW), or one number for all.
        output_size: (D', H', W'), or one number for all.
        output_ratio: the output's size by the input's, instead of ``output_size``.
        return_indices: also return where the largest elements are.
        _random_samples: (N, C, 3), to be used in place of random numbers.

    Source: Graham (2014); ``torch.nn.FractionalMaxPool3d``.

    Example:
        >>> torch.nn.FractionalMaxPool3d(2, output_ratio=0.5)(torch.randn(1, 3, 8, 8, 8)).shape
        torch.Size([1, 3, 4, 4, 4])
    """

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__(
            triple(kernel_size),
            None if output_size is None else triple(output_size),
            None if output_ratio is None else triple(output_ratio),
            return_indices,
            _random_samples,
        )

    def forward(self, input: Tensor) -> Any:
        """Return the pooled ``input``, and the indices if asked for."""
        return F.fractional_max_pool3d(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )
