"""The models, written against PyTorch's names: each gets the framework's module."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

__all__ = ["conv7x7", "conv_stack", "lenet", "linear_stack", "mlp", "mnist_example", "resnet20", "vgg_small"]


def mlp(torch: Any, sizes: Sequence[int], dropout: Sequence[float] = ()) -> Any:
    """Return linear layers with ReLU between them, and dropout after each ReLU where given."""
    nn = torch.nn
    layers: list[Any] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(nn.ReLU())
            if dropout:
                layers.append(nn.Dropout(dropout[i]))
    return nn.Sequential(*layers)


def lenet(torch: Any) -> Any:
    """Return LeNet-5 with ReLU and max pooling for 1x28x28."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def mnist_example(torch: Any) -> Any:
    """Return the network of PyTorch's MNIST example; it ends in log-softmax."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(1),
    )


def conv7x7(torch: Any) -> Any:
    """Return the three-layer network of a course: a 7x7 convolution and two linear layers, for 3x32x32."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 32, 7, padding=3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8192, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def _conv_block(nn: Any, a: int, b: int) -> list[Any]:
    return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]


def vgg_small(torch: Any) -> Any:
    """Return four 3x3 convolutions with batch norm in two stages, and two linear layers, for 3x32x32."""
    nn = torch.nn
    return nn.Sequential(
        *_conv_block(nn, 3, 64),
        *_conv_block(nn, 64, 64),
        nn.MaxPool2d(2),
        *_conv_block(nn, 64, 128),
        *_conv_block(nn, 128, 128),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8192, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )


def resnet20(torch: Any) -> Any:
    """Return ResNet-20 for 3x32x32: He et al. 2015, section 4.2, shortcuts without parameters (option A)."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        """Two convolutions and what goes around them."""

        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU()
            self.extra = (outputs - inputs) // 2

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            if self.extra:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra, self.extra))
            return self.relu(y + x)

    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for outputs in (16, 32, 64):
        for i in range(3):
            layers.append(Block(inputs, outputs, 2 if i == 0 and outputs != 16 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def conv_stack(torch: Any, depth: int) -> Any:
    """Return ``depth`` 3x3 convolutions of 16 channels with ReLU, for 16x16x16."""
    nn = torch.nn
    layers: list[Any] = []
    for _ in range(depth):
        layers += [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def linear_stack(torch: Any, depth: int) -> Any:
    """Return ``depth`` linear layers of width 256 with ReLU, and one to 10 classes."""
    return mlp(torch, [256] * (depth + 1) + [10])
