"""``torch.compile``: what cannot be replayed runs as it is written."""

from __future__ import annotations

import copy
import gc
import threading

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.compiling import check, looks, mlp, programs, same, why

nn, F = torch.nn, torch.nn.functional


LOG: list[int] = []


def reads(x):
    return x * x.max().item()


def numbers(x):
    return x + float(x[0])


def by_array(x):
    return x + x.array.max()


def by_numpy(x):
    return x * np.float32(np.random.default_rng().random())


def writes(x):
    y = x * 2
    y[0] = 5
    return y.add_(1)


def keeps(x):
    LOG.append(1)
    return x * len(LOG)


def prints(x):
    print(end="")
    return x * 2


def itself(x):
    return x


def a_view(x):
    return x.view(-1)


def a_number(x):
    return x.sum().item()


def walks(x):
    y = x.detach().requires_grad_()
    (g,) = torch.autograd.grad((y**3).sum(), y)
    return x * g


def warns(x):
    return F.mse_loss(x, x[:1])


def by_index(x):
    return x[(x > 0).sum() - 3] * x


def defaults(x, cache=[]):  # noqa: B006 - that is the point
    cache.append(1)
    return x * len(cache)


def settings(x):
    torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(torch.float32)
    return x * 2


UNFOLLOWED = [
    looks, reads, numbers, by_array, by_numpy, by_index, writes, keeps, defaults, prints, settings, itself, a_view,
    a_number, walks, warns,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("slow", UNFOLLOWED, ids=lambda f: f.__name__)
def test_what_cannot_be_followed_runs_as_it_is_written(slow) -> None:
    LOG.clear()
    expected = []
    inputs = [torch.tensor(v) for v in ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0], [4.0, 5.0, 6.0])]
    if slow not in (by_numpy, defaults):
        torch.manual_seed(0)
        expected = [slow(x.clone().requires_grad_(slow is not writes)) for x in inputs]
    LOG.clear()
    fast = torch.compile(slow)
    torch.manual_seed(0)
    found = [fast(x.clone().requires_grad_(slow is not writes)) for x in inputs]
    assert programs(fast) == 0 and why(fast)
    for a, b in zip(expected, found, strict=False):
        for s, t in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True):
            assert s == t if isinstance(s, float) else same(s, t)
    with pytest.raises(RuntimeError, match="cannot be recorded as a whole"):
        torch.compile(slow, fullgraph=True)(inputs[0].requires_grad_(slow is not writes))


def test_default_arguments_that_grow() -> None:
    def slow(x, cache=[]):  # noqa: B006
        cache.append(1)
        return x * len(cache)

    fast = torch.compile(slow)
    assert [fast(torch.ones(1)).item() for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]


def test_an_argument_that_the_function_knows_already() -> None:
    known = torch.ones(2)
    fast = torch.compile(lambda x: x * 2 + known)
    for x in (known, torch.full((2,), 5.0), known):
        assert same(fast(x), x * 2 + known)


def test_checkpointed() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    fast = torch.compile(model)
    x = torch.randn(5, 3, requires_grad=True)
    for _ in range(2):
        found = torch.autograd.grad(torch.utils.checkpoint.checkpoint(fast, x, use_reentrant=False).sum(), x)
        assert same(found[0], torch.autograd.grad(model(x).sum(), x)[0])


def test_a_loss_that_is_not_returned_is_checked_as_well() -> None:
    def slow(x, y):
        F.cross_entropy(x, y)
        return x * 2

    fast = torch.compile(slow, fullgraph=True)
    x = torch.randn(2, 3)
    check(fast, slow, x, torch.tensor([0, 1])), check(fast, slow, x, torch.tensor([0, 1]))
    with pytest.raises(IndexError):
        fast(x, torch.tensor([0, 7]))


def test_batch_norm_in_training() -> None:
    torch.manual_seed(0)
    a = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    b = copy.deepcopy(a)
    fast = torch.compile(a)
    for _ in range(4):
        x = torch.randn(5, 3)
        check(fast, b, x)
    assert all(same(s, t) for s, t in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_an_exception_inside() -> None:
    def slow(x, fail=False):
        y = x * 2
        if fail:
            raise KeyError("stop")
        return y

    fast = torch.compile(slow)
    for _ in range(3):
        with pytest.raises(KeyError, match="stop"):
            fast(torch.ones(2), fail=True)
        assert fast(torch.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="must match"):
        torch.compile(lambda a, b: a + b)(torch.ones(2), torch.ones(3))
    assert (torch.ones(2) + 1).tolist() == [2.0, 2.0]  # nothing is left behind


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_a_collection_meanwhile_is_not_the_functions_doing() -> None:
    phases: list[str] = []
    threshold = gc.get_threshold()
    layer = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    gc.callbacks.append(lambda phase, info: phases.append(phase))
    gc.set_threshold(1)
    try:
        out = torch.compile(lambda x: layer(x).relu().sum(), fullgraph=True)(x)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.pop()
    assert gc.isenabled()
    assert phases  # before and after the recording
    assert torch.equal(out, layer(x).relu().sum())


@pytest.mark.filterwarnings("ignore:Anomaly")
def test_somebody_watches() -> None:
    fast = torch.compile(lambda x: (x * 2).log().sum())
    fast(torch.ones(2))
    with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
        fast(torch.tensor([-1.0, 1.0]))
    with torch.profiler.profile() as prof:
        fast(torch.ones(2))
    assert {"mul", "log"} <= {e.key for e in prof.key_averages()}


def test_disabled_functions() -> None:
    @torch.compiler.disable(reason="it prints")
    def inner(x):
        return x * 2

    fast = torch.compile(lambda x: inner(x) + 1)
    assert fast(torch.ones(1)).item() == 3.0 and programs(fast) == 0 and "it prints" in why(fast)
    plain = torch.compiler.disable(torch.compile(lambda x: x + 1))
    assert not hasattr(plain, "_compiled") or plain(torch.ones(1)).item() == 2.0


def test_results_in_containers() -> None:
    def slow(x):
        y = torch.tanh(x)
        return {"y": y, "n": 3, "more": (None, [y > 0, x > 1])}

    fast = torch.compile(slow, fullgraph=True)
    for _ in range(3):
        x = torch.randn(4)
        a, b = fast(x), slow(x)
        assert list(a) == list(b) and a["n"] == 3 and a["more"][0] is None and same(a["y"], b["y"])
        assert same(a["more"][1][0], b["more"][1][0])


def test_threads() -> None:
    torch.manual_seed(0)
    model = mlp(nn.ReLU(), nn.Tanh())
    fast = torch.compile(lambda x, y: F.cross_entropy(model(x), y))
    batches = [(torch.randn(8, 6), torch.randint(0, 3, (8,))) for _ in range(20)]
    expected = [torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters())) for x, y in batches]
    failures = []

    def work():
        for (x, y), wanted in zip(batches, expected, strict=True):
            found = torch.autograd.grad(fast(x, y), list(model.parameters()))
            if not all(same(a, b) for a, b in zip(found, wanted, strict=True)):
                failures.append(x)

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failures and programs(fast) >= 1
