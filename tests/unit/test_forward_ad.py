"""Tensors with tangents."""

from __future__ import annotations

import gc

import pytest

import tinygrad_hw as torch
import tinygrad_hw.autograd.forward_ad as fw
from tinygrad_hw.autograd import tangents
from tinygrad_hw.autograd.tracer import tracing


def test_nothing_is_left_after_a_level():
    with pytest.raises(ZeroDivisionError), fw.dual_level():
        d = fw.make_dual(torch.ones(2), torch.ones(2))
        assert tracing()
        assert tangents._tangents
        raise ZeroDivisionError
    assert not tracing()
    assert not tangents._tangents
    assert fw.unpack_dual(d).tangent is None


def test_tangents_die_with_their_tensors():
    with fw.dual_level():
        d = fw.make_dual(torch.ones(2), torch.ones(2))
        for _ in range(5):
            d = (d * 2).exp().log()
        gc.collect()
        assert len(tangents._tangents) < 4


def test_products_of_a_network_are_those_of_two_reverse_passes():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten()
    )
    x, t = torch.randn(2, 1, 6, 6), torch.randn(2, 1, 6, 6)
    _, wanted = torch.func.jvp(net.eval(), (x,), (t,))
    with fw.dual_level():
        y, tangent = fw.unpack_dual(net(fw.make_dual(x, t)))
    assert torch.allclose(tangent, wanted, atol=1e-6)
    assert y.requires_grad


def test_random_numbers_are_drawn_once():
    x = torch.ones(50)
    torch.manual_seed(0)
    wanted = torch.nn.functional.dropout(x)
    after = torch.rand(1)
    torch.manual_seed(0)
    with fw.dual_level():
        y, tangent = fw.unpack_dual(torch.nn.functional.dropout(fw.make_dual(x, x * 3)))
    assert torch.equal(y, wanted)
    assert torch.equal(tangent, wanted * 3)
    assert torch.equal(torch.rand(1), after)


def test_hessian_vector_product():
    x, t = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 10.0])
    with fw.dual_level():
        d = fw.make_dual(x, t)
        (g,) = torch.autograd.grad((d**3).sum(), d)
        assert fw.unpack_dual(g).tangent.tolist() == [6.0, 120.0]
        assert not g.requires_grad


def test_writes_into_views_change_the_base():
    with fw.dual_level():
        d = fw.make_dual(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        y = torch.zeros(4)
        part = y[1:3]
        part.copy_(d)
        assert fw.unpack_dual(y).tangent.tolist() == [0.0, 3.0, 4.0, 0.0]
        y.mul_(2)
        assert fw.unpack_dual(part).tangent.tolist() == [6.0, 8.0]
        y.zero_()
        assert fw.unpack_dual(part).tangent.tolist() == [0.0, 0.0]


def test_the_graph_is_that_without_tangents():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([1.0, 2.0])
    with fw.dual_level():
        y = x * fw.make_dual(w, torch.ones(2))
        assert [n is None for n, _ in y.grad_fn.next_functions] == [False, True]
        y.sum().backward()
        assert w.grad is None
        assert x.grad.tolist() == [1.0, 2.0]
        assert not (fw.make_dual(w, torch.ones(2)) * 2).requires_grad


def test_errors():
    with fw.dual_level(), pytest.raises(RuntimeError, match="Nested"), fw.dual_level():
        pass
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(torch.ones(1), torch.ones(1))
    with fw.dual_level(), pytest.raises(RuntimeError, match="different size"):
        fw.make_dual(torch.ones(2), torch.ones(3))
    with fw.dual_level(), pytest.raises(ValueError, match="Expected primal to be floating"):
        fw.make_dual(torch.tensor([1]), torch.ones(1))
