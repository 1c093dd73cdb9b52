"""Recurrent layers, cells and packed sequences, here and under PyTorch."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_hw
from tests.parity.both import compare

torch = pytest.importorskip("torch")

PACKAGES = (tinygrad_hw, torch)
LAYERS = ("RNN", "LSTM", "GRU")
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 3, "dropout": 0.3, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "dropout": 1.0},
]
CASES = [(name, o) for name in LAYERS for o in OPTIONS]
CASES += [("RNN", {"nonlinearity": "relu"}), ("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True})]
CASES += [("LSTM", {"proj_size": 3, **o}) for o in OPTIONS]


def names(case: Any) -> str:
    return f"{case[0]} {case[1]}"


def make(package: Any, name: str, options: dict[str, Any], **more: Any) -> Any:
    package.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(package.nn, name)(5, 7, **options, **more)


def plain(value: Any) -> Any:
    return np.array(value.detach().tolist())


def tree(value: Any) -> list[Any]:
    """Return the tensors of a result, in order."""
    if value is None:
        return []
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in tree(v)]
    return [value]


def run(package: Any, module: Any, inputs: list[Any], call: Any, dtype: str) -> list[Any]:
    """Return outputs, and gradients of inputs and parameters, along fixed directions."""
    tensors = [package.tensor(a.tolist(), dtype=getattr(package, dtype)).requires_grad_() for a in inputs]
    package.manual_seed(11)
    outs = [t for t in tree(call(package, module, tensors)) if t.dtype.is_floating_point]
    r = np.random.default_rng(5)
    gs = [package.tensor(r.standard_normal(tuple(t.shape)).tolist(), dtype=t.dtype) for t in outs]
    wanted = [*tensors, *module.parameters()]
    grads = package.autograd.grad(outs, wanted, gs, allow_unused=True)
    return [plain(t) for t in outs] + [None if g is None else plain(g) for g in grads]


def both(name: str, options: dict[str, Any], inputs: list[Any], call: Any, train: bool = True) -> None:
    for dtype, limit in (("float64", 1e-9), ("float32", 2e-5)):
        results = []
        for package in PACKAGES:
            module = make(package, name, options, dtype=getattr(package, dtype)).train(train)
            results.append(run(package, module, inputs, call, dtype))
        assert len(results[0]) == len(results[1])
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.shape == b.shape
                np.testing.assert_allclose(a, b, rtol=limit, atol=limit)


def values(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def states(name: str, options: dict[str, Any], *batch: int) -> list[Any]:
    cells = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    shapes = [(cells, *batch, options.get("proj_size", 7))]
    if name == "LSTM":
        shapes.append((cells, *batch, 7))
    return [np.random.default_rng(i + 1).standard_normal(s).astype(np.float32) for i, s in enumerate(shapes)]


def joined(tensors: list[Any]) -> Any:
    return tuple(tensors) if len(tensors) == 2 else tensors[0]


@pytest.mark.parametrize("case", CASES, ids=names)
def test_repr_state_dict_and_initial_weights(case: Any) -> None:
    name, options = case
    ours, theirs = make(tinygrad_hw, name, options), make(torch, name, options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy(), err_msg=key)
    ours.flatten_parameters()
    ours.load_state_dict({k: tinygrad_hw.from_numpy(v.numpy() + 1) for k, v in theirs.state_dict().items()})
    np.testing.assert_allclose(ours.weight_ih_l0.detach().numpy(), theirs.weight_ih_l0.detach().numpy() + 1, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("case", CASES, ids=names)
def test_outputs_gradients_and_dropout(case: Any, train: bool) -> None:
    name, options = case
    shape = (4, 6, 5)
    batch = shape[0 if options.get("batch_first") else 1]
    both(name, options, [values(*shape)], lambda p, m, t: m(t[0]), train)
    both(name, options, [values(*shape), *states(name, options, batch)], lambda p, m, t: m(t[0], joined(t[1:])), train)
    both(name, options, [values(4, 5), *states(name, options)], lambda p, m, t: m(t[0], joined(t[1:])), train)
    both(name, options, [values(4, 5)], lambda p, m, t: m(t[0]), train)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("lengths", [[6, 4, 4, 1], [2, 6, 1, 3], [3, 3, 3, 3]], ids=str)
@pytest.mark.parametrize("case", CASES, ids=names)
def test_packed_sequences(case: Any, lengths: list[int]) -> None:
    name, options = case
    first = options.get("batch_first", False)

    def call(package: Any, module: Any, t: list[Any]) -> Any:
        rnn = package.nn.utils.rnn
        packed = rnn.pack_padded_sequence(t[0], lengths, batch_first=first, enforce_sorted=False)
        out, last = module(packed, joined(t[1:]) if len(t) > 1 else None)
        assert type(out).__name__ == "PackedSequence"
        padded, back = rnn.pad_packed_sequence(out, batch_first=first, padding_value=-1.0, total_length=7)
        assert back.tolist() == lengths
        return padded, last

    x = values(*((4, 6, 5) if first else (6, 4, 5)))
    both(name, options, [x], call)
    both(name, options, [x, *states(name, options, 4)], call)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (f"{layer}Cell", o)
        for layer, o in itertools.product(LAYERS, ({}, {"bias": False}, {"nonlinearity": "relu"}))
        if "nonlinearity" not in o or layer == "RNN"
    ],
)
def test_cells(name: str, options: dict[str, Any]) -> None:
    ours, theirs = make(tinygrad_hw, name, options), make(torch, name, options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    number = 2 if name == "LSTMCell" else 1

    def unrolled(package: Any, module: Any, t: list[Any]) -> Any:
        state = joined(t[1:]) if len(t) > 1 else None
        seen = []
        for _ in range(3):
            state = module(t[0], state)
            seen.append(state)
        return seen

    for shape in ((4, 5), (5,)):
        both(name, options, [values(*shape)], unrolled)
        both(name, options, [values(*shape), *[values(*shape[:-1], 7)] * number], unrolled)


@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives(name: str) -> None:
    """A penalty on the gradient with respect to the input and the state, which is computed from the input too."""
    results = []
    for package in PACKAGES:
        module = make(package, name, {"bidirectional": True}, dtype=package.float64)
        x = package.tensor(values(3, 4, 5).tolist(), dtype=package.float64, requires_grad=True)
        h = package.stack([x.sum((0, 2)).unsqueeze(-1).expand(4, 7).tanh()] * 2)
        out, _ = module(x, (h, h.sin()) if name == "LSTM" else h)
        (g,) = package.autograd.grad((out * out).sum(), x, create_graph=True)
        (g.pow(2).sum() + g.pow(3).sum()).backward()
        results.append([plain(g), plain(x.grad), *[plain(p.grad) for p in module.parameters()]])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_half_precision_goes_through_single() -> None:
    for name in LAYERS:
        ours, theirs = (make(p, name, {"num_layers": 2}).half() for p in PACKAGES)
        x = values(4, 3, 5).astype(np.float16)
        out, expected = ours(tinygrad_hw.from_numpy(x))[0], theirs(torch.from_numpy(x))[0]
        assert out.dtype == tinygrad_hw.float16
        np.testing.assert_allclose(plain(out), plain(expected), atol=2e-3)
        out.sum().backward()
        assert all(p.grad.dtype == tinygrad_hw.float16 for p in ours.parameters())


@pytest.mark.parametrize("name", LAYERS)
def test_errors(name: str) -> None:
    def code(torch: Any, log: Any) -> None:
        layer = getattr(torch.nn, name)
        zeros, ones = torch.zeros, torch.ones
        for options in (
            {"dropout": 1.5},
            {"dropout": True},
            {"bias": 1},
            {"batch_first": 1},
            {"num_layers": 0},
            {"proj_size": 4},
            {"proj_size": -1},
        ):
            log.error(layer, 3, 4, **options)
        log.error(layer, 0, 4)
        log.error(layer, 3, 0)
        log.error(layer, 3.0, 4)
        log.error(layer, 3, "4")
        log.warned(lambda: layer(3, 4, dropout=0.5).dropout)
        m = layer(3, 4)

        def state(*shape: int) -> Any:
            return (zeros(*shape), zeros(*shape)) if name == "LSTM" else zeros(*shape)

        log.error(m, ones(3))
        log.error(m, ones(1, 2, 3, 3))
        log.error(m, ones(5, 2, 4))
        log.error(m, ones(5, 2, 3, dtype=torch.float64))
        log.error(m, ones(5, 2, 3), state(1, 4))
        log.error(m, ones(5, 3), state(1, 1, 4))
        log.error(m, ones(5, 2, 3), state(1, 3, 4))
        log.error(m, ones(5, 2, 3), state(2, 2, 4))
        log.error(m, ones(5, 2, 3), state(1, 2, 3))
        packed = torch.nn.utils.rnn.pack_sequence([ones(3, 3), ones(2, 3)])
        if name != "LSTM":  # there it is the error of whichever operation comes first
            log.error(m, packed, state(1, 3, 4))
            log.error(m, torch.nn.utils.rnn.pack_sequence([ones(3, 4), ones(2, 4)]))
            log.error(m, torch.nn.utils.rnn.pack_sequence([ones(3), ones(2)]))
        cell = getattr(torch.nn, f"{name}Cell")(3, 4)
        log.error(cell, ones(1, 2, 3))
        log.error(cell, ones(2, 3), state(1, 2, 4))

    compare(code, tinygrad_hw, torch)


def test_packed_input_that_does_not_fit_lstm() -> None:
    for package in PACKAGES:
        rnn, ones = package.nn.utils.rnn, package.ones
        m, state = package.nn.LSTM(3, 4), package.zeros(1, 3, 4)
        with pytest.raises(RuntimeError):
            m(rnn.pack_sequence([ones(3, 3), ones(2, 3)]), (state, state))
        with pytest.raises(RuntimeError):
            m(rnn.pack_sequence([ones(3, 4), ones(2, 4)]))


def test_other_errors() -> None:
    def code(torch: Any, log: Any) -> None:
        log.error(torch.nn.RNN, 3, 4, nonlinearity="sigmoid")
        log.error(torch.nn.RNNBase, "RNN", 3, 4)
        log.error(torch.nn.LSTM, 3, 4, proj_size=4)
        cell = torch.nn.RNNCell(3, 4, nonlinearity="sigmoid")
        log.error(cell, torch.ones(2, 3))
        rnn = torch.nn.utils.rnn
        packed = rnn.pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
        log.error(rnn.pad_packed_sequence, packed, total_length=2)
        log.error(rnn.PackedSequence, torch.ones(3))
        log.error(rnn.pack_sequence, [torch.ones(2), torch.ones(3)])
        for name in LAYERS:
            log.error(getattr(torch.nn, name)(3, 4), torch.ones(0, 2, 3))

    compare(code, tinygrad_hw, torch)


def test_packing() -> None:
    def code(torch: Any, log: Any) -> None:
        rnn = torch.nn.utils.rnn
        a, b, c = torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])
        for packed in (
            rnn.pack_sequence([a, b, c]),
            rnn.pack_sequence([b, a, c], enforce_sorted=False),
            rnn.pack_padded_sequence(torch.arange(24).reshape(2, 4, 3), torch.tensor([2, 4]), True, False),
            rnn.pack_padded_sequence(torch.arange(6).reshape(2, 3), [2, 1, 1]),
            rnn.PackedSequence((torch.ones(3), torch.tensor([2, 1]))),
            rnn.PackedSequence(torch.ones(3), torch.tensor([2, 1]), torch.tensor([1, 0])),
        ):
            log(repr(packed), list(packed), packed._fields, packed.is_cuda, packed.is_pinned())
            log(rnn.pad_packed_sequence(packed), rnn.pad_packed_sequence(packed, True, 9, 5))
            log(rnn.unpack_sequence(packed))
            log(packed.to(torch.float64).data, packed.double().data, packed.half().data, packed.long().data)
            log(packed.int().data, packed.short().data, packed.char().data, packed.byte().data, packed.float().data)
            log(packed.to(packed.data.dtype) is packed, packed.cpu() is packed)
        log(rnn.invert_permutation(torch.tensor([2, 0, 1])), rnn.invert_permutation(None))
        padded = rnn.pad_sequence([a, b, c], padding_value=7)
        log(padded, rnn.unpad_sequence(padded.clone(), torch.tensor([3, 2, 1])))
        log(rnn.unpad_sequence(rnn.pad_sequence([b, c, a], True), torch.tensor([2, 1, 3]), batch_first=True))
        log(rnn.pad_sequence(torch.arange(6).reshape(2, 3)), rnn.pad_sequence([a, b.double()]))
        log(rnn.pad_sequence(iter([b, a]), batch_first=True, padding_side="left"))

    compare(code, tinygrad_hw, torch)


def test_nodes_have_the_same_names() -> None:
    def code(torch: Any, log: Any) -> None:
        x = torch.ones(4, 2, 3)
        for name in LAYERS:
            layer = getattr(torch.nn, name)
            for options in ({}, {"num_layers": 2}, {"bidirectional": True}):
                out, last = layer(3, 4, **options)(x)
                log(out.grad_fn.name(), [s.grad_fn.name() for s in (last if name == "LSTM" else (last,))])
            packed = torch.nn.utils.rnn.pack_padded_sequence(x.clone().requires_grad_(), [4, 2])
            log(packed.data.grad_fn.name(), layer(3, 4)(packed)[0].data.grad_fn.name())
            cell = getattr(torch.nn, f"{name}Cell")(3, 4)(x[0])
            log((cell[0] if name == "LSTM" else cell).grad_fn.name())

    compare(code, tinygrad_hw, torch)


def test_copies_are_independent() -> None:
    m = make(tinygrad_hw, "LSTM", {"num_layers": 2})
    x = tinygrad_hw.from_numpy(values(4, 3, 5))
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        np.testing.assert_array_equal(plain(other(x)[0]), plain(m(x)[0]))
        with tinygrad_hw.no_grad():
            other.weight_hh_l1.zero_()
        assert not np.allclose(plain(other(x)[0]), plain(m(x)[0]))
    m.weight_ih_l0 = tinygrad_hw.nn.Parameter(tinygrad_hw.zeros(28, 5))
    out, _ = m(x)
    out.sum().backward()
    assert m.weight_ih_l0.grad is not None
    assert m.double()(x.double())[0].dtype == tinygrad_hw.float64


def test_training_follows_pytorch() -> None:
    """A small character model: the same loss curve, with dropout, from the same seed."""

    def code(torch: Any, log: Any) -> None:
        torch.manual_seed(0)
        nn = torch.nn

        class Model(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Embedding(11, 6)
                self.lstm = nn.LSTM(6, 9, num_layers=2, dropout=0.2, batch_first=True)
                self.head = nn.Linear(9, 11)

            def forward(self, x: Any) -> Any:
                return self.head(self.lstm(self.embed(x))[0])

        model = Model()
        x, y = torch.randint(0, 11, (4, 7)), torch.randint(0, 11, (4, 7))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(25):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x).reshape(-1, 11), y.reshape(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            log(loss.item())

    compare(code, tinygrad_hw, torch, rtol=1e-4)
