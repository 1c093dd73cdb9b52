"""A table of a model's layers: shapes, parameters, multiply-adds, memory; in the layout of torchinfo."""

from __future__ import annotations

import contextlib
import copy
import math
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.device import device as Device
from tinygrad_hw.dtypes import as_dtype, float32
from tinygrad_hw.nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import is_lazy
from tinygrad_hw.random import get_rng_state, set_rng_state

__all__ = ["LayerInfo", "ModelStatistics", "summary"]

#: Columns by name, with their titles.
COLUMNS = {
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "kernel_size": "Kernel Shape",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
#: Columns whose values only a forward pass can tell.
_FROM_FORWARD = ("input_size", "output_size", "mult_adds")
_ROW_SETTINGS = ("ascii_only", "depth", "hide_recursive_layers", "var_names")
_NAME_WIDTH = 40
_INDENT = 5

#: What a forward pass showed, by model and arguments; see ``cache_forward_pass``.
_CACHE: weakref.WeakKeyDictionary[Module, dict[Any, tuple[list[LayerInfo], _Count]]] = weakref.WeakKeyDictionary()


# -- what is known of a layer ----------------------------------------------------------------------


@dataclass
class _Count:
    """Parameters of a module and of all that is in it."""

    #: For each parameter its elements (those its mask keeps, if it is pruned).
    sizes: dict[int, int] = field(default_factory=dict)
    total: int = 0
    trainable: int = 0
    bytes: int = 0
    #: (name, shape, elements) of each.
    rows: list[tuple[str, list[int], int]] = field(default_factory=list)


def _count(module: Module) -> _Count:
    """Count a module's parameters, each once; those without a shape yet are left out."""
    count = _Count()
    for name, p in module.named_parameters():
        if is_lazy(p):
            continue
        name, size = _unmasked(module, name, p)
        count.sizes[id(p)] = size
        count.total += size
        count.bytes += size * p.array.itemsize
        if p.requires_grad:
            count.trainable += size
        count.rows.append((name, list(p.shape), size))
    return count


def _unmasked(module: Module, name: str, parameter: Any) -> tuple[str, int]:
    """Return name and number of elements; ``weight_orig`` beside a ``weight_mask`` has as many as the mask has ones."""
    if name.endswith("_orig"):
        plain = name.removesuffix("_orig")
        owner, _, last = plain.rpartition(".")
        mask = getattr(module.get_submodule(owner), last + "_mask", None)
        if isinstance(mask, TensorBase):
            return plain, int(mask.array.sum())
    return name, int(parameter.array.size)


@dataclass
class LayerInfo:
    """One call of one layer: a row of the table.

    Attributes:
        class_name: the layer's type.
        var_name: its name in its parent.
        depth: how deep it is nested; 0 for the model.
        depth_index: its number among the rows of this depth, from 1.
        is_leaf_layer: it has no layers of its own.
        is_recursive: it has been called before.
        executed: it was called in the forward pass.
        input_size: shape of its first input.
        output_size: shape of its first output.
        kernel_size: its ``kernel_size``, if it has one.
        num_params: elements of its parameters and of those of the layers in it.
        trainable_params: as many of them as require grad.
        param_bytes: their bytes.
        output_bytes: bytes of its first output.
        macs: multiply-adds of this call; see :func:`summary`.
        leftover_params: those of ``num_params`` that are in no deeper row.
        children: the rows below it.
    """

    class_name: str
    var_name: str
    depth: int
    is_leaf_layer: bool
    is_recursive: bool = False
    executed: bool = False
    depth_index: int = 0
    input_size: list[int] = field(default_factory=list)
    output_size: list[int] = field(default_factory=list)
    kernel_size: int | list[int] | None = None
    num_params: int = 0
    trainable_params: int = 0
    param_bytes: int = 0
    output_bytes: int = 0
    macs: int = 0
    leftover_params: int = 0
    children: list[LayerInfo] = field(default_factory=list, repr=False)
    _count: _Count = field(default_factory=_Count, repr=False)

    def _take(self, count: _Count) -> None:
        self._count = count
        self.num_params, self.trainable_params, self.param_bytes = count.total, count.trainable, count.bytes

    @property
    def trainable(self) -> str:
        """``"True"``, ``"False"`` or ``"Partial"``; ``"--"`` for a layer without parameters."""
        if self.num_params == 0:
            return "--"
        if self.trainable_params == 0:
            return "False"
        return "True" if self.trainable_params == self.num_params else "Partial"


@dataclass(eq=False)
class _Place:
    """Where a module stands in the model."""

    module: Module
    name: str
    depth: int
    parent: _Place | None

    def row(self, seen: set[int]) -> LayerInfo:
        """Return a new row for the module, and remember that it has one."""
        module = self.module
        info = LayerInfo(type(module).__name__, self.name, self.depth, next(module.children(), None) is None)
        info.is_recursive = id(module) in seen
        seen.add(id(module))
        kernel = getattr(module, "kernel_size", None)
        info.kernel_size = kernel if kernel is None or isinstance(kernel, int) else [int(k) for k in kernel]
        info._take(_count(module))
        return info


def _places(model: Module) -> list[_Place]:
    """List the model and all in it, parents first; a module that stands in several places, several times."""
    found: list[_Place] = []
    stack = [_Place(model, type(model).__name__, 0, None)]
    while stack:
        place = stack.pop()
        found.append(place)
        children = [(n, m) for n, m in place.module._modules.items() if m is not None]
        stack += [_Place(m, n, place.depth + 1, place) for n, m in reversed(children)]
    return found


# -- sizes -----------------------------------------------------------------------------------------


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


def _size(value: Any, batch_dim: int | None) -> tuple[list[int], int]:
    """Return shape (with 1 for the batch, if ``batch_dim`` is given) and bytes of an element."""
    tensor = _first(value)
    if tensor is None:
        return [], 0
    array = tensor.array if isinstance(tensor, TensorBase) else tensor
    shape = list(array.shape)
    if batch_dim is not None and -len(shape) <= batch_dim < len(shape):
        shape[batch_dim] = 1
    return shape, int(array.itemsize)


def _mult_adds(class_name: str, count: _Count, output: list[int]) -> int:
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


def _bytes_of(value: Any) -> int:
    """Return the bytes of all tensors in nested arguments."""
    if isinstance(value, TensorBase):
        return int(value.array.nbytes)
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(_bytes_of(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_bytes_of(v) for v in value)
    return 0


# -- the forward pass ------------------------------------------------------------------------------


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
            (m, name, t, t.array.copy(), t._version[0])
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
                t._version[0] = version
    finally:
        set_rng_state(state)


class _Watch:
    """Notes every call of a model's layers in the thread that made it."""

    def __init__(self, model: Module, batch_dim: int | None) -> None:
        # Of a module in several places the last counts.
        self.places = {id(p.module): p for p in _places(model)}
        self.batch_dim = batch_dim
        self.thread = threading.get_ident()
        self.seen: set[int] = set()
        self.rows: list[tuple[_Place, LayerInfo]] = []
        self.open: list[tuple[_Place, LayerInfo] | None] = []

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
        info._take(_count(module))
        info.input_size, _ = _size(args or kwargs, self.batch_dim)
        info.output_size, itemsize = _size(output, self.batch_dim)
        info.output_bytes = itemsize * math.prod(info.output_size)
        info.macs = _mult_adds(info.class_name, info._count, info.output_size)
        info.executed = True

    def finished(self) -> list[LayerInfo]:
        """Return the rows, with those of containers that are never called, such as a ``ModuleList``."""
        rows: list[LayerInfo] = []
        path: dict[int, Module] = {}
        for place, info in self.rows:
            above: list[_Place] = []
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


def _finish(rows: list[LayerInfo]) -> list[LayerInfo]:
    """Number the rows of each depth, and tell each which rows are below it."""
    numbers: dict[int, int] = {}
    for i, info in enumerate(rows):
        numbers[info.depth] = info.depth_index = numbers.get(info.depth, 0) + 1
        info.children = []
        for other in rows[i + 1 :]:
            if other.depth <= info.depth:
                break
            info.children.append(other)
    # A container that is not called has its layers' rows below several rows of its own: look at all deeper ones.
    deeper: set[int] = set()
    for depth in sorted(numbers, reverse=True):
        level = [info for info in rows if info.depth == depth]
        for info in level:
            info.leftover_params = sum(size for key, size in info._count.sizes.items() if key not in deeper)
        for info in level:
            deeper |= info._count.sizes.keys()
    return rows


def _run(
    model: Module, inputs: Any, batch_dim: int | None, mode: str, kwargs: dict[str, Any]
) -> tuple[list[LayerInfo], _Count]:
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
        return _finish(watch.finished()), _count(lent)


# -- arguments -------------------------------------------------------------------------------------


def _sizes(input_size: Any) -> list[tuple[int, ...]]:
    """Return a list of shapes, one per argument of the model."""
    if not isinstance(input_size, (list, tuple)):
        raise TypeError(
            f"input_size must be a tuple of ints, or a list of such tuples for several inputs, not "
            f"{type(input_size).__name__}"
        )
    several = bool(input_size) and all(isinstance(s, (list, tuple)) for s in input_size)
    shapes: list[tuple[int, ...]] = []
    for s in input_size if several else [input_size]:
        if not all(isinstance(n, (int, np.integer)) for n in s):
            raise TypeError(f"input_size must consist of ints, got {s!r}")
        shapes.append(tuple(int(n) for n in s))
    if not input_size or any(n <= 0 for s in shapes for n in s):
        raise ValueError(f"input_size must consist of positive ints and not be empty, got {input_size!r}")
    return shapes


def _made_inputs(shapes: list[tuple[int, ...]], batch_dim: int | None, dtypes: Sequence[Any] | None) -> list[Any]:
    """Make an argument of each shape: zeros, which are indices and numbers alike."""
    kinds = [float32] * len(shapes) if dtypes is None else [as_dtype(d) for d in dtypes]
    if len(kinds) != len(shapes):
        raise ValueError(f"input_size has {len(shapes)} shapes, but dtypes has {len(kinds)} entries; give one for each")
    made = []
    for shape, kind in zip(shapes, kinds, strict=True):
        array = np.zeros(shape, kind.numpy)
        made.append(wrap(array if batch_dim is None else np.expand_dims(array, batch_dim)))
    return made


def _given_inputs(data: Any) -> Any:
    """Return the model's arguments as a list, or as a dict of keyword arguments."""
    if isinstance(data, (TensorBase, np.ndarray)):
        data = [data]
    if isinstance(data, Mapping):
        return {k: wrap(v) if isinstance(v, np.ndarray) else v for k, v in data.items()}
    if not isinstance(data, (list, tuple)):
        raise TypeError(
            f"input_data must be a tensor, a list of positional or a dict of keyword arguments, not "
            f"{type(data).__name__}"
        )
    return [wrap(v) if isinstance(v, np.ndarray) else v for v in data]


def _columns(col_names: Iterable[str] | None, forward: bool) -> tuple[str, ...]:
    if col_names is None:
        return ("output_size", "num_params") if forward else ("num_params",)
    columns = tuple(str(c) for c in col_names)
    unknown = [c for c in columns if c not in COLUMNS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a column; there are {', '.join(COLUMNS)}")
    impossible = [c for c in columns if c in _FROM_FORWARD]
    if impossible and not forward:
        raise ValueError(f"You must pass input_data or input_size in order to use the columns {', '.join(impossible)}")
    return columns


def summary(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: Any = None,
    dtypes: Sequence[Any] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: Any,
) -> ModelStatistics:
    r"""Print a table of a model's layers, in the order in which they are called, and return what is in it.

    The model runs once, without gradients, on zeros of the shape ``input_size`` or on ``input_data``. Afterwards its
    modes, buffers (running statistics) and gradients and the random numbers are what they were before; lazy layers run
    in a copy and stay lazy. Without input nothing runs, and the table has names and parameters only.

    A layer that is called again is marked ``(recursive)``; a number of parameters in parentheses is frozen; a container
    shows only parameters of its own, and at the largest ``depth`` all in it.

    Multiply-adds are counted as torchinfo counts them, for layers without layers in them: elements of ``weight`` and
    ``bias`` times the size of the batch, for convolutions also times that of the picture, for recurrent layers times
    the steps: :math:`\text{macs} = \sum_p |p| \cdot N \cdot (H W \text{ or } T \text{ or } 1)`. Products of
    activations, as in attention, and the steps of a Linear layer on sequences are not in it.
    ``profiler.profile(with_flops=True)`` counts operations as they happen. The forward/backward pass size is twice that
    of the outputs of layers with parameters. Parameters are counted once even where layers share them.

    Args:
        model: the model.
        input_size: shape of the input with its batch dimension, or a list of shapes for several inputs.
        input_data: instead of shapes the input itself: a tensor, a list of positional or a dict of keyword arguments.
        batch_dim: where to put a batch dimension of 1 into ``input_size``; sizes are then given for one sample.
            None (default) if ``input_size`` has it.
        cache_forward_pass: take rows from an earlier call with the same model object and sizes (default False).
        col_names: the columns: ``"input_size"``, ``"output_size"``, ``"num_params"``, ``"params_percent"``,
            ``"kernel_size"``, ``"mult_adds"``, ``"trainable"``; default ``("output_size", "num_params")``.
        col_width: their width (default 25).
        depth: how deep to show nested layers (default 3).
        device: the CPU.
        dtypes: for each shape in ``input_size`` the dtype; float32 by default.
        mode: ``"eval"`` (default) or ``"train"``, in which the model runs.
        row_settings: any of ``"depth"`` (default; number layers as depth-index), ``"var_names"`` (names in the parent),
            ``"ascii_only"``, ``"hide_recursive_layers"``.
        verbose: 0 print nothing, 1 print the table, 2 also each parameter; default 1, and 0 in an interactive session,
            which shows the returned object anyway.
        **kwargs: further arguments of ``model.forward``.

    Returns:
        The statistics, whose ``str`` is the table.

    Raises:
        TypeError: ``input_size`` or ``input_data`` is of another type.
        ValueError: a size is not positive; an unknown column, row setting, mode or level; a column that needs input.
        RuntimeError: both kinds of input were given, or the forward pass failed; the message says in which layer.

    Source: ``torchinfo.summary``.

    Example:
        >>> from tinygrad_hw.summary import summary
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        >>> statistics = summary(model, (1, 4), col_names=["output_size", "num_params"], col_width=14, verbose=0)
        >>> print(str(statistics).partition("Non-trainable")[0])
        ====================================================================
        Layer (type:depth-idx)                   Output Shape   Param #
        ====================================================================
        Sequential                               [1, 2]         --
        ├─Linear: 1-1                            [1, 3]         15
        ├─ReLU: 1-2                              [1, 3]         --
        ├─Linear: 1-3                            [1, 2]         8
        ====================================================================
        Total params: 23
        Trainable params: 23
        <BLANKLINE>
        >>> statistics.total_mult_adds
        23
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary(): model must be an nn.Module, not {type(model).__name__}")
    if input_size is not None and input_data is not None:
        raise RuntimeError("Only one of (input_data, input_size) should be specified.")
    forward = input_size is not None or input_data is not None
    columns = _columns(col_names, forward)
    settings = ("depth",) if row_settings is None else tuple(str(s) for s in row_settings)
    for s in settings:
        if s not in _ROW_SETTINGS:
            raise ValueError(f"{s!r} is not a row setting; there are {', '.join(_ROW_SETTINGS)}")
    if mode not in (None, "eval", "train"):
        raise ValueError(f"mode must be 'eval' or 'train', not {mode!r}")
    if col_width <= 0:
        raise ValueError(f"Column width must be greater than 0: col_width={col_width}")
    if verbose is None:
        verbose = 0 if hasattr(sys, "ps1") else 1
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose must be 0 (quiet), 1 (default) or 2 (with each parameter), not {verbose!r}")
    if device is not None:
        Device(device)
    inputs: Any = None
    if input_size is not None:
        inputs = _made_inputs(_sizes(input_size), batch_dim, dtypes)
    elif input_data is not None:
        inputs = _given_inputs(input_data)
    rows, count = _rows(model, inputs, batch_dim, mode or "eval", kwargs, bool(cache_forward_pass))
    layout = _Layout(columns, settings, col_width, depth, verbose)
    statistics = ModelStatistics(rows, count, _bytes_of(inputs) if forward else None, layout)
    if verbose:
        print(statistics)
    return statistics


def _rows(
    model: Module, inputs: Any, batch_dim: int | None, mode: str, kwargs: dict[str, Any], cached: bool
) -> tuple[list[LayerInfo], _Count]:
    """Return the rows for a call with ``inputs``, or for the model as it is built if there are none."""
    if inputs is None:
        seen: set[int] = set()
        return _finish([place.row(seen) for place in _places(model)]), _count(model)
    if not cached:
        return _run(model, inputs, batch_dim, mode, kwargs)
    values = inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)
    key = (*((k, *map(str, _size(v, None))) for k, v in values), batch_dim, mode, str(kwargs))
    known = _CACHE.setdefault(model, {})
    if key not in known:
        known[key] = _run(model, inputs, batch_dim, mode, kwargs)
    return known[key]


# -- the table -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """How the table is to look."""

    columns: tuple[str, ...]
    settings: tuple[str, ...]
    col_width: int
    depth: int
    verbose: int

    def title(self, info: LayerInfo) -> str:
        """Return a layer's name with what the settings add."""
        title = info.class_name
        if "var_names" in self.settings:
            title += f" ({info.var_name})"
        if "depth" in self.settings and info.depth > 0:
            title += f": {info.depth}-{info.depth_index}"
        return title

    def branch(self, depth: int) -> str:
        """Return what stands in front of a row of this depth."""
        ascii_only = "ascii_only" in self.settings
        if depth == 0:
            return ""
        if depth == 1:
            return "+ " if ascii_only else "├─"
        return ("|    " if ascii_only else "│    ") * (depth - 1) + ("+ " if ascii_only else "└─")

    def name_width(self, rows: list[LayerInfo]) -> int:
        """Return the width of the first column: 40, or what the longest name needs, in steps of 5."""
        longest = max((len(self.title(i)) + i.depth * _INDENT + 1 for i in rows), default=0)
        return _NAME_WIDTH if longest < _NAME_WIDTH else -(-longest // _INDENT) * _INDENT

    def line(self, width: int, name: str, values: Mapping[str, str]) -> str:
        """Return one line of the table."""
        cells = "".join(f"{values.get(c, ''):<{self.col_width}} " for c in self.columns)
        return f"{name:<{width}} {cells}".rstrip()

    def lines(self, rows: list[LayerInfo], total_params: int) -> tuple[int, list[str]]:
        """Return the width of the table and its lines."""
        width = self.name_width(rows)
        head = "Layer (type" + (" (var_name)" if "var_names" in self.settings else "")
        head += ":depth-idx)" if "depth" in self.settings else ")"
        lines = [self.line(width, head, COLUMNS)]
        for info in rows:
            if info.depth > self.depth or ("hide_recursive_layers" in self.settings and info.is_recursive):
                continue
            lines.append(self.line(width, self.branch(info.depth) + self.title(info), self.values(info, total_params)))
            if self.verbose == 2:
                lines += self.parameter_lines(width, info)
        return width + len(self.columns) * self.col_width, lines

    def values(self, info: LayerInfo, total_params: int) -> dict[str, str]:
        """Return a row's cells."""
        whole = info.is_leaf_layer or info.depth == self.depth
        params = info.num_params if whole else info.leftover_params
        if info.num_params == 0:
            number = "--"
        elif info.is_recursive:
            number = "(recursive)"
        elif whole:
            number = f"{params:,}" if info.trainable_params else f"({params:,})"
        else:
            number = f"{params:,}" if params else "--"
        if info.is_recursive and total_params:
            percent = "(recursive)"
        else:
            percent = f"{params / total_params:>7.2%}" if params and total_params else "     --"
        macs = info.macs
        if not info.is_leaf_layer:
            macs = sum(c.macs for c in info.children if c.is_leaf_layer) if whole else 0
        return {
            "input_size": str(info.input_size or "--"),
            "output_size": str(info.output_size or "--"),
            "num_params": number,
            "params_percent": percent,
            "kernel_size": str(info.kernel_size or "--"),
            "mult_adds": f"{macs:,}" if macs > 0 else "--",
            "trainable": info.trainable,
        }

    def parameter_lines(self, width: int, info: LayerInfo) -> list[str]:
        """Return a line for each parameter of a layer; the model itself shows only its own."""
        shown = [r for r in info._count.rows if info.depth > 0 or "." not in r[0]]
        lines = []
        for i, (name, shape, size) in enumerate(shown):
            if name == "weight" and len(shape) > 1:
                # As inputs x outputs x kernel.
                shape = [shape[1], shape[0], *shape[2:]]
            corner = "└─" if i == len(shown) - 1 else "├─"
            values = {"kernel_size": str(shape), "num_params": f"{corner}{size:,}"}
            lines.append(self.line(width, self.branch(info.depth + 1) + name, values))
        return lines


class ModelStatistics:
    """What :func:`summary` found; its ``str`` is the table.

    Attributes:
        summary_list: the rows, as :class:`LayerInfo`.
        total_params: elements of all parameters, each counted once.
        trainable_params: as many of them as require grad.
        total_mult_adds: multiply-adds of one forward pass.
        total_input: bytes of the input.
        total_output_bytes: bytes of the outputs and their gradients of all layers with parameters.
        total_param_bytes: bytes of the parameters.
    """

    def __init__(self, rows: list[LayerInfo], count: _Count, input_bytes: int | None, layout: _Layout) -> None:
        self.summary_list = rows
        self.total_params, self.trainable_params, self.total_param_bytes = count.total, count.trainable, count.bytes
        leaves = [i for i in rows if i.is_leaf_layer]
        self.total_mult_adds = sum(i.macs for i in leaves)
        self.total_output_bytes = sum(2 * i.output_bytes for i in leaves if i.num_params > 0)
        self.total_input = input_bytes or 0
        self._ran = input_bytes is not None
        self._layout = layout

    @property
    def total_bytes(self) -> int:
        """Bytes of input, outputs and parameters together."""
        return self.total_input + self.total_output_bytes + self.total_param_bytes

    def __str__(self) -> str:
        width, lines = self._layout.lines(self.summary_list, self.total_params)
        rule = "=" * width
        text = [rule, lines[0], rule, *lines[1:], rule]
        text.append(f"Total params: {self.total_params:,}")
        text.append(f"Trainable params: {self.trainable_params:,}")
        text.append(f"Non-trainable params: {self.total_params - self.trainable_params:,}")
        if self._ran:
            text += [f"Total mult-adds {_readable(self.total_mult_adds)}", rule]
            for title, size in (
                ("Input size", self.total_input),
                ("Forward/backward pass size", self.total_output_bytes),
                ("Params size", self.total_param_bytes),
                ("Estimated Total Size", self.total_bytes),
            ):
                text.append(f"{title} (MB): {size / 1e6:0.2f}")
        return "\n".join([*text, rule])

    __repr__ = __str__


def _readable(number: int) -> str:
    """Return a number in millions, billions or trillions, with the letter."""
    letter, unit = next(((c, u) for c, u in (("T", 1e12), ("G", 1e9)) if number >= u), ("M", 1e6))
    value = number / unit
    return f"({letter}): {value:,.0f}" if value.is_integer() else f"({letter}): {value:,.2f}"
