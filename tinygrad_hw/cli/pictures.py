"""Images from files (pictures, IDX, npy), made into what a model takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw.cli.errors import Failure, one_line
from tinygrad_hw.cli.images import InputForm
from tinygrad_hw.vision import transforms
from tinygrad_hw.vision.idx import read_idx

__all__ = ["load_images", "to_form"]

Array = np.ndarray[Any, Any]
#: Red, green and blue in a grey, as television mixes them (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
SUFFIXES = "PNG, JPEG and other pictures, IDX (.gz or not), .npy"


def load_images(path: Path, channels: int) -> list[Array]:
    """Return the images in a file, each (H, W) or (H, W, 3), with values from 0 to 255.

    Args:
        path: of a picture, of an IDX file (packed with gzip or not) or of a ``.npy`` file.
        channels: of the model, which tells channels from images where a shape can mean both.

    Raises:
        Failure: it cannot be read, or holds no images.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
    except OSError as error:
        raise Failure(one_line(error)) from None
    if not head:
        raise Failure(f"{path} is empty")
    if head.startswith(b"\x93NUMPY"):
        return list(_images(_npy(path), path, channels))
    if head[:2] in (b"\0\0", b"\x1f\x8b") and head[:4] != b"\0\0\1\0":  # the latter is an icon
        try:
            return list(_images(read_idx(path), path, channels))
        except RuntimeError as error:
            raise Failure(one_line(error)) from None
    return [_picture(path)]


def _npy(path: Path) -> Array:
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Failure(f"{path} is no whole .npy file of numbers: {one_line(error)}") from None
    return found


def _picture(path: Path) -> Array:
    try:
        from PIL import Image
    except ImportError:
        raise Failure(f'{path}: pictures need pillow: pip install "tinygrad-hw[images]"') from None
    try:
        with Image.open(path) as file:
            file.load()
            image: Any = file
            if "A" in image.getbands() or "transparency" in image.info:
                # What is transparent shows white paper.
                layer = image.convert("RGBA")
                paper = Image.new("RGBA", layer.size, "white")
                image = Image.alpha_composite(paper, layer).convert("RGB")
            if image.mode in ("I;16", "I;16B", "I;16L", "I"):
                return np.asarray(image).astype(np.float32) / np.float32(257)
            return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except Exception as error:  # decoders of damaged files raise almost anything
        if "cannot identify" in str(error):
            raise Failure(f"{path} is nothing that is read here: {SUFFIXES}") from None
        raise Failure(f"{path} cannot be read: {one_line(error)}") from None


def _images(array: Array, path: Path, channels: int) -> Iterator[Array]:
    """Yield the images in an array, of values from 0 to 255."""
    shape = array.shape
    if array.dtype.kind not in "uifb":
        raise Failure(f"{path} holds {array.dtype}, not pixels")
    if array.ndim < 2 or array.ndim > 4:
        hint = " (labels?)" if array.ndim == 1 else ""
        raise Failure(
            f"{path} has the shape {shape}{hint}; images are (N, H, W), (N, H, W, 3) or (N, 3, H, W), one is (H, W) or "
            "(H, W, 3)"
        )
    if not array.size:
        raise Failure(f"{path} holds no pixels: its shape is {shape}")
    array = _levels(array, path)
    if array.ndim == 2:
        yield array
    elif array.ndim == 4:
        if shape[3] in (1, 3):
            yield from (a[..., 0] if shape[3] == 1 else a for a in array)
        elif shape[1] in (1, 3):
            yield from (a[0] if shape[1] == 1 else a.transpose(1, 2, 0) for a in array)
        else:
            raise Failure(f"{path} has the shape {shape}: neither its second nor its last size is 1 or 3 channels")
    elif shape[2] == 3 and (channels == 3 or shape[1] > 3):
        yield array
    elif shape[0] == 3 and channels == 3:
        yield array.transpose(1, 2, 0)
    else:
        yield from array


def _levels(array: Array, path: Path) -> Array:
    """Return pixels from 0 to 255."""
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(values).all() or low < 0 or high > 255:
        raise Failure(
            f"{path} has values from {low:g} to {high:g}; pixels are 0 to 255, or fractions from 0 to 1, as they are "
            "before a normalisation"
        )
    fractions = array.dtype.kind in "fb" and high <= 1
    return values * np.float32(255) if fractions else values


def to_form(image: Array, form: InputForm, invert: bool = False) -> Array:
    """Return an image (H, W) or (H, W, 3) as (C, H, W) of the model's size and channels, from 0 to 255.

    Raises:
        Failure: the model takes another number of channels, which this image cannot be made into.
    """
    pixels = image.astype(np.float32)
    if form.channels == 1 and pixels.ndim == 3:
        pixels = pixels @ LUMA
    if form.channels not in (1, 3):
        raise Failure(f"the model takes {form.channels} channels, and pictures have 1 or 3")
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if planes.shape[0] != form.channels:
        planes = np.broadcast_to(planes, (form.channels, *planes.shape[1:]))
    if planes.shape[1:] != (form.height, form.width):
        from tinygrad_hw.tensor import Tensor

        resize = transforms.Resize((form.height, form.width))
        planes = resize(Tensor._wrap(np.ascontiguousarray(planes))).array
    planes = np.clip(planes, 0, 255)
    return 255 - planes if invert else planes
