"""Exercise: the best ConvNet for CIFAR-10, 65 % or more, and an ensemble of three. 6 minutes on 2 cores.

    python examples/coursework/comp540/best_convnet.py --data data --out out

Three 3 x 3 convolutions with batch normalisation, leaky ReLUs and pooling, and an affine layer, learn from 29,000
shifted and mirrored images. Three such networks, started from other weights, then decide together. The sheet leaves
the choice of the network and of its training to the student.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.train import Ensemble, Trainer, accuracy
from tinygrad_hw.vision import transforms

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets

LEARNING_RATE = 3e-3


def train(data: dict, epochs: int, widths: tuple[int, ...]):
    """Return a trained network and its history."""
    net = nets.deep_convnet(widths, functools.partial(nn.LeakyReLU, 0.1), dropout=0.2)
    augmentation = (transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip())
    batches = cifar.normalized(data["train"], *augmentation, shuffle=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE)
    # The rate rises for three tenths of the steps and falls to almost nothing.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * len(batches))
    trainer = Trainer(net, optimizer, scheduler=schedule)
    return net, trainer.fit(batches, cifar.normalized(data["validation"]), epochs)


@torch.no_grad()
def accuracies(net: nn.Module, data: dict) -> list[float]:
    """Return the accuracies on training, validation and test images."""
    net.eval()
    found = []
    for part in data.values():
        hits = [(accuracy(net(x), y), len(y)) for x, y in cifar.normalized(part)]
        found.append(sum(share * count for share, count in hits) / sum(count for _, count in hits))
    return found


def main(argv=None) -> dict[str, list[float]]:
    args = common.parse_arguments(__doc__, argv)
    data = cifar.load(args)
    epochs, widths = (1, (4, 8)) if args.quick else (10, (32, 64, 128))
    networks, histories, found = [], {}, {}
    for number in range(1, 4):
        torch.manual_seed(args.seed + number)
        net, history = train(data, epochs, widths)
        networks.append(net)
        histories[f"network {number}"] = history
        found[f"network {number}"] = accuracies(net, data)
    found["ensemble"] = accuracies(Ensemble(networks), data)
    print(histories["network 1"].table())
    print()
    rows = [[name, *(f"{value:.1%}" for value in values), "65 % (validation)"] for name, values in found.items()]
    print(common.markdown_table(["network", "train", "validation", "test", "the sheet asks for"], rows))
    common.save_figure(lambda: viz.learning_curves(histories), args.out / "best_convnet.png")
    common.save_figure(lambda: viz.filters(networks[0][0].weight), args.out / "best_filters.png")
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(networks[0].state_dict(), args.out / "best_convnet.pt")
    return found


if __name__ == "__main__":
    main()
