"""Scaled dot-product attention, forward and backward, without a matrix of all scores.

    out = softmax(scale q k^T + mask) v

Work goes by tiles of 64 queries and blocks of 64 keys. All intermediate matrices are kept transposed, with the queries
of the tile as their columns: then every loop, of the products and of the softmax, runs over 64 neighbours, and sums
over keys need no horizontal additions. The forward pass keeps a running maximum and sum of each query (Milakov and
Gimelshein, "Online normalizer calculation for softmax", 2018), the backward pass computes the weights anew from
the logarithm of that sum (Dao et al., "FlashAttention", 2022).

Arrays are 4-D, (batch, heads, length, size), float32 or float64, with any strides but a step of one along the last
axis. A head of keys or values may serve several heads of queries.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_hw.kernels.exponential import exp32
from tinygrad_hw.kernels.runtime import compiled_kernels, kernel, workers

__all__ = ["attention", "attention_backward", "attention_backward_reference", "attention_reference"]

prange = range

#: Queries in a tile, which is the distance of rows in all scratch memory, and keys in a block.
TILE = 64

_1, _2, _3, _4 = (np.uint64(i) for i in (1, 2, 3, 4))
_T, _T2, _T3 = (np.uint64(TILE * i) for i in (1, 2, 3))

# -- the definitions -------------------------------------------------------------------------------


def _repeated(x: Any, heads: int) -> Any:
    return x if x.shape[1] == heads else np.repeat(x, heads // x.shape[1], axis=1)


def _weights_reference(q: Any, k: Any, mask: Any, causal: bool, scale: float) -> Any:
    """Return scores (batch, heads, L, S), -inf where hidden."""
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    return scores.astype(q.dtype, copy=False)


def attention_reference(
    q: Any, k: Any, v: Any, mask: Any, keep: Any, causal: bool, scale: float, grow: float = 1.0
) -> tuple[Any, Any]:
    """The definition; see ``attention``."""
    k, v = _repeated(k, q.shape[1]), _repeated(v, q.shape[1])
    scores = _weights_reference(q, k, mask, causal, scale)
    top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    empty = top == -np.inf
    weights = np.exp(scores - np.where(empty, 0, top))
    total = weights.sum(axis=-1, keepdims=True)
    weights = np.where(empty, 0, weights / np.where(empty, 1, total))
    logs = np.where(empty, np.inf, top + np.log(np.where(empty, 1, total)))[..., 0]
    if keep is not None:
        weights = weights * keep * grow
    return np.matmul(weights, v).astype(q.dtype, copy=False), logs.astype(q.dtype, copy=False)


def attention_backward_reference(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    out: Any,
    logs: Any,
    mask: Any,
    keep: Any,
    causal: bool,
    scale: float,
    grow: float = 1.0,
) -> tuple[Any, Any, Any]:
    """The rule; see ``attention_backward``."""
    heads, key_heads, value_heads = q.shape[1], k.shape[1], v.shape[1]
    k, v = _repeated(k, heads), _repeated(v, heads)
    weights = np.exp(_weights_reference(q, k, mask, causal, scale) - logs[..., None])
    along = np.matmul(g, np.swapaxes(v, -1, -2))
    dropped = weights
    if keep is not None:
        along = along * keep * grow
        dropped = weights * keep * grow
    to_scores = weights * (along - (g * out).sum(axis=-1, keepdims=True)) * scale
    to_q = np.matmul(to_scores, k)
    to_k = np.matmul(np.swapaxes(to_scores, -1, -2), q)
    to_v = np.matmul(np.swapaxes(dropped, -1, -2), g)
    return (
        to_q.astype(q.dtype, copy=False),
        _gathered(to_k, key_heads).astype(q.dtype, copy=False),
        _gathered(to_v, value_heads).astype(q.dtype, copy=False),
    )


def _gathered(x: Any, heads: int) -> Any:
    """Sum over the query heads that share a head."""
    b, h, s, e = x.shape
    return x if h == heads else x.reshape(b, heads, h // heads, s, e).sum(axis=2)


# -- loops -----------------------------------------------------------------------------------------


@kernel()
def _product(
    a: Any, at: Any, down: Any, along: Any, rows: Any, inner: Any, b: Any, from_: Any, c: Any, to: Any, width: Any
) -> None:
    """Add A (rows x inner, with steps ``down`` and ``along``) times B (inner x width) to C; B and C have pitch TILE."""
    full_rows, full = rows // _4 * _4, inner // _4 * _4
    for i in range(np.uint64(0), full_rows, _4):
        t = to + i * _T
        a0 = at + i * down
        a1 = a0 + down
        a2 = a1 + down
        a3 = a2 + down
        for k in range(np.uint64(0), full, _4):
            p, r, s = along * k, along * (k + _1), along * (k + _2)
            u = along * (k + _3)
            w00, w01, w02, w03 = a[a0 + p], a[a0 + r], a[a0 + s], a[a0 + u]
            w10, w11, w12, w13 = a[a1 + p], a[a1 + r], a[a1 + s], a[a1 + u]
            w20, w21, w22, w23 = a[a2 + p], a[a2 + r], a[a2 + s], a[a2 + u]
            w30, w31, w32, w33 = a[a3 + p], a[a3 + r], a[a3 + s], a[a3 + u]
            f = from_ + k * _T
            for j in range(width):
                x0, x1, x2, x3 = b[f + j], b[f + j + _T], b[f + j + _T2], b[f + j + _T3]
                c[t + j] += w00 * x0 + w01 * x1 + w02 * x2 + w03 * x3
                c[t + j + _T] += w10 * x0 + w11 * x1 + w12 * x2 + w13 * x3
                c[t + j + _T2] += w20 * x0 + w21 * x1 + w22 * x2 + w23 * x3
                c[t + j + _T3] += w30 * x0 + w31 * x1 + w32 * x2 + w33 * x3
        for k in range(full, inner):
            w0, w1, w2, w3 = a[a0 + along * k], a[a1 + along * k], a[a2 + along * k], a[a3 + along * k]
            f = from_ + k * _T
            for j in range(width):
                x = b[f + j]
                c[t + j] += w0 * x
                c[t + j + _T] += w1 * x
                c[t + j + _T2] += w2 * x
                c[t + j + _T3] += w3 * x
    for i in range(full_rows, rows):
        for k in range(inner):
            w = a[at + i * down + along * k]
            f, t = from_ + k * _T, to + i * _T
            for j in range(width):
                c[t + j] += w * b[f + j]


@kernel()
def _scratch(n: Any, like: Any) -> Any:
    """Return memory for ``n`` elements that begins with a cache line."""
    raw = np.empty(n + 16, like.dtype)
    skip = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[skip : skip + n]


@kernel()
def _scores(
    k: Any, at: Any, step: Any, start: Any, rows: Any, size: Any, qt: Any, s: Any, first: Any, n: Any, width: Any,
    mask: Any, hide: Any, mask_at: Any, mask_down: Any, mask_along: Any, kind: int, causal: bool,
) -> None:  # fmt: skip
    """Write scores (rows of keys, queries) of a block: K Q^T, masked; ``qt`` is scaled."""
    for i in range(rows * _T):
        s[i] = 0
    zero = np.uint64(0)
    _product(k, at + start * step, step, _1, rows, size, qt, zero, s, zero, width)
    if kind == 1:
        for j in range(n):
            m = mask_at + (first + j) * mask_down + start * mask_along
            for r in range(rows):
                s[r * _T + j] += mask[m + r * mask_along]
    elif kind == 2:
        for j in range(n):
            m = mask_at + (first + j) * mask_down + start * mask_along
            for r in range(rows):
                if hide[m + r * mask_along] == 0:
                    s[r * _T + j] = -np.inf
    if causal:
        for r in range(rows):
            if start + r > first:
                last = start + r - first
                last = last if last < width else width
                for j in range(last):
                    s[r * _T + j] = -np.inf


@kernel()
def _transposed(x: Any, at: Any, step: Any, n: Any, size: Any, factor: Any, out: Any, width: Any) -> None:
    """Write n rows of x as columns, times a factor, and zeros up to ``width``."""
    for i in range(n):
        f = at + i * step
        for e in range(size):
            out[e * _T + i] = x[f + e] * factor
    for e in range(size):
        for i in range(n, width):
            out[e * _T + i] = 0


@kernel(parallel=True)
def _forward(
    q: Any, qs: Any, k: Any, ks: Any, v: Any, vs: Any, mask: Any, hide: Any, ms: Any, kind: int, keep: Any,
    dropping: bool, out: Any, os: Any, logs: Any, shape: Any, causal: bool, scale: float, grow: float, workers: int,
) -> None:  # fmt: skip
    batch, heads, length, keys, size, value_size, k_repeat, v_repeat = shape
    tiles = (length + TILE - 1) // TILE
    real = q.dtype.type
    low, zero = real(-np.inf), np.uint64(0)
    e_n, v_n = np.uint64(size), np.uint64(value_size)
    for worker in prange(workers):
        qt = _scratch(size * TILE, q)
        acc = _scratch(value_size * TILE, q)
        s = _scratch(TILE * TILE, q)
        top, total = _scratch(TILE, q), _scratch(TILE, q)
        safe, factor = _scratch(TILE, q), _scratch(TILE, q)
        items = batch * heads * tiles
        for item in range(worker * items // workers, (worker + 1) * items // workers):
            # The tiles with the most keys come first.
            tile, head, example = tiles - 1 - item % tiles, item // tiles % heads, item // (tiles * heads)
            first = np.uint64(tile * TILE)
            n = np.uint64(min(TILE, length - tile * TILE))
            width = (n + np.uint64(15)) // np.uint64(16) * np.uint64(16)
            q_at = np.uint64(example * qs[0] + head * qs[1]) + first * np.uint64(qs[2])
            k_at = np.uint64(example * ks[0] + head // k_repeat * ks[1])
            v_at = np.uint64(example * vs[0] + head // v_repeat * vs[1])
            mask_at = np.uint64(example * ms[0] + head * ms[1])
            row_at = np.uint64((example * heads + head) * length) + first
            _transposed(q, q_at, np.uint64(qs[2]), n, e_n, real(scale), qt, width)
            for j in range(width):
                top[j], total[j] = low, 0
            for i in range(v_n * _T):
                acc[i] = 0
            seen = min(keys, tile * TILE + np.int64(n)) if causal else keys
            for begin in range(0, seen, TILE):
                start, rows = np.uint64(begin), np.uint64(min(TILE, seen - begin))
                _scores(
                    k, k_at, np.uint64(ks[2]), start, rows, e_n, qt, s, first, n, width,
                    mask, hide, mask_at, np.uint64(ms[2]), np.uint64(ms[3]), kind, causal,
                )  # fmt: skip
                for j in range(width):
                    factor[j] = top[j]
                for r in range(rows):
                    for j in range(width):
                        x = s[r * _T + j]
                        top[j] = x if x > top[j] else top[j]
                for j in range(width):
                    safe[j] = top[j] if top[j] > low else real(0)
                    factor[j] = exp32(factor[j] - safe[j]) if q.itemsize == 4 else math.exp(factor[j] - safe[j])
                    total[j] *= factor[j]
                for r in range(rows):
                    for j in range(width):
                        d = s[r * _T + j] - safe[j]
                        p = exp32(d) if q.itemsize == 4 else math.exp(d)
                        s[r * _T + j] = p
                        total[j] += p
                if dropping:
                    for j in range(n):
                        f = (row_at + j) * np.uint64(keys) + start
                        for r in range(rows):
                            s[r * _T + j] *= keep[f + r] * real(grow)
                if begin:
                    for e in range(v_n):
                        for j in range(width):
                            acc[e * _T + j] *= factor[j]
                _product(v, v_at + start * np.uint64(vs[2]), _1, np.uint64(vs[2]), v_n, rows, s, zero, acc, zero, width)
            to = np.uint64(example * os[0] + head * os[1]) + first * np.uint64(os[2])
            for j in range(n):
                # A sum of 0 has seen no key; NaN is neither.
                blind = total[j] == 0
                share = real(0) if blind else real(1) / total[j]
                logs[row_at + j] = real(np.inf) if blind else real(safe[j] + math.log(total[j]))
                for e in range(v_n):
                    out[to + j * np.uint64(os[2]) + e] = acc[e * _T + j] * share


@kernel()
def _rows_of(x: Any, at: Any, step: Any, n: Any, size: Any, factor: Any, out: Any) -> None:
    """Write n rows of x, times a factor, in chunks of TILE columns."""
    for c in range(np.uint64(0), size, _T):
        w = min(_T, size - c)
        for i in range(n):
            f, t = at + i * step + c, c * _T + i * _T
            for e in range(w):
                out[t + e] = x[f + e] * factor
            for e in range(w, _T):
                out[t + e] = 0


@kernel(parallel=True)
def _backward(
    g: Any, gs: Any, q: Any, qs: Any, k: Any, ks: Any, v: Any, vs: Any, y: Any, ys: Any, logs: Any, mask: Any,
    hide: Any, ms: Any, kind: int, keep: Any, dropping: bool, to_q: Any, to_qs: Any, to_k: Any, to_ks: Any, to_v: Any,
    to_vs: Any, shape: Any, parts: int, causal: bool, scale: float, grow: float, workers: int,
) -> None:  # fmt: skip
    batch, heads, length, keys, size, value_size, k_repeat, v_repeat = shape
    tiles = (length + TILE - 1) // TILE
    real = q.dtype.type
    zero = np.uint64(0)
    e_n, v_n = np.uint64(size), np.uint64(value_size)
    chunks, v_chunks = (size + TILE - 1) // TILE, (value_size + TILE - 1) // TILE
    pitch = np.uint64(keys * TILE)
    for worker in prange(workers):
        qt, gt = _scratch(size * TILE, q), _scratch(value_size * TILE, q)
        qr, gr = _scratch(chunks * TILE * TILE, q), _scratch(v_chunks * TILE * TILE, q)
        s, d = _scratch(TILE * TILE, q), _scratch(TILE * TILE, q)
        acc = _scratch(size * TILE, q)
        k_acc, v_acc = _scratch(chunks * keys * TILE, q), _scratch(v_chunks * keys * TILE, q)
        norm, inner = _scratch(TILE, q), _scratch(TILE, q)
        items = batch * heads * parts
        for item in range(worker * items // workers, (worker + 1) * items // workers):
            part, head, example = item % parts, item // parts % heads, item // (parts * heads)
            k_at = np.uint64(example * ks[0] + head // k_repeat * ks[1])
            v_at = np.uint64(example * vs[0] + head // v_repeat * vs[1])
            mask_at = np.uint64(example * ms[0] + head * ms[1])
            for i in range(np.uint64(k_acc.size)):
                k_acc[i] = 0
            for i in range(np.uint64(v_acc.size)):
                v_acc[i] = 0
            for tile in range(part, tiles, parts):
                first = np.uint64(tile * TILE)
                n = np.uint64(min(TILE, length - tile * TILE))
                width = (n + np.uint64(15)) // np.uint64(16) * np.uint64(16)
                q_at = np.uint64(example * qs[0] + head * qs[1]) + first * np.uint64(qs[2])
                g_at = np.uint64(example * gs[0] + head * gs[1]) + first * np.uint64(gs[2])
                y_at = np.uint64(example * ys[0] + head * ys[1]) + first * np.uint64(ys[2])
                row_at = np.uint64((example * heads + head) * length) + first
                _transposed(q, q_at, np.uint64(qs[2]), n, e_n, real(scale), qt, width)
                _transposed(g, g_at, np.uint64(gs[2]), n, v_n, real(1), gt, width)
                _rows_of(q, q_at, np.uint64(qs[2]), n, e_n, real(scale), qr)
                _rows_of(g, g_at, np.uint64(gs[2]), n, v_n, real(1), gr)
                for j in range(n):
                    norm[j] = logs[row_at + j]
                    f, h = g_at + j * np.uint64(gs[2]), y_at + j * np.uint64(ys[2])
                    along = real(0)
                    for e in range(v_n):
                        along += g[f + e] * y[h + e]
                    inner[j] = along
                for j in range(n, width):
                    norm[j], inner[j] = np.inf, 0
                for i in range(e_n * _T):
                    acc[i] = 0
                seen = min(keys, tile * TILE + np.int64(n)) if causal else keys
                for begin in range(0, seen, TILE):
                    start, rows = np.uint64(begin), np.uint64(min(TILE, seen - begin))
                    _scores(
                        k, k_at, np.uint64(ks[2]), start, rows, e_n, qt, s, first, n, width,
                        mask, hide, mask_at, np.uint64(ms[2]), np.uint64(ms[3]), kind, causal,
                    )  # fmt: skip
                    for i in range(rows * _T):
                        d[i] = 0
                    _product(
                        v, v_at + start * np.uint64(vs[2]), np.uint64(vs[2]), _1, rows, v_n, gt, zero, d, zero, width
                    )
                    for r in range(rows):
                        for j in range(width):
                            x = s[r * _T + j] - norm[j]
                            s[r * _T + j] = exp32(x) if q.itemsize == 4 else math.exp(x)
                    if dropping:
                        for j in range(n):
                            f = (row_at + j) * np.uint64(keys) + start
                            for r in range(rows):
                                m, p = keep[f + r] * real(grow), s[r * _T + j]
                                d[r * _T + j] = p * (d[r * _T + j] * m - inner[j])
                                s[r * _T + j] = p * m
                    else:
                        for r in range(rows):
                            for j in range(width):
                                d[r * _T + j] = s[r * _T + j] * (d[r * _T + j] - inner[j])
                    for c in range(np.uint64(v_chunks)):
                        w = min(_T, v_n - c * _T)
                        w = (w + np.uint64(15)) // np.uint64(16) * np.uint64(16)
                        _product(s, zero, _T, _1, rows, n, gr, c * _T * _T, v_acc, c * pitch + start * _T, w)
                    for c in range(np.uint64(chunks)):
                        w = min(_T, e_n - c * _T)
                        w = (w + np.uint64(15)) // np.uint64(16) * np.uint64(16)
                        _product(d, zero, _T, _1, rows, n, qr, c * _T * _T, k_acc, c * pitch + start * _T, w)
                    _product(
                        k, k_at + start * np.uint64(ks[2]), _1, np.uint64(ks[2]), e_n, rows, d, zero, acc, zero, width
                    )
                to = np.uint64(example * to_qs[0] + head * to_qs[1]) + first * np.uint64(to_qs[2])
                for j in range(n):
                    for e in range(e_n):
                        to_q[to + j * np.uint64(to_qs[2]) + e] = acc[e * _T + j] * real(scale)
            to = np.uint64((part * batch + example) * to_ks[0] + head * to_ks[1])
            for c in range(np.uint64(0), e_n, _T):
                for r in range(np.uint64(keys)):
                    for e in range(min(_T, e_n - c)):
                        to_k[to + r * np.uint64(to_ks[2]) + c + e] = k_acc[c * np.uint64(keys) + r * _T + e]
            to = np.uint64((part * batch + example) * to_vs[0] + head * to_vs[1])
            for c in range(np.uint64(0), v_n, _T):
                for r in range(np.uint64(keys)):
                    for e in range(min(_T, v_n - c)):
                        to_v[to + r * np.uint64(to_vs[2]) + c + e] = v_acc[c * np.uint64(keys) + r * _T + e]


# -- the kernels -----------------------------------------------------------------------------------


def _flat(x: Any) -> tuple[Any, tuple[int, ...]]:
    """Return the memory that an array looks at as one row, and the array's steps in elements."""
    size = x.itemsize
    if not x.flags.c_contiguous and (
        x.strides[-1] != size or min(x.strides) < 0 or not x.flags.writeable or any(step % size for step in x.strides)
    ):
        x = np.ascontiguousarray(x)
    steps = tuple(step // size for step in x.strides)
    if x.flags.c_contiguous:
        return x.reshape(-1), steps
    span = 1 + sum((n - 1) * step for n, step in zip(x.shape, steps, strict=True))
    return as_strided(x, (span,), (size,)), steps


def _like(x: Any, b: int, h: int, n: int, e: int) -> tuple[Any, Any, tuple[int, int, int]]:
    """Return a new (b, h, n, e), flat, and its steps; with interleaved heads (free to join) if x has them."""
    if x.strides[2] > x.strides[1]:
        memory = np.empty((b, n, h, e), x.dtype)
        return memory.transpose(0, 2, 1, 3), memory.reshape(-1), (n * h * e, e, h * e)
    memory = np.empty((b, h, n, e), x.dtype)
    return memory, memory.reshape(-1), (h * n * e, n * e, e)


def _masks(mask: Any, shape: tuple[int, ...], dtype: Any) -> tuple[Any, Any, tuple[int, ...], int]:
    """Return numbers to add, bools to look at, their steps, and which of both counts (0: none)."""
    nothing, none = np.empty(1, dtype), np.empty(1, np.uint8)
    if mask is None:
        return nothing, none, (0, 0, 0, 0), 0
    is_bool = mask.dtype == np.bool_
    mask = np.ascontiguousarray(mask.view(np.uint8) if is_bool else mask.astype(dtype, copy=False))
    wide = np.broadcast_to(mask, shape)
    steps = tuple(step // mask.itemsize for step in wide.strides)
    return (nothing, mask.reshape(-1), steps, 2) if is_bool else (mask.reshape(-1), none, steps, 1)


def _work(shape: tuple[int, ...], dtype: Any, products: int) -> float:
    """Return about how many ns all products and exponentials take on one core."""
    batch, heads, length, keys, size = shape
    scores = batch * heads * length * keys
    return scores * (products * size / 80 + 1) * (1 if dtype == np.float32 else 4)


def attention(
    q: Any, k: Any, v: Any, mask: Any, keep: Any, causal: bool, scale: float, grow: float = 1.0
) -> tuple[Any, Any]:
    """Return softmax(scale q k^T + mask) v, without a matrix of all scores.

    Args:
        q: (B, H, L, E).
        k: (B, K, S, E); heads of queries share those of keys if K divides H.
        v: (B, V, S, F).
        mask: broadcastable to (B, H, L, S): bool, False hides, or numbers that are added; or None.
        keep: (B, H, L, S) bool, False drops a weight; or None.
        causal: hide keys behind the query's own position.
        scale: factor of the scores.
        grow: factor of the weights that are kept.

    Returns:
        (B, H, L, F), zeros for a query that sees no key, and the logarithms of the sums of exponentials (B, H, L),
        infinity for such a query.
    """
    if not compiled_kernels():
        return attention_reference(q, k, v, mask, keep, causal, scale, grow)
    b, h, length, e = q.shape
    s, f = v.shape[2:]
    out, memory, steps = _like(q, b, h, length, f)
    logs = np.empty((b, h, length), q.dtype)
    if not out.size and not logs.size:
        return out, logs
    work = _work((b, h, length, s, e), q.dtype, 2)
    count = workers(work)
    _forward(
        *_flat(q), *_flat(k), *_flat(v), *_masks(mask, (b, h, length, s), q.dtype), _kept(keep), keep is not None,
        memory, steps, logs.reshape(-1), (b, h, length, s, e, f, h // k.shape[1], h // v.shape[1]), causal,
        float(scale), float(grow), count, work=work,
    )  # fmt: skip
    return out, logs


def _kept(keep: Any) -> Any:
    return np.empty(1, np.uint8) if keep is None else np.ascontiguousarray(keep).view(np.uint8).reshape(-1)


def attention_backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, logs: Any, mask: Any, keep: Any, causal: bool, scale: float,
    grow: float = 1.0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return the gradients of ``attention`` with respect to q, k and v.

    Args:
        g: (B, H, L, F), the incoming gradient.
        q: as for ``attention``; so are all others but:
        k: (B, K, S, E).
        v: (B, V, S, F).
        out: the result of ``attention``.
        logs: its second result.
        mask: see there.
        keep: see there.
        causal: see there.
        scale: see there.
        grow: see there.
    """
    if not compiled_kernels():
        return attention_backward_reference(g, q, k, v, out, logs, mask, keep, causal, scale, grow)
    b, h, length, e = q.shape
    s, f = v.shape[2:]
    to_q, memory_q, steps_q = _like(q, b, h, length, e)
    if not b * h * length * s:
        return np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    # Few heads are split, so that there is work for several threads; the same way whatever their number.
    parts = min(-(-length // TILE), -(-8 // (b * h)))
    to_k, memory_k, steps_k = _like(k, parts * b, h, s, e)
    to_v, memory_v, steps_v = _like(v, parts * b, h, s, f)
    work = _work((b, h, length, s, e), q.dtype, 5)
    count = workers(work)
    _backward(
        *_flat(g), *_flat(q), *_flat(k), *_flat(v), *_flat(out), logs.reshape(-1),
        *_masks(mask, (b, h, length, s), q.dtype), _kept(keep), keep is not None, memory_q, steps_q, memory_k, steps_k,
        memory_v, steps_v, (b, h, length, s, e, f, h // k.shape[1], h // v.shape[1]), parts, causal, float(scale),
        float(grow), count, work=work,
    )  # fmt: skip
    if parts > 1:
        to_k = to_k.reshape(parts, b, h, s, e).sum(axis=0)
        to_v = to_v.reshape(parts, b, h, s, f).sum(axis=0)
    return to_q, _gathered(to_k, k.shape[1]), _gathered(to_v, v.shape[1])
