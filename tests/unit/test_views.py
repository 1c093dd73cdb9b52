"""Writes through views and into recorded tensors: results and gradients equal PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw

torch = pytest.importorskip("torch")

Scenario = Callable[[Any, Any, Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Register ``function(m, a, b)``: ``a`` (4, 3) and ``b`` (3,) are leaves of the package ``m``."""
    SCENARIOS.append(function)
    return function


@scenario
def slice_of_recorded(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[1:3] = b
    return x * x


@scenario
def element_of_recorded(m: Any, a: Any, b: Any) -> Any:
    x = a.exp() * 1
    x[0, 1] = b[2]
    return x * a


@scenario
def number_into_recorded(m: Any, a: Any, b: Any) -> Any:
    x = a * b
    x[:, 0] = 5.0
    return x.sin()


@scenario
def fresh_buffer_takes_history(m: Any, a: Any, b: Any) -> Any:
    x = m.zeros(4, 3, dtype=m.float64)
    for i in range(4):
        x[i] = a[i] * b[i % 3]
    return x * x


@scenario
def read_after_write(m: Any, a: Any, b: Any) -> Any:
    x = a + 0.5
    row = x[1].clone()
    x[1] = row * b
    return x.cos() + row


@scenario
def write_through_row_view(m: Any, a: Any, b: Any) -> Any:
    x = a * 3
    x[2].mul_(b)
    return x * x


@scenario
def write_through_transpose(m: Any, a: Any, b: Any) -> Any:
    x = a * 3
    x.t()[0] = a[:, 1] * 2
    return x.sin()


@scenario
def write_through_view_chain(m: Any, a: Any, b: Any) -> Any:
    x = a * 1.5
    x.view(2, 6)[1].view(2, 3)[0].add_(b)
    return x * x


@scenario
def write_through_diagonal(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x.diagonal().mul_(b)
    return x.exp()


@scenario
def write_through_unbound(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x.narrow(0, 1, 2).copy_(b)
    return x * a


@scenario
def base_written_view_read(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    view = x[1:, :2]
    x.mul_(b)
    return view * view


@scenario
def sibling_views(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    left, right = x[:, :2], x[:, 1:]
    left.add_(1.0)
    right.mul_(b[0])
    return left * 2 + x[:, 1:]


@scenario
def mask_assignment(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[x > 0] = 0.0
    return x * a


@scenario
def mask_gets_tensor(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    mask = m.tensor([True, False, True, False])
    x[mask] = b
    return x * x


@scenario
def index_tensor_assignment(m: Any, a: Any, b: Any) -> Any:
    x = a.tanh() * 1
    x[m.tensor([3, 0])] = b * 2
    return x * x


@scenario
def integer_beside_index_tensor(m: Any, a: Any, b: Any) -> Any:
    x = (a * 2).view(2, 2, 3)
    x[1, :, m.tensor([0, 2])] = b[:2] * a[0, 0]
    return x * x


@scenario
def augmented_assignment(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[1] += b
    x[:, 2] *= a[:, 0]
    x[m.tensor([0, 2])] -= 1.0
    return x * x


@scenario
def step_slice_and_broadcast(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[::2] = b.view(1, 1, 3)
    x[..., 1] = b.sum()
    return x * a


@scenario
def index_add_through_view(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[1:].index_add_(0, m.tensor([0, 0]), m.stack([b, b * b]))
    return x * x


@scenario
def masked_fill_through_view(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[:, 1:].masked_fill_(m.tensor([[True, False]]), b[1])
    return x * x


@scenario
def value_of_another_dtype(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[0] = b.float()
    x[1] = m.tensor([1, 2, 3])
    return x * x


@scenario
def overwritten_completely(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x[...] = b
    return x * a


@scenario
def in_place_view_change(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x.t_()
    x[1].add_(1.0)
    x.unsqueeze_(0)
    return x * x


@scenario
def detached_view_shares_memory(m: Any, a: Any, b: Any) -> Any:
    x = a * 2
    x.detach()[0] = 7.0
    return x + x * 3 + b


@pytest.mark.torch
@pytest.mark.parametrize("function", SCENARIOS, ids=[f.__name__ for f in SCENARIOS])
def test_write_equals_pytorch(function: Scenario) -> None:
    rng = np.random.default_rng(3)
    arrays = rng.standard_normal((4, 3)), rng.standard_normal(3)
    found: list[list[Any]] = []
    for m in (tinygrad_hw, torch):
        a, b = (m.tensor(x, requires_grad=True) for x in arrays)
        out = function(m, a, b)
        weights = m.tensor(np.cos(np.arange(out.numel())).reshape(tuple(out.shape)))
        first = m.autograd.grad((out * weights).sum(), (a, b), create_graph=True, allow_unused=True)
        total = sum((g * g).sum() for g in first if g is not None)
        second = (
            m.autograd.grad(total, (a, b), allow_unused=True) if total.requires_grad else (None, None)  # type: ignore[union-attr]
        )
        results = [out, *first, *second]
        found.append([None if t is None else t.detach().numpy() for t in results])
    for ours, theirs in zip(*found, strict=True):
        if ours is None or theirs is None:
            rest = theirs if ours is None else ours
            assert rest is None or not rest.any()
            continue
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def leaf_slice(m: Any) -> None:
    a = m.ones(3, requires_grad=True)
    a[0] = 2.0


def leaf_view(m: Any) -> None:
    m.ones(3, requires_grad=True)[1:].mul_(2)


def wrong_shape(m: Any) -> None:
    m.ones(3, 4)[0] = m.ones(3)


def wrong_index_shape(m: Any) -> None:
    m.ones(3, 4)[m.tensor([0, 1])] = m.ones(3, 4)


def outside(m: Any) -> None:
    m.ones(3)[5] = 1.0


def expanded(m: Any) -> None:
    m.ones(1, 3).expand(2, 3).add_(m.ones(2, 3))


def saved_then_overwritten(m: Any) -> None:
    x = m.ones(3, requires_grad=True) * 2
    y = x * x
    x[0] = 1.0
    y.sum().backward()


def unbound_output(m: Any) -> None:
    x = m.ones(2, 3, requires_grad=True) * 2
    x.unbind(0)[0].mul_(2)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (leaf_slice, RuntimeError),
        (leaf_view, RuntimeError),
        (wrong_shape, RuntimeError),
        (wrong_index_shape, RuntimeError),
        (outside, IndexError),
        (expanded, RuntimeError),
        (saved_then_overwritten, RuntimeError),
        (unbound_output, RuntimeError),
    ],
)
def test_forbidden_write_raises_as_in_pytorch(function: Callable[[Any], None], kind: type[Exception]) -> None:
    for m in (tinygrad_hw, torch):
        with pytest.raises(kind):
            function(m)
