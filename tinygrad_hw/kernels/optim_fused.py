"""The numba bodies of the optimizer rules: one pass over memory for all parameters of a call.

A call brings, for each column of a rule (parameters, gradients, state, step counts), the address of
the list that holds its arrays, or 0 where the rule has no such state. The kernels read the lists,
and type, data pointer, shape, dtype and flags of the arrays, from the objects themselves: passing a
hundred arrays one by one would cost more than a small network's whole step. The offsets are those
of the public structures ``PyListObject``, ``PyArrayObject_fields`` and ``PyArray_Descr``;
:func:`layout_is_known` compares them with what Python and numpy say before the first use.

A call is done by its kernel as a whole or not at all: :func:`_plan` looks whether all arrays are
plain ndarrays, native, aligned, of the wanted dtype and, for each parameter, dense in the same
order. Then it counts the steps and cuts the work into chunks. Every element is computed by itself,
so the result does not depend on their order.

Imported on an optimizer's first step, because importing numba takes longer than importing this
package.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from tinygrad_hw.kernels.runtime import jit_part, kernel

__all__ = ["KERNELS", "layout_is_known", "takes"]

# Offsets on a 64-bit machine. The fields of an object follow its header, which ends with its type.
_HEAD = object.__basicsize__
# In a list: its length, and the address of its items.
_LENGTH, _ITEMS = _HEAD, _HEAD + 8
# In an array.
_TYPE, _DATA, _NDIM, _DIMS, _DESCR, _FLAGS = (_HEAD + i for i in (-8, 0, 8, 16, 40, 48))
# In a dtype.
_BYTE_ORDER, _TYPE_NUMBER = _HEAD + 10, _HEAD + 12
# Flags of an array.
_C_ORDER, _F_ORDER, _ALIGNED, _WRITEABLE = 0x1, 0x2, 0x100, 0x400

_NATIVE = np.dtype(np.float32).newbyteorder("=").byteorder
_FLOAT32, _FLOAT64 = np.dtype(np.float32).num, np.dtype(np.float64).num
_SWAPPED = ord(np.dtype(np.float32).newbyteorder("S").byteorder)
_ONE32, _ONE64 = np.ones(1, np.float32), np.ones(1, np.float64)

#: Elements per chunk: arrays of this length stay in the second-level cache of most CPUs.
_CHUNK = 1 << 15

# What kernels consist of; it is cached on disk with the kernel. Only contraction to multiply-add is
# allowed: the order of operations is part of the rules.
_jit = functools.partial(jit_part, options={"nogil": True, "error_model": "numpy", "fastmath": {"contract"}})

prange = range


def _inline(function: Callable[..., Any]) -> Any:
    """Make a function that writes LLVM instructions."""
    return intrinsic(function)


@_inline
def _load(context: Any, address: Any, like: Any) -> Any:
    """Read a number of the type of ``like`` at ``address``."""

    def build(code: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = code.get_value_type(like).as_pointer()
        return builder.load(builder.inttoptr(args[0], kind))

    return like(types.int64, like), build


@_inline
def _pointer(context: Any, address: Any, like: Any) -> Any:
    """Return ``address`` as a pointer to elements of the array ``like``."""
    result: Any = types.CPointer(like.dtype)  # type: ignore[no-untyped-call]

    def build(code: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], code.get_value_type(result))

    return result(types.int64, like), build


@_jit
def _facts(array: int) -> Any:
    """Return an array's type number (-1 if byte-swapped), flags, size and data pointer."""
    dtype = _load(array + _DESCR, 0)
    number = np.int64(_load(dtype + _TYPE_NUMBER, np.int32(0)))
    if _load(dtype + _BYTE_ORDER, np.uint8(0)) == _SWAPPED:
        number = np.int64(-1)
    flags = np.int64(_load(array + _FLAGS, np.int32(0)))
    dims = _load(array + _DIMS, 0)
    size = 1
    for i in range(_load(array + _NDIM, np.int32(0))):
        size *= _load(dims + 8 * i, 0)
    return number, flags, size, _load(array + _DATA, 0)


@_jit
def _item(items: int, k: int) -> Any:
    """Return the address of item ``k`` of a list."""
    return _load(_load(items + _ITEMS, 0) + 8 * k, 0)


@_jit
def _size(columns: Any, k: int, number: int, ndarray: int) -> int:
    """Return the size of parameter ``k``, or -1 if its arrays are not of the form kernels take."""
    layout = _C_ORDER | _F_ORDER
    size = -1
    last = len(columns) - 1
    for r in range(last + 1):
        if columns[r] == 0:
            continue
        array = _item(columns[r], k)
        if _load(array + _TYPE, 0) != ndarray:
            return -1
        kind, flags, length, _ = _facts(array)
        if flags & _ALIGNED == 0 or (r != 1 and flags & _WRITEABLE == 0):
            return -1
        if r < last:
            layout &= flags
            if r == 0:
                size = length
            if kind != number or length != size:
                return -1
        elif (kind != _FLOAT32 and kind != _FLOAT64) or length != 1:
            return -1
    return size if layout != 0 else -1


@kernel()
def takes(columns: Any, k: int, like: Any, ndarray: int) -> bool:
    """Return whether parameter ``k`` can be stepped by a kernel for the dtype of ``like``."""
    for r in range(len(columns)):
        if columns[r] != 0 and k >= _load(columns[r] + _LENGTH, 0):
            return False
    return _size(columns, k, _FLOAT32 if like.itemsize == 4 else _FLOAT64, ndarray) >= 0


@_jit
def _count_step(array: int) -> Any:
    """Add one to a 0-d array and return its value."""
    kind, _, _, data = _facts(array)
    if kind == _FLOAT32:
        single = carray(_pointer(data, _ONE32), 1)
        single[0] += np.float32(1)
        return np.float64(single[0])
    double = carray(_pointer(data, _ONE64), 1)
    double[0] += 1.0
    return double[0]


@_jit
def _plan(columns: Any, n: int, like: Any, ndarray: int) -> Any:
    """Return whether the arrays can be taken, and if so data pointers, step counts and chunks.

    The pointers have a row per column, 0 where there is none; a chunk is
    ``(parameter, first, last)``.
    """
    number = _FLOAT32 if like.itemsize == 4 else _FLOAT64
    rows = len(columns)
    sizes = np.empty(n, np.int64)
    steps = np.zeros(n)
    chunks = 0
    good = True
    for r in range(rows):
        good = good and (columns[r] == 0 or _load(columns[r] + _LENGTH, 0) == n)
    for k in range(n):
        sizes[k] = _size(columns, k, number, ndarray) if good else -1
        good = good and sizes[k] >= 0
        chunks += (sizes[k] + _CHUNK - 1) // _CHUNK
    work = np.empty((chunks if good else 0, 3), np.int64)
    table = np.empty((rows - 1, n), np.int64)
    if not good:
        return good, table, steps, work
    w = 0
    for k in range(n):
        for r in range(rows - 1):
            table[r, k] = _load(_item(columns[r], k) + _DATA, 0) if columns[r] != 0 else 0
        if columns[rows - 1] != 0:
            steps[k] = _count_step(_item(columns[rows - 1], k))
        for first in range(0, sizes[k], _CHUNK):
            work[w, 0] = k
            work[w, 1] = first
            work[w, 2] = min(first + _CHUNK, sizes[k])
            w += 1
    return good, table, steps, work


@_jit
def _part(row: Any, chunk: Any, like: Any) -> Any:
    """Return the elements of one array that belong to a chunk."""
    first = chunk[1]
    start = row[chunk[0]] + first * like.itemsize
    return carray(_pointer(start, like), chunk[2] - first)


# -- the rules: one chunk each ---------------------------------------------------------------------


@_jit
def _sgd(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, momentum, dampening, weight_decay, nesterov, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    decay = real(weight_decay)
    rate = real(-lr)
    if table[2, chunk[0]] == 0:
        for i in range(p.size):
            gi = sign * g[i]
            if decay != 0:
                gi = gi + decay * p[i]
            p[i] = p[i] + rate * gi
        return
    b = _part(table[2], chunk, like)
    mu = real(momentum)
    fresh = real(1 - dampening)
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        bi = mu * b[i] + fresh * gi
        b[i] = bi
        p[i] = p[i] + rate * (gi + mu * bi if nesterov else bi)


@_jit
def _adam(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, beta1, beta2, eps, weight_decay, decoupled, maximize = hyper
    real = like.dtype.type
    step = steps[chunk[0]]
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    m = _part(table[2], chunk, like)
    v = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    shrink = real(1 - lr * weight_decay if decoupled else 1.0)
    decay = real(0.0 if decoupled else weight_decay)
    near = 1 - beta1 < 0.5
    weight = real(1 - beta1 if near else -beta1)
    old = real(beta2)
    new = real(1 - beta2)
    epsilon = real(eps)
    root = real((1 - beta2**step) ** 0.5)
    rate = real(-(lr / (1 - beta1**step)))
    if table[4, chunk[0]] == 0:
        for i in range(p.size):
            pi = shrink * p[i]
            gi = sign * g[i]
            if decay != 0:
                gi = gi + decay * pi
            mi = (m[i] if near else gi) + weight * (gi - m[i])
            vi = old * v[i] + new * gi * gi
            m[i] = mi
            v[i] = vi
            p[i] = pi + rate * mi / (math.sqrt(vi) / root + epsilon)
        return
    top = _part(table[4], chunk, like)
    for i in range(p.size):
        pi = shrink * p[i]
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * pi
        mi = (m[i] if near else gi) + weight * (gi - m[i])
        vi = old * v[i] + new * gi * gi
        ti = _larger(top[i], vi)
        m[i] = mi
        v[i] = vi
        top[i] = ti
        p[i] = pi + rate * mi / (math.sqrt(ti) / root + epsilon)


@_jit
def _larger(a: Any, b: Any) -> Any:
    """Return the maximum, NaN if either is."""
    return b if b > a or b != b else a


@_jit
def _rmsprop(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, alpha, eps, weight_decay, momentum, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    v = _part(table[2], chunk, like)
    centered = table[3, chunk[0]] != 0
    moving = table[4, chunk[0]] != 0
    sign = real(-1.0 if maximize else 1.0)
    decay = real(weight_decay)
    near = 1 - alpha < 0.5
    weight = real(1 - alpha if near else -alpha)
    old = real(alpha)
    new = real(1 - alpha)
    epsilon = real(eps)
    mu = real(momentum)
    rate = real(-lr)
    if not centered and not moving:
        for i in range(p.size):
            gi = sign * g[i]
            if decay != 0:
                gi = gi + decay * p[i]
            vi = old * v[i] + new * gi * gi
            v[i] = vi
            p[i] = p[i] + rate * gi / (math.sqrt(vi) + epsilon)
        return
    # A state that is absent stands in for itself by the gradient row, which is not written.
    a = _part(table[3 if centered else 1], chunk, like)
    b = _part(table[4 if moving else 1], chunk, like)
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        vi = old * v[i] + new * gi * gi
        v[i] = vi
        if centered:
            ai = (a[i] if near else gi) + weight * (gi - a[i])
            a[i] = ai
            vi = vi - ai * ai
        scale = math.sqrt(vi) + epsilon
        if moving:
            bi = mu * b[i] + gi / scale
            b[i] = bi
            p[i] = p[i] + rate * bi
        else:
            p[i] = p[i] + rate * gi / scale


@_jit
def _adagrad(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, lr_decay, eps, weight_decay, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    s = _part(table[2], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    decay = real(weight_decay)
    epsilon = real(eps)
    rate = real(-(lr / (1 + (steps[chunk[0]] - 1) * lr_decay)))
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        si = s[i] + gi * gi
        s[i] = si
        p[i] = p[i] + rate * gi / (math.sqrt(si) + epsilon)


@_jit
def _adadelta(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, rho, eps, weight_decay, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    v = _part(table[2], chunk, like)
    u = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    decay = real(weight_decay)
    epsilon = real(eps)
    old = real(rho)
    new = real(1 - rho)
    rate = real(-lr)
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        vi = old * v[i] + new * gi * gi
        v[i] = vi
        delta = math.sqrt(u[i] + epsilon) / math.sqrt(vi + epsilon) * gi
        u[i] = old * u[i] + new * delta * delta
        p[i] = p[i] + rate * delta


@_jit
def _adamax(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, beta1, beta2, eps, weight_decay, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    m = _part(table[2], chunk, like)
    u = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    decay = real(weight_decay)
    near = 1 - beta1 < 0.5
    weight = real(1 - beta1 if near else -beta1)
    old = real(beta2)
    epsilon = real(eps)
    rate = real(-(lr / (1 - beta1 ** steps[chunk[0]])))
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        mi = (m[i] if near else gi) + weight * (gi - m[i])
        ui = _larger(old * u[i], abs(gi) + epsilon)
        m[i] = mi
        u[i] = ui
        p[i] = p[i] + rate * mi / ui


@_jit
def _nadam(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    grad_rate, avg_rate, beta1, beta2, correction2, eps, shrink, weight_decay, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    m = _part(table[2], chunk, like)
    v = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    less = real(shrink)
    decay = real(weight_decay)
    near = 1 - beta1 < 0.5
    weight = real(1 - beta1 if near else -beta1)
    old = real(beta2)
    new = real(1 - beta2)
    divisor = real(correction2)
    epsilon = real(eps)
    by_grad = real(-grad_rate)
    by_avg = real(-avg_rate)
    for i in range(p.size):
        pi = less * p[i]
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * pi
        mi = (m[i] if near else gi) + weight * (gi - m[i])
        vi = old * v[i] + new * gi * gi
        m[i] = mi
        v[i] = vi
        scale = math.sqrt(vi / divisor) + epsilon
        p[i] = pi + by_grad * gi / scale + by_avg * mi / scale


@_jit
def _radam(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    lr, beta1, beta2, eps, weight_decay, decoupled, maximize = hyper
    real = like.dtype.type
    step = steps[chunk[0]]
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    m = _part(table[2], chunk, like)
    v = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    less = real(1 - lr * weight_decay if decoupled else 1.0)
    decay = real(0.0 if decoupled else weight_decay)
    near = 1 - beta1 < 0.5
    weight = real(1 - beta1 if near else -beta1)
    old = real(beta2)
    new = real(1 - beta2)
    epsilon = real(eps)
    rate = real(lr)
    divisor = real(1 - beta1**step)
    correction2 = 1 - beta2**step
    root = real(correction2**0.5)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / correction2
    adapt = length > 5.0
    rect = real(1.0)
    if adapt:
        top = (length - 4) * (length - 2) * longest
        rect = real((top / ((longest - 4) * (longest - 2) * length)) ** 0.5)
    for i in range(p.size):
        pi = less * p[i]
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * pi
        mi = (m[i] if near else gi) + weight * (gi - m[i])
        vi = old * v[i] + new * gi * gi
        m[i] = mi
        v[i] = vi
        move = mi / divisor * rate
        if adapt:
            move = move * (root / (math.sqrt(vi) + epsilon)) * rect
        p[i] = pi - move


@_jit
def _asgd(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    shrink, eta, mu, weight_decay, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    a = _part(table[2], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    less = real(shrink)
    rate = real(-eta)
    decay = real(weight_decay)
    share = real(mu)
    for i in range(p.size):
        gi = sign * g[i]
        if decay != 0:
            gi = gi + decay * p[i]
        pi = less * p[i] + rate * gi
        p[i] = pi
        a[i] = pi if mu == 1 else a[i] + (pi - a[i]) * share


@_jit
def _rprop(table: Any, like: Any, hyper: Any, steps: Any, chunk: Any) -> None:
    smaller, larger, smallest, largest, maximize = hyper
    real = like.dtype.type
    p = _part(table[0], chunk, like)
    g = _part(table[1], chunk, like)
    before = _part(table[2], chunk, like)
    size = _part(table[3], chunk, like)
    sign = real(-1.0 if maximize else 1.0)
    up, down = real(larger), real(smaller)
    low, high = real(smallest), real(largest)
    zero, one = real(0), real(1)
    for i in range(p.size):
        gi = sign * g[i]
        agreement = gi * before[i]
        si = size[i] * (up if agreement > 0 else (down if agreement < 0 else one))
        si = low if si < low else (high if si > high else si)
        size[i] = si
        gi = zero if agreement < 0 else gi
        before[i] = gi
        p[i] = p[i] - (si if gi > 0 else (-si if gi < 0 else zero))  # NaN has no sign


# -- the calls: all parameters ---------------------------------------------------------------------
#
# One written out for each rule: numba's cache on disk cannot hold functions made by a loop.


@kernel(parallel=True)
def _all_sgd(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _sgd(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_adam(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _adam(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_rmsprop(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _rmsprop(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_adagrad(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _adagrad(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_adadelta(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _adadelta(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_adamax(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _adamax(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_nadam(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _nadam(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_radam(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _radam(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_asgd(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _asgd(table, like, hyper, steps, work[c])
    return good


@kernel(parallel=True)
def _all_rprop(columns: Any, n: int, like: Any, hyper: Any, ndarray: int) -> Any:
    good, table, steps, work = _plan(columns, n, like, ndarray)
    for c in prange(work.shape[0]):
        _rprop(table, like, hyper, steps, work[c])
    return good


#: For each rule its kernel: ``kernel(columns, n, like, hyper, id(ndarray))`` returns whether it was
#: done.
KERNELS: dict[str, Any] = {
    "sgd": _all_sgd,
    "adam": _all_adam,
    "rmsprop": _all_rmsprop,
    "adagrad": _all_adagrad,
    "adadelta": _all_adadelta,
    "adamax": _all_adamax,
    "nadam": _all_nadam,
    "radam": _all_radam,
    "asgd": _all_asgd,
    "rprop": _all_rprop,
}


def _word(address: int, kind: Any = ctypes.c_int64) -> int:
    """Return the number at an address."""
    return int(kind.from_address(address).value)


def layout_is_known() -> bool:
    """Return whether lists and arrays are laid out as the offsets above say."""
    if np.dtype(np.intp).itemsize != 8:
        return False
    items = [np.zeros(1), np.zeros(1), 3]
    if _word(id(items) + _LENGTH) != 3:
        return False
    if [_word(_word(id(items) + _ITEMS) + 8 * k) for k in range(3)] != [id(x) for x in items]:
        return False
    for array in (
        np.zeros((2, 3), np.float32),
        np.zeros(5)[::2],
        np.zeros((), ">f8"),
        np.zeros((0, 2)),
    ):
        head, kind = id(array), array.dtype
        # What is an address is compared before it is followed.
        if (
            _word(head + _TYPE) != id(np.ndarray)
            or _word(head + _DATA) != array.__array_interface__["data"][0]
            or _word(head + _FLAGS, ctypes.c_int32) != array.flags.num
            or _word(head + _NDIM, ctypes.c_int32) != array.ndim
            or _word(head + _DESCR) != id(kind)
            or _word(id(kind) + _TYPE_NUMBER, ctypes.c_int32) != kind.num
            or (_word(id(kind) + _BYTE_ORDER, ctypes.c_uint8) == _SWAPPED) == kind.isnative
        ):
            return False
        dims = _word(head + _DIMS)
        if dims == 0 and array.ndim:
            return False
        if [_word(dims + 8 * i) for i in range(array.ndim)] != list(array.shape):
            return False
    return True
