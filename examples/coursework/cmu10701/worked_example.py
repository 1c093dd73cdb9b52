"""Exercise: one step of gradient descent on paper. 1 second on 2 cores.

    python examples/coursework/cmu10701/worked_example.py

The sheet's network is linear -> sigmoid -> linear -> softmax with cross-entropy: a = alpha x + alpha_0, z = sigmoid(a),
b = beta z + beta_0, p = softmax(b). Asked for are the regularised loss and some weights after a step with learning
rate 1.

**The matrices below are not the sheet's.** Those were not at hand, only the answers. These are small integers that a
search found to give the same four answers to the last digit. Many others would, so the table does not show that the
sheet's input gives them. It shows that paper and pencil, layers by hand, and nn with optim.SGD agree on each of them.

The answers do say something about the question: alpha_34 is still a whole number after the step, as it is when x_4 = 0
and the step follows the cross-entropy alone. A step along the penalty's gradient too would have shrunk it.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import modules

X = [1, 1, 1, 0, 1, 1]
Y = [0, 1, 0]
ALPHA = [[0, 3, 1, 3, -2, 3], [0, 1, -2, 3, 0, 2], [-2, 0, 3, 2, 2, 1], [-3, -1, 1, -3, -2, 3]]
BETA = [[3, -3, 2, -2], [1, -2, 0, -2], [1, 2, 0, -3]]
BIAS = 1  # every entry of alpha_0 and beta_0
DECAY = 0.001  # the loss is the cross-entropy + DECAY / 2 * (the sum of all squares of ALPHA and BETA)
LR = 1
SHEET = {"regularised loss": 3.9712, "beta_21": 1.9772, "beta_10": 0.5477, "alpha_34": 2.0}


def on_paper() -> dict[str, float]:
    """Every number on its own, as one would with a pocket calculator."""
    a = [sum(w * x for w, x in zip(row, X, strict=True)) + BIAS for row in ALPHA]
    z = [1 / (1 + math.exp(-t)) for t in a]
    b = [sum(w * t for w, t in zip(row, z, strict=True)) + BIAS for row in BETA]
    total = sum(math.exp(t) for t in b)
    p = [math.exp(t) / total for t in b]
    loss = -sum(y * math.log(q) for y, q in zip(Y, p, strict=True))
    squares = sum(w * w for row in ALPHA + BETA for w in row)
    db = [q - y for q, y in zip(p, Y, strict=True)]
    dz3 = sum(db[k] * BETA[k][2] for k in range(3))
    da3 = dz3 * z[2] * (1 - z[2])
    return {
        "regularised loss": loss + DECAY / 2 * squares,
        "beta_21": BETA[1][0] - LR * db[1] * z[0],
        "beta_10": BIAS - LR * db[0],
        "alpha_34": ALPHA[2][3] - LR * da3 * X[3],
    }


def tensors():
    """Return x and y as a batch of one, and alpha, beta and their biases, in float64."""
    x, y, alpha, beta = (torch.tensor(v, dtype=torch.float64) for v in ([X], [Y], ALPHA, BETA))
    return x, y, alpha, torch.full((4,), BIAS, dtype=torch.float64), beta, torch.full((3,), BIAS, dtype=torch.float64)


def by_modules() -> dict[str, float]:
    """The layers of modules.py, which go back by hand."""
    x, y, alpha, alpha_0, beta, beta_0 = tensors()
    first, second = modules.Linear(alpha, alpha_0), modules.Linear(beta, beta_0)
    network = modules.Network(first, modules.Sigmoid(), second)
    loss = network.forward(x, y) + DECAY / 2 * ((alpha**2).sum() + (beta**2).sum())
    network.backward()
    network.step(LR)
    return answers(loss, first.weight, second.weight, second.bias)


def by_library() -> dict[str, float]:
    """nn and optim, with gradients from autograd."""
    x, y, *parameters = tensors()
    model = nn.Sequential(nn.Linear(6, 4), nn.Sigmoid(), nn.Linear(4, 3)).double()
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    model.load_state_dict(dict(zip(names, parameters, strict=True)))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    penalty = DECAY / 2 * sum((layer.weight.detach() ** 2).sum() for layer in (model[0], model[2]))
    optimizer.step()
    return answers(loss + penalty, model[0].weight, model[2].weight, model[2].bias)


def answers(loss, alpha, beta, beta_0) -> dict[str, float]:
    return {
        "regularised loss": float(loss),
        "beta_21": float(beta[1, 0]),
        "beta_10": float(beta_0[0]),
        "alpha_34": float(alpha[2, 3]),
    }


def main(argv=None) -> dict[str, dict[str, float]]:
    common.parse_arguments(__doc__, argv)
    results = {"on paper": on_paper(), "modules.py": by_modules(), "nn and SGD": by_library()}
    rows = [[name, *(f"{r[name]:.4f}" for r in results.values()), f"{sheet:.4f}"] for name, sheet in SHEET.items()]
    print(common.markdown_table(["answer (input found by search)", *results, "the sheet's"], rows))
    return results


if __name__ == "__main__":
    main()
