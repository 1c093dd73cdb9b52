"""Stochastic gradient descent, with momentum and Nesterov's variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params
from tinygrad_hw.optim.options import as_number, check_lr
from tinygrad_hw.tensor import Tensor

__all__ = ["SGD", "sgd"]


class SGD(GroupwiseOptimizer):
    r"""Stochastic gradient descent, optionally with momentum.

    With gradient :math:`g` (negated if ``maximize``), and :math:`g \leftarrow g + \lambda\theta`
    for a weight decay :math:`\lambda`:

    .. math::
        b_1 = g_1, \qquad b_t = \mu b_{t-1} + (1 - \tau) g_t, \qquad
        \theta_t = \theta_{t-1} - \gamma b_t

    and :math:`\theta_t = \theta_{t-1} - \gamma (g_t + \mu b_t)` with ``nesterov``. Without momentum
    :math:`b_t = g_t`.

    Two conventions differ from other texts. The learning rate multiplies the whole velocity
    (:math:`\gamma b_t`), where Sutskever et al. let it into the velocity
    (:math:`b_t = \mu b_{t-1} + \gamma g_t`); the two agree only while the rate is constant. And the
    first velocity is the gradient itself, not :math:`(1 - \tau) g_1`: dampening starts with the
    second step.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-3).
        momentum: :math:`\mu` (default 0).
        dampening: :math:`\tau` (default 0).
        weight_decay: L2 penalty :math:`\lambda` (default 0).
        nesterov: use Nesterov momentum; needs ``momentum > 0`` and ``dampening == 0`` (default
            False).
        maximize: climb instead of descend (default False).
        foreach, fused: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        differentiable: must stay False.

    Raises:
        ValueError: a negative option, or Nesterov momentum without momentum.

    Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum
    in deep learning" (2013).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [0.800000011920929, 1.600000023841858]
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if as_number(weight_decay) < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        params, grads, states = self._with_grad(group, stateless=momentum == 0)
        buffers: list[Array | None] = []
        if momentum != 0:
            tensors = [s.get("momentum_buffer") for s in states]
            buffers = [None if t is None else t.array for t in tensors]
        sgd(
            params,
            grads,
            buffers,
            weight_decay=as_number(group["weight_decay"]),
            momentum=momentum,
            lr=as_number(group["lr"]),
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
        if momentum != 0:
            for state, tensor, buffer in zip(states, tensors, buffers, strict=True):
                if tensor is None:
                    state["momentum_buffer"] = Tensor._wrap(buffer)


def sgd(
    params: Sequence[Array],
    grads: Sequence[Array],
    momentum_buffers: list[Array | None],
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`SGD` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        momentum_buffers: for each parameter its velocity, or None before its first step: the list
            then receives a new array. Ignored without momentum.
        lr: as in :class:`SGD`.
        momentum: as in :class:`SGD`.
        dampening: as in :class:`SGD`.
        weight_decay: as in :class:`SGD`.
        nesterov: as in :class:`SGD`.
        maximize: as in :class:`SGD`.
    """
    hyper = (lr, momentum, dampening, weight_decay, float(nesterov), float(maximize))
    if momentum == 0:
        update("sgd", (params, grads, None), None, hyper)
        return
    new = [i for i, buffer in enumerate(momentum_buffers) if buffer is None]
    if new:
        _first_step(params, grads, momentum_buffers, new, hyper)
        old = [i for i in range(len(params)) if i not in set(new)]
        params, grads = [params[i] for i in old], [grads[i] for i in old]
        momentum_buffers = [momentum_buffers[i] for i in old]
    update("sgd", (params, grads, momentum_buffers), None, hyper)  # type: ignore[arg-type]


def _first_step(
    params: Sequence[Array],
    grads: Sequence[Array],
    momentum_buffers: list[Array | None],
    which: Sequence[int],
    hyper: tuple[float, ...],
) -> None:
    """Start the velocities of some parameters at their (decayed, signed) gradient and step them."""
    lr, momentum, _, weight_decay, nesterov, maximize = hyper
    for i in which:
        # A velocity of zeros with no dampening becomes the gradient: 0 * momentum + 1 * g.
        momentum_buffers[i] = np.zeros_like(params[i])
    update(
        "sgd",
        (
            [params[i] for i in which],
            [grads[i] for i in which],
            [momentum_buffers[i] for i in which],  # type: ignore[misc]
        ),
        None,
        (lr, momentum, 0.0, weight_decay, nesterov, maximize),
    )
