"""A tensor's graph as an SVG picture, without Graphviz."""

from __future__ import annotations

import itertools
from typing import Any
from xml.sax.saxutils import escape

from tinygrad_hw.viz.canvas import plain
from tinygrad_hw.viz.graph import Box, collect
from tinygrad_hw.viz.layout import place

__all__ = ["graph_svg"]

#: Pixels. A monospaced character is about 0.61 of its size wide in all common fonts, so that widths are known.
NAME, DETAIL = 12, 11
ASPECT = 0.61
LINE = 15
PAD = 8
GAP = 18
MARGIN = 10

_STYLE = """
.tghw { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.tghw { --tg-ink: #1a1c20; --tg-muted: #5c6370; --tg-paper: #ffffff; --tg-op: #e4eff7; --tg-op-line: #0072b2; }
.tghw { --tg-leaf: #e0f2ec; --tg-leaf-line: #009e73; --tg-out: #fbe6d9; --tg-out-line: #d55e00; }
@media (prefers-color-scheme: dark) {
  .tghw { --tg-ink: #eceef2; --tg-muted: #a7aebb; --tg-paper: #16181c; --tg-op: #12344a; --tg-op-line: #56b4e9; }
  .tghw { --tg-leaf: #0d3a2e; --tg-leaf-line: #3cc79f; --tg-out: #4a2610; --tg-out-line: #f08a4b; }
}
.tghw .paper { fill: var(--tg-paper); }
.tghw rect { stroke-width: 1.3; }
.tghw .op rect { fill: var(--tg-op); stroke: var(--tg-op-line); }
.tghw .leaf rect { fill: var(--tg-leaf); stroke: var(--tg-leaf-line); }
.tghw .output rect { fill: var(--tg-out); stroke: var(--tg-out-line); stroke-width: 2; }
.tghw .more rect { fill: none; stroke: var(--tg-muted); stroke-dasharray: 4 3; }
.tghw text { fill: var(--tg-ink); font-size: 11px; text-anchor: middle; }
.tghw .name { font-size: 12px; font-weight: 600; }
.tghw .edge { fill: none; stroke: var(--tg-muted); stroke-width: 1.2; }
.tghw .tip { fill: var(--tg-muted); }
.tghw .label { fill: var(--tg-muted); }
.tghw .back { fill: var(--tg-paper); }
""".strip()


def _width(box: Box, label: int) -> float:
    """Return how wide a box must be for its lines, and for the label under it."""
    name, *details = (len(line) for line in box.lines)
    text = max([name * NAME, *(n * DETAIL for n in (*details, label))]) * ASPECT
    return text + 2 * PAD


def _height(box: Box) -> float:
    return LINE * len(box.lines) + PAD


def graph_svg(tensor: Any, *, names: Any = None, gradients: bool = False, max_nodes: int = 300) -> str:
    """Return a picture of the operations that a tensor was computed by, as SVG text.

    Data flows downwards: leaves green, operations blue under the names of their ``grad_fn``, the result orange, shapes
    under the operations that made them. The picture needs nothing installed, no font and no network, and follows the
    reader's light or dark mode.

    Args:
        tensor: the result whose graph is wanted, such as a loss.
        names: a Module whose parameters' names the leaves get, or a mapping of names to tensors.
        gradients: also write the norms of gradients, as :func:`graph_dot` does. Default False.
        max_nodes: of a larger graph only so many operations and leaves are drawn, those nearest to the output, and a
            dashed box that counts the rest. Default 300.

    Raises:
        ValueError: the tensor has no graph.

    Example:
        >>> from tinygrad_hw import viz
        >>> model = torch.nn.Linear(3, 2)
        >>> picture = viz.graph_svg(model(torch.ones(4, 3)), names=model)
        >>> picture.startswith("<svg"), "AddmmBackward0" in picture, "(2, 3) float32" in picture
        (True, True, True)
    """
    boxes = collect(tensor, names, gradients=gradients, max_nodes=max_nodes)
    number = {id(box): i for i, box in enumerate(boxes)}
    edges, labels = [], []
    for i, box in enumerate(boxes):
        for source, label in box.sources:
            edges.append((number[id(source)], i))
            labels.append(label)
    # What a box hands on is written under it once; only several outputs need a label at each edge.
    under: dict[int, set[tuple[str, ...]]] = {}
    for (source_number, _), label in zip(edges, labels, strict=True):
        if label:
            under.setdefault(source_number, set()).add(label)
    longest = {i: max(len(line) for label in found for line in label) for i, found in under.items()}
    widths = [_width(box, longest.get(i, 0)) for i, box in enumerate(boxes)]
    placed = place(widths, edges, heavy=[box.kind != "leaf" for box in boxes], gap=GAP)

    layers = max(placed.layer) + 1
    heights = [max(_height(b) for b, at in zip(boxes, placed.layer, strict=True) if at == k) for k in range(layers)]
    apart = {i for i, found in under.items() if len(found) > 1}
    together: dict[tuple[int, int], list[int]] = {}
    for e, pair in enumerate(edges):
        together.setdefault(pair, []).append(e)
    blocks = {p: _stacked([labels[e] for e in many]) if p[0] in apart else () for p, many in together.items()}
    lines = {i: len(next(iter(found))) for i, found in under.items() if i not in apart}
    room = [0] * layers
    for i, count in lines.items():
        room[placed.layer[i]] = max(room[placed.layer[i]], count)
    for (i, _), block in blocks.items():
        room[placed.layer[i]] = max(room[placed.layer[i]], len(block) + 1 if block else 0)
    tops = [float(MARGIN)]
    for k in range(layers - 1):
        tops.append(tops[k] + heights[k] + 28 + LINE * room[k])
    width, height = placed.width + 2 * MARGIN, tops[-1] + heights[-1] + MARGIN

    parts = []
    written = []
    for (i, target), many in together.items():
        path, start = placed.paths[many[0]], placed.layer[i]
        # Below what is written under the box.
        points = [(path[0] + MARGIN, tops[start] + _height(boxes[i]) + (LINE * lines[i] + 4 if i in lines else 0))]
        for k, x in enumerate(path[1:-1], start + 1):
            points += [(x + MARGIN, tops[k]), (x + MARGIN, tops[k] + heights[k])]
        points.append((path[-1] + MARGIN, tops[placed.layer[target]] - 5))
        for k in range(len(many)):
            parts.append(_edge(points, bulge=14 * (k - (len(many) - 1) / 2)))
        block = blocks[i, target]
        if block:
            (x0, y0), (x1, y1) = points[0], points[1]
            written.append(_label(block, x0 + 0.6 * (x1 - x0), y0 + 0.6 * (y1 - y0) - LINE * (len(block) - 1) / 2 + 2))
    for i in lines:
        bottom = tops[placed.layer[i]] + _height(boxes[i])
        written.append(_label(next(iter(under[i])), placed.x[i] + MARGIN, bottom + LINE - 1))
    for i, box in enumerate(boxes):
        parts.append(_box(box, placed.x[i] + MARGIN, tops[placed.layer[i]], widths[i]))
    counted = sum(box.kind == "op" for box in boxes)
    leaves = sum(box.kind == "leaf" for box in boxes)
    title = f"Graph of {counted} operation{'s' * (counted != 1)} and {leaves} lea{'ves' if leaves != 1 else 'f'}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tghw" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
            *parts,
            *written,
            "</svg>",
        ]
    )


def _stacked(labels: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the labels of edges that run side by side as one, at most eight lines."""
    lines = [line for label in dict.fromkeys(labels) for line in label]
    return tuple(lines if len(lines) <= 8 else [*lines[:7], "..."])


def _edge(points: list[tuple[float, float]], bulge: float = 0.0) -> str:
    """Return a curve through points that leaves and arrives upright, with a tip; ``bulge`` moves it to the side."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if abs(x0 - x1) < 0.5 and not bulge:
            path += f"V{y1:.1f}" if abs(x0 - x1) < 0.05 else f"L{x1:.1f} {y1:.1f}"
        else:
            middle = (y0 + y1) / 2
            path += f"C{x0 + bulge:.1f} {middle:.1f} {x1 + bulge:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    x, y = points[-1]
    return f'<path class="edge" d="{path}"/><path class="tip" d="M{x:.1f} {y + 5:.1f}l-4 -7h8z"/>'


def _text(line: str, x: float, y: float, kind: str = "") -> str:
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}">{escape(plain(line))}</text>'


def _label(lines: tuple[str, ...], x: float, y: float) -> str:
    width = max(len(line) for line in lines) * DETAIL * ASPECT + 4
    back = (
        f'<rect class="back" x="{x - width / 2:.1f}" y="{y - LINE + 3:.1f}" width="{width:.1f}" '
        f'height="{LINE * len(lines)}"/>'
    )
    return back + "".join(_text(line, x, y + LINE * i, ' class="label"') for i, line in enumerate(lines))


def _box(box: Box, x: float, top: float, width: float) -> str:
    radius = {"leaf": 10, "output": 3}.get(box.kind, 3)
    text = "".join(
        _text(line, x, top + LINE * (i + 1) - 1, ' class="name"' if i == 0 else "") for i, line in enumerate(box.lines)
    )
    return (
        f'<g class="{box.kind}"><rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{_height(box):.1f}" rx="{radius}"/>{text}</g>'
    )
