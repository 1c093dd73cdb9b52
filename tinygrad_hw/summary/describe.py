"""``summary``: its arguments, and the call of the model."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.device import device as Device
from tinygrad_hw.dtypes import as_dtype, float32
from tinygrad_hw.nn.module import Module
from tinygrad_hw.summary.forward import bytes_of, run_forward, size_of
from tinygrad_hw.summary.layers import Count, LayerInfo, count_parameters, number_rows, places
from tinygrad_hw.summary.table import COLUMNS, Layout, ModelStatistics

__all__ = ["summary"]

#: Columns whose values only a forward pass can tell.
FROM_FORWARD = ("input_size", "output_size", "mult_adds")
ROW_SETTINGS = ("ascii_only", "depth", "hide_recursive_layers", "var_names")

#: What a forward pass showed, by model and arguments; see ``cache_forward_pass``.
_CACHE: weakref.WeakKeyDictionary[Module, dict[Any, tuple[list[LayerInfo], Count]]] = weakref.WeakKeyDictionary()


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
    impossible = [c for c in columns if c in FROM_FORWARD]
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
        if s not in ROW_SETTINGS:
            raise ValueError(f"{s!r} is not a row setting; there are {', '.join(ROW_SETTINGS)}")
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
    layout = Layout(columns, settings, col_width, depth, verbose)
    statistics = ModelStatistics(rows, count, bytes_of(inputs) if forward else None, layout)
    if verbose:
        print(statistics)
    return statistics


def _rows(
    model: Module, inputs: Any, batch_dim: int | None, mode: str, kwargs: dict[str, Any], cached: bool
) -> tuple[list[LayerInfo], Count]:
    """Return the rows for a call with ``inputs``, or for the model as it is built if there are none."""
    if inputs is None:
        seen: set[int] = set()
        return number_rows([place.row(seen) for place in places(model)]), count_parameters(model)
    if not cached:
        return run_forward(model, inputs, batch_dim, mode, kwargs)
    values = inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)
    key = (*((k, *map(str, size_of(v, None))) for k, v in values), batch_dim, mode, str(kwargs))
    known = _CACHE.setdefault(model, {})
    if key not in known:
        known[key] = run_forward(model, inputs, batch_dim, mode, kwargs)
    return known[key]
