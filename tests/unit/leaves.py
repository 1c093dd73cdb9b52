"""Leaves for the tests of autograd."""

from __future__ import annotations

import tinygrad_hw as torch

__all__ = ["leaf"]


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), dtype=torch.float64, requires_grad=True)
