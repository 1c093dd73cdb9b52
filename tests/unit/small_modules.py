"""Two small modules for the tests of modules."""

from __future__ import annotations

import tinygrad_hw as torch
from tinygrad_hw import nn

__all__ = ["Net", "Scale"]


class Scale(nn.Module):
    """y = scale * x + shift, with a running count."""

    def __init__(self, size=2):
        super().__init__()
        self.scale = nn.Parameter(torch.full((size,), 2.0))
        self.shift = nn.Parameter(torch.zeros(size))
        self.register_buffer("count", torch.zeros(1))
        self.register_buffer("cache", torch.ones(1), persistent=False)

    def forward(self, x):
        return self.scale * x + self.shift


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Scale()
        self.rest = nn.Sequential(Scale(), nn.Identity())

    def forward(self, x):
        return self.rest(self.first(x))
