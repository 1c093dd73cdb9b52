"""A process that holds one framework and times what it is told to.

Reads one JSON request a line from stdin and answers with one JSON line on stdout.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.workloads import WORKLOADS


def _time(function: Callable[[], object], seconds: float) -> list[float]:
    """Call the function again and again for about ``seconds``; return the time of each call."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Serve requests until stdin ends."""
    name, threads = sys.argv[1], int(sys.argv[2])
    start = time.perf_counter()
    framework: Any = importlib.import_module(name)
    imported = time.perf_counter() - start
    framework.set_num_threads(threads)
    ready: dict[str, Callable[[], object]] = {}
    by_name = {w.name: w for w in WORKLOADS}
    print(json.dumps({"version": framework.__version__, "import": imported}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        workload = by_name[request["workload"]]
        if workload.name not in ready:
            ready[workload.name] = workload.make(framework)
            _time(ready[workload.name], 0.3)  # warm up: compile, allocate
        times = sorted(_time(ready[workload.name], request["seconds"]))
        answer = {
            "best": times[0],
            "median": times[len(times) // 2],
            "calls": len(times),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
