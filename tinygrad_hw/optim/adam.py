"""Adam, its AMSGrad variant, and AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_hw.kernels.optim import update
from tinygrad_hw.optim.optimizer import Array, GroupwiseOptimizer, Params, scalar_state, zeros_like
from tinygrad_hw.optim.options import LATER_OPTIONS, as_number, check_options
from tinygrad_hw.tensor import Tensor

__all__ = ["Adam", "AdamW", "adam", "adamw"]


class Adam(GroupwiseOptimizer):
    r"""Adam: steps scaled by running estimates of each gradient's mean and mean square.

    With gradient :math:`g` (negated if ``maximize``; :math:`g \leftarrow g + \lambda\theta` for a
    weight decay :math:`\lambda`):

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \qquad
        \theta_t = \theta_{t-1} - \frac{\gamma}{1 - \beta_1^t} \cdot
                   \frac{m_t}{\sqrt{v_t} / \sqrt{1 - \beta_2^t} + \epsilon}

    ``amsgrad`` puts the largest :math:`v` so far in place of :math:`v_t`. :math:`\epsilon` is added
    after the bias correction of :math:`v`; the paper's shortened form adds it before, which makes
    the first steps smaller. Weight decay here is an L2 penalty that passes through the averages;
    :class:`AdamW` (or ``decoupled_weight_decay``) shrinks the parameter directly instead.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma`, a number or 1-element tensor (default 1e-3).
        betas: :math:`(\beta_1, \beta_2)`, two floats or two 1-element tensors (default (0.9,
            0.999)).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: :math:`\lambda` (default 0).
        amsgrad: use the largest second moment so far (default False).
        foreach, fused: accepted for PyTorch's sake; every step is one multi-parameter kernel call.
        maximize: climb instead of descend (default False).
        capturable, differentiable: must stay False.
        decoupled_weight_decay: decay as AdamW does (default False).

    Raises:
        ValueError: an option outside its range.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015); Reddi, Kale and
    Kumar, "On the Convergence of Adam and Beyond" (2018).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.9000, 1.9000], requires_grad=True)
    """

    _later_options: ClassVar[dict[str, Any]] = {
        **LATER_OPTIONS,
        "amsgrad": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_options(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        _check_kind_of_betas(betas, foreach=bool(foreach), capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(b.squeeze() if isinstance(b, Tensor) else b for b in betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        state["step"] = scalar_state(0.0, group["fused"])
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)

    def _step_group(self, group: dict[str, Any]) -> None:
        params, grads, states = self._with_grad(group)
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        adam(
            params,
            grads,
            [s["exp_avg"].array for s in states],
            [s["exp_avg_sq"].array for s in states],
            [s["max_exp_avg_sq"].array for s in states] if amsgrad else None,
            [s["step"].array for s in states],
            lr=as_number(group["lr"]),
            beta1=as_number(beta1),
            beta2=as_number(beta2),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
            decoupled_weight_decay=group["decoupled_weight_decay"],
        )


class AdamW(Adam):
    r"""Adam with decoupled weight decay: the parameter shrinks by itself, outside the averages.

    .. math::
        \theta_t = (1 - \gamma\lambda)\,\theta_{t-1} - \frac{\gamma}{1 - \beta_1^t} \cdot
                   \frac{m_t}{\sqrt{v_t} / \sqrt{1 - \beta_2^t} + \epsilon}

    with :math:`m` and :math:`v` as in :class:`Adam`, of the bare gradient. The decay is multiplied
    by the learning rate, so a schedule scales both; the paper keeps a separate schedule factor.

    Args:
        params: parameters, named parameters, or groups.
        lr: learning rate :math:`\gamma` (default 1e-3).
        betas: :math:`(\beta_1, \beta_2)` (default (0.9, 0.999)).
        eps: :math:`\epsilon` (default 1e-8).
        weight_decay: :math:`\lambda` (default 1e-2).
        amsgrad: use the largest second moment so far (default False).
        maximize: climb instead of descend (default False).
        foreach, fused: accepted for PyTorch's sake.
        capturable, differentiable: must stay False.

    Raises:
        ValueError: an option outside its range.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).

    Example:
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> opt = torch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        Parameter containing:
        tensor([0.8500, 1.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # whatever the loaded state said


def _check_kind_of_betas(betas: Any, *, foreach: bool, capturable: bool) -> None:
    """Refuse betas that are not both floats or both 1-element tensors."""
    both_floats = isinstance(betas[0], float) and isinstance(betas[1], float)
    both_tensors = isinstance(betas[0], Tensor) and isinstance(betas[1], Tensor)
    if not (both_floats or both_tensors):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if foreach and not capturable:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if beta.array.size != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")


def adam(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    max_exp_avg_sqs: Sequence[Array] | None,
    state_steps: Sequence[Array],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> None:
    """Do one step of :class:`Adam` on arrays, in place.

    Args:
        params: arrays to update.
        grads: their gradients, left unchanged.
        exp_avgs: first moments, zeros at the start.
        exp_avg_sqs: second moments, zeros at the start.
        max_exp_avg_sqs: largest second moments, zeros at the start; None without AMSGrad.
        state_steps: 0-d arrays with the number of steps taken, incremented.
        lr: as in :class:`Adam`.
        beta1: as in :class:`Adam`.
        beta2: as in :class:`Adam`.
        eps: as in :class:`Adam`.
        weight_decay: as in :class:`Adam`.
        maximize: as in :class:`Adam`.
        decoupled_weight_decay: as in :class:`Adam`.
    """
    update(
        "adam",
        (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs),
        state_steps,
        (lr, beta1, beta2, eps, weight_decay, float(decoupled_weight_decay), float(maximize)),
    )


def adamw(
    params: Sequence[Array],
    grads: Sequence[Array],
    exp_avgs: Sequence[Array],
    exp_avg_sqs: Sequence[Array],
    max_exp_avg_sqs: Sequence[Array] | None,
    state_steps: Sequence[Array],
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    maximize: bool = False,
) -> None:
    """Do one step of :class:`AdamW` on arrays, in place; see :func:`adam`."""
    adam(
        params,
        grads,
        exp_avgs,
        exp_avg_sqs,
        max_exp_avg_sqs,
        state_steps,
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        maximize=maximize,
        decoupled_weight_decay=True,
    )
