"""The random streams that a training draws from: finding them, and saving and setting their states."""

from __future__ import annotations

import random
import types
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.kernels.generator import Generator, default_generator
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor

__all__ = ["check_states", "find_streams", "restore_streams", "same_state", "save_streams"]

_NUMPY_LEGACY = np.random.mtrand._rand

#: The streams that everything may draw from.
GLOBAL = {"default": default_generator, "python": random, "numpy": _NUMPY_LEGACY}

#: Objects deeper in a loader than this, and containers longer than this, are not looked into.
_MAX_DEPTH, _MAX_ITEMS = 8, 64
_LEAVES: tuple[type, ...] = (TensorBase, np.ndarray, np.generic, str, bytes, int, float, type(None), type)
_LEAVES += (Iterator, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)
#: Libraries whose objects are not looked into: they hold what belongs to the process, not to the training.
_FOREIGN = {"multiprocessing", "threading", "concurrent", "queue", "logging", "weakref", "h5py", "io", "_io"}


def find_streams(**roots: Any) -> dict[str, Any]:
    """Return the global streams, and those that objects hold in their attributes, by name.

    Found are this package's generators, numpy's (``Generator``, ``RandomState``) and ``random.Random``: of a loader,
    its samplers, its dataset and the transforms of that. The names are paths, as
    ``"train.dataset.transform.generator"``, and the same in every process that makes its objects the same way.

    Args:
        **roots: the objects to look into, by the name that the paths begin with; of a model, all its modules.

    Example:
        >>> from tinygrad_hw.utils.data.streams import find_streams
        >>> loader = torch.utils.data.DataLoader([1, 2], shuffle=True, generator=torch.Generator())
        >>> list(find_streams(train=loader))
        ['default', 'python', 'numpy', 'train.generator']
    """
    found: dict[str, Any] = dict(GLOBAL)
    seen = {id(s): s for s in found.values()}
    level = [(name, value) for name, value in roots.items() if value is not None]
    for _ in range(_MAX_DEPTH):
        below = []
        for path, value in level:
            if id(value) in seen or isinstance(value, _LEAVES):
                continue
            if type(value).__module__.split(".")[0] in _FOREIGN:
                continue
            seen[id(value)] = value  # held, so that no other object takes its id
            if _is_stream(value):
                found[path] = value
            else:
                below += [(f"{path}.{name}", part) for name, part in _parts(value)]
        level = below
    return found


def _is_stream(value: Any) -> bool:
    return isinstance(value, (Generator, np.random.Generator, np.random.RandomState, random.Random))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object holds: items of small containers, attributes of others."""
    if isinstance(value, Module):
        for name, module in value.named_modules():
            for attribute, part in vars(module).items():
                if _is_stream(part):
                    yield f"{name}.{attribute}", part
    elif isinstance(value, Mapping):
        if len(value) <= _MAX_ITEMS:
            yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, (list, tuple)):
        if len(value) <= _MAX_ITEMS:
            yield from ((str(i), part) for i, part in enumerate(value))
    else:
        # By name: attributes may have been set in another order in another run.
        names = getattr(value, "__dict__", None)
        if isinstance(names, dict):
            for name in sorted(names):
                yield name, names[name]


def _state(stream: Any) -> Any:
    """Return the state of a stream as plain data with tensors."""
    if isinstance(stream, Generator):
        state = stream.get_state()
        return Tensor._wrap(np.array(state.array if isinstance(state, TensorBase) else state))
    if isinstance(stream, np.random.Generator):
        return _pack(stream.bit_generator.state)
    if isinstance(stream, np.random.RandomState):
        return _pack(stream.get_state(legacy=False))
    version, words, gauss = stream.getstate()
    return {"version": version, "words": _pack(np.array(words, np.uint32)), "gauss": gauss}


def _set_state(stream: Any, state: Any) -> None:
    if isinstance(stream, Generator):
        # The class of the floor below takes an array, whatever shows tensors above it.
        Generator.set_state(stream, state.array)
    elif isinstance(stream, np.random.Generator):
        stream.bit_generator.state = _unpack(state)
    elif isinstance(stream, np.random.RandomState):
        stream.set_state(_unpack(state))
    else:
        words = tuple(int(w) for w in _unpack(state["words"]))
        stream.setstate((state["version"], words, state["gauss"]))


def _pack(value: Any) -> Any:
    """Return nested data with arrays as tensors of their bytes: there are no tensors of unsigned 32-bit numbers."""
    if isinstance(value, Mapping):
        return {key: _pack(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "bytes": Tensor._wrap(np.frombuffer(value.tobytes(), np.uint8).copy())}
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"dtype", "bytes"}:
            return np.frombuffer(value["bytes"].array.tobytes(), np.dtype(value["dtype"]))
        return {key: _unpack(part) for key, part in value.items()}
    return value


def save_streams(streams: Mapping[str, Any]) -> dict[str, Any]:
    """Return the states of streams, by name, as copies."""
    return {name: _state(stream) for name, stream in streams.items()}


def check_states(states: Any) -> None:
    """Raise a ValueError or TypeError for what are no states, as :func:`save_streams` returns them."""
    spare = {"default": Generator(), "python": random.Random(), "numpy": np.random.RandomState(0)}
    if not isinstance(states, Mapping) or not spare.keys() <= states.keys():
        raise TypeError("the states of the random streams are missing")
    try:
        restore_streams(spare, {name: states[name] for name in spare})
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"a damaged state of a random stream: {error}") from error


def same_state(a: Any, b: Any) -> bool:
    """Return whether two saved states are equal."""
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same_state(part, b[key]) for key, part in a.items())
    return np.array_equal(a.array, b.array) if isinstance(a, TensorBase) else bool(a == b)


def restore_streams(streams: Mapping[str, Any], states: Mapping[str, Any], part: bool = False) -> None:
    """Set streams to saved states.

    A stream on one side only is left alone, with a warning: what follows cannot be what would have followed.

    Args:
        streams: as from :func:`find_streams`.
        states: as from :func:`save_streams`.
        part: whether the states are those of some streams only, without a warning.
    """
    missing, extra = sorted(states.keys() - streams.keys()), sorted(streams.keys() - states.keys())
    if (missing or extra) and not part:
        what = [f"was saved with the random stream {n}, which is not there now" for n in missing]
        what += [f"has no state for the random stream {n}" for n in extra]
        warnings.warn(
            f"the saved training {', and '.join(what)}; it goes on, but not as if it had never stopped. Make loaders, "
            "datasets and transforms as they were made then",
            stacklevel=2,
        )
    for name, state in states.items():
        if name in streams:
            _set_state(streams[name], state)
