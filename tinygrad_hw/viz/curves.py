"""Does it learn, and does it overfit: learning curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.viz.canvas import (
    BAD,
    COLORS,
    INK,
    MUTED,
    PAPER,
    SMALL,
    array_of,
    legend,
    sheet,
    short,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learning_curves"]

Columns = dict[str, list[float]]


def _numbers(values: Any) -> list[float]:
    """Return a column as floats, NaN where nothing was measured."""
    return [math.nan if v is None or v == "" else float(v) for v in values]


def columns_of(run: Any) -> Columns:
    """Return the columns of a History, of a mapping of columns, or of a sequence of rows."""
    if isinstance(run, Mapping):
        found = {str(k): v for k, v in run.items()}
    elif hasattr(run, "columns"):
        names = run.columns() if callable(run.columns) else run.columns
        found = {str(k): run[k] for k in names}
    elif isinstance(run, Sequence) and not isinstance(run, str) and all(isinstance(r, Mapping) for r in run):
        found = {str(k): [r.get(k) for r in run] for k in dict.fromkeys(k for r in run for k in r)}
    else:
        raise TypeError(
            f"a run is a History, a mapping of columns such as {{'train_loss': [...]}}, or a sequence of rows; got "
            f"{type(run).__name__}"
        )
    columns = {k: _numbers(array_of(v).tolist()) for k, v in found.items()}
    lengths = {k: len(v) for k, v in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of a run have different lengths: {lengths}")
    if not columns or not next(iter(columns.values())):
        raise ValueError("there is no epoch to draw: the run's columns are empty")
    columns.setdefault("epoch", [float(i + 1) for i in range(next(iter(lengths.values())))])
    return columns


def _runs_of(runs: Any) -> dict[str, Any]:
    """Return runs by name, a single run under the empty name."""
    several = isinstance(runs, Mapping) and any(
        isinstance(v, Mapping) or hasattr(v, "columns") or (isinstance(v, Sequence) and v and isinstance(v[0], Mapping))
        for v in runs.values()
    )
    return {str(k): v for k, v in runs.items()} if several else {"": runs}


def lr_changes(run: Any, columns: Columns) -> dict[float, str]:
    """Return the epochs after which a step schedule changed the learning rate, and the new rate."""
    rates, epochs = columns.get("lr"), columns["epoch"]
    known = getattr(run, "lr_changes", None)
    if known is not None and not isinstance(run, Mapping):
        after = [float(e) for e in (known() if callable(known) else known)]
    elif rates:
        after = [epochs[i] for i in range(len(rates) - 1) if not math.isclose(rates[i], rates[i + 1], rel_tol=1e-9)]
        # A rate that moves all the time follows a curve; marks at every epoch would say nothing.
        if len(after) > 1 and len(after) > len(epochs) / 3:
            after = []
    else:
        after = []
    labels = {}
    for epoch in after:
        later = [r for e, r in zip(epochs, rates or (), strict=False) if e > epoch]
        labels[epoch] = f"lr {later[0]:.3g}" if later else ""
    return labels


def _marks(marks: Any, runs: dict[str, Any], columns: dict[str, Columns]) -> dict[float, str]:
    """Return {epoch: label} of the vertical marks."""
    if marks is None:
        found = [lr_changes(runs[n], columns[n]) for n in runs]
        return {e: (f[e] if all(g.get(e) == f[e] for g in found) else "lr") for f in found for e in f}
    if isinstance(marks, Mapping):
        return {float(e): str(label) for e, label in marks.items()}
    return {float(e): "" for e in marks}


def lower_is_better(metric: str) -> bool:
    """Return whether a metric of this name is the better the smaller it is."""
    return metric.lower().endswith(("loss", "error", "seconds", "mse", "mae", "rmse", "perplexity"))


def _limits(values: list[float], metric: str) -> tuple[float, float] | None:
    """Return y limits: a share reaches 1 at most; one wild epoch must not flatten all others."""
    finite = np.array([v for v in values if math.isfinite(v)])
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    if len(finite) >= 8 and metric == "loss":
        # Of a training that blew up for an epoch, show the rest.
        usual = float(np.quantile(finite, 0.9))
        if high - low > 20 * (usual - low) > 0:
            high = usual + (usual - low)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return low - room, high + room


def learning_curves(
    runs: Any,
    *,
    metrics: Sequence[str] = ("loss", "accuracy"),
    marks: Iterable[float] | Mapping[float, str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw loss and accuracy over the epochs, for training and validation, one panel per metric.

    Of a single run the best validation epoch is marked and its value written; several runs differ by colour, training
    dashed and validation solid. Where a step schedule changed the learning rate stands a line with the new rate.

    Args:
        runs: a History, a mapping of columns (``train_loss``, ``validation_loss``, ..., ``epoch``, ``lr``) or a
            sequence of rows; or several of these by name, ``{"ReLU": ..., "tanh": ...}``.
        metrics: metric ``m`` is drawn from the columns ``train_m`` and ``validation_m``; those that no run has are left
            out. Default ``("loss", "accuracy")``.
        marks: epochs after which something changed, or ``{epoch: label}``; by default where the learning rate stepped.
        title: instead of "Learning curves".

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no run has any of the metrics, or a run is empty.

    Example:
        >>> from tinygrad_hw import viz
        >>> columns = {"train_loss": [2.3, 1.1, 0.7], "validation_loss": [2.0, 1.2, 1.3]}
        >>> [text.get_text() for text in viz.learning_curves(columns).axes[0].get_legend().get_texts()]
        ['training', 'validation, best 1.2 in epoch 2']
    """
    named = _runs_of(runs)
    columns = {name: columns_of(run) for name, run in named.items()}
    shown = [m for m in metrics if any({f"train_{m}", f"validation_{m}"} & set(c) for c in columns.values())]
    if not shown:
        have = sorted({k for c in columns.values() for k in c})
        raise ValueError(
            f"nothing to draw: no run has a column train_m or validation_m for m in {list(metrics)}; it has {have}"
        )
    figure = sheet(0.7 + 2.35 * len(shown), title or "Learning curves")
    panels = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    vertical = _marks(marks, named, columns)
    for i, (axes, metric) in enumerate(zip(panels, shown, strict=True)):
        style(axes, ylabel=metric.replace("_", " "), xlabel="epoch" if i == len(shown) - 1 else "")
        _panel(axes, metric, columns)
        _draw_marks(axes, vertical, labelled=i == 0)
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
        if metric.endswith(("accuracy", "precision", "recall", "f1")):
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if len(named) == 1:
        for axes in panels:
            legend(axes, loc="best")
    else:
        _legend_of_runs(figure, list(named), columns, shown)
    return figure


def _panel(axes: Axes, metric: str, columns: dict[str, Columns]) -> None:
    single = len(columns) == 1
    every: list[float] = []
    broken = []
    for i, (name, run) in enumerate(columns.items()):
        for j, (split, label) in enumerate((("train", "training"), ("validation", "validation"))):
            values = run.get(f"{split}_{metric}")
            if values is None or all(math.isnan(v) for v in values):
                continue
            epochs = run["epoch"]
            every += values
            color = COLORS[j] if single else COLORS[i % len(COLORS)]
            text = label if single else f"{name} {label}"
            # A validation that was not made is NaN in a history; a training loss is always there.
            bad = [
                e for e, v in zip(epochs, values, strict=True) if math.isinf(v) or (split == "train" and math.isnan(v))
            ]
            if bad:
                text += f", not finite in epoch {bad[0]:g}"
                broken.append(f"{name} {label}")
            elif single and split == "validation":
                text += _mark_best(axes, metric, epochs, values)
            axes.plot(
                epochs,
                values,
                color=color,
                linestyle=(0, (3, 1.6)) if split == "train" and not single else "-",
                linewidth=1.1 if split == "train" and not single else 1.8,
                marker="o" if len(epochs) <= 20 else None,
                markersize=3,
                label=text,
                zorder=3,
            )
    limits = _limits(every, metric)
    if limits is not None:
        axes.set_ylim(*limits)
    if broken and not single:
        axes.text(
            0.01,
            0.02,
            short("not finite: " + ", ".join(broken), 60),
            transform=axes.transAxes,
            fontsize=SMALL,
            color=BAD,
            parse_math=False,
        )


def _mark_best(axes: Axes, metric: str, epochs: list[float], values: list[float]) -> str:
    """Ring the best epoch; returns what the legend says of it."""
    falling = lower_is_better(metric)
    finite = [(v, -e) if falling else (-v, -e) for e, v in zip(epochs, values, strict=True) if math.isfinite(v)]
    if len(finite) < 2:
        return ""
    key, minus_epoch = min(finite)
    value, epoch = (key if falling else -key), -minus_epoch
    text = f"{value:.4g}" if not metric.endswith("accuracy") else f"{value:.2%}"
    ring = {"markersize": 7, "markerfacecolor": PAPER, "markeredgecolor": BAD, "markeredgewidth": 1.6}
    axes.plot([epoch], [value], "o", zorder=4, gid="best", **ring)  # type: ignore[arg-type]
    return f", best {text} in epoch {epoch:g}"


def _draw_marks(axes: Axes, marks: dict[float, str], *, labelled: bool) -> None:
    low, high = axes.get_xlim()
    last = -math.inf
    for epoch in sorted(marks):
        # The change comes between two epochs.
        x = epoch + 0.5
        axes.axvline(x, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1, gid="mark")
        apart = (x - last) / (high - low)
        if labelled and marks[epoch] and apart > 0.16:
            axes.annotate(
                short(marks[epoch], 16),
                (x, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=SMALL,
                color=MUTED,
            )
            last = x


def _legend_of_runs(figure: Figure, names: list[str], columns: dict[str, Columns], shown: list[str]) -> None:
    """Under the panels: a colour for each run, and how training and validation differ."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=COLORS[i % len(COLORS)], linewidth=2.2) for i in range(len(names))]
    labels = [short(n, 26) for n in names]
    splits = [s for s in ("train", "validation") if any(f"{s}_{m}" in c for c in columns.values() for m in shown)]
    if len(splits) == 2:
        handles += [
            Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (3, 1.6))),
            Line2D([], [], color=INK, linewidth=1.8),
        ]
        labels += ["training", "validation"]
    widest = max(len(text) for text in labels)
    made = figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=max(1, min(4, 52 // (widest + 7))),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )
    for text in made.get_texts():
        text.set_parse_math(False)
