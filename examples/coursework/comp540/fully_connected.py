"""Exercise: the best fully connected network for CIFAR-10, above 50 %. 2 minutes on 2 cores.

    python examples/coursework/comp540/fully_connected.py --data data --out out

Two hidden layers of ReLUs with dropout, Adam with a learning rate that falls along a cosine, and images that are
shifted and mirrored by chance, which stand in for the 20,000 training images that are not used.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.train import Trainer
from tinygrad_hw.vision import transforms

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    data = cifar.load(args)
    net = nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * 32 * 32, 1000),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(1000, 500),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(500, 10),
    )
    epochs = 2 if args.quick else 25
    augmentation = (transforms.RandomCrop(32, padding=2), transforms.RandomHorizontalFlip())
    batches = cifar.normalized(data["train"], *augmentation, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(batches))
    trainer = Trainer(net, optimizer, scheduler=schedule)
    history = trainer.fit(batches, cifar.normalized(data["validation"]), epochs)
    print(history.table())
    print()
    accuracies = {name: trainer.evaluate(cifar.normalized(part))["accuracy"] for name, part in data.items()}
    rows = [[name, f"{value:.1%}", "" if name == "train" else "above 50 %"] for name, value in accuracies.items()]
    print(common.markdown_table(["images", "accuracy", "the sheet's"], rows))
    common.save_figure(lambda: viz.learning_curves(history), args.out / "fully_connected.png")
    return accuracies


if __name__ == "__main__":
    main()
