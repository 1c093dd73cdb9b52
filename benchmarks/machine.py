"""The machine: what it is, and what it can do at most.

``python -m benchmarks.machine 2`` measures the peaks with two threads and prints them as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["cores", "describe", "peaks", "slug"]

#: Environment variables that change what is measured.
_TELLING = re.compile(
    r"(OPENBLAS|OMP|GOMP|KMP|MKL|BLIS|NUMBA|ONEDNN|DNNL|XLA|TINYGRAD_HW|NPY|MALLOC)_\w+|CC|DEV|LD_PRELOAD"
)
#: Values of these name folders of the user.
_PRIVATE = re.compile(r".*(DIR|PATH|DATA|CACHE|PRELOAD)|CC")


def _from_file(path: str, start: str) -> str:
    """Return what stands behind ``start`` in a file of "name : value" lines."""
    try:
        for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == start:
                return value.strip()
    except OSError:
        pass
    return ""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Return CPU, cores, memory, system, and the environment variables that matter."""
    flags = set(_from_file("/proc/cpuinfo", "flags").split())
    vectors = [name for name in ("avx512f", "avx2", "avx", "sse2") if name in flags]
    memory = _from_file("/proc/meminfo", "MemTotal").split()
    facts: dict[str, Any] = {
        "cpu": _from_file("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "vectors": vectors[0] if vectors else "",
        "cores": cores(),
        "memory_mb": int(memory[0]) // 1024 if memory else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "environment": {
            name: "set" if _PRIVATE.fullmatch(name) else value
            for name, value in sorted(os.environ.items())
            if _TELLING.fullmatch(name)
        },
    }
    family = [_from_file("/proc/cpuinfo", name) for name in ("cpu family", "model")]
    if all(family):
        facts["family"] = f"family {family[0]} model {family[1]}"
    return facts


def slug(facts: dict[str, Any]) -> str:
    """Return a file name for the results of a machine."""
    name = re.sub(r"\(.*?\)|@.*", "", str(facts["cpu"])).lower()
    return "-".join([*re.findall(r"[a-z0-9]+", name), str(facts["cores"]), "cores"])


# -- peaks -----------------------------------------------------------------------------------------

#: Independent sums of the multiply-add loop: enough to hide its latency, few enough for 16 registers.
_SUMS = 12


def _multiply_add_loop(lanes: int) -> Callable[[int, float, float], float]:
    """Return a compiled loop of ``_SUMS`` vector multiply-adds, which releases the interpreter's lock."""
    ir = importlib.import_module("llvmlite.ir")
    numba = importlib.import_module("numba")
    cgutils = importlib.import_module("numba.core.cgutils")
    extending = importlib.import_module("numba.extending")
    types = numba.types
    vector = ir.VectorType(ir.FloatType(), lanes)

    def spread(builder: Any, value: Any) -> Any:
        out = ir.Constant(vector, ir.Undefined)
        for i in range(lanes):
            out = builder.insert_element(out, value, ir.Constant(ir.IntType(32), i))
        return out

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, factor, term = arguments
        a, b = spread(builder, factor), spread(builder, term)
        sums = [cgutils.alloca_once_value(builder, builder.fmul(b, b)) for _ in range(_SUMS)]
        with cgutils.for_range(builder, count):
            for cell in sums:
                product = builder.fmul(builder.load(cell), a, flags=("contract",))
                builder.store(builder.fadd(product, b, flags=("contract",)), cell)
        total = builder.load(sums[0])
        for cell in sums[1:]:
            total = builder.fadd(total, builder.load(cell))
        out = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
        for i in range(1, lanes):
            out = builder.fadd(out, builder.extract_element(total, ir.Constant(ir.IntType(32), i)))
        return out

    def typed(typingcontext: Any, count: Any, factor: Any, term: Any) -> Any:
        return types.float32(types.int64, types.float32, types.float32), generate

    intrinsic = extending.intrinsic(typed)

    def loop(count: int, factor: float, term: float) -> Any:
        return intrinsic(count, factor, term)

    compiled: Callable[[int, float, float], float] = numba.njit("float32(int64, float32, float32)", nogil=True)(loop)
    return compiled


def _flops(threads: int, pool: ThreadPoolExecutor) -> dict[str, float]:
    """Return Gflop/s of a multiply-add loop and of a matrix product."""
    facts: dict[str, float] = {}
    try:
        llvm = importlib.import_module("llvmlite.binding")
        features = llvm.get_host_cpu_features()
        lanes = 16 if features.get("avx512f") else 8 if features.get("avx") else 4
        loop = _multiply_add_loop(lanes)
    except Exception as error:  # without numba the matrix product has to do
        print(f"no multiply-add loop: {error}", file=sys.stderr)
    else:
        count = 4_000_000
        seconds = _best(lambda: list(pool.map(lambda _: loop(count, 0.5, 0.25), range(threads))))
        facts["multiply_add"] = 2 * count * _SUMS * lanes * threads / seconds / 1e9
    np = importlib.import_module("numpy")
    a = np.ones((1024, 1024), np.float32)
    facts["matmul"] = 2 * 1024**3 / _best(lambda: a @ a) / 1e9
    return facts


def _bandwidth(threads: int, pool: ThreadPoolExecutor) -> float:
    """Return GB/s of copying 128 MB: what is read and what is written."""
    np = importlib.import_module("numpy")
    size = 16_777_216
    sources = np.array_split(np.ones(2 * size, np.float32), threads)
    targets = np.array_split(np.zeros(2 * size, np.float32), threads)
    seconds = _best(lambda: list(pool.map(np.copyto, targets, sources)))
    return 2 * 4 * 2 * size / seconds / 1e9


def _best(run: Callable[[], object], calls: int = 8) -> float:
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def peaks(threads: int) -> dict[str, Any]:
    """Measure Gflop/s (of a multiply-add loop, of a matrix product) and GB/s (of a copy)."""
    ours: Any = importlib.import_module("tinygrad_hw")
    ours.set_num_threads(threads)
    with ThreadPoolExecutor(threads) as pool:
        facts: dict[str, Any] = {"gflops": _flops(threads, pool), "gbytes": _bandwidth(threads, pool)}
    return facts


if __name__ == "__main__":
    print(json.dumps(peaks(int(sys.argv[1]))))
