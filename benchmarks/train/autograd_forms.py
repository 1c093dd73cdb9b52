"""The training step of an MLP in HIPS autograd, with Adam written by hand in place."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Sequence
from typing import Any

from benchmarks.workload import Run

__all__ = ["mlp_step"]


def mlp_step(autograd: Any, sizes: Sequence[int], batch: int) -> Run:
    """Return the step of linear layers with ReLU between them: Adam, mean cross-entropy."""
    anp = importlib.import_module("autograd.numpy")
    np = importlib.import_module("numpy")
    rng = np.random.default_rng(0)
    parameters = []
    for a, b in itertools.pairwise(sizes):
        parameters += [rng.uniform(-(a**-0.5), a**-0.5, s).astype(np.float32) for s in ((a, b), (b,))]
    x = rng.standard_normal((batch, sizes[0]), np.float32)
    y = rng.integers(0, sizes[-1], batch)
    rows = np.arange(batch)
    m, v = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    steps = 0

    def loss_of(parameters: Any) -> Any:
        z = x
        for i in range(0, len(parameters), 2):
            z = anp.dot(z, parameters[i]) + parameters[i + 1]
            if i < len(parameters) - 2:
                z = anp.maximum(z, 0)
        z = z - anp.max(z, axis=1, keepdims=True)
        scores = z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True))
        return -anp.mean(scores[rows, y])

    gradient = autograd.value_and_grad(loss_of)

    def run() -> object:
        nonlocal steps
        steps += 1
        loss, g = gradient(parameters)
        rate, unbias = 1e-3 / (1 - 0.9**steps), 1 / (1 - 0.999**steps)
        for i, p in enumerate(parameters):
            m[i] *= 0.9
            m[i] += 0.1 * g[i]
            v[i] *= 0.999
            v[i] += 0.001 * g[i] * g[i]
            p -= rate * m[i] / (np.sqrt(v[i] * unbias) + 1e-8)
        return loss

    return run
