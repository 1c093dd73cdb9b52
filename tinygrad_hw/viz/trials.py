"""Which settings did best: the results of a search over hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.viz.canvas import BAD, GOOD, INK, MUTED, SMALL, TEXT, put_note, sheet, short, style, tinted
from tinygrad_hw.viz.curves import lower_is_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["search_results"]

Trial = tuple[dict[str, Any], float]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _trial(result: Any, metric: str | None, monitor: str) -> tuple[dict[str, Any], float, str]:
    """Return the settings, the number and its name of one result."""
    settings = getattr(result, "settings", None)
    if isinstance(settings, Mapping):
        if metric is None or metric == monitor:
            return dict(settings), _float(result.score), monitor
        # A failed trial measured nothing.
        if result.values and metric not in result.values:
            raise ValueError(
                f"search_results: nothing was measured by the name {metric!r}; there is {[*result.values]}"
            )
        return dict(settings), _float(result.values.get(metric)), metric
    if isinstance(result, Mapping):
        row = {str(k): v for k, v in result.items()}
        name = metric if metric is not None else "score" if "score" in row else list(row)[-1]
        if name not in row:
            raise ValueError(f"search_results: a trial has no {name!r}; it has {list(row)}")
        return {k: v for k, v in row.items() if k != name}, _float(row[name]), name
    raise TypeError(
        "search_results takes the results of a search, or mappings such as {'lr': 0.1, 'score': 0.97}; got "
        f"{type(result).__name__}"
    )


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _trials(results: Any, metric: str | None) -> tuple[list[Trial], str]:
    monitor = str(getattr(results, "monitor", "score"))
    found = [_trial(r, metric, monitor) for r in results]
    if not found:
        raise ValueError("search_results: there are no results to draw")
    return [(settings, value) for settings, value, _ in found], found[0][2]


def search_results(
    results: Any,
    *,
    metric: str | None = None,
    mode: str = "auto",
    title: str | None = None,
) -> Figure:
    """Draw how each setting of a search bears on the result, one panel per setting that varied; the best is marked.

    A grid over two settings, each combination tried once, is drawn as a table of coloured cells instead.

    Args:
        results: what ``grid_search`` or ``random_search`` returned, or mappings such as ``{"lr": 0.1, "score": 0.97}``.
        metric: which of the measured numbers; by default that which was searched by (of a mapping ``"score"``, else its
            last entry).
        mode: ``"max"`` or ``"min"`` is best; ``"auto"`` (default): the smallest of a loss, the largest of others.
        title: instead of "Search".

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no results, or they lack the metric.

    Example:
        >>> from tinygrad_hw import viz
        >>> trials = [{"lr": 0.1, "score": 0.91}, {"lr": 0.01, "score": 0.97}]
        >>> viz.search_results(trials).axes[0].get_title(loc="left")
        'Best of 2: score 0.97 with lr 0.01'
    """
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"mode is {mode!r}; use 'auto', 'min' or 'max'")
    trials, name = _trials(results, metric)
    if mode == "auto" and metric is None:
        mode = getattr(results, "mode", "auto")
    smallest = lower_is_better(name) if mode == "auto" else mode == "min"
    settings = list(dict.fromkeys(k for s, _ in trials for k in s))
    varied = [k for k in settings if len({repr(s.get(k)) for s, _ in trials}) > 1] or settings
    finite = [i for i, (_, v) in enumerate(trials) if math.isfinite(v)]
    best = (min if smallest else max)(finite, key=lambda i: trials[i][1]) if finite else None
    note = f"{len(trials)} trials, none with a finite {name}"
    if best is not None:
        said = ", ".join(f"{k} {_said(trials[best][0].get(k))}" for k in varied)
        note = f"Best of {len(trials)}: {name.replace('_', ' ')} {trials[best][1]:.4g} with {said}"
        if len(finite) < len(trials):
            note += f" ({len(trials) - len(finite)} not finite)"
    heading = title or "Search"
    if len(varied) == 2 and _is_grid(trials, varied):
        return _table(trials, varied, name, best, note, heading, smallest)
    figure = sheet(0.75 + 2.0 * max(len(varied), 1), heading)
    panels = np.atleast_1d(figure.subplots(max(len(varied), 1), 1))
    for axes, setting in zip(panels, varied or [""], strict=True):
        style(axes, xlabel=setting, ylabel=name.replace("_", " "))
        _points(axes, [s.get(setting) for s, _ in trials], [v for _, v in trials], best)
    put_note(panels[0], note)
    return figure


def _said(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return short(getattr(value, "__name__", None) or value, 24)


def _points(axes: Axes, values: list[Any], scores: list[float], best: int | None) -> None:
    """Draw a result over a setting, on a logarithmic scale where the setting spans more than a factor of 20."""
    if all(_is_number(v) for v in values):
        x = np.array(values, dtype=float)
        if x.min() > 0 and x.max() / x.min() > 20:
            axes.set_xscale("log")
    else:
        kinds = list(dict.fromkeys(_said(v) for v in values))
        x = np.array([kinds.index(_said(v)) for v in values], dtype=float)
        axes.set_xticks(range(len(kinds)), [short(k, 14) for k in kinds], parse_math=False)
        axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.plot(x, scores, "o", color=GOOD, markersize=6, alpha=0.75, zorder=3)
    if best is not None:
        axes.plot(x[best], scores[best], "D", color=BAD, markersize=8, zorder=4, label="best", gid="best")
    axes.margins(x=0.06, y=0.12)


def _is_grid(trials: list[Trial], varied: list[str]) -> bool:
    """Return whether every combination of the two settings was tried exactly once."""
    pairs = [(repr(s.get(varied[0])), repr(s.get(varied[1]))) for s, _ in trials]
    sides = [len({p[i] for p in pairs}) for i in (0, 1)]
    return len(set(pairs)) == len(pairs) == sides[0] * sides[1] and min(sides) > 1 and max(sides) <= 12


def _table(
    trials: list[Trial],
    varied: list[str],
    name: str,
    best: int | None,
    note: str,
    heading: str,
    smallest: bool,
) -> Figure:
    from matplotlib.patches import Rectangle

    def kinds(setting: str) -> list[Any]:
        found = list({repr(s.get(setting)): s.get(setting) for s, _ in trials}.values())
        return sorted(found) if all(_is_number(v) for v in found) else found

    down, across = sorted((kinds(v) for v in varied), key=len, reverse=True)
    row, column = (varied[0], varied[1]) if len(kinds(varied[0])) >= len(kinds(varied[1])) else (varied[1], varied[0])
    grid = np.full((len(down), len(across)), np.nan)
    place = []
    for settings, value in trials:
        place.append((down.index(settings.get(row)), across.index(settings.get(column))))
        grid[place[-1]] = value
    figure = sheet(1.5 + 0.42 * len(down), heading)
    axes = figure.subplots()
    shown = np.where(np.isfinite(grid), grid, np.nan)
    low, high = (np.nanmin(shown), np.nanmax(shown)) if np.isfinite(grid).any() else (0.0, 1.0)
    span = (high - low) or 1.0
    strength = np.nan_to_num((high - shown if smallest else shown - low) / span)
    axes.imshow(tinted(GOOD, 0.08 + 0.82 * strength), interpolation="none", aspect="auto")
    for i in range(len(down)):
        for j in range(len(across)):
            value = grid[i, j]
            axes.text(
                j,
                i,
                f"{value:.4g}",
                ha="center",
                va="center",
                fontsize=min(TEXT, 60 / len(across)),
                color="white" if strength[i, j] > 0.76 else INK if math.isfinite(value) else BAD,
            )
    if best is not None:
        i, j = place[best]
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=BAD, linewidth=2.5, gid="best"))
    axes.set_xticks(range(len(across)), [_said(v) for v in across], parse_math=False)
    axes.set_yticks(range(len(down)), [_said(v) for v in down], parse_math=False)
    axes.set_facecolor("none")
    axes.set_xlabel(column, fontsize=TEXT, color=INK)
    axes.set_ylabel(row, fontsize=TEXT, color=INK)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=INK, color=MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)
    put_note(axes, note)
    return figure
