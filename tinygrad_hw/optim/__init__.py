"""Optimizers and learning-rate schedulers."""

from tinygrad_hw.optim import lr_scheduler
from tinygrad_hw.optim.adadelta import Adadelta
from tinygrad_hw.optim.adagrad import Adagrad
from tinygrad_hw.optim.adam import Adam, AdamW
from tinygrad_hw.optim.adamax import Adamax
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.optim.rmsprop import RMSprop
from tinygrad_hw.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
