"""summary, export, check-gradients, bench, report, help, configuration files, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.cli.conftest import Refused
from tinygrad_hw.cli import main
from tinygrad_hw.cli.config import dump_toml, read_toml
from tinygrad_hw.cli.entry import COMMANDS
from tinygrad_hw.cli.settings import FIELDS, Settings
from tinygrad_hw.vision.datasets import Digits

NAMES = [{"evaluate": "eval"}.get(c, c.replace("_", "-")) for c in COMMANDS]
QUICK = ["--model", "mlp", "--hidden", "8", "--epochs", "1", "--no-report", "--quiet"]


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: tinygrad-hw {name}")
    assert max(map(len, out.splitlines())) <= 100
    assert name == "show-config" or f"examples:\n  tinygrad-hw {name}" in out
    assert "==SUPPRESS==" not in out


def test_help_of_train_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    for name in FIELDS:
        assert name == "dataset" or f"--{name.replace('_', '-')}" in out
    assert "(default: 32)" in out
    assert "same run (default: 0)" in " ".join(out.split())


# -- configuration ---------------------------------------------------------------------------------


def test_toml_comes_back(tmp_path: Path) -> None:
    values = {
        "text": 'a "quoted" \\ name\twith ümlaut and \x7f',
        "whole": 3,
        "small": 1e-12,
        "yes": True,
        "list": [1, 2],
        "names": ["T-shirt/top", "o'clock"],
        "table": {"x": 0.1, "none": []},
    }
    (tmp_path / "a.toml").write_text(dump_toml(values), encoding="utf-8")
    assert read_toml(tmp_path / "a.toml") == values


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('model = "mlp"\nhidden = [12]\nepochs = 1\nbatch-size = 64\nlr = 1\n')
    out = tmp_path / "run"
    arguments = ["--lr", "0.02", "--out", str(out), "--no-report", "--quiet"]
    assert main(["train", "--config", str(file), *arguments]) == 0
    written = read_toml(out / "config.toml")
    assert (written["hidden"], written["batch_size"], written["lr"], written["epochs"]) == ([12], 64, 0.02, 1)
    assert set(FIELDS) <= set(written)
    assert written["input"]["classes"] == [str(i) for i in range(10)]
    assert written["facts"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epocs = 3", "no setting 'epocs'; did you mean 'epochs'?"),
        ("batchsize = 3", "did you mean 'batch_size'?"),
        ('optimizer = "adma"', "'adma' is none of adam"),
        ("epochs = 2.5", "epochs should be a whole number, not 2.5"),
        ("lr = 0", "lr should be more than 0"),
        ("dropout = 1.5", "dropout should be at least 0 and at most 0.99"),
        ("augment = 1", "augment should be true or false"),
        ("hidden = [3, 0]", "hidden should be at least 1"),
        ("seed = true", "seed should be a whole number"),
        ('schedule = "step"', "--milestones"),
        ("momentum = 0.9", "--momentum"),
        ("batches = [1]", "--batches"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, refused: Refused, text: str, said: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    code, line = refused("train", "--config", tmp_path / "run.toml")
    assert code == 2
    assert said in line


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["train", "--epohcs", "3"], "there is no option --epohcs; did you mean '--epochs'?", 2),
        (["train", "--epochs", "many"], "should be a whole number", 2),
        (["train", "--lr", "-1"], "more than 0", 2),
        (["train", "--config", "nowhere.toml"], "nowhere.toml: No such file", 1),
        (["train", "--resume", "nowhere"], "there is no run nowhere", 1),
        (["train", "--validation", "0.0001", "--quiet"], "leaves", 2),
        (["evl"], "invalid choice: 'evl'", 2),
        (["summary", "lenett"], "no run, no model", 1),
        (["summary", "lenet", "--columns", "colour"], "'colour' is none of", 2),
        (["summary", "lenet", "--input-size", "3,a"], "should be sizes", 2),
        (["check-gradients", "nowhere.py:make"], "No such file", 1),
        (["predict", "nowhere", "x.png"], "there is no run", 1),
        (["export", "nowhere", "x.docx"], "suffix", 2),
    ],
)
def test_refusals_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused, arguments: list[str], said: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    got, line = refused(*arguments)
    assert got == code
    assert said in line


def test_a_run_is_not_overwritten(tmp_path: Path, refused: Refused) -> None:
    assert main(["train", *QUICK, "--out", str(tmp_path)]) == 0
    (tmp_path / "notes.txt").write_text("mine")
    code, text = refused("train", *QUICK, "--out", tmp_path)
    assert code == 2
    assert f"--resume {tmp_path}" in text
    before = (tmp_path / "model.npz").read_bytes()
    code, _ = refused("train", "mnist", *QUICK, "--data", tmp_path, "--force", "--out", tmp_path)
    assert code == 1
    assert (tmp_path / "model.npz").read_bytes() == before, "a run was lost to one that could not begin"
    assert main(["train", *QUICK, "--seed", "3", "--force", "--out", str(tmp_path)]) == 0
    assert read_toml(tmp_path / "config.toml")["seed"] == 3
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_test_set_is_not_trained_on(tmp_path: Path) -> None:
    from tinygrad_hw.cli.data import load_parts
    from tinygrad_hw.cli.settings import resolved

    parts = load_parts(resolved({"validation": 0.2, "seed": 4}))
    assert [len(parts[n]) for n in ("train", "validation", "test")] == [1150, 288, 359]
    rows = {name: {p.tobytes() for p in part.pixels} for name, part in parts.items()}
    everything = {p.tobytes() for p in Digits(train=True).data.numpy()}
    assert rows["train"] | rows["validation"] == everything
    # A few digits are drawn twice, pixel by pixel.
    assert len(rows["train"] & rows["validation"]) <= 2
    again = load_parts(resolved({"validation": 0.2, "seed": 4}), ("train",))["train"]
    np.testing.assert_array_equal(again.labels, parts["train"].labels)
    other = load_parts(resolved({"validation": 0.2, "seed": 5}), ("train",))["train"]
    assert (other.labels != parts["train"].labels).any()


@pytest.mark.parametrize(
    "options",
    [
        "--optimizer sgd --momentum 0.9 --lr 0.05 --schedule step --milestones 1 --weight-decay 1e-4",
        "--optimizer adamw --schedule onecycle --accumulate 7",
        "--optimizer adadelta --lr 1 --schedule plateau --patience 1",
        "--optimizer rmsprop --schedule exponential --gamma 0.9 --clip 0.5",
        "--optimizer nadam --schedule none --augment --dropout 0.1",
    ],
)
def test_options_learn(tmp_path: Path, options: str) -> None:
    arguments = ["--model", "mlp", "--epochs", "3", "--no-report", "--quiet", *options.split()]
    assert main(["train", *arguments, "--out", str(tmp_path)]) == 0
    losses = np.genfromtxt(tmp_path / "metrics.csv", delimiter=",", names=True)["train_loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_nan_is_explained(refused: Refused) -> None:
    arguments = ["--model", "mlp", "--optimizer", "sgd", "--schedule", "none", "--lr", "1e30", "--quiet"]
    code, text = refused("train", *arguments)
    assert code == 1
    assert "epoch 1" in text
    assert "--lr" in text


# -- looking at models -----------------------------------------------------------------------------


def test_summary(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", str(trained), "--batch-size", "5"]) == 0
    out = capsys.readouterr().out
    assert "[5, 32]" in out
    assert "Total params: 2,410" in out
    assert main(["summary", "lenet", "--input-size", "3x32x32", "--columns", "input_size,num_params"]) == 0
    out = capsys.readouterr().out
    assert "[1, 3, 32, 32]" in out


MODEL = """
import numpy as np
import tinygrad_hw as torch
from tinygrad_hw import nn

class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0] * {factor}

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.b(nn.functional.dropout(Wrong.apply(self.a(x)), 0.5, self.training))

def make():
    return Model()

def with_input():
    return Model(), torch.randn(2, 4)

def broken():
    return undefined_name
"""


def test_gradients_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Refused) -> None:
    right, wrong = tmp_path / "right_model.py", tmp_path / "wrong_model.py"
    right.write_text(MODEL.replace("{factor}", "2"))
    wrong.write_text(MODEL.replace("{factor}", "1.999"))
    assert main(["check-gradients", f"{right}:make", "--input-size", "4"]) == 0
    out = capsys.readouterr().out
    assert "the gradients are right" in out
    assert "WRONG" not in out
    assert main(["check-gradients", f"{wrong}:with_input", "--entries", "0"]) == 1
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "WRONG" in lines["a.weight"]
    assert "WRONG" in lines["input"]
    assert "WRONG" not in lines["b.weight"]
    assert float(lines["b.weight"].split()[-1]) > 0, "errors of finite differences are small, but not nothing"
    assert main(["summary", f"{right}:with_input"]) == 0
    code, text = refused("check-gradients", f"{right}:broken")
    assert code == 1
    assert "undefined_name" in text
    assert "line " in text
    code, text = refused("check-gradients", f"{right}:mak")
    assert "did you mean 'make'?" in text
    code, text = refused("check-gradients", f"{right}:make")
    assert code == 2
    assert "--input-size" in text


def test_gradients_of_a_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (trained / "model.npz").read_bytes()
    assert main(["check-gradients", str(trained), "--entries", "5"]) == 0
    out = capsys.readouterr().out
    assert "layers.linear1.weight" in out
    assert (trained / "model.npz").read_bytes() == before


def timed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Return the numbers of each line of the built-in benchmark."""
    from tinygrad_hw.cli import bench

    monkeypatch.setattr(bench, "SHORT", 0.01)
    capsys.readouterr()
    assert main(["bench", "--short"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "training" in line or "inference" in line]
    return [[float(n) for n in line.split("training")[-1].split("inference")[-1].split()] for line in lines[-6:]]


def test_bench_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "torch")
    rows = timed(capsys, monkeypatch)
    assert [len(row) for row in rows] == [1] * 6
    assert all(row[0] > 0 for row in rows)


@pytest.mark.torch
@pytest.mark.slow
def test_bench_beside_pytorch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    rows = timed(capsys, monkeypatch)
    assert [len(row) for row in rows] == [3] * 6
    for ours, theirs, ratio in rows:
        assert ratio == pytest.approx(theirs / ours, abs=0.01 + 0.01 * ratio)


def hide(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Make it look as if a library were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *p: None if n == library else find(n, *p))


# -- files for others ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "h5", "pt"])
def test_export_weights(trained: Path, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip({"h5": "h5py", "safetensors": "safetensors"}.get(suffix, "numpy"))
    assert main(["export", str(trained), str(tmp_path / f"m.{suffix}")]) == 0
    state = torch.load(tmp_path / f"m.{suffix}")
    with np.load(trained / "model.npz") as archive:
        assert set(state) == set(archive.files)
        for name in archive.files:
            np.testing.assert_array_equal(np.asarray(state[name]), archive[name])


def test_export_onnx(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert main(["export", str(trained), str(tmp_path / "m.onnx")]) == 0
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    digits = Digits(train=False)
    images = (digits.data.numpy()[:, None].astype(np.float32) / 255 - np.float32(0.3053)) / np.float32(0.3760)
    (scores,) = session.run(["scores"], {"images": images})
    capsys.readouterr()
    assert main(["eval", str(trained)]) == 0
    out = capsys.readouterr().out
    assert f"accuracy  {(scores.argmax(1) == digits.targets.numpy()).mean():.2%}" in out


def test_export_without_a_library(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    for name in ("onnx", "safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    code, text = refused("export", trained, tmp_path / "m.onnx")
    assert code == 1
    assert "tinygrad-hw[onnx]" in text
    code, text = refused("export", trained, tmp_path / "m.safetensors")
    assert code == 1
    assert "safetensors" in text
    assert not list(tmp_path.iterdir())


# -- the report ------------------------------------------------------------------------------------


def test_report(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "a run"
    assert main(["train", "--model", "lenet", "--epochs", "2", "--quiet", "--out", str(folder)]) == 0
    assert "report.html" in capsys.readouterr().out
    pictures = {p.stem for p in (folder / "pictures").glob("*.png")}
    assert pictures == {
        *("learning_curves", "confusion_matrix", "worst_mistakes", "filters", "activations", "weights"),
        "gradient_flow",
    }
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "a run: lenet on digits" in page
    assert "Not drawn" not in page
    assert "Not complete" not in page
    assert "Conv2d" in page
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").exists()


def test_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide(monkeypatch, "matplotlib")
    arguments = [a for a in QUICK if a != "--no-report"]
    assert main(["train", *arguments, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("tinygrad-hw[plot]") == 1
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "pictures").exists()
    assert main(["report", str(tmp_path)]) == 1


def test_settings_are_written_whole() -> None:
    assert json.loads(json.dumps(Settings().as_dict())).keys() == FIELDS.keys()
