"""Weight normalisation by a hook before each call."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from tinygrad_hw.linalg import vector_norm
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import Parameter, is_lazy
from tinygrad_hw.tensor import Tensor

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """Return the norms over all dimensions but one, which are kept; over all for -1."""
    if dim == -1:
        return vector_norm(v)
    return vector_norm(v, 2, tuple(d for d in range(v.ndim) if d != dim % v.ndim), True)


def normalized(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """Return v scaled to the norms g."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The hook of ``weight_norm``.

    Source: ``torch.nn.utils.weight_norm.WeightNorm``.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """Return the weight."""
        return normalized(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module).detach()
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight))

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the weight anew."""
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: M, name: str = "weight", dim: int = 0) -> M:
    r"""Learn norm and direction of a weight apart: :math:`w = g v / \|v\|`.

    Deprecated in favour of ``torch.nn.utils.parametrizations.weight_norm``.

    Args:
        module: whose weight it is; gets parameters ``<name>_g`` and ``<name>_v`` for it.
        name: of the weight.
        dim: over which norms are not taken; None for one norm of all.

    Returns:
        The module.

    Source: Salimans and Kingma, "Weight Normalization" (2016); ``torch.nn.utils.weight_norm``.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == name:
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    function = WeightNorm(name, dim)
    weight = getattr(module, name)
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy forward "
            "before applying weight normalization"
        )
    delattr(module, name)
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), function.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, function.compute_weight(module))
    module.register_forward_pre_hook(function)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo ``weight_norm``; the weight keeps its values.

    Args:
        module: whose weight it is.
        name: of the weight.

    Returns:
        The module.

    Raises:
        ValueError: there is no weight norm of that name.

    Source: ``torch.nn.utils.remove_weight_norm``.
    """
    for key, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
