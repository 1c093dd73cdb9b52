"""Muon: momentum whose matrix is made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, zeros_like
from tinygrad_hw.optim.options import as_number, check_at_least_zero, check_one_element
from tinygrad_hw.tensor import Tensor

__all__ = ["Muon", "muon"]


class Muon(GroupwiseOptimizer):
    r"""Muon: the momentum of a matrix, brought near an orthogonal matrix by Newton-Schulz steps.

    With gradient :math:`g`, momentum :math:`B_t = \mu B_{t-1} + (1 - \mu) g` and
    :math:`\tilde B_t = (1 - \mu) g + \mu B_t` (with ``nesterov``; else :math:`B_t`),

    .. math::
        X_0 = \tilde B_t / \|\tilde B_t\|_F, \qquad
        X_{i+1} = a X_i + (b X_i X_i^T + c (X_i X_i^T)^2) X_i, \qquad
        \theta_t = (1 - \gamma\lambda) \theta_{t-1} - \gamma s X_k

    Args:
        params: matrices (2-D parameters of hidden layers), or groups of them; use AdamW for the others.
        lr: :math:`\gamma`, a number or 1-element tensor (default 1e-3).
        weight_decay: :math:`\lambda` (default 0.1).
        momentum: :math:`\mu` (default 0.95).
        nesterov: whether to look ahead (default True).
        ns_coefficients: :math:`(a, b, c)` (default (3.4445, -4.775, 2.0315)).
        eps: the least norm to divide by (default 1e-7).
        ns_steps: :math:`k` (default 5).
        adjust_lr_fn: ``"original"`` (default): :math:`s = \sqrt{\max(1, m / n)}`; ``"match_rms_adamw"``:
            :math:`s = 0.2 \sqrt{\max(m, n)}`.

    Raises:
        ValueError: an option outside its range, or a parameter that is no matrix.

    Note:
        The Newton-Schulz steps run in the parameter's precision; PyTorch rounds them to bfloat16.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).

    Example:
        >>> w = torch.nn.Parameter(torch.eye(2))
        >>> opt = torch.optim.Muon([w], lr=0.1, weight_decay=0.0)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> bool((w.diagonal() < 1).all())
        True
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one_element(lr)
        check_at_least_zero(lr, "Learning rate")
        check_at_least_zero(momentum, "momentum")
        check_at_least_zero(weight_decay, "weight decay")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["momentum_buffer"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        muon(
            params,
            grads,
            [s["momentum_buffer"].array for s in states],
            lr=float(as_number(group["lr"])),
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            nesterov=group["nesterov"],
            ns_coefficients=group["ns_coefficients"],
            eps=group["eps"],
            ns_steps=group["ns_steps"],
            adjust_lr_fn=group["adjust_lr_fn"],
        )


def _orthogonal(matrix: Array, coefficients: Sequence[float], steps: int, eps: float) -> Array:
    """Return a matrix with the same singular vectors, and singular values near 1."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / max(float(np.linalg.norm(x)), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


def muon(
    params: Sequence[Array],
    grads: Sequence[Array],
    momentum_bufs: Sequence[Array],
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    ns_coefficients: tuple[float, float, float],
    eps: float,
    ns_steps: int,
    adjust_lr_fn: str | None,
) -> None:
    """Do one step of :class:`Muon` on arrays, in place.

    Args:
        params: matrices to update.
        grads: their gradients, left unchanged.
        momentum_bufs: averages of gradients, zeros at the start.
        lr: as in :class:`Muon`.
        weight_decay: as in :class:`Muon`.
        momentum: as in :class:`Muon`.
        nesterov: as in :class:`Muon`.
        ns_coefficients: as in :class:`Muon`.
        eps: as in :class:`Muon`.
        ns_steps: as in :class:`Muon`.
        adjust_lr_fn: as in :class:`Muon`.

    Raises:
        ValueError: 100 Newton-Schulz steps or more.
    """
    for param, grad, average in zip(params, grads, momentum_bufs, strict=True):
        average += (grad - average) * (1 - momentum)
        update = grad + (average - grad) * momentum if nesterov else average
        m, n = param.shape
        scale = 0.2 * math.sqrt(max(m, n)) if adjust_lr_fn == "match_rms_adamw" else math.sqrt(max(1, m / n))
        direction = _orthogonal(update, ns_coefficients, ns_steps, eps)
        param *= 1 - lr * weight_decay
        param -= direction * (lr * scale)
