"""Bernoulli draws, dropout masks, counts and choices; ``random`` re-exports them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_hw.kernels.generator import Generator, default_generator
from tinygrad_hw.kernels.random_continuous import exponential_
from tinygrad_hw.kernels.random_layout import (
    Array,
    Shape,
    as_shape,
    floating,
    kind_of,
    memory_order,
    pieces,
    store,
)

__all__ = [
    "bernoulli",
    "bernoulli_",
    "dropout_mask",
    "feature_dropout_mask",
    "multinomial",
    "poisson",
]

_TOP = np.uint32(0x1FFFFF)  # the bits of a float64 uniform that come from the first word
_f4, _f8 = np.dtype(np.float32), np.dtype(np.float64)


# -- chance ---------------------------------------------------------------------------------------


def _chance(n: int, p: float, g: Generator) -> Array:
    """Return ``u < p`` for ``n`` float64 uniforms; the lock is held.

    ``u`` is a 53-bit integer k over 2**53, so this is ``k < ceil(p 2**53)``, which the 21 bits of k
    from the first word of a pair decide but for one case in two million.
    """
    high, low = divmod(math.ceil(p * 2.0**53), 2**32)
    limit = np.uint32(high)
    out = np.empty(n, np.bool_)
    for i, j in pieces(n):
        pairs = g.words(2 * (j - i))
        top = pairs[0::2] & _TOP
        np.less(top, limit, out=out[i:j])
        tied = top == limit
        if tied.any():
            tie = np.flatnonzero(tied)
            out[i + tie] = pairs[2 * tie + 1] < np.uint32(low)
    return out


def _chances(p: Array, g: Generator) -> Array:
    """Return ``u < p`` for every entry of a floating-point ``p``, in C order; the lock is held."""
    flat = np.ascontiguousarray(p).reshape(-1)
    if p.dtype == _f8:
        return g.doubles(p.size) < flat
    return g.floats(p.size) < flat.astype(_f4)


def bernoulli_(out: Array, p: float | Array = 0.5, generator: Generator | None = None) -> Array:
    """Fill ``out`` with ones by chance ``p``, else zeros: ``Tensor.bernoulli_``.

    Args:
        out: array of any dtype.
        p: a number, or a floating-point array that broadcasts to ``out``.
        generator: None for the default one.

    Returns:
        ``out``.

    Raises:
        RuntimeError: ``p`` outside [0, 1].
        NotImplementedError: ``p`` is an array of integers.
    """
    g = generator or default_generator
    if not isinstance(p, np.ndarray):
        p = float(p)
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        with g.lock:
            return store(out, _chance(out.size, p, g))
    if out.size == 0:
        return out
    floating("bernoulli_tensor_cpu_p_", p.dtype)
    if not (p.min() >= 0 and p.max() <= 1):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1: bernoulli takes chances from 0 to 1")
    with g.lock:
        chances = np.broadcast_to(p, out.shape).transpose(memory_order(out))
        return store(out, _chances(chances, g))


def bernoulli(input: Array, p: float | None = None, generator: Generator | None = None) -> Array:
    """Return ones by the chances in ``input`` (or ``p``), else zeros: ``torch.bernoulli``.

    Args:
        input: floating-point array of chances; with ``p``, any array, whose shape and dtype count.
        p: one chance for all elements.
        generator: None for the default one.

    Example:
        >>> bernoulli(np.full(4, 0.5, np.float32), generator=Generator().manual_seed(0))
        array([1., 0., 1., 1.], dtype=float32)
    """
    return bernoulli_(np.empty(input.shape, input.dtype), input if p is None else p, generator)


def dropout_mask(input: Array | Shape, p: float = 0.5, generator: Generator | None = None) -> Array:
    """Return which elements dropout keeps: the mask of ``F.dropout`` and ``F.alpha_dropout``.

    An element is kept with chance ``1 - p``. As in PyTorch, ``p`` of exactly 0 or 1 draws nothing.

    Args:
        input: the array to be masked (its order in memory counts), or a shape.
        p: the chance to be dropped.
        generator: None for the default one.

    Returns:
        bool array, laid out as ``input``.

    Raises:
        ValueError: ``p`` outside [0, 1].

    Example:
        >>> dropout_mask(4, 0.5, Generator().manual_seed(0))
        array([False, False,  True, False])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if isinstance(input, np.ndarray):
        out = np.empty_like(input, np.bool_, order="K", subok=False)
    else:
        out = np.empty(as_shape(input), np.bool_)
    if p in (0.0, 1.0):
        out[...] = p == 0.0
        return out
    return bernoulli_(out, 1.0 - p, generator)


def feature_dropout_mask(shape: Sequence[int], p: float = 0.5, generator: Generator | None = None) -> Array:
    """Return which channels are kept: the mask of ``F.dropout1d/2d/3d``, ``feature_alpha_dropout``.

    Args:
        shape: of the input, ``(N, C, ...)``.
        p: the chance to be dropped.
        generator: None for the default one.

    Returns:
        bool array ``(N, C, 1, ...)``.

    Raises:
        RuntimeError: fewer than 2 dimensions.
    """
    if len(shape) < 2:
        raise RuntimeError(f"Feature dropout requires at least 2 dimensions in the input, got shape {tuple(shape)}")
    return dropout_mask((*shape[:2], *(1,) * (len(shape) - 2)), p, generator)


# -- counts and choices ---------------------------------------------------------------------------


class _Doubles:
    """Float64 uniforms one at a time, for draws of unknown length; the lock is held."""

    def __init__(self, g: Generator) -> None:
        self._g = g
        self._block: list[float] = []
        self._used = 0

    def __call__(self) -> float:
        if self._used == len(self._block):
            self._start = self._g.key()
            self._block = self._g.doubles(256).tolist()
            self._used = 0
        self._used += 1
        return self._block[self._used - 1]

    def close(self) -> None:
        """Put the stream after the last number handed out."""
        if self._used < len(self._block):
            self._g.rewind(self._start, 2 * self._used)


def _poisson_one(rate: float, uniform: Callable[[], float]) -> int:
    """Return a Poisson count: products of uniforms for small rates, else Hoermann's PTRS (1993)."""
    if rate == 0.0:
        return 0
    if rate < 10.0:
        limit, product, count = math.exp(-rate), 1.0, 0
        while True:
            product *= uniform()
            if product <= limit:
                return count
            count += 1
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us <= 0.0:
            continue
        count = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        left = (math.log(v) if v > 0.0 else -math.inf) + math.log(inverse_alpha)
        if left - math.log(a / (us * us) + b) <= -rate + count * log_rate - math.lgamma(count + 1):
            return count


def poisson(input: Array, generator: Generator | None = None) -> Array:
    """Return Poisson counts of the rates in ``input``: ``torch.poisson``.

    Args:
        input: floating-point array of rates, not negative.
        generator: None for the default one.

    Returns:
        array of the same shape and dtype.

    Raises:
        RuntimeError: a negative rate.
        NotImplementedError: ``input`` is not floating point.

    Example:
        >>> poisson(np.full(4, 3.0, np.float32), Generator().manual_seed(0))
        array([6., 3., 2., 3.], dtype=float32)
    """
    dtype = floating("poisson_cpu", input.dtype)
    if input.size and not input.min() >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    rates = input.reshape(-1).astype(_f8).tolist()
    g = generator or default_generator
    with g.lock:
        uniform = _Doubles(g)
        counts = [_poisson_one(rate, uniform) for rate in rates]
        uniform.close()
    return np.array(counts, _f8).astype(dtype).reshape(input.shape)


def multinomial(
    input: Array,
    num_samples: int,
    replacement: bool = False,
    generator: Generator | None = None,
) -> Array:
    """Return indices drawn by the weights in each row of ``input``: ``torch.multinomial``.

    With replacement, each draw looks a uniform up in the row's running sum. Without (or for one
    sample), the indices of the largest ``w / e`` are taken, ``e`` exponential: the order of arrival
    of Poisson processes with these rates.

    Args:
        input: floating-point array (n,) or (m, n) of weights, which need not sum to one.
        num_samples: draws per row, at least 1; at most n without replacement.
        replacement: whether an index can be drawn again.
        generator: None for the default one.

    Returns:
        int64 array (num_samples,) or (m, num_samples).

    Raises:
        RuntimeError: weights that are negative, infinite, NaN or sum to zero; a wrong number of
            dimensions or samples.

    Example:
        >>> weights = np.array([0.0, 10.0, 3.0, 0.0], np.float32)
        >>> multinomial(weights, 2, generator=Generator().manual_seed(0))
        array([1, 2])
    """
    kind = kind_of(input.dtype)
    if kind is None or not kind.digits:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    if input.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got shape {input.shape}")
    n = input.shape[-1]
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got num_samples={num_samples}")
    if not replacement and num_samples > n:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {num_samples} > {n}"
        )
    if n > 2**24:
        raise RuntimeError(f"number of categories cannot exceed 2^24, got {n}")
    shape = (*input.shape[:-1], num_samples)
    if math.prod(shape) == 0:
        return np.empty(shape, np.int64)
    if n and not (input.max() < np.inf and input.min() >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not n or (input.sum(-1, dtype=np.float64) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and num_samples > 1:
        return _with_replacement(input.reshape(-1, n), num_samples, generator).reshape(shape)
    arrival = exponential_(np.empty_like(input, order="K", subok=False), 1.0, generator)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        score = input / arrival
    if num_samples == 1:
        return np.asarray(score.argmax(-1, keepdims=True))
    return np.argsort(-score, axis=-1, kind="stable")[..., :num_samples]


def _with_replacement(weights: Array, num_samples: int, generator: Generator | None) -> Array:
    """Return ``num_samples`` indices for each row of ``weights``."""
    g = generator or default_generator
    with g.lock:
        uniforms = g.doubles(weights.shape[0] * num_samples).reshape(-1, num_samples)
    wide = weights.astype(_f4) if weights.dtype.itemsize == 2 else weights
    total = np.cumsum(wide, axis=-1, dtype=wide.dtype)
    total /= total[:, -1:].copy()
    total[:, -1] = 1.0
    return np.stack([np.searchsorted(t, u) for t, u in zip(total, uniforms, strict=True)])
