"""Making a batch of samples."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tinygrad_hw import dtypes
from tinygrad_hw.autograd.basics import stack
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.ops.from_data import as_tensor, tensor
from tinygrad_hw.tensor import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

CollateMap = dict[Any, Callable[..., Any]]

_UNKNOWN = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _is_text(array: Any) -> bool:
    """Whether an array holds text or Python objects rather than numbers."""
    return array.dtype.kind in "SUO"


def _like_mapping(original: Any, values: dict[Any, Any]) -> Any:
    """Return ``values`` as a mapping of the original's type where that can be made."""
    try:
        if isinstance(original, MutableMapping):
            # A copy keeps what else the mapping has, such as a default factory.
            twin = copy.copy(original)
            twin.update(values)
            return twin
        return type(original)(values)
    except TypeError:
        return values


def _like_sequence(original: Any, values: list[Any]) -> Any:
    """Return ``values`` as a sequence of the original's type where that can be made."""
    try:
        if isinstance(original, MutableSequence):
            twin = copy.copy(original)
            for i, value in enumerate(values):
                twin[i] = value
            return twin
        return type(original)(values)
    except TypeError:
        return values


def default_convert(data: Any) -> Any:
    """Make tensors of the numpy arrays and numbers inside ``data``; leave everything else as it is.

    What a DataLoader does to a sample if it makes no batches.

    Source: ``torch.utils.data.default_convert``.

    Example:
        >>> import numpy as np
        >>> torch.utils.data.default_convert({"x": np.array([0, 1]), "name": "a"})
        {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, TensorBase):
        return data
    if isinstance(data, np.ndarray):
        return data if type(data) is np.ndarray and _is_text(data) else as_tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, np.str_ | np.bytes_):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        if hasattr(data, "_fields"):
            return type(data)(*(default_convert(d) for d in data))
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Make a batch of a list of samples, by the type of the first one.

    Args:
        batch: the samples.
        collate_fn_map: for types of samples, the function ``f(batch, collate_fn_map=...)`` that
            makes a batch of them. Mappings and sequences are taken apart; their elements are
            batched.

    Raises:
        TypeError: there is no rule for the type.
        RuntimeError: sequences of different lengths.

    Source: ``torch.utils.data._utils.collate.collate``.
    """
    first = batch[0]
    if collate_fn_map is not None:
        rule = collate_fn_map.get(type(first))
        if rule is None:
            rule = next((f for t, f in collate_fn_map.items() if isinstance(first, t)), None)
        if rule is not None:
            return rule(batch, collate_fn_map=collate_fn_map)

    def inner(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {key: inner([d[key] for d in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(inner, _columns(batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size; the sizes are "
                f"{sorted({len(sample) for sample in batch})}"
            )
        columns = [inner(samples) for samples in _columns(batch)]
        return columns if isinstance(first, tuple) else _like_sequence(first, columns)
    raise TypeError(_UNKNOWN.format(type(first)))


def _columns(batch: Iterable[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*batch, strict=False))


def _tensors(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    shapes = {t.array.shape for t in batch}
    if len(shapes) > 1:
        first = batch[0].array.shape
        i, other = next((i, t) for i, t in enumerate(batch) if t.array.shape != first)
        raise RuntimeError(
            f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
            f"{list(other.array.shape)} at entry {i}. Samples of different shapes need a "
            "collate_fn of their own"
        )
    return stack(*batch, dim=0)


def _arrays(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    if _is_text(batch[0]):
        raise TypeError(_UNKNOWN.format(batch[0].dtype))
    return collate([as_tensor(a) for a in batch], collate_fn_map=collate_fn_map)


def _scalars(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    kinds = {s.dtype for s in batch if isinstance(s, np.generic)}
    if len(kinds) == 1:
        return as_tensor(np.array(batch))
    common = functools.reduce(dtypes.promote_types, map(dtypes.from_numpy, kinds))
    return Tensor._wrap(np.array(batch, common.numpy))


def _floats(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return Tensor._wrap(np.array(batch, np.float64))


def _ints(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return tensor(list(batch))


def _unchanged(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


#: The rules of :func:`default_collate`; may be extended in place.
default_collate_fn_map: CollateMap = {
    Tensor: _tensors,
    np.ndarray: _arrays,
    (np.bool_, np.number, np.object_): _scalars,
    float: _floats,
    int: _ints,
    str: _unchanged,
    bytes: _unchanged,
}


def default_collate(batch: Any) -> Any:
    """Make a batch of a list of samples: tensors get a first dimension, containers keep their form.

    Tensors and numpy arrays are stacked, numbers become tensors (Python floats float64, ints
    int64), text stays a list, mappings and sequences are batched element by element. A batch of
    tuples is a list.

    Args:
        batch: the samples.

    Raises:
        TypeError: samples of any other type.
        RuntimeError: samples of different shapes or lengths.

    Source: ``torch.utils.data.default_collate``.

    Example:
        >>> torch.utils.data.default_collate([(0, "a"), (1, "b")])
        [tensor([0, 1]), ('a', 'b')]
        >>> torch.utils.data.default_collate([{"x": 0.5}, {"x": 1.5}])
        {'x': tensor([0.5000, 1.5000], dtype=torch.float64)}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
