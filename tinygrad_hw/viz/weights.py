"""What the weights look like and whether gradients reach them: histograms, first-layer filters, gradient flow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.nn.module import Module
from tinygrad_hw.viz.canvas import (
    BAD,
    FAINT,
    GOOD,
    INK,
    MUTED,
    SMALL,
    array_of,
    bare,
    put_note,
    sheet,
    short,
    style,
)
from tinygrad_hw.viz.pixels import mosaic, squares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["filters", "gradient_flow", "weight_histograms"]

Array = np.ndarray[Any, Any]
#: More layers than these make a picture longer than anybody scrolls.
MOST_LAYERS = 24


def _weights(model: Any) -> dict[str, Array]:
    """Return the weights of a module or a state dict by name: matrices and kernels, if there are any."""
    source = dict(model.named_parameters()) if isinstance(model, Module) else model
    if not isinstance(source, Mapping):
        raise TypeError(f"expected a Module or a mapping of names to tensors; got {type(model).__name__}")
    arrays = {str(k): array_of(v) for k, v in source.items()}
    arrays = {k: v for k, v in arrays.items() if v.size and v.dtype.kind == "f"}
    if not arrays:
        raise ValueError("the model has no parameters to draw")
    return {k: v for k, v in arrays.items() if v.ndim > 1} or arrays


def _left_out(count: int) -> str:
    return f"; the first {MOST_LAYERS} of {count}" if count > MOST_LAYERS else ""


def weight_histograms(model: Any, *, bins: int = 50, title: str | None = None) -> Figure:
    """Draw a histogram of the weights of each layer, all on one horizontal scale.

    On one scale the widths compare: a regularised or undertrained layer is narrow, an exploding one wide, a dead one a
    spike at zero. A layer 20 times wider than the narrowest breaks the common scale, and each then has its own.

    Args:
        model: a Module, or a mapping of names to tensors such as a state dict. Biases and norms are left out unless
            there is nothing else.
        bins: bars per histogram; default 50.
        title: instead of "Weights of each layer".

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no parameters.

    Example:
        >>> from tinygrad_hw import viz
        >>> figure = viz.weight_histograms(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)))
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['0.weight  (4, 3)', '1.weight  (2, 4)']
    """
    arrays = _weights(model)
    total = len(arrays)
    arrays = dict(list(arrays.items())[:MOST_LAYERS])
    figure = sheet(0.85 + 1.12 * len(arrays), title or "Weights of each layer")
    values = {k: v[np.isfinite(v)].astype(np.float64) for k, v in arrays.items()}
    reach = {k: float(np.abs(v).max()) if v.size else 0.0 for k, v in values.items()}
    seen = [r for r in reach.values() if r > 0]
    common = bool(seen) and max(seen) / min(seen) < 20
    panels = np.atleast_1d(figure.subplots(len(arrays), 1, sharex=common))
    for i, (axes, (name, array)) in enumerate(zip(panels, arrays.items(), strict=True)):
        limit = (max(seen) if common else reach[name]) or 1.0
        style(axes, grid="x")
        axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        axes.hist(values[name], bins=bins, range=(-limit, limit), color=GOOD, zorder=2)
        axes.set_xlim(-limit, limit)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_title(
            f"{short(name, 24)}  {array.shape}", loc="left", fontsize=SMALL, color=INK, pad=3, parse_math=False
        )
        data = values[name]
        lost = array.size - data.size
        facts = f"mean {data.mean():.2g}, std {data.std():.2g}" if data.size else "no finite value"
        if lost:
            facts = f"{lost:,} not finite"
        axes.set_title(facts, loc="right", fontsize=SMALL, color=BAD if lost else MUTED, pad=3)
        if common and i < len(arrays) - 1:
            axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel(f"value of a weight{_left_out(total)}", fontsize=SMALL, color=MUTED)
    return figure


def _tiles(weight: Any) -> tuple[Array, str, int]:
    """Return filters as (N, channels, height, width), what they are called, and how many of their kind there are."""
    name = "Filters"
    if isinstance(weight, Module):
        for label, parameter in weight.named_parameters():
            if parameter.ndim in (2, 4):
                weight, name = parameter, f"Filters of {label}"
                break
        else:
            raise ValueError("filters: the module has no weight of 2 or 4 dimensions")
    array = array_of(weight)
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array, name, len(array)
    if array.ndim == 3:
        return array[:, None], name, len(array)
    if array.ndim == 2:
        images = squares(array)
        if images is not None:
            return images, name, len(array)
        raise ValueError(
            f"filters: rows of length {array.shape[1]} are no square images of 1 or 3 channels; reshape the weight to "
            "(filters, channels, height, width)"
        )
    if array.ndim == 4:
        raise ValueError(
            f"filters: a filter of {array.shape[1]} channels has no colours; draw one channel of each, weight[:, :1], "
            "or the first layer's weight"
        )
    raise ValueError(
        f"filters: expected a weight (filters, 1 or 3, height, width) or (units, pixels); got shape {array.shape}"
    )


def filters(weight: Any, *, columns: int | None = None, title: str | None = None) -> Figure:
    """Draw the filters of a first layer as a grid of small pictures, each scaled to its own strongest weight.

    Filters of one channel: white is 0, red positive, blue negative. Filters of three channels are drawn in their
    colours around a grey of 0.

    Args:
        weight: (filters, 1 or 3, height, width) of a convolution, (filters, height, width), or (units, pixels) of a
            dense layer on square images; or a Module, whose first weight is taken.
        columns: filters in a row; by default so many that the grid is about square.
        title: instead of a sentence that counts them.

    Returns:
        The figure; of more than 400 filters, the first 400.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the weight cannot be read as pictures.

    Example:
        >>> from tinygrad_hw import viz
        >>> viz.filters(torch.nn.Conv2d(3, 8, 5), columns=4).axes[0].get_images()[0].get_array().shape
        (31, 63, 3)
    """
    array, name, total = _tiles(weight)
    _, channels, height, width = array.shape
    array = np.nan_to_num(array[:400].astype(np.float64), posinf=0, neginf=0)
    if columns is None:
        columns = min(len(array), max(1, round(math.sqrt(len(array) * height / width * 1.15))))
    elif columns < 1:
        raise ValueError(f"filters: columns must be at least 1; got {columns}")
    strongest = np.abs(array).max(axis=(1, 2, 3), keepdims=True)
    scaled = array / np.where(strongest == 0, 1, strongest)
    tiles = scaled[:, 0] if channels == 1 else np.moveaxis(scaled, 1, -1) / 2 + 0.5
    # Pixels are doubled until the gaps between filters are thin beside them.
    zoom = -(-14 // width)
    image = mosaic(tiles.repeat(zoom, axis=1).repeat(zoom, axis=2), columns, gap=max(1, width * zoom // 14))
    shape = f"{height}x{width}" + ("x3" if channels == 3 else "")
    heading = title or f"{name}: {total:,} of {shape} pixels"
    figure = sheet(0.85 + 4.6 * image.shape[0] / image.shape[1] + 0.15, heading)
    axes = bare(figure.subplots())
    if channels == 1:
        axes.imshow(np.ma.masked_invalid(image), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
        note = "red positive, white 0, blue negative; each scaled to its maximum"
    else:
        axes.imshow(np.where(np.isnan(image), 1.0, image), interpolation="none")
        note = "grey is 0; each filter scaled to its maximum"
    if total > len(array):
        note = f"the first {len(array)}; " + note
    put_note(axes, note)
    return figure


def _gradients(model: Any) -> dict[str, Array | None]:
    if isinstance(model, Module):
        return {n: None if p.grad is None else array_of(p.grad) for n, p in model.named_parameters() if p.requires_grad}
    if isinstance(model, Mapping):
        return {str(k): None if v is None else array_of(v) for k, v in model.items()}
    raise TypeError(f"expected a Module or a mapping of names to gradients; got {type(model).__name__}")


def gradient_flow(model: Any, *, title: str | None = None) -> Figure:
    """Draw how large the gradient of each weight is, first layer on top: does it vanish or explode on its way back?

    One line per weight from the mean to the largest absolute gradient, on a logarithmic scale. Weights whose gradient
    is zero, missing or not finite are named in red.

    Args:
        model: a Module after ``backward()``, or a mapping of names to gradients. Biases are left out unless there is
            nothing else.
        title: instead of "Gradient flow".

    Returns:
        The figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no parameter has a gradient.

    Example:
        >>> from tinygrad_hw import viz
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        >>> model(torch.ones(2, 3)).sum().backward()
        >>> [label.get_text() for label in viz.gradient_flow(model).axes[0].get_yticklabels()]
        ['0.weight', '2.weight']
    """
    found = _gradients(model)
    if all(g is None for g in found.values()):
        raise ValueError("no parameter has a gradient: call loss.backward() before gradient_flow (and zero_grad after)")
    matrices = {k: v for k, v in found.items() if (v.ndim > 1 if v is not None else not k.endswith("bias"))}
    found = matrices if any(v is not None for v in matrices.values()) else found
    total = len(found)
    found = dict(list(found.items())[:MOST_LAYERS])
    figure = sheet(1.35 + 0.3 * len(found), title or "Gradient flow")
    axes = style(figure.subplots(), grid="x", xlabel="absolute gradient (log scale)")
    axes.set_xscale("log")
    axes.tick_params(which="minor", color=MUTED)
    drawn = []
    for row, gradient in enumerate(found.values()):
        if gradient is None or not gradient.size or not np.isfinite(gradient).all() or not gradient.any():
            continue
        size = np.abs(gradient.astype(np.float64))
        drawn.append((row, float(size.mean()), float(size.max())))
    if drawn:
        rows, means, tops = zip(*drawn, strict=True)
        axes.hlines(rows, means, tops, color=FAINT, linewidth=3, zorder=2)
        axes.plot(means, rows, "o", color=GOOD, markersize=6.5, label="mean", zorder=3)
        axes.plot(tops, rows, "D", color=BAD, markersize=5, label="largest", zorder=3)
        axes.set_xlim(min(means) / 3, max(tops) * 3)
    else:
        axes.set_xlim(1e-8, 1)
    for row, gradient in enumerate(found.values()):
        what = (
            "no gradient"
            if gradient is None
            else "not finite"
            if not np.isfinite(gradient).all()
            else "zero"
            if not gradient.any()
            else ""
        )
        if what:
            axes.text(0.02, row, what, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL, color=BAD)
    axes.set_yticks(range(len(found)), [short(n, 26) for n in found], parse_math=False)
    axes.set_ylim(len(found) - 0.4, -0.6)
    put_note(axes, f"Each weight's gradient, from the first layer (top) to the last{_left_out(total)}")
    if drawn:
        figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside lower right",
            ncols=2,
            fontsize=SMALL,
            frameon=False,
            labelcolor=INK,
        )
    return figure
