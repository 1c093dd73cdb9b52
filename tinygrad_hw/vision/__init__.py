"""Image data sets, transforms and small models: what torchvision is to PyTorch."""

from tinygrad_hw.vision import datasets, models, transforms

__all__ = ["datasets", "models", "transforms"]
