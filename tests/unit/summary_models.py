"""Models for the tests of ``summary``, under this package and under PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CASES", "call", "models"]


def models(torch: Any) -> dict[str, Callable[[], Any]]:
    """Return constructors of the models by name."""
    nn = torch.nn

    class LeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
            self.classifier = nn.Sequential(
                nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
            )

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x))

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU()
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.shortcut = None
            if stride != 1:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    class ResNet20(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
            self.stages = nn.ModuleList()
            inputs = 16
            for outputs, stride in ((16, 1), (32, 2), (64, 2)):
                self.stages.append(
                    nn.Sequential(
                        Block(inputs, outputs, stride), Block(outputs, outputs, 1), Block(outputs, outputs, 1)
                    )
                )
                inputs = outputs
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for stage in self.stages:
                x = stage(x)
            return self.fc(self.pool(x).flatten(1))

    class Reuse(nn.Module):
        """Layers that are called again, frozen, never called, known by two names; parameters in a container."""

        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)
            self.act = nn.ReLU()
            self.b = self.a
            self.scale = nn.Parameter(torch.ones(3))
            self.more = nn.ModuleList([nn.Linear(4, 4), nn.ModuleDict({"x": nn.Linear(4, 4)})])
            self.unused = nn.Linear(7, 7)
            self.a.weight.requires_grad_(False)
            self.more[0].requires_grad_(False)

        def forward(self, x: Any) -> Any:
            for _ in range(2):
                x = self.act(self.a(x))
            x = self.more[1]["x"](self.more[0](x))
            x = self.b(x)
            return {"first": x, "last": x[:, :2] * self.scale[0]}

    class Words(nn.Module):
        """Two inputs of different dtypes, a tuple of outputs inside, a keyword argument."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 4)
            self.lstm = nn.LSTM(4, 5, 2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(12, 3)

        def forward(self, words: Any, x: Any, scale: float = 1.0) -> Any:
            output, _ = self.lstm(self.embedding(words))
            return self.head(torch.cat([output[:, -1], x], 1)) * scale

    def two_places() -> Any:
        shared = nn.Linear(3, 3)
        return nn.Sequential(nn.Sequential(shared), nn.Sequential(nn.Tanh(), shared))

    class Add(nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return x + y

    return {
        "mlp": lambda: nn.Sequential(
            nn.Linear(784, 100), nn.Tanh(), nn.Dropout(0.1), nn.Linear(100, 10), nn.LogSoftmax(1)
        ),
        "lenet": LeNet,
        "resnet20": ResNet20,
        "reuse": Reuse,
        "words": Words,
        "two_places": two_places,
        "add": Add,
        "lstm": lambda: nn.LSTM(5, 7, 2, batch_first=True),
        "embedding": lambda: nn.Embedding(10, 3),
        "encoder_layer": lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True),
        "transformer": lambda: nn.Transformer(16, 4, 1, 1, 32, batch_first=True),
        "nested": lambda: nn.Sequential(
            nn.Conv1d(2, 4, 3),
            nn.Sequential(nn.ConvTranspose1d(4, 2, 3, groups=2), nn.Sequential(nn.GroupNorm(1, 2), nn.Sigmoid())),
        ),
        "lazy": lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(3)),
    }


WIDE = ("input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable")
BUILT = ("num_params", "params_percent", "kernel_size", "trainable")

#: Name of a table: (model, arguments); dtypes stand as their names.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("mlp", {"input_size": (32, 784)}),
    "lenet": ("lenet", {"input_size": (2, 1, 28, 28)}),
    "lenet_wide": ("lenet", {"input_size": (2, 1, 28, 28), "col_names": WIDE, "row_settings": ("depth", "var_names")}),
    "lenet_ascii": (
        "lenet",
        {"input_size": (2, 1, 28, 28), "depth": 1, "row_settings": ("ascii_only",), "col_width": 16},
    ),
    "lenet_per_sample": ("lenet", {"input_size": (1, 28, 28), "batch_dim": 0}),
    "lenet_as_built": ("lenet", {}),
    "lenet_as_built_verbose": ("lenet", {"verbose": 2, "col_names": BUILT}),
    "resnet20": ("resnet20", {"input_size": (4, 3, 32, 32)}),
    "resnet20_deep": ("resnet20", {"input_size": (4, 3, 32, 32), "depth": 5, "mode": "train", "col_names": WIDE}),
    "reuse": ("reuse", {"input_size": (2, 4), "col_names": WIDE}),
    "reuse_hidden": ("reuse", {"input_size": (2, 4), "row_settings": ("hide_recursive_layers", "depth")}),
    "reuse_as_built": ("reuse", {"col_names": BUILT}),
    "words": ("words", {"input_size": [(2, 6), (2, 2)], "dtypes": ["long", "float32"], "col_names": WIDE}),
    "words_verbose": (
        "words",
        {"input_size": [(2, 6), (2, 2)], "dtypes": ["long", "float32"], "verbose": 2, "scale": 2.0},
    ),
    "two_places": ("two_places", {"input_size": (2, 3), "verbose": 2}),
    "add": ("add", {"input_size": [(2, 3), (2, 3)]}),
    "lstm": ("lstm", {"input_size": (2, 3, 5), "verbose": 2}),
    "embedding": ("embedding", {"input_size": (4, 5), "dtypes": ["long"]}),
    "encoder_layer": ("encoder_layer", {"input_size": (2, 3, 16)}),
    "transformer": ("transformer", {"input_size": [(2, 3, 16), (2, 5, 16)], "depth": 4}),
    "nested": ("nested", {"input_size": (3, 2, 9), "col_names": WIDE, "verbose": 2}),
    "lazy": ("lazy", {"input_size": (2, 2, 9, 9), "col_names": WIDE}),
    "lazy_as_built": ("lazy", {}),
}


def call(torch: Any, summary: Callable[..., Any], name: str) -> str:
    """Return the table of a case."""
    model, arguments = CASES[name]
    if "dtypes" in arguments:
        arguments = {**arguments, "dtypes": [getattr(torch, d) for d in arguments["dtypes"]]}
    return str(summary(models(torch)[model](), **arguments))
