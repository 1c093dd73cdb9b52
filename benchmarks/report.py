"""A run as text, a line at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import summary
from benchmarks.workload import OURS

__all__ = ["counted", "duration", "epilogue", "heading", "line", "machine", "share", "worker"]

Record = dict[str, Any]
_NAME = 44


def counted(threads: int | str) -> str:
    """Return the number of threads in words."""
    return f"{threads} thread" if int(threads) == 1 else f"{threads} threads"


def duration(seconds: float, per: int = 1) -> str:
    """Return a time with a unit that fits."""
    seconds /= per
    unit = "/op" if per > 1 else ""
    for factor, name in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {name}{unit}"
    return f"{seconds:.3g} s{unit}"


def _rate(record: Record, framework: str) -> tuple[float, str] | None:
    """Return Gflop/s or GB/s and their unit."""
    seconds = record["best"].get(framework)
    if seconds is None:
        return None
    if record["flops"]:
        return record["flops"] / seconds / 1e9, "Gflop/s"
    if record["bytes"]:
        return record["bytes"] / seconds / 1e9, "GB/s"
    return None


def share(record: Record, framework: str, peak: Mapping[str, float]) -> str:
    """Return Gflop/s or GB/s with the share of the machine's peak, "" where neither is counted."""
    rate = _rate(record, framework)
    if rate is None:
        return ""
    value, unit = rate
    most = peak.get("gflops" if unit == "Gflop/s" else "gbytes")
    return f"{value:.3g} {unit}" + (f" {100 * value / most:.0f} %" if most else "")


def machine(facts: Mapping[str, Any]) -> list[str]:
    """Return lines on the machine."""
    text = f"{facts['cpu']}, {facts['cores']} cores, {facts['vectors'] or facts['architecture']}"
    if "family" in facts:
        text += f" ({facts['family']})"
    lines = [f"{text}, {facts['system']}, Python {facts['python']}"]
    if facts["environment"]:
        lines.append("set: " + ", ".join(f"{k}={v}" for k, v in facts["environment"].items()))
    return lines


def worker(framework: str, facts: Mapping[str, Any]) -> str:
    """Return a line on a framework: version, threads, libraries."""
    parts = [f"{framework} {facts['version']}", counted(facts["threads"]), f"Python {facts['python']}"]
    parts += [
        f"{pool['internal_api']} {pool.get('version', '')}, core {pool.get('architecture', 'unknown')}, "
        f"{counted(pool['num_threads'])}"
        for pool in facts["blas"]
        if pool.get("user_api") == "blas"
    ]
    parts += [f"{name} {value}" for name, value in facts.get("config", {}).items()]
    return ", ".join(parts)


def heading(ring: str, group: str) -> str:
    """Return what stands above the lines of a group."""
    title = f"-- {ring}: {group} "
    return title + "-" * max(0, 100 - len(title))


def line(record: Record, peak: Mapping[str, float], remark: str = "") -> str:
    """Return a workload's line: our time, then each peer's with its ratio (best, median)."""
    per = record["per"]
    text = f"{record['name']:<{_NAME}}"
    if OURS in record["best"]:
        text += f" {duration(record['best'][OURS], per):>12}"
        rate = share(record, OURS, peak)
        text += f"  {rate}" if rate else ""
    for peer, seconds in record["best"].items():
        if peer == OURS:
            continue
        text += f" | {peer} {duration(seconds, per)}"
        rate = share(record, peer, peak)
        text += f"  {rate}" if rate else ""
        best, median = summary.ratio(record, peer), summary.ratio(record, peer, "median")
        if best is not None and median is not None:
            text += f"  x{best:.2f} x{median:.2f}"
    for framework, error in record["errors"].items():
        text += f" | {framework}: {error}"
    if record.get("disturbed"):
        text += " ~"
    text += f" ({remark})" if remark else ""
    for framework, memory in record.get("memory", {}).items():
        text += (
            f"\n    {framework + ':':12s} {memory['over_import']:7.1f} MB over import, "
            f"{memory['over_building']:7.1f} over building, {memory['peak']:5.0f} in all"
        )
    return text


def epilogue(results: Mapping[str, Any]) -> list[str]:
    """Return the lines at the end of a run: means, exponents, speed-ups, warnings."""
    lines = []
    found = results["summary"]
    for mean in found["means"]:
        lines.append(
            f"geometric mean, {mean['ring']}, {counted(mean['threads'])}, {mean['count']} workloads: {mean['peer']}'s "
            f"time is {mean['ratio']:.2f} times ours; lowest {mean['lowest']:.2f} ({mean['where']})"
        )
    for mean in found["memory"]:
        lines.append(
            f"memory, {mean['ring']}, {counted(mean['threads'])}, {mean['count']} workloads: over import "
            f"{mean['peer']} takes {mean['ratio']:.2f} times ours; lowest {mean['lowest']:.2f} ({mean['where']})"
        )
    for item in found["fits"]:
        lines.append(
            f"growth, {item['series']}, {item['framework']}, {counted(item['threads'])}: "
            f"time ~ size^{item['exponent']:.2f} from {item['sizes'][0]:g} to {item['sizes'][-1]:g}"
        )
    for item in found["speedups"]:
        if item["ring"] == "train" or item["group"].startswith("conv2d"):
            gains = ", ".join(f"{f} {gain:.2f}" for f, gain in item["speedup"].items())
            lines.append(f"{counted(item['threads'])} against 1, {item['group']}, {item['name']}: {gains}")
    for threads, control in results["control"].items():
        for warning in control["warnings"]:
            lines.append(f"WARNING, {counted(threads)}: {warning}")
    lines += [f"FAILED: {failure}" for failure in results["failures"]]
    if any(record.get("disturbed") for record in results["results"]):
        lines.append("~ no round of this line ran undisturbed")
    lines.append("x: the peer's time divided by ours (best, median); above 1 we are faster")
    return lines
