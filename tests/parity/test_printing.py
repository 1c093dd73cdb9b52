"""What a tensor prints, byte for byte against PyTorch's repr of the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_hw import printing

torch = pytest.importorskip("torch")

KINDS = ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
OPTIONS: list[dict[str, Any]] = [
    {"profile": "default"},
    {"profile": "short"},
    {"profile": "full"},
    {"precision": 0},
    {"precision": 7, "linewidth": 40},
    {"sci_mode": True, "linewidth": 120},
    {"sci_mode": False, "precision": 2},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 20, "edgeitems": 2, "linewidth": 30},
    {"threshold": 5, "edgeitems": 0},
]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 1e-4, 9.9999e-5, 1e8, 100000001.0]


def set_options(options: dict[str, Any]) -> None:
    printing.set_printoptions(profile="default")
    printing.set_printoptions(**options)
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)


@pytest.fixture(autouse=True)
def restore_options() -> Iterator[None]:
    yield
    set_options({"profile": "default"})


def random_array(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return an array of random shape and scale, with special values among its elements."""
    largest = int(rng.choice([3, 8, 30]))
    shape = tuple(rng.integers(1, largest + 1, int(rng.integers(0, 4 if largest < 30 else 3))))
    if rng.random() < 0.05:
        shape = (*shape[:1], 0, *shape[1:])
    elif rng.random() < 0.05:
        shape = (1200,)
    if kind == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if kind.startswith(("int", "uint")):
        info = np.iinfo(kind)
        low, high = (info.min, info.max) if rng.random() < 0.3 else (max(info.min, -30), 100)
        return np.asarray(rng.integers(low, high, shape, endpoint=True, dtype=kind))
    spread = rng.choice([0.0, 0.5, 3.0])
    values = rng.standard_normal(shape) * 10.0 ** (rng.integers(-7, 9) + spread * rng.standard_normal(shape))
    if rng.random() < 0.3:
        values = np.round(values)
    values = np.array(values)
    flat = values.reshape(-1)
    if flat.size and rng.random() < 0.4:
        flat[rng.integers(flat.size, size=2)] = rng.choice(SPECIAL, 2)
    with np.errstate(over="ignore"):
        return np.asarray(values.astype(kind))


def both(array: np.ndarray, **ours: Any) -> tuple[str, Any]:
    return printing.tensor_str(array, **ours), torch.from_numpy(array.copy())


@pytest.mark.parametrize("kind", KINDS)
def test_random_arrays(kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(60):
        ours, theirs = both(random_array(rng, kind))
        assert ours == repr(theirs)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ",".join(f"{k}={v}" for k, v in o.items()))
def test_options(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(OPTIONS.index(options) + 100)
    set_options(options)
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    for _ in range(40):
        ours, theirs = both(random_array(rng, str(rng.choice(KINDS))))
        assert ours == repr(theirs)


def test_gradient_suffixes_and_their_wrapping() -> None:
    rng = np.random.default_rng(200)
    for _ in range(60):
        array = random_array(rng, str(rng.choice(["float32", "float64", "float16"])))
        ours, theirs = both(array, requires_grad=True)
        theirs.requires_grad_()
        assert ours == repr(theirs)
        ours = printing.tensor_str(array, grad_fn_name="MulBackward0")
        assert ours == repr(theirs * 1)


@pytest.mark.parametrize("default", ["float32", "float64", "float16"])
def test_default_dtype(default: str) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for kind in KINDS:
            for shape in [(3,), (), (0,), (2, 0)]:
                ours, theirs = both(np.ones(shape, kind), default_dtype=default)
                assert ours == repr(theirs)
    finally:
        torch.set_default_dtype(before)


def test_subclass_and_given_contents() -> None:
    class Image(torch.Tensor):
        pass

    array = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    theirs = torch.from_numpy(array).as_subclass(Image)
    assert printing.tensor_str(array, type_name="Image") == repr(theirs)
    assert printing.tensor_str(array, contents="...") == torch.from_numpy(array).__repr__(tensor_contents="...")
