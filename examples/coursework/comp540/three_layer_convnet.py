"""Exercise: convolution, ReLU, pooling, affine, ReLU, affine. 30 seconds on 2 cores.

    python examples/coursework/comp540/three_layer_convnet.py --data data --out out

The loss at the start, a check of the gradients, 100 images learnt by heart, then an epoch over all training images
with the sheet's settings (32 filters of 7 x 7, 500 hidden units, Adam), after which the filters are drawn.
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


def check() -> list[list[str]]:
    """The loss of untrained networks, and the errors of the gradients of a small one."""
    net = nets.three_layer_convnet()
    x, y = torch.randn(50, 3, 32, 32), torch.randint(10, (50,))
    loss = F.cross_entropy(net(x), y)
    with_penalty = loss + nets.penalty(net, 0.5)
    # Weights as small as the above would have gradients too small to be measured by differences.
    small = nets.three_layer_convnet((3, 16, 16), filters=3, size=3, hidden=7, weight_scale=0.1).double()
    x, y = torch.randn(2, 3, 16, 16, dtype=torch.float64), torch.randint(10, (2,))
    errors = network_errors(small, lambda: F.cross_entropy(small(x), y))
    return [
        ["loss at the start", f"{loss.item():.4f}", f"about log 10 = {math.log(10):.4f}"],
        ["with regularisation 0.5", f"{with_penalty.item():.4f}", "higher"],
        *([f"error of the gradient of {name}", f"{error:.0e}", "1e-06 or less"] for name, error in errors.items()),
    ]


def overfit(data: dict, args) -> tuple[float, float]:
    """Return the accuracies on 100 training images and on the validation images after 20 epochs of the former."""
    few = cifar.first(data["train"], 100)
    net = nets.three_layer_convnet(weight_scale=1e-2)
    trainer = Trainer(net, torch.optim.Adam(net.parameters(), lr=1e-3), show_progress=False)
    trainer.fit(cifar.loader(few, 50, shuffle=True), epochs=2 if args.quick else 20)
    return tuple(trainer.evaluate(cifar.loader(part))["accuracy"] for part in (few, data["validation"]))


def one_epoch(data: dict, args) -> tuple[torch.nn.Module, dict[str, float]]:
    """Return a network that saw every training image once, and its accuracies."""
    net = nets.three_layer_convnet(hidden=500, weight_scale=1e-3)
    optimizer = torch.optim.Adam(nets.decayed(net, 1e-3), lr=1e-3)
    trainer = Trainer(net, optimizer)
    trainer.fit(cifar.loader(data["train"], 50, shuffle=True), epochs=1)
    return net, {name: trainer.evaluate(cifar.loader(part))["accuracy"] for name, part in data.items()}


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    rows = check()
    data = cifar.centred(cifar.load(args))
    by_heart, validation = overfit(data, args)
    rows += [
        ["100 images after 20 epochs", f"{by_heart:.0%}", "close to 100 %"],
        ["validation then", f"{validation:.1%}", "20 to 25 %"],
    ]
    net, accuracies = one_epoch(data, args)
    rows.append(["training images after an epoch", f"{accuracies['train']:.1%}", "above 40 %"])
    rows += [[f"{name} images then", f"{accuracies[name]:.1%}", ""] for name in ("validation", "test")]
    print(common.markdown_table(["what", "ours", "the sheet's"], rows))
    common.save_figure(lambda: viz.filters(net[0].weight), args.out / "three_layer_filters.png")
    return accuracies


if __name__ == "__main__":
    main()
