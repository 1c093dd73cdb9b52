"""Every module of PyTorch's own table that passed before still passes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.parity import module_db  # noqa: E402

pytestmark = pytest.mark.torch

LEDGER = module_db.read_ledger()


def test_the_ledger_knows_every_module() -> None:
    assert set(LEDGER) == set(module_db.INFOS)
    for name, entry in LEDGER.items():
        assert entry["status"] in ("pass", "fails", "missing", "never"), name
        assert entry["status"] in ("pass", "missing") or entry["reason"], name


@pytest.mark.parametrize("name", [name for name, entry in LEDGER.items() if entry["status"] == "pass"])
def test_module(name: str) -> None:
    failures = module_db.check(name)
    assert not failures, failures[0]
