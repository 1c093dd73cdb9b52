"""An epoch of MNIST through the data loader, the first 20 batches apart."""

from __future__ import annotations

import gzip
import importlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.train import models
from benchmarks.workload import Run, Workload

__all__ = ["FOLDER", "WORKLOADS", "find"]

#: The environment variable that tells the workers where the files are.
FOLDER = "TINYGRAD_HW_BENCHMARK_DATA"

_IMAGES, _LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_EXAMPLES = 60_000


def _path(folder: Path, name: str) -> Path | None:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    return None


def find(folder: str | None) -> Path | None:
    """Return the folder with MNIST's training files: ``folder``, or one below or beside it; None if there is none."""
    start = [Path(folder)] if folder else [Path("data"), Path("..") / "shared" / "data"]
    for place in start:
        for candidate in (place, place / "mnist", place / "MNIST", place / "MNIST" / "raw"):
            if _path(candidate, _IMAGES) and _path(candidate, _LABELS):
                return candidate
    return None


def _read(name: str, header: int) -> bytes:
    path = _path(Path(os.environ[FOLDER]), name)
    if path is None:
        raise FileNotFoundError(f"{name} is not in the folder of MNIST")
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content)[header:]


def _epoch(torch: Any, build: Callable[[Any], Any], shape: tuple[int, ...], batch: int) -> Run:
    data = importlib.import_module(f"{torch.__name__}.utils.data")
    np = importlib.import_module("numpy")
    images = np.frombuffer(_read(_IMAGES, 16), np.uint8).reshape(_EXAMPLES, *shape)
    labels = np.frombuffer(_read(_LABELS, 8), np.uint8)
    x = torch.from_numpy(images.astype(np.float32) / 255)
    y = torch.from_numpy(labels.astype(np.int64))
    torch.manual_seed(0)
    model = build(torch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = data.DataLoader(data.TensorDataset(x, y), batch_size=batch, shuffle=True)

    def run(batches: int | None = None) -> float:
        total = 0.0
        for inputs, targets in itertools.islice(loader, batches):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    run(20)
    return lambda: run()


def _mlp(torch: Any) -> Any:
    return models.mlp(torch, [784, 128, 10])


WORKLOADS = [
    Workload(
        "train",
        "epoch of MNIST",
        "MLP 784-128-10, b64",
        lambda t: _epoch(t, _mlp, (784,), 64),
        warm=False,
        data=True,
    ),
    Workload(
        "train",
        "epoch of MNIST",
        "LeNet-5, b64",
        lambda t: _epoch(t, models.lenet, (1, 28, 28), 64),
        warm=False,
        data=True,
    ),
]
