"""``python -m benchmarks``: time this package and PyTorch alternately and print the ratios."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.workloads import WORKLOADS

FRAMEWORKS = ["tinygrad_hw", "torch"]


class Worker:
    """One framework in a process of its own."""

    def __init__(self, framework: str, threads: int) -> None:
        environment = dict(os.environ)
        for name in (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMBA_NUM_THREADS",
        ):
            environment[name] = str(threads)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", framework, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.facts = self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended early with code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def time(self, workload: str, seconds: float) -> dict[str, Any]:
        """Return best and median seconds of one round."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"workload": workload, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def _figure(seconds: float, per: int) -> str:
    if per > 1:
        return f"{seconds / per * 1e6:8.2f} us/op"
    return f"{seconds * 1e3:8.3f} ms   "


def main() -> int:
    """Run the benchmarks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("ring", nargs="?", choices=["micro", "train"], help="only this ring")
    parser.add_argument("--filter", default="", help="only workloads whose name contains this")
    parser.add_argument("--threads", default="2", help="thread counts, by comma")
    parser.add_argument("--rounds", type=int, default=5, help="alternations")
    parser.add_argument("--seconds", type=float, default=0.5, help="per framework and round")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args()
    chosen = [
        w for w in WORKLOADS if (args.ring is None or w.ring == args.ring) and args.filter.lower() in w.name.lower()
    ]
    installed = [f for f in FRAMEWORKS if importlib.util.find_spec(f) is not None]
    for missing in set(FRAMEWORKS) - set(installed):
        print(f"{missing} is not installed: skipped")
    results: list[dict[str, Any]] = []
    for threads in (int(n) for n in args.threads.split(",")):
        workers = {f: Worker(f, threads) for f in installed}
        versions = ", ".join(f"{f} {w.facts['version']}" for f, w in workers.items())
        print(f"{platform.machine()}, Python {platform.python_version()}, {versions}, {threads} threads")
        print(f"{'workload':44s} " + " ".join(f"{f:>15s}" for f in installed) + "   ratio (best, median)")
        for workload in chosen:
            rounds: dict[str, list[dict[str, Any]]] = {f: [] for f in installed}
            for _ in range(args.rounds):
                for framework in installed:
                    rounds[framework].append(workers[framework].time(workload.name, args.seconds))
            best = {f: min(r["best"] for r in rs) for f, rs in rounds.items()}
            median = {f: statistics.median(r["median"] for r in rs) for f, rs in rounds.items()}
            line = f"{workload.name:44s} " + " ".join(f"{_figure(best[f], workload.per):>15s}" for f in installed)
            ours = FRAMEWORKS[0]
            for peer in installed[1:]:
                line += f"   {best[peer] / best[ours]:.2f}, {median[peer] / median[ours]:.2f}"
            print(line, flush=True)
            results.append(
                {
                    "workload": workload.name,
                    "threads": threads,
                    "best": best,
                    "median": median,
                    "peak_mb": {f: rs[-1]["peak_mb"] for f, rs in rounds.items()},
                }
            )
        for worker in workers.values():
            worker.close()
    print("ratio: the peer's time divided by ours; above 1 we are faster")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
