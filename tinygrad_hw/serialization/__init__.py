"""Saving tensors to files and loading them back."""

from tinygrad_hw.serialization.files import load, save
from tinygrad_hw.serialization.npz import load_npz, save_npz

__all__ = ["load", "load_npz", "save", "save_npz"]
