"""Exercise: SGD, momentum, RMSProp and Adam on a network of six layers. 10 seconds on 2 cores.

    python examples/coursework/comp540/update_rules.py --data data --out out

One step of each rule is compared with the sheet's numbers; then each trains five hidden layers of 100 units on 4,000
images for five epochs, with the learning rates of the sheet, and their curves are drawn together.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw import viz
from tinygrad_hw.train import Trainer

sys.path.insert(0, str(Path(__file__).parents[1]))
import cifar
import common
import nets
from numeric import relative_error

RULES = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=1e-2),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
    "RMSProp": lambda parameters: torch.optim.RMSprop(parameters, lr=1e-4, alpha=0.99),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
}
#: The first row of the sheet's 4 x 5 numbers after one step.
EXPECTED = {
    "momentum": [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789],
    "RMSProp": [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247],
    "Adam": [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977],
}
LIMITS = {"momentum": 1e-8, "RMSProp": 1e-7, "Adam": 1e-7}


def grid(low: float, high: float) -> torch.Tensor:
    return torch.from_numpy(np.linspace(low, high, 20).reshape(4, 5))


def step_errors() -> dict[str, float]:
    """Make one step from the sheet's parameters, gradients and running averages."""
    lr = 1e-3
    states = {
        # PyTorch's velocity is without the learning rate and points up the slope.
        "momentum": ({"lr": lr, "momentum": 0.9}, {"momentum_buffer": grid(0.6, 0.9) / -lr}),
        "RMSProp": ({"lr": 1e-2, "alpha": 0.99}, {"step": torch.tensor(5.0), "square_avg": grid(0.6, 0.9)}),
        "Adam": (
            {"lr": 1e-2},
            {"step": torch.tensor(5.0), "exp_avg": grid(0.6, 0.9), "exp_avg_sq": grid(0.7, 0.5)},
        ),
    }
    kinds = {"momentum": torch.optim.SGD, "RMSProp": torch.optim.RMSprop, "Adam": torch.optim.Adam}
    errors = {}
    for name, (options, state) in states.items():
        w = torch.nn.Parameter(grid(-0.4, 0.6))
        w.grad = grid(-0.6, 0.4)
        optimizer = kinds[name]([w], **options)
        optimizer.state[w].update(state)
        optimizer.step()
        errors[name] = relative_error(w[0], EXPECTED[name])
    return errors


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    errors = step_errors()
    rows = [[name, f"{error:.0e}", f"under {LIMITS[name]:.0e}"] for name, error in errors.items()]
    print(common.markdown_table(["one step of", "error", "the sheet's"], rows))
    if any(error >= LIMITS[name] for name, error in errors.items()):
        sys.exit("a rule differs from the sheet's")

    data = cifar.centred(cifar.load(args))
    train, validation = cifar.first(data["train"], 4000), cifar.loader(data["validation"])
    histories = {}
    for name, rule in RULES.items():
        torch.manual_seed(args.seed)  # the same weights and batches for all
        net = nets.fully_connected([100] * 5, weight_scale=5e-2)
        trainer = Trainer(net, rule(net.parameters()), show_progress=False)
        histories[name] = trainer.fit(cifar.loader(train, 100, shuffle=True), validation, epochs=2 if args.quick else 5)
    print()
    rows = [
        [name, f"{h[-1].train_loss:.3f}", f"{h[-1].train_accuracy:.1%}", f"{h[-1].validation_accuracy:.1%}"]
        for name, h in histories.items()
    ]
    print(common.markdown_table(["rule", "train loss", "train accuracy", "validation accuracy"], rows))
    common.save_figure(lambda: viz.learning_curves(histories), args.out / "update_rules.png")
    return {name: history[-1].train_accuracy for name, history in histories.items()}


if __name__ == "__main__":
    main()
