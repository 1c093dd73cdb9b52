"""The profiler's context manager and its schedules."""

from __future__ import annotations

import enum
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_hw.autograd.profiler import record_function
from tinygrad_hw.profiler.averages import EventList, LayerList
from tinygrad_hw.profiler.events import FunctionEvent
from tinygrad_hw.profiler.recorder import Recorder
from tinygrad_hw.profiler.trace import write_trace

__all__ = ["ProfilerAction", "ProfilerActivity", "profile", "schedule", "tensorboard_trace_handler"]

_claim = threading.Lock()
_running: profile | None = None


class ProfilerActivity(enum.Enum):
    """What can be profiled: the CPU.

    Source: ``torch.profiler.ProfilerActivity``.
    """

    CPU = 0


class ProfilerAction(enum.Enum):
    """What a profiler does in a step.

    Source: ``torch.profiler.ProfilerAction``.
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Return a function from the number of a step to what the profiler does in it.

    First ``skip_first`` steps are skipped. Then cycles follow: ``wait`` steps off, ``warmup`` steps that are not kept,
    ``active`` steps recorded, at whose end ``on_trace_ready`` is called.

    Args:
        wait: steps off at the begin of a cycle.
        warmup: steps before the recorded ones; here they are off too.
        active: steps recorded.
        repeat: how many cycles; 0 (default) for no end.
        skip_first: steps off before the first cycle.
        skip_first_wait: non-zero to leave out ``wait`` in the first cycle.

    Raises:
        ValueError: a number is negative, or ``active`` is 0.

    Source: ``torch.profiler.schedule``.

    Example:
        >>> plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
        >>> [plan(step).name for step in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise ValueError(
            "Invalid profiler schedule arguments: active must be positive and the others not negative, got "
            f"wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}"
        )

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise ValueError(f"Step must be non-negative. Got {step}.")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        cycle, step = divmod(step, length)
        if repeat > 0 and cycle >= repeat:
            return ProfilerAction.NONE
        if step < wait:
            return ProfilerAction.NONE
        if step < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if step == length - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """Return an ``on_trace_ready`` that writes each trace into a folder, under a name of its own.

    Args:
        dir_name: the folder; made if it is not there.
        worker_name: how the file names begin; host and process by default.
        use_gzip: write ``.pt.trace.json.gz``.

    Source: ``torch.profiler.tensorboard_trace_handler``.
    """

    def handler(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}{ending}"))

    return handler


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


class profile:
    """Record time and memory of operations and layers, forward and backward.

    Inside the block every operation, gradient rule, layer call, optimizer step, batch of a loader and
    :class:`record_function` block becomes an event, in every thread. Afterwards ``key_averages()`` takes them together
    by name, ``layers()`` by layer, and ``export_chrome_trace`` writes them for https://ui.perfetto.dev. Gradient rules
    are shown under the layer whose forward they belong to. An operation on arrays inside another one is part of that.

    Recording costs some microseconds per operation, which show as the own time of what is around it. Outside the block
    nothing is left of it.

    Memory is that of results: arrays that an operation or rule returned and did not get, until they die. Scratch space
    inside kernels is not in it, nor what was there before. The peak is that of the live results.

    Args:
        activities: ``{ProfilerActivity.CPU}``, which is all there is.
        schedule: from the number of a step, counted by :meth:`step`, to what to do; see
            :func:`torch.profiler.schedule`. By default everything is recorded.
        on_trace_ready: called with the profile when recording ends.
        record_shapes: record the shapes of inputs.
        profile_memory: keep account of the memory of results.
        with_stack: record from where operations are called.
        with_flops: estimate floating point operations of products, convolutions, attention and recurrent layers.
        with_modules: accepted; layers are always recorded.
        acc_events: keep the events of earlier cycles of the schedule.

    Raises:
        RuntimeError: another profile is running; they cannot be nested.
        ValueError: ``activities`` names another device.

    Source: ``torch.profiler.profile``; ``layers`` and ``peak_memory`` go beyond it.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
        >>> with torch.profiler.profile(record_shapes=True) as prof:
        ...     model(torch.ones(2, 4)).sum().backward()
        >>> table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=10)
        >>> prof.export_chrome_trace("trace.json")
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
    ) -> None:
        self.activities = {ProfilerActivity.CPU} if activities is None else set(activities)
        if self.activities != {ProfilerActivity.CPU}:
            raise ValueError(f"activities must be [ProfilerActivity.CPU], the only one there is; got {activities!r}")
        self.schedule = schedule or _always
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.with_modules = with_stack, with_flops, with_modules
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._steps = schedule is not None
        self._step: record_function | None = None
        self._recorder: Recorder | None = None
        self._kept: list[FunctionEvent] = []
        self._events: list[FunctionEvent] | None = None
        self._metadata: dict[str, Any] = {}

    # -- on and off ------------------------------------------------------------------------------

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; the same as entering the block.

        Raises:
            RuntimeError: another profile is running.
        """
        global _running
        with _claim:
            if _running is not None:
                which = "this one" if _running is self else "another one"
                raise RuntimeError(
                    f"a profile is running already, {which}, and they cannot be nested: leave its block (or call its "
                    "stop()) first, or mark parts of it with record_function"
                )
            _running = self
        try:
            self.step_num = 0
            self._begin(self.schedule(0))
        except BaseException:
            _running = None
            raise

    def stop(self) -> None:
        """End; the same as leaving the block. ``on_trace_ready`` is called if something was being recorded."""
        global _running
        if _running is not self:
            return
        try:
            recording = self._recorder is not None
            self._end()
        finally:
            _running = None
        self.current_action = ProfilerAction.NONE
        if recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Say that the next step of a training loop begins; the schedule then decides what to do in it."""
        if _running is not self:
            return
        before = self.current_action
        self.step_num += 1
        action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD and action not in _RECORDING:
            warnings.warn(
                "Incorrect schedule: RECORD followed by "
                f"{action.name}; on_trace_ready is called only after RECORD_AND_SAVE",
                stacklevel=2,
            )
        if before is ProfilerAction.RECORD_AND_SAVE or action not in _RECORDING:
            self._end()
            if before is ProfilerAction.RECORD_AND_SAVE and self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self._begin(action)

    def _begin(self, action: ProfilerAction) -> None:
        """Do what the schedule says for the step that begins."""
        if self._step is not None:
            self._step.__exit__()
            self._step = None
        if action in _RECORDING and self._recorder is None:
            recorder = Recorder(
                shapes=self.record_shapes, memory=self.profile_memory, flops=self.with_flops, stack=self.with_stack
            )
            recorder.start()
            self._recorder = recorder
        self.current_action = action
        if self._steps and self._recorder is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end(self) -> None:
        """Stop recording, if it is on."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        if self._step is not None:
            self._step.__exit__()
            self._step = None
        events = recorder.stop()
        self._kept = [*self._kept, *events] if self.acc_events else events
        self._events, self._last = self._kept, recorder

    # -- what was found --------------------------------------------------------------------------

    def _found(self, what: str) -> list[FunctionEvent]:
        if self._events is None:
            state = "leave its block first" if _running is self else "nothing was recorded"
            raise AssertionError(f"Profiler must be initialized before {what}: {state}")
        return self._events

    @property
    def peak_memory(self) -> int:
        """With ``profile_memory``: the most bytes of results that were alive at a time."""
        self._found("asking for the peak of memory")
        return 0 if self._last.ledger is None else self._last.ledger.peak

    def events(self) -> EventList:
        """Return all events by their begin, layers too.

        Raises:
            AssertionError: nothing was recorded yet.
        """
        events = self._found("accessing events")
        return EventList(events, memory=self.profile_memory, flops=self.with_flops, peak=self.peak_memory)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Return operations, gradient rules and labels, those of one name together.

        Args:
            group_by_input_shape: keep different shapes of inputs apart; needs ``record_shapes``.
            group_by_stack_n: keep apart what differs in that many innermost callers; needs ``with_stack``.
            group_by_overload_name: accepted; an operation has one form.

        Raises:
            AssertionError: nothing was recorded yet.
        """
        self._found("getting key averages")
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def layers(self) -> LayerList:
        """Return layers, all calls of one layer together, with the time of their backward.

        A layer goes by its name in the model that was called and by its class. If several models were called, the names
        of all but the first begin with the model's.

        Raises:
            AssertionError: nothing was recorded yet.

        Example:
            >>> from tinygrad_hw.profiler import profile
            >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
            >>> with profile() as prof:
            ...     model(torch.ones(2, 4)).sum().backward()
            >>> [layer.key for layer in prof.layers()]
            ['Sequential', '0 (Linear)', '1 (ReLU)']
            >>> all(layer.backward_time_total > 0 for layer in prof.layers())
            True
        """
        events = self._found("asking for layers")
        return LayerList(events, memory=self.profile_memory, flops=self.with_flops, peak=self.peak_memory)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the trace."""
        self._metadata[key] = value

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write what was recorded last as a trace; gzipped if ``path`` ends in ``.gz``.

        Open it at https://ui.perfetto.dev or chrome://tracing: a row per thread, layers around their operations, their
        backward under the same names, and the live bytes with ``profile_memory``.

        Raises:
            AssertionError: nothing was recorded yet.
        """
        self._found("exporting chrome trace")
        last = self._last
        events = [e for e in self._kept if e._origin == last.origin]
        metadata: dict[str, Any] = {
            "record_shapes": int(self.record_shapes),
            "profile_memory": int(self.profile_memory),
            "with_stack": int(self.with_stack),
            "with_flops": int(self.with_flops),
            **self._metadata,
        }
        history = None if last.ledger is None else last.ledger.history
        write_trace(path, events, last.lanes, last.origin, history, metadata)
