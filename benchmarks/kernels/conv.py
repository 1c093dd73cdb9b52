"""2-D convolutions: forward; forward with the gradients of input and weight. Float32, no bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.kernels.build import backward, forward
from benchmarks.workload import Workload

__all__ = ["SHAPES", "WORKLOADS", "Shape"]


@dataclass(frozen=True)
class Shape:
    """A convolution: ``n`` images of ``c`` channels, ``h`` x ``h``, to ``o`` channels."""

    n: int
    c: int
    h: int
    o: int
    kernel: int
    stride: int
    padding: int
    groups: int = 1

    @property
    def name(self) -> str:
        """Return, as in "64,1,28->6,5,1,2", batch, channels, height, outputs, kernel, stride, padding."""
        name = f"{self.n},{self.c},{self.h}->{self.o},{self.kernel},{self.stride},{self.padding}"
        return name if self.groups == 1 else f"{name} groups {self.groups}"

    @property
    def flops(self) -> int:
        """Return the operations of a forward pass by the definition, padding included."""
        out = (self.h + 2 * self.padding - self.kernel) // self.stride + 1
        return 2 * self.n * self.o * out**2 * self.c // self.groups * self.kernel**2

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of input and weight."""
        return [(self.n, self.c, self.h, self.h), (self.o, self.c // self.groups, self.kernel, self.kernel)]

    def __call__(self, torch: Any, x: Any, weight: Any) -> Any:
        """Convolve."""
        return torch.nn.functional.conv2d(x, weight, None, self.stride, self.padding, 1, self.groups)


SHAPES = [
    Shape(64, 1, 28, 6, 5, 1, 2),
    Shape(64, 6, 14, 16, 5, 1, 0),
    Shape(64, 1, 28, 32, 3, 1, 0),
    Shape(64, 32, 26, 64, 3, 1, 0),
    Shape(64, 3, 32, 32, 7, 1, 3),
    Shape(64, 3, 32, 64, 3, 1, 1),
    Shape(64, 64, 32, 64, 3, 1, 1),
    Shape(64, 64, 16, 128, 3, 1, 1),
    Shape(64, 128, 16, 128, 3, 1, 1),
    Shape(64, 16, 32, 16, 3, 1, 1),
    Shape(64, 32, 16, 32, 3, 1, 1),
    Shape(64, 64, 8, 64, 3, 1, 1),
    Shape(64, 64, 16, 128, 1, 1, 0),
    Shape(64, 32, 32, 64, 3, 2, 1),
    Shape(8, 64, 56, 64, 3, 1, 1),
    Shape(8, 3, 224, 64, 7, 2, 3),
    Shape(64, 64, 32, 64, 3, 1, 1, groups=64),
]


def _forward(shape: Shape) -> Workload:
    return Workload(
        "kernels", "conv2d forward", shape.name, lambda t: forward(t, shape.shapes, shape), flops=shape.flops
    )


def _both(shape: Shape) -> Workload:
    return Workload(
        "kernels", "conv2d both", shape.name, lambda t: backward(t, shape.shapes, shape), flops=3 * shape.flops
    )


WORKLOADS = [*map(_forward, SHAPES), *map(_both, SHAPES)]
