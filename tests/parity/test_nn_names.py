"""Orthogonal parametrizations and smaller helpers of ``torch.nn``, side by side with PyTorch."""

from __future__ import annotations

import importlib
import warnings

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6)])
@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("kind", [None, "matrix_exp", "cayley", "householder"])
def test_orthogonal(kind, trivial, shape):
    def code(torch, log):
        torch.manual_seed(0)
        layer = torch.nn.Linear(shape[1], shape[0]).double()
        orthogonal = torch.nn.utils.parametrizations.orthogonal
        orthogonal(layer, "weight", kind, use_trivialization=trivial)
        log(repr(layer), sorted(layer.state_dict()))
        if not trivial:
            with torch.no_grad():
                layer.parametrizations.weight.original.copy_(
                    torch.arange(shape[0] * shape[1], dtype=torch.float64).reshape(shape) / 10 + torch.eye(*shape)
                )
        else:
            with torch.no_grad():
                layer.parametrizations.weight.original.add_(0.01 * torch.ones(shape, dtype=torch.float64).tril())
        w = layer.weight
        log(w)
        (w * torch.arange(w.numel(), dtype=torch.float64).reshape(w.shape)).sum().backward()
        log(layer.parametrizations.weight.original.grad)
        if not trivial and kind in ("matrix_exp", "cayley"):
            log.error(setattr, layer, "weight", torch.eye(*shape, dtype=torch.float64))
            return
        new = torch.eye(*shape, dtype=torch.float64) * -1
        layer.weight = new
        log(layer.weight, layer.parametrizations.weight.original)
        log.error(setattr, layer, "weight", torch.eye(2, dtype=torch.float64))

    if kind is None and not trivial and shape[0] == shape[1]:
        pytest.skip("as matrix_exp")
    both(code)


def test_orthogonal_errors():
    def code(torch, log):
        orthogonal = torch.nn.utils.parametrizations.orthogonal
        log.error(orthogonal, torch.nn.Linear(2, 2), "other")
        log.error(orthogonal, torch.nn.Linear(2, 2), "bias")
        log.error(orthogonal, torch.nn.Linear(2, 2), "weight", "other")

    both(code)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_cross_map_lrn(size):
    def code(torch, log):
        torch.manual_seed(0)
        layer = torch.nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=2)
        x = torch.randn(2, 7, 3, 4, requires_grad=True)
        log(repr(layer), layer(x), layer(x[:, :1]))
        log.error(layer, torch.randn(2, 3))

    both(code)
    layer = tinygrad_hw.nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=2)
    x = tinygrad_hw.randn(1, 4, 2, 2, dtype=tinygrad_hw.float64, requires_grad=True)
    assert tinygrad_hw.autograd.gradcheck(layer, x)


def test_skip_init():
    def code(torch, log):
        torch.manual_seed(0)
        layer = torch.nn.utils.skip_init(torch.nn.Conv2d, 2, 3, kernel_size=3, bias=False)
        log(repr(layer), tuple(layer.weight.shape), layer.weight.requires_grad, torch.rand(2))
        log.error(torch.nn.utils.skip_init, torch.nn.ReLU)

    both(code)


def test_functional_call_at_its_older_place():
    def code(torch, log):
        module = importlib.import_module(f"{torch.__name__}.nn.utils.stateless")
        net = torch.nn.Linear(2, 1)
        weights = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
        log.warned(module.functional_call, net, weights, torch.tensor([1.0, 2.0]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            log.error(module.functional_call, net, {"weight": torch.ones(1, 2)}, torch.ones(2), strict=True)

    both(code)


def test_smaller_names():
    def code(torch, log):
        torch.manual_seed(0)
        log.warned(lambda: torch.nn.NLLLoss2d()(torch.ones(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)))
        net = torch.nn.DataParallel(torch.nn.Linear(2, 1))
        log(sorted(net.state_dict()), net(torch.ones(3, 2)))
        conv = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Conv3d(2, 3, 3))
        torch.nn.utils.convert_conv2d_weight_memory_format(conv, torch.channels_last)
        torch.nn.utils.convert_conv3d_weight_memory_format(conv, torch.channels_last_3d)
        log(conv[0].weight.stride(), conv[1].weight.stride(), conv[0].weight)

    both(code)
