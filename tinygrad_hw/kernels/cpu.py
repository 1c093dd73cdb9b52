"""What the CPU is called and how wide its vectors are."""

from __future__ import annotations

import functools
import platform
import sys

__all__ = ["cpu_name", "vector_bits"]


@functools.cache
def _cpuinfo(path: str = "/proc/cpuinfo") -> dict[str, str]:
    """Return what Linux says of the first CPU; nothing elsewhere."""
    facts: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, colon, value = line.partition(":")
                if colon:
                    facts.setdefault(name.strip().lower(), value.strip())
    except OSError:
        pass
    return facts


def cpu_name() -> str:
    """Return the CPU's name."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine() or sys.platform


def vector_bits() -> int:
    """Return the width of the CPU's vectors in bits, 0 if that cannot be told."""
    facts = _cpuinfo()
    flags = set((facts.get("flags") or facts.get("features") or "").split())
    for flag, bits in (("avx512f", 512), ("avx", 256), ("sse2", 128), ("asimd", 128), ("neon", 128)):
        if flag in flags:
            return bits
    # Every 64-bit CPU of these families has at least this much.
    return 128 if platform.machine().lower() in ("x86_64", "amd64", "arm64", "aarch64") else 0
