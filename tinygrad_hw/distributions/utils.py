"""Small tools of the distributions: broadcasting parameters, probabilities and logits, lazy properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, Generic, TypeVar, overload

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.grad_mode import enable_grad
from tinygrad_hw.ops.broadcasting import broadcast_tensors
from tinygrad_hw.ops.from_data import tensor
from tinygrad_hw.ops.random import randn
from tinygrad_hw.ops.ranges import arange
from tinygrad_hw.tensor import Tensor

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060
Number = (bool, int, float)

R = TypeVar("R")


def inherit_docstrings(cls: type) -> None:
    """Give the methods and properties of a class that have no docstring that of what they override."""
    for name, member in vars(cls).items():
        if hasattr(member, "__get__") and not name.startswith("_") and not member.__doc__:
            above = next((vars(c)[name] for c in cls.__mro__[1:] if name in vars(c)), None)
            if getattr(above, "__doc__", None):
                member.__doc__ = above.__doc__


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Return tensors of one shape; numbers take the dtype of the first tensor.

    Args:
        *values: tensors and numbers.

    Raises:
        ValueError: something is neither.

    Source: ``torch.distributions.utils.broadcast_all``.

    Example:
        >>> torch.distributions.utils.broadcast_all(1.0, torch.zeros(2))
        (tensor([1., 1.]), tensor([0., 0.]))
    """
    for v in values:
        if not isinstance(v, (Tensor, *Number)):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                f"__torch_function__, but found {type(v).__name__}: make it a tensor"
            )
    dtype = next((v.dtype for v in values if isinstance(v, Tensor)), dtypes.get_default_dtype())
    return broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values))


def exactly_one(probs: Any, logits: Any) -> None:
    """Raise ValueError unless one of the two is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def standard_normal(shape: Sequence[int], dtype: Any) -> Tensor:
    """Return standard normal numbers."""
    return randn(tuple(shape), dtype=dtype)


def sum_rightmost(value: Any, dim: int) -> Any:
    """Return ``value`` summed over its last ``dim`` dimensions."""
    if dim == 0:
        return value
    return value.reshape((*value.shape[: value.ndim - dim], -1)).sum(-1)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Return the probabilities of logits.

    Args:
        logits: log odds if binary, else log probabilities up to a constant along the last dimension.
        is_binary: which of the two.

    Source: ``torch.distributions.utils.logits_to_probs``.

    Example:
        >>> torch.distributions.utils.logits_to_probs(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Return ``probs`` limited to [eps, 1 - eps] of their dtype.

    Source: ``torch.distributions.utils.clamp_probs``.

    Example:
        >>> torch.distributions.utils.clamp_probs(torch.tensor([0.0, 0.5]))
        tensor([1.1921e-07, 5.0000e-01])
    """
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Return the log odds (binary) or the logarithms of probabilities.

    Args:
        probs: in [0, 1]; limited to what has finite logits.
        is_binary: which of the two.

    Source: ``torch.distributions.utils.probs_to_logits``.

    Example:
        >>> torch.distributions.utils.probs_to_logits(torch.tensor([0.5]), is_binary=True)
        tensor([0.])
    """
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


class lazy_property(Generic[R]):
    """A property that is computed at its first use and kept; gradients are recorded whatever the grad mode.

    Args:
        wrapped: the method that computes it.

    Source: ``torch.distributions.utils.lazy_property``.

    Example:
        >>> class Ball:
        ...     @torch.distributions.utils.lazy_property
        ...     def size(self):
        ...         print("measured")
        ...         return 3
        >>> ball = Ball()
        >>> ball.size, ball.size
        measured
        (3, 3)
    """

    def __init__(self, wrapped: Callable[[Any], R]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, obj_type: Any = None) -> lazy_property[R]: ...

    @overload
    def __get__(self, instance: Any, obj_type: Any = None) -> R: ...

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        # An attribute of the instance comes before this, which has no __set__.
        setattr(instance, self.wrapped.__name__, value)
        return value


def _below_diagonal(n: int, diag: int) -> Tensor:
    """Return which entries of an n x n matrix are on diagonal ``diag`` or below."""
    steps = arange(n)
    return steps < steps.reshape(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """Return the lower triangle of a matrix as a vector, row by row.

    Args:
        mat: (..., n, n).
        diag: the highest diagonal that is taken.

    Raises:
        ValueError: there is no such diagonal.

    Source: ``torch.distributions.utils.tril_matrix_to_vec``.

    Example:
        >>> torch.distributions.utils.tril_matrix_to_vec(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
        tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _below_diagonal(n, diag)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Return the lower triangular matrix whose entries, row by row, are given.

    Args:
        vec: (..., k).
        diag: the highest diagonal that is filled.

    Raises:
        ValueError: k entries don't fill a triangle.

    Source: ``torch.distributions.utils.vec_to_tril_matrix``.

    Example:
        >>> torch.distributions.utils.vec_to_tril_matrix(torch.tensor([1.0, 2.0, 3.0]))
        tensor([[1., 0.],
                [2., 3.]])
    """
    k = vec.shape[-1]
    # n rows hold n (n + 1) / 2 + n diag entries, less (or more) a corner of |diag| (|diag| + 1) / 2.
    size = (((1 + 2 * diag) ** 2 + 8 * k + 4 * abs(diag) * (diag + 1)) ** 0.5 - (1 + 2 * diag)) / 2
    n = round(size)
    if abs(n - size) > 1e-9:
        raise ValueError(
            f"The size of last dimension is {k} which cannot be expressed as the lower triangular part of a square "
            "D x D matrix."
        )
    mat = vec.new_zeros((*vec.shape[:-1], n, n))
    mat[..., _below_diagonal(n, diag)] = vec
    return mat
