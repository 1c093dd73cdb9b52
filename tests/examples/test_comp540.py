"""The scripts of the Comp540 sheet, on made-up images unless they check something by numbers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.examples import runner
from tinygrad_hw.autograd import Function

PLOTS = importlib.util.find_spec("matplotlib") is not None
SHEET = runner.COURSEWORK / "comp540"


def quick(script: str, out: Path, *pictures: str) -> Any:
    """Run a script in its quick mode, where no data is at hand; return what its main function returns."""
    result = runner.run(f"comp540/{script}.py", "--quick", "--data", out / "nothing", "--out", out)
    if PLOTS:
        assert {path.name for path in out.glob("*.png") if path.stat().st_size > 1000} == set(pictures)
    return result


def rows(printed: str) -> dict[str, list[str]]:
    """Return the cells of the printed tables by the first one in their row."""
    lines = [line.split("|")[1:-1] for line in printed.splitlines() if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_every_script_is_tried() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    scripts = [path.stem for path in SHEET.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
    assert len(scripts) == 10
    assert [name for name in scripts if f'quick("{name}"' not in text] == []


def test_check_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = quick("check_layers", tmp_path)
    assert len(errors) == 23
    assert max(errors.values()) <= 1e-6
    assert max(error for name, error in errors.items() if name.startswith("dropout")) <= 1e-8
    assert "Softmax loss of small scores: 2.30" in capsys.readouterr().out


def test_a_wrong_layer_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The backward pass of an affine layer that forgets a thousandth of its gradient."""

    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 0.999 * g

    right = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda x, w, b: right(Wrong.apply(x), w, b))
    with pytest.raises(SystemExit, match=r"over the limit: \['affine, dx', 'affine, ReLU, dx'\]"):
        quick("check_layers", tmp_path)


def test_fast_layers(tmp_path: Path) -> None:
    ratios = quick("fast_layers", tmp_path)
    assert len(ratios) == 4
    assert min(ratios.values()) > 1


def test_naive_layers_are_exact() -> None:
    script = runner.load("comp540/fast_layers.py")
    x = torch.randn(2, 3, 7, 6, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 3, 3, 2, dtype=torch.float64)
    out = torch.nn.functional.conv2d(x, w, stride=2, padding=1)
    ours = script["conv_forward_naive"](x.detach().numpy(), w.numpy(), np.zeros(4), 2, 1)
    np.testing.assert_allclose(ours, out.detach().numpy())
    dout = torch.randn(*out.shape, dtype=torch.float64)
    out.backward(dout)
    dx, _, db = script["conv_backward_naive"](dout.numpy(), x.detach().numpy(), w.numpy(), 2, 1)
    np.testing.assert_allclose(dx, x.grad.numpy())
    np.testing.assert_allclose(db, dout.sum((0, 2, 3)).numpy())


def test_two_layer_net(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accuracies = quick("two_layer_net", tmp_path, "two_layer_net.png")
    assert list(accuracies) == ["train", "validation", "test"]
    assert accuracies["test"] > 0.9  # the made-up images are easy
    table = rows(capsys.readouterr().out)
    assert table["loss"] == ["3.4702243556"] * 2
    assert table["loss, regularisation 1"] == ["26.5948426952"] * 2
    assert float(table["sum of differences of the scores"][0]) < 1e-6
    for reg in (0.0, 0.7):
        assert float(table[f"error of the gradients, regularisation {reg}"][0]) <= 1e-6


def test_overfit_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    epochs = quick("overfit_small", tmp_path, "overfit_small.png")
    assert list(epochs) == ["three layers", "five layers"]
    lines = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:6]]
    assert max(float(error) for *_, error in lines) <= 1e-6
    losses = [float(loss) for _, _, loss, _ in lines]
    assert losses[0] == pytest.approx(np.log(10), abs=0.05)
    assert losses[1] > 5


def test_update_rules(tmp_path: Path) -> None:
    accuracies = quick("update_rules", tmp_path, "update_rules.png")
    assert list(accuracies) == ["SGD", "momentum", "RMSProp", "Adam"]
    assert accuracies["Adam"] > max(0.5, accuracies["SGD"])
    errors = runner.load("comp540/update_rules.py")["step_errors"]()
    assert errors["momentum"] < 1e-8
    assert max(errors["RMSProp"], errors["Adam"]) < 1e-7


def test_dropout(tmp_path: Path) -> None:
    runs = quick("dropout", tmp_path, "dropout.png")
    assert list(runs) == ["dropout 0.0", "dropout 0.25", "dropout 0.5", "dropout 0.75"]
    assert all(len(column) == 3 for run in runs.values() for column in run.values())
    assert runs["dropout 0.75"]["train_loss"] != runs["dropout 0.0"]["train_loss"]


def test_fully_connected(tmp_path: Path) -> None:
    assert quick("fully_connected", tmp_path, "fully_connected.png")["test"] > 0.5


def test_three_layer_convnet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(quick("three_layer_convnet", tmp_path, "three_layer_filters.png")) == {"train", "validation", "test"}
    table = rows(capsys.readouterr().out)
    loss = float(table["loss at the start"][0])
    assert loss == pytest.approx(np.log(10), abs=0.02)
    assert float(table["with regularisation 0.5"][0]) > loss + 0.05
    errors = [float(cells[0]) for name, cells in table.items() if name.startswith("error of the gradient")]
    assert len(errors) == 6
    assert max(errors) <= 1e-6


def test_convnet_ideas(tmp_path: Path) -> None:
    accuracies = quick("convnet_ideas", tmp_path, "convnet_ideas.png")
    assert len(accuracies) == 6
    assert all(0 <= value <= 1 for value in accuracies.values())
    # The same weights and batches: what differs is what was changed.
    assert len(set(accuracies.values())) > 1


def test_best_convnet(tmp_path: Path) -> None:
    found = quick("best_convnet", tmp_path, "best_convnet.png", "best_filters.png")
    assert list(found) == ["network 1", "network 2", "network 3", "ensemble"]
    assert set(torch.load(tmp_path / "best_convnet.pt")) >= {"0.weight", "1.running_mean"}


def test_the_penalty_is_what_the_optimizer_subtracts() -> None:
    nets = runner.load("comp540/nets.py")
    net = nets["fully_connected"]([4], inputs=3, classes=2, weight_scale=1.0).double()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    expected = iter(torch.autograd.grad(nets["penalty"](net, 0.3), nets["weights"](net)))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    torch.optim.SGD(nets["decayed"](net, 0.3), lr=1.0).step()
    for name, p in net.named_parameters():
        change = (before[name] - p).detach().numpy()
        np.testing.assert_allclose(change, next(expected).numpy() if name.endswith("weight") else 0)


def test_missing_images_are_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cifar10 was not found in .*nothing; say where it is with --data"):
        runner.run("comp540/dropout.py", "--data", tmp_path / "nothing", "--out", tmp_path)


def test_without_matplotlib_the_numbers_still_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    runner.run("comp540/update_rules.py", "--quick", "--out", tmp_path)
    printed = capsys.readouterr().out
    assert "| Adam" in printed
    assert "no update_rules.png: pictures need matplotlib" in printed


@runner.needs("cifar-10-batches-py")
def test_the_images_are_split_as_the_sheet_says() -> None:
    cifar = runner.load("comp540/cifar.py")
    parser = runner.load("common.py")["parser"]
    splits = cifar["load"](parser(None).parse_args(["--data", str(runner.DATA)]))
    assert [len(part.images) for part in splits.values()] == [29000, 1000, 10000]
    assert splits["train"].labels[:6].tolist() == [6, 9, 9, 4, 1, 1]
    few = {name: type(part)(part.images[:50], part.labels[:50]) for name, part in splits.items()}
    data = cifar["centred"](few)
    images, _ = data["train"].tensors
    assert images.shape == (50, 3, 32, 32)
    assert abs(images.mean(0).numpy()).max() < 1e-3
    # The pixels are where they were: channels moved to the front, nothing else.
    mean = few["train"].images.mean(0)
    np.testing.assert_allclose(images[3, 2, 5, 7].item(), few["train"].images[3, 5, 7, 2] - mean[5, 7, 2], rtol=1e-5)
