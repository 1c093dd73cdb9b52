"""The base of all optimizers: parameter groups, per-parameter state, hooks, and saving both.

An optimizer keeps books; it does no arithmetic. ``param_groups`` is a list of dictionaries, each
with the parameters of one group under ``"params"`` and its options (``"lr"``, ...) beside them.
``state`` maps a parameter to the dictionary of its running averages. A concrete optimizer reads
both in ``_step_group`` (or ``step``) and hands lists of ndarrays to a pure function (``sgd``,
``adam``, ...), which writes the new values in place.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from copy import deepcopy
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.grad_mode import enable_grad
from tinygrad_hw.autograd.graph import count_write
from tinygrad_hw.autograd.hooks import RemovableHandle
from tinygrad_hw.optim.narrow import any_narrow, step_wide
from tinygrad_hw.tensor import Tensor

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

Array: TypeAlias = "np.ndarray[Any, Any]"
Closure: TypeAlias = Callable[[], Any]
StateDict: TypeAlias = "dict[str, Any]"
Params: TypeAlias = Iterable[Tensor] | Iterable["dict[str, Any]"] | Iterable["tuple[str, Tensor]"]
_Step = TypeVar("_Step", bound=Callable[..., Any])


class _Required:
    """The default of an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_global_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every ``step`` of every optimizer.

    Args:
        hook: may return ``None``, or new ``(args, kwargs)`` for the step; ``args[0]`` is the
            optimizer.

    Returns:
        A handle whose ``remove()`` takes the hook away again.
    """
    return _add_hook(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every ``step`` of every optimizer.

    Returns:
        A handle whose ``remove()`` takes the hook away again.
    """
    return _add_hook(_global_post_hooks, hook)


def _add_hook(
    hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any], prepend: bool = False
) -> RemovableHandle:
    """Store ``hook`` under a fresh number, at the end or the front of ``hooks``."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _with_hooks(step: _Step) -> _Step:
    """Wrap a class's ``step`` so that step hooks run around it."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _global_pre_hooks or _global_post_hooks
        ):
            return step_wide(step, self, args, kwargs) if any_narrow(self) else step(self, *args, **kwargs)
        if self._in_step:  # a subclass's step that calls its parent's: the hooks already ran
            return step(self, *args, **kwargs)
        everything: tuple[Any, ...] = (self, *args)
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, everything, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
            everything, kwargs = result
        self._in_step = True
        try:
            out = step_wide(step, self, everything[1:], kwargs) if any_narrow(self) else step(*everything, **kwargs)
        finally:
            self._in_step = False
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, everything, kwargs)
        return out

    wrapper.hooked = True  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]


def typename(value: object) -> str:
    """Return the name error messages use for the type of ``value``."""
    if isinstance(value, Tensor):
        kind = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long"}
        return f"torch.{kind.get(value.dtype.name, value.dtype.name.title())}Tensor"
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


def scalar_state(value: float, fused: bool | None = False) -> Tensor:
    """Return a 0-d tensor for a per-parameter number such as the step count."""
    double = not fused and dtypes.get_default_dtype() is dtypes.float64
    return Tensor._wrap(np.array(value, dtype=np.float64 if double else np.float32))


def zeros_like(param: Tensor) -> Tensor:
    """Return zeros of the shape, dtype and memory layout of ``param``."""
    return Tensor._wrap(np.zeros_like(param.array))


class Optimizer:
    """Base class of all optimizers.

    A subclass gives ``defaults`` for its options and writes ``step``; both of PyTorch's ways to
    fill groups work: ``Optimizer(model.parameters(), ...)`` and a list of dictionaries with
    ``"params"``.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dictionaries that each define a group:
            ``"params"`` and any options that differ from ``defaults``. The order must be the same
            in every run, so a set is refused.
        defaults: options of a group that does not give its own.

    Attributes:
        defaults: the options given at construction.
        param_groups: the groups; changing ``param_groups[0]["lr"]`` changes the next step.
        state: ``{parameter: {name: tensor}}``, filled at a parameter's first step.

    Raises:
        TypeError: ``params`` is a single tensor, a set, or holds something else than tensors.
        ValueError: ``params`` is empty, holds a non-leaf tensor, or a parameter twice in two
            groups.

    Example:
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> opt = torch.optim.SGD([{"params": [w], "lr": 0.5}], lr=0.1)
        >>> opt.param_groups[0]["lr"]
        0.5
    """

    #: Options added to a group when a saved state from a version without them is loaded.
    _later_options: ClassVar[dict[str, Any]] = {}
    #: 0-d entries of a parameter's state that old files hold as Python numbers.
    _scalar_entries: ClassVar[tuple[str, ...]] = ("step",)

    _optimizer_step_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_step_post_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]
    _in_step = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("step")
        if own is not None and not hasattr(own, "hooked"):
            cls.step = _with_hooks(own)  # type: ignore[method-assign]

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hook_tables()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}"
            )
        if defaults.get("fused") and defaults.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if defaults.get("fused") and defaults.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        if defaults.get("differentiable"):
            raise NotImplementedError(
                f"{type(self).__name__}(differentiable=True): gradients through an optimizer step are not supported; "
                "leave differentiable=False and, to differentiate through an update, write it with tensor operations"
            )
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_tables(self) -> None:
        """Give the instance its hook tables where it has none (construction, unpickling)."""
        for name in (
            "_optimizer_step_pre_hooks",
            "_optimizer_step_post_hooks",
            "_optimizer_state_dict_pre_hooks",
            "_optimizer_state_dict_post_hooks",
            "_optimizer_load_state_dict_pre_hooks",
            "_optimizer_load_state_dict_post_hooks",
        ):
            if name not in self.__dict__:
                setattr(self, name, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hook_tables()
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for name, value in self._later_options.items():
                group.setdefault(name, value)
            for p in group["params"]:
                entries = self.state.get(p, {})
                for name in self._scalar_entries if self._is_ours() else ():
                    if name in entries and not isinstance(entries[name], Tensor):
                        entries[name] = scalar_state(float(entries[name]), group.get("fused"))

    @classmethod
    def _is_ours(cls) -> bool:
        """Return whether this is, or builds on, an optimizer of this package: one of a user's own keeps its numbers."""
        home = Optimizer.__module__.rpartition(".")[0] + "."
        return any(base is not Optimizer and base.__module__.startswith(home) for base in cls.__mro__)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # -- groups -----------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, for example layers that are unfrozen later.

        Args:
            param_group: ``"params"`` (a tensor, tensors, or ``(name, tensor)`` pairs) and any
                options that differ from ``defaults``. The dictionary itself becomes the group.

        Raises:
            TypeError: the group is no dictionary, its parameters are a set, or one is no tensor.
            ValueError: a parameter is not a leaf, is in another group already, or only some have
                names.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        entries: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        names = [e[0] for e in entries if isinstance(e, tuple)]
        params = [e[1] if isinstance(e, tuple) else e for e in entries]
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(p)}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
            if p.dtype.is_complex:
                raise NotImplementedError(
                    f"optimizers step real parameters only, and one of the params is {p.dtype}: make it a real "
                    "parameter with a last dimension of 2, and use torch.view_as_complex(parameter)"
                )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        new = set(params)
        if len(params) != len(new):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                kind = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} to the optimizer"
                )
        if any(not new.isdisjoint(group["params"]) for group in self.param_groups):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: True (default) sets ``p.grad`` to None, so that a parameter without a new
                gradient is skipped by ``step``; False fills the existing gradients with zeros,
                which momentum and weight decay then act upon.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                    continue
                grad = p._grad
                if grad is None:
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    # -- the step ---------------------------------------------------------------------------------

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters once from their gradients; written by every subclass.

        Args:
            closure: clears the gradients, runs the model, calls ``backward``, returns the loss.

        Returns:
            What ``closure`` returned, or None without one.
        """
        raise NotImplementedError

    @staticmethod
    def _evaluate(closure: Closure | None) -> Any:
        """Run the closure of ``step`` with gradients enabled."""
        if closure is None:
            return None
        with enable_grad():
            return closure()

    def _init_state(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        """Fill the empty ``state`` of ``param`` before its first step."""

    def _with_grad(
        self, group: dict[str, Any], stateless: bool = False
    ) -> tuple[list[Array], list[Array], list[dict[str, Any]]]:
        """Return the arrays, gradients and states of the group's parameters that have a gradient.

        The caller is about to write into the arrays, so their version is counted up here.
        ``stateless`` leaves the state alone: its list is empty.
        """
        if group.get("capturable"):
            raise AssertionError(
                "If capturable=True, params and state_steps must be on supported devices: none; "
                f"{type(self).__name__} runs on the CPU, set capturable=False"
            )
        params: list[Array] = []
        grads: list[Array] = []
        states: list[dict[str, Any]] = []
        all_states = self.state
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            params.append(p.array)
            grads.append(grad.array)
            cell = p._version_cell
            if cell.__class__ is list:
                cell[0] += 1
            else:
                count_write(p)
            if stateless:
                continue
            state = all_states[p]
            if not state:
                self._init_state(p, group, state)
            states.append(state)
        return params, grads, states

    # -- hooks ------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ones."""
        return _add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[[Optimizer], None], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before ``state_dict``; ``prepend``: before other hooks."""
        return _add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after ``state_dict``; may return another."""
        return _add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[[Optimizer, StateDict], StateDict | None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another dictionary."""
        return _add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[[Optimizer], None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after ``load_state_dict``."""
        return _add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # -- saving -----------------------------------------------------------------------------------

    def state_dict(self) -> StateDict:
        """Return the optimizer's state with parameters replaced by running numbers.

        Returns:
            ``{"state": {number: {name: tensor}}, "param_groups": [{"params": numbers, ...}]}``.
            The tensors are the optimizer's own, not copies; copy the result (or save it to a file)
            before the next step if it must not change.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        start = 0
        groups = []
        for group in self.param_groups:
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            start += len(group["params"])
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result: StateDict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over a state made by ``state_dict``.

        Parameters are matched by position: first of the first group to first of the first group,
        and so on. Floating-point entries are cast to their parameter's dtype (the step count keeps
        its own). Everything is copied, so that two optimizers loaded from one dictionary stay
        independent.

        Args:
            state_dict: from ``state_dict`` of an optimizer with equally many groups and parameters.

        Raises:
            ValueError: the numbers of groups or of parameters differ.

        Note:
            Make learning-rate schedulers before loading: their construction sets the learning rate.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError(
                "loaded state dict has a different number of parameter groups "
                f"({len(saved)}; this optimizer has {len(groups)})"
            )
        for i, (group, new) in enumerate(zip(groups, saved, strict=True)):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group (group {i}: {len(new['params'])} parameters; this optimizer has "
                    f"{len(group['params'])})"
                )
        numbers = itertools.chain.from_iterable(g["params"] for g in saved)
        params = itertools.chain.from_iterable(g["params"] for g in groups)
        by_number = dict(zip(numbers, params, strict=True))
        fused = {n for g in saved if g.get("fused") or g.get("capturable") for n in g["params"]}

        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, entries in state_dict["state"].items():
            if number in by_number:
                param = by_number[number]
                state[param] = _copy_state(param, entries, number in fused)
            else:
                state[number] = entries
        for group, new in zip(groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


class GroupwiseOptimizer(Optimizer):
    """An optimizer that steps its groups one after the other; a subclass writes ``_step_group``."""

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters once from their gradients.

        Args:
            closure: clears the gradients, runs the model, calls ``backward``, returns the loss.

        Returns:
            What ``closure`` returned, or None without one.
        """
        loss = self._evaluate(closure)
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        """Update one group's parameters that have a gradient."""
        raise NotImplementedError


def _copy_state(param: Tensor, value: Any, fused: bool, key: Hashable = None) -> Any:
    """Copy an entry of a saved state (tensors, in containers or not), cast for ``param``."""
    if isinstance(value, Tensor):
        array = value.array
        if key == "step":
            dtype = np.dtype(np.float32) if fused else array.dtype
        else:
            dtype = param.array.dtype if param.dtype.is_floating_point else array.dtype
        return Tensor._wrap(dtypes.convert(array, dtype))
    if isinstance(value, dict):
        return {k: _copy_state(param, v, fused, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_copy_state(param, v, fused) for v in value)  # type: ignore[call-arg]
    return value
