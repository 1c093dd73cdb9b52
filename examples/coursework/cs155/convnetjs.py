"""Exercise: the MNIST network of ConvNetJS against fully connected ones. 50 seconds on 2 cores.

    python examples/coursework/cs155/convnetjs.py --data data --out out

5 x 5 x 8 convolution, ReLU, 2 x 2 pooling, 5 x 5 x 16 convolution, ReLU, 3 x 3 pooling, softmax; Adadelta, L2 decay
0.001, batches of 20. As in its demo, a network sees 24 x 24 pixels cut from random places of the image; it is tested on
the middle ones. The fully connected networks learn in the same way.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.train import Trainer
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import mnist

BATCH, DECAY = 20, 0.001
SIDE = 24


class RandomPlaces:
    """Batches of images, each cut out at a random place, another one in each epoch."""

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self):
        for images, labels in self.loader:
            top, left = torch.randint(28 - SIDE + 1, (2, len(images), 1))
            rows, columns = top + torch.arange(SIDE), left + torch.arange(SIDE)
            each = torch.arange(len(images)).reshape(-1, 1, 1, 1)
            yield images[each, 0, rows[:, None, :, None], columns[:, None, None, :]], labels


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 10),
    )


def fully_connected(*hidden: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = SIDE * SIDE
    for units in hidden:
        layers += [nn.Linear(inputs, units), nn.ReLU()]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


NETWORKS = {
    "convolutional": convolutional,
    "fully connected, no hidden layer": fully_connected,
    "fully connected, 10": lambda: fully_connected(10),
    "fully connected, 100": lambda: fully_connected(100),
    "fully connected, 100 + 100": lambda: fully_connected(100, 100),
}


def adadelta(model: nn.Module) -> torch.optim.Adadelta:
    """Return Adadelta as ConvNetJS has it: rho 0.95, eps 1e-6, no rate of its own, and no decay of biases."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    # It adds the decay to the sum of the batch's gradients and then divides both by the size of the batch.
    groups = [{"params": weights, "weight_decay": DECAY / BATCH}, {"params": biases}]
    return torch.optim.Adadelta(groups, lr=1.0, rho=0.95, eps=1e-6)


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    train, (images, labels) = mnist.load(args, few=2000)
    edge = (28 - SIDE) // 2
    middle = images[:, :, edge:-edge, edge:-edge]
    test = DataLoader(TensorDataset(middle, labels), batch_size=1000)
    rows, found = [], {}
    for name, make in NETWORKS.items():
        torch.manual_seed(args.seed)
        model = make()
        start = time.process_time()
        loader = RandomPlaces(mnist.batches(train, BATCH, shuffle=True))
        last = Trainer(model, adadelta(model)).fit(loader, test, 1 if args.quick else 3)[-1]
        accuracies = [f"{value:.4f}" for value in (last.train_accuracy, last.validation_accuracy)]
        rows.append([name, f"{mnist.parameters(model):,}", *accuracies, f"{time.process_time() - start:.0f}"])
        found[name] = last.validation_accuracy
        if name == "convolutional":
            common.save_figure(
                lambda model=model: viz.activations(model, middle[0], title=f"A {labels[0].item()} in the network"),
                args.out / "cs155_activations.png",
            )
            common.save_figure(lambda model=model: viz.filters(model[0].weight), args.out / "cs155_filters.png")
    print(common.markdown_table(["network", "parameters", "train accuracy", "test accuracy", "CPU seconds"], rows))
    return found


if __name__ == "__main__":
    main()
