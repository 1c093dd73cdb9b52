"""Normalisation over batches, layers, groups, channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.ops.elementwise import pow as pow_
from tinygrad_hw.ops.linalg import vector_norm
from tinygrad_hw.ops.pad import pad
from tinygrad_hw.ops.pool import avg_pool1d
from tinygrad_hw.ops.reduce import mean
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.unary import rsqrt

__all__ = [
    "batch_norm",
    "cosine_similarity",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "pairwise_distance",
    "rms_norm",
]


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else np.asarray(t)


# The one formula: standardise over some dimensions. Batch, layer, group and instance norm differ in which.


def _standardize_forward(input: Any, *, dim: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    wide = input.astype(np.float32) if input.dtype == np.float16 else input
    centre = wide.mean(axis=dim, keepdims=True)
    out = wide - centre
    variance = np.einsum(
        out,
        list(range(out.ndim)),
        out,
        list(range(out.ndim)),
        [i for i in range(out.ndim) if i not in dim],
    ) / math.prod(out.shape[d] for d in dim)
    shape = tuple(1 if i in dim else n for i, n in enumerate(out.shape))
    scale = (1 / np.sqrt(variance + variance.dtype.type(eps))).reshape(shape).astype(wide.dtype)
    out *= scale
    return out.astype(input.dtype, copy=False), scale.astype(input.dtype, copy=False)


def _standardize_rule(g: Any, input: Any, dim: tuple[int, ...], eps: float) -> tuple[Any]:
    centre = input - mean(input, dim, True)
    scale = rsqrt(mean(centre * centre, dim, True) + eps)
    out = centre * scale
    return ((g - mean(g, dim, True) - out * mean(g * out, dim, True)) * scale,)


def _standardize_fused(g: Any, out: Any, scale: Any, dim: tuple[int, ...]) -> tuple[Any]:
    count = math.prod(out.shape[d] for d in dim)
    total = g.sum(axis=dim, keepdims=True) / g.dtype.type(count)
    along = (g * out).sum(axis=dim, keepdims=True) / g.dtype.type(count)
    result = g - total
    result -= out * along
    result *= scale
    return (result,)


def _standardizer(name: str, node_name: str) -> Any:
    return op(
        name,
        _standardize_forward,
        outputs=("out", "scale"),
        nondiff=("scale",),
        differentiable=("input",),
        joint=_standardize_rule,
        raw=_standardize_fused,
        node_name=node_name,
    )


_standardize = _standardizer("standardize", "NativeBatchNormBackward0")


def _affine(x: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    if weight is not None:
        x = x * (weight if tuple(weight.shape) == shape else reshape(weight, shape))
    if bias is not None:
        x = x + (bias if tuple(bias.shape) == shape else reshape(bias, shape))
    return x


def _update(running: Any, value: Any, momentum: float) -> None:
    """Move a running average towards a new value, in place."""
    array = running.array
    array *= array.dtype.type(1 - momentum)
    array += (value * momentum).astype(array.dtype)
    running._version[0] += 1


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    r"""Normalise each channel by the batch (training) or by running statistics.

    .. math:: y = \frac{x - E[x]}{\sqrt{Var[x] + \epsilon}}\,\gamma + \beta

    Args:
        input: (N, C, ...).
        running_mean: (C,), updated in training; may be None then.
        running_var: (C,), updated with the unbiased variance.
        weight: :math:`\gamma`, (C,) or None.
        bias: :math:`\beta`, (C,) or None.
        training: use the batch's mean and (biased) variance.
        momentum: weight of the new batch in the running statistics.
        eps: :math:`\epsilon`.

    Raises:
        ValueError: there is one value per channel only while training.
        RuntimeError: sizes do not fit.

    Source: Ioffe and Szegedy (2015); ``torch.nn.functional.batch_norm``.

    Example:
        >>> F = torch.nn.functional
        >>> F.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
    """
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: expected (N, C, ...), got shape {list(shape)}")
    channels = shape[1]
    for name, t in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if t is not None and tuple(t.shape) != (channels,):
            raise RuntimeError(
                f"{name} should contain {channels} elements not {_values(t).size}: the input of shape "
                f"{list(shape)} has {channels} channels"
            )
    per_channel = (1, channels, *(1,) * (len(shape) - 2))
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        scale = 1 / np.sqrt(running_var.array + running_var.array.dtype.type(eps))
        centred = input - running_mean.array.reshape(per_channel)
        out = centred * scale.astype(_values(input).dtype).reshape(per_channel)
        return _affine(out, weight, bias, per_channel)
    count = math.prod(shape) // max(channels, 1)
    if count <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    dim = (0, *range(2, len(shape)))
    out, inverse = _standardize(input, dim=dim, eps=eps)
    if running_mean is not None or running_var is not None:
        x = _values(input)
        if running_mean is not None:
            _update(running_mean, x.mean(axis=dim), momentum)
        if running_var is not None:
            inv = _values(inverse).reshape(-1).astype(np.float64)
            variance = 1 / (inv * inv) - eps
            _update(running_var, variance * (count / (count - 1)), momentum)
    return _affine(out, weight, bias, per_channel)


_standardize_layer = _standardizer("standardize_layer", "NativeLayerNormBackward0")


def _check_normalized(name: str, input: Any, normalized_shape: Any, weight: Any, bias: Any) -> tuple[int, ...]:
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted:
        raise RuntimeError(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element"
        )
    for label, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(t.shape) != wanted:
            raise RuntimeError(
                f"{name}: Expected {label} to be of same shape as normalized_shape, but got {label} of shape "
                f"{list(t.shape)} and normalized_shape = {list(wanted)}"
            )
    if tuple(input.shape[-len(wanted) :]) != wanted or input.ndim < len(wanted):
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [*, {', '.join(map(str, wanted))}], "
            f"but got input of size{list(input.shape)}"
        )
    return wanted


def layer_norm(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Normalise over the last dimensions.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: sizes of the last dimensions.
        weight: of ``normalized_shape``, or None.
        bias: likewise.
        eps: added to the variance.

    Raises:
        RuntimeError: the shapes do not fit.

    Source: Ba et al., "Layer Normalization" (2016); ``torch.nn.functional.layer_norm``.

    Example:
        >>> torch.nn.functional.layer_norm(torch.tensor([1.0, 3.0]), (2,), eps=0.0)
        tensor([-1.,  1.])
    """
    wanted = _check_normalized("layer_norm", input, normalized_shape, weight, bias)
    n = input.ndim
    if _values(input).size == 0:
        return _affine(input * 1.0, weight, bias, wanted)
    out, _ = _standardize_layer(input, dim=tuple(range(n - len(wanted), n)), eps=eps)
    return _affine(out, weight, bias, wanted)


def rms_norm(input: Any, normalized_shape: int | Sequence[int], weight: Any = None, eps: float | None = None) -> Any:
    r"""Return :math:`x / \sqrt{E[x^2] + \epsilon} \cdot \gamma` over the last dimensions.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: sizes of the last dimensions.
        weight: :math:`\gamma`, or None.
        eps: :math:`\epsilon`; the dtype's machine epsilon if None.

    Source: Zhang and Sennrich (2019); ``torch.nn.functional.rms_norm``.

    Example:
        >>> torch.nn.functional.rms_norm(torch.tensor([3.0, 3.0]), (2,)).tolist()
        [1.0, 1.0]
    """
    wanted = _check_normalized("rms_norm", input, normalized_shape, weight, None)
    dims = tuple(range(input.ndim - len(wanted), input.ndim))
    if eps is None:
        eps = float(np.finfo(_values(input).dtype).eps)
    out = input * rsqrt(mean(input * input, dims, True) + eps)
    return out if weight is None else out * weight


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalise groups of channels of each example.

    Args:
        input: (N, C, ...).
        num_groups: G; C must be divisible by it.
        weight: (C,) or None.
        bias: (C,) or None.
        eps: added to the variance.

    Source: Wu and He, "Group Normalization" (2018); ``torch.nn.functional.group_norm``.

    Example:
        >>> torch.nn.functional.group_norm(torch.randn(2, 4, 3), 2).shape
        torch.Size([2, 4, 3])
    """
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    n, c = shape[:2]
    if c % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    for label, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(t.shape) != (c,):
            raise RuntimeError(
                f"Expected {label} to be a vector of size equal to the number of channels in input, but got "
                f"{label} of shape {list(t.shape)} and input of shape {list(shape)}"
            )
    if _values(input).size == 0:
        return _affine(input * 1.0, weight, bias, (1, c, *(1,) * (len(shape) - 2)))
    grouped = reshape(input, (n, num_groups, -1))
    out, _ = _standardize_group(grouped, dim=(2,), eps=eps)
    return _affine(reshape(out, shape), weight, bias, (1, c, *(1,) * (len(shape) - 2)))


_standardize_group = _standardizer("standardize_group", "NativeGroupNormBackward0")


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel of each example.

    Args:
        input: (N, C, ...).
        running_mean: (C,), updated with the mean over the batch.
        running_var: (C,), likewise.
        weight: (C,) or None.
        bias: (C,) or None.
        use_input_stats: False to use the running statistics.
        momentum: weight of the new batch in the running statistics.
        eps: added to the variance.

    Source: Ulyanov et al. (2016); ``torch.nn.functional.instance_norm``.

    Example:
        >>> torch.nn.functional.instance_norm(torch.randn(2, 3, 4)).shape
        torch.Size([2, 3, 4])
    """
    shape = tuple(input.shape)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if len(shape) < 3:
        raise RuntimeError(f"instance_norm: expected (N, C, ...), got shape {list(shape)}")
    dim = tuple(range(2, len(shape)))
    count = math.prod(shape[2:])
    if count <= 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(shape)}")
    out, _ = _standardize(input, dim=dim, eps=eps)
    x = _values(input)
    if running_mean is not None:
        _update(running_mean, x.mean(axis=dim).mean(axis=0), momentum)
    if running_var is not None:
        _update(running_var, x.var(axis=dim, ddof=1).mean(axis=0), momentum)
    return _affine(out, weight, bias, (1, shape[1], *(1,) * (len(shape) - 2)))


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    r"""Return :math:`x_c (k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2)^{-\beta}` over neighbouring channels.

    Args:
        input: (N, C, ...).
        size: n, channels in the neighbourhood.
        alpha: :math:`\alpha`.
        beta: :math:`\beta`.
        k: :math:`k`.

    Source: Krizhevsky et al. (2012); ``torch.nn.functional.local_response_norm``.

    Example:
        >>> torch.nn.functional.local_response_norm(torch.ones(1, 2, 3), 2).shape
        torch.Size([1, 2, 3])
    """
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    if _values(input).size == 0:
        return input
    # Channels last, so that the sum over neighbours is a pooling of a sequence.
    flat = reshape(input * input, (shape[0], shape[1], -1)).transpose(1, 2)
    padded = pad(flat, (size // 2, (size - 1) // 2))
    pooled = avg_pool1d(padded, size, stride=1).transpose(1, 2)
    return input / pow_(reshape(pooled, shape) * alpha + k, beta)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Any:
    r"""Return :math:`x / \max(\|x\|_p, \epsilon)` along a dimension.

    Source: ``torch.nn.functional.normalize``.

    Example:
        >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    size = vector_norm(input, p, dim, True)
    return input / size.clamp_min(eps).expand_as(input)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    r"""Return :math:`x_1 \cdot x_2 / (\max(\|x_1\|, \epsilon) \max(\|x_2\|, \epsilon))` along a dimension.

    Source: ``torch.nn.functional.cosine_similarity``.

    Example:
        >>> F = torch.nn.functional
        >>> F.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), dim=0)
        tensor(0.)
    """
    a = x1 / vector_norm(x1, 2, dim, True).clamp_min(eps)
    b = x2 / vector_norm(x2, 2, dim, True).clamp_min(eps)
    return sum_(a * b, dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    r"""Return :math:`\|x_1 - x_2 + \epsilon\|_p` along the last dimension.

    Source: ``torch.nn.functional.pairwise_distance``.

    Example:
        >>> F = torch.nn.functional
        >>> F.pairwise_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])).round()
        tensor([5.])
    """
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)
