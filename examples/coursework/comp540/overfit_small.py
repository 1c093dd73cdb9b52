"""Exercise: networks of three and five layers learn 50 images by heart. 10 seconds on 2 cores.

    python examples/coursework/comp540/overfit_small.py --data data --out out

Before, the sheet's sanity check: the loss of an untrained network is about log 10, more with regularisation, and its
gradients agree with central differences, with dropout as well. The sheet asks for all of the 50 images within 20
epochs of SGD, with 100 hidden units in a layer; the learning rate and the scale of the first weights are to be found.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import tinygrad_hw as torch
import tinygrad_hw.nn.functional as F
from tinygrad_hw import viz
from tinygrad_hw.train import Trainer

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets
from numeric import network_errors

EPOCHS = 20
#: Hidden layers, scale of the first weights, learning rate.
NETWORKS = {"three layers": ([100] * 2, 2e-2, 5e-3), "five layers": ([100] * 4, 5e-2, 5e-3)}


def check(reg: float, dropout: float) -> list[str]:
    """Return a table's row: the loss at the start and the largest error of a gradient."""
    net = nets.fully_connected([20, 30], inputs=15, weight_scale=5e-2, dropout=dropout).double()
    x, y = torch.randn(2, 15, dtype=torch.float64), torch.randint(10, (2,))

    def loss():
        torch.manual_seed(123)  # the same units dropped at each call
        return F.cross_entropy(net(x), y) + nets.penalty(net, reg)

    start = loss().item()
    # Some of these gradients are near 1e-6: with the usual step of 1e-5, the loss would change too little to measure.
    error = max(network_errors(net, loss, h=1e-4).values())
    return [f"{reg}", f"{dropout}", f"{start:.4f}", f"{error:.0e}"]


def main(argv=None) -> dict[str, int | None]:
    args = common.parse_arguments(__doc__, argv)
    rows = [check(reg, dropout) for reg, dropout in ((0.0, 0.0), (3.14, 0.0), (0.0, 0.25), (0.0, 0.5))]
    print(common.markdown_table(["regularisation", "dropout", "loss at the start", "largest error"], rows))
    print(f"\nlog 10 = {math.log(10):.4f}; the sheet asks for errors of 1e-06 or less\n")

    data = cifar.centred(cifar.load(args))
    small = cifar.first(data["train"], 50)
    rows, histories, epochs = [], {}, {}
    for name, (hidden, weight_scale, lr) in NETWORKS.items():
        torch.manual_seed(args.seed)
        net = nets.fully_connected(hidden, weight_scale=weight_scale)
        trainer = Trainer(net, torch.optim.SGD(net.parameters(), lr=lr), show_progress=False)
        reached = None
        for epoch in range(1, EPOCHS + 1):
            history = trainer.fit(cifar.loader(small, 25, shuffle=True), cifar.loader(data["validation"]))
            if reached is None and trainer.evaluate(cifar.loader(small))["accuracy"] == 1:
                reached = epoch
        accuracy = trainer.evaluate(cifar.loader(small))["accuracy"]
        rows.append([name, f"{accuracy:.0%}", f"{reached}", f"{history[-1].validation_accuracy:.1%}", "100 % in 20"])
        histories[name], epochs[name] = history, reached
    head = ["network", "the 50 images", "after epochs", "validation", "the sheet asks for"]
    print(common.markdown_table(head, rows))
    common.save_figure(lambda: viz.learning_curves(histories), args.out / "overfit_small.png")
    return epochs


if __name__ == "__main__":
    main()
