"""Comparing results of one thread with those of several, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_hw.kernels import runtime


def same_on_threads(call: Callable[[], Any]) -> None:
    """Assert that a call gives the same bits on 1, 2 and 3 threads; small work runs on all of them here."""
    if not runtime.compiled_kernels():
        pytest.skip("kernels are not compiled")
    before = runtime.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "PARALLEL_WORK", -1)
        try:
            results = []
            for threads in (1, 2, 3):
                runtime.set_num_threads(threads)
                assert runtime.parallel_allowed() == (threads > 1)
                result = call()
                results.append([np.asarray(a) for a in (result if isinstance(result, tuple) else (result,))])
        finally:
            runtime.set_num_threads(before)
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert one.tobytes() == other.tobytes()
