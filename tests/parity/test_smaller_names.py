"""Functions under older names, and smaller ones, side by side with PyTorch."""

from __future__ import annotations

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"])
def test_dropouts(name, train):
    def code(torch, log):
        for p in (0.0, 0.3, 1.0):
            torch.manual_seed(0)
            x = torch.randn(4, 3, 5)
            log(getattr(torch, name)(x, p, train), getattr(torch, name + "_")(x, p, train), x)
        log.error(getattr(torch, name + "_"), torch.ones(2, 2), 2.0, True)
        y = torch.ones(20, 2, requires_grad=True) * 2
        z = y.clone()
        getattr(torch, name + "_")(z, 0.5, train)
        log(torch.autograd.grad(z.sum(), y))

    both(code)


def test_copies():
    def code(torch, log):
        x = torch.arange(12.0).view(3, 4).requires_grad_()
        for arguments in ((), (1, 1, 3), (0, -2), (-1, None, None, 3), (1, 10, 2)):
            y = torch.slice_copy(x, *arguments)
            log(y)
        log(torch.autograd.grad(torch.slice_copy(x, 1, 0, 4, 2).sum(), x))
        log.error(torch.slice_copy, x, 0, 0, 2, -1)
        z = torch.tensor([1 + 2j, 3 - 1j])
        pairs = torch.view_as_real_copy(z)
        pairs[0, 0] = 9
        log(z, pairs, torch.view_as_complex_copy(pairs))

    both(code)


def test_offsets_of_parts_of_complex_tensors():
    def code(torch, log):
        z = torch.arange(6).view(2, 3) * (1 + 2j)
        for part in (z.imag, z.real, z[1:].imag, z[1].real, z.imag[1], z.T.imag[1:], z[:, 2].imag):
            log(part.storage_offset(), part.stride(), part)

    both(code)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_gradients_of_convolutions(dims):
    def code(torch, log):
        torch.manual_seed(0)
        x, w = torch.randn(2, 4, *[6] * dims), torch.randn(6, 2, *[3] * dims)
        options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
        y = getattr(torch.nn.functional, f"conv{dims}d")(x, w, None, **options)
        g = torch.randn(y.shape)
        log(getattr(torch.nn.grad, f"conv{dims}d_input")(x.shape, w, g, **options))
        log(getattr(torch.nn.grad, f"conv{dims}d_weight")(x, w.shape, g, **options))

    both(code, 1e-4)


def test_the_rest():
    def code(torch, log):
        x = torch.arange(8.0).view(1, 2, 4)
        log(torch.max_pool1d_with_indices(x, 2), torch.is_inference(x), torch.is_distributed(x))
        log(torch.get_device_module("cpu") is torch.cpu, torch.get_device_module() is torch.cpu)
        log.warned(lambda: repr(torch.nn.Container(a=torch.nn.ReLU(), b=torch.nn.Linear(1, 2))))
        double = torch.amp.custom_fwd(device_type="cpu")(lambda ctx, x: x * 2)
        log(double(lambda: 0, torch.ones(1)))
        log.error(torch.amp.custom_fwd, device_type=3)
        log.error(torch.amp.custom_bwd, device_type=3)

    both(code)
