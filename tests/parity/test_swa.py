"""Weight averaging, its schedule, and Muon, side by side with PyTorch."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


def swa(torch):
    return importlib.import_module(f"{torch.__name__}.optim.swa_utils")


def _net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2))


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", ["default", "ema", "swa", "multi_ema", "multi_swa", "own"])
def test_averaged_model(kind, use_buffers):
    if (kind, use_buffers) == ("multi_swa", True):
        pytest.skip("PyTorch's raises for buffers of integers")

    def code(torch, log):
        s = swa(torch)
        net = _net(torch)
        options = {
            "default": {},
            "ema": {"avg_fn": s.get_ema_avg_fn(0.9)},
            "swa": {"avg_fn": s.get_swa_avg_fn()},
            "multi_ema": {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9)},
            "multi_swa": {"multi_avg_fn": s.get_swa_multi_avg_fn()},
            "own": {"avg_fn": lambda a, p, n: a * 0.5 + p * n},
        }[kind]
        average = s.AveragedModel(net, use_buffers=use_buffers, **options)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        x = torch.randn(6, 3)
        for _ in range(4):
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()
            average.update_parameters(net)
        log(dict(average.state_dict()))
        s.update_bn([x, (x * 2,), [x + 1]], average)
        log(dict(average.state_dict()), average.training)
        average.eval()
        log(average(x), int(average.n_averaged))

    both(code)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_schedule(strategy, epochs):
    def code(torch, log):
        w = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(1))]
        optimizer = torch.optim.SGD([{"params": [w[0]], "lr": 1.0}, {"params": [w[1]], "lr": 0.3}], lr=0.5)
        schedule = swa(torch).SWALR(optimizer, [0.05, 0.5], anneal_epochs=epochs, anneal_strategy=strategy)
        log(schedule.get_last_lr())
        for i in range(8):
            optimizer.step()
            schedule.step()
            log(schedule.get_last_lr())
            if i == 3:
                optimizer.param_groups[0]["lr"] *= 2
        state = schedule.state_dict()
        log(sorted(k for k in state if not k.startswith("_")))
        other = swa(torch).SWALR(optimizer, [0.05, 0.5], anneal_epochs=3)
        other.load_state_dict(state)
        other.step()
        log(other.get_last_lr(), other.anneal_epochs)

    both(code)


def test_errors():
    def code(torch, log):
        s = swa(torch)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.5)
        log.error(s.SWALR, optimizer, 0.1, anneal_strategy="square")
        log.error(s.SWALR, optimizer, 0.1, anneal_epochs=-1)
        log.error(s.SWALR, optimizer, [0.1, 0.2])
        log.error(s.get_ema_avg_fn, 1.5)
        log.error(s.get_ema_multi_avg_fn, -0.5)
        net = torch.nn.Linear(1, 1)
        log.error(s.AveragedModel, net, avg_fn=len, multi_avg_fn=len)

    both(code)


def test_muon_is_pytorchs_up_to_the_rounding_of_its_steps():
    torch = pytest.importorskip("torch")
    found = []
    for package in (tinygrad_hw, torch):
        package.manual_seed(0)
        w = package.nn.Parameter(package.randn(6, 4))
        optimizer = package.optim.Muon([w], lr=0.1, adjust_lr_fn="match_rms_adamw")
        for _ in range(10):
            optimizer.zero_grad()
            (w @ w.T).square().sum().backward()
            optimizer.step()
        found.append((np.array(w.tolist()), np.array(optimizer.state[w]["momentum_buffer"].tolist())))
    for mine, theirs in zip(*found, strict=True):
        assert np.abs(mine - theirs).max() < 0.03 * np.abs(theirs).max()


def test_muon_makes_matrices_nearly_orthogonal():
    from tinygrad_hw.optim.muon import _orthogonal

    x = np.random.default_rng(0).standard_normal((5, 3))
    values = np.linalg.svd(_orthogonal(x, (3.4445, -4.775, 2.0315), 5, 1e-7), compute_uv=False)
    assert (values > 0.6).all() and (values < 1.3).all()
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    middle = u.T @ _orthogonal(x, (3.4445, -4.775, 2.0315), 5, 1e-7) @ vh.T
    assert np.abs(middle - np.diag(np.diag(middle))).max() < 1e-6


def test_muon_errors():
    def code(torch, log):
        matrix, vector = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
        log.error(torch.optim.Muon, [vector])
        log.error(torch.optim.Muon, [matrix], lr=-1.0)
        log.error(torch.optim.Muon, [matrix], momentum=-1.0)
        log.error(torch.optim.Muon, [matrix], weight_decay=-1.0)
        log.error(torch.optim.Muon, [matrix], adjust_lr_fn="other")

    both(code)
