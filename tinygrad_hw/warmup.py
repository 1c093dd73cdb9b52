"""Compiling every kernel ahead of time, by small calls of what uses them.

A call of the public function makes the signature that training will ask for; nothing here knows how a kernel is called.
Each kernel is run on one thread and on several, because these are compiled separately.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_hw as torch
from tinygrad_hw import nn, optim
from tinygrad_hw.kernels import runtime
from tinygrad_hw.kernels.arithmetic import LARGE
from tinygrad_hw.kernels.hue import turn_hue
from tinygrad_hw.kernels.warp import warp
from tinygrad_hw.nn import functional as F
from tinygrad_hw.tensor import Tensor

__all__ = ["calls", "warm_up"]

Call = Callable[[], "list[np.ndarray[Any, Any]]"]


def _numbers(dtype: Any, *shape: int, seed: float = 1.7) -> Tensor:
    """Return numbers between -1 and 1, the same at each call."""
    count = np.arange(1, math.prod(shape) + 1)
    return torch.from_numpy(np.sin(count * seed).reshape(shape).astype(dtype.numpy))


def _pass(function: Callable[..., Any], *inputs: Tensor) -> list[Any]:
    """Apply a function forwards and backwards; return its result and the gradients."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = function(*leaves)
    out.backward(_numbers(out.dtype, *out.shape, seed=0.9))
    return [out.detach().numpy(), *(x.grad.numpy() for x in leaves if x.grad is not None)]


def _twice(function: Callable[..., Any], x: Tensor) -> list[Any]:
    """Return a gradient, and how it depends on the gradient that came in."""
    x = x.clone().requires_grad_()
    out = function(x)
    g = _numbers(out.dtype, *out.shape, seed=0.9).requires_grad_()
    first = torch.autograd.grad(out, x, g, create_graph=True)[0]
    second = torch.autograd.grad(first, g, _numbers(out.dtype, *first.shape, seed=0.4))[0]
    return [first.detach().numpy(), second.numpy()]


def _step(make: Callable[..., Any], dtype: Any, size: int) -> list[Any]:
    """Take two steps of an optimizer."""
    parameters = [nn.Parameter(_numbers(dtype, size, 7)), nn.Parameter(_numbers(dtype, 5))]
    optimizer = make(parameters)
    for _ in range(2):
        for p in parameters:
            p.grad = _numbers(dtype, *p.shape, seed=0.3)
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


def _random(dtype: Any, size: int) -> list[Any]:
    """Draw numbers enough for the compiled generator."""
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(1)
        count = 20_000 * size
        ones = torch.full((1000 * size,), 2, dtype=dtype)
        draws = (
            torch.rand(count, dtype=dtype),
            torch.randn(count, dtype=dtype),
            torch.randperm(count),
            torch._standard_gamma(ones),
            torch.binomial(40 * ones, ones / 4),
        )
        return [x.numpy() for x in draws]
    finally:
        torch.random.set_rng_state(state)


def _dropout(x: Tensor) -> list[Any]:
    """Drop out, with a mask that is the same each time."""
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(1)
        return _pass(F.dropout, x)
    finally:
        torch.random.set_rng_state(state)


def _clip(dtype: Any, size: int) -> list[Any]:
    """Clip gradients by their norm and by their values."""
    parameters = [nn.Parameter(_numbers(dtype, size, 700)), nn.Parameter(_numbers(dtype, 5))]
    for p in parameters:
        p.grad = _numbers(dtype, *p.shape, seed=0.3)
    norm = nn.utils.clip_grad_norm_(parameters, 0.5)
    nn.utils.clip_grad_value_(parameters, 0.01)
    return [norm.numpy(), *(p.grad.numpy() for p in parameters if p.grad is not None)]


_ACTIVATIONS: dict[str, Any] = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "gelu by tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "softplus": F.softplus,
    "logsigmoid": F.logsigmoid,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardtanh": partial(F.hardtanh, min_val=-0.5, max_val=0.5),
    "erf": torch.erf,
    "erfc": torch.erfc,
    "lgamma": torch.lgamma,
}


def _images(dtype: Any, n: int) -> list[Any]:
    """Move the pixels of images, and turn their colours."""
    x = _numbers(dtype, n, 3, 9, 8).numpy()
    matrices = np.tile([0.9, 0.2, 0.5, -0.3, 1.1, 0.25], (n, 1))
    bytes_ = (np.abs(x) * 255).astype(np.uint8)
    moved = [warp(a, matrices, (7, 8), mixed, np.zeros(3)) for a in (x, bytes_) for mixed in (False, True)]
    return [*moved, turn_hue(np.abs(x), np.linspace(0, 1, n))]


_OPTIMIZERS: dict[str, Any] = {
    "SGD": partial(optim.SGD, lr=0.1, momentum=0.9),
    "Adam": partial(optim.Adam, lr=0.1),
    "AdamW": partial(optim.AdamW, lr=0.1),
    "RMSprop": partial(optim.RMSprop, lr=0.1),
    "Adagrad": partial(optim.Adagrad, lr=0.1),
    "Adadelta": partial(optim.Adadelta, lr=0.1),
    "Adamax": partial(optim.Adamax, lr=0.1),
    "NAdam": partial(optim.NAdam, lr=0.1),
    "RAdam": partial(optim.RAdam, lr=0.1),
    "ASGD": partial(optim.ASGD, lr=0.1),
    "Rprop": partial(optim.Rprop, lr=0.1),
}


def calls(dtype: Any, size: int = 1) -> list[tuple[str, Call]]:
    """Return calls that between them run every kernel that public functions use, with what they are called.

    A call gives its results and gradients as arrays, the same each time.

    Args:
        dtype: ``torch.float32`` or ``torch.float64``.
        size: how many times larger the batches are than the smallest ones.
    """
    numbers = partial(_numbers, dtype)
    n = 2 * size
    image = numbers(n, 4, 9, 8)
    even = numbers(n, 4, 8, 8)
    target = torch.from_numpy(np.arange(n * 3) % 5)
    flags = torch.from_numpy(np.arange(n * 12) % 7)
    found: list[tuple[str, Call]] = []

    def add(name: str, function: Callable[..., Any], *inputs: Tensor) -> None:
        found.append((name, partial(_pass, function, *inputs)))

    for name, options, weight in (
        ("3x3", {"padding": 1}, numbers(6, 4, 3, 3)),
        ("5x5, stride 2", {"stride": 2, "padding": 2}, numbers(6, 4, 5, 5)),
        ("dilated", {"dilation": 2}, numbers(6, 4, 3, 3)),
        ("1x1", {}, numbers(6, 4, 1, 1)),
        ("1x1, stride 2", {"stride": 2}, numbers(6, 4, 1, 1)),
        ("grouped", {"groups": 2}, numbers(6, 2, 3, 3)),
        ("depthwise", {"groups": 4, "padding": 1}, numbers(4, 1, 3, 3)),
        ("many channels", {"padding": 1}, numbers(40, 4, 3, 3)),
    ):
        add(f"conv2d {name}", partial(F.conv2d, **options), image, weight, numbers(weight.shape[0]))
    wide = numbers(n, 64, 10, 10)
    add("conv2d 3x3, wide", partial(F.conv2d, padding=1), wide, numbers(64, 64, 3, 3), numbers(64))
    few = numbers(n, 1, 9, 8)
    add("conv2d few channels", F.conv2d, few, numbers(6, 1, 3, 3), numbers(6))
    add("conv2d without bias", F.conv2d, image, numbers(6, 4, 3, 3))
    add("conv1d", F.conv1d, numbers(n, 4, 9), numbers(6, 4, 3), numbers(6))
    add("conv_transpose2d", partial(F.conv_transpose2d, stride=2), image, numbers(4, 6, 3, 3), numbers(6))
    # Smaller products are BLAS's.
    for name in ("add", "sub", "mul", "div"):
        add(f"{name} of large tensors", getattr(torch, name), numbers(LARGE), numbers(LARGE) + 0.5)
    add("linear", F.linear, numbers(256 * n, 128), numbers(128, 128), numbers(128))
    add("linear, few rows", F.linear, numbers(64, 800), numbers(128, 800), numbers(128))
    add("matmul", torch.matmul, numbers(256 * n, 128), numbers(128, 128))
    add("matmul of stacks", torch.matmul, numbers(4 * n, 128, 128), numbers(4 * n, 128, 128))
    add("unfold", partial(F.unfold, kernel_size=3), image)
    add("fold", partial(F.fold, output_size=(9, 8), kernel_size=3), numbers(n, 36, 42))

    add("max_pool2d", partial(F.max_pool2d, kernel_size=2), even)
    add("max_pool2d overlapping", partial(F.max_pool2d, kernel_size=3, stride=2, padding=1), image)
    found.append(("max_pool2d second order", partial(_twice, partial(F.max_pool2d, kernel_size=2), even)))
    add("avg_pool2d", partial(F.avg_pool2d, kernel_size=2), image)
    add("avg_pool2d of quarters", partial(F.avg_pool2d, kernel_size=2), even)
    add("adaptive_avg_pool2d to one", partial(F.adaptive_avg_pool2d, output_size=1), image)
    add("adaptive_avg_pool2d", partial(F.adaptive_avg_pool2d, output_size=(3, 3)), image)
    add("adaptive_max_pool2d", partial(F.adaptive_max_pool2d, output_size=(3, 3)), image)
    for mode in ("nearest", "bilinear"):
        add(f"interpolate {mode}", partial(F.interpolate, scale_factor=2, mode=mode), image)

    mean, var = numbers(4), numbers(4).abs() + 1
    weight, bias = numbers(4), numbers(4, seed=0.2)
    add("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), image, weight, bias)
    add("batch_norm in evaluation", lambda x, w, b: F.batch_norm(x, mean, var, w, b), image, weight, bias)
    add("layer_norm", lambda x, w, b: F.layer_norm(x, (8,), w, b), image, numbers(8), numbers(8))
    add("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), image, weight, bias)
    add("instance_norm", F.instance_norm, image)
    add("rms_norm", lambda x, w: F.rms_norm(x, (8,), w), image, numbers(8))

    scores = numbers(n * 3, 5)
    for dim in (1, 2):
        add(f"softmax of dimension {dim}", partial(F.softmax, dim=dim), numbers(n, 6, 5))
        add(f"log_softmax of dimension {dim}", partial(F.log_softmax, dim=dim), numbers(n, 6, 5))
    add("cross_entropy", lambda x: F.cross_entropy(x, target), scores)
    add("cross_entropy with weights", lambda x: F.cross_entropy(x, target, numbers(5).abs()), scores)
    add("embedding", partial(F.embedding, flags), numbers(7, 5))
    add("rows by index", lambda t: t[flags], numbers(7, 5))
    add("elements by index", lambda t: t[flags, flags % 5], numbers(7, 5))
    add("gather", lambda t: torch.gather(t, 0, flags.reshape(-1, 4)), numbers(7, 4))
    for name, function in _ACTIVATIONS.items():
        add(name, function, numbers(n * 2500))
    found.append(("dropout", partial(_dropout, numbers(n * 2500))))
    for layer in (nn.RNN(4, 5), nn.LSTM(4, 5), nn.GRU(4, 5)):
        layer.to(dtype)
        layer.load_state_dict({k: numbers(*v.shape) for k, v in layer.state_dict().items()})
        add(type(layer).__name__, lambda x, layer=layer: layer(x)[0], numbers(3, 4 * n, 4))
    add("gelu", F.gelu, numbers(n * 300))
    add("erfc", torch.erfc, numbers(n * 300))
    add("attention", F.scaled_dot_product_attention, *(numbers(n, 2, 6, 4) for _ in range(3)))
    add("max_pool3d", lambda x: F.max_pool3d(x, 2), numbers(n, 2, 4, 4, 4))
    labels, times, sizes = (torch.from_numpy(np.full(s, i)) for s, i in (((n, 2), 1), (n, 6), (n, 2)))
    add("ctc_loss", lambda x: F.ctc_loss(x.log_softmax(2), labels, times, sizes), numbers(6, n, 5))
    add("index_select", lambda x: torch.index_select(x, 0, flags), numbers(7, 5))
    add("gather", lambda x: torch.gather(x, 0, flags.reshape(-1, 1).expand(-1, 5)), numbers(7, 5))

    for name, make in _OPTIMIZERS.items():
        found.append((name, partial(_step, make, dtype, 4 * size)))
    found.append(("clipping", partial(_clip, dtype, 4 * size)))
    found.append(("random numbers", partial(_random, dtype, size)))
    found.append(("images", partial(_images, dtype, n)))
    return found


def warm_up(dtypes: tuple[Any, ...] | None = None, progress: bool = True) -> int:
    """Compile what is not compiled yet, and keep it on disk.

    Args:
        dtypes: for which types; ``torch.float32`` if None.
        progress: whether a bar is shown on stderr.

    Returns:
        How many calls were made.

    Raises:
        RuntimeError: kernels are not compiled here, or cannot be kept.
    """
    facts = runtime.config()
    if facts["kernels"] != "numba":
        raise RuntimeError(f"there is nothing to compile: {facts['kernels_reason']}")
    if not facts["cache"]:
        raise RuntimeError(
            f"compiled kernels cannot be kept: {facts['cache_reason']}. Set NUMBA_CACHE_DIR to a folder that can be "
            "written to"
        )
    from tqdm import tqdm

    work = [call for dtype in dtypes or (torch.float32,) for call in calls(dtype)]
    before = runtime.PARALLEL_WORK
    with tqdm(total=2 * len(work), unit="call", disable=not progress) as bar:
        try:
            # All work on one thread, then all that can be shared on several.
            for runtime.PARALLEL_WORK in (math.inf, -1):
                for name, call in work:
                    bar.set_description_str(name)
                    call()
                    bar.update()
        finally:
            runtime.PARALLEL_WORK = before
    return 2 * len(work)
