"""The README's performance table, made from the results of a run.

``python -m benchmarks.table RESULT.json`` writes it between the two marks; ``--check`` only says whether the README
agrees with the result that it names.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.client import ROOT
from benchmarks.report import duration
from benchmarks.summary import geometric_mean, means, memory_ratio, ratio
from benchmarks.workload import OURS, PEERS, RINGS

__all__ = ["agrees", "main", "named", "put", "render"]

BEGIN, END = (
    "<!-- performance table: begin; made by `python -m benchmarks.table` from ",
    "<!-- performance table: end -->",
)
NAMES = {"torch": "PyTorch", "jax": "JAX", "tinygrad": "tinygrad", "autograd": "autograd", "numpy": "numpy"}

Record = dict[str, Any]
#: (group, name, threads) of a workload of the ring "train".
Train = Mapping[tuple[str, str, int], Record]


# -- cells -----------------------------------------------------------------------------------------


def _figure(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *map(_row, rows)]


def _threads(count: int) -> str:
    return f"{count} thread" + ("s" if count > 1 else "")


# -- tables ----------------------------------------------------------------------------------------


def _train(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of training: a row per workload, a column per peer, group and thread count with figures."""
    records = [r for r in results["results"] if r["ring"] == "train" and "series" not in r]
    found: Train = {(r["group"], r["name"], r["threads"]): r for r in records}
    groups = list(dict.fromkeys(r["group"] for r in records))
    inference = "inference"
    rows = dict.fromkeys((r["group"], r["name"]) for r in records if r["group"] != inference)
    rows |= dict.fromkeys(
        (inference, r["name"]) for r in records if (groups[0], r["name"]) not in rows and r["group"] == inference
    )
    columns: list[tuple[str, Callable[[str, str], float | None]]] = []

    def add(title: str, group: str, count: int, value_of: Callable[[Record], float | None]) -> None:
        def cell(of: str, name: str) -> float | None:
            record = found.get((of if group == "" else group, name, count))
            return None if record is None or (group == inference and of != "step") else value_of(record)

        if any(cell(*row) is not None for row in rows):
            columns.append((title, cell))

    for peer in PEERS:
        for group, word in (("", "train"), (inference, "infer")):
            for count in threads:
                add(f"{NAMES[peer]}, {word}, {_threads(count)}", group, count, lambda r, peer=peer: ratio(r, peer))
        add(f"{NAMES[peer]}, memory", "", threads[0], lambda r, peer=peer: memory_ratio(r, peer))
    lines = []
    for group, name in rows:
        record = found.get((group, name, threads[0]))
        label = name if group == "step" else f"{group}: {name}"
        ours = duration(record["best"][OURS]) if record and OURS in record["best"] else ""
        lines.append([label, ours, *(_figure(cell(group, name)) for _, cell in columns)])
    bottom = [geometric_mean(v for row in rows if (v := cell(*row))) for _, cell in columns]
    lines.append(["**geometric mean**", "", *(f"**{_figure(value)}**" for value in bottom)])
    return _table(["training, float32", f"ours, {_threads(threads[0])}", *(title for title, _ in columns)], lines)


def _rings(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of geometric means against PyTorch: a row per group, and one per ring."""
    records = results["results"]
    by_group = {
        (m["ring"], m["group"], m["threads"], m["peer"]): m for m in means(records, ("ring", "group", "threads"))
    }
    by_ring = {(m["ring"], m["threads"], m["peer"]): m for m in means(records)}
    rows = []
    for ring in RINGS:
        for group in dict.fromkeys(key[1] for key in by_group if key[0] == ring):
            row = [f"{ring}: {group}"]
            for count in threads:
                mean = by_group.get((ring, group, count, "torch"))
                row += [_figure(mean["ratio"]), f"{_figure(mean['lowest'])} of {mean['count']}"] if mean else ["", ""]
            if any(row[1:]):
                rows.append(row)
        ends = [by_ring.get((ring, count, "torch")) for count in threads]
        if any(ends):
            row = [f"**{ring}, all**"]
            for mean in ends:
                row += (
                    [f"**{_figure(mean['ratio'])}**", f"{_figure(mean['lowest'])} of {mean['count']}"]
                    if mean
                    else ["", ""]
                )
            rows.append(row)
    head = ["PyTorch's time by ours, geometric mean"]
    for count in threads:
        head += [_threads(count), "lowest"]
    return _table(head, rows) if rows else []


def _convolutions(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of convolution shapes: our Gflop/s and the ratio to PyTorch."""
    found = {(r["group"], r["name"], r["threads"]): r for r in results["results"] if r["group"].startswith("conv2d")}
    names = list(dict.fromkeys(name for _, name, _ in found))
    if not names:
        return []
    head, rows = ["N,C,H->O,k,s,p"], []
    for word in ("forward", "forward and backward"):
        head.append(f"{word}, Gflop/s, {_threads(threads[0])}")
        head += [f"by PyTorch, {_threads(count)}" for count in threads]
    for name in names:
        row = [name]
        for group in ("conv2d forward", "conv2d both"):
            first = found.get((group, name, threads[0]))
            best = first["best"].get(OURS) if first else None
            row.append(f"{first['flops'] / best / 1e9:.0f}" if first and best else "")
            for count in threads:
                record = found.get((group, name, count))
                row.append(_figure(ratio(record, "torch")) if record else "")
        rows.append(row)
    return ["<details><summary>convolutions, shape by shape</summary>", "", *_table(head, rows), "", "</details>"]


def _introduction(results: Mapping[str, Any]) -> list[str]:
    facts = results["machine"]
    cpu = f"{facts['cpu']}" + (f" ({facts['family']}, {facts['vectors']})" if "family" in facts else "")
    versions = []
    for framework, by_threads in results["frameworks"].items():
        version = next(iter(by_threads.values()))["version"]
        versions.append(f"{NAMES.get(framework, framework)} {version}")
    date = f", {results['date']}" if results["date"] else ""
    rounds = results["options"]["rounds"]
    lines = [
        f"The other's time divided by ours: **above 1 we are faster**. {cpu}, {facts['cores']} cores{date}; "
        f"{', '.join(versions)}; best of {rounds} {'round' if rounds == 1 else 'rounds'} of "
        f"{results['options']['seconds']:g} s each, in turns, each framework in a process of its own.",
    ]
    if any(control["warnings"] for control in results["control"].values()):
        lines += ["", "**The machine was busy during this run, so that these figures are rough.**"]
    return lines


def render(results: Mapping[str, Any]) -> str:
    """Return the tables of a run as Markdown."""
    threads = sorted({r["threads"] for r in results["results"]}, reverse=True)
    parts = [_introduction(results)]
    if any(r["ring"] == "train" and "series" not in r for r in results["results"]):
        parts.append(_train(results, threads))
    parts += [_rings(results, threads), _convolutions(results, threads)]
    return "\n\n".join("\n".join(part) for part in parts if part)


# -- the README ------------------------------------------------------------------------------------


def _around(text: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks are missing: a line that starts with {BEGIN!r} and a line {END!r}")
    return before, inside, after


def named(text: str) -> str:
    """Return the result that a README's table was made from, relative to the project."""
    return _around(text)[1].partition(" -->")[0]


def put(text: str, results: Mapping[str, Any], name: str) -> str:
    """Return a README with the table of a run between its marks."""
    before, _, after = _around(text)
    return f"{before}{BEGIN}{name} -->\n\n{render(results)}\n\n{END}{after}"


def agrees(readme: Path, root: Path = ROOT) -> bool:
    """Return whether a README's table is what its result makes."""
    text = readme.read_text(encoding="utf-8")
    name = named(text)
    results = json.loads((root / name).read_text(encoding="utf-8"))
    return put(text, results, name) == text


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("result", nargs="?", help="the file that `python -m benchmarks --json` wrote")
    parser.add_argument("--readme", default=str(ROOT / "README.md"), help="default: the project's")
    parser.add_argument("--check", action="store_true", help="fail if the table is not what the result makes")
    args = parser.parse_args(argv)
    readme = Path(args.readme)
    text = readme.read_text(encoding="utf-8")
    if args.result is None:
        path = ROOT / named(text)
    else:
        path = Path(args.result).resolve()
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    new = put(text, json.loads(path.read_text(encoding="utf-8")), name)
    if new == text:
        print(f"{readme.name} agrees with {name}")
        return 0
    if args.check:
        print(f"{readme.name} does not agree with {name}: run python -m benchmarks.table {name}", file=sys.stderr)
        return 1
    readme.write_text(new, encoding="utf-8")
    print(f"{readme.name}: table written from {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
