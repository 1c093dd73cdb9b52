"""Helpers around training: data loading, checkpointing of activations, timing, nested containers, hooks."""

import importlib as _importlib
from typing import TYPE_CHECKING

from tinygrad_hw.utils import data

if TYPE_CHECKING:
    from tinygrad_hw.utils import _pytree as _pytree
    from tinygrad_hw.utils import benchmark as benchmark
    from tinygrad_hw.utils import checkpoint as checkpoint
    from tinygrad_hw.utils import dlpack as dlpack
    from tinygrad_hw.utils import hooks as hooks

__all__ = ["data"]


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used; say why something is not there."""
    if name in ("_pytree", "benchmark", "checkpoint", "dlpack", "hooks"):
        return _importlib.import_module(f"tinygrad_hw.utils.{name}")
    from tinygrad_hw.absent import hint

    raise AttributeError(f"module 'tinygrad_hw.utils' has no attribute {name!r}{hint(name, 'torch.utils')}")
