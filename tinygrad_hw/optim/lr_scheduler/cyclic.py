"""Schedules that cycle rate and momentum against each other: CyclicLR and OneCycleLR."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any, Literal

from tinygrad_hw.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    check_optimizer,
    per_group,
    set_value,
)
from tinygrad_hw.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]


def _uses_beta1(optimizer: Optimizer) -> bool:
    """Return whether momentum is ``betas[0]`` of this optimizer; refuse one that has none."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    return "betas" in optimizer.defaults


def _set_momentum(group: dict[str, Any], momentum: float, use_beta1: bool) -> None:
    """Set a group's momentum, or the first of its betas."""
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class CyclicLR(LRScheduler):
    r"""Let the rate go up and down between two bounds; step it after every batch.

    With :math:`c` the number of the cycle and :math:`x` in [0, 1] the height in it (rising for
    ``step_size_up`` batches, falling for ``step_size_down``):

    .. math:: \gamma_t = \gamma_{base} + (\gamma_{max} - \gamma_{base})\, x \, s

    The scale :math:`s` is 1 (``triangular``), :math:`2^{1-c}` (``triangular2``), :math:`g^t`
    (``exp_range``), or ``scale_fn`` of the cycle or the batch. Momentum goes the opposite way.

    Args:
        optimizer: the optimizer to drive.
        base_lr: lower bound, a number or one per group.
        max_lr: upper bound, a number or one per group; reached only while :math:`s = 1`.
        step_size_up: batches of the rising part (default 2000).
        step_size_down: batches of the falling part (default: as the rising one).
        mode: ``"triangular"`` (default), ``"triangular2"`` or ``"exp_range"``; ignored with
            ``scale_fn``.
        gamma: :math:`g` (default 1.0).
        scale_fn: a function with values in [0, 1].
        scale_mode: whether ``scale_fn`` gets the number of the ``"cycle"`` (default), from 1, or of
            the batch, ``"iterations"``.
        cycle_momentum: cycle ``momentum`` or ``betas[0]`` too (default True).
        base_momentum: momentum at the highest rate (default 0.8).
        max_momentum: momentum at the lowest rate (default 0.9).
        last_epoch: the batch to resume after; -1 (default) starts.

    Raises:
        ValueError: an unknown mode, a wrong number of bounds, or an optimizer without momentum.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = float(step_size_down) if step_size_down is not None else up
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode: str = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode: str = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _uses_beta1(optimizer)
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                bounds = zip(self.base_momentums, self.max_momentums, optimizer.param_groups, strict=True)
                for low, high, group in bounds:
                    _set_momentum(group, high, self.use_beta1)
                    group["max_momentum"] = high
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self) -> None:
        """Set what a built-in mode's scale depends on."""
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    def scale_fn(self, x: float) -> float:
        """Return the scale of the cycle or batch number ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return float(1 / (2.0 ** (x - 1)))
        return float(self.gamma**x)

    def get_lr(self) -> list[Rate]:
        """Return the rates at ``last_epoch``; sets the momentum as well."""
        self._check_within_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        where = cycle if self.scale_mode == "cycle" else self.last_epoch
        rates = [
            low + (high - low) * height * self.scale_fn(where)
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, self.optimizer.param_groups, strict=True)
            for low, high, group in bounds:
                momentum = high - (high - low) * height * self.scale_fn(where)
                _set_momentum(group, momentum, self.use_beta1)
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer; of ``scale_fn`` only the attributes of an object."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        plain = function is None or isinstance(function, types.FunctionType)
        state["_scale_fn_custom"] = None if plain else function.__dict__.copy()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state; ``scale_fn`` stays, an object gets its saved attributes."""
        saved = state_dict["_scale_fn_custom"]
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if saved is not None:
            self._scale_fn_custom.__dict__.update(saved)
        self._init_scale_fn()


class OneCycleLR(LRScheduler):
    r"""Let the rate rise to ``max_lr`` once and fall far below its start; step it every batch.

    Two phases by default: from ``max_lr / div_factor`` up to ``max_lr`` in the first ``pct_start``
    of the batches, then down to ``max_lr / (div_factor * final_div_factor)``. With ``three_phase``
    the way down to the starting rate takes as long as the way up, and the rest goes to the minimum.
    A phase from :math:`a` to :math:`b` is :math:`b + \frac{a - b}{2}(1 + \cos \pi p)` or a line,
    with :math:`p` from 0 to 1. Momentum goes the opposite way. Not meant to be combined with other
    schedulers.

    Args:
        optimizer: the optimizer to drive.
        max_lr: highest rate, a number or one per group.
        total_steps: batches in all; or give ``epochs`` and ``steps_per_epoch``.
        epochs, steps_per_epoch: their product is ``total_steps``.
        pct_start: fraction of the batches that rises, a float in [0, 1] (default 0.3).
        anneal_strategy: ``"cos"`` (default) or ``"linear"``.
        cycle_momentum: cycle ``momentum`` or ``betas[0]`` too (default True).
        base_momentum: momentum at the highest rate (default 0.85).
        max_momentum: momentum at the lowest rate (default 0.95).
        div_factor: ``max_lr`` over the starting rate (default 25.0).
        final_div_factor: starting rate over the last one (default 1e4).
        three_phase: see above (default False).
        last_epoch: the batch to resume after; -1 (default) starts.

    Raises:
        TypeError: ``optimizer`` is no optimizer.
        ValueError: no number of batches, an option outside its range, an optimizer without
            momentum, or (in ``step``) more steps than ``total_steps``.

    Source: Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates" (2018).

    Example:
        >>> opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
        >>> schedule = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=10)
        >>> round(schedule.get_last_lr()[0], 6)
        0.04
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type: str = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for high, group in zip(max_lrs, optimizer.param_groups, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _uses_beta1(optimizer)
            highs = per_group("max_momentum", optimizer, max_momentum)
            lows = per_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                for low, high, group in zip(lows, highs, optimizer.param_groups, strict=True):
                    _set_momentum(group, high, self.use_beta1)
                    group["max_momentum"] = high
                    group["base_momentum"] = low
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Any, end: Any, pct: float) -> Any:
        """Go from ``start`` to ``end`` as ``pct`` goes from 0 to 1."""
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)
        return (end - start) * pct + start

    def get_lr(self) -> list[Rate]:
        """Return the rates at ``last_epoch``; sets the momentum as well."""
        self._check_within_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"Tried to step {step} times. The specified number of total steps is {self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        pct = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._anneal_func(group[phase["start_lr"]], group[phase["end_lr"]], pct))
            if self.cycle_momentum:
                bounds = group[phase["start_momentum"]], group[phase["end_momentum"]]
                _set_momentum(group, self._anneal_func(*bounds, pct), self.use_beta1)
        return rates


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """Return the number of batches of a one-cycle schedule."""
    if total_steps is not None:
        if total_steps <= 0 or not isinstance(total_steps, int):
            raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    if not isinstance(epochs, int) or epochs <= 0:
        raise ValueError(f"Expected positive integer epochs, but got {epochs}")
    if not isinstance(steps_per_epoch, int) or steps_per_epoch <= 0:
        raise ValueError(f"Expected positive integer steps_per_epoch, but got {steps_per_epoch}")
    return epochs * steps_per_epoch


def _phases(pct_start: float, total_steps: int, three_phase: bool) -> list[dict[str, Any]]:
    """Return a one-cycle schedule's phases: last batch, and the entries it goes between."""

    def phase(end: float, start_lr: str, end_lr: str, start_m: str, end_m: str) -> dict[str, Any]:
        return {
            "end_step": end,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": start_m,
            "end_momentum": end_m,
        }

    low, high = "base_momentum", "max_momentum"
    up = phase(float(pct_start * total_steps) - 1, "initial_lr", "max_lr", high, low)
    if not three_phase:
        return [up, phase(total_steps - 1, "max_lr", "min_lr", low, high)]
    return [
        up,
        phase(float(2 * pct_start * total_steps) - 2, "max_lr", "initial_lr", low, high),
        phase(total_steps - 1, "initial_lr", "min_lr", high, high),
    ]
