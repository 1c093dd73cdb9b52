"""Exercise: MNIST with at most 100, 200 and 1000 hidden units. 1 minute on 2 cores.

    python examples/coursework/cs155/hidden_units.py --data data --out out

The layers allowed are Linear, ReLU, Dropout and softmax (which is in the loss); pixels are divided by 255 and nothing
else is done to them. Several layers share the hidden units. The test accuracy is that after the last epoch.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import mnist

#: At most so many hidden units: the layers, dropout of pixels and of hidden units, epochs, the sheet's accuracy.
NETWORKS = {
    100: ((100,), 0.0, 0.1, 15, 0.975),
    200: ((200,), 0.1, 0.2, 18, 0.98),
    1000: ((700, 300), 0.2, 0.4, 12, 0.983),
}


def network(hidden: tuple[int, ...], of_pixels: float, of_units: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(of_pixels)]
    inputs = 784
    for units in hidden:
        layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(of_units)]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def main(argv=None) -> dict[int, float]:
    args = common.parse_arguments(__doc__, argv)
    train, test = mnist.load(args)
    rows, histories, found = [], {}, {}
    for limit, (hidden, of_pixels, of_units, epochs, wanted) in NETWORKS.items():
        torch.manual_seed(args.seed)
        start = time.process_time()
        model = network(hidden, of_pixels, of_units)
        history = mnist.one_cycle(model, train, test, 2 if args.quick else epochs, lr=3e-3, batch_size=100)
        name = " + ".join(str(units) for units in hidden)
        histories[name], found[limit] = history, history[-1].validation_accuracy
        rows.append(
            [
                f"at most {limit}",
                name,
                f"{mnist.parameters(model):,}",
                f"{history[-1].train_accuracy:.4f}",
                f"{found[limit]:.4f}",
                wanted,
                f"{time.process_time() - start:.0f}",
            ]
        )
    head = ["hidden units", "layers", "parameters", "train accuracy", "test accuracy", "the sheet's", "CPU seconds"]
    print(common.markdown_table(head, rows))
    common.save_figure(
        lambda: viz.learning_curves(histories, metrics=("accuracy",)), args.out / "cs155_hidden_units.png"
    )
    return found


if __name__ == "__main__":
    main()
