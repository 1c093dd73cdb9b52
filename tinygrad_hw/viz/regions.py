"""Where a classifier of points in the plane draws its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.viz.canvas import (
    COLORS,
    INK,
    MARKERS,
    PAPER,
    SMALL,
    array_of,
    as_parameters,
    put_note,
    sheet,
    style,
    tinted,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["decision_boundary"]

Array = np.ndarray[Any, Any]


def _scores(model: Any, points: Array) -> Array:
    """Return the model's scores (N, columns) of points, in eval mode and batches, leaving the model as it was."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    modes = [m.training for m in modules]
    if modules:
        model.eval()
    try:
        with no_grad():
            parts = [
                array_of(model(Tensor._wrap(np.ascontiguousarray(as_parameters(model, points[i : i + 4096])))))
                for i in range(0, len(points), 4096)
            ]
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    scores = np.concatenate([p.reshape(len(p), -1) for p in parts]).astype(np.float64)
    if len(scores) != len(points):
        raise ValueError(f"decision_boundary: the model returned {len(scores)} rows for {len(points)} points")
    return scores


def decision_boundary(
    model: Any,
    points: Any,
    targets: Any,
    *,
    title: str | None = None,
    resolution: int = 200,
) -> Figure:
    """Draw the regions that a classifier of points in the plane gives to each class, and the points.

    A region is the stronger coloured the surer the model is there; the line is where it changes its mind. Points that
    lie in a wrong region are ringed. Classes differ by colour and by marker.

    Args:
        model: maps (N, 2) to scores (N, classes), or to one output (N, 1) or (N,): a probability where all outputs lie
            in 0 to 1, else a logit (of the larger of two targets).
        points: (N, 2).
        targets: (N,) class indices; for one output, any two values.
        title: instead of "Decision boundary".
        resolution: grid points per side; default 200.

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the points are not in the plane, or the shapes do not fit.

    Example:
        >>> from tinygrad_hw import viz
        >>> points, targets = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1])
        >>> figure = viz.decision_boundary(lambda x: x.sum(1) - 1, points, targets)
        >>> figure.axes[0].get_title(loc="left")
        '2 of 2 points right (100.0 %)'
    """
    xy, labels = array_of(points), array_of(targets).reshape(-1)
    if xy.ndim != 2 or xy.shape[1] != 2 or not len(xy):
        raise ValueError(f"decision_boundary draws points of 2 features; got shape {xy.shape}")
    if labels.shape != (len(xy),):
        raise ValueError(f"decision_boundary: {len(xy)} points but targets of shape {array_of(targets).shape}")
    if xy.dtype.kind != "f":
        xy = xy.astype(np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    room = np.where(high > low, 0.12 * (high - low), 0.5)
    low, high = low - room, high + room
    xs, ys = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(xy.dtype)
    everywhere, here = _scores(model, mesh), _scores(model, xy)
    if everywhere.shape[1] == 1:
        classes, chance, predicted = _of_one_output(everywhere, here, labels)
    else:
        shifted = np.exp(everywhere - everywhere.max(axis=1, keepdims=True))
        chance = shifted / shifted.sum(axis=1, keepdims=True)
        predicted = here.argmax(axis=1)
        classes = np.arange(everywhere.shape[1])
    winner = chance.argmax(axis=1)
    sure = np.clip((chance.max(axis=1) - 1 / len(classes)) / (1 - 1 / len(classes)), 0, 1)
    image = np.zeros((len(mesh), 4))
    for c in range(len(classes)):
        mine = winner == c
        image[mine] = tinted(COLORS[c % len(COLORS)], 0.08 + 0.37 * sure[mine])
    picture = image.reshape(resolution, resolution, 4)

    figure = sheet(4.9, title or "Decision boundary")
    axes = style(figure.subplots(), grid="", xlabel="$x_1$", ylabel="$x_2$")
    extent = (float(xs[0]), float(xs[-1]), float(ys[0]), float(ys[-1]))
    axes.imshow(picture, origin="lower", extent=extent, aspect="auto", interpolation="none", zorder=0)
    for c in np.unique(winner)[:-1]:
        # Between this class and all others.
        lead = chance[:, c] - np.delete(chance, c, axis=1).max(axis=1)
        axes.contour(xs, ys, lead.reshape(resolution, resolution), levels=[0.0], colors=[INK], linewidths=1.2, zorder=2)
    size = float(np.clip(600 / len(xy) ** 0.5, 8, 44))
    wrong = np.zeros(len(xy), dtype=bool)
    for c, value in enumerate(classes):
        mine = labels == value
        wrong |= mine & (predicted != c)
        axes.scatter(
            xy[mine, 0],
            xy[mine, 1],
            s=size,
            color=COLORS[c % len(COLORS)],
            marker=MARKERS[c % len(MARKERS)],
            edgecolor=PAPER,
            linewidth=0.6,
            label=f"class {value:g}",
            zorder=3,
            rasterized=len(xy) > 2000,
        )
    if wrong.any():
        ring: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.1}
        axes.scatter(xy[wrong, 0], xy[wrong, 1], s=size * 3.2, label="wrong", zorder=4, **ring)
    right = len(xy) - int(wrong.sum())
    put_note(axes, f"{right:,} of {len(xy):,} points right ({100 * right / len(xy):.1f} %)")
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower left",
        ncols=min(4, len(classes) + int(wrong.any())),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )
    return figure


def _of_one_output(everywhere: Array, here: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Return classes, chances on the grid and predictions at the points of a model with one output."""
    classes = np.unique(labels)
    if len(classes) > 2:
        raise ValueError(
            f"decision_boundary: a model with one output tells two classes apart, and the targets have {len(classes)}"
        )
    if len(classes) == 1:
        classes = np.array([classes[0] - 1, classes[0]]) if classes[0] > 0 else np.array([classes[0], classes[0] + 1])
    if everywhere.min() >= 0 and everywhere.max() <= 1:
        positive, said = everywhere[:, 0], here[:, 0] > 0.5
    else:
        positive = 0.5 * (1 + np.tanh(0.5 * everywhere[:, 0]))
        said = here[:, 0] > 0
    return classes, np.stack([1 - positive, positive], axis=1), said.astype(np.int64)
