"""The networks of the sheet. Weights start as normal numbers of a given scale, biases at zero."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import tinygrad_hw as torch
from tinygrad_hw import nn


def fully_connected(
    hidden: Sequence[int],
    inputs: int = 3 * 32 * 32,
    classes: int = 10,
    weight_scale: float = 1e-2,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return {affine, ReLU, dropout} x hidden layers, affine."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise([inputs, *hidden]):
        layers += [nn.Linear(before, after), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear([inputs, *hidden][-1], classes))
    return start(nn.Sequential(*layers), weight_scale)


def three_layer_convnet(
    shape: tuple[int, int, int] = (3, 32, 32),
    filters: int = 32,
    size: int = 7,
    hidden: int = 100,
    classes: int = 10,
    weight_scale: float = 1e-3,
) -> nn.Sequential:
    """Return convolution, ReLU, 2x2 max pooling, affine, ReLU, affine."""
    channels, height, width = shape
    net = nn.Sequential(
        nn.Conv2d(channels, filters, size, padding=size // 2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(filters * (height // 2) * (width // 2), hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )
    return start(net, weight_scale)


def start(net: nn.Sequential, weight_scale: float) -> nn.Sequential:
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=weight_scale)
    return net


def weights(net: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in net.named_parameters() if name.endswith("weight")]


def penalty(net: nn.Module, reg: float) -> torch.Tensor:
    """Return the sheet's regularisation, reg / 2 times the sum of the squared weights; biases are free."""
    return 0.5 * reg * sum((w * w).sum() for w in weights(net))


def decayed(net: nn.Module, reg: float) -> list[dict]:
    """Return the parameters for an optimizer, in the groups by which it adds the gradient of the penalty."""
    biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
    return [{"params": weights(net), "weight_decay": reg}, {"params": biases, "weight_decay": 0.0}]


def deep_convnet(
    widths: Sequence[int] = (32, 64, 128),
    activation: Callable[[], nn.Module] = nn.ReLU,
    dropout: float = 0.0,
    classes: int = 10,
) -> nn.Sequential:
    """Return {convolution, batch norm, activation, 2x2 pooling} x widths, dropout, affine; started as PyTorch does."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([3, *widths]):
        layers += [
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            activation(),
            nn.MaxPool2d(2),
        ]
    places = (32 >> len(widths)) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1] * places, classes))
