"""Dropping elements or channels at random; masks are PyTorch's for the same seed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import wrap
from tinygrad_hw.autograd.inplace import write
from tinygrad_hw.autograd.op import op
from tinygrad_hw.dtypes import COMPUTE
from tinygrad_hw.kernels import elementwise
from tinygrad_hw.kernels import random as kernels

__all__ = [
    "alpha_dropout",
    "alpha_dropout_",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "dropout_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
]

#: What a bool mask keeps, scaled; the mask is constant.
_masked = op(
    "dropout",
    lambda input, *, mask, scale: elementwise.masked(mask, input, scale),
    node_name="MulBackward0",
    input=lambda g, mask, scale: _masked(g, mask=mask, scale=scale),
)
#: Product with a mask of factors.
_times = op(
    "alpha_dropout_scale",
    lambda input, *, mask: input * mask,
    node_name="MulBackward0",
    input=lambda g, mask: _times(g, mask=mask),
)
#: ``mask * input + shift`` for alpha dropout.
_affine = op(
    "alpha_dropout",
    lambda input, *, mask, shift: input * mask + shift,
    node_name="AddBackward0",
    input=lambda g, mask: _times(g, mask=mask),
)


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _finish(input: Any, out: Any, inplace: bool, name: str) -> Any:
    return write(input, out, name) if inplace else out


def _scale(p: float, array: Any) -> float:
    """Return the factor of kept elements, rounded to a dtype that numpy only stores: PyTorch scales its mask."""
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return float(np.float32(scale).astype(array.dtype)) if array.dtype in COMPUTE else scale


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    r"""Zero elements with probability p and scale the others by :math:`1 / (1 - p)`.

    Args:
        input: a tensor.
        p: probability of an element to be zeroed.
        training: False for the identity.
        inplace: write the result into the input.

    Raises:
        ValueError: p is outside [0, 1].

    Source: ``torch.nn.functional.dropout``.

    Example:
        >>> torch.nn.functional.dropout(torch.ones(3), training=False)
        tensor([1., 1., 1.])
    """
    _check(p)
    if not training or p == 0 or input.array.size == 0:
        return input
    array = input.array
    mask = kernels.dropout_mask(array, p)
    return _finish(input, _masked(input, mask=mask, scale=_scale(p, array)), inplace, "dropout_")


def _channel_mask(array: Any, p: float, batched: bool) -> Any:
    """Return which channels of (N, C, ...), or (C, ...) if not ``batched``, are kept."""
    shape = array.shape if batched else (1, *array.shape)
    return kernels.feature_dropout_mask(shape, p).reshape((*shape[:2], *(1,) * (len(shape) - 2))[-array.ndim :])


def _feature(name: str, input: Any, p: float, training: bool, inplace: bool, batched: bool) -> Any:
    array = input.array
    if not training or p == 0 or array.size == 0:
        return input
    if p == 1:
        return _finish(input, input * 0.0, inplace, name + "_")
    if array.ndim < 2:
        raise RuntimeError(f"{name}: Feature dropout requires at least 2 dimensions in the input, got {array.ndim}")
    mask = _channel_mask(array, p, batched)
    return _finish(input, _masked(input, mask=mask, scale=_scale(p, array)), inplace, name + "_")


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Zero whole channels of (N, C, L) or (C, L) with probability p; see ``dropout``.

    Source: ``torch.nn.functional.dropout1d``.

    Example:
        >>> torch.nn.functional.dropout1d(torch.ones(1, 2, 2), training=False).sum()
        tensor(4.)
    """
    _check(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input of shape {list(input.shape)}: "
            "(N, C, L) or (C, L), of which channels are dropped. Use dropout to drop elements"
        )
    return _feature("dropout1d", input, p, training, inplace, input.ndim == 3)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Zero whole channels of (N, C, H, W) with probability p; see ``dropout``.

    Three dimensions are taken for (N, C, L), with a warning, as in PyTorch.

    Source: ``torch.nn.functional.dropout2d``.

    Example:
        >>> torch.nn.functional.dropout2d(torch.ones(1, 2, 2, 2), training=False).sum()
        tensor(8.)
    """
    _check(p)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim. To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    elif input.ndim != 4:
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result in an error "
            "in a future release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    return _feature("dropout2d", input, p, training, inplace, True)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Zero whole channels of (N, C, D, H, W) or (C, D, H, W) with probability p; see ``dropout``.

    Source: ``torch.nn.functional.dropout3d``.

    Example:
        >>> torch.nn.functional.dropout3d(torch.ones(1, 2, 2, 2, 2), training=False).sum()
        tensor(16.)
    """
    _check(p)
    if input.ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated and will result in an error "
            "in a future release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    return _feature("dropout3d", input, p, training, inplace, input.ndim == 5)


_ALPHA = 1.7580993408473766  # selu's scale * alpha


def _alpha(input: Any, mask: Any, p: float, inplace: bool, name: str) -> Any:
    kind = input.array.dtype
    a = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    # Every step is rounded to the dtype of the input, as are PyTorch's.
    wide = np.float64 if kind == np.float64 else np.float32
    kept = wide(_ALPHA * a * p).astype(kind).astype(wide)
    dropped = (-wide(_ALPHA * a)).astype(kind).astype(wide) + kept
    factors = mask.astype(kind) * wide(a).astype(kind)
    shift = np.where(mask, kept, dropped).astype(kind)
    if kind in COMPUTE:
        return _finish(input, _times(input, mask=factors) + wrap(shift), inplace, name)
    return _finish(input, _affine(input, mask=factors, shift=shift), inplace, name)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Drop elements so that mean and variance are kept, for networks with ``selu``.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017); ``torch.nn.functional.alpha_dropout``.

    Example:
        >>> torch.nn.functional.alpha_dropout(torch.ones(3))
        tensor([1., 1., 1.])
    """
    _check(p)
    if not training or p == 0 or input.array.size == 0:
        return input
    if p == 1:
        return _finish(input, input * 0.0, inplace, "alpha_dropout_")
    mask = kernels.dropout_mask(input.array, p)
    return _alpha(input, mask, p, inplace, "alpha_dropout_")


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Drop whole channels as ``alpha_dropout`` drops elements.

    Source: ``torch.nn.functional.feature_alpha_dropout``.

    Example:
        >>> torch.nn.functional.feature_alpha_dropout(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """
    _check(p)
    if not training or p == 0 or input.array.size == 0:
        return input
    if p == 1:
        return _finish(input, input * 0.0, inplace, "feature_alpha_dropout_")
    if input.ndim < 2:
        raise RuntimeError("feature_alpha_dropout: Feature dropout requires at least 2 dimensions in the input")
    mask = kernels.feature_dropout_mask(input.array.shape, p)
    return _alpha(input, mask, p, inplace, "feature_alpha_dropout_")


def _check_probability(p: float) -> None:
    """Raise what the functions of ``torch`` raise; those of ``nn.functional`` have a ValueError."""
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")


def feature_dropout(input: Any, p: float, train: bool) -> Any:
    """Zero whole channels of (N, C, ...) with probability p; see ``nn.functional.dropout2d``.

    Source: ``torch.feature_dropout``.

    Example:
        >>> torch.feature_dropout(torch.ones(1, 2, 2), 0.5, False).sum()
        tensor(4.)
    """
    _check_probability(p)
    return _feature("feature_dropout", input, p, train, False, True)


def dropout_(input: Any, p: float, train: bool) -> Any:
    """In-place form of ``torch.dropout``.

    Example:
        >>> torch.dropout_(torch.ones(3), 1.0, True)
        tensor([0., 0., 0.])
    """
    _check_probability(p)
    return dropout(input, p, train, True)


def feature_dropout_(input: Any, p: float, train: bool) -> Any:
    """In-place form of ``torch.feature_dropout``.

    Example:
        >>> torch.feature_dropout_(torch.ones(1, 2), 1.0, True)
        tensor([[0., 0.]])
    """
    _check_probability(p)
    return _feature("feature_dropout", input, p, train, True, True)


def alpha_dropout_(input: Any, p: float, train: bool) -> Any:
    """In-place form of ``torch.alpha_dropout``.

    Example:
        >>> torch.alpha_dropout_(torch.ones(3), 0.5, False)
        tensor([1., 1., 1.])
    """
    _check_probability(p)
    return alpha_dropout(input, p, train, True)


def feature_alpha_dropout_(input: Any, p: float, train: bool) -> Any:
    """In-place form of ``torch.feature_alpha_dropout``.

    Example:
        >>> torch.feature_alpha_dropout_(torch.ones(1, 3), 0.5, False)
        tensor([[1., 1., 1.]])
    """
    _check_probability(p)
    return feature_alpha_dropout(input, p, train, True)
