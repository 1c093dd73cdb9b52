"""``torch.amp.GradScaler``: a loss multiplied so that small gradients in float16 are not lost."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import count_write
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.tensor import Tensor

__all__ = ["GradScaler"]


class GradScaler:
    """Scales losses, takes the scale out of gradients, and leaves out steps whose gradients are not finite.

    Args:
        device: ``"cpu"``; for another one it warns and is switched off, as in PyTorch without that device.
        init_scale: the first scale.
        growth_factor: by which it grows after ``growth_interval`` good steps in a row.
        backoff_factor: by which it shrinks after a step that was left out.
        growth_interval: see above.
        enabled: False for an object whose methods pass everything through.

    Raises:
        AssertionError: a growth factor of 1 or less, or a back-off factor of 1 or more.

    Source: ``torch.amp.GradScaler``.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0]))
        >>> opt = torch.optim.SGD([w], lr=0.1)
        >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale((w * w).sum()).backward()
        >>> w.grad
        tensor([16.])
        >>> scaler.step(opt); scaler.update()
        >>> w.data
        tensor([0.8000])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if enabled and device != "cpu":
            warnings.warn(
                f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale: float | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        #: What happened since the last update: by optimizer, whether gradients were not finite, and the stage.
        self._infinite: dict[int, bool] = {}
        self._stage: dict[int, str] = {}

    def is_enabled(self) -> bool:
        """Return whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the scale; 1 if switched off."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale

    def get_growth_factor(self) -> float:
        """Return the factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """Return the factor by which the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Return after how many good steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many good steps the scale grows."""
        self._growth_interval = new_interval

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or the tensors of a list, a tuple or another iterable, times the scale."""
        if not self._enabled:
            return outputs
        if self._scale is None:
            self._scale = self._init_scale
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(o) for o in outputs)
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _check_scaled(self, name: str) -> None:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or "
                "outputs) earlier in the iteration."
            )

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, as for clipping; once per step.

        Raises:
            RuntimeError: it was done already since the last update, or after the step.
            ValueError: a gradient is float16.
        """
        if not self._enabled:
            return
        self._check_scaled("unscale_")
        stage = self._stage.get(id(optimizer))
        if stage == "unscaled":
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if stage == "stepped":
            raise RuntimeError("unscale_() is being called after step().")
        assert self._scale is not None
        inverse, finite = 1.0 / self._scale, []
        for group in optimizer.param_groups:
            for param in group["params"]:
                if param._grad is None:
                    continue
                if param._grad.array.dtype == np.float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                count_write(param._grad)
                gradient = param._grad.array
                finite.append(bool(np.isfinite(gradient).all()))
                np.multiply(gradient, np.float32(inverse), out=gradient, casting="unsafe")
        if finite:
            self._infinite[id(optimizer)] = not all(finite)
        self._stage[id(optimizer)] = "unscaled"

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Call ``optimizer.step(*args, **kwargs)`` unless a gradient is not finite.

        Raises:
            RuntimeError: it was done already since the last update, or a closure was given.
            AssertionError: no loss was scaled, or there is no gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scaled("step")
        if self._stage.get(id(optimizer)) == "stepped":
            raise RuntimeError("step() has already been called since the last update().")
        if self._stage.get(id(optimizer)) != "unscaled":
            self.unscale_(optimizer)
        if id(optimizer) not in self._infinite:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if self._infinite[id(optimizer)] else optimizer.step(*args, **kwargs)
        self._stage[id(optimizer)] = "stepped"
        return result

    def update(self, new_scale: Any = None) -> None:
        """Adjust the scale after the steps, or set it.

        Args:
            new_scale: a number or a tensor of one; the scale, instead of an adjusted one.

        Raises:
            AssertionError: no gradient was checked since the last update, or ``new_scale`` is no number.
        """
        if not self._enabled:
            return
        self._check_scaled("update")
        assert self._scale is not None
        if new_scale is not None:
            if isinstance(new_scale, Tensor) and (new_scale.numel() != 1 or new_scale.requires_grad):
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False."
                )
            self._scale = float(new_scale)
        else:
            if not self._infinite:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(self._infinite.values()):
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    self._scale *= self._growth_factor
                    self._growth_tracker = 0
        self._infinite.clear()
        self._stage.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return scale, factors and counter; nothing if switched off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state.

        Raises:
            RuntimeError: it is the empty one of a scaler that was switched off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._stage:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            # What is unpickled has its scale from the first call of `scale` on, as a new object has.
            state.update(_init_scale=self.get_scale(), _scale=None)
        return state
