"""Writing results into given tensors: ``torch.add(a, b, out=c)``.

A function that takes ``out=`` asks ``if out is not None`` first, and hands the rest to :func:`into`: the result is
computed as always, and copied. That costs the calls without ``out=`` a comparison.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import NAMESPACE, TensorBase, edge_of, mode
from tinygrad_hw.autograd.inplace import check_inplace
from tinygrad_hw.autograd.observe import announce_write

__all__ = ["into"]

#: Functions whose result is converted to the dtype of ``out`` unless that loses its kind, as floating point to integer
#: would. The others want the very dtype. Names are those of the functions that compute.
_CONVERTING = frozenset(
    """
    acos acosh add addcdiv addcmul addr airy_ai angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin
    asinh atan atan2 atanh bessel_j0 bessel_j1 bessel_y0 bessel_y1 bitwise_and bitwise_left_shift bitwise_or
    bitwise_right_shift bitwise_xor cat chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
    chebyshev_polynomial_w cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack concat
    concatenate cond copysign cos cosh deg2rad digamma div divide dstack entr eq erf erfc erfcx erfinv exp exp2
    expit expm1 float_power floor_divide fmax fmin fmod gcd ge geqrf ger greater greater_equal gt
    hermite_polynomial_h hermite_polynomial_he householder_product hstack hypot i0 i0e i1 i1e igamma igammac
    kron laguerre_polynomial_l lcm ldexp le legendre_polynomial_p lerp less less_equal lgamma log log10 log1p
    log2 log_ndtr logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit logsumexp lstsq lt
    matrix_power matrix_rank maximum mean minimum modified_bessel_i0 modified_bessel_i1 modified_bessel_k0
    modified_bessel_k1 mul multiply mvlgamma nanmean ndtr ndtri ne nextafter normal normalize not_equal outer
    pinv polygamma pow rad2deg reciprocal remainder row_stack rsqrt scaled_modified_bessel_k0
    scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
    shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w sigmoid sin sinc sinh spherical_bessel_j0 sqrt
    square stack std sub subtract tan tanh tensorinv tensorsolve torch_lu true_divide var vstack xlog1py xlogy
    zeta hfft hfft2 hfftn irfft irfft2 irfftn
    """.split()  # noqa: SIM905 - a list of a hundred strings is harder to read
)

#: Functions that take the dtype of ``out`` for theirs unless they are told another.
_BY_DTYPE = frozenset({"cumprod", "cumsum", "nansum", "prod", "sum"})

#: Functions that make a tensor, of the dtype of ``out`` unless they are told another.
_MAKING = frozenset(
    {"arange", "empty", "eye", "full", "linspace", "logspace", "ones", "range", "zeros"}
    | {"rand", "randint", "randn", "randperm"}
)

#: Functions whose result fits any dtype, or bool and uint8 only.
_ANY = frozenset({"bernoulli", "torch_lu"})
_TRUTHS = frozenset({"all", "any"})

#: Functions for which a dtype that does not fit is a TypeError.
_TYPE_ERRORS = frozenset(
    {"cat", "column_stack", "concat", "concatenate", "dstack", "hstack", "row_stack", "stack"} | {"vstack"}
)

#: Functions that resize ``out`` without a warning.
_SILENT = frozenset(
    """
    addbmm arange bernoulli empty eye full linspace logsigmoid logspace multinomial narrow_copy normal ones rand
    randint randn torch_lu zeros
    """.split()  # noqa: SIM905
)

#: Functions that leave ``out`` its shape if it has as many elements as needed.
_COUNTING = frozenset({"arange", "linspace", "logspace"})


#: Functions that read their arguments while they write.
_APART = frozenset({"cat", "concat", "concatenate", "gather", "index_select", "kthvalue", "masked_select", "take"})


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.removeprefix("torch_").removeprefix("special_").removeprefix("linalg_")


def _tensors(values: Any) -> Any:
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _word(dtype: np.dtype[Any]) -> str:
    name = dtypes.from_numpy(dtype).name
    return dtypes.LEGACY_NAMES.get(name, name)


def _check_dtype(name: str, out: TensorBase, result: TensorBase, single: bool) -> None:
    given, made = out.array.dtype, result.array.dtype
    if given == made:
        return
    if name in _ANY or (name in _TRUTHS and given == np.uint8):
        return
    if name not in _CONVERTING and not (single and name in ("max", "min")):
        raise RuntimeError(
            f"{name}(): Expected out tensor to have dtype {_word(made).lower()}, but got {_word(given).lower()} instead"
        )
    if dtypes.can_cast(dtypes.from_numpy(made), dtypes.from_numpy(given)):
        return
    kind = TypeError if name in _TYPE_ERRORS else RuntimeError
    raise kind(f"{name}(): result type {_word(made)} can't be cast to the desired output type {_word(given)}")


def _resize(name: str, out: Any, shape: tuple[int, ...]) -> None:
    """Give ``out`` the shape of the result, with PyTorch's warning if it held something."""
    if out.array.shape == shape or (name in _COUNTING and out.array.size == math.prod(shape)):
        return
    if out.array.size and name not in _SILENT:
        warnings.warn(
            f"{name}(): An output with one or more elements was resized since it had shape {list(out.array.shape)}, "
            f"which does not match the required output shape {list(shape)}. This behavior is deprecated, and in a "
            "future PyTorch release outputs will not be resized unless they have zero elements. You can explicitly "
            "reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            UserWarning,
            stacklevel=4,
        )
    out.resize_(*shape)


def into(out: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)`` written into ``out``.

    Args:
        out: a tensor, or a tuple or list of tensors if the function returns several. One of another shape is resized,
            with a warning if it has elements.
        function: computes the result.
        *args: of the function.
        **kwargs: of the function.

    Raises:
        RuntimeError: a tensor requires grad and recording is on; the result's dtype does not fit.
        TypeError: ``out`` is no tensor, or not as many tensors as there are results.
    """
    name = _name(function)
    if mode.enabled and any(edge_of(t) is not None for t in _tensors((out, args, tuple(kwargs.values())))):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    before = mode.enabled
    mode.enabled = False
    try:
        if (name in _BY_DTYPE or name in _MAKING) and isinstance(out, TensorBase) and kwargs.get("dtype") is None:
            kwargs["dtype"] = dtypes.from_numpy(out.array.dtype)
        result = function(*args, **kwargs)
        single = isinstance(result, TensorBase)
        results = [result] if single else list(result)
        outs = [out] if isinstance(out, TensorBase) else list(out) if isinstance(out, (tuple, list)) else None
        if outs is None or single is not isinstance(out, TensorBase) or len(outs) != len(results):
            wanted = "Tensor" if single else f"tuple of {len(results)} Tensors"
            raise TypeError(f"{name}(): argument 'out' must be {wanted}, not {type(out).__name__}")
        for o, r in zip(outs, results, strict=True):
            if not isinstance(o, TensorBase):
                raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(o).__name__}")
            check_inplace(o, name)
            if name in _APART and any(o is t for t in _tensors((args, tuple(kwargs.values())))):
                raise RuntimeError(
                    f"{name}(): unsupported operation: some elements of the input tensor and the written-to tensor "
                    "refer to a single memory location. Please clone() the tensor before performing the operation."
                )
            _check_dtype(function.__name__.removeprefix("special_"), o, r, single)
        for o, r in zip(outs, results, strict=True):
            _resize(function.__name__, o, r.array.shape)
            announce_write(o, r)
            np.copyto(o.array, r.array.reshape(o.array.shape), casting="unsafe")
            o._version_cell[0] += 1
    finally:
        mode.enabled = before
    if single:
        return out
    return type(result)(*outs) if hasattr(result, "_fields") else type(result)(outs)


NAMESPACE["into"] = into
