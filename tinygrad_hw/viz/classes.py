"""Which classes are taken for which: the confusion matrix and the worst mistakes of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_hw.viz.canvas import (
    BAD,
    GOOD,
    INK,
    MUTED,
    PAPER,
    SMALL,
    TEXT,
    WIDTH,
    array_of,
    bare,
    names_for,
    put_note,
    sheet,
    short,
    tinted,
)
from tinygrad_hw.viz.pixels import displayable, picture_of, squares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Confusion", "confusion_matrix", "most_confused", "worst_mistakes"]


class Confusion(NamedTuple):
    """One kind of mistake.

    Attributes:
        true: name of the class that it was.
        predicted: name of the class that it was taken for.
        times: how often.
        share: ``times`` among all of the true class.

    Example:
        >>> from tinygrad_hw.viz import Confusion
        >>> Confusion("cat", "dog", 3, 0.25).predicted
        'dog'
    """

    true: str
    predicted: str
    times: int
    share: float


def _checked(matrix: Any) -> np.ndarray[Any, Any]:
    """Return the matrix as an array of counts."""
    counts = array_of(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(
            f"a confusion matrix is square, rows the true class and columns the predicted; got shape {counts.shape}"
        )
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("a confusion matrix holds counts; found a negative or non-finite one")
    return counts


def most_confused(matrix: Any, class_names: Sequence[object] | None = None, count: int = 1) -> list[Confusion]:
    """Return the kinds of mistakes that were made most often, most frequent first.

    Args:
        matrix: (classes, classes) counts; rows the true class, columns the predicted.
        class_names: names of the classes; their numbers by default.
        count: how many to return at most; default 1. Those that never happened are left out.

    Raises:
        ValueError: the matrix is not square, or there are too few names.

    Example:
        >>> from tinygrad_hw import viz
        >>> viz.most_confused([[9, 1], [4, 6]], ["cat", "dog"])
        [Confusion(true='dog', predicted='cat', times=4, share=0.4)]
    """
    counts = _checked(matrix)
    names = names_for(len(counts), class_names)
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[: max(count, 0)]
    found = []
    for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[i, j] > 0:
            found.append(Confusion(names[i], names[j], int(counts[i, j]), float(counts[i, j] / counts[i].sum())))
    return found


def confusion_matrix(
    matrix: Any,
    class_names: Sequence[object] | None = None,
    *,
    normalize: bool = False,
    title: str | None = None,
) -> Figure:
    r"""Draw a confusion matrix as a heat map with its counts, and name the most confused pair.

    What is right (the diagonal) is blue; mistakes are orange, on a scale of their own, so that they show however rare
    they are. Colours go by the share of the row, so classes of different sizes compare.

    Args:
        matrix: (classes, classes) counts; rows the true class, columns the predicted.
        class_names: names of the classes; their numbers by default.
        normalize: write the percentage of each row instead of the count. Default False.
        title: instead of "Confusion matrix".

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the matrix is not square, or there are too few names.

    Example:
        >>> from tinygrad_hw import viz
        >>> figure = viz.confusion_matrix([[9, 1], [4, 6]], ["cat", "dog"])
        >>> figure.axes[0].get_title(loc="left").replace("\n", " ")
        '15 of 20 right (75.0 %). Most confused: dog taken for cat (4 times, 40 % of its class).'
    """
    counts = _checked(matrix)
    size = len(counts)
    names = names_for(size, class_names)
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    worst = most_confused(counts, names)
    wrong = share * (1 - np.eye(size))
    top = wrong.max() or 1.0

    diagonal = np.eye(size, dtype=bool)
    # The square root lets rare mistakes show.
    amount = np.where(diagonal, 0.15 + 0.75 * share, 0.9 * np.sqrt(wrong / top))
    image = np.where(diagonal[..., None], tinted(GOOD, amount), tinted(BAD, amount))

    longest = max(len(short(n, 14)) for n in names)
    # Beyond 30 classes neither counts nor names can be read.
    labelled = size <= 30
    upright = longest > 2
    figure = sheet(WIDTH + (0.35 if upright and labelled else 0.0), title or "Confusion matrix")
    axes = figure.subplots()
    axes.imshow(image, interpolation="none", aspect="equal")
    total = int(counts.sum())
    right = int(np.trace(counts))
    note = f"{right:,} of {total:,} right ({right / max(total, 1):.1%}).".replace("%", " %")
    if worst:
        w = worst[0]
        note += (
            f" Most confused: {short(w.true, 16)} taken for {short(w.predicted, 16)} "
            f"({w.times:,} times, {w.share:.0%} of its class)."
        ).replace("%", " %")
    put_note(axes, note, width=WIDTH - 0.35 - (0.055 * longest if labelled else 0.1))
    axes.tick_params(length=0, labelsize=SMALL if size <= 15 else 7, colors=INK)
    if labelled:
        shown = [short(n, 14) for n in names]
        axes.set_xticks(range(size), shown, rotation=90 if upright else 0, parse_math=False)
        axes.set_yticks(range(size), shown, parse_math=False)
    axes.set_facecolor("none")
    axes.set_xlabel("predicted class", fontsize=TEXT, color=INK)
    axes.set_ylabel("true class", fontsize=TEXT, color=INK)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    if size <= 60:
        axes.grid(which="minor", color=PAPER, linewidth=1.0 if size <= 30 else 0.4)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if labelled:
        _write_cells(axes, counts, share, image, normalize=normalize)
    if worst:
        i, j = names.index(worst[0].true), names.index(worst[0].predicted)
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.8, zorder=4, gid="most_confused")
        )
    return figure


def _write_cells(axes: Any, counts: Any, share: Any, image: Any, *, normalize: bool) -> None:
    """Write the number of each cell that has one, as large as the widest fits."""
    size = len(counts)

    def text(i: int, j: int) -> str:
        if normalize:
            value = 100 * share[i, j]
            return f"{value:.0f}" if value >= 9.95 or value == 0 else f"{value:.1f}"
        return f"{int(counts[i, j])}"

    filled = [(i, j) for i in range(size) for j in range(size) if counts[i, j]]
    widest = max((len(text(i, j)) for i, j in filled), default=1)
    # A cell's width in points, and a digit is about 0.64 of its size wide.
    cell = 72 * (WIDTH - 1.0) / size
    points = float(np.clip(0.85 * cell / (0.64 * widest), 3.5, 11))
    for i, j in filled:
        dark = image[i, j, 3] > 0.7
        axes.text(j, i, text(i, j), ha="center", va="center", fontsize=points, color="white" if dark else INK)


def worst_mistakes(
    images: Any,
    targets: Any,
    scores: Any,
    class_names: Sequence[object] | None = None,
    count: int = 16,
    *,
    title: str | None = None,
) -> Figure:
    r"""Draw the wrongly classified images with the highest loss, ``-log softmax(scores)[target]``.

    Over each image stand the true class, and below it what was predicted and with what probability.

    Args:
        images: (N, H, W), (N, 1, H, W) or (N, 3, H, W), in any range (values outside 0 to 1 are rescaled); or rows of
            square ones, (N, pixels).
        targets: (N,) class indices.
        scores: (N, classes), before softmax.
        class_names: names of the classes; their numbers by default.
        count: how many to draw at most; default 16.
        title: instead of "Worst mistakes".

    Returns:
        The figure; without any mistake it says so.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the shapes do not fit together.

    Example:
        >>> from tinygrad_hw import viz
        >>> scores = torch.tensor([[2.0, 0.0], [3.0, 0.0]])
        >>> figure = viz.worst_mistakes(torch.rand(2, 1, 4, 4), torch.tensor([0, 1]), scores, ["cat", "dog"])
        >>> figure.axes[0].get_title()
        'dog\n→ cat, 95 %'
    """
    pictures, labels, logits = array_of(images), array_of(targets), array_of(scores).astype(np.float64)
    if logits.ndim != 2 or labels.shape != (len(logits),) or len(pictures) != len(logits):
        raise ValueError(
            f"worst_mistakes: images {pictures.shape}, targets {labels.shape} and scores {logits.shape} must be "
            "(N, ...), (N,) and (N, classes)"
        )
    names = names_for(logits.shape[1], class_names)
    labels = labels.astype(np.int64)
    if len(labels) and (labels.min() < 0 or labels.max() >= logits.shape[1]):
        raise ValueError(
            f"worst_mistakes: targets from {labels.min()} to {labels.max()} for {logits.shape[1]} columns of scores"
        )
    shifted = logits - logits.max(axis=1, keepdims=True)
    probability = np.exp(shifted)
    probability /= probability.sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-losses[wrong], kind="stable")][: max(count, 0)]
    heading = title or "Worst mistakes"
    if not len(order):
        figure = sheet(1.2, heading)
        axes = bare(figure.subplots())
        axes.text(0, 0.5, f"None: all {len(labels):,} images were classified rightly.", fontsize=TEXT, color=MUTED)
        return figure
    columns = min(4, len(order))
    rows = -(-len(order) // columns)
    figure = sheet(0.75 + 1.53 * rows, heading)
    grid = figure.subplots(rows, columns, squeeze=False)
    if pictures.ndim == 2:
        folded = squares(pictures)
        pictures = pictures[:, None] if folded is None else folded
    show = displayable(pictures)
    for axes in grid.flat:
        bare(axes)
    for axes, index in zip(grid.flat, order, strict=False):
        axes.imshow(picture_of(show(pictures[index])), cmap="gray", vmin=0, vmax=1, interpolation="none")
        said = predicted[index]
        share = f"{100 * probability[index, said]:.0f} %"
        axes.set_title(
            f"{short(names[labels[index]], 16)}\n→ {short(names[said], 10 if columns > 3 else 15)}, {share}",
            fontsize=SMALL - 1 if columns > 3 else SMALL,
            color=INK,
            parse_math=False,
            pad=3,
        )
        axes.set_gid(f"image {index}")
    figure.supxlabel(
        f"The {len(order)} of {len(wrong):,} mistakes with the highest loss. Over each image: its class,\n"
        "→ what the model took it for, and with what probability.",
        fontsize=SMALL,
        color=MUTED,
        x=0.02,
        ha="left",
    )
    return figure
