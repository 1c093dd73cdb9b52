"""The forward pass of a summary: every call of a layer is noted, and nothing is changed."""

from __future__ import annotations

import contextlib
import copy
import math
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import is_lazy
from tinygrad_hw.random import get_rng_state, set_rng_state
from tinygrad_hw.summary.layers import Count, LayerInfo, Place, count_parameters, number_rows, places

__all__: list[str] = []


def _first(value: Any) -> Any:
    """Return the tensor that stands for a layer's input or output: the first of several, the last of a dict's."""
    while value is not None and not isinstance(value, (TensorBase, np.ndarray)):
        if isinstance(value, Mapping):
            value = list(value.values())[-1] if value else None
        elif isinstance(value, (list, tuple)):
            value = value[0] if value else None
        elif hasattr(value, "data") and isinstance(value.data, TensorBase):
            value = value.data
        else:
            value = None
    return value


def size_of(value: Any, batch_dim: int | None) -> tuple[list[int], int]:
    """Return shape (with 1 for the batch, if ``batch_dim`` is given) and bytes of an element."""
    tensor = _first(value)
    if tensor is None:
        return [], 0
    array = tensor.array if isinstance(tensor, TensorBase) else tensor
    shape = list(array.shape)
    if batch_dim is not None and -len(shape) <= batch_dim < len(shape):
        shape[batch_dim] = 1
    return shape, int(array.itemsize)


def _mult_adds(class_name: str, count: Count, output: list[int]) -> int:
    """Return the multiply-adds of one call, from its parameters and the shape of its output."""
    total = 0
    for name, _, size in count.rows:
        if name in ("weight", "bias"):
            used = output[:1] + (output[2:] if "Conv" in class_name else [])
        elif "weight" in name or "bias" in name:
            used = output[:2]
        else:
            continue
        total += size * math.prod(used)
    return total


def bytes_of(value: Any) -> int:
    """Return the bytes of all tensors in nested arguments."""
    if isinstance(value, TensorBase):
        return int(value.array.nbytes)
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(bytes_of(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return sum(bytes_of(v) for v in value)
    return 0


@contextlib.contextmanager
def _unchanged(model: Module) -> Iterator[Module]:
    """Lend a model out; when it comes back, its modes and buffers and the random numbers are what they were.

    A model with lazy layers stays at home and sends a copy: what has got a shape cannot lose it again.
    """
    state = get_rng_state()
    try:
        if any(is_lazy(t) for t in (*model.parameters(), *model.buffers())):
            yield copy.deepcopy(model)
            return
        modes = [(m, m.training) for m in model.modules()]
        buffers = [
            (m, name, t, t.array.copy(), t._version_cell[:])
            for m in model.modules()
            for name, t in m._buffers.items()
            if t is not None
        ]
        try:
            yield model
        finally:
            for m, mode in modes:
                m.training = mode
            for m, name, t, old, version in buffers:
                if m._buffers.get(name) is not t:
                    m._buffers[name] = t
                if t.array.tobytes() != old.tobytes():
                    t.array[...] = old
                # The contents are the same again, and so a graph that saved them is still right.
                t._version_cell[:] = version
    finally:
        set_rng_state(state)


class _Watch:
    """Notes every call of a model's layers in the thread that made it."""

    def __init__(self, model: Module, batch_dim: int | None) -> None:
        # Of a module in several places the last counts.
        self.places = {id(p.module): p for p in places(model)}
        self.batch_dim = batch_dim
        self.thread = threading.get_ident()
        self.seen: set[int] = set()
        self.rows: list[tuple[Place, LayerInfo]] = []
        self.open: list[tuple[Place, LayerInfo] | None] = []

    def __enter__(self) -> _Watch:
        self.handles = [
            register_module_forward_pre_hook(self.before),
            register_module_forward_hook(self.after, with_kwargs=True),
        ]
        return self

    def __exit__(self, *exc: object) -> None:
        for handle in self.handles:
            handle.remove()

    def before(self, module: Module, args: Any) -> None:
        """Start a row."""
        if threading.get_ident() != self.thread:
            return
        place = self.places.get(id(module))
        if place is None:
            self.open.append(None)
            return
        self.open.append((place, place.row(self.seen)))
        self.rows.append(self.open[-1])  # type: ignore[arg-type]

    def after(self, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        """Fill it in."""
        if threading.get_ident() != self.thread:
            return
        entry = self.open.pop()
        if entry is None:
            return
        info = entry[1]
        # A lazy layer has become another class, with parameters.
        info.class_name = type(module).__name__
        info._take(count_parameters(module))
        info.input_size, _ = size_of(args or kwargs, self.batch_dim)
        info.output_size, itemsize = size_of(output, self.batch_dim)
        info.output_bytes = itemsize * math.prod(info.output_size)
        info.macs = _mult_adds(info.class_name, info._count, info.output_size)
        info.executed = True

    def finished(self) -> list[LayerInfo]:
        """Return the rows, with those of containers that are never called, such as a ``ModuleList``."""
        rows: list[LayerInfo] = []
        path: dict[int, Module] = {}
        for place, info in self.rows:
            above: list[Place] = []
            parent = place.parent
            while parent is not None and parent.depth > 0:
                above.append(parent)
                parent = parent.parent
            for container in reversed(above):
                if path.get(container.depth) is not container.module:
                    rows.append(container.row(self.seen))
                    path[container.depth] = container.module
            rows.append(info)
            path[place.depth] = place.module
            for depth in [d for d in path if d > place.depth]:
                del path[depth]
        return rows


def run_forward(
    model: Module, inputs: Any, batch_dim: int | None, mode: str, kwargs: dict[str, Any]
) -> tuple[list[LayerInfo], Count]:
    """Call the model once and return its rows and the count of its parameters."""
    with _unchanged(model) as lent, no_grad(), _Watch(lent, batch_dim) as watch:
        lent.train(mode == "train")
        try:
            if isinstance(inputs, Mapping):
                lent(**inputs, **kwargs)
            else:
                lent(*inputs, **kwargs)
        except Exception as error:
            done = [f"{i.class_name} ({p.name})" for p, i in watch.rows if i.executed]
            failed = [f"{e[1].class_name} ({e[0].name})" for e in watch.open if e is not None]
            raise RuntimeError(
                f"summary(): the forward pass failed in {' > '.join(failed) or type(model).__name__} with "
                f"{type(error).__name__}: {error}\nExecuted layers up to: {done}. Check input_size (with the batch "
                "dimension) and dtypes, or pass input_data"
            ) from error
        return number_rows(watch.finished()), count_parameters(lent)
