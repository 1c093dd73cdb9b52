"""What a training measured, epoch by epoch."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from tinygrad_hw.serialization.atomic import atomic_write

__all__ = ["History", "Row"]


class Row(Mapping[str, float]):
    """What one epoch gave: a mapping of columns, which are attributes too.

    Example:
        >>> from tinygrad_hw.train import Row
        >>> row = Row({"epoch": 1, "train_loss": 0.5})
        >>> row.train_loss, row["epoch"]
        (0.5, 1)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> float:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"{name!r} is no column of this epoch; it has {', '.join(self._values)}") from None

    def __getattr__(self, name: str) -> float:
        # Not while a copy is being made, when there are no values yet.
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"{type(self).__name__} has no column {name!r}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{k}={v:g}' for k, v in self._values.items())})"

    def __reduce__(self) -> Any:
        return type(self), (self._values,)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]


class History(Sequence[Row]):
    """The epochs of a training: rows by number, columns by name.

    Columns are ``epoch`` (from 1), ``train_loss``, ``validation_loss``, ``train_m`` and ``validation_m`` of each
    metric ``m``, ``lr`` (the rate with which the epoch began) and ``seconds``. What an epoch did not measure is NaN.

    Args:
        rows: mappings of column names to numbers.

    Example:
        >>> from tinygrad_hw.train import History
        >>> history = History([{"epoch": 1, "train_loss": 0.9}, {"epoch": 2, "train_loss": 0.4}])
        >>> history["train_loss"]
        [0.9, 0.4]
        >>> history[-1].train_loss
        0.4
        >>> print(history.table())
        epoch  train loss
            1      0.9000
            2      0.4000
    """

    def __init__(self, rows: Sequence[Mapping[str, float]] = ()) -> None:
        self._rows = [Row(r) for r in rows]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        # A dictionary keeps the order of first appearance; new columns go before those that end a row.
        names = {name: None for row in self._rows for name in row}
        last = [name for name in ("lr", "seconds") if name in names]
        return [name for name in names if name not in last] + last

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch."""
        self._rows.append(Row(row))

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: str) -> list[float]: ...
    @overload
    def __getitem__(self, key: slice) -> History: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, str):
            if key not in self.columns:
                known = ", ".join(self.columns) if self._rows else "no columns yet; train first"
                raise KeyError(f"{key!r} is no column of the history; it has {known}")
            return [row.get(key, math.nan) for row in self._rows]
        if isinstance(key, slice):
            return History(self._rows[key])
        return self._rows[key]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self.columns if isinstance(key, str) else key in self._rows

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, History) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({len(self)} epochs: {', '.join(self.columns)})"

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column, or ``default`` if there is none of that name."""
        return self[name] if name in self.columns else default

    def best(self, name: str, mode: str = "auto") -> Row:
        """Return the row of the best value of a column; the first of equal ones, NaN never.

        Args:
            name: of the column.
            mode: ``"min"``, ``"max"``, or ``"auto"``: the smallest of a loss, else the largest.

        Raises:
            KeyError: there is no such column.
            ValueError: it has no number in it, or the mode is none of these.
        """
        values = self[name]
        chosen = better_is(name, mode)
        numbers = [i for i, v in enumerate(values) if not math.isnan(v)]
        if not numbers:
            raise ValueError(f"column {name!r} holds no number")
        return self._rows[(min if chosen == "min" else max)(numbers, key=values.__getitem__)]

    @property
    def lr_changes(self) -> list[int]:
        """The epochs after which a schedule of steps changed the learning rate.

        A smooth schedule changes it after most epochs; there is nothing to mark then, and the list is empty.
        """
        if "lr" not in self.columns:
            return []
        rates, epochs = self["lr"], self.get("epoch", list(range(1, len(self) + 1)))
        changes = [int(epochs[i]) for i in range(len(rates) - 1) if rates[i] != rates[i + 1]]
        return changes if 2 * len(changes) < len(rates) else []

    def table(self) -> str:
        """Return the epochs as a table of text."""
        names = self.columns
        heads = [name.replace("_", " ") for name in names]
        cells = [[show_value(name, row.get(name, math.nan)) for name in names] for row in self._rows]
        widths = [max([len(head), *(len(line[i]) for line in cells)]) for i, head in enumerate(heads)]
        return "\n".join("  ".join(f"{c:>{w}}" for c, w in zip(line, widths, strict=True)) for line in [heads, *cells])

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a line per epoch under a line of names; the file is replaced as a whole.

        Args:
            path: of the file; its folder must exist.
        """
        with atomic_write(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(dict(row) for row in self._rows)

    @classmethod
    def read_csv(cls, path: str | os.PathLike[str]) -> History:
        """Read what :meth:`write_csv` wrote.

        Args:
            path: of the file.

        Raises:
            ValueError: a line has too many or too few fields, or something that is no number.
        """
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            names = next(reader, [])
            rows = []
            for fields in reader:
                if len(fields) != len(names):
                    raise ValueError(
                        f"{os.fspath(path)}, line {reader.line_num}: {len(fields)} fields under {len(names)} names"
                    )
                try:
                    rows.append({n: _number(n, f) for n, f in zip(names, fields, strict=True) if f != ""})
                except ValueError as error:
                    raise ValueError(f"{os.fspath(path)}, line {reader.line_num}: {error}") from None
        return cls(rows)


def better_is(name: str, mode: str = "auto") -> str:
    """Return ``"min"`` or ``"max"``: what is better of a column; losses, errors and times are better small."""
    if mode not in ("min", "max", "auto"):
        raise ValueError(f"mode is {mode!r}; use 'min', 'max' or 'auto'")
    if mode != "auto":
        return mode
    small = ("loss", "error", "seconds", "lr", "mse", "mae", "rmse", "perplexity")
    return "min" if name.lower().endswith(small) else "max"


def show_value(name: str, value: float) -> str:
    """Return a value as people read it: accuracies in percent."""
    if math.isnan(value):
        return "-"
    if name == "epoch":
        return str(int(value))
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if name.endswith("seconds"):
        return f"{value:.2f}"
    if name.endswith("lr"):
        return f"{value:.4g}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3e}"


def _number(name: str, text: str) -> float:
    return int(text) if name == "epoch" else float(text)
