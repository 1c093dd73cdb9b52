"""Searching for good settings: all of a grid, or random ones."""

from __future__ import annotations

import csv
import inspect
import itertools
import math
import numbers
import os
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, overload

import numpy as np

from tinygrad_hw.ops.random import manual_seed
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.train.history import History, better_is, show_value
from tinygrad_hw.train.progress import Progress

__all__ = ["SearchResult", "SearchResults", "grid_search", "random_search"]


@dataclass(frozen=True)
class SearchResult:
    """What one combination of settings gave.

    Attributes:
        settings: by name.
        values: what was measured, by name; empty if it failed.
        score: of the column that was searched for the best of; NaN if it failed.
        seconds: how long it took.
        error: what went wrong, type and message; empty if nothing did.
        traceback: of the error.
    """

    settings: dict[str, Any]
    values: dict[str, float]
    score: float
    seconds: float
    error: str = ""
    traceback: str = field(default="", repr=False)

    @property
    def failed(self) -> bool:
        """Whether this combination raised an error."""
        return bool(self.error)


class SearchResults(Sequence[SearchResult]):
    """The results of a search, the best first; those without a score come last.

    Args:
        results: in any order.
        monitor: what the score is called.
        mode: ``"min"`` or ``"max"``: which scores are better.
        interrupted: whether Ctrl-C ended the search.

    Attributes:
        monitor: see above; likewise the others.
    """

    def __init__(self, results: Iterable[SearchResult], monitor: str, mode: str, interrupted: bool = False) -> None:
        sign = 1.0 if mode == "min" else -1.0
        self._results = sorted(
            results, key=lambda r: (r.failed, math.isnan(r.score), 0.0 if math.isnan(r.score) else sign * r.score)
        )
        self.monitor = monitor
        self.mode = mode
        self.interrupted = interrupted

    @overload
    def __getitem__(self, index: int) -> SearchResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[SearchResult]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"SearchResults({len(self)} combinations by {self.monitor}{failed})"

    @property
    def best(self) -> SearchResult:
        """The best result.

        Raises:
            RuntimeError: there is none: nothing was tried, or everything failed.
        """
        if not self._results:
            raise RuntimeError("the search tried nothing")
        first = self._results[0]
        if first.failed:
            raise RuntimeError(f"all {len(self)} combinations failed, the first of them with {first.error}")
        if math.isnan(first.score):
            raise RuntimeError(f"{self.monitor} is NaN for all {len(self)} combinations")
        return first

    @property
    def failures(self) -> list[SearchResult]:
        """The combinations that raised an error."""
        return [r for r in self._results if r.failed]

    def column(self, name: str) -> list[Any]:
        """Return a setting or a measured value of all results; None or NaN where there is none.

        Args:
            name: of a setting, of a value, ``"score"`` or ``"seconds"``.

        Raises:
            KeyError: no result has anything of that name.
        """
        if name in ("score", "seconds"):
            return [getattr(r, name) for r in self._results]
        if any(name in r.settings for r in self._results):
            return [r.settings.get(name) for r in self._results]
        if any(name in r.values for r in self._results):
            return [r.values.get(name, math.nan) for r in self._results]
        raise KeyError(f"{name!r} is neither a setting nor a value; there are {', '.join(self._names())}")

    def _names(self) -> list[str]:
        settings = {n: None for r in self._results for n in r.settings}
        values = {n: None for r in self._results for n in r.values if n not in settings}
        return [*settings, *values]

    def table(self) -> str:
        """Return the results as a table of text, the best first and the failures last."""
        settings = list({n: None for r in self._results for n in r.settings})
        heads = [*settings, self.monitor.replace("_", " "), "seconds"]
        failed = any(r.failed for r in self._results)
        lines = [[*heads, "error"] if failed else heads]
        for r in self._results:
            line = [_show(r.settings.get(n)) for n in settings]
            line += [show_value(self.monitor, r.score), f"{r.seconds:.2f}"]
            lines.append([*line, r.error.splitlines()[0] if r.failed else ""] if failed else line)
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        rows = ["  ".join(f"{c:>{w}}" for c, w in zip(line, widths, strict=False)) for line in lines]
        if failed:
            rows = [f"{row}  {line[-1]}".rstrip() for row, line in zip(rows, lines, strict=True)]
        return "\n".join(rows)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a line per result: settings, values, seconds and error.

        Args:
            path: of the file, which is replaced as a whole.
        """
        names = self._names()
        with atomic_write(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*names, "seconds", "error"])
            for r in self._results:
                found = {**r.values, **r.settings}
                writer.writerow([*(found.get(n, "") for n in names), r.seconds, r.error])


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else getattr(value, "__name__", None) or str(value)


def grid_search(
    train_function: Callable[..., Any],
    grid: Mapping[str, Iterable[Any]],
    *,
    monitor: str | None = None,
    mode: str = "auto",
    seed: int | None = 0,
    show_progress: bool = True,
    file: IO[str] | None = None,
) -> SearchResults:
    """Try all combinations of settings.

    An error in one combination is noted in its result, and the search goes on; Ctrl-C ends it with the results so far.

    Args:
        train_function: called with a combination as keyword arguments. It returns a score; or several values by name;
            or a :class:`~tinygrad_hw.train.History`, of which the best epoch counts.
        grid: the values to try of each setting, by name.
        monitor: which of several values is the score; by default that of ``"validation_accuracy"``,
            ``"validation_loss"``, ``"train_accuracy"``, ``"train_loss"`` which there is first.
        mode: ``"max"``, ``"min"``, or ``"auto"``: the smallest of what is called a loss or error, else the largest.
        seed: from which the default random stream starts for each combination, so that none depends on those before;
            None leaves it alone.
        show_progress: whether to show a line per combination.
        file: where to; stderr by default.

    Returns:
        The results, the best first.

    Raises:
        TypeError: ``train_function`` does not take these settings.
        ValueError: a setting has no values, or the mode is unknown.

    Example:
        >>> from tinygrad_hw.train import grid_search
        >>> results = grid_search(lambda x, y: x - abs(y - 2), {"x": [1, 5], "y": [0, 2]}, show_progress=False)
        >>> results.best.settings
        {'x': 5, 'y': 2}
    """
    values = {name: _values("grid_search", name, options) for name, options in grid.items()}
    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    return _search("grid_search", train_function, combinations, monitor, mode, seed, Progress(show_progress, file))


def random_search(
    train_function: Callable[..., Any],
    space: Mapping[str, Iterable[Any] | Callable[[np.random.Generator], Any]],
    trials: int = 10,
    *,
    monitor: str | None = None,
    mode: str = "auto",
    seed: int = 0,
    show_progress: bool = True,
    file: IO[str] | None = None,
) -> SearchResults:
    """Try random combinations of settings.

    No combination of lists comes twice; if there are fewer than ``trials``, all are tried. Errors and Ctrl-C are
    treated as by :func:`grid_search`.

    Args:
        train_function: see :func:`grid_search`.
        space: by name, the values to choose from, or a function that draws one from numpy's generator:
            ``lambda rng: 10 ** rng.uniform(-4, -1)``.
        trials: how many combinations (default 10).
        monitor: see :func:`grid_search`; likewise ``mode``.
        mode: see above.
        seed: of the combinations, and from which the default random stream starts for each (default 0).
        show_progress: whether to show a line per combination.
        file: where to; stderr by default.

    Returns:
        The results, the best first.

    Raises:
        TypeError: ``train_function`` does not take these settings.
        ValueError: a setting has no values, ``trials`` is negative, or the mode is unknown.

    Source: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization" (2012).

    Example:
        >>> from tinygrad_hw.train import random_search
        >>> space = {"lr": lambda rng: rng.uniform(0, 1), "hidden": [16, 32]}
        >>> results = random_search(lambda lr, hidden: -abs(lr - 0.5), space, trials=50, show_progress=False)
        >>> abs(results.best.settings["lr"] - 0.5) < 0.05
        True
    """
    if not isinstance(trials, int) or isinstance(trials, bool) or trials < 0:
        raise ValueError(f"random_search: trials is a count, 0 or more, but got {trials!r}")
    draws = {
        name: options if callable(options) else _values("random_search", name, options)
        for name, options in space.items()
    }
    combinations = _draw(draws, trials, np.random.default_rng(seed))
    return _search("random_search", train_function, combinations, monitor, mode, seed, Progress(show_progress, file))


def _draw(draws: Mapping[str, Any], trials: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return random combinations; of lists alone, no combination comes twice."""
    sizes = [math.inf if callable(options) else len(options) for options in draws.values()]
    total = math.prod(sizes)
    if total <= 1 << 20:
        # Numbers of combinations, which are numbers of several digits.
        combinations = []
        for number in rng.choice(int(total), min(trials, int(total)), replace=False).tolist():
            chosen = {}
            for name, options in draws.items():
                number, digit = divmod(number, len(options))
                chosen[name] = options[digit]
            combinations.append(chosen)
        return combinations
    return [
        {name: o(rng) if callable(o) else o[int(rng.integers(len(o)))] for name, o in draws.items()}
        for _ in range(trials)
    ]


def _values(name: str, setting: str, options: Any) -> list[Any]:
    """Return the values of a setting as a list."""
    if isinstance(options, (str, bytes)) or not isinstance(options, Iterable):
        raise TypeError(f"{name}: {setting!r} needs a list of values to try, but got {options!r}; write [{options!r}]")
    listed = list(options)
    if not listed:
        raise ValueError(f"{name}: {setting!r} has no values to try")
    return listed


def _check_function(name: str, function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    """Refuse a function that does not take the settings, before hours of training."""
    if not callable(function):
        raise TypeError(f"{name}: train_function is a {type(function).__name__}, not a function")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a function that does not tell
    try:
        signature.bind(**settings)
    except TypeError as error:
        raise TypeError(
            f"{name}: train_function{signature} cannot be called with the settings {', '.join(settings)}: {error}"
        ) from None


def _search(
    name: str,
    function: Callable[..., Any],
    combinations: list[dict[str, Any]],
    monitor: str | None,
    mode: str,
    seed: int | None,
    progress: Progress,
) -> SearchResults:
    better_is("score", mode)
    if combinations:
        _check_function(name, function, combinations[0])
    done: list[SearchResult] = []
    interrupted = False
    column = monitor
    for settings in combinations:
        begun = time.perf_counter()
        if seed is not None:
            manual_seed(seed)
        values: dict[str, float] = {}
        error = trace = ""
        score = math.nan
        try:
            found = function(**settings)
            column, values = _measured(found, column, mode)
            score = values[column]
        except KeyboardInterrupt:
            interrupted = True
            progress.line(f"stopped after {len(done)} of {len(combinations)} combinations")
            break
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
            trace = traceback.format_exc()
            values = {}
        done.append(SearchResult(dict(settings), values, score, time.perf_counter() - begun, error, trace))
        what = ", ".join(f"{k}={_show(v)}" for k, v in settings.items())
        label = (column or "score").replace("_", " ")
        outcome = f"failed: {error.splitlines()[0]}" if error else f"{label} {show_value(column or '', score)}"
        progress.line(f"{len(done)} of {len(combinations)}: {what}: {outcome}, {done[-1].seconds:.1f} s")
    column = column or "score"
    return SearchResults(done, column, better_is(column, mode), interrupted)


_USUAL = ("validation_accuracy", "validation_loss", "train_accuracy", "train_loss", "score")


def _measured(found: Any, monitor: str | None, mode: str) -> tuple[str, dict[str, float]]:
    """Return which value is the score, and all values."""
    if isinstance(found, History):
        if not found:
            raise ValueError("train_function returned a history without epochs")
        monitor = monitor or _usual(found.columns)
        return monitor, dict(found.best(monitor, mode))
    if isinstance(found, Mapping):
        values = {str(k): float(v) for k, v in found.items()}
        monitor = monitor or _usual(list(values))
        if monitor not in values:
            raise KeyError(f"train_function returned no {monitor!r}, but {', '.join(values) or 'nothing'}")
        return monitor, values
    if isinstance(found, numbers.Real) or getattr(found, "shape", None) == ():
        return monitor or "score", {monitor or "score": float(found)}
    raise TypeError(
        f"train_function returned {type(found).__name__}; it must return a number, numbers by name, or a History"
    )


def _usual(names: Sequence[str]) -> str:
    """Return the usual score among several."""
    for name in _USUAL:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise ValueError(f"which of {', '.join(names)} is the score? Say monitor=...")
