"""Classes that the user lets files name, in files that PyTorch wrote."""

from __future__ import annotations

import fractions

import pytest

import tinygrad_hw
from tests.parity.both import compare

pytestmark = pytest.mark.torch


class Settings:
    def __init__(self, rate):
        self.rate = rate


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Careful(Settings):
    def __getstate__(self):
        return {"kept": self.rate}

    def __setstate__(self, state):
        self.rate = state["kept"] * 2


def both(code):
    compare(code, tinygrad_hw, pytest.importorskip("torch"))


def test_files_with_classes(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "file.pt"
    value = {"a": Settings(0.5), "b": Slotted(torch.ones(2)), "c": Careful(3), "d": fractions.Fraction(1, 3)}
    torch.save(value, path)

    def code(torch, log):
        serialization = torch.serialization
        kinds = [Settings, Slotted, Careful, fractions.Fraction]
        # PyTorch lists classes of its own as well.
        own = lambda: sum(e in kinds for e in serialization.get_safe_globals())  # noqa: E731
        for missing in kinds:
            with serialization.safe_globals([k for k in kinds if k is not missing]):
                try:
                    torch.load(path)
                except Exception as error:
                    log(type(error).__name__, missing.__name__ in str(error))
        with serialization.safe_globals(kinds):
            log(own())
            found = torch.load(path)
            log(found["a"].rate, found["b"].value, found["c"].rate, found["d"] == fractions.Fraction(1, 3))
            log([type(v).__name__ for v in found.values()])
        log(own())
        serialization.add_safe_globals(kinds)
        serialization.add_safe_globals([Settings])
        log(own(), torch.load(path)["a"].rate)
        serialization.clear_safe_globals()
        log(own())

    both(code)


def test_classes_that_moved(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "file.pt"
    Settings.__module__ = "old.place"
    import sys
    import types

    sys.modules["old"], sys.modules["old.place"] = types.ModuleType("old"), types.ModuleType("old.place")
    sys.modules["old.place"].Settings = Settings
    try:
        torch.save(Settings(1), path)
    finally:
        Settings.__module__ = __name__
        del sys.modules["old"], sys.modules["old.place"]

    def code(torch, log):
        with torch.serialization.safe_globals([(Settings, "old.place.Settings")]):
            log(torch.load(path).rate)

    both(code)
