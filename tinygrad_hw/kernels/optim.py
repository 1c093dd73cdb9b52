"""Optimizer updates on lists of arrays: one call steps many parameters.

Each rule has two bodies: the plain numpy one in :data:`REFERENCE`, which reads like the formula and
takes any floating dtype and layout, and a numba one in ``optim_fused``, which makes one pass over
memory for all float32 or float64 parameters of a call. :func:`update` picks: whatever the fused
body declines (other dtypes, strided arrays) goes to the reference.

A rule takes one list of arrays per column: parameters, gradients, then the state it keeps. All
arrays of one parameter have one shape and dtype. Parameters and state are written, gradients never.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels

__all__ = ["REFERENCE", "fused_lists", "update"]

Array: TypeAlias = "np.ndarray[Any, Any]"


def update(
    rule: str,
    columns: Sequence[Sequence[Array] | None],
    steps: Sequence[Array] | None,
    hyper: Sequence[Any],
) -> None:
    """Step every parameter once by ``rule``, in place.

    Args:
        rule: a key of :data:`REFERENCE`.
        columns: equally long lists of arrays: parameters, gradients, then the rule's state in its
            order; None for a state that the options at hand do not need.
        steps: for each parameter the 0-d array that counts its steps, incremented here; None for a
            rule that does not count.
        hyper: the rule's numbers, in its order; flags as 0 and 1.
    """
    n = len(columns[0] or ())
    if n == 0:
        return
    kernels = _kernels()
    declined = _fused(kernels[rule], columns, steps, hyper) if kernels else range(n)
    if declined:
        _by_reference(REFERENCE[rule], declined, columns, steps, hyper)


def _by_reference(
    rule: Callable[..., None],
    which: Sequence[int],
    columns: Sequence[Sequence[Array] | None],
    steps: Sequence[Array] | None,
    hyper: Sequence[Any],
) -> None:
    """Step some of the parameters by the numpy body."""
    with np.errstate(all="ignore"):  # a zero gradient over a zero root is a NaN, not a warning
        for i in which:
            arrays = [None if column is None else column[i] for column in columns]
            if steps is None:
                rule(*arrays, *hyper)
            else:
                steps[i][...] += 1
                rule(*arrays, float(steps[i]), *hyper)


def _kernels() -> dict[str, Any]:
    """Return the numba bodies; nothing where they cannot be used."""
    return _load_fused() if compiled_kernels() else {}


@functools.cache
def _load_fused() -> dict[str, Any]:
    """Import the numba bodies; nothing where objects are laid out as they do not expect."""
    from tinygrad_hw.kernels import optim_fused

    return optim_fused.KERNELS if optim_fused.layout_is_known() else {}


def fused_lists() -> bool:
    """Return whether kernels can read lists of arrays here; see ``optim_fused``."""
    return bool(_kernels())


_NDARRAY = id(np.ndarray)
#: Nanoseconds per element, for the decision whether several threads are worth it.
_TIME = 0.25
_SINGLE, _DOUBLE = np.ones(1, np.float32), np.ones(1, np.float64)


def _fused(
    kernel: Any,
    columns: Sequence[Sequence[Array] | None],
    steps: Sequence[Array] | None,
    hyper: Sequence[Any],
) -> Sequence[int]:
    """Step what the numba body takes; return the indices of the parameters it declined."""
    lists = [c if c is None or type(c) is list else list(c) for c in (*columns, steps)]
    first = lists[0]
    assert first is not None
    like = _DOUBLE if first[0].dtype == np.float64 else _SINGLE
    if like is _SINGLE or not _is_narrow(hyper):
        addresses = tuple([0 if c is None else id(c) for c in lists])
        numbers = tuple(map(float, hyper))
        work = sum([a.size for a in first]) * _TIME
        if kernel(addresses, len(first), like, numbers, _NDARRAY, work=work):
            return ()
    return _fused_in_part(kernel, lists, hyper)


def _is_narrow(hyper: Sequence[Any]) -> bool:
    """Return whether a number (of a tensor learning rate) rounds float64 arithmetic."""
    return any(type(h) in (np.float32, np.float16) for h in hyper)


def _fused_in_part(kernel: Any, lists: Sequence[list[Array] | None], hyper: Sequence[Any]) -> Sequence[int]:
    """Step by the numba body the float32 and float64 parameters it takes; return the others."""
    from tinygrad_hw.kernels.optim_fused import takes

    first = lists[0]
    assert first is not None
    numbers = tuple(map(float, hyper))
    addresses = tuple([0 if c is None else id(c) for c in lists])
    rest = list(range(len(first)))
    for like in (_SINGLE, _DOUBLE):
        if like is _DOUBLE and _is_narrow(hyper):
            continue
        taken = [k for k in rest if takes(addresses, k, like, _NDARRAY)]
        if taken:
            parts = [None if c is None else [c[k] for k in taken] for c in lists]
            where = tuple([0 if c is None else id(c) for c in parts])
            kernel(where, len(taken), like, numbers, _NDARRAY)
            rest = [k for k in rest if k not in set(taken)]
    return rest


# -- the numpy bodies -----------------------------------------------------------------------------
#
# Rounding follows the usual grouping: x + (a * y) / z, a linear interpolation as x + w * (y - x).
# float16 is computed in float32 and rounded once per helper; what is added to it, or multiplies an
# addend, is rounded to float16 first (so that an epsilon of 1e-8 is zero there), other factors are
# not: as in PyTorch.


def _wide(x: Any) -> Any:
    """Return ``x`` in the precision to compute with."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _axpy(x: Array, y: Array, alpha: float) -> Any:
    """Return ``x + alpha * y``."""
    factor = float(x.dtype.type(alpha))
    return (_wide(x) + factor * _wide(y)).astype(x.dtype, copy=False)


def _plus(x: Array, number: float) -> Any:
    """Return ``x + number``."""
    return (_wide(x) + float(x.dtype.type(number))).astype(x.dtype, copy=False)


def _add_product(x: Array, a: Array, b: Array, value: float) -> Any:
    """Return ``x + value * a * b``."""
    return (_wide(x) + float(value) * _wide(a) * _wide(b)).astype(x.dtype, copy=False)


def _add_quotient(x: Array, a: Array, b: Array, value: float) -> Any:
    """Return ``x + value * a / b``."""
    return (_wide(x) + float(value) * _wide(a) / _wide(b)).astype(x.dtype, copy=False)


def _lerp(x: Array, y: Array, weight: float) -> Any:
    """Return ``x + weight * (y - x)``, mirrored for large weights so that weight 1 gives ``y``."""
    a, b = _wide(x), _wide(y)
    out = a + weight * (b - a) if weight < 0.5 else b - (b - a) * (1.0 - weight)
    return out.astype(x.dtype, copy=False)


def _scaled(x: Array, factor: float) -> Any:
    """Return ``factor * x``."""
    return (_wide(x) * float(factor)).astype(x.dtype, copy=False)


def _descent(param: Array, grad: Array, weight_decay: float, maximize: float) -> Array:
    """Return the gradient with the sign for descent and the L2 penalty added."""
    g = -grad if maximize else grad
    return _axpy(g, param, weight_decay) if weight_decay != 0 else g


def sgd(
    param: Array,
    grad: Array,
    buf: Array | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: float,
    maximize: float,
) -> None:
    """``b = momentum * b + (1 - dampening) * g;  p -= lr * b`` (``lr * g`` without momentum)."""
    g = _descent(param, grad, weight_decay, maximize)
    if buf is not None:
        buf[...] = _scaled(buf, momentum)
        buf[...] = _axpy(buf, g, 1 - dampening)
        g = _axpy(g, buf, momentum) if nesterov else buf
    param[...] = _axpy(param, g, -lr)


def adam(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: float,
    maximize: float,
) -> None:
    """``p -= lr * m_hat / (sqrt(v_hat) + eps)``; AMSGrad takes the largest ``v`` so far."""
    if decoupled and weight_decay != 0:
        param[...] = _scaled(param, 1 - lr * weight_decay)
        weight_decay = 0.0
    g = _descent(param, grad, weight_decay, maximize)
    exp_avg[...] = _lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq[...] = _scaled(exp_avg_sq, beta2)
    exp_avg_sq[...] = _add_product(exp_avg_sq, g, g, 1 - beta2)
    second = exp_avg_sq
    if max_exp_avg_sq is not None:
        max_exp_avg_sq[...] = np.maximum(max_exp_avg_sq, exp_avg_sq)
        second = max_exp_avg_sq
    root = _wide(np.sqrt(second)) / float((1 - beta2**step) ** 0.5)
    denominator = _plus(root.astype(param.dtype, copy=False), eps)
    param[...] = _add_quotient(param, exp_avg, denominator, -(lr / (1 - beta1**step)))


def rmsprop(
    param: Array,
    grad: Array,
    square_avg: Array,
    grad_avg: Array | None,
    buf: Array | None,
    step: float,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: float,
) -> None:
    """``p -= lr * g / (sqrt(v) + eps)``; centered takes the gradient's variance for ``v``."""
    g = _descent(param, grad, weight_decay, maximize)
    square_avg[...] = _scaled(square_avg, alpha)
    square_avg[...] = _add_product(square_avg, g, g, 1 - alpha)
    variance: Any = square_avg
    if grad_avg is not None:
        grad_avg[...] = _lerp(grad_avg, g, 1 - alpha)
        variance = _add_product(square_avg, grad_avg, grad_avg, -1.0)
    average = _plus(np.sqrt(variance), eps)
    if buf is not None:
        buf[...] = _scaled(buf, momentum)
        buf[...] = _add_quotient(buf, g, average, 1.0)
        param[...] = _axpy(param, buf, -lr)
    else:
        param[...] = _add_quotient(param, g, average, -lr)


def adagrad(
    param: Array,
    grad: Array,
    total: Array,
    step: float,
    lr: float,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    maximize: float,
) -> None:
    """``s += g * g;  p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)``."""
    g = _descent(param, grad, weight_decay, maximize)
    total[...] = _add_product(total, g, g, 1.0)
    param[...] = _add_quotient(param, g, _plus(np.sqrt(total), eps), -(lr / (1 + (step - 1) * lr_decay)))


def adadelta(
    param: Array,
    grad: Array,
    square_avg: Array,
    acc_delta: Array,
    step: float,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: float,
) -> None:
    """``d = sqrt(u + eps) / sqrt(v + eps) * g;  p -= lr * d``; u, v are mean squares."""
    g = _descent(param, grad, weight_decay, maximize)
    square_avg[...] = _scaled(square_avg, rho)
    square_avg[...] = _add_product(square_avg, g, g, 1 - rho)
    delta = np.sqrt(_plus(acc_delta, eps)) / np.sqrt(_plus(square_avg, eps)) * g
    acc_delta[...] = _scaled(acc_delta, rho)
    acc_delta[...] = _add_product(acc_delta, delta, delta, 1 - rho)
    param[...] = _axpy(param, delta, -lr)


def adamax(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_inf: Array,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: float,
) -> None:
    """``u = max(beta2 * u, |g| + eps);  p -= lr / (1 - beta1 ** t) * m / u``."""
    g = _descent(param, grad, weight_decay, maximize)
    exp_avg[...] = _lerp(exp_avg, g, 1 - beta1)
    exp_inf[...] = np.maximum(_scaled(exp_inf, beta2), _plus(np.abs(g), eps))
    param[...] = _add_quotient(param, exp_avg, exp_inf, -(lr / (1 - beta1**step)))


def nadam(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    grad_rate: float,
    avg_rate: float,
    beta1: float,
    beta2: float,
    correction2: float,
    eps: float,
    shrink: float,
    weight_decay: float,
    maximize: float,
) -> None:
    """``p -= (grad_rate * g + avg_rate * m) / (sqrt(v / correction2) + eps)``."""
    if shrink != 1:
        param[...] = _scaled(param, shrink)
    g = _descent(param, grad, weight_decay, maximize)
    exp_avg[...] = _lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq[...] = _scaled(exp_avg_sq, beta2)
    exp_avg_sq[...] = _add_product(exp_avg_sq, g, g, 1 - beta2)
    second = (_wide(exp_avg_sq) / float(correction2)).astype(param.dtype, copy=False)
    denominator = _plus(np.sqrt(second), eps)
    param[...] = _add_quotient(param, g, denominator, -grad_rate)
    param[...] = _add_quotient(param, exp_avg, denominator, -avg_rate)


def radam(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: float,
    maximize: float,
) -> None:
    """``p -= lr * m_hat * r / (sqrt(v_hat) + eps)``; at first just ``p -= lr * m_hat``."""
    if decoupled and weight_decay != 0:
        param[...] = _scaled(param, 1 - lr * weight_decay)
        weight_decay = 0.0
    g = _descent(param, grad, weight_decay, maximize)
    exp_avg[...] = _lerp(exp_avg, g, 1 - beta1)
    exp_avg_sq[...] = _scaled(exp_avg_sq, beta2)
    exp_avg_sq[...] = _add_product(exp_avg_sq, g, g, 1 - beta2)
    correction2 = 1 - beta2**step
    corrected = (_wide(exp_avg) / float(1 - beta1**step)).astype(param.dtype, copy=False)
    move = _scaled(corrected, lr)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / correction2
    if length > 5.0:
        rect = (length - 4) * (length - 2) * longest
        rect = (rect / ((longest - 4) * (longest - 2) * length)) ** 0.5
        root = _plus(np.sqrt(exp_avg_sq), eps)
        adaptive = (float(correction2**0.5) / _wide(root)).astype(param.dtype, copy=False)
        move = _scaled(move * adaptive, rect)
    param[...] = _axpy(param, move, -1.0)


def asgd(
    param: Array,
    grad: Array,
    ax: Array,
    shrink: float,
    eta: float,
    mu: float,
    weight_decay: float,
    maximize: float,
) -> None:
    """``p = shrink * p - eta * g;  ax += mu * (p - ax)``."""
    g = _descent(param, grad, weight_decay, maximize)
    param[...] = _scaled(param, shrink)
    param[...] = _axpy(param, g, -eta)
    ax[...] = param if mu == 1 else ax + _scaled(param - ax, mu)


def rprop(
    param: Array,
    grad: Array,
    prev: Array,
    step_size: Array,
    smaller: float,
    larger: float,
    smallest: float,
    largest: float,
    maximize: float,
) -> None:
    """Grow the step where the gradient kept its sign, shrink and skip it where the sign changed."""
    g = -grad if maximize else grad
    agreement = g * prev
    factor = np.where(agreement > 0, larger, np.where(agreement < 0, smaller, 1.0))
    step_size[...] = np.clip(step_size * factor.astype(param.dtype), smallest, largest)
    g = np.where(agreement < 0, param.dtype.type(0), g)
    sign = np.where(np.isnan(g), param.dtype.type(0), np.sign(g))  # NaN has no sign
    param[...] = param - sign * step_size
    prev[...] = g


#: The numpy body of each rule: ``(param, grad, *state, [step,] *hyper)``, all arrays of one
#: parameter.
REFERENCE: dict[str, Callable[..., None]] = {
    "sgd": sgd,
    "adam": adam,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "adamax": adamax,
    "nadam": nadam,
    "radam": radam,
    "asgd": asgd,
    "rprop": rprop,
}
