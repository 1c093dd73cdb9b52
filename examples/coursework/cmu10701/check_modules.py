"""Exercise: ``backward`` by hand against autograd. 1 second on 2 cores.

    python examples/coursework/cmu10701/check_modules.py

Each layer of modules.py, and a network of two hidden layers, gets random inputs in float64. The same numbers go
through the library's own layers, whose gradients come from autograd. The largest differences are printed; more than
1e-12 is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tinygrad_hw as torch
from tinygrad_hw import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
import modules


def difference(by_hand, by_library) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(by_hand, by_library, strict=True))


def check_activation(ours, theirs) -> tuple[float, float]:
    """Return the largest difference of the values and of the gradients."""
    x, g = torch.randn(5, 7).double(), torch.randn(5, 7).double()
    out, dx = ours.forward(x), ours.backward(g)
    x.requires_grad_()
    expected = theirs(x)
    expected.backward(g)
    return difference([out], [expected.detach()]), difference([dx], [x.grad])


def check_linear() -> tuple[float, float]:
    theirs = nn.Linear(7, 3).double()
    ours = modules.Linear(theirs.weight.detach(), theirs.bias.detach())
    x, g = torch.randn(5, 7).double(), torch.randn(5, 3).double()
    out, dx = ours.forward(x), ours.backward(g)
    x.requires_grad_()
    expected = theirs(x)
    expected.backward(g)
    gradients = [x.grad, theirs.weight.grad, theirs.bias.grad]
    return difference([out], [expected.detach()]), difference([dx, ours.weight_grad, ours.bias_grad], gradients)


def check_loss() -> tuple[float, float]:
    b, labels = 10 * torch.randn(5, 4).double(), torch.tensor([0, 3, 1, 1, 2])
    ours = modules.SoftmaxCrossEntropy()
    loss, db = ours.forward(b, nn.functional.one_hot(labels, 4).double()), ours.backward()
    b.requires_grad_()
    expected = nn.functional.cross_entropy(b, labels)
    expected.backward()
    return difference([loss], [expected.detach()]), difference([db], [b.grad])


def check_network() -> tuple[float, float]:
    theirs = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3)).double()
    linear = [
        modules.Linear(layer.weight.detach(), layer.bias.detach()) for layer in theirs if hasattr(layer, "weight")
    ]
    ours = modules.Network(linear[0], modules.Tanh(), linear[1], modules.Sigmoid(), linear[2])
    x, labels = torch.randn(8, 6).double(), torch.randint(3, (8,))
    loss = ours.forward(x, nn.functional.one_hot(labels, 3).double())
    gradients = [ours.backward()]
    for layer in linear:
        gradients += [layer.weight_grad, layer.bias_grad]
    x.requires_grad_()
    expected = nn.functional.cross_entropy(theirs(x), labels)
    expected.backward()
    return difference([loss], [expected.detach()]), difference(
        gradients, [x.grad, *(p.grad for p in theirs.parameters())]
    )


def main(argv=None) -> list[tuple[str, float, float]]:
    common.parse_arguments(__doc__, argv)
    results = [
        ("Linear", *check_linear()),
        ("Sigmoid", *check_activation(modules.Sigmoid(), nn.Sigmoid())),
        ("Tanh", *check_activation(modules.Tanh(), nn.Tanh())),
        ("ReLU", *check_activation(modules.ReLU(), nn.ReLU())),
        ("SoftmaxCrossEntropy", *check_loss()),
        ("Network", *check_network()),
    ]
    rows = [(name, f"{value:.1e}", f"{gradient:.1e}") for name, value, gradient in results]
    print(common.markdown_table(["module", "difference of values", "of gradients"], rows))
    wrong = [name for name, value, gradient in results if not max(value, gradient) < 1e-12]
    if wrong:
        sys.exit(f"by hand and by autograd differ: {', '.join(wrong)}")
    return results


if __name__ == "__main__":
    main()
