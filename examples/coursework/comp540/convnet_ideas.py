"""Exercise: what helps a ConvNet: augmentation, leaky ReLU, AdaGrad, AdaDelta. 6 minutes on 2 cores.

    python examples/coursework/comp540/convnet_ideas.py --data data --out out

A network of three convolutions and an affine layer learns from 29,000 images for six epochs; each time something is
changed: the optimizer (Adam unless named), the activation, the images.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.train import Trainer
from tinygrad_hw.vision import transforms

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets

AUGMENTATION = (transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip())
LEAKY = functools.partial(nn.LeakyReLU, 0.1)
ADAM = functools.partial(torch.optim.Adam, lr=2e-3)
ADAGRAD = functools.partial(torch.optim.Adagrad, lr=1e-2)
ADADELTA = functools.partial(torch.optim.Adadelta, lr=1.0)
#: Activation, optimizer, augmentation.
IDEAS = {
    "Adam": (nn.ReLU, ADAM, ()),
    "AdaGrad": (nn.ReLU, ADAGRAD, ()),
    "AdaDelta": (nn.ReLU, ADADELTA, ()),
    "leaky ReLU": (LEAKY, ADAM, ()),
    "augmentation": (nn.ReLU, ADAM, AUGMENTATION),
    "both": (LEAKY, ADAM, AUGMENTATION),
}


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    data = cifar.load(args)
    widths, epochs = ((4, 8), 1) if args.quick else ((32, 64, 128), 6)
    rows, histories = [], {}
    for name, (activation, rule, augmentation) in IDEAS.items():
        torch.manual_seed(args.seed)  # the same weights for all
        net = nets.deep_convnet(widths, activation)
        trainer = Trainer(net, rule(net.parameters()))
        history = trainer.fit(
            cifar.normalized(data["train"], *augmentation, shuffle=True), cifar.normalized(data["validation"]), epochs
        )
        train = trainer.evaluate(cifar.normalized(data["train"]))["accuracy"]
        test = trainer.evaluate(cifar.normalized(data["test"]))["accuracy"]
        rows.append([name, f"{train:.1%}", f"{history[-1].validation_accuracy:.1%}", f"{test:.1%}"])
        histories[name] = history
    print(common.markdown_table(["network", "train", "validation", "test"], rows))
    columns = ("epoch", "validation_loss", "validation_accuracy")
    curves = {name: {column: history[column] for column in columns} for name, history in histories.items()}
    common.save_figure(lambda: viz.learning_curves(curves), args.out / "convnet_ideas.png")
    return {name: history[-1].validation_accuracy for name, history in histories.items()}


if __name__ == "__main__":
    main()
