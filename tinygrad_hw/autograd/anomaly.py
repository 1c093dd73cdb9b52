"""Finding the operation that made a NaN or an Inf."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_hw.autograd import tracer
from tinygrad_hw.autograd.graph import Node, TensorBase
from tinygrad_hw.autograd.tracer import add_tracer, remove_tracer

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]

#: Read by the engine; True inside ``detect_anomaly``.
enabled = False
_check = True


def is_anomaly_enabled() -> bool:
    """Return whether anomaly detection is on.

    Example:
        >>> torch.is_anomaly_enabled()
        False
    """
    return enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Return whether anomaly detection, once on, raises for NaN.

    Example:
        >>> torch.is_anomaly_check_nan_enabled()
        True
    """
    return _check


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch anomaly detection on or off; see ``torch.autograd.set_detect_anomaly``.

    Args:
        mode: True to switch it on.
        check_nan: whether to raise for NaN gradients (default True).

    Example:
        >>> torch.set_anomaly_enabled(False)
    """
    global enabled, _check
    enabled, _check = mode, check_nan
    _trace(mode)


def _tracer(op: Any, args: tuple[Any, ...], params: dict[str, Any], apply: Any) -> Any:
    """Apply an op, remember where it was called, and look at what it computed."""
    result = apply(op, args, params)
    stack = traceback.extract_stack()[:-1]
    stack = traceback.StackSummary.from_list(
        [f for f in stack if "tinygrad_hw op" not in f.filename and f.filename != tracer.__file__]
    )
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    for t in outputs:
        if not isinstance(t, TensorBase):
            continue
        if t._node is not None:
            t._node.metadata["traceback"] = stack
            if t._node.op.name == "select_output":
                t._node.parents[0].metadata["traceback"] = stack
        if _check and _bad(t.array):
            inputs = [a.array for a in args if isinstance(a, TensorBase)]
            if not any(_bad(a) for a in inputs):
                raise RuntimeError(
                    f"Function {op.name!r} returned {_bad(t.array)} values in its output (shape "
                    f"{list(t.array.shape)}) from finite inputs. It was called at:\n" + "".join(stack.format())
                )
    return result


def _trace(on: bool) -> None:
    (add_tracer if on else remove_tracer)(_tracer)


def _bad(array: Any) -> str:
    """Return ``"nan"``, ``"inf"`` or, for a finite array, ``""``."""
    if array.dtype.kind not in "fcVW" or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"


def check_gradients(node: Node, grads: Sequence[Any]) -> None:
    """Raise if a node's rule gave a NaN; called by the engine while anomaly detection is on."""
    if not _check:
        return
    for i, g in enumerate(grads):
        array = g.array if isinstance(g, TensorBase) else g
        if array is not None and np.asarray(array).dtype.kind in "fcVW" and np.isnan(array).any():
            stack = node.metadata.get("traceback")
            where = (
                "It was recorded at:\n" + "".join(stack.format())
                if stack is not None
                else "It was recorded before anomaly detection was on; put the forward pass inside "
                "detect_anomaly() to see where."
            )
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output. {where}")


class set_detect_anomaly:
    """Switch anomaly detection on or off, at once or for a block.

    Args:
        mode: True to switch it on.
        check_nan: whether to raise for NaN gradients (default True), or only remember call places.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        global enabled, _check
        self._before = (enabled, _check)
        enabled, _check = mode, check_nan
        _trace(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        global enabled, _check
        enabled, _check = self._before
        _trace(enabled)


class detect_anomaly:
    """Find the operation that first made a NaN or Inf.

    Inside the block every operation remembers the line that called it. An operation that turns finite
    inputs into NaN or Inf raises at once; a gradient rule that gives a NaN raises in ``backward`` and shows
    the line of the forward call. Slow: for debugging only.

    Args:
        check_nan: whether to raise (default True), or only remember call places.

    Source: ``torch.autograd.detect_anomaly``; the forward check goes beyond PyTorch's.

    Example:
        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> with torch.autograd.detect_anomaly():
        ...     y = x.sqrt() * 0
        ...     y.sum().backward()
        Traceback (most recent call last):
        RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
            "enabled for debugging.",
            stacklevel=2,
        )
        self._mode = set_detect_anomaly(True, self._check_nan)

    def __exit__(self, *exc: object) -> None:
        self._mode.__exit__(*exc)
