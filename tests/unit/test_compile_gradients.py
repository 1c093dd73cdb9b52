"""``torch.compile``: gradients of both orders, bit for bit, what the graph keeps, and random programs."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.compiling import grads_of, pair, programs, same, why

nn, F = torch.nn, torch.nn.functional


def test_gradients_of_arguments() -> None:
    fast, slow = pair(lambda a, b: (torch.tanh(a * b + a) / (b * b + 1)).sum())
    for seed in range(3):
        torch.manual_seed(seed)
        a, b = torch.randn(3, 4), torch.randn(4)
        assert all(same(x, y) for x, y in zip(grads_of(fast, a, b), grads_of(slow, a, b), strict=True))
    assert programs(fast) == 1


def test_gradients_flow_through_to_what_came_before() -> None:
    fast, slow = pair(lambda h: (h * h).exp() + h)
    results = []
    for f in (fast, fast, slow):
        torch.manual_seed(0)
        x = torch.randn(5, requires_grad=True)
        h = x * 3
        y = (f(h) * h.cos() + h).sum()  # contributions to h from before, inside and after
        y.backward()
        results.append(x.grad)
    assert programs(fast) == 1 and same(results[0], results[2]) and same(results[1], results[2])


def test_second_derivatives() -> None:
    fast, slow = pair(lambda a: (a**3 * torch.sigmoid(a)).sum())
    torch.manual_seed(0)
    x = torch.randn(6)
    fast(x.clone().requires_grad_())
    found = []
    for f in (fast, slow):
        a = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(f(a), a, create_graph=True)
        (h,) = torch.autograd.grad((g * g).sum(), a)
        found.append((g, h))
    assert all(same(p, q) for p, q in zip(*found, strict=True))


def test_gradient_penalty_of_a_network() -> None:
    results = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

        def score(x, model=model):
            return model(x).sum()

        score = torch.compile(score) if compiled else score
        for _ in range(3):
            x = torch.randn(5, 4, requires_grad=True)
            (g,) = torch.autograd.grad(score(x), x, create_graph=True)
            loss = ((g.norm(dim=1) - 1) ** 2).mean()
            loss.backward()
        results.append([p.grad for p in model.parameters() if p.grad is not None])
    assert all(same(a, b) for a, b in zip(*results, strict=True))


def test_the_graph_can_be_kept_and_is_freed() -> None:
    fast, _ = pair(lambda a: (a * a).sum())
    for _ in range(2):
        a = torch.tensor([1.0, 2.0], requires_grad=True)
        y = fast(a)
        y.backward(retain_graph=True)
        y.backward()
        assert a.grad.tolist() == [4.0, 8.0]
        with pytest.raises(RuntimeError, match="second time"):
            y.backward()


def test_what_saves_nothing_can_be_walked_through_twice() -> None:
    fast, _ = pair(lambda a, b: a + b)
    for _ in range(2):
        a = torch.ones(2, requires_grad=True)
        y = fast(a, torch.ones(2))
        y.backward(torch.ones(2))
        y.backward(torch.ones(2))
        assert a.grad.tolist() == [2.0, 2.0]


def test_a_saved_tensor_must_not_be_written_to() -> None:
    weight = nn.Parameter(torch.ones(3))
    fast, _ = pair(lambda x: (x * weight).sum() + weight.sum())
    for _ in range(2):
        x = torch.ones(3, requires_grad=True)
        y = fast(x)
        with torch.no_grad():
            weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()
    fast, _ = pair(lambda x: torch.sigmoid(x))
    for _ in range(2):
        y = fast(torch.ones(3, requires_grad=True))
        z = y + 0
        with torch.no_grad():
            y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()


def test_changing_an_input_that_no_rule_needs_is_fine() -> None:
    fast, slow = pair(lambda x, b: (x * 2 + b).sum())
    for f in (fast, fast, slow):
        x, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        y = f(x, b)
        with torch.no_grad():
            b.zero_()
        y.backward()
        assert x.grad.tolist() == [2.0, 2.0]


def test_in_place_on_the_result() -> None:
    fast, slow = pair(lambda x: x * 3)
    found = []
    for f in (fast, fast, slow):
        x = torch.ones(2, requires_grad=True)
        y = f(x)
        y.add_(1).mul_(2)
        y.sum().backward()
        found.append((y, x.grad))
    assert all(same(a, b) for pair in found for a, b in zip(pair, found[2], strict=True))


def test_hooks_on_tensors() -> None:
    fast, _ = pair(lambda x: (x * x).sum())
    for _ in range(2):
        seen = []
        x = torch.ones(2, requires_grad=True)
        x.register_hook(lambda g, seen=seen: seen.append(g.tolist()))
        y = fast(x)
        y.register_hook(lambda g: g * 10)
        y.backward()
        assert seen == [[20.0, 20.0]]


def test_float16() -> None:
    fast, slow = pair(lambda a, b: torch.tanh(a @ b + 0.5).sum())
    torch.manual_seed(0)
    a, b = torch.randn(3, 4).half(), torch.randn(4, 2).half()
    for _ in range(2):
        assert all(same(x, y) for x, y in zip(grads_of(fast, a, b), grads_of(slow, a, b), strict=True))


UNARY = [
    torch.tanh, torch.sigmoid, F.relu, F.gelu, F.silu, lambda x: x * 2 + 1, lambda x: 1 - x, lambda x: -x / 3,
    torch.abs,    lambda x: x**2, lambda x: x**3, lambda x: (x * x + 1).sqrt(), lambda x: (x * x + 1).log(), torch.sin,
    lambda x: x.clamp(-1, 1), lambda x: F.softmax(x, -1), lambda x: F.log_softmax(x, 0), lambda x: x.t().reshape(4, 4),
    lambda x: x.reshape(2, 2, 4).flatten(0, 1),
    lambda x: x.sum(0), lambda x: x.mean(1, keepdim=True), lambda x: x[1:].max() * x, lambda x: x[:, :1].expand(4, 4),
    lambda x: F.layer_norm(x, (4,)), lambda x: x.transpose(0, 1), lambda x: x.unsqueeze(0).squeeze(0), lambda x: x[2],
    lambda x: x.var(1, keepdim=True) + x, lambda x: x.permute(1, 0), lambda x: torch.cat([x[:2], x[1:3]]), torch.exp,
    lambda x: torch.stack([x[0], x[1], x[0], x[3]]), lambda x: x.logsumexp(1, keepdim=True) - x, torch.erf, lambda x: x,
]  # fmt: skip
BINARY = [
    torch.add, torch.sub, torch.mul, lambda a, b: a / (b * b + 1), torch.maximum, torch.minimum, lambda a, b: a @ b,
    lambda a, b: torch.where(a > b, a, b * 2), lambda a, b: F.linear(a, b), lambda a, b: torch.addmm(a, a, b),
    lambda a, b: F.mse_loss(a, b) + a, lambda a, b: F.smooth_l1_loss(a, b) * b, lambda a, b: (a > 0) * b,
]  # fmt: skip


def random_program(seed):
    """Return a function of three (4, 4) tensors made of random ops on its arguments and what it has computed."""
    rng = np.random.default_rng(seed)
    plan = [
        (int(rng.integers(2)), int(rng.integers(99)), int(rng.integers(99)), int(rng.integers(99))) for _ in range(9)
    ]

    def program(*args):
        values = list(args)
        for two, which, i, j in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            y = BINARY[which % len(BINARY)](a, b) if two else UNARY[which % len(UNARY)](a)
            values.append(y if y.shape == (4, 4) else y + torch.tanh(a))
        return sum(v.sum() for v in values[3:]) + (values[-1] * values[-2]).mean()

    return program


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed, dtype) -> None:
    slow = random_program(seed)
    fast = torch.compile(slow)
    torch.manual_seed(seed)
    for _ in range(3):
        tensors = [torch.randn(4, 4).to(dtype) for _ in range(3)]
        assert all(same(a, b) for a, b in zip(derivatives(slow, tensors), derivatives(fast, tensors), strict=True))
    assert programs(fast) == 1, why(fast)


def derivatives(function, tensors):
    """Return results, first derivatives by both ways, and second ones."""
    leaves = [t.clone().requires_grad_(i != 1) for i, t in enumerate(tensors)]
    wanted = [leaves[0], leaves[2]]
    y = function(leaves[0], leaves[1] * 1, leaves[2])
    grads = torch.autograd.grad(y, wanted, create_graph=True, materialize_grads=True)
    again = ()
    if any(g.requires_grad for g in grads):
        again = torch.autograd.grad(sum((g * g).sum() for g in grads), wanted, materialize_grads=True)
    z = function(leaves[0], leaves[1] * 1, leaves[2])
    z.backward()
    return [y, z, *grads, *again, *(t.grad for t in wanted if t.grad is not None)]
