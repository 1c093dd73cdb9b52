"""A process that holds one framework and times what it is told to.

Reads one JSON request a line from stdin and answers with one JSON line on stdout, until stdin ends. A workload that
raises is answered with its error; the process goes on.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import json
import os
import platform
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from benchmarks.control import Control
from benchmarks.workload import OURS, Run, Workload, load

__all__ = ["main"]

#: A sample is at least this long; shorter calls are repeated within it.
SAMPLE = 5e-4
#: What PyTorch says of its libraries.
_TORCH = {
    "mkl": r"Math Kernel Library Version (\S+)",
    "onednn": r"MKL-DNN (\S+)",
    "cpu": r"CPU capability usage: (\S+)",
    "blas": r"BLAS_INFO=(\w+)",
}
#: Calls of which the result is not timed, at least.
WARM = 3


# -- facts -----------------------------------------------------------------------------------------


def _pin(threads: int) -> None:
    """Keep the process on so many cores, for frameworks that start a thread per core whatever they are told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _blas() -> list[dict[str, Any]]:
    """Return what threadpoolctl knows about the BLAS and OpenMP libraries that are loaded."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    names = ("user_api", "internal_api", "version", "architecture", "num_threads", "threading_layer")
    return [{name: pool[name] for name in names if pool.get(name) is not None} for pool in threadpool_info()]


def _torch_config(torch: Any) -> dict[str, str]:
    """Return the lines of PyTorch's own account that tell which libraries and instructions it uses."""
    facts = {}
    for line in torch.__config__.show().splitlines():
        line = line.strip(" -")
        for name, pattern in _TORCH.items():
            if match := re.search(pattern, line):
                facts[name] = match[1]
    return facts


def _version(framework: str, module: Any) -> str:
    version = getattr(module, "__version__", None)
    if version is None:
        from importlib.metadata import version as installed

        version = installed(framework)
    return str(version)


def _start(framework: str, threads: int) -> tuple[Any, dict[str, Any]]:
    """Import the framework, set its threads, and return its module and the facts about it."""
    if framework not in (OURS, "torch", "numpy"):
        _pin(threads)
    start = time.perf_counter()
    module: Any = importlib.import_module(framework)
    facts: dict[str, Any] = {"import_seconds": time.perf_counter() - start, "python": platform.python_version()}
    if hasattr(module, "set_num_threads"):
        module.set_num_threads(threads)
        facts["threads"] = module.get_num_threads()
    else:
        facts["threads"] = threads
    facts["version"] = _version(framework, module)
    facts["blas"] = _blas()
    if framework == "torch":
        facts["config"] = _torch_config(module)
    if framework == OURS:
        config = importlib.import_module(f"{OURS}.kernels.runtime").config()
        facts["config"] = {
            k: config[k] for k in ("numpy", "numba", "blas_hint", "kernels", "threading_layer") if k in config
        }
    return module, facts


# -- time ------------------------------------------------------------------------------------------


def _sample(run: Run, number: int) -> float:
    start = time.perf_counter()
    for _ in itertools.repeat(None, number):
        run()
    return (time.perf_counter() - start) / number


def _value(result: object) -> float | None:
    """Return the number that a call gave, such as the loss; None if it gave no number."""
    with contextlib.suppress(Exception):
        return float(result)  # type: ignore[arg-type]
    return None


class Served:
    """The workload that is timed at present; making the next one frees it.

    Args:
        module: the framework.
        framework: its name.
    """

    def __init__(self, module: Any, framework: str) -> None:
        self.module = module
        self.framework = framework
        self.workloads: dict[str, Workload] = {}
        self.key = ""
        self.number = 1
        self.value: float | None = None
        self.run: Run = lambda: None

    def workload(self, key: str) -> Workload:
        """Return a workload by its key; only the rings that are asked for are loaded."""
        if key not in self.workloads:
            self.workloads |= {w.key: w for w in load((key.split("/")[0],))}
        return self.workloads[key]

    def make(self, key: str) -> Run:
        """Return a workload's function, made for this framework."""
        self.run = lambda: None
        self.key = ""
        gc.collect()
        form = self.workload(key).form(self.framework)
        if form is None:
            raise LookupError(f"{key} has no form for {self.framework}")
        return form(self.module)

    def prepare(self, key: str, seconds: float) -> None:
        """Make and warm up a workload, unless it is the present one."""
        if self.key == key:
            return
        run = self.make(key)
        self.value, self.number = None, 1
        if self.workload(key).warm:
            for _ in range(WARM):
                result = run()
            self.value = _value(result)
            del result
            end = time.perf_counter() + min(0.3, seconds)
            once = _sample(run, 1)
            while time.perf_counter() < end:
                once = min(once, _sample(run, 1))
            self.number = max(1, min(10_000, int(SAMPLE / once)))
        self.run, self.key = run, key

    def time(self, key: str, seconds: float) -> dict[str, Any]:
        """Return best and median seconds of the calls in about so many seconds, at least one call."""
        self.prepare(key, seconds)
        times: list[float] = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            times.append(_sample(self.run, self.number))
        times.sort()
        return {
            "best": times[0],
            "median": times[len(times) // 2],
            "calls": len(times) * self.number,
            "value": self.value,
        }

    def memory(self, key: str, calls: int) -> dict[str, float]:
        """Return peak memory in MB: of the process, above what it held after importing, and after building too."""
        gc.collect()
        imported = _status("VmRSS")
        run = self.make(key)
        built = _status("VmRSS")
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        for _ in range(calls):
            run()
        peak = _status("VmHWM")
        return {"peak": peak, "over_import": peak - imported, "over_building": peak - built}


def _status(name: str) -> float:
    """Return a figure of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise LookupError(f"{name} is not in /proc/self/status")


# -- serving ---------------------------------------------------------------------------------------


def _answer(served: Served, control: Control, request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["do"] == "memory":
            return served.memory(request["key"], request["calls"])
        answer = {"control": control.measure()} if request["control"] else {}
        return answer | served.time(request["key"], request["seconds"])
    except Exception as error:
        text = str(error).strip().splitlines()
        return {"error": f"{type(error).__name__}: {text[0] if text else ''}"[:300]}


def _own_stdout() -> TextIO:
    """Return the stream of answers; whatever else is printed in this process goes to stderr."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def main() -> None:
    """Serve requests until stdin ends."""
    # Ctrl-C goes to the whole group; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = _own_stdout()
    framework, threads = sys.argv[1], int(sys.argv[2])
    module, facts = _start(framework, threads)
    served, control = Served(module, framework), Control(threads)
    print(json.dumps(facts), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(served, control, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
