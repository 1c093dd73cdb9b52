"""RAdam: Adam that waits until its second moment can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["RAdam", "radam"]


class RAdam(GroupwiseOptimizer):
    r"""RAdam: Adam whose adaptive part is switched on once enough gradients were seen.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`), :math:`m` and :math:`v` as in :class:`Adam`, and the length of
    the average behind :math:`v`,

    .. math::
        \rho_\infty = \frac{2}{1 - \beta_2} - 1, \qquad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t}, \qquad
        \hat m_t = \frac{m_t}{1 - \beta_1^t}

    the step is

    .. math::
        \theta_t = \theta_{t-1}
            - \gamma \hat m_t \, r_t \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v_t} + \epsilon}, \qquad
        r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\rho_\infty}
                         {(\rho_\infty - 4)(\rho_\infty - 2)\rho_t}}

    if :math:`\rho_t > 5`, else :math:`\theta_t = \theta_{t-1} - \gamma \hat m_t`. Here
    :math:`\epsilon` is added before the bias correction of :math:`v`, unlike in :class:`Adam`.
    ``decoupled_weight_decay`` shrinks the parameter by :math:`1 - \gamma\lambda` instead of adding
    to the gradient, as the authors' code does.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-3).
        betas: :math:`(\beta_1, \beta_2)` (default (0.9, 0.999)).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: :math:`\lambda` (default 0).
        decoupled_weight_decay: decay as AdamW does (default False).
        foreach: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).
        capturable, differentiable: must stay False.

    Raises:
        ValueError: an option outside its range.

    Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (2020).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.RAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.8000, 1.6000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {**LATER_OPTIONS, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        beta1, beta2 = group["betas"]
        radam(
            params,
            grads,
            [s["exp_avg"].array for s in states],
            [s["exp_avg_sq"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


def radam(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`RAdam` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        exp_avgs: first moments, zeros at the start.
        exp_avg_sqs: second moments, zeros at the start.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`RAdam`.
        beta1: as in :class:`RAdam`.
        beta2: as in :class:`RAdam`.
        eps: as in :class:`RAdam`.
        weight_decay: as in :class:`RAdam`.
        decoupled_weight_decay: as in :class:`RAdam`.
        maximize: as in :class:`RAdam`.
    """
    update(
        "radam",
        (params, grads, exp_avgs, exp_avg_sqs),
        state_steps,
        (lr, beta1, beta2, eps, weight_decay, float(decoupled_weight_decay), float(maximize)),
    )
