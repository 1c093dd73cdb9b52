"""Complex numbers: which ops take them, and how their gradients run through the walk.

PyTorch's gradient of a real loss with respect to a complex tensor z = x + iy is dL/dx + i dL/dy, so a rule for a
function with the complex derivative f' would have to read ``g * conj(f')``. Inside a walk gradients of complex nodes
are kept conjugated instead, dL/dx - i dL/dy: then the chain rule is ``g * f'``, and a rule written for real numbers
(``mul``, ``matmul``, ``exp``, ...) holds for complex ones word for word. They are conjugated where a user can see
them: at the outputs and leaves of a walk, in hooks and in custom functions. Real gradients pay nothing for it.

Only the few rules of functions without a complex derivative (``conj``, ``real``, ``abs``, ...) are about complex
numbers at all; they are in ``ops/complex.py`` and, for the Fourier transforms, ``ops/fourier.py``.

Source: Kreutz-Delgado, "The Complex Gradient Operator and the CR-Calculus" (2009), for the calculus.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes

__all__ = ["OPS", "check_real", "is_complex", "refuse"]

_WORDS = """
    cast sum_to expand as_strided_copy as_strided_adjoint as_strided_scatter stack copy_into conj neg abs sgn
    constant_into
    square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh
    asinh acosh atanh sigmoid sinc add sub mul div pow_scalar pow_tensor where eq ne logical_and logical_or
    logical_xor logical_not isnan isinf isfinite isreal angle fill view unsafe_view unsqueeze squeeze permute
    transpose t cat unbind split flip roll diagonal diagonal_adjoint tril triu as_strided_in_memory
    as_strided_moved unfold unfold_adjoint clone sum sum_all mean mean_all prod cumsum cumprod matmul bmm mv dot
    getitem getitem_select getitem_unsqueeze getitem_alias getitem_adjoint
    index index_adjoint index_put index_select index_add_zeros gather gather_adjoint
    scatter constant_pad_nd conj_physical real_part imag_part view_as_real view_as_complex complex polar fft_c2c
    fft_c2r linalg_eig linalg_eigvals linalg_solve
"""
#: The ops whose forward function and rules hold for complex arrays; all others refuse them.
OPS = frozenset(_WORDS.split())

_NAMES = {"complex32": "ComplexHalf", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}


def is_complex(value: Any) -> bool:
    """Return whether an array or a tensor is complex."""
    kind = getattr(value, "array", value).dtype
    return kind.kind == "c" or (kind.kind in "VW" and dtypes.from_numpy(kind).is_complex)


def refuse(name: str, dtype: Any) -> NotImplementedError:
    """Return PyTorch's error for a function that has no meaning, or no kernel, for complex numbers."""
    kind = dtypes.from_numpy(dtype)
    return NotImplementedError(
        f"\"{name}\" not implemented for '{_NAMES[kind.name]}': {kind} tensors go through arithmetic, matrix "
        "products, sums, indexing and torch.fft. Take .real, .imag, .abs() or torch.view_as_real() of it first"
    )


def check_real(name: str, *tensors: Any) -> None:
    """Raise if one of the tensors is complex, in a function that is no op and that complex numbers have not."""
    for t in tensors:
        array = getattr(t, "array", t)
        if isinstance(array, np.ndarray) and array.dtype.kind == "c":
            raise refuse(name, array.dtype)
