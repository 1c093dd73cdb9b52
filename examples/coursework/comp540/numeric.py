"""The sheet's way to check a gradient: central differences, and the largest relative error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import tinygrad_hw as torch


def relative_error(a, b) -> float:
    """Return the largest of |a - b| / (|a| + |b|), where less than 1e-8 in the denominator counts as 1e-8."""
    a, b = (np.asarray(v.detach() if isinstance(v, torch.Tensor) else v, np.float64) for v in (a, b))
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))))


def numeric_gradient(f: Callable[[], torch.Tensor], x: torch.Tensor, dout: torch.Tensor, h: float = 1e-5):
    """Return the gradient of sum(f() * dout) with respect to x, found by moving each number of x by h both ways."""
    gradient = np.zeros(x.shape)
    values = x.detach().numpy()  # shares memory with x: f() sees what is written here
    with torch.no_grad():
        for place in np.ndindex(*x.shape):
            old = values[place]
            values[place] = old + h
            above = f()
            values[place] = old - h
            below = f()
            values[place] = old
            gradient[place] = ((above - below) * dout).sum().item() / (2 * h)
    return gradient


def gradient_errors(f: Callable[[], torch.Tensor], inputs: dict[str, torch.Tensor], h: float = 1e-5):
    """Return the relative error of backward() for each of the named inputs, the gradient from above random."""
    for x in inputs.values():
        x.requires_grad_()
    out = f()
    dout = torch.randn(out.shape, dtype=out.dtype) if out.ndim else torch.ones((), dtype=out.dtype)
    found = torch.autograd.grad(out, list(inputs.values()), dout)
    return {
        name: relative_error(gradient, numeric_gradient(f, x, dout, h))
        for (name, x), gradient in zip(inputs.items(), found, strict=True)
    }


def network_errors(net: torch.nn.Module, loss: Callable[[], torch.Tensor], h: float = 1e-5) -> dict[str, float]:
    """Return the relative error of backward() for each parameter of a network."""
    return gradient_errors(loss, dict(net.named_parameters()), h)
