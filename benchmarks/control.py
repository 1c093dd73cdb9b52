"""The control: work that is the same in every process, so that differences are the machine's.

A pure Python loop shows whether one core runs as fast for one process as for the other. Hashing on as many threads as
the benchmark uses, outside the interpreter's lock, shows whether all these cores are ours.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.workload import OURS

__all__ = ["DISTURBED", "Control", "disturbed", "judge"]

#: A round whose control took this much longer than the best one was disturbed.
DISTURBED = 1.15
#: The ratio of two frameworks' best controls lies within this.
RATIO = 1.1
#: The median control is not further from the best one.
SPREAD = 1.25

Times = dict[str, float]


class Control:
    """Times the control in one process.

    Args:
        threads: how many threads hash.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._blocks = [bytes(2 << 20)] * threads

    def measure(self, calls: int = 3) -> Times:
        """Return the best seconds of the loop and of hashing."""
        time.sleep(0.005)  # until the threads of what ran before have stopped spinning
        loop = hashing = float("inf")
        for _ in range(calls):
            start = time.perf_counter()
            total = 0
            for i in range(20_000):
                total += i * i
            between = time.perf_counter()
            list(self._pool.map(hashlib.sha256, self._blocks))
            end = time.perf_counter()
            loop, hashing = min(loop, between - start), min(hashing, end - between)
        return {"loop": loop, "hash": hashing}


def disturbed(rounds: Sequence[Times], best: Mapping[str, float]) -> bool:
    """Return whether none of the rounds ran undisturbed, given the best control times seen so far."""
    return bool(rounds) and all(any(r[name] > DISTURBED * best[name] for name in best) for r in rounds)


def judge(measured: Mapping[str, Sequence[Times]]) -> dict[str, Any]:
    """Summarise a run's controls.

    Args:
        measured: the control times by framework, all of one thread count.

    Returns:
        ``best`` and ``spread`` (median by best) by framework, and a list of ``warnings``.
    """
    facts: dict[str, Any] = {"best": {}, "spread": {}, "warnings": []}
    for framework, times in measured.items():
        if not times:
            continue
        best = {name: min(t[name] for t in times) for name in times[0]}
        spread = {name: statistics.median(t[name] for t in times) / best[name] for name in best}
        facts["best"][framework], facts["spread"][framework] = best, spread
        for name, value in spread.items():
            if value > SPREAD:
                facts["warnings"].append(
                    f"in {framework}'s process the control ({name}) took {value:.2f} times its best in the median "
                    "round: the machine is busy with something else"
                )
    ours = facts["best"].get(OURS)
    for framework, best in facts["best"].items():
        for name in best if ours and framework != OURS else ():
            ratio = best[name] / ours[name]
            if not 1 / RATIO < ratio < RATIO:
                facts["warnings"].append(
                    f"the control ({name}) took {ratio:.2f} times as long in {framework}'s process as in ours: "
                    "the rounds were too few, or the processes did not get the same cores"
                )
    return facts
