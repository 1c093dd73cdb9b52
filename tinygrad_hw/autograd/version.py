"""The thread's switches, and the cells that count the writes to a storage.

A cell is a list of one number, shared by all tensors on one storage. Whoever saves a tensor for a gradient keeps the
cell and reads the number (``cell[0]``); whoever writes does ``cell[0] += 1``. A tensor made under ``inference_mode``
has an :class:`InferenceCell` instead, which refuses both outside that mode, so that no operation needs a test for it.
"""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["DetachedCell", "InferenceCell", "mode", "new_cell", "own_cell", "saved_cell"]


class _Mode(threading.local):
    """Per-thread switches; the class attributes are every new thread's start."""

    enabled = True
    inference = False
    #: The dtype that products compute in under ``torch.autocast``, or None.
    autocast: Any = None


mode = _Mode()

NOT_WRITTEN = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
    "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)

NOT_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)

NOT_COUNTED = "Inference tensors do not track version counter."


class InferenceCell(list[int]):
    """In the place of the count of writes to an inference tensor, which has none."""

    __slots__ = ()

    def __getitem__(self, at: Any) -> Any:
        """Return the number under inference mode; outside, whoever asks wants to save the tensor or to write.

        Raises:
            RuntimeError: that is not allowed. Where nothing is recorded, nothing is saved either.
        """
        if not mode.inference and at == 0:
            raise RuntimeError(NOT_SAVED if mode.enabled else NOT_WRITTEN)
        return super().__getitem__(at)

    def check_write(self) -> None:
        """Raise if the tensor may not be written to."""
        if not mode.inference:
            raise RuntimeError(NOT_WRITTEN)

    def count_write(self) -> None:
        """Take note of a write."""

    def version(self) -> int:
        """Return the count of writes.

        Raises:
            RuntimeError: there is none.
        """
        raise RuntimeError(NOT_COUNTED)


class DetachedCell(InferenceCell):
    """The cell of what ``detach()`` and ``data`` give of an inference tensor: it may be written to, but not saved."""

    __slots__ = ()

    def __getitem__(self, at: Any) -> Any:
        """Return the number unless the tensor could be saved.

        Raises:
            RuntimeError: it could.
        """
        return list.__getitem__(self, at) if not mode.enabled else super().__getitem__(at)

    def check_write(self) -> None:
        """Anyone may write."""

    def count_write(self) -> None:
        """Count a write."""
        self[0] = self.version() + 1

    def version(self) -> int:
        """Return the count of writes."""
        return list.__getitem__(self, 0)


def new_cell() -> list[int]:
    """Return the cell of a new storage while a thread is in inference mode, which may be another one."""
    return InferenceCell((0,)) if mode.inference and not mode.enabled else [0]


def saved_cell(cell: list[int]) -> list[int]:
    """Return a cell for a tensor on the memory of a cell's tensors that may be saved for a gradient."""
    return cell if cell.__class__ is list or mode.inference else [0]


def own_cell(cell: list[int]) -> list[int]:
    """Return a cell for a tensor on the memory of a cell's tensors that does not count with them."""
    return [0] if cell.__class__ is list else DetachedCell((0,))
