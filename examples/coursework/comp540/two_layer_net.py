"""Exercise: a network of two layers, checked and then trained to 50 % on CIFAR-10. A minute on 2 cores.

    python examples/coursework/comp540/two_layer_net.py --data data --out out

First its scores, its loss with and without regularisation and its gradients are compared with the sheet's values and
with central differences; then 500 hidden units learn by SGD with momentum from 29,000 images.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import tinygrad_hw as torch
import tinygrad_hw.nn.functional as F
from tinygrad_hw import viz
from tinygrad_hw.train import Trainer

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets
from numeric import network_errors

SCORES = [
    [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
    [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
    [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
]


def check() -> list[list[str]]:
    """Compare a small network with the sheet's values; returns the rows of a table."""
    inputs, hidden, classes, scale = 5, 50, 7, 1e-2
    net = nets.fully_connected([hidden], inputs, classes, scale).double()
    rows = [[f"std of weight {i}", f"{w.std().item():.4f}", "0.01"] for i, w in enumerate(nets.weights(net), 1)]

    first, second = net[1], net[3]
    with torch.no_grad():
        # The sheet's weights are (inputs, outputs), ours (outputs, inputs).
        first.weight.copy_(torch.from_numpy(np.linspace(-0.7, 0.3, inputs * hidden).reshape(inputs, hidden)).T)
        first.bias.copy_(torch.from_numpy(np.linspace(-0.1, 0.9, hidden)))
        second.weight.copy_(torch.from_numpy(np.linspace(-0.3, 0.4, hidden * classes).reshape(hidden, classes)).T)
        second.bias.copy_(torch.from_numpy(np.linspace(-0.9, 0.1, classes)))
    x = torch.from_numpy(np.linspace(-5.5, 4.5, 15).reshape(5, 3)).T
    y = torch.tensor([0, 5, 1])

    difference = abs(net(x).detach().numpy() - SCORES).sum()
    rows.append(["sum of differences of the scores", f"{difference:.0e}", "under 1e-06"])
    loss = F.cross_entropy(net(x), y)
    rows.append(["loss", f"{loss.item():.10f}", "3.4702243556"])
    rows.append(["loss, regularisation 1", f"{(loss + nets.penalty(net, 1.0)).item():.10f}", "26.5948426952"])
    for reg in (0.0, 0.7):
        errors = network_errors(net, lambda reg=reg: F.cross_entropy(net(x), y) + nets.penalty(net, reg))
        rows.append([f"error of the gradients, regularisation {reg}", f"{max(errors.values()):.0e}", "1e-06 or less"])
    return rows


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    print(common.markdown_table(["check", "ours", "the sheet's"], check()))

    data = cifar.centred(cifar.load(args))
    epochs, batch_size, reg = (2 if args.quick else 20), 200, 0.5
    net = nets.fully_connected([500], weight_scale=1e-3)
    optimizer = torch.optim.SGD(nets.decayed(net, reg), lr=5e-4, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    trainer = Trainer(net, optimizer, scheduler=schedule, step_scheduler="epoch")
    history = trainer.fit(
        cifar.loader(data["train"], batch_size, shuffle=True), cifar.loader(data["validation"]), epochs
    )
    accuracies = {name: trainer.evaluate(cifar.loader(data[name]))["accuracy"] for name in data}
    print()
    print(history.table())
    print()
    rows = [[name, f"{accuracies[name]:.1%}", "50 %" if name == "validation" else ""] for name in data]
    print(common.markdown_table(["images", "accuracy", "the sheet asks for"], rows))
    common.save_figure(lambda: viz.learning_curves({"two layers": history}), args.out / "two_layer_net.png")
    return accuracies


if __name__ == "__main__":
    main()
