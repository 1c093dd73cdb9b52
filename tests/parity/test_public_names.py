"""Every public name of PyTorch's modules is here, or there is a sentence why not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import types

import pytest

import tinygrad_hw
from tinygrad_hw import absent

pytestmark = pytest.mark.torch

MODULES = [
    "torch",
    "torch.Tensor",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.grad",
    "torch.nn.init",
    "torch.nn.modules",
    "torch.nn.parallel",
    "torch.nn.parameter",
    "torch.nn.attention",
    "torch.nn.utils",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.prune",
    "torch.nn.utils.rnn",
    "torch.nn.utils.stateless",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.optimizer",
    "torch.optim.swa_utils",
    "torch.autograd",
    "torch.autograd.anomaly_mode",
    "torch.autograd.forward_ad",
    "torch.autograd.function",
    "torch.autograd.functional",
    "torch.autograd.grad_mode",
    "torch.autograd.graph",
    "torch.autograd.profiler",
    "torch.autograd.variable",
    "torch.func",
    "torch.linalg",
    "torch.special",
    "torch.fft",
    "torch.distributions",
    "torch.distributions.constraints",
    "torch.distributions.kl",
    "torch.distributions.transforms",
    "torch.distributions.utils",
    "torch.utils",
    "torch.utils._pytree",
    "torch.utils.benchmark",
    "torch.utils.checkpoint",
    "torch.utils.data",
    "torch.utils.dlpack",
    "torch.utils.hooks",
    "torch.serialization",
    "torch.random",
    "torch.testing",
    "torch.amp",
    "torch.backends",
    "torch.backends.cpu",
    "torch.backends.cuda",
    "torch.backends.cudnn",
    "torch.backends.mkl",
    "torch.backends.mkldnn",
    "torch.backends.mps",
    "torch.backends.openmp",
    "torch.profiler",
    "torch.cuda",
    "torch.cpu",
    "torch.mps",
    "torch.xpu",
    "torch.accelerator",
    "torch.types",
    "torch.return_types",
    "torch.storage",
    "torch.version",
    "torch.masked",
    "torch.signal",
    "torch.signal.windows",
    "torch.compiler",
    "torch.onnx",
]


def reach(package, path):
    """Return ``torch.a.b`` of either package, or None."""
    found = package
    for piece in path.split(".")[1:]:
        inner = getattr(found, piece, None)
        if inner is None and isinstance(found, types.ModuleType):
            try:
                inner = importlib.import_module(f"{found.__name__}.{piece}")
            except ImportError:
                return None
        found = inner
    return found


LATER = {"torch.nn.attention": ("flex_attention",), "torch.nn.modules": ("linear_cross_entropy",)}


def public(torch, path):
    """Return the names that PyTorch means to be used under an address.

    Of a module without ``__all__`` these are the functions and classes written in it, or below it, and its modules.
    """
    place = reach(torch, path)
    if path in ("torch", "torch.Tensor"):
        names = [n for n in dir(place) if not n.startswith("_")]
    else:
        names = list(getattr(place, "__all__", ()))
        for n, value in vars(place).items():
            own = getattr(value, "__module__", None) or ""
            if isinstance(value, types.ModuleType):
                keep = value.__name__.startswith(place.__name__ + ".")
            else:
                keep = (inspect.isroutine(value) or inspect.isclass(value)) and own.startswith(place.__name__)
            if keep and not n.startswith("_"):
                names.append(n)
    # Modules that are there once something has imported them.
    names = [n for n in names if n not in LATER.get(path, ())]
    # What a module only imported for itself.
    foreign = {n for n in names if isinstance(getattr(place, n, None), types.ModuleType)}
    return sorted(
        n for n in dict.fromkeys(names) if n not in foreign or getattr(place, n).__name__.startswith("torch.")
    )


def missing(torch, path):
    """Return the names that are not here."""
    ours = reach(tinygrad_hw, path)
    assert ours is not None, f"there is no {path}"
    return [n for n in public(torch, path) if not hasattr(ours, n)]


@pytest.mark.parametrize("path", MODULES)
def test_names_are_here_or_explained(path):
    torch = pytest.importorskip("torch")
    unexplained = [n for n in missing(torch, path) if not absent.reason(path, n)]
    assert not unexplained, f"{path}: neither here nor in tinygrad_hw/absent.py: {' '.join(unexplained)}"


@pytest.mark.parametrize("path", [p for p in MODULES if p != "torch.Tensor"])
def test_there_are_no_explanations_of_what_is_here(path):
    ours = reach(tinygrad_hw, path)
    stale = [n for n in absent.PLACES.get(path, {}) if n != "*" and hasattr(ours, n)]
    assert not stale, f"{path}: tinygrad_hw/absent.py explains what is there: {stale}"


@pytest.mark.parametrize("path", ["torch", *(f"torch.{n}" for n in (["nn", "utils", "autograd", "optim", "backends"]))])
def test_modules_are_here_or_explained(path):
    torch = pytest.importorskip("torch")
    names = [m.name for m in pkgutil.iter_modules(reach(torch, path).__path__) if not m.name.startswith("_")]
    absent_ones = [n for n in names if reach(tinygrad_hw, f"{path}.{n}") is None and not absent.reason(path, n)]
    assert not absent_ones, f"{path}: neither here nor in tinygrad_hw/absent.py: {' '.join(absent_ones)}"


def test_an_explanation_reaches_the_user():
    for place, name in (("torch", "quasirandom"), ("torch.utils", "collect_env"), ("torch.autograd", "profiler_util")):
        with pytest.raises(AttributeError, match=re.escape(absent.PLACES[place][name])):
            getattr(reach(tinygrad_hw, place), name)
