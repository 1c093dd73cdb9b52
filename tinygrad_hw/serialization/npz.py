"""State dictionaries in numpy's ``.npz`` format, which any numpy can read."""

from __future__ import annotations

import os
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase, wrap
from tinygrad_hw.serialization.atomic import atomic_write

__all__ = ["load_npz", "save_npz"]


def save_npz(state_dict: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a dictionary of tensors; the file is replaced as a whole or not at all.

    Args:
        state_dict: names and tensors, as ``Module.state_dict`` gives them.
        path: the file.

    Raises:
        TypeError: a value is no tensor.

    Example:
        >>> import os, tempfile
        >>> model = torch.nn.Linear(2, 1)
        >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
        >>> torch.save_npz(model.state_dict(), path)
        >>> model.load_state_dict(torch.load_npz(path))
        <All keys matched successfully>
    """
    arrays: dict[str, Any] = {}
    for name, value in state_dict.items():
        if not isinstance(value, TensorBase):
            raise TypeError(f"save_npz: {name!r} is a {type(value).__name__}; only tensors can be saved")
        arrays[name] = value.array
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def load_npz(path: str | os.PathLike[str]) -> OrderedDict[str, Any]:
    """Read a dictionary of tensors that ``save_npz`` (or numpy) wrote. Nothing in the file is executed.

    Args:
        path: the file.

    Returns:
        Names and tensors, in the file's order.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is no npz archive, or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise RuntimeError(f"{os.fspath(path)}: is a single array, not an npz archive")
            return OrderedDict((name, wrap(archive[name])) for name in archive.files)
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise RuntimeError(
            f"{os.fspath(path)}: not an npz archive, or cut short or damaged ({error}); write it again"
        ) from error
