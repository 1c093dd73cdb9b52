"""Exercise: ReLUs die when the data are not shuffled. 6 seconds on 2 cores.

    python examples/coursework/cs155/dying_relu.py

1000 points, of which the first 500 are negative and the others positive; a network of 8 ReLUs; SGD with rate 1 in
batches of 5. A unit is dead that is zero for every point: no gradient reaches its weights, and nothing wakes it. After
5 epochs in the order of the data or shuffled come 5 shuffled ones, to see what is past help. Ten random starts each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import rings

UNITS = 8


@torch.no_grad()
def dead(model, x) -> int:
    """Return how many hidden units are zero for every point."""
    return UNITS - int((model[0](x) > 0).any(0).sum())


def train(shuffle: bool, seed: int) -> list[float]:
    """Return the dead units at the start, after the first epochs, and the accuracies then and after shuffled ones."""
    torch.manual_seed(seed)
    x, y = rings.points(1000)
    x = x + 1  # 0 to 2, as pixels are never negative either
    model = rings.network((UNITS,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    result = [dead(model, x)]
    for _ in range(5):
        rings.epoch(model, optimizer, x, y, 5, shuffle)
    result += [dead(model, x), rings.accuracy(model, x, y)]
    for _ in range(5):
        rings.epoch(model, optimizer, x, y, 5)
    return [*result, rings.accuracy(model, x, y)]


def main(argv=None) -> dict[str, list[list[float]]]:
    args = common.parse_arguments(__doc__, argv)
    rows, found = [], {}
    for order in ("negative ones first", "shuffled"):
        runs = [train(order == "shuffled", args.seed + start) for start in range(3 if args.quick else 10)]
        before, after, reached, rescued = (sum(column) / len(runs) for column in zip(*runs, strict=True))
        count = sum(run[1] == UNITS for run in runs)
        rows.append(
            [order, *(f"{n:.1f} of {UNITS}" for n in (before, after)), f"{count} of {len(runs)}"]
            + [f"{share:.1%}" for share in (reached, rescued)]
        )
        found[order] = runs
    head = [
        "order",
        "dead at the start",
        "dead after 5 epochs",
        "wholly dead networks",
        "accuracy",
        "5 shuffled epochs on",
    ]
    print(common.markdown_table(head, rows))
    return found


if __name__ == "__main__":
    main()
