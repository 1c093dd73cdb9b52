"""Helpers around training: data loading."""

from tinygrad_hw.utils import data

__all__ = ["data"]
