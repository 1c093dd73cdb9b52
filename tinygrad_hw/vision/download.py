"""Fetching one file from the first of several mirrors that has it whole."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tinygrad_hw.version import __version__

__all__ = ["download_file", "md5_of"]

#: Seconds without a byte after which a mirror is given up.
_TIMEOUT = 30.0
_CHUNK = 1 << 16
#: How often one mirror is asked to go on after a cut, as long as each time something comes.
_RETRIES = 20


class _BadMirrorError(Exception):
    """A mirror answered, but not with the file."""


def md5_of(content: bytes) -> str:
    """Return the MD5 checksum, in hexadecimal, that the publishers of data sets give.

    Example:
        >>> from tinygrad_hw.vision.download import md5_of
        >>> md5_of(b"digits")
        'a2aacbd15b619a9b9e5581a6c33bd2b1'
    """
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download_file(name: str, mirrors: Sequence[str], folder: Path, md5: str, *, timeout: float = _TIMEOUT) -> Path:
    """Download a file into a folder, and check it.

    The mirrors are tried in turn. What has come goes into a hidden file, ``.name.part``; after a cut, the same mirror
    (or the next one, or the next call) is asked for the rest only. The file appears under its name when it is whole and
    its checksum is right; until then, there is nothing under that name (or what was there before). Progress is drawn if
    standard error is a terminal.

    Args:
        name: of the file, here and below each mirror.
        mirrors: addresses, each with a slash at its end.
        folder: where the file goes; made if needed.
        md5: the checksum it must have.
        timeout: seconds without a byte after which a mirror is given up.

    Returns:
        The file's path.

    Raises:
        RuntimeError: no mirror gave the file; the message says what each one did.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / name, folder / f".{name}.part"
    failures = []
    for mirror in mirrors:
        try:
            _fetch(mirror + name, part, md5, timeout)
        except (OSError, http.client.HTTPException, _BadMirrorError) as error:
            failures.append(f"  {mirror}{name}: {error or type(error).__name__}")
        else:
            os.replace(part, target)
            return target
    kept = ""
    if part.exists():
        kept = f"\nThe {part.stat().st_size:,} bytes that came are kept in {part}; the next attempt goes on from there."
    raise RuntimeError(
        f"{name} could not be downloaded:\n"
        + "\n".join(failures)
        + kept
        + f"\nCheck the connection and try again, or put the file (MD5 {md5}) into {folder}."
    )


def _fetch(url: str, part: Path, md5: str, timeout: float) -> None:
    """Complete ``part`` from one address; a part that turns out to be wrong is removed."""
    for _ in range(_RETRIES):
        had = part.stat().st_size if part.exists() else 0
        total = _continue(url, part, timeout)
        size = part.stat().st_size
        if total is None or size == total:
            found = _md5_of_file(part)
            if found == md5:
                return
            part.unlink()
            if had:
                continue  # the beginning came from elsewhere, or long ago: once more, from the start
            raise _BadMirrorError(f"wrong checksum: {size:,} bytes with MD5 {found}, expected {md5}")
        if size <= had:
            break
    raise _BadMirrorError(f"the connection was cut after {size:,} of {total:,} bytes")


def _continue(url: str, part: Path, timeout: float) -> int | None:
    """Add to ``part`` what the address sends, the rest of the file or all of it; return the file's length if known."""
    # urllib.request brings in ssl and half of http; who does not download does not wait for it.
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    had = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": f"tinygrad_hw/{__version__}"}
    if had:
        headers["Range"] = f"bytes={had}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        if error.code != 416 or not had:
            raise
        # There is nothing behind what we have: it is whole, or of another file. The checksum tells.
        error.close()
        return had
    with response:
        length = response.headers.get("Content-Length")
        rest = int(length) if length is not None and length.isdecimal() else None
        if response.status == 206:
            # "bytes 100-999/1000"; a server that sends another part than the one asked for is of no use.
            unit, _, span = response.headers.get("Content-Range", "").partition(" ")
            if unit != "bytes" or span.partition("-")[0] != str(had):
                raise _BadMirrorError(f"it sent the range {span!r} when asked for what follows byte {had}")
        else:
            had = 0
        total = None if rest is None else had + rest
        with (
            open(part, "r+b" if had else "wb") as file,
            tqdm(
                desc=part.name[1 : -len(".part")],
                total=total,
                initial=had,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                disable=None,
            ) as bar,
        ):
            file.seek(had)
            try:
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except (OSError, http.client.HTTPException):
                if total is None or file.tell() <= had:
                    raise
            file.flush()
            os.fsync(file.fileno())
    return total


def _md5_of_file(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
