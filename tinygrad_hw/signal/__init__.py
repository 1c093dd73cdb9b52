"""Signal processing: ``torch.signal``."""

from tinygrad_hw.signal import windows as windows

__all__ = ["windows"]
