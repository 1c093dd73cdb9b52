"""Nested data as named arrays and a line of JSON, for formats that know only arrays.

A dictionary of tensors is stored under its own names. What else there is (the nesting of an optimizer's state, its
numbers and texts) goes into the JSON, in which a tensor is represented by its name.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.device import device as Device
from tinygrad_hw.size import Size

__all__ = ["STRUCTURE", "pack", "unpack"]

#: What the JSON is called in the files.
STRUCTURE = "__structure__"
_MAX_DEPTH = 100
_MAX_TEXT = 1 << 26


def pack(obj: Any) -> tuple[dict[str, np.ndarray[Any, Any]], str]:
    """Return the arrays of ``obj`` by name, and the JSON of the rest.

    Raises:
        TypeError: something in ``obj`` cannot be represented; the message says where.

    Example:
        >>> from tinygrad_hw.serialization.structure import pack
        >>> pack({"w": torch.zeros(2), "step": 3})
        ({'w': array([0., 0.], dtype=float32)}, '{"dict": [["w", {"tensor": "w"}], ["step", 3]]}')
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = _encode(obj, (), arrays)
    return arrays, json.dumps(tree)


def _name(path: tuple[Any, ...], arrays: dict[str, Any]) -> str:
    """Return a name for a tensor: its keys, joined by dots; unique, no path, without zero bytes, which end names."""
    stem = ".".join(str(p) for p in path).replace("/", "_").replace("\0", "_") or "tensor"
    name, n = stem, 1
    while name in arrays or name == STRUCTURE:
        n += 1
        name = f"{stem}~{n}"
    return name


def _encode(value: Any, path: tuple[Any, ...], arrays: dict[str, Any]) -> Any:
    if len(path) > _MAX_DEPTH:
        raise RecursionError(f"save: nested more than {_MAX_DEPTH} deep")
    if isinstance(value, TensorBase):
        dtypes.from_numpy(value.array.dtype)
        name = _name(path, arrays)
        arrays[name] = value.array
        return {"tensor": name}
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [_encode(v, (*path, i), arrays) for i, v in enumerate(value)]
    if kind is Size or kind is tuple:
        return {"Size" if kind is Size else "tuple": [_encode(v, (*path, i), arrays) for i, v in enumerate(value)]}
    if kind is dict or kind is OrderedDict:
        pairs = []
        for key, item in value.items():
            if not isinstance(key, (str, int, float, type(None))):
                raise TypeError(f"save: a key of type {type(key).__name__} at {_where(path)}; use text and numbers")
            pairs.append([_encode(key, path, arrays), _encode(item, (*path, key), arrays)])
        return {"dict" if kind is dict else "OrderedDict": pairs}
    if kind is dtypes.dtype:
        return {"dtype": value.name}
    if kind is Device:
        return {"device": str(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"number": [value.dtype.str, value.item()]}
    hint = "; store its state_dict()" if hasattr(value, "state_dict") else "; a .pt file may hold it"
    raise TypeError(f"save: a {kind.__name__} at {_where(path)} cannot be stored in this format{hint}")


def _where(path: tuple[Any, ...]) -> str:
    return "".join(f"[{p!r}]" for p in path) or "the top"


def unpack(arrays: dict[str, np.ndarray[Any, Any]], text: str | None, source: str) -> Any:
    """Return what :func:`pack` took apart; without the JSON, a dictionary of the tensors.

    Args:
        arrays: by name; they become the tensors' memory.
        text: the JSON, or None.
        source: of the data, for messages.

    Raises:
        RuntimeError: the JSON is damaged, or does not fit the arrays.
    """
    if text is None:
        return OrderedDict((name, wrap(array)) for name, array in arrays.items())
    if len(text) > _MAX_TEXT:
        raise RuntimeError(f"{source} is refused: its structure has {len(text):,} characters")
    try:
        return _decode(json.loads(text), arrays)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, RecursionError) as error:
        raise RuntimeError(f"{source} has a damaged structure ({type(error).__name__}: {error})") from error


def _decode(tree: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(tree, list):
        return [_decode(t, arrays) for t in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return wrap(arrays[content])
    if kind in ("dict", "OrderedDict"):
        pairs = ((_decode(k, arrays), _decode(v, arrays)) for k, v in content)
        return dict(pairs) if kind == "dict" else OrderedDict(pairs)
    if kind == "tuple":
        return tuple(_decode(t, arrays) for t in content)
    if kind == "Size":
        return Size(int(n) for n in content)
    if kind == "float":
        return float(content)
    if kind == "dtype":
        return dtypes.by_name()[content]
    if kind == "device":
        return Device(content)
    if kind == "number":
        dtype, value = np.dtype(content[0]), content[1]
        if dtype.kind not in "biuf" or not isinstance(value, (bool, int, float)):
            raise ValueError(f"a number of dtype {dtype}")
        return dtype.type(value)
    raise ValueError(f"an element {kind!r}")
