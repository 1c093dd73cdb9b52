"""A training that is killed, interrupted or finished goes on with the same bits."""

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

import tinygrad_hw as torch
from tests.cli.conftest import Refused
from tinygrad_hw.cli import main
from tinygrad_hw.cli.config import read_toml

#: Everything that has a state: dropout and augmentation draw numbers, the optimizer and the schedule have a memory.
_LINE = (
    "train digits --model lenet --dropout 0.2 --augment --validation 0.1 --epochs 4 --batch-size 16 --accumulate 3 "
    "--clip 1 --schedule cosine --patience 3 --seed 7 --keep best --checkpoint-every 5 --no-report --quiet"
)
SETTINGS = _LINE.split()


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_hw", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def weights(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "model.npz") as archive:
        return {name: archive[name] for name in archive.files}


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def assert_same_run(a: Path, b: Path) -> None:
    assert rows(a) == rows(b)
    ours, theirs = weights(a), weights(b)
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name].tobytes() == theirs[name].tobytes(), name
    best, other = torch.load(a / "checkpoints/best.pt"), torch.load(b / "checkpoints/best.pt")
    assert all(best[name].numpy().tobytes() == other[name].numpy().tobytes() for name in best)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main([*SETTINGS, "--out", str(folder)]) == 0
    assert len(rows(folder)) == 4
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_in_the_middle_of_epochs(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    last = folder / "checkpoints/last.pt"
    process = start(*SETTINGS, "--out", str(folder))
    places = []
    for wanted in (1, 2, 3):
        before = None
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            # A new checkpoint, in the middle of an epoch, after so many.
            now = last.stat().st_mtime_ns if last.exists() else None
            if now != before:
                before = now
                state = torch.load(last)
                if state["epoch"] > len(state["history"]) >= wanted - 1 and state["batch"] >= 10:
                    break
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        state = torch.load(last)
        places.append((state["epoch"], state["batch"]))
        process = start("train", "--resume", str(folder), "--no-report", "--quiet")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert places[0][0] < 4, "it was killed too late to test anything"
    assert "going on after" in out
    assert_same_run(whole, folder)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupted_says_how_to_go_on(tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "my run"
    process = start(*(a for a in SETTINGS if a != "--quiet"), "--out", str(folder))
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch 1:" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"go on with: tinygrad-hw train --resume '{folder}'" in out
    assert (folder / "model.npz").exists()
    assert 1 <= len(rows(folder)) < 4
    assert main(["train", "--resume", str(folder), "--no-report", "--quiet"]) == 0
    assert_same_run(whole, folder)


def test_begins_again_without_a_checkpoint(tmp_path: Path, whole: Path) -> None:
    assert main([*SETTINGS, "--epochs", "0", "--out", str(tmp_path)]) == 0
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("epochs = 0", "epochs = 4"))
    for file in tmp_path.glob("checkpoints/*"):
        file.unlink()
    assert main(["train", "--resume", str(tmp_path), "--no-report", "--quiet"]) == 0
    assert_same_run(whole, tmp_path)


def test_a_configuration_makes_the_same_run_again(tmp_path: Path, whole: Path) -> None:
    arguments = ["--config", str(whole / "config.toml"), "--out", str(tmp_path / "again"), "--no-report", "--quiet"]
    assert main(["train", *arguments]) == 0
    assert_same_run(whole, tmp_path / "again")
    text = [(f / "config.toml").read_text() for f in (whole, tmp_path / "again")]
    assert text[0] == text[1]


def test_more_epochs(tmp_path: Path) -> None:
    common = ["--model", "mlp", "--hidden", "8", "--schedule", "none", "--no-report", "--quiet"]
    assert main(["train", *common, "--epochs", "3", "--out", str(tmp_path / "whole")]) == 0
    assert main(["train", *common, "--epochs", "1", "--out", str(tmp_path / "longer")]) == 0
    assert main(["train", "--resume", str(tmp_path / "longer"), "--epochs", "3", "--no-report", "--quiet"]) == 0
    assert rows(tmp_path / "whole") == rows(tmp_path / "longer")
    # It is a run of three epochs from now on.
    assert read_toml(tmp_path / "longer/config.toml") == read_toml(tmp_path / "whole/config.toml")
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "longer")
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_what_cannot_change(trained: Path, refused: Refused, tmp_path: Path) -> None:
    code, text = refused("train", "--resume", trained, "--lr", "0.5")
    assert code == 2
    assert "lr = 0.01" in text
    code, text = refused("train", "--resume", trained, "--epochs", "9")
    assert code == 2
    assert "cosine" in text
    code, text = refused("train", "--resume", trained, "--out", tmp_path)
    assert code == 2
    assert "--out" in text


def test_a_finished_run_stays_as_it_is(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = weights(trained)
    metrics = (trained / "metrics.csv").read_bytes()
    assert main(["train", "--resume", str(trained), "--no-report"]) == 0
    assert "all of its 4 epochs are done" in capsys.readouterr().out
    assert (trained / "metrics.csv").read_bytes() == metrics
    assert all(before[name].tobytes() == value.tobytes() for name, value in weights(trained).items())


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, refused: Refused, damage: str) -> None:
    folder = tmp_path / "run"
    arguments = ["--model", "mlp", "--hidden", "8", "--epochs", "1", "--no-report", "--quiet"]
    assert main(["train", *arguments, "--out", str(folder)]) == 0
    last = folder / "checkpoints/last.pt"
    content = bytearray(last.read_bytes())
    if damage == "cut":
        last.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        last.write_bytes(b"")
    elif damage == "flipped":
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(b ^ 0xFF for b in content[middle : middle + 64])
        last.write_bytes(content)
    else:
        torch.save({"weight": torch.ones(2)}, last)
    model = (folder / "model.npz").read_bytes()
    code, text = refused("train", "--resume", folder)
    assert code == 1
    assert "last.pt" in text
    assert (folder / "model.npz").read_bytes() == model
