"""Cosine annealing, without and with restarts."""

from __future__ import annotations

import math

from tinygrad_hw.optim.lr_scheduler.base import LRScheduler, Rate
from tinygrad_hw.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    r"""Let the rate follow half a cosine from its start down to ``eta_min``.

    .. math::
        \gamma_t = \eta + \frac{\gamma_0 - \eta}{2} \left(1 + \cos\frac{\pi t}{T}\right)

    computed from one epoch to the next,

    .. math::
        \gamma_t - \eta = (\gamma_{t-1} - \eta)
            \frac{1 + \cos(\pi t / T)}{1 + \cos(\pi (t - 1) / T)},

    so that it combines with other schedulers. There are no restarts: after :math:`T` epochs the
    rate rises along the cosine again.

    Args:
        optimizer: the optimizer to drive.
        T_max: :math:`T`, epochs down to the minimum.
        eta_min: :math:`\eta` (default 0.0).
        last_epoch: the epoch to resume after; -1 (default) starts.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).

    Example:
        >>> opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=2)
        >>> opt.step(); schedule.step()
        >>> schedule.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Return the rates at ``last_epoch``."""
        self._check_within_step()
        if self._is_initial:
            return self._current()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        groups = self.optimizer.param_groups
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The epoch before was at the minimum, where the recursion would divide zero by zero.
            return [
                group["lr"] + (rate - self.eta_min) * (1 - math.cos(math.pi / self.T_max)) / 2
                for rate, group in zip(self.base_lrs, groups, strict=True)
            ]
        now = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        before = 1 + math.cos(math.pi * (self.last_epoch - 1) / self.T_max)
        return [now / before * (group["lr"] - self.eta_min) + self.eta_min for group in groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (rate - self.eta_min) * height / 2 for rate in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    r"""Repeat half cosines, each from the starting rate down to ``eta_min``.

    .. math::
        \gamma_t = \eta + \frac{\gamma_0 - \eta}{2} \left(1 + \cos\frac{\pi T_{cur}}{T_i}\right)

    :math:`T_{cur}` counts the epochs since the last restart; the length :math:`T_i` of a period is
    multiplied by ``T_mult`` at each. :meth:`step` takes fractions of an epoch, so it may be called
    after every batch: ``scheduler.step(epoch + i / batches)``.

    Args:
        optimizer: the optimizer to drive.
        T_0: epochs in the first period, at least 1.
        T_mult: factor on the period, at least 1 (default 1).
        eta_min: :math:`\eta` (default 0.0).
        last_epoch: the epoch to resume after; -1 (default) starts.

    Raises:
        ValueError: ``T_0`` or ``T_mult`` is not a positive integer, or ``eta_min`` is not a number.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Return the rates at ``last_epoch``."""
        self._check_within_step()
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (rate - self.eta_min) * height / 2 for rate in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to ``epoch`` (which may be a fraction), and set the rates.

        Raises:
            ValueError: a negative epoch.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        elif epoch < self.T_0:
            self.T_i = self.T_0
            self.T_cur = epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # Periods before this one, from the sum of a geometric series.
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
        self.last_epoch = math.floor(epoch)
        with self._flag("_get_lr_called_within_step"):
            rates = self.get_lr()
        self._set_rates(rates)
