"""The table of a summary, in the layout of torchinfo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinygrad_hw.summary.layers import Count, LayerInfo

__all__ = ["ModelStatistics"]

#: Columns by name, with their titles.
COLUMNS = {
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "kernel_size": "Kernel Shape",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
_NAME_WIDTH = 40
_INDENT = 5


@dataclass(frozen=True)
class Layout:
    """How the table is to look."""

    columns: tuple[str, ...]
    settings: tuple[str, ...]
    col_width: int
    depth: int
    verbose: int

    def title(self, info: LayerInfo) -> str:
        """Return a layer's name with what the settings add."""
        title = info.class_name
        if "var_names" in self.settings:
            title += f" ({info.var_name})"
        if "depth" in self.settings and info.depth > 0:
            title += f": {info.depth}-{info.depth_index}"
        return title

    def branch(self, depth: int) -> str:
        """Return what stands in front of a row of this depth."""
        ascii_only = "ascii_only" in self.settings
        if depth == 0:
            return ""
        if depth == 1:
            return "+ " if ascii_only else "├─"
        return ("|    " if ascii_only else "│    ") * (depth - 1) + ("+ " if ascii_only else "└─")

    def name_width(self, rows: list[LayerInfo]) -> int:
        """Return the width of the first column: 40, or what the longest name needs, in steps of 5."""
        longest = max((len(self.title(i)) + i.depth * _INDENT + 1 for i in rows), default=0)
        return _NAME_WIDTH if longest < _NAME_WIDTH else -(-longest // _INDENT) * _INDENT

    def line(self, width: int, name: str, values: Mapping[str, str]) -> str:
        """Return one line of the table."""
        cells = "".join(f"{values.get(c, ''):<{self.col_width}} " for c in self.columns)
        return f"{name:<{width}} {cells}".rstrip()

    def lines(self, rows: list[LayerInfo], total_params: int) -> tuple[int, list[str]]:
        """Return the width of the table and its lines."""
        width = self.name_width(rows)
        head = "Layer (type" + (" (var_name)" if "var_names" in self.settings else "")
        head += ":depth-idx)" if "depth" in self.settings else ")"
        lines = [self.line(width, head, COLUMNS)]
        for info in rows:
            if info.depth > self.depth or ("hide_recursive_layers" in self.settings and info.is_recursive):
                continue
            lines.append(self.line(width, self.branch(info.depth) + self.title(info), self.values(info, total_params)))
            if self.verbose == 2:
                lines += self.parameter_lines(width, info)
        return width + len(self.columns) * self.col_width, lines

    def values(self, info: LayerInfo, total_params: int) -> dict[str, str]:
        """Return a row's cells."""
        whole = info.is_leaf_layer or info.depth == self.depth
        params = info.num_params if whole else info.leftover_params
        if info.num_params == 0:
            number = "--"
        elif info.is_recursive:
            number = "(recursive)"
        elif whole:
            number = f"{params:,}" if info.trainable_params else f"({params:,})"
        else:
            number = f"{params:,}" if params else "--"
        if info.is_recursive and total_params:
            percent = "(recursive)"
        else:
            percent = f"{params / total_params:>7.2%}" if params and total_params else "     --"
        macs = info.macs
        if not info.is_leaf_layer:
            macs = sum(c.macs for c in info.children if c.is_leaf_layer) if whole else 0
        return {
            "input_size": str(info.input_size or "--"),
            "output_size": str(info.output_size or "--"),
            "num_params": number,
            "params_percent": percent,
            "kernel_size": str(info.kernel_size or "--"),
            "mult_adds": f"{macs:,}" if macs > 0 else "--",
            "trainable": info.trainable,
        }

    def parameter_lines(self, width: int, info: LayerInfo) -> list[str]:
        """Return a line for each parameter of a layer; the model itself shows only its own."""
        shown = [r for r in info._count.rows if info.depth > 0 or "." not in r[0]]
        lines = []
        for i, (name, shape, size) in enumerate(shown):
            if name == "weight" and len(shape) > 1:
                # As inputs x outputs x kernel.
                shape = [shape[1], shape[0], *shape[2:]]
            corner = "└─" if i == len(shown) - 1 else "├─"
            values = {"kernel_size": str(shape), "num_params": f"{corner}{size:,}"}
            lines.append(self.line(width, self.branch(info.depth + 1) + name, values))
        return lines


class ModelStatistics:
    """What :func:`summary` found; its ``str`` is the table.

    Attributes:
        summary_list: the rows, as :class:`LayerInfo`.
        total_params: elements of all parameters, each counted once.
        trainable_params: as many of them as require grad.
        total_mult_adds: multiply-adds of one forward pass.
        total_input: bytes of the input.
        total_output_bytes: bytes of the outputs and their gradients of all layers with parameters.
        total_param_bytes: bytes of the parameters.
    """

    def __init__(self, rows: list[LayerInfo], count: Count, input_bytes: int | None, layout: Layout) -> None:
        self.summary_list = rows
        self.total_params, self.trainable_params, self.total_param_bytes = count.total, count.trainable, count.bytes
        leaves = [i for i in rows if i.is_leaf_layer]
        self.total_mult_adds = sum(i.macs for i in leaves)
        self.total_output_bytes = sum(2 * i.output_bytes for i in leaves if i.num_params > 0)
        self.total_input = input_bytes or 0
        self._ran = input_bytes is not None
        self._layout = layout

    @property
    def total_bytes(self) -> int:
        """Bytes of input, outputs and parameters together."""
        return self.total_input + self.total_output_bytes + self.total_param_bytes

    def __str__(self) -> str:
        width, lines = self._layout.lines(self.summary_list, self.total_params)
        rule = "=" * width
        text = [rule, lines[0], rule, *lines[1:], rule]
        text.append(f"Total params: {self.total_params:,}")
        text.append(f"Trainable params: {self.trainable_params:,}")
        text.append(f"Non-trainable params: {self.total_params - self.trainable_params:,}")
        if self._ran:
            text += [f"Total mult-adds {_readable(self.total_mult_adds)}", rule]
            for title, size in (
                ("Input size", self.total_input),
                ("Forward/backward pass size", self.total_output_bytes),
                ("Params size", self.total_param_bytes),
                ("Estimated Total Size", self.total_bytes),
            ):
                text.append(f"{title} (MB): {size / 1e6:0.2f}")
        return "\n".join([*text, rule])

    __repr__ = __str__


def _readable(number: int) -> str:
    """Return a number in millions, billions or trillions, with the letter."""
    letter, unit = next(((c, u) for c, u in (("T", 1e12), ("G", 1e9)) if number >= u), ("M", 1e6))
    value = number / unit
    return f"({letter}): {value:,.0f}" if value.is_integer() else f"({letter}): {value:,.2f}"
