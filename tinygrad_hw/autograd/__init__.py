"""Reverse-mode automatic differentiation: the graph, the walk, and tools around them."""

import importlib as _importlib
from typing import TYPE_CHECKING

from tinygrad_hw.autograd import function, functional, grad_mode, graph, narrow, profiler, variable
from tinygrad_hw.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from tinygrad_hw.autograd.engine import backward, grad
from tinygrad_hw.autograd.function import Function
from tinygrad_hw.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tinygrad_hw.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tinygrad_hw.autograd.variable import Variable

if TYPE_CHECKING:
    from tinygrad_hw.autograd import anomaly_mode as anomaly_mode
    from tinygrad_hw.autograd import forward_ad as forward_ad

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "narrow",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "variable",
]


def __getattr__(name: str) -> object:
    """Import what most programs do without when it is first used; say why something is not there."""
    if name in ("anomaly_mode", "forward_ad"):
        return _importlib.import_module(f"tinygrad_hw.autograd.{name}")
    from tinygrad_hw.absent import hint

    raise AttributeError(f"module 'tinygrad_hw.autograd' has no attribute {name!r}{hint(name, 'torch.autograd')}")
