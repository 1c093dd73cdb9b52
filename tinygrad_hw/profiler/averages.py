"""Events of one name taken together, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_hw.profiler.events import LAYER, LAYER_BACKWARD, LAYERS, FunctionEvent

__all__ = ["EventList", "FunctionEventAvg", "LayerAverage", "LayerList"]

#: Columns are separated by this.
_GAP = "  "
_WIDTH = 12


def format_time(us: float, unit: str | None = None) -> str:
    """Return microseconds with a fitting unit, or in ``"s"``, ``"ms"`` or ``"us"``."""
    for name, size in (("s", 1e6), ("ms", 1e3), ("us", 1.0)):
        if unit == name or (unit is None and (us >= size or name == "us")):
            return f"{us / size:.3f}{name}"
    raise ValueError(f"time_unit must be 's', 'ms' or 'us', not {unit!r}")


def format_memory(size: float) -> str:
    """Return bytes with a fitting unit."""
    for name, unit in (("GB", 2.0**30), ("MB", 2.0**20), ("KB", 2.0**10)):
        if abs(size) >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{int(size)} B"


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "--"


class FunctionEventAvg:
    """All events of one name (and, if asked for, of the same input shapes or the same caller) together.

    Attributes:
        key: the name.
        count: how many events there are.
        cpu_time_total: microseconds in them.
        self_cpu_time_total: microseconds in them and not in operations inside them.
        cpu_memory_usage: bytes that they and what is inside them allocated; with ``profile_memory``.
        self_cpu_memory_usage: bytes that they allocated themselves.
        saved_memory_usage: bytes that are kept for the backward because of them and what is inside them.
        self_saved_memory_usage: because of themselves.
        flops: estimated floating point operations; with ``with_flops``.
        input_shapes: shapes of the inputs, if grouped by them.
        stack: the calls that led to them, if grouped by them.
    """

    def __init__(self, key: str = "Total") -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.saved_memory_usage = self.self_saved_memory_usage = 0
        self.flops = 0
        self.input_shapes: list[list[int]] = []
        self.stack: list[str] = []

    def add(self, event: FunctionEvent, outermost: bool = True) -> None:
        """Add an event; one inside another of the same name adds nothing to the totals."""
        self.count += 1
        self.self_cpu_time_total += event.self_cpu_time_total
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        self.self_saved_memory_usage += event.self_saved_memory_usage
        if outermost:
            self.cpu_time_total += event.cpu_time_total
            self.cpu_memory_usage += event.cpu_memory_usage
            self.saved_memory_usage += event.saved_memory_usage
            self.flops += event.flops

    @property
    def cpu_time(self) -> float:
        """Microseconds per event."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} count={self.count} "
            f"self_cpu_time={format_time(self.self_cpu_time_total)} cpu_time={format_time(self.cpu_time)} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


def _outermost(event: FunctionEvent) -> bool:
    """Whether an event is in none of its own name and kind."""
    around = event.cpu_parent
    while around is not None:
        if around.name == event.name and around.kind == event.kind:
            return False
        around = around.cpu_parent
    return True


class _Table:
    """Rows of text under titles, right-aligned."""

    def __init__(self, titles: Sequence[str], rows: Sequence[Sequence[str]], widths: dict[str, int]) -> None:
        self.rows = [list(titles), *map(list, rows)]
        self.widths = []
        for i, title in enumerate(titles):
            longest = max(len(r[i]) for r in self.rows)
            limit = widths.get(title)
            self.widths.append(max(_WIDTH, longest) if limit is None else max(4, min(longest, limit)))

    def text(self, header: str | None, footer: Sequence[str]) -> str:
        rule = _GAP.join("-" * w for w in self.widths)
        lines = []
        for row in self.rows:
            cells = [c if len(c) <= w else c[: w - 3] + "..." for c, w in zip(row, self.widths, strict=True)]
            lines.append(_GAP.join(f"{c:>{w}}" for c, w in zip(cells, self.widths, strict=True)))
        top = [] if header is None else ["=" * len(rule), header]
        return "\n".join([*top, rule, lines[0], rule, *lines[1:], rule, *footer, ""])


class EventList(list[Any]):
    """Events, or averages of them; a list that can be printed as a table."""

    def __init__(self, items: Iterable[Any] = (), *, memory: bool = False, flops: bool = False, peak: int = 0) -> None:
        super().__init__(items)
        self._memory, self._flops, self._peak = memory, flops, peak

    def _like(self, items: Iterable[Any]) -> EventList:
        return EventList(items, memory=self._memory, flops=self._flops, peak=self._peak)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in operations, rules and labelled blocks, without counting any twice."""
        return sum(e.self_cpu_time_total for e in self if getattr(e, "kind", "") not in LAYERS)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """Take together what has the same name; layers are left out.

        Args:
            group_by_input_shape: keep different shapes of inputs apart; needs ``record_shapes``.
            group_by_stack_n: keep apart what differs in that many innermost callers; needs ``with_stack``.
        """
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            if event.kind in LAYERS:
                continue
            shapes = event.input_shapes if group_by_input_shape else []
            stack = event.stack[:group_by_stack_n] if group_by_stack_n > 0 else []
            key = event.name, str(shapes), *stack
            group = groups.get(key)
            if group is None:
                group = groups[key] = FunctionEventAvg(event.name)
                group.input_shapes, group.stack = shapes, stack
            group.add(event, _outermost(event))
        return self._like(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """Take all together; what is inside something else counts once."""
        total = FunctionEventAvg()
        for e in self:
            if getattr(e, "kind", "") in LAYERS:
                continue
            total.count += e.count
            total.self_cpu_time_total += e.self_cpu_time_total
            total.cpu_time_total += e.self_cpu_time_total
            total.self_cpu_memory_usage += e.self_cpu_memory_usage
            total.cpu_memory_usage += e.self_cpu_memory_usage
            total.self_saved_memory_usage += e.self_saved_memory_usage
            total.saved_memory_usage += e.self_saved_memory_usage
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """Return a table.

        Args:
            sort_by: an attribute of numbers, largest first: ``"cpu_time"``, ``"cpu_time_total"``,
                ``"self_cpu_time_total"``, ``"cpu_memory_usage"``, ``"self_cpu_memory_usage"``,
                ``"saved_memory_usage"``, ``"self_saved_memory_usage"``, ``"flops"``, ``"count"``; None for the order of
                appearance.
            row_limit: most rows; -1 for all.
            max_src_column_width: most characters of a caller.
            max_name_column_width: most characters of a name.
            max_shapes_column_width: most characters of shapes.
            header: a line above.
            top_level_events_only: leave out what is inside something else; for a list of events.
            time_unit: ``"s"``, ``"ms"`` or ``"us"`` for all times; by default each has the one that fits.

        Raises:
            AttributeError: there is no such attribute to sort by.
            ValueError: an unknown ``time_unit``.
        """
        rows = [e for e in self if not (top_level_events_only and getattr(e, "cpu_parent", None) is not None)]
        rows = _sorted(rows, sort_by)
        total = self.self_cpu_time_total
        shown = rows if row_limit < 0 else rows[:row_limit]
        columns: list[tuple[str, Callable[[Any], str]]] = [
            ("Name", lambda e: e.key),
            ("Self CPU %", lambda e: _percent(e.self_cpu_time_total, total)),
            ("Self CPU", lambda e: format_time(e.self_cpu_time_total, time_unit)),
            ("CPU total %", lambda e: _percent(e.cpu_time_total, total)),
            ("CPU total", lambda e: format_time(e.cpu_time_total, time_unit)),
            ("CPU time avg", lambda e: format_time(e.cpu_time, time_unit)),
        ]
        if self._memory:
            columns += [
                ("CPU Mem", lambda e: format_memory(e.cpu_memory_usage)),
                ("Self CPU Mem", lambda e: format_memory(e.self_cpu_memory_usage)),
                ("Saved", lambda e: format_memory(e.self_saved_memory_usage)),
            ]
        columns.append(("# of Calls", lambda e: str(e.count)))
        if any(e.input_shapes for e in shown):
            columns.append(("Input Shapes", lambda e: str(e.input_shapes)))
        if any(e.stack for e in shown):
            columns.append(("Source Location", lambda e: e.stack[0] if e.stack else ""))
        if self._flops:
            columns.append(("MFLOPs", lambda e: f"{e.flops / 1e6:.3f}" if e.flops else "--"))
        limits = {
            "Name": max_name_column_width,
            "Input Shapes": max_shapes_column_width,
            "Source Location": max_src_column_width,
        }
        table = _Table([t for t, _ in columns], [[f(e) for _, f in columns] for e in shown], limits)
        footer = [f"Self CPU time total: {format_time(total, time_unit)}"]
        if self._memory:
            footer.append(f"Peak of memory of results: {format_memory(self._peak)}")
        return table.text(header, footer)

    def __str__(self) -> str:
        return self.table()


_SORTABLE = (
    "cpu_time", "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "self_cpu_memory_usage",
    "saved_memory_usage", "self_saved_memory_usage", "flops", "count",
)  # fmt: skip


def _sorted(rows: list[Any], sort_by: str | None, names: Sequence[str] = _SORTABLE) -> list[Any]:
    if sort_by is None:
        return rows
    if sort_by not in names:
        raise AttributeError(f"cannot sort by {sort_by!r}; there are {', '.join(names)}")
    return sorted(rows, key=lambda e: getattr(e, sort_by), reverse=True)


class LayerAverage:
    """All calls of one layer together.

    Attributes:
        key: its label, such as ``"features.0 (Conv2d)"``.
        count: how often it was called.
        forward_time_total: microseconds in its calls.
        backward_time_total: microseconds in the gradient rules of what was computed in its calls.
        self_time_total: microseconds of both that were not in a layer inside it.
        cpu_memory_usage: bytes allocated in its calls and in their backward.
        saved_memory_usage: bytes that are kept for the backward by its calls.
        flops: estimated floating point operations of both.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = 0
        self.forward_time_total = self.backward_time_total = self.self_time_total = 0.0
        self.cpu_memory_usage = self.saved_memory_usage = self.flops = 0

    @property
    def time_total(self) -> float:
        """Microseconds forward and backward."""
        return self.forward_time_total + self.backward_time_total

    def __repr__(self) -> str:
        return (
            f"<LayerAverage key={self.key} count={self.count} forward={format_time(self.forward_time_total)} "
            f"backward={format_time(self.backward_time_total)}>"
        )


class LayerList(list[LayerAverage]):
    """Layers in the order of their first call; a list that can be printed as a table."""

    def __init__(self, events: Iterable[FunctionEvent], *, memory: bool, flops: bool, peak: int) -> None:
        super().__init__()
        self._memory, self._flops, self._peak = memory, flops, peak
        layers: dict[str, LayerAverage] = {}
        for e in events:
            if e.kind not in LAYERS:
                continue
            if e.name not in layers:
                layers[e.name] = LayerAverage(e.name)
                self.append(layers[e.name])
            layer = layers[e.name]
            layer.count += e.kind == LAYER
            layer.self_time_total += e.self_cpu_time_total
            if not _outermost(e):
                continue
            if e.kind == LAYER_BACKWARD:
                layer.backward_time_total += e.cpu_time_total
            else:
                layer.forward_time_total += e.cpu_time_total
            layer.cpu_memory_usage += e.cpu_memory_usage
            layer.saved_memory_usage += e.saved_memory_usage
            layer.flops += e.flops

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_name_column_width: int = 55,
        header: str | None = None,
        time_unit: str | None = None,
    ) -> str:
        """Return a table.

        Args:
            sort_by: ``"time_total"``, ``"forward_time_total"``, ``"backward_time_total"``, ``"self_time_total"``,
                ``"cpu_memory_usage"``, ``"saved_memory_usage"``, ``"flops"`` or ``"count"``, largest first; None for
                the order of the first calls.
            row_limit: most rows; -1 for all.
            max_name_column_width: most characters of a label.
            header: a line above.
            time_unit: ``"s"``, ``"ms"`` or ``"us"`` for all times; by default each has the one that fits.

        Raises:
            AttributeError: there is no such attribute to sort by.
            ValueError: an unknown ``time_unit``.
        """
        names = (
            "time_total", "forward_time_total", "backward_time_total", "self_time_total", "cpu_memory_usage",
            "saved_memory_usage", "flops", "count",
        )  # fmt: skip
        rows = _sorted(list(self), sort_by, names)
        total = sum(e.self_time_total for e in self)
        columns: list[tuple[str, Callable[[LayerAverage], str]]] = [
            ("Layer", lambda e: e.key),
            ("Self %", lambda e: _percent(e.self_time_total, total)),
            ("Self", lambda e: format_time(e.self_time_total, time_unit)),
            ("Forward", lambda e: format_time(e.forward_time_total, time_unit)),
            ("Backward", lambda e: format_time(e.backward_time_total, time_unit)),
        ]
        if self._memory:
            columns += [
                ("CPU Mem", lambda e: format_memory(e.cpu_memory_usage)),
                ("Saved", lambda e: format_memory(e.saved_memory_usage)),
            ]
        columns.append(("# of Calls", lambda e: str(e.count)))
        if self._flops:
            columns.append(("MFLOPs", lambda e: f"{e.flops / 1e6:.3f}" if e.flops else "--"))
        shown = rows if row_limit < 0 else rows[:row_limit]
        limits = {"Layer": max_name_column_width}
        table = _Table([t for t, _ in columns], [[f(e) for _, f in columns] for e in shown], limits)
        footer = [f"Time in layers: {format_time(total, time_unit)}"]
        if self._memory:
            footer.append(f"Peak of memory of results: {format_memory(self._peak)}")
        return table.text(header, footer)

    def __str__(self) -> str:
        return self.table()
