"""``torch.utils.checkpoint``: gradients, random numbers, memory and errors, side by side with PyTorch."""

from __future__ import annotations

import gc
import importlib
import weakref

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch)


def _checkpoint(torch):
    return importlib.import_module(f"{torch.__name__}.utils.checkpoint")


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients(reentrant):
    def code(torch, log):
        torch.manual_seed(0)
        c = _checkpoint(torch)
        net = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 8), torch.nn.Tanh()
        )
        x = torch.randn(5, 4).requires_grad_()
        y = c.checkpoint(net, x * 1.0, use_reentrant=reentrant)
        log(y, torch.rand(3))
        (y * y).sum().backward()
        log(x.grad, *(p.grad for p in net.parameters()), torch.rand(3))
        z = c.checkpoint_sequential(net, 2, x, use_reentrant=reentrant)
        z.sum().backward()
        log(z, x.grad, *(p.grad for p in net.parameters()))

    both(code)


def test_the_way_without_reentry_is_a_plain_graph():
    def code(torch, log):
        c = _checkpoint(torch)
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        x = torch.tensor([3.0, 4.0], requires_grad=True)

        def f(a, *, scale):
            b = (a * w).exp() * scale
            return {"sum": b.sum(), "all": [b, 3]}

        out = c.checkpoint(f, x, scale=0.5, use_reentrant=False)
        log(type(out["sum"].grad_fn).__name__ == "" or out["sum"].grad_fn.name())
        first = torch.autograd.grad(out["sum"], [x, w], create_graph=True)
        log(*first)
        log(*torch.autograd.grad(first[0].sum() + first[1].sum(), [x, w]))
        # nested, and twice through a retained graph
        g = lambda a: c.checkpoint(lambda b: (b * w).tanh() * b, a, use_reentrant=False).sin()  # noqa: E731
        y = c.checkpoint(g, x, use_reentrant=False).sum()
        y.backward(retain_graph=True)
        y.backward()
        log(x.grad, w.grad)
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            y.backward()

    both(code)


def test_errors():
    def code(torch, log):
        c = _checkpoint(torch)
        x = torch.ones(2, requires_grad=True)
        log.error(c.checkpoint, torch.exp, x, use_reentrant=True, other=1)
        log.error(c.checkpoint, torch.exp, x, use_reentrant=True, debug=True)
        log.error(c.checkpoint_sequential, [torch.exp], 1, x, use_reentrant=True, other=1)
        log.warned(c.checkpoint, torch.exp, x)
        log.warned(c.checkpoint, torch.exp, x.detach(), use_reentrant=True)
        calls = []

        def odd(a):
            calls.append(1)
            return a.exp().exp() if len(calls) == 1 else a.exp()

        y = c.checkpoint(odd, x, use_reentrant=False)
        with pytest.raises(c.CheckpointError, match="A different number of tensors"):
            y.sum().backward()
        log(issubclass(c.CheckpointError, RuntimeError))

    both(code)


def test_nothing_is_kept_between_the_passes():
    from tinygrad_hw.utils.checkpoint import checkpoint

    x = tinygrad_hw.ones(1000, requires_grad=True)
    kept = []

    def f(a):
        b = a.exp()
        kept.append(weakref.ref(b.array))
        return (b * b).sum()

    y = checkpoint(f, x, use_reentrant=False)
    gc.disable()
    try:
        assert kept[0]() is None
        y.backward()
        assert len(kept) == 2
        np.testing.assert_allclose(x.grad.array, 2 * np.exp(2.0), rtol=1e-6)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None and kept[1]() is None
    finally:
        gc.enable()


def test_a_changed_input_is_noticed():
    from tinygrad_hw.utils.checkpoint import checkpoint

    x = tinygrad_hw.ones(3, requires_grad=True)
    a = x * 1.0
    y = checkpoint(lambda t: t.exp(), a, use_reentrant=False)
    with tinygrad_hw.no_grad():
        a.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_custom_functions_inside():
    def code(torch, log):
        c = _checkpoint(torch)

        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 3 * x * x

        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = c.checkpoint(lambda a: Cube.apply(a.exp()).log(), x, use_reentrant=False)
        log(y)
        y.sum().backward()
        log(x.grad)

    both(code)


@pytest.mark.parametrize("early", [True, False])
def test_early_stop(early):
    """What comes after the last operation that saves something is not computed again."""

    def code(torch, log):
        c = _checkpoint(torch)
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        x = torch.tensor([3.0, 4.0], requires_grad=True)
        steps = []

        def f(a):
            b = (a * w).sin()
            b.mul_(2.0)
            d = b * w
            e = d + 1.0  # saves nothing
            steps.append("after")
            return e.sum()

        c.checkpoint(f, x, use_reentrant=False, early_stop=early).backward()
        log(steps, x.grad, w.grad)

    both(code)


def test_early_stop_by_values_and_steps():
    calls = []

    def f(a):
        b = a.exp() * a
        calls.append("before")
        c = b + 1.0
        calls.append("after")
        return c

    x = tinygrad_hw.tensor([0.0, 1.0], requires_grad=True)
    y = _checkpoint(tinygrad_hw).checkpoint(f, x, use_reentrant=False)
    y.sum().backward()
    assert calls == ["before", "after", "before"]
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 2 * np.e], rtol=1e-6)
