"""Errors as the command line tells them: one line, and an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["Failure", "UsageError", "nearest", "one_line"]


class Failure(Exception):
    """Something could not be done: a line on stderr, exit code 1."""

    code = 1


class UsageError(Failure):
    """Something was asked for that makes no sense: a line on stderr, exit code 2."""

    code = 2


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word that is most like this one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = " ".join(str(error).split())
    return text or type(error).__name__
