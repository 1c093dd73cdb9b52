"""Models, optimizers and schedules from settings."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_hw import nn, optim
from tinygrad_hw.cli.images import InputForm
from tinygrad_hw.cli.settings import Settings
from tinygrad_hw.optim.lr_scheduler import LRScheduler
from tinygrad_hw.vision.models import MLP, LeNet, SmallVGG

__all__ = ["build_model", "build_optimizer", "build_scheduler"]

OPTIMIZERS: dict[str, Any] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "sgd": optim.SGD,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
}


def build_model(settings: Settings, form: InputForm) -> nn.Module:
    """Return a new model for images of a form."""
    classes = len(form.classes)
    if settings.model == "mlp":
        return MLP(form.channels * form.height * form.width, settings.hidden, classes, settings.dropout)
    kind = LeNet if settings.model == "lenet" else SmallVGG
    return kind(form.channels, form.height, classes, settings.dropout)


def build_optimizer(settings: Settings, model: nn.Module) -> optim.Optimizer:
    """Return the optimizer of a model's parameters."""
    options: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.momentum:
        options["momentum"] = settings.momentum
    made: optim.Optimizer = OPTIMIZERS[settings.optimizer](model.parameters(), **options)
    return made


def build_scheduler(settings: Settings, optimizer: optim.Optimizer, batches: int) -> tuple[LRScheduler | None, str]:
    """Return the schedule, or None, and whether it moves by ``"batch"`` or by ``"epoch"``.

    Args:
        settings: of the training.
        optimizer: whose rate it changes.
        batches: in an epoch.
    """
    schedules, epochs = optim.lr_scheduler, settings.epochs or 0
    steps = math.ceil(batches / settings.accumulate) * epochs
    if settings.schedule == "none" or not steps:
        return None, "batch"
    if settings.schedule == "cosine":
        return schedules.CosineAnnealingLR(optimizer, steps), "batch"
    if settings.schedule == "onecycle":
        rate = settings.lr or 0.0
        return schedules.OneCycleLR(optimizer, max_lr=rate, total_steps=steps + 1), "batch"
    if settings.schedule == "step":
        return schedules.MultiStepLR(optimizer, list(settings.milestones), settings.gamma), "epoch"
    if settings.schedule == "exponential":
        return schedules.ExponentialLR(optimizer, settings.gamma), "epoch"
    return schedules.ReduceLROnPlateau(optimizer, factor=settings.gamma, patience=2), "epoch"
