"""A small trained run, for all tests of what is done with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tinygrad_hw.cli import main

#: What the fixture of that name returns.
Refused: TypeAlias = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that others must not change."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    arguments = ["--model", "mlp", "--hidden", "32", "--epochs", "4", "--lr", "0.01", "--quiet", "--no-report"]
    assert main(["train", "digits", *arguments, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Return a function that calls the command line and returns its exit code and its one line of complaint."""

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        err = capsys.readouterr().err
        assert "Traceback" not in err
        assert len(err.strip().splitlines()) == 1, err
        return code, err.strip()

    return call
