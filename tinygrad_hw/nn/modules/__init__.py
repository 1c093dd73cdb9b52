"""The layers of ``torch.nn``."""

import importlib as _importlib


def __getattr__(name: str) -> object:
    """Find ``nn.modules.Linear`` where ``nn.Linear`` is."""
    return getattr(_importlib.import_module("tinygrad_hw.nn"), name)
