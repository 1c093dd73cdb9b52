"""Helpers for tests: ``torch.testing``."""

from tinygrad_hw.testing.comparison import assert_allclose, assert_close
from tinygrad_hw.testing.creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
