"""predict: the same image in any kind of file is the same class with the same probability."""

from __future__ import annotations

import csv
import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.cli.conftest import Refused
from tinygrad_hw.cli import main
from tinygrad_hw.cli.images import InputForm
from tinygrad_hw.cli.pictures import load_images, to_form
from tinygrad_hw.vision.datasets import Digits
from tinygrad_hw.vision.models import MLP

IMAGES = Digits(train=False).data.numpy()
GREY = InputForm(1, 8, 8, (0.3,), (0.4,), ("a",))
KINDS = ["png", "rgb.png", "rgba.png", "palette.png", "16.png", "bmp", "idx", "idx.gz"]
KINDS += ["npy", "float.npy", "rgb.npy", "nchw.npy"]
COLOUR = InputForm(3, 8, 8, (0.3,) * 3, (0.4,) * 3, ("a",))


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_classes_and_probabilities(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = MLP(64, (32,))
    with np.load(trained / "model.npz") as archive:
        model.load_state_dict({name: torch.as_tensor(archive[name]) for name in archive.files})
    images = (torch.as_tensor(IMAGES[:5]).float() / 255 - 0.3053) / 0.3760
    expected = model.eval()(images).detach().softmax(1)
    write_idx(tmp_path / "five.gz", IMAGES[:5])
    assert main(["predict", str(trained), str(tmp_path / "five.gz"), "--csv", str(tmp_path / "out.csv")]) == 0
    assert "5 images" in capsys.readouterr().out
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "index", *(f"{k}{i}" for i in (1, 2, 3) for k in ("class", "probability"))]
    for i, row in enumerate(rows):
        order = np.argsort(-expected[i].numpy(), kind="stable")
        assert row["index"] == str(i)
        assert [row[f"class{k}"] for k in (1, 2, 3)] == [str(c) for c in order[:3]]
        for k in (1, 2, 3):
            assert float(row[f"probability{k}"]) == pytest.approx(expected[i, order[k - 1]].item(), abs=2e-6)


def save(kind: str, folder: Path, image: np.ndarray) -> Path:
    path = folder / f"image.{kind}"
    if kind == "png":
        pillow(image).save(path)
    elif kind == "rgb.png":
        pillow(np.stack([image] * 3, -1)).save(path)
    elif kind == "rgba.png":
        pillow(np.stack([image] * 3 + [np.full_like(image, 255)], -1)).save(path)
    elif kind == "palette.png":
        pillow(image).convert("P").save(path)
    elif kind == "16.png":
        pillow(image.astype(np.uint16) * 257).save(path)
    elif kind == "bmp":
        pillow(image).save(path)
    elif kind in ("idx", "idx.gz"):
        write_idx(path, image[None])
    elif kind == "npy":
        np.save(path, image)
    elif kind == "float.npy":
        np.save(path, image / 255)
    elif kind == "rgb.npy":
        np.save(path, np.stack([image] * 3, -1))
    else:
        np.save(path, np.stack([image] * 3)[None])
    return path


def pillow(array: np.ndarray) -> Any:
    return pytest.importorskip("PIL.Image").fromarray(array)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [GREY, COLOUR], ids=["grey", "colour"])
def test_every_kind_of_file(tmp_path: Path, kind: str, form: InputForm) -> None:
    found = load_images(save(kind, tmp_path, IMAGES[7]), form.channels)
    assert len(found) == 1
    expected = np.broadcast_to(IMAGES[7].astype(np.float32), (form.channels, 8, 8))
    np.testing.assert_allclose(to_form(found[0], form), expected, atol=1e-3)


def test_jpeg_and_another_size(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = 0
    for i in range(10):
        path = tmp_path / f"{i}.jpg"
        pillow(IMAGES[i]).resize((96, 96)).save(path, quality=95)
        assert main(["predict", str(trained), str(path), "--top", "1"]) == 0
        right += capsys.readouterr().out.split(": ")[1].split()[0] == str(Digits(train=False).targets[i].item())
    assert right >= 9


def test_dark_on_light(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pillow(255 - IMAGES[0]).save(tmp_path / "paper.png")
    pillow(IMAGES[0]).save(tmp_path / "board.png")
    assert main(["predict", str(trained), str(tmp_path / "paper.png")]) == 0
    assert "--invert" in capsys.readouterr().err
    assert main(["predict", str(trained), str(tmp_path / "board.png")]) == 0
    board = capsys.readouterr()
    assert board.err == ""
    assert main(["predict", str(trained), str(tmp_path / "paper.png"), "--invert"]) == 0
    paper = capsys.readouterr()
    assert paper.err == ""
    assert paper.out.split(": ")[1] == board.out.split(": ")[1]


def test_colours_become_grey(tmp_path: Path) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 1] = 200
    pillow(image).save(tmp_path / "green.png")
    (found,) = load_images(tmp_path / "green.png", 1)
    np.testing.assert_allclose(to_form(found, GREY), 0.587 * 200, rtol=1e-5)


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    pillow(np.zeros((8, 8, 4), np.uint8)).save(tmp_path / "nothing.png")
    (found,) = load_images(tmp_path / "nothing.png", 1)
    assert found.min() == 255


BAD = {
    "missing": (lambda p: None, "No such file"),
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "text": (lambda p: p.write_text("no picture, but a letter"), "nothing that is read here"),
    "cut picture": (
        lambda p: (pillow(IMAGES[0].repeat(9, 0)).save(p, "PNG"), p.write_bytes(p.read_bytes()[:90])),
        "cannot be read",
    ),
    "cut idx": (lambda p: (write_idx(p, IMAGES[:5]), p.write_bytes(p.read_bytes()[:200])), "cut short"),
    "labels": (lambda p: write_idx(p, np.arange(9)), "labels"),
    "damaged gzip": (lambda p: p.write_bytes(gzip.compress(b"x" * 999)[:20]), "cut short"),
    "objects": (lambda p: save_npy(p, np.array([{"a": 1}], object)), "no whole .npy"),
    "words": (lambda p: save_npy(p, np.array(["a", "b"])), "not pixels"),
    "channels": (lambda p: save_npy(p, np.zeros((2, 5, 8, 8), np.uint8)), "channels"),
    "five dimensions": (lambda p: save_npy(p, np.zeros((1, 1, 1, 8, 8), np.uint8)), "(N, H, W)"),
    "no pixels": (lambda p: save_npy(p, np.zeros((0, 8, 8), np.uint8)), "no pixels"),
    "normalised": (lambda p: save_npy(p, np.linspace(-2, 2, 64).reshape(8, 8)), "before a normalisation"),
    "nan": (lambda p: save_npy(p, np.full((8, 8), np.nan)), "pixels are 0 to 255"),
}


def save_npy(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, array)


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named(trained: Path, tmp_path: Path, refused: Refused, name: str) -> None:
    make, said = BAD[name]
    path = tmp_path / "thing"
    make(path)
    code, text = refused("predict", trained, path)
    assert code == 1
    assert said in text
    assert str(path) in text


def test_a_bad_file_does_not_stop_the_others(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "good.npy", IMAGES[0])
    assert main(["predict", str(trained), str(tmp_path / "bad.png"), str(tmp_path / "good.npy")]) == 1
    streams = capsys.readouterr()
    assert "bad.png" in streams.err
    assert streams.out.startswith(str(tmp_path / "good.npy"))
