"""The sheet's form of MNIST: HDF5 files of images ``xdata`` (N, 784) in [0, 1] and one-hot labels ``ydata`` (N, 10)."""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw.nn.functional import one_hot
from tinygrad_hw.vision.datasets import HDF5Dataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common

FILES = {"train": "mnist_traindata.hdf5", "test": "mnist_testdata.hdf5"}


def folder(args) -> Path:
    """Return the folder with both files; if --data has none, write them to --out from MNIST's own files."""
    if all((args.data / name).exists() for name in FILES.values()):
        return args.data
    args.out.mkdir(parents=True, exist_ok=True)
    for name, part in zip(FILES.values(), common.find_data("mnist", args.data), strict=True):
        images, labels = common.images_and_labels(part)
        # Any dictionary of tensors can be saved so; the suffix names the format.
        torch.save({"xdata": images, "ydata": one_hot(labels, 10).float()}, args.out / name)
    return args.out


def load(args) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Return (images, labels) of the training and of the test file; labels are class numbers."""
    root = folder(args)
    train, test = (HDF5Dataset(root / name) for name in FILES.values())
    return (train.data, train.targets), (test.data, test.targets)
