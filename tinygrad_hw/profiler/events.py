"""What is recorded: events, one lane of them per thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any

__all__ = ["FunctionEvent", "Interval", "Lane", "settle"]

#: Kinds of events. Operations and layers are two views of the same time: an event's own time leaves out what is inside
#: it of its own view.
OP, BACKWARD, USER, LAYER, LAYER_BACKWARD = "op", "backward", "user", "layer", "layer_backward"
LAYERS = frozenset({LAYER, LAYER_BACKWARD})


class Interval:
    """When an event began and ended, in microseconds since the profile began."""

    __slots__ = ("end", "start")

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.end = end

    def elapsed_us(self) -> float:
        """Return how long it took."""
        return self.end - self.start

    def __repr__(self) -> str:
        return f"[{self.start:.3f}, {self.end:.3f}]"


class FunctionEvent:
    """One recorded event: an operation, a gradient rule, a layer, a labelled block.

    Attributes:
        name: of the operation (``"linear"``), node (``"LinearBackward0"``), layer (``"features.0 (Conv2d)"``) or label.
        kind: ``"op"``, ``"backward"``, ``"user"``, ``"layer"`` or ``"layer_backward"``.
        thread: the number of the thread, from 1 in the order in which they turned up.
        cpu_parent: the event around it, or None.
        cpu_children: the events directly inside it.
        layers: the labels of the layers that it belongs to, from the model in.
        input_shapes: with ``record_shapes`` the shapes of its inputs.
        stack: with ``with_stack`` the calls that led to it, innermost first.
        flops: with ``with_flops`` an estimate of its floating point operations.
        self_cpu_memory_usage: with ``profile_memory`` the bytes of the arrays that it returned and did not get.
        cpu_memory_usage: these, and those of all events inside it.
        self_saved_memory_usage: with ``profile_memory`` the bytes that are kept for the backward because of it.
        saved_memory_usage: these, and those of all events inside it.
    """

    __slots__ = (
        "_children_time",
        "_end",
        "_lane",
        "_origin",
        "_start",
        "args",
        "cpu_children",
        "cpu_memory_usage",
        "cpu_parent",
        "flops",
        "input_shapes",
        "kind",
        "layers",
        "name",
        "saved_memory_usage",
        "self_cpu_memory_usage",
        "self_saved_memory_usage",
        "stack",
    )

    # Known when all events are over; see ``settle``.
    _origin: int
    _children_time: int
    cpu_children: list[FunctionEvent]

    def __init__(self, name: str, kind: str, lane: Lane, parent: FunctionEvent | None, layers: tuple[str, ...]) -> None:
        self.name = name
        self.kind = kind
        self._lane = lane
        self.cpu_parent = parent
        self.layers = layers
        self.input_shapes: list[list[int]] = []
        self.stack: list[str] = []
        self.args: str | None = None
        self.flops = 0
        self.self_cpu_memory_usage = self.cpu_memory_usage = 0
        self.self_saved_memory_usage = self.saved_memory_usage = 0
        self._end = 0
        self._start = perf_counter_ns()

    @property
    def key(self) -> str:
        """The name, by which averages are taken."""
        return self.name

    @property
    def count(self) -> int:
        """1."""
        return 1

    @property
    def thread(self) -> int:
        """The number of the thread."""
        return self._lane.number

    @property
    def is_user_annotation(self) -> bool:
        """Whether it is a labelled block."""
        return self.kind == USER

    @property
    def time_range(self) -> Interval:
        """When it began and ended, in microseconds since the profile began."""
        return Interval((self._start - self._origin) / 1000, (self._end - self._origin) / 1000)

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from begin to end."""
        return (self._end - self._start) / 1000

    @property
    def cpu_time(self) -> float:
        """Microseconds from begin to end."""
        return self.cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds less those of the operations inside it; for a layer, of the layers inside it."""
        return (self._end - self._start - self._children_time) / 1000

    def __repr__(self) -> str:
        return f"<FunctionEvent name={self.name} kind={self.kind} thread={self.thread} cpu_time={self.cpu_time:.3f}us>"


class Lane:
    """The events of one thread."""

    def __init__(self, number: int) -> None:
        thread = threading.current_thread()
        self.number = number
        self.name = thread.name
        self.id = thread.native_id or threading.get_ident()
        self.events: list[FunctionEvent] = []
        self.open: list[FunctionEvent] = []
        #: The modules that are being called, with their labels; the labels that new events belong to.
        self.modules: list[Any] = []
        self.layers: tuple[str, ...] = ()
        #: The open layers of the walk through the graph that is going on.
        self.walk: list[FunctionEvent] = []
        self.leaves: list[Any] = []
        self.closed = False

    def begin(self, name: str, kind: str) -> FunctionEvent:
        """Start an event inside the one that is open."""
        stack = self.open
        event = FunctionEvent(name, kind, self, stack[-1] if stack else None, self.layers)
        if not self.closed:
            self.events.append(event)
            stack.append(event)
        return event

    def end(self, event: FunctionEvent) -> None:
        """End an event, and with it those inside it that somebody left without a word."""
        now = perf_counter_ns()
        if event._end or self.closed:
            return
        while self.open:
            last = self.open.pop()
            last._end = now
            if last is event:
                return

    def close(self, now: int) -> None:
        """End what is still open; the profile is over."""
        self.closed = True
        for event in self.open:
            event._end = now
        self.open = []


def settle(lanes: Iterable[Lane], origin: int) -> list[FunctionEvent]:
    """Fill in what an event knows only when all are over; return all events by their begin."""
    events = sorted((e for lane in lanes for e in lane.events), key=lambda e: e._start)
    for e in events:
        e._origin, e._children_time, e.cpu_children = origin, 0, []
        e.cpu_memory_usage, e.saved_memory_usage = e.self_cpu_memory_usage, e.self_saved_memory_usage
    for e in events:
        if e.cpu_parent is not None:
            e.cpu_parent.cpu_children.append(e)
        around = e.cpu_parent
        while around is not None and (around.kind in LAYERS) != (e.kind in LAYERS):
            around = around.cpu_parent
        if around is not None:
            around._children_time += e._end - e._start
    for e in reversed(events):  # those inside come after those around them
        if e.cpu_parent is not None:
            e.cpu_parent.cpu_memory_usage += e.cpu_memory_usage
            e.cpu_parent.saved_memory_usage += e.saved_memory_usage
            if e.cpu_parent.kind in LAYERS or e.cpu_parent.kind == USER:
                e.cpu_parent.flops += e.flops
    return events
