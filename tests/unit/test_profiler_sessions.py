"""The profiler, on and off: errors, threads, labels, schedules; it leaves nothing behind."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import tinygrad_hw as torch
from tests.unit.profiling import Net, counts, named, nothing_is_left
from tinygrad_hw import nn
from tinygrad_hw.autograd import profiler as seat
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)

__all__ = ["nothing_is_left"]  # a fixture of all tests here


# -- on and off ------------------------------------------------------------------------------------


def test_an_exception_ends_the_profile() -> None:
    net = Net()
    with pytest.raises(RuntimeError, match=r"conv2d|channels"), profile() as prof:
        net(torch.ones(1, 3, 6, 6))
    assert seat.recorder is None
    assert all(e.cpu_time_total >= 0 for e in prof.events())
    assert [e.key for e in prof.layers()] == ["Net", "features (Sequential)", "features.0 (Conv2d)"]
    with profile() as prof:
        with pytest.raises(RuntimeError):
            net(torch.ones(1, 3, 6, 6))
        net(torch.ones(1, 1, 6, 6))
    assert [e.cpu_parent for e in named(prof, "Net")] == [None, None]


def test_a_failing_rule_closes_its_layers() -> None:
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ZeroDivisionError

    class Layer(nn.Module):
        def forward(self, x: Any) -> Any:
            return Bad.apply(x)

    x = torch.ones(2, requires_grad=True)
    with profile() as prof:
        with pytest.raises(ZeroDivisionError):
            Layer()(x).sum().backward()
        x * 2
        (x * 3).sum().backward()
    assert named(prof, "mul")[-1].cpu_parent is None
    assert named(prof, "mul")[-1].layers == ()
    assert named(prof, "MulBackward0")[0].cpu_parent.name == "autograd::backward"


def test_profiles_do_not_nest() -> None:
    with profile() as outer:
        torch.ones(2) * 2
        with pytest.raises(RuntimeError, match="cannot be nested"), profile():
            pass
        with pytest.raises(RuntimeError, match="this one"):
            outer.start()
        torch.ones(2) * 2
    assert counts(outer) == {"mul": 2}
    outer.stop()  # does nothing
    with outer:
        torch.ones(2) + 2
    assert counts(outer) == {"add": 1}


def test_nothing_to_see_yet() -> None:
    prof = profile()
    for ask in (prof.events, prof.key_averages, prof.layers, lambda: prof.export_chrome_trace("x.json")):
        with pytest.raises(AssertionError, match="nothing was recorded"):
            ask()
    with prof, pytest.raises(AssertionError, match="leave its block"):
        prof.events()
    prof.step()  # not running: does nothing
    assert prof.step_num == 0


def test_activities() -> None:
    with profile(activities=[ProfilerActivity.CPU]):
        pass
    with pytest.raises(ValueError, match=r"ProfilerActivity\.CPU"):
        profile(activities=["cuda"])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_anomaly_mode_and_profile_in_any_order() -> None:
    x = torch.tensor([0.0], requires_grad=True)
    with pytest.warns(UserWarning, match="Anomaly"), profile() as prof:
        with torch.autograd.detect_anomaly():
            x * 2
            with pytest.raises(RuntimeError, match=r"nan values in its 0th output(.|\n)*test_profiler"):
                (x.sqrt() * 0).sum().backward()
        x * 2
    assert counts(prof)["mul"] == 3
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        with profile() as prof:
            x * 2
        with pytest.raises(RuntimeError, match="SqrtBackward0"):
            (x.sqrt() * 0).sum().backward()
    assert counts(prof) == {"mul": 1}
    assert not tracing()


# -- threads ---------------------------------------------------------------------------------------


def test_threads_have_lanes(seed: int) -> None:
    net = Net()
    barrier = threading.Barrier(3)

    def work(label: str) -> None:
        barrier.wait()
        for _ in range(20):
            with record_function(label):
                net(torch.ones(1, 1, 6, 6)).sum().backward()

    with profile(profile_memory=True) as prof:
        threads = [threading.Thread(target=work, args=(f"worker {i}",)) for i in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert counts(prof)["conv2d"] == counts(prof)["ConvolutionBackward0"] == 60
    for i in range(3):
        blocks = named(prof, f"worker {i}")
        assert len(blocks) == 20 and len({e.thread for e in blocks}) == 1
        for block in blocks:
            assert block.cpu_parent is None
            assert [e.name for e in block.cpu_children] == ["Net", "sum_all", "autograd::backward"]
    assert len({e.thread for e in prof.events()}) == 3


def test_a_thread_that_goes_on_after_the_profile() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with record_function("long"):
            inside.set()
            go_on.wait(10)
            torch.ones(2) * 2

    thread = threading.Thread(target=work)
    with profile() as prof:
        thread.start()
        inside.wait(10)
    length = named(prof, "long")[0].cpu_time_total
    go_on.set()
    thread.join()
    assert named(prof, "long")[0].cpu_time_total == length
    assert counts(prof) == {"long": 1}


# -- labels ----------------------------------------------------------------------------------------


def test_labels() -> None:
    @record_function("factorial")
    def factorial(n: int) -> int:
        return n * factorial(n - 1) if n > 1 else 1

    assert factorial(4) == 24
    with profile() as prof:
        assert factorial(4) == 24
        with pytest.raises(KeyError), record_function("fails"):
            raise KeyError
        torch.autograd.profiler.record_function("never entered")
    assert counts(prof) == {"factorial": 4, "fails": 1}
    average = next(e for e in prof.key_averages() if e.key == "factorial")
    assert average.cpu_time_total == named(prof, "factorial")[0].cpu_time_total
    assert [e.cpu_parent for e in named(prof, "fails")] == [None]


def test_labels_that_cross_the_borders_of_a_profile() -> None:
    early = record_function("early")
    early.__enter__()
    with profile() as prof:
        early.__exit__(None, None, None)
        late = record_function("late")
        late.__enter__()
        torch.ones(2) * 2
    late.__exit__(None, None, None)
    assert counts(prof) == {"late": 1, "mul": 1}
    with profile() as prof:
        torch.ones(2) * 2
    assert counts(prof) == {"mul": 1}


# -- schedules -------------------------------------------------------------------------------------


def test_schedule_records_cycles(tmp_path: Path) -> None:
    ready: list[dict[str, int]] = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append(counts(p))) as prof:
        for step in range(12):
            torch.ones(2) * step
            prof.step()
    assert ready == [
        {"ProfilerStep#2": 1, "mul": 2, "ProfilerStep#3": 1},
        {"ProfilerStep#6": 1, "mul": 2, "ProfilerStep#7": 1},
    ]
    assert [len(e.cpu_children) for e in prof.events() if e.name.startswith("ProfilerStep")] == [1, 1]
    with profile(schedule=plan, acc_events=True) as prof:
        for step in range(12):
            torch.ones(2) * step
            prof.step()
    assert counts(prof)["mul"] == 4
    prof.export_chrome_trace(tmp_path / "last.json")
    document = json.loads((tmp_path / "last.json").read_text(encoding="utf-8"))
    assert sum(e["name"] == "mul" for e in document["traceEvents"]) == 2


def test_schedule_that_is_cut_short(tmp_path: Path) -> None:
    handler = tensorboard_trace_handler(str(tmp_path / "log"), "worker", use_gzip=True)
    with profile(schedule=schedule(wait=0, warmup=1, active=5), on_trace_ready=handler) as prof:
        for _ in range(3):
            prof.step()
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.startswith("worker.") and file.name.endswith(".pt.trace.json.gz")
    with profile(schedule=schedule(wait=5, warmup=0, active=1), on_trace_ready=handler):
        pass  # nothing was recorded, so there is nothing to write
    assert len(list((tmp_path / "log").iterdir())) == 1


def test_wrong_schedules() -> None:
    for numbers in ((-1, 0, 1), (0, 0, 0), (0, -1, 1)):
        with pytest.raises(ValueError, match="Invalid profiler schedule"):
            schedule(wait=numbers[0], warmup=numbers[1], active=numbers[2])
    with pytest.raises(ValueError, match="non-negative"):
        schedule(wait=0, warmup=0, active=1)(-1)
    broken = [ProfilerAction.RECORD, ProfilerAction.NONE]
    with (
        profile(schedule=lambda step: broken[step]) as prof,
        pytest.warns(UserWarning, match="RECORD followed by NONE"),
    ):
        prof.step()
    assert counts(prof) == {"ProfilerStep#0": 1}
    with pytest.raises(ZeroDivisionError), profile(schedule=lambda s: 1 // 0):
        pass
