"""Short forms for tables of many small cases."""

from __future__ import annotations

from typing import Any

from tests.ops.harness import OpCase, T, flatten_specs

INT = {"dtype": "int64", "low": -5, "high": 5}


def word(value: Any) -> str:
    if isinstance(value, T):
        return f"{value.dtype[0]}{list(value.shape)}".replace(" ", "")
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(map(word, value)) + ")"
    return str(value)


def C(path: str, *args: Any, orders: int | None = None, errors: Any = (), **kw: Any) -> OpCase:
    """A case labelled by its arguments; not differentiable if it has no float tensor."""
    if orders is None:
        orders = 2 if any(s.grad for s in flatten_specs((args, kw))) else 0
    label = "|".join([*map(word, args), *(f"{k}={word(v)}" for k, v in kw.items())])
    return OpCase(path, args, kw, orders=orders, errors=errors, label=label)


def E(kind: type[Exception], *args: Any, **kw: Any) -> tuple[Any, Any, Any]:
    return args, kw, kind
