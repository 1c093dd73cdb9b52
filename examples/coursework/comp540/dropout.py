"""Exercise: what dropout does to a network with too little data. 20 seconds on 2 cores.

    python examples/coursework/comp540/dropout.py --data data --out out

A network of 500 hidden units learns 500 images for 25 epochs with Adam, for several shares of dropped units. Training
accuracy is measured after each epoch with nothing dropped, as the sheet does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import viz
from tinygrad_hw.train import Trainer

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets

RATES = [0.0, 0.25, 0.5, 0.75]


def learn(rate: float, data: torch.utils.data.Dataset, validation: torch.utils.data.Dataset, epochs: int):
    """Return the accuracies and losses after each epoch, by the names that the curves have."""
    net = nets.fully_connected([500], weight_scale=1e-2, dropout=rate)
    trainer = Trainer(net, torch.optim.Adam(net.parameters(), lr=5e-4), show_progress=False)
    curves: dict[str, list[float]] = {}
    for _ in range(epochs):
        trainer.fit(cifar.loader(data, 100, shuffle=True), epochs=1)
        for part, images in (("train", data), ("validation", validation)):
            for name, value in trainer.evaluate(cifar.loader(images)).items():
                curves.setdefault(f"{part}_{name}", []).append(value)
    return curves


def main(argv=None) -> dict[str, dict[str, list[float]]]:
    args = common.parse_arguments(__doc__, argv)
    data = cifar.centred(cifar.load(args))
    runs = {}
    for rate in RATES:
        torch.manual_seed(args.seed)
        runs[f"dropout {rate}"] = learn(
            rate, cifar.first(data["train"], 500), data["validation"], epochs=3 if args.quick else 25
        )
    rows = []
    for name, run in runs.items():
        train_accuracy, validation_accuracy = run["train_accuracy"], run["validation_accuracy"]
        shares = (train_accuracy[-1], validation_accuracy[-1], max(validation_accuracy))
        rows.append([name, *(f"{share:.1%}" for share in shares)])
    print(common.markdown_table(["network", "train", "validation", "best validation"], rows))
    common.save_figure(lambda: viz.learning_curves(runs), args.out / "dropout.png")
    return runs


if __name__ == "__main__":
    main()
