"""Results do not depend on where arrays lie: every kernel on copies of its arrays close together, and apart.

A compiled loop that stores looks first whether its arrays lie too close for vectors, and goes one by one where they do;
a sum in such a loop is then made in another order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.kernels.determinism import kernel_name
from tinygrad_hw import warmup
from tinygrad_hw.kernels import norm, runtime, softmax

if not runtime.compiled_kernels():
    pytest.skip("kernels are not compiled", allow_module_level=True)

#: Modules whose kernels are given addresses, not arrays.
BY_ADDRESS = {"optim_fused", "clip_fused", "denormal"}
FAR, ORDERS, LARGE = 1 << 14, 6, 1 << 18


def in_a_row(arrays: list[Any], order: list[int], gap: int) -> list[Any]:
    """Return copies in one buffer, in an order, ``gap`` bytes apart, each where ``malloc`` could have put it."""
    room = [-(-a.nbytes // 16) * 16 + gap for a in arrays]
    buffer = np.zeros(sum(room) + 64, np.uint8)
    at = -buffer.ctypes.data % 64
    copies: list[Any] = [None] * len(arrays)
    for i in order:
        a = arrays[i]
        copies[i] = buffer[at : at + a.nbytes].view(a.dtype).reshape(a.shape)
        copies[i][...] = a
        at += room[i]
    return copies


def rearranged(self: Any, usual: Callable[..., Any], args: tuple[Any, ...], work: float) -> bool:
    """Run a kernel on copies of its arrays in several places; return False where there are no such copies."""
    arrays: dict[tuple[Any, ...], Any] = {}
    for a in args:
        if isinstance(a, np.ndarray):
            arrays[a.ctypes.data, a.shape, a.dtype] = a
    kept = [a for a in arrays.values() if a.size]
    if not kept or not all(a.flags.c_contiguous for a in kept) or sum(a.nbytes for a in kept) > LARGE:
        return False
    if any(np.may_share_memory(a, b) for i, a in enumerate(kept) for b in kept[:i]):
        return False
    places = {key: i for i, key in enumerate((a.ctypes.data, a.shape, a.dtype) for a in kept)}
    rng = random.Random(0)
    orders = [list(range(len(kept))), *(rng.sample(range(len(kept)), len(kept)) for _ in range(ORDERS))]
    found = []
    for gap, order in ((FAR, orders[0]), *((16, o) for o in orders)):
        copies = in_a_row(kept, order, gap)
        result = usual(
            self,
            *(
                copies[places[a.ctypes.data, a.shape, a.dtype]] if isinstance(a, np.ndarray) and a.size else a
                for a in args
            ),
            work=work,
        )
        given = result if isinstance(result, tuple) else (result,)
        found.append([*(a.tobytes() for a in copies), *(np.asarray(r).tobytes() for r in given if r is not None)])
    assert all(f == found[0] for f in found), f"{kernel_name(self)} of {[(a.shape, a.dtype.name) for a in kept]}"
    return True


def calls(kind: str) -> list[Callable[[], Any]]:
    """Return those of the warm-up, and sums over rows so short that the whole array is within reach."""
    found = [call for _, call in warmup.calls(getattr(torch, kind), 1)]
    for shape in ((1, 8), (3, 10), (5, 5), (1, 63), (7, 33)):
        x, g, weight = np.random.default_rng(0).standard_normal((3, *shape)).astype(kind)
        mean, scale = x.mean(1), 1 / x.std(1)
        found += [
            lambda x=x: softmax.softmax(x, 1),
            lambda x=x: softmax.log_softmax(x, 1),
            lambda x=x, g=g: softmax.softmax_backward(g, x, 1),
            lambda x=x, g=g: softmax.log_softmax_backward(g, x, 1),
            lambda x=x, w=weight: norm.row_norm(x, w[0], w[0], 1e-5),
            lambda x=x, g=g, w=weight, m=mean, s=scale: norm.row_norm_backward(g, x, w[0], m, s),
        ]
    return found


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_where_arrays_lie_does_not_matter(monkeypatch: pytest.MonkeyPatch, kind: str, parallel: bool) -> None:
    usual = runtime.Kernel.__call__
    ran: set[str] = set()

    def call(self: Any, *args: Any, work: float = 1e9) -> Any:
        name = kernel_name(self)
        if name.split(".")[0] not in BY_ADDRESS and rearranged(self, usual, args, work):
            ran.add(name)
        return usual(self, *args, work=work)

    monkeypatch.setattr(runtime, "PARALLEL_WORK", -1 if parallel else float("inf"))
    monkeypatch.setattr(runtime.Kernel, "__call__", call)
    for each in calls(kind):
        each()
    assert len(ran) > 40, sorted(ran)


def in_place_calls(kind: str, shape: tuple[int, ...]) -> dict[str, tuple[Any, Callable[[Any, Any], Any]]]:
    """Return, of each function that may write over an argument, this argument and a call of (argument, out)."""
    x, g = np.random.default_rng(1).standard_normal((2, *shape)).astype(kind)
    w = np.linspace(0.5, 1.5, shape[1]).astype(kind)
    rows = x.reshape(shape[0], -1)
    target = np.arange(shape[0]) % rows.shape[1]
    _, mean, _, scale = norm.batch_norm(x, w, w, 1e-5)
    _, g_mean, g_scale = norm.group_norm(x, w, w, 1, 1e-5)
    _, sums = softmax.cross_entropy(rows, target, None, -1)
    share = np.ones(shape[0], kind)
    return {
        "softmax": (rows, lambda a, out: softmax.softmax(a, 1, out)),
        "softmax along columns": (x, lambda a, out: softmax.softmax(a, 1, out)),
        "cross_entropy_backward": (
            rows,
            lambda a, out: softmax.cross_entropy_backward(share, a, target, None, -1, sums, out),
        ),
        "batch_norm": (x, lambda a, out: norm.batch_norm(a, w, w, 1e-5, out=out)),
        "batch_norm_backward": (g, lambda a, out: norm.batch_norm_backward(a, x, w, w, mean, scale, out=out)),
        "channel_affine": (x, lambda a, out: norm.channel_affine(a, w, w, out=out)),
        "row_norm": (rows, lambda a, out: norm.row_norm(a, None, None, 1e-5, out=out)),
        "group_norm": (x, lambda a, out: norm.group_norm(a, w, w, 1, 1e-5, out=out)),
        "group_norm_backward": (g, lambda a, out: norm.group_norm_backward(a, x, w, g_mean, g_scale, 1, out=out)),
    }


@pytest.mark.parametrize("name", in_place_calls("float32", (2, 3, 4)))
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("parallel", [False, True])
def test_writing_over_an_argument(monkeypatch: pytest.MonkeyPatch, name: str, kind: str, parallel: bool) -> None:
    monkeypatch.setattr(runtime, "PARALLEL_WORK", -1 if parallel else float("inf"))
    for shape in ((2, 3, 4), (3, 5, 17), (2, 4, 64), (2, 3, 331)):
        given, call = in_place_calls(kind, shape)[name]
        apart, over = call(given.copy(), None), given.copy()
        found = call(over, over)
        for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (apart, found)), strict=True):
            assert a.tobytes() == b.tobytes()
