"""``AdamW`` and its function, under PyTorch's address."""

from tinygrad_hw.optim.adam import AdamW

__all__ = ["AdamW"]
