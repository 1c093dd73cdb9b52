"""Exercise: how fast sigmoid and ReLU networks learn. 20 seconds on 2 cores.

    python examples/coursework/cs155/sigmoid_relu.py --out out

Networks of one, two and three hidden layers of 8 units are to tell a disc from a ring around it; SGD with rate 0.3 in
batches of 10 of the 500 points, for at most 200 epochs, from five random starts each.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import rings

ENOUGH = 0.95


def learn(activation, layers: int, most: int, seed: int) -> tuple[list[float], list[float], float]:
    """Return accuracy and loss after each epoch, up to ENOUGH, and the size of the first layer's first gradient."""
    torch.manual_seed(seed)
    x, y = rings.points(500)
    model = rings.network((8,) * layers, activation)
    loss = F.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()
    size = float(model[0].weight.grad.norm())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    accuracies: list[float] = []
    losses = [loss.item()]
    while len(accuracies) < most and (not accuracies or accuracies[-1] < ENOUGH):
        rings.epoch(model, optimizer, x, y, 10)
        accuracies.append(rings.accuracy(model, x, y))
        losses.append(F.binary_cross_entropy_with_logits(model(x), y).item())
    return accuracies, losses, size


def draw(curves: dict[tuple[str, int], list[float]], most: int):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for (name, layers), losses in curves.items():
        line = {"ReLU": "-", "Sigmoid": "--"}[name]
        axes.plot(losses, line, color=f"C{layers - 1}", label=f"{name}, {layers}")
    axes.set(xlabel=f"epoch, until {ENOUGH:.0%} are right", ylabel="loss", xlim=(0, most))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, title="hidden layers", title_fontsize=8)
    return figure


def main(argv=None) -> dict[tuple[str, int], list[int | None]]:
    args = common.parse_arguments(__doc__, argv)
    most, starts, depths = (20, 2, (1, 2)) if args.quick else (200, 5, (1, 2, 3))
    rows, found, curves = [], {}, {}
    for layers in depths:
        for activation in (nn.ReLU, nn.Sigmoid):
            name = activation.__name__
            runs = [learn(activation, layers, most, args.seed + start) for start in range(starts)]
            epochs = [len(run) if run[-1] >= ENOUGH else None for run, _, _ in runs]
            curves[name, layers], found[name, layers] = runs[0][1], epochs
            shown = ", ".join(f"over {most}" if n is None else str(n) for n in epochs)
            rows.append([layers, name, shown, f"{statistics.median(size for _, _, size in runs):.1g}"])
    head = ["hidden layers", "activation", f"epochs to {ENOUGH:.0%}", "first layer's first gradient"]
    print(common.markdown_table(head, rows))
    common.save_figure(lambda: draw(curves, most), args.out / "cs155_sigmoid_relu.png")
    return found


if __name__ == "__main__":
    main()
