"""How kernels are compiled, and on how many threads they run.

A kernel is a plain Python function with loops, marked ``@kernel()``. numba is imported and the
function compiled at its first call, never with the package; the result is kept on disk. Beside
each kernel stands a numpy reference, which runs instead where numba is missing, where
``TINYGRAD_HW_KERNELS=numpy`` is set, or where numba's compiler is switched off
(``NUMBA_DISABLE_JIT=1``; the loops would then be interpreted).

Threads: a kernel with ``prange`` loops has a serial and a parallel variant. Which one runs depends on
the amount of work, not on the number of threads, and how the parallel one cuts its sums does not
either: so results are the same, bit by bit, on any number of threads. It runs only where that is
safe:

* GNU OpenMP ends a forked child that enters a parallel region: kernels in a forked child are
  serial.
* numba's ``workqueue`` layer ends the process when two Python threads are inside it: one thread
  may enter, the others run serially meanwhile.
* OpenBLAS's idle threads spin for 16 ms, in which kernels' threads do not get their core: a training step of a small
  VGG took 215 ms instead of 164. So when kernels' threads start, BLAS is left with one; large products are kernels
  (``matmul``).
"""

from __future__ import annotations

import functools
import operator
import os
import platform
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable
from typing import Any

from tinygrad_hw._blas_hint import blas_hint
from tinygrad_hw.kernels.cpu import cpu_name, vector_bits
from tinygrad_hw.kernels.memory import kept_memory
from tinygrad_hw.version import __version__

__all__ = [
    "Intrinsic",
    "Kernel",
    "compiled_kernels",
    "compiles",
    "config",
    "get_num_threads",
    "into",
    "jit",
    "jit_part",
    "kernel",
    "leave_blas_one_thread",
    "parallel_allowed",
    "set_flush_denormal",
    "set_num_threads",
    "show_config",
    "workers",
]

#: These let LLVM vectorise sums. nnan and ninf, the rest of "fast", would make isnan false.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}
EXACT = {"contract"}

#: Units of ``work`` (about 1 ns each) from which threads are used. Going back and forth costs 2 us while the other
#: threads still spin. What one thread does between kernels of several has to be fetched from the other's cache: a step
#: of a LeNet takes 1.4 times as long if work of 40 us stays on one thread.
PARALLEL_WORK: float = 10_000

#: How many times that is worth waking sleeping threads for, which takes 30 to 60 us.
_WAKING = 5

#: Iterations that an idle OpenMP thread spins, about 1 ms: what Python does between two kernels takes less.
_SPIN = "100000"

#: After so many nanoseconds without work the threads are taken to be asleep.
_AWAKE = 700_000

_lock = threading.RLock()
_forked = False
_threads: int | None = None


def _after_fork() -> None:
    global _forked, _lock, _region
    _forked = True
    _lock = threading.RLock()
    _region = threading.Lock()


if hasattr(os, "register_at_fork"):
    # A fork waits for kernels that are being compiled: the child would wait for numba's lock for ever.
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_after_fork
    )


# -- whether to compile ----------------------------------------------------------------------------


@functools.cache
def _why_not_compiled() -> str:
    """Return why the numpy references run; empty if kernels are compiled."""
    wanted = os.environ.get("TINYGRAD_HW_KERNELS", "").lower()
    if wanted == "numpy":
        return "TINYGRAD_HW_KERNELS=numpy"
    if wanted not in ("", "numba"):
        raise ValueError(
            f"TINYGRAD_HW_KERNELS is {wanted!r}, but only 'numba' (compiled, the default) and 'numpy' are known"
        )
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return "NUMBA_DISABLE_JIT is set"
    try:
        import numba  # noqa: F401
    except Exception as error:  # a numba that does not fit numpy raises all sorts of things
        return f"numba cannot be imported: {error}"
    return ""


@functools.cache
def compiled_kernels() -> bool:
    """Return whether kernels are compiled by numba; False means that the numpy references run."""
    return not _why_not_compiled()


def compiles(x: Any) -> bool:
    """Return whether kernels are compiled for arrays like ``x``: numba knows no half precision on CPUs."""
    return compiled_kernels() and x.dtype.char != "e"


def into(out: Any, result: Any) -> Any:
    """Return ``result``, in ``out`` if that is given."""
    if out is None:
        return result
    out[...] = result
    return out


# -- threads ---------------------------------------------------------------------------------------

#: Held while inside a parallel region, where only one Python thread may be.
_region = threading.Lock()

#: How many threads numba was last told to use, by Python thread: numba keeps it per thread.
_told = threading.local()


@functools.cache
def _layer() -> str:
    """Start numba's threads; return the name of its threading layer, "" if there is none."""
    import numba

    quiet = "GOMP_SPINCOUNT" not in os.environ and "OMP_WAIT_POLICY" not in os.environ
    if quiet:
        os.environ["GOMP_SPINCOUNT"] = _SPIN  # read by the library as it is loaded
    try:
        numba.get_num_threads()
        name = str(numba.threading_layer())
        leave_blas_one_thread()
        return name
    except ValueError:
        return ""
    finally:
        if quiet:
            os.environ.pop("GOMP_SPINCOUNT", None)


def get_num_threads() -> int:
    """Return how many threads kernels and matrix products use.

    At first these are the CPUs that the process may use, or ``OMP_NUM_THREADS`` or
    ``NUMBA_NUM_THREADS`` if set.

    Source: ``torch.get_num_threads``.
    """
    global _threads
    if _threads is None:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
            value = os.environ.get(name, "")
            if value.isdecimal() and int(value) > 0:
                count = int(value)
        _threads = count or 1
    return _threads


@functools.cache
def _thread_pools() -> Any:
    """Return the controller of the BLAS libraries that are loaded."""
    import numpy  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@functools.cache
def leave_blas_one_thread() -> None:
    """Take its threads from BLAS: kernels need the cores, and results would depend on how many there are."""
    _thread_pools().limit(limits=1, user_api="blas")


def set_num_threads(n: int) -> None:
    """Use ``n`` threads for kernels, and for numpy's matrix products until kernels have started theirs.

    Args:
        n: at least 1; kernels use at most as many as numba started (one per CPU).

    Raises:
        RuntimeError: ``n`` is less than 1.
        TypeError: ``n`` is no integer.

    Source: ``torch.set_num_threads``.

    Example:
        >>> from tinygrad_hw.kernels.runtime import get_num_threads, set_num_threads
        >>> threads = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(threads)
    """
    global _threads
    try:
        if isinstance(n, bool):
            raise TypeError
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"set_num_threads expects an int, but got {type(n).__name__}") from None
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {n}")
    _threads = n
    _thread_pools().limit(limits=1 if leave_blas_one_thread.cache_info().currsize else n, user_api="blas")


def parallel_allowed() -> bool:
    """Return whether a kernel may use several threads in this process."""
    return not _forked and get_num_threads() > 1 and _layer() != ""


def workers(work: float) -> int:
    """Return on how many threads a kernel with this much ``work`` runs, for loops over workers."""
    return get_num_threads() if work > PARALLEL_WORK and parallel_allowed() else 1


def set_flush_denormal(mode: bool) -> bool:
    """Make operations treat denormal numbers as zero, which is faster on most CPUs; or no longer.

    Holds for the calling thread, for those it starts later, and for the worker threads of its kernels and matrix
    products. No other thread may be in a matrix product meanwhile.

    Args:
        mode: whether to flush them.

    Returns:
        Whether this could be done: on x86 with compiled kernels only.

    Source: ``torch.set_flush_denormal``.
    """
    if _denormal_reason():
        return False
    from tinygrad_hw.kernels.denormal import flush_denormal

    flush_denormal(bool(mode), get_num_threads() if parallel_allowed() else 1)
    return True


# -- compiling -------------------------------------------------------------------------------------

_seconds = 0.0

#: Why compiled kernels cannot be kept on disk; empty if they can.
_not_kept = ""


def _no_cache(error: Exception) -> None:
    """Say once that kernels cannot be kept on disk."""
    global _not_kept
    if not _not_kept:
        _not_kept = str(error)
        warnings.warn(
            "tinygrad_hw: compiled kernels cannot be kept on disk, so that every process compiles "
            f"them anew ({error}). Set NUMBA_CACHE_DIR to a folder that can be written to.",
            RuntimeWarning,
            stacklevel=2,
        )


def _count_seconds(seconds: float) -> None:
    """Say once that it is compiling that takes this long."""
    global _seconds
    before, _seconds = _seconds, _seconds + seconds
    if before <= 2 < _seconds:
        kept = "" if _not_kept else "; they are kept on disk for later runs"
        print(f"tinygrad_hw: compiling kernels for this CPU ...{kept}", file=sys.stderr)


class Intrinsic:
    """A function written in LLVM's language, to be called in kernels; made when the first of them is compiled.

    Attributes:
        make: returns numba's intrinsic.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """Keep ``make`` for later."""
        self.make = functools.cache(make)

    def __call__(self, *args: Any) -> Any:
        """Refuse: there is no Python version."""
        raise TypeError("this function is LLVM code, for compiled kernels; call the kernel that uses it")


def jit(function: Any, options: dict[str, Any], *, apart: bool = False) -> Any:
    """Compile by numba, at the first call for each signature; the result is kept on disk where that is possible.

    Args:
        function: a Python function.
        options: those of ``numba.njit``, but for ``cache``.
        apart: whether LLVM may take it that no argument's array overlaps another's.
    """
    import numba

    from tinygrad_hw.kernels import cache, linking

    compiled = numba.njit(**options, pipeline_class=linking.Apart if apart else None)(function)
    linking.compile_whole(compiled)
    try:
        digest = cache.source_digest(function, {**options, "apart": apart})
        compiled._cache = cache.KernelCache(function, digest, _no_cache, _count_seconds)
    except RuntimeError as error:  # "no locator available"
        _no_cache(error)
        compiled._cache = cache.NoCache(_count_seconds)
    return compiled


def jit_part(function: Any, options: dict[str, Any]) -> Any:
    """Compile by numba into what calls it: for functions that only compiled functions call.

    Args:
        function: a Python function.
        options: those of ``numba.njit``, but for ``cache``.
    """
    import numba

    # Nothing calls it from outside, so that wrappers for Python and C are left out.
    everything: dict[str, Any] = {**options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(**everything)(function)


class Kernel:
    """A function that is compiled at its first call; see :func:`kernel`.

    Attributes:
        function: the Python function.
        parallel: whether it has a parallel variant.
        exact: whether the order of its operations is kept.
    """

    def __init__(self, function: Callable[..., Any], parallel: bool, exact: bool = False) -> None:
        """Mark ``function``; nothing is compiled yet."""
        functools.update_wrapper(self, function)
        self.function = function
        self.parallel = parallel
        self.exact = exact
        self._variants: dict[bool, Any] = {}
        self._part: Any = None
        self._serial: Any = None
        self._threaded: Any = None

    def __repr__(self) -> str:
        """Return module and name."""
        return f"<kernel {self.function.__module__}.{self.function.__qualname__}>"

    def __call__(self, *args: Any, work: float = 1e9) -> Any:
        """Run the kernel.

        Args:
            *args: its arguments.
            work: how long it runs on one thread, in ns, roughly; small work stays on one thread.
        """
        # On one thread too: the variants are compiled separately, and may round differently.
        if self.parallel and work > PARALLEL_WORK and not _forked and _layer():
            if _layer() != "workqueue":
                return self._run_parallel(args, work)
            if _region.acquire(blocking=False):
                try:
                    return self._run_parallel(args, work)
                finally:
                    _region.release()
        if self._serial is not None:
            return self._serial(*args)
        with _lock:
            self._serial = self.compile(parallel=False)
            return self._serial(*args)

    def run(self, work: float, *args: Any) -> Any:
        """Do what a call does, 0.25 us faster where there is little work: a call makes a tuple and a dictionary."""
        if self._serial is not None and work <= PARALLEL_WORK:
            return self._serial(*args)
        return self(*args, work=work)

    def _run_parallel(self, args: tuple[Any, ...], work: float) -> Any:
        threads = get_num_threads()
        if work < _WAKING * PARALLEL_WORK and time.perf_counter_ns() - getattr(_told, "ended", 0) > _AWAKE:
            threads = 1
        if getattr(_told, "threads", 0) != threads:
            import numba

            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
            _told.threads = threads
        if self._threaded is None:
            with _lock:
                self._threaded = self.compile(parallel=True)
                return self._threaded(*args)
        result = self._threaded(*args)
        if threads > 1:
            _told.ended = time.perf_counter_ns()
        return result

    def compile(self, *, parallel: bool) -> Any:
        """Return numba's dispatcher of one variant; it makes code when it is called."""
        parallel = parallel and self.parallel
        if parallel not in self._variants:
            # The two variants need names of their own, which the cache's files are named by.
            name = self.function.__name__ + ("" if parallel or not self.parallel else "_serial")
            function, options = self._named(name, parallel)
            # numba takes the arrays of a parallel loop to lie apart. Told so too, the serial variant's loops need not
            # look where arrays lie, which would change the order of their sums.
            apart = self.parallel and not parallel
            self._variants[parallel] = jit(function, {**options, "no_cfunc_wrapper": True}, apart=apart)
        return self._variants[parallel]

    def part(self) -> Any:
        """Return numba's dispatcher of the serial variant, to be called in other kernels."""
        if self._part is None:
            self._part = jit_part(*self._named(self.function.__name__ + "_part", parallel=False))
        return self._part

    def _named(self, name: str, parallel: bool) -> tuple[Any, dict[str, Any]]:
        """Return the function under another name, with the kernels that it calls, and the compiler's options."""
        import numba

        function = self.function
        names = dict(function.__globals__)
        if "prange" in names:
            names["prange"] = numba.prange if parallel else range
        for word in function.__code__.co_names:
            if isinstance(names.get(word), Kernel):
                names[word] = names[word].part()
            elif isinstance(names.get(word), Intrinsic):
                names[word] = names[word].make()
        copy = types.FunctionType(function.__code__.replace(co_name=name), names, name, function.__defaults__)
        copy.__qualname__ = function.__qualname__.removesuffix(function.__name__) + name
        return copy, {
            "nogil": True,
            "error_model": "numpy",
            "fastmath": EXACT if self.exact else FASTMATH,
            "parallel": parallel,
        }


def kernel(*, parallel: bool = False, exact: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Mark a loop function to be compiled at its first call.

    The function may use numpy, numbers, and other kernels (their serial variants). Its module says
    ``prange = range`` for loops that may run on several threads; the results of such a loop's
    iterations must not depend on each other. Arrays given to such a function do not overlap, unless they are one
    array whose elements are each read before they are written, by the same iteration.

    Args:
        parallel: whether the function has ``prange`` loops.
        exact: keep the order of floating-point operations as written, so that rounding errors which the
            function corrects are not optimised away.
    """
    return lambda function: Kernel(function, parallel, exact)


# -- telling ---------------------------------------------------------------------------------------


def _cache_facts() -> tuple[str | None, str]:
    """Return the folder in which compiled kernels are kept, or None and why there is none."""
    if _not_kept:
        return None, _not_kept
    from tinygrad_hw.kernels.cache import cache_folder

    try:
        return cache_folder(), ""
    except RuntimeError as error:
        return None, str(error)


def _serial_reason() -> str:
    """Return why kernels run on one thread; empty if they do not."""
    if _forked:
        return "this process was forked, and OpenMP does not outlive that"
    if get_num_threads() == 1:
        return "set_num_threads(1), or there is one CPU"
    return "" if _layer() else "numba has no threading layer"


def _denormal_reason() -> str:
    """Return why denormal numbers cannot be flushed; empty if they can."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return "on x86 only"
    return "" if compiled_kernels() else "with compiled kernels only"


def config() -> dict[str, Any]:
    """Return versions, CPU, threads, the BLAS library, and what is switched off and why."""
    import numpy as np

    if compiled_kernels() and not _forked:
        _layer()  # which takes its threads from BLAS
    blas = [
        {name: pool.get(name) for name in ("internal_api", "version", "architecture", "num_threads", "threading_layer")}
        for pool in _thread_pools().info()
        if pool.get("user_api") == "blas"
    ]
    facts: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "vector_bits": vector_bits(),
        "numpy": np.__version__,
        "threads": get_num_threads(),
        "blas": blas,
        "blas_hint": blas_hint(),
        "memory": kept_memory(),
        "kernels": "numba" if compiled_kernels() else "numpy",
        "kernels_reason": _why_not_compiled(),
        "flush_denormal_reason": _denormal_reason(),
    }
    if compiled_kernels():
        import numba

        facts["numba"] = numba.__version__
        facts["threading_layer"] = "none (forked process)" if _forked else _layer() or "none"
        facts["parallel"] = parallel_allowed()
        facts["parallel_reason"] = _serial_reason()
        folder, reason = _cache_facts()
        facts["cache"] = folder is not None
        facts["cache_folder"] = folder
        facts["cache_reason"] = reason
    return facts


def show_config() -> str:
    """Return a text on CPU, versions, threads, the BLAS library, and what is switched off and why.

    Example:
        >>> from tinygrad_hw.kernels.runtime import show_config
        >>> "threads: " in show_config()
        True
    """
    facts = config()
    bits = f", {facts['vector_bits']}-bit vectors" if facts["vector_bits"] else ""
    lines = [
        f"tinygrad_hw {facts['version']}, Python {facts['python']}, numpy {facts['numpy']}",
        f"CPU: {facts['cpu']} ({facts['machine']}, {facts['system']}){bits}",
        f"threads: {facts['threads']}",
    ]
    lines += [
        f"BLAS: {blas['internal_api']} {blas['version']}, kernels for {blas['architecture'] or 'an unknown CPU'}, "
        f"{blas['num_threads']} threads" + (f" ({blas['threading_layer']})" if blas["threading_layer"] else "")
        for blas in facts["blas"]
    ] or ["BLAS: none that is known; its threads are not controlled"]
    lines.append(f"BLAS hint: {facts['blas_hint']}")
    if facts["kernels"] == "numba":
        layer = facts["threading_layer"]
        lines.append(f"kernels: numba {facts['numba']}, threading layer {layer}")
        if layer == "workqueue":
            lines.append("  this layer takes one Python thread at a time; the others run on one thread meanwhile")
        if facts["parallel_reason"]:
            lines.append(f"  on one thread: {facts['parallel_reason']}")
        if facts["cache"]:
            lines.append(f"compiled kernels: in {facts['cache_folder']}")
        else:
            lines.append(f"compiled kernels: not kept on disk ({facts['cache_reason']})")
    else:
        lines.append(f"kernels: numpy references ({facts['kernels_reason']})")
    lines.append(f"freed memory: {facts['memory']}")
    if facts["flush_denormal_reason"]:
        lines.append(f"set_flush_denormal: not available ({facts['flush_denormal_reason']})")
    return "\n".join(lines)
