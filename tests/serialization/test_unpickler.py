"""Crafted pickles: each gets an error, and nothing happens."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hw as torch
from tinygrad_hw.serialization.unpickler import NUMPY_NAMES, PLAIN_NAMES, restricted_loads

NAMES = {**PLAIN_NAMES, **NUMPY_NAMES}


def loads(data: bytes, **options: Any) -> Any:
    return restricted_loads(data, NAMES, **options)


class Calls:
    """Pickled, it is a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.made = function, args

    def __reduce__(self) -> Any:
        return self.made


def bait(folder: Path) -> list[tuple[str, bytes]]:
    """Pickles that would make a file in ``folder`` if they were executed, by the way in which they call."""
    path = str(folder / "executed")
    command = f"open({path!r}, 'w')"
    text = b"X" + struct.pack("<I", len(path)) + path.encode() + b"X\x01\0\0\0w"
    code = b"X" + struct.pack("<I", len(command)) + command.encode()
    line = path.encode()
    return [
        ("reduce", pickle.dumps(Calls(open, path, "w"))),
        ("reduce_2", pickle.dumps(Calls(open, path, "w"), 2)),
        ("eval", pickle.dumps(Calls(eval, command))),
        ("exec", pickle.dumps(Calls(exec, command))),
        ("os_system", pickle.dumps(Calls(os.system, f"touch {path}"))),
        ("import", pickle.dumps(Calls(__import__, "antigravity"))),
        ("getattr", pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system"))),
        ("global_dotted", b"\x80\x04\x8c\x08builtins\x8c\x04open\x93(" + text + b"tR."),
        ("python_2", b"\x80\x02c__builtin__\nopen\n(" + text + b"tR."),
        ("getattr_by_name", b"\x80\x02cposix\nsystem\n(" + code + b"tR."),
        ("dotted_name", b"\x80\x04\x8c\x0bcollections\x8c\x1aOrderedDict.__init__.mro\x93)R."),
        ("through_torch", b"\x80\x02ctorch\nos.system\n(" + code + b"tR."),
        ("own_package", b"\x80\x02ctinygrad_hw.serialization.files\nsave\n(" + text + b"tR."),
        ("inst", b"(S'" + line + b"'\nS'w'\nibuiltins\nopen\n."),
        ("obj", b"(cbuiltins\nopen\nS'" + line + b"'\nS'w'\no."),
        ("newobj", b"\x80\x02cio\nFileIO\n(" + text + b"t\x81."),
        ("newobj_ex", b"\x80\x04cio\nFileIO\n(" + text + b"t}\x92."),
        ("ext1", b"\x80\x02\x82\x01."),
        ("ext2", b"\x80\x02\x83\x01\0."),
        ("ext4", b"\x80\x02\x84\x01\0\0\0."),
        ("persid", b"P" + line + b"\n."),
        ("binpersid", b"\x80\x02" + text[:-6] + b"Q."),
        ("build_calls_setstate", b"\x80\x02cbuiltins\nopen\n}b."),
        ("numpy_load", b"\x80\x02cnumpy\nload\n(" + text + b"tR."),
        ("numpy_f2py", b"\x80\x02cnumpy.testing._private.utils\nrunstring\n(" + code + b"}tR."),
        ("torch_load_inside", b"\x80\x02ctorch.serialization\nload\n(" + text + b"tR."),
        ("dict_subclass", b"\x80\x02ccollections\ndefaultdict\ncbuiltins\nopen\n\x85R."),
    ]


@pytest.mark.parametrize("way", [name for name, _ in bait(Path("x"))])
def test_nothing_is_executed(tmp_path: Path, way: str) -> None:
    crafted = dict(bait(tmp_path))[way]
    with pytest.raises(pickle.UnpicklingError, match=r"Nothing in it was executed"):
        loads(crafted)
    assert not list(tmp_path.iterdir())
    # The same inside a .pt file, among good data, and with weights_only=False.
    file = tmp_path / "crafted.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", crafted)
    for weights_only in (True, False):
        with pytest.raises(pickle.UnpicklingError):
            torch.load(file, weights_only=weights_only)
    assert [p.name for p in tmp_path.iterdir()] == ["crafted.pt"]


@pytest.mark.parametrize("way", ["reduce", "inst", "obj"])
def test_the_bait_is_one(tmp_path: Path, way: str) -> None:
    """Python's own unpickler does execute it."""
    opened = pickle.loads(dict(bait(tmp_path))[way])
    opened.close()
    assert (tmp_path / "executed").exists()


OD = b"ccollections\nOrderedDict\n)R"


@pytest.mark.parametrize(
    ("crafted", "message"),
    [
        (b"\x80\x02", "no STOP"),
        (b"", "no STOP"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\x80\x02.", "unfinished"),
        (b"\x80\x02(N.", "unfinished"),
        (b"\x80\x02NN.", "unfinished"),
        (b"\x80\x02e.", "damaged or cut short"),
        (b"\x80\x02a.", "damaged or cut short"),
        (b"\x80\x02\x87.", "damaged or cut short"),
        (b"\x80\x02Q.", "damaged or cut short"),
        (b"\x80\x02X\xff\xff\xff\xffabc", "cut short"),
        (b"\x80\x02X\x02\0\0\0\xff\xff.", "damaged text"),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc", "cut short"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc", "cut short"),
        (b"\x80\x02\x8b\xff\xff\xff\xff.", "negative length"),
        (b"\x80\x02h\x07.", "object 7, which it has not made"),
        (b"\x80\x02]q\x00}s.", "damaged or cut short"),
        (b"\x80\x02}(Ku.", "cut short|without a value|damaged"),
        (b"\x80\x02}(NNNu.", "without a value"),
        (b"\x80\x02}]Ns.", "key or set element of type list"),
        (b"\x80\x02}" + OD + b"Ns.", "type OrderedDict"),
        (b"\x80\x02]NNs.", "sets items of a list"),
        (b"\x80\x02}Na.", "appends to a dict"),
        (b"\x80\x04](N\x90.", "adds items to a list"),
        (b"\x80\x02N)R.", "calls an object of type NoneType"),
        (b"\x80\x02])R.", "calls an object of type list"),
        (b"\x80\x02ccollections\nOrderedDict\nNR.", "without a tuple"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x05\x85R.", "do not fit"),
        (b"\x80\x02ccollections\nOrderedDict\n.", "holds collections.OrderedDict itself"),
        (b"\x80\x02]ccollections\nOrderedDict\na.", "itself"),
        (b"\x80\x02}Nccollections\nOrderedDict\ns.", "itself"),
        (b"\x80\x02}}b.", "changes the state of a dict"),
        (b"\x80\x02N}b.", "changes the state of a NoneType"),
        (b"\x80\x02ccollections\nOrderedDict\n}b.", "changes the state of a Call"),
        (b"\x80\x02" + OD + b"}X\x09\0\0\0__class__Nsb.", "the attribute '__class__'"),
        (b"\x80\x02" + OD + b"}X\x05\0\0\0itemsNsb.", "the attribute 'items'"),
        (b"\x80\x02" + OD + b"Nb.", "a state that does not fit"),
        (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0idna  \x86R.", "damaged|do not fit"),
        (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0hex\x86R.", "the encoding 'hex'"),
        (b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "do not fit"),
        (b"\x80\x02c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R.", "do not fit"),
        (b"\x80\x02ccollections\nCounter\nX\x01\0\0\0a\x85R.", "do not fit"),
        (b"\x80\x02c" + b"a" * 1000, "no name ends"),
        (b"I1\n.", "INT"),
        (b"I" + b"9" * 100_000 + b"\n.", "INT"),
        (b"F1\n.", "FLOAT"),
        (b"\x80\x022.", "DUP"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\xfa.", "0xfa"),
        # numpy
        (b"\x80\x02cnumpy\ndtype\nX\x02\0\0\0O8\x85R.", "do not fit"),
        (b"\x80\x02cnumpy\ndtype\nX\x06\0\0\0i4, O8\x85R.", "do not fit"),
        (b"\x80\x02cnumpy\ndtype\nX\x01\0\0\0O\x85R.", "do not fit"),
        (b"\x80\x02cnumpy\nndarray\nK\x05\x85R.", "not called directly"),
    ],
    ids=lambda v: repr(v[:24]) if isinstance(v, bytes) else "",
)
def test_refused(crafted: bytes, message: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match=message):
        loads(crafted)


def array_pickle(shape: tuple[int, ...], dtype: str, content: bytes, tail: bytes = b".") -> bytes:
    """A pickled array whose parts need not fit together; the dtype is object 0 in the memo."""

    def text(raw: bytes) -> bytes:
        return b"C" + bytes([len(raw)]) + raw

    sizes = b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in shape)
    kind = b"cnumpy\ndtype\nX" + struct.pack("<I", len(dtype)) + dtype.encode() + b"\x85Rq\x00"
    start = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return start + b"(K\x01(" + sizes + b"t" + kind + b"\x89" + text(content) + b"tb" + tail


@pytest.mark.parametrize(
    ("shape", "dtype", "content"),
    [
        ((3,), "f8", b"12345678"),
        ((1 << 62,), "f8", b"12345678"),
        ((1 << 40, 0), "f8", b"12345678"),
        ((-1,), "u1", b""),
        ((-2, -2), "u1", b"1234"),
        ((1 << 62, 1 << 62), "u1", b""),
        ((1,) * 60, "u1", b"1"),
    ],
)
def test_arrays_that_do_not_fit(shape: tuple[int, ...], dtype: str, content: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="does not fit"):
        loads(array_pickle(shape, dtype, content))


def test_the_crafted_array_can_be_good() -> None:
    np.testing.assert_array_equal(loads(array_pickle((2, 2), "u1", b"\1\2\3\4")), np.array([[1, 2], [3, 4]], np.uint8))


def test_a_dtype_changed_afterwards_does_not_change_the_array() -> None:
    """Otherwise the array would show memory that is not its own."""
    state = b"(K\x03X\x01\0\0\0|NNNJ\0\0\x01\0K\x01K\x00tb"
    array = loads(array_pickle((4,), "S1", b"abcd", b"h\x00" + state + b"0."))
    assert array.tobytes() == b"abcd"
    assert array.itemsize == 1


def test_huge_memo_index_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        assert loads(b"\x80\x02]r\xff\xff\xff\xffj\xff\xff\xff\xff0.") == []
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_memo_bomb_is_shared_not_copied() -> None:
    """A thousand levels of [x, x]: 2**1000 elements for who copies them."""
    started = time.perf_counter()
    program = b"\x80\x02]q\x00" + b"".join(
        b"0](h" + bytes([i % 200]) + b"h" + bytes([i % 200]) + b"eq" + bytes([(i + 1) % 200]) for i in range(1000)
    )
    nested = loads(program + b".")
    assert time.perf_counter() - started < 1
    assert nested[0] is nested[1]


def test_tuples_that_take_forever_to_hash_are_no_keys() -> None:
    program = b"\x80\x02)q\x00" + b"0h\x00h\x00\x86q\x00" * 100
    assert loads(program + b".")[0] is not None
    with pytest.raises(pickle.UnpicklingError, match="key or set element of type tuple"):
        loads(program + b"q\x010}h\x01Ns.")
    with pytest.raises(pickle.UnpicklingError, match="do not fit"):
        loads(program + b"q\x010c__builtin__\nset\n](h\x01e\x85R.")


def test_huge_keys_with_one_hash_value_are_refused() -> None:
    for key in (1 << 61, -(1 << 61), (2**61 - 1) * 3):
        raw = key.to_bytes(16, "little", signed=True)
        with pytest.raises(pickle.UnpicklingError, match="type int"):
            loads(b"\x80\x02}\x8a\x10" + raw + b"Ns.")


def test_depth_does_not_recurse() -> None:
    depth = 200_000
    for begin, end in ((b"]" * depth, b"a" * (depth - 1)), (b")" + b"\x85" * depth, b"")):
        value = loads(b"\x80\x02" + begin + end + b".")
        for _ in range(5):
            value = value[0]
        del value  # freeing it must not overflow the stack either


def test_lists_that_hold_themselves() -> None:
    value = loads(b"\x80\x02]q\x00h\x00a.")
    assert value[0] is value


def test_time_and_memory_are_linear() -> None:
    n = 200_000
    started = time.perf_counter()
    assert len(loads(b"\x80\x02](" + b"]" * n + b"e.")) == n
    assert len(loads(b"\x80\x02" + b"](" + b"K\x01" * n + b"e.")) == n
    assert time.perf_counter() - started < 5


def test_oversized_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_hw.serialization.unpickler._MAX_BYTES", 100)
    with pytest.raises(pickle.UnpicklingError, match="1,000 bytes, more than 100"):
        loads(b"N" * 1000)


def test_the_error_names_what_was_wanted() -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"the pickle names builtins\.eval, which is not on the list"):
        loads(pickle.dumps(Calls(eval, "1")))
    with pytest.raises(pickle.UnpicklingError, match=r"^model\.pt names .*\. Ask me"):
        loads(pickle.dumps(Calls(eval, "1")), source="model.pt", explain=lambda module, name: "Ask me")


def test_no_module_is_imported() -> None:
    import sys

    before = set(sys.modules)
    for name in ("antigravity", "this", "turtle"):
        with pytest.raises(pickle.UnpicklingError):
            loads(b"\x80\x02c" + name.encode() + b"\nx\n.")
    assert set(sys.modules) == before


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(max_size=30)
    | st.binary(max_size=300)
    | st.binary(max_size=9).map(bytearray)
    | st.sets(st.integers(0, 9) | st.text(max_size=3), max_size=4)
    | st.frozensets(st.integers(0, 9), max_size=4)
    | st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=3).map(Counter),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(-5, 300), inner, max_size=5)
        | st.dictionaries(st.text(max_size=5), inner, max_size=5).map(OrderedDict)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=150)
@given(PLAIN, st.integers(2, 5))
def test_plain_data_is_read_as_python_reads_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    found = loads(data)
    assert repr(found) == repr(pickle.loads(data))
    assert type(found) is type(value)


@settings(deadline=None, max_examples=150)
@given(PLAIN, st.data())
def test_damaged_pickles_give_a_value_or_the_one_error(value: Any, data: st.DataObject) -> None:
    raw = bytearray(pickle.dumps(value, data.draw(st.integers(2, 5))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(pickle.UnpicklingError):
        loads(bytes(raw))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_the_one_error(raw: bytes) -> None:
    with contextlib.suppress(pickle.UnpicklingError):
        loads(b"\x80\x02" + raw + b".")


ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(6, dtype=">i4")[::2],
    np.array([True, False]),
    np.array(["ab", "cde"]),
    np.array([b"ab", b"c"]),
    np.float32(1.5),
    np.int64(-3),
    np.zeros((0, 3), np.float16),
    np.array(1 + 2j),
]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_numpy_arrays(array: Any, protocol: int) -> None:
    raw = pickle.dumps(array, protocol)
    found = loads(raw)
    assert type(found) is type(array)
    # Python itself gives arrays of the other byte order back in this machine's, from protocol 4 down.
    assert found.dtype in (array.dtype, pickle.loads(raw).dtype)
    np.testing.assert_array_equal(found, array)
    if isinstance(array, np.ndarray):
        found[...] = found  # writable


def test_python_2_text() -> None:
    raw = b"\x80\x02U\x03abcT\x02\0\0\0\xff\xfe\x86."
    assert loads(raw, encoding="bytes") == (b"abc", b"\xff\xfe")
    assert loads(raw, encoding="latin1") == ("abc", "\xff\xfe")
    with pytest.raises(pickle.UnpicklingError, match="damaged text"):
        loads(raw)


def test_objects_of_the_table_are_what_they_seem() -> None:
    file = io.BytesIO()
    torch.save({"s": torch.Size([1]), "d": torch.float32}, file)
    file.seek(0)
    assert torch.load(file) == {"s": torch.Size([1]), "d": torch.float32}
    assert builtins.open is open
