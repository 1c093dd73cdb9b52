"""Affine maps of images: each output pixel looks up where it comes from.

Shapes: x (N, C, H, W), C-contiguous, float32, float64 or uint8; matrices (N, 6) float64; out (N, C, OH, OW). Output
pixel (x, y), measured from the image's centre, shows the input at (a x + b y + c, d x + e y + f) from its centre.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw.kernels.runtime import compiled_kernels, kernel

#: numba's compiler finds its own ``prange`` under this name once it is imported (see ``runtime``).
prange = range

__all__ = ["warp", "warp_reference"]


def warp_reference(x: Any, matrices: Any, size: tuple[int, int], bilinear: bool, fill: Any) -> Any:
    """The definition, image by image, with all pixels of one at once."""
    (n, c, h, w), (oh, ow) = x.shape, size
    out = np.empty((n, c, oh, ow), x.dtype)
    ys, xs = np.meshgrid(np.arange(oh) + 0.5 - oh / 2, np.arange(ow) + 0.5 - ow / 2, indexing="ij")
    for i, m in enumerate(matrices):
        sx = m[0] * xs + m[1] * ys + (m[2] + w / 2 - 0.5)
        sy = m[3] * xs + m[4] * ys + (m[5] + h / 2 - 0.5)
        if bilinear:
            x0, y0 = np.floor(sx), np.floor(sy)
            fx, fy = sx - x0, sy - y0
            corners = [
                (y0 + dy, x0 + dx, (fy if dy else 1 - fy) * (fx if dx else 1 - fx)) for dy in (0, 1) for dx in (0, 1)
            ]
        else:
            corners = [(np.rint(sy), np.rint(sx), np.ones_like(sx))]
        total = np.zeros((c, oh, ow))
        covered = np.zeros((oh, ow))
        for y, z, weight in corners:
            inside = (y >= 0) & (y < h) & (z >= 0) & (z < w)
            weight = np.where(inside, weight, 0)
            yi, zi = np.where(inside, y, 0).astype(np.intp), np.where(inside, z, 0).astype(np.intp)
            total += x[i][:, yi, zi] * weight
            covered += weight
        total += (1 - covered) * np.asarray(fill, np.float64)[:, None, None]
        out[i] = np.rint(total) if x.dtype.kind in "iu" else total
    return out


@kernel(parallel=True)
def _warp(x: Any, matrices: Any, fill: Any, out: Any, bilinear: bool, whole: bool) -> None:
    n, c, h, w = x.shape
    oh, ow = out.shape[2], out.shape[3]
    for row in prange(n * oh):
        i = row // oh
        r = row % oh
        py = r + 0.5 - oh / 2
        for k in range(ow):
            px = k + 0.5 - ow / 2
            sx = matrices[i, 0] * px + matrices[i, 1] * py + (matrices[i, 2] + w / 2 - 0.5)
            sy = matrices[i, 3] * px + matrices[i, 4] * py + (matrices[i, 5] + h / 2 - 0.5)
            if not bilinear:
                sx = np.rint(sx)
                sy = np.rint(sy)
                if 0 <= sx < w and 0 <= sy < h:
                    for j in range(c):
                        out[i, j, r, k] = x[i, j, int(sy), int(sx)]
                else:
                    for j in range(c):
                        out[i, j, r, k] = fill[j]
            elif sx <= -1 or sy <= -1 or sx >= w or sy >= h:
                for j in range(c):
                    out[i, j, r, k] = fill[j]
            else:
                x0 = math.floor(sx)
                y0 = math.floor(sy)
                fx = sx - x0
                fy = sy - y0
                y = int(y0)
                z = int(x0)
                # What each neighbour weighs: nothing if it is outside, and the fill the rest.
                w00 = (1 - fy) * (1 - fx) if y >= 0 and z >= 0 else 0.0
                w01 = (1 - fy) * fx if y >= 0 and z + 1 < w else 0.0
                w10 = fy * (1 - fx) if y + 1 < h and z >= 0 else 0.0
                w11 = fy * fx if y + 1 < h and z + 1 < w else 0.0
                rest = 1 - (w00 + w01 + w10 + w11)
                y1 = min(y + 1, h - 1)
                z1 = min(z + 1, w - 1)
                y = max(y, 0)
                z = max(z, 0)
                for j in range(c):
                    total = w00 * x[i, j, y, z] + w01 * x[i, j, y, z1] + w10 * x[i, j, y1, z] + w11 * x[i, j, y1, z1]
                    total += rest * fill[j]
                    # Halves go up here and to even numbers in the definition: a level apart at most.
                    out[i, j, r, k] = int(total + 0.5) if whole else total


def warp(x: Any, matrices: Any, size: tuple[int, int], bilinear: bool, fill: Any) -> Any:
    """Return the images that an affine map each shows.

    Args:
        x: (N, C, H, W).
        matrices: (N, 6), from output to input; see above.
        size: (OH, OW).
        bilinear: mix the four neighbours, instead of taking the nearest.
        fill: (C,), what stands outside of the image.

    Returns:
        (N, C, OH, OW), of the dtype of ``x``.

    Example:
        >>> import numpy as np
        >>> quarter_turn = np.array([[0.0, 1, 0, -1, 0, 0]])
        >>> warp(np.arange(4.0).reshape(1, 1, 2, 2), quarter_turn, (2, 2), False, np.zeros(1))[0, 0]
        array([[2., 0.],
               [3., 1.]])
    """
    matrices = np.ascontiguousarray(matrices, np.float64)
    fill = np.ascontiguousarray(fill, np.float64)
    x = np.ascontiguousarray(x)
    if not compiled_kernels() or x.dtype.char not in "fdB" or not x.size:
        return warp_reference(x, matrices, size, bilinear, fill)
    out = np.empty((*x.shape[:2], *size), x.dtype)
    _warp(x, matrices, fill, out, bilinear, x.dtype.kind == "u", work=out.size)
    return out
