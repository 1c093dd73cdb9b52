"""Indices of every kind, drawn at random, read, written and differentiated as numpy reads and writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_hw as torch

RULES = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


def slices(n: int) -> st.SearchStrategy[slice]:
    bound = st.none() | st.integers(-n - 1, n + 1)
    return st.builds(slice, bound, bound, st.none() | st.integers(1, 3))


@st.composite
def shapes_and_indices(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return a shape and pieces of an index: ints, slices, None, Ellipsis, masks and arrays that broadcast."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    common = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    pieces: list[Any] = []
    at, masked, dotted = 0, False, False
    while at < len(shape):
        n = shape[at]
        kinds = ["slice", "slice", "none", "stop"]
        if n:
            kinds += ["int", "array"]
        if not masked and not dotted:
            kinds.append("mask")
        if not dotted:
            kinds.append("dots")
        kind = draw(st.sampled_from(kinds))
        if kind == "stop":
            break
        if kind == "none":
            pieces.append(None)
            if sum(p is None for p in pieces) > 3:
                break
            continue
        if kind == "dots":
            dotted = True
            pieces.append(Ellipsis)
            at += draw(st.integers(0, len(shape) - at))
            # What follows must name the last dimensions one by one.
            pieces += [draw(slices(m)) for m in shape[at:]]
            break
        if kind == "int":
            pieces.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            pieces.append(draw(slices(n)))
        elif kind == "array":
            size = tuple(draw(st.sampled_from([m, 1])) for m in common[draw(st.integers(0, len(common) - 1)) :])
            flat = draw(st.lists(st.integers(-n, n - 1), min_size=int(np.prod(size)), max_size=int(np.prod(size))))
            pieces.append(np.array(flat, np.int64).reshape(size))
        else:
            masked = True
            wide = draw(st.integers(1, min(2, len(shape) - at)))
            part = shape[at : at + wide]
            flat = draw(st.lists(st.booleans(), min_size=int(np.prod(part)), max_size=int(np.prod(part))))
            pieces.append(np.array(flat, bool).reshape(part))
            at += wide
            continue
        at += 1
    if any(isinstance(p, np.ndarray) for p in pieces):
        # Next to arrays numpy takes an int for an array; PyTorch selects first. Both agree about a slice.
        pieces = [slice(p, p + 1 or None) if isinstance(p, int) else p for p in pieces]
    return shape, tuple(pieces)


def as_tensors(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(torch.from_numpy(p) if isinstance(p, np.ndarray) else p for p in index)


def numbered(shape: tuple[int, ...], order: int) -> tuple[np.ndarray[Any, Any], Any]:
    """Return an array of different numbers and a tensor of them, whose memory lies transposed if asked for."""
    array = np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape)
    tensor = torch.tensor(array.tolist(), dtype=torch.float64).reshape(shape)
    if order:
        dims = tuple(reversed(range(len(shape))))
        tensor = tensor.permute(dims).contiguous().permute(dims)
    return array, tensor


def expected(array: np.ndarray[Any, Any], index: tuple[Any, ...]) -> np.ndarray[Any, Any] | type[Exception]:
    try:
        return np.asarray(array[index])
    except IndexError:
        return IndexError


@RULES
@given(shapes_and_indices(), st.integers(0, 1))
def test_reading(case: tuple[Any, Any], order: int) -> None:
    shape, index = case
    array, tensor = numbered(shape, order)
    want = expected(array, index)
    if want is IndexError:
        try:
            tensor[as_tensors(index)]
        except IndexError:
            return
        raise AssertionError("numpy refuses this index")
    got = tensor[as_tensors(index)]
    assert tuple(got.shape) == want.shape  # type: ignore[union-attr]
    np.testing.assert_array_equal(got.numpy(), want)  # type: ignore[arg-type]
    basic = all(not isinstance(p, np.ndarray) for p in index)
    if got.numel():
        assert np.shares_memory(got.numpy(), tensor.numpy()) == basic


@RULES
@given(shapes_and_indices(), st.integers(0, 1))
def test_writing_and_both_gradients(case: tuple[Any, Any], order: int) -> None:
    shape, index = case
    array, tensor = numbered(shape, order)
    want = expected(array, index)
    if want is IndexError:
        return
    picked = want.shape  # type: ignore[union-attr]
    # A place that is named twice may take either value: give both the same.
    values = np.full(picked, -7.0)
    array[index] = values
    leaf = tensor.clone().requires_grad_()
    source = torch.tensor(values.tolist(), dtype=torch.float64).reshape(picked).requires_grad_()
    written = leaf * 1
    written[as_tensors(index)] = source
    np.testing.assert_array_equal(written.detach().numpy(), array)
    written.sum().backward()
    # What was overwritten gets no gradient, everything else 1.
    np.testing.assert_array_equal(leaf.grad.numpy(), np.where(array == -7.0, 0.0, 1.0))
    hit = int((array == -7.0).sum())
    if hit == source.numel():
        np.testing.assert_array_equal(source.grad.numpy(), np.ones(picked))
    leaf.grad = None
    leaf[as_tensors(index)].sum().backward()
    count = np.zeros(shape)
    np.add.at(count, index, 1.0)
    np.testing.assert_array_equal(leaf.grad.numpy(), count)


@RULES
@given(shapes_and_indices(), st.integers(0, 1), st.sampled_from([2, 0.5, True]))
def test_arithmetic_in_place_and_one_number(case: tuple[Any, Any], order: int, number: Any) -> None:
    shape, index = case
    array, tensor = numbered(shape, order)
    if expected(array, index) is IndexError:
        return
    array[index] *= number
    tensor[as_tensors(index)] *= number
    np.testing.assert_array_equal(tensor.numpy(), array)
    array[index] = number
    tensor[as_tensors(index)] = number
    np.testing.assert_array_equal(tensor.numpy(), array)
