"""Optimizers against their update rules, written out for one number at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.tensor import Tensor

STEPS = 12


def sgd(p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    b = None
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p -= lr * g
    return p


def adam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False,
         decoupled=False, maximize=False):  # fmt: skip
    m = v = top = 0.0
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled:
            p -= lr * weight_decay * p
        else:
            g += weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        top = max(top, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (top if amsgrad else v) / (1 - betas[1] ** t)
        p -= lr * m_hat / (math.sqrt(v_hat) + eps)
    return p


def adamw(p, grads, lr, weight_decay=1e-2, **options):
    return adam(p, grads, lr, weight_decay=weight_decay, decoupled=True, **options)


def rmsprop(p, grads, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False,
            maximize=False):  # fmt: skip
    v = mean = b = 0.0
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        v = alpha * v + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        variance = v - mean * mean if centered else v
        b = momentum * b + g / (math.sqrt(variance) + eps)
        p -= lr * b
    return p


def adagrad(p, grads, lr, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10,
            maximize=False):  # fmt: skip
    s = initial_accumulator_value
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        s += g * g
        p -= lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s) + eps)
    return p


def adadelta(p, grads, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    v = u = 0.0
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        v = rho * v + (1 - rho) * g * g
        d = math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        p -= lr * d
    return p


def adamax(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False):
    m = u = 0.0
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        u = max(betas[1] * u, abs(g) + eps)
        p -= lr / (1 - betas[0] ** t) * m / u
    return p


def nadam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3,
          decoupled_weight_decay=False, maximize=False):  # fmt: skip
    def momentum(t):
        return betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    m = v = 0.0
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p -= lr * weight_decay * p
        else:
            g += weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        now = math.prod(momentum(i) for i in range(1, t + 1))
        m_hat = momentum(t + 1) * m / (1 - now * momentum(t + 1)) + (1 - momentum(t)) * g / (1 - now)
        p -= lr * m_hat / (math.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def radam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
          decoupled_weight_decay=False, maximize=False):  # fmt: skip
    m = v = 0.0
    longest = 2 / (1 - betas[1]) - 1
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        if decoupled_weight_decay:
            p -= lr * weight_decay * p
        else:
            g += weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        length = longest - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        move = lr * m / (1 - betas[0] ** t)
        if length > 5:
            r = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            move *= math.sqrt(r) * math.sqrt(1 - betas[1] ** t) / (math.sqrt(v) + eps)
        p -= move
    return p


def asgd(p, grads, lr, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False):
    eta = float(np.float32(lr))  # kept in float32 between steps
    for t, g in enumerate(grads, 1):
        g = (-g if maximize else g) + weight_decay * p
        p = (1 - lambd * eta) * p - eta * g
        eta = float(np.float32(lr / (1 + lambd * lr * t) ** alpha))
    return p


def rprop(p, grads, lr, etas=(0.5, 1.2), step_sizes=(1e-6, 50), maximize=False):
    before, size = 0.0, lr
    for g in grads:
        g = -g if maximize else g
        if before * g > 0:
            size = min(size * etas[1], step_sizes[1])
        elif before * g < 0:
            size = max(size * etas[0], step_sizes[0])
            g = 0.0
        p -= size * (g > 0) - size * (g < 0)
        before = g
    return p


CASES = [
    ("SGD", sgd, {"lr": 0.1}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", adam, {"lr": 0.1}),
    ("Adam", adam, {"lr": 0.1, "betas": (0.4, 0.6), "eps": 1e-2, "weight_decay": 0.1}),
    ("Adam", adam, {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", adamw, {"lr": 0.1, "weight_decay": 0.3}),
    ("AdamW", adamw, {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("RMSprop", rmsprop, {"lr": 0.1}),
    ("RMSprop", rmsprop, {"lr": 0.1, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", rmsprop, {"lr": 0.1, "centered": True, "momentum": 0.9, "maximize": True}),
    ("Adagrad", adagrad, {"lr": 0.1}),
    ("Adagrad", adagrad, {"lr": 0.1, "lr_decay": 0.2, "initial_accumulator_value": 0.5}),
    ("Adagrad", adagrad, {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adadelta", adadelta, {}),
    ("Adadelta", adadelta, {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", adamax, {"lr": 0.1}),
    ("Adamax", adamax, {"lr": 0.1, "betas": (0.4, 0.6), "weight_decay": 0.1, "maximize": True}),
    ("NAdam", nadam, {"lr": 0.1}),
    ("NAdam", nadam, {"lr": 0.1, "momentum_decay": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", nadam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", radam, {"lr": 0.1}),
    ("RAdam", radam, {"lr": 0.1, "betas": (0.4, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", radam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", asgd, {"lr": 0.1}),
    ("ASGD", asgd, {"lr": 0.1, "lambd": 0.5, "alpha": 2.0, "weight_decay": 0.1, "maximize": True}),
    ("Rprop", rprop, {"lr": 0.1}),
    ("Rprop", rprop, {"lr": 0.1, "etas": (0.2, 2.0), "step_sizes": (0.05, 0.3), "maximize": True}),
]


@pytest.mark.parametrize(("name", "rule", "options"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_rule(name, rule, options):
    rng = np.random.default_rng(0)
    start = rng.standard_normal(4)
    grads = rng.standard_normal((STEPS, 4))
    p = Tensor._wrap(start.copy())
    p.requires_grad_()
    opt = getattr(optim, name)([p], **options)
    for g in grads:
        p.grad = Tensor._wrap(g.copy())
        opt.step()
    want = [rule(start[i], grads[:, i].tolist(), **options) for i in range(4)]
    # NAdam keeps the product of its momenta in float32.
    np.testing.assert_allclose(p.array, want, rtol=1e-5 if name == "NAdam" else 1e-11)


@pytest.mark.parametrize(
    ("name", "lr"),
    [
        ("SGD", 0.1),
        ("Adam", 0.2),
        ("AdamW", 0.2),
        ("RMSprop", 0.05),
        ("Adagrad", 1.0),
        ("Adadelta", 10.0),
        ("Adamax", 0.2),
        ("NAdam", 0.2),
        ("RAdam", 0.2),
        ("ASGD", 0.1),
        ("Rprop", 0.1),
    ],
)
def test_finds_a_minimum(name, lr):
    """Each finds the bottom of an ill-scaled bowl."""
    scale = np.array([1.0, 5.0])
    bottom = np.array([3.0, -2.0])
    p = Tensor._wrap(np.zeros(2))
    p.requires_grad_()
    opt = getattr(optim, name)([p], lr=lr)
    losses = []
    for _ in range(400):
        p.grad = Tensor._wrap(scale * (p.array - bottom))
        losses.append(float((scale * (p.array - bottom) ** 2).sum() / 2))
        opt.step()
    assert losses[-1] < 0.01 * losses[0], losses[::50]


def test_asgd_keeps_the_mean_of_late_parameters():
    rng = np.random.default_rng(1)
    p = Tensor._wrap(np.zeros(3))
    p.requires_grad_()
    opt = optim.ASGD([p], lr=0.1, t0=4)
    late = []
    for t in range(1, 11):
        p.grad = Tensor._wrap(rng.standard_normal(3))
        opt.step()
        if t <= 6:  # the weight for step t + 1 is 1 / max(1, t - t0)
            assert np.array_equal(opt.state[p]["ax"].array, p.array)
            late.clear()
        late.append(p.array.copy())
    np.testing.assert_allclose(opt.state[p]["ax"].array, np.mean(late, axis=0), rtol=1e-6)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum_of_a_bowl(search):
    """A quadratic in n variables takes about n iterations with exact curvature."""
    rng = np.random.default_rng(2)
    a = rng.standard_normal((6, 6))
    a = a @ a.T + np.eye(6)
    b = rng.standard_normal(6)
    p = Tensor._wrap(np.zeros(6))
    p.requires_grad_()
    opt = optim.LBFGS([p], max_iter=60, line_search_fn=search, lr=1.0)

    def closure():
        p.grad = Tensor._wrap(a @ p.array - b)
        return float(p.array @ a @ p.array / 2 - b @ p.array)

    opt.step(closure)
    np.testing.assert_allclose(p.array, np.linalg.solve(a, b), atol=1e-4)
