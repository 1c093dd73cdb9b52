"""Exercise: tanh and ReLU, three learning rates each, halved after epochs 20 and 40. 4 minutes on 2 cores.

    python examples/coursework/ee599/mnist_mlp.py --data data --out out

A network 784-200-100-10 learns MNIST from HDF5 files: 50,000 images to train on, the last 10,000 of the training file
to choose by. Six trainings of 50 epochs of plain SGD in batches of 100 give six plots of their curves, in which the
epochs of the halvings are marked. The best by validation accuracy is trained again on all 60,000 images, and tested
once.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.optim.lr_scheduler import MultiStepLR
from tinygrad_hw.train import History, Trainer
from tinygrad_hw.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import hdf5_data

ACTIVATIONS = {"tanh": nn.Tanh, "ReLU": nn.ReLU}
RATES = (0.3, 0.1, 0.03)


def train(activation: str, lr: float, data, validation, epochs: int, milestones, seed: int) -> tuple[Trainer, History]:
    """Train one network; ``data`` and ``validation`` are pairs of images and labels, ``validation`` may be None."""
    torch.manual_seed(seed)
    act = ACTIVATIONS[activation]
    model = nn.Sequential(nn.Linear(784, 200), act(), nn.Linear(200, 100), act(), nn.Linear(100, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    halve = MultiStepLR(optimizer, milestones, gamma=0.5)
    trainer = Trainer(model, optimizer, scheduler=halve, step_scheduler="epoch", show_progress=False)
    history = trainer.fit(
        DataLoader(TensorDataset(*data), batch_size=100, shuffle=True),
        DataLoader(TensorDataset(*validation), batch_size=1000) if validation else None,
        epochs,
    )
    return trainer, history


def draw_six(runs: dict[str, History]):
    """All six plots on one page: accuracy on the training and the validation images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    # Leave out the first climb, so that the differences at the end can be seen.
    low = min(history["validation_accuracy"][len(history) // 10] for history in runs.values())
    for axes, (name, history) in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, runs.items(), strict=True):
        axes.plot(history["epoch"], history["train_accuracy"], label="training")
        axes.plot(history["epoch"], history["validation_accuracy"], label="validation")
        for epoch in history.lr_changes:
            axes.axvline(epoch, color="grey", linestyle=":")
        axes.set_title(f"{name}: {history['validation_accuracy'][-1]:.2%}", fontsize=7)
        axes.tick_params(labelsize=6)
        axes.set_ylim(low, 1.003)
        axes.grid(alpha=0.3)
    axes.legend(fontsize=6)
    figure.supxlabel("epoch; dotted: the learning rate was halved", fontsize=7)
    figure.supylabel("accuracy", fontsize=7)
    return figure


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    (images, labels), test = hdf5_data.load(args)
    epochs, milestones, held_out = 50, (20, 40), 10_000
    if args.quick:
        images, labels, epochs, milestones, held_out = images[:1500], labels[:1500], 5, (2, 4), 500
    data, validation = (images[:-held_out], labels[:-held_out]), (images[-held_out:], labels[-held_out:])

    runs, rows = {}, []
    for activation in ACTIVATIONS:
        for lr in RATES:
            start = time.perf_counter()
            _, history = train(activation, lr, data, validation, epochs, milestones, args.seed)
            name = f"{activation}, {lr:g}"
            runs[name], last = history, history[-1]
            shown = (f"{last.train_accuracy:.2%}", f"{last.validation_accuracy:.2%}", f"{last.validation_loss:.4f}")
            rows.append((activation, lr, *shown, f"{time.perf_counter() - start:.0f}"))
            print(f"{name}: {last.validation_accuracy:.2%}", file=sys.stderr)
            file = args.out / f"ee599_mnist_{activation}_{lr:g}.png"
            common.save_figure(lambda history=history, name=name: viz.learning_curves(history, title=name), file)
    columns = ["activation", "learning rate", "train accuracy", "validation accuracy", "validation loss", "seconds"]
    print(f"After {epochs} epochs on {len(data[0])} images, rate halved after epochs {milestones}:\n")
    print(common.markdown_table(columns, rows))
    common.save_figure(lambda: draw_six(runs), args.out / "ee599_mnist_six.png")

    best = max(runs, key=lambda name: runs[name][-1].validation_accuracy)
    activation, lr = best.split(", ")
    trainer, _ = train(activation, float(lr), (images, labels), None, epochs, milestones, args.seed)
    accuracy = trainer.evaluate(DataLoader(TensorDataset(*test), batch_size=1000))["accuracy"]
    print(
        f"\nThe best, {best}, trained again on all {len(images)} images: test accuracy {accuracy:.2%} (sheet: 95-99 %)"
    )
    return {"test_accuracy": accuracy, **{name: history[-1].validation_accuracy for name, history in runs.items()}}


if __name__ == "__main__":
    main()
