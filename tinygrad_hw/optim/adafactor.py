"""Adafactor: second moments kept as a row and a column per matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import as_number, check_at_least_zero, check_one_element
from tinygrad_hw.tensor import Tensor

__all__ = ["Adafactor", "adafactor"]


class Adafactor(GroupwiseOptimizer):
    r"""Adafactor: Adam's scaling with a second moment of rank one, and steps relative to the parameter's size.

    With gradient :math:`g` of a matrix (a batch of matrices) :math:`\theta`, :math:`1 - \beta_t = t^\tau` and

    .. math::
        R_t = \beta_t R_{t-1} + (1 - \beta_t) \overline{g^2}_{rows}, \qquad
        C_t = \beta_t C_{t-1} + (1 - \beta_t) \overline{g^2}_{columns}, \qquad
        V_t = \frac{R_t C_t}{\max(\overline{R_t}, \epsilon_1)}

    (a vector keeps :math:`V` itself), the step is

    .. math::
        U_t = \frac{g}{\sqrt{\max(V_t, \epsilon_1^2)}}, \qquad
        \theta_t = \theta_{t-1} - \alpha_t \frac{U_t}{\max(1, \mathrm{rms}(U_t) / d)}, \qquad
        \alpha_t = \max(\epsilon_2, \mathrm{rms}(\theta_{t-1})) \min(\gamma, 1 / \sqrt t)

    after shrinking the parameter by :math:`1 - \gamma\lambda`.

    Args:
        params: parameters, named parameters, or groups.
        lr: :math:`\gamma`, a number or 1-element tensor (default 1e-2).
        beta2_decay: :math:`\tau` (default -0.8).
        eps: :math:`(\epsilon_1, \epsilon_2)`; None for the dtype's spacing at 1 (default (None, 1e-3)).
        d: how far the update's root mean square may go above 1 (default 1.0).
        weight_decay: :math:`\lambda` (default 0).
        foreach: accepted for PyTorch's sake.
        maximize: climb instead of descend (default False).

    Raises:
        ValueError: an option outside its range.

    Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost" (2018).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Adafactor([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.8419, 1.8419], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {"foreach": None}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one_element(lr)
        check_at_least_zero(lr, "Learning rate")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_at_least_zero(weight_decay, "weight_decay")
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0)
        if param.ndim > 1:
            state["row_var"] = param.new_zeros((*param.shape[:-1], 1))
            state["col_var"] = param.new_zeros((*param.shape[:-2], 1, param.shape[-1]))
        else:
            state["variance"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        arrays = [{k: v.array for k, v in s.items()} for s in states]
        adafactor(
            params,
            grads,
            [a.get("row_var") for a in arrays],
            [a.get("col_var") for a in arrays],
            [a.get("variance") for a in arrays],
            [a["step"] for a in arrays],
            d=group["d"],
            lr=float(as_number(group["lr"])),
            beta2_decay=group["beta2_decay"],
            weight_decay=group["weight_decay"],
            eps1=group["eps"][0],
            eps2=group["eps"][1],
            maximize=group["maximize"],
        )


def _root_mean_square(x: Array) -> float:
    return float(np.linalg.norm(x.ravel())) / math.sqrt(x.size) if x.size else 0.0


def _move(average: Array, end: Array, weight: float) -> None:
    """Interpolate in place as ``lerp_`` does: an infinite end at weight 1 gives NaN."""
    far = end - average
    average[...] = average + far * weight if weight < 0.5 else end - far * (1 - weight)


def adafactor(
    params: Sequence[Array],
    grads: Sequence[Array],
    row_vars: Sequence[Array | None],
    col_vars: Sequence[Array | None],
    variances: Sequence[Array | None],
    state_steps: Sequence[Array],
    *,
    d: float,
    lr: float,
    beta2_decay: float,
    weight_decay: float,
    eps1: float | None,
    eps2: float,
    maximize: bool,
) -> None:
    """Do one step of :class:`Adafactor` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        row_vars: mean squares of rows; None for vectors.
        col_vars: mean squares of columns; None for vectors.
        variances: second moments of vectors; None for matrices.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        d: as in :class:`Adafactor`.
        lr: as in :class:`Adafactor`.
        beta2_decay: as in :class:`Adafactor`.
        weight_decay: as in :class:`Adafactor`.
        eps1: as in :class:`Adafactor`.
        eps2: as in :class:`Adafactor`.
        maximize: as in :class:`Adafactor`.
    """
    for param, grad, row, column, variance, step in zip(
        params, grads, row_vars, col_vars, variances, state_steps, strict=True
    ):
        g = -grad if maximize else grad
        small = float(np.finfo(param.dtype).eps) if eps1 is None else eps1
        step += 1
        t = float(step)
        new = t**beta2_decay
        alpha = max(eps2, _root_mean_square(param)) * min(lr, 1 / math.sqrt(t))
        if weight_decay != 0:
            param *= 1 - lr * weight_decay
        if row is not None and column is not None:
            squares = g * g
            _move(row, squares.mean(-1, keepdims=True), new)
            _move(column, squares.mean(-2, keepdims=True), new)
            estimate = row @ column
            estimate /= np.maximum(row.mean(-2, keepdims=True), small)
        else:
            assert variance is not None
            _move(variance, g * g, new)
            estimate = variance
        update = g / np.sqrt(np.maximum(estimate, small * small))
        param -= update * (alpha / max(1.0, _root_mean_square(update) / d))
