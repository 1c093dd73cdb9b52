"""``python -m tests.parity``: how much of PyTorch's operator database passes, by family.

python -m tests.parity                    the table
python -m tests.parity nn.functional      entries whose name begins so, with what fails in each
python -m tests.parity --family norm      likewise, a family
python -m tests.parity --update           rewrite the ledger
python -m tests.parity --readme           rewrite the table in README.md
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.parity.database import FAMILIES, load
from tests.parity.runner import read_ledger, run, write_ledger
from tests.parity.table import table, write_readme

README = Path(__file__).parents[2] / "README.md"


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of names; all entries by default")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="only this family")
    parser.add_argument("--exact", action="store_true", help="the names are whole")
    parser.add_argument("--failing", action="store_true", help="only what the ledger does not list as passing")
    parser.add_argument("--update", action="store_true", help="rewrite the ledger")
    parser.add_argument("--readme", action="store_true", help="rewrite the table in README.md")
    parser.add_argument("--jobs", type=int, help="processes")
    parser.add_argument("--slow", action="store_true", help="list the entries that take longest")
    parser.add_argument("--all-samples", action="store_true", help="every sample of the database, not a selection")
    parser.add_argument("--most", type=int, default=30, help="failures shown of an entry")
    options = parser.parse_args()

    from tests.parity.database import family_of

    entries = load()
    ledger = read_ledger()
    names = [
        n
        for n, info in entries.items()
        if (not options.names or any(n == x if options.exact else n.startswith(x) for x in options.names))
        and (not options.family or family_of(info.name, info.variant_test_name) in options.family)
        and (not options.failing or ledger.get(n) != "pass")
    ]
    chosen = len(names) < len(entries)
    start = time.perf_counter()

    def tell(report) -> None:
        if (chosen or options.all_samples) and report.status == "fail":
            print(f"{report.name} ({report.seconds:.1f} s)")
            for words, detail in report.failures[: options.most]:
                print(f"    {words}" + (f": {detail[:400]}" if detail else ""))

    reports = run(names, 0 if options.jobs is None and len(names) < 12 else options.jobs, tell, options.all_samples)
    print(table(reports.values()))
    print(f"{len(reports)} entries in {time.perf_counter() - start:.0f} s")
    if options.slow:
        for report in sorted(reports.values(), key=lambda r: -r.seconds)[:25]:
            print(f"{report.seconds:6.1f} s  {report.name}")
    changed = {n: r.line for n, r in reports.items() if ledger.get(n) != r.line}
    for name, line in sorted(changed.items()):
        if "pass" in (line, ledger.get(name)):
            print(f"{name}: {ledger.get(name, 'new')} -> {line}")
    if options.update:
        merged = {n: line for n, line in ledger.items() if n in entries}
        merged.update({n: r.line for n, r in reports.items()})
        write_ledger(merged)
    if options.readme:
        if chosen:
            parser.error("--readme needs a run of all entries")
        write_readme(README, reports.values())
    return 0


if __name__ == "__main__":
    sys.exit(main())
