"""Fetching one file from the first of several mirrors that has it whole."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.version import __version__

__all__ = ["download_file", "md5_of"]

#: Seconds without a byte after which a mirror is given up.
_TIMEOUT = 30.0
_CHUNK = 1 << 16


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
    """Download a file into a folder, checking it on the way.

    The mirrors are tried in turn. The file appears under its name only when it is whole and its
    checksum is right; until then, and for good after a failure, there is nothing under that name
    (or what was there before). Progress is drawn if standard error is a terminal.

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
    target = folder / name
    failures = []
    for mirror in mirrors:
        try:
            _fetch(mirror + name, target, md5, timeout)
        except (OSError, http.client.HTTPException, _BadMirrorError) as error:
            failures.append(f"  {mirror}{name}: {error or type(error).__name__}")
        else:
            return target
    raise RuntimeError(
        f"{name} could not be downloaded:\n"
        + "\n".join(failures)
        + f"\nCheck the connection and try again, or put the file (MD5 {md5}) into {folder}."
    )


def _fetch(url: str, target: Path, md5: str, timeout: float) -> None:
    """Download one address to ``target``, or raise and leave nothing."""
    # urllib.request brings in ssl and half of http; who does not download does not wait for it.
    from urllib.request import Request, urlopen

    digest = hashlib.md5(usedforsecurity=False)
    request = Request(url, headers={"User-Agent": f"tinygrad_hw/{__version__}"})
    with urlopen(request, timeout=timeout) as response, atomic_write(target) as file:
        length = response.headers.get("Content-Length")
        total = int(length) if length is not None and length.isdecimal() else None
        done = 0
        with tqdm(
            desc=target.name,
            total=total,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=None,
        ) as bar:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                bar.update(len(chunk))
        if total is not None and done != total:
            raise _BadMirrorError(f"the connection was cut after {done:,} of {total:,} bytes")
        if digest.hexdigest() != md5:
            raise _BadMirrorError(f"wrong checksum: {done:,} bytes with MD5 {digest.hexdigest()}, expected {md5}")
