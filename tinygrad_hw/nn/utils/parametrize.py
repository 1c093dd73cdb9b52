"""Parameters that are computed from others: ``module.weight = f(original)``, for any module and function.

The original moves to ``module.parametrizations.weight.original``; the module gets a class of its own, in which
``weight`` is a property that applies the functions. Such a class is made anew for each change and never altered, so
that copies of a module do not depend on each other.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.container import ModuleDict, ModuleList
from tinygrad_hw.nn.parameter import Parameter
from tinygrad_hw.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache: dict[tuple[int, str], Any] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor only once inside the block, however often it is read.

    Source: ``torch.nn.utils.parametrize.cached``.

    Example:
        >>> from tinygrad_hw.nn.utils import parametrizations, parametrize
        >>> m = parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     m.weight is m.weight
        True
    """
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _register(module: Module, name: str, value: Any) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check_alike(what: str, got: Any, dtype: Any, shape: Any) -> None:
    """Raise if a tensor has another dtype or shape than it had."""
    for label, new, old in (("dtype", got.dtype, dtype), ("shape", tuple(got.shape), tuple(shape))):
        if new != old:
            raise ValueError(
                f"{what} may not change the {label} of the tensor, unless `unsafe` flag is enabled.\nIt was {old}, and "
                f"became {new}"
            )


class ParametrizationList(ModuleList):
    """The original of one parametrized tensor, and the functions that are applied to it in turn.

    Args:
        modules: the functions; those with a ``right_inverse`` can be assigned through.
        original: the tensor that the functions are to give.
        unsafe: do not check that shape and dtype are kept.

    Attributes:
        original: what the functions are applied to; ``original0``, ``original1``, ... if the first one takes several.

    Source: ``torch.nn.utils.parametrize.ParametrizationList``.
    """

    original: Any

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):  # its values are those of the original then
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, list, tuple)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        shape, kind = tuple(original.shape), original.dtype
        if isinstance(new, Tensor):
            if new.dtype != kind:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype: it was "
                    f"{kind}, and became {new.dtype}"
                )
            if new is not original:
                original.data = new
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                        f"{i} of the sequence with type {type(part).__name__}."
                    )
                if isinstance(original, Parameter):
                    part = Parameter(part.detach(), requires_grad=original.requires_grad)
                _register(self, f"original{i}", part)
        if not unsafe:
            result = self()
            if not isinstance(result, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
            _check_alike("Registering a parametrization", result, kind, shape)

    def right_inverse(self, value: Any) -> None:
        """Change the original, so that the functions give ``value``.

        Args:
            value: the tensor.

        Raises:
            RuntimeError: a function has no ``right_inverse``.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                _check_alike("`right_inverse`", value, self.original.dtype, self.original.shape)
                self.original.data = value
                return
            if not isinstance(value, (list, tuple)) or len(value) != self.ntensors:
                raise ValueError(f"'right_inverse' must return {self.ntensors} tensors, as it did before")
            for i, part in enumerate(value):
                own = getattr(self, f"original{i}")
                if part.dtype != own.dtype:
                    raise ValueError(f"Tensor {i} returned by `right_inverse` has dtype {part.dtype}, not {own.dtype}")
                own.data = part

    def forward(self) -> Any:
        """Return what the functions make of the original."""
        first, *rest = list(self)
        x = (
            first(self.original)
            if self.is_tensor
            else first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        )
        for module in rest:
            x = module(x)
        return x


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        if not _caching:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _refuse_pickle(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). Save that, make the module and "
        "its parametrizations anew, and load it"
    )


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    twin = self.__class__.__new__(self.__class__)
    memo[id(self)] = twin
    twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return twin


def _reclass(module: Any) -> None:
    """Give a module a class whose properties are its parametrized tensors; its old class if there are none."""
    base = type_before_parametrizations(module)
    names = list(getattr(module, "parametrizations", ()))
    if not names:
        module.__class__ = base
        return
    body: dict[str, Any] = {name: _property(name) for name in names}
    body.update(__deepcopy__=_copied, __getstate__=_refuse_pickle, _parametrized_from=base)
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), body)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a module has parametrized tensors, or one of this name.

    Args:
        module: any.
        tensor_name: its name, or None for any.

    Source: ``torch.nn.utils.parametrize.is_parametrized``.

    Example:
        >>> torch.nn.utils.parametrize.is_parametrized(torch.nn.Linear(2, 2))
        False
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before it was parametrized.

    Args:
        module: any.

    Source: ``torch.nn.utils.parametrize.type_before_parametrizations``.

    Example:
        >>> torch.nn.utils.parametrize.type_before_parametrizations(torch.nn.Linear(2, 2)).__name__
        'Linear'
    """
    base: type = type(module).__dict__.get("_parametrized_from", type(module))
    return base


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make a parameter or buffer the result of a function of it.

    Args:
        module: whose tensor it is.
        tensor_name: its name.
        parametrization: a module whose ``forward`` is the function; with ``right_inverse`` the tensor keeps its values
            and can be assigned. Further ones are applied after the first.
        unsafe: do not check that shape and dtype are kept.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, or the function changes its shape or dtype.

    Source: ``torch.nn.utils.parametrize.register_parametrization``.

    Example:
        >>> class Symmetric(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).mT
        >>> m = torch.nn.Linear(3, 3)
        >>> _ = torch.nn.utils.parametrize.register_parametrization(m, "weight", Symmetric())
        >>> bool((m.weight == m.weight.mT).all())
        True
    """
    owner: Any = module
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        functions = owner.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            after: Any = parametrization(before)
            if not isinstance(after, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
            _check_alike("Registering a parametrization", after, before.dtype, before.shape)
            if hasattr(parametrization, "right_inverse"):
                back = parametrization.right_inverse(after)
                if not isinstance(back, Tensor):
                    raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
                _check_alike("parametrization.right_inverse", back, before.dtype, before.shape)
        functions.append(parametrization)
        functions.unsafe = functions.unsafe or unsafe
        return module
    if tensor_name not in module._parameter_names and tensor_name not in module._buffer_names:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    functions = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        owner.parametrizations = ModuleDict()
    owner.parametrizations[tensor_name] = functions
    _reclass(module)
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary one again.

    Args:
        module: whose tensor it is.
        tensor_name: its name.
        leave_parametrized: keep the values that the functions gave, not those of the original.

    Returns:
        The module.

    Raises:
        ValueError: the tensor is not parametrized, or there is no one original to go back to.

    Source: ``torch.nn.utils.parametrize.remove_parametrizations``.

    Example:
        >>> m = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> torch.nn.utils.parametrize.remove_parametrizations(m, "weight")
        Linear(in_features=2, out_features=2, bias=True)
    """
    owner: Any = module
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    functions = owner.parametrizations[tensor_name]
    if functions.is_tensor:
        original = functions.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name)
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    del owner.parametrizations[tensor_name]
    _reclass(module)
    if not is_parametrized(module):
        del owner.parametrizations
    _register(module, tensor_name, original)
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrize a module as another is, sharing its functions and originals.

    Args:
        from_module: the other.
        to_module: the one.
        tensor_name: only this tensor, or None for all.

    Returns:
        ``to_module``.

    Source: ``torch.nn.utils.parametrize.transfer_parametrizations_and_params``.

    Example:
        >>> a = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> b = torch.nn.utils.parametrize.transfer_parametrizations_and_params(a, torch.nn.Linear(2, 2))
        >>> bool((a.weight == b.weight).all())
        True
    """
    if not is_parametrized(from_module):
        return to_module
    source: Any = from_module
    target: Any = to_module
    for name in list(source.parametrizations) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        functions = source.parametrizations[name]
        for function in functions:
            register_parametrization(to_module, name, function, unsafe=functions.unsafe)
        for original in functions._parameter_names:
            setattr(target.parametrizations[name], original, getattr(functions, original))
    return to_module
