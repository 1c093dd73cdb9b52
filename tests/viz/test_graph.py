"""The graph of a tensor: what is in it, and how it is drawn."""

from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import tinygrad_hw as torch
from tinygrad_hw import nn, viz
from tinygrad_hw.nn import functional as F
from tinygrad_hw.vision.models import LeNet
from tinygrad_hw.viz.graph import collect
from tinygrad_hw.viz.layout import _crossings, place

SVG = "{http://www.w3.org/2000/svg}"


def dot_parts(text: str) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Return the labels of the nodes, and the edges with theirs."""
    nodes = dict(re.findall(r'^  (n\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.MULTILINE))
    edges = re.findall(r'^  (n\d+) -> (n\d+)(?: \[label="((?:[^"\\]|\\.)*)"\])?;', text, re.MULTILINE)
    return nodes, [(nodes[a], nodes[b], label) for a, b, label in edges]


def boxes_of(text: str) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return the text and the rectangle of each box of an SVG."""
    found = []
    for group in ET.fromstring(text).iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        name = "\n".join(t.text or "" for t in group.findall(f"{SVG}text"))
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        found.append((name, (x, y, x + w, y + h)))
    return found


def test_dot_of_a_linear_layer() -> None:
    model = nn.Linear(3, 2)
    nodes, edges = dot_parts(viz.graph_dot(model(torch.ones(4, 3)).relu().sum(), names=model))
    assert sorted(nodes.values()) == sorted(
        [
            r"output\n() float32",
            "SumBackward0",
            "ReluBackward0",
            "AddmmBackward0",
            r"weight\n(2, 3) float32",
            r"bias\n(2,) float32",
        ]
    )
    assert sorted(edges) == sorted(
        [
            ("SumBackward0", r"output\n() float32", "()"),
            ("ReluBackward0", "SumBackward0", "(4, 2)"),
            ("AddmmBackward0", "ReluBackward0", "(4, 2)"),
            (r"weight\n(2, 3) float32", "AddmmBackward0", ""),
            (r"bias\n(2,) float32", "AddmmBackward0", ""),
        ]
    )


def test_names_of_the_nodes_are_those_of_grad_fn() -> None:
    x = torch.rand(3, requires_grad=True)
    y = x.exp()
    z = (y * y).sum()
    nodes, edges = dot_parts(viz.graph_dot(z, names={"x": x, "y": y}))
    assert z.grad_fn.name() in nodes.values()
    assert f"{y.grad_fn.name()}\\ny" in nodes.values()
    assert len([e for e in edges if e[1] == "MulBackward0"]) == 2, "used twice, two edges"
    assert rf"leaf\n(3,) {'float32'}" in viz.graph_dot(z)


def test_gradient_norms_are_right_and_leave_grad_alone() -> None:
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    y = x * 2
    z = (y**2).sum()
    x.grad = torch.tensor([7.0, 7.0])
    nodes, edges = dot_parts(viz.graph_dot(z, names={"x": x}, gradients=True))
    # dz/dy = 2y = (12, 16), dz/dx = 2 dz/dy.
    assert r"x\n(2,) float32\n|g| 40" in nodes.values()
    labels = {source: label for source, _, label in edges}
    assert labels["MulBackward0"] == r"(2,)\n|g| 20"
    assert labels["PowBackward0"] == r"(2,)\n|g| 1.41"
    assert x.grad.tolist() == [7.0, 7.0]
    z.backward()
    assert x.grad.tolist() == [31.0, 39.0], "the graph is still there"
    freed = viz.graph_dot(z, gradients=True)
    assert f"|g| {np.hypot(31, 39):.3g}" in freed and freed.count("|g|") == 1
    assert z.grad_fn.hooks is None or not z.grad_fn.hooks.pre, "the hooks are gone"


def test_several_outputs_are_told_apart() -> None:
    x = torch.ones(2, 6, requires_grad=True)
    a, b = x.split([2, 4], dim=1)
    _, edges = dot_parts(viz.graph_dot(a.sum() + 3 * b.sum(), gradients=True))
    split = {label for source, _, label in edges if source.startswith("Split")}
    assert split == {r"[0] (2, 2)\n|g| 2", rf"[1] (2, 4)\n|g| {3 * np.sqrt(8):.3g}"}
    _, edges = dot_parts(viz.graph_dot(b))
    assert (edges[0][1], edges[0][2]) == (r"output\n(2, 4) float32", "[1] (2, 4)")
    texts = ET.fromstring(viz.graph_svg(a.sum() + b.sum())).iter(f"{SVG}text")
    assert {"[0] (2, 2)", "[1] (2, 4)"} <= {t.text for t in texts}


def test_a_leaf_alone() -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert [name for name, _ in boxes_of(viz.graph_svg(leaf))] == ["leaf\n(2,) float32"]
    assert "->" not in viz.graph_dot(leaf)


def test_what_has_no_graph_says_so() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\) has no graph.*no_grad"):
        viz.graph_dot(torch.ones(2))
    with pytest.raises(TypeError, match="got ndarray"):
        viz.graph_svg(np.ones(2))
    with pytest.raises(TypeError, match="names is a Module or a mapping"):
        viz.graph_dot(torch.ones(2, requires_grad=True), names=["x"])
    with pytest.raises(ValueError, match="max_nodes"):
        viz.graph_svg(torch.ones(2, requires_grad=True), max_nodes=0)


def test_text_is_escaped() -> None:
    name = 'a"b\\c<script>&\x07</script>\n'
    x = torch.ones(2, requires_grad=True)
    text = viz.graph_dot(x * 2, names={name: x})
    assert r'n2 [label="a\"b\\c<script>& </script> \n(2,) float32"' in text
    svg = viz.graph_svg(x * 2, names={name: x})
    assert "<script>" not in svg
    assert any('a"b\\c<script>& </script>' in box for box, _ in boxes_of(svg))


def test_a_deep_graph_is_cut_and_says_so() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x
    for _ in range(5000):
        y = y * 1.0
    limit = sys.getrecursionlimit()
    svg = viz.graph_svg(y, max_nodes=20)
    assert len(boxes_of(svg)) == 22
    assert "4,981 more\nnearest 20 drawn" in [name for name, _ in boxes_of(svg)]
    nodes, _ = dot_parts(viz.graph_dot(y, max_nodes=20))
    assert len(nodes) == 22
    assert len(dot_parts(viz.graph_dot(y, max_nodes=9000))[0]) == 5002
    assert sys.getrecursionlimit() == limit


def loss_of(model: nn.Module, *shape: int) -> Any:
    return F.cross_entropy(model(torch.rand(*shape)), torch.zeros(shape[0], dtype=torch.int64))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        return x + self.b(F.relu(self.a(x)))


def graphs() -> dict[str, Any]:
    mlp = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    lenet = LeNet(image_size=8)
    residual = nn.Sequential(nn.Linear(6, 6), Residual(), Residual())
    cell = nn.LSTMCell(3, 4)
    h = c = torch.zeros(2, 4)
    for _ in range(4):
        h, c = cell(torch.rand(2, 3), (h, c))
    return {
        "mlp": (loss_of(mlp, 2, 784), mlp),
        "lenet": (loss_of(lenet, 2, 1, 8, 8), lenet),
        "residual": (loss_of(residual, 2, 6), residual),
        "lstm": (h.sum() + c.mean(), cell),
    }


@pytest.mark.parametrize("name", ["mlp", "lenet", "residual", "lstm"])
@pytest.mark.parametrize("gradients", [False, True])
def test_the_picture_is_whole_and_nothing_overlaps(name: str, gradients: bool) -> None:
    loss, model = graphs()[name]
    text = viz.graph_svg(loss, names=model, gradients=gradients)
    root = ET.fromstring(text)
    width, height = (float(v) for v in root.attrib["viewBox"].split()[2:])
    rects = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g")]
    boxes = [tuple(float(r.attrib[k]) for k in ("x", "y", "width", "height")) for r in rects if r is not None]
    assert len(boxes) == len(collect(loss, model, gradients=gradients, max_nodes=300))
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for x, y, w, h in boxes:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    # Labels: within the picture, on no box, on no other label.
    labels = []
    for t in root.iter(f"{SVG}text"):
        if t.attrib.get("class") == "label":
            half = len(t.text or "") * 11 * 0.61 / 2
            x, y = float(t.attrib["x"]), float(t.attrib["y"])
            labels.append((x - half, y - 9, 2 * half, 11))
    assert labels
    for (x, y, w, h), (x2, y2, w2, h2) in [*itertools.combinations(labels, 2), *itertools.product(labels, boxes)]:
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for box in collect(loss, model, gradients=gradients, max_nodes=300):
        for line in box.lines:
            assert f">{line}</text>" in text
    # Every edge ends on top of a box, and leads down.
    tops = {round(y, 1) for _, y, _, _ in boxes}
    for path in root.iter(f"{SVG}path"):
        numbers = [float(v) for v in re.findall(r"-?\d+\.?\d*", path.attrib["d"])]
        if path.attrib["class"] == "tip":
            assert round(numbers[1], 1) in tops


def test_a_chain_is_drawn_straight() -> None:
    loss, model = graphs()["lenet"]
    centres = [(x0 + x1) / 2 for name, (x0, _, x1, _) in boxes_of(viz.graph_svg(loss, names=model)) if "\n" not in name]
    assert len(centres) >= 5
    assert max(centres) - min(centres) < 3


def test_layers_by_longest_paths() -> None:
    # 0 -> 1 -> 2 -> 3, and 0 -> 3 past the others.
    placed = place([10.0] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)], heavy=[True] * 4, gap=5.0)
    assert placed.layer == [0, 1, 2, 3]
    assert [len(p) for p in placed.paths] == [2, 2, 2, 4]
    by_pass = placed.paths[3]
    assert all(abs(x - placed.x[v]) >= 5 for x, v in zip(by_pass[1:-1], (1, 2), strict=True)), "around the boxes"
    with pytest.raises(ValueError, match="cycle"):
        place([1.0, 1.0], [(0, 1), (1, 0)], heavy=[True, True], gap=1.0)


def test_crossings_are_counted_and_removed() -> None:
    assert _crossings([[0, 1], [2, 3]], [[3], [2], [], []]) == 1
    assert _crossings([[0, 1], [2, 3]], [[2, 3], [2, 3], [], []]) == 1
    assert _crossings([[0, 1], [2, 3]], [[2], [2, 3], [], []]) == 0
    # Drawn in the order in which a walk meets the vertices, two pairs of these cross; no pair needs to.
    edges = [(0, 7), (1, 4), (1, 7), (2, 6), (2, 7), (4, 10), (5, 8), (5, 9), (6, 8), (7, 8)]
    placed = place([10.0] * 11, edges, heavy=[True] * 11, gap=5.0)
    for (a, b), (c, d) in itertools.combinations(edges, 2):
        if placed.layer[a] == placed.layer[c] and a != c and b != d:
            assert (placed.x[a] < placed.x[c]) == (placed.x[b] < placed.x[d])


def test_boxes_keep_apart_however_wide() -> None:
    widths = [80.0, 10.0, 200.0, 30.0, 60.0]
    placed = place(widths, [(i, 4) for i in range(4)], heavy=[True, False, False, False, True], gap=7.0)
    row = sorted(range(4), key=placed.x.__getitem__)
    for a, b in itertools.pairwise(row):
        assert placed.x[b] - placed.x[a] >= (widths[a] + widths[b]) / 2 + 7 - 1e-6
    assert placed.x[4] == pytest.approx(placed.x[0], abs=3), "the trunk is straight"
    assert min(x - w / 2 for x, w in zip(placed.x, widths, strict=True)) == pytest.approx(0)
