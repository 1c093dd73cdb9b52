"""What all coursework scripts share: arguments, finding data, tables, saving pictures.

A script in a sheet's folder reaches this file so:

    sys.path.insert(0, str(Path(__file__).parents[1]))
    import common
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import tinygrad_hw as torch
from tinygrad_hw import viz
from tinygrad_hw.vision import datasets

#: The data sets: their class, and the folder below --data which may hold them.
SETS: dict[str, tuple[Any, str]] = {
    "mnist": (datasets.MNIST, "mnist"),
    "fashion-mnist": (datasets.FashionMNIST, "fashion-mnist"),
    "cifar10": (datasets.CIFAR10, "."),
}


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the arguments of every script; a script may add its own."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--data", type=Path, default=Path("data"), help="folder of the data sets (default: data)")
    result.add_argument("--out", type=Path, default=Path("out"), help="folder for pictures and files (default: out)")
    result.add_argument("--quick", action="store_true", help="few examples and epochs: only tries the script")
    result.add_argument("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
    return result


def parse_arguments(description: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the arguments of a script that has none of its own, and seed the random numbers."""
    args = parser(description).parse_args(argv)
    torch.manual_seed(args.seed)
    return args


def find_data(name: str, data: Path, **options: Any) -> tuple[Any, Any]:
    """Return a data set's training and test part, looked for in torchvision's layout, in a folder of its name, or flat.

    Args:
        name: a key of :data:`SETS`.
        data: the folder given as --data.
        options: more arguments of the data set's class for the training part.

    The script ends with a message if the files are not there or damaged.
    """
    kind, folder = SETS[name]
    problem: Exception | None = None
    for root in (data / folder, data):
        try:
            return kind(root, train=True, **options), kind(root, train=False)
        except (OSError, RuntimeError) as error:
            problem = problem or error
    sys.exit(f"{name} was not found in {data}; say where it is with --data.\n{problem}")


def images_and_labels(part: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images of MNIST or Fashion-MNIST as rows of 784 float32 numbers in [0, 1], and the labels as int64."""
    return torch.as_tensor(part.data).flatten(1).float() / 255, torch.as_tensor(part.targets).long()


def markdown_table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table whose columns are aligned, so that it reads well in a terminal too."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * max(3, width) for width in widths) + " |")
    return "\n".join(lines)


def save_figure(draw: Callable[[], Any], path: Path) -> bool:
    """Call ``draw``, which returns a matplotlib Figure, and save it; say so, and do nothing, without matplotlib.

    Returns:
        Whether a picture was written.
    """
    if importlib.util.find_spec("matplotlib") is None:
        print(f"no {path.name}: pictures need matplotlib (pip install 'tinygrad-hw[plot]')")
        return False
    viz.save(draw(), path)
    print(f"wrote {path}")
    return True
