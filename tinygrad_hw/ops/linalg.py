"""What the functions of matrices share: their error, and the checks of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, array_of

__all__ = [
    "LinAlgError",
]


class LinAlgError(RuntimeError):
    """Raised where a decomposition or a solution does not exist (``torch.linalg.LinAlgError``)."""


def _check_matrix(name: str, a: Any, square: bool) -> None:
    if not isinstance(a, (TensorBase, np.ndarray)):
        raise TypeError(f"linalg.{name}(): argument 'A' must be Tensor, not {type(a).__name__}")
    if a.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions, got shape {list(a.shape)}"
        )
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    dtype = array_of(a).dtype
    if dtype.kind not in "fV" or dtype.itemsize == 2:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point tensor of single or double precision, got "
            f"{dtypes.from_numpy(dtype)}. Convert it with .float() or .double()"
        )


def _eye(g: Any, n: int) -> Any:
    return np.eye(n, dtype=array_of(g).dtype)


def _numpy(name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call numpy and raise its errors as PyTorch's."""
    try:
        return function(*args, **kwargs)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.{name}: {error}") from None


def _singular(name: str, a: Any) -> LinAlgError:
    return LinAlgError(
        f"linalg.{name}: The solver failed because the input matrix is singular (shape {list(a.shape)}). Use "
        "linalg.pinv or linalg.lstsq, or add a small multiple of the identity"
    )
