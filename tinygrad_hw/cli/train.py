"""``train``: train a classifier, or go on with a training."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.cli.build import build_model, build_optimizer, build_scheduler
from tinygrad_hw.cli.config import read_toml
from tinygrad_hw.cli.data import Part, load_parts, training_loader
from tinygrad_hw.cli.errors import Failure, UsageError, one_line
from tinygrad_hw.cli.folder import Run, fit, load_weights, open_run
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.report import write
from tinygrad_hw.cli.settings import FIELDS, Settings, add_flags, from_mapping, resolved
from tinygrad_hw.serialization import save_npz
from tinygrad_hw.train import BestCheckpoint, Callback, Checkpoint, EarlyStopping, NonFiniteLoss, Trainer

__all__ = ["add", "run"]

#: What may be given with --resume: it does not change what is computed.
_FREE = ("data", "download", "checkpoint_every", "epochs")


class _WriteMetrics(Callback):
    """Writes the history after every epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_epoch_end(self, trainer: Trainer) -> None:
        trainer.history.write_csv(self.path)


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "train",
        "train a classifier of images and print its test accuracy",
        """Train a classifier of images, with progress on screen, and print its test accuracy. The digits (1,797 images
        of 8x8 pixels) come with the package; the other sets are read from --data, or fetched with --download. With
        --out, everything goes into a folder: the settings, a line of numbers per epoch, checkpoints, pictures, and a
        page that shows them, report.html. A training that was stopped goes on with --resume, and comes to the same
        weights, bit by bit.""",
        """
        tinygrad-hw train                                   the digits, in seconds
        tinygrad-hw train --out runs/first                  the same, and keep everything
        tinygrad-hw train --resume runs/first               go on after Ctrl-C or a power cut
        tinygrad-hw train mnist --data data --download --out runs/mnist
        tinygrad-hw train fashion-mnist --model mlp --hidden 100 --dropout 0.3 --weight-decay 1e-4
        tinygrad-hw train cifar10 --batches 1,2,3 --model vgg --augment --out runs/cifar
        tinygrad-hw train --config runs/first/config.toml --seed 1 --out runs/second
        """,
    )
    place = parser.add_argument_group("run: where it is kept")
    place.add_argument("--out", type=Path, metavar="FOLDER", help="folder for everything (default: nothing is written)")
    place.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with the training in this folder")
    place.add_argument("--force", action="store_true", help="replace the run that is in --out")
    place.add_argument(
        "--config", type=Path, metavar="FILE", help="read settings from a TOML file; flags win over what it says"
    )
    place.add_argument("--no-report", action="store_true", help="draw no pictures, and write no report.html")
    place.add_argument("--quiet", action="store_true", help="show no progress")
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train."""
    place: Run | None
    given = {name: getattr(args, name) for name in FIELDS if getattr(args, name, None) is not None}
    if args.resume is not None:
        place, settings = _to_resume(args, given)
    else:
        read = from_mapping(read_toml(args.config), str(args.config)) if args.config is not None else {}
        settings = resolved({**read, **given})
        place = None if args.out is None else _new(args.out, args.force)
    torch.manual_seed(settings.seed)
    parts = load_parts(settings)
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
    model = build_model(settings, train.form)
    count = sum(p.numel() for p in model.parameters())
    held = f"{len(validation)} for validation, " if settings.validation else ""
    print(
        f"{settings.dataset}: {len(train)} images to train on, {held}{len(test)} to test on; "
        f"{settings.model} with {count:,} parameters",
        flush=True,
    )
    if place is not None and (args.resume is None or place.read()[0] != settings):
        if args.force:
            # Not before everything else is found to be in order.
            place.clear()
        sizes = {"train_images": len(train), "validation_images": len(validation), "test_images": len(test)}
        place.make(settings, train.form, {**sizes, "parameters": count})
    return _fit(args, settings, place, model, train, validation, test)


def _new(out: Path, force: bool) -> Run:
    """Return the run in a new folder, or one whose run is to be replaced."""
    place = Run(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder")
    if place.exists() and not force:
        raise UsageError(f"there is a run in {out} already: go on with it (--resume {out}) or replace it (--force)")
    return place


def _to_resume(args: argparse.Namespace, given: dict[str, Any]) -> tuple[Run, Settings]:
    """Return the run to go on with, and its settings."""
    for flag in ("out", "config", "force"):
        if getattr(args, flag):
            raise UsageError(f"--resume goes on in its own folder with its own settings; leave out --{flag}")
    place = open_run(args.resume)
    settings, _ = place.read()
    fixed = [n for n, v in given.items() if n not in _FREE and v != getattr(settings, n)]
    if fixed:
        name = fixed[0]
        raise UsageError(
            f"--resume goes on with {name} = {getattr(settings, name)!r}, as in {place.config}; for {given[name]!r} "
            "begin a new run with --config and --out"
        )
    epochs = given.get("epochs", settings.epochs)
    if epochs != settings.epochs and settings.schedule in ("cosine", "onecycle"):
        raise UsageError(
            f"--epochs cannot change: the {settings.schedule} schedule of this run ends with epoch {settings.epochs}"
        )
    changed = dataclasses.replace(settings, **{n: v for n, v in given.items() if n in _FREE})
    return place, changed


def _fit(
    args: argparse.Namespace,
    settings: Settings,
    place: Run | None,
    model: nn.Module,
    train: Part,
    validation: Part,
    test: Part,
) -> int:
    loader, epochs = training_loader(settings, train), settings.epochs or 0
    optimizer = build_optimizer(settings, model)
    scheduler, by = build_scheduler(settings, optimizer, len(loader))
    best = None
    callbacks: list[Callback] = []
    if settings.patience:
        callbacks.append(EarlyStopping("validation_loss", settings.patience))
    if place is not None:
        best = BestCheckpoint(place.best, "validation_accuracy")
        every = settings.checkpoint_every or None
        callbacks += [best, _WriteMetrics(place.metrics), Checkpoint(place.last, every_batches=every)]
    trainer = Trainer(
        model,
        optimizer,
        scheduler=scheduler,
        step_scheduler="batch" if by == "batch" else "epoch",
        clip_grad_norm=settings.clip or None,
        accumulate=settings.accumulate,
        callbacks=callbacks,
        show_progress=not args.quiet,
    )
    if args.resume is not None and place is not None and place.last.exists():
        _load(trainer, place)
        done, batch = len(trainer.history), trainer.batch if trainer.epoch > len(trainer.history) else 0
        at = f" and {batch} batches" if batch else ""
        over = trainer.stopped or done >= epochs
        print(
            f"all of its {done} epochs are done" if over else f"going on after {done} of {epochs} epochs{at}",
            flush=True,
        )
        if done:
            trainer.history.write_csv(place.metrics)
    if not trainer.stopped and len(trainer.history) < epochs:
        if place is not None:
            # The weights of an earlier end are not this training's any more; the checkpoint has them.
            place.model.unlink(missing_ok=True)
        try:
            trainer.fit(loader, validation.loader(), epochs)
        except NonFiniteLoss as error:
            raise Failure(f"{error} Try a smaller --lr, or --clip 1") from None
    if trainer.interrupted:
        print(f"stopped after {len(trainer.history)} of {epochs} epochs; the weights are kept as they are")
    if trainer.history:
        print(trainer.history.table())
    if place is not None:
        _finish(args, settings, place, trainer, best)
    result = trainer.evaluate(test.loader())
    if place is not None and not trainer.interrupted and not args.no_report:
        write(place, settings, model, train, test)
    print(f"test accuracy {result['accuracy']:.2%} (loss {result['loss']:.4f})")
    return 130 if trainer.interrupted else 0


def _load(trainer: Trainer, place: Run) -> None:
    try:
        trainer.load_checkpoint(place.last)
    except Exception as error:  # whatever is wrong with the file
        raise Failure(f"{one_line(error)}. Begin anew with --config {place.config} and another --out") from None


def _finish(
    args: argparse.Namespace, settings: Settings, place: Run, trainer: Trainer, best: BestCheckpoint | None
) -> None:
    """Write the weights, and say where everything is."""
    model = trainer.model
    if trainer.interrupted:
        how = f"tinygrad-hw train --resume {shlex.quote(str(place.path))}"
        if trainer.resumable:
            print(f"go on with: {how}")
        elif place.last.exists():
            print(f"go on from the last checkpoint with: {how}")
    elif settings.keep == "best" and place.best.exists():
        fit(model, load_weights(place.best), place.best)
        print(f"kept the weights of epoch {best.best_epoch if best is not None else 0}")
    if trainer.history:
        trainer.history.write_csv(place.metrics)
    save_npz(model.state_dict(), place.model)
    print(f"wrote {place.metrics} and {place.model}" if trainer.history else f"wrote {place.model}")
    sys.stdout.flush()
