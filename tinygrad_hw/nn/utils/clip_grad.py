"""Limiting the size of gradients before an optimizer step."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import count_write
from tinygrad_hw.autograd.narrow import is_narrow, wide
from tinygrad_hw.kernels import clip as kernels
from tinygrad_hw.tensor import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _norm(array: Any, norm_type: float) -> Any:
    """Return the p-norm of all elements, in the array's dtype (float16 and bfloat16: summed in float32)."""
    if array.dtype.kind == "c":
        array = np.abs(array)
    if array.dtype.kind not in "fV":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.from_numpy(array.dtype)!r}"
        )
    kind = array.dtype.type
    flat = np.ravel(array, order="K")
    total: Any
    wide = flat.astype(np.float32) if array.dtype.itemsize == 2 else flat
    if norm_type == 2.0:
        total = math.sqrt(np.dot(wide, wide))
    elif math.isinf(norm_type):
        if not wide.size:
            if norm_type > 0:
                return kind(0)
            raise RuntimeError("linalg.vector_norm cannot compute the -inf norm of an empty tensor: it has no identity")
        total = np.abs(wide).max() if norm_type > 0 else np.abs(wide).min()
    elif norm_type == 0.0:
        total = np.count_nonzero(wide)
    elif norm_type == 1.0:
        total = np.abs(wide).sum()
    else:
        total = (np.abs(wide) ** norm_type).sum() ** (1.0 / norm_type)
    return kind(total)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""Return the norm of all elements of several tensors, :math:`(\sum_i |x_i|^p)^{1/p}`.

    Args:
        tensors: one or more tensors.
        norm_type: the order p; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise if the norm is infinite or not a number.
        foreach: accepted and without meaning here.

    Returns:
        A 0-d tensor; 0 if there are no tensors.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is set.

    Source: ``torch.nn.utils.get_total_norm``.

    Example:
        >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([0.0, 4.0])])
        tensor(5.)
    """
    norm_type = float(norm_type)
    arrays = [t.array for t in _listed(tensors)]
    if not arrays:
        return Tensor._wrap(np.zeros((), dtypes.get_default_dtype().numpy))
    kind = dtypes.result_type_of([a.reshape(-1) for a in arrays]).numpy
    if norm_type == 2.0 and kind.char in "fd":
        with np.errstate(over="ignore"):
            total = np.asarray(kernels.norm(arrays), kind)
    else:
        total = np.asarray(_norm(np.array([_norm(a, norm_type) for a in arrays], kind), norm_type))
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return Tensor._wrap(total)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    r"""Scale gradients in place to a largest common norm, given the norm they have.

    The factor is :math:`\min(1, \text{max\_norm} / (\text{total\_norm} + 10^{-6}))`.

    Args:
        parameters: one or more tensors; those without a gradient are passed over.
        max_norm: the largest norm allowed.
        total_norm: a 0-d tensor, as :func:`get_total_norm` returns it.
        foreach: accepted and without meaning here.

    Source: ``torch.nn.utils.clip_grads_with_norm_``.
    """
    norm = total_norm.array
    # In the norm's dtype, as PyTorch computes it; NaN stays NaN.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.minimum(norm.dtype.type(float(max_norm)) / (norm + norm.dtype.type(1e-6)), 1)
    grads: list[Any] = [p.grad for p in _listed(parameters) if p.grad is not None]
    for grad in grads:
        count_write(grad)
    if scale != 1:
        for g in grads:
            if is_narrow(g):
                g.array[...] = wide(g.array) * np.float32(scale)
        kernels.scale([g.array for g in grads if not is_narrow(g)], scale)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients in place so that their common norm is at most ``max_norm``.

    Args:
        parameters: one or more tensors; those without a gradient are passed over.
        max_norm: the largest norm allowed.
        norm_type: its order; ``inf`` for the largest magnitude.
        error_if_nonfinite: raise if the norm is infinite or not a number.
        foreach: accepted and without meaning here.

    Returns:
        The norm before scaling, a 0-d tensor.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is set.

    Source: ``torch.nn.utils.clip_grad_norm_``; Pascanu, Mikolov and Bengio (2013).

    Example:
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    generated = isinstance(parameters, types.GeneratorType)
    params = _listed(parameters)
    if generated and not params:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    grads = [p.grad for p in params if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(params, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Do what :func:`clip_grad_norm_` does; deprecated."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Cut every gradient in place to [-clip_value, clip_value].

    Args:
        parameters: one or more tensors; those without a gradient are passed over.
        clip_value: the largest magnitude allowed.
        foreach: accepted and without meaning here.

    Source: ``torch.nn.utils.clip_grad_value_``.

    Example:
        >>> w = torch.zeros(3, requires_grad=True)
        >>> w.grad = torch.tensor([-3.0, 0.5, 4.0])
        >>> torch.nn.utils.clip_grad_value_([w], 1.0)
        >>> w.grad
        tensor([-1.0000,  0.5000,  1.0000])
    """
    grads: list[Any] = [p.grad for p in _listed(parameters) if p.grad is not None]
    for grad in grads:
        count_write(grad)
    kernels.clamp([g.array for g in grads], float(clip_value))
