"""What follows from the records of a run: ratios, geometric means, exponents, speed-ups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.workload import OURS, PEERS

__all__ = ["fit", "fits", "geometric_mean", "means", "memory_ratio", "peak", "ratio", "speedups", "summarise"]

Record = dict[str, Any]


def ratio(record: Record, peer: str, kind: str = "best") -> float | None:
    """Return the peer's time by ours; None where one of them was not measured."""
    times = record[kind]
    return times[peer] / times[OURS] if OURS in times and peer in times else None


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean; NaN of nothing."""
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def means(records: Iterable[Record], by: Sequence[str] = ("ring", "threads")) -> list[dict[str, Any]]:
    """Return the geometric mean of the time ratios per peer and per combination of some fields.

    Each has those fields, ``peer``, ``ratio``, ``lowest`` with its ``where``, and ``count``. The series that show how
    time grows are left out.
    """
    return _means(records, by, ratio)


def memory_ratio(record: Record, peer: str) -> float | None:
    """Return the peer's peak memory above its import by ours; None where one of them was not measured."""
    found = record.get("memory", {})
    if OURS not in found or peer not in found or found[OURS]["over_import"] <= 0:
        return None
    return float(found[peer]["over_import"] / found[OURS]["over_import"])


def _means(
    records: Iterable[Record], by: Sequence[str], value_of: Callable[[Record, str], float | None]
) -> list[dict[str, Any]]:
    gathered: dict[tuple[Any, ...], list[tuple[float, str]]] = {}
    for record in records:
        if "series" in record:
            continue
        for peer in PEERS:
            value = value_of(record, peer)
            if value:
                key = (*(record[name] for name in by), peer)
                gathered.setdefault(key, []).append((value, f"{record['group']}: {record['name']}"))
    found = []
    for key, values in gathered.items():
        lowest, where = min(values)
        found.append(
            dict(zip((*by, "peer"), key, strict=True))
            | {
                "ratio": geometric_mean(v for v, _ in values),
                "lowest": lowest,
                "where": where,
                "count": len(values),
            }
        )
    return found


def fit(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the exponent p of ``time = c * size**p`` that fits best, by least squares of the logarithms."""
    x, y = [math.log(s) for s in sizes], [math.log(t) for t in times]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return slope / sum((a - mean_x) ** 2 for a in x)


def fits(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return sizes, times and the fitted exponent per series, framework and thread count."""
    series: dict[tuple[str, int, str], list[tuple[float, float]]] = {}
    for record in records:
        if "series" in record:
            for framework, seconds in record["best"].items():
                key = (record["series"], record["threads"], framework)
                series.setdefault(key, []).append((record["size"], seconds))
    found = []
    for (name, threads, framework), points in series.items():
        points.sort()
        sizes, times = [p[0] for p in points], [p[1] for p in points]
        if len(points) > 1:
            found.append(
                {
                    "series": name,
                    "threads": threads,
                    "framework": framework,
                    "sizes": sizes,
                    "times": times,
                    "exponent": fit(sizes, times),
                }
            )
    return found


def speedups(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return how much faster more threads are than one, per workload and framework."""
    best: dict[tuple[str, str, str], dict[int, dict[str, float]]] = {}
    for record in records:
        key = (record["ring"], record["group"], record["name"])
        best.setdefault(key, {})[record["threads"]] = record["best"]
    found = []
    for (ring, group, name), by_threads in best.items():
        for threads in sorted(by_threads):
            if threads > 1 and 1 in by_threads:
                gains = {
                    f: by_threads[1][f] / by_threads[threads][f] for f in by_threads[threads] if f in by_threads[1]
                }
                if gains:
                    found.append({"ring": ring, "group": group, "name": name, "threads": threads, "speedup": gains})
    return found


def peak(peaks: dict[str, Any], records: Iterable[Record], threads: int) -> dict[str, float]:
    """Return the machine's Gflop/s and GB/s for a thread count.

    Gflop/s are the most of what the multiply-add loop, a matrix product and any workload reached.
    """
    measured = peaks.get(str(threads))
    if not measured:
        return {}
    reached = [
        record["flops"] / seconds / 1e9
        for record in records
        if record["threads"] == threads and record["group"] == "matmul"
        for seconds in record["best"].values()
    ]
    return {"gflops": max([*measured["gflops"].values(), *reached]), "gbytes": measured["gbytes"]}


def summarise(records: Sequence[Record]) -> dict[str, Any]:
    """Return everything of this module that goes into the file of a run."""
    return {
        "means": means(records),
        "memory": _means(records, ("ring", "threads"), memory_ratio),
        "group_means": means(records, ("ring", "group", "threads")),
        "fits": fits(records),
        "speedups": speedups(records),
    }
