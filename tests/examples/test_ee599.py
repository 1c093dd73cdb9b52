"""The scripts of the EE599 sheet."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import tinygrad_hw as torch
from tests.examples import runner
from tinygrad_hw.vision.datasets import MNIST

PLOTS = importlib.util.find_spec("matplotlib") is not None


def pictures(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.png") if path.stat().st_size > 1000}


def test_mnist_mlp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    runner.write_hdf5(tmp_path)
    results = runner.run("ee599/mnist_mlp.py", "--data", tmp_path, "--out", tmp_path, "--quick")
    assert len(results) == 7
    assert results["test_accuracy"] > 0.8
    assert results["tanh, 0.3"] > results["tanh, 0.03"]
    assert "rate halved after epochs (2, 4)" in capsys.readouterr().out
    if PLOTS:
        assert len(pictures(tmp_path)) == 7


def test_the_rate_is_halved_where_the_plots_say(tmp_path: Path) -> None:
    script = runner.load("ee599/mnist_mlp.py")
    data = runner.digits_as_mnist()[0]
    some = data[0][:100], data[1][:100]
    _, history = script["train"]("tanh", 0.1, some, some, 6, (2, 4), 0)
    assert history["lr"] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    assert history.lr_changes == [2, 4]


@runner.needs("mnist")
def test_hdf5_files_are_made_from_mnist(tmp_path: Path) -> None:
    import argparse

    pytest.importorskip("h5py")
    script = runner.load("ee599/hdf5_data.py")
    (images, labels), (test_images, test_labels) = script["load"](argparse.Namespace(data=runner.DATA, out=tmp_path))
    assert images.shape == (60000, 784) and test_images.shape == (10000, 784)
    assert images.dtype == torch.float32 and float(images.max()) == 1.0
    assert labels[:5].tolist() == [5, 0, 4, 1, 9] and test_labels[:5].tolist() == [7, 2, 1, 0, 4]


@runner.needs("mnist")
def test_published_variants_are_read(tmp_path: Path) -> None:
    """The files that the data's own script writes hold the same numbers as MNIST's."""
    import argparse

    pytest.importorskip("h5py")
    runner.make_variants(tmp_path, "--only", "hdf5", "--hdf5-rows", "50")
    script = runner.load("ee599/hdf5_data.py")
    (images, labels), _ = script["load"](argparse.Namespace(data=tmp_path, out=tmp_path / "not used"))
    original = MNIST(runner.DATA / "mnist", train=True)
    assert torch.equal(images, torch.as_tensor(original.data)[:50].flatten(1).float() / 255)
    assert labels.tolist() == torch.as_tensor(original.targets)[:50].tolist()
    assert not (tmp_path / "not used").exists()


@runner.needs("fashion-mnist")
def test_fashion_confusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = runner.run("ee599/fashion_confusion.py", "--data", runner.DATA, "--out", tmp_path, "--quick")
    assert int(result["matrix"].sum()) == 1000
    assert result["accuracy"] > 0.5
    assert "most confused" in capsys.readouterr().out
    if PLOTS:
        assert pictures(tmp_path) == {"ee599_fashion_confusion.png"}


@runner.needs("fashion-mnist")
def test_weight_histograms(tmp_path: Path) -> None:
    spread = runner.run("ee599/weight_histograms.py", "--data", runner.DATA, "--out", tmp_path, "--quick")
    assert list(spread) == ["128 plain", "48 regularised"]
    if PLOTS:
        assert pictures(tmp_path) == {"ee599_weight_histograms.png"}


def test_l2_penalty_is_on_the_weights_alone_and_means_what_it_says() -> None:
    script = runner.load("ee599/fashion.py")
    images, labels = torch.rand(40, 784), torch.arange(40) % 10
    trainer = script["train"](5, 0.0, 1e-4, (images, labels), (images, labels), 1, 0)
    weights, biases = trainer.optimizer.param_groups
    assert {p.ndim for p in weights["params"]} == {2} and {p.ndim for p in biases["params"]} == {1}
    weight = trainer.model[0].weight.detach().requires_grad_()
    (1e-4 * weight**2).sum().backward()
    assert torch.allclose(weight.grad, weights["weight_decay"] * weight)
    assert biases["weight_decay"] == 0


def test_human_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    result = runner.run("ee599/human_machine.py", "--out", tmp_path, "--quick")
    assert 0.55 < result["accuracy"] < result["best"] + 0.03
    assert result["same"]
    state = torch.load(tmp_path / "human_machine.hdf5")
    assert state["0.weight"].shape == (20, 20)
    if PLOTS:
        assert len(pictures(tmp_path)) == 2


def test_made_up_sequences_follow_the_rule() -> None:
    script = runner.load("ee599/human_machine.py")
    bits = script["human"](20_000)
    switched = (bits[:, 1:] != bits[:, :-1]).float()
    assert int((switched.unfold(1, 4, 1).sum(2) == 0).sum()) == 0, "a run of five"
    assert float(switched[:, :3].mean()) == pytest.approx(0.65, abs=0.01)
    assert float(bits.float().mean()) == pytest.approx(0.5, abs=0.01)
    assert float((script["machine"](20_000).float()).mean()) == pytest.approx(0.5, abs=0.01)


def test_best_possible_accuracy() -> None:
    script = runner.load("ee599/human_machine.py")
    bits, labels = script["make_data"](20_000)
    # The likelier kind is the best guess; count how often it is right.
    guess = (script["human_probability"](bits.long()) > 0.5**20).float()
    measured = float((guess == labels[:, 0]).float().mean())
    assert script["best_accuracy"]() == pytest.approx(measured, abs=0.01)
    every = torch.arange(2**20)
    total = script["human_probability"](torch.stack([every >> i & 1 for i in range(20)], 1)).sum()
    assert float(total) == pytest.approx(1.0)


def test_without_matplotlib_the_numbers_still_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("h5py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    runner.run("ee599/human_machine.py", "--out", tmp_path, "--quick")
    printed = capsys.readouterr().out
    assert "best possible" in printed
    assert printed.count("pictures need matplotlib (pip install 'tinygrad-hw[plot]')") == 2
    assert not list(tmp_path.glob("*.png"))
