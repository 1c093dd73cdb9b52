"""Exercise: how many parameters a layer has and of what shape its output is, by formula and counted. 1 second.

    python examples/coursework/cs155/shapes.py

A convolution of c channels to f filters of k x k has f (c k k + 1) parameters, and of n x n pixels, padded by p on each
side, in steps of s, it makes f maps of (n + 2 p - k) / s + 1, rounded down.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.summary import summary

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import convnet
import convnetjs

#: Models and the shape of one image.
MODELS = {
    "8 filters 5 x 5 on a 32 x 32 colour image": (lambda: nn.Sequential(nn.Conv2d(3, 8, 5)), (3, 32, 32)),
    "convnet.py": (lambda: convnet.network(0.1), (1, 28, 28)),
    "convnetjs.py": (convnetjs.convolutional, (1, 24, 24)),
}


def by_formula(layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return the number of a layer's parameters and the shape of its output."""
    if isinstance(layer, nn.Conv2d):
        (k, _), (p, _), (s, _) = layer.kernel_size, layer.padding, layer.stride
        c, f = layer.in_channels, layer.out_channels
        return f * (c * k * k + 1), (f, *((n + 2 * p - k) // s + 1 for n in shape[1:]))
    if isinstance(layer, nn.MaxPool2d):
        k, s = layer.kernel_size, layer.stride
        return 0, (shape[0], *((n - k) // s + 1 for n in shape[1:]))
    if isinstance(layer, nn.BatchNorm2d):
        return 2 * shape[0], shape
    if isinstance(layer, nn.Flatten):
        count = 1
        for n in shape:
            count *= n
        return 0, (count,)
    if isinstance(layer, nn.Linear):
        return layer.out_features * (layer.in_features + 1), (layer.out_features,)
    return 0, shape


def main(argv=None) -> dict[str, int]:
    common.parse_arguments(__doc__, argv)
    totals = {}
    for name, (make, shape) in MODELS.items():
        model = make()
        counted = summary(model, (1, *shape), verbose=0)
        rows, total = [], 0
        x, here = torch.zeros(1, *shape), shape
        for layer in model.eval():
            parameters, here = by_formula(layer, here)
            x = layer(x)
            total += parameters
            agree = tuple(x.shape[1:]) == here and sum(p.numel() for p in layer.parameters()) == parameters
            shown = " x ".join(str(n) for n in here)
            rows.append([type(layer).__name__, shown, f"{parameters:,}", "yes" if agree else "NO"])
        print(f"{name}: {total:,} parameters (summary counts {counted.total_params:,})\n")
        print(common.markdown_table(["layer", "output", "parameters", "as counted"], rows) + "\n")
        assert counted.total_params == total
        totals[name] = total
    return totals


if __name__ == "__main__":
    main()
