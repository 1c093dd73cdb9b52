"""What every test gets: fixed seeds, and a mark on the tests that need PyTorch."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tinygrad_hw.random import manual_seed

PARITY = Path(__file__).parent / "parity"


@pytest.fixture(autouse=True)
def seed() -> int:
    """Start every random stream from the same place; returns the seed."""
    value = 0
    manual_seed(value)
    np.random.seed(value)  # noqa: NPY002 - the legacy stream is what is seeded here
    random.seed(value)
    return value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if PARITY in item.path.parents:
            item.add_marker(pytest.mark.torch)
