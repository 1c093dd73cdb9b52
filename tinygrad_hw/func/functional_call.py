"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_hw.nn.module import Module
from tinygrad_hw.ops.joining import stack

__all__ = ["functional_call", "stack_module_state"]


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in dicts for name in d]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: value for d in dicts for name, value in d.items()}


def _own(module: Module) -> dict[str, Any]:
    """Return every parameter and buffer by name, a shared one under each of its names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _with_tied(given: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the tensors given, also under the other names of a shared tensor."""
    names_of: dict[int, list[str]] = {}
    for name, tensor in own.items():
        names_of.setdefault(id(tensor), []).append(name)
    full = dict(given)
    for names in names_of.values():
        values = {id(given[n]): given[n] for n in names if n in given}
        if len(names) > 1 and len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for value in values.values():
            full.update(dict.fromkeys(names, value))
    return full


def _place(module: Module, name: str) -> tuple[Module, str]:
    """Return the submodule that holds a tensor, and its name there.

    Raises:
        AttributeError: there is none of that name.
    """
    path, _, last = name.rpartition(".")
    return module.get_submodule(path), last


@contextmanager
def _reparametrized(module: Module, tensors: dict[str, Any]) -> Iterator[None]:
    """Put tensors in the place of a module's own for a while; what the call writes there is handed to ``tensors``."""
    places = []
    for name in tensors:
        owner, last = _place(module, name)
        if last not in owner._parameter_names and last not in owner._buffer_names:
            raise AttributeError(f"{type(owner).__name__} has no parameter or buffer {last!r}, of the name {name!r}")
        places.append((name, owner, last, owner.__dict__[last]))
    try:
        for name, owner, last, _ in places:
            owner.__dict__[last] = tensors[name]
        yield
    finally:
        for name, owner, last, old in reversed(places):
            tensors[name] = owner.__dict__[last]
            owner.__dict__[last] = old


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers than its own.

    Args:
        module: the module; it is as before afterwards.
        parameter_and_buffer_dicts: tensors by dotted name, or several such dictionaries. Those left out are the
            module's own. If the call assigns a buffer anew, the dictionary gets the new one.
        args: a tuple of arguments, or the only argument.
        kwargs: keyword arguments.
        tie_weights: give a tensor that the module has under several names to all of them.
        strict: raise if a name is missing or unexpected.

    Returns:
        What the module returns.

    Raises:
        ValueError: a name occurs in two dictionaries, or tied tensors get different values.
        RuntimeError: names don't fit, and ``strict`` is set.
        AttributeError: the module has no tensor of a name.

    Source: ``torch.func.functional_call``.

    Example:
        >>> net = torch.nn.Linear(2, 1)
        >>> weights = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
        >>> torch.func.functional_call(net, weights, torch.tensor([1.0, 2.0]))
        tensor([3.])
    """
    given = _merged(parameter_and_buffer_dicts)
    own = _own(module)
    full = _with_tied(given, own) if tie_weights else dict(given)
    if strict:
        unexpected, missing = [n for n in full if n not in own], [n for n in own if n not in full]
        told = [f"Unexpected key(s): {', '.join(map(repr, unexpected))}."] if unexpected else []
        told += [f"Missing key(s): {', '.join(map(repr, missing))}."] if missing else []
        if told:
            raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(told))
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    try:
        with _reparametrized(module, full):
            return module(*arguments, **(kwargs or {}))
    finally:
        given.update({name: full[name] for name in given})


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters and the buffers of several models of one class, stacked along a new first dimension.

    With ``vmap`` and ``functional_call`` an ensemble is then run at once.

    Args:
        models: a sequence of modules, all in training or all in evaluation mode.

    Returns:
        Parameters and buffers by name; the parameters are new leaves.

    Raises:
        RuntimeError: there are no models, or they differ in class, mode, or in what requires grad.

    Source: ``torch.func.stack_module_state``.

    Example:
        >>> params, buffers = torch.func.stack_module_state([torch.nn.Linear(2, 3) for _ in range(4)])
        >>> params["weight"].shape
        torch.Size([4, 3, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = {n: [dict(m.named_parameters())[n] for m in models] for n, _ in models[0].named_parameters()}
    buffers = {n: [dict(m.named_buffers())[n] for m in models] for n, _ in models[0].named_buffers()}
    return _stacked(parameters), _stacked(buffers)


def _stacked(tensors: dict[str, list[Any]]) -> dict[str, Any]:
    found = {}
    for name, each in tensors.items():
        wanted = {t.requires_grad for t in each}
        if len(wanted) > 1:
            raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
        found[name] = stack([t.detach() for t in each]).requires_grad_(wanted.pop())
    return found
