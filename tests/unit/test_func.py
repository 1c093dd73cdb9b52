"""Functions of functions, by formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.func.tree import flatten, tree_map

F = torch.func
X = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
M = torch.tensor([[0.5, -1.0, 0.2], [1.5, 0.1, -0.7]], dtype=torch.float64)


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy() if hasattr(b, "numpy") else b, rtol=1e-10)


def test_gradients_nest_to_any_order():
    f = torch.sin
    x = torch.tensor(0.7, dtype=torch.float64)
    expected = [math.cos(0.7), -math.sin(0.7), -math.cos(0.7), math.sin(0.7)]
    for value in expected:
        f = F.grad(f)
        assert f(x).item() == pytest.approx(value)
        assert not f(x).requires_grad


def test_an_inner_gradient_does_not_see_the_outer_variable():
    # d/dx (x d/dy (x + y)) at y = 1 is 1: the confusion of perturbations would give 2.
    def outer(x):
        return x * F.grad(lambda y: x + y)(torch.tensor(1.0))

    assert F.grad(outer)(torch.tensor(3.0)).item() == 1


def test_nothing_is_left_behind():
    x = X.clone().requires_grad_()
    F.grad(lambda v: (v**2).sum())(x)
    F.vjp(torch.sin, x)[1](torch.ones_like(x))
    F.jacrev(torch.sin)(x)
    assert x.grad is None
    assert x._node is None


def test_results_are_differentiable_only_if_something_else_is():
    w = X.clone().requires_grad_()
    assert F.grad(lambda v: (v * v * w).sum())(X).requires_grad
    assert not F.grad(lambda v: (v * v).sum())(X).requires_grad
    with torch.no_grad():
        assert not F.grad(lambda v: (v * v * w).sum())(X).requires_grad
    assert F.jvp(lambda v: v * v * w, (X,), (X,))[1].requires_grad
    # A tangent that is being differentiated by makes the product differentiable.
    v = X.clone().requires_grad_()
    (g,) = torch.autograd.grad(F.jvp(torch.sin, (X,), (v,))[1].sum(), v)
    close(g, X.cos())


def test_transpose_of_jvp_is_vjp():
    def f(x):
        return (M @ x).sin() * x[0]

    v, u = X + 1, torch.tensor([0.4, -0.3], dtype=torch.float64)
    value, forward = F.jvp(f, (X,), (v,))
    other, pull = F.vjp(f, X)
    close(value, other)
    assert (forward @ u).item() == pytest.approx((pull(u)[0] @ v).item())
    step = 1e-6
    close((f(X + step * v) - f(X - step * v)) / (2 * step) * 0 + forward, forward)
    np.testing.assert_allclose(forward.numpy(), ((f(X + step * v) - f(X - step * v)) / (2 * step)).numpy(), rtol=1e-7)


def test_jacobians_agree_with_differences_and_each_other():
    def f(x):
        return torch.stack([(x**2).sum(), x[0] * x[1], x.exp().prod()])

    step = 1e-6
    columns = [(f(X + step * e) - f(X - step * e)) / (2 * step) for e in torch.eye(3, dtype=torch.float64)]
    for jacobian in (F.jacrev(f)(X), F.jacfwd(f)(X)):
        np.testing.assert_allclose(jacobian.numpy(), torch.stack(columns, 1).numpy(), rtol=1e-6, atol=1e-8)
    close(F.hessian(lambda x: f(x)[2])(X), F.jacfwd(F.jacrev(lambda x: f(x)[2]))(X))
    close(F.hessian(lambda x: f(x)[0])(X), 2 * np.eye(3))


def test_linearize_runs_the_function_once():
    calls = []

    def f(x):
        calls.append(1)
        return x.sin()

    value, push = F.linearize(f, X)
    for k in range(3):
        close(push(X * k), X.cos() * X * k)
    close(value, X.sin())
    assert len(calls) == 1


def test_vmap_is_the_stack_of_its_slices():
    def f(a, b, k):
        return a @ b * k, {"sum": a.sum()}

    out, rest = F.vmap(f, in_dims=(0, None, None), out_dims=(0, {"sum": 0}))(M, X, 2.0)
    close(out, (M @ X) * 2)
    close(rest["sum"], M.sum(1))
    close(
        F.vmap(F.vmap(lambda v: v * 2, in_dims=1), in_dims=0, out_dims=2)(torch.ones(2, 3, 4)), np.full((4, 3, 2), 2.0)
    )


def test_vmap_follows_branches():
    out = F.vmap(lambda v: v * 2 if v > 0 else v * 0)(X)
    close(out, (X > 0) * X * 2)


def test_vmap_of_nothing_has_the_shape_of_something():
    assert F.vmap(lambda v: torch.stack([v.sum(), v.sum()]), out_dims=1)(torch.ones(0, 3)).shape == (2, 0)
    assert F.vmap(lambda v: v.long())(torch.ones(0, 3)).dtype == torch.int64


def test_per_sample_gradients():
    net = torch.nn.Linear(3, 2)
    params = {k: v.detach() for k, v in net.named_parameters()}
    x, y = torch.randn(5, 3), torch.randn(5, 2)

    def loss(p, a, b):
        return ((F.functional_call(net, p, a) - b) ** 2).sum()

    grads = F.vmap(F.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    for i in range(5):
        net.zero_grad()
        ((net(x[i]) - y[i]) ** 2).sum().backward()
        np.testing.assert_allclose(grads["weight"][i].numpy(), net.weight.grad.numpy(), rtol=1e-5)
        np.testing.assert_allclose(grads["bias"][i].numpy(), net.bias.grad.numpy(), rtol=1e-5)


def test_randomness():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="randomness"):
        F.vmap(lambda v: v + torch.rand(3))(M)
    assert torch.equal(torch.get_rng_state(), state)
    same = F.vmap(lambda v: torch.rand(3), randomness="same")(M)
    assert torch.equal(same[0], same[1])
    torch.set_rng_state(state)
    assert torch.equal(same[0], torch.rand(3))
    different = F.vmap(lambda v: torch.rand(3), randomness="different")(M)
    assert not torch.equal(different[0], different[1])


def test_a_failing_call_leaves_the_module_as_it_was():
    net = torch.nn.Sequential(torch.nn.Linear(3, 2))
    weight = net[0].weight
    with pytest.raises(RuntimeError):
        F.functional_call(net, {"0.weight": torch.ones(2, 7)}, torch.ones(1, 3))
    with pytest.raises(AttributeError, match="no parameter or buffer 'nothing'"):
        F.functional_call(net, {"0.weight": torch.ones(2, 3), "0.nothing": torch.ones(1)}, torch.ones(1, 3))
    assert net[0].weight is weight


def test_running_statistics_go_to_the_dictionary():
    net = torch.nn.BatchNorm1d(2)
    buffers = {k: v.clone() for k, v in net.named_buffers()}
    F.functional_call(net, buffers, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert buffers["num_batches_tracked"].item() == 1
    assert buffers["running_mean"].tolist() == pytest.approx([0.2, 0.3])
    assert net.num_batches_tracked.item() == 0
    assert net.running_mean.tolist() == [0, 0]


def test_trees():
    nest = ({"b": 1, "a": [2, (3,)]}, 4, [])
    leaves, structure = flatten(nest)
    assert leaves == [1, 2, 3, 4]
    assert structure.build(leaves) == nest
    assert repr(structure) == "tuple(dict('b': *, 'a': list(*, tuple(*))), *, list())"
    assert structure.spread(0) == [0, 0, 0, 0]
    assert structure.spread(({"a": 5, "b": 6}, None, 7)) == [6, 5, 5, None]
    assert structure.spread((1, 2)) is None
    assert structure.spread(({"c": 1, "b": 1}, 2, 3)) is None
    assert flatten(3)[1].spread((1,)) is None
    assert tree_map(lambda v: v * 2, nest) == ({"b": 2, "a": [4, (6,)]}, 8, [])
    assert structure == flatten(nest)[1]
    assert structure != flatten(({"b": 1}, 4))[1]


def test_vmap_is_a_name_of_the_package():
    assert torch.vmap is F.vmap
