"""Learning-rate schedulers."""

from tinygrad_hw.optim.lr_scheduler.base import LRScheduler
from tinygrad_hw.optim.lr_scheduler.composite import ChainedScheduler, SequentialLR
from tinygrad_hw.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from tinygrad_hw.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from tinygrad_hw.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_hw.optim.lr_scheduler.simple import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
