"""The sheet's layers, with ``forward`` and ``backward`` written by hand, and nothing left to autograd.

A layer remembers in ``forward`` what its ``backward`` needs. ``backward`` takes the gradient of the loss with respect
to the layer's output and returns that with respect to its input; a layer with parameters stores theirs on the way.
"""

from __future__ import annotations

import tinygrad_hw as torch


class Linear:
    """x -> x W^T + b, for rows x of a batch; ``weight`` is (outputs, inputs)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight, self.bias = weight, bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        self.weight_grad = g.T @ self.x
        self.bias_grad = g.sum(0)
        return g @ self.weight

    def step(self, lr: float) -> None:
        """Take a step of gradient descent."""
        self.weight = self.weight - lr * self.weight_grad
        self.bias = self.bias - lr * self.bias_grad


class Sigmoid:
    """x -> 1 / (1 + e^-x), whose derivative is z (1 - z) for the result z."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.z = 1 / (1 + torch.exp(-x))
        return self.z

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g * self.z * (1 - self.z)


class Tanh:
    """x -> tanh x, whose derivative is 1 - z^2 for the result z."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.z = torch.tanh(x)
        return self.z

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g * (1 - self.z**2)


class ReLU:
    """x -> max(x, 0); the gradient passes where x was positive."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.positive = x > 0
        return x * self.positive

    def backward(self, g: torch.Tensor) -> torch.Tensor:
        return g * self.positive


class SoftmaxCrossEntropy:
    """Scores b and one-hot targets y -> the mean over the batch of -sum_k y_k log softmax(b)_k.

    Softmax and cross-entropy are one layer because their common gradient is so simple: softmax(b) - y.
    """

    def forward(self, b: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        e = torch.exp(b - b.max(1, keepdim=True).values)  # e^(b - max) cannot overflow, and softmax stays the same
        self.probabilities, self.y = e / e.sum(1, keepdim=True), y
        return -(y * torch.log(self.probabilities)).sum() / len(b)

    def backward(self) -> torch.Tensor:
        return (self.probabilities - self.y) / len(self.y)


class Network:
    """Layers in a row, with the loss at their end."""

    def __init__(self, *layers) -> None:
        self.layers, self.loss = layers, SoftmaxCrossEntropy()

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of the batch x with one-hot targets y."""
        return self.loss.forward(self.scores(x), y)

    def backward(self) -> torch.Tensor:
        """Go back through all layers; return the gradient with respect to x."""
        g = self.loss.backward()
        for layer in reversed(self.layers):
            g = layer.backward(g)
        return g

    def step(self, lr: float) -> None:
        for layer in self.layers:
            if hasattr(layer, "step"):
                layer.step(lr)
