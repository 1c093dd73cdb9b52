"""Turning the colours of images around the colour circle.

Shapes: x and out (N, 3, H, W), C-contiguous, float32 or float64, levels 0 to 1; shifts (N,) float64, in turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiles, kernel

#: numba's compiler finds its own ``prange`` under this name once it is imported (see ``runtime``).
prange = range

__all__ = ["turn_hue", "turn_hue_reference"]


def turn_hue_reference(x: Any, shifts: Any) -> Any:
    """The definition: hue and back, keeping the largest level of a pixel and the spread of its three."""
    value = x.max(1)
    spread = value - x.min(1)
    r, g, b = x[:, 0], x[:, 1], x[:, 2]
    safe = np.where(spread == 0, x.dtype.type(1), spread)
    # Sixths of the circle: red at 0, green at 2, blue at 4.
    sixths = np.where(value == r, (g - b) / safe, np.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    sixths = sixths + 6 * np.asarray(shifts, x.dtype)[:, None, None]
    out = np.empty_like(x)
    for i, n in enumerate((5, 3, 1)):
        k = np.mod(n + sixths, 6)
        out[:, i] = value - spread * np.clip(np.minimum(k, 4 - k), 0, 1)
    return out


@kernel(parallel=True)
def _turn_hue(x: Any, shifts: Any, out: Any, planes: int, size: int) -> None:
    for i in prange(planes):
        turn = 6 * shifts[i]
        at = i * 3 * size
        for p in range(at, at + size):
            r, g, b = x[p], x[p + size], x[p + 2 * size]
            value = max(r, g, b)
            spread = value - min(r, g, b)
            sixths = turn
            if spread > 0:
                if value == r:
                    sixths += (g - b) / spread
                elif value == g:
                    sixths += 2 + (b - r) / spread
                else:
                    sixths += 4 + (r - g) / spread
            for j in range(3):
                k = 5 - 2 * j + sixths
                k -= 6 * np.floor(k / 6)
                out[p + j * size] = value - spread * max(min(k, 4 - k, 1.0), 0.0)


def turn_hue(x: Any, shifts: Any) -> Any:
    """Return images whose hues are turned, each by its own shift.

    Args:
        x: (N, 3, H, W), red, green and blue, 0 to 1.
        shifts: (N,), in turns: 1/3 makes red green, green blue and blue red.

    Returns:
        (N, 3, H, W) of the dtype of ``x``.

    Example:
        >>> import numpy as np
        >>> red = np.array([1.0, 0, 0]).reshape(1, 3, 1, 1)
        >>> turn_hue(red, np.array([1 / 3])).ravel().round(6).tolist()
        [0.0, 1.0, 0.0]
    """
    shifts = np.ascontiguousarray(shifts, np.float64)
    if not compiles(x) or not x.size:
        return turn_hue_reference(x, shifts)
    out = np.empty_like(x)
    n, _, h, w = x.shape
    _turn_hue(x.reshape(-1), shifts, out.reshape(-1), n, h * w, work=8 * x.size)
    return out
