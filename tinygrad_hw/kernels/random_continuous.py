"""Random numbers of continuous distributions; ``random`` re-exports them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw.kernels import random_normal
from tinygrad_hw.kernels.generator import Generator, compiled, default_generator
from tinygrad_hw.kernels.random_layout import (
    CHUNK,
    KINDS,
    Array,
    Shape,
    as_shape,
    floating,
    pieces,
    store,
)

__all__ = [
    "cauchy_",
    "exponential_",
    "geometric_",
    "log_normal_",
    "normal",
    "normal_",
    "rand",
    "randn",
    "trunc_normal_",
    "uniform_",
]

_f4, _f8 = np.dtype(np.float32), np.dtype(np.float64)
_EXACT = 4096  # up to this size float32 draws go through the C library's functions too
_WORTH_LOADING = 2**24  # normals from which compiled code saves more than loading it costs


def _narrow(x: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``x`` on its way to ``dtype``: PyTorch rounds to float16 by way of float32."""
    return x.astype(_f4) if dtype.itemsize == 2 and x.dtype == _f8 else x


def _per_double(n: int, dtype: np.dtype[Any], generator: Generator | None, f: Callable[[Array, Any], Any]) -> Array:
    """Return ``f(u, m)`` for ``n`` float64 uniforms ``u`` as ``dtype``.

    ``m`` holds log, log1p and tan: the C library's where the result depends on their last bit;
    numpy's vector forms, which can differ in it, for long arrays of narrower types, where it is
    rounded away.
    """
    g = generator or default_generator
    functions = _LIBM if dtype == _f8 or n <= _EXACT else np
    out = np.empty(n, dtype)
    with g.lock, np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for i, j in pieces(n):
            out[i:j] = _narrow(f(g.doubles(j - i), functions), dtype)
    return out


class _Libm:
    """Vector forms of the C library's functions."""

    @staticmethod
    def log(x: Array) -> Array:
        return np.fromiter((math.log(v) if v > 0.0 else -math.inf for v in x.tolist()), _f8, x.size)

    @staticmethod
    def log1p(x: Array) -> Array:
        return np.fromiter(map(math.log1p, x.tolist()), _f8, x.size)

    @staticmethod
    def tan(x: Array) -> Array:
        return np.fromiter(map(math.tan, x.tolist()), _f8, x.size)


_LIBM = _Libm()


# -- uniform --------------------------------------------------------------------------------------


def _uniform(n: int, dtype: np.dtype[Any], low: float, high: float, g: Generator) -> Array:
    """Return ``n`` uniforms in [low, high); the lock is held."""
    plain = low == 0.0 and high == 1.0
    if plain and n <= CHUNK and dtype.itemsize != 2:
        return g.doubles(n) if dtype == _f8 else g.floats(n)
    out = np.empty(n, dtype)
    if dtype == _f8:
        for i, j in pieces(n):
            u = g.doubles(j - i)
            out[i:j] = u if plain else random_normal.fma64(u, high - low, low)
    else:
        # low + u * (high - low), rounded once: the product of two float32 is exact in float64.
        low4, high4 = np.float32(low), np.float32(high)
        span, start = float(high4 - low4), float(low4)
        for i, j in pieces(n):
            u = g.floats(j - i)
            if not plain:
                u = (u.astype(_f8) * span + start).astype(_f4)
            out[i:j] = u
    if not plain or dtype.itemsize == 2:
        out[out == dtype.type(high)] = dtype.type(low)  # what was rounded up to the excluded bound
    return out


def rand(shape: Shape, dtype: Any = np.float32, generator: Generator | None = None) -> Array:
    """Return uniform numbers in [0, 1): ``torch.rand``.

    Args:
        shape: of the result.
        dtype: float16, float32 or float64.
        generator: None for the default one.

    Example:
        >>> rand(2, generator=Generator().manual_seed(0))
        array([0.4962566, 0.7682218], dtype=float32)
    """
    dtype, shape = floating("check_uniform_bounds", dtype), as_shape(shape)
    g = generator or default_generator
    with g.lock:
        return _uniform(math.prod(shape), dtype, 0.0, 1.0, g).reshape(shape)


def uniform_(out: Array, from_: float = 0.0, to: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill ``out`` with uniform numbers in [from_, to): ``Tensor.uniform_``.

    Args:
        out: floating-point array.
        from_: lower bound.
        to: upper bound, excluded.
        generator: None for the default one.

    Returns:
        ``out``.

    Raises:
        NotImplementedError: ``out`` is not floating point.
        RuntimeError: bounds in the wrong order, outside the dtype, or further apart than it holds.
    """
    dtype = floating("check_uniform_bounds", out.dtype)
    low, high, limit = float(from_), float(to), KINDS[dtype].high
    for name, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"uniform_: {name} is out of bounds for {dtype}, got {name}={bound}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}; swap them"
        )
    if high - low > limit:
        raise RuntimeError(
            f"uniform_ expects to-from <= {limit} ({dtype}), but found to={high} and "
            f"from={low} which result in to-from to exceed the limit"
        )
    if out.size == 0:
        return out
    g = generator or default_generator
    with g.lock:
        return store(out, _uniform(out.size, dtype, low, high, g))


# -- normal ---------------------------------------------------------------------------------------


def _normal_each(n: int, mean: float, std: float, g: Generator) -> Array:
    """Return ``n`` float64 normals made in pairs; the lock is held."""
    out = np.empty(n)
    first = 0
    if g._normal is not None and n:
        out[0], g._normal, first = g._normal, None, 1
    pairs = (n - first + 1) // 2
    if pairs:
        made = random_normal.normal_pairs(g.doubles(2 * pairs))
        out[first:] = made[: n - first]
        if made.size > n - first:
            g._normal = float(made[-1])
    return np.asarray(random_normal.fma64(out, std, mean))


def _normal_blocks(n: int, dtype: np.dtype[Any], mean: float, std: float, g: Generator) -> Array:
    """Return ``n >= 16`` normals made in blocks; the lock is held."""
    kernels = compiled(n >= _WORTH_LOADING)
    source: Any = random_normal if kernels is None else kernels
    transform = source.normal_blocks64 if dtype == _f8 else source.normal_blocks32
    draw = g.doubles if dtype == _f8 else g.floats
    whole = n - n % 16
    out = np.empty(n, dtype)
    if n <= CHUNK - 16 and dtype.itemsize != 2:
        # The same numbers in one draw.
        uniforms = draw(n if whole == n else n + 16)
        out[:whole] = transform(uniforms[:whole], mean, std)
        if whole < n:
            out[n - 16 :] = transform(uniforms[n:], mean, std)
        return out
    for i, j in pieces(whole):
        out[i:j] = transform(draw(j - i), mean, std)
    if whole < n:
        # The last 16 elements are made anew from 16 more uniforms. Those of the ragged end are
        # drawn all the same, but for float16, which PyTorch makes block by block.
        if dtype.itemsize != 2:
            draw(n - whole)
        out[n - 16 :] = transform(draw(16), mean, std)
    return out


def _normal(n: int, dtype: np.dtype[Any], mean: float, std: float, g: Generator, blocks: bool = True) -> Array:
    """Return ``n`` normals as PyTorch draws them into a contiguous tensor, or one that is not."""
    if n >= 16 and blocks:
        return _normal_blocks(n, dtype, mean, std, g)
    return _narrow(_normal_each(n, mean, std, g), dtype).astype(dtype, copy=False)


def randn(shape: Shape, dtype: Any = np.float32, generator: Generator | None = None) -> Array:
    """Return standard normal numbers: ``torch.randn``.

    Args:
        shape: of the result.
        dtype: float16, float32 or float64.
        generator: None for the default one.

    Example:
        >>> randn(2, generator=Generator().manual_seed(0))
        array([ 1.5409961, -0.2934289], dtype=float32)
    """
    dtype, shape = floating("normal_kernel_cpu", dtype), as_shape(shape)
    g = generator or default_generator
    with g.lock:
        return _normal(math.prod(shape), dtype, 0.0, 1.0, g).reshape(shape)


def normal_(out: Array, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill ``out`` with normal numbers: ``Tensor.normal_``.

    Args:
        out: floating-point array.
        mean: of the distribution.
        std: its standard deviation, not negative.
        generator: None for the default one.

    Returns:
        ``out``.

    Raises:
        NotImplementedError: ``out`` is not floating point.
        RuntimeError: ``std`` is negative.
    """
    mean, std = float(mean), float(std)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if out.size == 0:
        return out
    dtype = floating("normal_kernel_cpu", out.dtype)
    g = generator or default_generator
    with g.lock:
        return store(out, _normal(out.size, dtype, mean, std, g, out.flags.c_contiguous))


def normal(mean: Array | float, std: Array | float = 1.0, generator: Generator | None = None) -> Array:
    """Return normal numbers of elementwise mean and standard deviation: ``torch.normal``.

    Args:
        mean: an array or a number.
        std: an array that broadcasts with ``mean``, or a number; not both may be numbers. The result has the
            dtype of ``mean`` if that is an array, else of ``std``.
        generator: None for the default one.

    Raises:
        NotImplementedError: that dtype is not floating point.
        RuntimeError: a negative entry in ``std``, or shapes that do not broadcast.
    """
    given = mean if isinstance(mean, np.ndarray) else std
    if not isinstance(given, np.ndarray):
        raise TypeError("normal: mean and std are both numbers; use normal_ on an array of the size wanted")
    dtype = given.dtype
    if isinstance(std, np.ndarray):
        if std.size and not std.min() >= 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
        try:
            shape = np.broadcast_shapes(np.shape(mean), std.shape)
        except ValueError:
            raise RuntimeError(
                f"normal: mean of shape {np.shape(mean)} and std of shape {std.shape} do not broadcast"
            ) from None
        out = normal_(np.empty(shape, dtype), 0.0, 1.0, generator)
        out[...] = _narrow(out * _weak(std, out), dtype)
    else:
        out = normal_(np.empty(given.shape, dtype), 0.0, float(std), generator)
    out[...] = _narrow(out + _weak(mean, out), dtype)
    return out


def _weak(value: Array | float, out: Array) -> Any:
    """Return ``value`` so that it does not widen ``out``, unless it is an array with dimensions."""
    if not isinstance(value, np.ndarray):
        return out.dtype.type(value)
    if value.ndim or not out.ndim:
        return value
    # PyTorch computes float16 with a 0-d operand in float32, and does not round the operand first.
    return np.float32(value) if out.dtype.itemsize == 2 else out.dtype.type(value)


def log_normal_(out: Array, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None) -> Array:
    """Fill ``out`` with ``exp(x)`` of normal ``x``: ``Tensor.log_normal_``.

    Raises:
        RuntimeError: ``std`` is not positive.
    """
    mean, std = float(mean), float(std)
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    if out.size == 0:
        return out
    floating("log_normal_cpu", out.dtype)
    g = generator or default_generator
    with g.lock:
        made = _normal_each(out.size, mean, std, g)
    with np.errstate(over="ignore"):
        if out.dtype == _f8:
            return store(out, np.fromiter(map(_exp, made.tolist()), _f8, made.size))
        return store(out, _narrow(np.exp(made), out.dtype))


def _exp(x: float) -> float:
    """Return ``exp(x)``, infinite where it overflows."""
    return math.exp(x) if x < 709.0 else float(np.exp(x))


def trunc_normal_(
    out: Array,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Array:
    """Fill ``out`` with normal numbers cut off to [a, b], by rejection: ``nn.init.trunc_normal_``.

    Args:
        out: floating-point array.
        mean: of the normal distribution.
        std: of the normal distribution.
        a: lower bound.
        b: upper bound.
        generator: None for the default one.

    Returns:
        ``out``.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            stacklevel=2,
        )

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if below(b) - below(a) > 0.3:
        low, high = out.dtype.type(a), out.dtype.type(b)
        result = normal_(out, mean, std, generator)
        while (bad := (result < low) | (result > high)).any():
            result = np.where(bad, normal_(np.empty_like(result), mean, std, generator), result)
    else:
        # Little of the bell lies between the bounds: propose uniforms, accept each with its
        # density's share of the peak. Every round draws for all elements; the accepted ones keep
        # their value.
        mode = max(a, min(mean, b))
        peak = out.dtype.type(-0.5 * ((mode - mean) / std) ** 2)
        mean_, std_ = out.dtype.type(mean), out.dtype.type(std)
        proposal, chance = np.empty_like(out), np.empty_like(out)
        result, bad = out, np.ones(out.shape, np.bool_)
        while bad.any():
            uniform_(proposal, a, b, generator)
            result = np.where(bad, proposal, result)
            density = ((proposal - mean_) / std_) ** 2 * out.dtype.type(-0.5) - peak
            with np.errstate(divide="ignore"):
                bad = bad & (np.log(uniform_(chance, 0.0, 1.0, generator)) > density)
    if result is not out:
        out[...] = result
    return out


# -- other continuous distributions ---------------------------------------------------------------


def exponential_(out: Array, lambd: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill ``out`` with ``-log(1 - u) / lambd``: ``Tensor.exponential_``.

    Raises:
        RuntimeError: ``lambd`` is not positive, or ``out`` not floating point.
    """
    lambd = float(lambd)
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    if out.size == 0:
        return out
    _continuous("Exponential", out.dtype)
    scale = -1.0 / lambd
    return store(out, _per_double(out.size, out.dtype, generator, lambda u, m: scale * m.log1p(-u)))


def _continuous(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fV":
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtype}"
        )


def cauchy_(out: Array, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None) -> Array:
    """Fill ``out`` with ``median + sigma tan(pi (u - 1/2))``: ``Tensor.cauchy_``.

    Raises:
        RuntimeError: ``sigma`` is not positive, or ``out`` not floating point.
    """
    median, sigma = float(median), float(sigma)
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    _continuous("Cauchy", out.dtype)
    if out.size == 0:
        return out

    def draw(u: Array, m: Any) -> Any:
        return random_normal.fma64(m.tan(math.pi * (u - 0.5)), sigma, median)

    return store(out, _per_double(out.size, out.dtype, generator, draw))


def geometric_(out: Array, p: float, generator: Generator | None = None) -> Array:
    """Fill ``out`` with the trial of the first success: ``Tensor.geometric_``.

    That is ``ceil(log u / log(1 - p))`` for uniform ``u``.

    Args:
        out: array of numbers.
        p: the chance of success, in (0, 1).
        generator: None for the default one.

    Raises:
        RuntimeError: ``p`` out of range.
        NotImplementedError: ``out`` is a bool array.
    """
    p = float(p)
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if out.size == 0:
        return out
    if out.dtype == np.bool_:
        raise NotImplementedError("'geometric_cpu' not implemented for 'Bool'; fill an integer array")
    scale = math.log1p(-p)
    return store(out, _per_double(out.size, out.dtype, generator, lambda u, m: np.ceil(m.log(u) / scale)))
