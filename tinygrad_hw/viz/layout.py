"""Where the boxes of a directed graph go: in layers, few crossings, straight where it can be.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): layers by
longest paths, long edges cut by invisible dummies, the order within layers by barycentres, and then coordinates that
keep neighbours close without overlap.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Placement", "place"]


@dataclass
class Placement:
    """Where everything goes.

    Attributes:
        x: the centre of each vertex.
        layer: the layer of each vertex, 0 on top.
        paths: for each edge the x of its ends and of the layers that it passes, from top to bottom.
        width: of the whole.
    """

    x: list[float]
    layer: list[int]
    paths: list[list[float]]
    width: float


def place(widths: Sequence[float], edges: Sequence[tuple[int, int]], *, heavy: Sequence[bool], gap: float) -> Placement:
    """Lay out an acyclic graph from top to bottom.

    Args:
        widths: of the vertices.
        edges: (from, to) vertex numbers; an edge leads downwards.
        heavy: for each vertex, whether edges between two such should be straight (the trunk), while others follow.
        gap: room between neighbours in a layer.
    """
    layer = _layers(len(widths), edges)
    sizes, trunk = list(widths), list(heavy)
    rank = list(layer)
    chains = []
    for source, target in edges:
        chain = [source]
        for between in range(layer[source] + 1, layer[target]):
            chain.append(len(sizes))
            sizes.append(gap / 2)
            trunk.append(True)
            rank.append(between)
        chains.append([*chain, target])
    up: list[list[int]] = [[] for _ in sizes]
    down: list[list[int]] = [[] for _ in sizes]
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            down[a].append(b)
            up[b].append(a)
    rows = _order(rank, up, down)
    x = _coordinates(rows, sizes, trunk, up, down, gap)
    left = min(x[v] - sizes[v] / 2 for v in range(len(sizes)))
    x = [value - left for value in x]
    width = max(x[v] + sizes[v] / 2 for v in range(len(sizes)))
    return Placement(x[: len(widths)], layer, [[x[v] for v in chain] for chain in chains], width)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return each vertex' layer: as far above the lowest as its longest path down is long."""
    above: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in edges:
        above[target].append(source)
        waiting[source] += 1
    height = [0] * count
    ready = [v for v in range(count) if not waiting[v]]
    done = 0
    while ready:
        v = ready.pop()
        done += 1
        for source in above[v]:
            height[source] = max(height[source], height[v] + 1)
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    if done != count:
        raise ValueError("the graph has a cycle")
    top = max(height, default=0)
    return [top - h for h in height]


def _crossings(rows: list[list[int]], down: list[list[int]]) -> int:
    """Return how many pairs of edges between neighbouring layers cross."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        position = {v: i for i, v in enumerate(lower)}
        seen: list[int] = []
        for v in upper:
            ends = sorted(position[w] for w in down[v])
            total += sum(len(seen) - bisect.bisect_right(seen, e) for e in ends)
            for e in ends:
                bisect.insort(seen, e)
    return total


def _order(rank: list[int], up: list[list[int]], down: list[list[int]]) -> list[list[int]]:
    """Return the vertices of each layer from left to right; the best of some sweeps down and up."""
    rows: list[list[int]] = [[] for _ in range(max(rank, default=-1) + 1)]
    # Start in the order in which a walk from the bottom meets them, which keeps what belongs together side by side.
    seen = set()
    for start in [v for v in range(len(rank)) if not down[v]]:
        stack = [start]
        while stack:
            v = stack.pop()
            if v in seen:
                continue
            seen.add(v)
            rows[rank[v]].append(v)
            stack.extend(reversed(up[v]))
    best, fewest = [list(r) for r in rows], _crossings(rows, down)
    for sweep in range(12):
        if not fewest:
            break
        downward = sweep % 2 == 0
        for row, other in _pairs(rows, downward):
            position = {v: i for i, v in enumerate(other)}
            near = up if downward else down
            means = {
                v: sum(position[w] for w in near[v]) / len(near[v]) if near[v] else float(i) for i, v in enumerate(row)
            }
            row.sort(key=means.__getitem__)
        now = _crossings(rows, down)
        if now < fewest:
            best, fewest = [list(r) for r in rows], now
    return best


def _pairs(rows: list[list[int]], downward: bool) -> list[tuple[list[int], list[int]]]:
    """Return (layer to order, layer that is fixed) in the order of a sweep."""
    pairs = list(zip(rows[1:], rows, strict=False))
    return pairs if downward else [(upper, lower) for lower, upper in reversed(pairs)]


def _coordinates(
    rows: list[list[int]],
    sizes: list[float],
    trunk: list[bool],
    up: list[list[int]],
    down: list[list[int]],
    gap: float,
) -> list[float]:
    """Return the centre of each vertex: near the mean of its neighbours, in order, not overlapping."""
    x = [0.0] * len(sizes)
    for row in rows:
        at = 0.0
        for v in row:
            x[v] = at + sizes[v] / 2
            at += sizes[v] + gap
    wishes: list[list[int]] = []
    for v in range(len(sizes)):
        near = [*up[v], *down[v]]
        main = [w for w in near if trunk[w]] if trunk[v] else []
        wishes.append(main or near)
    for sweep in range(40):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [sum(x[w] for w in wishes[v]) / len(wishes[v]) if wishes[v] else x[v] for v in row]
            weights = [1000.0 if trunk[v] else 1.0 for v in row]
            for v, value in zip(row, _packed(wanted, weights, [sizes[v] for v in row], gap), strict=True):
                x[v] = value
    return x


def _packed(wanted: list[float], weights: list[float], sizes: list[float], gap: float) -> list[float]:
    """Return the positions nearest to the wanted ones (least squares) that keep order and room.

    With the room taken off, positions need only not fall: isotonic regression, by pooling adjacent violators.
    """
    offsets, at = [], 0.0
    for i, size in enumerate(sizes):
        at += size / 2 if i == 0 else (sizes[i - 1] + size) / 2 + gap
        offsets.append(at)
    blocks: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, mass, count = want - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavier, many = blocks.pop()
            mean = (mean * mass + before * heavier) / (mass + heavier)
            mass, count = mass + heavier, count + many
        blocks.append((mean, mass, count))
    level = [mean for mean, _, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(level, offsets, strict=True)]
