"""Exercise: every layer and loss, checked numerically. 3 seconds on 2 cores.

    python examples/coursework/comp540/check_layers.py

Where the sheet gives values for the forward pass they are compared with ours; every backward pass is compared with
central differences of the forward pass, in float64. An error is the largest |a - b| / (|a| + |b|).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import tinygrad_hw as torch
import tinygrad_hw.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
import common
from numeric import gradient_errors, relative_error

LIMIT = 1e-6
DROPOUT_LIMIT = 1e-8


def grid(low, high, *shape):
    """Evenly spaced numbers from low to high, both included, as the sheet's forward checks use them."""
    return torch.from_numpy(np.linspace(low, high, int(np.prod(shape))).reshape(shape))


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def away_from_zero(*shape):
    """Random numbers whose ReLU has a derivative: a difference across the kink would measure nothing."""
    x = randn(*shape)
    return x + 0.01 * torch.sign(x)


def affine(x, w, b):
    return F.linear(x.flatten(1), w.T, b)


def svm_loss(scores, targets):
    """The sheet sums the margins of an example; PyTorch divides them by the number of classes."""
    return F.multi_margin_loss(scores, targets) * scores.shape[1]


def forward_checks():
    """Yield (layer, error) for the forward passes of which the sheet gives values."""
    out = affine(grid(-0.1, 0.5, 2, 4, 5, 6), grid(-0.2, 0.3, 120, 3), grid(-0.3, 0.1, 3))
    yield "affine", relative_error(out, [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]])
    out = F.relu(grid(-0.5, 0.5, 3, 4))
    expected = np.zeros((3, 4))
    expected[1, 2:] = 0.04545455, 0.13636364
    expected[2] = 0.22727273, 0.31818182, 0.40909091, 0.5
    yield "ReLU", relative_error(out, expected)
    out = F.conv2d(grid(-0.1, 0.5, 2, 3, 4, 4), grid(-0.2, 0.3, 3, 3, 4, 4), grid(-0.1, 0.2, 3), stride=2, padding=1)
    yield (
        "convolution",
        relative_error(
            out.reshape(6, 4),
            [
                [-0.08759809, -0.10987781, -0.18387192, -0.2109216],
                [0.21027089, 0.21661097, 0.22847626, 0.23004637],
                [0.50813986, 0.54309974, 0.64082444, 0.67101435],
                [-0.98053589, -1.03143541, -1.19128892, -1.24695841],
                [0.69108355, 0.66880383, 0.59480972, 0.56776003],
                [2.36270298, 2.36904306, 2.38090835, 2.38247847],
            ],
        ),
    )
    out = F.max_pool2d(grid(-0.3, 0.4, 2, 3, 4, 4), 2)
    yield (
        "max pooling",
        relative_error(
            out.reshape(6, 4),
            [
                [-0.26315789, -0.24842105, -0.20421053, -0.18947368],
                [-0.14526316, -0.13052632, -0.08631579, -0.07157895],
                [-0.02736842, -0.01263158, 0.03157895, 0.04631579],
                [0.09052632, 0.10526316, 0.14947368, 0.16421053],
                [0.20842105, 0.22315789, 0.26736842, 0.28210526],
                [0.32631579, 0.34105263, 0.38526316, 0.4],
            ],
        ),
    )


def backward_checks():
    """Yield (layer, {name of an input: error}) for the backward pass of every layer."""
    x, w, b = randn(10, 2, 3), randn(6, 5), randn(5)
    yield "affine", gradient_errors(lambda: affine(x, w, b), {"x": x, "w": w, "b": b})

    x = away_from_zero(10, 10)
    yield "ReLU", gradient_errors(lambda: F.relu(x), {"x": x})

    x, w, b = randn(2, 3, 4), randn(12, 10), randn(10)
    yield "affine, ReLU", gradient_errors(lambda: F.relu(affine(x, w, b)), {"x": x, "w": w, "b": b})

    x, w, b = randn(4, 3, 5, 5), randn(2, 3, 3, 3), randn(2)
    yield "convolution", gradient_errors(lambda: F.conv2d(x, w, b, padding=1), {"x": x, "w": w, "b": b})

    x = randn(3, 2, 8, 8)
    yield "max pooling", gradient_errors(lambda: F.max_pool2d(x, 2), {"x": x})

    x, w, b = randn(2, 3, 8, 8), randn(3, 3, 3, 3), randn(3)
    yield (
        "convolution, ReLU, pooling",
        gradient_errors(lambda: F.max_pool2d(F.relu(F.conv2d(x, w, b, padding=1)), 2), {"x": x, "w": w, "b": b}),
    )

    scores, targets = 0.001 * randn(50, 10), torch.randint(10, (50,))
    yield "SVM loss", gradient_errors(lambda: svm_loss(scores, targets), {"scores": scores})
    yield "softmax loss", gradient_errors(lambda: F.cross_entropy(scores, targets), {"scores": scores})


def dropout_errors(rate):
    """The gradients of dropout: the same mask is drawn again at each call from the same seed."""
    x = randn(10, 10) + 10

    def dropout():
        torch.manual_seed(123)
        return F.dropout(x, rate)

    return gradient_errors(dropout, {"x": x})


def dropout_statistics(rate):
    """What dropout does to 500 x 500 numbers around 10: the means in training and in use, and the share put to 0."""
    x = randn(500, 500) + 10
    trained, used = F.dropout(x, rate, training=True), F.dropout(x, rate, training=False)
    return x.mean().item(), trained.mean().item(), used.mean().item(), (trained == 0).double().mean().item()


def main(argv=None) -> dict[str, float]:
    common.parse_arguments(__doc__, argv)
    start = time.perf_counter()
    rates = [0.25, 0.5, 0.75]
    found = {f"{layer}, forward": error for layer, error in forward_checks()}
    for layer, errors in backward_checks():
        found |= {f"{layer}, d{name}": error for name, error in errors.items()}
    limits = dict.fromkeys(found, LIMIT)
    for rate in rates:
        found[f"dropout {rate}, dx"] = dropout_errors(rate)["x"]
        limits[f"dropout {rate}, dx"] = DROPOUT_LIMIT
    rows = [[name, f"{error:.1e}", f"{limits[name]:.0e}"] for name, error in found.items()]
    print(common.markdown_table(["what", "error", "the sheet's limit"], rows))

    print("\nDropout of 500 x 500 numbers:\n")
    statistics = [[f"{rate}", *(f"{value:.4f}" for value in dropout_statistics(rate))] for rate in rates]
    print(common.markdown_table(["rate", "mean", "mean in training", "mean in use", "put to zero"], statistics))

    # Scores near zero say nothing: each of 10 classes has probability 1/10, and 9 margins of 1 are missed.
    scores, targets = 0.001 * randn(50, 10), torch.randint(10, (50,))
    print(f"\nSoftmax loss of small scores: {F.cross_entropy(scores, targets).item():.4f} (log 10 = {np.log(10):.4f})")
    print(f"SVM loss of small scores: {svm_loss(scores, targets).item():.4f} (9)")
    print(f"\n{time.perf_counter() - start:.1f} s")
    over = [name for name, error in found.items() if not error <= limits[name]]
    if over:
        sys.exit(f"over the limit: {over}")
    return found


if __name__ == "__main__":
    main()
