"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["NAdam", "nadam"]


class NAdam(GroupwiseOptimizer):
    r"""NAdam: Adam whose step looks ahead along the mean, as Nesterov momentum does.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`), :math:`m` and :math:`v` as in :class:`Adam`, and a momentum that
    grows with the steps,

    .. math::
        \mu_t = \beta_1 \left(1 - \tfrac12\, 0.96^{t\psi}\right), \qquad
        \hat m_t = \frac{\mu_{t+1} m_t}{1 - \prod_{i=1}^{t+1} \mu_i}
                 + \frac{(1 - \mu_t) g_t}{1 - \prod_{i=1}^{t} \mu_i}, \qquad
        \theta_t = \theta_{t-1} - \frac{\gamma \hat m_t}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    ``decoupled_weight_decay`` shrinks the parameter by :math:`1 - \gamma\lambda` instead of adding
    to the gradient (NAdamW).

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 2e-3).
        betas: :math:`(\beta_1, \beta_2)` (default (0.9, 0.999)).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: :math:`\lambda` (default 0).
        momentum_decay: :math:`\psi` (default 4e-3).
        decoupled_weight_decay: decay as AdamW does (default False).
        foreach: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).
        capturable, differentiable: must stay False.

    Raises:
        ValueError: an option outside its range.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.8944, 1.8944], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {**LATER_OPTIONS, "decoupled_weight_decay": False}
    _scalar_entries: ClassVar[tuple[str, ...]] = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["mu_product"] = scalar_state(1.0)
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        beta1, beta2 = group["betas"]
        nadam(
            params,
            grads,
            [s["exp_avg"].array for s in states],
            [s["exp_avg_sq"].array for s in states],
            [s["mu_product"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum_decay=group["momentum_decay"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


def nadam(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    mu_products: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`NAdam` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        exp_avgs: first moments, zeros at the start.
        exp_avg_sqs: second moments, zeros at the start.
        mu_products: 0-d arrays with the product of all momenta, 1 at the start, updated.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`NAdam`.
        beta1: as in :class:`NAdam`.
        beta2: as in :class:`NAdam`.
        eps: as in :class:`NAdam`.
        weight_decay: as in :class:`NAdam`.
        momentum_decay: as in :class:`NAdam`.
        decoupled_weight_decay: as in :class:`NAdam`.
        maximize: as in :class:`NAdam`.
    """
    # Parameters that have come equally far share all numbers of the rule: usually one call does.
    calls: dict[tuple[float, float], list[int]] = {}
    for i, (step, product) in enumerate(zip(state_steps, mu_products, strict=True)):
        step += 1
        t = float(step)
        product *= beta1 * (1.0 - 0.5 * (0.96 ** (t * momentum_decay)))
        calls.setdefault((t, float(product)), []).append(i)
    shrink = float(1 - lr * weight_decay) if decoupled_weight_decay else 1.0
    decay = 0.0 if decoupled_weight_decay else weight_decay
    for (t, now), which in calls.items():
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (t * momentum_decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((t + 1) * momentum_decay)))
        grad_rate = float(lr * (1.0 - mu) / (1.0 - now))
        avg_rate = float((lr * mu_next) / (1.0 - now * mu_next))
        update(
            "nadam",
            [[column[i] for i in which] for column in (params, grads, exp_avgs, exp_avg_sqs)],
            None,
            (grad_rate, avg_rate, beta1, beta2, 1 - beta2**t, eps, shrink, decay, float(maximize)),
        )
