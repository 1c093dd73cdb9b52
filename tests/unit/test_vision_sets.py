"""CIFAR, KMNIST, folders of images, CSV and HDF5 tables."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tests.unit.test_vision_datasets import DATA, idx
from tests.unit.test_vision_download import server  # noqa: F401
from tinygrad_hw.utils.data import DataLoader
from tinygrad_hw.vision.datasets import (
    CIFAR10,
    CIFAR100,
    KMNIST,
    MNIST,
    CSVDataset,
    DatasetFolder,
    HDF5Dataset,
    ImageFolder,
)
from tinygrad_hw.vision.download import md5_of


class SmallCIFAR:
    """A set in the form of CIFAR's, with a few images a batch."""

    def __init__(self, base: Any = CIFAR10) -> None:
        rng = np.random.default_rng(0)
        self.files: dict[str, bytes] = {}
        self.images: dict[str, np.ndarray] = {}
        label_key = b"labels" if base is CIFAR10 else b"fine_labels"
        lists: dict[str, list[list[str]]] = {}
        for kind in ("train_list", "test_list"):
            lists[kind] = []
            for name, _ in getattr(base, kind):
                images = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
                self.images[name] = images
                pixels = images.transpose(0, 3, 1, 2).reshape(4, -1)
                entry = {b"data": pixels, label_key: [3, 1, 0, 2], b"filenames": [b"a"] * 4}
                self.files[name] = pickle.dumps(entry, 2)
                lists[kind].append([name, md5_of(self.files[name])])
        meta = dict(base.meta)
        names = [b"cat", b"dog", b"owl", b"fox"]
        self.files[meta["filename"]] = pickle.dumps({meta["key"].encode(): names}, 2)
        meta["md5"] = md5_of(self.files[meta["filename"]])
        self.archive = self.pack(self.files, base.base_folder)
        body = {**lists, "meta": meta, "mirrors": (), "tgz_md5": md5_of(self.archive)}
        self.cls: Any = type(base.__name__, (base,), body)

    @staticmethod
    def pack(files: dict[str, bytes], folder: str) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(f"{folder}/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return out.getvalue()

    def write(self, folder: Path, *leave_out: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            if name not in leave_out:
                (folder / name).write_bytes(content)


class TestCIFAR:
    @pytest.mark.parametrize("base", [CIFAR10, CIFAR100])
    @pytest.mark.parametrize("inside", [True, False])
    def test_images_and_labels(self, tmp_path: Path, base: Any, inside: bool) -> None:
        small = SmallCIFAR(base)
        small.write(tmp_path / base.base_folder if inside else tmp_path)
        for train in (True, False):
            names = [n for n, _ in (small.cls.train_list if train else small.cls.test_list)]
            data = small.cls(tmp_path, train=train)
            np.testing.assert_array_equal(data.data, np.concatenate([small.images[n] for n in names]))
            assert data.data.flags.c_contiguous
            assert data.targets == [3, 1, 0, 2] * len(names)
            assert data.classes == ["cat", "dog", "owl", "fox"]
            assert data.class_to_idx["owl"] == 2
            image, label = data[1]
            assert (image.shape, image.dtype, type(label), label) == ((32, 32, 3), np.uint8, int, 1)

    def test_all_batches_or_the_named_ones(self, tmp_path: Path) -> None:
        small = SmallCIFAR()
        small.write(tmp_path, "data_batch_4", "data_batch_5")
        with pytest.raises(FileNotFoundError, match=r"data_batch_4.*download=True.*batches=\(1, 2, 3\) to be content"):
            small.cls(tmp_path)
        data = small.cls(tmp_path, batches=(3, 1))
        np.testing.assert_array_equal(data.data[:4], small.images["data_batch_3"])
        assert len(data) == 8
        assert repr(data).endswith("Split: Train\n    Batches: 3, 1")
        assert len(small.cls(tmp_path, train=False)) == 4
        for bad in ((0,), (6,), (1, 1)):
            with pytest.raises(ValueError, match="at most once"):
                small.cls(tmp_path, batches=bad)
        with pytest.raises(ValueError, match="train=False"):
            small.cls(tmp_path, train=False, batches=(1,))

    def test_nothing_in_a_batch_is_executed(self, tmp_path: Path) -> None:
        small = SmallCIFAR()
        small.write(tmp_path)

        class Evil:
            def __reduce__(self) -> Any:
                return open, (str(tmp_path / "executed"), "w")

        content = pickle.dumps({b"data": Evil(), b"labels": []}, 2)
        (tmp_path / "test_batch").write_bytes(content)
        with pytest.raises(RuntimeError, match="wrong checksum"):
            small.cls(tmp_path, train=False)
        small.cls.test_list[0][1] = md5_of(content)
        with pytest.raises(RuntimeError, match=r"names \w+\.open, which is not on the list.*Remove it and"):
            small.cls(tmp_path, train=False)
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize(
        "entry",
        [
            [],
            {},
            {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
            {b"data": np.zeros((1, 3072), np.int64), b"labels": [1]},
            {b"data": np.zeros((1, 99), np.uint8), b"labels": [1]},
            {b"data": np.zeros((1, 3072), np.uint8), b"labels": ["x"]},
        ],
    )
    def test_another_content(self, tmp_path: Path, entry: Any) -> None:
        small = SmallCIFAR()
        small.write(tmp_path)
        content = pickle.dumps(entry, 2)
        (tmp_path / "test_batch").write_bytes(content)
        small.cls.test_list[0][1] = md5_of(content)
        with pytest.raises(RuntimeError, match=r"test_batch (is no batch|holds a list).*Remove it"):
            small.cls(tmp_path, train=False)

    def test_download(self, server: Any, tmp_path: Path) -> None:  # noqa: F811
        small = SmallCIFAR()
        server.files = {small.cls.filename: small.archive}
        small.cls.mirrors = server.at("wrong", "drips")
        data = small.cls(tmp_path, download=True)
        assert len(data) == 20
        folder = tmp_path / "cifar-10-batches-py"
        assert sorted(p.name for p in folder.iterdir()) == sorted(small.files)
        requests = len(server.requests)
        small.cls(tmp_path, train=False, download=True)
        assert len(server.requests) == requests, "nothing is missing"
        (folder / "data_batch_2").write_bytes(b"damaged")
        assert len(small.cls(tmp_path, download=True)) == 20
        assert len(server.requests) == requests, "the archive is still there"

    def test_the_archive_decides_nothing(self, server: Any, tmp_path: Path) -> None:  # noqa: F811
        """Files outside of the folder, links and other contents are left where they are."""
        small = SmallCIFAR()
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name in ("../evil", "/tmp/evil", "cifar-10-batches-py/../../evil"):
                archive.addfile(tarfile.TarInfo(name))
            link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        server.files = {small.cls.filename: out.getvalue()}
        small.cls.tgz_md5 = md5_of(out.getvalue())
        small.cls.mirrors = server.at("good")
        with pytest.raises(RuntimeError, match=r"is damaged|another data_batch_1"):
            small.cls(tmp_path / "a" / "b", download=True)
        assert not [p for p in tmp_path.rglob("*") if p.name in ("evil", "data_batch_1")]

    @pytest.mark.skipif(not (DATA / "cifar-10-batches-py").exists(), reason="the published files are not here")
    def test_published(self) -> None:
        data = CIFAR10(DATA, batches=(1, 2, 3))
        assert data.data.shape == (30000, 32, 32, 3)
        np.testing.assert_allclose(data.data.mean((0, 1, 2)) / 255, [0.4916, 0.4820, 0.4461], atol=1e-4)
        np.testing.assert_allclose(data.data.std((0, 1, 2)) / 255, [0.2476, 0.2441, 0.2618], atol=1e-4)
        assert data.targets[:6] == [6, 9, 9, 4, 1, 1]
        assert np.bincount(data.targets[:10000]).tolist() == [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
        names = "airplane automobile bird cat deer dog frog horse ship truck"
        assert data.classes == names.split()
        test = CIFAR10(DATA / "cifar-10-batches-py", train=False)
        assert test.targets[:6] == [3, 8, 8, 0, 6, 6]
        assert np.bincount(test.targets).tolist() == [1000] * 10
        with pytest.raises(FileNotFoundError, match="data_batch_4"):
            CIFAR10(DATA)


def test_kmnist(tmp_path: Path) -> None:
    images, labels = np.zeros((3, 28, 28), np.uint8), np.array([0, 9, 4], np.uint8)
    folder = tmp_path / "KMNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    data = KMNIST(tmp_path)
    assert (len(data), data[1][1], data.classes[9], data.class_to_idx["tsu"]) == (3, 9, "wo", 3)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels)[:-1])
    with pytest.raises(RuntimeError, match="cut short"):
        KMNIST(tmp_path)
    assert len(KMNIST.mirrors) > 1


class TestFolders:
    def make(self, root: Path, suffix: str = ".txt") -> None:
        for path in ("dog/b", "dog/a", "cat/deep/er/c", "cat/a", "owl/x"):
            file = root / (path + suffix)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(path)
        (root / "dog" / "notes.md").write_text("no sample")
        (root / f"README{suffix}").write_text("no class")

    def test_files(self, tmp_path: Path) -> None:
        self.make(tmp_path)
        data = DatasetFolder(tmp_path, lambda path: Path(path).read_text(), extensions=(".txt",))
        assert data.classes == ["cat", "dog", "owl"]
        assert data.class_to_idx == {"cat": 0, "dog": 1, "owl": 2}
        assert [data[i] for i in range(5)] == [
            ("cat/a", 0),
            ("cat/deep/er/c", 0),
            ("dog/a", 1),
            ("dog/b", 1),
            ("owl/x", 2),
        ]
        assert data.targets == [0, 0, 1, 1, 2]
        only = DatasetFolder(tmp_path, str, is_valid_file=lambda p: p.endswith("a.txt"), allow_empty=True)
        assert [Path(p).name for p, _ in only.samples] == ["a.txt", "a.txt"]

    def test_what_is_missing_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in"):
            ImageFolder(tmp_path)
        with pytest.raises(FileNotFoundError):
            ImageFolder(tmp_path / "missing")
        self.make(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"no valid file for the classes cat, dog, owl.*: \.jpg, \.jpeg"):
            ImageFolder(tmp_path)
        assert len(ImageFolder(tmp_path, allow_empty=True)) == 0
        for options in ({}, {"extensions": ".txt", "is_valid_file": bool}):
            with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
                DatasetFolder(tmp_path, str, **options)

    def test_images(self, tmp_path: Path) -> None:
        Image = pytest.importorskip("PIL.Image")
        rng = np.random.default_rng(0)
        colour = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        Image.fromarray(colour).save(tmp_path / "a" / "x.PNG")
        Image.fromarray(colour[..., 0]).save(tmp_path / "b" / "grey.png")
        Image.fromarray(colour).convert("P").save(tmp_path / "b" / "palette.gif")
        data = ImageFolder(tmp_path)
        assert data.imgs == data.samples
        assert [Path(p).name for p, _ in data.imgs] == ["x.PNG", "grey.png"]
        image, label = ImageFolder(tmp_path)[0]
        np.testing.assert_array_equal(image, colour)
        assert label == 0
        np.testing.assert_array_equal(ImageFolder(tmp_path)[1][0], np.repeat(colour[..., :1], 3, 2))
        loaded = list(DataLoader(ImageFolder(tmp_path), batch_size=2, num_workers=1))
        assert loaded[0][0].shape == (2, 5, 7, 3)

    def test_bad_images(self, tmp_path: Path) -> None:
        Image = pytest.importorskip("PIL.Image")
        (tmp_path / "a").mkdir()
        path = tmp_path / "a" / "x.png"
        Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(path)
        whole = path.read_bytes()
        for content in (b"nothing", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(RuntimeError, match=r"x\.png cannot be read as an image"):
                ImageFolder(tmp_path)[0]
        huge = bytearray(whole)
        huge[16:24] = (60_000).to_bytes(4, "big") * 2
        path.write_bytes(huge)
        with pytest.raises(RuntimeError, match=r"x\.png cannot be read as an image"):
            ImageFolder(tmp_path)[0]

    def test_without_pillow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.png").touch()
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(ImportError, match=r"pip install 'tinygrad-hw\[images\]'"):
            ImageFolder(tmp_path)[0]


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CSV and HDF5 forms of MNIST, made by the script beside the published files."""
    script = DATA / "make_variants.py"
    if not script.exists():
        pytest.skip("the published files are not here")
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("variants")
    options = ["--train-rows", "300", "--test-rows", "100", "--hdf5-rows", "500"]
    subprocess.run([sys.executable, str(script), "--out", str(folder), *options], check=True, capture_output=True)
    return folder


class TestCSV:
    def write(self, path: Path, text: str) -> Path:
        path.write_text(text)
        return path

    @pytest.mark.parametrize("header", ["", "a,b,label\n"])
    def test_rows(self, tmp_path: Path, header: str) -> None:
        path = self.write(tmp_path / "x.csv", header + "0.5,1,2\n3,4e-1,0\n")
        data = CSVDataset(path)
        assert data.data.tolist() == [[0.5, 1], [3, float(np.float32(0.4))]]
        assert data.data.dtype is torch.float32
        assert data.targets.tolist() == [2, 0]
        image, label = data[0]
        assert type(image) is np.ndarray and type(label) is int
        assert data.classes == ["0", "2"]
        assert repr(data).endswith("File: x.csv")

    def test_options(self, tmp_path: Path) -> None:
        self.write(tmp_path / "train.csv", "7;1;2;3;4\n8;5;6;7;8\n")
        self.write(tmp_path / "test.csv", "9;1;1;1;1\n")
        options: Any = {"label_column": 0, "shape": (2, 2), "delimiter": ";", "dtype": torch.uint8}
        data = CSVDataset(tmp_path, **options, transform=np.transpose, target_transform=str)
        assert data[1][0].tolist() == [[5, 7], [6, 8]]
        assert data[1][1] == "8"
        assert data.data.dtype is torch.uint8
        assert len(CSVDataset(tmp_path, train=False, **options)) == 1
        with pytest.raises(ValueError, match=r"shape=\(3, 2\) does not fit samples of shape \(4,\)"):
            CSVDataset(tmp_path, **{**options, "shape": (3, 2)})
        with pytest.raises(ValueError, match="has 5 columns, and no column 5"):
            CSVDataset(tmp_path, **{**options, "label_column": 5})

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1,2,3\n1,2\n", "no table of numbers"),
            ("1,2,3\n1,x,3\n", "no table of numbers"),
            ("1,2,0.5\n", "in row 1 of the numbers the label is 0.5.*Pass label_column"),
            ("", "has no rows|no table"),
            ("a,b\n", "has no rows|no table"),
            ("1,2\nnan,2\n", "row 2 of the numbers has one that is missing or infinite"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:loadtxt")
    def test_bad_tables(self, tmp_path: Path, text: str, message: str) -> None:
        with pytest.raises(RuntimeError, match=message):
            CSVDataset(self.write(tmp_path / "x.csv", text))

    def test_bad_files(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no folder with train\.csv, train\.csv\.gz"):
            CSVDataset(tmp_path)
        (tmp_path / "train.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 100)[:-9])
        with pytest.raises(RuntimeError, match="is damaged, or no text"):
            CSVDataset(tmp_path)
        (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(RuntimeError, match="is damaged, or no text"):
            CSVDataset(tmp_path / "b.csv")
        (tmp_path / "train.csv.gz").write_bytes(gzip.compress(b"1,2\n3,4\n"))
        assert CSVDataset(tmp_path).targets.tolist() == [2, 4]

    def test_mnist(self, variants: Path) -> None:
        mnist = MNIST(DATA / "mnist")
        data = CSVDataset(variants, shape=(28, 28))
        assert tuple(data.data.shape) == (300, 28, 28)
        np.testing.assert_array_equal(data.data.numpy(), mnist.data.numpy()[:300] / np.float32(255))
        np.testing.assert_array_equal(data.targets.numpy(), mnist.targets.numpy()[:300])
        assert len(CSVDataset(variants, train=False)) == 100
        assert len(CSVDataset(variants / "test.csv")) == 100


class TestHDF5:
    @pytest.fixture(autouse=True)
    def h5py(self) -> Any:
        return pytest.importorskip("h5py")

    def write(self, path: Path, **datasets: Any) -> Path:
        import h5py

        with h5py.File(path, "w") as file:
            for name, value in datasets.items():
                file[name] = value
        return path

    @pytest.mark.parametrize("in_memory", [True, False])
    def test_mnist(self, variants: Path, in_memory: bool) -> None:
        mnist = MNIST(DATA / "mnist")
        data = HDF5Dataset(variants, shape=(28, 28), in_memory=in_memory)
        assert len(data) == 500
        assert data.targets.tolist() == mnist.targets[:500].tolist()
        for i in (0, 77, -1):
            image, label = data[i]
            j = i if i >= 0 else 499
            np.testing.assert_array_equal(image, mnist.data.numpy()[j] / np.float32(255))
            assert (type(label), label) == (int, int(mnist.targets[j]))
        row = HDF5Dataset(variants, one_hot=True, in_memory=in_memory)[0][1]
        assert row.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
        assert len(HDF5Dataset(variants, train=False)) == 500
        loader = DataLoader(data, batch_size=50, num_workers=2)
        assert sum((b[1] for b in loader), torch.zeros(50)).sum().item() == data.targets.sum().item()

    def test_forms_of_labels(self, tmp_path: Path) -> None:
        images = np.arange(12.0).reshape(3, 4)
        for labels, expected in (
            ([2, 0, 1], [2, 0, 1]),
            ([[2], [0], [1]], [2, 0, 1]),
            ([2.0, 0.0, 1.0], [2, 0, 1]),
            (np.eye(4)[[3, 0, 1]], [3, 0, 1]),
            (np.eye(4, dtype=bool)[[3, 0, 1]], [3, 0, 1]),
        ):
            path = self.write(tmp_path / "x.h5", images=images, digits=np.array(labels))
            data = HDF5Dataset(path, keys=("images", "digits"))
            assert data.targets.tolist() == expected
            assert data.data.tolist() == images.tolist()
        assert len(data.classes) == 4

    @pytest.mark.parametrize(
        ("images", "labels", "error", "message"),
        [
            (np.zeros((3, 2)), np.zeros(2, int), RuntimeError, "3 images in 'xdata' and 2 labels"),
            (np.zeros((3, 2)), np.full(3, 0.5), RuntimeError, "are no integers"),
            (np.zeros((3, 2)), np.ones((3, 2)), RuntimeError, "neither integers"),
            (np.zeros((3, 2)), np.full((3, 2), 0.5), RuntimeError, "neither integers"),
            (np.zeros((3, 2)), np.zeros((3, 2, 2)), RuntimeError, "neither integers"),
            (np.zeros((3, 2), np.complex64), np.zeros(3, int), TypeError, "complex64"),
        ],
    )
    def test_what_does_not_fit(self, tmp_path: Path, images: Any, labels: Any, error: Any, message: str) -> None:
        with pytest.raises(error, match=message):
            HDF5Dataset(self.write(tmp_path / "x.h5", xdata=images, ydata=labels))

    def test_bad_files(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no folder with \*train\*\.hdf5, \*train\*\.h5"):
            HDF5Dataset(tmp_path)
        path = self.write(tmp_path / "a_train.h5", xdata=np.zeros((300, 20)), ydata=np.zeros(300, int))
        with pytest.raises(KeyError, match="no data set 'images'; it has 'xdata', 'ydata'"):
            HDF5Dataset(path, keys=("images", "ydata"))
        with pytest.raises(ValueError, match=r"shape=\(3, 3\) does not fit"):
            HDF5Dataset(path, shape=(3, 3), in_memory=False)
        self.write(tmp_path / "b_train.h5", xdata=np.zeros(1), ydata=np.zeros(1))
        with pytest.raises(RuntimeError, match=r"several files for train=True: a_train\.h5, b_train\.h5"):
            HDF5Dataset(tmp_path)
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(RuntimeError, match="cut short or damaged, or no HDF5"):
            HDF5Dataset(path)
        path.write_bytes(b"nothing")
        with pytest.raises(RuntimeError, match="no HDF5 file"):
            HDF5Dataset(path)


def test_reading_cifar_is_quick(tmp_path: Path) -> None:
    """A batch of 10000 images and names takes a fraction of a second, although no C code unpickles it."""
    entry = {
        b"data": np.zeros((10000, 3072), np.uint8),
        b"labels": list(range(10000)),
        b"filenames": [b"name_%d.png" % i for i in range(10000)],
    }
    content = pickle.dumps(entry, 2)
    small = SmallCIFAR()
    small.write(tmp_path)
    (tmp_path / "test_batch").write_bytes(content)
    small.cls.test_list[0][1] = md5_of(content)
    started = time.process_time()
    assert len(small.cls(tmp_path, train=False)) == 10000
    assert time.process_time() - started < 2
    assert os.path.getsize(tmp_path / "test_batch") > 30_000_000
