"""Handing batches from a worker process to the program: arrays through shared memory, the rest as a pickle.

Pickle's protocol 5 leaves the contents of arrays out of the stream. They are copied into a block of memory that both
processes map, and the arrays of the batch are views of it. When the last of them is gone, the block is used again, so
that in a long epoch no memory is mapped, faulted in or freed. A block has no name: nothing is left behind, whoever
dies.
"""

from __future__ import annotations

import mmap
import os
import pickle
import weakref
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

__all__ = ["Receiver", "Sender"]

#: Batches with less than this in arrays go through the pipe.
_SMALL = 1 << 15
#: Blocks of one worker; more are in use only if the program keeps its batches.
_MAX_BLOCKS = 64
_ALIGNMENT = 64

SHARED = hasattr(os, "memfd_create")


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


class Sender:
    """The worker's side.

    Args:
        connection: to the program.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.blocks: list[mmap.mmap] = []
        self.free: list[int] = []

    def send(self, task: Any, kind: str, value: Any) -> None:
        """Send the result of a task."""
        buffers: list[pickle.PickleBuffer] = []
        content = pickle.dumps(value, protocol=5, buffer_callback=buffers.append if SHARED else None)
        raws = [b.raw() for b in buffers]
        sizes = [raw.nbytes for raw in raws]
        total = sum(_round_up(n, _ALIGNMENT) for n in sizes)
        block, handle = self._block(total) if total >= _SMALL else (None, None)
        if block is None:
            # In the pickle of the message, where they are copied.
            message = (task, kind, content, None, sizes, False)
            self.connection.send_bytes(pickle.dumps(message))
            for raw in raws:
                if raw.nbytes:
                    self.connection.send_bytes(raw)
            return
        memory, at = np.frombuffer(self.blocks[block], np.uint8), 0
        for raw, size in zip(raws, sizes, strict=True):
            memory[at : at + size] = np.frombuffer(raw, np.uint8)
            at += _round_up(size, _ALIGNMENT)
        self.connection.send_bytes(pickle.dumps((task, kind, content, block, sizes, handle is not None)))
        if handle is not None:
            from multiprocessing.reduction import send_handle

            send_handle(self.connection, handle, None)
            os.close(handle)

    def release(self, blocks: list[int]) -> None:
        """Take back blocks that the program needs no longer."""
        self.free.extend(blocks)

    def _block(self, size: int) -> tuple[int | None, int | None]:
        """Return a free block of at least ``size`` bytes and, if it is new, its file descriptor."""
        fitting = [i for i in self.free if len(self.blocks[i]) >= size]
        if fitting:
            best = min(fitting, key=lambda i: len(self.blocks[i]))
            self.free.remove(best)
            return best, None
        if len(self.blocks) >= _MAX_BLOCKS:
            return None, None
        # A little larger, so that batches of slightly different sizes can use it too.
        length = _round_up(size + size // 8, mmap.PAGESIZE)
        try:
            handle = os.memfd_create("tinygrad_hw batch")
            os.ftruncate(handle, length)
            self.blocks.append(mmap.mmap(handle, length))
        except OSError:
            return None, None
        return len(self.blocks) - 1, handle


class Receiver:
    """The program's side, one per worker.

    Args:
        connection: to the worker.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.blocks: list[mmap.mmap] = []
        #: Blocks whose arrays are gone. Finalizers append to it, at any time and from any thread.
        self.freed: deque[int] = deque()

    def receive(self) -> tuple[Any, str, Any]:
        """Return the task, the kind and the pickled content of the next result; blocks until it is there.

        Raises:
            EOFError, OSError: the worker is gone.
        """
        task, kind, content, block, sizes, new = pickle.loads(self.connection.recv_bytes())
        if new:
            from multiprocessing.reduction import recv_handle

            handle = recv_handle(self.connection)
            self.blocks.append(mmap.mmap(handle, os.fstat(handle).st_size))
            os.close(handle)
        if block is None:
            buffers: list[Any] = [np.empty(n, np.uint8) for n in sizes]
            for buffer in buffers:
                if buffer.nbytes:
                    self.connection.recv_bytes_into(memoryview(buffer))
            return task, kind, (content, buffers)
        buffers, at = [], 0
        for n in sizes:
            # Each buffer of its own: the arrays made of it keep it alive.
            buffers.append(np.frombuffer(self.blocks[block], np.uint8, n, at))
            at += _round_up(n, _ALIGNMENT)
        _Lease(self.freed, block, buffers)
        return task, kind, (content, buffers)

    def taken_freed(self) -> list[int]:
        """Return the blocks that were freed since the last call."""
        found = []
        while self.freed:
            found.append(self.freed.popleft())
        return found


def load(result: Any) -> Any:
    """Return the value of a result that :meth:`Receiver.receive` gave."""
    content, buffers = result
    return pickle.loads(content, buffers=buffers)


class _Lease:
    """Frees a block when the last of its buffers is gone."""

    def __init__(self, freed: deque[int], block: int, buffers: list[Any]) -> None:
        self.freed = freed
        self.block = block
        self.open = len(buffers)
        for buffer in buffers:
            weakref.finalize(buffer, self.drop).atexit = False

    def drop(self) -> None:
        self.open -= 1
        if self.open == 0:
            self.freed.append(self.block)
