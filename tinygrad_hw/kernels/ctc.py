"""Connectionist temporal classification: the probability of a sequence of labels without knowing when each occurs.

The labels are interleaved with blanks, (blank, l1, blank, l2, ..., blank); a path moves by at most one, or by two to a
label that differs from the one before it. Sums over all paths go forward (alpha) and backward (beta) in time.

Shapes: log_probs (T, N, C), targets (N, S) int64, padded; lengths (N,) int64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, kernel

__all__ = ["ctc_grad", "ctc_grad_reference", "ctc_loss", "ctc_loss_reference"]

prange = range


# -- the definitions -------------------------------------------------------------------------------


def _labels(target: Any, blank: int) -> tuple[Any, Any]:
    """Return labels with blanks in between, and which of them may be reached over the one before."""
    labels = np.full(2 * len(target) + 1, blank, np.int64)
    labels[1::2] = target
    skip = np.zeros(len(labels), np.bool_)
    skip[2:] = (labels[2:] != blank) & (labels[2:] != labels[:-2])
    return labels, skip


def _forward(emitted: Any, skip: Any) -> Any:
    """Return alpha (T, labels), the log-probabilities of all paths that are at a label at a time."""
    alpha = np.full(emitted.shape, -np.inf)
    alpha[0, :2] = emitted[0, :2]
    for t in range(1, len(emitted)):
        before = alpha[t - 1]
        one = np.concatenate([[-np.inf], before[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], before[:-2]])[: len(skip)], -np.inf)
        alpha[t] = np.logaddexp(np.logaddexp(before, one), two) + emitted[t]
    return alpha


def ctc_loss_reference(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> Any:
    """The definition; see ``ctc_loss``."""
    out = np.empty(log_probs.shape[1], log_probs.dtype)
    for n, (time, size) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        labels, skip = _labels(targets[n, :size], blank)
        if time == 0:
            out[n] = 0.0 if size == 0 else np.inf
            continue
        alpha = _forward(log_probs[:time, n][:, labels].astype(np.float64), skip)
        out[n] = -np.logaddexp.reduce(alpha[-1, -2:])
    return out


def ctc_grad_reference(
    g: Any, log_probs: Any, losses: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, zero: bool
) -> Any:
    """The rule; see ``ctc_grad``."""
    out = np.zeros(log_probs.shape, log_probs.dtype)
    for n, (time, size) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        if time == 0 or (zero and losses[n] == np.inf):
            continue
        labels, skip = _labels(targets[n, :size], blank)
        emitted = log_probs[:time, n][:, labels].astype(np.float64)
        alpha = _forward(emitted, skip)
        back_skip = np.concatenate([skip[2:], [False, False]])[: len(skip)][::-1]
        beta = _forward(emitted[::-1, ::-1], back_skip)[::-1, ::-1]
        paths = np.full((time, log_probs.shape[2]), -np.inf)
        for s, label in enumerate(labels):
            paths[:, label] = np.logaddexp(paths[:, label], alpha[:, s] + beta[:, s])
        own = log_probs[:time, n].astype(np.float64)
        total = np.logaddexp.reduce(alpha[-1, -2:])
        out[:time, n] = g[n] * (np.exp(own) - np.exp(paths - own - total))
    return out


# -- loops -----------------------------------------------------------------------------------------


@kernel()
def _add(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b))."""
    top = max(a, b)
    if top == -np.inf:
        return top
    return top + math.log(math.exp(a - top) + math.exp(b - top))


@kernel()
def _label(targets: Any, n: int, s: int, blank: int) -> int:
    return targets[n, s // 2] if s % 2 == 1 else blank


@kernel()
def _alpha(log_probs: Any, targets: Any, n: int, time: int, size: int, blank: int, alpha: Any) -> float:
    """Fill alpha (time, 2 size + 1); return the log-probability of the target."""
    states = 2 * size + 1
    for t in range(time):
        for s in range(states):
            label = _label(targets, n, s, blank)
            if t == 0:
                reached = 0.0 if s < 2 else -np.inf
            else:
                reached = alpha[t - 1, s]
                if s > 0:
                    reached = _add(reached, alpha[t - 1, s - 1])
                if s > 1 and s % 2 == 1 and label != blank and label != targets[n, s // 2 - 1]:
                    reached = _add(reached, alpha[t - 1, s - 2])
            alpha[t, s] = reached + log_probs[t, n, label]
    total = alpha[time - 1, states - 1]
    return _add(total, alpha[time - 1, states - 2]) if states > 1 else total


@kernel(parallel=True)
def _losses(log_probs: Any, targets: Any, times: Any, sizes: Any, blank: int, out: Any) -> None:
    for n in prange(out.size):
        if times[n] == 0:
            out[n] = 0.0 if sizes[n] == 0 else np.inf
        else:
            alpha = np.empty((times[n], 2 * sizes[n] + 1), np.float64)
            out[n] = -_alpha(log_probs, targets, n, times[n], sizes[n], blank, alpha)


@kernel(parallel=True)
def _grads(
    g: Any, log_probs: Any, losses: Any, targets: Any, times: Any, sizes: Any, blank: int, zero: bool, out: Any
) -> None:
    classes = log_probs.shape[2]
    for n in prange(losses.size):
        time, size = times[n], sizes[n]
        if time > 0 and not (zero and losses[n] == np.inf):
            states = 2 * size + 1
            alpha = np.empty((time, states), np.float64)
            total = _alpha(log_probs, targets, n, time, size, blank, alpha)
            beta, after = np.empty(states, np.float64), np.empty(states, np.float64)
            paths = np.empty(classes, np.float64)
            for t in range(time - 1, -1, -1):
                for s in range(states):
                    after[s] = beta[s]
                for c in range(classes):
                    paths[c] = -np.inf
                for s in range(states):
                    label = _label(targets, n, s, blank)
                    if t == time - 1:
                        left = 0.0 if s >= states - 2 else -np.inf
                    else:
                        left = after[s]
                        if s + 1 < states:
                            left = _add(left, after[s + 1])
                        if s + 2 < states and s % 2 == 1:
                            following = targets[n, s // 2 + 1]
                            if following != label and following != blank:
                                left = _add(left, after[s + 2])
                    beta[s] = left + log_probs[t, n, label]
                    paths[label] = _add(paths[label], alpha[t, s] + beta[s])
                for c in range(classes):
                    own = log_probs[t, n, c]
                    out[t, n, c] = g[n] * (math.exp(own) - math.exp(paths[c] - own - total))


# -- the kernels -----------------------------------------------------------------------------------


def ctc_loss(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> Any:
    """Return the negative log-probability of each target, (N,); infinity where the input is too short.

    Args:
        log_probs: (T, N, C).
        targets: (N, S), only the first of each row count.
        input_lengths: (N,), at most T.
        target_lengths: (N,), at most S.
        blank: the class between labels.
    """
    if not compiles(log_probs):
        return ctc_loss_reference(log_probs, targets, input_lengths, target_lengths, blank)
    out = np.empty(log_probs.shape[1], log_probs.dtype)
    work = 60 * log_probs.shape[0] * out.size * (2 * targets.shape[1] + 1)
    _losses(np.ascontiguousarray(log_probs), targets, input_lengths, target_lengths, blank, out, work=work)
    return out


def ctc_grad(
    g: Any, log_probs: Any, losses: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, zero: bool
) -> Any:
    """Return the gradient of ``ctc_loss``, for the incoming gradient ``g`` (N,), with respect to normalised scores.

    That is exp(log_probs) less the probability to be at each class: what flows on through a log-softmax, as PyTorch has
    it.

    Args:
        g: (N,).
        log_probs: as for ``ctc_loss``, and so are the others but:
        losses: the result of ``ctc_loss``.
        targets: see there.
        input_lengths: see there.
        target_lengths: see there.
        blank: see there.
        zero: no gradient where the loss is infinite.
    """
    if not compiles(log_probs):
        return ctc_grad_reference(g, log_probs, losses, targets, input_lengths, target_lengths, blank, zero)
    out = np.zeros(log_probs.shape, log_probs.dtype)
    work = 120 * log_probs.shape[0] * losses.size * (2 * targets.shape[1] + 1)
    _grads(
        np.ascontiguousarray(g), np.ascontiguousarray(log_probs), losses, targets, input_lengths, target_lengths, blank,
        zero, out, work=work,
    )  # fmt: skip
    return out
