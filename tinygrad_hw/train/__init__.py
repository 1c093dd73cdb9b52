"""Training loops and what they measure."""

from tinygrad_hw.train.trainer import Row, Trainer

__all__ = ["Row", "Trainer"]
