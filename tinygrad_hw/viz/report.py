"""One page that tells what a run was, how it went and what the model learned: ``report.html``."""

from __future__ import annotations

import contextlib
import csv
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.engine import grad
from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.module import Module
from tinygrad_hw.serialization import load, load_npz
from tinygrad_hw.serialization.atomic import atomic_write
from tinygrad_hw.version import __version__
from tinygrad_hw.viz.canvas import array_of, plain
from tinygrad_hw.viz.classes import confusion_matrix, most_confused, worst_mistakes
from tinygrad_hw.viz.curves import columns_of, learning_curves, lower_is_better
from tinygrad_hw.viz.drawing import graph_svg
from tinygrad_hw.viz.layers import activations
from tinygrad_hw.viz.page import card, document, figure_svg, preformatted, table
from tinygrad_hw.viz.pixels import squares
from tinygrad_hw.viz.weights import filters, gradient_flow, weight_histograms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RunMaterial", "write_report"]

#: Checkpoints looked for in a run folder, the best first.
CHECKPOINTS = (
    "best.pt",
    "model.pt",
    "checkpoint.pt",
    "training.pt",
    "last.pt",
    "model.safetensors",
    "model.npz",
    "model.h5",
)


@dataclass
class RunMaterial:
    """What a report is made from. Everything may be left out: the report then goes without that part.

    Attributes:
        title: heading of the page; by default the name of the run folder.
        config: settings by name, or the text of a configuration file; by default ``config.toml`` of the folder.
        history: a History or a mapping of columns; by default ``metrics.csv`` of the folder.
        facts: headline figures to put first, ``{"test accuracy": "98.9 %"}``.
        model: the trained model; weights, filters and activations are drawn from it.
        weights: instead of a model, its state dict; by default read from the checkpoint in the folder.
        class_names: names of the classes.
        images: (N, ...) inputs of the test set.
        targets: (N,) class indices of the test set.
        scores: (N, classes) what the model answered to them.
        matrix: (classes, classes) confusion matrix; by default counted from targets and scores.
        image: the input whose activations are drawn; by default the first of ``images``.
        loss: a loss whose graph is still there; the graph and, by a backward pass that leaves ``.grad`` alone, the
            gradient flow are drawn from it.
        gradients: instead of a loss, gradients by name; by default those of the model's parameters.
        summary: text that describes the model.
        environment: versions and the machine by name, or text; by default a few of them.

    Example:
        >>> from tinygrad_hw.viz import RunMaterial
        >>> RunMaterial(title="digits", facts={"test accuracy": "98.9 %"}).title
        'digits'
    """

    title: str = ""
    config: Mapping[str, Any] | str | None = None
    history: Any = None
    facts: Mapping[str, object] = field(default_factory=dict)
    model: Module | None = None
    weights: Mapping[str, Any] | None = None
    class_names: Sequence[object] | None = None
    images: Any = None
    targets: Any = None
    scores: Any = None
    matrix: Any = None
    image: Any = None
    loss: Any = None
    gradients: Mapping[str, Any] | None = None
    summary: str = ""
    environment: Mapping[str, object] | str | None = None


def write_report(
    run_folder: str | os.PathLike[str],
    material: RunMaterial | None = None,
    *,
    path: str | os.PathLike[str] | None = None,
) -> Path:
    """Write one page of HTML about a run, with its pictures inside; it opens anywhere, without a network.

    What ``material`` does not give is looked for in the folder: ``config.toml``, ``metrics.csv`` and a checkpoint, of
    which nothing is executed. A part that cannot be drawn says why and does not stop the others. Without matplotlib the
    page has its tables, texts and the graph.

    Args:
        run_folder: the folder of the run.
        material: what was computed already; see :class:`RunMaterial`.
        path: where to write; by default ``report.html`` in the folder.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: there is no such folder.

    Example:
        >>> import pathlib
        >>> from tinygrad_hw import viz
        >>> history = {"train_loss": [2.0, 1.0], "validation_accuracy": [0.5, 0.8]}
        >>> page = viz.write_report(".", viz.RunMaterial(title="A <small> run", history=history))
        >>> "<title>A &lt;small&gt; run</title>" in page.read_text(encoding="utf-8")
        True
    """
    folder = Path(run_folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r} to report on")
    found, problems = _gathered(folder, material or RunMaterial())
    page = document(
        found.title, _parts(found, problems), f"Written by tinygrad_hw {__version__}. Nothing is loaded from elsewhere."
    )
    target = folder / "report.html" if path is None else Path(path)
    with atomic_write(target, "w", encoding="utf-8", newline="\n") as file:
        file.write(page)
    return target


# -- what there is ---------------------------------------------------------------------------------


def _gathered(folder: Path, material: RunMaterial) -> tuple[RunMaterial, list[str]]:
    """Return the material, filled up from the folder, and sentences on what could not be read."""
    new: dict[str, Any] = {"title": material.title or folder.resolve().name or "run"}
    problems = []

    def read(name: str, reader: Callable[[Path], Any]) -> Any:
        try:
            return reader(folder / name) if (folder / name).is_file() else None
        except Exception as error:  # a damaged file costs its own part of the page only
            problems.append(f"{name} could not be read: {error}")
            return None

    if material.config is None:
        new["config"] = read("config.toml", lambda p: p.read_text(encoding="utf-8"))
    if material.history is None:
        new["history"] = read("metrics.csv", read_metrics)
    if material.model is None and material.weights is None:
        for name in CHECKPOINTS:
            new["weights"] = read(name, read_weights)
            if new["weights"]:
                break
    return replace(material, **new), problems


def read_metrics(path: Path) -> dict[str, list[float]] | None:
    """Return the columns of a metrics.csv; empty cells are NaN; None without any row."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return None
    return {k: [float(row[k]) if row[k] not in ("", None) else math.nan for row in rows] for k in rows[0]}


def read_weights(path: Path) -> dict[str, Any] | None:
    """Return the model's tensors of a checkpoint by name, also from inside a training's state."""
    state: Any = load_npz(path) if path.suffix == ".npz" else load(path)
    for key in ("model", "model_state_dict", "state_dict"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
            break
    if not isinstance(state, Mapping):
        return None
    return {str(k): v for k, v in state.items() if isinstance(v, (TensorBase, np.ndarray))} or None


# -- the page --------------------------------------------------------------------------------------


def _parts(m: RunMaterial, problems: list[str]) -> list[str]:
    cards: list[str] = []
    pictures = 0

    def draw(title: str, make: Callable[[], Figure], description: str) -> None:
        """Add a picture, or the reason why there is none."""
        nonlocal pictures
        pictures += 1
        try:
            figure = make()
            inside = f"<figure>{figure_svg(figure, f'f{pictures}', description)}</figure>"
            cards.append(f'<section class="card">{inside}</section>')
        except ImportError as error:
            if str(error) not in problems:
                problems.append(str(error))
        except (ValueError, TypeError, RuntimeError) as error:
            cards.append(card(title, "", note=f"Not drawn: {error}"))

    columns = None
    if m.history is not None:
        try:
            columns = columns_of(m.history)
        except (ValueError, TypeError) as error:
            problems.append(f"the history has no curves: {error}")
    matrix = _matrix(m)
    facts = _facts(m, columns)
    if columns is not None:
        split = ("train_", "validation_")
        shown = [k.removeprefix(split[0]).removeprefix(split[1]) for k in columns if k.startswith(split)]
        metrics = list(dict.fromkeys([n for n in ("loss", "accuracy") if n in shown] + shown))[:4]
        draw("Learning curves", lambda: learning_curves(m.history, metrics=metrics), _said(columns))
    if matrix is not None:
        draw("Confusion matrix", lambda: confusion_matrix(matrix, m.class_names), "Confusion matrix of the test set")
    if m.images is not None and m.targets is not None and m.scores is not None:
        draw(
            "Worst mistakes",
            lambda: worst_mistakes(m.images, m.targets, m.scores, m.class_names),
            "The wrongly classified images with the highest loss",
        )
    weights: Any = m.model if m.model is not None else m.weights
    if weights is not None:
        first = _first_weight(weights)
        if first is not None:
            name, weight = first
            draw(
                "Filters",
                lambda: filters(weight, title=f"Filters of {name}"),
                f"The filters of {name} as small pictures",
            )
    image = m.image if m.image is not None else (m.images[0] if m.images is not None and len(m.images) else None)
    if m.model is not None and image is not None:
        model = m.model
        draw("Activations", lambda: activations(model, image), "What each layer makes of one image")
    if weights is not None:
        draw("Weights", lambda: weight_histograms(weights), "A histogram of the weights of each layer")
    gradients = _gradients(m)
    if gradients is not None:
        draw("Gradient flow", lambda: gradient_flow(gradients), "The size of each weight's gradient")

    parts = [_fact_list(facts)] if facts else []
    parts += [card("Not complete", "".join(f"<p>{escape(plain(p))}</p>" for p in problems))] if problems else []
    parts.append(f'<div class="cards">{"".join(cards)}</div>' if cards else "")
    parts.append(_epochs(columns) if columns is not None else "")
    parts.append(_pairs("Settings", m.config))
    parts.append(card("Model", preformatted(m.summary)) if m.summary.strip() else "")
    parts.append(_graph(m))
    parts.append(_pairs("Environment", _environment() if m.environment is None else m.environment))
    return [p for p in parts if p]


def _matrix(m: RunMaterial) -> Any:
    if m.matrix is not None or m.targets is None or m.scores is None:
        return m.matrix
    targets, scores = array_of(m.targets).astype(np.int64), array_of(m.scores)
    if scores.ndim != 2 or scores.shape[1] < 2 or targets.shape != (len(scores),) or not len(targets):
        return None
    size = max(scores.shape[1], int(targets.max()) + 1)
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (targets, scores.argmax(axis=1)), 1)
    return counts


def _facts(m: RunMaterial, columns: dict[str, list[float]] | None) -> list[tuple[str, str, str]]:
    """Return the headline figures: (what, value, remark)."""
    facts = [(str(k), str(v), "") for k, v in m.facts.items()]
    if "test accuracy" not in {str(k).lower() for k in m.facts}:
        # What is wrong with the matrix stands where it would have been drawn.
        with contextlib.suppress(ValueError):
            facts += _tested(m)
    if columns is not None:
        epochs = columns["epoch"]
        validated = [c for c in columns if c.startswith("validation_")]
        for name in validated or [c for c in columns if c.startswith("train_")]:
            values = [(v, -e) for e, v in zip(epochs, columns[name], strict=True) if math.isfinite(v)]
            if not values:
                continue
            value, minus = min(values) if lower_is_better(name) else max(values)
            text = f"{value:.2%}".replace("%", " %") if name.endswith("accuracy") else f"{value:.4g}"
            facts.append((f"best {name.replace('_', ' ')}", text, f"in epoch {-minus:g}"))
        seconds = [s for s in columns.get("seconds", []) if math.isfinite(s)]
        remark = f"{_duration(sum(seconds))} in all" if seconds else ""
        facts.append(("epochs", f"{len(epochs)}", remark))
    source = m.model.parameters() if m.model is not None else (m.weights or {}).values()
    count = sum(array_of(p).size for p in source)
    if count:
        facts.append(("parameters" if m.model is not None else "numbers in the checkpoint", f"{count:,}", ""))
    return facts


def _tested(m: RunMaterial) -> list[tuple[str, str, str]]:
    matrix = _matrix(m)
    if matrix is None:
        return []
    worst = most_confused(matrix, m.class_names)
    counts = array_of(matrix)
    total, right = int(counts.sum()), int(np.trace(counts))
    if not total:
        return []
    share = f"{right / total:.2%}".replace("%", " %")
    facts = [("test accuracy", share, f"{total - right:,} of {total:,} wrong")]
    return facts + [("most confused", f"{w.true} → {w.predicted}", f"{w.times:,} times") for w in worst]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _fact_list(facts: list[tuple[str, str, str]]) -> str:
    def one(what: str, value: str, remark: str) -> str:
        small = f"<small>{escape(plain(remark))}</small>" if remark else ""
        long = ' class="long"' if len(value) > 12 else ""
        return f'<div class="fact"><dt>{escape(plain(what))}</dt><dd{long}>{escape(plain(value))}{small}</dd></div>'

    return f'<dl class="facts">{"".join(one(*f) for f in facts)}</dl>'


def _said(columns: dict[str, list[float]]) -> str:
    last = ", ".join(f"{k.replace('_', ' ')} {v[-1]:.4g}" for k, v in columns.items() if k not in ("epoch", "seconds"))
    return f"Learning curves; in the last epoch {last}"


def _epochs(columns: dict[str, list[float]]) -> str:
    """Return the table of all epochs, folded."""
    names = ["epoch", *(c for c in columns if c != "epoch")]

    def cell(name: str, value: float) -> str:
        if math.isnan(value):
            return "-"
        if name == "epoch":
            return f"{value:g}"
        return f"{value:.2%}".replace("%", " %") if name.endswith("accuracy") else f"{value:.4g}"

    rows = [[cell(n, columns[n][i]) for n in names] for i in range(len(columns["epoch"]))]
    return card("All epochs", table([n.replace("_", " ") for n in names], rows, numbers=True), folded=True)


def _pairs(title: str, values: Mapping[str, object] | str | None) -> str:
    """Return settings as a table of names and values, or as the text that they are."""
    if not values:
        return ""
    if isinstance(values, str):
        return card(title, preformatted(values))

    def flat(prefix: str, inside: Mapping[str, object]) -> list[tuple[str, object]]:
        pairs: list[tuple[str, object]] = []
        for key, value in inside.items():
            pairs += flat(f"{prefix}{key}.", value) if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
        return pairs

    return card(title, table([], flat("", values), classes="pairs"))


def _first_weight(weights: Any) -> tuple[str, Any] | None:
    """Return the first matrix or kernel of a model if it can be seen as pictures."""
    pairs = weights.named_parameters() if isinstance(weights, Module) else weights.items()
    for name, value in pairs:
        shape = array_of(value).shape
        if len(shape) == 4:
            return (name, value) if shape[1] in (1, 3) else None
        if len(shape) == 2:
            return (name, value) if squares(array_of(value)) is not None else None
    return None


def _gradients(m: RunMaterial) -> Any:
    """Return what gradient flow is drawn from: gradients by name, or the model that has them."""
    if m.gradients is not None:
        return m.gradients
    if m.model is None:
        return None
    parameters = {n: p for n, p in m.model.named_parameters() if p.requires_grad}
    if isinstance(m.loss, TensorBase) and parameters:
        try:
            found = grad(m.loss, list(parameters.values()), retain_graph=True, allow_unused=True)
            return dict(zip(parameters, found, strict=True))
        except RuntimeError:
            # Its graph was freed by a backward pass, and that one left gradients.
            pass
    return m.model if any(p.grad is not None for p in parameters.values()) else None


def _graph(m: RunMaterial) -> str:
    if m.loss is None:
        return ""
    try:
        picture = graph_svg(m.loss, names=m.model, gradients=True)
    except (ValueError, TypeError, RuntimeError) as error:
        return card("Graph of the loss", "", note=f"Not drawn: {error}")
    note = "The operations from the parameters (top) to the loss; |g| is the norm of the gradient of the loss there."
    return card("Graph of the loss", f'<div class="scroll" tabindex="0">{picture}</div>', note=note)


def _environment() -> dict[str, object]:
    return {
        "tinygrad_hw": __version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count() or "unknown",
    }
