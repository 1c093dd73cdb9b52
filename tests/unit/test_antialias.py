"""Images resized with a filter that grows: values worked out by hand, and what must hold for all."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.ops.antialias import FILTERS

resize = torch.nn.functional.interpolate


def test_triangle_by_hand():
    # 4 pixels to 2: centers 1 and 3, pixels 0.5, 1.5, 2.5 off-centre by 0.5, 0.5, 1.5 of a filter of 2: 3/4, 3/4, 1/4.
    x = torch.tensor([[[[0.0, 7.0, 14.0, 21.0]]]])
    y = resize(x, size=(1, 2), mode="bilinear", antialias=True)
    np.testing.assert_allclose(y.numpy().ravel(), [(0.75 * 7 + 0.25 * 14) / 1.75, (0.25 * 7 + 0.75 * 35) / 1.75])


@pytest.mark.parametrize("mode", FILTERS)
def test_constant_stays(mode):
    y = resize(torch.full((1, 2, 9, 8), 3.5), size=(4, 3), mode=mode, antialias=True)
    np.testing.assert_allclose(y.numpy(), 3.5, rtol=1e-6)


@pytest.mark.parametrize("mode", FILTERS)
def test_gradient_is_the_adjoint(mode):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64, requires_grad=True)
    y = resize(x, size=(4, 1), mode=mode, antialias=True)
    g, z = torch.randn(*y.shape, dtype=torch.float64), torch.randn(*x.shape, dtype=torch.float64)
    y.backward(g)
    forward = (resize(z, size=(4, 1), mode=mode, antialias=True) * g).sum()
    assert abs((x.grad * z).sum().item() - forward.item()) < 1e-10


def test_smooth_takes_in_all_pixels():
    stripes = torch.tensor([0.0, 1.0] * 8).expand(1, 1, 16, 16)
    assert resize(stripes, size=(4, 4), mode="bilinear").std() < 1e-6
    smooth = resize(stripes, size=(5, 5), mode="bilinear", antialias=True)
    rough = resize(stripes, size=(5, 5), mode="bilinear")
    assert abs(smooth - 0.5).max() < 0.08 < abs(rough - 0.5).max()


def test_bytes():
    x = torch.tensor([[[[0, 30, 60, 90, 120, 150, 180]]]], dtype=torch.uint8)
    assert resize(x, size=(1, 3), mode="bicubic", antialias=True).tolist() == [[[[22, 90, 158]]]]
    assert resize(x, size=(1, 3), mode="bicubic").tolist() == [[[[17, 90, 163]]]]
    assert resize(x, size=(1, 5), mode="bilinear").tolist() == [[[[6, 48, 90, 132, 174]]]]


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_against_pytorch(mode, seed):
    """Sizes at random. PyTorch's images of width 1 are not what its own gradient says, so there are none."""
    other = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    n, c, h, w, out_h, out_w = (int(v) for v in rng.integers(2, 20, 6))
    values, data = rng.standard_normal((n, c, h, w)), rng.integers(0, 256, (n, c, h, w)).astype(np.uint8)
    corners = bool(rng.integers(2)) and mode != "lanczos"
    options = {"size": (out_h, out_w), "mode": mode, "align_corners": corners, "antialias": True}
    found = []
    for package in (torch, other):
        x = package.from_numpy(values.copy()).requires_grad_()
        y = package.nn.functional.interpolate(x, **options)
        (y**2).sum().backward()
        z = package.nn.functional.interpolate(package.from_numpy(data.copy()), **options)
        found.append((y.detach().numpy(), x.grad.numpy(), z.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
