"""What each layer makes of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_hw.autograd.grad_mode import no_grad
from tinygrad_hw.nn.module import Module
from tinygrad_hw.tensor import Tensor
from tinygrad_hw.viz.canvas import BAD, GOOD, INK, MUTED, SMALL, array_of, as_parameters, bare, sheet, short, style
from tinygrad_hw.viz.pixels import displayable, mosaic, picture_of, squares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["activations"]

#: Layers that hand on what they got, in another shape or not at all.
SILENT = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "Flatten", "Unflatten", "Identity"}
MOST_LAYERS = 14
MOST_CHANNELS = 24

Array = np.ndarray[Any, Any]


def record(model: Module, image: Any) -> tuple[Array, list[tuple[str, str, Array]]]:
    """Run a model on one image in eval mode; returns the image and (name, kind, output) of each layer in order."""
    pixels = array_of(image)
    seen: list[tuple[str, str, Array]] = []
    handles = []

    def watch(name: str, kind: str) -> Any:
        def hook(module: Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                # A later layer may work in place.
                seen.append((name, kind, output.array.copy()))

        return hook

    training = {module: module.training for module in model.modules()}
    for name, module in model.named_modules():
        if next(module.children(), None) is None and type(module).__name__ not in SILENT:
            handles.append(module.register_forward_hook(watch(name, type(module).__name__)))
    model.eval()
    try:
        with no_grad():
            batch = Tensor._wrap(np.ascontiguousarray(as_parameters(model, _batched(pixels))))
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    return pixels, seen


def _batched(pixels: Array) -> Array:
    """Return the image as a batch of one: (1, C, H, W), or (1, features) for a vector."""
    if pixels.ndim == 4:
        if len(pixels) != 1:
            raise ValueError(f"activations draws one image; got a batch of shape {pixels.shape}: pass images[0]")
        return pixels
    if pixels.ndim == 3:
        return pixels[None]
    if pixels.ndim == 2 and pixels.shape[0] != 1:
        return pixels[None, None]
    if pixels.ndim in (1, 2):
        return pixels.reshape(1, -1)
    raise ValueError(f"an image is (C, H, W), (H, W) or a vector; got shape {pixels.shape}")


def activations(model: Module, image: Any, *, title: str | None = None) -> Figure:
    """Draw what each layer of a model makes of one image.

    The maps of a convolutional layer stand side by side (the first 24), a vector is a strip of cells; bright is large,
    on a scale of the layer's own. A short last vector is drawn as bars, the largest in another colour. The model runs
    in eval mode without gradients and is left as it was.

    Args:
        model: the model; its layers without children are drawn, but not dropout and flattening. Of more than 14, an
            even choice with the first and the last.
        image: (C, H, W), (H, W), a vector, or one of these with a batch dimension of 1.
        title: instead of "Activations".

    Returns:
        The figure: the image, then a panel per layer.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: several images were passed, or no layer returns a tensor.

    Example:
        >>> from tinygrad_hw import viz
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
        >>> [axes.get_title(loc="left") for axes in viz.activations(model, torch.rand(1, 8, 8)).axes]
        ['image  8x8', '0  Conv2d  4 maps of 6x6 ...', '1  ReLU  4 maps of 6x6 ...']
    """
    pixels, seen = record(model, image)
    if not seen:
        raise ValueError("activations: no layer of the model was called and returned a tensor")
    total = len(seen)
    if total > MOST_LAYERS:
        chosen = np.linspace(0, total - 1, MOST_LAYERS).round().astype(int)
        seen = [seen[i] for i in chosen]
    panels = [(f"{short(name, 22)}  {kind}".strip(), output[0]) for name, kind, output in seen]
    plans = [_plan(label, output, last=i == len(panels) - 1) for i, (label, output) in enumerate(panels)]

    first = _first(pixels)
    heights = [0.9 if first is not None and first.shape[0] > 1 else 0.35, *(p["height"] for p in plans)]
    figure = sheet(0.6 + sum(heights) + 0.34 * len(heights), title or "Activations")
    grid = figure.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights}, squeeze=False)[:, 0]
    axes = bare(grid[0])
    aspect: Any = "equal" if first.shape[0] > 1 else "auto"
    axes.imshow(first, cmap="gray", vmin=0, vmax=1, interpolation="none", aspect=aspect)
    axes.set_anchor("W")
    _label(axes, f"image  {'x'.join(str(n) for n in first.shape[:2])}")
    for axes, plan in zip(grid[1:], plans, strict=True):
        _draw(axes, plan)
    if total > len(seen):
        figure.supxlabel(f"{len(seen)} of {total} layers", fontsize=SMALL, color=MUTED, x=0.02, ha="left")
    return figure


def _first(pixels: Array) -> Array:
    """Return the image itself as a picture; a vector of square length as a square."""
    image = pixels[0] if pixels.ndim == 4 else pixels
    if image.ndim == 1 or (image.ndim == 2 and image.shape[0] == 1):
        square = squares(image.reshape(1, -1))
        image = image.reshape(1, -1) if square is None else square[0]
    if image.ndim == 3 and image.shape[0] not in (1, 3):
        image = image[0]
    return picture_of(displayable(image)(image))


def _plan(label: str, output: Array, *, last: bool) -> dict[str, Any]:
    """Decide how the output of a layer is drawn, and how high."""
    output = np.asarray(output, dtype=np.float64)
    if output.ndim == 3:
        count, height, width = output.shape
        shown = output[:MOST_CHANNELS]
        per_row = len(shown) if len(shown) <= 8 else -(-len(shown) // -(-len(shown) // 12))
        zoom = -(-12 // width)
        image = mosaic(shown.repeat(zoom, axis=1).repeat(zoom, axis=2), per_row, gap=max(1, width * zoom // 12))
        label += f"  {count} maps of {height}x{width}" + (f", first {len(shown)}" if count > len(shown) else "")
        return {
            "kind": "maps",
            "image": image,
            "label": label,
            "height": min(1.3, max(0.3, 4.6 * image.shape[0] / image.shape[1])),
        }
    flat = output.reshape(-1)
    if last and 1 < flat.size <= 20:
        return {"kind": "bars", "values": flat, "label": f"{label}  {flat.size} scores", "height": 0.95}
    # Long vectors are folded into rows of at most 128.
    columns = flat.size if flat.size <= 128 else -(-flat.size // -(-flat.size // 128))
    folded = np.full(-(-flat.size // columns) * columns, np.nan)
    folded[: flat.size] = flat
    image = folded.reshape(-1, columns)
    return {
        "kind": "strip",
        "image": image,
        "label": f"{label}  {' x '.join(str(n) for n in output.shape)} values",
        "height": min(1.2, 0.2 + 0.06 * len(image)),
    }


def _label(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=SMALL, color=INK, pad=3, parse_math=False)


def _draw(axes: Axes, plan: dict[str, Any]) -> None:
    if plan["kind"] == "bars":
        values = plan["values"]
        style(axes, grid="")
        best = int(np.nanargmax(values)) if np.isfinite(values).any() else -1
        colors = [BAD if i == best else GOOD for i in range(len(values))]
        axes.bar(range(len(values)), np.nan_to_num(values), color=colors)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.set_xticks(range(len(values)))
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.locator_params(axis="y", nbins=3)
    else:
        bare(axes)
        image = plan["image"]
        finite = image[np.isfinite(image)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        axes.imshow(
            np.ma.masked_invalid(image),
            cmap="viridis",
            vmin=low,
            vmax=high if high > low else low + 1,
            interpolation="none",
            aspect="equal" if plan["kind"] == "maps" else "auto",
        )
        axes.set_anchor("W")
        plan["label"] += f"   {low:.2g} to {high:.2g}" if finite.size else "   not finite"
    _label(axes, plan["label"])
