"""A profile in the trace event format, for Perfetto (ui.perfetto.dev) and chrome://tracing."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_hw.profiler.events import BACKWARD, LAYER, LAYER_BACKWARD, OP, USER, FunctionEvent, Lane

__all__ = ["write_trace"]

_CATEGORIES = {
    OP: "cpu_op",
    BACKWARD: "cpu_op",
    USER: "user_annotation",
    LAYER: "layer",
    LAYER_BACKWARD: "layer",
}


def _microseconds(ns: int) -> float:
    # Three decimals hold a nanosecond, so that what is inside something else stays inside.
    return ns / 1000


def _event(event: FunctionEvent, pid: int, memory: bool) -> dict[str, Any]:
    args: dict[str, Any] = {}
    if event.input_shapes:
        args["Input Dims"] = event.input_shapes
    if event.kind in (OP, BACKWARD) and event.layers:
        args["Layer"] = event.layers[-1]
    if event.args is not None:
        args["args"] = event.args
    if event.flops:
        args["flops"] = event.flops
    if memory:
        args["Allocated bytes"] = event.cpu_memory_usage
        args["Saved bytes"] = event.saved_memory_usage
    if event.stack:
        args["Call stack"] = ";".join(event.stack)
    return {
        "ph": "X",
        "cat": _CATEGORIES[event.kind],
        "name": f"{event.name} backward" if event.kind == LAYER_BACKWARD else event.name,
        "pid": pid,
        "tid": event._lane.id,
        "ts": _microseconds(event._start - event._origin),
        "dur": _microseconds(event._end - event._start),
        "args": args,
    }


def write_trace(
    path: str | os.PathLike[str],
    events: Iterable[FunctionEvent],
    lanes: Sequence[Lane],
    origin: int,
    history: Sequence[tuple[int, int]] | None,
    metadata: dict[str, Any],
) -> None:
    """Write events, and the live bytes over time if there is a history of them; gzipped if ``path`` ends in ``.gz``."""
    pid = os.getpid()
    trace: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "ts": 0, "pid": pid, "tid": 0, "args": {"name": "python"}}
    ]
    for lane in lanes:
        name = {"name": f"thread {lane.number} ({lane.name})"}
        trace.append({"ph": "M", "name": "thread_name", "ts": 0, "pid": pid, "tid": lane.id, "args": name})
        order = {"sort_index": lane.number}
        trace.append({"ph": "M", "name": "thread_sort_index", "ts": 0, "pid": pid, "tid": lane.id, "args": order})
    trace += [_event(e, pid, history is not None) for e in events]
    for time, live in history or ():
        ts = _microseconds(max(time - origin, 0))
        trace.append({"ph": "C", "name": "memory of results", "pid": pid, "tid": 0, "ts": ts, "args": {"bytes": live}})
    document = {"schemaVersion": 1, "displayTimeUnit": "ms", **metadata, "traceEvents": trace}
    opener = gzip.open if str(os.fspath(path)).endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8") as file:
        json.dump(document, file)
