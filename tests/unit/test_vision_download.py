"""Downloads, from a server on this machine that can also misbehave."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.test_vision_datasets import Small
from tinygrad_hw.vision.datasets import FashionMNIST
from tinygrad_hw.vision.download import download_file, md5_of

CONTENT = bytes(range(256)) * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files`` under /good/, and in other ways under other folders."""

    def do_GET(self) -> None:
        _, folder, name = self.path.split("/", 2)
        self.server.requests.append(self.path)  # type: ignore[attr-defined]
        content = self.server.files.get(name)  # type: ignore[attr-defined]
        if folder == "absent" or content is None:
            self.send_error(404)
            return
        if folder == "moved":
            self.send_response(302)
            self.send_header("Location", f"/good/{name}")
            self.end_headers()
            return
        if folder == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        wanted = self.headers.get("Range")
        if wanted is not None and folder in ("range", "drips", "other_range", "stale"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.server.ranges.append(start)  # type: ignore[attr-defined]
        if start >= len(content):
            self.send_error(416)
            return
        if start:
            self.send_response(206)
            first = start + 5 if folder == "other_range" else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        rest = content[start:]
        if folder != "unsized":
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if folder == "silent":
            self.server.released.wait(10)  # type: ignore[attr-defined]
        if folder == "cut":
            rest = rest[: len(rest) // 2]
        if folder == "drips":
            rest = rest[:100_000]
        self.wfile.write(rest)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files = {"file.bin": CONTENT}  # type: ignore[attr-defined]
        server.requests = []  # type: ignore[attr-defined]
        server.ranges = []  # type: ignore[attr-defined]
        server.released = threading.Event()  # type: ignore[attr-defined]
        server.at = lambda *folders: [  # type: ignore[attr-defined]
            f"http://127.0.0.1:{server.server_port}/{folder}/" for folder in folders
        ]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()


def fetch(server: Any, folder: Path, *mirrors: str, **options: Any) -> Path:
    return download_file("file.bin", server.at(*mirrors), folder, md5_of(CONTENT), **options)


@pytest.mark.parametrize("mirror", ["good", "moved", "unsized"])
def test_good_mirror(server: Any, tmp_path: Path, mirror: str) -> None:
    path = fetch(server, tmp_path / "a" / "b", mirror)
    assert path == tmp_path / "a" / "b" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("bad", ["absent", "wrong", "cut", "silent"])
def test_the_next_mirror_is_tried(server: Any, tmp_path: Path, bad: str) -> None:
    path = fetch(server, tmp_path, bad, "good", timeout=0.3 if bad == "silent" else 10)
    assert path.read_bytes() == CONTENT
    # After a cut, the same mirror is asked for the rest; this one starts again and is cut at the same place.
    times = 2 if bad == "cut" else 1
    assert server.requests == [f"/{bad}/file.bin"] * times + ["/good/file.bin"]
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_every_failure_is_told_and_nothing_is_left(server: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as raised:
        fetch(server, tmp_path, "absent", "wrong", "cut")
    text = str(raised.value)
    assert text.startswith("file.bin could not be downloaded:\n")
    wrong = md5_of(CONTENT[:-1] + b"\xfe")
    for mirror, reason in [
        ("absent", "HTTP Error 404"),
        ("wrong", f"wrong checksum: 256,000 bytes with MD5 {wrong}, expected {md5_of(CONTENT)}"),
        ("cut", "the connection was cut after 128,000 of 256,000 bytes"),
    ]:
        (line,) = (line for line in text.splitlines() if f"/{mirror}/file.bin: " in line)
        assert reason in line
    assert str(tmp_path) in text.splitlines()[-1]
    assert "The 128,000 bytes that came are kept in " in text
    assert [p.name for p in tmp_path.iterdir()] == [".file.bin.part"]


def test_it_goes_on_after_a_cut(server: Any, tmp_path: Path) -> None:
    path = fetch(server, tmp_path, "drips")
    assert path.read_bytes() == CONTENT
    assert server.ranges == [100_000, 200_000]
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_the_next_mirror_and_the_next_call_go_on(server: Any, tmp_path: Path) -> None:
    assert fetch(server, tmp_path / "a", "cut", "range").read_bytes() == CONTENT
    assert server.ranges == [128_000]
    with pytest.raises(RuntimeError):
        fetch(server, tmp_path / "b", "cut")
    assert fetch(server, tmp_path / "b", "range").read_bytes() == CONTENT
    assert server.ranges == [128_000, 128_000]


@pytest.mark.parametrize("old", [b"x" * 1000, CONTENT[:-1] + b"x", CONTENT + b"more", b"x" * 300_000])
def test_a_part_of_something_else_is_thrown_away(server: Any, tmp_path: Path, old: bytes) -> None:
    (tmp_path / ".file.bin.part").write_bytes(old)
    assert fetch(server, tmp_path, "range").read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_a_whole_part_needs_only_its_name(server: Any, tmp_path: Path) -> None:
    (tmp_path / ".file.bin.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path, "range").read_bytes() == CONTENT
    assert server.ranges == [len(CONTENT)]


def test_a_mirror_that_sends_another_range_is_left(server: Any, tmp_path: Path) -> None:
    (tmp_path / ".file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path, "other_range", "range").read_bytes() == CONTENT
    (tmp_path / ".file.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(RuntimeError, match="it sent the range '1005-"):
        fetch(server, tmp_path, "other_range")


def test_a_failure_keeps_the_file_that_was_there(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        fetch(server, tmp_path, "cut")
    assert (tmp_path / "file.bin").read_bytes() == b"old"


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="refused"):
        download_file("file.bin", ["http://127.0.0.1:1/"], tmp_path, "")


def test_no_progress_bar_without_a_terminal(server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(server, tmp_path, "good")
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def small(server: Any) -> Small:
    small = Small()
    server.files = {f"{n}.gz": small.packed(c) for n, c in small.content.items()}
    small.cls.mirrors = server.at("wrong", "good")
    return small


class TestMNIST:
    def test_download_once(self, server: Any, small: Small, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            small.cls(tmp_path)
        read = small.cls(tmp_path, download=True)
        np.testing.assert_array_equal(read.data.numpy(), small.images["train"])
        assert sorted(p.name for p in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(server.files)
        assert len(server.requests) == 8
        small.cls(tmp_path, train=False, download=True)
        assert len(server.requests) == 8

    def test_only_what_is_damaged_or_missing_is_fetched(self, server: Any, small: Small, tmp_path: Path) -> None:
        small.write(tmp_path)
        (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
        damaged = tmp_path / "train-images-idx3-ubyte.gz"
        damaged.write_bytes(damaged.read_bytes()[:-5])
        for train in (True, False):
            read = small.cls(tmp_path, train=train, download=True)
            expected = small.images["train" if train else "test"]
            np.testing.assert_array_equal(read.data.numpy(), expected)
        assert {path.rpartition("/")[2] for path in server.requests} == {
            "train-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        }

    def test_failure_names_the_file(self, small: Small, tmp_path: Path) -> None:
        small.cls.mirrors = small.cls.mirrors[:1]
        with pytest.raises(RuntimeError, match=r"train-images-idx3-ubyte\.gz could not be .*"):
            small.cls(tmp_path, download=True)

    def test_fashion_goes_to_its_own_folder(self, server: Any, small: Small, tmp_path: Path) -> None:
        body = {"files": small.cls.files, "mirrors": server.at("good")}
        cls: Any = type("FashionMNIST", (FashionMNIST,), body)
        cls(tmp_path, download=True)
        path = tmp_path / "FashionMNIST" / "raw" / "train-labels-idx1-ubyte.gz"
        assert gzip.decompress(path.read_bytes()) == small.content["train-labels-idx1-ubyte"]
