"""Images: resizing, rearranging, sampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_hw.onnx.errors import UnsupportedOperatorError
from tinygrad_hw.onnx.graph import RULES, Graph, rule

__all__: list[str] = []


def _output_shape(g: Graph) -> Any:
    output = g.node.outputs[0] if g.node is not None else None
    assert output is not None
    return output.shape


@rule("F.interpolate")
def _interpolate(
    g: Graph, input: Any, size: Any, scale_factor: Any, mode: str, align_corners: Any, recompute_scale_factor: Any,
    antialias: bool,
) -> Any:  # fmt: skip
    if antialias:
        raise UnsupportedOperatorError("interpolate(..., antialias=True) cannot be exported; leave antialias out")
    out = _output_shape(g)
    dims = len(input.shape) - 2
    if mode == "area":
        return RULES[f"F.adaptive_avg_pool{dims}d"](g, input, out[2:])[0]
    kinds = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "cubic"}
    places = "align_corners" if align_corners else "asymmetric" if mode == "nearest" else "half_pixel"
    options: dict[str, Any] = {
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
    x = g.op(
        "DepthToSpace", g.op("Reshape", input, g.ints([-1, *input.shape[-3:]])), blocksize=upscale_factor, mode="CRD"
    )
    return g.reshape(x, _output_shape(g))


@rule("F.pixel_unshuffle")
def _pixel_unshuffle(g: Graph, input: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    *lead, c, h, w = input.shape
    h, w = g.static((h, w), "the size of the image")
    k = len(lead)
    x = g.reshape(input, [*lead, c, h // r, r, w // r, r])
    x = g.op("Transpose", x, perm=[*range(k), k, k + 2, k + 4, k + 1, k + 3])
    return g.reshape(x, _output_shape(g))


@rule("F.grid_sample")
def _grid_sample(g: Graph, input: Any, grid: Any, mode: str, padding_mode: str, align_corners: Any) -> Any:
    if len(input.shape) == 5 and g.opset < 20:
        g.fail(f"sampling volumes needs opset_version=20 or later, not {g.opset}")
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode) if g.opset >= 20 else mode
    return g.op("GridSample", input, grid, mode=kind, padding_mode=padding_mode, align_corners=int(bool(align_corners)))


# -- windows ---------------------------------------------------------------------------------------


@rule("im2col")
def _im2col(g: Graph, input: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    x: Any = input
    if any(padding):
        x = g.op("Pad", input, g.ints([0, 0, *padding, 0, 0, *padding]), np.zeros((), input.dtype))
    sizes = g.static(input.shape[1:], "the size of the images")
    counts = []
    # (N, C, H, W) to (N, C, kernel, rows, W), then to (N, C, kernel, rows, kernel, columns).
    for i, axis in enumerate((2, 4)):
        reach = dilation[i] * (kernel[i] - 1) + 1
        starts = np.arange(0, sizes[1 + i] + 2 * padding[i] - reach + 1, stride[i])
        x = g.op("Gather", x, np.arange(kernel[i])[:, None] * dilation[i] + starts, axis=axis)
        counts.append(starts.size)
    x = g.op("Transpose", x, perm=[0, 1, 2, 4, 3, 5])
    return g.op("Reshape", x, g.ints([0, sizes[0] * kernel[0] * kernel[1], counts[0] * counts[1]]))


@rule("col2im")
def _col2im(g: Graph, input: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    if g.opset < 18:
        g.fail(f"fold needs opset_version=18 or later, not {g.opset}")
    return g.op(
        "Col2Im", input, g.ints(size), g.ints(kernel), dilations=list(dilation), pads=[*padding, *padding],
        strides=list(stride),
    )  # fmt: skip
