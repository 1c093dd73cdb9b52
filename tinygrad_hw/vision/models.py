"""Small reference models for images of one channel or three."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F
from tinygrad_hw.tensor import Tensor

__all__ = ["MLP", "LeNet"]


class MLP(nn.Module):
    """A multilayer perceptron with ReLU between its layers.

    Args:
        in_features: numbers per example; images are flattened.
        hidden: sizes of the hidden layers.
        num_classes: size of the output, unnormalised scores.
        dropout: chance of a hidden unit to be dropped while training.

    Example:
        >>> from tinygrad_hw.vision.models import MLP
        >>> MLP(64, hidden=[32])(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int] = (128,),
        num_classes: int = 10,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        size = in_features
        for i, width in enumerate(hidden, start=1):
            layers[f"linear{i}"] = nn.Linear(size, width)
            layers[f"relu{i}"] = nn.ReLU()
            if dropout:
                layers[f"dropout{i}"] = nn.Dropout(dropout)
            size = width
        layers["output"] = nn.Linear(size, num_classes)
        self.layers = nn.Sequential(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class."""
        scores: Tensor = self.layers(x)
        return scores


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max pooling: two convolutions, each pooled, and three linear layers.

    Images of fewer than 20 pixels a side get 3x3 kernels, larger ones the original 5x5.

    Args:
        in_channels: 1 for grey images, 3 for coloured ones.
        image_size: pixels a side.
        num_classes: size of the output, unnormalised scores.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998).

    Example:
        >>> from tinygrad_hw.vision.models import LeNet
        >>> LeNet()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(self, in_channels: int = 1, image_size: int = 28, num_classes: int = 10) -> None:
        super().__init__()
        if image_size >= 20:
            self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            side = (image_size // 2 - 4) // 2
        else:
            self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1)
            self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
            side = image_size // 2 // 2
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(self.conv2.out_channels * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        scores: Tensor = self.fc3(x)
        return scores
