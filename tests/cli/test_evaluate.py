"""eval: the numbers are those that follow from the model's answers."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.cli.conftest import Refused
from tinygrad_hw.cli import main
from tinygrad_hw.nn import functional as F
from tinygrad_hw.vision.datasets import Digits
from tinygrad_hw.vision.models import MLP


def answers(folder: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Return classes, labels and loss, computed without the command line."""
    model = MLP(64, (32,))
    with np.load(folder / "model.npz") as archive:
        model.load_state_dict({name: torch.as_tensor(archive[name]) for name in archive.files})
    digits = Digits(train=False)
    images = (digits.data.float() / 255 - 0.3053) / 0.3760
    scores = model.eval()(images.unsqueeze(1)).detach()
    return scores.argmax(1).numpy(), digits.targets.numpy(), F.cross_entropy(scores, digits.targets).item()


def test_numbers(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), "--csv", str(tmp_path / "matrix.csv")]) == 0
    out = capsys.readouterr().out
    found, labels, loss = answers(trained)
    assert f"accuracy  {(found == labels).mean():.2%}" in out
    assert f"loss      {loss:.4f}" in out
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (labels, found), 1)
    with open(tmp_path / "matrix.csv", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["", *map(str, range(10))]
    np.testing.assert_array_equal(np.array([line[1:] for line in lines[1:]], int), matrix)
    three = next(line.split() for line in out.splitlines() if line.startswith("3 "))
    precision, recall = matrix[3, 3] / matrix[:, 3].sum(), matrix[3, 3] / matrix[3].sum()
    assert [float(v) for v in three[1:3]] == pytest.approx([precision, recall], abs=1e-4)
    off = matrix - np.diag(np.diag(matrix))
    true, taken = np.unravel_index(off.argmax(), off.shape)
    assert f"most confused: {true} taken for {taken}, {off.max()} times" in out


def test_other_images(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(trained), "--split", "train", "--weights", "best"]) == 0
    out = capsys.readouterr().out
    assert "train set: 1,438 images" in out
    accuracy = next(float(line.split()[1].rstrip("%")) for line in out.splitlines() if line.startswith("accuracy"))
    assert accuracy > 95


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: shutil.rmtree(f), "there is no run"),
        (lambda f: (f / "config.toml").unlink(), "no config.toml"),
        (lambda f: (f / "config.toml").write_text("lr = = 3"), "is no TOML"),
        (lambda f: (f / "config.toml").write_text("lr = 1\n[input]\nchannels = 1"), "[input] is damaged"),
        (lambda f: (f / "config.toml").write_text("lr = 1"), "no table [input]"),
        (lambda f: (f / "model.npz").write_bytes(b"PK\3\4" + bytes(90)), "model.npz"),
        (lambda f: (f / "model.npz").write_bytes(b"hello"), "model.npz"),
        (lambda f: ((f / "model.npz").unlink(), (f / "checkpoints/last.pt").unlink()), "has no weights yet"),
        (
            lambda f: (f / "config.toml").write_text((f / "config.toml").read_text().replace("[32]", "[31]")),
            "does not fit the model",
        ),
    ],
)
def test_damage_is_one_line(
    trained: Path, tmp_path: Path, refused: Refused, damage: Callable[[Path], object], said: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    damage(folder)
    code, text = refused("eval", folder)
    assert code == 1
    assert said in text
    assert text.startswith("tinygrad-hw eval: ")


def test_a_run_that_did_not_end(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    assert main(["eval", str(folder)]) == 0
    whole = capsys.readouterr().out
    (folder / "model.npz").unlink()
    assert main(["eval", str(folder)]) == 0
    assert capsys.readouterr().out == whole


def test_another_size_is_refused(trained: Path, refused: Refused, tmp_path: Path) -> None:
    code, text = refused("eval", trained, "--dataset", "mnist", "--data", tmp_path)
    assert code == 1
    assert "with --data" in text
