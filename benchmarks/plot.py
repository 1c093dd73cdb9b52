"""Pictures of a run: the ratios as bars, and how time grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import counted
from benchmarks.summary import ratio
from benchmarks.workload import OURS, RINGS

__all__ = ["bars", "draw"]

_COLOURS = {"torch": "#d9622b", "jax": "#5e4fa2", "tinygrad": "#666666", "autograd": "#3288bd", "numpy": "#4d9221"}


def bars(results: Mapping[str, Any]) -> dict[str, list[tuple[str, dict[str, float]]]]:
    """Return, by ring, each workload's label and ratios by peer."""
    several = len({record["threads"] for record in results["results"]}) > 1
    found: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for ring in RINGS:
        for record in results["results"]:
            if record["ring"] != ring or "series" in record:
                continue
            ratios = {p: value for p in record["best"] if p != OURS and (value := ratio(record, p)) is not None}
            if ratios:
                label = f"{record['group']}: {record['name']}" + (f" ({record['threads']})" if several else "")
                found.setdefault(ring, []).append((label, ratios))
    return found


def draw(results: Mapping[str, Any], path: Path) -> bool:
    """Draw a run; returns whether that could be done.

    Args:
        results: of a run.
        path: where the picture goes; the ending says which format.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter
    except ImportError:
        print('no picture: matplotlib is not installed (pip install ".[plot]")')
        return False
    rings = bars(results)
    fits = results["summary"]["fits"]
    series = list(dict.fromkeys(item["series"] for item in fits))
    if not rings and not series:
        print("no picture: there is no ratio and no series in these results")
        return False
    heights = [0.22 * sum(len(r) for _, r in rows) + 0.9 for rows in rings.values()] + [3.2 for _ in series]
    figure = Figure(figsize=(10, sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (ring, rows) in zip(axes, rings.items(), strict=False):
        _bars(axis, ring, rows)
        for part in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
            part(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else ""))
    for axis, name in zip(axes[len(rings) :], series, strict=True):
        _growth(axis, name, [item for item in fits if item["series"] == name])
    cpu = results["machine"]["cpu"]
    figure.suptitle(f"Time of others divided by ours, {cpu} (right of 1.0 we are faster)", fontsize=11)
    figure.savefig(path)
    print(f"drawn: {path.name}")
    return True


def _bars(axis: Any, ring: str, rows: list[tuple[str, dict[str, float]]]) -> None:
    """Draw a bar from 1.0 per workload and peer, on a logarithmic axis."""
    place = 0
    ticks: list[tuple[float, str]] = []
    named: set[str] = set()
    for label, ratios in rows:
        ticks.append((place + (len(ratios) - 1) / 2, label))
        for peer, value in ratios.items():
            name = peer if peer not in named else None
            named.add(peer)
            axis.barh(place, value - 1, left=1, height=0.8, color=_COLOURS.get(peer, "#999999"), label=name)
            place += 1
    axis.set_xscale("log")
    axis.axvline(1.0, color="black", linewidth=1)
    axis.set_yticks([t for t, _ in ticks], [text for _, text in ticks], fontsize=7)
    axis.set_ylim(place - 0.4, -0.6)
    axis.set_title(ring, loc="left")
    axis.grid(axis="x", which="both", linewidth=0.3)
    axis.legend(fontsize=7)


def _growth(axis: Any, name: str, items: list[dict[str, Any]]) -> None:
    """Draw the times of a series against the size, both logarithmic."""
    for item in items:
        label = f"{item['framework']}, {counted(item['threads'])}: exponent {item['exponent']:.2f}"
        axis.plot(item["sizes"], [1e3 * t for t in item["times"]], marker="o", label=label)
    axis.set_xscale("log", base=2)
    axis.set_xticks(items[0]["sizes"], [f"{size:g}" for size in items[0]["sizes"]])
    axis.set_yscale("log")
    axis.set_title(name, loc="left")
    axis.set_ylabel("ms per step")
    axis.grid(which="both", linewidth=0.3)
    axis.legend(fontsize=7)
