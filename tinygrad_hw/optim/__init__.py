"""Optimizers and learning-rate schedulers."""

import importlib as _importlib
from typing import TYPE_CHECKING

from tinygrad_hw.optim import lr_scheduler
from tinygrad_hw.optim.adadelta import Adadelta
from tinygrad_hw.optim.adafactor import Adafactor
from tinygrad_hw.optim.adagrad import Adagrad
from tinygrad_hw.optim.adam import Adam, AdamW
from tinygrad_hw.optim.adamax import Adamax
from tinygrad_hw.optim.asgd import ASGD
from tinygrad_hw.optim.lbfgs import LBFGS
from tinygrad_hw.optim.muon import Muon
from tinygrad_hw.optim.nadam import NAdam
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.optim.radam import RAdam
from tinygrad_hw.optim.rmsprop import RMSprop
from tinygrad_hw.optim.rprop import Rprop
from tinygrad_hw.optim.sgd import SGD

if TYPE_CHECKING:
    from tinygrad_hw.optim import swa_utils as swa_utils

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used."""
    if name == "swa_utils":
        return _importlib.import_module("tinygrad_hw.optim.swa_utils")
    if name == "SparseAdam":
        raise AttributeError("module 'tinygrad_hw.optim' has no SparseAdam: there are no sparse gradients; use Adam")
    raise AttributeError(f"module 'tinygrad_hw.optim' has no attribute {name!r}")
