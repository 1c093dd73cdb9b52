"""The profiler names, counts and measures what PyTorch's does, as far as both know it."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import pytest

import tinygrad_hw
from tinygrad_hw import profiler as ours

torch = pytest.importorskip("torch")
theirs = torch.profiler


def test_signatures() -> None:
    """Whatever PyTorch takes by a name that we know has the same default, and comes in the same order."""
    for mine, other in (
        (ours.profile, theirs.profile),
        (ours.schedule, theirs.schedule),
        (ours.tensorboard_trace_handler, theirs.tensorboard_trace_handler),
        (ours.record_function, theirs.record_function),
        (ours.profile.key_averages, theirs.profile.key_averages),
        (ours.profile.export_chrome_trace, theirs.profile.export_chrome_trace),
        (ours.EventList.table, torch.autograd.profiler_util.EventList.table),
    ):
        known, wanted = inspect.signature(mine).parameters, inspect.signature(other).parameters
        assert [n for n in wanted if n in known] == list(known), mine
        for name in known:
            assert known[name].default == wanted[name].default, (mine, name)
            assert known[name].kind == wanted[name].kind, (mine, name)
    assert tinygrad_hw.autograd.profiler.record_function is ours.record_function


@pytest.mark.filterwarnings("ignore:Profiler won:UserWarning")
@pytest.mark.parametrize("numbers", list(itertools.product((0, 1, 2), (0, 1), (1, 2), (0, 1, 2), (0, 3), (0, 1))))
def test_schedule(numbers: tuple[int, ...]) -> None:
    names = ("wait", "warmup", "active", "repeat", "skip_first", "skip_first_wait")
    arguments = dict(zip(names, numbers, strict=True))
    mine, other = ours.schedule(**arguments), theirs.schedule(**arguments)
    assert [mine(i).name for i in range(15)] == [other(i).name for i in range(15)]


def run(library: Any, profiler: Any) -> Any:
    """Profile two training steps."""
    library.manual_seed(0)
    nn = library.nn
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    sgd = library.optim.SGD(model.parameters(), lr=0.1)
    x, y = library.ones(4, 1, 6, 6), library.tensor([0, 1, 2, 0])
    activities = [profiler.ProfilerActivity.CPU]
    with profiler.profile(activities=activities, record_shapes=True, with_flops=True, profile_memory=True) as prof:
        for _ in range(2):
            with profiler.record_function("forward"):
                loss = nn.functional.cross_entropy(model(x), y)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
    return prof


@pytest.mark.filterwarnings("ignore")
def test_what_a_training_step_shows() -> None:
    mine, other = run(tinygrad_hw, ours), run(torch, theirs)
    counts = {e.key: e.count for e in mine.key_averages()}
    wanted = {e.key: e.count for e in other.key_averages()}
    for name in ("forward", "Optimizer.step#SGD.step", "ConvolutionBackward0", "ReluBackward0", "AddmmBackward0"):
        assert counts[name] == wanted[name] == 2, name

    def of(averages: Any, key: str) -> Any:
        return next(e for e in averages if e.key == key)

    for name, their_name in (("conv2d", "aten::conv2d"), ("linear", "aten::linear")):
        a, b = of(mine.key_averages(True), name), of(other.key_averages(True), their_name)
        assert a.input_shapes[:3] == [list(s) for s in b.input_shapes[:3]], name
    assert of(mine.key_averages(), "conv2d").flops == of(other.key_averages(), "aten::conv2d").flops
    assert of(mine.key_averages(), "linear").flops == of(other.key_averages(), "aten::addmm").flops
    matrix_products = of(other.key_averages(), "aten::mm").flops
    assert of(mine.key_averages(), "AddmmBackward0").flops == matrix_products
    assert of(mine.key_averages(), "conv2d").self_cpu_memory_usage == 2 * 4 * 4 * 2 * 36


@pytest.mark.filterwarnings("ignore")
def test_the_table_has_the_same_columns() -> None:
    mine, other = run(tinygrad_hw, ours), run(torch, theirs)

    def titles(prof: Any) -> list[str]:
        lines = prof.key_averages(group_by_input_shape=True).table(sort_by="cpu_time_total", row_limit=3).splitlines()
        return [t.strip() for t in lines[1].split("  ") if t.strip()]

    assert [t for t in titles(mine) if t not in ("Saved", "MFLOPs")] == [t for t in titles(other) if "FLOPs" not in t]
    assert titles(mine)[-1] == "MFLOPs" and "FLOPs" in titles(other)[-1]
