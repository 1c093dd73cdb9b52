"""A table of a model's layers: shapes, parameters, multiply-adds, memory; in the layout of torchinfo."""

from tinygrad_hw.summary.describe import summary
from tinygrad_hw.summary.layers import LayerInfo
from tinygrad_hw.summary.table import ModelStatistics

__all__ = ["LayerInfo", "ModelStatistics", "summary"]
