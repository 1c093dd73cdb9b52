"""What a summary knows of a layer: its place in the model, its parameters, its row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tinygrad_hw.autograd.graph import TensorBase
from tinygrad_hw.nn.module import Module
from tinygrad_hw.nn.parameter import is_lazy

__all__ = ["LayerInfo"]


@dataclass
class Count:
    """Parameters of a module and of all that is in it."""

    #: For each parameter its elements (those its mask keeps, if it is pruned).
    sizes: dict[int, int] = field(default_factory=dict)
    total: int = 0
    trainable: int = 0
    bytes: int = 0
    #: (name, shape, elements) of each.
    rows: list[tuple[str, list[int], int]] = field(default_factory=list)


def count_parameters(module: Module) -> Count:
    """Count a module's parameters, each once; those without a shape yet are left out."""
    count = Count()
    for name, p in module.named_parameters():
        if is_lazy(p):
            continue
        name, size = _unmasked(module, name, p)
        count.sizes[id(p)] = size
        count.total += size
        count.bytes += size * p.array.itemsize
        if p.requires_grad:
            count.trainable += size
        count.rows.append((name, list(p.shape), size))
    return count


def _unmasked(module: Module, name: str, parameter: Any) -> tuple[str, int]:
    """Return name and number of elements; ``weight_orig`` beside a ``weight_mask`` has as many as the mask has ones."""
    if name.endswith("_orig"):
        plain = name.removesuffix("_orig")
        owner, _, last = plain.rpartition(".")
        mask = getattr(module.get_submodule(owner), last + "_mask", None)
        if isinstance(mask, TensorBase):
            return plain, int(mask.array.sum())
    return name, int(parameter.array.size)


@dataclass
class LayerInfo:
    """One call of one layer: a row of the table.

    Attributes:
        class_name: the layer's type.
        var_name: its name in its parent.
        depth: how deep it is nested; 0 for the model.
        depth_index: its number among the rows of this depth, from 1.
        is_leaf_layer: it has no layers of its own.
        is_recursive: it has been called before.
        executed: it was called in the forward pass.
        input_size: shape of its first input.
        output_size: shape of its first output.
        kernel_size: its ``kernel_size``, if it has one.
        num_params: elements of its parameters and of those of the layers in it.
        trainable_params: as many of them as require grad.
        param_bytes: their bytes.
        output_bytes: bytes of its first output.
        macs: multiply-adds of this call; see :func:`summary`.
        leftover_params: those of ``num_params`` that are in no deeper row.
        children: the rows below it.
    """

    class_name: str
    var_name: str
    depth: int
    is_leaf_layer: bool
    is_recursive: bool = False
    executed: bool = False
    depth_index: int = 0
    input_size: list[int] = field(default_factory=list)
    output_size: list[int] = field(default_factory=list)
    kernel_size: int | list[int] | None = None
    num_params: int = 0
    trainable_params: int = 0
    param_bytes: int = 0
    output_bytes: int = 0
    macs: int = 0
    leftover_params: int = 0
    children: list[LayerInfo] = field(default_factory=list, repr=False)
    _count: Count = field(default_factory=Count, repr=False)

    def _take(self, count: Count) -> None:
        self._count = count
        self.num_params, self.trainable_params, self.param_bytes = count.total, count.trainable, count.bytes

    @property
    def trainable(self) -> str:
        """``"True"``, ``"False"`` or ``"Partial"``; ``"--"`` for a layer without parameters."""
        if self.num_params == 0:
            return "--"
        if self.trainable_params == 0:
            return "False"
        return "True" if self.trainable_params == self.num_params else "Partial"


@dataclass(eq=False)
class Place:
    """Where a module stands in the model."""

    module: Module
    name: str
    depth: int
    parent: Place | None

    def row(self, seen: set[int]) -> LayerInfo:
        """Return a new row for the module, and remember that it has one."""
        module = self.module
        info = LayerInfo(type(module).__name__, self.name, self.depth, next(module.children(), None) is None)
        info.is_recursive = id(module) in seen
        seen.add(id(module))
        kernel = getattr(module, "kernel_size", None)
        info.kernel_size = kernel if kernel is None or isinstance(kernel, int) else [int(k) for k in kernel]
        info._take(count_parameters(module))
        return info


def places(model: Module) -> list[Place]:
    """List the model and all in it, parents first; a module that stands in several places, several times."""
    found: list[Place] = []
    stack = [Place(model, type(model).__name__, 0, None)]
    while stack:
        place = stack.pop()
        found.append(place)
        children = [(n, m) for n, m in place.module._modules.items() if m is not None]
        stack += [Place(m, n, place.depth + 1, place) for n, m in reversed(children)]
    return found


def number_rows(rows: list[LayerInfo]) -> list[LayerInfo]:
    """Number the rows of each depth, and tell each which rows are below it."""
    numbers: dict[int, int] = {}
    for i, info in enumerate(rows):
        numbers[info.depth] = info.depth_index = numbers.get(info.depth, 0) + 1
        info.children = []
        for other in rows[i + 1 :]:
            if other.depth <= info.depth:
                break
            info.children.append(other)
    # A container that is not called has its layers' rows below several rows of its own: look at all deeper ones.
    deeper: set[int] = set()
    for depth in sorted(numbers, reverse=True):
        level = [info for info in rows if info.depth == depth]
        for info in level:
            info.leftover_params = sum(size for key, size in info._count.sizes.items() if key not in deeper)
        for info in level:
            deeper |= info._count.sizes.keys()
    return rows
