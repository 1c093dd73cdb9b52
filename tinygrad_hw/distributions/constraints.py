"""Constraints: the regions in which parameters and values of distributions are valid.

Each has ``check(value)``, which returns for each event whether it is valid; ``event_dim``, how many of the last
dimensions make up one event; and ``is_discrete``. Names without an underscore are what users write:
``constraints.positive``, ``constraints.interval(0, 2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinygrad_hw import dtypes
from tinygrad_hw.distributions.utils import inherit_docstrings
from tinygrad_hw.ops.comparison import isclose
from tinygrad_hw.ops.creation import full
from tinygrad_hw.ops.decomposition import cholesky as _cholesky
from tinygrad_hw.ops.decomposition import eigvalsh
from tinygrad_hw.ops.joining import cat as _cat_tensors
from tinygrad_hw.ops.joining import stack as _stack_tensors
from tinygrad_hw.ops.linalg import LinAlgError
from tinygrad_hw.tensor import Tensor

__all__ = [
    "Constraint",
    "MixtureSameFamilyConstraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]


class Constraint:
    """A region in which a variable is valid; subclasses define ``check``.

    Attributes:
        is_discrete: whether the region is discrete.
        event_dim: how many of the last dimensions make up one event.

    Source: ``torch.distributions.constraints.Constraint``.

    Example:
        >>> torch.distributions.constraints.positive.check(torch.tensor([1.0, -1.0]))
        tensor([ True, False])
    """

    is_discrete: Any = False
    event_dim: Any = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let overriding members inherit the docstrings of what they override."""
        super().__init_subclass__(**kwargs)
        inherit_docstrings(cls)

    def check(self, value: Any) -> Tensor:
        """Return for each event whether it is valid."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return type(self).__name__[1:] + "()"


class _Dependent(Constraint):
    """A region that depends on other variables; known only on an instance."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    @property
    def is_discrete(self) -> bool:
        """Whether the region is discrete, if that is known without an instance."""
        if self._is_discrete is NotImplemented:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self) -> int:
        """How many dimensions make up an event, if that is known without an instance."""
        if self._event_dim is NotImplemented:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x: Any) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Return whether a constraint is known only on an instance.

    Source: ``torch.distributions.constraints.is_dependent``.

    Example:
        >>> torch.distributions.constraints.is_dependent(torch.distributions.Uniform.support)
        True
    """
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A property that is a constraint on an instance, and a dependent constraint on the class.

    Args:
        fn: the method that returns the constraint.
        is_discrete: what is known of it without an instance.
        event_dim: likewise.

    Source: ``torch.distributions.constraints.dependent_property``.

    Example:
        >>> torch.distributions.Uniform(0.0, 2.0).support.upper_bound
        tensor(2.)
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ) -> None:
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Callable[..., Any]) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def _all_but(result: Tensor, ndims: int, value: Tensor, event_dim: int) -> Tensor:
    """Return whether all of the last ``ndims`` dimensions are valid."""
    if result.ndim < ndims:
        raise ValueError(f"Expected value.dim() >= {event_dim} but got {value.ndim}")
    return result.reshape((*result.shape[: result.ndim - ndims], -1)).all(-1)


class _IndependentConstraint(Constraint):
    """A constraint on each of several entries that together make up one event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint must be a Constraint, got {type(base_constraint).__name__}")
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(
                f"reinterpreted_batch_ndims must be an int and >= 0, got {reinterpreted_batch_ndims!r}"
            )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:
        """Whether the region is discrete."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        """How many dimensions make up an event."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Any) -> Tensor:
        return _all_but(self.base_constraint.check(value), self.reinterpreted_batch_ndims, value, self.event_dim)

    def __repr__(self) -> str:
        return f"{type(self).__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """A value is valid if it is for every component of a mixture.

    Args:
        base_constraint: the components' constraint.

    Source: ``torch.distributions.constraints.MixtureSameFamilyConstraint``.

    Example:
        >>> c = torch.distributions.constraints
        >>> c.MixtureSameFamilyConstraint(c.greater_than(torch.tensor([0.0, 2.0]))).check(torch.tensor([1.0, 3.0]))
        tensor([False,  True])
    """

    def __init__(self, base_constraint: Constraint) -> None:
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(f"base_constraint must be a Constraint, got {type(base_constraint).__name__}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> bool:
        """Whether the region is discrete."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:
        """How many dimensions make up an event."""
        return self.base_constraint.event_dim

    def check(self, value: Any) -> Tensor:
        """Return for each value whether it is valid for every component."""
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        if value.ndim < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        return result.reshape((*result.shape[: value.ndim - self.event_dim], -1)).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"


# -- numbers ----------------------------------------------------------------------------------------


class _Bounded(Constraint):
    """A region given by bounds, which are its attributes and stand in its repr."""

    bounds: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *bounds: Any, **named: Any) -> None:
        given = dict(zip(self.bounds, bounds, strict=False)) | named
        if len(bounds) > len(self.bounds) or set(given) != set(self.bounds):
            raise TypeError(f"{type(self).__name__[1:]} takes the bounds {list(self.bounds)}, but got {list(given)}")
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:  # for type checkers: the bounds are in __dict__
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__[1:]}({', '.join(f'{b}={getattr(self, b)}' for b in self.bounds)})"


class _Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def check(self, value: Any) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    """Vectors of zeros with a single 1."""

    is_discrete = True
    event_dim = 1

    def check(self, value: Any) -> Tensor:
        return boolean.check(value).all(-1) & (value.sum(-1) == 1)


class _IntegerInterval(_Bounded):
    """Integers between two bounds, inclusive."""

    is_discrete = True
    bounds = ("lower_bound", "upper_bound")

    def check(self, value: Any) -> Tensor:
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Bounded):
    """Integers from a bound up."""

    is_discrete = True
    bounds = ("lower_bound",)

    def check(self, value: Any) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Real(Constraint):
    """All numbers, the infinite too; not NaN."""

    def check(self, value: Any) -> Tensor:
        return value == value


class _GreaterThan(_Bounded):
    """Numbers above a bound."""

    bounds = ("lower_bound",)

    def check(self, value: Any) -> Tensor:
        return self.lower_bound < value


class _GreaterThanEq(_Bounded):
    """Numbers from a bound up."""

    bounds = ("lower_bound",)

    def check(self, value: Any) -> Tensor:
        return self.lower_bound <= value


class _LessThan(_Bounded):
    """Numbers below a bound."""

    bounds = ("upper_bound",)

    def check(self, value: Any) -> Tensor:
        return value < self.upper_bound


class _Interval(_Bounded):
    """Numbers between two bounds, inclusive."""

    bounds = ("lower_bound", "upper_bound")

    def check(self, value: Any) -> Tensor:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Bounded):
    """Numbers from one bound to below another."""

    bounds = ("lower_bound", "upper_bound")

    def check(self, value: Any) -> Tensor:
        return (self.lower_bound <= value) & (value < self.upper_bound)


# -- vectors and matrices ---------------------------------------------------------------------------


class _Simplex(Constraint):
    """Vectors of non-negative numbers that sum to 1."""

    event_dim = 1

    def check(self, value: Any) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(_Bounded):
    """Vectors of non-negative numbers whose sum is no larger than a bound."""

    is_discrete = True
    event_dim = 1
    bounds = ("upper_bound",)

    def check(self, x: Any) -> Tensor:
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)

    def __repr__(self) -> str:
        return type(self).__name__[1:] + "()"


class _LowerTriangular(Constraint):
    """Lower triangular square matrices."""

    event_dim = 2

    def check(self, value: Any) -> Tensor:
        return (value.tril() == value).all(-1).all(-1)


class _LowerCholesky(Constraint):
    """Lower triangular square matrices with a positive diagonal."""

    event_dim = 2

    def check(self, value: Any) -> Tensor:
        return lower_triangular.check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(Constraint):
    """Cholesky factors of correlation matrices: the rows have length 1."""

    event_dim = 2

    def check(self, value: Any) -> Tensor:
        tolerance = dtypes.finfo(value.dtype).eps * value.shape[-1] * 10
        length = (value.detach() ** 2).sum(-1).sqrt()
        return lower_cholesky.check(value) & ((length - 1).abs() <= tolerance).all(-1)


class _Square(Constraint):
    """Square matrices."""

    event_dim = 2

    def check(self, value: Any) -> Tensor:
        return full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=dtypes.bool)


class _Symmetric(_Square):
    """Symmetric matrices."""

    def check(self, value: Any) -> Tensor:
        valid = super().check(value)
        return isclose(value, value.mT, atol=1e-6).all(-1).all(-1) if valid.all() else valid


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalues."""

    def check(self, value: Any) -> Tensor:
        valid = super().check(value)
        return (eigvalsh(value) >= 0).all(-1) if valid.all() else valid


def _has_cholesky(matrix: Any) -> bool:
    try:
        _cholesky(matrix)
    except LinAlgError:
        return False
    return True


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices that have a Cholesky factor."""

    def check(self, value: Any) -> Tensor:
        valid = super().check(value)
        if not valid.all():
            return valid
        value = value.detach()
        each = value.reshape(-1, *value.shape[-2:])
        return value.new_tensor([_has_cholesky(m) for m in each], dtype=dtypes.bool).reshape(value.shape[:-2])


# -- several side by side ---------------------------------------------------------------------------


class _Cat(Constraint):
    """One constraint after another along a dimension, for pieces of given lengths."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> None:
        self.cseq = list(cseq)
        if not all(isinstance(c, Constraint) for c in self.cseq):
            raise AssertionError("All elements of cseq must be Constraint instances")
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})")
        self.dim = dim

    @property
    def is_discrete(self) -> bool:
        """Whether the region is discrete in some piece."""
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:
        """How many dimensions make up an event."""
        return max(c.event_dim for c in self.cseq)

    def check(self, value: Any) -> Tensor:
        if not -value.ndim <= self.dim < value.ndim:
            raise AssertionError(f"dim {self.dim} out of range for value with {value.ndim} dimensions")
        pieces = value.split(self.lengths, self.dim)
        return _cat_tensors([c.check(v) for c, v in zip(self.cseq, pieces, strict=True)], self.dim)


class _Stack(Constraint):
    """One constraint for each index of a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq = list(cseq)
        if not all(isinstance(c, Constraint) for c in self.cseq):
            raise AssertionError("All elements of cseq must be Constraint instances")
        self.dim = dim

    @property
    def is_discrete(self) -> bool:
        """Whether the region is discrete at some index."""
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:
        """How many dimensions make up an event."""
        inner = max(c.event_dim for c in self.cseq)
        return inner + 1 if self.dim + inner < 0 else inner

    def check(self, value: Any) -> Tensor:
        if not -value.ndim <= self.dim < value.ndim:
            raise AssertionError(f"dim {self.dim} out of range for value with {value.ndim} dimensions")
        parts = value.unbind(self.dim)
        return _stack_tensors([c.check(v) for c, v in zip(self.cseq, parts, strict=False)], self.dim)


dependent = _Dependent()
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack
