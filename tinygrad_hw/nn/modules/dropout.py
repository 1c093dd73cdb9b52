"""Layers that drop elements or channels at random while training."""

from __future__ import annotations

from tinygrad_hw.nn import functional as F
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """The probability, its check and its repr."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    r"""Zero elements with probability p while training, and scale the others by :math:`1 / (1 - p)`.

    In eval mode it is the identity.

    Args:
        p: probability of an element to be zeroed.
        inplace: write the result into the input.

    Raises:
        ValueError: p is not in [0, 1].

    Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors"
    (2012); ``torch.nn.Dropout``.

    Example:
        >>> torch.nn.Dropout(0.2).eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with elements dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Zero whole channels of (N, C, L) or (C, L) with probability p while training; see ``Dropout``.

    Args:
        p: probability of a channel to be zeroed.
        inplace: write the result into the input.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015);
    ``torch.nn.Dropout1d``.

    Example:
        >>> torch.nn.Dropout1d(0.5).eval()(torch.ones(1, 2, 2)).sum()
        tensor(4.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with channels dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Zero whole channels of (N, C, H, W) with probability p while training; see ``Dropout``.

    Args:
        p: probability of a channel to be zeroed.
        inplace: write the result into the input.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015);
    ``torch.nn.Dropout2d``.

    Example:
        >>> torch.nn.Dropout2d(0.5).eval()(torch.ones(1, 2, 2, 2)).sum()
        tensor(8.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with channels dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Zero whole channels of (N, C, D, H, W) with probability p while training; see ``Dropout``.

    Args:
        p: probability of a channel to be zeroed.
        inplace: write the result into the input.

    Source: Tompson et al., "Efficient Object Localization Using Convolutional Networks" (2015);
    ``torch.nn.Dropout3d``.

    Example:
        >>> torch.nn.Dropout3d(0.5).eval()(torch.ones(1, 2, 2, 2, 2)).sum()
        tensor(16.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with channels dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Drop elements so that mean and variance of the input are kept; for networks with ``SELU``.

    Args:
        p: probability of an element to be dropped.
        inplace: write the result into the input.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017); ``torch.nn.AlphaDropout``.

    Example:
        >>> torch.nn.AlphaDropout(0.2).eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with elements dropped."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """Drop whole channels as ``AlphaDropout`` drops elements.

    Args:
        p: probability of a channel to be dropped.
        inplace: write the result into the input.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017); ``torch.nn.FeatureAlphaDropout``.

    Example:
        >>> torch.nn.FeatureAlphaDropout(0.2).eval()(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input`` with channels dropped."""
        return F.feature_alpha_dropout(input, self.p, self.training)
