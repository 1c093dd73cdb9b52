"""How kernels are compiled and on how many threads they run.

numba is imported at the first call of a kernel, never with the package. Each kernel has a plain numpy
reference beside it, which runs instead where numba is missing, where ``TINYGRAD_HW_KERNELS=numpy`` is set, or
where numba's compiler is switched off (its loops would then be interpreted).
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = [
    "compiled_kernels",
    "get_num_threads",
    "kernel",
    "parallel_allowed",
    "set_flush_denormal",
    "set_num_threads",
    "show_config",
]

#: nsz, arcp, reassoc, contract let LLVM vectorise sums; nnan and ninf, the rest of "fast", would break isnan.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

_lock = threading.RLock()
_forked = False
_reason = ""
_threads: int | None = None


def _after_fork() -> None:
    # GNU OpenMP kills a forked child that enters a parallel region after its parent did.
    global _forked, _lock
    _forked = True
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def compiled_kernels() -> bool:
    """Return whether kernels are compiled by numba; False means that the numpy references run."""
    global _reason
    if os.environ.get("TINYGRAD_HW_KERNELS", "").lower() == "numpy":
        _reason = "TINYGRAD_HW_KERNELS=numpy"
        return False
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        _reason = "NUMBA_DISABLE_JIT is set"
        return False
    try:
        import numba  # noqa: F401
    except Exception as error:
        _reason = f"numba cannot be imported: {error}"
        return False
    return True


@functools.cache
def _layer_is_safe() -> bool:
    """Return whether several Python threads may be in parallel regions at once."""
    import numba

    wanted = str(numba.config.THREADING_LAYER)
    priority = list(numba.config.THREADING_LAYER_PRIORITY)
    names = [wanted] if wanted in ("omp", "tbb", "workqueue") else priority
    for name in names:
        if name == "workqueue":
            return False
        try:
            module = {"omp": "omppool", "tbb": "tbbpool"}[name]
            __import__(f"numba.np.ufunc.{module}")
            return True
        except ImportError:
            continue
    return False


def parallel_allowed() -> bool:
    """Return whether a kernel may enter a parallel region now."""
    return not _forked and get_num_threads() > 1 and _layer_is_safe()


def get_num_threads() -> int:
    """Return how many threads kernels and matrix products use."""
    global _threads
    if _threads is None:
        _threads = int(
            os.environ.get("NUMBA_NUM_THREADS")
            or os.environ.get("OMP_NUM_THREADS")
            or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
        )
    return _threads


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def set_num_threads(n: int) -> None:
    """Use ``n`` threads for kernels and for numpy's matrix products.

    Args:
        n: at least 1; kernels use at most as many as there were when numba started.

    Raises:
        RuntimeError: ``n`` is less than 1.
        TypeError: ``n`` is no integer.

    Source: ``torch.set_num_threads``.

    Example:
        >>> threads = torch.get_num_threads()
        >>> torch.set_num_threads(1)
        >>> torch.get_num_threads()
        1
        >>> torch.set_num_threads(threads)
    """
    global _threads
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    _threads = n
    _controller().limit(limits=n, user_api="blas")
    if "numba" in sys.modules:
        _limit_numba()


def _limit_numba() -> None:
    import numba

    numba.set_num_threads(min(get_num_threads(), numba.config.NUMBA_NUM_THREADS))


def set_flush_denormal(mode: bool) -> bool:
    """Return False: flushing denormal numbers to zero cannot be switched here yet.

    Args:
        mode: what was asked for.

    Source: ``torch.set_flush_denormal``, which returns False on machines that cannot do it.
    """
    return False


@functools.cache
def _warn_no_cache(reason: str) -> None:
    warnings.warn(
        f"compiled kernels cannot be kept on disk, so every process compiles them anew ({reason}). Set "
        "NUMBA_CACHE_DIR to a folder that can be written to",
        RuntimeWarning,
        stacklevel=4,
    )


@functools.cache
def _say_compiling() -> None:
    print(
        "tinygrad_hw: compiling kernels for the first time took more than 2 s; they are kept for the next run",
        file=sys.stderr,
    )


class Kernel:
    """A function that is compiled at its first call; see :func:`kernel`."""

    def __init__(self, function: Callable[..., Any], parallel: bool) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.parallel = parallel
        self._serial: Any = None
        self._threaded: Any = None

    def _compile(self, parallel: bool) -> Any:
        import numba

        options: dict[str, Any] = {
            "nogil": True,
            "error_model": "numpy",
            "fastmath": FASTMATH,
            "parallel": parallel,
        }
        function = self.function
        if "prange" in function.__globals__:
            # Kernel modules write `prange = range`, so that importing them does not import numba.
            function.__globals__["prange"] = numba.prange
        if self.parallel and not parallel:
            # Its own name, so that the two variants do not share a cache file.
            import types

            function = types.FunctionType(
                function.__code__.replace(co_name=function.__name__ + "_serial"),
                function.__globals__,
                function.__name__ + "_serial",
                function.__defaults__,
                function.__closure__,
            )
            # Since Python 3.11 a function's qualified name, which names the cache file, is the code's.
            function.__qualname__ = self.function.__qualname__ + "_serial"
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:  # "no locator available"
            _warn_no_cache(str(error))
            return numba.njit(**options)(function)

    def __call__(self, *args: Any, work: float = 1e9) -> Any:
        """Run the kernel.

        Args:
            *args: its arguments.
            work: rough number of elementary operations; little work stays on one thread.
        """
        if self.parallel and work > 20_000 and parallel_allowed():
            if self._threaded is None:
                with _lock:
                    if self._threaded is None:
                        _limit_numba()
                        self._threaded = self._compile(True)
                    return self._first(self._threaded, args)
            return self._threaded(*args)
        if self._serial is None:
            with _lock:
                if self._serial is None:
                    self._serial = self._compile(False)
                return self._first(self._serial, args)
        return self._serial(*args)

    def _first(self, compiled: Any, args: tuple[Any, ...]) -> Any:
        start = time.perf_counter()
        result = compiled(*args)
        if time.perf_counter() - start > 2:
            _say_compiling()
        return result


def kernel(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Mark a loop function to be compiled at its first call.

    Args:
        parallel: whether its ``prange`` loops may run on several threads.
    """
    return lambda function: Kernel(function, parallel)


def show_config() -> str:
    """Return a text on versions, threads, the BLAS library, numba, and what is switched off and why."""
    import platform

    import numpy as np

    lines = [
        f"Python {platform.python_version()} on {platform.machine()}, numpy {np.__version__}",
        f"threads: {get_num_threads()}",
    ]
    for library in _controller().info():
        if library.get("user_api") == "blas":
            lines.append(
                f"BLAS: {library.get('internal_api')} {library.get('version')}, core type "
                f"{library.get('architecture')}, {library.get('num_threads')} threads"
            )
    lines.append(
        f"BLAS core hint: OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '(not set)')}"
    )
    if compiled_kernels():
        import numba

        layer = "thread-safe" if _layer_is_safe() else "not thread-safe: kernels run on one thread"
        lines.append(f"kernels: numba {numba.__version__}, threading layer {layer}")
    else:
        lines.append(f"kernels: numpy references ({_reason})")
    return "\n".join(lines)
