"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.kernels import ctc as kernels
from tinygrad_hw.ops.reduce import mean
from tinygrad_hw.ops.reduce import sum as sum_
from tinygrad_hw.ops.selection import _where
from tinygrad_hw.ops.shape import squeeze, unsqueeze

__all__ = ["ctc_loss"]


def _no_second_order(g: Any) -> Any:
    raise RuntimeError("ctc_loss: its gradient cannot be differentiated again, as in PyTorch")


_ctc = op(
    "ctc_loss",
    lambda log_probs, *, targets, times, sizes, blank, zero: kernels.ctc_loss(log_probs, targets, times, sizes, blank),
    node_name="CtcLossBackward0",
    log_probs=lambda g, log_probs, out, targets, times, sizes, blank, zero: _ctc_grad(
        g, log_probs, out, targets=targets, times=times, sizes=sizes, blank=blank, zero=zero
    ),
)
_ctc_grad = op(
    "ctc_loss_grad",
    lambda grad, log_probs, losses, *, targets, times, sizes, blank, zero: kernels.ctc_grad(
        grad, log_probs, losses, targets, times, sizes, blank, zero
    ),
    grad=_no_second_order,
    log_probs=_no_second_order,
)


def _lengths(name: str, given: Any, batch: int, single: bool) -> Any:
    array = given.array if isinstance(given, TensorBase) else np.asarray(given)
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"ctc_loss: {name} must be integral, got {array.dtype}")
    if single and array.ndim == 0:
        array = array.reshape(1)
    if array.shape != (batch,):
        raise RuntimeError(
            f"{name} must be of size batch_size: expected {batch} lengths, got shape {list(array.shape)}"
        )
    if (array < 0).any():
        raise RuntimeError(f"Expected {name} to have value at least 0, but got value {int(array.min())}")
    return array.astype(np.int64)


@in_float32
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Return the negative log-probability of sequences of labels whose times are not known.

    Args:
        log_probs: (T, N, C) or (T, C), logarithms of probabilities (``log_softmax``).
        targets: (N, S) or (S,), class indices; or all of them one after the other.
        input_lengths: (N,), how much of T counts.
        target_lengths: (N,), how much of S counts.
        blank: the class between labels.
        reduction: ``"mean"`` (of losses by their target's length), ``"sum"`` or ``"none"``.
        zero_infinity: count what cannot be aligned as zero.

    Returns:
        (), or (N,) without reduction.

    Raises:
        RuntimeError: lengths or classes do not fit.

    Source: Graves et al., "Connectionist Temporal Classification" (2006); ``torch.nn.functional.ctc_loss``. As in
    PyTorch, the gradient is right for what went through ``log_softmax``.

    Example:
        >>> scores = torch.zeros(2, 1, 2).log_softmax(2)
        >>> torch.nn.functional.ctc_loss(scores, torch.tensor([[1]]), (2,), (1,), reduction="sum").exp()
        tensor(1.3333)
    """
    check_real("ctc_loss", log_probs)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    values = log_probs.array if isinstance(log_probs, TensorBase) else log_probs
    if values.ndim not in (2, 3) or values.dtype.kind not in "fV":
        raise RuntimeError(
            f"ctc_loss: log_probs must be floating point of shape (T, N, C) or (T, C), got {list(values.shape)}"
        )
    single = values.ndim == 2
    x = unsqueeze(log_probs, 1) if single else log_probs
    time, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range: got {blank}, but there are {classes} classes")
    times = _lengths("input_lengths", input_lengths, batch, single)
    sizes = _lengths("target_lengths", target_lengths, batch, single)
    if batch and int(times.max()) > time:
        raise RuntimeError(f"Expected input_lengths to have value at most {time}, but got value {int(times.max())}")
    labels = targets.array if isinstance(targets, TensorBase) else np.asarray(targets)
    if labels.dtype.kind not in "iu":
        raise RuntimeError("ctc_loss: targets must be class indices, of an integer dtype")
    if labels.ndim == 1:
        if labels.size < int(sizes.sum()):
            raise RuntimeError(
                f"ctc_loss: Expected targets to hold {int(sizes.sum())} labels, the sum of target_lengths, but got "
                f"{labels.size}"
            )
        rows = np.full((batch, int(sizes.max(initial=0))), blank, np.int64)
        at = 0
        for n, size in enumerate(sizes):
            rows[n, :size] = labels[at : at + size]
            at += int(size)
    elif labels.ndim == 2 and labels.shape[0] == batch and labels.shape[1] >= int(sizes.max(initial=0)):
        rows = np.ascontiguousarray(labels, np.int64)
    else:
        raise RuntimeError(
            f"ctc_loss: Expected targets of shape ({batch}, S), S at least {int(sizes.max(initial=0))}, or 1-D, but "
            f"got {list(labels.shape)}"
        )
    losses = _ctc(x, targets=rows, times=times, sizes=sizes, blank=blank, zero=bool(zero_infinity))
    if zero_infinity:
        array = losses.array if isinstance(losses, TensorBase) else losses
        losses = _where(array == np.inf, np.zeros((), array.dtype), losses)
    if reduction == "mean":
        return mean(losses / np.maximum(sizes, 1).astype(values.dtype))
    if reduction == "sum":
        return sum_(losses)
    return squeeze(losses, 0) if single else losses
