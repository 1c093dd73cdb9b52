"""Recurrent layers and cells: Elman networks, LSTM, GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.grad_mode import is_grad_enabled
from tinygrad_hw.autograd.graph import TensorBase, edge_of, wrap
from tinygrad_hw.autograd.observe import whole
from tinygrad_hw.autograd.op import ALIAS, op, record
from tinygrad_hw.kernels import recurrent as kernels
from tinygrad_hw.ops.activation import relu
from tinygrad_hw.ops.dropout import dropout as drop
from tinygrad_hw.ops.joining import cat, stack
from tinygrad_hw.ops.permutation import transpose
from tinygrad_hw.ops.shape import reshape
from tinygrad_hw.ops.splitting import chunk, narrow, select
from tinygrad_hw.ops.trigonometry import tanh
from tinygrad_hw.ops.unary import sigmoid

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

# -- the op: one layer in one direction ------------------------------------------------------------


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if x is not None and x.dtype == np.float16 else x


def _rows(x: Any) -> Any:
    """Return (T, B, ...) or packed rows as contiguous rows of at least single precision."""
    return np.ascontiguousarray(_wide(x)).reshape(-1, x.shape[-1])


def _sizes(input: Any, sizes: tuple[int, ...] | None) -> Any:
    """Return how many sequences there are at each step."""
    if sizes is None:
        return np.full(input.shape[0], input.shape[1], np.int64)
    return np.array(sizes, np.int64)


def _weights(*parameters: Any) -> kernels.Weights:
    return kernels.Weights(*(p if p is None else np.ascontiguousarray(_wide(p)) for p in parameters))


def _forward(
    input: Any,
    hx: Any,
    cx: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    *,
    mode: str,
    sizes: tuple[int, ...] | None,
    reverse: bool,
    kept: bool = True,
) -> tuple[Any, ...]:
    kind = input.dtype
    weights = _weights(w_ih, w_hh, b_ih, b_hh, w_hr)
    rows = _rows(input)
    out, h, c, saved = kernels.forward(mode, rows, _sizes(input, sizes), _wide(hx), _wide(cx), weights, reverse, kept)
    out = out.reshape(*input.shape[:-1], out.shape[1])
    c = np.zeros(0, kind) if c is None else c
    return *(a.astype(kind, copy=False) for a in (out, h, c)), *saved


def _fused(
    g_out: Any,
    g_h: Any,
    g_c: Any,
    input: Any,
    hx: Any,
    cx: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    out: Any,
    gates: Any,
    cells: Any,
    extra: Any,
    needs: tuple[bool, ...],
    mode: str,
    sizes: tuple[int, ...] | None,
    reverse: bool,
) -> tuple[Any, ...]:
    to_input, *others = kernels.backward(
        mode,
        _rows(g_out),
        _wide(g_h),
        _wide(g_c),
        _rows(input),
        _sizes(input, sizes),
        _wide(hx),
        _wide(cx),
        _weights(w_ih, w_hh, b_ih, b_hh, w_hr),
        _rows(out),
        kernels.Saved(gates, cells, extra),
        reverse,
        needs,
    )
    return None if to_input is None else to_input.reshape(input.shape), *others


def _step(mode: str, x: Any, h: Any, c: Any, w_hh: Any, b_hh: Any, w_hr: Any) -> tuple[Any, Any]:
    """Return the states after a step, made of ops; ``x`` holds the inputs' share of the gates."""
    inner = h @ transpose(w_hh, 0, 1)
    if b_hh is not None:
        inner = inner + b_hh
    if mode == "lstm":
        i, f, new, o = chunk(x + inner, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(new)
        h = sigmoid(o) * tanh(c)
        return (h if w_hr is None else h @ transpose(w_hr, 0, 1)), c
    if mode == "gru":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = chunk(x, 3, 1), chunk(inner, 3, 1)
        new = tanh(x_n + sigmoid(x_r + h_r) * h_n)
        return new + sigmoid(x_z + h_z) * (h - new), c
    return (tanh if mode == "tanh" else relu)(x + inner), c


def _unrolled(
    arguments: Sequence[Any], mode: str, sizes: tuple[int, ...] | None, reverse: bool
) -> tuple[Any, Any, Any]:
    """The layer made of ops, step by step."""
    input, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = arguments
    counts = [int(n) for n in _sizes(input, sizes)]
    x = reshape(input, (-1, input.shape[-1])) @ transpose(w_ih, 0, 1)
    if b_ih is not None:
        x = x + b_ih
    ends = [sum(counts[: t + 1]) for t in range(len(counts))]
    outs: dict[int, Any] = {}
    for t in range(len(counts))[:: -1 if reverse else 1]:
        n = counts[t]
        rest = counts[0] - n
        y, new = _step(
            mode,
            narrow(x, 0, ends[t] - n, n),
            narrow(h, 0, 0, n),
            None if c is None else narrow(c, 0, 0, n),
            w_hh,
            b_hh,
            w_hr,
        )
        outs[t] = y
        h = y if rest == 0 else cat([y, narrow(h, 0, n, rest)])
        if c is not None:
            c = new if rest == 0 else cat([new, narrow(c, 0, n, rest)])
    out = cat([outs[t] for t in range(len(counts))])
    return reshape(out, (*input.shape[:-1], out.shape[-1])), h, c


def _own(tensor: Any) -> Any:
    """Return the tensor behind an edge of its own, so that gradients can be stopped there."""
    edge = None if tensor is None else edge_of(tensor)
    if edge is None:
        return tensor
    t = wrap(tensor.array)
    t._node = record(ALIAS, (edge,), (), (), tensor.array.shape, tensor.array.dtype)
    return t


def _rule(
    g_out: Any,
    g_h: Any,
    g_c: Any,
    input: Any,
    hx: Any,
    cx: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    needs: tuple[bool, ...],
    mode: str,
    sizes: tuple[int, ...] | None,
    reverse: bool,
) -> list[Any]:
    """The gradients of the unrolled layer, recorded. Only a gradient that is to be differentiated again comes here."""
    arguments: list[Any] = [_own(a) for a in (input, hx, cx, w_ih, w_hh, b_ih, b_hh, w_hr)]
    outs, gs = _unrolled(arguments, mode, sizes, reverse), (g_out, g_h, g_c)
    pairs = [(t, g) for t, g in zip(outs, gs, strict=True) if t is not None and t._node is not None]
    wanted = [a for a, need in zip(arguments, needs, strict=True) if need]
    found = iter(grad([t for t, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _declare(name: str, node_name: str) -> Any:
    return op(
        name,
        _forward,
        outputs=("out", "h", "c", "gates", "cells", "extra"),
        nondiff=("gates", "cells", "extra"),
        differentiable=("input", "hx", "cx", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr"),
        joint=_rule,
        raw=_fused,
        node_name=node_name,
    )


#: The same under the names that PyTorch prints for layers, for packed sequences, and for cells.
_lstm_layer = _declare("lstm_layer", "MkldnnRnnLayerBackward0")
_layer = _declare("recurrent_layer", "StackBackward0")
_packed_layer = _declare("recurrent_packed_layer", "CatBackward0")
_CELLS = {
    "lstm": _declare("lstm_cell", "MulBackward0"),
    "gru": _declare("gru_cell", "AddBackward0"),
    "tanh": _declare("rnn_tanh_cell", "TanhBackward0"),
    "relu": _declare("rnn_relu_cell", "ReluBackward0"),
}


# -- layers ----------------------------------------------------------------------------------------


def _same_dtypes(name: str, tensors: Sequence[Any]) -> None:
    kinds = {t.array.dtype for t in tensors if t is not None}
    if len(kinds) > 1:
        names = " and ".join(sorted(repr(dtypes.from_numpy(k)) for k in kinds))
        raise RuntimeError(
            f"{name}: input, hidden state and weights must have the same dtype, but got {names}. Convert the input and "
            "the hidden state with .to(), or the layer with .float() or .double()"
        )


@whole
def run_layers(
    name: str,
    mode: str,
    input: Any,
    sizes: tuple[int, ...] | None,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, ...]:
    """Return outputs and last states of several layers in one or both directions."""
    directions = 2 if bidirectional else 1
    cells = num_layers * directions
    each = (4 if has_biases else 2) + (1 if len(params) == cells * (5 if has_biases else 3) else 0)
    if len(params) != cells * each:
        raise RuntimeError(
            f"{name}: got an incorrect number of RNN parameters: {len(params)} for {num_layers} layers in {directions} "
            f"directions {'with' if has_biases else 'without'} biases"
        )
    if input.ndim != (3 if sizes is None else 2):
        raise RuntimeError(
            f"{name}: expected input with {3 if sizes is None else 2} dimensions, got shape {list(input.shape)}"
        )
    if batch_first:
        input = transpose(input, 0, 1)
    if input.shape[0] == 0 or sizes == ():
        raise RuntimeError(
            f"Expected sequence length to be larger than 0 in RNN: {name} got an input of shape {list(input.shape)}"
        )
    batch = input.shape[1] if sizes is None else sizes[0]
    _same_dtypes(name, (input, *hx, *params))
    for state in hx:
        if state.ndim != 3 or tuple(state.shape[:2]) != (cells, batch):
            raise RuntimeError(
                f"{name}: Expected hidden size ({cells}, {batch}, ...), got {list(state.shape)}: layers times "
                f"directions, "
                "sequences, features"
            )
    layer_op = _packed_layer if sizes is not None else _lstm_layer if mode == "lstm" else _layer
    kept = is_grad_enabled() and any(edge_of(t) is not None for t in (input, *hx, *params))
    lasts: list[list[Any]] = [[] for _ in hx]
    for layer in range(num_layers):
        outs = []
        for direction in range(directions):
            i = layer * directions + direction
            w_ih, w_hh, *more = params[i * each : (i + 1) * each]
            b_ih, b_hh = more[:2] if has_biases else (None, None)
            w_hr = more[-1] if each in (3, 5) else None
            _check_sizes(name, input.shape[-1], [s.shape[-1] for s in hx], w_ih, w_hh, w_hr)
            first = [select(s, 0, i) for s in hx]
            result = layer_op(
                input, first[0], first[1] if len(hx) > 1 else None, w_ih, w_hh, b_ih, b_hh, w_hr,
                mode=mode, sizes=sizes, reverse=direction == 1, kept=kept,
            )  # fmt: skip
            outs.append(result[0])
            for k, last in enumerate(lasts):
                last.append(result[1 + k])
        input = outs[0] if directions == 1 else cat(outs, -1)
        if dropout and train and layer < num_layers - 1:
            input = drop(input, dropout, True)
    states = [stack(last, 0) for last in lasts]
    return transpose(input, 0, 1) if batch_first else input, *states


def _check_sizes(name: str, features: int, states: list[int], w_ih: Any, w_hh: Any, w_hr: Any) -> None:
    if w_ih.shape[1] != features:
        raise RuntimeError(
            f"{name}: input has inconsistent input_size: got {features} expected {w_ih.shape[1]}: its last dimension "
            f"must be that of weight_ih {list(w_ih.shape)}"
        )
    wanted = [w_hh.shape[1], w_hh.shape[1] if w_hr is None else w_hr.shape[1]]
    for k, (size, right) in enumerate(zip(states, wanted, strict=False)):
        if size != right:
            raise RuntimeError(
                f"{name}: hidden{k} has inconsistent hidden_size: got {size}, expected {right}: its last dimension "
                f"must fit weight_hh {list(w_hh.shape)}"
            )


_DENSE = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
_PACKED = ("data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")


def _run(name: str, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Tell apart the two forms of a function's arguments, and run it."""
    packed = "batch_sizes" in kwargs or "data" in kwargs
    if len(args) > 2:
        packed = isinstance(args[1] if mode == "lstm" else args[2], TensorBase)
    names = _PACKED if packed else _DENSE
    given = dict(zip(names, args, strict=False))
    wrong = len(args) > len(names) or bool(set(given) & set(kwargs)) or {*given, *kwargs} != set(names)
    if wrong or not isinstance((given | kwargs)["params"], (list, tuple)):
        types = ", ".join(type(a).__name__ for a in args)
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({types}), "
            f"but expected ({', '.join(_DENSE)}) or ({', '.join(_PACKED)})"
        )
    given |= kwargs
    hx = given["hx"]
    if mode == "lstm":
        if not isinstance(hx, (list, tuple)) or not all(isinstance(s, TensorBase) for s in hx):
            raise TypeError(f"{name}(): argument 'hx' must be tuple of Tensors, not {type(hx).__name__}")
        if len(hx) != 2:
            raise RuntimeError(f"{name} expects two hidden states, got {len(hx)}")
    elif not isinstance(hx, TensorBase):
        raise TypeError(f"{name}(): argument 'hx' must be Tensor, not {type(hx).__name__}")
    sizes = tuple(int(n) for n in given["batch_sizes"].array) if packed else None
    return run_layers(
        name,
        mode,
        given["data" if packed else "input"],
        sizes,
        hx if mode == "lstm" else (hx,),
        given["params"],
        given["has_biases"],
        given["num_layers"],
        given["dropout"],
        given["train"],
        given["bidirectional"],
        given.get("batch_first", False),
    )


def lstm(*args: Any, **kwargs: Any) -> Any:
    r"""Long short-term memory: layers, in one or both directions, over whole sequences.

    .. math::
        i, f, g, o = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh} \\
        c_t = \sigma(f) c_{t-1} + \sigma(i) \tanh(g), \quad h_t = \sigma(o) \tanh(c_t)

    Called as ``lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)`` or, for
    packed sequences, ``lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``.
    All arguments must be given. ``torch.nn.LSTM`` is the comfortable way.

    Args:
        *args: input (T, B, I), or (B, T, I) if ``batch_first``; hx, two tensors (layers * directions, B, H); params,
            for each layer and direction weight_ih, weight_hh, and bias_ih, bias_hh if ``has_biases``, and weight_hr if
            outputs are projected; dropout, the probability between layers when ``train``.
        **kwargs: the same by name.

    Returns:
        Outputs (T, B, directions * H) and the last states h and c.

    Raises:
        RuntimeError: sizes or dtypes do not fit.
        TypeError: the arguments are of neither form.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); ``torch.lstm``.

    Example:
        >>> m = torch.nn.LSTM(3, 4)
        >>> state = (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4))
        >>> out, h, c = torch.lstm(torch.ones(5, 2, 3), state, list(m.parameters()), True, 1, 0.0, False, False, False)
        >>> out.shape
        torch.Size([5, 2, 4])
    """
    return _run("lstm", "lstm", args, kwargs)


def gru(*args: Any, **kwargs: Any) -> Any:
    r"""Gated recurrent units: layers, in one or both directions, over whole sequences.

    .. math::
        r, z = \sigma(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}) \\
        n = \tanh(W_{in} x_t + b_{in} + r (W_{hn} h_{t-1} + b_{hn})), \quad h_t = (1 - z) n + z h_{t-1}

    Called as ``lstm``, but with one tensor as ``hx``.

    Args:
        *args: see ``lstm``.
        **kwargs: the same by name.

    Returns:
        Outputs (T, B, directions * H) and the last states.

    Raises:
        RuntimeError: sizes or dtypes do not fit.
        TypeError: the arguments are of neither form.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014); ``torch.gru``.

    Example:
        >>> m = torch.nn.GRU(3, 4)
        >>> x, h = torch.ones(5, 2, 3), torch.zeros(1, 2, 4)
        >>> out, h = torch.gru(x, h, list(m.parameters()), True, 1, 0.0, False, False, False)
        >>> out.shape
        torch.Size([5, 2, 4])
    """
    return _run("gru", "gru", args, kwargs)


def rnn_tanh(*args: Any, **kwargs: Any) -> Any:
    r"""Elman network: :math:`h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})`.

    Args:
        *args: see ``gru``.
        **kwargs: the same by name.

    Source: Elman, "Finding Structure in Time" (1990); ``torch.rnn_tanh``.

    Example:
        >>> m = torch.nn.RNN(3, 4)
        >>> x, h = torch.ones(5, 2, 3), torch.zeros(1, 2, 4)
        >>> out, h = torch.rnn_tanh(x, h, list(m.parameters()), True, 1, 0.0, False, False, False)
        >>> out.shape
        torch.Size([5, 2, 4])
    """
    return _run("rnn_tanh", "tanh", args, kwargs)


def rnn_relu(*args: Any, **kwargs: Any) -> Any:
    r"""Elman network with :math:`\max(0, x)` in place of tanh; see ``rnn_tanh``.

    Args:
        *args: see ``gru``.
        **kwargs: the same by name.

    Source: ``torch.rnn_relu``.

    Example:
        >>> m = torch.nn.RNN(3, 4, nonlinearity="relu")
        >>> x, h = torch.ones(5, 2, 3), torch.zeros(1, 2, 4)
        >>> out, h = torch.rnn_relu(x, h, list(m.parameters()), True, 1, 0.0, False, False, False)
        >>> bool((out >= 0).all())
        True
    """
    return _run("rnn_relu", "relu", args, kwargs)


# -- cells -----------------------------------------------------------------------------------------


def _cell(name: str, mode: str, input: Any, hx: Sequence[Any], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    _same_dtypes(name, (input, *hx, w_ih, w_hh, b_ih, b_hh))
    if input.ndim != 2:
        raise RuntimeError(f"{name}: expected input (batch, features), got shape {list(input.shape)}")
    for k, state in enumerate(hx):
        if state.ndim != 2 or state.shape[0] != input.shape[0]:
            raise RuntimeError(
                f"{name}: Input batch size {input.shape[0]} doesn't match hidden{k} batch size "
                f"{state.shape[0] if state.ndim else 1}: shapes {list(input.shape)} and {list(state.shape)}"
            )
    _check_sizes(name, input.shape[1], [s.shape[1] for s in hx], w_ih, w_hh, None)
    gates = kernels.GATES[mode] * w_hh.shape[1]
    for w in (w_ih, w_hh, b_ih, b_hh):
        if w is not None and w.shape[0] != gates:
            raise RuntimeError(f"{name}: expected {gates} rows of weights and biases, got shape {list(w.shape)}")
    if (b_ih is None) != (b_hh is None):
        zeros = wrap(np.zeros(gates, w_ih.array.dtype))
        b_ih, b_hh = zeros if b_ih is None else b_ih, zeros if b_hh is None else b_hh
    cx = hx[1] if len(hx) > 1 else None
    sizes = (input.shape[0],)
    result = _CELLS[mode](input, hx[0], cx, w_ih, w_hh, b_ih, b_hh, None, mode=mode, sizes=sizes, reverse=False)
    return (result[0], result[2]) if mode == "lstm" else result[0]


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of ``lstm``.

    Args:
        input: (B, I).
        hx: the states h and c, each (B, H).
        w_ih: (4H, I).
        w_hh: (4H, H).
        b_ih: (4H,) or None.
        b_hh: (4H,) or None.

    Returns:
        The next states h and c.

    Raises:
        RuntimeError: sizes or dtypes do not fit.
        TypeError: hx is no pair of tensors.

    Source: ``torch.lstm_cell``.

    Example:
        >>> state = torch.zeros(2, 1), torch.zeros(2, 1)
        >>> h, c = torch.lstm_cell(torch.ones(2, 3), state, torch.zeros(4, 3), torch.zeros(4, 1))
        >>> h.shape, c.shape
        (torch.Size([2, 1]), torch.Size([2, 1]))
    """
    if not isinstance(hx, (list, tuple)):
        raise TypeError(f"lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not {type(hx).__name__}")
    if len(hx) != 2:
        raise RuntimeError(f"lstm_cell expects two hidden states, got {len(hx)}")
    return _cell("lstm_cell", "lstm", input, hx, w_ih, w_hh, b_ih, b_hh)


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of ``gru``.

    Args:
        input: (B, I).
        hx: (B, H).
        w_ih: (3H, I).
        w_hh: (3H, H).
        b_ih: (3H,) or None.
        b_hh: (3H,) or None.

    Returns:
        The next state.

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Source: ``torch.gru_cell``.

    Example:
        >>> torch.gru_cell(torch.ones(1, 3), torch.ones(1, 2), torch.zeros(6, 3), torch.zeros(6, 2))
        tensor([[0.5000, 0.5000]])
    """
    return _cell("gru_cell", "gru", input, (hx,), w_ih, w_hh, b_ih, b_hh)


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of ``rnn_tanh``.

    Args:
        input: (B, I).
        hx: (B, H).
        w_ih: (H, I).
        w_hh: (H, H).
        b_ih: (H,) or None.
        b_hh: (H,) or None.

    Returns:
        The next state.

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Source: ``torch.rnn_tanh_cell``.

    Example:
        >>> torch.rnn_tanh_cell(torch.ones(1, 3), torch.zeros(1, 2), torch.zeros(2, 3), torch.zeros(2, 2))
        tensor([[0., 0.]])
    """
    return _cell("rnn_tanh_cell", "tanh", input, (hx,), w_ih, w_hh, b_ih, b_hh)


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of ``rnn_relu``.

    Args:
        input: (B, I).
        hx: (B, H).
        w_ih: (H, I).
        w_hh: (H, H).
        b_ih: (H,) or None.
        b_hh: (H,) or None.

    Returns:
        The next state.

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Source: ``torch.rnn_relu_cell``.

    Example:
        >>> torch.rnn_relu_cell(torch.ones(1, 3), torch.zeros(1, 1), torch.ones(1, 3), torch.zeros(1, 1))
        tensor([[3.]])
    """
    return _cell("rnn_relu_cell", "relu", input, (hx,), w_ih, w_hh, b_ih, b_hh)
