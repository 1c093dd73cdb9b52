"""The scripts of the CS155 sheet. Those on MNIST run on the bundled digits here, enlarged to its size."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.examples import runner
from tinygrad_hw.utils.data import DataLoader, TensorDataset

PLOTS = importlib.util.find_spec("matplotlib") is not None


def check_pictures(folder: Path, *names: str) -> None:
    if PLOTS:
        assert {path.name for path in folder.iterdir() if path.stat().st_size > 1000} == {
            f"cs155_{n}.png" for n in names
        }


def run_on_digits(script: str, monkeypatch: pytest.MonkeyPatch, out: Path) -> Any:
    """Run a script that reads MNIST in quick mode, with the digits instead."""
    parts = [
        SimpleNamespace(data=(images * 255).reshape(-1, 28, 28), targets=labels)
        for images, labels in runner.digits_as_mnist()
    ]
    functions = runner.load(script)
    monkeypatch.setattr(functions["common"], "find_data", lambda name, data: parts)
    return functions["main"](["--quick", "--out", str(out)])


def test_zero_weights() -> None:
    found = runner.run("cs155/zero_weights.py", "--quick")
    gradients, accuracy, units = found["ReLU", "zero"]
    assert gradients == [0, 0, 0] and accuracy == 0.5 and units == 1
    gradients, accuracy, units = found["ReLU", "random"]
    assert min(gradients) > 0 and accuracy > 0.95 and units == 8
    assert found["Sigmoid", "zero"][2] == 1, "sigmoid units from zeros stay copies of each other"
    assert found["Sigmoid", "random"][2] == 8


def test_sigmoid_is_slower_than_relu(tmp_path: Path) -> None:
    found = runner.run("cs155/sigmoid_relu.py", "--quick", "--out", tmp_path)
    for layers in (1, 2):
        assert all(n is not None and n < 10 for n in found["ReLU", layers])
        assert found["Sigmoid", layers] == [None, None]
    check_pictures(tmp_path, "sigmoid_relu")


def test_relus_die_of_sorted_data() -> None:
    found = runner.run("cs155/dying_relu.py", "--quick")
    for (before, after, _, later), (same, shuffled, reached, _) in zip(*found.values(), strict=True):
        assert before == same < 5, "both orders start from the same weights"
        assert after >= 7 > shuffled
        assert later < 0.7 and reached > 0.7


def test_a_dead_unit_gets_no_gradient() -> None:
    script = runner.load("cs155/dying_relu.py")
    rings = script["rings"]
    x, y = rings.points(20)
    model = rings.network((8,))
    with torch.no_grad():
        model[0].bias[:3] = -100.0
    assert script["dead"](model, x) >= 3
    torch.nn.functional.binary_cross_entropy_with_logits(model(x), y).backward()
    assert float(model[0].weight.grad[:3].abs().max()) == 0


def test_or_and_xor(tmp_path: Path) -> None:
    script = runner.load("cs155/or_xor.py")
    models = script["by_hand"]()
    assert models["OR"](script["POINTS"]).flatten().tolist() == [0, 1, 1, 2]
    assert models["XOR"](script["POINTS"]).flatten().tolist() == [0, 1, 1, 0]
    fits = script["main"](["--quick", "--out", str(tmp_path)])
    assert fits["OR", 0] == 6
    assert fits["XOR", 0] == fits["XOR", 1] == 0, "one ReLU divides the plane by one line or by none"
    assert fits["XOR", 4] > 0
    check_pictures(tmp_path, "or", "xor")


def test_hidden_units(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = run_on_digits("cs155/hidden_units.py", monkeypatch, tmp_path)
    assert list(found) == [100, 200, 1000]
    assert min(found.values()) > 0.5
    check_pictures(tmp_path, "hidden_units")


def test_hidden_units_are_not_more_than_allowed() -> None:
    script = runner.load("cs155/hidden_units.py")
    for limit, (hidden, *dropouts, _, _) in script["NETWORKS"].items():
        model = script["network"](hidden, *dropouts)
        linear = [layer.out_features for layer in model if isinstance(layer, torch.nn.Linear)]
        assert sum(linear[:-1]) <= limit and linear[-1] == 10
        assert {type(layer).__name__ for layer in model} == {"Flatten", "Dropout", "Linear", "ReLU"}


def test_convnet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on_digits("cs155/convnet.py", monkeypatch, tmp_path) > 0.5
    assert "Total params: 29,290" in capsys.readouterr().out
    check_pictures(tmp_path, "convnet")


def test_dropout_sweep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = run_on_digits("cs155/dropout_sweep.py", monkeypatch, tmp_path)
    assert list(found) == [0.0, 0.5, 0.9]
    assert found[0.0] > 0.5 > found[0.9]
    check_pictures(tmp_path, "dropout_sweep")


def test_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    totals = runner.run("cs155/shapes.py")
    assert list(totals.values()) == [608, 29290, 5994]
    assert "NO" not in capsys.readouterr().out


def test_pooling(capsys: pytest.CaptureFixture[str]) -> None:
    pooled = runner.run("cs155/pooling.py")
    assert pooled["upper left"] == {"average": [[1, 0.5], [0.5, 0.25]], "max": [[1, 1], [1, 1]]}
    assert pooled["lower right"] == {"average": [[0.25, 0.5], [0.5, 1]], "max": [[1, 1], [1, 1]]}
    printed = capsys.readouterr().out
    assert printed.count("yes") == 4 and "NO" not in printed


def test_convnetjs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_on_digits("cs155/convnetjs.py", monkeypatch, tmp_path)
    assert max(found, key=found.get) == "convolutional" and found["convolutional"] > 0.7
    assert "5,994" in capsys.readouterr().out
    check_pictures(tmp_path, "activations", "filters")


def test_images_are_cut_at_places_of_their_own() -> None:
    script = runner.load("cs155/convnetjs.py")
    torch.manual_seed(1)
    images = torch.arange(28 * 28).reshape(1, 1, 28, 28).repeat(50, 1, 1, 1)
    loader = script["RandomPlaces"](DataLoader(TensorDataset(images, torch.arange(50)), batch_size=25))
    corners = set()
    for cut, _ in loader:
        assert cut.shape == (25, 1, 24, 24)
        for image in cut:
            top, left = divmod(int(image[0, 0, 0]), 28)
            assert torch.equal(image, images[0, :, top : top + 24, left : left + 24])
            corners.add((top, left))
    assert {top for top, _ in corners} == {left for _, left in corners} == set(range(5))
    assert len(corners) > 15


def test_adadelta_steps_as_in_convnetjs() -> None:
    """Sums over the batch, the decay among them, divided by its size; xsum lags by one."""
    script = runner.load("cs155/convnetjs.py")
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2).double()
    optimizer = script["adadelta"](model)
    x = torch.randn(20, 3, dtype=torch.float64)
    weight, bias = (p.detach().numpy().copy() for p in model.parameters())
    sums = {name: [np.zeros_like(p), np.zeros_like(p)] for name, p in (("weight", weight), ("bias", bias))}
    for _ in range(3):
        optimizer.zero_grad()
        (model(x) ** 2).sum(1).mean().backward()
        optimizer.step()
        out = 2 * (x.numpy() @ weight.T + bias)
        steps = {}
        for name, p, gradient, decay in (("weight", weight, out.T @ x.numpy(), 0.001), ("bias", bias, out.sum(0), 0.0)):
            g = (gradient + decay * p) / 20
            squares, moves = sums[name]
            squares[...] = 0.95 * squares + 0.05 * g**2
            steps[name] = -np.sqrt((moves + 1e-6) / (squares + 1e-6)) * g
            moves[...] = 0.95 * moves + 0.05 * steps[name] ** 2
        weight, bias = weight + steps["weight"], bias + steps["bias"]
    np.testing.assert_allclose(model.weight.detach().numpy(), weight, rtol=1e-12)
    np.testing.assert_allclose(model.bias.detach().numpy(), bias, rtol=1e-12)
