"""What the tests of ``torch.compile`` share: comparing bits, gradients, and asking what was recorded."""

from __future__ import annotations

import tinygrad_hw as torch
from tinygrad_hw.compiler.function import Compiled

nn, F = torch.nn, torch.nn.functional


def programs(function) -> int:
    """Return how many recordings a compiled function or module has."""
    compiled = getattr(function, "_compiled", None)
    if compiled is None:
        compiled = function.forward._compiled
    assert isinstance(compiled, Compiled)
    return len(compiled.programs)


def compiled_of(function):
    return getattr(function, "_compiled", None) or function.forward._compiled


def why(function) -> str:
    compiled = getattr(function, "_compiled", None) or function.forward._compiled
    return "; ".join(compiled.refused.values())


def same(a, b) -> bool:
    a, b = a.detach().numpy(), b.detach().numpy()
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def all_same(a, b) -> bool:
    """Compare what functions return: tensors, alone or in tuples, lists and dictionaries."""
    if isinstance(a, torch.Tensor):
        return same(a, b) and a.requires_grad == b.requires_grad and a._version == b._version
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(all_same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(all_same, a, b))
    return a == b


def classes(below, *shape):
    return torch.randint(0, below, shape)


def pair(function):
    return torch.compile(function, fullgraph=True), function


def grads_of(function, *tensors, **kwargs):
    """Return gradients by fresh leaves with the values of ``tensors``."""
    leaves = [t.detach().clone().requires_grad_() for t in tensors]
    return torch.autograd.grad(function(*leaves), leaves, **kwargs)


def check(fast, slow, *args) -> None:
    assert same(fast(*args), slow(*args))


def mlp(*activations):
    layers = [nn.Linear(6, 8)]
    for a in activations:
        layers += [a, nn.Linear(8, 8)]
    return nn.Sequential(*layers, nn.Linear(8, 3))


def looks(x):
    return x * 2 if x.sum() > 0 else -x
