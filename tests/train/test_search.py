"""Grid and random search, and ensembles."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw.train import Ensemble, History, SearchResults, Trainer, accuracy, grid_search, random_search


def quiet(*args: Any, **options: Any) -> SearchResults:
    search = options.pop("search", grid_search)
    return search(*args, show_progress=False, **options)


def test_all_of_a_grid_the_best_first() -> None:
    seen = []

    def train(a: int, b: str) -> float:
        seen.append((a, b))
        return a * len(b)

    results = quiet(train, {"a": [1, -2, 3], "b": ["x", "xyz"]})
    assert seen == [(1, "x"), (1, "xyz"), (-2, "x"), (-2, "xyz"), (3, "x"), (3, "xyz")]
    assert [r.score for r in results] == [9, 3, 3, 1, -2, -6]
    assert results.best.settings == {"a": 3, "b": "xyz"}
    assert results.column("a") == [3, 1, 3, 1, -2, -2]
    assert results.column("score") == [9, 3, 3, 1, -2, -6]
    with pytest.raises(KeyError, match="'lr' is neither a setting nor a value; there are a, b, score"):
        results.column("lr")
    assert [r.score for r in quiet(train, {"a": [1, -2], "b": ["x"]}, mode="min")] == [-2, 1]


def test_failures_are_reported_and_not_lost(tmp_path: Path) -> None:
    def train(lr: float) -> dict[str, float]:
        if lr == 2:
            raise ValueError("too fast\nby far")
        return {"validation_loss": math.nan if lr == 3 else lr, "size": 7}

    file = io.StringIO()
    results = grid_search(train, {"lr": [3, 1.0, 2, 0.5]}, file=file)
    assert results.monitor == "validation_loss" and results.mode == "min"
    assert results.column("lr") == [0.5, 1.0, 3, 2]
    assert results.column("size") == [7, 7, 7, pytest.approx(math.nan, nan_ok=True)]
    (failure,) = results.failures
    assert failure.settings == {"lr": 2} and failure.error == "ValueError: too fast\nby far"
    assert "raise ValueError" in failure.traceback
    table = results.table().splitlines()
    assert table[0].split() == ["lr", "validation", "loss", "seconds", "error"]
    assert table[1].split()[:2] == ["0.5", "0.5000"]
    assert table[-1].endswith("ValueError: too fast")
    lines = file.getvalue().splitlines()
    assert lines[1].startswith("2 of 4: lr=1: validation loss 1.0000, ")
    assert lines[2].startswith("3 of 4: lr=2: failed: ValueError: too fast, ")
    results.write_csv(tmp_path / "search.csv")
    with open(tmp_path / "search.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert [r["lr"] for r in rows] == ["0.5", "1.0", "3", "2"]
    assert rows[3]["error"] == "ValueError: too fast\nby far" and rows[3]["validation_loss"] == ""


def test_no_best() -> None:
    def fail(a: int) -> float:
        raise OSError(f"no disk {a}")

    with pytest.raises(RuntimeError, match="all 2 combinations failed, the first of them with OSError: no disk 1"):
        _ = quiet(fail, {"a": [1, 2]}).best
    with pytest.raises(RuntimeError, match="score is NaN for all 1"):
        _ = quiet(lambda a: math.nan, {"a": [1]}).best
    with pytest.raises(RuntimeError, match="nothing"):
        _ = quiet(lambda a: 1, {"a": [1]}, search=random_search, trials=0).best


def test_the_best_epoch_of_a_history_counts() -> None:
    def train(k: float) -> History:
        return History([{"epoch": e, "validation_accuracy": k * a} for e, a in enumerate((0.2, 0.9, 0.5), 1)])

    results = quiet(train, {"k": [0.5, 1.0]})
    assert results.best.settings == {"k": 1.0} and results.best.score == 0.9 and results.best.values["epoch"] == 2
    assert quiet(train, {"k": [1.0]}, monitor="validation_accuracy", mode="min").best.score == 0.2


def test_ctrl_c_keeps_what_was_found() -> None:
    def train(a: int) -> float:
        if a == 3:
            raise KeyboardInterrupt
        return a

    results = quiet(train, {"a": [1, 2, 3, 4]})
    assert results.interrupted and results.column("a") == [2, 1]


def test_every_combination_starts_from_the_seed() -> None:
    def train(a: int) -> float:
        return torch.rand(a).sum().item()

    both = {r.settings["a"]: r.score for r in quiet(train, {"a": [3, 5]}, seed=4)}
    assert quiet(train, {"a": [5]}, seed=4).best.score == both[5]
    assert quiet(train, {"a": [5]}, seed=5).best.score != both[5]
    torch.manual_seed(9)
    expected = torch.rand(5).sum().item()
    torch.manual_seed(9)
    assert quiet(train, {"a": [5]}, seed=None).best.score == expected


def test_random_search_of_lists_repeats_nothing() -> None:
    space = {"a": [1, 2, 3], "b": ["x", "y"], "c": [True, False]}
    results = quiet(lambda a, b, c: a, space, trials=7, search=random_search)
    chosen = {tuple(r.settings.values()) for r in results}
    assert len(chosen) == len(results) == 7
    assert chosen != {tuple(r.settings.values()) for r in quiet(lambda **k: 0, space, 7, seed=1, search=random_search)}
    again = quiet(lambda a, b, c: a, space, trials=7, search=random_search)
    assert [r.settings for r in again] == [r.settings for r in results]
    every = quiet(lambda a, b, c: a, space, trials=100, search=random_search)
    assert len({tuple(r.settings.values()) for r in every}) == len(every) == 12


def test_random_search_draws_from_functions() -> None:
    space: dict[str, Any] = {"lr": lambda rng: 10 ** rng.uniform(-4, -1), "n": range(10)}
    results = quiet(lambda lr, n: -lr, space, trials=40, search=random_search)
    rates = results.column("lr")
    assert rates == sorted(rates) and 1e-4 <= rates[0] < 1e-3 and 1e-2 < rates[-1] <= 1e-1
    assert len(set(rates)) == 40 and set(results.column("n")) <= set(range(10)) and len(set(results.column("n"))) > 5
    assert rates == quiet(lambda lr, n: -lr, space, trials=40, search=random_search).column("lr")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: quiet(lambda a: a, {"b": [1]}),
            TypeError,
            r"train_function\(a\) cannot be called with the settings b",
        ),
        (lambda: quiet(lambda a: a, {"a": []}), ValueError, "'a' has no values"),
        (lambda: quiet(lambda a: a, {"a": 3}), TypeError, r"needs a list of values to try, but got 3; write \[3\]"),
        (lambda: quiet(lambda a: a, {"a": "adam"}), TypeError, r"write \['adam'\]"),
        (lambda: quiet("train", {"a": [1]}), TypeError, "is a str, not a function"),
        (lambda: quiet(lambda a: a, {"a": [1]}, mode="best"), ValueError, "mode is 'best'"),
        (lambda: quiet(lambda a: a, {"a": [1]}, trials=-1, search=random_search), ValueError, "0 or more, but got -1"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "returned NoneType; it must return a number"),
        ({"p": 1.0, "q": 2.0}, "which of p, q is the score"),
        (History(), "history without epochs"),
    ],
)
def test_results_that_are_no_scores(value: Any, message: str) -> None:
    assert message in quiet(lambda a: value, {"a": [1]}).failures[0].error
    assert "no 'loss'" in quiet(lambda a: {"p": 1.0}, {"a": [1]}, monitor="loss").failures[0].error


def test_a_search_over_trainings() -> None:
    points = torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 4)
    data = [(points, torch.tensor([0, 1] * 4))]

    def train(lr: float) -> History:
        model = torch.nn.Linear(2, 2)
        trainer = Trainer(model, torch.optim.SGD(model.parameters(), lr=lr), show_progress=False)
        return trainer.fit(data, data, epochs=5)

    results = quiet(train, {"lr": [0.0, 0.5, math.inf]}, monitor="validation_loss")
    assert results.best.settings == {"lr": 0.5}
    assert len(results.failures) == 1 and "NonFiniteLoss" in results.failures[0].error


# -- ensembles --------------------------------------------------------------------------------------


class Fixed(torch.nn.Module):
    def __init__(self, scores: list[list[float]]) -> None:
        super().__init__()
        self.scores = torch.nn.Parameter(torch.tensor(scores))

    def forward(self, x: Any) -> Any:
        return self.scores[: len(x)]


def test_the_average_of_probabilities() -> None:
    a, b = [[1.0, 2.0, 0.0], [5.0, 0.0, 0.0]], [[0.0, 0.0, 4.0], [100.0, -800.0, 0.0]]
    ensemble = Ensemble([Fixed(a), Fixed(b)])
    out = ensemble(torch.zeros(2, 1))

    def softmax(z: Any) -> Any:
        e = np.exp(np.array(z) - np.max(z, 1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    expected = (softmax(a) + softmax(b)) / 2
    np.testing.assert_allclose(out.softmax(1).detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(out.exp().detach().numpy(), expected, rtol=1e-6)
    assert accuracy(out, [2, 0]) == 1.0
    out[:, 1].sum().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in ensemble.parameters())


def test_the_average_of_scores() -> None:
    ensemble = Ensemble([Fixed([[1.0, 2.0]]), Fixed([[3.0, -2.0]])], average="scores")
    assert ensemble(torch.zeros(1, 1)).tolist() == [[2.0, 0.0]]
    assert "average='scores'" in repr(ensemble)


def test_an_ensemble_is_a_module_and_beats_its_members() -> None:
    torch.manual_seed(0)
    models = [torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.5)) for _ in range(3)]
    ensemble = Ensemble(models)
    assert len(ensemble.state_dict()) == 6 and next(iter(ensemble.state_dict())) == "models.0.0.weight"
    ensemble.eval()
    assert not any(m.training for m in models)
    trainer = Trainer(ensemble, torch.optim.SGD(ensemble.parameters()), show_progress=False)
    x, y = torch.randn(50, 3), torch.randint(0, 4, (50,))
    losses = [torch.nn.functional.cross_entropy(m(x), y).item() for m in models]
    # Jensen: the loss of the average probability is less than the average of the losses.
    assert trainer.evaluate([(x, y)])["loss"] < sum(losses) / 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Ensemble([]), ValueError, "no models"),
        (lambda: Ensemble([torch.nn.ReLU(), 3]), TypeError, "model 1 is a int"),  # type: ignore[list-item]
        (lambda: Ensemble([torch.nn.ReLU()], "median"), ValueError, "'median'"),  # type: ignore[arg-type]
        (lambda: Ensemble([torch.nn.Linear(1, 2), torch.nn.Linear(1, 3)])(torch.ones(1, 1)), RuntimeError, "shapes"),
    ],
)
def test_ensemble_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
