"""``nn.utils.prune``, side by side with PyTorch."""

from __future__ import annotations

import importlib

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, 1e-5)


def _net(torch):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 3))
    return net, importlib.import_module(f"{torch.__name__}.nn.utils.prune")


def test_methods():
    def code(torch, log):
        net, prune = _net(torch)
        x = torch.randn(2, 2, 4, 4)
        steps = [
            lambda: prune.random_unstructured(net[0], "weight", amount=0.3),
            lambda: prune.l1_unstructured(net[0], "weight", amount=5),
            lambda: prune.ln_structured(net[0], "weight", amount=1, n=2, dim=0),
            lambda: prune.random_structured(net[0], "weight", amount=0.25, dim=1),
            lambda: prune.ln_structured(net[2], "weight", amount=0.5, n=float("-inf"), dim=-1),
            lambda: prune.identity(net[2], "bias"),
            lambda: prune.custom_from_mask(net[2], "bias", torch.tensor([0, 1, 1])),
            lambda: prune.l1_unstructured(net[2], "weight", 0.2, importance_scores=torch.rand(3, 16)),
        ]
        for step in steps:
            step()
            log(dict(net.state_dict()), net(x))
        net.zero_grad()
        net(x).sum().backward()
        log([(n, p.grad) for n, p in net.named_parameters()], prune.is_pruned(net))
        log([type(h).__name__ for h in net[0]._forward_pre_hooks.values()])
        log(len(next(iter(net[0]._forward_pre_hooks.values()))))
        for module, name in ((net[0], "weight"), (net[2], "weight"), (net[2], "bias")):
            prune.remove(module, name)
        log(sorted(net.state_dict()), dict(net.state_dict()), net(x), prune.is_pruned(net))

    both(code)


def test_several_parameters_as_one():
    def code(torch, log):
        net, prune = _net(torch)
        places = [(net[0], "weight"), (net[2], "weight")]
        prune.global_unstructured(places, prune.L1Unstructured, amount=0.4)
        log(dict(net.state_dict()))
        prune.global_unstructured(places, prune.RandomUnstructured, amount=10)
        log(dict(net.state_dict()))
        prune.global_unstructured(
            places, prune.L1Unstructured, importance_scores={places[0]: torch.ones(4, 2, 3, 3) * 9}, amount=7
        )
        log(dict(net.state_dict()))
        log.error(prune.global_unstructured, places, prune.RandomStructured, amount=0.5)
        log.error(prune.global_unstructured, 3, prune.L1Unstructured, amount=0.5)

    both(code)


def test_without_a_module():
    def code(torch, log):
        _, prune = _net(torch)
        t = torch.arange(6.0).reshape(2, 3)
        log(prune.L1Unstructured(2).prune(t), prune.LnStructured(1, 1, 0).prune(t))
        log(prune.L1Unstructured(1).prune(t, default_mask=torch.tensor([[0, 1, 1], [1, 1, 1.0]])))

    both(code)


def test_errors():
    def code(torch, log):
        net, prune = _net(torch)
        log.error(prune.l1_unstructured, net[0], "weight", -1)
        log.error(prune.l1_unstructured, net[0], "weight", 1.5)
        log.error(prune.l1_unstructured, net[0], "weight", "all")
        log.error(prune.l1_unstructured, net[2], "bias", 100)
        log.error(prune.ln_structured, net[2], "bias", 1, 2, 0)
        log.error(prune.random_structured, net[2], "weight", 1, 2)
        log.error(prune.remove, net[2], "weight")
        log(sorted(net.state_dict()))

    both(code)
