"""PyTorch reads our files, and we read PyTorch's."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import warnings
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as ours
from tinygrad_hw import dtypes

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

NAMES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "complex64",
    "complex128",
]


def plain(value: Any) -> Any:
    """Turn a value of either package into one that can be compared."""
    if hasattr(value, "detach") and hasattr(value, "stride"):
        return (
            "parameter" if type(value).__name__ == "Parameter" else "tensor",
            str(value.dtype),
            tuple(value.shape),
            tuple(value.stride()) if value.numel() else None,
            value.requires_grad,
            value.detach().tolist(),
        )
    if isinstance(value, dict):
        return type(value).__name__, [(k, plain(v)) for k, v in value.items()], plain(getattr(value, "_metadata", None))
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(v) for v in value]
    return repr(value)


def everything(package: Any) -> Any:
    """Build the same value with either package."""
    package.manual_seed(3)
    base = package.arange(24.0).reshape(4, 6)
    model = package.nn.Sequential(
        package.nn.Conv2d(1, 2, 3), package.nn.BatchNorm2d(2), package.nn.Flatten(), package.nn.Linear(8, 3)
    )
    optimizer = package.optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    sgd = package.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = package.optim.lr_scheduler.MultiStepLR(sgd, [2, 5])
    model(package.randn(5, 1, 4, 4)).sum().backward()
    optimizer.step()
    sgd.step()
    scheduler.step()
    marked = package.nn.Parameter(package.ones(2))
    marked.decay = False
    return {
        "views": [base, base.t(), base[1:, ::2], base[0].expand(3, 6), base[2, 3], base[:0], base.unsqueeze(0)],
        "parameters": [package.nn.Parameter(package.ones(2, 2)), marked],
        "frozen": package.nn.Parameter(package.zeros(1), requires_grad=False),
        "leaf": package.ones(2, requires_grad=True),
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict(), sgd.state_dict()],
        "scheduler": {k: v for k, v in scheduler.state_dict().items() if not callable(v)},
        "dtypes": [package.tensor([0, 1, 2]).to(getattr(package, name)) for name in NAMES],
        "values": [None, True, 0, -1, 255, 256, 65536, 2**31, -(2**63), 2**100, 0.1, float("inf"), "é", b"\xff", 1j],
        "containers": [(), (1,), (1, 2, 3, 4), {1: {2.5: "x"}}, OrderedDict(b=1, a=2), Counter("aab"), {1, 2}],
        "kinds": [package.Size([2, 3]), package.float16, package.int64, package.device("cpu")],
        "empty": package.zeros(0, 3),
        "scalar": package.tensor(3.5),
        "rng": package.get_rng_state(),
    }


def test_torch_reads_ours(tmp_path: Path) -> None:
    value = everything(ours)
    for protocol in (2, 4):
        ours.save(value, tmp_path / "x.pt", pickle_protocol=protocol)
        for mmap in (False, True):
            with warnings.catch_warnings():
                # PyTorch warns of every protocol but 2.
                warnings.filterwarnings("ignore" if protocol != 2 else "error", message="Detected pickle protocol")
                found = torch.load(tmp_path / "x.pt", weights_only=True, mmap=mmap)
            assert plain(found) == plain(value)
    file = io.BytesIO()
    ours.save(value, file)
    file.seek(0)
    assert plain(torch.load(file, weights_only=True)) == plain(value)
    assert plain(torch.load(tmp_path / "x.pt", weights_only=False)) == plain(value)


def test_we_read_torchs(tmp_path: Path) -> None:
    value = everything(torch)
    for protocol in (2, 3, 4, 5):
        torch.save(value, tmp_path / "x.pt", pickle_protocol=protocol)
        for mmap in (False, True):
            assert plain(ours.load(tmp_path / "x.pt", mmap=mmap)) == plain(value)
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    assert plain(ours.load(file)) == plain(value)


def test_the_two_values_are_the_same() -> None:
    """So that the tests above compare like with like."""
    a, b = everything(ours), everything(torch)
    for key in ("views", "parameters", "dtypes", "values", "containers", "kinds", "scheduler"):
        assert plain(a[key]) == plain(b[key]), key
    assert list(a["model"]) == list(b["model"])


def test_sharing_crosses_both_ways(tmp_path: Path) -> None:
    for saving, loading in ((ours, torch), (torch, ours)):
        base = saving.zeros(10)
        saving.save([base, base[2:5], base.reshape(2, 5).t(), base], tmp_path / "x.pt")
        a, b, c, d = loading.load(tmp_path / "x.pt")
        b[0] = 7
        assert (a[2].item(), c[2, 0].item()) == (7, 7)
        assert a is d


def test_models_cross_both_ways(tmp_path: Path) -> None:
    """The outputs and the next training steps are the same."""
    outputs = {}
    for package in (ours, torch):
        package.manual_seed(1)
        model = package.nn.Sequential(package.nn.Linear(4, 8), package.nn.BatchNorm1d(8), package.nn.Linear(8, 2))
        optimizer = package.optim.AdamW(model.parameters(), lr=0.1)
        if package is torch:
            state = torch.load(tmp_path / "x.pt")
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        x = package.linspace(-1, 1, 24).reshape(6, 4)
        for step in range(6):
            if package is ours or step >= 3:
                optimizer.zero_grad()
                model(x).pow(2).mean().backward()
                optimizer.step()
            if package is ours and step == 2:
                ours.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "x.pt")
        outputs[package] = model(x).detach().numpy()
    np.testing.assert_allclose(outputs[ours], outputs[torch], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names", [("byteorder",), ()], ids=["with", "without"])
def test_the_other_byte_order(tmp_path: Path, names: Any) -> None:
    """What torch writes on a big-endian machine: the same, with the storages swapped and a note."""
    value = everything(torch)
    swapped = {k: v for k, v in value.items() if k != "rng"}
    # Of storages without a dtype nothing says how to swap them.
    swapped["dtypes"] = [t for t in swapped["dtypes"] if not str(t.dtype).startswith("torch.uint") or t.itemsize == 1]
    file = io.BytesIO()
    torch.save(swapped, file)
    with zipfile.ZipFile(file) as archive:
        content = {n: archive.read(n) for n in archive.namelist()}
    root = next(iter(content)).split("/")[0]
    sizes: dict[str, int] = {}

    class Sizes(pickle.Unpickler):
        """Notes how large the elements of each storage are."""

        def find_class(self, module: str, name: str) -> Any:
            if name.endswith("Storage"):
                return name
            return super().find_class(module, name) if "rebuild" not in name else (lambda *args: None)

        def persistent_load(self, pid: Any) -> Any:
            kinds = {
                "Double": 8,
                "Long": 8,
                "Float": 4,
                "Int": 4,
                "Half": 2,
                "Short": 2,
                "ComplexDouble": 8,
                "ComplexFloat": 4,
            }
            sizes[pid[2]] = kinds.get(pid[1].removesuffix("Storage"), 1)

    Sizes(io.BytesIO(content[f"{root}/data.pkl"])).load()
    for key, size in sizes.items():
        raw = content[f"{root}/data/{key}"]
        content[f"{root}/data/{key}"] = np.frombuffer(raw, f"u{size}").byteswap().tobytes()
    content[f"{root}/byteorder"] = b"big"
    if not names:
        # Without the note, PyTorch and we take it for little-endian: the values are others.
        del content[f"{root}/byteorder"]
    path = tmp_path / "big.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in content.items():
            archive.writestr(name, raw)
    expected = torch.load(path)
    for mmap in (False, True):
        found = ours.load(path, mmap=mmap)
        assert repr(plain(found)) == repr(plain(expected))
        assert (plain(found) == plain(swapped)) == bool(names)


def test_without_the_package_bfloat16_becomes_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = torch.randn(20, dtype=torch.float32).to(torch.bfloat16)
    torch.save([base, base[3:9:2], torch.nn.Parameter(base)], tmp_path / "x.pt")
    monkeypatch.setattr(dtypes, "is_available", lambda d: False)
    with pytest.warns(UserWarning, match="ml_dtypes.*become float32") as caught:
        a, b, c = ours.load(tmp_path / "x.pt")
    assert len(caught) == 1
    assert a.dtype is b.dtype is dtypes.float32
    assert a.tolist() == base.tolist()
    assert b.tolist() == base[3:9:2].tolist()
    assert type(c) is ours.nn.Parameter
    a[3] = 99
    assert b[0].item() == 99


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.ones(2).to(torch.float8_e5m2), "no dtype torch.float8_e5m2 here"),
        (lambda: torch.ones(2).to(torch.float8_e4m3fn), "no dtype torch.float8_e4m3fn here"),
        (lambda: torch.eye(2).to_sparse(), "Sparse tensors do not exist here"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "qint8|Quantized"),
        (lambda: torch.ones(2, device="meta"), "Meta tensors do not exist here"),
        (lambda: {"dtype": torch.float8_e4m3fn}, "no dtype torch.float8_e4m3fn here"),
        (lambda: torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear.*save the state_dict\(\)"),
        (lambda: torch.ones(2).untyped_storage(), "holds|storage"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_does_not_exist_here_is_named(tmp_path: Path, make: Any, message: str) -> None:
    torch.save(make(), tmp_path / "x.pt")
    with pytest.raises((pickle.UnpicklingError, RuntimeError), match=message):
        ours.load(tmp_path / "x.pt")


@pytest.mark.filterwarnings("ignore")
def test_legacy_formats_are_refused_by_name(tmp_path: Path) -> None:
    torch.save({"x": torch.ones(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match=r"old\.pt is in PyTorch's legacy format, that of versions before 1\.6"):
        ours.load(tmp_path / "old.pt")
    with tarfile.open(tmp_path / "older.pt", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(RuntimeError, match=r"a tar archive, the legacy format of PyTorch before 0\.1\.10"):
        ours.load(tmp_path / "older.pt")
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "script.pt"))
    with pytest.raises(RuntimeError, match="a TorchScript program"):
        ours.load(tmp_path / "script.pt")


def test_tensors_with_attributes(tmp_path: Path) -> None:
    tensor = torch.ones(2)
    tensor.note = "x"
    buffer = torch.nn.Buffer(torch.ones(3))
    torch.save([tensor, buffer], tmp_path / "x.pt")
    a, b = ours.load(tmp_path / "x.pt")
    assert (a.tolist(), b.tolist()) == ([1, 1], [1, 1, 1])


def test_numpy_values(tmp_path: Path) -> None:
    value = {"best": np.float64(0.5), "history": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "bc"])}
    for saving, loading in ((torch, ours), (ours, torch)):
        saving.save(value, tmp_path / "x.pt")
        found = loading.load(tmp_path / "x.pt", weights_only=False)
        assert repr(found) == repr(value)
        assert type(found["best"]) is np.float64


def test_the_same_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save(torch.ones(2), path)
    for call in (
        lambda p: p.load(tmp_path / "missing.pt"),
        lambda p: p.load(io.BytesIO()),
        lambda p: p.load(3),
        lambda p: p.save(1, 3),
        lambda p: p.load(io.BytesIO(path.read_bytes()), mmap=True),
        lambda p: p.load(path, pickle_module=pickle, weights_only=True),
        lambda p: p.load(path, map_location="cuda"),
        lambda p: p.load(path, weights_only=False, wrong=1),
    ):
        kinds = []
        for package in (ours, torch):
            with pytest.raises(Exception) as raised:
                call(package)
            kinds.append(type(raised.value))
        assert kinds[0] is kinds[1], kinds


def test_our_files_are_what_torch_expects(tmp_path: Path) -> None:
    """Entries, alignment and version, as torch's own writer makes them."""
    names = {}
    for package in (ours, torch):
        path = tmp_path / f"{package.__name__}.pt"
        package.save({"a": package.ones(3), "b": package.arange(5)}, path)
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names[package] = {n.partition("/")[2]: archive.read(n) for n in archive.namelist()}
    theirs = {n: v for n, v in names[torch].items() if n != ".data/serialization_id"}
    assert names[ours].keys() == theirs.keys()
    for name in theirs.keys() - {"data.pkl"}:
        assert names[ours][name] == theirs[name], name
    assert os.path.getsize(tmp_path / "tinygrad_hw.pt") < 2 * os.path.getsize(tmp_path / "torch.pt")
