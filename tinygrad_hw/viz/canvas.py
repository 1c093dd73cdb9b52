"""What all pictures share: the sheet they are drawn on, colours, sizes of text, and writing to a file.

Figures are made through matplotlib's objects, never through pyplot, so that no global list of figures grows and no
window system is asked for. Sheets are 5 inches wide with text of 9 to 12 points: shown 400 pixels wide, it is still 10
to 13 pixels high.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.serialization.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["save"]

#: Inches; see the module's docstring.
WIDTH = 5.0
DPI = 160
TITLE, TEXT, SMALL = 12.0, 10.0, 9.0

INK = "#1a1c20"
MUTED = "#5c6370"
FAINT = "#d5d8de"
#: Not quite white, so that a page can tell it from white that must stay: see page.py.
PAPER = "#fefefe"

#: Okabe and Ito's colours, which stay apart under all common kinds of colour blindness, darkest first.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#5c6370")
GOOD, BAD = COLORS[0], COLORS[1]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_WITHOUT = 'pictures need matplotlib: pip install "tinygrad-hw[plot]"'


def sheet(height: float, title: str = "", *, width: float = WIDTH) -> Figure:
    """Return an empty figure with a title; its layout keeps labels from overlapping."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(_WITHOUT) from error
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.03)
    if title:
        put_title(figure, title)
    return figure


def put_title(figure: Figure, title: str) -> None:
    """Write the title of a figure, left, in as many lines as it needs."""
    columns = int(figure.get_size_inches()[0] * 9.2)
    lines = [part for line in plain(title).split("\n") for part in textwrap.wrap(line, columns) or [""]]
    figure.suptitle("\n".join(lines), x=0.02, ha="left", fontsize=TITLE, fontweight="bold", color=INK, parse_math=False)


def put_note(axes: Axes, note: str, *, width: float = WIDTH) -> None:
    """Write a line above the axes: what is to be seen in them."""
    text = "\n".join(textwrap.wrap(plain(note), int(width * 12.6)))
    axes.set_title(text, loc="left", fontsize=SMALL, color=MUTED, pad=6, parse_math=False)


def style(axes: Axes, *, grid: str = "y", xlabel: str = "", ylabel: str = "") -> Axes:
    """Give axes the house's look: no box, a faint grid, labelled."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(labelsize=SMALL, colors=MUTED, labelcolor=INK, length=3)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.7)  # type: ignore[arg-type]
    axes.set_facecolor("none")
    axes.set_xlabel(xlabel, fontsize=TEXT, color=INK)
    axes.set_ylabel(ylabel, fontsize=TEXT, color=INK)
    return axes


def bare(axes: Axes) -> Axes:
    """Take ticks and frame away, for pictures of pixels."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def legend(axes: Axes, **options: Any) -> None:
    """Draw the legend of the labelled things in the axes."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        made = axes.legend(handles, labels, fontsize=SMALL, labelcolor=INK, framealpha=0.85, borderpad=0.2, **options)
        made.get_frame().set(facecolor=PAPER, edgecolor="none")
        for text in made.get_texts():
            text.set_parse_math(False)


def tinted(color: str, amount: Any) -> np.ndarray[Any, Any]:
    """Return an image (..., 4) of one colour, as opaque as ``amount`` (...) says, so that it suits any background."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    amount = np.asarray(amount, dtype=np.float64)
    return np.concatenate([np.broadcast_to(parts, (*amount.shape, 3)), amount[..., None]], axis=-1)


def plain(text: object) -> str:
    """Return text without characters that cannot be drawn."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in str(text))


def short(text: object, length: int) -> str:
    """Return text cut to a length, with an ellipsis in place of the middle."""
    line = plain(text).replace("\n", " ")
    if len(line) <= length:
        return line
    # Names that begin alike often differ at their ends.
    tail = (length - 1) // 3
    return line[: max(length - 1 - tail, 1)] + "…" + (line[-tail:] if tail else "")


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """Return the numbers of a tensor, an array or nested lists."""
    return value.array if isinstance(value, TensorBase) else np.asarray(value)


def as_parameters(model: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return numbers in the dtype that a model computes in; those of a plain function as floating point."""
    parameters = model.parameters() if hasattr(model, "parameters") else ()
    kinds = [p.array.dtype for p in parameters if p.array.dtype.kind == "f"]
    kind = kinds[0] if kinds else array.dtype if array.dtype.kind == "f" else np.dtype(np.float32)
    return array.astype(kind, copy=False)


def names_for(count: int, class_names: Sequence[object] | Mapping[int, object] | None) -> list[str]:
    """Return a name for each class, the number where none is given.

    Raises:
        ValueError: there are fewer names than classes.
    """
    if class_names is None:
        return [str(i) for i in range(count)]
    values: Iterable[object] = (
        (class_names.get(i, i) for i in range(count)) if isinstance(class_names, Mapping) else class_names
    )
    names = [plain(n) for n in values]
    if len(names) < count:
        raise ValueError(f"class_names has {len(names)} names for {count} classes; give one name for each class")
    return names[:count]


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure to a file, in the format that its suffix names.

    The file appears whole or not at all. PNG is written with 160 pixels to the inch (most pictures are 800 wide).

    Args:
        figure: what a function of ``tinygrad_hw.viz`` returned.
        path: ends in ``.png``, ``.svg`` or ``.pdf``; missing folders are made.

    Returns:
        The path.

    Raises:
        ValueError: the suffix names no format.

    Example:
        >>> from tinygrad_hw import viz
        >>> figure = viz.learning_curves({"epoch": [1, 2], "train_loss": [2.0, 1.0]})
        >>> viz.save(figure, "pictures/curves.png").name
        'curves.png'
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(
            f"cannot tell a picture's format from {path.name!r}: end the name in one of "
            f"{', '.join('.' + k for k in ('png', 'svg', 'pdf', 'jpg', 'webp') if k in known)}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=DPI, facecolor=figure.get_facecolor())
    return path
