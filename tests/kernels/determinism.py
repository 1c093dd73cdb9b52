"""Runs everything on 1, 2 and 3 threads and prints a digest of each result, as JSON; see ``test_determinism``.

In a process of its own, because how many threads there can be is settled when numba is imported.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw import kernels, nn, warmup
from tinygrad_hw.kernels import conv2d, runtime, scatter
from tinygrad_hw.nn import functional as F
from tinygrad_hw.vision.models import MLP, LeNet

THREADS = (1, 2, 3)
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def kernel_name(kernel: runtime.Kernel) -> str:
    return f"{kernel.function.__module__.rpartition('.')[2]}.{kernel.function.__qualname__}"


def parallel_kernels() -> list[str]:
    """Return the names of all kernels that run on several threads."""
    found = set()
    for module in pkgutil.iter_modules(kernels.__path__):
        for value in vars(importlib.import_module(f"{kernels.__name__}.{module.name}")).values():
            if isinstance(value, runtime.Kernel) and value.parallel:
                found.add(kernel_name(value))
    return sorted(found)


# -- cases beside those of the warm-up -------------------------------------------------------------


def _sum_up(dtype: Any) -> list[Any]:
    """The kernels of adding up, with many equal indices."""
    values = warmup._numbers(dtype, 3, 400, 7).numpy()
    index = np.arange(400) * 7 % 50
    along = scatter.add_at_reference, scatter.index_add
    out = np.zeros((3, 50, 7), values.dtype)
    along[1](out, 1, index, values)
    places = np.ascontiguousarray(np.broadcast_to(index[None, :, None], values.shape))
    other = np.zeros_like(out)
    scatter.scatter_add(other, 1, places, values)
    table = scatter.embedding_grad(values[0], index, 50, None, scale_by_freq=True)
    return [out, other, table]


def _convolve(
    dtype: Any, n: int, c: int, size: int, o: int, k: int, stride: int, padding: int, groups: int
) -> list[Any]:
    """A convolution and its gradients, by the kernels' own functions."""
    x = warmup._numbers(dtype, n, c, size, size).numpy()
    weight = warmup._numbers(dtype, o, c // groups, k, k, seed=0.8).numpy()
    how = ((stride, stride), (padding, padding), (1, 1), groups)
    out = conv2d.conv2d(x, weight, weight[:, 0, 0, 0].copy(), *how)
    g = np.sin(out)
    back = conv2d.conv2d_input_grad(g, weight, x.shape, *how)
    return [out, back, conv2d.conv2d_weight_grad(g, x, weight.shape, *how)]


#: (N, C, size, O, kernel, stride, padding, groups): the kinds of layers that networks have, with odd sizes between.
CONVOLUTIONS = [
    (5, 1, 28, 6, 5, 1, 2, 1), (7, 6, 14, 16, 5, 1, 0, 1), (3, 3, 32, 32, 7, 1, 3, 1), (3, 16, 17, 64, 3, 1, 1, 1),
    (2, 64, 16, 37, 3, 1, 1, 1), (3, 16, 16, 32, 1, 1, 0, 1), (3, 32, 15, 64, 3, 2, 1, 1), (2, 3, 56, 64, 7, 2, 3, 1),
    (3, 33, 16, 33, 3, 1, 1, 33), (2, 8, 9, 12, 3, 1, 1, 4), (1, 5, 40, 3, 3, 1, 1, 1),
]  # fmt: skip


class Normalised(nn.Sequential):
    """A small network with batch norm."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
            nn.Dropout(0.2), nn.Flatten(), nn.Linear(24 * 16, 10),
        )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (lambda: MLP(784, [128]), (64, 1, 28, 28)),
    "MLP with dropout": (lambda: MLP(784, [400, 400, 100], dropout=0.3), (256, 1, 28, 28)),
    "LeNet": (lambda: LeNet(), (32, 1, 28, 28)),
    "batch norm": (Normalised, (16, 3, 16, 16)),
}


def _train(make: Callable[[], nn.Module], shape: tuple[int, ...], dtype: Any, optimizer: str) -> list[Any]:
    """Train for three steps; return the losses, the weights and what the trained network says."""
    torch.manual_seed(0)
    net = make().to(dtype)
    x = warmup._numbers(dtype, *shape)
    target = torch.from_numpy(np.arange(shape[0]) * 7 % 10)
    rule = torch.optim.Adam(net.parameters(), lr=1e-3)
    if optimizer == "SGD":
        rule = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(3):
        rule.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        rule.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        scores = net(x).numpy()
    return [np.array(losses), scores, *(p.detach().numpy() for p in net.parameters())]


def cases(*kinds: str) -> dict[str, Callable[[], Any]]:
    """Return all calls by name."""
    found: dict[str, Callable[[], Any]] = {}
    for kind in kinds:
        dtype = DTYPES[kind]
        for size in (1, 9):
            for name, call in warmup.calls(dtype, size):
                found[f"kernels, {kind}, {name}, size {size}"] = call
        found[f"kernels, {kind}, sums"] = partial(_sum_up, dtype)
        for shape in CONVOLUTIONS:
            found[f"kernels, {kind}, convolution {shape}"] = partial(_convolve, dtype, *shape)
        for name, (make, shape) in NETWORKS.items():
            for optimizer in ("Adam", "SGD"):
                found[f"training, {kind}, {name}, {optimizer}"] = partial(_train, make, shape, dtype, optimizer)
    return found


def main(kind: str) -> None:
    """Print for each case of a dtype its digests by number of threads, and which kernels ran with which dtypes."""
    import numba

    ran: dict[str, set[str]] = {}
    used: list[int] = []
    parallel, usual = runtime.Kernel._run_parallel, runtime.PARALLEL_WORK

    def run(self: runtime.Kernel, args: tuple[Any, ...], work: float) -> Any:
        ran.setdefault(kernel_name(self), set()).update(a.dtype.name for a in args if isinstance(a, np.ndarray))
        result = parallel(self, args, work)
        used.append(numba.get_num_threads())
        return result

    runtime.Kernel._run_parallel = run  # type: ignore[method-assign]
    digests: dict[str, list[str]] = {}
    counts = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        for name, call in cases(kind).items():
            # However small the work of a kernel is, it goes to the threads; training runs as it does for users.
            runtime.PARALLEL_WORK = usual if name.startswith("training") else -1
            result = [np.asarray(a) for a in call()]
            digest = hashlib.sha256()
            for a in result:
                digest.update(f"{a.dtype} {a.shape}".encode() + a.tobytes())
            digests.setdefault(name, []).append(digest.hexdigest())
        counts[threads] = max(used)
        used.clear()
    print(
        json.dumps(
            {
                "digests": digests,
                "ran": {name: sorted(kinds) for name, kinds in ran.items()},
                "kernels": parallel_kernels(),
                "threads": counts,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
