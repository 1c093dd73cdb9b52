"""Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["Adamax", "adamax"]


class Adamax(GroupwiseOptimizer):
    r"""Adamax: Adam with a running maximum of the gradient's size in place of its mean square.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`):

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
        u_t = \max(\beta_2 u_{t-1}, |g_t| + \epsilon), \qquad
        \theta_t = \theta_{t-1} - \frac{\gamma}{1 - \beta_1^t} \cdot \frac{m_t}{u_t}

    :math:`\epsilon` is added to the size of the gradient, so that a parameter whose gradients were
    all zero does not divide by zero; the paper has none.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 2e-3).
        betas: :math:`(\beta_1, \beta_2)` (default (0.9, 0.999)).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: L2 penalty :math:`\lambda` (default 0).
        foreach: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).
        differentiable, capturable: must stay False.

    Raises:
        ValueError: an option outside its range.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), section 7.1.

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Adamax([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.9000, 1.9000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = LATER_OPTIONS

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["exp_avg"] = zeros_like(param)
        state["exp_inf"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        beta1, beta2 = group["betas"]
        adamax(
            params,
            grads,
            [s["exp_avg"].array for s in states],
            [s["exp_inf"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adamax(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_infs: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`Adamax` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        exp_avgs: first moments, zeros at the start.
        exp_infs: running maxima, zeros at the start.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`Adamax`.
        beta1: as in :class:`Adamax`.
        beta2: as in :class:`Adamax`.
        eps: as in :class:`Adamax`.
        weight_decay: as in :class:`Adamax`.
        maximize: as in :class:`Adamax`.
    """
    update(
        "adamax",
        (params, grads, exp_avgs, exp_infs),
        state_steps,
        (lr, beta1, beta2, eps, weight_decay, float(maximize)),
    )
