"""Small reference models for images of one channel or three."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tinygrad_hw import nn
from tinygrad_hw.nn import functional as F
from tinygrad_hw.tensor import Tensor

__all__ = ["MLP", "LeNet", "SmallVGG"]


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
        dropout: chance of a unit of the hidden linear layers to be dropped while training.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998).

    Example:
        >>> from tinygrad_hw.vision.models import LeNet
        >>> LeNet()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
    """

    def __init__(self, in_channels: int = 1, image_size: int = 28, num_classes: int = 10, dropout: float = 0.0) -> None:
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
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.flatten(1)
        x = self._dropped(F.relu(self.fc1(x)))
        x = self._dropped(F.relu(self.fc2(x)))
        scores: Tensor = self.fc3(x)
        return scores

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class SmallVGG(nn.Module):
    """Pairs of 3x3 convolutions with batch norm and ReLU, each pair pooled, and two linear layers.

    There are pairs of 32, 64 and 128 channels, as many as leave 4 pixels a side after pooling, and one in any case.

    Args:
        in_channels: 1 for grey images, 3 for coloured ones.
        image_size: pixels a side, 4 or more.
        num_classes: size of the output, unnormalised scores.
        dropout: chance of a hidden unit of the linear layers to be dropped while training.

    Source: after Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (2015).

    Example:
        >>> from tinygrad_hw.vision.models import SmallVGG
        >>> SmallVGG(image_size=32)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(self, in_channels: int = 3, image_size: int = 32, num_classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        if image_size < 4:
            raise ValueError(f"SmallVGG: images should have 4 or more pixels a side, not {image_size}")
        layers: list[nn.Module] = []
        channels, side = in_channels, image_size
        for width in (32, 64, 128):
            if side // 2 < 2 or (layers and side // 2 < 4):
                break
            for _ in range(2):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
            side //= 2
        self.features = nn.Sequential(*layers)
        head: list[nn.Module] = [nn.Flatten(), nn.Linear(channels * side * side, 128), nn.ReLU()]
        if dropout:
            head.append(nn.Dropout(dropout))
        self.classifier = nn.Sequential(*head, nn.Linear(128, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class."""
        scores: Tensor = self.classifier(self.features(x))
        return scores
