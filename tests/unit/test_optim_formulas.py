"""Optimizers against their update rules, written out for one number at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_hw import optim
from tinygrad_hw.tensor import Tensor

STEPS = 12


def sgd(
    p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False
):
    b = None
    for g in grads:
        g = (-g if maximize else g) + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p -= lr * g
    return p


def adam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False,
         maximize=False):  # fmt: skip
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
]


@pytest.mark.parametrize(
    ("name", "rule", "options"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
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
    np.testing.assert_allclose(p.array, want, rtol=1e-11)


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
