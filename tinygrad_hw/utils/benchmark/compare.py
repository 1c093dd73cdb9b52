"""Measurements as a table."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Any

from tinygrad_hw.utils.benchmark.measurement import (
    Measurement,
    ordered_unique,
    select_unit,
    trim_sigfig,
    unit_to_english,
)

__all__ = ["Colorize", "Compare"]

_END = "\033[0m" * 2
_BEST, _GOOD, _BAD, _VERY_BAD = "\033[92m\033[1m", "\033[34m\033[1m", "\033[2m\033[91m", "\033[31m\033[1m"


class Colorize(enum.Enum):
    """What the colours of a table compare.

    Source: ``torch.utils.benchmark.Colorize``.
    """

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


def _coloured(text: str, value: float, best: float) -> str:
    if value <= best * 1.01 or value <= best + 100e-9:
        return _BEST + text + _END
    if value <= best * 1.1:
        return _GOOD + text + _END
    if value >= best * 5:
        return _VERY_BAD + text + _END
    return _BAD + text + _END if value >= best * 2 else text


class _Column:
    """How the numbers of a column are written: their width, digits and warnings."""

    def __init__(self, cells: list[Measurement | None], scale: float, trim: bool, warn: bool) -> None:
        there = [m for m in cells if m is not None]
        self.scale, self.trim = scale, trim
        self.warn = warn and any(m.has_warnings for m in there)
        leading = [math.ceil(math.log10(m.median / scale)) for m in there]
        self.digits = 1
        if trim:
            self.digits = min(max(m.significant_figures - d, 0) for m, d in zip(there, leading, strict=True))
        self.width = max(leading) + self.digits + bool(self.digits)

    def _written(self, value: float, figures: int, spread: float | None) -> str:
        if self.trim:
            value = trim_sigfig(value, figures)
        mark = f" (! {spread * 100:.0f}%)" if self.warn and spread is not None else ""
        return f"{value:>{self.width}.{self.digits}f}{mark:>{7 if self.warn else 0}}"

    def text(self, m: Measurement | None) -> str:
        """Return what stands in a cell."""
        if m is None:
            return " " * len(self._written(1, 1, None))
        return self._written(m.median / self.scale, m.significant_figures, m.iqr / m.median if m.has_warnings else None)


class _Table:
    """The measurements of one label: rows by threads, environment and sub-label, columns by description."""

    def __init__(self, results: list[Measurement], colours: Colorize, trim: bool, warn: bool) -> None:
        self.results, self.colours, self.warn = results, colours, warn
        self.label = results[0].task_spec.label
        self.unit, scale = select_unit(min(r.median for r in results))
        keys = ordered_unique(self._row_of(r) for r in results)
        self.rows = sorted(keys, key=lambda k: k[:2])
        self.heads = ordered_unique(r.task_spec.description or "" for r in results)
        self.cells: dict[Any, list[Measurement | None]] = {k: [None] * len(self.heads) for k in self.rows}
        for r in results:
            self.cells[self._row_of(r)][self.heads.index(r.task_spec.description or "")] = r
        self.columns = [
            _Column([self.cells[k][j] for k in self.rows], scale, trim, warn) for j in range(len(self.heads))
        ]

    @staticmethod
    def _row_of(m: Measurement) -> tuple[int, str | None, str]:
        return m.task_spec.num_threads, m.env, m.as_row_name

    def _names(self) -> list[str]:
        envs = {r.env for r in self.results}
        width = max(len(str(e)) for e in envs) + 4 if len(envs) > 1 else 4
        names, before = [], (-1, "")
        for threads, env, name in self.rows:
            shown = len(envs) > 1 and (threads, env) != before and env != (before[1] if threads == before[0] else "")
            names.append("  " + (f"({env})" if shown else "").ljust(width) + name)
            before = (threads, env or "")
        return names

    def _best(self, key: Any) -> list[float | None]:
        if self.colours is Colorize.ROWWISE:
            row = min(m.median for m in self.cells[key] if m is not None)
            return [row] * len(self.heads)
        group = [k for k in self.rows if k[0] == key[0]]
        columns = [[m.median for k in group if (m := self.cells[k][j]) is not None] for j in range(len(self.heads))]
        return [min(c) if c else None for c in columns]

    def render(self) -> str:
        """Return the table's text."""
        lines = [["", *self.heads]]
        for key, name in zip(self.rows, self._names(), strict=True):
            lines.append([name, *(c.text(m) for c, m in zip(self.columns, self.cells[key], strict=True))])
        widths = [max(len(text) for text in column) for column in zip(*lines, strict=True)]
        text = ["  |  ".join(t.center(w) for t, w in zip(lines[0], widths, strict=True))]
        whole = len(text[0])
        threads = None
        for key, line in zip(self.rows, lines[1:], strict=True):
            if key[0] != threads:
                threads = key[0]
                text.append(f"{threads} threads: ".ljust(whole, "-"))
            parts = [line[0].ljust(widths[0])]
            best = self._best(key) if self.colours is not Colorize.NONE else [None] * len(self.heads)
            for t, w, m, b in zip(line[1:], widths[1:], self.cells[key], best, strict=True):
                centred = t.center(w)
                parts.append(centred if m is None or b is None else _coloured(centred, m.median, b))
            text.append("  |  ".join(parts))
        note = ""
        if self.warn and any(r.has_warnings for r in self.results):
            note = "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        title = f" {self.label or ''} ".center(whole - 2, "-")
        body = "\n".join(text)
        return f"[{title}]\n{body}\n\nTimes are in {unit_to_english(self.unit)}s ({self.unit}).\n{note}"


class Compare:
    """Prints measurements as tables, one for each label.

    Args:
        results: measurements; those of one task are put together.

    Raises:
        ValueError: something else is among them.

    Source: ``torch.utils.benchmark.Compare``.

    Example:
        >>> b = torch.utils.benchmark
        >>> tasks = [b.TaskSpec("x + 1", "pass", label="sum", description=d) for d in ("n=1", "n=2")]
        >>> table = b.Compare([b.Measurement(1, [s], task) for s, task in zip([2e-6, 5e-6], tasks)])
        >>> for line in str(table).splitlines():
        ...     print(line.rstrip())
        [---------- sum ----------]
                     |  n=1  |  n=2
        1 threads: ----------------
              x + 1  |  2.0  |  5.0
        <BLANKLINE>
        Times are in microseconds (us).
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim = False
        self._warn = False
        self._colours = Colorize.NONE
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements."""
        results = list(results)
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Write only the digits that mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the numbers, by how they compare in their column or row."""
        self._colours = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self) -> None:
        """Mark the numbers that vary too much."""
        self._warn = True

    def print(self) -> None:
        """Print the tables."""
        print(str(self))

    def __str__(self) -> str:
        groups: dict[str | None, list[Measurement]] = {}
        for m in Measurement.merge(self._results):
            groups.setdefault(m.task_spec.label, []).append(m)
        return "\n".join(_Table(g, self._colours, self._trim, self._warn).render() for g in groups.values())
