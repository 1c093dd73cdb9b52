"""Steps of parameters whose dtype numpy only stores (bfloat16): made in float32 and rounded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.narrow import is_narrow, wide
from tinygrad_hw.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_hw.optim.optimizer import Optimizer

__all__ = ["any_narrow", "step_wide"]

#: Entries of a state that are float32 for parameters of every dtype.
_FLOATS = frozenset({"eta", "mu", "mu_product", "step"})


def _narrow_parameters(optimizer: Optimizer) -> Iterator[Any]:
    for group in optimizer.param_groups:
        for p in group["params"]:
            if is_narrow(p):
                yield p


def any_narrow(optimizer: Optimizer) -> bool:
    """Return whether a parameter has a dtype that numpy only stores; free while there are no such tensors."""
    return bool(dtypes.COMPUTE) and next(_narrow_parameters(optimizer), None) is not None


class _Widened:
    """While it is on, parameters, gradients and states are in the dtype that the step computes in."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.kept: list[tuple[Any, Any, Any, Any]] = []

    def on(self) -> None:
        for p in _narrow_parameters(self.optimizer):
            grad = p._grad
            self.kept.append((p, p.array, grad, None if grad is None else grad.array))
            p.array = wide(p.array)
            if grad is not None:
                grad.array = wide(grad.array)
            for value in self._state(p).values():
                if is_narrow(value) and isinstance(value, Tensor):
                    value.array = wide(value.array)

    def off(self) -> None:
        for p, array, grad, gradient in self.kept:
            kind = array.dtype
            np.copyto(array, p.array, casting="unsafe")
            p.array = array
            if grad is not None:
                grad.array = gradient
            for key, value in self._state(p).items():
                if key not in _FLOATS and isinstance(value, Tensor) and value.array.dtype == dtypes.COMPUTE[kind]:
                    value.array = value.array.astype(kind)
        self.kept.clear()

    def _state(self, p: Any) -> dict[str, Any]:
        return self.optimizer.state.get(p, {})


def step_wide(step: Callable[..., Any], optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``step(optimizer, ...)`` in the dtype it computes in; closures see the parameters as they are."""
    widened = _Widened(optimizer)

    def told(closure: Any) -> Any:
        if not callable(closure):
            return closure

        def call() -> Any:
            widened.off()
            try:
                return closure()
            finally:
                widened.on()

        return call

    widened.on()
    try:
        return step(optimizer, *(told(a) for a in args), **{k: told(v) for k, v in kwargs.items()})
    finally:
        widened.off()
