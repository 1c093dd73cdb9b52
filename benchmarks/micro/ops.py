"""Single operations: forward against numpy and the peers, forward and backward against the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.workload import Run, Workload

__all__ = ["WORKLOADS"]


@dataclass(frozen=True)
class Op:
    """An operation on arrays of given shapes.

    Attributes:
        name: what stands in the table.
        shapes: of its arguments, float32.
        torch: what it is with PyTorch's names: gets the module and the arguments.
        numpy: what it is in numpy.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    torch: Callable[..., Any]
    numpy: Callable[..., Any]


def _softmax(np: Any, x: Any) -> Any:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


OPS = [
    Op("add 10x10", ((10, 10), (10, 10)), lambda t, x, y: x + y, lambda np, x, y: x + y),
    Op("add a number, 10x10", ((10, 10),), lambda t, x: x + 1.5, lambda np, x: x + 1.5),
    Op("mul, 64x128 by 128", ((64, 128), (128,)), lambda t, x, y: x * y, lambda np, x, y: x * y),
    Op("matmul 10x10", ((10, 10), (10, 10)), lambda t, x, y: x @ y, lambda np, x, y: x @ y),
    Op("tanh 10x10", ((10, 10),), lambda t, x: t.tanh(x), lambda np, x: np.tanh(x)),
    Op("exp 64x128", ((64, 128),), lambda t, x: t.exp(x), lambda np, x: np.exp(x)),
    Op("sum of 10x10", ((10, 10),), lambda t, x: x.sum(), lambda np, x: x.sum()),
    Op("sum of 64x128 over rows", ((64, 128),), lambda t, x: x.sum(0), lambda np, x: x.sum(0)),
    Op("mean of 64x128", ((64, 128),), lambda t, x: x.mean(), lambda np, x: x.mean()),
    Op("softmax 10x10", ((10, 10),), lambda t, x: t.softmax(x, 1), _softmax),
    Op("index a row of 10x10", ((10, 10),), lambda t, x: x[3], lambda np, x: x[3]),
    Op("slice 64x128", ((64, 128),), lambda t, x: x[:, 32:96], lambda np, x: x[:, 32:96]),
    Op("reshape 64x128", ((64, 128),), lambda t, x: x.reshape(128, 64), lambda np, x: x.reshape(128, 64)),
    Op("transpose 64x128", ((64, 128),), lambda t, x: x.transpose(0, 1), lambda np, x: x.transpose(1, 0)),
    Op(
        "cat of two 64x128",
        ((64, 128), (64, 128)),
        lambda t, x, y: t.cat((x, y), 1),
        lambda np, x, y: np.concatenate((x, y), 1),
    ),
    Op(
        "linear 8x16 to 16",
        ((8, 16), (16, 16), (16,)),
        lambda t, x, w, b: t.nn.functional.linear(x, w, b),
        lambda np, x, w, b: x @ w.T + b,
    ),
]


def _torch(torch: Any, op: Op, grad: bool) -> Run:
    torch.manual_seed(0)
    arguments = [torch.rand(*shape).requires_grad_(grad) for shape in op.shapes]
    call = op.torch
    if not grad:
        return lambda: call(torch, *arguments)
    g = torch.ones_like(call(torch, *arguments).detach())

    def run() -> None:
        call(torch, *arguments).backward(g)
        for x in arguments:
            x.grad = None

    return run


def _numpy(np: Any, op: Op) -> Run:
    rng = np.random.default_rng(0)
    arguments = [rng.random(shape, np.float32) for shape in op.shapes]
    call = op.numpy
    return lambda: call(np, *arguments)


def _workloads(op: Op) -> list[Workload]:
    return [
        Workload("micro", "forward", op.name, lambda t: _torch(t, op, False), {"numpy": lambda np: _numpy(np, op)}),
        Workload("micro", "forward and backward", op.name, lambda t: _torch(t, op, True)),
    ]


WORKLOADS = sorted((w for op in OPS for w in _workloads(op)), key=lambda w: w.group)
