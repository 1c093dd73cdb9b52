"""``eval``: how good a trained model is, class by class."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw.cli.data import load_parts
from tinygrad_hw.cli.errors import Failure
from tinygrad_hw.cli.folder import open_run
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.report import scores_of
from tinygrad_hw.cli.settings import DATASETS
from tinygrad_hw.nn import functional as F
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.train import accuracy, confusion_matrix, precision_recall_f1

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "eval",
        "measure a trained model: loss, accuracy, and every class",
        """Measure a trained model on the test images, or on others: loss and accuracy; of each class its precision (of
        what was taken for it, the share that was), recall (of what was it, the share that was found) and F1 (their
        harmonic mean); and the confusion matrix, which counts what was taken for what.""",
        """
        tinygrad-hw eval runs/first
        tinygrad-hw eval runs/first --split train          is it much better on what it has seen?
        tinygrad-hw eval runs/mnist --data data --weights best --csv matrix.csv
        """,
    )
    parser.add_argument("folder", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--split",
        choices=["test", "validation", "train"],
        default="test",
        help="which images; those for validation are as in training",
    )
    parser.add_argument("--data", metavar="FOLDER", help="folder of the data set (default: as in training)")
    parser.add_argument(
        "--dataset", choices=list(DATASETS), help="measure on another set of images of the same size (default: its own)"
    )
    parser.add_argument("--weights", choices=["last", "best"], help="which weights (default: those of the end)")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="also write the confusion matrix to a file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure."""
    model, settings, form = open_run(args.folder).load_model(args.weights)
    if args.data is not None:
        settings = replace(settings, data=args.data)
    if args.dataset is not None and args.dataset != settings.dataset:
        settings = replace(settings, dataset=args.dataset, batches=())
    part = load_parts(settings, (args.split,))[args.split]
    sizes = (part.form.channels, part.form.height, part.form.width)
    if sizes != (form.channels, form.height, form.width):
        raise Failure(
            f"{settings.dataset} has images of {sizes[0]}x{sizes[1]}x{sizes[2]} (channels, height, width), and the "
            f"model takes {form.channels}x{form.height}x{form.width}"
        )
    # Pixels are scaled as in the training, whatever set they are from.
    part.form = replace(form, classes=part.form.classes)
    scores = scores_of(model, part)
    matrix = confusion_matrix(scores, part.labels, len(form.classes)).array
    loss = F.cross_entropy(scores, part.tensors().tensors[1]).item()
    print(f"{settings.dataset}, {args.split} set: {len(part):,} images")
    print(f"loss      {loss:.4f}")
    print(f"accuracy  {accuracy(scores, part.labels):.2%}\n")
    print(precision_recall_f1(matrix).table(form.classes))
    print("\nrows: what it is; columns: what it was taken for\n")
    print(matrix_table(matrix, form.classes))
    off = matrix - np.diag(np.diag(matrix))
    if off.any():
        true, taken = np.unravel_index(off.argmax(), off.shape)
        print(f"\nmost confused: {form.classes[true]} taken for {form.classes[taken]}, {off[true, taken]} times")
    if args.csv is not None:
        with atomic_write(args.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["", *form.classes])
            writer.writerows([name, *row] for name, row in zip(form.classes, matrix.tolist(), strict=True))
        print(f"\nwrote {args.csv}")
    return 0


def matrix_table(matrix: Any, classes: Sequence[str]) -> str:
    """Return a confusion matrix as a table of text; what never happened is a dot."""
    names = [c if len(c) <= 12 else c[:11] + "." for c in classes]
    cells = [["." if not v else str(v) for v in row] for row in matrix.tolist()]
    # Long names stand in columns by number.
    short = max(map(len, names)) <= 4
    heads = names if short else [str(i) for i in range(len(names))]
    lefts = names if short else [f"{i} {n}" for i, n in enumerate(names)]
    left = max(map(len, lefts))
    widths = [max(len(h), *(len(row[i]) for row in cells)) for i, h in enumerate(heads)]
    lines = ["  ".join([" " * left, *(f"{h:>{w}}" for h, w in zip(heads, widths, strict=True))])]
    for name, row in zip(lefts, cells, strict=True):
        lines.append("  ".join([f"{name:<{left}}", *(f"{c:>{w}}" for c, w in zip(row, widths, strict=True))]))
    return "\n".join(lines)
