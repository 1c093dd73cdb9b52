"""Smaller modules of ``utils``: nested containers, timers, shared arrays, a sampler for several processes."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.utils import _pytree as tree
from tinygrad_hw.utils import benchmark, dlpack, hooks

Point = namedtuple("Point", "x y")


def test_trees_go_apart_and_together():
    nest = {"a": [1, (2, None)], "b": Point(3, OrderedDict(z=torch.ones(2)))}
    leaves, spec = tree.tree_flatten(nest)
    assert leaves[:4] == [1, 2, None, 3]
    assert spec.num_leaves == 5
    again = spec.unflatten(leaves)
    assert isinstance(again["b"], Point)
    assert again["b"].y["z"] is nest["b"].y["z"]
    assert tree.tree_map_only(torch.Tensor, lambda t: t.shape, nest)["b"].y["z"] == (2,)
    assert [tree.keystr(p) for p, _ in tree.tree_leaves_with_path(nest)][-1] == "['b'].y['z']"
    with pytest.raises(ValueError, match="holds 5 items"):
        spec.unflatten([1])
    with pytest.raises(ValueError, match="missing key"):
        tree.tree_map(lambda a, b: a, {"a": 1}, {"b": 1})


def test_sampler_parts_are_the_whole():
    parts = [list(torch.utils.data.DistributedSampler(range(10), 3, r, drop_last=True)) for r in range(3)]
    assert [len(p) for p in parts] == [3, 3, 3]
    assert len({i for p in parts for i in p}) == 9
    parts = [list(torch.utils.data.DistributedSampler(range(10), 3, r)) for r in range(3)]
    assert sorted({i for p in parts for i in p}) == list(range(10))
    sampler = torch.utils.data.DistributedSampler(range(10), 1, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert first != list(sampler)
    with pytest.raises(RuntimeError, match="num_replicas and rank"):
        torch.utils.data.DistributedSampler(range(10))


def test_capsules_share_memory_once():
    a = torch.arange(3.0)
    capsule = torch.to_dlpack(a)
    b = dlpack.from_dlpack(capsule)
    b += 1
    assert a.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError, match="only once"):
        dlpack.from_dlpack(capsule)
    with pytest.raises(TypeError, match="must be Tensor"):
        torch.to_dlpack(3)
    del a, capsule
    assert b.tolist() == [1.0, 2.0, 3.0]


def test_handles():
    kept = OrderedDict()
    with hooks.RemovableHandle(kept) as handle:
        kept[handle.id] = print
    assert not kept


def test_a_measurement_prints_as_text():
    times = [1e-6 * (1 + i % 3) for i in range(8)]
    m = benchmark.Measurement(1, times, benchmark.TaskSpec("x + 1", "x = 1", label="sum", sub_label="small"))
    lines = repr(m).splitlines()
    assert lines[1:] == [
        "sum: small",
        "setup: x = 1",
        "  Median: 2.00 us",
        "  IQR:    1.25 us (1.00 to 2.25)",
        "  8 measurements, 1 runs per measurement, 1 thread",
        "  WARNING: Interquartile range is 62.5% of the median measurement.",
        "           This suggests significant environmental influence.",
    ]
    with pytest.raises(AttributeError, match="nothing"):
        _ = m.nothing


def test_a_timer_sets_threads_and_knows_the_package():
    before = torch.get_num_threads()
    timer = benchmark.Timer("seen.append(torch.get_num_threads())", globals={"seen": (seen := [])}, num_threads=1)
    assert timer.timeit(10).number_per_run == 10
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    with pytest.raises(NotImplementedError, match="valgrind"):
        timer.collect_callgrind()
    with pytest.raises(NotImplementedError, match="C\\+\\+"):
        benchmark.Timer(language="cpp")


def test_tables_without_descriptions():
    m = benchmark.Measurement(1, [2e-3], benchmark.TaskSpec("x", "pass"))
    table = str(benchmark.Compare([m, m]))
    assert "milliseconds (ms)" in table
    assert table.count("2.0") == 1
    assert np.isclose(benchmark.trim_sigfig(1234.0, 2), 1200.0)
