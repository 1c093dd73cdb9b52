"""A run: all workloads, all frameworks, taking turns."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.client import ROOT, Worker, WorkerError
from benchmarks.control import Times, disturbed, judge
from benchmarks.workload import OURS, Workload

__all__ = ["Options", "Session"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What is run and how.

    Attributes:
        frameworks: those that are installed, ours first.
        threads: the thread counts.
        rounds: how often the frameworks take turns.
        seconds: of each turn.
        memory: whether to measure memory too.
        timing: whether to measure time.
        python: interpreters of frameworks that are installed elsewhere.
        timeout: seconds that a turn may take.
        data: the folder with MNIST.
    """

    frameworks: Sequence[str]
    threads: Sequence[int] = (1,)
    rounds: int = 5
    seconds: float = 0.5
    memory: bool = False
    timing: bool = True
    python: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    data: Path | None = None


@dataclass
class Session:
    """Starts workers, times workloads, keeps what was measured.

    Attributes:
        options: see there.
        say: gets a line of text to print.
        facts: what the workers said about themselves, by framework and thread count.
        peaks: the machine's peaks by thread count.
        results: a record per workload and thread count.
        failures: how workers ended that should not have.
    """

    options: Options
    say: Say = print
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    peaks: dict[str, Any] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _controls: dict[int, dict[str, list[Times]]] = field(default_factory=dict)
    _workers: dict[str, Worker] = field(default_factory=dict)
    _dead: dict[str, str] = field(default_factory=dict)

    # -- workers

    def _start(self, framework: str, threads: int) -> Worker:
        options = self.options
        python = options.python.get(framework, sys.executable)
        return Worker(framework, threads, python, options.timeout, options.data)

    def _fail(self, framework: str, error: WorkerError) -> str:
        """Note that a worker ended; return its last words."""
        text = str(error)
        self.failures.append(text)
        self.say(f"! {text}")
        worker = self._workers.pop(framework, None)
        if worker is not None:
            worker.close()
        return text

    def _worker(self, framework: str, threads: int) -> Worker:
        """Return the running worker of a framework, started if need be.

        Raises:
            WorkerError: it does not start, now or before.
        """
        if framework in self._dead:
            raise WorkerError(self._dead[framework])
        if framework not in self._workers:
            try:
                self._workers[framework] = self._start(framework, threads)
            except WorkerError as error:
                self._dead[framework] = self._fail(framework, error)
                raise
            self.facts.setdefault(framework, {})[str(threads)] = self._workers[framework].facts
        return self._workers[framework]

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            with contextlib.suppress(Exception):
                worker.close()
        self._workers.clear()

    # -- measuring

    def begin(self, threads: int, frameworks: Sequence[str]) -> None:
        """Start the workers for a thread count."""
        self.close()
        self._dead.clear()
        for framework in frameworks:
            with contextlib.suppress(WorkerError):
                self._worker(framework, threads)

    def measure_peaks(self, threads: int) -> None:
        """Measure what the machine can do at most, in a process of its own; keep the higher of several measurements."""
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.machine", str(threads)],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode == 0:
            new = json.loads(done.stdout.splitlines()[-1])
            old = self.peaks.get(str(threads), {"gflops": {}, "gbytes": 0.0})
            self.peaks[str(threads)] = {
                "gflops": {k: max(v, old["gflops"].get(k, 0.0)) for k, v in new["gflops"].items()},
                "gbytes": max(new["gbytes"], old["gbytes"]),
            }
        else:
            words = done.stderr.strip().splitlines() or [""]
            self.say(f"! the machine's peaks could not be measured: {words[-1]}")

    def run(self, workload: Workload, threads: int) -> dict[str, Any]:
        """Measure a workload in all frameworks that have a form for it; return its record."""
        record: dict[str, Any] = {
            "ring": workload.ring,
            "group": workload.group,
            "name": workload.name,
            "threads": threads,
            "per": workload.per,
            "flops": workload.flops,
            "bytes": workload.bytes,
            "best": {},
            "median": {},
            "errors": {},
        }
        if workload.series:
            record |= {"series": workload.series, "size": workload.size}
        frameworks = [f for f in self.options.frameworks if workload.form(f)]
        if self.options.timing:
            self._time(workload, threads, frameworks, record)
        if self.options.memory:
            record["memory"] = {}
            for framework in frameworks:
                if framework not in self._dead and framework not in record["errors"]:
                    self._memory(workload, threads, framework, record)
        self.results.append(record)
        return record

    def _time(self, workload: Workload, threads: int, frameworks: list[str], record: dict[str, Any]) -> None:
        answers: dict[str, list[dict[str, Any]]] = {f: [] for f in frameworks}
        controls: list[Times] = []
        seen = self._controls.setdefault(threads, {})
        for turn in range(self.options.rounds):
            start = turn % len(frameworks)
            for framework in frameworks[start:] + frameworks[:start]:
                if framework in record["errors"]:
                    continue
                try:
                    answer = self._worker(framework, threads).time(workload.key, self.options.seconds)
                except WorkerError as error:
                    known = framework in self._dead
                    record["errors"][framework] = str(error) if known else self._fail(framework, error)
                    continue
                if "control" in answer:
                    controls.append(answer["control"])
                    seen.setdefault(framework, []).append(answer["control"])
                if "error" in answer:
                    record["errors"][framework] = answer["error"]
                else:
                    answers[framework].append(answer)
        for framework, rounds in answers.items():
            if framework in record["errors"]:
                continue
            record["best"][framework] = min(r["best"] for r in rounds)
            record["median"][framework] = statistics.median(r["median"] for r in rounds)
        values = {f: r[0]["value"] for f, r in answers.items() if r and r[0]["value"] is not None}
        if values:
            record["values"] = values
        every = [t for times in seen.values() for t in times]
        if every and controls:
            best = {name: min(t[name] for t in every) for name in every[0]}
            record["disturbed"] = disturbed(controls, best)

    def _memory(self, workload: Workload, threads: int, framework: str, record: dict[str, Any]) -> None:
        """Measure twice, each in a fresh process, and keep the lower figures: the first run may compile kernels."""
        found: list[dict[str, float]] = []
        for _ in range(2):
            try:
                worker = self._start(framework, threads)
            except WorkerError as error:
                record["errors"][framework] = self._fail("", error)
                return
            try:
                answer = worker.memory(workload.key)
            except WorkerError as error:
                record["errors"][framework] = self._fail("", error)
                return
            finally:
                worker.close()
            self.facts.setdefault(framework, {}).setdefault(str(threads), worker.facts)
            if "error" in answer:
                record["errors"][framework] = answer["error"]
                return
            found.append(answer)
        record["memory"][framework] = {name: min(f[name] for f in found) for name in found[0]}

    def control(self) -> dict[str, Any]:
        """Return what the controls say, by thread count."""
        return {str(threads): judge(measured) for threads, measured in self._controls.items()}

    def disagreement(self, record: dict[str, Any]) -> str:
        """Return a remark if ours and PyTorch did not compute the same loss; they have the same random numbers."""
        values = record.get("values", {})
        if record["ring"] != "train" or not {OURS, "torch"} <= values.keys():
            return ""
        ours, theirs = values[OURS], values["torch"]
        if abs(ours - theirs) <= 1e-3 * max(1.0, abs(theirs)):
            return ""
        return f"the losses differ: {ours:.6g}, with torch {theirs:.6g}"
