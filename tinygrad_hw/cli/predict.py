"""``predict``: what a trained model takes images for."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_hw import nn
from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.cli.data import EVALUATION_BATCH
from tinygrad_hw.cli.errors import Failure, UsageError
from tinygrad_hw.cli.folder import open_run
from tinygrad_hw.cli.help import add_command
from tinygrad_hw.cli.images import InputForm, normalised
from tinygrad_hw.cli.pictures import load_images, to_form
from tinygrad_hw.nn import functional as F
from tinygrad_hw.serialization.atomic import atomic_write

__all__ = ["add", "run"]

Array = np.ndarray[Any, Any]


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "predict",
        "tell what a trained model sees in image files",
        """Tell what a trained model takes images for, with probabilities. A file is a picture (PNG, JPEG and others,
        which need pillow), an IDX file as MNIST's, or a .npy array; the last two may hold many images. Images are made
        into what the model learned from: grey or coloured, resized (stretched, if they are not square), and
        scaled as in training.""",
        """
        tinygrad-hw predict runs/first seven.png
        tinygrad-hw predict runs/mnist photo-of-a-digit.jpg --invert      dark ink on light paper
        tinygrad-hw predict runs/mnist data/t10k-images-idx3-ubyte.gz --top 1 --csv answers.csv
        """,
    )
    parser.add_argument("folder", metavar="RUN", help="folder of the run")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="pictures, IDX files or .npy files")
    parser.add_argument("--top", type=int, default=3, metavar="K", help="how many classes to name for each image")
    parser.add_argument(
        "--invert", action="store_true", help="swap dark and light first: MNIST's digits are light on dark"
    )
    parser.add_argument("--weights", choices=["last", "best"], help="which weights (default: those of the end)")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write a table to this file instead of lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict."""
    if args.top < 1:
        raise UsageError(f"--top should be at least 1, not {args.top}")
    model, _, form = open_run(args.folder).load_model(args.weights)
    top, failed, rows = min(args.top, len(form.classes)), 0, []
    for path in args.files:
        try:
            images = load_images(path, form.channels)
            pixels = np.stack([to_form(image, form, args.invert) for image in images])
        except Failure as error:
            print(f"tinygrad-hw predict: {error}", file=sys.stderr)
            failed += 1
            continue
        if not args.invert:
            _warn_of_paper(path, pixels, form)
        order, shares = _best(model, pixels, form, top)
        for i, (classes, probabilities) in enumerate(zip(order, shares, strict=True)):
            names = [form.classes[c] for c in classes]
            if args.csv is None:
                place = f"{path}[{i}]" if len(images) > 1 else str(path)
                print(f"{place}: " + ", ".join(f"{n} {p:.1%}" for n, p in zip(names, probabilities, strict=True)))
            else:
                pairs = [v for n, p in zip(names, probabilities, strict=True) for v in (n, f"{p:.6f}")]
                rows.append([str(path), i, *pairs])
    if args.csv is not None:
        heads = [h for k in range(1, top + 1) for h in (f"class{k}", f"probability{k}")]
        with atomic_write(args.csv, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["file", "index", *heads], *rows])
        print(f"wrote {args.csv}: {len(rows):,} images")
    return 1 if failed else 0


def _best(model: nn.Module, pixels: Array, form: InputForm, top: int) -> tuple[list[Any], list[Any]]:
    """Return the most probable classes of each image, and their probabilities."""
    order: list[Any] = []
    shares: list[Any] = []
    with no_grad():
        for start in range(0, len(pixels), EVALUATION_BATCH):
            scores = model(normalised(pixels[start : start + EVALUATION_BATCH], form.mean, form.std))
            found = F.softmax(scores, dim=1).topk(top, dim=1)
            shares += found.values.tolist()
            order += found.indices.tolist()
    return order, shares


def _warn_of_paper(path: Path, pixels: Array, form: InputForm) -> None:
    """Say so if a picture seems to be dark on light, and the model learned light on dark."""
    edges = [pixels[..., 0, :], pixels[..., -1, :], pixels[..., 0], pixels[..., -1]]
    border = float(np.median(np.concatenate([e.reshape(-1) for e in edges]))) / 255
    if form.channels == 1 and form.mean[0] < 0.35 and border > 0.75:
        print(f"{path}: dark on light, it seems; the model learned from light on dark: try --invert", file=sys.stderr)
