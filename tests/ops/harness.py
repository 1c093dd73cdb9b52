"""One table drives all op tests: what a case is, and how its inputs are made.

A case names a public function by its path below the package (``"mul"``, ``"nn.functional.gelu"``,
``"Tensor.masked_fill"``); the same path names PyTorch's function for the parity test. Which registered ops
a case covers is found by tracing its run, so that an op that no case reaches fails the suite.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinygrad_hw

#: The dtypes of arguments that follow the dtype under test.
FOLLOWING = ("float", "complex")


@dataclass(frozen=True)
class T:
    """A tensor argument: ``T(3, 4)`` has shape (3, 4).

    Args:
        shape: sizes.
        low, high: range of the uniform values.
        dtype: ``"float"`` follows the dtype under test, ``"complex"`` is complex of its precision; ``"int64"``,
            ``"bool"``, ... are fixed.
        grad: whether it requires grad (floating point and complex only).
        make: ``make(rng, shape) -> array`` for values of another kind (``distinct``, ``spd``).
        away: keep this distance from the points in ``kinks``.
        kinks: points at which the function is not differentiable.
    """

    shape: tuple[int, ...]
    low: float
    high: float
    dtype: str
    grad: bool
    make: Callable[..., Any] | None
    kinks: tuple[float, ...]
    away: float

    def __init__(
        self,
        *shape: int,
        low: float = -2.0,
        high: float = 2.0,
        dtype: str = "float",
        grad: bool = True,
        make: Callable[..., Any] | None = None,
        kinks: Sequence[float] = (),
        away: float = 0.1,
    ) -> None:
        for name, value in (
            ("shape", tuple(shape)),
            ("low", low),
            ("high", high),
            ("dtype", dtype),
            ("grad", grad and dtype in FOLLOWING),
            ("make", make),
            ("kinks", tuple(kinks)),
            ("away", away),
        ):
            object.__setattr__(self, name, value)

    def array(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        """Return fresh values; float arguments get ``dtype``."""
        if self.make is not None:
            values = np.asarray(self.make(rng, self.shape))
        elif self.dtype == "bool":
            values = rng.random(self.shape) < 0.5
        elif self.dtype == "complex":
            values = rng.uniform(self.low, self.high, self.shape) + 1j * rng.uniform(self.low, self.high, self.shape)
        elif self.dtype != "float":
            values = rng.integers(int(self.low), int(self.high), self.shape)
        else:
            values = rng.uniform(self.low, self.high, self.shape)
            for kink in self.kinks:
                close = np.abs(values - kink) < self.away
                values = np.where(close, kink + np.where(values >= kink, 1, -1) * self.away * 1.5, values)
        if self.dtype == "complex":
            dtype = {"float32": "complex64", "float64": "complex128"}[dtype]
        return np.array(values, dtype=dtype if self.dtype in FOLLOWING else self.dtype)


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values at least 0.1 apart, in random order: for max, sort, median."""
    n = int(np.prod(shape))
    return (rng.permutation(n) * 0.1 - n * 0.05 + 0.03).reshape(shape)


def spd(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Symmetric positive definite matrices with well separated eigenvalues."""
    a = rng.standard_normal(shape)
    q, _ = np.linalg.qr(a)
    return q @ (np.arange(1, shape[-1] + 1)[:, None] * np.swapaxes(q, -1, -2))


def well_conditioned(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Matrices with singular values between 1 and 2, distinct."""
    m, n = shape[-2:]
    k = min(m, n)
    u, _ = np.linalg.qr(rng.standard_normal((*shape[:-2], m, k)))
    v, _ = np.linalg.qr(rng.standard_normal((*shape[:-2], n, k)))
    return (u * np.linspace(1, 2, k)) @ np.swapaxes(v, -1, -2)


@dataclass
class OpCase:
    """One way of calling one public function.

    Args:
        path: where the function is, in this package and in PyTorch.
        args: positional arguments; ``T`` stands for a tensor, in lists and tuples too.
        kw: keyword arguments, likewise.
        reference: the same on float64 numpy arrays; None where PyTorch is the only reference.
        orders: how many times the function is differentiable for the tests (0, 1 or 2).
        errors: ``(args, kw, exception type)`` calls that must raise that type, here and in PyTorch.
        rtol, atol: tolerance of the value in float64; float32 gets its own.
        parity: whether to compare with PyTorch.
        label: told apart in test ids.
        select: which of several outputs to test, as a function of the result.
        raw_exact: whether first-order gradients are bitwise the same in array and tensor mode; fused
            rules are compared with a tolerance.
        seeded: seed both generators before the call (random functions).
        prepare: applied to the list of tensors before the call, here and in PyTorch (to make a matrix
            symmetric whatever its perturbation).
    """

    path: str
    args: tuple[Any, ...] = ()
    kw: dict[str, Any] = field(default_factory=dict)
    reference: Callable[..., Any] | None = None
    orders: int = 2
    errors: Sequence[tuple[tuple[Any, ...], dict[str, Any], type[Exception]]] = ()
    rtol: float = 1e-9
    atol: float = 1e-11
    float32_tolerance: float = 2e-5
    parity: bool = True
    label: str = ""
    select: Callable[[Any], Any] | None = None
    seeded: bool = False
    prepare: Callable[[list[Any]], list[Any]] | None = None

    @property
    def id(self) -> str:
        shapes = "x".join(",".join(map(str, a.shape)) or "0d" for a in flatten_specs((self.args, self.kw)))
        return f"{self.path}[{self.label or shapes}]"


def flatten_specs(value: Any) -> list[T]:
    """Return the tensor arguments inside nested lists, tuples and dicts, in order."""
    if isinstance(value, T):
        return [value]
    if isinstance(value, dict):
        return [s for v in value.values() for s in flatten_specs(v)]
    if isinstance(value, (list, tuple)):
        return [s for v in value for s in flatten_specs(v)]
    return []


def substitute(value: Any, tensors: Any) -> Any:
    """Replace each ``T`` by the next of ``tensors`` (an iterator)."""
    if isinstance(value, T):
        return next(tensors)
    if isinstance(value, dict):
        return {k: substitute(v, tensors) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(substitute(v, tensors) for v in value)
    return value


def resolve(root: Any, path: str) -> Callable[..., Any]:
    """Return the function at a dotted path below a module."""
    return functools.reduce(getattr, path.split("."), root)


def to_torch_dtype(value: Any, torch: Any) -> Any:
    """Translate our dtypes among a case's arguments to PyTorch's."""
    if isinstance(value, tinygrad_hw.dtypes.dtype):
        return getattr(torch, value.name)
    if isinstance(value, dict):
        return {k: to_torch_dtype(v, torch) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(to_torch_dtype(v, torch) for v in value)
    return value


def float_outputs(result: Any) -> list[Any]:
    """Return the floating point and complex tensors of a result, in order."""
    if hasattr(result, "dtype") and hasattr(result, "requires_grad"):
        return [result] if result.dtype.is_floating_point or result.dtype.is_complex else []
    if isinstance(result, (list, tuple)):
        return [t for r in result for t in float_outputs(r)]
    return []


def all_outputs(result: Any) -> list[Any]:
    """Return every tensor or number of a result, in order."""
    if isinstance(result, (list, tuple)) and not hasattr(result, "numel"):
        return [t for r in result for t in all_outputs(r)]
    return [result]
