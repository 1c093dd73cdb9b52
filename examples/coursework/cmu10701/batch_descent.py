"""Exercise: batch gradient descent on 3,000 digits, five networks. 1 minute on 2 cores.

    python examples/coursework/cmu10701/batch_descent.py --data data --out out

The data are CSV files in the sheet's layout: train.csv with 3,000 rows and test.csv with 1,000, each of 784 pixels in
[0, 1] and the label. They are looked for in --data; if they are not there, the first rows of MNIST are written to
--out. Every step uses all 3,000 images in the order of the file: nothing is shuffled, and only the first weights are
random. The layers and their ``backward`` are those of modules.py, without autograd.

The sheet's five configurations were not at hand. These are chosen for its question which activation is best: softmax
regression, one hidden layer of 256 units with each of three activations, and two hidden layers of tanh. All get the
same number of steps, learning rate and kind of first weights.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw.nn.functional import one_hot
from tinygrad_hw.vision.datasets import CSVDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import modules

CONFIGURATIONS = {
    "no hidden layer": ([], modules.Tanh),
    "256 sigmoid": ([256], modules.Sigmoid),
    "256 tanh": ([256], modules.Tanh),
    "256 ReLU": ([256], modules.ReLU),
    "256 tanh, 128 tanh": ([256, 128], modules.Tanh),
}


def csv_folder(args) -> Path:
    """Return the folder of train.csv and test.csv; write them if there are none."""
    if (args.data / "train.csv").exists() and (args.data / "test.csv").exists():
        return args.data
    args.out.mkdir(parents=True, exist_ok=True)
    for name, part, rows in zip(("train", "test"), common.find_data("mnist", args.data), (3000, 1000), strict=True):
        images, labels = common.images_and_labels(part)
        with open(args.out / f"{name}.csv", "w") as file:
            for pixels, label in zip(images[:rows].tolist(), labels[:rows].tolist(), strict=True):
                # Nine digits are enough to get every float32 back exactly.
                file.write(",".join(f"{p:.9g}" for p in pixels) + f",{label}\n")
    return args.out


def network(hidden: list[int], activation) -> modules.Network:
    """Return a network 784 -> hidden -> 10 with biases 0 and Xavier's uniform weights."""
    sizes = [784, *hidden, 10]
    layers: list = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = math.sqrt(6 / (inputs + outputs))
        weight = (2 * torch.rand(outputs, inputs) - 1) * bound
        layers += [modules.Linear(weight, torch.zeros(outputs)), activation()]
    return modules.Network(*layers[:-1])


def accuracy(model: modules.Network, images, labels) -> float:
    return float((model.scores(images).argmax(1) == labels).float().mean())


def train(model: modules.Network, images, labels, steps: int, lr: float) -> list[float]:
    """Take steps of gradient descent, each on all images; return the loss before each."""
    targets = one_hot(labels, 10).float()
    losses = []
    for _ in range(steps):
        losses.append(float(model.forward(images, targets)))
        model.backward()
        model.step(lr)
    return losses


def draw(losses: dict[str, list[float]]):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="step, each on all images", ylabel="training loss", yscale="log")
    for name, values in losses.items():
        axes.plot(values, label=name)
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return figure


def main(argv=None) -> dict[str, tuple[float, float]]:
    parser = common.parser(__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps of gradient descent (default: 300)")
    parser.add_argument("--lr", type=float, default=0.2, help="learning rate (default: 0.2)")
    args = parser.parse_args(argv)
    folder = csv_folder(args)
    parts = [CSVDataset(folder, train=part) for part in (True, False)]
    (images, labels), (test_images, test_labels) = ((part.data, part.targets) for part in parts)
    if args.quick:
        images, labels, args.steps = images[:300], labels[:300], 20

    rows, losses, results = [], {}, {}
    for name, (hidden, activation) in CONFIGURATIONS.items():
        torch.manual_seed(args.seed)
        model = network(hidden, activation)
        start = time.perf_counter()
        losses[name] = train(model, images, labels, args.steps, args.lr)
        seconds = time.perf_counter() - start
        results[name] = accuracy(model, images, labels), accuracy(model, test_images, test_labels)
        rows.append((name, f"{losses[name][-1]:.4f}", *(f"{value:.2%}" for value in results[name]), f"{seconds:.1f}"))
    print(
        f"{len(images)} images in the order of the file, {args.steps} steps on all of them, learning rate {args.lr:g}\n"
    )
    print(common.markdown_table(["network", "training loss", "train accuracy", "test accuracy", "seconds"], rows))
    common.save_figure(lambda: draw(losses), args.out / "cmu10701_batch_descent.png")
    return results


if __name__ == "__main__":
    main()
