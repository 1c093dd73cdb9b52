"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.distributions import constraints
from tinygrad_hw.distributions.gamma import Gamma
from tinygrad_hw.tensor import Tensor

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The chi-squared distribution, of the sum of ``df`` squared standard normal variables.

    Args:
        df: the degrees of freedom, positive.
        validate_args: check arguments; see ``Distribution``.

    Source: ``torch.distributions.Chi2``.

    Example:
        >>> m = torch.distributions.Chi2(torch.tensor(4.0))
        >>> m.mean, m.variance
        (tensor(4.), tensor(8.))
    """

    arg_constraints: Any = {"df": constraints.positive}
    _batched = {"concentration": 0, "rate": 0}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
