"""Exercise: the CNN with batch normalisation after one epoch, at dropouts from 0.0 to 0.9. 2 minutes on 2 cores.

    python examples/coursework/cs155/dropout_sweep.py --data data --out out

Ten networks as in convnet.py start from the same weights and see the images in the same order: one epoch of Adam with
its usual learning rate, in batches of 50.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw.train import Trainer

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import convnet
import mnist


def draw(rows: list[list[float]]):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([row[0] for row in rows], [row[2] for row in rows], "s--", label="training images, with dropout")
    axes.plot([row[0] for row in rows], [row[3] for row in rows], "o-", label="test images, without")
    axes.set(xlabel="dropout", ylabel="accuracy after one epoch")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def main(argv=None) -> dict[float, float]:
    args = common.parse_arguments(__doc__, argv)
    train, test = mnist.load(args, few=3000)
    rows = []
    for dropout in [0.0, 0.5, 0.9] if args.quick else [tenth / 10 for tenth in range(10)]:
        torch.manual_seed(args.seed)
        model = convnet.network(dropout)
        trainer = Trainer(model, torch.optim.Adam(model.parameters()))
        last = trainer.fit(mnist.batches(train, 50, shuffle=True), mnist.batches(test, 1000))[-1]
        rows.append([dropout, last.train_loss, last.train_accuracy, last.validation_accuracy])
    head = ["dropout", "train loss", "train accuracy", "test accuracy"]
    print(common.markdown_table(head, [[p, *(f"{value:.4f}" for value in rest)] for p, *rest in rows]))
    common.save_figure(lambda: draw(rows), args.out / "cs155_dropout_sweep.png")
    return {row[0]: row[3] for row in rows}


if __name__ == "__main__":
    main()
