"""Running one piece of PyTorch code here and under PyTorch, and comparing what it tells."""

from __future__ import annotations

import re
import warnings
from collections import UserList
from collections.abc import Mapping

import numpy as np


class Log(list):
    """What a piece of code tells: values, texts, errors."""

    def __call__(self, *values):
        self.extend(_plain(v) for v in values)

    def error(self, function, *args, **kwargs):
        """Log the exception that a call raises; a call that raises none fails the comparison."""
        try:
            function(*args, **kwargs)
        except Exception as error:
            self.append(("error", type(error).__name__, _names(str(error))))
        else:
            self.append("no error")

    def warned(self, function, *args, **kwargs):
        """Log what a call returns and the warnings it gives."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self(function(*args, **kwargs))
        self.extend(("warning", w.category.__name__, _names(str(w.message))) for w in caught)


def _names(text):
    """Give classes of both packages one name."""
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return re.sub(r"(tinygrad_hw|torch)\.nn\.modules?\.(\w+\.)*(?=[A-Z])", "nn.", text)


def _plain(value):
    if hasattr(value, "grad_fn") and hasattr(value, "detach"):
        detached = value.detach()
        return ("tensor", str(value.dtype), tuple(value.shape), np.array(detached.tolist()))
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, UserList)):
        return [_plain(v) for v in value]
    if isinstance(value, str):
        return _names(value)
    return value


def same(ours, theirs, rtol=1e-6):
    """Whether two logged values are equal: numbers to ``rtol``, messages in how they begin."""
    if isinstance(theirs, tuple) and theirs and theirs[0] in ("error", "warning"):
        return (
            isinstance(ours, tuple)
            and ours[:2] == theirs[:2]
            and _dense(ours[2]).startswith(_dense(_first_sentence(theirs[2])))
        )
    if isinstance(theirs, tuple) and theirs and theirs[0] == "tensor":
        return (
            isinstance(ours, tuple)
            and ours[:3] == theirs[:3]
            and np.allclose(ours[3], theirs[3], rtol=rtol, atol=rtol, equal_nan=True)
        )
    if isinstance(theirs, (list, tuple)):
        return (
            isinstance(ours, (list, tuple))
            and len(ours) == len(theirs)
            and all(same(a, b, rtol) for a, b in zip(ours, theirs, strict=True))
        )
    if isinstance(theirs, dict):
        return (
            isinstance(ours, dict)
            and list(ours) == list(theirs)
            and all(same(ours[k], theirs[k], rtol) for k in theirs)
        )
    if isinstance(theirs, float):
        return isinstance(ours, float) and np.isclose(ours, theirs, rtol=rtol, equal_nan=True)
    return type(ours) is type(theirs) and ours == theirs


def _first_sentence(text):
    return re.split(r"[.!?](?:\s|$)", text)[0]


def _dense(text):
    return re.sub(r"\s+", "", text)


def compare(code, ours, theirs, rtol=1e-6):
    """Run ``code(torch, log)`` with both packages and compare the logs entry by entry."""
    logs = []
    for package in (ours, theirs):
        log = Log()
        code(package, log)
        logs.append(log)
    mine, other = logs
    for i, (a, b) in enumerate(zip(mine, other, strict=False)):
        assert same(a, b, rtol), f"{code.__name__}, entry {i}:\nhere    {a}\nPyTorch {b}"
    assert len(mine) == len(other), f"{code.__name__}: {len(mine)} entries, PyTorch {len(other)}"
    assert mine, f"{code.__name__} logged nothing"
