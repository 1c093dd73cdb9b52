"""Files in PyTorch's format: what comes back, and what is refused."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_hw as torch
from tinygrad_hw import dtypes
from tinygrad_hw.serialization.atomic import atomic_write


def back(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    torch.save(obj, file, **options)
    file.seek(0)
    return torch.load(file)


def entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, raw in content.items():
            archive.writestr(name, raw)
    return file.getvalue()


def saved(obj: Any) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file)
    return file.getvalue()


# -- what comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=lambda d: d.name)
def test_dtypes(dtype: Any) -> None:
    tensor = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(dtype)
    found = back(tensor)
    assert found.dtype is dtype
    np.testing.assert_array_equal(found.numpy(), tensor.numpy())


def test_python_values() -> None:
    value = {
        "none": None,
        "flags": [True, False],
        "ints": [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**64), 2**1000],
        "floats": [0.0, -0.0, 1.5, float("inf"), -1e300],
        "text": ["", "é", "\ud800", "a" * 1000],
        "bytes": [b"", b"\x00\xff", bytearray(b"x")],
        "complex": 1 - 2j,
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "nested": {1: {2.5: [{(1, "a"): None}]}},
        "sets": {1, 2},
        "counter": Counter("aab"),
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "size": torch.Size([2, 3]),
        "dtype": torch.float64,
        "devices": [torch.device("cpu"), torch.device("cpu", 0)],
        "numpy": [np.float64(1.5), np.arange(3), np.array(["a"]), np.asfortranarray(np.ones((2, 3)))],
    }
    found = back(value)
    assert repr(found) == repr(value)
    assert type(found["size"]) is torch.Size
    assert type(found["ordered"]) is OrderedDict
    assert found["dtype"] is torch.float64


def test_shared_objects_stay_shared() -> None:
    tensor, inner = torch.ones(2), [1]
    found = back({"a": tensor, "b": [tensor], "c": inner, "d": (inner, inner)})
    assert found["a"] is found["b"][0]
    assert found["c"] is found["d"][0] is found["d"][1]
    loop: list[Any] = []
    loop.append(loop)
    again = back(loop)
    assert again[0] is again


def test_shared_memory_stays_shared() -> None:
    base = torch.arange(10.0)
    found = back([base[2:6], base[4:8], base[::3], base.reshape(2, 5).t(), base[8:]])
    a, b, c, d, e = found
    a[2] = 100
    assert (b[0].item(), d[4, 0].item()) == (100, 100)
    c[3] = 200
    assert d[4, 1].item() == e[1].item() == 200
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        x = a.detach().requires_grad_()
        y = x * b
        c[0] = 1
        b[0] = 3
        y.sum().backward()


def test_of_a_large_array_only_what_the_tensors_show_is_stored() -> None:
    base = torch.arange(1_000_000.0)
    assert len(saved(base[500:510])) < 2000
    gap = entries(saved([base[0:4:3]]))["archive/data/0"]
    assert np.frombuffer(gap, np.float32).tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.t(),
        lambda x: x[1:, ::2],
        lambda x: x[:, 1],
        lambda x: x[0, 0],
        lambda x: x[:0],
        lambda x: x[0].expand(4, 6),
        lambda x: x.permute(1, 0)[2:],
        lambda x: x.unsqueeze(0),
    ],
)
def test_views(make: Any) -> None:
    view = make(torch.arange(24.0).reshape(4, 6))
    found = back(view)
    np.testing.assert_array_equal(found.numpy(), view.numpy())
    assert found.stride() == view.stride()


def test_layouts_that_have_no_place_are_copied() -> None:
    backwards = torch.tensor([1.0, 2.0, 3.0]).numpy()[::-1]
    other = np.arange(3.0).astype(">f8" if sys.byteorder == "little" else "<f8")
    odd = np.frombuffer(b"x" + np.arange(3.0).tobytes(), np.float64, offset=1)
    for array in (backwards, other, odd):
        found = back(torch.Tensor._wrap(array))
        np.testing.assert_array_equal(found.numpy(), array)
        assert found.numpy().dtype.isnative


def test_two_dtypes_on_one_memory() -> None:
    array = np.zeros(4, np.float32)
    with pytest.raises(RuntimeError, match="view the same data as different types: torch"):
        saved([torch.Tensor._wrap(array), torch.Tensor._wrap(array.view(np.int32))])


def test_parameters_and_grad() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.decay = False
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    leaf = torch.ones(1, requires_grad=True)
    a, b, c, d = back([parameter, frozen, leaf, leaf * 2])
    assert type(a) is type(b) is torch.nn.Parameter
    assert a.decay is False
    assert [t.requires_grad for t in (a, b, c, d)] == [True, False, True, True]
    assert d.is_leaf


def test_a_model_and_its_optimizer_go_on() -> None:
    torch.manual_seed(0)

    def make() -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1, amsgrad=True)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 4])
        return model, optimizer, scheduler

    def train(parts: Any, steps: int) -> None:
        model, optimizer, scheduler = parts
        for _ in range(steps):
            optimizer.zero_grad()
            model(x).pow(2).mean().backward()
            optimizer.step()
            scheduler.step()

    x = torch.randn(16, 4)
    first, second = make(), make()
    train(first, 3)
    for ours, state in zip(second, back([p.state_dict() for p in first]), strict=True):
        ours.load_state_dict(state)
    assert back(first[0].state_dict())._metadata == first[0].state_dict()._metadata
    train(first, 3)
    train(second, 3)
    for a, b in zip(first[0].state_dict().values(), second[0].state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


TENSORS = hnp.arrays(
    st.sampled_from([d.numpy for d in dtypes.ALL]), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
).map(torch.Tensor._wrap)
VALUES = st.recursive(
    TENSORS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=6) | st.integers(0, 5), inner, max_size=4)
    ),
    max_leaves=10,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype is b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(deadline=None, max_examples=150)
@given(VALUES, st.integers(2, 5))
def test_round_trip(value: Any, protocol: int) -> None:
    assert same(back(value, pickle_protocol=protocol), value)


@st.composite
def views(draw: Any) -> Any:
    """Several random views of one memory."""
    base = torch.arange(60.0).reshape(3, 4, 5)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        view = base.permute(*draw(st.permutations([0, 1, 2])))
        for dim in range(3):
            start = draw(st.integers(0, view.shape[dim] - 1))
            step = draw(st.integers(1, 3))
            view = view[tuple([slice(None)] * dim + [slice(start, None, step)])]
        found.append(view)
    return found


@settings(deadline=None, max_examples=100)
@given(views())
def test_views_share_after_loading_what_they_shared_before(found: list[Any]) -> None:
    again = back(found)
    for a, b in zip(again, found, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for i in range(len(found)):
        for j in range(i):
            if np.shares_memory(found[i].numpy(), found[j].numpy()):
                assert np.shares_memory(again[i].numpy(), again[j].numpy())


# -- arguments -------------------------------------------------------------------------------------


def test_paths_and_files(tmp_path: Path) -> None:
    value = {"x": torch.arange(3)}
    for path in (tmp_path / "a.pt", str(tmp_path / "b"), tmp_path / "é.pth"):
        torch.save(value, path)
        assert same(torch.load(path), value)
        with open(path, "rb") as file:
            assert same(torch.load(file), value)
    with open(tmp_path / "c", "wb") as file:
        torch.save(value, file)
    assert same(torch.load(tmp_path / "c"), value)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b").read_bytes(), "the same every time"


def test_a_buffer_with_something_before_it() -> None:
    file = io.BytesIO(b"header--")
    file.seek(8)
    torch.save({"x": torch.arange(3)}, file)
    with pytest.raises(EOFError, match=r"at its end \(byte \d.*seek\(0\)"):
        torch.load(file)
    file.seek(8)
    assert same(torch.load(file), {"x": torch.arange(3)})
    with pytest.raises(EOFError, match="it is empty"):
        torch.load(io.BytesIO())


def test_a_file_that_can_only_be_written_to() -> None:
    class Pipe:
        def __init__(self) -> None:
            self.got = b""

        def write(self, data: bytes) -> int:
            self.got += bytes(data)
            return len(data)

        def flush(self) -> None:
            pass

    pipe: Any = Pipe()
    torch.save(torch.arange(5), pipe)
    assert same(torch.load(io.BytesIO(pipe.got)), torch.arange(5))
    with pytest.raises(AttributeError, match="'read', 'seek' and 'tell'"):
        torch.load(pipe)
    with pytest.raises(AttributeError, match="'write'"):
        torch.save(1, 3)  # type: ignore[arg-type]


def test_elements_start_at_multiples_of_64() -> None:
    data = saved([torch.ones(n, dtype=d) for n in (1, 3, 17) for d in (torch.int8, torch.float64)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<HH", data[info.header_offset + 26 :][:4])
            assert (info.header_offset + 30 + name + extra) % 64 == 0, info.filename


def test_mmap(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    base = torch.arange(100.0)
    torch.save([base, base[10:20], torch.arange(5, dtype=torch.int8)], path)
    before = path.read_bytes()
    a, b, c = torch.load(path, mmap=True)
    assert same([a, b, c], [base, base[10:20], torch.arange(5, dtype=torch.int8)])
    b.fill_(-1)
    assert a[10].item() == -1
    assert path.read_bytes() == before, "the file is not written to"
    del a, b, c
    assert torch.load(path)[0][10].item() == 10
    with pytest.raises(ValueError, match="must be a file path in order to use the mmap"):
        torch.load(io.BytesIO(before), mmap=True)


def test_mmap_reads_only_what_is_used(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(torch.zeros(4_000_000), path)
    tracemalloc.start()
    try:
        assert torch.load(path, mmap=True)[-1].item() == 0
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def from_device(name: str) -> io.BytesIO:
    content = entries(saved(torch.ones(2)))
    raw = content["archive/data.pkl"]
    old = b"X\x03\0\0\0cpu"
    assert old in raw
    content["archive/data.pkl"] = raw.replace(old, b"X" + struct.pack("<I", len(name)) + name.encode())
    return io.BytesIO(packed(content))


def test_map_location() -> None:
    with pytest.raises(RuntimeError, match=r"Attempting to deserialize object on.*map_location='cpu'"):
        torch.load(from_device("cuda:0"))
    seen = []

    def mapped(storage: Any, location: str) -> Any:
        seen.append(location)
        return storage

    for location in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, mapped):
        np.testing.assert_array_equal(torch.load(from_device("cuda:0"), map_location=location).numpy(), [1, 1])
    assert seen == ["cuda:0"]
    for location in ("cuda", {"cuda:1": "cpu"}, lambda storage, location: None):
        with pytest.raises(RuntimeError, match="computes on the CPU only"):
            torch.load(from_device("cuda:0"), map_location=location)


def test_other_arguments(tmp_path: Path) -> None:
    for protocol in (0, 1, 6):
        with pytest.raises(ValueError, match=f"pickle_protocol is {protocol}"):
            torch.save(1, io.BytesIO(), pickle_protocol=protocol)
    torch.save(1, io.BytesIO(), pickle)
    with pytest.raises(ValueError, match="pickle_module"):
        torch.save(1, io.BytesIO(), io)
    with pytest.raises(ValueError, match=r"before PyTorch 1\.6"):
        torch.save(1, io.BytesIO(), _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="format is 'onnx'; use one of 'pt'"):
        torch.save(1, io.BytesIO(), format="onnx")
    with pytest.raises(RuntimeError, match="pickle_module"):
        torch.load(io.BytesIO(saved(1)), pickle_module=pickle, weights_only=True)
    assert torch.load(io.BytesIO(saved(1)), None, pickle, weights_only=False, encoding="bytes") == 1
    with pytest.raises(TypeError, match="unexpected keyword argument 'wieghts_only'"):
        torch.load(io.BytesIO(saved(1)), wieghts_only=True)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "missing.pt")


class Strange:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Strange(), "a Strange cannot be stored"),
        ({"a": [0, Strange()]}, r"Strange.*at \['a'\]\[1\]"),
        (lambda: 0, "a function cannot"),
        (torch.nn.Linear(1, 1), "Linear is code and data; store its state_dict"),
        (torch.optim.SGD([torch.nn.Parameter(torch.ones(1))]), "SGD is code and data"),
        ({Strange(): 1}, "key of type Strange"),
        ({frozenset(): 1}, "key of type frozenset"),
        (type("MyDict", (dict,), {})(), r"make it a dict with dict\("),
        (type("MyTuple", (tuple,), {})(), "make it a plain tuple"),
        (2**2100, "an integer of 2101 bits"),
        (np.array([None]), "dtype object"),
        (np.array([(1, 2)], "i4,i4"), "dtype"),
    ],
)
def test_what_cannot_be_stored(tmp_path: Path, value: Any, message: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        torch.save(value, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.pt"]


def test_too_deep() -> None:
    value: Any = 1
    for _ in range(90):
        value = [value]
    assert back(value) == value
    for _ in range(5000):
        value = [value]
    with pytest.raises(RecursionError, match="nested more than 100 deep"):
        saved(value)


# -- what is refused -------------------------------------------------------------------------------

GOOD = saved({"w": torch.arange(1000.0), "b": torch.ones(3), "n": 5})
ERRORS = (RuntimeError, pickle.UnpicklingError, EOFError)


def test_every_truncation() -> None:
    for n in [*range(0, 400), *range(400, len(GOOD), 37)]:
        with pytest.raises(ERRORS):
            torch.load(io.BytesIO(GOOD[:n]))


def test_bit_flips_change_nothing_unnoticed() -> None:
    """A flipped bit is an error, or fell on bytes without meaning: then all values are right."""
    expected = torch.load(io.BytesIO(GOOD))
    rng = random.Random(0)
    noticed = 0
    for _ in range(1500):
        raw = bytearray(GOOD)
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        try:
            found = torch.load(io.BytesIO(bytes(raw)))
        except ERRORS:
            noticed += 1
        else:
            assert same(found, expected)
    assert noticed > 1000


def test_garbage_in_place_of_blocks() -> None:
    rng = random.Random(1)
    for _ in range(300):
        raw = bytearray(GOOD)
        at, n = rng.randrange(len(raw)), rng.randrange(1, 100)
        raw[at : at + n] = rng.randbytes(n)
        with contextlib.suppress(ERRORS):
            torch.load(io.BytesIO(bytes(raw)))


def test_a_truncated_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(GOOD[: len(GOOD) // 2])
    with pytest.raises(RuntimeError, match=r"model\.pt is cut short or damaged: .*Write or fetch it again"):
        torch.load(path)
    raw = bytearray(GOOD)
    raw[GOOD.index(np.arange(1000.0, dtype=np.float32).tobytes()) + 50] ^= 4
    path.write_bytes(raw)
    with pytest.raises(RuntimeError, match=r"'data/0' cannot be read .*CRC"):
        torch.load(path)


def crafted(size: str, stride: str, offset: str = "K\x00", numel: str = "K\x04", nbytes: int = 16) -> bytes:
    """A file with one float32 tensor of given size, stride and offset (pickled)."""
    text = "X\x07\0\0\0storage" + "ctorch\nFloatStorage\n" + "X\x01\0\0\0" + "0X\x03\0\0\0cpu" + numel
    code = f"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(({text}tQ{offset}{size}{stride}\x89N"
    raw = (code + "tR.").encode("latin1")
    return packed({"archive/data.pkl": raw, "archive/data/0": bytes(nbytes)})


def long(n: int) -> str:
    return "\x8a\x10" + n.to_bytes(16, "little", signed=True).decode("latin1")


def test_the_crafted_tensor_can_be_good() -> None:
    assert torch.load(io.BytesIO(crafted("K\x02K\x02\x86", "K\x02K\x01\x86"))).tolist() == [[0, 0], [0, 0]]
    assert torch.load(io.BytesIO(crafted("K\x01K\x02\x86", f"{long(1 << 90)}K\x01\x86"))).shape == (1, 2)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (crafted("K\x05\x85", "K\x01\x85"), "reach element 4 of a storage of 4"),
        (crafted("K\x04\x85", "K\x02\x85"), "reach element 6"),
        (crafted("K\x04\x85", "K\x01\x85", "K\x01"), "reach element 4"),
        (crafted("K\x01\x85", "K\x01\x85", long(1 << 70)), "reach element"),
        (crafted("K\x02\x85", f"{long(1 << 62)}\x85"), "reach element"),
        (crafted("K\x02\x85", f"{long(-1)}\x85"), "a negative stride"),
        (crafted(f"{long(-2)}\x85", "K\x01\x85"), "a negative size"),
        (crafted("K\x02\x85", "K\x01\x85", long(-1)), "a negative offset"),
        (crafted(f"{long(1 << 60)}\x85", "K\x00\x85"), "more than any memory holds"),
        (crafted(f"{long(1 << 62)}K\x00\x86", "K\x01K\x01\x86"), "more than any memory holds"),
        (crafted("K\x02\x85", "K\x01K\x01\x86"), "1 sizes and 2 strides"),
        (crafted("N", "K\x01\x85"), "do not fit"),
        (crafted("G\0\0\0\0\0\0\0\0\x85", "K\x01\x85"), "a size that is no integer"),
        (crafted("\x88\x85", "K\x01\x85"), "a size that is no integer"),
        (crafted("(" + "K\x01" * 65 + "t", "(" + "K\x01" * 65 + "t"), "65 sizes"),
        (crafted("K\x02\x85", "K\x01\x85", nbytes=12), "4 elements of 4 bytes, but 12 bytes are there"),
        (crafted("K\x02\x85", "K\x01\x85", nbytes=20), "but 20 bytes are there"),
        (crafted("K\x02\x85", "K\x01\x85", numel=long(1 << 60)), "1,152,921,504,606,846,976 elements"),
        (crafted("K\x02\x85", "K\x01\x85", numel=long(-4)), "-4 elements"),
        (packed({"archive/data.pkl": b"\x80\x02X\x07\0\0\0storageQ."}), "a reference that is no storage"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\nFloatStorage\n."}), "holds torch.FloatStorage itself"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\nFloatStorage\n)R."}), "a storage on its own"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\nTensor\n)\x81."}), "do not fit"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\nSize\nX\x01\0\0\0a\x85R."}), "do not fit"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\ndevice\nX\x04\0\0\0cuda\x85R."}), "computes on the CPU only"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch\nfloat8_e5m2\n."}), "no dtype torch.float8_e5m2 here"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch._utils\n_rebuild_qtensor\n."}), "Quantized tensors do not"),
        (packed({"archive/data.pkl": b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n."}), "Sparse tensors do not"),
        (packed({"archive/data.pkl": b"\x80\x02cmymodel\nNet\n)\x81."}), r"mymodel\.Net.*save the state_dict\(\)"),
        (packed({"archive/data.pkl": b"N.", "archive/byteorder": b"middle"}), "its byte order is 'middle'"),
        (packed({"archive/data.pkl": b"N.", "archive/byteorder": b"x" * 99}), "'byteorder' has 99 bytes"),
        (packed({"archive/data.pkl": b"N.", "archive/constants.pkl": b""}), "a TorchScript program"),
        (packed({"a/data.pkl": b"N.", "b/data.pkl": b"N."}), "several entries"),
        (packed({"a/b/data.pkl": b"N."}), "no entry \\*/data.pkl"),
        (packed({"data.pkl": b"N."}), "no entry \\*/data.pkl"),
        (packed({"a.zip": packed({"a/data.pkl": b"N."})}), "no entry \\*/data.pkl"),
        (packed({}), "no entry \\*/data.pkl"),
        (packed({"a/data.pkl": b"N."}, zipfile.ZIP_DEFLATED), "compressed, and PyTorch compresses none"),
    ],
    ids=lambda v: "" if isinstance(v, bytes) else v,
)
def test_crafted_files(file: bytes, message: str) -> None:
    with pytest.raises((RuntimeError, pickle.UnpicklingError), match=message):
        torch.load(io.BytesIO(file))


def test_a_storage_that_is_not_there() -> None:
    content = entries(GOOD)
    del content["archive/data/0"]
    with pytest.raises(RuntimeError, match=r"no entry 'data/0', which its pickle names"):
        torch.load(io.BytesIO(packed(content)))
    content = entries(crafted("K\x02\x85", "K\x01\x85"))
    raw = content["archive/data.pkl"].replace(b"X\x01\0\0\x000", b"X\x0a\0\0\x00../version")
    with pytest.raises(pickle.UnpicklingError, match=r"the storage '\.\./version'"):
        torch.load(io.BytesIO(packed({"archive/data.pkl": raw})))


def test_one_storage_with_two_types() -> None:
    content = entries(saved([torch.ones(2), torch.ones(2, dtype=torch.int32)]))
    raw = content["archive/data.pkl"].replace(b"X\x01\0\0\x001", b"X\x01\0\0\x000")
    with pytest.raises(pickle.UnpicklingError, match="the storage 0 with two types or sizes"):
        torch.load(io.BytesIO(packed(content | {"archive/data.pkl": raw})))


def test_overlapping_entries_and_duplicates() -> None:
    """A thousand directory entries for the same bytes make a small file large in memory."""
    raw = bytearray(packed({f"archive/data/{i}": bytes(100) for i in range(10)} | {"archive/data.pkl": b"N."}))
    first = raw.index(b"PK\x01\x02")
    at = first
    while (at := raw.find(b"PK\x01\x02", at)) >= 0:
        raw[at + 20 : at + 28] = struct.pack("<II", 4000, 4000)
        at += 4
    with pytest.raises(RuntimeError, match=r"claim 44,000 bytes.*they overlap"):
        torch.load(io.BytesIO(bytes(raw)))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a/data.pkl", b"N.")
        archive.writestr("a/data.pkl", b"K\1.")
    with pytest.raises(RuntimeError, match=r"two entries 'a/data\.pkl'"):
        torch.load(io.BytesIO(file.getvalue()))


def test_a_zip_bomb_takes_no_memory() -> None:
    file = packed({"a/data.pkl": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(file) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(RuntimeError, match="compressed"):
            torch.load(io.BytesIO(file))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_encrypted_entry() -> None:
    raw = bytearray(packed({"a/data.pkl": b"N."}))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(RuntimeError, match="encrypted"):
        torch.load(io.BytesIO(bytes(raw)))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "PyTorch's legacy format, that of versions"),
        (bytes(257) + b"ustar\x0000" + bytes(300), "a tar archive, the legacy format of PyTorch before 0.1.10"),
        (b"\x93NUMPY\x01\x00", "a single numpy array"),
        (b"\x1f\x8b\x08\x00", "packed with gzip"),
        (pickle.dumps({"a": 1}), "a plain pickle"),
        (b"<!DOCTYPE html>", "an error page"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer that was downloaded"),
        (b"\x00\x01\x02\x03", "starts with the bytes 00010203"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, head: bytes, message: str) -> None:
    (tmp_path / "x.pt").write_bytes(head)
    with pytest.raises(RuntimeError, match=message):
        torch.load(tmp_path / "x.pt")


# -- the folder on the disk ------------------------------------------------------------------------


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "latest.pt").symlink_to(tmp_path / "real" / "model.pt")
    torch.save(1, tmp_path / "latest.pt")
    assert (tmp_path / "latest.pt").is_symlink()
    assert torch.load(tmp_path / "real" / "model.pt") == 1


def test_what_is_no_file_is_written_to() -> None:
    torch.save(1, os.devnull)
    assert not Path(os.devnull).is_file()


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "x") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match=r"Parent directory .*no does not exist"):
        torch.save(1, tmp_path / "no" / "x.pt")
