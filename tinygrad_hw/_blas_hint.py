"""A hint for numpy's BLAS, given before numpy is first imported.

OpenBLAS does not know every CPU and may fall back to its AVX2 kernels on one that has AVX-512: on
an AMD Zen 5 server it multiplied matrices at 137 Gflop/s a core, and at 265 with the AVX-512
kernels.
"""

from __future__ import annotations

import os
import sys

__all__ = ["apply_blas_hint", "blas_hint"]

#: What OpenBLAS's SkylakeX kernels use.
_NEEDED = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"})

_said = "not asked for"


def _cpu_flags(path: str = "/proc/cpuinfo") -> frozenset[str]:
    """Return the feature flags of the first CPU; none where there is no such file."""
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("flags"):
                    return frozenset(line.split())
    except OSError:
        pass
    return frozenset()


def apply_blas_hint() -> bool:
    """Set ``OPENBLAS_CORETYPE=SkylakeX`` where it helps; return whether it was set.

    Nothing is done if the variable is set already, if numpy is loaded (it would be too late), if
    the CPU lacks AVX-512, or if ``TINYGRAD_HW_BLAS_HINT=0``.
    """
    global _said
    if os.environ.get("TINYGRAD_HW_BLAS_HINT", "1") == "0":
        _said = "off (TINYGRAD_HW_BLAS_HINT=0)"
    elif os.environ.get("OPENBLAS_CORETYPE"):
        _said = f"none (OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']} is set)"
    elif "numpy" in sys.modules:
        _said = "none (numpy was imported first)"
    elif not _cpu_flags() >= _NEEDED:
        _said = "none (no AVX-512)"
    else:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
        _said = "OPENBLAS_CORETYPE=SkylakeX"
        return True
    return False


def blas_hint() -> str:
    """Return what the last call of :func:`apply_blas_hint` did, and why."""
    return _said
