"""The workers of a DataLoader, as processes or as threads: starting, asking, and ending them."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing import connection as connections
from typing import Any

from tinygrad_hw.utils.data.transfer import Receiver, load
from tinygrad_hw.utils.data.worker import Failure, Job, Parcel, run_process, run_thread

__all__ = ["ProcessPool", "ThreadPool", "check_context"]

#: Seconds that processes have to end by themselves, and then after being asked by a signal.
_PATIENCE = (5.0, 1.0)


def check_context(context: Any) -> Any:
    """Return the multiprocessing context of a name; None and ``"thread"`` stay.

    Raises:
        ValueError: there is no start method of that name.
        TypeError: it is neither a name nor a context.
    """
    if context is None or context == "thread":
        return context
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r} (or 'thread'), "
                f"but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start "
            f"method, but got multiprocessing_context={context}"
        )
    return context


def _preload(context: Any) -> None:
    """Let the fork server import this package once, so that workers start in milliseconds."""
    if context.get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    # Only if the program has not chosen what to preload.
    if getattr(forkserver._forkserver, "_preload_modules", None) == ["__main__"]:
        context.set_forkserver_preload(["__main__", "tinygrad_hw.utils.data.worker"])


class ProcessPool:
    """Worker processes, each with a pipe of its own, so that one that is killed holds nothing that others wait for.

    Args:
        job: what the workers do.
        context: of multiprocessing; None for Python's own.
    """

    def __init__(self, job: Job, context: Any) -> None:
        self.workers: list[Any] = []
        self.receivers: list[Receiver] = []
        self.owner = os.getpid()
        self.closed = False
        if context is None:
            # Python's own way, as in PyTorch. On Linux up to Python 3.13 that is a fork, on which scripts without a
            # guard, notebooks and local functions rely; kernels are serial in forked processes (kernels/runtime.py).
            context = multiprocessing.get_context()
        _preload(context)
        parcel = Parcel(job)
        try:
            for i in range(job.num_workers):
                ours, theirs = context.Pipe()
                self.receivers.append(Receiver(ours))
                # A forked process has copies of all our ends.
                others = [r.connection for r in self.receivers] if context.get_start_method() == "fork" else []
                process = context.Process(target=run_process, args=(theirs, others, parcel, i), daemon=True)
                try:
                    process.start()
                finally:
                    theirs.close()
                self.workers.append(process)
        except BaseException:
            self.close()
            raise

    def send(self, worker: int, message: tuple[Any, ...]) -> None:
        """Send a message to a worker; a task also tells it which memory is free again."""
        receiver = self.receivers[worker]
        if message[0] == "task":
            message = (*message, receiver.taken_freed())
        try:
            receiver.connection.send(message)
        except OSError:
            self.report(worker)

    def receive(self, timeout: float | None) -> tuple[int, Any, str, Any] | None:
        """Return worker, task, kind and value of the next result; None after ``timeout`` seconds.

        Raises:
            RuntimeError: a worker is gone.
        """
        ready = connections.wait([r.connection for r in self.receivers], timeout)
        if not ready:
            return None
        worker = next(i for i, r in enumerate(self.receivers) if r.connection in ready)
        try:
            task, kind, result = self.receivers[worker].receive()
        except (EOFError, OSError):
            self.report(worker)
        except BaseException:
            # Ctrl-C within a message: the rest of it would be taken for the next one.
            self.close()
            raise
        try:
            value = load(result)
        except Exception as error:
            return worker, task, "failure", Failure(error, f"on receiving from DataLoader worker process {worker}")
        return worker, task, kind, value

    def report(self, worker: int) -> Any:
        """Raise the error for a worker that hung up."""
        process = self.workers[worker]
        process.join(1)
        code = process.exitcode
        if code is None:
            how = "it closed its pipe"
        elif code < 0:
            name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
            how = f"killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
        else:
            how = f"exit code {code}; see its messages above"
            if code == 1:
                how += ". A script that starts workers does its work under if __name__ == '__main__':"
        self.close()
        raise RuntimeError(
            f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly: worker {worker}, {how}"
        ) from None

    def close(self) -> None:
        """End all workers: by hanging up, then by a signal, then by one that cannot be caught."""
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for receiver in self.receivers:
            receiver.connection.close()
        for seconds, end in zip((*_PATIENCE, 1.0), ("terminate", "kill", ""), strict=True):
            until = time.monotonic() + seconds
            for process in self.workers:
                process.join(max(0.0, until - time.monotonic()))
            running = [p for p in self.workers if p.is_alive()]
            if not running or not end:
                break
            for process in running:
                getattr(process, end)()


class ThreadPool:
    """Worker threads.

    Args:
        job: what the workers do; they share its dataset.
    """

    def __init__(self, job: Job) -> None:
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.tasks: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(job.num_workers)]
        self.closed = False
        self.workers = [
            threading.Thread(
                target=run_thread, args=(tasks, self.results, job, i), daemon=True, name=f"tinygrad_hw data worker {i}"
            )
            for i, tasks in enumerate(self.tasks)
        ]
        for worker in self.workers:
            worker.start()

    def send(self, worker: int, message: tuple[Any, ...]) -> None:
        """Send a message to a worker."""
        self.tasks[worker].put((*message, []) if message[0] == "task" else message)

    def receive(self, timeout: float | None) -> tuple[int, Any, str, Any] | None:
        """Return worker, task, kind and value of the next result; None after ``timeout`` seconds."""
        try:
            return self.results.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Let the workers end after the batches at hand."""
        if self.closed:
            return
        self.closed = True
        for tasks in self.tasks:
            while True:
                try:
                    tasks.get_nowait()
                except queue.Empty:
                    break
            tasks.put(None)
        # A thread that hangs cannot be ended; as a daemon it does not keep the program.
        if not sys.is_finalizing():
            for worker in self.workers:
                if worker is not threading.current_thread():
                    worker.join(_PATIENCE[0])
