"""Training steps and inference of the models, float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.train import autograd_forms, jax_forms, models, sequence, tinygrad_forms
from benchmarks.workload import Make, Run, Workload

__all__ = ["WORKLOADS", "infer", "step"]

Build = Callable[[Any], Any]

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)


def _data(torch: Any, batch: int, shape: Sequence[int], classes: int, text: bool) -> tuple[Any, Any]:
    if text:
        return torch.randint(0, classes, (batch, *shape)), torch.randint(0, classes, (batch * shape[0],))
    return torch.randn(batch, *shape), torch.randint(0, classes, (batch,))


def step(
    torch: Any,
    build: Build,
    batch: int,
    shape: Sequence[int],
    classes: int = 10,
    *,
    momentum: bool = False,
    loss: str = "cross_entropy",
    text: bool = False,
    compiled: bool = False,
) -> Run:
    """Return one training step: zero_grad, forward, loss, backward, optimizer step; it returns the loss.

    Args:
        torch: the framework.
        build: makes the model.
        batch: examples.
        shape: of an example.
        classes: how many.
        momentum: SGD with momentum instead of Adam.
        loss: a function in ``torch.nn.functional``.
        text: whether examples are sequences of numbers of classes, with a target for each place.
        compiled: whether model and loss are one function that goes through ``torch.compile``.
    """
    torch.manual_seed(0)
    model = build(torch)
    x, y = _data(torch, batch, shape, classes, text)
    if momentum:
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = getattr(torch.nn.functional, loss)

    def loss_of(x: Any, y: Any) -> Any:
        return criterion(model(x), y)

    if compiled:
        loss_of = torch.compile(loss_of, fullgraph=True)

    def run() -> object:
        optimizer.zero_grad()
        value = loss_of(x, y) if compiled else criterion(model(x), y)
        value.backward()
        optimizer.step()
        return value.detach()

    return run


def infer(torch: Any, build: Build, batch: int, shape: Sequence[int], classes: int = 10, *, text: bool = False) -> Run:
    """Return the model's call in evaluation mode, without gradients."""
    torch.manual_seed(0)
    model = build(torch)
    model.eval()
    x, _ = _data(torch, batch, shape, classes, text)

    def run() -> object:
        with torch.no_grad():
            return model(x)

    return run


def _both(
    name: str,
    build: Build,
    batch: int,
    shape: Sequence[int],
    classes: int = 10,
    *,
    momentum: bool = False,
    loss: str = "cross_entropy",
    text: bool = False,
    peers: Mapping[str, Make] | None = None,
) -> list[Workload]:
    return [
        Workload(
            "train",
            "step",
            name,
            lambda t: step(t, build, batch, shape, classes, momentum=momentum, loss=loss, text=text),
            peers or {},
        ),
        Workload("train", "inference", name, lambda t: infer(t, build, batch, shape, classes, text=text)),
    ]


def _compiled(
    name: str,
    build: Build,
    batch: int,
    shape: Sequence[int],
    classes: int = 10,
    peers: Mapping[str, Make] | None = None,
) -> Workload:
    """The step with a compiled model and loss, which is what a peer that compiles the whole step is to be held to."""
    return Workload(
        "train",
        "step",
        f"{name}, compiled",
        lambda t: step(t, build, batch, shape, classes, compiled=True),
        peers or {},
    )


def _mlp(sizes: Sequence[int], dropout: Sequence[float] = ()) -> Build:
    return lambda t: models.mlp(t, sizes, dropout)


def _mlp_peers(sizes: Sequence[int], batch: int) -> dict[str, Make]:
    return {
        "jax": lambda j: jax_forms.mlp_step(j, sizes, batch),
        "tinygrad": lambda t: tinygrad_forms.mlp_step(t, sizes, batch),
        "autograd": lambda a: autograd_forms.mlp_step(a, sizes, batch),
    }


SMALL, MEDIUM, LARGE = [2, 16, 16, 2], [784, 128, 10], [784, 400, 400, 100, 10]

_ALL = [
    *_both("MLP 2-16-16-2, b8", _mlp(SMALL), 8, (2,), 2, peers=_mlp_peers(SMALL, 8)),
    _compiled("MLP 2-16-16-2, b8", _mlp(SMALL), 8, (2,), 2, {"jax": lambda j: jax_forms.mlp_step(j, SMALL, 8)}),
    *_both("MLP 784-128-10, b64", _mlp(MEDIUM), 64, (784,), peers=_mlp_peers(MEDIUM, 64)),
    _compiled(
        "MLP 784-128-10, b64", _mlp(MEDIUM), 64, (784,), peers={"jax": lambda j: jax_forms.mlp_step(j, MEDIUM, 64)}
    ),
    _both("MLP 784-128-10, b64, SGD momentum", _mlp(MEDIUM), 64, (784,), momentum=True)[0],
    *_both("MLP 784-400-400-100-10 with dropout, b256", _mlp(LARGE, (0.5, 0.3, 0.1)), 256, (784,)),
    *_both("LeNet-5, b64", models.lenet, 64, MNIST, peers={"jax": lambda j: jax_forms.lenet_step(j, 64)}),
    _compiled("LeNet-5, b64", models.lenet, 64, MNIST, peers={"jax": lambda j: jax_forms.lenet_step(j, 64)}),
    *_both("PyTorch's MNIST example, b64", models.mnist_example, 64, MNIST, loss="nll_loss"),
    *_both(
        "conv7x7(32)-pool-500-10, b64",
        models.conv7x7,
        64,
        CIFAR,
        peers={"jax": lambda j: jax_forms.conv7x7_step(j, 64)},
    ),
    *_both("VGG-small, b64", models.vgg_small, 64, CIFAR),
    *_both("ResNet-20, b64", models.resnet20, 64, CIFAR),
    *_both("char-LSTM 64-128, b32, 64 steps", sequence.char_lstm, 32, (64,), sequence.CHARACTERS, text=True),
    *_both("GPT d128, 4 layers, 4 heads, b12, 64 tokens", sequence.gpt, 12, (64,), sequence.CHARACTERS, text=True),
]
WORKLOADS = sorted(_ALL, key=lambda w: w.group, reverse=True)
