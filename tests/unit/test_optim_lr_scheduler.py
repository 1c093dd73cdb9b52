"""Learning-rate schedulers against their closed formulas."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.optim import lr_scheduler
from tinygrad_hw.tensor import Tensor

LR = 0.4


def optimizer(**options):
    p = Tensor._wrap(np.zeros(1, np.float32))
    p.requires_grad_()
    return optim.SGD([p], lr=LR, **options)


def rates(scheduler, n):
    """The rates of the first ``n`` epochs."""
    out = []
    for _ in range(n):
        out.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return out


FORMULAS = {
    "LambdaLR": ({"lr_lambda": lambda t: 1 / (t + 1)}, lambda t: LR / (t + 1)),
    "MultiplicativeLR": ({"lr_lambda": lambda t: t / (t + 1)}, lambda t: LR / (t + 1)),
    "StepLR": ({"step_size": 4, "gamma": 0.5}, lambda t: LR * 0.5 ** (t // 4)),
    "MultiStepLR": (
        {"milestones": [3, 5, 5], "gamma": 0.5},
        lambda t: LR * 0.5 ** ((t >= 3) + 2 * (t >= 5)),
    ),
    "ConstantLR": ({"factor": 0.25, "total_iters": 6}, lambda t: LR * (0.25 if t < 6 else 1.0)),
    "LinearLR": (
        {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 7},
        lambda t: LR * (0.2 + 0.7 * min(t, 7) / 7),
    ),
    "ExponentialLR": ({"gamma": 0.9}, lambda t: LR * 0.9**t),
    "PolynomialLR": (
        {"total_iters": 8, "power": 2.0},
        lambda t: LR * (1 - min(t, 8) / 8) ** 2,
    ),
    "CosineAnnealingLR": (
        {"T_max": 6, "eta_min": 0.1},
        lambda t: 0.1 + (LR - 0.1) / 2 * (1 + math.cos(math.pi * t / 6)),
    ),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 5, "eta_min": 0.1},
        lambda t: 0.1 + (LR - 0.1) / 2 * (1 + math.cos(math.pi * (t % 5) / 5)),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name):
    options, formula = FORMULAS[name]
    schedule = getattr(lr_scheduler, name)(optimizer(), **options)
    np.testing.assert_allclose(rates(schedule, 20), [formula(t) for t in range(20)], atol=1e-12)


@pytest.mark.parametrize("name", [n for n in FORMULAS if hasattr(getattr(lr_scheduler, n), "_get_closed_form_lr")])
def test_jump_to_an_epoch_agrees(name):
    options, formula = FORMULAS[name]
    schedule = getattr(lr_scheduler, name)(optimizer(), **options)
    schedule.optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        schedule.step(9)
    np.testing.assert_allclose(schedule.get_last_lr(), [formula(9)], atol=1e-12)


def test_chained_factors_multiply():
    opt = optimizer()
    schedule = lr_scheduler.ChainedScheduler([lr_scheduler.ExponentialLR(opt, 0.9), lr_scheduler.StepLR(opt, 3, 0.5)])
    want = [LR * 0.9**t * 0.5 ** (t // 3) for t in range(10)]
    np.testing.assert_allclose(rates(schedule, 10), want)


def test_a_change_by_hand_stays():
    """The recursive forms scale what they find."""
    opt = optimizer()
    schedule = lr_scheduler.ExponentialLR(opt, 0.5)
    opt.step()
    opt.param_groups[0]["lr"] = 8.0
    schedule.step()
    assert schedule.get_last_lr() == [4.0]


def test_restart_periods_grow():
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(optimizer(), 2, 3)
    tops = [t for t, r in enumerate(rates(schedule, 30)) if r == LR]
    assert tops == [0, 2, 8, 26]


def test_cyclic_triangle_and_momentum():
    opt = optimizer(momentum=0.9)
    schedule = lr_scheduler.CyclicLR(
        opt, 0.1, 0.5, step_size_up=2, step_size_down=4, base_momentum=0.8, max_momentum=0.9
    )
    momenta = []
    lrs = []
    for _ in range(7):
        lrs.append(schedule.get_last_lr()[0])
        momenta.append(opt.param_groups[0]["momentum"])
        opt.step()
        schedule.step()
    np.testing.assert_allclose(lrs, [0.1, 0.3, 0.5, 0.4, 0.3, 0.2, 0.1])
    np.testing.assert_allclose(momenta, [0.9, 0.85, 0.8, 0.825, 0.85, 0.875, 0.9])


def test_one_cycle_ends_low():
    opt = optimizer(momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=20, div_factor=10.0)
    lrs = rates(schedule, 20)
    assert lrs[0] == pytest.approx(0.1)
    assert max(lrs) == pytest.approx(1.0)
    assert lrs.index(max(lrs)) == 5
    assert lrs[-1] == pytest.approx(0.1 / 1e4)


def test_plateau_waits_and_cools_down():
    opt = optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=1, cooldown=2)
    seen = []
    for loss in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5]:
        schedule.step(loss)
        seen.append(schedule.get_last_lr()[0] / LR)
    assert seen == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_momentum_of_adam_is_its_first_beta():
    p = Tensor._wrap(np.zeros(1, np.float32))
    p.requires_grad_()
    opt = optim.Adam([p])
    lr_scheduler.OneCycleLR(opt, 0.1, total_steps=10, max_momentum=0.97)
    assert opt.param_groups[0]["betas"] == (0.97, 0.999)


def test_saved_state_can_be_pickled():
    for name, (options, _) in FORMULAS.items():
        schedule = getattr(lr_scheduler, name)(optimizer(), **options)
        state = pickle.loads(pickle.dumps(schedule.state_dict()))
        again = getattr(lr_scheduler, name)(optimizer(), **options)
        again.load_state_dict(state)
        assert again.last_epoch == 0


def test_optimizer_hooks_still_run_under_a_schedule():
    opt = optimizer()
    lr_scheduler.StepLR(opt, 1)
    seen = []
    opt.register_step_post_hook(lambda *a: seen.append(1))
    opt.step()
    assert seen == [1]


def test_right_order_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates(lr_scheduler.StepLR(optimizer(), 3), 5)
