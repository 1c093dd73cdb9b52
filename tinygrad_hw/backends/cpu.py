"""``torch.backends.cpu``: what the processor can do."""

from __future__ import annotations

from tinygrad_hw._blas_hint import _cpu_flags

__all__ = ["get_cpu_capability"]


def get_cpu_capability() -> str:
    """Return ``"AVX512"``, ``"AVX2"`` or ``"DEFAULT"``: the widest vectors of the processor.

    Source: ``torch.backends.cpu.get_cpu_capability``.
    """
    flags = _cpu_flags()
    return "AVX512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "DEFAULT"
