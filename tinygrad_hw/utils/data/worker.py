"""What runs in a DataLoader's workers."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import random
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from tinygrad_hw.kernels import runtime
from tinygrad_hw.kernels.generator import Generator, default_generator
from tinygrad_hw.utils.data.fetch import make_fetcher
from tinygrad_hw.utils.data.streams import find_streams, restore_streams, save_streams
from tinygrad_hw.utils.data.transfer import Sender

__all__ = ["Failure", "Job", "WorkerInfo", "get_worker_info"]

#: Seconds that a worker has to finish its batch after the program is gone.
_GRACE = 5.0


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what its random streams were started from.
        dataset: the dataset in this worker: a copy, in a process.
        rng: the worker's own generator, if it is a thread; in a process the default one is its own.
        worker_method: ``"multiprocessing"`` or ``"thread"``.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Generator | None = None
    worker_method: str = "multiprocessing"


class _OfThread(threading.local):
    info: WorkerInfo | None = None


_of_process: WorkerInfo | None = None
_of_thread = _OfThread()


def get_worker_info() -> WorkerInfo | None:
    """Return what a DataLoader's worker knows of itself; None in the program itself.

    For datasets and ``worker_init_fn``: an iterable dataset can share its samples out among the workers by ``id`` and
    ``num_workers``.

    Source: ``torch.utils.data.get_worker_info``.

    Example:
        >>> print(torch.utils.data.get_worker_info())
        None
    """
    return _of_thread.info or _of_process


@dataclass
class Job:
    """What a worker is to do.

    Attributes:
        dataset: to read from.
        collate_fn: see :class:`~tinygrad_hw.utils.data.DataLoader`.
        batched: whether samples are made into batches.
        drop_last: whether an iterable dataset's last, smaller batch is left out.
        init_fn: called with the worker's number at the start.
        base_seed: of all workers.
        num_workers: how many there are.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any]
    batched: bool
    drop_last: bool
    init_fn: Callable[[int], Any] | None
    base_seed: int
    num_workers: int

    def seed(self, worker: int) -> int:
        """Return what PyTorch seeds a worker with."""
        return self.base_seed + worker

    def streams(self) -> dict[str, Any]:
        """Return all random streams of a worker process."""
        return find_streams(dataset=self.dataset, collate_fn=self.collate_fn)

    def fetcher(self) -> Any:
        """Return what reads the batches of an epoch."""
        return make_fetcher(self.dataset, self.collate_fn, self.batched, self.drop_last)


def _streams(streams: dict[str, Any], states: dict[str, Any] | None) -> dict[str, Any]:
    """Return the states of random streams, after setting them to others if there are some."""
    if states is not None:
        restore_streams(streams, states, part=True)
    return save_streams(streams)


class Parcel:
    """A job on its way to another process: what cannot be unpickled there fails where it can be reported."""

    def __init__(self, job: Job) -> None:
        self.job: Job | None = job
        self.content = b""

    def __getstate__(self) -> bytes:
        # Locks and queues in a dataset can be pickled only while a process is being started, that is, now.
        return bytes(ForkingPickler.dumps(self.job))

    def __setstate__(self, content: bytes) -> None:
        self.job = None
        self.content = content

    def open(self) -> Job:
        """Return the job."""
        if self.job is None:
            self.job = pickle.loads(self.content)
            self.content = b""
        assert self.job is not None
        return self.job


class Failure:
    """An exception in a worker, on its way to the program.

    Args:
        error: the exception.
        where: ``"in DataLoader worker process 0"``.
    """

    def __init__(self, error: BaseException, where: str) -> None:
        kind: Any = type(error)
        self.text = "".join(traceback.format_exception(error))
        self.where = where
        self.name = kind.__name__
        if issubclass(kind, StopIteration):
            kind = RuntimeError  # it would end the program's loop without a word
        try:
            self.kind = kind if pickle.loads(pickle.dumps(kind)) is kind else RuntimeError
        except Exception:
            self.kind = RuntimeError

    def raise_again(self) -> None:
        """Raise an exception of the same type, whose message has the worker's traceback."""
        message: Any = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        if issubclass(self.kind, KeyError):
            message = _Message(message)
        try:
            error = self.kind(message)
        except Exception:
            # Made of other arguments than a message.
            error = RuntimeError(message)
        raise error


class _Message(str):
    """A text that KeyError shows as it is, with its lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def seed_everything(job: Job, worker: int) -> None:
    """Start Python's, numpy's and this package's random streams of a worker, as PyTorch does."""
    seed = job.seed(worker)
    random.seed(seed)
    default_generator.manual_seed(seed)
    entropy = [worker, job.base_seed & 0xFFFFFFFF, job.base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))  # noqa: NPY002


def answer(fetcher: Any, places: Any, where: str) -> tuple[str, Any]:
    """Return the kind of the result of a task, and the result: a batch, the end, or a failure."""
    try:
        return "batch", fetcher.fetch(places)
    except StopIteration as error:
        if getattr(fetcher, "samples", None) is not None:
            return "end", None
        return "failure", Failure(error, where)
    except Exception as error:
        return "failure", Failure(error, where)


def run_process(connection: Connection, others: list[Connection], parcel: Parcel, worker: int) -> None:
    """Be a worker process: answer tasks until the program hangs up.

    Args:
        connection: to the program.
        others: the program's ends of the pipes, which a forked process inherits and must not keep open.
        parcel: the job.
        worker: its number.
    """
    for other in others:
        other.close()
    # Ctrl-C in a terminal reaches all processes; the program decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    epoch = [0]
    # Reading in a thread: the program never waits for a worker that is busy, and a worker whose program is gone knows.
    threading.Thread(target=_listen, args=(connection, tasks, epoch), daemon=True).start()
    sender = Sender(connection)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the program hung up
        _work(sender, tasks, epoch, parcel, worker)


def _listen(connection: Connection, tasks: queue.SimpleQueue[Any], epoch: list[int]) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            break
        if message[0] == "epoch":
            epoch[0] = message[1]
        tasks.put(message)
    tasks.put(None)
    # If the batch at hand never ends, nobody else would end this process.
    timer = threading.Timer(_GRACE, os._exit, [1])
    timer.daemon = True
    timer.start()


def _work(sender: Sender, tasks: queue.SimpleQueue[Any], epoch: list[int], parcel: Parcel, worker: int) -> None:
    global _of_process
    where = f"in DataLoader worker process {worker}"
    broken: Failure | None = None
    fetcher: Any = None
    job: Job | None = None
    try:
        try:
            job = parcel.open()
        except Exception as error:
            hint = (
                "on receiving the dataset. Its class and the functions of the DataLoader must be importable in another "
                "process: from a module, or a script whose work stands under if __name__ == '__main__'; or pass "
                "multiprocessing_context='fork'"
            )
            raise RuntimeError(hint) from error
        runtime.set_num_threads(1)
        seed_everything(job, worker)
        _of_process = WorkerInfo(worker, job.num_workers, job.seed(worker), job.dataset)
        if job.init_fn is not None:
            job.init_fn(worker)
        fetcher = job.fetcher()
    except Exception as error:
        broken = Failure(error, where)
    while True:
        message = tasks.get()
        if message is None:
            return
        if message[0] == "epoch":
            if job is not None and broken is None:
                try:
                    fetcher = job.fetcher()
                except Exception as error:
                    broken = Failure(error, where)
            continue
        if message[0] == "streams":
            sender.send((-1, -1), "streams", {} if job is None else _streams(job.streams(), message[1]))
            continue
        _, number, task, places, freed = message
        sender.release(freed)
        if number != epoch[0]:
            continue  # of an epoch that was left early
        kind, value = ("failure", broken) if broken is not None else answer(fetcher, places, where)
        try:
            sender.send((number, task), kind, value)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            # Nothing of it was sent: it could not be pickled.
            sender.send((number, task), "failure", Failure(error, where))
        del value


def run_thread(tasks: queue.SimpleQueue[Any], results: queue.SimpleQueue[Any], job: Job, worker: int) -> None:
    """Be a worker thread: answer tasks until None comes."""
    where = f"in DataLoader worker thread {worker}"
    broken: Failure | None = None
    fetcher: Any = None
    rng = Generator()
    rng.manual_seed(job.seed(worker))
    _of_thread.info = WorkerInfo(worker, job.num_workers, job.seed(worker), job.dataset, rng, "thread")
    try:
        if job.init_fn is not None:
            job.init_fn(worker)
        fetcher = job.fetcher()
    except Exception as error:
        broken = Failure(error, where)
    while (message := tasks.get()) is not None:
        if message[0] == "epoch":
            fetcher = job.fetcher() if broken is None else None
            continue
        if message[0] == "streams":
            # The dataset is the program's own, and so are its streams.
            results.put((worker, (-1, -1), "streams", _streams({"rng": rng}, message[1])))
            continue
        _, number, task, places, _ = message
        kind, value = ("failure", broken) if broken is not None else answer(fetcher, places, where)
        results.put((worker, (number, task), kind, value))
        del value
