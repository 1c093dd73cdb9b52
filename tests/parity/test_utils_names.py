"""Smaller modules of ``torch.utils``, side by side with PyTorch."""

from __future__ import annotations

import copy
import importlib
import pickle
from collections import OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch

Point = namedtuple("Point", "x y")


def both(code, rtol=1e-5):
    torch = pytest.importorskip("torch")
    compare(code, tinygrad_hw, torch, rtol)


def module(torch, name):
    return importlib.import_module(f"{torch.__name__}.utils.{name}")


@pytest.mark.parametrize("n", [0, 1, 5, 8, 100])
@pytest.mark.parametrize("replicas", [1, 2, 3, 16])
def test_distributed_sampler(n, replicas):
    def code(torch, log):
        for rank in range(replicas):
            for options in ({}, {"shuffle": False}, {"drop_last": True}, {"seed": 7}):
                sampler = torch.utils.data.DistributedSampler(range(n), replicas, rank, **options)
                for epoch in (0, 3):
                    sampler.set_epoch(epoch)
                    log(list(sampler) if n else len(sampler), len(sampler), sampler.total_size)
        log.error(torch.utils.data.DistributedSampler, range(n), replicas, replicas)

    both(code)


def test_distributed_loader():
    def code(torch, log):
        data = torch.utils.data.TensorDataset(torch.arange(10))
        sampler = torch.utils.data.DistributedSampler(data, num_replicas=2, rank=1)
        log([list(b) for b in torch.utils.data.DataLoader(data, batch_size=2, sampler=sampler)])

    both(code)


TREES = {
    "all": {
        "a": [1, (2, None)],
        "b": Point(3, OrderedDict(z=4)),
        "c": deque([5], maxlen=3),
        "d": defaultdict(list, q=6),
    },
    "leaf": 1,
    "empty": [(), {}, []],
    "single": ((((7,),),),),
}


@pytest.mark.parametrize("name", TREES)
def test_trees(name):
    def code(torch, log):
        tree = module(torch, "_pytree")
        nest = TREES[name]
        leaves, spec = tree.tree_flatten(nest)
        log(leaves, repr(spec), spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf())
        log(tree.tree_unflatten(leaves, spec) == nest, tree.tree_structure(nest) == spec, hash(spec) == hash(spec))
        log(repr(tree.tree_map(lambda x: [x], nest)), repr(tree.tree_map(lambda x, y: (x, y), nest, nest)))
        log(tree.tree_leaves(nest, is_leaf=lambda x: isinstance(x, list)), list(tree.tree_iter(nest)))
        log([tree.keystr(p) for p, _ in tree.tree_leaves_with_path(nest)])
        log([tree.key_get(nest, p) for p, _ in tree.tree_flatten_with_path(nest)[0]])
        if leaves:
            log(repr(tree.tree_map_with_path(lambda p, x: (len(p), x), nest)))
        log(repr(tree.tree_map_only(int, lambda x: -x, nest)), repr(tree.tree_map_only((int, str), str, nest)))
        log(repr(tree.tree_map_only(lambda x: x is None, lambda x: 0, nest)), tree.tree_map_(log, nest) is nest)
        log(tree.tree_map_only_(int, log, nest) is nest)
        log(tree.tree_all(bool, nest), tree.tree_any(bool, nest))
        log(tree.tree_all_only(int, bool, nest), tree.tree_any_only(str, bool, nest))

    both(code)


def test_trees_that_do_not_fit():
    def code(torch, log):
        tree = module(torch, "_pytree")
        spec = tree.tree_structure([1, 2])
        log.error(spec.unflatten, [1])
        log.error(tree.tree_unflatten, [1], 3)
        log.error(tree.map_only, 3)
        for a, b in (([1, 2], (3, 4)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (deque([1]), deque([1, 2])), ([1], 1)):
            log.error(tree.tree_map, lambda x, y: x, a, b)
        Other = namedtuple("Other", "x y")
        log.error(tree.tree_map, lambda x, y: x, Point(1, 2), Other(1, 2))
        log(
            tree.tree_map(lambda x, y: (x, y), {"a": 1}, OrderedDict(a=2)), tree.tree_map(lambda x, y: y, [1], [(2, 3)])
        )
        log(tree.is_namedtuple(Point), tree.is_namedtuple(Point(1, 2)), tree.is_namedtuple((1, 2)))
        log(tree.is_namedtuple_class(tuple), tree.is_namedtuple_instance(Point(1, 2)), tree.tree_is_leaf([]))

        class Pair:
            def __init__(self, a, b):
                self.a, self.b = a, b

        tree.register_pytree_node(Pair, lambda p: ([p.a, p.b], "pair"), lambda v, _: Pair(*v))
        log.error(tree.register_pytree_node, Pair, None, None)
        pair = tree.tree_map(lambda x: x + 1, [Pair(1, Pair(2, 3))])[0]
        log(pair.a, pair.b.a, pair.b.b, repr(tree.tree_structure(pair)))
        log.error(tree.tree_map, lambda x, y: x, Pair(1, 2), [1, 2])
        log.error(tree.tree_leaves_with_path, Pair(1, 2))

    both(code)


def test_removable_handle():
    def code(torch, log):
        hooks = module(torch, "hooks")
        first, second = OrderedDict(), OrderedDict()
        handle = hooks.RemovableHandle(first, extra_dict=second)
        first[handle.id] = second[handle.id] = 1
        other = hooks.RemovableHandle(first, extra_dict=[second])
        log(other.id - handle.id, handle.hooks_dict_ref() is first, handle.extra_dict_ref[0]() is second)
        state = pickle.loads(pickle.dumps(handle)) if torch is None else copy.copy(handle)
        log(state.id == handle.id)
        with handle:
            pass
        handle.remove()
        log(len(first), len(second))
        net = torch.nn.Linear(1, 1)
        log(isinstance(net.register_forward_hook(print), hooks.RemovableHandle))
        t = torch.ones(1, requires_grad=True)
        log(hooks.warn_if_has_hooks(t))
        t.register_hook(hooks.unserializable_hook(lambda g: g))
        log(hooks.warn_if_has_hooks(t))
        t.register_hook(len)
        log.warned(hooks.warn_if_has_hooks, t)

    both(code)


def test_dlpack():
    def code(torch, log):
        dlpack = module(torch, "dlpack")
        a = torch.arange(4.0)
        for b in (torch.from_dlpack(a), dlpack.from_dlpack(torch.to_dlpack(a)), torch.from_dlpack(a.numpy())):
            b[0] += 1
            log(b)
        log(a, torch.from_dlpack(np.arange(3), copy=True), np.from_dlpack(a).tolist(), int(a.__dlpack_device__()[0]))
        for dtype in (torch.bool, torch.uint8, torch.int16, torch.float64, torch.complex64):
            log(torch.from_dlpack(torch.ones(2, 3, dtype=dtype).T))
        log.error(torch.ones(1, requires_grad=True).__dlpack__)
        log.error(torch.ones(1).__dlpack__, stream=3)
        log.error(torch.from_dlpack, 3)
        log(dlpack.DLDeviceType.kDLCPU == 1, [int(d) for d in dlpack.DLDeviceType])
        capsule = dlpack.to_dlpack(a)
        torch.from_dlpack(capsule)
        log.error(torch.from_dlpack, capsule)

    both(code)


def measurements(b):
    """Made-up times of every kind: one, few, many; quiet and noisy; of several threads, columns and labels."""
    rng = np.random.default_rng(0)
    for label in ("sum", None, "a very much longer label than the table"):
        for threads in (1, 4):
            for sub in ("one", "another row", None):
                for i, description in enumerate(("n=1", "n=1000", "all")):
                    if (sub, i) == ("one", 1):
                        continue
                    task = b.TaskSpec(
                        "x + 1" if sub else "y = x\ny + 1",
                        "pass" if i else "x = 1\ny = 2",
                        label=label,
                        sub_label=sub,
                        description=description,
                        num_threads=threads,
                    )
                    n = (1, 3, 20)[i]
                    noise = (0.0, 0.15, 0.5)[(i + threads) % 3]
                    times = 10.0 ** (-6 + i) * (3 + len(sub or "")) * (1 + noise * rng.random(n))
                    yield b.Measurement(10, [float(t) for t in times], task)


def test_measurements():
    def code(torch, log):
        b = module(torch, "benchmark")
        for m in measurements(b):
            log(
                repr(m).replace(hex(id(m)), ""), m.median, m.mean, m.iqr, m.significant_figures, m.has_warnings, m.title
            )
            log(m.as_row_name, m.times, m.label, m.sub_label, m.description, m.num_threads, m.stmt, m.setup)
        log([(len(m.times), m.number_per_run) for m in b.Measurement.merge([*measurements(b), *measurements(b)])])
        log([b.select_unit(t) for t in (1e-10, 3e-9, 2e-6, 5e-3, 0.9, 1.0, 1e4)], b.ordered_unique("hello"))
        log([b.trim_sigfig(x, n) for x in (3.14159, 0.0123456, 9.99, 12345.0, -2.5) for n in (1, 2, 4)])
        log([b.unit_to_english(u) for u in ("ns", "us", "ms", "s")])
        log.error(b.trim_sigfig, 1.0, 1.5)

    both(code, 1e-4)


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("warn", [True, False])
@pytest.mark.parametrize("colour", [None, False, True])
def test_tables(trim, warn, colour):
    def code(torch, log):
        b = module(torch, "benchmark")
        table = b.Compare(list(measurements(b)))
        if trim:
            table.trim_significant_figures()
        if warn:
            table.highlight_warnings()
        if colour is not None:
            table.colorize(rowwise=colour)
        log(str(table))
        log.error(b.Compare, [1])

    both(code)


def test_tables_of_environments():
    def code(torch, log):
        b = module(torch, "benchmark")
        tasks = [b.TaskSpec("x", "", "", "l", sub, env=env) for env in ("old", "newer") for sub in ("a", "b")]
        log([t.title for t in tasks])

    both(code)


def test_timers():
    def code(torch, log):
        b = module(torch, "benchmark")
        timer = b.Timer("\n    y = x + 1\n    y * 2\n", "x = torch.ones(2)", label="l", num_threads=1)
        m = timer.timeit(20)
        log(m.number_per_run, len(m.raw_times), m.stmt, m.setup, m.label, m.median > 0)
        seen = []
        m = timer.blocked_autorange(min_run_time=0.01, callback=lambda n, t: seen.append(n))
        log(len(seen) == len(m.raw_times), sum(m.raw_times) >= 0.01, set(seen) == {m.number_per_run})
        m = timer.adaptive_autorange(threshold=10.0, max_run_time=1.0)
        log(len(m.raw_times) > 3)
        log.error(b.Timer, print)
        log.error(b.Timer, "x", global_setup="y")
        log.error(b.Timer, "x", language="other")
        log.error(timer.repeat)
        log.error(timer.autorange)

    both(code)
