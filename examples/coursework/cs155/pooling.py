"""Exercise: average and max pooling of four 4 x 4 matrices, by hand and with the layers. 1 second.

    python examples/coursework/cs155/pooling.py

The sheet's own matrices were not at hand. These are in its manner: one square of ones, moved into the four corners.
Windows are 2 x 2 and do not overlap.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import common

MATRICES = {
    "upper left": [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]],
    "upper right": [[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]],
    "lower left": [[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]],
    "lower right": [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]],
}
LAYERS = {"average": nn.AvgPool2d(2), "max": nn.MaxPool2d(2)}


def pool(matrix: list[list[float]], of_window) -> list[list[float]]:
    """Pool by hand: ``of_window`` makes one number of the four in each window."""
    return [
        [
            of_window([matrix[i][j], matrix[i][j + 1], matrix[i + 1][j], matrix[i + 1][j + 1]])
            for j in range(0, len(matrix[0]), 2)
        ]
        for i in range(0, len(matrix), 2)
    ]


def rows_of(matrix: list[list[float]]) -> str:
    return " / ".join(" ".join(f"{value:g}" for value in row) for row in matrix)


def main(argv=None) -> dict[str, dict[str, list[list[float]]]]:
    common.parse_arguments(__doc__, argv)
    rows, pooled = [], {}
    for name, matrix in MATRICES.items():
        by_hand = {"average": pool(matrix, lambda four: sum(four) / 4), "max": pool(matrix, max)}
        image = torch.tensor([[matrix]], dtype=torch.float32)
        by_layer = {kind: layer(image)[0, 0].tolist() for kind, layer in LAYERS.items()}
        shown = [rows_of(by_hand[kind]) for kind in LAYERS]
        rows.append([name, rows_of(matrix), *shown, "yes" if by_hand == by_layer else "NO"])
        pooled[name] = by_layer
    head = ["ones in the", "matrix", "average by hand", "max by hand", "AvgPool2d and MaxPool2d agree"]
    print(common.markdown_table(head, rows))
    return pooled


if __name__ == "__main__":
    main()
