"""What a command works on: a run, a model by its name, or one that a function in a Python file makes."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw import nn
from tinygrad_hw.cli.build import build_model
from tinygrad_hw.cli.errors import Failure, UsageError, nearest
from tinygrad_hw.cli.folder import Run, open_run
from tinygrad_hw.cli.images import InputForm
from tinygrad_hw.cli.settings import FIELDS, resolved
from tinygrad_hw.tensor import Tensor

__all__ = ["Target", "add_input_size", "open_target", "sizes_of"]

MODELS = FIELDS["model"].metadata["choices"]
#: Channels, height and width that a model by name takes if nothing is said.
USUAL = {"mlp": (1, 28, 28), "lenet": (1, 28, 28), "vgg": (3, 32, 32)}


@dataclass
class Target:
    """A model and what it takes.

    Attributes:
        name: for people.
        model: the model.
        input_size: of one sample, or None if nothing says it.
        inputs: the arguments that a function gave with its model, or None.
        classes: how many scores the model gives, or None.
    """

    name: str
    model: nn.Module
    input_size: tuple[int, ...] | None = None
    inputs: tuple[Any, ...] | None = None
    classes: int | None = None


def sizes_of(text: str) -> tuple[int, ...]:
    """Return sizes as in ``1,28,28`` or ``1x28x28``; for argparse."""
    try:
        sizes = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"should be sizes, as in 1,28,28, not {text!r}")
    return sizes


def add_input_size(parser: argparse.ArgumentParser, sizes: Mapping[str, tuple[int, ...]] = USUAL) -> None:
    """Add ``--input-size``, whose help tells the defaults of the models by name."""
    usual = ", ".join(f"{','.join(map(str, size))} for {name}" for name, size in sizes.items())
    parser.add_argument(
        "--input-size",
        type=sizes_of,
        metavar="C,H,W",
        help=f"size of one sample, without the batch (default: of a run its images'; {usual})",
    )


def open_target(
    text: str, input_size: Sequence[int] | None = None, weights: str | None = None, *, trained: bool = False
) -> Target:
    """Return the model that an argument names.

    Args:
        text: the folder of a run, one of the models' names, or ``FILE.py:function``.
        input_size: of one sample, if the user gave it.
        weights: of a run: ``"last"`` or ``"best"``.
        trained: whether a run must have weights.

    Raises:
        Failure: there is no such thing, or it makes no model.
    """
    size = None if input_size is None else tuple(input_size)
    if ".py" in text and (":" in text or text.endswith(".py")):
        return _from_file(text, size)
    if Run(Path(text)).config.is_file() or text not in MODELS:
        if not Path(text).exists() and "/" not in text:
            raise Failure(f"{text!r} is no run, no model ({', '.join(MODELS)}) and no FILE.py:function")
        return _from_run(text, size, weights, trained)
    size = USUAL[text] if size is None else size
    if len(size) != 3 or (text != "mlp" and size[1] != size[2]):
        raise UsageError(f"{text} takes {'square ' if text != 'mlp' else ''}images: --input-size C,H,W, not {size}")
    form = InputForm(size[0], size[1], size[2], (0.0,) * size[0], (1.0,) * size[0], tuple(map(str, range(10))))
    return Target(text, build_model(resolved({"model": text}), form), size, classes=10)


def _from_run(text: str, size: tuple[int, ...] | None, weights: str | None, trained: bool) -> Target:
    run = open_run(text)
    settings, form = run.read()
    own = (form.channels, form.height, form.width)
    if size is not None and size != own:
        raise UsageError(f"the model in {text} takes {own}, not --input-size {size}")
    if trained or run.model.exists() or run.last.exists():
        model = run.load_model(weights)[0]
    else:
        model = build_model(settings, form)
    return Target(f"{settings.model} of {text}", model, own, classes=len(form.classes))


def _from_file(text: str, size: tuple[int, ...] | None) -> Target:
    file, colon, name = text.rpartition(":")
    if not colon or not name:
        raise UsageError(f"{text}: name the function that makes the model, as in {text.rstrip(':')}:make_model")
    path = Path(file)
    if not path.is_file():
        raise Failure(f"{file}: No such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Failure(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # What it imports from its own folder is found, and its classes can be pickled.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Failure(f"{_where(error, path)}{type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if function is None:
        found = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise Failure(f"{file} has no {name!r}{nearest(name, found)}")
    try:
        made = function if isinstance(function, nn.Module) else function()
    except Exception as error:
        raise Failure(f"{_where(error, path)}{name}: {type(error).__name__}: {error}") from error
    model, given = (made[0], made[1:]) if isinstance(made, tuple) and made else (made, ())
    if not isinstance(model, nn.Module):
        raise Failure(f"{text} gave {type(model).__name__}; it should return a model, or (model, input, ...)")
    inputs = tuple(Tensor._wrap(v) if isinstance(v, np.ndarray) else v for v in given) or None
    if inputs is not None and not all(isinstance(v, Tensor) for v in inputs):
        raise Failure(f"{text} gave inputs that are no tensors: {', '.join(type(v).__name__ for v in inputs)}")
    if size is None and inputs is not None:
        size = tuple(inputs[0].shape[1:])
    return Target(text, model, size, inputs)


def _where(error: BaseException, path: Path) -> str:
    """Return ``"file, line 3: "`` of the last place in a file where an error came by."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    if isinstance(error, SyntaxError) and error.lineno is not None:
        lines = [error.lineno]
    return f"{path}, line {lines[-1]}: " if lines else f"{path}: "
