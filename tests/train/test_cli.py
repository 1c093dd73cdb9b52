"""The train command, as a user calls it."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygrad_hw.cli import main

MNIST = Path(os.environ.get("TINYGRAD_HW_DATA", Path(__file__).parents[3] / "shared" / "data")) / "mnist"


def test_digits_with_every_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["train", "digits", "--model", "mlp", "--hidden", "32,16", "--dropout", "0.1", "--epochs", "2",
         "--batch-size", "32", "--lr", "0.01", "--optimizer", "sgd", "--seed", "3", "--out", str(tmp_path)]
    )  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0
    assert "test accuracy" in out
    with open(tmp_path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["epoch"] for r in rows] == ["1", "2"]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])
    with np.load(tmp_path / "model.npz") as archive:
        assert archive["layers.linear1.weight"].shape == (32, 64)
        assert archive["layers.output.bias"].shape == (10,)


def test_same_seed_same_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["train", "--epochs", "1", "--seed", "5", "--out", str(tmp_path / name)]) == 0
    with np.load(tmp_path / "a/model.npz") as a, np.load(tmp_path / "b/model.npz") as b:
        assert a.files == b.files
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_lenet_learns_the_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--epochs", "12"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert float(line.split()[2].rstrip("%")) >= 96.0


def test_missing_data_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "mnist", "--data", str(tmp_path)]) == 1
    assert "train-images-idx3-ubyte" in capsys.readouterr().err


def test_help_and_bad_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0
    assert "--batch-size" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["train", "cifar"])
    assert stop.value.code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt_keeps_what_was_trained(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tinygrad_hw",
            "train",
            "--epochs",
            "100000",
            "--out",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 3:" in line:
            break
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped after" in out
    assert "Traceback" not in err
    assert (tmp_path / "model.npz").exists()
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) >= 3


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason="no MNIST files")
def test_lenet_on_mnist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "mnist", "--data", str(MNIST), "--model", "lenet", "--epochs", "2"]) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert float(line.split()[2].rstrip("%")) >= 98.5
