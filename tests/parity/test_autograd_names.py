"""Smaller names and arguments of ``torch.autograd``, side by side with PyTorch."""

from __future__ import annotations

import importlib

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")]


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


FUNCTIONS = {
    "one to one": (lambda x: x * x.sum() + x**3, ([0.5, -1.0, 2.0],)),
    "two to one": (lambda x, y: (x * y).sum() + x.exp(), ([0.5, -1.0], [2.0, 3.0])),
    "two to two": (lambda x, y: (x * y, x.sum()), ([0.5, -1.0], [2.0, 3.0])),
    "independent": (lambda x, y: x * 2, ([0.5, -1.0], [2.0])),
    "matrix": (lambda x: x @ x.T, ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],)),
}


@pytest.mark.parametrize("options", [{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian(name, options):
    def code(torch, log):
        function, values = FUNCTIONS[name]
        xs = tuple(torch.tensor(v) for v in values)
        log(torch.autograd.functional.jacobian(function, xs if len(xs) > 1 else xs[0], **options))

    both(code)


@pytest.mark.parametrize(
    "options", [{}, {"vectorize": True}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}], ids=str
)
def test_hessian(options):
    def code(torch, log):
        x, y = torch.tensor([0.5, 2.0]), torch.tensor([1.0, 3.0, 4.0])
        hessian = torch.autograd.functional.hessian
        log(hessian(lambda x: (x**3).sum() * x[0], x, **options), x.requires_grad)
        log(hessian(lambda x, y: (x**2).sum() * (y**3).sum(), (x, y), **options))

    both(code)


def test_arguments_that_do_not_go_together():
    def code(torch, log):
        functional = torch.autograd.functional
        x = torch.ones(2)
        f = lambda x: x * 2  # noqa: E731
        log.error(functional.jacobian, f, x, strategy="other")
        log.error(functional.jacobian, f, x, strategy="forward-mode")
        log.error(functional.jacobian, f, x, strategy="forward-mode", vectorize=True, strict=True)
        log.error(functional.jacobian, f, x, strategy="forward-mode", vectorize=True, create_graph=True)
        log.error(functional.jacobian, f, x, vectorize=True, strict=True)
        log.error(functional.hessian, f, x, outer_jacobian_strategy="other")
        log.error(functional.hessian, f, x)

    both(code)


def test_batches_of_gradients():
    def code(torch, log):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = torch.tensor([3.0, 4.0], requires_grad=True)
        z = x * y
        rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]])
        log(torch.autograd.grad(z, (x, y), rows, is_grads_batched=True, retain_graph=True))
        log(torch.autograd.grad((z, x), (x, y), (rows, rows), is_grads_batched=True, retain_graph=True))
        (g,) = torch.autograd.grad(z * z, x, rows, is_grads_batched=True, create_graph=True)
        log(g, torch.autograd.grad(g.sum(), (x, y), retain_graph=True))
        unused = torch.ones(2, requires_grad=True)
        log(torch.autograd.grad(z, (x, unused), rows, is_grads_batched=True, retain_graph=True, allow_unused=True)[1])

    both(code)


def test_variable():
    def code(torch, log):
        Variable = torch.autograd.Variable
        a = torch.ones(2)
        v = Variable(a, requires_grad=True)
        log(
            v, v.requires_grad, v.is_leaf, isinstance(v, torch.Tensor), isinstance(a, Variable), isinstance(3, Variable)
        )
        (v * 2).sum().backward()
        v.data[0] = 5
        log(v.grad, a, Variable(torch.ones(1)).requires_grad, Variable().shape)
        log.error(Variable, 3)
        log(torch.autograd.variable.Variable is Variable)

    both(code)


def test_anomaly_switches():
    def code(torch, log):
        log(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        torch.set_anomaly_enabled(True, False)
        log(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        torch.set_anomaly_enabled(False)
        log(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        mode = importlib.import_module(f"{torch.__name__}.autograd.anomaly_mode")
        log(
            mode.detect_anomaly is torch.autograd.detect_anomaly,
            torch.autograd.set_detect_anomaly is mode.set_detect_anomaly,
        )
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            log(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
        log(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())

    both(code)


def test_contexts_of_functions():
    def code(torch, log):
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.mark_dirty(x)
                ctx.set_materialize_grads(False)
                low = y > 1
                ctx.mark_non_differentiable(low)
                x.mul_(2)
                ctx.save_for_backward(x, y)
                return x, y * 3, low

            @staticmethod
            def backward(ctx, gx, gy, glow):
                log("backward", gx, gy, glow, ctx.needs_input_grad, len(ctx.saved_tensors))
                return None if gx is None else gx * 2, None if gy is None else gy * 3

        a, b = (torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        packed = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t.detach(), lambda t: t):
            x, y, low = Twice.apply(a.clone(), b)
        log(len(packed), x, y, low, low.requires_grad, x.grad_fn.name(), x.grad_fn is y.grad_fn)
        x.sum().backward(retain_graph=True)
        y.sum().backward()
        log(a.grad, b.grad)

    both(code)
