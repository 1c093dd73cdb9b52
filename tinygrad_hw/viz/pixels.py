"""Arrays as pictures: ranges brought to 0..1, channels put last, many small images on one sheet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["displayable", "mosaic", "picture_of", "squares"]

Array = np.ndarray[Any, Any]


def displayable(images: Array) -> Callable[[Array], Array]:
    """Return the function that brings images like these to 0..1: one for all, so that they compare."""
    if images.dtype == np.uint8:
        return lambda x: x.astype(np.float64) / 255
    finite = images[np.isfinite(images)].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and 1 < high <= 255 and high > 16:
        low, high = 0.0, 255.0
    span = high - low or 1.0
    return lambda x: np.clip(np.nan_to_num((x.astype(np.float64) - low) / span), 0, 1)


def picture_of(image: Array) -> Array:
    """Return an image as (H, W) or (H, W, 3), from (H, W), (1, H, W), (3, H, W) or (H, W, 3).

    Raises:
        ValueError: it is none of these.
    """
    if image.ndim == 2:
        return image
    if image.ndim == 3 and image.shape[0] == 1:
        return image[0]
    if image.ndim == 3 and image.shape[0] == 3:
        return np.moveaxis(image, 0, -1)
    if image.ndim == 3 and image.shape[-1] in (1, 3):
        return image[..., 0] if image.shape[-1] == 1 else image
    raise ValueError(f"an image is (H, W), (1, H, W) or (3, H, W); got shape {image.shape}")


def squares(rows: Array) -> Array | None:
    """Return rows (N, pixels) as square images (N, 1 or 3, side, side); None where they are none."""
    for channels in (1, 3):
        side = math.isqrt(rows.shape[1] // channels)
        if side > 1 and side * side * channels == rows.shape[1]:
            return rows.reshape(-1, channels, side, side)
    return None


def mosaic(tiles: Array, columns: int, *, gap: int = 1) -> Array:
    """Return tiles (N, H, W) or (N, H, W, 3) side by side in rows, NaN between them."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, *tiles.shape[3:]),
        np.nan,
    )
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet
