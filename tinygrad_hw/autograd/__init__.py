"""Reverse-mode automatic differentiation: the graph, the walk, and tools around them."""

from tinygrad_hw.autograd.anomaly import detect_anomaly, set_detect_anomaly
from tinygrad_hw.autograd.engine import backward, grad
from tinygrad_hw.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
