"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state
from tinygrad_hw.optim.options import as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["Adagrad", "adagrad"]


class Adagrad(GroupwiseOptimizer):
    r"""Adagrad: gradients divided by the root of the sum of all squared gradients so far.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`):

    .. math::
        s_t = s_{t-1} + g_t^2, \qquad s_0 = \tau, \qquad
        \theta_t = \theta_{t-1}
            - \frac{\gamma}{1 + (t - 1)\eta} \cdot \frac{g_t}{\sqrt{s_t} + \epsilon}

    :math:`\epsilon` is added to the root, not under it, and the rate also falls by itself with
    ``lr_decay`` :math:`\eta` (the paper has none). The state is made at construction, so
    ``initial_accumulator_value`` :math:`\tau` applies to parameters without a gradient too.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-2).
        lr_decay: :math:`\eta` (default 0).
        weight_decay: L2 penalty :math:`\lambda` (default 0).
        initial_accumulator_value: :math:`\tau` (default 0).
        eps: :math:`\epsilon` (default 1e-10).
        foreach, fused: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).
        differentiable: must stay False.

    Raises:
        ValueError: a negative option.

    Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization" (2011).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.9000, 1.9000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "fused": None,
    }

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for p in group["params"]:
                self._init_state(p, group, self.state[p])

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start = self.defaults["initial_accumulator_value"]
        state["step"] = scalar_state(0.0, group["fused"])
        state["sum"] = Tensor._wrap(np.full_like(param.array, start))

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        adagrad(
            params,
            grads,
            [s["sum"].array for s in states],
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            lr_decay=group["lr_decay"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adagrad(
    params: Sequence[Array],
    grads: Sequence[Array],
    state_sums: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    lr: float,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`Adagrad` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        state_sums: sums of squared gradients.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`Adagrad`.
        lr_decay: as in :class:`Adagrad`.
        eps: as in :class:`Adagrad`.
        weight_decay: as in :class:`Adagrad`.
        maximize: as in :class:`Adagrad`.
    """
    update(
        "adagrad",
        (params, grads, state_sums),
        state_steps,
        (lr, lr_decay, eps, weight_decay, float(maximize)),
    )
