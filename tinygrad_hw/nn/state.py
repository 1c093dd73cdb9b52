"""Saving a module's state to a dictionary, and loading it again."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.hooks import StateHooks
from tinygrad_hw.nn.parameter import Parameter

__all__ = ["StateMethods"]

EXTRA_STATE = "_extra_state"

Destination = TypeVar("Destination", bound=dict[str, Any])


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns: the keys that did not fit."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateMethods:
    """The part of :class:`Module` that has to do with state dictionaries."""

    #: Written to ``state_dict()._metadata``; raised by a class whose entries change.
    _version: int = 1

    if TYPE_CHECKING:
        _parameter_names: dict[str, None]
        _buffer_names: dict[str, None]
        _module_names: dict[str, None]
        _non_persistent_buffers_set: set[str]
        _state_hooks: StateHooks | None

    def get_extra_state(self) -> Any:
        """Return further state for ``state_dict``; overridden together with its setter."""
        raise RuntimeError(f"{type(self).__name__}.get_extra_state() is not implemented: there is no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take over what :meth:`get_extra_state` returned; overridden together with it."""
        raise RuntimeError(f"{type(self).__name__}.set_extra_state() is not implemented: there is no extra state")

    # -- saving ----------------------------------------------------------------------------------

    @overload
    def state_dict(self, *, destination: Destination, prefix: str = ..., keep_vars: bool = ...) -> Destination: ...

    @overload
    def state_dict(self, *, prefix: str = ..., keep_vars: bool = ...) -> dict[str, Any]: ...

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Return the parameters and persistent buffers, the children's too, by dotted name.

        The tensors share the memory of the module; copy them to keep a state of the past.

        Args:
            *args: the same three by position; deprecated.
            destination: a dictionary to fill; a new OrderedDict by default.
            prefix: put before all names.
            keep_vars: return the parameters themselves instead of detached tensors.

        Returns:
            The dictionary; its ``_metadata`` attribute holds the version of each module's entries.

        Source: ``torch.nn.Module.state_dict``.

        Example:
            >>> list(torch.nn.Sequential(torch.nn.Linear(2, 3)).state_dict())
            ['0.weight', '0.bias']
        """
        if args:
            warnings.warn(
                "state_dict: positional arguments are deprecated; use destination=, prefix=, keep_vars=",
                FutureWarning,
                stacklevel=2,
            )
            names = ("destination", "prefix", "keep_vars")
            return self.state_dict(
                **{
                    "destination": destination,
                    "prefix": prefix,
                    "keep_vars": keep_vars,
                    **dict(zip(names, args, strict=False)),
                }
            )
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        hooks = self._state_hooks
        if hooks is not None:
            for hook in list(hooks.save_pre.values()):
                hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name in self._module_names:
            child = getattr(self, name)
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        if hooks is not None:
            for hook in list(hooks.save_post.values()):
                found = hook(self, destination, prefix, local_metadata)
                if found is None:
                    continue
                if getattr(hook, "_from_public_api", False):
                    raise RuntimeError("state_dict post-hook must return None")
                destination = found
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into ``destination``; subclasses may override it."""
        hidden = self._non_persistent_buffers_set
        for name in (*self._parameter_names, *(b for b in self._buffer_names if b not in hidden)):
            value = getattr(self, name)
            if value is not None:
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    # -- loading ---------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        r"""Copy parameters and buffers from ``state_dict`` into this module and its children.

        Args:
            state_dict: tensors by dotted name, as :meth:`state_dict` returns them.
            strict: whether a missing or unexpected name is an error.
            assign: use the given tensors themselves, with their dtype, instead of copying values;
                an optimizer must then be made afterwards.

        Returns:
            ``(missing_keys, unexpected_keys)``, two lists of names.

        Raises:
            TypeError: ``state_dict`` is no mapping.
            RuntimeError: names (if ``strict``) or shapes don't match; the message lists all
                problems.

        Source: ``torch.nn.Module.load_state_dict``.

        Example:
            >>> a, b = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
            >>> a.load_state_dict(b.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        entries: Any = OrderedDict(state_dict)
        if metadata is not None:
            entries._metadata = metadata
        _load(self, entries, "", metadata, assign, (missing, unexpected, errors))
        if strict:
            problems = (("Missing", missing), ("Unexpected", unexpected))
            errors[:0] = [
                f"{what} key(s) in state_dict: {', '.join(f'{chr(34)}{k}{chr(34)}' for k in keys)}. "
                for what, keys in problems
                if keys
            ]
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own entries, without its children's; subclasses may override it.

        Args:
            state_dict: the entries; a copy, which may be changed.
            prefix: of this module's names.
            local_metadata: what was saved about this module (``"version"``); empty if nothing was.
            strict: whether missing and unexpected names are to be collected.
            missing_keys: gets the names that are missing.
            unexpected_keys: gets the names that have no place here.
            error_msgs: gets a message for everything else that is wrong.
        """
        if self._state_hooks is not None:
            for hook in list(self._state_hooks.load_pre.values()):
                hook(
                    state_dict,
                    prefix,
                    local_metadata,
                    strict,
                    missing_keys,
                    unexpected_keys,
                    error_msgs,
                )
        hidden = self._non_persistent_buffers_set
        own = {
            name: value
            for name in (
                *self._parameter_names,
                *(b for b in self._buffer_names if b not in hidden),
            )
            if (value := getattr(self, name)) is not None
        }
        assign = bool(local_metadata.get("assign_to_params_buffers", False))
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                problem = _load_entry(self, name, tensor, key, state_dict[key], assign)
                if problem is not None:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA_STATE
        if type(self).set_extra_state is not StateMethods.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if not key.startswith(prefix) or key == extra:
                    continue
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._module_names if dot else own):
                    unexpected_keys.append(key)


def _load_entry(module: Any, name: str, tensor: Any, key: str, given: Any, assign: bool) -> str | None:
    """Load one tensor into ``module.<name>``; return what is wrong with it, or None."""
    if not isinstance(given, TensorBase):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(given)}"
        )
    value: Any = given
    if tensor.array.ndim == 0 and value.array.shape == (1,):
        value = value[0]  # how PyTorch saved 0-d tensors before it had them
    if value.array.shape != tensor.array.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {tensor.shape}."
        )
    try:
        with no_grad():
            if not assign:
                tensor.copy_(value)
            elif not isinstance(tensor, Parameter):
                setattr(module, name, value)
            elif isinstance(value, Parameter):
                setattr(module, name, value.requires_grad_(tensor.requires_grad))
            else:
                setattr(module, name, Parameter(value, requires_grad=tensor.requires_grad))
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are '
            f"{tensor.size()} and whose dimensions in the checkpoint are {value.size()}, an "
            f"exception occurred : {error.args}."
        )
    return None


def _load(
    module: Any,
    entries: dict[str, Any],
    prefix: str,
    metadata: Any,
    assign: bool,
    found: tuple[list[str], list[str], list[str]],
) -> None:
    """Load ``entries`` into ``module`` and its children; add problems to the lists ``found``."""
    local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local_metadata = {**local_metadata, "assign_to_params_buffers": True}
    module._load_from_state_dict(entries, prefix, local_metadata, True, *found)
    for name in tuple(module._module_names):
        child = getattr(module, name)
        if child is not None:
            inner = f"{prefix}{name}."
            below = {k: v for k, v in entries.items() if k.startswith(inner)}
            _load(child, below, inner, metadata, assign, found)
    if module._state_hooks is not None:
        keys = _IncompatibleKeys(*found[:2])
        for hook in list(module._state_hooks.load_post.values()):
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                    "expected to return new values, if incompatible_keys need to be modified, it "
                    "should be done inplace."
                )
