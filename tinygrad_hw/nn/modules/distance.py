"""Distances between vectors."""

from __future__ import annotations

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    r"""The p-norm distance :math:`\|x_1 - x_2 + \epsilon\|_p` of vectors.

    Args:
        p: of the norm.
        eps: :math:`\epsilon`, avoids division by zero in the gradient.
        keepdim: keep the vector dimension with size 1.

    Shape:
        inputs (N, D) or (D,), output (N,) or ().

    Source: ``torch.nn.PairwiseDistance``.

    Example:
        >>> torch.nn.PairwiseDistance()(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    r"""The cosine :math:`x_1 \cdot x_2 / \max(\|x_1\| \|x_2\|, \epsilon)` of the angle between vectors.

    Args:
        dim: the vector dimension.
        eps: :math:`\epsilon`, avoids division by zero.

    Source: ``torch.nn.CosineSimilarity``.

    Example:
        >>> torch.nn.CosineSimilarity(dim=0)(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
        tensor(0.)
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
