"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.registry import typename
from tinygrad_hw.ops.joining import cat
from tinygrad_hw.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements of several tensors, one after the other; gradients flow back to them.

    Args:
        parameters: tensors of any shape.

    Returns:
        (total number of elements,).

    Source: ``torch.nn.utils.parameters_to_vector``.

    Example:
        >>> torch.nn.utils.parameters_to_vector([torch.ones(2), torch.zeros(1, 2)])
        tensor([1., 1., 0., 0.])
    """
    return cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make consecutive pieces of a vector the data of several tensors, which then share its memory.

    Args:
        vec: (at least the total number of elements,).
        parameters: the tensors, whose shapes stay.

    Raises:
        TypeError: ``vec`` is no tensor.
        RuntimeError: the vector is too short.

    Source: ``torch.nn.utils.vector_to_parameters``.

    Example:
        >>> w = torch.zeros(1, 2)
        >>> torch.nn.utils.vector_to_parameters(torch.tensor([3.0, 4.0]), [w])
        >>> w
        tensor([[3., 4.]])
    """
    if not isinstance(vec, TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    vector: Any = vec
    start = 0
    for parameter in parameters:
        piece = vector.array[start : start + parameter.numel()]
        if piece.size != parameter.numel():
            raise RuntimeError(
                f"vector_to_parameters: shape {list(parameter.shape)} is invalid for the "
                f"{piece.size} elements that are left of a vector of {vector.array.size}"
            )
        parameter.data = Tensor._wrap(piece.reshape(parameter.shape))
        start += piece.size
