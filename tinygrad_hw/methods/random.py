"""Methods of Tensor: filling with random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_hw.autograd.complex import check_real
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.kernels import random as kernels
from tinygrad_hw.ops import random
from tinygrad_hw.ops.random import fill_inplace

if TYPE_CHECKING:
    from tinygrad_hw.tensor import Tensor

__all__ = ["RandomMethods"]


class RandomMethods(TensorBase):
    """Mixin of Tensor; see the package's docstring. ``generator`` is a stream, the default one if None."""

    __slots__ = ()

    def uniform_(self, from_: float = 0, to: float = 1, *, generator: Any = None, **kwargs: Any) -> Tensor:
        """Fill with uniform numbers in [from, to); ``from`` may be given by that name."""
        low = kwargs.pop("from", from_)
        if kwargs:
            raise TypeError(f"uniform_() got an unexpected keyword argument {next(iter(kwargs))!r}")
        return fill_inplace("uniform_", self, lambda a: kernels.uniform_(a, low, to, generator))

    def normal_(self, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
        """Fill with normal numbers of the given mean and standard deviation."""
        return fill_inplace("normal_", self, lambda a: kernels.normal_(a, mean, std, generator))

    def random_(
        self,
        from_: int | None = None,
        to: int | None = None,
        *,
        generator: Any = None,
        **kwargs: Any,
    ) -> Tensor:
        """Fill with uniform integers from ``from`` to ``to - 1``; by default all that the dtype holds exactly.

        ``random_(to)`` starts from 0.
        """
        if from_ is not None and to is None:
            from_, to = 0, from_
        low = kwargs.pop("from", from_)
        if kwargs:
            raise TypeError(f"random_() got an unexpected keyword argument {next(iter(kwargs))!r}")
        return fill_inplace("random_", self, lambda a: kernels.random_(a, low, to, generator))

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Fill with ones with chance ``p`` (a number or a tensor of chances), else zeros."""
        chances = p.array if isinstance(p, TensorBase) else p
        return fill_inplace("bernoulli_", self, lambda a: kernels.bernoulli_(a, chances, generator))

    def bernoulli(self, p: float | None = None, *, generator: Any = None) -> Tensor:
        """Return ones with the chances in this tensor (or ``p``); see ``torch.bernoulli``."""
        return random.bernoulli(self, p, generator=generator)

    def exponential_(self, lambd: float = 1, *, generator: Any = None) -> Tensor:
        """Fill with exponential numbers of rate ``lambd``."""
        return fill_inplace("exponential_", self, lambda a: kernels.exponential_(a, lambd, generator))

    def geometric_(self, p: float, *, generator: Any = None) -> Tensor:
        """Fill with the number of trials up to the first success, of chance ``p`` each."""
        check_real("geometric_", self)
        return fill_inplace("geometric_", self, lambda a: kernels.geometric_(a, p, generator))

    def cauchy_(self, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
        """Fill with Cauchy numbers."""
        return fill_inplace("cauchy_", self, lambda a: kernels.cauchy_(a, median, sigma, generator))

    def log_normal_(self, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
        """Fill with numbers whose logarithms are normal."""
        return fill_inplace("log_normal_", self, lambda a: kernels.log_normal_(a, mean, std, generator))

    def multinomial(self, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
        """Return indices drawn with these weights; see ``torch.multinomial``."""
        return random.multinomial(self, num_samples, replacement, generator=generator)
