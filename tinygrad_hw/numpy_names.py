"""numpy's words for arguments: ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``, as PyTorch takes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["FFT", "FUNCTIONS", "LINALG", "METHODS", "SPECIAL", "with_numpy_names"]

#: Functions and methods of the same name that take them.
_BOTH = (
    "all amax amin aminmax any argmax argmin argsort chunk count_nonzero cross cummax cummin cumprod cumsum diff "
    "gather index_add index_copy index_fill index_reduce index_select kthvalue log_softmax logcumsumexp logsumexp "
    "max mean median min mode nanmean nanmedian nanquantile nansum narrow narrow_copy prod quantile renorm "
    "repeat_interleave scatter scatter_add scatter_reduce select select_scatter slice_scatter softmax sort "
    "split_with_sizes squeeze std sum take_along_dim tensor_split topk unbind unsafe_chunk unsafe_split "
    "unsafe_split_with_sizes unsqueeze var"
)
FUNCTIONS = (
    f"{_BOTH} cat concat concatenate cumulative_trapezoid gradient logcumsumexp stack std_mean trapezoid trapz "
    "unflatten var_mean"
).split()
METHODS = (
    f"{_BOTH} cumprod_ cumsum_ index_add_ index_copy_ index_fill_ index_reduce_ renorm_ scatter_ scatter_add_ "
    "scatter_reduce_ squeeze_ unsqueeze_"
).split()
LINALG = ("cross", "matrix_norm", "norm", "vecdot", "vector_norm")
FFT = ("fft", "hfft", "ifft", "ihfft", "irfft", "rfft")
SPECIAL = ("log_softmax", "logsumexp", "softmax")

_ABSENT: Any = object()


def with_numpy_names(namespace: Any, names: Iterable[str]) -> None:
    """Let functions of a module, or methods of a class, take numpy's words for their arguments.

    What calls the functions at home, in the module that defines them, pays nothing for it.

    Args:
        namespace: a module's ``globals()``, or a class.
        names: of functions or methods with a ``dim``.

    Example:
        >>> torch.ones(2, 3).sum(axis=1, keepdims=True).shape
        torch.Size([2, 1])
    """
    inside = isinstance(namespace, dict)
    functions = {name: namespace[name] if inside else getattr(namespace, name) for name in names}
    # Wrappers with the functions' own parameters cost a call, 40 ns; ones with *args and **kwargs four times that.
    scope: dict[str, Any] = {"_ABSENT": _ABSENT, "_renamed": _renamed}
    source = []
    for name, function in functions.items():
        scope[f"_{name}"] = function
        source.append(_source(name, function, scope))
    exec(compile("\n".join(source), __file__, "exec"), scope)
    for name, function in functions.items():
        accepting = functools.update_wrapper(scope[name], function)
        if inside:
            # Pickles name a function by its place.
            accepting.__module__ = namespace["__name__"]
            namespace[name] = accepting
        else:
            setattr(namespace, name, accepting)


def _source(name: str, function: Callable[..., Any], scope: dict[str, Any]) -> str:
    """Return the definition of a function that passes on its arguments, those under numpy's names too."""
    head: list[str] = []
    positional: list[str] = []
    keywords: list[str] = []
    starred = False
    parameters = list(inspect.signature(function).parameters.values())
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            starred = True
            head.append(f"*{p.name}")
            positional.append(f"*{p.name}")
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            starred = True
            head.append("*")
        default = f"_default_{name}_{p.name}"
        scope[default] = _ABSENT if p.default is p.empty else p.default
        first = not head
        head.append(p.name if first else f"{p.name}={default}")
        (keywords if p.kind is p.KEYWORD_ONLY else positional).append(p.name)
    if not starred:
        head.append("*")
    passed = ", ".join(positional + [f"{k}={k}" for k in keywords])
    plain = [p for p in positional if not p.startswith("*")]
    # Parameters without a default may be missing when they stand behind the dimension: the function itself complains.
    needed = [p.name for p in parameters[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    complete = "".join(f" and {p} is not _ABSENT" for p in needed[-1:])
    values = ", ".join(f"{p!r}: {p}" for p in plain + keywords)
    rest = next((p[1:] for p in positional if p.startswith("*")), "()")
    return (
        f"def {name}({', '.join(head)}, axis=None, keepdims=None):\n"
        f"    if axis is None and keepdims is None{complete}:\n"
        f"        return _{name}({passed})\n"
        f"    return _renamed(_{name}, {rest}, axis, keepdims, {{{values}}})\n"
    )


def _renamed(function: Callable[..., Any], rest: Any, axis: Any, keepdims: Any, values: dict[str, Any]) -> Any:
    """Call a function with numpy's names under its own."""
    given = {k: v for k, v in values.items() if v is not _ABSENT}
    for word, own, value in (("axis", "dim", axis), ("keepdims", "keepdim", keepdims)):
        if value is not None:
            default = values.get(own, given)
            expected = inspect.signature(function).parameters.get(own)
            if expected is None or (default is not _ABSENT and default is not expected.default):
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {word!r}")
            given[own] = value
    first = next(iter(values))
    return function(given.pop(first), *rest, **given)
