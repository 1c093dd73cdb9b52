"""Helpers around training: data loading, checkpointing of activations."""

import importlib as _importlib
from typing import TYPE_CHECKING

from tinygrad_hw.utils import data

if TYPE_CHECKING:
    from tinygrad_hw.utils import checkpoint as checkpoint

__all__ = ["data"]


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used."""
    if name in ("checkpoint",):
        return _importlib.import_module(f"tinygrad_hw.utils.{name}")
    raise AttributeError(f"module 'tinygrad_hw.utils' has no attribute {name!r}")
