"""Every entry of PyTorch's operator database that the ledger lists as passing still passes.

``python -m tests.parity`` prints the table; ``python -m tests.parity NAME`` what fails in an entry.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torch.testing")

from tests.parity import database, runner, table

LEDGER = runner.read_ledger()
PASSING = sorted(name for name, line in LEDGER.items() if line == "pass")


@pytest.fixture(scope="module")
def entries():
    return database.load()


@pytest.fixture(scope="module")
def reports(request, entries):
    """The reports of the entries whose tests were selected, run side by side."""
    wanted = [
        item.callspec.params["name"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_entry_passes" and item.callspec.params["name"] in entries
    ]
    return runner.run(wanted, 0 if len(wanted) < 12 else None)


@pytest.mark.parametrize("name", PASSING)
def test_entry_passes(name, reports):
    assert name in reports, f"{name}: PyTorch's database has no such entry any more"
    report = reports[name]
    told = "\n".join(f"  {words}: {detail}" for words, detail in report.failures)
    assert report.status == "pass", f"{name} passed when the ledger was written:\n{told}"


def test_what_newly_passes_is_in_the_ledger():
    failing = [name for name, line in LEDGER.items() if line.startswith("fail")]
    better = [name for name, report in runner.run(failing, 0).items() if report.status == "pass"]
    assert not better, f"these pass now: {better}. Run python -m tests.parity --update --readme"


def test_ledger_names_every_entry(entries):
    assert sorted(LEDGER) == sorted(entries), "run python -m tests.parity --update"


def test_entries_that_do_not_pass_have_a_reason():
    for name, line in LEDGER.items():
        assert line == "pass" or re.fullmatch(r"(fail|cannot|differs): .+", line), name


def test_readme_table_is_the_ledgers(entries):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = {
        m[1]: (int(m[2]), int(m[3]))
        for m in re.finditer(r"^\| ([a-z]+) \| (\d+) \| (\d+) \| ", readme, flags=re.MULTILINE)
    }
    passing, total = Counter(), Counter()
    for name, line in LEDGER.items():
        info = entries[name]
        family = database.family_of(info.name, info.variant_test_name)
        if not line.startswith("cannot"):
            total[family] += 1
            passing[family] += line == "pass"
    assert {f: shown.get(f) for f in total} == {f: (passing[f], total[f]) for f in total}, (
        "run python -m tests.parity --update --readme"
    )


def test_a_wrong_result_is_found(entries):
    """The suite itself: an entry whose function is replaced by another one fails."""
    from tests.parity import check, translate

    info = entries["exp"]
    report = check.Report("exp", "arithmetic")
    checker = check._Checker(info, report)
    checker.ours = translate.look_up("exp2")
    import torch

    checker.check_dtype(torch.float64)
    assert report.failures and report.failures[0][0] == "values (float64)"
    assert table.rows([report])[0][:3] == ("arithmetic", 1, 1)
