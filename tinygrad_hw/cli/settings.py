"""The settings of a training: one list, from which flags, configuration files and their checks are made."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_hw.cli.errors import UsageError, nearest

__all__ = ["DATASETS", "GROUPS", "Settings", "add_flags", "from_mapping", "resolved"]

#: Epochs and learning rate with which the default model and optimizer do well.
DATASETS = {
    "digits": (30, 3e-3),
    "mnist": (2, 2e-3),
    "fashion-mnist": (5, 1e-3),
    "kmnist": (5, 1e-3),
    "cifar10": (10, 1e-3),
}
GROUPS = {
    "data": "what to learn from",
    "model": "what learns",
    "training": "how it learns",
    "schedule": "how the learning rate changes",
    "output": "what is kept",
}
_DEFAULTS = "(default: {})"
_EPOCHS = _DEFAULTS.format(", ".join(f"{v[0]} for {k}" for k, v in DATASETS.items()))
_RATES = _DEFAULTS.format(", ".join(f"{v[1]:g} for {k}" for k, v in DATASETS.items()))


def _setting(default: Any, group: str, help: str, **more: Any) -> Any:
    """Return a field: ``choices``, ``low``/``high`` (allowed numbers, ``open`` if not the ends), ``metavar``."""
    return dataclasses.field(default=default, metadata={"group": group, "help": help, **more})


@dataclass(frozen=True)
class Settings:
    """What a training is made of; ``None`` for what depends on the data set."""

    dataset: str = _setting("digits", "data", "what to train on", choices=tuple(DATASETS))
    data: str = _setting(
        "data", "data", "folder of the data set's files, or with a folder of the set's name", metavar="FOLDER"
    )
    download: bool = _setting(False, "data", "download missing files into --data first")
    batches: tuple[int, ...] = _setting(
        (),
        "data",
        "of cifar10, train on these of the five files only, as in 1,2,3 (default: all)",
        metavar="N,N",
        low=1,
        high=5,
    )
    validation: float = _setting(
        0.0,
        "data",
        "share of the training images to keep for validation, as in 0.1; with 0 the test images are used",
        metavar="SHARE",
        low=0,
        high=0.9,
    )
    train_size: int = _setting(
        0, "data", "train on the first so many images only (default: 0, all)", metavar="N", low=0
    )
    augment: bool = _setting(
        False, "data", "change the training images at random: shift and turn digits, shift and mirror photographs"
    )
    batch_size: int = _setting(32, "data", "images per step", metavar="N", low=1)

    model: str = _setting(
        "lenet",
        "model",
        "a multilayer perceptron, a small convolutional network, or a deeper one with batch norm",
        choices=("mlp", "lenet", "vgg"),
    )
    hidden: tuple[int, ...] = _setting(
        (128,), "model", "sizes of the mlp's hidden layers, by comma", metavar="N,N", low=1
    )
    dropout: float = _setting(
        0.0, "model", "chance of a hidden unit to be dropped while training", metavar="P", low=0, high=0.99
    )

    epochs: int | None = _setting(None, "training", f"passes over the training set {_EPOCHS}", metavar="N", low=0)
    optimizer: str = _setting(
        "adam",
        "training",
        "update rule",
        choices=("adam", "adamw", "sgd", "rmsprop", "adagrad", "adadelta", "nadam", "radam"),
    )
    lr: float | None = _setting(None, "training", f"learning rate {_RATES}", metavar="RATE", low=0, open=True)
    momentum: float = _setting(0.0, "training", "of sgd and rmsprop", metavar="M", low=0, high=1)
    weight_decay: float | None = _setting(
        None,
        "training",
        "how strongly weights are drawn to 0 (default: 0.01 for adamw, else 0)",
        metavar="W",
        low=0,
    )
    clip: float = _setting(0.0, "training", "largest norm of all gradients together; 0 for any", metavar="NORM", low=0)
    accumulate: int = _setting(1, "training", "batches whose gradients make one step", metavar="N", low=1)
    patience: int = _setting(
        0,
        "training",
        "stop when the validation loss has not fallen for so many epochs; 0 for never",
        metavar="N",
        low=0,
    )
    seed: int = _setting(0, "training", "seed of the random numbers: the same seed gives the same run", metavar="N")

    schedule: str = _setting(
        "cosine",
        "schedule",
        "half a cosine down to 0; times --gamma after each epoch (exponential) or those of --milestones (step); up and "
        "down again (onecycle); times --gamma when the validation loss stays (plateau); or not at all",
        choices=("cosine", "none", "step", "exponential", "onecycle", "plateau"),
    )
    milestones: tuple[int, ...] = _setting(
        (), "schedule", "epochs after which step changes the rate, as in 20,40", metavar="N,N", low=1
    )
    gamma: float = _setting(
        0.5, "schedule", "factor of step, exponential and plateau", metavar="G", low=0, high=1, open=True
    )

    keep: str = _setting(
        "last",
        "output",
        "which weights count in the end: those of the last epoch, or those that did best in validation",
        choices=("last", "best"),
    )
    checkpoint_every: int = _setting(
        0, "output", "also save a checkpoint after every so many batches; 0 for epochs only", metavar="N", low=0
    )

    def as_dict(self) -> dict[str, Any]:
        """Return names and values, in the order of the groups."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


FIELDS = {f.name: f for f in dataclasses.fields(Settings)}


def _kind(name: str) -> tuple[type, bool]:
    """Return the type of a setting, of its elements if it is a list, and whether it is one."""
    text = str(FIELDS[name].type)
    base = text.removesuffix(" | None")
    if base.startswith("tuple"):
        return int, True
    return {"str": str, "int": int, "float": float, "bool": bool}[base], False


def checked(name: str, value: Any) -> Any:
    """Return a setting's value in its own type.

    Raises:
        ValueError: it is of another type, or out of range.
    """
    kind, many = _kind(name)
    meta = FIELDS[name].metadata
    if many:
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        return tuple(_number(v, int, meta) for v in values)
    if kind is bool or kind is str:
        if not isinstance(value, kind):
            raise ValueError(f"should be {'true or false' if kind is bool else 'text'}, not {value!r}")
        choices = meta.get("choices")
        if choices and value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}{nearest(str(value), choices)}")
        return value
    return _number(value, kind, meta)


def _number(value: Any, kind: type, meta: Mapping[str, Any]) -> Any:
    right = isinstance(value, int) if kind is int else isinstance(value, (int, float))
    if isinstance(value, bool) or not right:
        raise ValueError(f"should be {'a whole number' if kind is int else 'a number'}, not {value!r}")
    low, high, opened = meta.get("low", -math.inf), meta.get("high", math.inf), meta.get("open", False)
    inside = low < value < high if opened else low <= value <= high
    if not inside or not math.isfinite(value):
        least = f"more than {low}" if opened else f"at least {low}"
        most = f" and {'less than' if opened else 'at most'} {high}" if math.isfinite(high) else ""
        raise ValueError(f"should be {least}{most}, not {value!r}" if math.isfinite(low) else f"{value!r} is no number")
    return kind(value)


def _reader(name: str) -> Any:
    """Return what makes a setting of a flag's text."""
    kind, many = _kind(name)

    def one(text: str, kind: type = kind) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"should be {'a whole number' if kind is int else 'a number'}, not {text!r}"
            ) from None

    def read(text: str) -> Any:
        try:
            return checked(name, [one(part) for part in text.split(",") if part.strip()] if many else one(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag per setting; what is not given is not in the namespace. The data set is the first argument."""
    groups = {name: parser.add_argument_group(f"{name}: {text}") for name, text in GROUPS.items()}
    for name, field in FIELDS.items():
        meta, group = field.metadata, groups[field.metadata["group"]]
        choices = meta.get("choices")
        text = meta["help"]
        default = field.default
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        if default is not None and default is not False and default != () and "default" not in text:
            text += f" (default: {shown})"
        text = text.replace("%", "%%")
        if name == "dataset":
            # None, as argparse would look for a suppressed default among the choices.
            group.add_argument(name, nargs="?", choices=choices, default=None, help=text)
            continue
        options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": text}
        flag = "--" + name.replace("_", "-")
        if _kind(name)[0] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        elif choices:
            group.add_argument(flag, choices=choices, **options)
        else:
            group.add_argument(flag, type=_reader(name), metavar=meta.get("metavar"), **options)


def from_mapping(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the settings in a configuration file; tables that tell facts of a run are passed over.

    Args:
        values: what the file holds.
        where: its name, for errors.

    Raises:
        UsageError: an unknown key, with the nearest known one, or a value that makes no sense.
    """
    found = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name in ("facts", "input") and isinstance(value, Mapping):
            continue
        if name not in FIELDS:
            raise UsageError(f"{where}: there is no setting {key!r}{nearest(name, FIELDS)}")
        try:
            found[name] = checked(name, value)
        except ValueError as error:
            raise UsageError(f"{where}: {key} {error}") from None
    return found


def resolved(values: Mapping[str, Any]) -> Settings:
    """Return all settings, from those that were given.

    Raises:
        UsageError: two of them do not go together.
    """
    settings = Settings(**values)
    epochs, lr = DATASETS[settings.dataset]
    settings = dataclasses.replace(
        settings,
        epochs=epochs if settings.epochs is None else settings.epochs,
        lr=lr if settings.lr is None else settings.lr,
        weight_decay=(0.01 if settings.optimizer == "adamw" else 0.0)
        if settings.weight_decay is None
        else settings.weight_decay,
    )
    if settings.batches and settings.dataset != "cifar10":
        raise UsageError(f"--batches names files of cifar10; {settings.dataset} has no such files")
    if len(set(settings.batches)) != len(settings.batches):
        raise UsageError("--batches names a file twice")
    if settings.momentum and settings.optimizer not in ("sgd", "rmsprop"):
        raise UsageError(f"--momentum belongs to sgd and rmsprop; {settings.optimizer} has none")
    if settings.schedule == "step" and not settings.milestones:
        raise UsageError("--schedule step needs --milestones: the epochs after which the rate changes, as in 20,40")
    if settings.milestones and settings.schedule != "step":
        raise UsageError(f"--milestones belongs to --schedule step, not to {settings.schedule}")
    return settings
