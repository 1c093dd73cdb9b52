"""The training loop against loops written by hand, and what it says when something is wrong."""

from __future__ import annotations

import io
import math
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.train.recipes import model, tensors
from tinygrad_hw.nn import functional as F
from tinygrad_hw.train import (
    BestCheckpoint,
    Callback,
    Checkpoint,
    EarlyStopping,
    NonFiniteLoss,
    Trainer,
    accuracy,
    top_k_accuracy,
)
from tinygrad_hw.utils.data import DataLoader, IterableDataset, TensorDataset

S = torch.optim.lr_scheduler


def quiet(net: Any = None, optimizer: Any = None, *args: Any, **options: Any) -> Trainer:
    net = model() if net is None else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1) if optimizer is None else optimizer
    return Trainer(net, optimizer, *args, **{"show_progress": False, **options})


def weights(net: Any) -> list[Any]:
    return [v.numpy().copy() for v in net.state_dict().values()]


def assert_equal(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


# -- what it computes -------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["batch", "epoch"])
def test_the_loop_is_the_one_people_write(when: str) -> None:
    data = DataLoader(tensors(), 4, shuffle=True)
    torch.manual_seed(0)
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = S.ExponentialLR(optimizer, 0.9)
    rows = []
    for _ in range(3):
        net.train()
        rate, losses, hits, n = optimizer.param_groups[0]["lr"], 0.0, 0, 0
        for x, y in data:
            optimizer.zero_grad()
            scores = net(x)
            loss = F.cross_entropy(scores, y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            if when == "batch":
                scheduler.step()
            losses, hits, n = losses + loss.item() * len(y), hits + (scores.argmax(1) == y).sum().item(), n + len(y)
        if when == "epoch":
            scheduler.step()
        rows.append((losses / n, hits / n, rate))
    torch.manual_seed(0)
    other = model()
    adam = torch.optim.Adam(other.parameters(), lr=0.01)
    trainer = quiet(other, adam, scheduler=S.ExponentialLR(adam, 0.9), step_scheduler=when, clip_grad_norm=0.5)
    history = trainer.fit(data, epochs=3)
    assert_equal(weights(net), weights(other))
    assert [r.train_loss for r in history] == [r[0] for r in rows]
    np.testing.assert_allclose(history["train_accuracy"], [r[1] for r in rows], rtol=1e-12)
    assert history["lr"] == [r[2] for r in rows]
    assert history["epoch"] == [1, 2, 3]
    assert trainer.steps == 3 * len(data) and trainer.epoch == 3 and trainer.batch == len(data)
    assert "validation_loss" not in history and all(s > 0 for s in history["seconds"])


@pytest.mark.parametrize("sizes", [[6, 6, 6, 6], [4, 4, 4, 4, 4, 2], [5, 1, 7, 2, 3, 1, 3]])
@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_accumulated_batches_are_one_large_batch(sizes: list[int], accumulate: int) -> None:
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.normal(size=(sum(sizes), 3))), torch.from_numpy(rng.integers(0, 4, sum(sizes)))
    small = list(zip(x.split(sizes), y.split(sizes), strict=True))
    large = []
    for i in range(0, len(small), accumulate):
        xs, ys = zip(*small[i : i + accumulate], strict=True)
        large.append((torch.cat(xs), torch.cat(ys)))
    results = []
    for data, k in ((small, accumulate), (large, 1)):
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 4).double()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
        trainer = quiet(net, optimizer, accumulate=k, clip_grad_norm=0.4, scheduler=S.ExponentialLR(optimizer, 0.9))
        history = trainer.fit(data, epochs=2)
        results.append((*weights(net), history["lr"], trainer.steps, trainer.last_grad_norm))
        assert all(p.grad is None for p in net.parameters())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert results[0][-2] == 2 * math.ceil(len(sizes) / accumulate)


def test_accumulating_equal_batches_is_exact() -> None:
    """Batches of one size are added up as they are and halved, as anyone would write it."""
    data = DataLoader(tensors(), 4, drop_last=True)
    torch.manual_seed(0)
    net = torch.nn.Linear(6, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for i, (x, y) in enumerate(data):
        F.cross_entropy(net(x), y).backward()
        if i in (1, 3, 4):  # the last group is one batch
            for p in net.parameters():
                p.grad = p.grad if i == 4 else p.grad / 2
            optimizer.step()
            optimizer.zero_grad()
    torch.manual_seed(0)
    other = torch.nn.Linear(6, 3)
    quiet(other, torch.optim.SGD(other.parameters(), lr=0.1), accumulate=2).fit(data)
    assert_equal(weights(net), weights(other))


def test_clipping() -> None:
    net = torch.nn.Linear(6, 3)
    before = weights(net)
    trainer = quiet(net, torch.optim.SGD(net.parameters(), lr=1.0), clip_grad_norm=1e-3)
    trainer.fit(DataLoader(tensors(), 22), epochs=1)
    moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(before, weights(net), strict=True)))
    assert moved == pytest.approx(1e-3, rel=1e-3) and trainer.last_grad_norm > 0.1


def test_plateau_sees_the_validation_loss() -> None:
    seen: list[float] = []

    class Watch(S.ReduceLROnPlateau):
        def step(self, metrics: Any, epoch: int | None = None) -> None:
            seen.append(metrics)
            super().step(metrics, epoch)

    def fit(validation: Any, **options: Any) -> Any:
        net = model()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        scheduler = Watch(optimizer, patience=0, threshold=9, threshold_mode="abs")
        return quiet(net, optimizer, scheduler=scheduler, **options).fit(DataLoader(tensors(), 4), validation, 3)

    history = fit(DataLoader(tensors(), 9))
    assert seen == history["validation_loss"] and history["lr"] == [0.1, 0.1, 0.010000000000000002]
    assert history.lr_changes == [2]
    seen.clear()
    assert fit(None)["train_loss"] == seen
    seen.clear()
    assert fit(None, monitor="train_accuracy")["train_accuracy"] == seen


def test_evaluate_and_predict() -> None:
    net = model()
    net[1].eval()  # someone froze it
    trainer = quiet(net, metrics={"accuracy": accuracy, "top2": lambda s, t: top_k_accuracy(s, t, 2)})
    x, y = tensors().tensors
    data = DataLoader(tensors(), 5)
    before = weights(net)
    result = trainer.evaluate(data)
    scores = trainer.predict(data)
    assert net.training and not net[1].training and net[3].training
    assert_equal(before, weights(net))
    net.eval()
    expected = net(x)
    np.testing.assert_allclose(scores.numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert not scores.requires_grad
    assert list(result) == ["loss", "accuracy", "top2"]
    assert result["loss"] == pytest.approx(F.cross_entropy(expected, y).item(), rel=1e-5)
    assert result["accuracy"] == pytest.approx(accuracy(expected, y))
    assert result["top2"] == pytest.approx(top_k_accuracy(expected, y, 2))
    np.testing.assert_array_equal(trainer.predict([x[:5], x[5:]]).shape, (22, 3))


def test_a_regression() -> None:
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    data = DataLoader(TensorDataset(x, 3 * x - 1), 16, shuffle=True)
    net = torch.nn.Linear(1, 1)
    trainer = quiet(net, torch.optim.SGD(net.parameters(), lr=0.5), torch.nn.MSELoss(), metrics={})
    history = trainer.fit(data, data, epochs=30)
    assert history.columns == ["epoch", "train_loss", "validation_loss", "lr", "seconds"]
    assert history[-1].validation_loss < 1e-6
    assert net.weight.item() == pytest.approx(3, abs=1e-2)


def test_a_loader_without_length() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return iter(tensors())

    trainer = quiet(accumulate=4)
    trainer.fit(DataLoader(Stream(), 4), epochs=2)
    assert trainer.steps == 4 and trainer.batch == 6


def test_fit_goes_on_counting() -> None:
    trainer = quiet()
    data = DataLoader(tensors(), 11)
    assert len(trainer.fit(data, epochs=0)) == 0
    trainer.fit(data, epochs=2)
    history = trainer.fit(data, data, epochs=1)
    assert history["epoch"] == [1, 2, 3] and history is trainer.history
    assert [math.isnan(v) for v in history["validation_loss"]] == [True, True, False]


def test_without_a_scheduler_or_loss_state_a_loss_module_may_learn() -> None:
    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, scores: Any, targets: Any) -> Any:
            return F.cross_entropy(scores * self.scale, targets)

    def make() -> Trainer:
        torch.manual_seed(0)
        net, loss = model(), Scaled()
        return quiet(net, torch.optim.Adam([*net.parameters(), *loss.parameters()], lr=0.1), loss)

    data = DataLoader(tensors(), 4)
    whole, first, second = make(), make(), make()
    whole.fit(data, epochs=2)
    torch.manual_seed(5)
    first = make()
    first.fit(data, epochs=1)
    second.load_state_dict(first.state_dict())
    second.fit(data, epochs=2)
    assert_equal(weights(whole.loss), weights(second.loss))
    assert weights(whole.loss)[0] != 1


@pytest.mark.torch
def test_pytorch_trains_the_same() -> None:
    oracle = pytest.importorskip("torch")

    def losses(lib: Any) -> list[float]:
        lib.manual_seed(0)
        net = lib.nn.Sequential(
            lib.nn.Linear(6, 8), lib.nn.BatchNorm1d(8), lib.nn.ReLU(), lib.nn.Dropout(0.3), lib.nn.Linear(8, 3)
        )
        optimizer = lib.optim.Adam(net.parameters(), lr=0.01)
        x, y = (lib.from_numpy(t.numpy().copy()) for t in tensors().tensors)
        data = lib.utils.data.DataLoader(lib.utils.data.TensorDataset(x, y), 4, shuffle=True)
        if lib is torch:
            return quiet(net, optimizer).fit(data, epochs=3)["train_loss"]
        means = []
        for _ in range(3):
            total = 0.0
            for a, b in data:
                optimizer.zero_grad()
                loss = lib.nn.functional.cross_entropy(net(a), b)
                loss.backward()
                optimizer.step()
                total += loss.item() * len(b)
            means.append(total / len(y))
        return means

    np.testing.assert_allclose(losses(torch), losses(oracle), rtol=1e-5)


# -- callbacks --------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order() -> None:
    calls: list[str] = []

    class Note(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_fit_start(self, trainer: Trainer) -> None:
            calls.append(f"{self.name} start")

        def on_epoch_start(self, trainer: Trainer) -> None:
            calls.append(f"{self.name} epoch {trainer.epoch}, {len(trainer.history)} done")

        def on_batch_end(self, trainer: Trainer) -> None:
            assert math.isfinite(trainer.last_loss)
            calls.append(f"{self.name} batch {trainer.batch}")

        def on_epoch_end(self, trainer: Trainer) -> None:
            calls.append(f"{self.name} epoch {trainer.history[-1].epoch} ends")

        def on_fit_end(self, trainer: Trainer) -> None:
            calls.append(f"{self.name} end {trainer.finished}")

    class Late(Note):
        order = 1

    quiet(callbacks=[Late("b"), Note("a")]).fit(DataLoader(tensors(), 11), epochs=1)
    own = [c[2:] for c in calls if c[0] == "a"]
    assert own == ["start", "epoch 1, 0 done", "batch 1", "batch 2", "epoch 1 ends", "end True"]
    assert calls[::2] == [f"a {c}" for c in own] and calls[1::2] == [f"b {c}" for c in own]
    calls.clear()
    with pytest.raises(ValueError, match="yields no batch"):
        quiet(callbacks=[Note("a")]).fit([], epochs=1)
    assert calls[-1] == "a end False"


class Scripted(Callback):
    """Writes values of a column into the history, in place of what was measured."""

    order = -1

    def __init__(self, column: str, values: list[float]) -> None:
        self.column, self.values = column, values

    def on_epoch_end(self, trainer: Trainer) -> None:
        row = dict(trainer.history[-1])
        row[self.column] = self.values[trainer.epoch - 1]
        trainer.history._rows[-1] = type(trainer.history[-1])(row)


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1, 0], {}, 6, 6),
        ([5, 4, 4, 4, 1, 0], {}, 4, 2),
        ([5, 4, 4.5, 3, 3.5, 3.5], {}, 6, 4),
        ([5, 4.9, 4.8, 3, 1, 0], {"min_delta": 0.5}, 3, 1),
        ([1, 2, 3, 2, 2, 9], {"mode": "max"}, 5, 3),
        ([math.nan, 4, math.nan, 3, math.nan, math.nan], {}, 6, 4),
        ([math.nan, math.nan, 3, 2, 1, 0], {}, 2, 0),
        ([-math.inf, -math.inf, -math.inf, 0, 0, 0], {}, 3, 1),
    ],
)
def test_early_stopping(values: list[float], options: dict[str, Any], epochs: int, best: int) -> None:
    stopping = EarlyStopping("train_loss", patience=2, **options)
    trainer = quiet(callbacks=[stopping, Scripted("train_loss", values)])
    assert len(trainer.fit(DataLoader(tensors(), 22), epochs=6)) == epochs
    assert stopping.best_epoch == best
    assert bool(trainer.stopped) == (stopping.bad_epochs == 2) and trainer.finished


def test_early_stopping_restores_the_best_weights() -> None:
    kept: dict[int, list[Any]] = {}

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            kept[trainer.epoch] = weights(trainer.model)

    stopping = EarlyStopping("train_loss", 2, restore_best=True)
    trainer = quiet(callbacks=[Scripted("train_loss", [3, 2, 4, 5, 6]), stopping, Keep()])
    trainer.fit(DataLoader(tensors(), 4), epochs=5)
    assert sorted(kept) == [1, 2, 3, 4]
    assert_equal(weights(trainer.model), kept[2])
    assert trainer.stopped == "train loss has not improved for 2 epochs; its best was 2.0000 in epoch 2"


def test_best_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    kept: list[list[Any]] = []

    class Keep(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            kept.append(weights(trainer.model))

    best = BestCheckpoint(path)
    values = [0.5, 0.9, 0.7, 0.9]
    trainer = quiet(callbacks=[Scripted("validation_accuracy", values), best, Keep()])
    data = DataLoader(tensors(), 4)
    trainer.fit(data, data, epochs=4)
    assert (best.best, best.best_epoch) == (0.9, 2)
    assert_equal([v.numpy() for v in torch.load(path).values()], kept[1])
    best.restore(trainer)
    assert_equal(weights(trainer.model), kept[1])


def test_checkpoint_files(tmp_path: Path) -> None:
    trainer = quiet(callbacks=[Checkpoint(tmp_path / "{epoch:02}-{batch}.pt", every=2, every_batches=4)])
    trainer.fit(DataLoader(tensors(), 4), epochs=5)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["01-4.pt", "02-4.pt", "02-6.pt", "03-4.pt", "04-4.pt", "04-6.pt", "05-4.pt"]


# -- what is shown ----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO | None) -> Trainer:
    trainer = quiet(show_progress=True, file=file)
    data = DataLoader(tensors(), 2)
    trainer.fit(data, data, epochs=2)
    return trainer


def test_a_log_file_gets_a_line_per_epoch() -> None:
    file = io.StringIO()
    history = shown(file).history
    text = file.getvalue()
    assert "\r" not in text and "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) == 2
    row = history[0]
    assert lines[0].startswith(
        f"epoch 1: loss {row.train_loss:.4f}, accuracy {row.train_accuracy:.2%}, "
        f"validation loss {row.validation_loss:.4f}, validation accuracy {row.validation_accuracy:.2%}, lr 0.1, "
    )


def test_a_terminal_gets_a_bar_and_lines() -> None:
    file = Terminal()
    shown(file)
    text = file.getvalue()
    assert "epoch 1:   0%|" in text and "/11 [" in text
    assert [line.lstrip() for line in text.replace("\r", "\n").split("\n") if "validation loss" in line][1][
        :8
    ] == "epoch 2:"


def test_nothing_is_shown() -> None:
    file = Terminal()
    trainer = quiet(show_progress=False, file=file)
    trainer.fit(DataLoader(tensors(), 2), epochs=1)
    assert file.getvalue() == ""


def test_stderr_may_be_missing_or_captured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown(None)
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 2
    monkeypatch.setattr(sys, "stderr", None)
    shown(None)


@pytest.mark.parametrize("widgets", [False, True])
def test_a_notebook(widgets: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shell = type("ZMQInteractiveShell", (), {})()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    bars: list[Any] = []
    if widgets:
        from tqdm import tqdm

        class Widget(tqdm):  # type: ignore[type-arg]
            def __init__(self, *args: Any, **options: Any) -> None:
                bars.append(self)
                super().__init__(*args, **{**options, "file": io.StringIO()})

        module = types.ModuleType("tqdm.notebook")
        module.tqdm = Widget  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tqdm.notebook", module)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "ipywidgets" or None)
    else:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown(None)
    err = capsys.readouterr().err
    assert len(bars) == (2 if widgets else 0)
    assert ("epoch 1:   0%|" in err) == (not widgets)
    assert err.count("validation loss") == 2


def test_stopping_is_shown() -> None:
    file = io.StringIO()
    trainer = quiet(callbacks=[EarlyStopping("train_loss", 1, min_delta=9.0)], show_progress=True, file=file)
    trainer.fit(DataLoader(tensors(), 22), epochs=9)
    assert (
        file.getvalue()
        .splitlines()[-1]
        .startswith("stopped after epoch 2: train loss has not improved for 1 epochs; its best was 1.")
    )


# -- what is wrong ----------------------------------------------------------------------------------


class Sick(torch.nn.Module):
    """Gives NaN from a certain call on."""

    def __init__(self, call: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(6, 3)
        self.calls, self.call = 0, call

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.linear(x) * (math.nan if self.calls == self.call else 1.0)


def test_nan_stops_before_it_reaches_the_weights() -> None:
    net = Sick(9)
    trainer = quiet(net)
    with pytest.raises(NonFiniteLoss, match=r"the loss is nan in epoch 2, batch 3: the model's result holds") as caught:
        trainer.fit(DataLoader(tensors(), 4), epochs=3)
    assert (caught.value.epoch, caught.value.batch) == (2, 3) and math.isnan(caught.value.value)
    assert all(np.isfinite(w).all() for w in weights(net))
    assert len(trainer.history) == 1 and not trainer.finished
    assert isinstance(caught.value, RuntimeError)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("inputs", "the batch's inputs hold NaN"),
        ("weights", r"the parameter linear.weight holds .* try a smaller learning rate"),
        ("loss", "look at the loss function and the targets"),
    ],
)
def test_nan_names_its_cause(spoil: str, message: str) -> None:
    net = Sick(0)
    x, y = tensors().tensors
    if spoil == "inputs":
        x = x.clone()
        x[3, 2] = math.inf
    if spoil == "weights":
        with torch.no_grad():
            net.linear.weight[0, 0] = math.nan
    loss = (lambda s, t: F.cross_entropy(s, t) / 0) if spoil == "loss" else F.cross_entropy
    with pytest.raises(NonFiniteLoss, match=rf"the loss is (nan|inf) in epoch 1, batch 1: .*{message}"):
        quiet(net, None, loss).fit([(x, y)])


def test_nan_may_be_allowed() -> None:
    trainer = quiet(Sick(2), stop_on_nan=False)
    history = trainer.fit(DataLoader(tensors(), 4), epochs=1)
    assert math.isnan(history[0].train_loss)


class Columns(Callback):
    def __init__(self, monitor: str) -> None:
        self.monitor = monitor


DATA = [(torch.ones(2, 6), torch.tensor([0, 1]))]
NET = torch.nn.Linear(6, 3)
OTHER = torch.optim.SGD(torch.nn.Linear(1, 1).parameters())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: quiet().fit(DATA, epochs=-1), ValueError, "epochs is 0 or more, but got -1"),
        (lambda: quiet().fit(DATA, epochs=1.5), TypeError, r"epochs is an integer, but got 1.5 \(float\)"),
        (lambda: quiet().fit(DATA, epochs=True), TypeError, "epochs is an integer"),
        (lambda: quiet().fit([]), ValueError, "train_loader yields no batch: it is empty"),
        (lambda: quiet().fit(DATA, []), ValueError, "validation_loader yields no batch: it is empty"),
        (lambda: quiet().evaluate([]), ValueError, "loader yields no batch"),
        (lambda: quiet().predict([]), ValueError, "loader yields no batch"),
        (
            lambda: quiet().fit(DataLoader(tensors(), 23, drop_last=True)),
            ValueError,
            "its dataset has 22 samples, fewer than batch_size=23, and drop_last leaves them out",
        ),
        (lambda: quiet().fit(DataLoader([], 4)), ValueError, "its dataset is empty"),
        (lambda: quiet().fit(iter([])), ValueError, "a generator yields its batches only once"),
        (lambda: quiet().fit(iter(DATA), epochs=2), TypeError, r"iterator \(list_iterator\).* only once; for 2 epochs"),
        (lambda: quiet().fit(3), TypeError, "int cannot be iterated over"),
        (lambda: quiet().fit([torch.ones(2, 6)]), TypeError, r"batch 1 is Tensor of shape \(2, 6\)"),
        (lambda: quiet().fit([(1, 2, 3)]), TypeError, "batch 1 is tuple of 3 things; .*collate_fn"),
        (lambda: quiet().fit([{"x": 1, "y": 2}]), TypeError, "dict with the keys 'x', 'y'"),
        (
            lambda: quiet(NET, None, torch.nn.CrossEntropyLoss(reduction="none")).fit(DATA),
            RuntimeError,
            r"must be a scalar, but has shape \(2,\).*reduction='none'",
        ),
        (lambda: quiet(NET, None, lambda s, t: 0.5).fit(DATA), TypeError, "must return a tensor, but returned float"),
        (lambda: quiet(NET, None, torch.nn.CrossEntropyLoss), TypeError, r"make an object of it: CrossEntropyLoss\(\)"),
        (lambda: quiet(NET, None, "mse"), TypeError, "loss is a function"),
        (lambda: Trainer(lambda x: x, OTHER), TypeError, "model is a torch.nn.Module, but got function"),
        (lambda: quiet(NET, torch.optim.Adam), TypeError, r"got the class Adam; make it first"),
        (lambda: quiet(NET, "adam"), TypeError, "but got str"),
        (lambda: quiet(NET, torch.optim.LBFGS(NET.parameters())), TypeError, "LBFGS"),
        (lambda: quiet(NET, scheduler=S.StepLR(OTHER, 1)), ValueError, "another optimizer"),
        (lambda: quiet(NET, scheduler=0.9), TypeError, "learning-rate scheduler, but got float"),
        (lambda: quiet(step_scheduler="step"), ValueError, "'batch' or 'epoch', but got 'step'"),
        (lambda: quiet(accumulate=0), ValueError, "accumulate is a number of batches, 1 or more, but got 0"),
        (lambda: quiet(clip_grad_norm=0), ValueError, "positive number or None, but got 0"),
        (lambda: quiet(clip_grad_norm=math.nan), ValueError, "positive number"),
        (lambda: quiet(metrics=[accuracy]), TypeError, "functions by name"),
        (lambda: quiet(metrics={"accuracy": 3}), TypeError, "'accuracy': int"),
        (lambda: quiet(metrics={"loss": accuracy}), ValueError, "cannot be called 'loss'"),
        (lambda: quiet(callbacks=[print]), TypeError, "made from tinygrad_hw.train.Callback"),
        (lambda: quiet(callbacks=[EarlyStopping("val_loss")]).fit(DATA, DATA), ValueError, "mean 'validation_loss'?"),
        (
            lambda: quiet(callbacks=[EarlyStopping()]).fit(DATA),
            ValueError,
            "EarlyStopping watches 'validation_loss', but .* pass a validation_loader, or watch 'train_loss'",
        ),
        (lambda: quiet(callbacks=[Columns("f1")]).fit(DATA), ValueError, "train_loss, train_accuracy, lr, seconds"),
        (lambda: quiet(monitor="acc").fit(DATA), ValueError, "Trainer watches 'acc'"),
        (lambda: EarlyStopping(patience=0), ValueError, "patience is a number of epochs, 1 or more, but got 0"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta"),
        (lambda: EarlyStopping(mode="least"), ValueError, "'least'"),
        (lambda: Checkpoint("a", every=0), ValueError, "nothing would be saved"),
        (lambda: Checkpoint("a", every=-1), ValueError, "every is a count"),
        (lambda: Checkpoint("a{step}"), ValueError, "braces around something else"),
        (
            lambda: quiet(callbacks=[Checkpoint("no/such/a.pt")]).fit(DATA),
            FileNotFoundError,
            "Checkpoint: .* no folder",
        ),
        (
            lambda: quiet(callbacks=[BestCheckpoint("no/a.pt", "train_loss")]).fit(DATA),
            FileNotFoundError,
            "make it first",
        ),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
