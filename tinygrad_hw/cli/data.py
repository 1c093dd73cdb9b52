"""The data sets that a classifier can be trained on, in the form in which models take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw.cli.errors import Failure, UsageError
from tinygrad_hw.cli.images import InputForm, normalised
from tinygrad_hw.cli.settings import Settings
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.utils.data import DataLoader, Dataset, TensorDataset
from tinygrad_hw.vision import datasets, transforms

__all__ = ["EVALUATION_BATCH", "Part", "load_parts", "training_loader"]

Array = np.ndarray[Any, Any]
#: Images at a time where nothing is learned.
EVALUATION_BATCH = 1000
#: Mean and deviation of each channel over the training set, as fractions of 255.
STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "digits": ((0.3053,), (0.3760,)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion-mnist": ((0.2860,), (0.3530,)),
    "kmnist": ((0.1918,), (0.3483,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


@dataclass
class Part:
    """Images (N, C, H, W) of bytes and their labels, for training or for a test."""

    pixels: Array
    labels: Array
    form: InputForm

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Any) -> Part:
        """Return the images at some places."""
        return Part(self.pixels[places], self.labels[places], self.form)

    def tensors(self) -> TensorDataset:
        """Return normalised images and labels."""
        return TensorDataset(normalised(self.pixels, self.form.mean, self.form.std), torch.as_tensor(self.labels))

    def loader(self) -> DataLoader[Any]:
        """Return batches for an evaluation, in order."""
        return DataLoader(self.tensors(), batch_size=EVALUATION_BATCH)


def _root(settings: Settings) -> Path:
    """Return the folder of the files: that of the set's name inside ``--data``, if there is one."""
    root = Path(settings.data)
    return root / settings.dataset if (root / settings.dataset).is_dir() else root


def _read(settings: Settings, train: bool) -> Any:
    name, root = settings.dataset, _root(settings)
    if name == "digits":
        return datasets.Digits(train=train)
    options: Any = {"train": train, "download": settings.download}
    if name == "cifar10":
        return datasets.CIFAR10(root, **options, batches=(settings.batches or None) if train else None)
    classes = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}
    return classes[name](root, **options)


def _hint(text: str) -> str:
    """Return a data set's message with this program's flags in place of Python's arguments."""
    for python, flag in (
        ("Pass download=True to fetch it", "Pass --download to fetch it"),
        ("pass download=True to fetch it again", "pass --download to fetch it again"),
        ("name the folder that has it as root", "name the folder that has it with --data"),
    ):
        text = text.replace(python, flag)
    start = text.find("batches=(")
    if start >= 0:
        end = text.index(")", start)
        numbers = text[start + len("batches=(") : end].replace(" ", "").rstrip(",")
        text = f"{text[:start]}--batches {numbers}{text[end + 1 :]}"
    return text


def _part(settings: Settings, train: bool) -> Part:
    try:
        source = _read(settings, train)
    except (FileNotFoundError, RuntimeError) as error:
        raise Failure(_hint(str(error))) from None
    pixels = source.data.array if isinstance(source.data, Tensor) else source.data
    labels = source.targets.array if isinstance(source.targets, Tensor) else np.array(source.targets, np.int64)
    pixels = pixels[:, None] if pixels.ndim == 3 else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    _, channels, height, width = pixels.shape
    mean, std = STATISTICS[settings.dataset]
    classes = tuple(str(c).partition(" - ")[0] for c in source.classes)
    return Part(pixels, labels, InputForm(channels, height, width, mean, std, classes))


def load_parts(settings: Settings, names: Sequence[str] = ("train", "validation", "test")) -> dict[str, Part]:
    """Return the parts of a data set that were asked for.

    ``"train"`` and ``"validation"`` have no image in common; without a share for validation that is the test set.

    Raises:
        Failure: files are missing or damaged.
        UsageError: nothing is left to train on.
    """
    found = {}
    if "train" in names or ("validation" in names and settings.validation):
        whole = _part(settings, True)
        # Of a generator of its own: the weights and batches are the same with and without a validation.
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(settings.seed)).array
        count = round(settings.validation * len(whole))
        kept = np.sort(order[count:])[: settings.train_size or None]
        if not len(kept) or (settings.validation and not count):
            raise UsageError(
                f"--validation {settings.validation:g} of {len(whole):,} images leaves {len(kept):,} to train on and "
                f"{count:,} for validation"
            )
        found["train"] = whole if len(kept) == len(whole) else whole.take(kept)
        if count:
            found["validation"] = whole.take(np.sort(order[:count]))
    if "test" in names or ("validation" in names and not settings.validation):
        found["test"] = _part(settings, False)
        found.setdefault("validation", found["test"])
    return {name: found[name] for name in names}


class _Augmented(Dataset[Any]):
    """Images that are changed at random each time they are read, a batch at once."""

    def __init__(self, part: Part, transform: Any) -> None:
        self.part = part
        self.transform = transform

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> Any:
        images, labels = self.__getitems__([index])
        return images[0], labels[0]

    def __getitems__(self, indices: list[int]) -> Any:
        form, pixels = self.part.form, self.part.pixels[indices]
        changed = self.transform(torch.as_tensor(pixels)).array
        return normalised(changed, form.mean, form.std), torch.as_tensor(self.part.labels[indices])


def _as_it_is(batch: Any) -> Any:
    return batch


def _transform(name: str, size: int) -> Any:
    """Return what leaves an image of this data set what it is."""
    if name in ("cifar10", "fashion-mnist"):
        steps = [transforms.RandomCrop(size, padding=size // 8), transforms.RandomHorizontalFlip()]
    else:
        steps = [transforms.RandomAffine(10, translate=(0.08, 0.08), scale=(0.9, 1.1), interpolation="bilinear")]
    return transforms.Batched(transforms.Compose(steps))


def training_loader(settings: Settings, part: Part) -> DataLoader[Any]:
    """Return batches to train on, in a new order each epoch."""
    options: Any = {"batch_size": settings.batch_size, "shuffle": True}
    if not settings.augment:
        return DataLoader(part.tensors(), **options)
    return DataLoader(_Augmented(part, _transform(settings.dataset, part.form.height)), collate_fn=_as_it_is, **options)
