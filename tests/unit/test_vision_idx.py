"""IDX files: good ones of every kind, and every way in which one can be bad."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from tinygrad_hw.vision.idx import parse_idx, read_idx

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def header(*shape: int, code: int = 0x08, zeros: int = 0, ndim: int | None = None) -> bytes:
    ndim = len(shape) if ndim is None else ndim
    return struct.pack(f">HBB{len(shape)}I", zeros, code, ndim, *shape)


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0,), (3, 0, 2), (1, 1, 1, 1)])
def test_round_trip(kind: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    array = (rng.standard_normal(shape) * 50 + 60).astype(kind)
    read = parse_idx(header(*shape, code=CODES[kind]) + array.tobytes())
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.dtype.isnative
    assert read.flags.writeable
    assert read.flags.c_contiguous


BAD = {
    "empty": (b"", "cut short: 0 bytes are no IDX header"),
    "three_bytes": (b"\0\0\x08", "cut short: 3 bytes are no IDX header"),
    "magic": (header(2, zeros=0x1F8B) + b"ab", "no IDX file: its magic number is 0x1f8b0801"),
    "text": (b"5,0,0,1\n", "no IDX file"),
    "element_type": (header(2, code=0x0A) + b"ab", "no IDX file: its magic number is 0x00000a01"),
    "no_dimensions": (header() + b"a", "damaged header: it claims 0 dimensions"),
    "many_dimensions": (header(*[1] * 17) + b"a", "damaged header: it claims 17 dimensions"),
    "sizes": (header(2, ndim=3), "the sizes of its 3 dimensions end after 8 bytes, not 16"),
    "data": (header(3, 4) + bytes(11), r"shape \(3, 4\) needs 12 bytes, and 11 are there"),
    "wide_data": (header(3, code=0x0E) + bytes(23), "needs 24 bytes, and 23 are there"),
    "trailing": (header(3, 4) + bytes(13), "has 1 bytes after its data"),
    "absurd": (header(2**32 - 1, 2**32 - 1) + bytes(9), "damaged header: it claims the shape"),
    "absurd_but_empty": (header(0, 2**32 - 1, 2**32 - 1), "damaged header: it claims the shape"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_bad_content(content: bytes, message: str) -> None:
    with pytest.raises(RuntimeError, match="^some name .*" + message):
        parse_idx(content, "some name")


@pytest.mark.parametrize("packed", [False, True])
def test_file(tmp_path: Path, packed: bool) -> None:
    content = header(2, 2) + b"\1\2\3\4"
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content) if packed else content)
    for name in (path, str(path)):
        assert read_idx(name).tolist() == [[1, 2], [3, 4]]


def test_bad_files_are_named(tmp_path: Path) -> None:
    packed = gzip.compress(header(4) + bytes(4))
    damaged = packed[:-8] + b"\0\0\0\0" + packed[-4:]
    for name, content, message in [
        ("short.gz", packed[:-9], "is cut short"),
        ("header.gz", packed[:5], "is cut short"),
        ("damaged.gz", damaged, "is no whole gzip file"),
        ("trailing.gz", packed + b"more", "is no whole gzip file"),
        ("other", b"GIF89a", "is no IDX file"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RuntimeError, match=f"{name} {message}"):
            read_idx(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
