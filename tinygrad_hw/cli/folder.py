"""The folder of a run: what lies where, and a trained model out of it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.cli.build import build_model
from tinygrad_hw.cli.config import dump_toml, read_toml
from tinygrad_hw.cli.errors import Failure, UsageError, nearest, one_line
from tinygrad_hw.cli.images import InputForm
from tinygrad_hw.cli.settings import Settings, from_mapping, resolved
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.version import __version__

__all__ = ["Run", "open_run"]

_HEAD = "# A run of tinygrad-hw. The same again: tinygrad-hw train --config THIS_FILE --out ANOTHER_FOLDER\n"


@dataclass(frozen=True)
class Run:
    """The folder of a run.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The settings, and the form of the input."""
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        """A line per epoch."""
        return self.path / "metrics.csv"

    @property
    def checkpoints(self) -> Path:
        """The folder of ``last.pt``, the whole training, and ``best.pt``, weights."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """The whole training, to go on with."""
        return self.checkpoints / "last.pt"

    @property
    def best(self) -> Path:
        """The weights that did best in validation."""
        return self.checkpoints / "best.pt"

    @property
    def model(self) -> Path:
        """The weights in the end."""
        return self.path / "model.npz"

    @property
    def pictures(self) -> Path:
        """The folder of PNGs."""
        return self.path / "pictures"

    @property
    def report(self) -> Path:
        """The page that tells everything."""
        return self.path / "report.html"

    def exists(self) -> bool:
        """Return whether there is a run already."""
        return any(p.exists() for p in (self.config, self.metrics, self.checkpoints, self.model))

    def make(self, settings: Settings, form: InputForm, facts: Mapping[str, Any]) -> None:
        """Make the folder, with its configuration."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        versions = {
            "tinygrad_hw": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        }
        tables = {"input": form.as_dict(), "facts": {**facts, **versions}}
        with atomic_write(self.config, "w", encoding="utf-8") as file:
            file.write(_HEAD + dump_toml({**settings.as_dict(), **tables}))

    def clear(self) -> None:
        """Remove what a run wrote, and nothing else."""
        for file in (self.config, self.metrics, self.model, self.report):
            file.unlink(missing_ok=True)
        for folder in (self.checkpoints, self.pictures):
            for file in [*folder.glob("*.pt"), *folder.glob("*.png")]:
                file.unlink()
            if folder.is_dir() and not any(folder.iterdir()):
                shutil.rmtree(folder)

    def read(self) -> tuple[Settings, InputForm]:
        """Return the settings, and the form of the model's input.

        Raises:
            Failure: the configuration is missing or damaged.
        """
        values = read_toml(self.config)
        if not isinstance(values.get("input"), Mapping):
            raise Failure(f"{self.config} has no table [input]: it is not the configuration of a run")
        try:
            settings = resolved(from_mapping(values, str(self.config)))
        except UsageError as error:
            raise Failure(str(error)) from None
        return settings, InputForm.from_mapping(values["input"], str(self.config))

    def weights(self, which: str | None = None) -> tuple[dict[str, Any], Path]:
        """Return a model's state dict, and the file it is from.

        Args:
            which: ``"last"``, ``"best"``, or None for those that the run ended with; of a run that did not end, the
                last ones that were saved.

        Raises:
            Failure: there are none, or the file is damaged.
        """
        places = {"best": (self.best,), "last": (self.last,), None: (self.model, self.last)}[which]
        for path in places:
            if path.exists():
                return load_weights(path), path
        raise Failure(
            f"{self.path} has no weights yet: {places[-1].relative_to(self.path)} is not there"
            + ("" if which else f"; go on with: tinygrad-hw train --resume {self.path}")
        )

    def load_model(self, which: str | None = None) -> tuple[nn.Module, Settings, InputForm]:
        """Return the trained model in eval mode, the settings, and the form of the input."""
        settings, form = self.read()
        model = build_model(settings, form)
        weights, path = self.weights(which)
        fit(model, weights, path)
        return model.eval(), settings, form


def load_weights(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a state dict from a file of any of the formats, also from inside a training's state.

    Raises:
        Failure: the file cannot be read, or holds something else.
    """
    try:
        state: Any = torch.load(path)
    except (OSError, RuntimeError, ValueError, UnpicklingError, ImportError) as error:
        text = one_line(error)
        raise Failure(text if str(path) in text else f"{path}: {text}") from None
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]
    if not isinstance(state, Mapping) or not all(isinstance(v, (TensorBase, np.ndarray)) for v in state.values()):
        raise Failure(f"{path} holds no weights of a model")
    return {str(k): torch.as_tensor(v) for k, v in state.items()}


def fit(model: nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    """Give a model its weights, or say why they are of another one."""
    try:
        model.load_state_dict(dict(weights))
    except (RuntimeError, ValueError) as error:
        raise Failure(f"{path} does not fit the model in config.toml: {one_line(error)}") from None


def open_run(path: str | os.PathLike[str]) -> Run:
    """Return the run in a folder.

    Raises:
        Failure: there is no folder, or no run in it.
    """
    run = Run(Path(path))
    if run.config.is_file():
        return run
    if run.path.name == "config.toml" or run.path.is_file():
        raise Failure(f"{path} is a file; name the folder of a run")
    if not run.path.is_dir():
        here = run.path.parent
        others = [p.name for p in here.iterdir() if (p / "config.toml").is_file()] if here.is_dir() else []
        raise Failure(f"there is no run {path}{nearest(run.path.name, others)}")
    raise Failure(f"{path} holds no run: there is no config.toml in it")
