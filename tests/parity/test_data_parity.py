"""Data loading against PyTorch: the same seed gives the same batches and leaves the same stream."""

from __future__ import annotations

from collections import OrderedDict, UserDict, UserList, defaultdict, namedtuple

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

pytorch = pytest.importorskip("torch")

Point = namedtuple("Point", ["x", "y"])


def datasets(torch):
    """Return a TensorDataset, the same sample by sample, and plain Python objects."""
    data = torch.utils.data
    x, y = torch.arange(11), torch.arange(22.0).reshape(11, 2)

    class Slow(data.Dataset):
        def __len__(self):
            return 11

        def __getitem__(self, i):
            return x[i], y[i]

    numbers = [(i, float(i), str(i)) for i in range(11)]
    whole = data.TensorDataset(x, y)
    return [whole, Slow(), numbers, data.Subset(whole, [3, 1, 4, 1, 5, 9, 2, 6])]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("generator", [False, True])
def test_epochs(which, generator):
    def code(torch, log):
        dataset = datasets(torch)[which]
        for options in (
            {},
            {"shuffle": True},
            {"shuffle": True, "batch_size": 4},
            {"shuffle": True, "batch_size": 4, "drop_last": True},
            {"shuffle": True, "batch_size": 11},
            {"shuffle": True, "batch_size": None},
            {"batch_size": 3},
            {"batch_size": 3, "drop_last": True},
            {"batch_size": 50},
            {"batch_size": 50, "drop_last": True},
        ):
            torch.manual_seed(4)
            g = torch.Generator().manual_seed(5) if generator else None
            loader = torch.utils.data.DataLoader(dataset, generator=g, **options)
            log(len(loader))
            for _ in range(2):
                for batch in loader:
                    log(batch)
                    if g is not None:
                        log(g.get_state().sum().item())
                log(torch.rand(2))
            it = iter(loader)
            log(torch.rand(2))
            first = next(it, None)
            log(first, torch.rand(2))

    compare(code, tinygrad_hw, pytorch)


def samplers(torch, log):
    data = torch.utils.data
    torch.manual_seed(2)
    source = range(10)
    g = torch.Generator().manual_seed(3)
    for make in (
        lambda gen: data.SequentialSampler(source),
        lambda gen: data.RandomSampler(source, generator=gen),
        lambda gen: data.RandomSampler(source, num_samples=23, generator=gen),
        lambda gen: data.RandomSampler(source, num_samples=3, generator=gen),
        lambda gen: data.RandomSampler(source, True, generator=gen),
        lambda gen: data.RandomSampler(source, True, 77, gen),
        lambda gen: data.RandomSampler(source, replacement=True, num_samples=64, generator=gen),
        lambda gen: data.SubsetRandomSampler([5, 3, 8, 8], gen),
        lambda gen: data.WeightedRandomSampler([1.0, 2.0, 0.0, 4.0], 9, generator=gen),
        lambda gen: data.WeightedRandomSampler([1.0, 2.0, 0.5, 4.0], 3, False, gen),
        lambda gen: data.WeightedRandomSampler(torch.tensor([1, 1]), 5, True, gen),
        lambda gen: data.BatchSampler(data.RandomSampler(source, generator=gen), 3, False),
        lambda gen: data.BatchSampler(data.RandomSampler(source, generator=gen), 5, True),
    ):
        for gen in (None, g):
            sampler = make(gen)
            log(
                len(sampler),
                list(sampler),
                list(sampler),
                torch.rand(1),
                g.get_state().sum().item(),
            )


def sampler_errors(torch, log):
    data = torch.utils.data
    for bad in (
        lambda: data.RandomSampler([]),
        lambda: data.RandomSampler([1], replacement=1),
        lambda: data.RandomSampler([1], num_samples=0),
        lambda: data.RandomSampler([1], num_samples=1.5),
        lambda: data.WeightedRandomSampler([1.0], 0),
        lambda: data.WeightedRandomSampler([1.0], True),
        lambda: data.WeightedRandomSampler([1.0], 1, 1),
        lambda: data.WeightedRandomSampler([[1.0]], 1),
        lambda: list(data.WeightedRandomSampler([1.0], 2, False)),
        lambda: data.BatchSampler([1], 0, False),
        lambda: data.BatchSampler([1], 1.5, False),
        lambda: data.BatchSampler([1], True, False),
        lambda: data.BatchSampler([1], 1, 1),
        lambda: len(data.BatchSampler(iter([1]), 1, True)),
        lambda: iter(data.Sampler()),
    ):
        log.error(bad)


def splitting(torch, log):
    data = torch.utils.data
    torch.manual_seed(0)
    for lengths in ([3, 7], [10], [0.5, 0.5], [0.33, 0.33, 0.34], [0.1, 0.2, 0.7], [5, 0, 5]):
        for seed in (None, 9):
            options = {} if seed is None else {"generator": torch.Generator().manual_seed(seed)}
            parts = data.random_split(range(10), lengths, **options)
            log([list(p.indices) for p in parts], [list(p) for p in parts])
    log(torch.rand(1))
    log.warned(lambda: len(data.random_split(range(3), [0.9, 0.1])))
    log.error(data.random_split, range(10), [3, 3])
    log.error(data.random_split, range(10), [0.5, 0.4])
    log.error(data.random_split, range(10), [1.5, -0.5])


def combining(torch, log):
    data = torch.utils.data
    both = data.ConcatDataset([[1, 2], "abc"])
    log(len(both), [both[i] for i in range(-5, 5)], both.cumulative_sizes)
    log.error(lambda: both[5])
    log.error(lambda: both[-6])
    log.error(data.ConcatDataset, [])
    log(data.StackDataset([1, 2], "ab")[1], data.StackDataset(a=[1, 2], b="ab")[0])
    log(data.StackDataset([1, 2], data.Subset("abc", [2, 0])).__getitems__([1, 0]))
    log(data.StackDataset(a=[1, 2], b=data.Subset("abc", [2, 0])).__getitems__([1, 0]))
    log.error(data.StackDataset)
    log.error(data.StackDataset, [1], a=[1])
    log.error(data.StackDataset, [1], [1, 2])
    log.error(data.StackDataset, a=[1], b=[])
    log.error(data.TensorDataset, torch.ones(2), torch.ones(3))
    log.error(lambda: data.Dataset()[0])
    subset = data.Subset(torch.arange(10), [4, 2, 7])
    log(subset[0], subset[[2, 0]], len(subset), subset.__getitems__([1, 2]))
    pairs = data.TensorDataset(torch.arange(4), torch.ones(4, 2))
    log(pairs[2], pairs[1:3], pairs[torch.tensor([0, 3])], len(pairs), len(pairs + pairs))

    class Stream(data.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    chain = Stream(2) + Stream(3)
    log(list(chain), len(chain), list(data.DataLoader(chain, batch_size=2)))
    log.error(data.ConcatDataset, [Stream(2)])
    log.error(lambda: list(data.ChainDataset([[1]])))
    for options in ({"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}):
        loader = data.DataLoader(Stream(5), **options)
        log(list(loader), len(loader))
    short = Stream(3)
    loader = data.DataLoader(short, batch_size=None)
    log(len(loader))
    short.n = 5
    log.warned(lambda: list(loader))
    for bad in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        log.error(data.DataLoader, Stream(2), **bad)


def collating(torch, log):
    collate, convert = torch.utils.data.default_collate, torch.utils.data.default_convert
    text = np.array(["a", "b"])
    for batch in (
        [1, 2],
        [1.5, 2],
        [1, 2.5],
        [True, False],
        ["a", "b"],
        [b"a"],
        [np.float32(1), np.float32(2)],
        [np.float64(1)],
        [np.int16(1), np.int16(3)],
        [np.bool_(True)],
        [np.ones(2), np.zeros(2)],
        [np.ones((1, 2), np.float32)],
        [np.array(3, np.uint8)] * 2,
        [torch.ones(2), torch.zeros(2)],
        [torch.tensor(1), torch.tensor(2)],
        [torch.ones(2), torch.ones(2).double()],
        [(1, "a"), (2, "b")],
        [[1, 2.0], [3, 4.0]],
        [Point(1, "a"), Point(2, "b")],
        [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
        [OrderedDict(a=1), OrderedDict(a=3)],
        [defaultdict(list, a=1)] * 2,
        [UserDict(a=1)] * 2,
        [UserList([1, 2])] * 2,
        [range(3)] * 2,
        [()] * 2,
        [[(1, {"a": torch.ones(1)})]] * 2,
    ):
        log(collate(batch), type(collate(batch)).__name__)
        log(convert(batch), type(convert(batch)).__name__)
    for value in (
        3,
        1.5,
        "a",
        None,
        np.ones(2),
        np.float32(2),
        np.int64(3),
        np.str_("a"),
        (np.ones(1), 2),
    ):
        log(convert(value), type(convert(value)).__name__)
    log(convert(text) is text, type(convert(Point(np.ones(1), 2))).__name__)
    for bad in (
        [object()],
        [None],
        [text],
        [[1], [1, 2]],
        [torch.ones(2), torch.ones(3)],
        [np.ones(2), np.ones(3)],
        [{"a": 1}, {"b": 1}],
        [{"a": object()}],
        [{1, 2}],
        [],
    ):
        log.error(collate, bad)


def loader_errors(torch, log):
    DataLoader = torch.utils.data.DataLoader
    for options in (
        {"num_workers": -1},
        {"timeout": -1},
        {"persistent_workers": True},
        {"multiprocessing_context": "fork"},
        {"sampler": [0], "shuffle": True},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_sampler": [[0]], "sampler": [0]},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"drop_last": 2},
    ):
        log.error(DataLoader, [1, 2], **options)
    log.error(DataLoader, [], shuffle=True)
    loader = DataLoader([1, 2])
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset"):
        log.error(setattr, loader, name, 1)
    log.warned(lambda: list(DataLoader([1, 2], pin_memory=True)))
    log(list(DataLoader([])), len(DataLoader([])), torch.utils.data.get_worker_info())
    log(type(loader.sampler).__name__, type(loader.batch_sampler).__name__, loader.batch_size)
    log(loader.num_workers, loader.drop_last, loader.collate_fn.__name__)
    log(DataLoader([1], batch_size=None).collate_fn.__name__)
    tensors = torch.utils.data.TensorDataset(torch.arange(4))
    log.error(lambda: list(DataLoader(tensors, batch_sampler=[[9]])))
    log(list(DataLoader(tensors, batch_sampler=[[3, -1], [0]])))
    log(list(DataLoader(tensors, sampler=[torch.tensor(2), 1], batch_size=2)))


def eager_batch_samplers(torch, log):
    """A sampler that draws when it is asked for its iterator draws before the loader does."""

    class Eager:
        def __iter__(self):
            return iter([torch.randperm(4).tolist()])

    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.arange(4)), batch_sampler=Eager())
    log(list(loader), torch.rand(1))


CASES = [
    samplers,
    sampler_errors,
    splitting,
    combining,
    collating,
    loader_errors,
    eager_batch_samplers,
]


@pytest.mark.parametrize("code", CASES, ids=lambda c: c.__name__)
def test_same(code):
    compare(code, tinygrad_hw, pytorch)
