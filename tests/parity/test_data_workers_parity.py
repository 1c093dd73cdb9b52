"""Workers draw the random numbers that PyTorch's workers draw."""

from __future__ import annotations

import importlib
import os
import random
from typing import Any

import numpy as np
import pytest

import tinygrad_hw

pytorch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*use of fork.. may lead to deadlocks:DeprecationWarning"),
]


class Draws:
    """Samples of what the random streams of a worker give."""

    def __init__(self, package: str) -> None:
        self.package = package

    def __len__(self) -> int:
        return 9

    def __getitem__(self, i: int) -> Any:
        torch = importlib.import_module(self.package)
        info = torch.utils.data.get_worker_info()
        return {
            "index": i,
            "worker": (info.id, info.num_workers, info.seed),
            "torch": torch.rand(3).tolist(),
            "seed": torch.initial_seed(),
            "numpy": float(np.random.rand()),  # noqa: NPY002
            "python": random.random(),
        }


def run(torch: Any, **options: Any) -> list[Any]:
    torch.manual_seed(11)
    loader = torch.utils.data.DataLoader(
        Draws(torch.__name__), batch_size=None, num_workers=2, multiprocessing_context="fork", **options
    )
    epochs = [list(loader) for _ in range(3)]
    return [*epochs, torch.rand(2).tolist()]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_same_numbers(shuffle: bool, persistent: bool) -> None:
    ours, theirs = (run(p, shuffle=shuffle, persistent_workers=persistent) for p in (tinygrad_hw, pytorch))
    assert ours == theirs


def test_a_generator_of_the_loaders_own() -> None:
    found = []
    for torch in (tinygrad_hw, pytorch):
        generator = torch.Generator().manual_seed(5)
        found.append(run(torch, shuffle=True, generator=generator))
    assert found[0] == found[1]


def test_the_order_of_iterable_datasets() -> None:
    def streams(torch: Any) -> Any:
        class Stream(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Any:
                info = torch.utils.data.get_worker_info()
                return iter(range(info.id * 100, info.id * 100 + 3 + 4 * info.id))

        return Stream()

    for options in ({"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}, {"batch_size": 4}):
        found = []
        for torch in (tinygrad_hw, pytorch):
            loader = torch.utils.data.DataLoader(
                streams(torch), num_workers=3, multiprocessing_context="fork", prefetch_factor=1, **options
            )
            found.append([b.tolist() if hasattr(b, "tolist") else b for b in loader])
        assert found[0] == found[1], options


def test_the_same_errors() -> None:
    for options in (
        {"num_workers": 2, "multiprocessing_context": "spoon"},
        {"num_workers": 2, "multiprocessing_context": 3},
        {"num_workers": 2, "prefetch_factor": -1},
        {"num_workers": 0, "prefetch_factor": 2},
        {"num_workers": 2, "timeout": -1},
    ):
        kinds = []
        for torch in (tinygrad_hw, pytorch):
            with pytest.raises(Exception) as raised:
                torch.utils.data.DataLoader([1, 2], **options)
            kinds.append(type(raised.value))
        assert kinds[0] is kinds[1], options


def test_an_exception_reads_the_same() -> None:
    texts = []
    for torch in (tinygrad_hw, pytorch):
        loader = torch.utils.data.DataLoader(Broken(), num_workers=1, multiprocessing_context="fork")
        with pytest.raises(ZeroDivisionError) as raised:
            next(iter(loader))
        texts.append(str(raised.value).splitlines())
    assert (
        texts[0][:2]
        == texts[1][:2]
        == [
            "Caught ZeroDivisionError in DataLoader worker process 0.",
            "Original Traceback (most recent call last):",
        ]
    )
    assert texts[0][-1] == texts[1][-1]


class Broken:
    def __len__(self) -> int:
        return 1

    def __getitem__(self, i: int) -> Any:
        return 1 / 0
