"""Runs a coursework script in this process, and makes data for those that read MNIST as CSV or HDF5."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.nn.functional import one_hot
from tinygrad_hw.vision.datasets import Digits

ROOT = Path(__file__).parents[2]
COURSEWORK = ROOT / "examples" / "coursework"
DATA = ROOT.parent / "shared" / "data"


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip a test where a folder of real data is not there."""
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"{folder} is not at hand")


def load(script: str) -> dict[str, Any]:
    """Return what a script such as ``ee599/mnist_mlp.py`` defines."""
    path = COURSEWORK / script
    before = list(sys.path)
    sys.path.insert(0, str(path.parent))
    try:
        return runpy.run_path(str(path), run_name=path.stem)
    finally:
        sys.path[:] = before
        # Two sheets may have helpers of one name.
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(COURSEWORK)):
                del sys.modules[name]


def run(script: str, *arguments: object) -> Any:
    """Run a script's main function with command-line arguments; return what it returns."""
    return load(script)["main"]([str(a) for a in arguments])


def digits_as_mnist() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the bundled digits, enlarged to 28x28: rows of 784 numbers and labels, for training and for test."""
    parts = []
    for train in (True, False):
        part = Digits(train=train)
        images = np.asarray(part.data, np.float32)
        images = images.reshape(-1, 8, 8) / images.max()
        large = np.pad(np.kron(images, np.ones((1, 3, 3), np.float32)), ((0, 0), (2, 2), (2, 2)))
        parts.append((torch.from_numpy(large).flatten(1), torch.as_tensor(part.targets).long()))
    return parts


def write_csv(folder: Path, train_rows: int, test_rows: int) -> None:
    """Write train.csv and test.csv."""
    for (images, labels), name, rows in zip(digits_as_mnist(), ("train", "test"), (train_rows, test_rows), strict=True):
        table = np.column_stack([images.numpy()[:rows], labels.numpy()[:rows]])
        np.savetxt(folder / f"{name}.csv", table, fmt="%.9g", delimiter=",")


def write_hdf5(folder: Path) -> None:
    """Write mnist_traindata.hdf5 and mnist_testdata.hdf5."""
    for (images, labels), name in zip(digits_as_mnist(), ("train", "test"), strict=True):
        torch.save({"xdata": images, "ydata": one_hot(labels, 10).float()}, folder / f"mnist_{name}data.hdf5")


def make_variants(folder: Path, *arguments: str) -> None:
    """Let the script that comes with the data write its CSV or HDF5 files."""
    path = DATA / "make_variants.py"
    if not path.exists():
        pytest.skip("the script is not at hand")
    subprocess.run([sys.executable, str(path), "--out", str(folder), *arguments], check=True, capture_output=True)
