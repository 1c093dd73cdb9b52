"""``torch.testing.assert_close``: nested values that agree to a tolerance, or an error that says where not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.tensor import Tensor

__all__ = ["assert_allclose", "assert_close"]

#: Relative and absolute tolerance by dtype; other dtypes are compared exactly.
TOLERANCES: dict[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_EXACT = (0.0, 0.0)


class _Options:
    """What :func:`assert_close` was asked for."""

    def __init__(self, rtol: float | None, atol: float | None, **flags: Any) -> None:
        if (rtol is None) != (atol is None):
            raise ValueError(
                "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                f"{'rtol' if rtol is None else 'atol'}."
            )
        self.rtol, self.atol = rtol, atol
        self.equal_nan: bool = flags["equal_nan"]
        self.dtype: bool = flags["check_dtype"]
        self.stride: bool = flags["check_stride"]
        self.subclasses: bool = flags["allow_subclasses"]

    def tolerances(self, *names: str) -> tuple[float, float]:
        """Return the given tolerances, or the larger ones of the dtypes."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [TOLERANCES.get(n, _EXACT) for n in names]
        return max(r for r, _ in pairs), max(a for _, a in pairs)


def _mismatch(message: str, path: tuple[Any, ...], msg: Any) -> AssertionError:
    if path:
        message += "\n\nThe failure occurred for item " + "".join(f"[{p!r}]" for p in path)
    if msg is not None:
        message = msg(message) if callable(msg) else msg
    return AssertionError(message)


def _limits(rtol: float, atol: float) -> tuple[str, str]:
    if rtol == atol == 0:
        return "", ""
    return f" (up to {atol} allowed)", f" (up to {rtol} allowed)"


def _differences(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the absolute and relative differences of two arrays of one dtype."""
    if a.dtype.kind == "b":
        a, b = a.astype(np.int64), b.astype(np.int64)
    if a.dtype.kind in "iu":
        a, b = a.astype(np.int64), b.astype(np.int64)
    with np.errstate(all="ignore"):
        absolute = np.abs(a - b)
        return absolute, absolute / np.abs(b)


def _compare_arrays(a: Any, b: Any, path: tuple[Any, ...], options: _Options, names: Sequence[str], msg: Any) -> None:
    rtol, atol = options.tolerances(*names)
    if a.dtype != b.dtype:
        common = np.result_type(a.dtype, b.dtype)
        a, b = a.astype(common), b.astype(common)
    if a.dtype.kind not in "biufc":  # a dtype that numpy itself does not know, such as bfloat16
        a, b = a.astype(np.float32), b.astype(np.float32)
    with np.errstate(all="ignore"):
        if a.dtype.kind in "biu" and rtol == atol == 0:
            close = a == b
        else:
            close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if close.all():
        return
    absolute, relative = _differences(a, b)
    at_most, relative_at_most = _limits(rtol, atol)
    word = "equal" if rtol == atol == 0 else "close"
    if a.ndim == 0:
        text = (
            f"Scalars are not {word}!\n\nExpected {b.item()} but got {a.item()}.\n"
            f"Absolute difference: {absolute.item()}{at_most}\n"
            f"Relative difference: {relative.item()}{relative_at_most}"
        )
        raise _mismatch(text, path, msg)
    wrong = int(close.size - close.sum())
    # Only elements that are not close are candidates for the greatest difference.
    absolute, relative = np.where(close, 0, absolute), np.where(close, 0, relative)
    i = tuple(int(k) for k in np.unravel_index(np.argmax(absolute), absolute.shape))
    j = tuple(int(k) for k in np.unravel_index(np.argmax(relative), relative.shape))
    raise _mismatch(
        f"Tensor-likes are not {word}!\n\n"
        f"Mismatched elements: {wrong} / {close.size} ({wrong / close.size:.1%})\n"
        f"Greatest absolute difference: {absolute[i].item()} at index {i}{at_most}\n"
        f"Greatest relative difference: {relative[j].item()} at index {j}{relative_at_most}",
        path,
        msg,
    )


def _compare_tensors(a: Tensor, b: Tensor, path: tuple[Any, ...], options: _Options, msg: Any) -> None:
    def attribute(name: str, x: Any, y: Any) -> None:
        if x != y:
            raise _mismatch(f"The values for attribute {name!r} do not match: {x} != {y}.", path, msg)

    attribute("shape", a.shape, b.shape)
    if options.dtype:
        attribute("dtype", a.dtype, b.dtype)
    if options.stride:
        attribute("stride()", a.stride(), b.stride())
    _compare_arrays(a.array, b.array, path, options, (a.dtype.name, b.dtype.name), msg)


def _compare_numbers(a: Any, b: Any, path: tuple[Any, ...], options: _Options, msg: Any) -> None:
    if options.dtype and type(a) is not type(b):
        raise _mismatch(f"The (d)types do not match: {type(a)} != {type(b)}.", path, msg)
    names = {int: "int64", float: "float64", complex: "complex128"}
    _compare_arrays(np.asarray(a), np.asarray(b), path, options, (names[type(a)], names[type(b)]), msg)


def _compare(actual: Any, expected: Any, path: tuple[Any, ...], options: _Options, msg: Any) -> None:
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if actual is None or expected is None:
        if actual is not expected:
            raise _mismatch(f"None mismatch: {actual} is not {expected}", path, msg)
    elif isinstance(actual, (bool, np.bool_)) and isinstance(expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            raise _mismatch(f"Booleans mismatch: {actual} is not {expected}", path, msg)
    elif type(actual) in (int, float, complex) and type(expected) in (int, float, complex):
        _compare_numbers(actual, expected, path, options, msg)
    elif (
        isinstance(actual, (Tensor, np.ndarray)) and related and (options.subclasses or type(actual) is type(expected))
    ):
        pair = [x if isinstance(x, Tensor) else Tensor._wrap(x) for x in (actual, expected)]
        _compare_tensors(pair[0], pair[1], path, options, msg)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        missing = sorted((k for k in expected if k not in actual), key=str)
        extra = sorted((k for k in actual if k not in expected), key=str)
        if missing or extra:
            text = "The keys of the mappings do not match:"
            text += f"\nMissing keys in the actual mapping: {missing}" if missing else ""
            text += f"\nAdditional keys in the actual mapping: {extra}" if extra else ""
            raise _mismatch(text, path, msg)
        for key in actual:
            _compare(actual[key], expected[key], (*path, key), options, msg)
    elif _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise _mismatch(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path, msg)
        for i, (x, y) in enumerate(zip(actual, expected, strict=True)):
            _compare(x, y, (*path, i), options, msg)
    else:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            + ("" if not path else f"\n\nThe failure occurred for item {''.join(f'[{p!r}]' for p in path)}")
        )


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    r"""Raise unless two values are close: :math:`|a - e| \le atol + rtol \cdot |e|` everywhere.

    Args:
        actual: a tensor, a number, an ndarray, or a sequence or mapping of these, nested at will.
        expected: of the same kind.
        allow_subclasses: whether a parameter may be compared with a tensor.
        rtol: relative tolerance; by default 1.3e-6 for float32, 1e-7 for float64 and Python's floats, 1e-3 for float16,
            0 for integers and bools.
        atol: absolute tolerance, given with ``rtol`` or not at all; by default 1e-5, 1e-7, 1e-5 and 0.
        equal_nan: whether two NaN are equal.
        check_device: accepted for PyTorch's sake; all tensors are on the CPU.
        check_dtype: whether the dtypes must be the same; else both are promoted.
        check_layout: accepted for PyTorch's sake; all tensors are strided.
        check_stride: whether the strides must be the same.
        msg: the error's message, or a function of the message that would be given.

    Raises:
        AssertionError: they differ; the message says where and by how much.
        TypeError: values of these types cannot be compared.
        ValueError: only one of the tolerances was given.

    Source: ``torch.testing.assert_close``.

    Example:
        >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-6]))
        >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
        Traceback (most recent call last):
        AssertionError: Tensor-likes are not close!
        ...
    """
    options = _Options(
        rtol,
        atol,
        equal_nan=equal_nan,
        check_dtype=check_dtype,
        check_stride=check_stride,
        allow_subclasses=allow_subclasses,
    )
    _compare(actual, expected, (), options, msg)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """Raise unless two values are close, whatever their dtypes; deprecated in favour of :func:`assert_close`.

    Args:
        actual: a tensor, or what can be made one.
        expected: likewise.
        rtol: relative tolerance.
        atol: absolute tolerance, given with ``rtol`` or not at all.
        equal_nan: whether two NaN are equal.
        msg: the error's message.

    Raises:
        AssertionError: they differ.

    Source: ``torch.testing.assert_allclose``.
    """
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated; use `torch.testing.assert_close()`.",
        FutureWarning,
        stacklevel=2,
    )
    pair = [x if isinstance(x, Tensor) else _as_tensor(x) for x in (actual, expected)]
    if rtol is None and atol is None:
        names = [t.dtype.name for t in pair]
        rtol, atol = (max(TOLERANCES.get(n, _EXACT)[i] for n in names) for i in (0, 1))
    assert_close(pair[0], pair[1], rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def _as_tensor(value: Any) -> Tensor:
    array = np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        array = array.astype(dtypes.get_default_dtype().numpy)
    return Tensor._wrap(array)
