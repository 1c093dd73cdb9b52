"""The compatibility table: what passes, by family."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.parity.database import EVERYDAY, FAMILIES

BEGIN = "<!-- compatibility: written by `python -m tests.parity --readme` -->"
END = "<!-- end of compatibility -->"


def rows(reports: Iterable[Any]) -> list[tuple[str, int, int, int, int]]:
    """Return (family, passing, dense real entries, error inputs raising right, error inputs) per family."""
    found = {f: [0, 0, 0, 0] for f in FAMILIES}
    for report in reports:
        if report.status == "cannot":
            continue
        row = found[report.family]
        row[0] += report.status == "pass"
        row[1] += 1
        row[2] += report.errors[1]
        row[3] += report.errors[0]
    made = [(f, *row) for f, row in found.items() if row[1]]
    everyday = [r for r in made if r[0] in EVERYDAY]
    sums = [("everyday families", *map(sum, zip(*[r[1:] for r in everyday], strict=True)))] if everyday else []
    return [*made, *sums, ("all", *map(sum, zip(*[r[1:] for r in made], strict=True)))] if made else []


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


def table(reports: Iterable[Any]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| family | pass fully | of | share | error inputs that raise right |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for family, passing, total, right, errors in rows(reports):
        raising = f"{right} of {errors}" if errors else ""
        lines.append(f"| {family} | {passing} | {total} | {_share(passing, total)} | {raising} |")
    return "\n".join(lines)


def write_readme(path: Path, reports: Iterable[Any]) -> None:
    """Put the table between its markers.

    Raises:
        ValueError: the file has no markers.
    """
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: no place for the table; it belongs between {BEGIN!r} and {END!r}")
    path.write_text(f"{before}{BEGIN}\n\n{table(reports)}\n\n{END}{after}")
