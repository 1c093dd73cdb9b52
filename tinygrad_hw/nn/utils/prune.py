"""Pruning: parameters multiplied by masks of zeros and ones."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.utils.convert_parameters import parameters_to_vector
from tinygrad_hw.ops.creation import ones_like, zeros_like
from tinygrad_hw.ops.random import rand, rand_like
from tinygrad_hw.ops.reduce import norm
from tinygrad_hw.ops.sort import kthvalue, topk
from tinygrad_hw.tensor import Tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

M = TypeVar("M", bound=Module)
Amount = int | float


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count(amount: Amount, total: int) -> int:
    """Return how many of ``total`` are to be pruned."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * total)
    if amount > total:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={total}")
    return int(amount)


class BasePruningMethod:
    """A rule that says which elements of a parameter become zero; a hook before each call of the module.

    A subclass sets ``PRUNING_TYPE`` (``"unstructured"``, ``"structured"`` or ``"global"``) and writes
    :meth:`compute_mask`.

    Source: ``torch.nn.utils.prune.BasePruningMethod``.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """Compute the pruned tensor anew."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask, given how important each element is and the mask so far; to be written."""
        raise NotImplementedError(f"{type(self).__name__} needs a method compute_mask")

    def apply_mask(self, module: Module) -> Tensor:
        """Return the module's original tensor times its mask."""
        if getattr(self, "_tensor_name", None) is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a module's parameter, further if it is pruned already.

        Args:
            module: whose parameter it is.
            name: of the parameter, which becomes ``<name>_orig`` with a buffer ``<name>_mask``.
            *args: of the class.
            importance_scores: by which elements are chosen; the parameter itself if None.
            **kwargs: of the class.
        """
        method = cls._joined(module, name, cls(*args, **kwargs))
        original = getattr(module, name)
        if importance_scores is None:
            importance_scores = original
        elif importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} vs {original.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            mask = ones_like(original)
        else:
            mask = getattr(module, name + "_mask").detach().clone()
        try:
            module.register_buffer(name + "_mask", method.compute_mask(importance_scores, default_mask=mask))
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if first:
                module.register_parameter(name, getattr(module, name + "_orig"))
                del module._parameters[name + "_orig"]
            raise
        return method

    @classmethod
    def _joined(cls, module: Module, name: str, method: BasePruningMethod) -> BasePruningMethod:
        """Return the method, or a container of it and of what the parameter was pruned by before."""
        method._tensor_name = name
        mine = [
            key
            for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        ]
        if len(mine) > 1:
            raise AssertionError(f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}.")
        if not mine:
            return method
        before: Any = module._forward_pre_hooks.pop(mine[0])
        container = before if isinstance(before, PruningContainer) else PruningContainer(before)
        container.add_pruning_method(method)
        return container

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """Return a pruned tensor, without any module.

        Args:
            t: to prune.
            default_mask: the mask so far; ones if None.
            importance_scores: by which elements are chosen; ``t`` itself if None.
        """
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {importance_scores.shape} vs {t.shape}"
            )
        mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(importance_scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor the parameter, for good."""
        name = getattr(self, "_tensor_name", None)
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        pruned = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        assert original is not None
        original.data = pruned.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods one after another, each on what the ones before it left.

    Source: ``torch.nn.utils.prune.PruningContainer``.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same parameter."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer "
                f"{self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far with that of the latest method in it."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            where: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    "Pruning methods of PRUNING_TYPE 'structured' need to have the attribute `dim` defined."
                )
            dim = method.dim % t.dim()
            kept = mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
            where = (*[slice(None)] * dim, kept)
        elif method.PRUNING_TYPE == "global":
            where = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = mask.clone()
        mask[where] = method.compute_mask(t[where], default_mask=mask[where]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask.

    Source: ``torch.nn.utils.prune.Identity``.
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far."""
        return default_mask


class _Unstructured(BasePruningMethod):
    PRUNING_TYPE = "unstructured"
    amount: Amount

    def _without(self, t: Tensor, default_mask: Tensor, pick: Callable[[int], Tensor]) -> Tensor:
        """Return the mask so far with zeros at the flat indices that ``pick`` returns for a number of elements."""
        count = _count(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[pick(count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes elements at random.

    Args:
        amount: how many, or which share of them.

    Source: ``torch.nn.utils.prune.RandomUnstructured``.
    """

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far without the elements with the largest of random numbers."""
        return self._without(t, default_mask, lambda count: topk(rand_like(t).view(-1), count).indices)


class L1Unstructured(_Unstructured):
    """Prunes the elements with the smallest absolute values.

    Args:
        amount: how many, or which share of them.

    Source: ``torch.nn.utils.prune.L1Unstructured``.
    """

    def __init__(self, amount: Amount) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far without the smallest elements."""
        return self._without(t, default_mask, lambda count: topk(t.abs().reshape(-1), count, largest=False).indices)


def _check_channels(t: Tensor, dim: int, amount: Amount) -> int:
    """Return how many channels along a dimension are to be pruned."""
    if t.dim() <= 1:
        raise ValueError(
            f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} with "
            f"{t.dim()} dims"
        )
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    return _count(amount, t.shape[dim])


def _channels(t: Tensor, dim: int, kept: Any) -> Tensor:
    """Return a mask that is 1 in some channels."""
    mask = zeros_like(t)
    mask[(*[slice(None)] * (dim % t.dim()), kept)] = 1
    return mask


class RandomStructured(BasePruningMethod):
    """Prunes channels at random.

    Args:
        amount: how many, or which share of them.
        dim: along which the channels lie.

    Source: ``torch.nn.utils.prune.RandomStructured``.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far without the channels with the smallest of random numbers."""
        count = _check_channels(t, self.dim, self.amount)
        if not count:
            return default_mask
        chances = rand(t.shape[self.dim])
        mask = _channels(t, self.dim, chances > kthvalue(chances, count).values)
        return mask * default_mask.to(mask.dtype)


class LnStructured(BasePruningMethod):
    """Prunes the channels with the smallest norms.

    Args:
        amount: how many, or which share of them.
        n: which norm; see ``torch.norm``.
        dim: along which the channels lie.

    Source: ``torch.nn.utils.prune.LnStructured``.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Amount, n: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far with the channels of largest norm only."""
        count = _check_channels(t, self.dim, self.amount)
        if not count:
            return default_mask
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        best = topk(norm(t, p=self.n, dim=others), t.shape[self.dim] - count).indices
        mask = _channels(t, self.dim, best)
        return mask * default_mask.to(mask.dtype)


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask.

    Args:
        mask: ones where elements stay.

    Source: ``torch.nn.utils.prune.CustomFromMask``.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask so far times the given one."""
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: M, name: str) -> M:
    """Give a parameter a mask of ones.

    Source: ``torch.nn.utils.prune.identity``.
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: M, name: str, amount: Amount) -> M:
    """Prune elements of a parameter at random.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many, or which share of them.

    Source: ``torch.nn.utils.prune.random_unstructured``.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: M, name: str, amount: Amount, importance_scores: Tensor | None = None) -> M:
    """Prune the elements of a parameter that have the smallest absolute values.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many, or which share of them.
        importance_scores: looked at instead of the parameter.

    Source: ``torch.nn.utils.prune.l1_unstructured``.

    Example:
        >>> from tinygrad_hw.nn.utils import prune
        >>> m = torch.nn.Linear(2, 1, bias=False)
        >>> _ = m.weight.data.copy_(torch.tensor([[3.0, -1.0]]))
        >>> prune.l1_unstructured(m, "weight", amount=1).weight_mask
        tensor([[1., 0.]])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: M, name: str, amount: Amount, dim: int) -> M:
    """Prune channels of a parameter at random.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many, or which share of them.
        dim: along which the channels lie.

    Source: ``torch.nn.utils.prune.random_structured``.
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: M, name: str, amount: Amount, n: Any, dim: int, importance_scores: Tensor | None = None) -> M:
    """Prune the channels of a parameter that have the smallest norms.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        amount: how many, or which share of them.
        n: which norm; see ``torch.norm``.
        dim: along which the channels lie.
        importance_scores: looked at instead of the parameter.

    Source: ``torch.nn.utils.prune.ln_structured``.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter by a given mask.

    Args:
        module: whose parameter it is.
        name: of the parameter.
        mask: ones where elements stay.

    Source: ``torch.nn.utils.prune.custom_from_mask``.
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: (module, name of a parameter).
        pruning_method: a class for single elements.
        importance_scores: by (module, name), looked at instead of the parameters.
        **kwargs: of the class, such as ``amount``.

    Raises:
        TypeError: a class for channels, or parameters that are no list.

    Source: ``torch.nn.utils.prune.global_unstructured``.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    given = importance_scores if importance_scores is not None else {}
    if not isinstance(given, dict):
        raise TypeError("global_unstructured(): importance_scores is not a dict")
    places = list(parameters)
    scores = parameters_to_vector([given.get(place, getattr(*place)) for place in places])
    mask = parameters_to_vector([getattr(m, n + "_mask", ones_like(getattr(m, n))) for m, n in places])
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    final = PruningContainer(method).compute_mask(scores, mask)
    start = 0
    for module, name in places:
        size = getattr(module, name).numel()
        custom_from_mask(module, name, final[start : start + size].view_as(getattr(module, name)))
        start += size


def remove(module: M, name: str) -> M:
    """Make a pruned parameter an ordinary one, with its zeros.

    Args:
        module: whose parameter it is.
        name: of the parameter.

    Raises:
        ValueError: it is not pruned.

    Source: ``torch.nn.utils.prune.remove``.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Return whether a parameter of the module, or of one inside, is pruned.

    Source: ``torch.nn.utils.prune.is_pruned``.
    """
    return any(isinstance(h, BasePruningMethod) for m in module.modules() for h in m._forward_pre_hooks.values())
