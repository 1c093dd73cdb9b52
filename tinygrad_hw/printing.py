"""Tensors as text, digit for digit as PyTorch prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_hw import dtypes

__all__ = ["PrintOptions", "format_array", "get_printoptions", "set_printoptions", "tensor_str"]


@dataclass(frozen=True)
class PrintOptions:
    """How tensors are printed; see :func:`set_printoptions` for the fields."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Args:
        precision: digits after the point (default 4).
        threshold: above this many elements the middle is left out (default 1000).
        edgeitems: elements shown at each end of a dimension then (default 3).
        linewidth: characters on a line (default 80).
        profile: ``"default"``, ``"short"`` or ``"full"``; the other arguments override it.
        sci_mode: force or forbid scientific notation; None (default) chooses by the values.

    Raises:
        ValueError: there is no such profile.

    Source: ``torch.set_printoptions``.

    Example:
        >>> torch.set_printoptions(precision=2)
        >>> torch.tensor([1.12345])
        tensor([1.12])
        >>> torch.set_printoptions(profile="default")
    """
    global _options
    options = _options
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be one of {sorted(_PROFILES)}, got {profile!r}")
        options = _PROFILES[profile]
    changes = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    given: dict[str, Any] = {k: v for k, v in changes.items() if v is not None}
    _options = replace(options, **given, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """Return the current print options, as ``set_printoptions(**options)`` takes them.

    Source: ``torch._tensor_str.get_printoptions``.

    Example:
        >>> from tinygrad_hw.printing import get_printoptions
        >>> get_printoptions()["precision"]
        4
    """
    return dict(vars(_options))


class _Format:
    """One format for all shown elements of an array: notation, digits and common width."""

    def __init__(self, shown: Any, options: PrintOptions) -> None:
        self.precision = options.precision
        self.floating = shown.dtype.kind == "f"
        self.integral = True
        self.scientific = False
        self.width = 1
        values = shown.reshape(-1)
        if not self.floating:
            self.width = max((len(str(v)) for v in values.tolist()), default=1)
            return
        wide = values.astype(np.float64)
        finite = wide[np.isfinite(wide) & (wide != 0)]
        if finite.size == 0:
            return
        sizes = np.abs(finite)
        low, high = float(sizes.min()), float(sizes.max())
        self.integral = bool((finite == np.ceil(finite)).all())
        if options.sci_mode is None:
            self.scientific = high / low > 1000 or high > 1e8 or low < 1e-4
        else:
            self.scientific = options.sci_mode
        if self.scientific:
            widths = (len(f"{v:.{self.precision}e}") for v in finite.tolist())
        elif self.integral:
            widths = (len(f"{v:.0f}") + 1 for v in finite.tolist())
        else:
            widths = (len(f"{v:.{self.precision}f}") for v in finite.tolist())
        self.width = max(widths)

    def __call__(self, value: Any) -> str:
        text: str
        if not self.floating:
            text = str(value)
        elif self.scientific:
            text = f"{value:{self.width}.{self.precision}e}"
        elif self.integral:
            text = f"{value:.0f}" + ("." if math.isfinite(value) else "")
        else:
            text = f"{value:.{self.precision}f}"
        return text.rjust(self.width)


class _ComplexFormat:
    """One format for the real parts and one for the imaginary parts of all shown elements."""

    def __init__(self, shown: Any, options: PrintOptions) -> None:
        self.real, self.imag = _Format(shown.real, options), _Format(shown.imag, options)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: Any) -> str:
        real, imag = self.real(value.real), self.imag(value.imag).lstrip() + "j"
        return real + (imag if imag[0] in "+-" else "+" + imag)


def _edges(array: Any, n: int) -> Any:
    """Return what summarising keeps of an array."""
    for axis, size in enumerate(array.shape):
        if size > 2 * n:
            kept = [*range(n), *range(size - n, size)]
            array = np.take(array, kept, axis)
    return array


def _body(array: Any, form: Any, indent: int, short: bool, options: PrintOptions) -> str:
    if array.ndim == 0:
        return form(array.item())
    n = options.edgeitems
    split = short and array.shape[0] > 2 * n
    if array.ndim == 1:
        if short and n == 0:
            pieces = ["..."]
        elif split:
            pieces = [form(v) for v in array[:n].tolist()]
            pieces += [" ...", *(form(v) for v in array[-n:].tolist())]
        else:
            pieces = [form(v) for v in array.tolist()]
        per_line = max(1, (options.linewidth - indent) // (form.width + 2))
        lines = [", ".join(pieces[i : i + per_line]) for i in range(0, len(pieces), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    if split:
        rows: list[Any] = [*array[:n], None, *(array[-n:] if n else ())]
    else:
        rows = list(array)
    pieces = ["..." if r is None else _body(r, form, indent + 1, short, options) for r in rows]
    gap = ",\n" + "\n" * (array.ndim - 2) + " " * (indent + 1)
    return f"[{gap.join(pieces)}]"


def format_array(array: Any, indent: int = 0) -> str:
    """Return the elements of an array as nested brackets.

    Args:
        array: an ndarray of any supported dtype.
        indent: the column at which the text starts, for the lines after the first.

    Example:
        >>> from tinygrad_hw.printing import format_array
        >>> format_array(torch.arange(3).numpy())
        '[0, 1, 2]'
    """
    if array.size == 0:
        return "[]"
    if array.dtype.kind in "VW":
        array = array.astype(dtypes.COMPUTE[array.dtype])
    short = array.size > _options.threshold
    kind = _ComplexFormat if array.dtype.kind == "c" else _Format
    form = kind(_edges(array, _options.edgeitems) if short else array, _options)
    return _body(array, form, indent, short, _options)


#: The complex dtype that goes with a default dtype, which is not printed either.
_COMPLEX = {"float32": "complex64", "float64": "complex128"}


def tensor_str(
    array: Any,
    *,
    default_dtype: str = "float32",
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    type_name: str = "tensor",
    contents: str | None = None,
    tangent: Any = None,
) -> str:
    """Return what PyTorch's ``repr`` of a tensor with these elements says.

    Args:
        array: the elements.
        default_dtype: name of the default floating point dtype, which is not printed.
        requires_grad: whether it is a leaf that requires grad.
        grad_fn_name: name of the node that made it.
        type_name: what stands before the parenthesis; a subclass prints its own name.
        contents: printed in place of the elements.
        tangent: the forward derivative.

    Source: ``torch.Tensor.__repr__``.

    Example:
        >>> from tinygrad_hw.printing import tensor_str
        >>> print(tensor_str(torch.zeros(2, 3).numpy(), requires_grad=True))
        tensor([[0., 0., 0.],
                [0., 0., 0.]], requires_grad=True)
    """
    prefix = type_name + "("
    indent = len(prefix)
    name = array.dtype.name
    suffixes = []
    if array.size == 0:
        if array.ndim != 1:
            suffixes.append(f"size={tuple(array.shape)}")
        # No element shows that a dtype is an integer one, so it is printed.
        if name != default_dtype:
            suffixes.append(f"dtype=torch.{name}")
    else:
        if _options.edgeitems == 0:
            suffixes.append(f"size={tuple(array.shape)}")
        if name not in (default_dtype, "int64", "bool", _COMPLEX.get(default_dtype)):
            suffixes.append(f"dtype=torch.{name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    text = prefix + (format_array(array, indent) if contents is None else contents)
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
