"""The profiler: what it records, and what it says of it; it leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.profiling import Net, counts, named, nothing_is_left
from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F
from tinygrad_hw.profiler import (
    EventList,
    profile,
    record_function,
)
from tinygrad_hw.profiler.memory import Ledger
from tinygrad_hw.utils.data import DataLoader, TensorDataset

__all__ = ["nothing_is_left"]  # a fixture of all tests here


# -- what is recorded ------------------------------------------------------------------------------


def test_operations_rules_and_labels() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    with profile() as prof:
        with record_function("forward"):
            y = (x * 2 + 1).relu()
        y.sum().backward()
    assert counts(prof) == {
        "forward": 1,
        "mul": 1,
        "add": 1,
        "relu": 1,
        "sum_all": 1,
        "autograd::backward": 1,
        "SumBackward0": 1,
        "ReluBackward0": 1,
        "AddBackward0": 1,
        "MulBackward0": 1,
    }
    forward = named(prof, "forward")[0]
    assert [e.name for e in forward.cpu_children] == ["mul", "add", "relu"]
    assert forward.is_user_annotation and forward.kind == "user"
    backward = named(prof, "autograd::backward")[0]
    assert [e.name for e in backward.cpu_children] == ["SumBackward0", "ReluBackward0", "AddBackward0", "MulBackward0"]
    assert backward.cpu_parent is None
    assert named(prof, "mul")[0].cpu_parent is forward


def test_results_are_the_same_bits(seed: int) -> None:
    net, x = Net(), torch.randn(4, 1, 6, 6)

    def gradients() -> list[bytes]:
        net.zero_grad()
        loss = F.cross_entropy(net(x), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        return [loss.detach().numpy().tobytes(), *(p.grad.numpy().tobytes() for p in net.parameters())]

    plain = gradients()
    with profile(record_shapes=True, profile_memory=True, with_flops=True, with_stack=True):
        assert gradients() == plain
    assert gradients() == plain


def test_times_add_up(seed: int) -> None:
    net = Net()
    with profile() as prof, record_function("step"):
        time.sleep(0.01)
        net(torch.randn(4, 1, 6, 6)).sum().backward()
    events = prof.events()
    assert [e.time_range.start for e in events] == sorted(e.time_range.start for e in events)
    for e in events:
        assert e.cpu_time_total == pytest.approx(e.time_range.elapsed_us())
        assert 0 <= e.self_cpu_time_total <= e.cpu_time_total
        for child in e.cpu_children:
            assert child.cpu_parent is e and child.thread == e.thread
            assert e.time_range.start <= child.time_range.start <= child.time_range.end <= e.time_range.end
    step = named(prof, "step")[0]
    assert step.self_cpu_time_total >= 10_000
    # Everything is in the block, and layers do not count beside their operations.
    assert prof.key_averages().self_cpu_time_total == pytest.approx(step.cpu_time_total)
    assert prof.events().self_cpu_time_total == pytest.approx(step.cpu_time_total)
    layers = prof.layers()
    outer = next(e for e in layers if e.key == "Net")
    assert sum(e.self_time_total for e in layers) == pytest.approx(outer.time_total)


def test_shapes() -> None:
    x, w = torch.ones(2, 3, requires_grad=True), torch.ones(3, 5)
    with profile(record_shapes=True) as prof:
        (x @ w).sum().backward()
        x @ torch.ones(3, 1)
        torch.cat([x, x, x])
        x + 1
    assert named(prof, "matmul")[0].input_shapes == [[2, 3], [3, 5]]
    assert named(prof, "cat")[0].input_shapes == [[2, 3]] * 3
    assert named(prof, "add")[0].input_shapes == [[2, 3], []]
    assert named(prof, "MmBackward0")[0].input_shapes == [[2, 5]]
    assert sorted(
        (e.count, e.input_shapes) for e in prof.key_averages(group_by_input_shape=True) if e.key == "matmul"
    ) == [(1, [[2, 3], [3, 1]]), (1, [[2, 3], [3, 5]])]
    assert [e.count for e in prof.key_averages() if e.key == "matmul"] == [2]
    with profile() as prof:
        x @ w
    assert prof.events()[0].input_shapes == []


def test_stack() -> None:
    def here() -> Any:
        return torch.ones(2) * 2

    with profile(with_stack=True) as prof:
        here()
        torch.ones(2) * 3
    first, second = named(prof, "mul")
    assert first.stack[0].endswith(": here") and "test_profiler.py(" in first.stack[0]
    assert first.stack[1].endswith(": test_stack")
    assert second.stack[0].endswith(": test_stack")
    groups = prof.key_averages(group_by_stack_n=1)
    assert [e.count for e in groups if e.key == "mul"] == [1, 1]
    assert "Source Location" in groups.table()


def test_a_custom_function_is_an_operation() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    class Layer(nn.Module):
        def forward(self, x: Any) -> Any:
            return Twice.apply(x)

    x = torch.ones(3, requires_grad=True)
    with profile() as prof:
        Layer()(x).sum().backward()
    assert [e.name for e in named(prof, "Twice")[0].cpu_children] == ["mul"]
    backward = named(prof, "TwiceBackward")[0]
    assert [e.name for e in backward.cpu_children] == ["mul"]
    assert backward.layers == ("Layer",)


def test_steps_and_batches() -> None:
    p = nn.Parameter(torch.ones(2))
    loader = DataLoader(TensorDataset(torch.ones(6, 2)), batch_size=2)
    sgd = torch.optim.SGD([p], lr=0.1)
    with profile() as prof:
        for (x,) in loader:
            (x * p).sum().backward()
            sgd.step()
    found = counts(prof)
    assert found["Optimizer.step#SGD.step"] == 3
    assert found["enumerate(DataLoader)#_LoaderIterator.__next__"] == 4  # the last finds the end


def test_a_failing_step_does_not_swallow_what_follows() -> None:
    p = nn.Parameter(torch.ones(2))
    sgd = torch.optim.SGD([p], lr=0.1)

    def closure() -> Any:
        raise KeyError("no batch")

    with profile() as prof:
        with record_function("try"), pytest.raises(KeyError):
            sgd.step(closure)
        p * 2
        with pytest.raises(KeyError):
            sgd.step(closure)
        sgd.step()
        p * 2
    assert all(e.cpu_parent is None for e in named(prof, "mul"))
    assert named(prof, "Optimizer.step#SGD.step")[0].cpu_parent is named(prof, "try")[0]


def test_create_graph_shows_what_rules_do() -> None:
    layer, x = nn.Linear(3, 1), torch.ones(2, 3, requires_grad=True)
    with profile() as prof:
        (g,) = torch.autograd.grad(layer(x).tanh().sum(), x, create_graph=True)
        (g * g).sum().backward()
    rule = named(prof, "AddmmBackward0")[0]
    assert rule.layers == ("Linear",) and rule.cpu_children
    assert all(e.kind == "op" and e.layers == ("Linear",) for e in rule.cpu_children)
    second = [e for e in prof.events() if e.kind == "backward" and e.layers == ("Linear",)]
    assert len(second) > 1  # the rules of the rule's operations belong to the layer too
    assert counts(prof)["autograd::grad"] == counts(prof)["autograd::backward"] == 1


def test_retained_graph_and_graph_from_before() -> None:
    x = torch.ones(2, requires_grad=True)
    before = (x * 3).sum()
    with profile() as prof:
        before.backward(retain_graph=True)
        before.backward()
    assert counts(prof)["MulBackward0"] == 2
    assert named(prof, "MulBackward0")[0].layers == ()
    with profile():
        after = nn.ReLU()(x).sum()
    after.backward()  # what the profile noted on its nodes does no harm
    assert x.grad.tolist() == [7, 7]


# -- layers ----------------------------------------------------------------------------------------


def test_layers_by_qualified_name(seed: int) -> None:
    net = Net()
    with profile() as prof:
        for _ in range(2):
            net(torch.randn(4, 1, 6, 6)).sum().backward()
    layers = {e.key: e for e in prof.layers()}
    assert list(layers) == [
        "Net",
        "features (Sequential)",
        "features.0 (Conv2d)",
        "features.1 (ReLU)",
        "act (ReLU)",
        "head (Linear)",
    ]
    assert [e.count for e in layers.values()] == [2, 2, 2, 2, 4, 2]
    assert all(e.forward_time_total > 0 and e.backward_time_total > 0 for e in layers.values())
    features = layers["features (Sequential)"]
    inner = [layers["features.0 (Conv2d)"], layers["features.1 (ReLU)"]]
    assert features.forward_time_total > sum(e.forward_time_total for e in inner)
    assert features.backward_time_total > sum(e.backward_time_total for e in inner)
    conv = named(prof, "conv2d")[0]
    assert conv.layers == ("Net", "features (Sequential)", "features.0 (Conv2d)")
    rule = named(prof, "ConvolutionBackward0")[0]
    around = []
    parent = rule.cpu_parent
    while parent is not None:
        around.append((parent.kind, parent.name))
        parent = parent.cpu_parent
    assert around == [
        ("layer_backward", "features.0 (Conv2d)"),
        ("layer_backward", "features (Sequential)"),
        ("layer_backward", "Net"),
        ("op", "autograd::backward"),
    ]
    # The sum is in no layer.
    assert named(prof, "SumBackward0")[0].cpu_parent.name == "autograd::backward"


def test_several_models_keep_their_names_apart() -> None:
    first, second = nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(2, 2))
    loss = nn.MSELoss()
    with profile() as prof:
        loss(second(first(torch.ones(1, 2))), torch.ones(1, 2))
        first(torch.ones(1, 2))
    assert [(e.key, e.count) for e in prof.layers()] == [
        ("Sequential", 2),
        ("0 (Linear)", 2),
        ("Sequential#2", 1),
        ("Sequential#2.0 (Linear)", 1),
        ("MSELoss", 1),
    ]


def test_layers_that_are_no_children_and_lazy_ones() -> None:
    hidden = [nn.Tanh()]

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lazy = nn.LazyLinear(2)

        def forward(self, x: Any) -> Any:
            self.late = nn.ReLU()
            return self.late(hidden[0](self.lazy(x)))

    with profile() as prof:
        Odd()(torch.ones(1, 3))
    assert [e.key for e in prof.layers()] == ["Odd", "lazy (LazyLinear)", "Tanh", "late (ReLU)"]


def test_recursive_calls_count_their_time_once() -> None:
    class Again(nn.Module):
        def forward(self, x: Any, times: int) -> Any:
            return self(x * 2, times - 1) if times else x

    with profile() as prof, record_function("all"):
        Again()(torch.ones(2, requires_grad=True), 3).sum().backward()
    (layer,) = prof.layers()
    assert layer.count == 4
    assert layer.time_total <= named(prof, "all")[0].cpu_time_total
    assert layer.self_time_total == pytest.approx(layer.time_total)


# -- memory and operations -------------------------------------------------------------------------


def test_memory_is_that_of_results() -> None:
    x = torch.ones(1000)
    with profile(profile_memory=True) as prof:
        y = x * 2  # 4000 bytes
        z = y.view(10, 100).t()  # none
        y.add_(1)  # a result that is copied into y and dies
        del y, z
        x.sum()
    memory = {e.key: e.self_cpu_memory_usage for e in prof.key_averages()}
    assert memory["mul"] == 4000
    assert memory["view"] == memory["t"] == 0
    assert memory["add"] == 4000
    assert memory["sum_all"] == 4
    assert prof.peak_memory == 8000
    assert prof._last.ledger.history[-1][1] == 0


def test_peak_of_a_chain() -> None:
    x = torch.ones(1000)
    with profile(profile_memory=True) as prof, record_function("chain"):
        for _ in range(10):
            x = x + 1
    assert prof.peak_memory == 8000  # the old and the new
    chain = next(e for e in prof.key_averages() if e.key == "chain")
    assert (chain.cpu_memory_usage, chain.self_cpu_memory_usage) == (40000, 0)
    assert prof.key_averages().total_average().self_cpu_memory_usage == 40000


def test_saved_memory_is_what_the_graph_keeps() -> None:
    x = torch.ones(1000, requires_grad=True)
    with profile(profile_memory=True) as prof:
        a = x * 2  # saves nothing that was made here
        b = a.exp()  # its result
        c = b * a  # a; b is counted already
        c.sum().backward()
    saved = {e.key: e.self_saved_memory_usage for e in prof.key_averages()}
    assert saved["exp"] == 4000
    assert saved["mul"] == 4000
    assert saved["sum_all"] == saved["MulBackward0"] == 0


def test_gradients_of_leaves_count_once() -> None:
    w = nn.Parameter(torch.ones(1000))
    with profile(profile_memory=True) as prof:
        (w * 2).sum().backward()
        first = prof._recorder.ledger.live
        (w * 2).sum().backward()
        again = prof._recorder.ledger.live
    assert first == again == 4000  # the gradient, made by the first and added to by the second
    with profile(profile_memory=True) as prof:
        (w * 2).sum().backward()
        assert prof._recorder.ledger.live == 0  # it was there before
    shared = torch.ones(1000, requires_grad=True)
    with profile(profile_memory=True) as prof:
        (shared + shared).sum().backward()
        assert prof._recorder.ledger.live == 4000


def test_ledger() -> None:
    ledger = Ledger()
    a = np.zeros(100)
    assert ledger.add([a, a[10:], a.reshape(10, 10)]) == 800
    assert ledger.add([a.T]) == 0
    b = np.zeros(50)
    assert ledger.add([b[1:]], known=[b]) == 0
    assert ledger.add([b[1:]]) == 400
    assert (ledger.live, ledger.peak) == (1200, 1200)
    assert ledger.save([a[5:], b]) == 1200
    assert ledger.save([a]) == 0
    del b
    ledger.add([])
    assert ledger.live == 800
    del a
    ledger.close()
    assert (ledger.live, ledger.peak) == (0, 1200)
    assert [live for _, live in ledger.history] == [0, 800, 1200, 800, 0]


def test_operations_are_counted() -> None:
    net, x = Net(), torch.ones(5, 1, 6, 6)
    with profile(with_flops=True) as prof:
        net(x).sum().backward()
    conv, linear = 2 * 5 * 2 * 16 * 9, 2 * 5 * 32 * 3
    found = {e.key: e.flops for e in prof.key_averages()}
    assert found["conv2d"] == conv
    assert found["ConvolutionBackward0"] == conv  # the picture needs no gradient
    assert found["linear"] == linear
    assert found["AddmmBackward0"] == 2 * linear
    layers = {e.key: e.flops for e in prof.layers()}
    assert layers["head (Linear)"] == 3 * linear
    assert layers["Net"] == 2 * conv + 3 * linear
    assert "MFLOPs" in prof.key_averages().table() and "MFLOPs" in prof.layers().table()


@pytest.mark.parametrize(
    ("operation", "flops"),
    [
        (lambda: torch.ones(2, 3) @ torch.ones(3, 5), 2 * 2 * 3 * 5),
        (lambda: torch.bmm(torch.ones(4, 2, 3), torch.ones(4, 3, 5)), 4 * 2 * 2 * 3 * 5),
        (lambda: nn.ConvTranspose2d(2, 4, 3, bias=False)(torch.ones(1, 2, 5, 5)), 2 * 2 * 25 * 4 * 9),
        (lambda: nn.Conv2d(4, 4, 3, groups=2)(torch.ones(1, 4, 5, 5)), 2 * 4 * 9 * 2 * 9),
        (lambda: nn.LSTM(3, 4)(torch.ones(6, 2, 3)), 2 * 12 * (16 * 3 + 16 * 4)),
        (lambda: nn.GRUCell(3, 4)(torch.ones(2, 3)), 2 * 2 * (12 * 3 + 12 * 4)),
        (
            lambda: F.scaled_dot_product_attention(torch.ones(2, 4, 8), torch.ones(2, 6, 8), torch.ones(2, 6, 3)),
            2 * 2 * 4 * 6 * (8 + 3),
        ),
        (lambda: torch.ones(2, 3) + torch.ones(3), 6),
        (lambda: torch.ones(3).exp(), 0),
    ],
)
def test_formulas(operation: Any, flops: int) -> None:
    with profile(with_flops=True) as prof:
        operation()
    assert sum(e.flops for e in prof.events() if e.kind == "op") == flops


# -- tables ----------------------------------------------------------------------------------------


def test_tables(seed: int) -> None:
    net = Net()
    with profile(profile_memory=True) as prof:
        net(torch.randn(4, 1, 6, 6)).sum().backward()
    averages = prof.key_averages()
    lines = averages.table(sort_by="cpu_time_total", row_limit=3, header="three").splitlines()
    assert set(lines[0]) == {"="} and lines[1] == "three"
    assert lines[3].split("  ")[-1].strip() == "# of Calls"
    assert set(lines[2]) == set(lines[4]) == set(lines[8]) == {"-", " "}
    assert len({len(line) for line in lines[2:9]}) == 1
    assert max(averages, key=lambda e: e.cpu_time_total).key in lines[5]
    assert lines[9].startswith("Self CPU time total: ") and lines[10].startswith("Peak of memory of results: ")
    for key in ("count", "self_cpu_memory_usage", "cpu_time"):
        rows = [line.split()[0] for line in averages.table(sort_by=key, row_limit=-1).splitlines()[3:-3]]
        values = {e.key: getattr(e, key) for e in averages}
        assert [values[r] for r in rows] == sorted(values.values(), reverse=True)
    assert str(averages) == averages.table()
    with pytest.raises(AttributeError, match=r"'cuda_time'.*cpu_time_total"):
        averages.table(sort_by="cuda_time")
    layers = prof.layers()
    assert [r.split()[0] for r in str(layers).splitlines()[3:-3]] == [e.key.split()[0] for e in layers]
    assert layers.table(sort_by="count", row_limit=1).splitlines()[3].split()[0] == "act"
    with pytest.raises(AttributeError, match="time_total"):
        layers.table(sort_by="cpu_time")
    top = prof.events().table(top_level_events_only=True, row_limit=-1).splitlines()[3:-3]
    assert [r.split()[0] for r in top] == ["Net", "sum_all", "autograd::backward"]


def test_units_of_tables() -> None:
    with profile() as prof:
        torch.ones(2) * 2
    assert "ms" in prof.key_averages().table(time_unit="ms").splitlines()[3]
    with pytest.raises(ValueError, match="time_unit"):
        prof.key_averages().table(time_unit="h")
    assert prof.key_averages().table(max_name_column_width=4).splitlines()[3].startswith(" mul")
    with profile() as prof, record_function("a name that is long"):
        pass
    assert prof.key_averages().table(max_name_column_width=10).splitlines()[3].startswith("a name ...")
    with profile() as prof:
        pass
    assert len(prof.events()) == 0 and prof.key_averages().table().count("\n") == 5
    assert isinstance(prof.events(), EventList)


# -- the trace -------------------------------------------------------------------------------------


def test_trace_is_well_formed_and_nested(tmp_path: Path, seed: int) -> None:
    net = Net()
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)

    def work(times: int) -> None:
        for _ in range(times):
            with record_function("step", "with text"):
                net(torch.randn(4, 1, 6, 6)).sum().backward()
                sgd.step()

    with profile(record_shapes=True, profile_memory=True, with_flops=True, with_stack=True) as prof:
        work(2)
        thread = threading.Thread(target=work, args=(1,), name="helper")
        thread.start()
        thread.join()
    prof.add_metadata("note", "text")
    prof.export_chrome_trace(tmp_path / "trace.json")
    prof.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    document = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))
    with gzip.open(tmp_path / "trace.json.gz", "rt") as file:
        assert json.load(file) == document
    assert document["note"] == "text" and document["profile_memory"] == 1
    trace = document["traceEvents"]
    assert {e["ph"] for e in trace} == {"M", "X", "C"}
    complete = [e for e in trace if e["ph"] == "X"]
    assert len(complete) == len(prof.events())
    open_at: dict[int, list[tuple[int, int, str]]] = {}
    for e in sorted(complete, key=lambda e: (e["ts"], -e["dur"])):
        assert isinstance(e["pid"], int) and isinstance(e["tid"], int) and e["dur"] >= 0
        start, length = round(e["ts"] * 1000), round(e["dur"] * 1000)
        stack = open_at.setdefault(e["tid"], [])
        while stack and stack[-1][1] <= start:
            stack.pop()
        assert not stack or start + length <= stack[-1][1], (e["name"], stack[-1])
        stack.append((start, start + length, e["name"]))
    assert len(open_at) == 2
    names = {e["args"]["name"] for e in trace if e["name"] == "thread_name"}
    assert names == {"thread 1 (MainThread)", "thread 2 (helper)"}
    by_name: dict[str, list[Any]] = {}
    for e in complete:
        by_name.setdefault(e["name"], []).append(e)
    assert len(by_name["features.0 (Conv2d)"]) == len(by_name["features.0 (Conv2d) backward"]) == 3
    conv = by_name["conv2d"][0]
    assert conv["cat"] == "cpu_op"
    assert conv["args"]["Input Dims"] == [[4, 1, 6, 6], [2, 1, 3, 3], [2]]
    assert conv["args"]["Layer"] == by_name["ConvolutionBackward0"][0]["args"]["Layer"] == "features.0 (Conv2d)"
    assert conv["args"]["flops"] == 2 * 4 * 2 * 16 * 9
    assert "forward" in conv["args"]["Call stack"]
    assert by_name["step"][0]["cat"] == "user_annotation" and by_name["step"][0]["args"]["args"] == "with text"
    counter = [e for e in trace if e["ph"] == "C"]
    assert max(e["args"]["bytes"] for e in counter) == prof.peak_memory > 0
    assert [e["ts"] for e in counter] == sorted(e["ts"] for e in counter)
