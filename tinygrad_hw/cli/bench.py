"""``bench``: how fast training and inference are on this machine."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tinygrad_hw as ours
from tinygrad_hw.cli.errors import Failure
from tinygrad_hw.cli.help import add_command

__all__ = ["add", "run"]

#: Seconds to measure each thing for.
SHORT, LONG = 0.3, 2.0


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "bench",
        "time training and inference, against PyTorch if it is installed",
        """Time steps of training and inference of three models on this machine, in turns with PyTorch if it is
        installed. In a source tree, the full benchmarks of the project run instead, with all options that follow a --;
        --short keeps to the three models.""",
        """
        tinygrad-hw bench --short
        tinygrad-hw bench -- train --filter lenet --threads 1,2      in a source tree
        """,
    )
    parser.add_argument("--short", action="store_true", help="the three models only")
    parser.add_argument("--thorough", action="store_true", help="measure them for longer")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="for the full benchmarks, after --")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Time."""
    source = Path(ours.__file__).resolve().parents[1]
    whole = (source / "benchmarks" / "__main__.py").is_file() and (source / "pyproject.toml").is_file()
    if whole and not args.short:
        return subprocess.run([sys.executable, "-m", "benchmarks", *args.options], cwd=source).returncode
    if args.options:
        raise Failure(f"options such as {args.options[0]} are for the full benchmarks, which need the source tree")
    _short(LONG if args.thorough else SHORT)
    return 0


def _models(torch: Any) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return models and the batches they take, in either library."""
    nn = torch.nn
    return {
        "MLP 784-128-10, batch 64": (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)),
            (64, 1, 28, 28),
        ),
        "LeNet-5, batch 64": (
            nn.Sequential(
                *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
                *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
            ),
            (64, 1, 28, 28),
        ),
        "CNN with batch norm, batch 64": (
            nn.Sequential(
                *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Flatten(), nn.Linear(4096, 128), nn.ReLU(), nn.Linear(128, 10)),
            ),
            (64, 3, 32, 32),
        ),
    }


def _work(torch: Any, model: Any, shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """Return a training step and an inference."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images, labels = torch.randn(*shape), torch.randint(0, 10, (shape[0],))
    cross_entropy = torch.nn.functional.cross_entropy

    def train() -> None:
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()

    def infer() -> None:
        with torch.no_grad():
            model(images)

    return {"training": train, "inference": infer}


def _best(work: Callable[[], Any], seconds: float) -> float:
    """Return the time of the fastest call within some seconds."""
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        begun = time.perf_counter()
        work()
        now = time.perf_counter()
        best = min(best, now - begun)
        if now > end:
            return best


def _short(seconds: float) -> None:
    libraries: dict[str, Any] = {"ours": ours}
    if importlib.util.find_spec("torch") is not None:
        libraries["PyTorch"] = importlib.import_module("torch")
    works: dict[str, dict[str, dict[str, Callable[[], Any]]]] = {}
    for library, torch in libraries.items():
        torch.manual_seed(0)
        for name, (model, shape) in _models(torch).items():
            works.setdefault(name, {})[library] = _work(torch, model, shape)
    versions = ", ".join(f"{'tinygrad_hw' if n == 'ours' else n} {lib.__version__}" for n, lib in libraries.items())
    print(f"{versions}; {ours.get_num_threads()} threads; milliseconds a step, the fastest of many\n")
    both = len(libraries) == 2
    heads = [*libraries, *(["PyTorch / ours"] if both else [])]
    print(f"{'':<30}  {'':<9}" + "".join(f"  {h:>14}" for h in heads))
    for name, sides in works.items():
        for kind in ("training", "inference"):
            # Twice in turns, so that a busy moment of the machine does not hit one side alone; kernels compile first.
            for side in sides.values():
                side[kind]()
            times = {n: _best(side[kind], seconds / 2) for n, side in sides.items()}
            for n, side in sides.items():
                times[n] = min(times[n], _best(side[kind], seconds / 2))
            cells = [f"{times[n] * 1e3:.3f}" for n in sides]
            if both:
                cells.append(f"{times['PyTorch'] / times['ours']:.2f}")
            print(f"{name:<30}  {kind:<9}" + "".join(f"  {c:>14}" for c in cells), flush=True)
    if not both:
        print("\nPyTorch is not installed; with it, both are timed side by side")
