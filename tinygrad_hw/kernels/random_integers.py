"""Random integers and permutations; ``random`` re-exports them."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_hw.kernels.generator import Generator, compiled, default_generator
from tinygrad_hw.kernels.random_layout import (
    KINDS,
    Array,
    Shape,
    as_shape,
    numeric,
    pieces,
    store,
)

__all__ = ["randint", "random_", "randperm"]

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_LONG_PERMUTATION = (2**32 - 1) // 20  # from here on PyTorch draws 64 bits per swap
_COMPILED_SWAPS = 32  # swaps from which the compiled loop pays
_WORTH_LOADING = 2**20  # swaps from which it saves more than loading it costs


def _as_int64(value: int, dtype: np.dtype[Any]) -> int:
    """Return what ``value`` is after a trip through ``dtype``; C's answer for an infinity."""
    with np.errstate(over="ignore"):
        there = float(dtype.type(value))
    return int(there) if math.isfinite(there) and abs(there) < 2.0**63 else _INT64_MIN


def _inside(low: int, high: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Move bounds inward to where rounding to a floating ``dtype`` cannot leave [low, high)."""
    digits = KINDS[dtype].digits
    following = _as_int64(low + 1, dtype)
    if following < low:
        low = following + (1 << max(abs(low + 1).bit_length() - digits, 0))
    previous = _as_int64(high - 1, dtype)
    if previous >= high:
        high = previous - (1 << max(abs(high - 1).bit_length() - digits, 0))
    return low, high


def _check_bounds(low: int, last: int, dtype: np.dtype[Any]) -> None:
    """Raise where [low, last] does not fit ``dtype``; warn where that cannot hold all of it."""
    kind = KINDS[dtype]
    for name, bound in (("from", low), ("to - 1", last)):
        if not kind.low <= bound <= kind.high:
            raise RuntimeError(f"random_: {name} is out of bounds for {dtype}, got {name}={bound}; use a wider dtype")
        if kind.digits and abs(bound) > kind.last:
            warnings.warn(
                f"{name} is out of bounds [-(2^{kind.digits}), 2^{kind.digits}]. Due to precision "
                f"limitations {dtype} can support discrete uniform distribution only within this "
                "range.",
                stacklevel=3,
            )


def _modulo(value: Array, divisor: int) -> Array:
    """Return ``value % divisor``, in place; numpy divides faster than it takes remainders."""
    d = value.dtype.type(divisor)
    quotient = value // d
    quotient *= d
    value -= quotient
    return value


def _range(n: int, low: int, span: int, dtype: np.dtype[Any], g: Generator) -> Array:
    """Return ``n`` integers ``low + word % span``; the lock is held."""
    out = np.empty(n, dtype)
    for i, j in pieces(n):
        value = g.words(j - i) if span < 2**28 else g.words64(j - i)
        if span < 2**64:
            value = _modulo(value, span)
        if low >= 0 and low + span <= 2**32:
            if low:
                value += value.dtype.type(low)
        else:
            value = value.astype(np.int64)  # the bits of the 64-bit words, as in C
            value += low
        out[i:j] = value
    return out


def _full(n: int, dtype: np.dtype[Any], g: Generator) -> Array:
    """Return ``n`` integers from 0 to the largest of ``dtype``; the lock is held."""
    last = KINDS[dtype].last
    out = np.empty(n, dtype)
    for i, j in pieces(n):
        value = g.words64(j - i) if dtype.itemsize == 8 else g.words(j - i)
        out[i:j] = _modulo(value, last + 1)
    return out


def random_(
    out: Array,
    from_: int | None = None,
    to: int | None = None,
    generator: Generator | None = None,
) -> Array:
    """Fill ``out`` with integers, all equally likely: ``Tensor.random_``.

    Args:
        out: array of any dtype.
        from_: the least integer; None for 0.
        to: one more than the largest; None for up to the largest of the dtype (``2**11``,
            ``2**24``, ``2**53`` for floating-point ones). With neither bound an int64 is drawn from
            63 bits; ``from_`` of ``-2**63`` without ``to`` draws all 64.
        generator: None for the default one.

    Returns:
        ``out``.

    Raises:
        RuntimeError: an empty range, or one outside the dtype.
        NotImplementedError: uint16, uint32 or uint64, and neither bound.

    Example:
        >>> random_(np.empty(4, np.int32), 0, 10, Generator().manual_seed(0))
        array([4, 9, 3, 0], dtype=int32)
    """
    g = generator or default_generator
    if from_ is None and to is None:
        dtype, kind = numeric("random_kernel_cpu", out.dtype)
        if dtype.kind == "u" and dtype.itemsize > 1:
            raise NotImplementedError(f"'random_kernel_cpu' not implemented for {kind.name!r}; give `to`")
        with g.lock:
            return store(out, _full(out.size, dtype, g))
    dtype, kind = numeric("random_from_to_kernel_cpu", out.dtype)
    low, high = int(from_ or 0), None if to is None else int(to)
    for bound in (low, high or 0):
        if not _INT64_MIN <= bound <= _INT64_MAX:
            raise RuntimeError(f"random_: Overflow when unpacking long, got {bound}; bounds are int64")
    if high is None and low == _INT64_MIN:
        if dtype not in (np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)):
            raise RuntimeError(f"random_ of all 64 bits handles only int64, double and float, got {dtype}; give `to`")
        with g.lock:
            return store(out, _range(out.size, 0, 2**64, dtype, g))
    if high is None:
        last = kind.last
        if kind.digits:
            # PyTorch leaves the lower bound of a narrow float as it is beyond its integers and
            # raises below.
            low = _inside(low, 0, dtype)[0]
            if low >= last:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                    f"casted to dtype, but got from={low} > to_inc={last}"
                )
    else:
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        if kind.digits:
            low, high = _inside(low, high, dtype)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                    f"but got from={low} >= to={high}"
                )
        last = high - 1
    _check_bounds(low, last, dtype)
    if out.size == 0:
        return out
    with g.lock:
        return store(out, _range(out.size, low, last - low + 1, dtype, g))


def randint(low: int, high: int, shape: Shape, dtype: Any = np.int64, generator: Generator | None = None) -> Array:
    """Return integers from ``low`` to ``high - 1``: ``torch.randint``.

    Args:
        low: smallest integer.
        high: one above the largest.
        shape: of the result.
        dtype: any dtype that holds the range.
        generator: None for the default one.

    Raises:
        RuntimeError: an empty range, or one outside the dtype.

    Example:
        >>> randint(0, 10, 4, generator=Generator().manual_seed(0))
        array([4, 9, 3, 0])
    """
    return random_(np.empty(as_shape(shape), dtype), int(low), int(high), generator)


def randperm(n: int, dtype: Any = np.int64, generator: Generator | None = None) -> Array:
    """Return the integers from 0 to ``n - 1`` in random order: ``torch.randperm``.

    A Fisher-Yates shuffle: for each place in turn, swap with one of the places from it on.

    Args:
        n: how many.
        dtype: of the result; must hold ``n - 1``.
        generator: None for the default one.

    Raises:
        RuntimeError: ``n`` negative or too large for the dtype.
        NotImplementedError: bool.

    Example:
        >>> randperm(5, generator=Generator().manual_seed(0))
        array([4, 0, 1, 3, 2])
    """
    n = int(n)
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, trying to create tensor with negative dimension {n}")
    dtype, kind = numeric("randperm", dtype)
    if dtype == np.bool_:
        raise NotImplementedError("'randperm' not implemented for 'Bool'; use int64")
    if n - 1 > kind.last:
        if kind.digits:
            raise RuntimeError(f"randperm: n cannot be greater than 2^{kind.digits}+1 for {kind.name} type, got {n}")
        raise RuntimeError(f"randperm: value cannot be converted to type {dtype} without overflow: n = {n}")
    g = generator or default_generator
    with g.lock:
        if n < _LONG_PERMUTATION:
            return _shuffled(n, g).astype(dtype, copy=False)
        return _grown(n, g).astype(dtype, copy=False)


def _shuffled(n: int, g: Generator) -> Array:
    """Return 0 to n - 1 shuffled in place, one word per swap."""
    kernels = compiled(n >= _WORTH_LOADING) if n >= _COMPILED_SWAPS else None
    if kernels is not None:
        order = np.arange(n)
        for i, j in pieces(n - 1):
            kernels.shuffle(order, g.words(j - i), i)
        return order
    items = list(range(n))
    for i, j in pieces(max(n - 1, 0)):
        distance = g.words(j - i)
        distance %= np.arange(n - i, n - j, -1, dtype=np.uint32)
        for place, step in enumerate(distance.tolist(), i):
            other = place + step
            items[place], items[other] = items[other], items[place]
    return np.array(items, np.int64)


def _grown(n: int, g: Generator) -> Array:
    """Return 0 to n - 1, each put in an earlier one's place, which moves up; two words each."""
    kernels = compiled(n >= _WORTH_LOADING)
    order = np.empty(n, np.int64)
    for i, j in pieces(n):
        place = g.words64(j - i)
        place %= np.arange(i + 1, j + 1, dtype=np.uint64)
        if kernels is not None:
            kernels.grow(order, place, i)
            continue
        for end, at in enumerate(place.tolist(), i):
            order[end] = end
            order[end] = order[at]
            order[at] = end
    return order
