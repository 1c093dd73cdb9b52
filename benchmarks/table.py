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
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.client import ROOT
from benchmarks.report import counted
from benchmarks.summary import fits, geometric_mean, means, memory_ratio, ratio
from benchmarks.workload import OURS, PEERS, RINGS

__all__ = ["agrees", "main", "named", "put", "render"]

BEGIN, END = (
    "<!-- performance table: begin; made by `python -m benchmarks.table` from ",
    "<!-- performance table: end -->",
)
NAMES = {"torch": "PyTorch", "jax": "JAX", "tinygrad": "tinygrad", "autograd": "autograd", "numpy": "numpy"}

Record = dict[str, Any]


# -- cells -----------------------------------------------------------------------------------------


def _figure(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *map(_row, rows)]


# -- tables ----------------------------------------------------------------------------------------


def _train_rows(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """Return label, and the names of the training and of the inference workload as "group: name", "" for none."""
    names = {(r["group"], r["name"]): None for r in records}
    rows = []
    for group, name in names:
        if group == "step":
            rows.append((name, f"step: {name}", f"inference: {name}"))
        elif group != "inference":
            rows.append((f"{group}: {name}", f"{group}: {name}", ""))
        elif ("step", name) not in names:
            rows.append((name, "", f"inference: {name}"))
    return rows


def _train(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of training: a row per workload, a column per peer, kind and thread count with figures."""
    records = [r for r in results["results"] if r["ring"] == "train" and "series" not in r]
    if not records:
        return []
    found = {(f"{r['group']}: {r['name']}", r["threads"]): r for r in records}
    rows = _train_rows(records)
    head = ["training and inference, float32"]
    columns: list[list[float | None]] = []

    def column(title: str, kind: int, count: int, value_of: Callable[[Record], float | None]) -> None:
        values = [value_of(r) if (r := found.get((row[kind], count))) else None for row in rows]
        if any(values):
            head.append(title)
            columns.append(values)

    first = threads[0]
    column(f"our step, ms, {counted(first)}", 1, first, _milliseconds)
    if first > 1:
        one = {(r["group"], r["name"]): r["best"].get(OURS) for r in records if r["threads"] == 1}
        column(f"our gain, {counted(first)} by 1", 1, first, lambda r: _gain(r, one.get((r["group"], r["name"]))))
    for peer in PEERS:
        for kind, word in ((1, "train"), (2, "infer")):
            for count in threads:
                column(f"{NAMES[peer]}, {word}, {counted(count)}", kind, count, partial(ratio, peer=peer))
        column(f"{NAMES[peer]}, memory", 1, first, partial(memory_ratio, peer=peer))
    body = [[row[0], *(_figure(values[i]) for values in columns)] for i, row in enumerate(rows)]
    bottom = [_figure(geometric_mean(v for v in values if v)) for values in columns]
    if head[1:2] == [f"our step, ms, {counted(first)}"]:
        bottom[0] = ""
    body.append(["**geometric mean**", *(f"**{text}**" if text else "" for text in bottom)])
    return _table(head, body)


def _gain(record: Record, alone: float | None) -> float | None:
    """Return how much faster our threads are than one, which took ``alone`` seconds."""
    seconds = record["best"].get(OURS)
    return alone / seconds if alone and seconds else None


def _milliseconds(record: Record) -> float | None:
    seconds = record["best"].get(OURS)
    return None if seconds is None else 1e3 * seconds


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
        head += [counted(count), "lowest"]
    return _table(head, rows) if rows else []


def _growth(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of exponents: a row per series, a column per framework and thread count."""
    found = {(f["series"], f["framework"], f["threads"]): f for f in fits(results["results"])}
    columns = [(f, n) for f in (OURS, *PEERS) for n in threads if any(key[1:] == (f, n) for key in found)]
    rows = []
    for series in dict.fromkeys(key[0] for key in found):
        first = next(f for key, f in found.items() if key[0] == series)
        row = [f"{series} {first['sizes'][0]:g} to {first['sizes'][-1]:g}"]
        for framework, count in columns:
            item = found.get((series, framework, count))
            row.append(_figure(item["exponent"]) if item else "")
        rows.append(row)
    head = ["exponent of a training step's time (1 is linear)"]
    head += [f"{NAMES.get(f, 'ours')}, {counted(n)}" for f, n in columns]
    return _table(head, rows) if rows else []


def _convolutions(results: Mapping[str, Any], threads: Sequence[int]) -> list[str]:
    """Return the table of convolution shapes: our Gflop/s and the ratio to PyTorch."""
    found = {(r["group"], r["name"], r["threads"]): r for r in results["results"] if r["group"].startswith("conv2d")}
    names = list(dict.fromkeys(name for _, name, _ in found))
    if not names:
        return []
    head, rows = ["N,C,H->O,k,s,p"], []
    for word in ("forward", "forward and backward"):
        head.append(f"{word}, Gflop/s, {counted(threads[0])}")
        head += [f"by PyTorch, {counted(count)}" for count in threads]
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
    parts = [
        _introduction(results),
        _train(results, threads),
        _rings(results, threads),
        _growth(results, threads),
        _convolutions(results, threads),
    ]
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
    path = ROOT / named(text) if args.result is None else Path(args.result).resolve()
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
