"""Packing sequences of unequal lengths into rows, step by step, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.autograd.op import op

__all__: list[str] = []


def _pack_forward(input: Any, *, sizes: tuple[int, ...]) -> Any:
    return np.concatenate([input[t, :n] for t, n in enumerate(sizes)])


def _pad_forward(input: Any, *, sizes: tuple[int, ...], value: float, total: int) -> Any:
    out = np.full((total, sizes[0], *input.shape[1:]), value, input.dtype)
    at = 0
    for t, n in enumerate(sizes):
        out[t, :n] = input[at : at + n]
        at += n
    return out


#: (T, B, ...) to rows: of each step the first ``sizes[t]`` sequences.
pack_rows = op(
    "pack_rows",
    _pack_forward,
    node_name="PackPaddedSequenceBackward0",
    input=lambda g, input_shape, sizes: pad_rows(g, sizes=sizes, value=0.0, total=input_shape[0]),
)

#: Rows to (T, B, ...), with a value where no sequence is.
pad_rows = op(
    "pad_rows",
    _pad_forward,
    node_name="torch::autograd::CopySlices",
    input=lambda g, sizes: pack_rows(g, sizes=sizes),
)


def _stack_forward(*sequences: Any, batch_first: bool, value: float, left: bool) -> Any:
    longest = max(len(s) for s in sequences)
    out = np.full((len(sequences), longest, *sequences[0].shape[1:]), value, sequences[0].dtype)
    for row, s in zip(out, sequences, strict=True):
        row[longest - len(s) if left else 0 :][: len(s)] = s
    return out if batch_first else np.ascontiguousarray(out.swapaxes(0, 1))


def _stack_rule(g: Any, sequences_shape: Any, needs: Any, batch_first: bool, left: bool) -> list[Any]:
    longest = g.shape[1 if batch_first else 0]
    gs = []
    for i, (shape, need) in enumerate(zip(sequences_shape, needs, strict=True)):
        steps = slice(longest - shape[0], None) if left else slice(shape[0])
        gs.append((g[i, steps] if batch_first else g[steps, i]) if need else None)
    return gs


#: Sequences of unequal lengths to (T, B, ...) or (B, T, ...).
stack_padded = op(
    "stack_padded",
    _stack_forward,
    node_name="torch::autograd::CopySlices",
    differentiable=("sequences",),
    joint=_stack_rule,
)
