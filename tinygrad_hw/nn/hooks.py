"""Hooks of modules: functions called around ``forward``, on gradients, and around ``state_dict``.

A module without hooks has no tables for them, and ``Module.__call__`` finds that out by one truth
check of ``_call_hooks``. Hooks for all modules set that attribute on the class, so the same check
sees them.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from tinygrad_hw.autograd.hooks import HookDict, RemovableHandle
from tinygrad_hw.nn.gradient_gate import GradientGate, attach_to_grad_fn
from tinygrad_hw.nn.registry import CHANGES

__all__ = [
    "HookMethods",
    "has_hooks",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

Hook: TypeAlias = Callable[..., Any]


class CallHooks:
    """The hooks that run when a module is called, or when a gradient passes it; by handle id."""

    __slots__ = (
        "backward",
        "backward_is_full",
        "backward_pre",
        "forward",
        "forward_always",
        "forward_kwargs",
        "forward_pre",
        "forward_pre_kwargs",
    )

    def __init__(self) -> None:
        self.forward_pre = HookDict()
        self.forward_pre_kwargs = HookDict()
        self.forward = HookDict()
        self.forward_kwargs = HookDict()
        self.forward_always = HookDict()
        self.backward_pre = HookDict()
        self.backward = HookDict()
        self.backward_is_full: bool | None = None

    def any(self) -> bool:
        """Whether there is a hook."""
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


class StateHooks:
    """The hooks that run around ``state_dict`` and ``load_state_dict``; by handle id."""

    __slots__ = ("load_post", "load_pre", "save_post", "save_pre")

    def __init__(self) -> None:
        self.save_pre = HookDict()
        self.save_post = HookDict()
        self.load_pre = HookDict()
        self.load_post = HookDict()


#: The hooks of all modules.
GLOBAL = CallHooks()
#: Stands on the class while there are hooks of all modules: the tables of a module without its own.
_NONE_OF_ITS_OWN = CallHooks()
#: Hooks on the registration of a parameter, buffer or child module in any module.
REGISTRATION = {"parameter": HookDict(), "buffer": HookDict(), "module": HookDict()}


def _add(hooks: HookDict, hook: Hook, *, flags: Sequence[HookDict] = (), prepend: bool = False) -> RemovableHandle:
    """Put a hook into its table, and its id into the tables of its options."""
    CHANGES[0] += 1
    handle = RemovableHandle(hooks, extra_dict=flags)
    while handle.id in hooks:  # the module was unpickled, with hooks from another process
        handle = RemovableHandle(hooks, extra_dict=flags)
    hooks[handle.id] = hook
    for flag in flags:
        flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def announce(kind: str, module: Any, name: str, value: Any) -> Any:
    """Pass what is about to be registered through the hooks on that; return what they make."""
    for hook in list(REGISTRATION[kind].values()):
        replacement = hook(module, name, value)
        if replacement is not None:
            value = replacement
    return value


def has_hooks(module: Any) -> bool:
    """Return whether there are hooks on the module's calls."""
    own = module._call_hooks
    return (own is not None and own.any()) or GLOBAL.any()


# -- hooks of state dicts -------------------------------------------------------------------------


class WithModule:
    """A hook whose first argument is the module, which it holds weakly."""

    def __init__(self, hook: Hook, module: Any) -> None:
        self.hook = hook
        self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the hook.

        Raises:
            RuntimeError: the module is gone.
        """
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> tuple[Hook, Any]:
        return self.hook, self.module()

    def __setstate__(self, state: tuple[Hook, Any]) -> None:
        self.hook = state[0]
        if state[1] is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.module = weakref.ref(state[1])


def _table(group: str, name: str, doc: str) -> Any:
    """Make the attribute by which PyTorch's code knows a table of hooks."""

    def read(self: Any) -> HookDict:
        return getattr(getattr(self, group)(), name)

    def write(self: Any, hooks: Any) -> None:
        table = read(self)
        new = dict(hooks)
        table.clear()
        table.update(new)

    return property(read, write, doc=doc)


class HookMethods:
    """The part of :class:`Module` that has to do with hooks."""

    #: None, or what ``__call__`` has to look at.
    _call_hooks: CallHooks | None = None
    _state_hooks: StateHooks | None = None
    #: What :meth:`Module.compile` puts in the place of the call.
    _compiled_call_impl: Any = None

    def _own_call_hooks(self) -> CallHooks:
        """Return this module's own tables, made on first use."""
        hooks = self._call_hooks
        if hooks is None or hooks is _NONE_OF_ITS_OWN:
            hooks = CallHooks()
            object.__setattr__(self, "_call_hooks", hooks)
        return hooks

    def _own_state_hooks(self) -> StateHooks:
        """Return this module's own tables, made on first use."""
        if self._state_hooks is None:
            object.__setattr__(self, "_state_hooks", StateHooks())
        return self._state_hooks  # type: ignore[return-value]

    _forward_pre_hooks = _table("_own_call_hooks", "forward_pre", "Hooks before ``forward``, by id.")
    _forward_pre_hooks_with_kwargs = _table(
        "_own_call_hooks", "forward_pre_kwargs", "Ids of forward pre-hooks that take kwargs."
    )
    _forward_hooks = _table("_own_call_hooks", "forward", "Hooks after ``forward``, by id.")
    _forward_hooks_with_kwargs = _table("_own_call_hooks", "forward_kwargs", "Ids of forward hooks that take kwargs.")
    _forward_hooks_always_called = _table(
        "_own_call_hooks", "forward_always", "Ids of forward hooks that run after an exception too."
    )
    _backward_pre_hooks = _table("_own_call_hooks", "backward_pre", "Hooks on the gradients of the outputs, by id.")
    _backward_hooks = _table("_own_call_hooks", "backward", "Hooks on the gradients of inputs and outputs, by id.")
    _state_dict_pre_hooks = _table("_own_state_hooks", "save_pre", "Hooks before ``state_dict``, by id.")
    _state_dict_hooks = _table("_own_state_hooks", "save_post", "Hooks after ``state_dict``, by id.")
    _load_state_dict_pre_hooks = _table("_own_state_hooks", "load_pre", "Hooks before ``load_state_dict``, by id.")
    _load_state_dict_post_hooks = _table("_own_state_hooks", "load_post", "Hooks after ``load_state_dict``, by id.")

    # -- registration ----------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; it may return other arguments.

        Args:
            hook: returns None, a tuple of new positional arguments, or one value that is not a
                tuple.
            prepend: run it before the hooks registered so far.
            with_kwargs: call ``hook(module, args, kwargs)`` instead, which returns None or
                ``(new_args, new_kwargs)``.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        own = self._own_call_hooks()
        flags = (own.forward_pre_kwargs,) if with_kwargs else ()
        return _add(own.forward_pre, hook, flags=flags, prepend=prepend)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; it may return another output.

        Args:
            hook: returns None or the new output.
            prepend: run it before the hooks registered so far.
            with_kwargs: call ``hook(module, args, kwargs, output)`` instead.
            always_call: run it also when the call raises.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        Example:
            >>> seen = []
            >>> layer = torch.nn.Identity()
            >>> handle = layer.register_forward_hook(lambda m, args, out: seen.append(out))
            >>> _ = layer(torch.ones(2))
            >>> seen
            [tensor([1., 1.])]
            >>> handle.remove()
        """
        own = self._own_call_hooks()
        flags = [own.forward_kwargs] if with_kwargs else []
        if always_call:
            flags.append(own.forward_always)
        return _add(own.forward, hook, flags=flags, prepend=prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known.

        Args:
            hook: returns None or a tuple of gradients to use instead.
            prepend: run it before the hooks registered so far.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        return _add(self._own_call_hooks().backward_pre, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the input gradients are known.

        ``grad_input`` has one entry per positional argument of the call (None for what is no
        tensor), ``grad_output`` one per output.

        Args:
            hook: returns None or a tuple of gradients to use in place of ``grad_input``.
            prepend: run it before the hooks registered so far.

        Returns:
            A handle whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: the module has hooks of :meth:`register_backward_hook`.
        """
        own = self._own_call_hooks()
        _one_kind(own, True, "single Module")
        return _add(own.backward, hook, prepend=prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` on the operation that made the output.

        Deprecated in PyTorch: ``grad_input`` is that of the module's last operation, whatever its
        inputs are. Use :meth:`register_full_backward_hook`.

        Raises:
            RuntimeError: the module has hooks of :meth:`register_full_backward_hook`.
        """
        own = self._own_call_hooks()
        _one_kind(own, False, "single Module")
        return _add(own.backward, hook)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` does its work."""
        return _add(self._own_state_hooks().save_pre, hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict``.

        The hook changes ``state_dict`` in place and returns None.
        """
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _add(self._own_state_hooks().save_post, hook)

    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """Do the same with a hook that may return another dictionary."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return _add(self._own_state_hooks().save_post, hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook before this module's entries are loaded.

        Args:
            hook: called as ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
                unexpected_keys, error_msgs)``; changes ``state_dict`` in place.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Hook, with_module: bool = False) -> RemovableHandle:
        """Do the same with a hook that need not take the module."""
        return _add(self._own_state_hooks().load_pre, WithModule(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may change the lists."""
        return _add(self._own_state_hooks().load_post, hook)

    # -- the call --------------------------------------------------------------------------------

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call that is more than one of ``forward``."""
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_hooked(args, kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """Make a call as it is written, whatever :meth:`Module.compile` made of it."""
        if has_hooks(self):
            return self._call_hooked(args, kwargs)
        return self.forward(*args, **kwargs)  # type: ignore[attr-defined]

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``forward`` with all hooks around it."""
        own = self._call_hooks
        if own is None or own is _NONE_OF_ITS_OWN:
            own = _NONE_OF_ITS_OWN
            if not GLOBAL.any():
                HookMethods._call_hooks = None
        result: Any = None
        ran: set[int] = set()
        try:
            args, kwargs = self._before_forward(own, args, kwargs)
            gate, plain = self._backward_gate(own)
            if gate is not None:
                args = gate.enter(args)
            result = self.forward(*args, **kwargs)  # type: ignore[attr-defined]
            for key, hook, with_kwargs, _ in _forward_hooks(own):
                ran.add(key)
                found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                if found is not None:
                    result = found
            if gate is not None:
                result = gate.leave(result)
            if plain:
                attach_to_grad_fn(self, plain, result)
            return result
        except Exception:
            for key, hook, with_kwargs, always in _forward_hooks(own):
                if not always or key in ran:
                    continue
                try:
                    found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=3,
                    )
                    continue
                if found is not None:
                    result = found
            raise

    def _before_forward(
        self, own: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Run the forward pre-hooks; return the arguments they leave."""
        hooks = [(GLOBAL, *item) for item in GLOBAL.forward_pre.items()]
        hooks += [(own, *item) for item in own.forward_pre.items()]
        for table, key, hook in hooks:
            if key in table.forward_pre_kwargs:
                both = hook(self, args, kwargs)
                if both is None:
                    continue
                if not (isinstance(both, tuple) and len(both) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {both}."
                    )
                args, kwargs = both
            else:
                new = hook(self, args)
                if new is not None:
                    args = new if isinstance(new, tuple) else (new,)
        return args, kwargs

    def _backward_gate(self, own: CallHooks) -> tuple[GradientGate | None, list[Hook]]:
        """Return a gate for this call if there are full backward hooks, and the old-style hooks."""
        if not (own.backward or own.backward_pre or GLOBAL.backward or GLOBAL.backward_pre):
            return None, []
        full: list[Hook] = []
        plain: list[Hook] = []
        for table in (GLOBAL, own):
            (full if table.backward_is_full else plain).extend(table.backward.values())
        pre = [*GLOBAL.backward_pre.values(), *own.backward_pre.values()]
        return (GradientGate(self, full, pre) if full or pre else None), plain


def _forward_hooks(own: CallHooks) -> Iterator[tuple[int, Hook, bool, bool]]:
    """Yield (id, hook, takes kwargs, runs after an exception) of all forward hooks, in order."""
    for table in (GLOBAL, own):
        for key, hook in list(table.forward.items()):
            yield key, hook, key in table.forward_kwargs, key in table.forward_always


def _one_kind(hooks: CallHooks, full: bool, where: str) -> None:
    """Refuse to mix full and old-style backward hooks."""
    if hooks.backward_is_full is (not full):
        raise RuntimeError(
            f"Cannot use both regular backward hooks and full backward hooks on a {where}. Please use only one of them."
        )
    hooks.backward_is_full = full


# -- hooks of all modules -------------------------------------------------------------------------


def _add_global(hooks: HookDict, hook: Hook, flags: Sequence[HookDict] = ()) -> RemovableHandle:
    HookMethods._call_hooks = _NONE_OF_ITS_OWN
    return _add(hooks, hook, flags=flags)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the ``forward`` of every module.

    Meant for debugging and profiling, as all hooks of all modules are.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_forward_pre_hook``.
    """
    return _add_global(GLOBAL.forward_pre, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the ``forward`` of every module.

    Args:
        hook: returns None or the new output.
        with_kwargs: call ``hook(module, args, kwargs, output)`` instead.
        always_call: run it also when the call raises.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_forward_hook``.
    """
    flags = [GLOBAL.forward_kwargs] if with_kwargs else []
    if always_call:
        flags.append(GLOBAL.forward_always)
    return _add_global(GLOBAL.forward, hook, flags)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` when the output gradients of any module are known.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_full_backward_pre_hook``.
    """
    return _add_global(GLOBAL.backward_pre, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when a module's input gradients are known.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_full_backward_hook``.
    """
    _one_kind(GLOBAL, True, "global Module hook")
    return _add_global(GLOBAL.backward, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` on the operations that made outputs.

    Deprecated in PyTorch; see :meth:`Module.register_backward_hook`.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_backward_hook``.
    """
    _one_kind(GLOBAL, False, "global Module hook")
    return _add_global(GLOBAL.backward, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` before any module registers a parameter.

    Args:
        hook: returns None or what is registered instead.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_parameter_registration_hook``.
    """
    return _add(REGISTRATION["parameter"], hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` before any module registers a buffer.

    Args:
        hook: returns None or what is registered instead.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_buffer_registration_hook``.
    """
    return _add(REGISTRATION["buffer"], hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` before any module registers a child module.

    Args:
        hook: returns None or what is registered instead.

    Returns:
        A handle whose ``remove()`` takes the hook away.

    Source: ``torch.nn.modules.module.register_module_module_registration_hook``.
    """
    return _add(REGISTRATION["module"], hook)
