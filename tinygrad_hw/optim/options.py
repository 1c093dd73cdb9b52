"""The options of optimizers: numbers or 1-element tensors, and which values are refused."""

from __future__ import annotations

from typing import Any

from tinygrad_hw.tensor import Tensor

__all__ = [
    "LATER_OPTIONS",
    "as_number",
    "check_at_least_zero",
    "check_betas",
    "check_lr",
    "check_nonnegative",
    "check_one_element",
    "check_options",
]

#: Options that nearly all optimizers were given in later versions, with what holds for a state saved before that.
LATER_OPTIONS: dict[str, Any] = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}


def as_number(value: Any) -> Any:
    """Return a 1-element tensor as a numpy scalar of its dtype; pass numbers through."""
    return value.array.reshape(())[()] if isinstance(value, Tensor) else value


def check_options(**options: Any) -> None:
    """Refuse values outside an option's range, in the order given: ``lr``, ``betas``, others not negative."""
    for name, value in options.items():
        if name == "lr":
            check_lr(value)
        elif name == "betas":
            check_betas(value)
        else:
            check_nonnegative(value, "epsilon value" if name == "eps" else f"{name} value")


def check_lr(lr: Any) -> None:
    """Refuse a negative learning rate or a tensor of several elements."""
    check_one_element(lr)
    check_nonnegative(lr, "learning rate")


def check_nonnegative(value: Any, what: str) -> None:
    """Refuse a negative (or NaN) hyper-parameter."""
    if not as_number(value) >= 0.0:
        raise ValueError(f"Invalid {what}: {value}")


def check_betas(betas: Any) -> None:
    """Refuse averaging coefficients outside [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= as_number(betas[i]) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_at_least_zero(value: Any, what: str) -> None:
    """Refuse what :func:`check_nonnegative` refuses, in the words of Muon and Adafactor."""
    if not value >= 0.0:
        raise ValueError(f"{what} should be >= 0 but is: {value}")


def check_one_element(lr: Any) -> None:
    """Refuse a learning rate that is a tensor of several elements."""
    if isinstance(lr, Tensor) and lr.array.size != 1:
        raise ValueError("Tensor lr must be 1-element")
