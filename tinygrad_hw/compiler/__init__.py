"""``torch.compile`` and ``torch.compiler``: record what a call does once, and replay it from then on.

The first call of a compiled function runs as it is written, while its ops are noted. From them straight-line Python on
arrays is written, forwards and backwards, which calls what the ops call and leaves out what lies between: checks,
promotion, tensors and nodes for intermediate results. Results and gradients are the same to the last bit.

What is replayed: calls with tensors, plain values and modules as arguments, also in tuples, lists and dictionaries, and
tensors as results, also in these and in named tuples, whose ops are on the list in ``allowed.py``: arithmetic,
activations, linear layers and products of matrices, embeddings, recurrent layers, reductions, softmax, batch, layer
and group norm, attention, transformer layers, convolution, pooling, padding, dropout, changes of shape, losses,
cross-entropy of class indices. Besides, numbers from the default random stream (``randn``, ``rand``, ``randint``,
``randperm``), tensors made of numbers (``zeros``, ``arange``, ``tensor``), blocks under ``no_grad``, ``detach()``,
and writes: into tensors that the call made (``y += x``, ``ReLU(inplace=True)``) and into buffers (the running averages
of batch norm, ``self.calls.add_(1)``), which have new contents and one more version afterwards, as they should.

What is not, and then runs as it is written, call by call: other ops, values that are looked at (``item()``,
``if x.sum() > 0``, printing), a cumulative average of batch norm (``momentum=None``), numbers from another generator,
writes into arguments, through views and by index, hooks of modules, whatever else a function does that can outlive its
call. ``fullgraph=True`` makes that an error that says what it was.

A recording is used while the call is like the recorded one: shapes, dtypes, strides and ``requires_grad`` of the
arguments, other arguments' values, the gradient mode, the parameters' arrays, all that the modules hold, globals and
closure variables that the code names (containers are looked into). Otherwise the call is recorded anew, eight times at
most. Assumed are things that no program changes: that the package's own functions and layers stay what they are, that
``__dict__`` of a module is not written to past ``setattr``, and that a function of the user's called in between is
not given other code or defaults while its name stays.

While a tracer is at work (anomaly mode, the profiler, an export) everything runs as it is written.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tinygrad_hw.autograd.graph import NAMESPACE
from tinygrad_hw.compiler.function import Settings, forget_all
from tinygrad_hw.compiler.module import OptimizedModule
from tinygrad_hw.compiler.recorder import Recorder
from tinygrad_hw.nn.module import Module

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "compile",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
]

F = TypeVar("F", bound=Callable[..., Any])

_BACKENDS = {"inductor": False, "eager": True, "aot_eager": True}
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
) -> Any:
    """Return a function or a module whose calls are recorded once and replayed from then on.

    Results, gradients, buffers and random numbers are those of the original, bit for bit. The usual models are covered
    in training too: with batch norm, dropout, embeddings, recurrent layers and attention, and with several results.
    What a recording covers, and what runs as it is written, is said in the module's docstring.

    Args:
        model: what to compile; without it, a decorator is returned.
        fullgraph: raise where a call cannot be replayed, instead of running it as it is written.
        dynamic: ignored: each combination of shapes has a recording of its own.
        backend: ``"inductor"`` (the default) for this; ``"eager"`` to run everything as it is written.
        mode: one of PyTorch's; they do not differ.
        options: ignored.
        name: ignored.
        disable: return ``model`` as it is.
        recompile_limit: how many calls of different kinds are recorded, 8 by default.
        isolate_recompiles: ignored: each call of ``compile`` counts for itself.

    Returns:
        A function, or an :class:`OptimizedModule` for a module.

    Raises:
        RuntimeError: the backend or mode is unknown, or both ``mode`` and ``options`` are given.
        AssertionError: ``model`` cannot be called.

    Source: ``torch.compile``.

    Example:
        >>> f = torch.compile(lambda x: x + 1, backend="eager")
        >>> f(torch.ones(1))
        tensor([2.])
    """
    if model is None:

        def decorate(model: Any) -> Any:
            if model is None:
                raise RuntimeError("Model can't be None")
            return compile(
                model, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, name=name,
                disable=disable, recompile_limit=recompile_limit, isolate_recompiles=isolate_recompiles,
            )  # fmt: skip

        return decorate
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if callable(backend):
        raise RuntimeError(
            "a function as backend would be given a graph of PyTorch's operations, of which there is none here; use "
            f"one of {list_backends(())}"
        )
    if backend not in _BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends.")
    if disable:
        return model
    settings = Settings(fullgraph, _BACKENDS[backend], recompile_limit)
    model = getattr(model, "_torchdynamo_orig_callable", model)
    if isinstance(model, OptimizedModule):
        model = model._orig_mod
    if isinstance(model, Module):
        return OptimizedModule(model, settings)
    if inspect.isclass(model):
        setattr(model, "__call__", settings.apply(model.__call__))  # noqa: B010 - a type checker minds
        return model
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    return settings.apply(model if inspect.isroutine(model) else model.__call__)


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Have a function always run as it is written, and what calls it likewise; without one, a decorator.

    Args:
        fn: a function or a module.
        recursive: ignored.
        reason: shown in the error of ``fullgraph=True``.

    Source: ``torch.compiler.disable``.

    Example:
        >>> @torch.compiler.disable
        ... def show(x):
        ...     return x.tolist()
        >>> show(torch.ones(2))
        [1.0, 1.0]
    """
    if fn is None:
        return lambda function: disable(function, recursive, reason=reason)
    if isinstance(fn, Module):
        return OptimizedModule(fn, Settings(False, True, None))
    function = getattr(fn, "_torchdynamo_orig_callable", fn)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        trace = NAMESPACE["TRACE"]
        if isinstance(trace, Recorder):
            trace.fail(
                f"{getattr(function, '__name__', function)}() is not to be compiled{f': {reason}' * bool(reason)}"
            )
        return function(*args, **kwargs)

    call._torchdynamo_disable = True  # type: ignore[attr-defined]
    return call


def allow_in_graph(fn: F) -> F:
    """Return a function unchanged: whether its ops can be replayed is seen when they are recorded.

    Source: ``torch.compiler.allow_in_graph``.
    """
    return fn


def is_compiling() -> bool:
    """Return False: a function is recorded while it runs as it is written."""
    return False


def is_dynamo_compiling() -> bool:
    """Return False; see :func:`is_compiling`."""
    return False


def is_exporting() -> bool:
    """Return False."""
    return False


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """Return the names that ``backend`` takes.

    Args:
        exclude_tags: without ``"debug"`` among them, those that run everything as it is written, too.

    Source: ``torch.compiler.list_backends``.

    Example:
        >>> "inductor" in torch.compiler.list_backends()
        True
    """
    return sorted(n for n, eager in _BACKENDS.items() if not (eager and "debug" in (exclude_tags or ())))


def reset() -> None:
    """Forget all recordings; the next calls are recorded anew.

    Source: ``torch.compiler.reset``.
    """
    forget_all()
