"""Random indices: reading, writing, and both gradients equal PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def random_slice(rng: np.random.Generator, n: int) -> slice:
    bounds = [None if rng.random() < 0.4 else int(rng.integers(-n - 1, n + 2)) for _ in range(2)]
    step = None if rng.random() < 0.6 else int(rng.integers(1, 3))
    return slice(bounds[0], bounds[1], step)


def random_index(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return pieces of an index; arrays stand for index tensors."""
    pieces: list[Any] = []
    # Index tensors of one index broadcast together.
    common = tuple(int(n) for n in rng.integers(1, 3, int(rng.integers(1, 3))))
    masked = False
    at = 0
    while at < len(shape) and rng.random() < 0.85:
        n = shape[at]
        kind = rng.choice(
            ["int", "slice", "none", "array", "list", "mask", "scalar"], p=[0.2, 0.3, 0.1, 0.2, 0.1, 0.05, 0.05]
        )
        if kind == "none":
            pieces.append(None)
            continue
        if kind == "int":
            pieces.append(int(rng.integers(-n, n)))
        elif kind == "scalar":
            pieces.append(np.array(rng.integers(-n, n)))
        elif kind == "slice":
            pieces.append(random_slice(rng, n))
        elif kind == "mask" and not masked:
            # A mask of exactly one True broadcasts with every other index.
            mask = np.zeros(n, np.bool_)
            mask[rng.integers(0, n)] = True
            masked = True
            pieces.append(mask)
        elif kind == "list":
            pieces.append(rng.integers(-n, n, common[-1]).tolist())
        else:
            pieces.append(rng.integers(-n, n, common))
        at += 1
    if at < len(shape) and rng.random() < 0.5:
        # What follows an Ellipsis names the last dimensions.
        pieces.insert(int(rng.integers(0, len(pieces) + 1)), Ellipsis)
        if pieces[-1] is not Ellipsis:
            pieces = reordered(rng, pieces, shape)
    return tuple(pieces)


def reordered(rng: np.random.Generator, pieces: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Return the pieces with those behind the Ellipsis replaced by ones valid for the last dimensions."""
    cut = next(i for i, p in enumerate(pieces) if p is Ellipsis)
    behind = [p for p in pieces[cut + 1 :] if p is not None]
    names = shape[len(shape) - len(behind) :]
    return [
        *pieces[: cut + 1],
        *(int(rng.integers(-n, n)) if rng.random() < 0.5 else random_slice(rng, n) for n in names),
    ]


def to(m: Any, pieces: tuple[Any, ...]) -> Any:
    index = tuple(m.tensor(p) if isinstance(p, np.ndarray) else p for p in pieces)
    return index[0] if len(index) == 1 else index


def cases(seed: int, count: int) -> Any:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        shape = tuple(int(n) for n in rng.integers(1, 5, int(rng.integers(1, 5))))
        yield rng, rng.standard_normal(shape), random_index(rng, shape)


@pytest.mark.parametrize("seed", range(8))
def test_random_getitem(seed: int) -> None:
    for rng, array, pieces in cases(seed, 50):
        found = []
        weights = None
        for m in (torch, tinygrad_hw):
            x = m.tensor(array, requires_grad=True)
            out = x[to(m, pieces)]
            if weights is None:
                weights = rng.standard_normal(tuple(out.shape))
            (first,) = m.autograd.grad((out.sin() * m.tensor(weights)).sum(), x, create_graph=True)
            (second,) = m.autograd.grad((first * first).sum(), x)
            shares = out.data_ptr() - x.data_ptr() if out._base is not None and out.numel() else None
            strides = (
                [s for s, n in zip(out.stride(), out.shape, strict=True) if n > 1] if out._base is not None else None
            )
            found.append((tuple(out.shape), shares, strides, [t.detach().numpy() for t in (out, first, second)]))
        theirs, ours = found
        assert ours[:1] == theirs[:1], (array.shape, pieces)
        if theirs[3][0].size:
            assert ours[1:3] == theirs[1:3], (array.shape, pieces)
        for a, b in zip(ours[3], theirs[3], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13, err_msg=f"{array.shape} {pieces}")


@pytest.mark.parametrize("seed", range(8, 16))
def test_random_setitem(seed: int) -> None:
    for rng, array, pieces in cases(seed, 50):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            places = torch.arange(array.size).reshape(array.shape)[to(torch, pieces)].numpy()
        if len(np.unique(places)) != places.size:
            continue  # which of several values for one place wins is not defined
        drop = int(rng.integers(0, places.ndim + 1))
        values = rng.standard_normal(places.shape[drop:])
        found = []
        for m in (torch, tinygrad_hw):
            x, v = m.tensor(array, requires_grad=True), m.tensor(values, requires_grad=True)
            y = x * 2
            y[to(m, pieces)] = v * 3
            grads = m.autograd.grad((y * y * y).sum(), (x, v), create_graph=True)
            second = m.autograd.grad(sum((g * g).sum() for g in grads), (x, v))
            found.append([t.detach().numpy() for t in (y, *grads, *second)])
        for b, a in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12, err_msg=f"{array.shape} {pieces}")


@pytest.mark.parametrize("seed", range(16, 20))
def test_random_index_outside_raises_the_same(seed: int) -> None:
    """Indices made for one shape, used on another: both raise, and the same type, or neither does."""
    compared = 0
    for rng, _, pieces in cases(seed, 50):
        other = tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 4))))
        outcomes: list[Any] = []
        for m in (torch, tinygrad_hw):
            try:
                outcomes.append(tuple(m.zeros(other)[to(m, pieces)].shape))
            except Exception as error:
                outcomes.append(type(error))
        if isinstance(outcomes[0], tuple) and 0 in outcomes[0]:
            continue  # PyTorch does not look at index tensors that choose nothing
        assert outcomes[0] == outcomes[1], (other, pieces, outcomes)
        compared += isinstance(outcomes[0], type)
    assert compared
