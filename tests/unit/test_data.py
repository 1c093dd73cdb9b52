"""Datasets, samplers, collation and the DataLoader."""

from __future__ import annotations

import itertools
import timeit
from collections import OrderedDict, UserDict, UserList, defaultdict, namedtuple

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


class Slow(Dataset):
    """The samples of a TensorDataset, one by one."""

    def __init__(self, *tensors):
        self.inner = TensorDataset(*tensors)

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        return self.inner[i]


class Stream(IterableDataset):
    def __init__(self, n, length=None):
        self.n, self.length = n, length

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        if self.length is None:
            raise TypeError("no length")
        return self.length


def numbers(n=10):
    return torch.arange(n), torch.arange(n * 3).reshape(n, 3).float()


def flat(loader):
    return [[t.tolist() for t in batch] for batch in loader]


# -- datasets --------------------------------------------------------------------------------------


def test_tensor_dataset():
    x, y = numbers()
    data = TensorDataset(x, y)
    assert len(data) == 10 and data.tensors == (x, y)
    a, b = data[3]
    assert a.item() == 3 and b.tolist() == [9.0, 10.0, 11.0]
    assert data[2:4][0].tolist() == [2, 3]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(x, y[:4])


def test_concat_and_chain():
    both = ConcatDataset([[1, 2], [], [3]])
    assert len(both) == 3 and [both[i] for i in range(-3, 3)] == [1, 2, 3, 1, 2, 3]
    assert both.cumulative_sizes == [2, 2, 3]
    assert [(Slow(*numbers(2)) + Slow(*numbers(3)))[i][0].item() for i in range(5)] == [
        *(0, 1),
        *(0, 1, 2),
    ]
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-4]
    with pytest.raises(AssertionError, match="empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(2)])
    chain = Stream(2, 2) + Stream(3, 3)
    assert isinstance(chain, ChainDataset) and list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([[1]]))


def test_stack_dataset():
    pairs = StackDataset([1, 2], "ab")
    assert pairs[1] == (2, "b") and len(pairs) == 2
    assert pairs.__getitems__([1, 0]) == [(2, "b"), (1, "a")]
    named = StackDataset(x=[1, 2], y=Subset("abc", [2, 0]))
    assert named[0] == {"x": 1, "y": "c"}
    assert named.__getitems__([1]) == [{"x": 2, "y": "a"}]
    for args, kwargs in (
        ((), {}),
        (([1],), {"a": [1]}),
        (([1], [1, 2]), {}),
        ((), {"a": [1], "b": []}),
    ):
        with pytest.raises(ValueError):
            StackDataset(*args, **kwargs)

    class Short(Dataset):
        def __len__(self):
            return 2

        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        StackDataset(Short()).__getitems__([0, 1])


def test_subset():
    part = Subset("abcd", [3, 1])
    assert len(part) == 2 and part[0] == "d" and part.__getitems__([1, 0]) == ["b", "d"]
    inner = Subset(part, [1])
    assert inner.__getitems__([0]) == ["b"]
    x, _ = numbers()
    assert Subset(x, [4, 5])[[1, 0]].tolist() == [5, 4]
    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):

        class Half(Subset):
            def __getitem__(self, i):
                return 0

        Half("ab", [0])


def test_random_split():
    parts = random_split(range(10), [3, 7], generator=torch.Generator().manual_seed(1))
    assert [len(p) for p in parts] == [3, 7]
    assert sorted(itertools.chain(*(p.indices for p in parts))) == list(range(10))
    assert [len(p) for p in random_split(range(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    assert [len(p) for p in random_split(range(10), [0.3, 0.3, 0.4])] == [3, 3, 4]
    with pytest.raises(ValueError, match="Sum of input lengths"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(2), [0.9, 0.1])


# -- samplers --------------------------------------------------------------------------------------


def test_samplers():
    assert list(SequentialSampler(range(4))) == [0, 1, 2, 3]
    s = RandomSampler(range(50))
    assert len(s) == 50 and sorted(s) == list(range(50)) and list(s) != list(s)
    s = RandomSampler(range(5), num_samples=12)
    drawn = list(s)
    assert len(s) == len(drawn) == 12 and sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=70))
    assert len(drawn) == 70 and set(drawn) == set(range(5))
    assert sorted(SubsetRandomSampler([7, 3, 5])) == [3, 5, 7]
    assert len(SubsetRandomSampler([7, 3, 5])) == 3
    w = WeightedRandomSampler([0, 1, 0, 3], 20)
    assert set(w) <= {1, 3} and len(w) == 20
    assert sorted(WeightedRandomSampler(torch.tensor([1.0, 1.0, 2.0]), 3, replacement=False)) == [*(0, 1, 2)]
    with pytest.raises(NotImplementedError):
        iter(Sampler())


def test_sampler_errors():
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        RandomSampler(range(3), replacement=1)
    with pytest.raises(ValueError, match="num_samples=0"):
        RandomSampler([])
    with pytest.raises(ValueError, match="num_samples=-1"):
        RandomSampler(range(3), num_samples=-1)
    with pytest.raises(ValueError, match="num_samples=True"):
        WeightedRandomSampler([1.0], True)
    with pytest.raises(ValueError, match="replacement=1"):
        WeightedRandomSampler([1.0], 1, 1)
    with pytest.raises(ValueError, match="1d sequence"):
        WeightedRandomSampler([[1.0]], 1)
    for size in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="batch_size should be a positive integer"):
            BatchSampler(range(3), size, False)
    with pytest.raises(ValueError, match="drop_last should be"):
        BatchSampler(range(3), 1, 1)


def test_batch_sampler():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert list(BatchSampler(iter("abc"), 3, True)) == [["a", "b", "c"]]
    for n, size, drop in itertools.product(range(7), (1, 2, 3), (False, True)):
        batches = BatchSampler(range(n), size, drop)
        assert len(batches) == len(list(batches))


# -- collation -------------------------------------------------------------------------------------

Point = namedtuple("Point", ["x", "y"])


def test_collate_numbers_and_text():
    assert default_collate([1, 2]).dtype is torch.int64
    assert default_collate([1.5, 2]).dtype is torch.float64
    assert default_collate([True, False]).dtype is torch.bool
    assert default_collate(["a", "b"]) == ["a", "b"] and default_collate([b"a"]) == [b"a"]
    assert default_collate([np.float32(1), np.float32(2)]).dtype is torch.float32
    assert default_collate([np.int32(1), np.float32(2)]).dtype is torch.float32
    assert default_collate([np.bool_(True)]).dtype is torch.bool


def test_collate_tensors_and_arrays():
    a = torch.ones(2, 3, requires_grad=True)
    batch = default_collate([a, a])
    assert batch.shape == (2, 2, 3)
    batch.sum().backward()
    assert a.grad.tolist() == [[2.0] * 3] * 2
    assert default_collate([np.ones(2, np.float32)] * 3).shape == (3, 2)
    assert default_collate([np.array(1, np.int16)] * 3).dtype is torch.int16
    with pytest.raises(RuntimeError, match=r"stack expects each tensor.*\[2\] at entry 0 and \[3\] "):
        default_collate([torch.ones(2), torch.ones(3)])
    with pytest.raises(TypeError, match="found <U1"):
        default_collate([np.array(["a"])])


def test_collate_containers():
    assert [t.tolist() for t in default_collate([(1, 2), (3, 4)])] == [[1, 3], [2, 4]]
    assert isinstance(default_collate([(1, 2), (3, 4)]), list)
    assert isinstance(default_collate([[1], [2]]), list)
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert type(point) is Point and point.x.tolist() == [1, 3]
    batch = default_collate([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert batch["a"].tolist() == [1, 2] and batch["b"] == ["x", "y"]
    assert type(default_collate([OrderedDict(a=1)])) is OrderedDict
    d = defaultdict(list, a=1)
    assert default_collate([d, d]).default_factory is list and d["a"] == 1
    assert type(default_collate([UserDict(a=1)])) is UserDict
    assert type(default_collate([UserList([1]), UserList([2])])) is UserList
    assert [t.tolist() for t in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]
    nested = default_collate([{"p": (torch.ones(2), [1, 2.0])}] * 2)
    assert nested["p"][0].shape == (2, 2) and nested["p"][1][1].dtype is torch.float64
    with pytest.raises(RuntimeError, match="should be of equal size"):
        default_collate([[1], [1, 2]])
    with pytest.raises(TypeError, match=r"must contain tensors, numpy arrays.*found <class 'object'>"):
        default_collate([object()])
    with pytest.raises(TypeError, match="found <class 'NoneType'>"):
        default_collate([{"a": None}])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {}])


def test_collate_rules_can_be_extended():
    from tinygrad_hw.utils.data.collate import collate, default_collate_fn_map

    class Mine:
        pass

    rules = {**default_collate_fn_map, Mine: lambda batch, *, collate_fn_map: len(batch)}
    assert collate([(Mine(), 1), (Mine(), 2)], collate_fn_map=rules)[0] == 2


def test_convert():
    t = torch.ones(2)
    assert default_convert(t) is t and default_convert(5) == 5 and default_convert("a") == "a"
    assert default_convert(np.arange(3)).dtype is torch.int64
    assert default_convert(np.float32(1)).dtype is torch.float32
    text = np.array(["a"])
    assert default_convert(text) is text and default_convert(np.str_("a")) == "a"
    assert isinstance(default_convert((np.ones(1), 2)), list)
    point = default_convert(Point(np.ones(1), "a"))
    assert type(point) is Point and point.x.tolist() == [1.0]
    assert default_convert({"a": np.ones(1)})["a"].tolist() == [1.0]
    assert type(default_convert(OrderedDict(a=np.ones(1)))) is OrderedDict
    assert default_convert([np.ones(1)])[0].tolist() == [1.0]
    assert default_convert(range(2)) == [0, 1]


# -- the loader ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10, 20])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_cutting_equals_collating(batch_size, drop_last, shuffle):
    """Batches cut out of the tensors are those made sample by sample, from the same stream."""
    options = {"batch_size": batch_size, "drop_last": drop_last, "shuffle": shuffle}
    tensors = numbers()
    results = []
    for data in (TensorDataset(*tensors), Slow(*tensors)):
        for subset in (False, True):
            torch.manual_seed(5)
            part = Subset(Subset(data, range(9, -1, -1)), [0, 2, 4, 6, 7]) if subset else data
            loader = DataLoader(part, **options)
            epochs = [flat(loader), flat(loader)]
            results.append((epochs, len(loader), torch.rand(1).item()))
            assert all(len(e) == len(loader) for e in epochs)
    assert results[0] == results[2] and results[1] == results[3]
    if shuffle and not drop_last:
        assert results[0][0][0] != results[0][0][1]


SAMPLERS = {
    "random with replacement": lambda d, g: RandomSampler(d, True, 70, g),
    "random, more than there are": lambda d, g: RandomSampler(d, num_samples=25, generator=g),
    "random, fewer": lambda d, g: RandomSampler(d, num_samples=7, generator=g),
    "subset": lambda d, g: SubsetRandomSampler([3, 1, 8], g),
    "weighted": lambda d, g: WeightedRandomSampler([1.0] * 10, 12, generator=g),
    "list": lambda d, g: [4, -1, 0],
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("drop_last", [False, True])
def test_samplers_in_a_loader(name, drop_last):
    results = []
    for kind in (TensorDataset, Slow):
        data = kind(*numbers())
        g = torch.Generator().manual_seed(2)
        loader = DataLoader(data, batch_size=4, sampler=SAMPLERS[name](data, g), drop_last=drop_last, generator=g)
        log = []
        for batch in loader:
            log.append(([t.tolist() for t in batch], g.get_state().tolist()))
        results.append((log, g.get_state().tolist()))
        if name == "random, more than there are":
            assert len(log) == len(loader) == (6 if drop_last else 7)
    assert results[0] == results[1]


def test_batch_samplers_in_a_loader():
    batches = [[1, 2], [5], [9, 0, 3]]
    for kind in (TensorDataset, Slow):
        loader = DataLoader(kind(*numbers()), batch_sampler=batches)
        assert [x.tolist() for x, _ in loader] == batches and len(loader) == 3
        assert loader.batch_size is None
        tensors = [torch.tensor(b) for b in batches]
        assert [x.tolist() for x, _ in DataLoader(kind(*numbers()), batch_sampler=tensors)] == batches
        slices = DataLoader(kind(*numbers(4)), batch_sampler=[[slice(0, 2), slice(2, 4)]])
        assert [x.tolist() for x, _ in slices] == [[[0, 1], [2, 3]]]
        for bad, error in (([[99]], IndexError), ([[1.5]], (IndexError, TypeError))):
            with pytest.raises(error):
                list(DataLoader(kind(*numbers()), batch_sampler=bad))


def test_batches_do_not_share_memory_with_the_dataset():
    x, y = numbers()
    for options in ({}, {"shuffle": True}, {"sampler": [0, 1]}):
        for bx, by in DataLoader(TensorDataset(x, y), batch_size=4, **options):
            assert not np.shares_memory(bx.array, x.array) and by.is_contiguous()
            assert not np.shares_memory(by.array, y.array) and by.array.flags.writeable
            assert type(bx) is torch.Tensor and bx.dtype is x.dtype


def test_cutting_tensors_that_are_not_contiguous():
    y = torch.arange(30.0).reshape(3, 10).T
    for options in ({}, {"shuffle": True}):
        torch.manual_seed(0)
        (fast,) = zip(*DataLoader(TensorDataset(y), batch_size=4, **options), strict=True)
        torch.manual_seed(0)
        (slow,) = zip(*DataLoader(Slow(y), batch_size=4, **options), strict=True)
        for a, b in zip(fast, slow, strict=True):
            assert a.tolist() == b.tolist() and a.is_contiguous()


def test_gradients_flow_through_the_batches_of_a_loader():
    x = torch.ones(4, 2, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=3):
        batch.sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0]] * 4


def test_subclasses_and_own_collate_functions_are_respected():
    class Doubled(TensorDataset):
        def __getitem__(self, i):
            return tuple(t * 2 for t in super().__getitem__(i))

    assert flat(DataLoader(Doubled(torch.arange(4)), batch_size=4)) == [[[0, 2, 4, 6]]]
    loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=3, collate_fn=len)
    assert list(loader) == [3, 1]
    single = DataLoader(TensorDataset(torch.arange(2)), batch_size=None)
    assert [type(s) for s in single] == [list, list] and len(single) == 2
    assert [s[0].item() for s in single] == [0, 1]


def test_getitems_is_used():
    class Many(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [i * 10 for i in indices]

    assert [b.tolist() for b in DataLoader(Many(), batch_size=3)] == [[0, 10, 20], [30]]


def test_iterable_datasets():
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    loader = DataLoader(Stream(5, 5), batch_size=2, drop_last=True)
    assert [b.tolist() for b in loader] == [[0, 1], [2, 3]] and len(loader) == 2
    assert len(DataLoader(Stream(5, 5), batch_size=2)) == 3
    assert len(DataLoader(Stream(5, 5), batch_size=None)) == 5
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert [b.tolist() for b in DataLoader(Stream(4), batch_size=2)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(0), batch_size=2)) == []
    wrong = DataLoader(Stream(4, 3), batch_size=None)
    assert len(wrong) == 3
    with pytest.warns(UserWarning, match="was reported to be 3"):
        list(wrong)
    with pytest.raises(TypeError, match="no length"):
        len(DataLoader(Stream(4)))


def test_reading_a_stream_takes_no_more_than_is_needed():
    taken = []

    class Counting(IterableDataset):
        def __iter__(self):
            for i in range(10):
                taken.append(i)
                yield i

    it = iter(DataLoader(Counting(), batch_size=3))
    next(it)
    assert taken == [0, 1, 2]


def test_iterators_are_independent():
    loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=2)
    a, b = iter(loader), iter(loader)
    assert next(a)[0].tolist() == next(b)[0].tolist() == [0, 1]
    assert len(a) == 2 and iter(a) is a
    next(a)
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(a)
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        a.__reduce__()


BAD_OPTIONS = [
    ({"num_workers": -1}, ValueError, "non-negative; use num_workers=0"),
    ({"num_workers": 2, "multiprocessing_context": "spoon"}, ValueError, "a valid start method in .*'spoon'"),
    ({"num_workers": 2, "multiprocessing_context": 3}, TypeError, "a valid context object or a string"),
    ({"timeout": -1}, ValueError, "timeout option should be non-negative"),
    ({"prefetch_factor": 2}, ValueError, "only be specified in multiprocessing"),
    ({"prefetch_factor": -2, "num_workers": 1}, ValueError, "should be non-negative"),
    ({"persistent_workers": True}, ValueError, "needs num_workers > 0"),
    ({"multiprocessing_context": "fork"}, ValueError, "num_workers=0"),
    ({"sampler": [0], "shuffle": True}, ValueError, "mutually exclusive with shuffle"),
    ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler option is mutually"),
    ({"batch_sampler": [[0]], "shuffle": True}, ValueError, "batch_sampler option is mutually"),
    ({"batch_sampler": [[0]], "drop_last": True}, ValueError, "batch_sampler option is mutually"),
    ({"batch_size": None, "drop_last": True}, ValueError, "disables auto-batching"),
    ({"batch_size": 0}, ValueError, "positive integer value, but got batch_size=0"),
]


@pytest.mark.parametrize(("options", "error", "text"), BAD_OPTIONS)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        DataLoader([1, 2], **options)


@pytest.mark.parametrize("option", ["shuffle", "sampler", "batch_sampler"])
def test_bad_options_of_iterable_datasets(option):
    with pytest.raises(ValueError, match=f"unspecified {option} option, but got {option}="):
        DataLoader(Stream(3), **{option: True if option == "shuffle" else [[0]]})


def test_other_options():
    loader = DataLoader([1, 2], pin_memory=True, timeout=0)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert len(list(loader)) == 2
    with pytest.raises(AssertionError, match="timeout must be 0"):
        iter(DataLoader([1], timeout=3))
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader"):
            setattr(loader, name, 3)
    loader.pin_memory = False
    assert get_worker_info() is None
    with pytest.raises(ValueError, match="num_samples=0"):
        DataLoader([], shuffle=True)
    assert list(DataLoader([])) == []


def test_cutting_is_fast():
    """A batch of 64 rows of 784 costs microseconds: far less than its 64 samples one by one."""
    data = TensorDataset(torch.zeros(6400, 784), torch.zeros(6400, dtype=torch.int64))

    def per_batch(**options):
        loader = DataLoader(data, batch_size=64, shuffle=True, **options)
        return min(timeit.repeat(lambda: sum(1 for _ in loader), number=1, repeat=5)) / 100

    assert per_batch() * 5 < per_batch(collate_fn=lambda batch: default_collate(batch))
