"""Resizing images with a filter that grows with the factor: ``interpolate(..., antialias=True)``.

An output pixel is a weighted mean of the input pixels under the filter, which is stretched where images get smaller.
Rows and columns are combined separately, each by a matrix of weights. Images of bytes are computed in integers, as
PyTorch computes them: columns first, each pass rounded to bytes.

Source: the definition of PIL's ``Image.resize``; Keys, "Cubic Convolution Interpolation for Digital Image Processing"
(1981), with a = -1/2; Duchon, "Lanczos Filtering in One and Two Dimensions" (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import array_of
from tinygrad_hw.autograd.op import op

__all__ = ["resize_bytes", "resize_smooth"]


def _triangle(x: Any) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: Any) -> Any:
    d = np.abs(x)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _lanczos(x: Any) -> Any:
    return np.where((x >= -3) & (x < 3), np.sinc(x) * np.sinc(x / 3), 0)


#: The filters, and how far they reach on both sides.
FILTERS = {"bilinear": (_triangle, 1), "bicubic": (_cubic, 2), "lanczos": (_lanczos, 3)}


def _weights(mode: str, n: int, out: int, factor: float | None, align: bool) -> Any:
    """Return the weights, (out, n); each row sums to 1."""
    if n == out:  # whatever the factor
        return np.eye(n)
    shape, reach = FILTERS[mode]
    step = 1 / factor if factor else n / out
    if align:
        step = (n - 1) / (out - 1) if out > 1 else 0.0
    wide = max(step, 1.0)
    center = step * (np.arange(out) + 0.5)
    first = np.maximum((center - reach * wide + 0.5).astype(np.int64), 0)
    last = np.minimum((center + reach * wide + 0.5).astype(np.int64), n)
    at = np.arange(n)
    matrix = shape((at - center[:, None] + 0.5) / wide)
    matrix = np.where((at >= first[:, None]) & (at < last[:, None]), matrix, 0)
    return matrix / matrix.sum(1, keepdims=True)


def _in_bytes(x: Any, matrix: Any) -> Any:
    """Combine the last dimension of bytes in integers, with the weights in as many bits as fit 16."""
    bits = 0
    while bits < 22 and int(0.5 + matrix.max() * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = matrix * (1 << bits)
    weights = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int64)
    total = np.matmul(x.astype(np.int64), weights.T) + (1 << (bits - 1))
    return np.clip(total >> bits, 0, 255).astype(np.uint8)


def _declare(mode: str) -> Any:
    def forward(input: Any, *, rows: Any, columns: Any) -> Any:
        return np.matmul(np.matmul(rows, input), columns.T)

    return op(
        f"interpolate_{mode}_smooth",
        forward,
        node_name=f"Upsample{mode.title()}2DAaBackward0",
        input=lambda g, rows, columns: _OPS[mode](g, rows=rows.T, columns=columns.T),
    )


def _bytes_forward(input: Any, *, rows: Any, columns: Any) -> Any:
    return _in_bytes(_in_bytes(input, columns).mT, rows).mT


#: Images of bytes by weights, which have no gradient.
resize_bytes = op(
    "interpolate_bytes", _bytes_forward, doc="Images of bytes combined by weights for rows and columns, in integers."
)

_OPS: dict[str, Any] = {mode: _declare(mode) for mode in FILTERS}


def resize_smooth(
    input: Any, mode: str, out: Sequence[int], factors: Sequence[float | None], align_corners: bool
) -> Any:
    """Return (N, C, H, W) images in another size."""
    kind = array_of(input).dtype
    if kind not in (np.float32, np.float64, np.uint8):
        raise NotImplementedError(
            f"interpolate: antialias=True is not implemented for {dtypes.from_numpy(kind)}; it is for float32, float64 "
            "and uint8. Convert it with .float()"
        )
    sizes = zip(input.shape[2:], out, factors, strict=True)
    rows, columns = (_weights(mode, *s, align_corners) for s in sizes)
    if kind == np.uint8:
        return resize_bytes(input, rows=rows, columns=columns)
    rows, columns = rows.astype(kind), columns.astype(kind)
    return _OPS[mode](input, rows=rows, columns=columns)
