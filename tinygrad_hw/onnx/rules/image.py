"""Images: resizing, rearranging, sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.onnx.graph import RULES, Graph, rule

__all__: list[str] = []


@rule("F.interpolate")
def _interpolate(
    g: Graph, input: Any, size: Any, scale_factor: Any, mode: str, align_corners: Any, recompute_scale_factor: Any,
    antialias: bool,
) -> Any:  # fmt: skip
    out = g.node.outputs[0].shape if g.node is not None and g.node.outputs[0] is not None else ()
    dims = len(input.shape) - 2
    if mode == "area":
        return RULES[f"F.adaptive_avg_pool{dims}d"](g, input, out[2:])[0]
    kinds = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "cubic"}
    places = "align_corners" if align_corners else "asymmetric" if mode == "nearest" else "half_pixel"
    options = {
        "mode": kinds.get(mode, "linear"),
        "coordinate_transformation_mode": places,
        "cubic_coeff_a": -0.75 if mode == "bicubic" else None,
        "nearest_mode": {"nearest": "floor", "nearest-exact": "round_prefer_ceil"}.get(mode),
    }
    if scale_factor is not None and not recompute_scale_factor:
        factors = [scale_factor] * dims if isinstance(scale_factor, (int, float)) else list(scale_factor)
        scales = np.asarray([1, 1, *factors], np.float32)
        return g.op("Resize", input, None, scales, **options)
    sizes = [*input.shape[:2], *out[2:]]
    return g.op("Resize", input, None, None, g.ints(sizes), **options)


@rule("F.pixel_shuffle")
def _pixel_shuffle(g: Graph, input: Any, upscale_factor: int) -> Any:
    if len(input.shape) == 4:
        return g.op("DepthToSpace", input, blocksize=upscale_factor, mode="CRD")
    *lead, c, h, w = input.shape
    r = upscale_factor
    x = g.op("Reshape", input, g.ints([-1, c, h, w]))
    return g.reshape(g.op("DepthToSpace", x, blocksize=r, mode="CRD"), g.node.outputs[0].shape)  # type: ignore


@rule("F.pixel_unshuffle")
def _pixel_unshuffle(g: Graph, input: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    *lead, c, h, w = input.shape
    h, w = g.static((h, w), "the size of the image")
    k = len(lead)
    x = g.reshape(input, [*lead, c, h // r, r, w // r, r])
    x = g.op("Transpose", x, perm=[*range(k), k, k + 2, k + 4, k + 1, k + 3])
    return g.reshape(x, g.node.outputs[0].shape)  # type: ignore


@rule("F.grid_sample")
def _grid_sample(g: Graph, input: Any, grid: Any, mode: str, padding_mode: str, align_corners: Any) -> Any:
    if len(input.shape) == 5 and g.opset < 20:
        g.fail(f"sampling volumes needs opset_version=20 or later, not {g.opset}")
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode) if g.opset >= 20 else mode
    return g.op("GridSample", input, grid, mode=kind, padding_mode=padding_mode, align_corners=int(bool(align_corners)))
