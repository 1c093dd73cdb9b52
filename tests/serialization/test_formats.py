"""safetensors, npz and HDF5: models and optimizers come back, damage is refused."""

from __future__ import annotations

import io
import json
import random
import sys
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_hw as torch
from tests.serialization.test_pt import VALUES, same
from tinygrad_hw import dtypes

FORMATS = ["safetensors", "npz", "hdf5"]
SUFFIXES = [".safetensors", ".npz", ".h5", ".hdf5"]


@pytest.fixture(autouse=True)
def library(request: pytest.FixtureRequest) -> None:
    """Skip what needs a library that is not installed."""
    of = {"hdf5": "h5py", ".h5": "h5py", ".hdf5": "h5py", "safetensors": "safetensors", ".safetensors": "safetensors"}
    for value in (getattr(request.node, "callspec", None) and request.node.callspec.params.values()) or ():
        if isinstance(value, str) and value in of:
            pytest.importorskip(of[value])


def saved(obj: Any, format: str) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file, format=format)
    return file.getvalue()


def loaded(raw: bytes, format: str | None = None) -> Any:
    return torch.load(io.BytesIO(raw), format=format)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_chooses_and_the_content_tells(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    state = torch.nn.Linear(3, 2).state_dict()
    torch.save(state, path)
    assert not path.read_bytes().startswith(b"PK\x03\x04") or suffix == ".npz"
    path = path.rename(tmp_path / "model")
    found = torch.load(path)
    assert type(found) is OrderedDict
    assert all(same(found[k], state[k]) for k in state)


@pytest.mark.parametrize("format", FORMATS)
def test_a_model_and_its_optimizer_go_on(format: str) -> None:
    def make() -> Any:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    def train(model: Any, optimizer: Any) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            model(x).pow(2).mean().backward()
            optimizer.step()

    first, second = make(), make()
    x = torch.randn(16, 4)
    train(*first)
    for ours, theirs in zip(second, first, strict=True):
        ours.load_state_dict(loaded(saved(theirs.state_dict(), format)))
    train(*first)
    train(*second)
    for a, b in zip(first[0].state_dict().values(), second[0].state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_dtypes(format: str, dtype: Any) -> None:
    if format == "safetensors" and dtype is torch.complex128:
        with pytest.raises(TypeError, match="cannot hold the complex128 tensor"):
            saved({"x": torch.ones(1, dtype=dtype)}, format)
        return
    value = {"x": torch.tensor([[0, 1], [2, 3]]).to(dtype), "s": torch.tensor(1).to(dtype), "e": torch.zeros(0, 2)}
    assert same(loaded(saved(value, format)), value)


@pytest.mark.parametrize("format", FORMATS)
def test_values(format: str) -> None:
    view = torch.arange(12.0).reshape(3, 4).t()[1:, ::2]
    value = {
        "a/b": view,
        "a_b": torch.ones(1),
        "../x": torch.ones(2),
        "file": torch.ones(3),
        "__structure__": torch.ones(4),
        "": torch.zeros(1),
        "n": [None, True, 3, 2**70, 0.5, float("inf"), float("nan"), "é"],
        "t": (1, (2, torch.ones(2))),
        "k": {1: "int", None: 0},
        "x": [torch.Size([2]), torch.float16, torch.device("cpu"), np.float32(0.5), np.int64(3)],
        "o": OrderedDict(b=1, a=2),
    }
    found = loaded(saved(value, format))
    assert repr(found) == repr(value)
    assert type(found["x"][3]) is np.float32
    assert found["a/b"].requires_grad is False


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=40)
@given(VALUES)
def test_round_trip(format: str, value: Any) -> None:
    try:
        content = saved(value, format)
    except TypeError as error:
        # The one dtype that this format has not.
        assert format == "safetensors"
        assert "complex128" in str(error)
        return
    assert same(loaded(content, format), value)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["\0", "a\0b", "%00", "50%", "%25", "\0%2500"])
def test_names_with_zero_bytes(format: str, name: str) -> None:
    value = {name: torch.ones(2), name.replace("\0", "_") + "_": torch.zeros(1), "x": [{name: torch.ones(3)}]}
    assert same(loaded(saved(value, format), format), value)


@pytest.mark.parametrize("format", FORMATS)
def test_what_cannot_be_stored_is_named(format: str) -> None:
    with pytest.raises(TypeError, match=r"a set at \['a'\]\[0\] cannot be stored in this format"):
        saved({"a": [{1}]}, format)
    with pytest.raises(TypeError, match=r"SGD.*store its state_dict\(\)"):
        saved({"a": torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])}, format)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(RecursionError, match="more than 100 deep"):
        saved(deep, format)


@pytest.mark.parametrize("format", FORMATS)
def test_damage(format: str) -> None:
    value = {"weight": torch.arange(500.0), "bias": torch.ones(3), "step": [1, 2]}
    good = saved(value, format)
    errors = (RuntimeError, TypeError, EOFError)
    refused = 0
    for n in range(0, len(good) - 1, max(1, len(good) // 60)):
        with pytest.raises(errors):
            loaded(good[:n], format)
    rng = random.Random(0)
    for _ in range(150):
        raw = bytearray(good)
        # Where the format's own words stand, not the elements of the tensor.
        at = rng.randrange(min(len(raw), 400))
        raw[at] ^= 1 << rng.randrange(8)
        try:
            loaded(bytes(raw), format)
        except errors:
            refused += 1
    assert refused > 10
    for other in {"safetensors", "npz", "hdf5", "pt"} - {format}:
        with pytest.raises(errors):
            loaded(good, other)


def test_mmap_is_for_pt(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(1)}, tmp_path / "x.npz")
    with pytest.raises(RuntimeError, match=r"mmap can only be used with \.pt files"):
        torch.load(tmp_path / "x.npz", mmap=True)


@pytest.mark.parametrize(("module", "format"), [("h5py", "hdf5"), ("safetensors", "safetensors")])
def test_without_the_library(monkeypatch: pytest.MonkeyPatch, module: str, format: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"pip install 'tinygrad-hw\[{format}\]'"):
        saved({}, format)


# -- safetensors -----------------------------------------------------------------------------------


def safetensors_file(header: Any, data: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + data


class TestSafetensors:
    @pytest.fixture(autouse=True)
    def library(self) -> None:
        pytest.importorskip("safetensors")

    def test_the_library_reads_ours(self, tmp_path: Path) -> None:
        from safetensors.numpy import load_file

        model = torch.nn.Linear(3, 2)
        torch.save(model.state_dict(), tmp_path / "m.safetensors")
        found = load_file(tmp_path / "m.safetensors")
        assert sorted(found) == ["bias", "weight"]
        np.testing.assert_array_equal(found["weight"], model.weight.detach().numpy())

    def test_we_read_the_librarys(self, tmp_path: Path) -> None:
        from safetensors.numpy import save_file

        save_file({"b": np.arange(3), "a": np.ones((2, 2), np.float16)}, tmp_path / "m.safetensors", {"by": "hand"})
        found = torch.load(tmp_path / "m.safetensors")
        assert same(found["b"], torch.arange(3))
        assert same(found["a"], torch.ones(2, 2, dtype=torch.float16))

    def test_without_the_package_bfloat16_becomes_float32(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dtypes, "is_available", lambda d: False)
        bits = np.array([1.5, -2.0, 3.0], np.float32).view(np.uint32) >> 16
        header = {"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}
        with pytest.warns(UserWarning, match="bfloat16 tensor 'x' becomes float32"):
            found = loaded(safetensors_file(header, bits.astype("<u2").tobytes()))
        assert same(found["x"], torch.tensor([1.5, -2.0, 3.0]))

    def test_other_dtypes_are_named(self) -> None:
        header = {"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}
        with pytest.raises(TypeError, match="'x' has the dtype F8_E4M3"):
            loaded(safetensors_file(header, b"1"))

    @pytest.mark.parametrize(
        ("header", "data"),
        [
            ({"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, b"1234"),
            ({"x": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 4]}}, b"1234"),
            ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 60]}}, b"1234"),
            ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234"),
            ({"x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"),
            ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"12345678"),
            ({"x": {"dtype": "Q7", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
            (b"{" * 50_000, b""),
            (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b""),
            (b"[]", b""),
        ],
        ids=str,
    )
    def test_crafted(self, header: Any, data: bytes) -> None:
        with pytest.raises(RuntimeError, match="cut short or damaged, or no safetensors file"):
            loaded(safetensors_file(header, data), "safetensors")

    def test_a_header_longer_than_the_file(self) -> None:
        with pytest.raises(RuntimeError, match="no safetensors file"):
            loaded((1 << 60).to_bytes(8, "little") + b"{}", "safetensors")

    @pytest.mark.parametrize(
        "structure",
        [
            "[",
            '{"tensor": "y"}',
            '{"tensor": ["x"]}',
            '{"call": []}',
            '{"a": 1, "b": 2}',
            '{"dict": [1]}',
            '{"dict": [[[], 1]]}',
            '{"Size": ["x"]}',
            '{"dtype": "float8"}',
            '{"device": "cuda"}',
            '{"number": ["O", 1]}',
            '{"number": ["f4", "a"]}',
            "[" * 10_000,
        ],
    )
    def test_a_crafted_structure(self, structure: str) -> None:
        header = {
            "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            "__metadata__": {"__structure__": structure},
        }
        with pytest.raises(RuntimeError, match="has a damaged structure"):
            loaded(safetensors_file(header, b"1234"))


# -- npz -------------------------------------------------------------------------------------------


def npy(header: str, data: bytes = b"") -> bytes:
    raw = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + data


def npz(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, raw in entries.items():
            archive.writestr(name, raw)
    return file.getvalue()


class TestNpz:
    def test_numpy_reads_ours(self, tmp_path: Path) -> None:
        torch.save({"w": torch.arange(3)}, tmp_path / "m.npz")
        with np.load(tmp_path / "m.npz", allow_pickle=False) as found:
            np.testing.assert_array_equal(found["w"], np.arange(3))
        assert same(torch.load_npz(tmp_path / "m.npz"), OrderedDict(w=torch.arange(3)))

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_we_read_numpys(self, tmp_path: Path, save: Any) -> None:
        arrays = {
            "a": np.arange(6.0).reshape(2, 3),
            "f": np.asfortranarray(np.ones((2, 3))),
            "b": np.arange(3, dtype=">i4"),
        }
        save(tmp_path / "m.npz", **arrays)
        found = torch.load(tmp_path / "m.npz")
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name].numpy(), array)
            assert found[name].numpy().dtype.isnative

    def test_objects_are_not_read(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "m.npz", a=np.array([Path()], object))
        with pytest.raises(RuntimeError, match="holds Python objects; they are not read"):
            torch.load(tmp_path / "m.npz")

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", b"1234"), "4,000,000,000,000"),
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", b"1234"), "8 bytes for its shape"),
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", b"12345678"), "8 are there"),
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", b""), "the shape"),
            (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)*99}", b""), "write it again"),
            (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"1234"), "Python objects"),
            (npy("__import__('os').system('true')", b""), "write it again"),
            (npy("{" * 60_000, b""), "write it again"),
            (b"\x93NUMPY\x09\x00", "npy version|write it again"),
            (b"nothing", "write it again"),
        ],
        ids=lambda v: "" if isinstance(v, bytes) else v,
    )
    def test_crafted(self, entry: bytes, message: str) -> None:
        with pytest.raises(RuntimeError, match=message):
            loaded(npz({"x.npy": entry}))

    def test_text_has_no_dtype(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "m.npz", a=np.array(["text"]))
        with pytest.raises(TypeError, match="the array 'a': can't convert"):
            torch.load(tmp_path / "m.npz")

    def test_a_zip_bomb_takes_no_memory(self) -> None:
        header = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (300000000,)}")
        file = npz({"x.npy": header + bytes(300_000_000)}, zipfile.ZIP_DEFLATED)
        tracemalloc.start()
        try:
            with pytest.raises(RuntimeError, match=r"claim to hold 300,000,\d+.*numpy\.load"):
                loaded(file)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()


# -- HDF5 ------------------------------------------------------------------------------------------


class TestHDF5:
    @pytest.fixture(autouse=True)
    def h5py(self) -> Any:
        return pytest.importorskip("h5py")

    def test_h5py_reads_ours(self, h5py: Any, tmp_path: Path) -> None:
        model = torch.nn.Linear(3, 2)
        torch.save(model.state_dict(), tmp_path / "m.h5")
        with h5py.File(tmp_path / "m.h5") as file:
            np.testing.assert_array_equal(file["weight"][()], model.weight.detach().numpy())

    def test_we_read_others(self, h5py: Any, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.create_dataset("conv/weight", data=np.arange(4.0).reshape(2, 2), compression="gzip", chunks=(1, 2))
            file.create_dataset("conv/bias", data=np.arange(3, dtype=">i2"))
            file["conv/same"] = file["conv/bias"]
            file["loop"] = file["conv"]
            file["soft"] = h5py.SoftLink("/conv/bias")
            file["outside"] = h5py.ExternalLink("/etc/passwd", "/x")
        found = torch.load(tmp_path / "m.h5")
        assert sorted(found) == ["conv.bias", "conv.same", "conv.weight"]
        np.testing.assert_array_equal(found["conv.weight"].numpy(), [[0, 1], [2, 3]])
        assert found["conv.bias"].dtype is torch.int16

    def test_what_has_no_tensor(self, h5py: Any, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file["names"] = ["a", "b"]
        with pytest.raises(TypeError, match="the data set 'names' has the dtype object"):
            torch.load(tmp_path / "m.h5")

    def test_absurd_shapes(self, h5py: Any, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.create_dataset("x", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
        with pytest.raises(RuntimeError, match=r"'x' claims 4,398,046,511,104 bytes, and the whole file has"):
            torch.load(tmp_path / "m.h5")

    def test_other_files_are_not_read(self, h5py: Any, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(bytes(16))
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.create_dataset("x", (16,), "u1", external=[(str(secret), 0, 16)])
        with pytest.raises(RuntimeError, match="'x' lies in other files"):
            torch.load(tmp_path / "m.h5")
        with h5py.File(tmp_path / "v.h5", "w") as file:
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "m.h5"), "x", (4,))
            file.create_virtual_dataset("y", layout)
        with pytest.raises(RuntimeError, match="'y' lies in other files"):
            torch.load(tmp_path / "v.h5")
