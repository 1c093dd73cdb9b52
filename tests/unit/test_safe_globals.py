"""Classes that the user lets files name."""

from __future__ import annotations

import io
import os
import pickle
import zipfile

import pytest

import tinygrad_hw as torch


class Settings:
    def __init__(self, rate):
        self.rate = rate


def file_of(value) -> io.BytesIO:
    """A file of PyTorch's form with any pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(value, protocol=2))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    buffer.seek(0)
    return buffer


class Harm:
    def __reduce__(self):
        return os.getenv, ("HOME",)


def test_only_what_is_named():
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[Settings\]\)"):
        torch.load(file_of(Settings(2)))
    with torch.serialization.safe_globals([Settings]):
        assert torch.load(file_of({"x": Settings(2)}))["x"].rate == 2
        with pytest.raises(pickle.UnpicklingError, match=r"os.getenv"):
            torch.load(file_of(Harm()))
        # The class itself is no value.
        with pytest.raises(pickle.UnpicklingError, match="where a value should be"):
            torch.load(file_of([Settings]))
    with pytest.raises(pickle.UnpicklingError, match="not on the list"):
        torch.load(file_of(Settings(2)))


def test_functions_and_errors_in_them():
    with torch.serialization.safe_globals([os.getenv]):
        assert torch.load(file_of(Harm())) == os.environ.get("HOME")
    with pytest.raises(TypeError, match="must be a string"):
        torch.serialization.add_safe_globals([(Settings, 3)])
    assert torch.serialization.get_safe_globals() == []


def test_blocks_nest():
    with torch.serialization.safe_globals([Settings]):
        with torch.serialization.safe_globals([Harm]):
            assert torch.serialization.get_safe_globals() == [Settings, Harm]
        assert torch.serialization.get_safe_globals() == [Settings]
    assert torch.serialization.get_safe_globals() == []
