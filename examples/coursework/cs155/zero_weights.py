"""Exercise: a network whose weights start at zero is dead. 3 seconds on 2 cores.

    python examples/coursework/cs155/zero_weights.py

A network 2-8-8-1 with ReLU or sigmoid is to tell a disc from a ring around it; SGD for 60 epochs, from PyTorch's
random weights or from zeros.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import rings


def gradients(model: nn.Module, x, y) -> list[float]:
    """Return the largest gradient, without its sign, of each layer's weights."""
    model.zero_grad()
    F.binary_cross_entropy_with_logits(model(x), y).backward()
    return [float(p.grad.abs().max()) for p in model.parameters() if p.ndim == 2]


def different_units(model: nn.Sequential) -> int:
    """Return how many units of the first hidden layer differ from each other."""
    first = model[0]
    return len(torch.cat([first.weight, first.bias[:, None]], 1).detach().unique(dim=0))


def main(argv=None) -> dict:
    args = common.parse_arguments(__doc__, argv)
    rows, found = [], {}
    for activation in (nn.ReLU, nn.Sigmoid):
        for start in ("random", "zero"):
            torch.manual_seed(args.seed)
            x, y = rings.points(300)
            model = rings.network((8, 8), activation)
            if start == "zero":
                for p in model.parameters():
                    nn.init.zeros_(p)
            at_first = gradients(model, x, y)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
            for _ in range(15 if args.quick else 60):
                rings.epoch(model, optimizer, x, y, 10)
            reached, units = rings.accuracy(model, x, y), different_units(model)
            found[activation.__name__, start] = at_first, reached, units
            rows.append(
                [activation.__name__, start, *(f"{g:.1g}" for g in at_first), f"{reached:.1%}", f"{units} of 8"]
            )
    steps = [f"first gradient, layer {n}" for n in (1, 2, 3)]
    print(common.markdown_table(["activation", "weights", *steps, "accuracy", "different units, layer 1"], rows))
    return found


if __name__ == "__main__":
    main()
