"""Running many entries, two at a time, and the ledger of what passes."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

LEDGER = Path(__file__).with_name("ledger.json")

_ENTRIES: dict[str, object] = {}


def _start() -> None:
    import torch

    import tinygrad_hw
    from tests.parity import database

    torch.set_num_threads(1)
    tinygrad_hw.set_num_threads(1)
    _ENTRIES.update(database.load())


def _run(name: str, all_samples: bool = False):
    from tests.parity.check import ALL_SAMPLES, QUICK, Report, check

    try:
        return check(_ENTRIES[name], ALL_SAMPLES if all_samples else QUICK)
    except Exception as error:  # a defect of the suite itself must not hide behind an entry
        return Report(name, "other", "fail", [(f"the suite raises {type(error).__name__}: {error}", "")])


def run(
    names: Iterable[str],
    jobs: int | None = None,
    tell: Callable[[object], None] | None = None,
    all_samples: bool = False,
) -> dict:
    """Return the reports of entries by name.

    Args:
        names: full names in the database.
        jobs: processes; as many as there are processors, at most four, by default. 0 stays in this process.
        tell: called with each report as it comes.
        all_samples: whether to run all samples of the database, not a selection.
    """
    names = list(names)
    jobs = min(4, os.cpu_count() or 1) if jobs is None else jobs
    reports = {}
    if jobs == 0:
        _start()
        for name in names:
            reports[name] = _run(name, all_samples)
            if tell:
                tell(reports[name])
        return reports
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start) as pool:
        for future in as_completed([pool.submit(_run, name, all_samples) for name in names]):
            report = future.result()
            reports[report.name] = report
            if tell:
                tell(report)
    return reports


def read_ledger() -> dict[str, str]:
    """Return what the ledger says of each entry."""
    return json.loads(LEDGER.read_text()) if LEDGER.exists() else {}


def write_ledger(lines: dict[str, str]) -> None:
    """Write the ledger, sorted by name."""
    LEDGER.write_text(json.dumps(dict(sorted(lines.items())), indent=0, ensure_ascii=False) + "\n")
