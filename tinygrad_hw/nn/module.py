"""The base class of all layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.convert import ConvertMethods
from tinygrad_hw.nn.hooks import REGISTRATION, HookMethods, announce
from tinygrad_hw.nn.parameter import Buffer, Parameter
from tinygrad_hw.nn.registry import CHANGES, KINDS, Registry, forget, typename
from tinygrad_hw.nn.state import StateMethods
from tinygrad_hw.tensor import Tensor

__all__ = ["Module"]

M = TypeVar("M", bound="Module")

_NOT_GIVEN: Any = object()
_set = object.__setattr__


class _GetattrOfBase:
    """Answers ``super().__getattr__(name)`` in subclasses that define ``__getattr__``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, name)
        except AttributeError:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'") from None


class Module(HookMethods, StateMethods, ConvertMethods):
    """A layer or a model: parameters, buffers, child modules, and a ``forward`` that uses them.

    A subclass calls ``super().__init__()``, assigns parameters and child modules to attributes, and
    defines ``forward``; calling the module calls that. Assignment registers by type: a
    :class:`Parameter` appears in ``parameters()``, a :class:`Module` in ``children()``, a
    :class:`Buffer` in ``buffers()``.

    The value stays an ordinary attribute of the instance, and only its name is registered (see
    ``tinygrad_hw.nn.registry``); ``_parameters``, ``_buffers`` and ``_modules`` are live mappings
    over them.

    Attributes:
        training: whether the module is in training mode; see :meth:`train`.

    Source: ``torch.nn.Module``.

    Example:
        >>> class Net(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = torch.nn.Parameter(torch.ones(2))
        ...
        ...     def forward(self, x):
        ...         return self.scale * x
        >>> net = Net()
        >>> net(torch.tensor([1.0, 2.0]))
        tensor([1., 2.], grad_fn=<MulBackward0>)
        >>> [name for name, _ in net.named_parameters()]
        ['scale']
    """

    dump_patches: bool = False
    #: Whether ``__init__`` passes its arguments on, to a class further along a multiple
    #: inheritance.
    call_super_init: bool = False

    training: bool
    # None on the class: an instance whose __init__ was not called yet has no tables.
    _parameter_names: dict[str, None] = None  # type: ignore[assignment]
    _buffer_names: dict[str, None] = None  # type: ignore[assignment]
    _module_names: dict[str, None] = None  # type: ignore[assignment]
    _non_persistent_buffers_set: set[str] = None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        _set(self, "training", True)
        _set(self, "_parameter_names", {})
        _set(self, "_buffer_names", {})
        _set(self, "_module_names", {})
        _set(self, "_non_persistent_buffers_set", set())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Reading an attribute of a class that has __getattr__ is several times slower, so Module
        # has none; who defines one may still delegate to super().__getattr__.
        if hasattr(cls, "__getattr__") and not issubclass(cls, _GetattrOfBase):
            cls.__bases__ = (*cls.__bases__, _GetattrOfBase)

    if TYPE_CHECKING:
        # Attributes registered by name (register_buffer) are not declared anywhere.
        def __getattr__(self, name: str) -> Any: ...

    # -- the call --------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; every subclass that is called defines it.

        Raises:
            NotImplementedError: it does not.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Call ``forward`` and the hooks around it."""
    else:

        def __call__(self, input=_NOT_GIVEN, /, *args, **kwargs):
            """Call ``forward`` and the hooks around it."""
            # One argument is the common case; packing and unpacking it would cost as much as the
            # call.
            if self._call_hooks:
                if input is not _NOT_GIVEN:
                    args = (input, *args)
                return self._call_with_hooks(args, kwargs)
            if args or kwargs or input is _NOT_GIVEN:
                if input is _NOT_GIVEN:
                    return self.forward(**kwargs)
                return self.forward(input, *args, **kwargs)
            return self.forward(input)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Have the module's calls recorded and replayed; the arguments are those of ``torch.compile``.

        Source: ``torch.nn.Module.compile``.

        Example:
            >>> net = torch.nn.Linear(2, 3)
            >>> net.compile(backend="eager")
            >>> net(torch.zeros(1, 2)).shape
            torch.Size([1, 3])
        """
        from tinygrad_hw.compiler import compile

        CHANGES[0] += 1
        compiled = compile(self._call_impl, *args, **kwargs)
        self._own_call_hooks()  # which is what a call looks at
        _set(self, "_compiled_call_impl", compiled)

    # -- registration ----------------------------------------------------------------------------

    def _table(self, kind: str, shown: str) -> Registry[Any]:
        names = getattr(self, kind)
        if names is None:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{shown}': call super().__init__() first"
            )
        return Registry(self, names)

    @property
    def _parameters(self) -> Registry[Parameter | None]:
        """The module's own parameters by name, as a live mapping."""
        return self._table("_parameter_names", "_parameters")

    @_parameters.setter
    def _parameters(self, value: Mapping[str, Parameter | None]) -> None:
        self._table("_parameter_names", "_parameters").replace(value)

    @property
    def _buffers(self) -> Registry[Tensor | None]:
        """The module's own buffers by name, as a live mapping."""
        return self._table("_buffer_names", "_buffers")

    @_buffers.setter
    def _buffers(self, value: Mapping[str, Tensor | None]) -> None:
        self._table("_buffer_names", "_buffers").replace(value)

    @property
    def _modules(self) -> Registry[Module | None]:
        """The module's children by name, as a live mapping."""
        return self._table("_module_names", "_modules")

    @_modules.setter
    def _modules(self, value: Mapping[str, Module | None]) -> None:
        self._table("_module_names", "_modules").replace(value)

    def __setattr__(self, name: str, value: Any) -> None:
        CHANGES[0] += 1
        if isinstance(value, Parameter):
            if self._parameter_names is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            if name not in self._parameter_names:
                self._make_room(name)
            self.register_parameter(name, value)
        elif self._parameter_names is None:
            if isinstance(value, Module):
                raise AttributeError("cannot assign module before Module.__init__() call")
            if isinstance(value, Buffer):
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            _set(self, name, value)
        elif name in self._parameter_names:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            if name not in self._module_names:
                forget(self, name)
            self._put_module(name, value)
        elif name in self._module_names:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._put_module(name, None)
        elif isinstance(value, Buffer):
            self._assign_buffer(name, value, value.persistent)
        elif name in self._buffer_names:
            if value is not None and not isinstance(value, TensorBase):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, "
                    "torch.Tensor or None expected)"
                )
            self._assign_buffer(name, value, name not in self._non_persistent_buffers_set)
        else:
            _set(self, name, value)

    def __delattr__(self, name: str) -> None:
        CHANGES[0] += 1
        if self._parameter_names is not None:
            forget(self, name)
        object.__delattr__(self, name)

    def _make_room(self, name: str) -> None:
        """Forget what the attribute ``name`` of this instance was before."""
        if getattr(self, name, _NOT_GIVEN) is not _NOT_GIVEN:
            forget(self, name)
            self.__dict__.pop(name, None)

    def _put_module(self, name: str, module: Module | None) -> None:
        """Make ``module`` the child ``name``."""
        if REGISTRATION["module"]:
            module = announce("module", self, name, module)
        CHANGES[0] += 1
        _set(self, name, module)
        self._module_names[name] = None

    def _assign_buffer(self, name: str, value: Any, persistent: bool) -> None:
        """Register a buffer; a subclass's ``register_buffer`` may lack ``persistent``."""
        method = self.register_buffer
        if getattr(method, "__func__", None) is Module.register_buffer or not persistent:
            method(name, value, persistent)
        else:
            method(name, value)

    def _check_name(self, what: str, name: Any, kind: str) -> None:
        """Raise unless ``name`` can become a registered name of ``kind``."""
        names = getattr(self, kind)
        if names is None:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {typename(name)}")
        if what == "module" and name not in names and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            got = f", got: {name}" if what == "module" else ""
            raise KeyError(f'{what} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in names and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; the same as assigning it to the attribute ``name``.

        Args:
            name: not yet an attribute, without dots.
            param: None reserves the name: the attribute is None and nothing is saved.

        Raises:
            AttributeError: ``Module.__init__`` was not called.
            KeyError: the name is taken or not allowed.
            TypeError: ``param`` is no Parameter.
            ValueError: ``param`` is the result of an operation.
        """
        self._check_name("parameter", name, "_parameter_names")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            if REGISTRATION["parameter"]:
                param = announce("parameter", self, name, param)
        CHANGES[0] += 1
        self._parameter_names[name] = None
        _set(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained, such as a running mean.

        Args:
            name: not yet an attribute, without dots.
            tensor: None reserves the name.
            persistent: whether the buffer is part of ``state_dict``.

        Raises:
            AttributeError: ``Module.__init__`` was not called.
            KeyError: the name is taken or not allowed.
            TypeError: ``tensor`` is no Tensor.

        Example:
            >>> m = torch.nn.Module()
            >>> m.register_buffer("mean", torch.zeros(2))
            >>> m.mean
            tensor([0., 0.])
        """
        self._check_name("buffer", name, "_buffer_names")
        if tensor is not None and not isinstance(tensor, TensorBase):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        if REGISTRATION["buffer"]:
            tensor = announce("buffer", self, name, tensor)
        CHANGES[0] += 1
        self._buffer_names[name] = None
        _set(self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module; the same as assigning it to the attribute ``name``.

        Raises:
            KeyError: the name is taken or not allowed.
            TypeError: ``module`` is no Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, "_module_names")
        self._put_module(name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Do what :meth:`add_module` does."""
        self.add_module(name, module)

    # -- access by dotted name -------------------------------------------------------------------

    def get_submodule(self, target: str) -> Module:
        """Return the module at a dotted path such as ``"net.0.conv"``; this module for ``""``.

        Raises:
            AttributeError: a part of the path does not exist or is no Module.
        """
        module = self
        for item in target.split(".") if target else ():
            module = _member(module, item)
            if not isinstance(module, Module):
                raise AttributeError(f"`{item}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` in the place of the one at a dotted path.

        Args:
            target: the path; all but its last part must exist.
            module: the new module.
            strict: the last part must exist, too.

        Raises:
            ValueError: ``target`` is empty or ``module`` is no Module.
            AttributeError: a part of the path does not exist or is no Module.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if (strict or hasattr(parent, name)) and not isinstance(_member(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a dotted path such as ``"net.0.weight"``.

        Raises:
            AttributeError: a part of the path does not exist, or it leads to no Parameter.
        """
        path, _, name = target.rpartition(".")
        value = _member(self.get_submodule(path), name)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path such as ``"net.1.running_mean"``.

        Raises:
            AttributeError: a part of the path does not exist, or it leads to no buffer.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value: Tensor = _member(module, name)
        if name not in module._buffer_names:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    # -- iteration -------------------------------------------------------------------------------

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """Yield (dotted name, member) of what ``get_members_fn`` lists for each module."""
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once; what an optimizer takes.

        Args:
            recurse: those of the children, too.
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted name, parameter).

        Args:
            prefix: put before the names, with a dot.
            recurse: those of the children, too.
            remove_duplicate: yield a shared parameter once, under its first name.
        """
        return self._named_members(
            lambda m: [(n, getattr(m, n)) for n in m._parameter_names],
            prefix,
            recurse,
            remove_duplicate,
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once.

        Args:
            recurse: those of the children, too.
        """
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (dotted name, buffer); the arguments are those of :meth:`named_parameters`."""
        return self._named_members(
            lambda m: [(n, getattr(m, n)) for n in m._buffer_names],
            prefix,
            recurse,
            remove_duplicate,
        )

    def children(self) -> Iterator[Module]:
        """Yield the direct child modules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) of the direct child modules, each once."""
        seen: set[int] = set()
        for name in tuple(self._module_names):
            module = getattr(self, name)
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield this module and all modules below it, each once.

        Args:
            remove_duplicate: False yields a module once per place it is used in.
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (dotted name, module) of this module, called ``prefix``, and all below it.

        Args:
            memo: modules to leave out; those that are yielded are added.
            prefix: put before the names, with a dot.
            remove_duplicate: yield a module that is used in several places once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name in tuple(self._module_names):
            module = getattr(self, name)
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    # -- modes and conversions -------------------------------------------------------------------

    def apply(self: M, fn: Callable[[Module], None]) -> M:
        """Call ``fn`` on every module below this one, children first, and on this one.

        Example:
            >>> net = torch.nn.Sequential(torch.nn.Identity())
            >>> _ = net.apply(lambda module: print(type(module).__name__))
            Identity
            Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Set training mode for this module and all below it; dropout and batch norm depend on it.

        Args:
            mode: False sets evaluation mode.

        Raises:
            ValueError: ``mode`` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Set evaluation mode; the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Set whether the parameters accumulate gradients; False freezes the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: set ``grad`` to None; False fills it with zeros.
        """
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
                continue
            if grad.grad_fn is not None:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()

    # -- printing and copying --------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return what ``repr`` shows besides the children; a layer lists its arguments here."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(getattr(self, name)))}" for name in self._module_names]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        return sorted(n for n in names if not n[:1].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        CHANGES[0] += 1
        state = dict(state)
        # A shallow copy gets tables of its own, so that what is added to it is not missed in the
        # original.
        for kind in (*KINDS, "_non_persistent_buffers_set"):
            if state.get(kind) is not None:
                state[kind] = state[kind].copy()
        self.__dict__.update(state)


def indent(text: str) -> str:
    """Indent all lines but the first by two blanks; empty lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def _member(module: Module, name: str) -> Any:
    """Return an attribute by name, or raise PyTorch's error."""
    value = getattr(module, name, _NOT_GIVEN)
    if value is _NOT_GIVEN:
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return value
