"""Exercise: the smallest networks for OR and XOR, and where they draw the line. 10 seconds on 2 cores.

    python examples/coursework/cs155/or_xor.py --out out

First networks with weights set by hand, which give 0 where the answer is no and at least 1 where it is yes. Then
trained ones: for each number of hidden ReLUs, how many of 20 random starts end with all four points right.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import rings

POINTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = {"OR": torch.tensor([[0.0], [1.0], [1.0], [1.0]]), "XOR": torch.tensor([[0.0], [1.0], [1.0], [0.0]])}


def by_hand() -> dict[str, nn.Sequential]:
    """OR is ReLU(x1 + x2); XOR is ReLU(x1 - x2) + ReLU(x2 - x1)."""
    result = {}
    for name, weights in {"OR": [[1.0, 1.0]], "XOR": [[1.0, -1.0], [-1.0, 1.0]]}.items():
        model = nn.Sequential(nn.Linear(2, len(weights)), nn.ReLU(), nn.Linear(len(weights), 1))
        with torch.no_grad():
            for p in model.parameters():
                p.zero_()
            model[0].weight.copy_(torch.tensor(weights))
            model[2].weight.fill_(1.0)
        result[name] = model
    return result


def train(name: str, hidden: int, steps: int, seed: int) -> tuple[nn.Sequential, bool]:
    """Return a network trained on the four points, and whether it gets them all right."""
    torch.manual_seed(seed)
    model = rings.network((hidden,) if hidden else ())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(POINTS), TARGETS[name]).backward()
        optimizer.step()
    return model, rings.accuracy(model, POINTS, TARGETS[name]) == 1


def main(argv=None) -> dict[tuple[str, int], int]:
    args = common.parse_arguments(__doc__, argv)
    rows = []
    for name, model in by_hand().items():
        out = [f"{value:g}" for value in model(POINTS).flatten().tolist()]
        rows.append([name, model[0].out_features, sum(p.numel() for p in model.parameters()), *out])
    print("Set by hand:\n")
    print(common.markdown_table(["function", "hidden", "parameters", *("0, 0", "0, 1", "1, 0", "1, 1")], rows))

    steps, starts = (300, 6) if args.quick else (500, 20)
    fits, smallest, rows = {}, {}, []
    for name in TARGETS:
        for hidden in (0, 1, 2, 3, 4):
            runs = [train(name, hidden, steps, args.seed + start) for start in range(starts)]
            good = [model for model, right in runs if right]
            fits[name, hidden] = len(good)
            if good:
                smallest.setdefault(name, (hidden, good[0]))
        rows.append([name, *(fits[name, hidden] for hidden in (0, 1, 2, 3, 4))])
    print(f"\nTrained: how many of {starts} starts get all four points right after {steps} steps of Adam\n")
    print(common.markdown_table(["function", *(f"{hidden} hidden" for hidden in (0, 1, 2, 3, 4))], rows))
    for name, (hidden, model) in smallest.items():
        title = f"{name} with {hidden} hidden unit{'' if hidden == 1 else 's'}"
        common.save_figure(
            lambda name=name, model=model, title=title: viz.decision_boundary(
                model, POINTS, TARGETS[name], title=title
            ),
            args.out / f"cs155_{name.lower()}.png",
        )
    return fits


if __name__ == "__main__":
    main()
