"""The image data sets: bundled digits, and MNIST from synthetic and from the published files."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw import vision
from tinygrad_hw.vision.datasets import MNIST, Digits, FashionMNIST
from tinygrad_hw.vision.datasets.base import PublishedFile
from tinygrad_hw.vision.download import md5_of

DATA = Path(os.environ.get("TINYGRAD_HW_DATA", Path(__file__).parents[3] / "shared" / "data"))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


class Small:
    """A data set in the form of MNIST's, with ten images in each part, and its files."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.content: dict[str, bytes] = {}
        self.images: dict[str, np.ndarray] = {}
        files = {}
        for part, prefix in (("train", "train"), ("test", "t10k")):
            self.images[part] = rng.integers(0, 256, (10, 28, 28), dtype=np.uint8)
            labels = np.arange(10, dtype=np.uint8)
            pair = []
            for name, array in (("images-idx3", self.images[part]), ("labels-idx1", labels)):
                content = idx(array)
                self.content[f"{prefix}-{name}-ubyte"] = content
                pair.append(PublishedFile(f"{prefix}-{name}-ubyte", md5_of(self.packed(content)), md5_of(content)))
            files[part] = tuple(pair)
        self.cls: Any = type("MNIST", (MNIST,), {"files": files, "mirrors": ()})

    @staticmethod
    def packed(content: bytes) -> bytes:
        return gzip.compress(content, mtime=0)

    def write(self, folder: Path, packed: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.content.items():
            if packed:
                (folder / f"{name}.gz").write_bytes(self.packed(content))
            else:
                (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def small() -> Small:
    return Small()


class TestDigits:
    def test_sizes_and_values(self) -> None:
        train, test = Digits(), Digits(train=False)
        assert (len(train), len(test)) == (1438, 359)
        for part in (train, test):
            assert isinstance(part.data, torch.Tensor)
            assert part.data.dtype is torch.uint8
            assert part.targets.dtype is torch.int64
            assert tuple(part.data.shape) == (len(part), 8, 8)
            assert tuple(part.targets.shape) == (len(part),)
        pixels = np.concatenate([train.data.numpy(), test.data.numpy()])
        assert len(np.unique(pixels)) == 17
        assert (pixels.min(), pixels.max()) == (0, 255)
        assert abs(pixels.mean() / 255 - 0.3053) < 5e-4
        assert abs(pixels.std() / 255 - 0.3760) < 5e-4
        levels = np.round(pixels / 255 * 16)
        np.testing.assert_allclose(levels.mean(), 4.8842, atol=1e-4)
        np.testing.assert_allclose(levels.std(), 6.0168, atol=1e-4)

    def test_parts_are_stratified_and_disjoint(self) -> None:
        train, test = Digits(), Digits(train=False)
        per_class = np.array([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        both = [np.bincount(d.targets.numpy(), minlength=10) for d in (train, test)]
        np.testing.assert_array_equal(both[0] + both[1], per_class)
        assert (np.abs(both[1] - per_class / 5) < 1).all()
        keys = [{image.tobytes() for image in d.data.numpy()} for d in (train, test)]
        assert not keys[0] & keys[1]

    def test_items(self) -> None:
        image, label = Digits()[0]
        assert type(image) is np.ndarray
        assert type(label) is int
        assert label == 0
        # The first row of the published file begins 0 0 5 13 9 1.
        assert image[0, :6].tolist() == [0, 0, 80, 207, 143, 16]

    def test_transforms_are_applied(self) -> None:
        digits = Digits(transform=np.transpose, target_transform=lambda label: -label)
        image, label = digits[11]
        np.testing.assert_array_equal(image, digits.data.numpy()[11].T)
        assert label == -int(digits.targets[11])

    def test_index_out_of_range_ends_iteration(self) -> None:
        test = Digits(train=False)
        assert sum(1 for _ in test) == 359
        with pytest.raises(IndexError):
            test[359]
        np.testing.assert_array_equal(test[-1][0], test[358][0])

    def test_loads_batches(self) -> None:
        loader = torch.utils.data.DataLoader(Digits(train=False), batch_size=100)
        images, labels = next(iter(loader))
        assert tuple(images.shape) == (100, 8, 8)
        assert images.dtype is torch.uint8
        assert labels.dtype is torch.int64

    def test_classes(self) -> None:
        assert Digits.classes[3] == "3 - three"
        assert Digits().class_to_idx["9 - nine"] == 9

    @pytest.mark.parametrize("packed", [True, False])
    def test_other_root(self, tmp_path: Path, packed: bool) -> None:
        with pytest.raises(FileNotFoundError, match=r"digits\.csv.*Leave out root"):
            Digits(tmp_path)
        bundled = Path(vision.__file__).parent / "data" / "digits.csv.gz"
        content = bundled.read_bytes()
        name = "digits.csv.gz"
        if not packed:
            content, name = gzip.decompress(content), "digits.csv"
        (tmp_path / name).write_bytes(content)
        assert torch.equal(Digits(tmp_path).data, Digits().data)
        (tmp_path / name).write_bytes(content[:-100])
        message = "is cut short" if packed else "has the wrong checksum"
        with pytest.raises(RuntimeError, match=f"{name} {message}"):
            Digits(tmp_path)

    def test_attribution_is_beside_the_data(self) -> None:
        folder = Path(vision.__file__).parent / "data"
        assert "CC BY 4.0" in (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
        assert "BSD 3-Clause" in (folder / "COPYING.scikit-learn").read_text(encoding="utf-8")


class TestSyntheticMNIST:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("place", ["", "MNIST/raw"])
    @pytest.mark.parametrize("part", ["train", "test"])
    def test_places(self, small: Small, tmp_path: Path, place: str, packed: bool, part: str) -> None:
        small.write(tmp_path / place, packed)
        read = small.cls(tmp_path, train=part == "train")
        np.testing.assert_array_equal(read.data.numpy(), small.images[part])
        assert read.targets.tolist() == list(range(10))
        assert read.data.dtype is torch.uint8
        assert read.targets.dtype is torch.int64

    def test_packed_again_is_the_same_content(self, small: Small, tmp_path: Path) -> None:
        for name, content in small.content.items():
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, 1, mtime=77))
        np.testing.assert_array_equal(small.cls(tmp_path).data.numpy(), small.images["train"])

    def test_missing(self, small: Small, tmp_path: Path) -> None:
        small.write(tmp_path)
        (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
        small.cls(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"MNIST: t10k-labels.*download=True"):
            small.cls(tmp_path, train=False)

    @pytest.mark.parametrize(
        ("packed", "change", "message"),
        [
            (True, lambda content: content[:-20], "cut short.*Remove it"),
            (True, lambda content: b"not gzip", "no whole gzip file.*Remove it"),
            (True, lambda content: gzip.compress(b"nonsense"), "no IDX file.*Remove it"),
            (False, lambda content: content[:-20], "cut short.*Remove it"),
            (False, lambda content: content + b"!", "1 bytes after its data.*Remove it"),
            (False, lambda content: content[:-1] + b"!", "wrong checksum.*Remove it"),
            (False, lambda content: b"\1" + content[1:], "no IDX file.*Remove it"),
        ],
    )
    def test_damaged(self, small: Small, tmp_path: Path, packed: bool, change: Any, message: str) -> None:
        small.write(tmp_path, packed)
        path = tmp_path / ("train-images-idx3-ubyte" + (".gz" if packed else ""))
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(RuntimeError, match=rf"train-images-idx3-ubyte.* {message}"):
            small.cls(tmp_path)

    def test_a_whole_file_is_preferred_to_a_damaged_one(self, small: Small, tmp_path: Path) -> None:
        small.write(tmp_path)
        small.write(tmp_path / "MNIST" / "raw", packed=False)
        (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"")
        np.testing.assert_array_equal(small.cls(tmp_path).data.numpy(), small.images["train"])

    def test_repr(self, small: Small, tmp_path: Path) -> None:
        small.write(tmp_path)

        class Twice:
            def __repr__(self) -> str:
                return "Compose(\n    Twice()\n)"

        data = small.cls(tmp_path, transform=Twice(), target_transform=abs)
        assert repr(data) == (
            "Dataset MNIST\n"
            "    Number of datapoints: 10\n"
            f"    Root location: {tmp_path}\n"
            "    Split: Train\n"
            "    StandardTransform\n"
            "    Transform: Compose(\n"
            "                   Twice()\n"
            "               )\n"
            "    Target transform: <built-in function abs>"
        )


@pytest.mark.skipif(not (DATA / "mnist").exists(), reason="the published files are not here")
class TestPublished:
    @pytest.mark.parametrize(
        ("cls", "folder", "train", "labels", "mean"),
        [
            (MNIST, "mnist", True, [5, 0, 4, 1, 9], 0.1307),
            (MNIST, "mnist", False, [7, 2, 1, 0, 4], 0.1325),
            (FashionMNIST, "fashion-mnist", True, [9, 0, 0, 3, 0], 0.2860),
            (FashionMNIST, "fashion-mnist", False, [9, 2, 1, 1, 6], 0.2868),
        ],
    )
    def test_facts(self, cls: Any, folder: str, train: bool, labels: list[int], mean: float) -> None:
        data = cls(DATA / folder, train=train)
        assert tuple(data.data.shape) == (60000 if train else 10000, 28, 28)
        assert data.targets[:5].tolist() == labels
        assert [data[i][1] for i in range(5)] == labels
        assert abs(data.data.numpy().mean() / 255 - mean) < 1e-4
        counts = np.bincount(data.targets.numpy())
        assert counts.min() > len(data) // 12
        assert len(counts) == len(data.classes) == 10

    def test_unpacked_files(self, tmp_path: Path) -> None:
        for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            with gzip.open(DATA / "mnist" / f"{name}.gz") as packed:
                (tmp_path / name).write_bytes(packed.read())
        assert len(MNIST(tmp_path, train=False)) == 10000

    def test_one_set_is_not_taken_for_the_other(self, tmp_path: Path) -> None:
        for path in (DATA / "mnist").glob("t10k*"):
            shutil.copy(path, tmp_path)
        with pytest.raises(RuntimeError, match=r"t10k-images-idx3-ubyte\.gz has the wrong checksum"):
            FashionMNIST(tmp_path, train=False)
