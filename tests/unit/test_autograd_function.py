"""Custom functions: ``autograd.Function``."""

from __future__ import annotations

import gc
import weakref

import pytest

import tinygrad_hw as torch
from tests.unit.leaves import leaf


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def test_function_of_both_orders() -> None:
    x = leaf(0.5, -1.5)
    assert torch.autograd.gradcheck(Cube.apply, (x,))
    assert torch.autograd.gradgradcheck(Cube.apply, (x,))
    assert Cube.apply(x).grad_fn.name() == "CubeBackward"


def test_function_that_saves_its_output_makes_no_cycle() -> None:
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    x = leaf(0.5)
    assert torch.autograd.gradgradcheck(Exp.apply, (x,))
    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(x)
        dead = weakref.ref(y)
        del y
        assert dead() is None
    finally:
        gc.enable()


def test_function_with_several_inputs_and_outputs() -> None:
    class Mixed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k, y):
            assert ctx.needs_input_grad == (True, False, False)
            ctx.save_for_backward(x, y)
            ctx.k = k
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            return x * y * k, index, x + y

        @staticmethod
        def backward(ctx, ga, gi, gb):
            _, y = ctx.saved_tensors
            return ga * y * ctx.k + gb, None, None

    x, y = leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64) * 3
    a, i, b = Mixed.apply(x, 4.0, y)
    assert not i.requires_grad
    a.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [12.0, 12.0]
    x.grad = None
    b.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_function_errors() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="expected 2, got 1"):
        Wrong.apply(x, y).sum().backward()
    with pytest.raises(RuntimeError, match="apply"):
        Wrong()
    with pytest.raises(RuntimeError, match="retain_graph"):
        z = Cube.apply(x).sum()
        z.backward()
        z.backward()


def test_function_saved_tensor_changed_in_place() -> None:
    x = leaf(1.0)
    h = x * 1
    y = Cube.apply(h)
    with torch.no_grad():
        h.add_(1)
    with pytest.raises(RuntimeError, match="inplace operation"):
        y.sum().backward()


def test_once_differentiable() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(3.0)
    (g,) = torch.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    assert g.item() == 6.0
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_function_with_setup_context() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    assert torch.autograd.gradgradcheck(Square.apply, (leaf(1.0, 2.0),))
