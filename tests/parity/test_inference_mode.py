"""Inference tensors as PyTorch has them: which tensors are, what may be done with them, with which errors."""

from __future__ import annotations

import copy
import io
import pickle
import threading

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def both(code):
    compare(code, tinygrad_hw, torch)


def facts(t):
    return t.is_inference(), t.requires_grad, type(t.grad_fn).__name__ != "NoneType"


def saved_and_loaded(torch, value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file)


#: n a tensor, p one that requires grad, h = p * 2, inside the mode. i is an inference tensor.
MADE_INSIDE = [
    "torch.ones(3)",
    "torch.tensor([1.0])",
    "torch.rand(2)",
    "torch.arange(3)",
    "torch.from_numpy(np.ones(3))",
    "torch.as_tensor(n)",
    "torch.Tensor([1, 2])",
    "torch.ones(3, requires_grad=True)",
    "torch.ones(3, requires_grad=True) * 2",
    "n * 2",
    "p * 2",
    "h + 1",
    "n.sum()",
    "n.view(3, 1)",
    "n[0]",
    "n[[0]]",
    "n.split(1)[0]",
    "n.unbind()[0]",
    "n.reshape(3, 1)",
    "n.expand(2, 3)",
    "n.view(3, 1).T",
    "n.detach()",
    "p.detach()",
    "n.data",
    "p.data",
    "n.clone()",
    "n.contiguous()",
    "n.to(torch.float32)",
    "n.double()",
    "n.new_ones(2)",
    "torch.empty_like(n)",
    "n.add_(1)",
    "p.add_(1)",
    "h.add_(1)",
    "n.view(3, 1).add_(1)",
    "torch.add(n, 1, out=torch.ones(3))",
    "torch.add(n, 1, out=n)",
    "torch.nn.Parameter(n)",
    "torch.nn.Parameter(torch.ones(3))",
    "torch.nn.Linear(2, 2).weight",
    "torch.nn.Linear(2, 2)(torch.ones(1, 2))",
    "torch.nn.BatchNorm1d(2).running_mean",
    "copy.deepcopy(n)",
    "copy.deepcopy(p)",
    "pickle.loads(pickle.dumps(n))",
    "saved(n)",
    "i.add_(1)",
    "i.view(3, 1)",
    "i.detach()",
    "i.data",
    "i.requires_grad_()",
    "torch.utils.checkpoint.checkpoint(torch.exp, p, use_reentrant=False)",
    "Square.apply(p)",
    "torch.vmap(lambda a: a * a)(n)",
]

OUTSIDE = [
    "i * 2",
    "i + p",
    "i.view(3, 1)",
    "i[0]",
    "i[1:]",
    "i.view(3, 1).T",
    "i.detach()",
    "i.data",
    "i.clone()",
    "i.contiguous()",
    "i.to(torch.float32)",
    "i.float()",
    "i.cpu()",
    "i.double()",
    "torch.relu(i)",
    "i.new_ones(2)",
    "torch.ones_like(i)",
    "torch.tensor(i.tolist())",
    "torch.as_tensor(i)",
    "torch.from_numpy(i.numpy())",
    "copy.deepcopy(i)",
    "pickle.loads(pickle.dumps(i))",
    "saved(i)",
    "torch.nn.Parameter(i, requires_grad=False)",
    "i.requires_grad_(False)",
    "i.detach_()",
    "i.detach().add_(1)",
    "i.data.normal_()",
    "torch.cat([i, p])",
    "torch.where(i > 0, i, p)",
    "n.mul_(i)",
    "(p * 1).add_(i)",
    "(p * 1).copy_(i)",
    "torch.add(i, 1, out=n)",
    "p[i > 0]",
    "r + 2",
    "r * 2",
    "Square.apply(n)",
    "torch.func.grad(lambda a: (a * a).sum())(i)",
    "made_view",
    "made_view.add_(1)",
]

REFUSED = [
    "i.add_(1)",
    "i.mul_(n)",
    "i.view(3, 1).add_(1)",
    "i.__setitem__(0, 1)",
    "i.copy_(n)",
    "i.zero_()",
    "i.fill_(2)",
    "i.normal_()",
    "i.uniform_()",
    "i.relu_()",
    "i.clamp_(0, 1)",
    "i.index_put_((torch.tensor([0]),), torch.tensor(1.0))",
    "i.scatter_(0, torch.tensor([0]), 1.0)",
    "i.masked_fill_(i > 0, 1)",
    "i.resize_(4)",
    "i.unsqueeze_(0)",
    "i.set_(n)",
    "i.swapaxes_(0, 0)",
    "torch.add(n, 1, out=i)",
    "torch.nn.init.normal_(i)",
    "i.requires_grad_()",
    "setattr(i, 'requires_grad', True)",
    "torch.nn.Parameter(i)",
    "i._version",
    "i.view(3, 1)._version",
    "i * p",
    "p / i",
    "i @ p",
    "p.pow(i)",
    "i.detach() * p",
    "torch.einsum('i,i->', i, p)",
    "torch.nn.functional.mse_loss(p, i)",
    "torch.nn.functional.linear(i, torch.ones(2, 3, requires_grad=True))",
    "(p * 1).mul_(i)",
    "Square.apply(p, i)",
    "torch.utils.checkpoint.checkpoint(torch.add, i, p, use_reentrant=True)",
    "(p * p).backward(i, create_graph=True)",
    "torch.nn.BatchNorm1d(3)(i.expand(2, 3)).sum()",
    "norm(torch.randn(4, 3))",
    "layers(torch.randn(1, 3))",
    "torch.optim.SGD([r], 0.1).step()",
    "torch.optim.Adam([r]).step()",
    "torch.optim.LBFGS([r]).step(lambda: (r * 1).sum())",
]


def names(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y=None):
            ctx.save_for_backward(x, *(() if y is None else (y,)))
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g, None

    torch.manual_seed(0)
    n, p = torch.ones(3), torch.ones(3, requires_grad=True)
    found = {"torch": torch, "np": np, "copy": copy, "pickle": pickle, "Square": Square, "n": n, "p": p, "h": p * 2}
    with torch.inference_mode():
        i, r = torch.ones(3), torch.ones(3, requires_grad=True)
        made_view = n.view(3, 1)
        norm = torch.nn.BatchNorm1d(3)
        layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    r.grad = torch.ones(3)
    found |= {"i": i, "r": r, "made_view": made_view, "norm": norm, "layers": layers}
    return found | {"saved": lambda value: saved_and_loaded(torch, value)}


@pytest.mark.parametrize("text", MADE_INSIDE)
def test_made_inside(text):
    def code(torch, log):
        scope = names(torch)
        with torch.inference_mode():
            made = eval(text, scope)
            log(facts(made), torch.is_inference(made), torch.is_grad_enabled())

    both(code)


@pytest.mark.parametrize("text", OUTSIDE)
def test_used_outside(text):
    def code(torch, log):
        log(facts(eval(text, names(torch))))

    both(code)


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    """The same error, word for word. Here nothing is changed; PyTorch notices some writes afterwards."""
    told = []
    for package in (tinygrad_hw, torch):
        scope = names(package)
        with pytest.raises(RuntimeError) as caught:
            eval(text, scope)
        told.append(str(caught.value))
        if package is tinygrad_hw:
            assert scope["i"].tolist() == scope["r"].tolist() == scope["n"].tolist() == [1, 1, 1]
            assert scope["norm"].running_mean.tolist() == [0, 0, 0]
    assert told[0] == told[1]


def test_no_grad_does_not_help():
    def code(torch, log):
        scope = names(torch)
        i, p = scope["i"], scope["p"]
        with torch.no_grad():
            log(facts(i * p), facts(i.exp()))
            log.error(i.add_, 1)
            log.error(lambda: i._version)

    both(code)


def test_a_clone_is_an_ordinary_tensor():
    def code(torch, log):
        scope = names(torch)
        c = scope["i"].clone()
        (c * scope["p"]).sum().backward()
        c.add_(1)
        log(scope["p"].grad, c.requires_grad_(), facts(c))

    both(code)


def test_writes_inside_are_counted():
    """An ordinary tensor that is written to inside counts it, and what saved it before finds out."""

    def code(torch, log):
        x, p = torch.ones(3), torch.ones(3, requires_grad=True)
        y = (x * p).sum()
        with torch.inference_mode():
            x.view(3, 1).add_(1)
        log(x._version, facts(x))
        try:
            y.backward()
        except RuntimeError as error:
            log("has been modified by an inplace operation" in str(error))

    both(code)


def test_modes_inside_one_another():
    def code(torch, log):
        p = torch.ones(2, requires_grad=True)
        with torch.inference_mode():
            with torch.inference_mode(False):
                log(torch.is_inference_mode_enabled(), torch.is_grad_enabled(), facts(torch.ones(2)), facts(p * 2))
                with torch.inference_mode():
                    log(torch.is_inference_mode_enabled(), facts(p * 2))
                log(facts(p * 2))
            with torch.enable_grad():
                log(facts(p * 2), facts(torch.ones(2)), torch.is_inference_mode_enabled())
            with torch.set_grad_enabled(True):
                log(facts(p * 2))
            with torch.no_grad():
                log(facts(p * 2))
            log(torch.is_inference_mode_enabled(), torch.is_grad_enabled(), facts(p * 2))
        log(torch.is_inference_mode_enabled(), torch.is_grad_enabled(), facts(p * 2))

    both(code)


def test_decorated_functions_and_generators():
    def code(torch, log):
        @torch.inference_mode()
        def function(a):
            return a * 2

        @torch.inference_mode
        def other(a):
            return a * 2

        @torch.inference_mode()
        def generator(a):
            yield a * 2
            yield a * 3

        p = torch.ones(2, requires_grad=True)
        log(facts(function(p)), facts(other(p)))
        for t in generator(p):
            log(facts(t), facts(p * 2), torch.is_inference_mode_enabled())

    both(code)


def test_another_thread_is_not_in_the_mode():
    def code(torch, log):
        with torch.inference_mode():
            thread = threading.Thread(target=lambda: log(facts(torch.ones(1)), torch.is_inference_mode_enabled()))
            thread.start()
            thread.join()
            log(facts(torch.ones(1)))

    both(code)


def test_state_dicts():
    def code(torch, log):
        layer = torch.nn.Linear(2, 2)
        with torch.inference_mode():
            made = torch.nn.Linear(2, 2)
            state = made.state_dict()
            log(str(layer.load_state_dict(made.state_dict())), facts(layer.weight), facts(state["weight"]))
            made.load_state_dict(layer.state_dict())
        layer.load_state_dict(state)
        log(facts(layer.weight), facts(made.weight), torch.equal(layer.weight, made.weight))
        for call in (
            lambda: made.load_state_dict(layer.state_dict()),
            lambda: layer.load_state_dict(state, assign=True),
        ):
            try:
                call()
            except RuntimeError as error:
                log("on inference tensor outside InferenceMode" in str(error) or "Inplace update" in str(error))

    both(code)


def test_gradients():
    def code(torch, log):
        p = torch.ones(2, requires_grad=True)
        with torch.inference_mode():
            i, r = torch.ones(2), torch.ones(2, requires_grad=True)
        (p * 2).backward(i)
        log(p.grad, facts(p.grad))
        (r * 3).sum().backward()
        log(r.grad, facts(r.grad), torch.autograd.grad((r * 2).sum(), r))
        p.grad = i
        y = (p * 2).sum()
        try:
            y.backward()
        except RuntimeError as error:
            log(str(error))

    both(code)


def test_saved_tensor_hooks_do_not_help():
    def code(torch, log):
        p = torch.ones(2, requires_grad=True)
        with torch.inference_mode():
            i = torch.ones(2)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
            log.error(lambda: p * i)
        with torch.autograd.graph.save_on_cpu():
            log.error(lambda: p * i)

    both(code)


def test_data_of_another():
    def code(torch, log):
        with torch.inference_mode():
            i = torch.ones(2)
        q = torch.ones(2, requires_grad=True)
        q.data = i
        log(facts(q), q._version)
        i.data = torch.zeros(2)
        log(facts(i), i)
        log(torch.autograd.graph.increment_version([q]), q._version)

    both(code)


def test_versions():
    def code(torch, log):
        x = torch.ones(3)
        view, detached = x[1:], x.detach()
        log(x._version, view._version)
        x.add_(1)
        view.mul_(2)
        log(x._version, view._version, detached._version, x.clone()._version, x.data._version)
        with torch.no_grad():
            x.zero_()
        x[0] = 3
        log(x._version, detached._version)
        try:
            x._version = 3
        except AttributeError:
            log("not to be set")

    both(code)


def test_is_inference_takes_tensors():
    both(lambda torch, log: log.error(torch.is_inference, 3))
