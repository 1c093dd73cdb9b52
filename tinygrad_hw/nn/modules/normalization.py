"""Normalisation over batches, layers, groups and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_hw import dtypes
from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn import init
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.ops.creation import empty, ones, zeros
from tinygrad_hw.ops.from_data import tensor
from tinygrad_hw.ops.norm import batch_norm_then
from tinygrad_hw.tensor import Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """A learned scale, ones at first, and a learned shift, zeros at first; or neither, or no shift."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_parameters(self, shape: Any, scale: bool, shift: bool, device: Any, dtype: Any) -> None:
        for name, learned in (("weight", scale), ("bias", scale and shift)):
            parameter = Parameter(empty(shape, device=device, dtype=dtype)) if learned else None
            self.register_parameter(name, parameter)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_Affine):
    """Parameters and running statistics of batch and instance norm."""

    _version = 2
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_parameters(num_features, affine, bias, device, dtype)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64))
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.track_running_stats:
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget the statistics; set weight to ones and bias to zeros."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            # State dicts of version 1 had no batch counter.
            key = prefix + "num_batches_tracked"
            if key not in state_dict:
                state_dict[key] = (
                    self.num_batches_tracked if self.num_batches_tracked is not None else tensor(0, dtype=dtypes.int64)
                )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )


class _BatchNorm(_NormBase):
    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``; updates the running statistics in training mode."""
        return self.forward_then(False, input)

    def forward_then(self, with_relu: bool, input: Tensor) -> Tensor:
        """Return the normalised ``input``, or ReLU of it."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a cumulative average
                factor = 1.0 / float(self.num_batches_tracked)
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return batch_norm_then(
            with_relu,
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            use_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    r"""Batch normalisation of (N, C) or (N, C, L).

    .. math:: y = \frac{x - E[x]}{\sqrt{Var[x] + \epsilon}}\,\gamma + \beta

    with mean and (biased) variance per channel, over the batch while training and from running averages
    in eval mode. The running variance is the unbiased one.

    Args:
        num_features: C.
        eps: :math:`\epsilon`.
        momentum: weight of the new batch in the running averages; None for the average over all batches.
        affine: whether to learn :math:`\gamma` and :math:`\beta`.
        track_running_stats: keep running averages; without them eval mode uses the batch too.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Attributes:
        weight: :math:`\gamma`, (C,), ones.
        bias: :math:`\beta`, (C,), zeros.
        running_mean, running_var: (C,).
        num_batches_tracked: 0-d int64.

    Raises:
        ValueError: the input is not 2-D or 3-D.

    Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
    Covariate Shift" (2015); ``torch.nn.BatchNorm1d``.

    Example:
        >>> torch.nn.BatchNorm1d(3)(torch.randn(8, 3)).mean(0).abs().max() < 1e-6
        tensor(True)
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(
                f"expected 2D or 3D input (got {input.ndim}D input): BatchNorm1d takes (N, C) or (N, C, L)"
            )


class BatchNorm2d(_BatchNorm):
    r"""Batch normalisation of images (N, C, H, W); see ``BatchNorm1d`` for the formula.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running averages; None for the average over all batches.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages; without them eval mode uses the batch too.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Raises:
        ValueError: the input is not 4-D.

    Source: Ioffe and Szegedy (2015); ``torch.nn.BatchNorm2d``.

    Example:
        >>> torch.nn.BatchNorm2d(3)(torch.randn(8, 3, 4, 4)).shape
        torch.Size([8, 3, 4, 4])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 4:
            raise ValueError(f"expected 4D input (got {input.ndim}D input): BatchNorm2d takes (N, C, H, W)")


class BatchNorm3d(_BatchNorm):
    r"""Batch normalisation of volumes (N, C, D, H, W); see ``BatchNorm1d`` for the formula.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running averages; None for the average over all batches.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages; without them eval mode uses the batch too.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Raises:
        ValueError: the input is not 5-D.

    Source: Ioffe and Szegedy (2015); ``torch.nn.BatchNorm3d``.

    Example:
        >>> torch.nn.BatchNorm3d(3)(torch.randn(8, 3, 2, 4, 4)).shape
        torch.Size([8, 3, 2, 4, 4])
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim != 5:
            raise ValueError(f"expected 5D input (got {input.ndim}D input): BatchNorm3d takes (N, C, D, H, W)")


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    _no_batch_dim: int

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``."""
        self._check_input_dim(input)
        channels = input.ndim - self._no_batch_dim
        if input.shape[channels] != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={channels} to match num_features ({self.num_features}), but "
                f"got: {input.shape[channels]}."
            )
        if input.ndim == self._no_batch_dim:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    r"""Normalise each channel of each sequence: (N, C, L) or (C, L); see ``BatchNorm1d`` for the formula.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages for eval mode.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization" (2016);
    ``torch.nn.InstanceNorm1d``.

    Example:
        >>> torch.nn.InstanceNorm1d(3)(torch.randn(8, 3, 5)).shape
        torch.Size([8, 3, 5])
    """

    _no_batch_dim = 2

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(
                f"expected 2D or 3D input (got {input.ndim}D input): InstanceNorm1d takes (N, C, L) or (C, L)"
            )


class InstanceNorm2d(_InstanceNorm):
    r"""Normalise each channel of each image: (N, C, H, W) or (C, H, W); see ``BatchNorm1d`` for the formula.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages for eval mode.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: Ulyanov et al. (2016); ``torch.nn.InstanceNorm2d``.

    Example:
        >>> torch.nn.InstanceNorm2d(3)(torch.randn(8, 3, 5, 5)).shape
        torch.Size([8, 3, 5, 5])
    """

    _no_batch_dim = 3

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (3, 4):
            raise ValueError(
                f"expected 3D or 4D input (got {input.ndim}D input): InstanceNorm2d takes (N, C, H, W) or (C, H, W)"
            )


class InstanceNorm3d(_InstanceNorm):
    r"""Normalise each channel of each volume: (N, C, D, H, W) or (C, D, H, W); see ``BatchNorm1d`` for the formula.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running averages.
        affine: whether to learn scale and shift.
        track_running_stats: keep running averages for eval mode.
        device: the CPU.
        dtype: of parameters and statistics.
        bias: whether to learn a shift, if ``affine``.

    Source: Ulyanov et al. (2016); ``torch.nn.InstanceNorm3d``.

    Example:
        >>> torch.nn.InstanceNorm3d(3)(torch.randn(8, 3, 2, 5, 5)).shape
        torch.Size([8, 3, 2, 5, 5])
    """

    _no_batch_dim = 4

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (4, 5):
            raise ValueError(
                f"expected 4D or 5D input (got {input.ndim}D input): InstanceNorm3d takes (N, C, D, H, W) or "
                "(C, D, H, W)"
            )


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    r"""Normalise each example over its last dimensions.

    .. math:: y = \frac{x - E[x]}{\sqrt{Var[x] + \epsilon}}\,\gamma + \beta

    Args:
        normalized_shape: sizes of the last dimensions (one number for one).
        eps: :math:`\epsilon`.
        elementwise_affine: whether to learn :math:`\gamma` and :math:`\beta`.
        bias: whether to learn :math:`\beta`.
        device: the CPU.
        dtype: of the parameters.

    Attributes:
        weight: :math:`\gamma`, of ``normalized_shape``, ones.
        bias: :math:`\beta`, likewise, zeros.

    Source: Ba et al., "Layer Normalization" (2016); ``torch.nn.LayerNorm``.

    Example:
        >>> torch.nn.LayerNorm(4)(torch.tensor([[1.0, 1.0, 3.0, 3.0]])).detach()
        tensor([[-1.0000, -1.0000,  1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    r"""Divide each example by its root mean square over the last dimensions.

    .. math:: y = \frac{x}{\sqrt{E[x^2] + \epsilon}}\,\gamma

    Args:
        normalized_shape: sizes of the last dimensions (one number for one).
        eps: :math:`\epsilon`; the dtype's machine epsilon if None.
        elementwise_affine: whether to learn :math:`\gamma`.
        device: the CPU.
        dtype: of the parameter.

    Attributes:
        weight: :math:`\gamma`, of ``normalized_shape``, ones.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019); ``torch.nn.RMSNorm``.

    Example:
        >>> torch.nn.RMSNorm(2)(torch.tensor([[3.0, 3.0]])).tolist()
        [[1.0, 1.0]]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to ones."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    r"""Normalise groups of channels of each example; see ``LayerNorm`` for the formula.

    Args:
        num_groups: G; 1 is layer norm over everything, C is instance norm.
        num_channels: C, divisible by G.
        eps: added to the variance.
        affine: whether to learn scale and shift per channel.
        device: the CPU.
        dtype: of the parameters.
        bias: whether to learn the shift, if ``affine``.

    Shape:
        (N, C, ...), likewise the output.

    Raises:
        ValueError: C is not divisible by G.

    Source: Wu and He, "Group Normalization" (2018); ``torch.nn.GroupNorm``.

    Example:
        >>> torch.nn.GroupNorm(3, 6)(torch.randn(20, 6, 10, 10)).shape
        torch.Size([20, 6, 10, 10])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_parameters(num_channels, affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the arguments."""
        bias = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={bias}"


class _ResponseNorm(Module):
    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LocalResponseNorm(_ResponseNorm):
    r"""Divide each channel by a power of the sum of squares of its neighbours.

    .. math:: y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2\right)^{-\beta}

    Args:
        size: n, channels in the neighbourhood.
        alpha: :math:`\alpha`.
        beta: :math:`\beta`.
        k: :math:`k`.

    Shape:
        (N, C, ...), likewise the output.

    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks" (2012);
    ``torch.nn.LocalResponseNorm``.

    Example:
        >>> torch.nn.LocalResponseNorm(2)(torch.randn(32, 5, 24, 24)).shape
        torch.Size([32, 5, 24, 24])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class CrossMapLRN2d(_ResponseNorm):
    r"""Divide each channel of images by a power of the sum of squares of its neighbours.

    As :class:`LocalResponseNorm`, with :math:`\lfloor (n - 1) / 2 \rfloor` neighbours on either side, and the
    first channel for a neighbour of all.

    Args:
        size: n.
        alpha: :math:`\alpha`.
        beta: :math:`\beta`.
        k: :math:`k`.

    Shape:
        (N, C, H, W), likewise the output.

    Source: ``torch.nn.CrossMapLRN2d``.

    Example:
        >>> torch.nn.CrossMapLRN2d(3)(torch.randn(2, 5, 4, 4)).shape
        torch.Size([2, 5, 4, 4])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised ``input``."""
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        channels, reach = input.shape[1], (self.size - 1) // 2
        squares = input * input
        padded = F.pad(squares, (0, 0, 0, 0, reach, reach))
        total = padded[:, :channels]
        for i in range(1, 2 * reach + 1):
            total = total + padded[:, i : i + channels]
        if channels > reach + 1:
            # PyTorch's running sum never drops the first channel; a network trained there counts on it.
            first = squares[:, :1].expand(-1, channels - reach - 1, -1, -1)
            total = total + F.pad(first, (0, 0, 0, 0, reach + 1, 0))
        return input * (total * (self.alpha / self.size) + self.k) ** -self.beta
