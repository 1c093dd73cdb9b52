"""Averages of weights over training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.normalization import _BatchNorm
from tinygrad_hw.ops.from_data import tensor
from tinygrad_hw.optim.lr_scheduler.base import LRScheduler, Rate, per_group
from tinygrad_hw.optim.optimizer import Optimizer
from tinygrad_hw.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[list[Tensor], list[Tensor], Any], None]:
    r"""Return a function that moves averages towards parameters: :math:`a \leftarrow d a + (1 - d) p`.

    Args:
        decay: :math:`d`, from 0 to 1.

    Raises:
        ValueError: another decay.

    Source: ``torch.optim.swa_utils.get_ema_multi_avg_fn``.

    Example:
        >>> from tinygrad_hw.optim.swa_utils import get_ema_multi_avg_fn
        >>> a = torch.zeros(2)
        >>> get_ema_multi_avg_fn(0.9)([a], [torch.ones(2)], 1)
        >>> a
        tensor([0.1000, 0.1000])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(averages: list[Tensor], params: list[Tensor], _: Any) -> None:
        for average, param in zip(averages, params, strict=True):
            if average.is_floating_point():
                average.lerp_(param, 1 - decay)
            else:
                average.copy_(average * decay + param * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[list[Tensor], list[Tensor], Any], None]:
    r"""Return a function that adds parameters to averages of n: :math:`a \leftarrow a + (p - a) / (n + 1)`.

    Source: ``torch.optim.swa_utils.get_swa_multi_avg_fn``.

    Example:
        >>> from tinygrad_hw.optim.swa_utils import get_swa_multi_avg_fn
        >>> a = torch.zeros(2)
        >>> get_swa_multi_avg_fn()([a], [torch.ones(2)], 1)
        >>> a
        tensor([0.5000, 0.5000])
    """

    @no_grad()
    def swa_update(averages: list[Tensor], params: list[Tensor], num_averaged: Any) -> None:
        for average, param in zip(averages, params, strict=True):
            if average.is_floating_point():
                average.lerp_(param, 1 / (float(num_averaged) + 1))
            else:
                average.copy_(average + (param - average) / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    r"""Return a function of an average and a parameter that returns :math:`d a + (1 - d) p`.

    Args:
        decay: :math:`d`, from 0 to 1.

    Raises:
        ValueError: another decay.

    Source: ``torch.optim.swa_utils.get_ema_avg_fn``.
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, param: Tensor, _: Any) -> Tensor:
        return decay * average + (1 - decay) * param

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    r"""Return a function of an average of n and a parameter that returns :math:`a + (p - a) / (n + 1)`.

    Source: ``torch.optim.swa_utils.get_swa_avg_fn``.
    """

    @no_grad()
    def swa_update(average: Tensor, param: Tensor, num_averaged: Any) -> Tensor:
        return average + (param - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over those the model had.

    Args:
        model: to copy.
        device: the CPU.
        avg_fn: (average, parameter, number averaged) -> new average; equal weights by default.
        multi_avg_fn: (averages, parameters, number averaged), writes into the averages; instead of ``avg_fn``.
        use_buffers: average the buffers too; else they are copied at each update.

    Attributes:
        module: the copy.
        n_averaged: how many times :meth:`update_parameters` was called.

    Raises:
        AssertionError: both functions were given.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (2018);
    ``torch.optim.swa_utils.AveragedModel``.

    Example:
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> average = torch.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 3.0):
        ...     _ = model.weight.data.fill_(value)
        ...     average.update_parameters(model)
        >>> average.module.weight.item()
        2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[list[Tensor], list[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the averages; the first ones are copied."""
        if self.use_buffers:
            averages = [*self.module.parameters(), *self.module.buffers()]
            given = [*model.parameters(), *model.buffers()]
        else:
            averages, given = list(self.parameters()), list(model.parameters())
        pairs = [(a.detach(), p.detach()) for a, p in zip(averages, given, strict=False)]
        if int(self.n_averaged) == 0:
            for average, param in pairs:
                average.copy_(param)
        elif self.avg_fn is not None:
            for average, param in pairs:
                average.copy_(self.avg_fn(average, param, self.n_averaged))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            alike = itertools.groupby(sorted(pairs, key=lambda pair: pair[0].dtype.name), lambda pair: pair[0].dtype)
            for _, group in alike:
                found = list(group)
                update([a for a, _ in found], [p for _, p in found], self.n_averaged)
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch normalisation anew, over the data of one pass.

    Args:
        loader: yields batches; of a list or tuple the first element is the model's input.
        model: whose layers are updated.
        device: the CPU.

    Source: ``torch.optim.swa_utils.update_bn``.

    Example:
        >>> model = torch.nn.BatchNorm1d(1)
        >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]])], model)
        >>> model.running_mean
        tensor([2.])
    """
    layers = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not layers:
        return
    training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    for batch in loader:
        data = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(data if device is None else data.to(device))
    for layer, momentum in layers.items():
        layer.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    r"""Anneal the rates of all groups to fixed ones, along a line or a cosine, and keep them there.

    Args:
        optimizer: the optimizer to drive.
        swa_lr: the last rate, one or a list with one for each group.
        anneal_epochs: how many steps it takes (default 10).
        anneal_strategy: ``"cos"`` (default) or ``"linear"``.
        last_epoch: the epoch to resume after; -1 (default) starts.

    Raises:
        ValueError: another strategy, or a negative number of epochs.

    Source: ``torch.optim.swa_utils.SWALR``.

    Example:
        >>> opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> schedule = torch.optim.swa_utils.SWALR(opt, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> opt.step(); schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """Return how much of the way is done after a share t of the time."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _share(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Rate]:
        """Return the rates of the next step."""
        self._check_within_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
