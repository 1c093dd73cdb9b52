"""Exercise: convolution and pooling by Python loops, and by the library. 10 seconds on 2 cores.

    python examples/coursework/comp540/fast_layers.py

The shapes are the sheet's: 100 images of 3 x 31 x 31 and 25 filters of 3 x 3, stride 2, padding 1; pooling of 2 x 2 on
100 images of 3 x 32 x 32. The loops are what the sheet calls naive: over images, filters and places, with numpy inside
a window. Both sides compute in float64 and must agree.
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
from numeric import relative_error


def conv_forward_naive(x, w, b, stride, padding):
    """Return the convolution of x (N, C, H, W) with w (K, C, R, S), with a loop for every axis of the result."""
    images, _, height, width = x.shape
    filters, _, rows, columns = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = np.empty(
        (images, filters, (height + 2 * padding - rows) // stride + 1, (width + 2 * padding - columns) // stride + 1)
    )
    for n, k, i, j in np.ndindex(*out.shape):
        top, left = i * stride, j * stride
        out[n, k, i, j] = np.sum(padded[n, :, top : top + rows, left : left + columns] * w[k]) + b[k]
    return out


def conv_backward_naive(dout, x, w, stride, padding):
    """Return the gradients with respect to x, w and b: each place of the result gives back what it took."""
    _, _, height, width = x.shape
    _, _, rows, columns = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dpadded, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros(len(w))
    for n, k, i, j in np.ndindex(*dout.shape):
        top, left = i * stride, j * stride
        window = (n, slice(None), slice(top, top + rows), slice(left, left + columns))
        dpadded[window] += dout[n, k, i, j] * w[k]
        dw[k] += dout[n, k, i, j] * padded[window]
        db[k] += dout[n, k, i, j]
    return dpadded[:, :, padding : padding + height, padding : padding + width], dw, db


def pool_forward_naive(x, size):
    out = np.empty((*x.shape[:2], x.shape[2] // size, x.shape[3] // size))
    for n, c, i, j in np.ndindex(*out.shape):
        out[n, c, i, j] = x[n, c, i * size : (i + 1) * size, j * size : (j + 1) * size].max()
    return out


def pool_backward_naive(dout, x, size):
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(*dout.shape):
        window = (n, c, slice(i * size, (i + 1) * size), slice(j * size, (j + 1) * size))
        place = np.unravel_index(x[window].argmax(), (size, size))
        dx[window][place] += dout[n, c, i, j]
    return dx


def timed(f, repeats=1):
    """Return the result of f and its best time in seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        result = f()
        best = min(best, time.perf_counter() - start)
    return result, best


def fast(f, inputs, dout, repeats=100):
    """Return the result of f, its gradients with respect to the inputs, and the times of both passes."""
    inputs = [torch.from_numpy(x).requires_grad_() for x in inputs]
    out, forward = timed(lambda: f(*inputs), repeats)
    dout = torch.from_numpy(dout)
    gradients, backward = timed(lambda: torch.autograd.grad(out, inputs, dout, retain_graph=True), repeats)
    return out, gradients, forward, backward


def main(argv=None) -> dict[str, float]:
    args = common.parse_arguments(__doc__, argv)
    rng = np.random.default_rng(args.seed)
    images = 3 if args.quick else 100

    x, w, b = rng.normal(size=(images, 3, 31, 31)), rng.normal(size=(25, 3, 3, 3)), rng.normal(size=25)
    dout = rng.normal(size=(images, 25, 16, 16))
    slow_out, slow_forward = timed(lambda: conv_forward_naive(x, w, b, 2, 1))
    slow_gradients, slow_backward = timed(lambda: conv_backward_naive(dout, x, w, 2, 1))
    out, gradients, forward, backward = fast(lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), (x, w, b), dout)
    rows = [
        ("convolution forward", slow_forward, forward, relative_error(slow_out, out)),
        ("convolution backward", slow_backward, backward, max(map(relative_error, slow_gradients, gradients))),
    ]

    x, dout = rng.normal(size=(images, 3, 32, 32)), rng.normal(size=(images, 3, 16, 16))
    slow_out, slow_forward = timed(lambda: pool_forward_naive(x, 2))
    slow_dx, slow_backward = timed(lambda: pool_backward_naive(dout, x, 2))
    out, (dx,), forward, backward = fast(lambda x: F.max_pool2d(x, 2), (x,), dout)
    rows += [
        ("pooling forward", slow_forward, forward, relative_error(slow_out, out)),
        ("pooling backward", slow_backward, backward, relative_error(slow_dx, dx)),
    ]

    print(
        common.markdown_table(
            ["layer", "loops, s", "library, s", "ratio", "difference"],
            [[name, f"{slow:.3f}", f"{quick:.5f}", f"{slow / quick:.0f}", f"{e:.0e}"] for name, slow, quick, e in rows],
        )
    )
    wrong = [name for name, _, _, error in rows if error > 1e-6]
    if wrong:
        sys.exit(f"the two sides differ: {wrong}")
    return {name: slow / quick for name, slow, quick, _ in rows}


if __name__ == "__main__":
    main()
