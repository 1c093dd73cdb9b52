"""The training steps in JAX: written by hand, jitted as a whole, with the layout that suits it (channels last)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.workload import Run

__all__ = ["conv7x7_step", "lenet_step", "mlp_step"]

#: The forward pass: parameters and inputs to scores.
Forward = Callable[[list[Any], Any], Any]


def _uniform(np: Any, rng: Any, shape: Sequence[int], inputs: int) -> Any:
    bound = inputs**-0.5
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def _dense(np: Any, rng: Any, sizes: Sequence[int]) -> list[Any]:
    """Return (weight, bias) per layer."""
    return [(_uniform(np, rng, (a, b), a), _uniform(np, rng, (b,), a)) for a, b in itertools.pairwise(sizes)]


def _kernel(np: Any, rng: Any, inputs: int, outputs: int, size: int) -> Any:
    fan = inputs * size * size
    return _uniform(np, rng, (size, size, inputs, outputs), fan), _uniform(np, rng, (outputs,), fan)


def _step(jax: Any, forward: Forward, parameters: list[Any], x: Any, y: Any) -> Run:
    """Return a jitted step of Adam (1e-3, 0.9, 0.999, 1e-8) on the mean cross-entropy."""
    jnp, tree = jax.numpy, jax.tree_util.tree_map

    def loss_of(parameters: list[Any], x: Any, y: Any) -> Any:
        scores = jax.nn.log_softmax(forward(parameters, x))
        return -jnp.take_along_axis(scores, y[:, None], 1).mean()

    def step(parameters: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(parameters, x, y)
        t = t + 1
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, unbias = 1e-3 / (1 - 0.9**t), 1 / (1 - 0.999**t)
        parameters = tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v * unbias) + 1e-8), parameters, m, v)
        return loss, (parameters, m, v, t)

    jitted = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    parameters = tree(jnp.asarray, parameters)
    state = (parameters, tree(jnp.zeros_like, parameters), tree(jnp.zeros_like, parameters), jnp.float32(0))
    x, y = jnp.asarray(x), jnp.asarray(y)

    def run() -> object:
        nonlocal state
        loss, state = jitted(*state, x, y)
        return jax.block_until_ready((loss, state))[0]

    return run


def _data(np: Any, rng: Any, batch: int, shape: Sequence[int], classes: int) -> tuple[Any, Any]:
    return rng.standard_normal((batch, *shape), np.float32), rng.integers(0, classes, batch)


def _layers(jax: Any, parameters: Sequence[Any], x: Any) -> Any:
    for i, (weight, bias) in enumerate(parameters):
        x = x @ weight + bias
        if i < len(parameters) - 1:
            x = jax.nn.relu(x)
    return x


def _conv(jax: Any, x: Any, layer: Any, padding: int) -> Any:
    """Return convolution, ReLU and 2x2 maximum."""
    lax = jax.lax
    weight, bias = layer
    x = lax.conv_general_dilated(
        x, weight, (1, 1), [(padding, padding)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    x = jax.nn.relu(x + bias)
    return lax.reduce_window(x, -jax.numpy.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def mlp_step(jax: Any, sizes: Sequence[int], batch: int) -> Run:
    """Return the step of linear layers with ReLU between them."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = _data(np, rng, batch, sizes[:1], sizes[-1])
    return _step(jax, lambda p, x: _layers(jax, p, x), _dense(np, rng, sizes), x, y)


def lenet_step(jax: Any, batch: int) -> Run:
    """Return the step of LeNet-5."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = _data(np, rng, batch, (28, 28, 1), 10)
    parameters = [_kernel(np, rng, 1, 6, 5), _kernel(np, rng, 6, 16, 5), *_dense(np, rng, [400, 120, 84, 10])]

    def forward(p: list[Any], x: Any) -> Any:
        x = _conv(jax, _conv(jax, x, p[0], 2), p[1], 0)
        return _layers(jax, p[2:], x.reshape(batch, -1))

    return _step(jax, forward, parameters, x, y)


def conv7x7_step(jax: Any, batch: int) -> Run:
    """Return the step of the network with one 7x7 convolution."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = _data(np, rng, batch, (32, 32, 3), 10)
    parameters = [_kernel(np, rng, 3, 32, 7), *_dense(np, rng, [8192, 500, 10])]

    def forward(p: list[Any], x: Any) -> Any:
        return _layers(jax, p[1:], _conv(jax, x, p[0], 3).reshape(batch, -1))

    return _step(jax, forward, parameters, x, y)
