"""Gamma, Dirichlet and binomial draws, from PyTorch's stream.

Each draw takes an unforeseen number of uniforms. So a loop is handed a block of them and writes down as many draws
as it can finish; the stream is then put back behind the last uniform used. The same loops run compiled, or
interpreted on plain lists for a few draws and where numba is missing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.generator import Generator, default_generator
from tinygrad_hw.kernels.random_layout import Array, floating
from tinygrad_hw.kernels.runtime import Kernel, compiled_kernels, kernel

__all__ = ["binomial", "sample_dirichlet", "standard_gamma"]

#: Draws from which the compiled loops pay.
_COMPILED = 256

#: Constants that PyTorch holds in float32.
_THIRD = np.float32(1.0 / 3.0)
_SQUEEZE = float(np.float32(0.0331))


@kernel(exact=True)
def _gamma_loop(
    shape: Any, d: Any, exponent: Any, uniform: Any, out: Any, start: int, spare: float, has_spare: bool
) -> Any:
    """Marsaglia and Tsang's rejection; returns (draws finished, uniforms used, spare normal, whether there is one)."""
    used = 0
    limit = len(uniform)
    for i in range(start, len(out)):
        if shape[i] == 0.0:
            out[i] = 0.0
            continue
        if not d[i] > 0.0:
            out[i] = math.nan
            continue
        u, kept, has_kept = used, spare, has_spare
        scale = 1.0
        if shape[i] < 1.0:
            if u >= limit:
                return i, used, spare, has_spare
            scale = math.pow(1.0 - uniform[u], exponent[i])
            u += 1
        c = 1.0 / math.sqrt(9.0 * d[i])
        while True:
            if has_kept:
                x = kept
                has_kept = False
            else:
                if u + 1 >= limit:
                    return i, used, spare, has_spare
                r = math.sqrt(-2.0 * math.log1p(-uniform[u + 1]))
                theta = 2.0 * math.pi * uniform[u]
                u += 2
                x = r * math.cos(theta)
                kept = r * math.sin(theta)
                has_kept = True
            y = 1.0 + c * x
            if y <= 0.0:
                continue
            v = y * y * y
            if u >= limit:
                return i, used, spare, has_spare
            w = 1.0 - uniform[u]
            u += 1
            square = x * x
            if w < 1.0 - _SQUEEZE * square * square:
                break
            if math.log(w) < 0.5 * square + d[i] * (1.0 - v + math.log(v)):
                break
        out[i] = scale * d[i] * v
        used, spare, has_spare = u, kept, has_kept
    return len(out), used, spare, has_spare


#: log k! minus Stirling's (k + 1/2) log(k + 1) - (k + 1) + log sqrt(2 pi), for small k.
_TAIL = tuple(
    math.lgamma(k + 1.0) - ((k + 0.5) * math.log(k + 1.0) - (k + 1.0) + 0.5 * math.log(2.0 * math.pi))
    for k in range(10)
)


@kernel(exact=True)
def _binomial_loop(count: Any, chance: Any, uniform: Any, out: Any, start: int, tail: Any) -> Any:
    """Gaps between successes for few of them, else Hoermann's BTRS; returns (draws finished, uniforms used)."""
    used = 0
    limit = len(uniform)
    near = np.zeros(4)
    for i in range(start, len(out)):
        n, p = count[i], chance[i]
        if not p <= 1.0 and not p > 1.0:
            out[i] = math.nan
            continue
        if n <= 0.0 or p <= 0.0:
            out[i] = 0.0
            continue
        if p >= 1.0:
            out[i] = n
            continue
        q = p if p <= 0.5 else 1.0 - p
        u = used
        k = 0.0
        if n * q < 10.0:
            log_miss = math.log1p(-q)
            gaps = 0.0
            while True:
                if u >= limit:
                    return i, used
                w = uniform[u]
                u += 1
                if w == 0.0:
                    break
                gaps += math.ceil(math.log(w) / log_miss)
                if gaps > n:
                    break
                k += 1.0
        else:
            root = math.sqrt(n * q * (1.0 - q))
            b = 1.15 + 2.53 * root
            a = -0.0873 + 0.0248 * b + 0.01 * q
            c = n * q + 0.5
            v_r = 0.92 - 4.2 / b
            r = q / (1.0 - q)
            alpha = (2.83 + 5.1 / b) * root
            m = math.floor((n + 1.0) * q)
            while True:
                if u + 1 >= limit:
                    return i, used
                w = uniform[u] - 0.5
                v = uniform[u + 1]
                u += 2
                us = 0.5 - abs(w)
                if us <= 0.0:
                    continue
                k = math.floor((2.0 * a / us + b) * w + c)
                if k < 0.0 or k > n:
                    continue
                if us >= 0.07 and v <= v_r:
                    break
                v = math.log(v * alpha / (a / (us * us) + b)) if v > 0.0 else -math.inf
                near[0], near[1], near[2], near[3] = m, n - m, k, n - k
                for j in range(4):
                    t = near[j]
                    if t <= 9.0:
                        near[j] = tail[int(t)]
                    else:
                        s = (t + 1.0) * (t + 1.0)
                        near[j] = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / s) / s) / (t + 1.0)
                bound = (
                    (m + 0.5) * math.log((m + 1.0) / (r * (n - m + 1.0)))
                    + (n + 1.0) * math.log((n - m + 1.0) / (n - k + 1.0))
                    + (k + 0.5) * math.log(r * (n - k + 1.0) / (k + 1.0))
                    + near[0]
                    + near[1]
                    - near[2]
                    - near[3]
                )
                if v <= bound:
                    break
        out[i] = k if p <= 0.5 else n - k
        used = u
    return len(out), used


def _drive(loop: Kernel, inputs: tuple[Array, ...], g: Generator, *state: Any, per_draw: int) -> tuple[Array, Any]:
    """Hand blocks of uniforms to ``loop`` until every draw is finished; the lock is held."""
    n = inputs[0].size
    out: Any = np.empty(n)
    fast = n >= _COMPILED and compiled_kernels()
    run: Any = loop if fast else loop.function
    held: Any = inputs
    if not fast:
        held, out = tuple(a.tolist() for a in inputs), [0.0] * n
    done, block = 0, 64
    while done < n:
        block = max(block, min(per_draw * (n - done), 65536))
        key = g.key()
        uniform: Any = g.doubles(block)
        finished, used, *state_now = run(*held, uniform if fast else uniform.tolist(), out, done, *state)
        if loop is _gamma_loop:
            state = tuple(state_now)
        g.rewind(key, 2 * used)
        # A single draw may need more than a block.
        block = 2 * block if finished == done else 64
        done = finished
    return np.asarray(out), state


def _gamma(shape: Array, g: Generator) -> Array:
    """Return float64 gamma draws of a flat array of shapes, rounded on the way as its dtype is."""
    boosted = np.where(shape < 1, shape + shape.dtype.type(1), shape)
    d = (boosted - shape.dtype.type(_THIRD)).astype(np.float64)
    exponent = np.divide(1, shape, out=np.ones_like(shape), where=shape != 0).astype(np.float64)
    with g.lock:
        spare = g._normal
        inputs = (shape.astype(np.float64), d, exponent)
        state = (0.0 if spare is None else spare, spare is not None)
        draws, (kept, has_kept) = _drive(_gamma_loop, inputs, g, *state, per_draw=4)
        g._normal = float(kept) if has_kept else None
    return draws


def standard_gamma(input: Array, generator: Generator | None = None) -> Array:
    """Return gamma draws of rate 1 with the shape parameters in ``input``: ``torch._standard_gamma``.

    Args:
        input: floating-point array, not negative.
        generator: None for the default one.

    Returns:
        array of the same shape and dtype; no element is smaller than the dtype's least normal number.

    Raises:
        NotImplementedError: ``input`` is not floating point.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
    """
    dtype = floating("_s_gamma_cpu", input.dtype)
    shape = input.reshape(-1)
    draws = _gamma(shape.astype(np.float32) if dtype == np.float16 else shape, generator or default_generator)
    return np.maximum(draws.astype(dtype), np.finfo(dtype).tiny).reshape(input.shape)


def sample_dirichlet(input: Array, generator: Generator | None = None) -> Array:
    """Return Dirichlet draws along the last dimension: ``torch._sample_dirichlet``.

    Args:
        input: floating-point array (..., n) of concentrations.
        generator: None for the default one.

    Returns:
        array of the same shape and dtype, in (0, 1), the last dimension summing to 1.

    Raises:
        NotImplementedError: ``input`` is not floating point.
    """
    dtype = floating("_s_dirichlet_cpu", input.dtype)
    flat = np.ascontiguousarray(input).reshape(-1).astype(np.float64)
    draws = np.maximum(_gamma(flat, generator or default_generator), np.finfo(np.float64).tiny).reshape(input.shape)
    info = np.finfo(dtype)
    share = (draws / draws.sum(-1, keepdims=True)).astype(dtype)
    return np.clip(share, info.tiny, np.nextafter(dtype.type(1), dtype.type(0)))


def binomial(count: Array, prob: Array, generator: Generator | None = None) -> Array:
    """Return binomial counts: ``torch.binomial``.

    Args:
        count: floating-point array of numbers of trials.
        prob: array of chances that broadcasts with ``count``, of its dtype.
        generator: None for the default one.

    Returns:
        array of the broadcast shape and the dtype of ``count``.

    Raises:
        NotImplementedError: ``count`` is not floating point.

    Source: Hoermann, "The generation of binomial random variates" (1993); Kachitvichyanukul and Schmeiser (1988)
    for few expected successes.
    """
    dtype = floating("binomial_cpu", count.dtype)
    counts, chances = np.broadcast_arrays(count, prob)
    g = generator or default_generator
    with g.lock:
        wide = (counts.reshape(-1).astype(np.float64), chances.reshape(-1).astype(np.float64))
        draws, _ = _drive(_binomial_loop, wide, g, np.array(_TAIL), per_draw=4)
    return draws.astype(dtype).reshape(counts.shape)
