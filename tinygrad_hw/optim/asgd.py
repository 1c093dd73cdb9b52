"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["ASGD", "asgd"]


class ASGD(GroupwiseOptimizer):
    r"""Averaged SGD: descent with a falling rate, and the mean of the late parameters beside it.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + w\theta` for a weight
    decay :math:`w`):

    .. math::
        \theta_t = (1 - \lambda\eta_{t-1})\,\theta_{t-1} - \eta_{t-1} g_t, \qquad
        \bar\theta_t = \bar\theta_{t-1} + \mu_{t-1}(\theta_t - \bar\theta_{t-1})

    .. math::
        \eta_t = \frac{\gamma}{(1 + \lambda\gamma t)^\alpha}, \qquad
        \mu_t = \frac{1}{\max(1, t - t_0)}

    with :math:`\eta_0 = \gamma` and :math:`\mu_0 = 1`. The mean :math:`\bar\theta` is kept in
    ``state[p]["ax"]`` and never copied into the parameter: do that yourself for evaluation. Until
    step :math:`t_0` it is the parameter itself.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-2).
        lambd: decay :math:`\lambda` of rate and parameter (default 1e-4).
        alpha: power :math:`\alpha` of the rate's decay (default 0.75).
        t0: :math:`t_0`, when averaging starts (default 1e6).
        weight_decay: L2 penalty :math:`w` (default 0).
        foreach: accepted for PyTorch's sake.
        maximize: climb instead of descend (default False).
        differentiable, capturable: must stay False.

    Raises:
        ValueError: a negative rate or weight decay.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.ASGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.8000, 1.6000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = LATER_OPTIONS
    _scalar_entries: ClassVar[tuple[str, ...]] = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr=lr, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["eta"] = scalar_state(float(as_number(group["lr"])))
        state["mu"] = scalar_state(1.0)
        state["ax"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        asgd(
            params,
            grads,
            [s["ax"].array for s in states],
            [s["mu"].array for s in states],
            [s["eta"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            lambd=group["lambd"],
            alpha=group["alpha"],
            t0=group["t0"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def asgd(
    params: Sequence[Array],
    grads: Sequence[Array],
    axs: Sequence[Array],
    mus: Sequence[Array],
    etas: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    lambd: float = 1e-4,
    alpha: float = 0.75,
    t0: float = 1e6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`ASGD` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        axs: means of the parameters, updated.
        mus: 0-d arrays with the weight of this step in the mean, set to that of the next.
        etas: 0-d arrays with the rate of this step, set to that of the next.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`ASGD`.
        lambd: as in :class:`ASGD`.
        alpha: as in :class:`ASGD`.
        t0: as in :class:`ASGD`.
        weight_decay: as in :class:`ASGD`.
        maximize: as in :class:`ASGD`.
    """
    # Parameters that have come equally far share all numbers of the rule: usually one call does.
    calls: dict[tuple[float, float], list[int]] = {}
    for i, (step, eta, mu) in enumerate(zip(state_steps, etas, mus, strict=True)):
        calls.setdefault((float(eta), float(mu)), []).append(i)
        step += 1
        t = float(step)
        eta[...] = lr / ((1 + lambd * lr * t) ** alpha)
        mu[...] = 1 / max(1, t - t0)
    for (eta_now, mu_now), which in calls.items():
        update(
            "asgd",
            [[column[i] for i in which] for column in (params, grads, axs)],
            None,
            (1 - lambd * eta_now, eta_now, mu_now, weight_decay, float(maximize)),
        )
