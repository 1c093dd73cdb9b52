"""From constraints to transforms: ``biject_to`` is one-to-one, ``transform_to`` good to optimise over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_hw.distributions import constraints, transforms
from tinygrad_hw.distributions.utils import Number

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which transform leads from unconstrained numbers into a constraint; call it with the constraint.

    Source: ``torch.distributions.constraint_registry.ConstraintRegistry``.

    Example:
        >>> d = torch.distributions
        >>> d.transform_to(d.constraints.positive)(torch.zeros(2))
        tensor([1., 1.])
        >>> d.biject_to(d.constraints.simplex)
        StickBreakingTransform()
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Any]] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Register a factory for a class of constraints; a decorator if the factory is left out.

        Args:
            constraint: a subclass of ``Constraint``, or an object of it.
            factory: takes a constraint, returns a transform.

        Raises:
            TypeError: ``constraint`` is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """Return the transform for a constraint.

        Raises:
            NotImplementedError: none is registered for its class.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"Cannot transform {type(constraint).__name__} constraints: none is registered for them"
            )
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()
_BOTH = (biject_to, transform_to)


def _register(registries: Any, *wanted: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def decorate(factory: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for registry in registries:
            for constraint in wanted:
                registry.register(constraint, factory)
        return factory

    return decorate


@_register(_BOTH, constraints.real)
def _to_real(constraint: Any) -> Any:
    return transforms.identity_transform


@_register(_BOTH, constraints.positive, constraints.nonnegative)
def _to_half_line(constraint: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)]
    )


@_register(_BOTH, constraints.less_than)
def _to_less_than(constraint: Any) -> Any:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_register(_BOTH, constraints.interval, constraints.half_open_interval)
def _to_interval(constraint: Any) -> Any:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


@_register((biject_to,), constraints.simplex)
def _biject_to_simplex(constraint: Any) -> Any:
    return transforms.StickBreakingTransform()


@_register((transform_to,), constraints.simplex)
def _transform_to_simplex(constraint: Any) -> Any:
    return transforms.SoftmaxTransform()


@_register((transform_to,), constraints.lower_cholesky)
def _to_lower_cholesky(constraint: Any) -> Any:
    return transforms.LowerCholeskyTransform()


@_register((transform_to,), constraints.positive_definite, constraints.positive_semidefinite)
def _to_positive_definite(constraint: Any) -> Any:
    return transforms.PositiveDefiniteTransform()


@_register(_BOTH, constraints.corr_cholesky)
def _to_corr_cholesky(constraint: Any) -> Any:
    return transforms.CorrCholeskyTransform()


def _of_parts(registry: ConstraintRegistry) -> None:
    """Register the constraints that are made of others."""

    @_register((registry,), constraints.independent)
    def to_independent(constraint: Any) -> Any:
        return transforms.IndependentTransform(
            registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims
        )

    @_register((registry,), constraints.cat)
    def to_cat(constraint: Any) -> Any:
        return transforms.CatTransform([registry(c) for c in constraint.cseq], constraint.dim, constraint.lengths)

    @_register((registry,), constraints.stack)
    def to_stack(constraint: Any) -> Any:
        return transforms.StackTransform([registry(c) for c in constraint.cseq], constraint.dim)


_of_parts(biject_to)
_of_parts(transform_to)
