"""Complex tensors: made from parts and taken apart, conjugates, angles.

A conjugate is computed at once, not left pending as a flag on the tensor, so ``is_conj`` is always False and
``resolve_conj`` returns its argument. Gradients in the rules are conjugated ones; see ``autograd/complex.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.autocast import in_float32
from tinygrad_hw.autograd.basics import conj as _conj
from tinygrad_hw.autograd.complex import is_complex as _is_complex
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.autograd.op import op
from tinygrad_hw.autograd.out import into

__all__ = [
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "imag",
    "is_complex",
    "is_conj",
    "is_neg",
    "polar",
    "real",
    "resolve_conj",
    "resolve_neg",
    "view_as_complex",
    "view_as_real",
]


def _tensor(name: str, input: Any, argument: str = "input") -> Any:
    if not isinstance(input, (TensorBase, np.ndarray)):
        raise TypeError(f"{name}(): argument {argument!r} must be Tensor, not {type(input).__name__}")
    return input


def _array(t: Any) -> Any:
    return t.array if isinstance(t, TensorBase) else t


# -- parts -----------------------------------------------------------------------------------------


def _part(array: Any, which: int) -> Any:
    if array.dtype.kind == "W":  # complex32, whose parts numpy does not find
        return array[..., None].view(np.float16)[..., which]
    return array.imag if which else array.real


# PyTorch's parts are slices of view_as_real, and their nodes say so.
_real_part = op("real_part", lambda input: _part(input, 0), view=True, node_name="SelectBackward0", input=lambda g: g)
_imag_part = op(
    "imag_part", lambda input: _part(input, 1), view=True, node_name="SelectBackward0", input=lambda g: g * -1j
)


def real(input: Any) -> Any:
    """Return the real part, a view; a real tensor itself.

    Args:
        input: a tensor.

    Source: ``torch.real``.

    Example:
        >>> torch.real(torch.tensor([1.0 + 2.0j]))
        tensor([1.])
    """
    return _real_part(input) if _is_complex(_tensor("real", input)) else input


def imag(input: Any) -> Any:
    """Return the imaginary part, a view.

    Args:
        input: a complex tensor.

    Raises:
        RuntimeError: the tensor is real.

    Source: ``torch.imag``.

    Example:
        >>> torch.imag(torch.tensor([1.0 + 2.0j]))
        tensor([2.])
    """
    if not _is_complex(_tensor("imag", input)):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag_part(input)


def _as_real(input: Any) -> Any:
    parts = _part(input, 0)
    return np.lib.stride_tricks.as_strided(parts, (*parts.shape, 2), (*parts.strides, parts.itemsize))


def _as_complex(input: Any) -> Any:
    kind = dtypes.from_numpy(input.dtype).to_complex().numpy
    return input.view(kind)[..., 0] if input.size else np.empty(input.shape[:-1], kind)


_view_as_real = op("view_as_real", _as_real, view=True, input=lambda g: _conj(complex(g[..., 0], g[..., 1])))
_view_as_complex = op("view_as_complex", _as_complex, view=True, input=lambda g: _view_as_real(_conj(g)))


def view_as_real(input: Any) -> Any:
    """Return a view of a complex tensor with real and imaginary parts in a new last dimension of size 2.

    Args:
        input: (...) a complex tensor.

    Returns:
        (..., 2), of the real dtype of the same precision.

    Raises:
        RuntimeError: the tensor is real.

    Source: ``torch.view_as_real``.

    Example:
        >>> torch.view_as_real(torch.tensor([1.0 + 2.0j]))
        tensor([[1., 2.]])
    """
    if not _is_complex(_tensor("view_as_real", input)):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _view_as_real(input)


@in_float32
def view_as_complex(input: Any) -> Any:
    """Return a view of a real tensor whose last dimension holds real and imaginary parts.

    Args:
        input: (..., 2), float16, float32 or float64, the last dimension dense in memory.

    Returns:
        (...), complex.

    Raises:
        RuntimeError: the dtype, the last dimension or the strides do not fit.

    Source: ``torch.view_as_complex``.

    Example:
        >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
        tensor([1.+2.j])
    """
    array = _array(_tensor("view_as_complex", input))
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{dtypes.from_numpy(array.dtype)}"
        )
    if array.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError(f"Tensor must have a last dimension of size 2, but its shape is {list(array.shape)}")
    if array.size and array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1. Use .contiguous() first")
    if array.size and any(
        n > 1 and s % (2 * array.itemsize) for n, s in zip(array.shape[:-1], array.strides[:-1], strict=True)
    ):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return _view_as_complex(input)


# -- from parts ------------------------------------------------------------------------------------


def _complex_forward(real: Any, imag: Any) -> Any:
    kind = np.complex64 if real.dtype == np.float32 else np.complex128
    out = np.empty(np.broadcast_shapes(real.shape, imag.shape), kind)
    out.real = real
    out.imag = imag
    return out


# The walk takes the real part where a complex gradient meets a real input.
_complex = op("complex", _complex_forward, real=lambda g: g, imag=lambda g: g * 1j)


def _polar_forward(abs: Any, angle: Any) -> Any:
    return _complex_forward(np.asarray(abs * np.cos(angle)), np.asarray(abs * np.sin(angle)))


_polar = op(
    "polar",
    _polar_forward,
    abs=lambda g, angle: g * _polar(angle * 0.0 + 1.0, angle),
    angle=lambda g, out: g * (out * 1j),
)


def _check_parts(name: str, first: Any, second: Any, arguments: tuple[str, str]) -> None:
    kinds = [_array(_tensor(name, t, argument)).dtype for t, argument in zip((first, second), arguments, strict=True)]
    own, other = (dtypes.from_numpy(kind) for kind in kinds)
    if any(kind not in (np.float32, np.float64) for kind in kinds):
        raise RuntimeError(f"{name}: Expected both inputs to be Float or Double tensors but got {own} and {other}")
    if own is not other:
        raise RuntimeError(
            f"{name}: Expected object of scalar type {own} but got scalar type {other} for second argument"
        )


def complex(real: Any, imag: Any, *, out: Any = None) -> Any:
    r"""Return the complex tensor :math:`real + i\, imag`.

    Args:
        real: a float32 or float64 tensor.
        imag: a tensor of the same dtype, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtypes differ, or are others.

    Source: ``torch.complex``.

    Example:
        >>> torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor([1.+3.j, 2.+4.j])
    """
    if out is not None:
        return into(out, complex, real, imag)
    _check_parts("complex", real, imag, ("real", "imag"))
    return _complex(real, imag)


@in_float32
def polar(abs: Any, angle: Any, *, out: Any = None) -> Any:
    r"""Return the complex tensor :math:`abs \cdot (\cos angle + i \sin angle)`.

    Args:
        abs: a float32 or float64 tensor.
        angle: a tensor of the same dtype, broadcastable.
        out: a tensor to write the result into.

    Raises:
        RuntimeError: the dtypes differ, or are others.

    Source: ``torch.polar``.

    Example:
        >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
        tensor([2.+0.j])
    """
    if out is not None:
        return into(out, polar, abs, angle)
    _check_parts("polar", abs, angle, ("abs", "angle"))
    return _polar(abs, angle)


# -- conjugates and angles -------------------------------------------------------------------------

_conj_physical = op("conj_physical", np.conjugate, node_name="ConjPhysicalBackward0", input=lambda g: _conj(g))


def _angle_forward(input: Any) -> Any:
    if input.dtype.kind == "c":
        return np.angle(input)
    turned = np.where(np.isnan(input), input, np.where(input < 0, math.pi, 0.0))
    return turned.astype(input.dtype)


def _angle_rule(g: Any, input: Any) -> Any:
    if not _is_complex(input):
        return g * 0.0
    zero = _array(input) == 0
    return g * -1j / (input + zero.astype(_array(input).dtype)) * (~zero).astype(_array(g).dtype)


angle = op(
    "angle",
    _angle_forward,
    promote="float",
    input=_angle_rule,
    doc=r"""Return the angle of each number in the complex plane; of a real one 0, or pi if it is negative.

    Args:
        input: a tensor.

    Source: ``torch.angle``. The gradient at 0 is 0.

    Example:
        >>> torch.angle(torch.tensor([1.0, -1.0]))
        tensor([0.0000, 3.1416])
    """,
    out=True,
)


def conj(input: Any) -> Any:
    """Return the complex conjugate; a real tensor itself.

    Unlike PyTorch's, which is a view with a flag, the result is a new tensor.

    Args:
        input: a tensor.

    Source: ``torch.conj``.

    Example:
        >>> torch.conj(torch.tensor([1.0 + 2.0j]))
        tensor([1.-2.j])
    """
    return _conj(input) if _is_complex(_tensor("conj", input)) else input


def conj_physical(input: Any, *, out: Any = None) -> Any:
    """Return the complex conjugate, computed; a real tensor itself.

    Args:
        input: a tensor.
        out: a tensor to write the result into.

    Source: ``torch.conj_physical``.

    Example:
        >>> torch.conj_physical(torch.tensor([1.0 + 2.0j]))
        tensor([1.-2.j])
    """
    if out is not None:
        return into(out, conj_physical, input)
    return _conj_physical(input) if _is_complex(_tensor("conj_physical", input)) else input


def resolve_conj(input: Any) -> Any:
    """Return the tensor with a pending conjugation carried out; there is none to carry out.

    Source: ``torch.resolve_conj``.

    Example:
        >>> torch.resolve_conj(torch.tensor([1.0]))
        tensor([1.])
    """
    return _tensor("resolve_conj", input)


def resolve_neg(input: Any) -> Any:
    """Return the tensor with a pending negation carried out; there is none to carry out.

    Source: ``torch.resolve_neg``.

    Example:
        >>> torch.resolve_neg(torch.tensor([1.0]))
        tensor([1.])
    """
    return _tensor("resolve_neg", input)


def is_complex(input: Any) -> bool:
    """Return whether the tensor is complex64 or complex128.

    Source: ``torch.is_complex``.

    Example:
        >>> torch.is_complex(torch.tensor([1.0j]))
        True
    """
    return bool(_is_complex(_tensor("is_complex", input)))


def is_conj(input: Any) -> bool:
    """Return whether a conjugation is pending: never.

    Source: ``torch.is_conj``.

    Example:
        >>> torch.is_conj(torch.tensor([1.0]))
        False
    """
    return _tensor("is_conj", input) is None


def is_neg(input: Any) -> bool:
    """Return whether a negation is pending: never.

    Source: ``torch.is_neg``.

    Example:
        >>> torch.is_neg(torch.tensor([1.0]))
        False
    """
    return _tensor("is_neg", input) is None
