"""Saving tensors to files and loading them back."""

from tinygrad_hw.serialization.files import load, save
from tinygrad_hw.serialization.npz import load_npz, save_npz
from tinygrad_hw.serialization.safe import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "load_npz",
    "safe_globals",
    "save",
    "save_npz",
]
