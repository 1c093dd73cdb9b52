"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["Adadelta", "adadelta"]


class Adadelta(GroupwiseOptimizer):
    r"""Adadelta: steps in the parameter's own units, from running averages of squared steps.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`):

    .. math::
        v_t = \rho v_{t-1} + (1 - \rho) g_t^2, \qquad
        \Delta_t = \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}} g_t, \qquad
        u_t = \rho u_{t-1} + (1 - \rho) \Delta_t^2, \qquad
        \theta_t = \theta_{t-1} - \gamma \Delta_t

    The paper has no learning rate: that is the default :math:`\gamma = 1`. Here :math:`\epsilon`
    stands under the roots, unlike in :class:`RMSprop`; it sets the size of the first steps.

    Args:
        params: parameters, named parameters, or groups.
        lr: factor :math:`\gamma` on the step, a number or 1-element tensor (default 1.0).
        rho: decay of both averages (default 0.9).
        eps: :math:`\epsilon` (default 1e-6).
        weight_decay: L2 penalty :math:`\lambda` (default 0).
        foreach: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        capturable, differentiable: must stay False.
        maximize: climb instead of descend (default False).

    Raises:
        ValueError: an option outside its range.

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Adadelta([w])
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.9968, 1.9968], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = LATER_OPTIONS

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_options(eps=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["square_avg"] = zeros_like(param)
        state["acc_delta"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        adadelta(
            params,
            grads,
            [s["square_avg"].array for s in states],
            [s["acc_delta"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adadelta(
    params: Sequence[Array],
    grads: Sequence[Array],
    square_avgs: Sequence[Array],
    acc_deltas: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`Adadelta` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        square_avgs: mean squared gradients, zeros at the start.
        acc_deltas: mean squared steps, zeros at the start.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`Adadelta`.
        rho: as in :class:`Adadelta`.
        eps: as in :class:`Adadelta`.
        weight_decay: as in :class:`Adadelta`.
        maximize: as in :class:`Adadelta`.
    """
    update(
        "adadelta",
        (params, grads, square_avgs, acc_deltas),
        state_steps,
        (lr, rho, eps, weight_decay, float(maximize)),
    )
