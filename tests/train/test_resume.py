"""A training that is cut anywhere goes on with the same bits."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.train.recipes import EPOCHS, RECIPES, Die, Noisy, make, model, spoil, tensors
from tinygrad_hw.train import Callback, Checkpoint, EarlyStopping, Trainer
from tinygrad_hw.utils.data import DataLoader

ROOT = Path(__file__).parents[2]


#: Starting processes takes too long for all cuts.
IN_THIS_PROCESS = [n for n in RECIPES if n not in ("workers", "persistent processes")]


class Snapshots(Callback):
    """Keeps the state after every batch and every epoch."""

    order = 50

    def __init__(self) -> None:
        self.states: dict[tuple[int, int | str], dict[str, Any]] = {}

    def on_batch_end(self, trainer: Trainer) -> None:
        self.states[trainer.epoch, trainer.batch] = trainer.state_dict()

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.states[trainer.epoch, "end"] = trainer.state_dict()


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return all leaves of nested data by path; times are no results."""
    if isinstance(value, torch.Tensor):
        return {path: (str(value.dtype), value.shape, value.numpy().tobytes())}
    if isinstance(value, dict):
        pairs = [(k, v) for k, v in value.items() if k != "seconds"]
    elif isinstance(value, (list, tuple)):
        pairs = list(enumerate(value))
    else:
        return {path: repr(value)}
    return {p: leaf for k, v in pairs for p, leaf in flat(v, f"{path}/{k}").items()}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    """Compare two states of trainings to the last bit."""
    left, right = flat(a), flat(b)
    assert left.keys() == right.keys()
    different = [k for k in left if left[k] != right[k]]
    assert not different, f"differ: {different[:5]} of {len(different)}"


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("name", IN_THIS_PROCESS)
def test_cut_after_any_batch_and_epoch(name: str) -> None:
    shots = Snapshots()
    whole, loaders = make(name, shots)
    whole.fit(*loaders, epochs=EPOCHS)
    result = whole.state_dict()
    assert len(shots.states) > 2 * EPOCHS
    for place, state in shots.states.items():
        again, loaders = make(name, Snapshots())
        spoil()
        again.load_state_dict(state)
        spoil()
        assert_same(state, again.state_dict())
        again.fit(*loaders, epochs=EPOCHS)
        try:
            assert_same(result, again.state_dict())
        except AssertionError as error:
            raise AssertionError(f"cut at {place}: {error}") from None


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("name", IN_THIS_PROCESS)
def test_going_back_in_the_same_process(name: str) -> None:
    shots = Snapshots()
    trainer, loaders = make(name, shots)
    begin = trainer.state_dict()
    trainer.fit(*loaders, epochs=EPOCHS)
    result = trainer.state_dict()
    for state in [begin, *list(shots.states.values())[1::3]]:
        trainer.load_state_dict(state)
        if state is begin:
            # The loaders were not known then, so their streams were not saved.
            _, loaders = make(name)
        trainer.fit(*loaders, epochs=EPOCHS)
        assert_same(result, trainer.state_dict())


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("name", ["workers", "persistent processes"])
def test_with_worker_processes_that_draw_numbers(name: str, tmp_path: Path) -> None:
    def new() -> Any:
        return make(name, Snapshots(), Checkpoint(tmp_path / "{epoch}-{batch}.pt", every_batches=2))

    whole, loaders = new()
    whole.fit(*loaders, epochs=2)
    shots: Snapshots = whole.callbacks[0]
    cuts = [torch.load(tmp_path / f"{place}.pt") for place in ("1-2", "1-6", "2-4")] + [shots.states[1, "end"]]
    for cut in cuts:
        again, loaders = new()
        spoil()
        again.load_state_dict(cut)
        again.fit(*loaders, epochs=2)
        assert_same(whole.state_dict(), again.state_dict())
    # In the same process, with the workers there are.
    again.load_state_dict(shots.states[1, 3])
    again.fit(*loaders, epochs=2)
    assert_same(whole.state_dict(), again.state_dict())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("name", ["accumulated", "noisy"])
def test_killed_and_started_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    whole, loaders = make(name, Checkpoint(tmp_path / "whole.pt", every_batches=1), Die(0, 0))
    whole.fit(*loaders, epochs=EPOCHS)

    def run(epoch: int, batch: int) -> int:
        command = [sys.executable, "-m", "tests.train.recipes", name, str(path), str(epoch), str(batch)]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300).returncode

    assert run(1, 5) == run(2, 2) == -signal.SIGKILL
    assert torch.load(path)["batch"] == 2
    assert run(0, 0) == 0
    assert_same(torch.load(tmp_path / "whole.pt"), torch.load(path))


def test_the_recipes_are_not_all_the_same() -> None:
    """A comparison of trainings that draw nothing would prove nothing."""
    trainer, loaders = make("noisy")
    trainer.fit(*loaders, epochs=1)
    first = trainer.state_dict()
    trainer, loaders = make("noisy")
    spoil()
    trainer.fit(*loaders, epochs=1)
    with pytest.raises(AssertionError, match="differ"):
        assert_same(first, trainer.state_dict())


OPTIMIZERS: dict[str, Any] = {
    name: lambda p, name=name: getattr(torch.optim, name)(p, lr=0.01)
    for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD")
} | {
    "amsgrad": lambda p: torch.optim.Adam(p, amsgrad=True),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "groups": lambda p: (
        lambda q: torch.optim.Adam([{"params": q[:2], "lr": 0.1}, {"params": q[2:], "weight_decay": 0.1}], lr=0.01)
    )(list(p)),
}
S = torch.optim.lr_scheduler
SCHEDULERS: dict[str, Any] = {
    "StepLR": lambda o: S.StepLR(o, 3),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 5, 5]),
    "ConstantLR": lambda o: S.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda o: S.LinearLR(o),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: S.PolynomialLR(o, 8, 2.0),
    "LambdaLR": lambda o: S.LambdaLR(o, lambda n: 0.9**n),
    "MultiplicativeLR": lambda o: S.MultiplicativeLR(o, lambda n: 0.9),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 7),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.01, 0.1, 4),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.1, 20),
    "SequentialLR": lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], [4]),
    "ChainedScheduler": lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)]),
    "ReduceLROnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=0, threshold=10.0),
}


def trained(optimizer: Any, scheduler: Any, path: Path, cut: bool) -> dict[str, Any]:
    """Train for two epochs, in one go or in two through a file in the middle of the second."""
    torch.manual_seed(1)
    net = model()
    opt = optimizer(net.parameters())
    callback = Checkpoint(path / "{epoch}-{batch}.pt", every_batches=1)
    trainer = Trainer(net, opt, scheduler=scheduler(opt), callbacks=[callback], show_progress=False)
    if cut:
        torch.manual_seed(2)
        trainer.load_checkpoint(path / "2-2.pt")
    trainer.fit(DataLoader(tensors(), 6, shuffle=True), epochs=2)
    return trainer.state_dict()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name: str, tmp_path: Path) -> None:
    a, b = (trained(OPTIMIZERS[name], lambda o: None, tmp_path, cut) for cut in (False, True))
    assert_same(a, b)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler(name: str, tmp_path: Path) -> None:
    def optimizer(parameters: Any) -> Any:
        return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)

    a, b = (trained(optimizer, SCHEDULERS[name], tmp_path, cut) for cut in (False, True))
    assert_same(a, b)
    assert len({row["lr"] for row in a["history"]}) == 2


def test_samples_before_the_cut_are_not_read_again() -> None:
    trainer, loaders = make("noisy", shots := Snapshots())
    trainer.fit(*loaders, epochs=1)
    again, (train, validation) = make("noisy", Snapshots())
    again.load_state_dict(shots.states[1, 5])
    again.fit(train, validation, epochs=1)
    data: Noisy = train.dataset
    assert data.reads == len(data) - 5 * 4


def test_checkpoints_of_a_seen_epoch_can_be_cut_again() -> None:
    whole, loaders = make("buffer", Snapshots())
    whole.fit(*loaders, epochs=EPOCHS)
    state = None
    for _ in range(4):
        trainer, loaders = make("buffer", shots := Snapshots())
        if state is not None:
            spoil()
            trainer.load_state_dict(state)
        trainer.fit(*loaders, epochs=EPOCHS)
        assert_same(whole.state_dict(), trainer.state_dict())
        state = list(shots.states.values())[4]


@pytest.mark.parametrize("phase", ["training", "validation", "between epochs"])
def test_ctrl_c_ends_after_the_batch_and_fit_goes_on(phase: str, tmp_path: Path) -> None:
    class Press(Callback):
        """Presses Ctrl-C once."""

        pressed = False

        def press(self) -> None:
            if not Press.pressed:
                Press.pressed = True
                signal.raise_signal(signal.SIGINT)

        def on_batch_end(self, trainer: Trainer) -> None:
            if phase == "training" and (trainer.epoch, trainer.batch) == (2, 3):
                self.press()

        def on_epoch_end(self, trainer: Trainer) -> None:
            if phase == "between epochs" and trainer.epoch == 2:
                self.press()

    def metric(scores: Any, targets: Any) -> float:
        if phase == "validation" and not trainer.model.training and trainer.epoch == 2:
            press.press()
        return 0.0

    press = Press()
    path = tmp_path / "cut.pt"
    whole, loaders = make("shuffled", Press(), Checkpoint(path, every=100))
    whole.metrics = {"m": lambda s, t: 0.0}
    Press.pressed = True
    whole.fit(*loaders, epochs=EPOCHS)
    Press.pressed = False
    trainer, loaders = make("shuffled", press, Checkpoint(path, every=100))
    trainer.metrics = {"m": metric}
    trainer.fit(*loaders, epochs=EPOCHS)
    assert trainer.interrupted and not trainer.finished and trainer.resumable
    assert len(trainer.history) == (2 if phase == "between epochs" else 1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # In another process, from the file that Ctrl-C left ...
    again, others = make("shuffled", Press(), Checkpoint(path, every=100))
    again.metrics = {"m": lambda s, t: 0.0}
    again.load_checkpoint(path)
    again.fit(*others, epochs=EPOCHS)
    assert_same(whole.state_dict(), again.state_dict())
    # ... and in this one, whatever was drawn in between.
    spoil()
    trainer.fit(*loaders, epochs=EPOCHS)
    assert trainer.finished and not trainer.interrupted
    assert_same(whole.state_dict(), trainer.state_dict())


def test_a_second_ctrl_c_does_not_wait() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(6, 3)

        def forward(self, x: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("this is never reached")

    net = Twice()
    trainer = Trainer(net, torch.optim.SGD(net.parameters()), show_progress=False)
    assert len(trainer.fit(DataLoader(tensors(), 4), epochs=2)) == 0
    assert trainer.interrupted and not trainer.resumable


def test_a_stopped_training_stays_stopped() -> None:
    def new() -> tuple[Trainer, Any]:
        torch.manual_seed(0)
        net = model()
        stopping = EarlyStopping("train_loss", 1, min_delta=100.0, restore_best=True)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        return Trainer(net, optimizer, callbacks=[stopping], show_progress=False), DataLoader(tensors(), 4)

    trainer, data = new()
    trainer.fit(data, epochs=9)
    assert len(trainer.history) == 2 and "train loss has not improved for 1 epochs" in trainer.stopped
    again, data = new()
    again.load_state_dict(trainer.state_dict())
    assert len(again.fit(data, epochs=9)) == 2
    assert_same(trainer.state_dict(), again.state_dict())
    # Another fit is another training: it begins with the weights there are.
    assert len(again.fit(data, epochs=1)) == 3


def test_epochs_count_from_the_start_of_the_fit_that_was_cut() -> None:
    trainer, loaders = make("shuffled")
    trainer.fit(*loaders, epochs=2)
    state = trainer.state_dict()
    assert len(trainer.fit(*loaders, epochs=1)) == 3  # a new fit adds
    again, loaders = make("shuffled")
    again.load_state_dict(state)
    assert len(again.fit(*loaders, epochs=3)) == 3  # one that goes on does not
    assert_same({**trainer.state_dict(), "first": 0}, again.state_dict())
    again.load_state_dict(state)
    with pytest.warns(UserWarning, match=r"fit\(epochs=1\) goes on with a training that has 2 epochs already"):
        again.fit(*loaders, epochs=1)


def test_a_state_is_a_copy() -> None:
    trainer, loaders = make("accumulated", shots := Snapshots())
    trainer.fit(*loaders, epochs=1)
    early = flat(shots.states[1, 1])
    trainer.fit(*loaders, epochs=1)
    assert flat(shots.states[1, 1]) == early
    again, loaders = make("accumulated", Snapshots())
    again.load_state_dict(shots.states[1, 1])
    again.fit(*loaders, epochs=1)
    assert flat(shots.states[1, 1]) == early


# -- what does not fit ------------------------------------------------------------------------------


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    trainer, loaders = make("shuffled", shots := Snapshots())
    trainer.fit(*loaders, epochs=1)
    state = shots.states[1, 2]

    def linear(**options: Any) -> Trainer:
        net = torch.nn.Linear(6, 3)
        return Trainer(net, torch.optim.SGD(net.parameters(), momentum=0.9), callbacks=[Snapshots()], **options)

    other = linear(show_progress=False)
    before = other.state_dict()
    with pytest.raises(ValueError, match="does not fit this one"):
        other.load_state_dict(state)
    assert_same(before, other.state_dict())
    assert not other.resumable

    net = model()
    adam = Trainer(net, torch.optim.Adam(net.parameters()), callbacks=[Snapshots()])
    with pytest.raises(ValueError, match="has optimizer SGD, this one Adam"):
        adam.load_state_dict(state)
    plain, _ = make("shuffled")
    with pytest.raises(ValueError, match="has callbacks Snapshots, this one none"):
        plain.load_state_dict(state)
    with pytest.raises(ValueError, match="not the state of a training"):
        plain.load_state_dict({})
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"weights\.pt: .*looks like the weights of a model"):
        plain.load_checkpoint(tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="version 99"):
        plain.load_state_dict({**plain.state_dict(), "version": 99})
    broken = plain.state_dict()
    del broken["history"]
    with pytest.raises(ValueError, match="history"):
        plain.load_state_dict(broken)


def test_another_loader() -> None:
    trainer, loaders = make("shuffled", shots := Snapshots())
    trainer.fit(*loaders, epochs=1)
    again, _ = make("shuffled", Snapshots())
    again.load_state_dict(shots.states[1, 3])
    with pytest.raises(ValueError, match="cut after batch 3 of 6, but the train_loader has 11 batches now"):
        again.fit(DataLoader(tensors(), 2, shuffle=True), epochs=1)
    again.load_state_dict(shots.states[1, 3])
    generator = torch.Generator()
    with pytest.warns(UserWarning, match="has no state for the random stream train.generator"):
        again.fit(DataLoader(tensors(), 4, shuffle=True, generator=generator), loaders[1], epochs=1)


def test_the_file_is_plain_data_for_torch_too(tmp_path: Path) -> None:
    oracle = pytest.importorskip("torch")
    trainer, loaders = make("accumulated", Checkpoint(tmp_path / "t.pt", every_batches=3))
    trainer.fit(*loaders, epochs=1)
    state = oracle.load(tmp_path / "t.pt", weights_only=True)
    np.testing.assert_array_equal(state["model"]["0.weight"].numpy(), trainer.model.state_dict()["0.weight"].numpy())


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.pt"
    trainer, loaders = make("shuffled", Checkpoint(path))
    trainer.fit(*loaders, epochs=1)
    content = path.read_bytes()
    before = trainer.state_dict()
    rng = np.random.default_rng(0)
    for i in range(40):
        damaged = bytearray(content)
        if i % 2:
            damaged = damaged[: int(rng.integers(len(content)))]
        else:
            damaged[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            trainer.load_checkpoint(path)
        except (EOFError, RuntimeError, ValueError, pickle.UnpicklingError):
            assert_same(before, trainer.state_dict())
        else:
            assert_same(before, trainer.state_dict())  # the bit had no meaning


@pytest.mark.parametrize(
    "spoilt",
    [
        {"history": 3},
        {"streams": None},
        {"streams": {"default": torch.zeros(3)}},
        {"position": {"batch": 1}},
        {"gradients": [None]},
        {"callbacks": []},
        {"model": {}},
        {"optimizer": {}},
        {"steps": "many"},
        {"epoch": None},
    ],
)
def test_a_state_with_wrong_parts_is_refused(spoilt: dict[str, Any]) -> None:
    trainer, loaders = make("shuffled", Snapshots())
    trainer.fit(*loaders, epochs=1)
    before = trainer.state_dict()
    with pytest.raises(ValueError, match="does not fit this one"):
        trainer.load_state_dict({**before, **spoilt})
    assert_same(before, trainer.state_dict())
