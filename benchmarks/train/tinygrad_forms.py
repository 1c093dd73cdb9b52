"""The training step of an MLP in tinygrad, recorded once and replayed (``TinyJit``)."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Sequence
from typing import Any

from benchmarks.workload import Run

__all__ = ["mlp_step"]


def mlp_step(tinygrad: Any, sizes: Sequence[int], batch: int) -> Run:
    """Return the step of linear layers with ReLU between them: Adam, mean cross-entropy."""
    nn = importlib.import_module("tinygrad.nn")
    tensor = tinygrad.Tensor
    # Until 0.13 the mode was the class's, now it is the context's.
    training = tensor.train if hasattr(tensor, "train") else lambda: tinygrad.Context(TRAINING=1)
    tensor.manual_seed(0)
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    x = tensor.randn(batch, sizes[0]).realize()
    y = tensor.randint(batch, high=sizes[-1]).realize()
    optimizer = nn.optim.Adam(nn.state.get_parameters(layers), lr=1e-3)

    def step() -> Any:
        with training():
            optimizer.zero_grad()
            z = x
            for i, layer in enumerate(layers):
                z = layer(z)
                if i < len(layers) - 1:
                    z = z.relu()
            loss = z.sparse_categorical_crossentropy(y).backward()
            return loss.realize(*optimizer.schedule_step())

    jitted = tinygrad.TinyJit(step)
    # Reading the loss waits for the step.
    return lambda: jitted().item()
