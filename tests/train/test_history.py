"""The history of a training: rows, columns, tables and files."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path

import pytest

from tinygrad_hw.train import History, Row


def history() -> History:
    return History(
        [
            {"epoch": 1, "train_loss": 0.5, "train_accuracy": 0.25, "lr": 0.1, "seconds": 1.5},
            {"epoch": 2, "train_loss": 1e-5, "train_accuracy": 0.75, "lr": 0.1, "seconds": 2.0, "validation_loss": 0.7},
            {"epoch": 3, "train_loss": math.nan, "train_accuracy": 0.5, "lr": 0.05, "seconds": 0.25},
        ]
    )


def test_rows_and_columns() -> None:
    h = history()
    assert len(h) == 3
    assert h.columns == ["epoch", "train_loss", "train_accuracy", "validation_loss", "lr", "seconds"]
    assert h["train_accuracy"] == [0.25, 0.75, 0.5]
    assert h["epoch"] == [1, 2, 3]
    assert h[1].validation_loss == h[1]["validation_loss"] == 0.7
    assert math.isnan(h["validation_loss"][0]) and h["validation_loss"][1] == 0.7
    assert [r.epoch for r in h] == [1, 2, 3]
    assert isinstance(h[:2], History) and len(h[:2]) == 2
    assert "train_loss" in h and "loss" not in h and h[0] in h
    assert h.get("loss") is None and h.get("lr") == [0.1, 0.1, 0.05]
    assert dict(h[0])["lr"] == 0.1
    assert "lr" in dir(h[0])
    assert h != history()[:2] and h[:2] == history()[:2]


def test_a_row_is_copied_and_pickled() -> None:
    row = Row({"epoch": 1, "lr": 0.5})
    assert pickle.loads(pickle.dumps(row)) == copy.deepcopy(row) == copy.copy(row) == row
    assert repr(row) == "Row(epoch=1, lr=0.5)"


def test_names_that_there_are_not() -> None:
    with pytest.raises(KeyError, match="'loss' is no column of the history; it has epoch, train_loss"):
        history()["loss"]
    with pytest.raises(KeyError, match="train first"):
        History()["loss"]
    with pytest.raises(KeyError, match="no column of this epoch"):
        history()[0]["validation_loss"]
    with pytest.raises(AttributeError, match="no column 'test_loss'"):
        _ = history()[0].test_loss


def test_best() -> None:
    h = history()
    assert h.best("train_loss").epoch == 2
    assert h.best("train_accuracy").epoch == 2
    assert h.best("train_accuracy", "min").epoch == 1
    assert h.best("lr", "max").epoch == 1  # the first of equal ones
    with pytest.raises(ValueError, match="no number"):
        History([{"a": math.nan}]).best("a")
    with pytest.raises(ValueError, match="'least'"):
        h.best("lr", "least")


def test_changes_of_the_learning_rate() -> None:
    def rates(*values: float) -> History:
        return History([{"epoch": i, "lr": v} for i, v in enumerate(values, 1)])

    assert rates(*[0.1] * 3, *[0.05] * 2, *[0.025] * 3).lr_changes == [3, 5]
    assert rates(0.1, 0.1, 0.1).lr_changes == []
    assert rates(0.1, 0.1, 0.05).lr_changes == [2]
    assert rates(*[1 / n for n in range(1, 9)]).lr_changes == []  # a smooth schedule
    assert History().lr_changes == [] and History([{"epoch": 1}]).lr_changes == []


def test_table() -> None:
    assert history().table().splitlines() == [
        "epoch  train loss  train accuracy  validation loss    lr  seconds",
        "    1      0.5000          25.00%                -   0.1     1.50",
        "    2   1.000e-05          75.00%           0.7000   0.1     2.00",
        "    3           -          50.00%                -  0.05     0.25",
    ]
    assert History().table() == ""


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    h = history()
    h.append({"epoch": 4, "train_loss": 1 / 3, "train_accuracy": math.inf, "lr": 5e-324, "seconds": 0.0})
    h.write_csv(path)
    assert path.read_text().splitlines()[0] == "epoch,train_loss,train_accuracy,validation_loss,lr,seconds"
    again = History.read_csv(path)
    assert again.columns == h.columns
    for name in h.columns:
        for a, b in zip(h[name], again[name], strict=True):
            assert a == b or (math.isnan(a) and math.isnan(b))
    assert [type(e) for e in again["epoch"]] == [int] * 4
    path.write_text("")
    assert len(History.read_csv(path)) == 0


def test_damaged_csv(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,lr\n1,0.5\n2\n")
    with pytest.raises(ValueError, match=r"metrics.csv, line 3: 1 fields under 2 names"):
        History.read_csv(path)
    path.write_text("epoch,lr\n1,fast\n")
    with pytest.raises(ValueError, match=r"line 2: could not convert string to float: 'fast'"):
        History.read_csv(path)
