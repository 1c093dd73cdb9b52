"""Hooks on saved tensors, nodes and edges of the graph."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.autograd.tracer import tracing

graph = torch.autograd.graph


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_nothing_looks_at_ops_without_hooks():
    assert not tracing()
    with graph.save_on_cpu():
        assert tracing()
        with graph.save_on_cpu():
            pass
        assert tracing()
    assert not tracing()
    with pytest.raises(ZeroDivisionError), graph.allow_mutation_on_saved_tensors():
        raise ZeroDivisionError
    assert not tracing()


def test_hooks_belong_to_their_thread():
    seen = []
    a = leaf(1.0, 2.0)
    with graph.saved_tensors_hooks(seen.append, lambda x: x):
        thread = threading.Thread(target=a.exp)
        thread.start()
        thread.join()
    assert not seen


def test_packed_in_files_and_half(tmp_path):
    """The usual uses: keep what is saved on disk, or in half the memory."""
    names = iter(range(100))

    def to_disk(x):
        name = tmp_path / f"{next(names)}.npy"
        np.save(name, x.detach().numpy())
        return name

    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.Flatten())
    x = torch.randn(2, 1, 5, 5)
    net(x).pow(2).sum().backward()
    wanted = [p.grad.clone() for p in net.parameters()]
    for pack, unpack, tolerance in (
        (to_disk, lambda name: torch.from_numpy(np.load(name)), 1e-6),
        (lambda t: (t.dtype, t.detach().half()), lambda pair: pair[1].to(pair[0]), 2e-2),
    ):
        net.zero_grad()
        with graph.saved_tensors_hooks(pack, unpack):
            y = net(x).pow(2).sum()
        y.backward()
        for p, w in zip(net.parameters(), wanted, strict=True):
            assert torch.allclose(p.grad, w, rtol=tolerance, atol=tolerance * 10)
    assert len(list(tmp_path.iterdir())) > 4


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_everything_through_hooks(order):
    """An op with one saved array, several, a list, several outputs, parameters."""
    a = torch.tensor([[2.0, 1.0], [0.5, 3.0]], dtype=torch.float64, requires_grad=True)

    def f(x):
        q, r = torch.linalg.qr(x)
        s = torch.stack([q, r, x * x.exp()]).softmax(0)
        top, _ = torch.cat([s[0], s[1] @ x]).topk(2, dim=0)
        return (top.sigmoid_() * torch.nn.functional.layer_norm(x, (2,))).pow(2).sum() + x.prod()

    def gradients(y):
        (g,) = torch.autograd.grad(y, a, create_graph=order == 2)
        return torch.autograd.grad((g * g).sum(), a)[0] if order == 2 else g

    wanted = gradients(f(a))
    calls = []
    with graph.saved_tensors_hooks(lambda t: calls.append(1) or t.detach().clone(), lambda t: t):
        found = gradients(f(a))
    assert len(calls) > 5
    assert torch.allclose(found, wanted, rtol=1e-12)


def test_mutation_through_views():
    a = leaf(1.0, 2.0)
    with graph.allow_mutation_on_saved_tensors() as context:
        d = a * 2
        e = (d[:1] * d[1:]).sum()
        d.zero_()
        assert len(context.cloned) == 2
        e.backward()
        assert a.grad.tolist() == [8.0, 4.0]
        context.clear()
        assert not context.cloned


def test_in_place_operations_under_a_hook_that_keeps_the_tensor():
    def f(x):
        y = x * 2
        z = y * y
        z.mul_(y)
        z.exp_()
        z = z * 1
        torch.nn.functional.dropout(z, 0.0, inplace=True)
        torch.nn.functional.relu(z, inplace=True)
        return z.log().sum()

    a = leaf(0.5, 1.0)
    (wanted,) = torch.autograd.grad(f(a), a)
    with graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
        y = f(a)
    assert torch.allclose(torch.autograd.grad(y, a)[0], wanted)


def test_functions_under_hooks():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * 2 * x + 0 * y.sum()

    a = leaf(3.0)
    with graph.saved_tensors_hooks(lambda t: t.detach().numpy().tolist(), torch.tensor):
        y = Square.apply(a)
    (g,) = torch.autograd.grad(y, a, create_graph=True)
    assert g.tolist() == [6.0]
    assert torch.autograd.grad(g, a)[0].tolist() == [2.0]


def test_hooks_leave_no_cycle():
    gc.collect()
    gc.disable()
    try:
        a = leaf(1.0, 2.0)
        with graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
            y = a.exp()
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_checkpoint_under_hooks():
    a = leaf(1.0, 2.0)
    with graph.save_on_cpu():
        y = torch.utils.checkpoint.checkpoint(lambda x: (x * x).exp().sin(), a, use_reentrant=False)
    y.sum().backward()
    b = leaf(1.0, 2.0)
    (b * b).exp().sin().sum().backward()
    assert a.grad.tolist() == b.grad.tolist()


def test_a_leaf_has_one_accumulator():
    a = leaf(1.0)
    node = (a * 2).grad_fn.next_functions[0][0]
    assert node is a.exp().grad_fn.next_functions[0][0]
    assert node.variable is a
    assert isinstance(node, graph.Node)
    assert node is not leaf(1.0).exp().grad_fn.next_functions[0][0]


def test_hooks_of_a_node_with_several_outputs():
    a = leaf(1.0, 2.0)
    x, y = a.unbind(0)
    assert x.grad_fn is y.grad_fn
    seen = []
    x.grad_fn.register_prehook(lambda gs: seen.append([None if g is None else g.item() for g in gs]))
    (y * 3).backward()
    assert seen == [[None, 3.0]]


def test_gradient_edges_of_outputs():
    a = leaf(1.0, 2.0)
    x, y = (a * 3).unbind(0)
    edge = graph.get_gradient_edge(y)
    assert (edge.node, edge.output_nr) == (y.grad_fn, 1)
    assert torch.autograd.grad((x + y * y), edge)[0].item() == 12.0
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))


def test_multi_grad_hook_waits_for_what_comes():
    a, b = leaf(1.0), leaf(2.0)
    seen = []
    handle = graph.register_multi_grad_hook((a, b), lambda gs: seen.append([g is not None for g in gs]))
    (a * 2).backward()
    (a * b).backward()
    torch.autograd.grad(a * b, b)
    assert seen == [[True, False], [True, True], [False, True]]
    handle.remove()
    (a * b).backward()
    assert len(seen) == 3
    with pytest.raises(ValueError, match="mode to be one of"):
        graph.register_multi_grad_hook((a,), print, mode="some")


def test_names_of_saved_tensors():
    a = leaf(1.0, 2.0)
    node = (a * 1).exp().grad_fn
    assert torch.equal(node._saved_result, a.exp())
    assert node._saved_result.grad_fn is node
    assert (a**3).grad_fn._saved_exponent == 3
    assert (a * a).grad_fn._saved_self is a
    with pytest.raises(AttributeError, match="_saved_other"):
        _ = node._saved_other
    with pytest.raises(AttributeError):
        _ = node.anything
