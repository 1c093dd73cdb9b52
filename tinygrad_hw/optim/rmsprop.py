"""RMSprop, with momentum and the centered variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(GroupwiseOptimizer):
    r"""RMSprop: gradients divided by a running root mean square.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`):

    .. math::
        v_t = \alpha v_{t-1} + (1 - \alpha) g_t^2, \qquad
        b_t = \mu b_{t-1} + \frac{g_t}{\sqrt{\tilde v_t} + \epsilon}, \qquad
        \theta_t = \theta_{t-1} - \gamma b_t

    where :math:`\tilde v = v`, or :math:`v - \bar g^2` if ``centered``, with :math:`\bar g` the
    running mean of the gradient (an estimate of its variance).

    :math:`\epsilon` is added to the root; TensorFlow adds it under the root, which matters for
    small gradients. Momentum gathers scaled gradients, and the learning rate multiplies the
    gathered velocity.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-2).
        alpha: smoothing constant (default 0.99).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: L2 penalty :math:`\lambda` (default 0).
        momentum: :math:`\mu` (default 0).
        centered: divide by the gradient's standard deviation instead (default False).
        capturable, differentiable: must stay False.
        foreach: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).

    Raises:
        ValueError: a negative option.

    Source: G. Hinton, "Neural Networks for Machine Learning", lecture 6; centered: Graves,
    "Generating Sequences With Recurrent Neural Networks" (2013).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.9000, 1.9000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {"momentum": 0, "centered": False, **LATER_OPTIONS}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["square_avg"] = zeros_like(param)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        momentum = group["momentum"]
        rmsprop(
            params,
            grads,
            [s["square_avg"].array for s in states],
            [s["grad_avg"].array for s in states] if group["centered"] else None,
            [s["momentum_buffer"].array for s in states] if momentum > 0 else None,
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=momentum,
            maximize=group["maximize"],
        )


def rmsprop(
    params: Sequence[Array],
    grads: Sequence[Array],
    square_avgs: Sequence[Array],
    grad_avgs: Sequence[Array] | None,
    momentum_buffers: Sequence[Array] | None,
    state_steps: Sequence[Array],
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`RMSprop` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        square_avgs: mean squares, zeros at the start.
        grad_avgs: mean gradients, zeros at the start; None unless centered.
        momentum_buffers: velocities, zeros at the start; None without momentum.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`RMSprop`.
        alpha: as in :class:`RMSprop`.
        eps: as in :class:`RMSprop`.
        weight_decay: as in :class:`RMSprop`.
        momentum: as in :class:`RMSprop`.
        maximize: as in :class:`RMSprop`.
    """
    update(
        "rmsprop",
        (params, grads, square_avgs, grad_avgs, momentum_buffers),
        state_steps,
        (lr, alpha, eps, weight_decay, momentum, float(maximize)),
    )
