"""Rprop: resilient backpropagation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_lr
from tinygrad_hw.tensor import Tensor

__all__ = ["Rprop", "rprop"]


class Rprop(GroupwiseOptimizer):
    r"""Rprop: only the gradient's sign counts; each weight has its own step size.

    With gradient :math:`g` (negated if ``maximize``), for each element:

    .. math::
        \eta_t = \begin{cases}
            \min(\eta_{t-1}\,\eta_+, \Gamma_{max}) & g_{t-1} g_t > 0 \\
            \max(\eta_{t-1}\,\eta_-, \Gamma_{min}) \text{ and } g_t \leftarrow 0 & g_{t-1} g_t < 0
            \\ \eta_{t-1} & \text{otherwise}
        \end{cases} \qquad
        \theta_t = \theta_{t-1} - \eta_t \operatorname{sign}(g_t)

    A changed sign skips one step; the step that overshot is not taken back (the variant without
    weight backtracking). Meant for gradients of the whole data set: the noise of small batches
    upsets it.

    Args:
        params: parameters, named parameters, or groups.
        lr: first step size :math:`\eta_0`, a number or 1-element tensor (default 1e-2).
        etas: :math:`(\eta_-, \eta_+)` (default (0.5, 1.2)).
        step_sizes: :math:`(\Gamma_{min}, \Gamma_{max})` (default (1e-6, 50)).
        capturable, differentiable: must stay False.
        foreach: accepted for PyTorch's sake.
        maximize: climb instead of descend (default False).

    Raises:
        ValueError: a negative rate, or not :math:`0 < \eta_- < 1 < \eta_+`.

    Source: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The
    RPROP Algorithm" (1993).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Rprop([w], lr=0.1)
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
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        state["prev"] = zeros_like(param)
        state["step_size"] = Tensor._wrap(np.full_like(param.array, as_number(group["lr"])))

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        smaller, larger = group["etas"]
        smallest, largest = group["step_sizes"]
        rprop(
            params,
            grads,
            [s["prev"].array for s in states],
            [s["step_size"].array for s in states],
            [s["step"].array for s in states],
            etaminus=smaller,
            etaplus=larger,
            step_size_min=smallest,
            step_size_max=largest,
            maximize=group["maximize"],
        )


def rprop(
    params: Sequence[Array],
    grads: Sequence[Array],
    prevs: Sequence[Array],
    step_sizes: Sequence[Array],
    state_steps: Sequence[Array],
    *,
    etaminus: float = 0.5,
    etaplus: float = 1.2,
    step_size_min: float = 1e-6,
    step_size_max: float = 50.0,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`Rprop` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        prevs: gradients of the step before, zeros at the start.
        step_sizes: step sizes, the learning rate at the start.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        etaminus: as in :class:`Rprop`.
        etaplus: as in :class:`Rprop`.
        step_size_min: as in :class:`Rprop`.
        step_size_max: as in :class:`Rprop`.
        maximize: as in :class:`Rprop`.
    """
    for step in state_steps:
        step += 1
    update(
        "rprop",
        (params, grads, prevs, step_sizes),
        None,
        (etaminus, etaplus, step_size_min, step_size_max, float(maximize)),
    )
