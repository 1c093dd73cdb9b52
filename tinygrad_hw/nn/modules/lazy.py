"""Layers that take the sizes they were not told from their first input."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _ConvNd,
)
from tinygrad_hw.nn.modules.linear import Linear
from tinygrad_hw.nn.modules.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _NormBase,
)
from tinygrad_hw.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from tinygrad_hw.ops.from_data import tensor
from tinygrad_hw.tensor import Tensor

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
]


class LazyModuleMixin(Module):
    """Gives a module parameters without shape, which the first call or ``load_state_dict`` fills in.

    After its first call the module is an instance of ``cls_to_become``.

    Source: ``torch.nn.modules.lazy.LazyModuleMixin``.
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Fill in what is missing, given the first input."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Return whether a parameter or buffer has no shape yet."""
        return any(is_lazy(getattr(self, name)) for name in (*self._parameter_names, *self._buffer_names))

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(module).__name__} has not been fully initialized")
        module._initialize_hook.remove()
        del module._initialize_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        for name in (*self._parameter_names, *self._buffer_names):
            own, given = getattr(self, name), state_dict.get(prefix + name)
            if given is None or own is None:
                continue
            if is_lazy(own) and not is_lazy(given):
                own.materialize(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class LazyLinear(LazyModuleMixin, Linear):
    """A ``Linear`` whose ``in_features`` is the last size of its first input.

    Args:
        out_features: size of the output's last dimension.
        bias: whether to learn a bias.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyLinear``.

    Example:
        >>> m = torch.nn.LazyLinear(4)
        >>> m(torch.randn(2, 3)).shape, m
        (torch.Size([2, 4]), Linear(in_features=3, out_features=4, bias=True))
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new parameters, once there are any."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from the input."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))  # type: ignore[attr-defined]
            if self.bias is not None:
                self.bias.materialize((self.out_features,))  # type: ignore[attr-defined]
            self.reset_parameters()
        if self.in_features == 0:
            self.in_features = self.weight.shape[-1]


class _LazyConvNd(LazyModuleMixin, _ConvNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        *options: Any,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        super().__init__(0, 0, kernel_size, *options, bias=False, **more)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new parameters, once there are any."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take ``in_channels`` from the input."""
        if not self.has_uninitialized_params():
            return
        dims = len(self.kernel_size)
        if input.ndim not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {input.shape}"
            )
        self.in_channels = input.shape[-dims - 1]
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        first, second = (self.in_channels, self.out_channels)
        if not self.transposed:
            first, second = second, first
        self.weight.materialize((first, second // self.groups, *self.kernel_size))  # type: ignore[attr-defined]
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))  # type: ignore[attr-defined]
        self.reset_parameters()


class _LazyNorm(LazyModuleMixin, _NormBase):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**where)
            if bias:
                self.bias = UninitializedParameter(**where)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**where)
            self.running_var = UninitializedBuffer(**where)
            self.num_batches_tracked = tensor(0)

    def reset_parameters(self) -> None:
        """Set parameters and statistics to where they start, once there are any."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``num_features`` from the input."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for t in (self.weight, self.bias, self.running_mean, self.running_var):
            if is_lazy(t):
                t.materialize((self.num_features,))  # type: ignore[union-attr]
        self.reset_parameters()


class LazyConv1d(_LazyConvNd, Conv1d):
    """A ``Conv1d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.
        bias: whether to learn a bias.
        padding_mode: as for ``Conv1d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConv1d``.

    Example:
        >>> m = torch.nn.LazyConv1d(4, 2)
        >>> m(torch.randn(2, 3, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = Conv1d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConv2d(_LazyConvNd, Conv2d):
    """A ``Conv2d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.
        bias: whether to learn a bias.
        padding_mode: as for ``Conv2d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConv2d``.

    Example:
        >>> m = torch.nn.LazyConv2d(4, 2)
        >>> m(torch.randn(2, 3, 5, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = Conv2d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConv3d(_LazyConvNd, Conv3d):
    """A ``Conv3d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: zeros on both sides, ``"same"`` or ``"valid"``.
        dilation: spacing between kernel elements.
        groups: groups of channels convolved separately.
        bias: whether to learn a bias.
        padding_mode: as for ``Conv3d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConv3d``.

    Example:
        >>> m = torch.nn.LazyConv3d(4, 2)
        >>> m(torch.randn(2, 3, 5, 5, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = Conv3d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConvTranspose1d(_LazyConvNd, ConvTranspose1d):
    """A ``ConvTranspose1d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: groups of channels convolved separately.
        dilation: spacing between kernel elements.
        bias: whether to learn a bias.
        padding_mode: as for ``ConvTranspose1d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConvTranspose1d``.

    Example:
        >>> m = torch.nn.LazyConvTranspose1d(4, 2)
        >>> m(torch.randn(2, 3, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = ConvTranspose1d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            dilation=dilation,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConvTranspose2d(_LazyConvNd, ConvTranspose2d):
    """A ``ConvTranspose2d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: groups of channels convolved separately.
        dilation: spacing between kernel elements.
        bias: whether to learn a bias.
        padding_mode: as for ``ConvTranspose2d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConvTranspose2d``.

    Example:
        >>> m = torch.nn.LazyConvTranspose2d(4, 2)
        >>> m(torch.randn(2, 3, 5, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = ConvTranspose2d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            dilation=dilation,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyConvTranspose3d(_LazyConvNd, ConvTranspose3d):
    """A ``ConvTranspose3d`` whose ``in_channels`` are those of its first input.

    Args:
        out_channels: channels of the output.
        kernel_size: size of the kernel.
        stride: step of the kernel.
        padding: removed from both sides of the output.
        output_padding: added to one side of the output.
        groups: groups of channels convolved separately.
        dilation: spacing between kernel elements.
        bias: whether to learn a bias.
        padding_mode: as for ``ConvTranspose3d``.
        device: the CPU.
        dtype: of the parameters.

    Source: ``torch.nn.LazyConvTranspose3d``.

    Example:
        >>> m = torch.nn.LazyConvTranspose3d(4, 2)
        >>> m(torch.randn(2, 3, 5, 5, 5)).shape[1], m.in_channels
        (4, 3)
    """

    cls_to_become = ConvTranspose3d

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            dilation=dilation,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A ``BatchNorm1d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyBatchNorm1d``.

    Example:
        >>> m = torch.nn.LazyBatchNorm1d()
        >>> m(torch.randn(2, 3, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A ``BatchNorm2d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyBatchNorm2d``.

    Example:
        >>> m = torch.nn.LazyBatchNorm2d()
        >>> m(torch.randn(2, 3, 5, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A ``BatchNorm3d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyBatchNorm3d``.

    Example:
        >>> m = torch.nn.LazyBatchNorm3d()
        >>> m(torch.randn(2, 3, 5, 5, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """A ``InstanceNorm1d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyInstanceNorm1d``.

    Example:
        >>> m = torch.nn.LazyInstanceNorm1d()
        >>> m(torch.randn(2, 3, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """A ``InstanceNorm2d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyInstanceNorm2d``.

    Example:
        >>> m = torch.nn.LazyInstanceNorm2d()
        >>> m(torch.randn(2, 3, 5, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """A ``InstanceNorm3d`` whose ``num_features`` are the channels of its first input.

    Args:
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: ``torch.nn.LazyInstanceNorm3d``.

    Example:
        >>> m = torch.nn.LazyInstanceNorm3d()
        >>> m(torch.randn(2, 3, 5, 5, 5)).shape[1], m.num_features
        (3, 3)
    """

    cls_to_become = InstanceNorm3d
