"""Modules that hold other modules or parameters: in sequence, in lists, in dictionaries."""

from __future__ import annotations

import functools
import itertools
import operator
import warnings
from collections import OrderedDict
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from typing import Any, TypeVar, overload

from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase
from tinygrad_hw.autograd.tracer import tracing
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.modules.activation import ReLU
from tinygrad_hw.nn.modules.conv import Conv2d
from tinygrad_hw.nn.modules.normalization import _BatchNorm
from tinygrad_hw.nn.parameter import Parameter

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

S = TypeVar("S", bound="Sequential")
L = TypeVar("L", bound="ModuleList")
P = TypeVar("P", bound="ParameterList")
D = TypeVar("D", bound="ParameterDict")


def _position(index: Any, size: int) -> int:
    """Return ``index`` counted from the front."""
    index = operator.index(index)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range")
    return int(index) % size


class _Numbered(Module):
    """What Sequential and ModuleList share: children named "0", "1", ..."""

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[Module]:
        return iter([getattr(self, name) for name in self._module_names])

    def _delete(self, index: int | slice) -> None:
        """Remove children and number the rest anew."""
        names = list(self._module_names)
        if not isinstance(index, slice):
            index = _position(index, len(names))
        for name in names[index] if isinstance(index, slice) else [names[index]]:
            delattr(self, name)
        self._modules = {str(i): m for i, m in enumerate(self)}

    def _insert(self, index: int, module: Module) -> None:
        """Put ``module`` at ``index`` and move those behind it by one."""
        modules = list(self)
        modules.insert(index, module)
        self._modules = {str(i): m for i, m in enumerate(modules)}


#: What may have one pass for itself and a ReLU after it.
_JOINING = (_BatchNorm, Conv2d)


def _with_relu(module: Module, relu: Module) -> Any:
    """Return what ``module``, a batch norm or convolution, has for itself and the ReLU after it.

    None if there is no such thing, or if somebody looks at their results, as a profiler does, or has put something in
    their place.
    """
    if tracing() and not getattr(NAMESPACE["TRACE"], "joins_layers", False):
        return None
    form: Any = _BatchNorm if isinstance(module, _BatchNorm) else Conv2d
    if type(module).forward is not form.forward or module._call_hooks or relu._call_hooks:
        return None
    if "forward" in module.__dict__ or "forward" in relu.__dict__:
        return None
    return functools.partial(module.forward_then, True)


class Container(Module):
    """A module whose arguments become its children; a plain ``Module`` does the same.

    Args:
        **kwargs: modules, by name.

    Warns:
        FutureWarning: always; subclass ``Module``.

    Source: ``torch.nn.Container``.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     torch.nn.Container(act=torch.nn.ReLU())
        Container(
          (act): ReLU()
        )
    """

    def __init__(self, **kwargs: Any) -> None:
        warnings.warn(
            "`nn.Container` is deprecated. All of its functionality is now implemented in `nn.Module`. Subclass that "
            "instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__()
        for key, value in kwargs.items():
            self.add_module(key, value)


class Sequential(_Numbered):
    """Modules that are called one after the other, each with the output of the one before.

    Args:
        *args: the modules, or one ``OrderedDict`` of names and modules.

    Shape:
        that of the first module's input and of the last one's output.

    Raises:
        TypeError: an argument is no Module.

    Batch norm and a ReLU after it are computed in one pass, if neither has hooks.

    Source: ``torch.nn.Sequential``.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
        >>> net(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
        >>> net[1]
        ReLU()
    """

    @overload
    def __init__(self, *args: Module) -> None: ...

    @overload
    def __init__(self, arg: OrderedDict[str, Module], /) -> None: ...

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        """Return the last module's output."""
        modules = [getattr(self, name) for name in self._module_names]
        done = False
        for module, following in itertools.zip_longest(modules, modules[1:]):
            if done:
                done = False
                continue
            both = None
            if following.__class__ is ReLU and isinstance(module, _JOINING):
                both = _with_relu(module, following)
                done = both is not None
            input = module(input) if both is None else both(input)
        return input

    @overload
    def __getitem__(self: S, idx: slice) -> S: ...

    @overload
    def __getitem__(self, idx: int) -> Module: ...

    def __getitem__(self, idx: Any) -> Any:
        names = list(self._module_names)
        if isinstance(idx, slice):
            return type(self)(OrderedDict((n, getattr(self, n)) for n in names[idx]))
        return getattr(self, names[_position(idx, len(names))])

    def __setitem__(self, idx: int, module: Module) -> None:
        names = list(self._module_names)
        setattr(self, names[_position(idx, len(names))], module)

    def __delitem__(self, idx: int | slice) -> None:
        self._delete(idx)

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self: S, other: Sequential) -> S:
        for module in _sequential(other):
            self.append(module)
        return self

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * self._times(other))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self: S, other: int) -> S:
        for module in list(self) * (self._times(other) - 1):
            self.append(module)
        return self

    def _times(self, factor: Any) -> int:
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")
        return factor

    def pop(self, key: int | slice) -> Module:
        """Remove the module at ``key`` and return it; a Sequential of modules for a slice."""
        module = self[key]
        del self[key]
        return module

    def append(self: S, module: Module) -> S:
        """Add ``module`` at the end.

        Example:
            >>> torch.nn.Sequential(torch.nn.ReLU()).append(torch.nn.Flatten())
            Sequential(
              (0): ReLU()
              (1): Flatten(start_dim=1, end_dim=-1)
            )
        """
        self.add_module(str(len(self)), module)
        return self

    def insert(self: S, index: int, module: Module) -> S:
        """Add ``module`` before the one at ``index``; names become "0", "1", ...

        Raises:
            AssertionError: ``module`` is no Module.
            IndexError: ``index`` is beyond the end.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._insert(index, module)
        return self

    def extend(self: S, sequential: Iterable[Module]) -> S:
        """Add several modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


class ModuleList(_Numbered):
    """A list of modules, registered as children "0", "1", ...; it is not called itself.

    Args:
        modules: the modules; none by default.

    Source: ``torch.nn.ModuleList``.

    Example:
        >>> layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(3)])
        >>> layers
        ModuleList(
          (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self: L, idx: slice) -> L: ...

    @overload
    def __getitem__(self, idx: int) -> Module: ...

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return getattr(self, str(_position(idx, len(self))))

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, str(_position(idx, len(self))), module)

    def __delitem__(self, idx: int | slice) -> None:
        self._delete(idx)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self: L, modules: Iterable[Module]) -> L:
        return self.extend(modules)

    def __repr__(self) -> str:
        blocks: list[list[Any]] = []  # [first, last, text] of runs of modules that print alike
        for i, module in enumerate(self):
            text = repr(module)
            if blocks and blocks[-1][2] == text:
                blocks[-1][1] = i
            else:
                blocks.append([i, i, text])
        if not blocks:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in blocks
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(map(_indent_all, lines)) + "\n)"

    def insert(self, index: int, module: Module) -> None:
        """Add ``module`` before the one at ``index``."""
        self._insert(index, module)

    def append(self: L, module: Module) -> L:
        """Add ``module`` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Module:
        """Remove the module at ``key`` and return it; a ModuleList for a slice."""
        module = self[key]
        del self[key]
        return module

    def extend(self: L, modules: Iterable[Module]) -> L:
        """Add several modules at the end.

        Raises:
            TypeError: ``modules`` is not iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self


def _indent_all(text: str) -> str:
    """Indent all lines but the first, empty ones too."""
    return text.replace("\n", "\n  ")


class ModuleDict(Module):
    """A dictionary of modules, registered as children under their keys, in order of insertion.

    Args:
        modules: a mapping of names and modules, or pairs of them.

    Source: ``torch.nn.ModuleDict``.

    Example:
        >>> acts = torch.nn.ModuleDict({"relu": torch.nn.ReLU(), "none": torch.nn.Identity()})
        >>> acts["relu"](torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        if key not in self._module_names:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_names)

    def __contains__(self, key: object) -> bool:
        return key in self._module_names

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove the module ``key`` and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """Return pairs of keys and modules."""
        return self._modules.items()  # type: ignore[return-value]

    def values(self) -> ValuesView[Module]:
        """Return the modules."""
        return self._modules.values()  # type: ignore[return-value]

    def update(self, modules: Mapping[str, Module] | ModuleDict | Iterable[Any]) -> None:
        """Add modules, replacing those of the same key.

        Args:
            modules: a mapping of names and modules, or pairs of them.

        Raises:
            TypeError: ``modules`` or one of its elements is not iterable.
            ValueError: an element is no pair.
        """
        for key, module in _pairs("ModuleDict", modules, is_sorted=False):
            self[key] = module


def _pairs(name: str, given: Any, is_sorted: bool) -> Iterator[tuple[str, Any]]:
    """Yield the (key, value) pairs of a mapping or of an iterable of pairs."""
    if not isinstance(given, Iterable):
        plural = "ParametersDict" if name == "ParameterDict" else name
        raise TypeError(
            f"{plural}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    if isinstance(given, (OrderedDict, ModuleDict, ParameterDict)):
        yield from list(given.items())
    elif isinstance(given, Mapping):
        yield from sorted(given.items()) if is_sorted else list(given.items())
    else:
        for i, pair in enumerate(given):
            if not isinstance(pair, Iterable):
                raise TypeError(f"{name} update sequence element #{i} should be Iterable; is{type(pair).__name__}")
            values = tuple(pair)
            if len(values) != 2:
                raise ValueError(f"{name} update sequence element #{i} has length {len(values)}; 2 is required")
            yield values


def _as_parameter(value: Any) -> Any:
    """Make a Parameter of a Tensor; return anything else as it is."""
    if isinstance(value, TensorBase) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


class ParameterList(Module):
    """A list of parameters, registered as "0", "1", ...

    Tensors become parameters when they are added. Other values are kept but not registered.

    Args:
        values: the elements; none by default.

    Source: ``torch.nn.ParameterList``.

    Example:
        >>> torch.nn.ParameterList([torch.zeros(2), torch.zeros(3, 4)])
        ParameterList(
            (0): Parameter containing: [torch.float32 of size 2]
            (1): Parameter containing: [torch.float32 of size 3x4]
        )
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    @overload
    def __getitem__(self: P, idx: slice) -> P: ...

    @overload
    def __getitem__(self, idx: int) -> Any: ...

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            part = type(self)()
            for i in range(*idx.indices(len(self))):
                part.append(self[i])
            return part
        return getattr(self, str(_position(idx, len(self))))

    def __setitem__(self, idx: int, param: Any) -> None:
        setattr(self, str(_position(idx, len(self))), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self: P, parameters: Iterable[Any]) -> P:
        return self.extend(parameters)

    def append(self: P, value: Any) -> P:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self: P, values: Iterable[Any]) -> P:
        """Add several values at the end.

        Raises:
            TypeError: ``values`` is not iterable, or is a tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, TensorBase):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Return one line per element."""
        return "\n".join(f"  ({i}): {_describe(value, by_dtype=True)}" for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: a list is not called.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("ParameterList should not be called.")


def _describe(value: Any, by_dtype: bool) -> str:
    """Return what the repr of a parameter container says of one element."""
    if not isinstance(value, TensorBase):
        return f"Object of type: {type(value).__name__}"
    tensor: Any = value
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    what = tensor.dtype if by_dtype else tensor.type()
    return f"{kind} containing: [{what} of size {'x'.join(map(str, tensor.shape))}]"


class ParameterDict(Module):
    """A dictionary of parameters, in order of insertion.

    Tensors become parameters when they are added. Other values are kept but not registered.

    Args:
        parameters: a mapping (a plain ``dict`` is sorted by key), or pairs of names and values.

    Source: ``torch.nn.ParameterDict``.

    Example:
        >>> params = torch.nn.ParameterDict({"left": torch.zeros(5, 10)})
        >>> params["left"].requires_grad
        True
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    @staticmethod
    def _check_key(key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type "
                f"is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._check_key(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[self._check_key(key)] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Return a new ParameterDict with the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, which becomes ``default`` if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove ``key`` and return its value."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the newest pair and return it.

        Raises:
            KeyError: the dictionary is empty.
        """
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""
        return self[key] if key in self else default  # noqa: SIM401 - this is that get()

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return a new ParameterDict with these keys and one value."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return pairs of keys and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """Return the values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values, replacing those of the same key.

        Args:
            parameters: a mapping (a plain ``dict`` is sorted by key), or pairs of names and values.

        Raises:
            TypeError: ``parameters`` or one of its elements is not iterable.
            ValueError: an element is no pair.
        """
        for key, value in _pairs("ParameterDict", parameters, is_sorted=True):
            self[key] = value

    def extra_repr(self) -> str:
        """Return one line per element."""
        return "\n".join(f"  ({key}): {_describe(value, by_dtype=False)}" for key, value in self.items())

    def __call__(self, input: Any) -> Any:
        """Raise: a dictionary is not called.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        merged = other.copy()
        merged.update(self)
        return merged

    def __ior__(self: D, other: ParameterDict) -> D:
        self.update(other)
        return self
