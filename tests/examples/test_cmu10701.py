"""The scripts of the 10-701 sheet."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import tinygrad_hw as torch
from tests.examples import runner


def test_hand_written_layers_agree_with_autograd() -> None:
    results = runner.run("cmu10701/check_modules.py")
    assert len(results) == 6
    assert all(value < 1e-12 and gradient < 1e-12 for _, value, gradient in results)


def test_a_wrong_backward_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    script = runner.load("cmu10701/check_modules.py")
    monkeypatch.setattr(script["modules"].Tanh, "backward", lambda self, g: g * (1 - self.z))
    with pytest.raises(SystemExit, match="differ: Tanh, Network"):
        script["main"]([])


def test_worked_example_gives_the_answers_of_the_sheet() -> None:
    """The input is one that was found by search; see the script."""
    script = runner.load("cmu10701/worked_example.py")
    results = script["main"]([])
    assert len(results) == 3
    for answers in results.values():
        assert {name: round(value, 4) for name, value in answers.items()} == script["SHEET"]
    for a, b in itertools.combinations(results.values(), 2):
        assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.torch
def test_worked_example_in_pytorch() -> None:
    pytorch = pytest.importorskip("torch")
    script = runner.load("cmu10701/worked_example.py")
    x, y, *parameters = (pytorch.tensor(t.tolist(), dtype=pytorch.float64) for t in script["tensors"]())
    alpha, alpha_0, beta, beta_0 = (p.requires_grad_() for p in parameters)
    scores = pytorch.sigmoid(x @ alpha.T + alpha_0) @ beta.T + beta_0
    loss = pytorch.nn.functional.cross_entropy(scores, y)
    loss.backward()
    penalty = script["DECAY"] / 2 * (alpha.square().sum() + beta.square().sum())
    expected = {
        "regularised loss": float((loss + penalty).detach()),
        "beta_21": float((beta - beta.grad)[1, 0].detach()),
        "beta_10": float((beta_0 - beta_0.grad)[0].detach()),
        "alpha_34": float((alpha - alpha.grad)[2, 3].detach()),
    }
    assert script["by_library"]() == pytest.approx(expected, rel=1e-12)


def test_batch_descent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner.write_csv(tmp_path, 300, 100)
    results = runner.run("cmu10701/batch_descent.py", "--data", tmp_path, "--out", tmp_path, "--quick")
    assert len(results) == 5
    assert min(train for train, _ in results.values()) > 0.5
    assert results["256 tanh"][0] > max(0.8, results["256 sigmoid"][0])
    printed = capsys.readouterr().out
    assert printed.count("\n| ") == 7
    if "no cmu10701" not in printed:
        assert (tmp_path / "cmu10701_batch_descent.png").stat().st_size > 1000


def test_batch_descent_is_the_same_every_time(tmp_path: Path) -> None:
    script = runner.load("cmu10701/batch_descent.py")
    images, labels = torch.rand(50, 784), torch.arange(50) % 10
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        model = script["network"]([16], script["modules"].Tanh)
        losses.append(script["train"](model, images, labels, 5, 0.1))
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


@runner.needs("mnist")
def test_csv_files_are_made_from_mnist(tmp_path: Path) -> None:
    import argparse

    from tinygrad_hw.vision.datasets import MNIST, CSVDataset

    script = runner.load("cmu10701/batch_descent.py")
    folder = script["csv_folder"](argparse.Namespace(data=runner.DATA, out=tmp_path))
    for train, rows in ((True, 3000), (False, 1000)):
        made, original = CSVDataset(folder, train=train), MNIST(runner.DATA / "mnist", train=train)
        assert len(made) == rows
        assert torch.equal(made.data, torch.as_tensor(original.data)[:rows].flatten(1).float() / 255)
        assert torch.equal(made.targets, torch.as_tensor(original.targets).long()[:rows])


@runner.needs("mnist")
def test_published_variants_are_what_is_made_here(tmp_path: Path) -> None:
    import argparse

    script = runner.load("cmu10701/batch_descent.py")
    published, made = tmp_path / "published", tmp_path / "made"
    runner.make_variants(published, "--only", "csv")
    assert script["csv_folder"](argparse.Namespace(data=published, out=made)) == published
    assert not made.exists()
    script["csv_folder"](argparse.Namespace(data=runner.DATA, out=made))
    for name in ("train.csv", "test.csv"):
        assert (made / name).read_bytes() == (published / name).read_bytes()
