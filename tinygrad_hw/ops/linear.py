"""Affine maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, mode
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into
from tinygrad_hw.kernels import matmul as kernels
from tinygrad_hw.kernels.sums import sum_of_rows
from tinygrad_hw.ops.contraction import einsum
from tinygrad_hw.ops.matmul import _matmul as mm
from tinygrad_hw.ops.matmul import matmul
from tinygrad_hw.ops.reduce import sum as sum_

__all__ = ["bilinear", "linear"]


def _rows(t: Any) -> Any:
    """Return (..., n) as (rows, n)."""
    return t.reshape(math.prod(t.shape[:-1]), t.shape[-1])


def _forward(input: Any, weight: Any, bias: Any) -> Any:
    if input.ndim != 2:
        return _forward(_rows(input), weight, bias).reshape(*input.shape[:-1], weight.shape[0])
    if input.dtype.char == "e":
        wide = _forward(*(None if a is None else a.astype(np.float32) for a in (input, weight, bias)))
        return wide.astype(np.float16)
    return kernels.affine(input, weight.T, bias)


def _column_sums(g: Any) -> Any:
    # A call of numpy's takes 0.9 us, one of the op 2.2; of more rows the op adds float32 in float64.
    if g.__class__ is np.ndarray and len(g) <= 4096 and g.dtype.char in "fd":
        return sum_of_rows(g)
    return sum_(g, 0)


def _rule(g: Any, input: Any, weight: Any, needs: tuple[bool, ...]) -> tuple[Any, Any, Any]:
    if input.ndim != 2:
        to_input, *rest = _rule(_rows(g), _rows(input), weight, needs)
        return to_input.reshape(tuple(input.shape)) if needs[0] else None, rest[0], rest[1]
    return (
        mm(g, weight) if needs[0] else None,
        mm(g.T, input) if needs[1] else None,
        _column_sums(g) if needs[2] else None,
    )


def _linear_op(name: str, node_name: str) -> Any:
    """Declare (..., in), (out, in), (out,) or None; one product of matrices, whatever the leading sizes.

    The weight gradient comes out contiguous.
    """
    return op(name, _forward, node_name=node_name, differentiable=("input", "weight", "bias"), joint=_rule)


#: By whether the input is a matrix and whether there is a bias: PyTorch's graph has a node of another name for each.
_OPS = {
    (True, True): _linear_op("linear", "AddmmBackward0"),
    (True, False): _linear_op("linear_without_bias", "MmBackward0"),
    (False, True): _linear_op("linear_of_many", "ViewBackward0"),
    (False, False): _linear_op("linear_of_many_without_bias", "UnsafeViewBackward0"),
}


def _values(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else t


def linear(input: Any, weight: Any, bias: Any = None, *, out: Any = None) -> Any:
    r"""Return :math:`x W^T + b`.

    Args:
        input: (..., in_features) or (in_features,).
        weight: (out_features, in_features) or (in_features,).
        bias: (out_features,) or None.
        out: a tensor to write the result into.

    Returns:
        A tensor of shape (..., out_features).

    Raises:
        RuntimeError: the sizes or dtypes do not fit.

    Source: ``torch.nn.functional.linear``.

    Example:
        >>> F = torch.nn.functional
        >>> F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.zeros(4)).shape
        torch.Size([2, 4])
    """
    if out is not None:
        return into(out, linear, input, weight, bias)
    # Of the arrays: a tensor's shape is an object that is made when it is asked for.
    w = weight.array if isinstance(weight, TensorBase) else weight
    if isinstance(input, TensorBase):
        x = input.array
    elif w is weight:
        x = input
    else:
        raise TypeError(
            f"linear(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}. Convert it with "
            "torch.as_tensor()"
        )
    shape, wanted, kind = x.shape, w.shape, w.dtype
    if len(wanted) == 1:
        return sum_(input * weight, -1) if bias is None else sum_(input * weight, -1) + bias
    if not shape or shape[-1] != wanted[1]:
        raise RuntimeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied: the input of shape {list(shape)} has "
            f"{shape[-1] if shape else 'no'} features, the weight of shape {list(weight.shape)} expects "
            f"{weight.shape[1]}. Check in_features, or flatten the input first"
        )
    same = x.dtype is kind and (bias is None or _values(bias).dtype is kind)
    if not same and (x.dtype != kind or (bias is not None and _values(bias).dtype != kind)) and mode.autocast is None:
        raise RuntimeError(
            f"linear: input, weight and bias must have the same dtype, but got "
            f"{dtypes.from_numpy(x.dtype)} and {dtypes.from_numpy(kind)}. Convert the input with .to(), or "
            "the layer with .float() or .double()"
        )
    if kind.kind == "c":
        product = matmul(input, weight.mT)
        return product if bias is None else product + bias
    return _OPS[len(shape) == 2, bias is not None](input, weight, bias)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    r"""Return :math:`y_k = x_1^T A_k x_2 + b_k`.

    Args:
        input1: (..., in1).
        input2: (..., in2).
        weight: (out, in1, in2).
        bias: (out,) or None.

    Source: ``torch.nn.functional.bilinear``.

    Example:
        >>> F = torch.nn.functional
        >>> F.bilinear(torch.ones(5, 2), torch.ones(5, 3), torch.ones(4, 2, 3)).shape
        torch.Size([5, 4])
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: {list(input1.shape)} and {list(input2.shape)}"
        )
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise RuntimeError(
            f"bilinear(): inputs of sizes {input1.shape[-1]} and {input2.shape[-1]} do not match the weight of "
            f"shape {list(weight.shape)}"
        )
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias
