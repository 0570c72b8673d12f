"""Where the boxes and lines of a lineage graph lie: columns from what is read to what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from warehouse.catalog_facts import Node

BOX_WIDTH, BOX_HEIGHT = 164, 30
GAP_X, GAP_Y = 40, 10
MOST_LETTERS = 22
HOPS = 2
MOST_IN_COLUMN = 8
MOST_WHOLE = 60
"""A project of so many nodes is drawn whole; a larger one by its layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One node."""

    id: str
    x: float
    y: float
    text: str
    """Its name, cut to fit."""
    title: str
    look: str
    """A `Thing`, or `more` for several that are not drawn."""
    page: str
    is_focus: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A drawing."""

    boxes: tuple[Box, ...]
    lines: str
    """One path for all of them."""
    width: int
    height: int
    hidden_count: int
    """Nodes that were left out for want of room."""


def neighbourhood(nodes: Mapping[str, Node], focus: str) -> Graph:
    """The node with what it reads and what reads it, two steps each way and some of them when there are many."""
    steps, hidden = {focus: 0}, 0
    for relatives, way in ((_parents, -1), (_children, 1)):
        edge = [focus]
        for step in range(1, HOPS + 1):
            found = sorted(
                {other for node in edge for other in relatives(nodes[node]) if other not in steps},
                key=lambda other: nodes[other].name,
            )
            hidden += max(0, len(found) - MOST_IN_COLUMN)
            edge = found[:MOST_IN_COLUMN]
            steps |= dict.fromkeys(edge, way * step)
    first = min(steps.values())
    ranks = {node: step - first for node, step in steps.items()}
    return _drawn({node: nodes[node] for node in steps}, ranks, focus=focus, hidden_count=hidden)


def whole(nodes: Mapping[str, Node]) -> Graph | None:
    """Every node; None when they are too many to see anything."""
    return _drawn(nodes, _ranks(nodes), focus="", hidden_count=0) if 0 < len(nodes) <= MOST_WHOLE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What lies in one folder, or comes from one source."""

    name: str
    node_count: int
    reads: tuple[str, ...]
    """Other layers."""


def layers(nodes: Mapping[str, Node]) -> tuple[Layer, ...]:
    """The layers in the order of the data, as far as they have one."""
    ranks = _ranks(nodes)
    members: dict[str, list[str]] = {}
    for node in nodes.values():
        members.setdefault(node.layer, []).append(node.id)
    order = sorted(
        members, key=lambda layer: (sum(ranks[node] for node in members[layer]) / len(members[layer]), layer)
    )
    return tuple(
        Layer(
            name=layer,
            node_count=len(members[layer]),
            reads=tuple(
                sorted({nodes[parent].layer for node in members[layer] for parent in _parents(nodes[node])} - {layer})
            ),
        )
        for layer in order
    )


class Kin:
    """Who is related to whom, at any distance; worked out once for all nodes."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._sorted = sorted(nodes.values(), key=lambda node: node.name)
        self._bits = {node.id: 1 << place for place, node in enumerate(self._sorted)}
        ranks = _ranks(nodes)
        order = sorted(nodes, key=lambda node: ranks[node])
        self._up = self._reached(nodes, order, _parents)
        self._down = self._reached(nodes, order[::-1], _children)

    def ancestors(self, node: str) -> list[Node]:
        """Everything that it reads, by name."""
        return self._named(self._up[node])

    def descendants(self, node: str) -> list[Node]:
        """Everything that reads it, by name."""
        return self._named(self._down[node])

    def _reached(
        self, nodes: Mapping[str, Node], order: Iterable[str], relatives: Callable[[Node], Iterable[str]]
    ) -> dict[str, int]:
        """Sets of nodes, one bit each: those of a node's relatives, and these."""
        found: dict[str, int] = {}
        for node in order:
            mask = 0
            for other in relatives(nodes[node]):
                mask |= self._bits.get(other, 0) | found.get(other, 0)
            found[node] = mask
        return found

    def _named(self, mask: int) -> list[Node]:
        return [node for place, node in enumerate(self._sorted) if mask >> place & 1]


def _parents(node: Node) -> Iterable[str]:
    return node.parents


def _children(node: Node) -> Iterable[str]:
    return node.children


def _ranks(nodes: Mapping[str, Node]) -> dict[str, int]:
    """How many steps each is from the furthest thing that it reads; dbt allows no circle."""
    ranks: dict[str, int] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting[-1]
        if node in ranks:
            waiting.pop()
            continue
        parents = [parent for parent in nodes[node].parents if parent in nodes]
        unknown = [parent for parent in parents if parent not in ranks]
        if unknown and len(waiting) <= len(nodes) * 2:
            waiting += unknown
            continue
        ranks[node] = max((ranks.get(parent, -1) + 1 for parent in parents), default=0)
        waiting.pop()
    return ranks


def _drawn(nodes: Mapping[str, Node], ranks: Mapping[str, int], *, focus: str, hidden_count: int) -> Graph:
    columns = _ordered(nodes, ranks)
    tallest = max((len(column) for column in columns), default=1)
    height = tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y
    places: dict[str, tuple[float, float]] = {}
    for number, column in enumerate(columns):
        top = (height - (len(column) * (BOX_HEIGHT + GAP_Y) - GAP_Y)) / 2
        for row, node in enumerate(column):
            places[node] = (number * (BOX_WIDTH + GAP_X), top + row * (BOX_HEIGHT + GAP_Y))
    lines = [
        _line(places[parent], places[node]) for node in nodes for parent in nodes[node].parents if parent in places
    ]
    boxes = tuple(
        Box(
            id=node,
            x=places[node][0],
            y=places[node][1],
            text=_cut(nodes[node].name),
            title=f"{nodes[node].thing.value} {nodes[node].name}",
            look=nodes[node].thing.value,
            page=nodes[node].page,
            is_focus=node == focus,
        )
        for column in columns
        for node in column
    )
    return Graph(
        boxes=boxes,
        lines="".join(lines),
        width=max(1, len(columns)) * (BOX_WIDTH + GAP_X) - GAP_X,
        height=height,
        hidden_count=hidden_count,
    )


def _ordered(nodes: Mapping[str, Node], ranks: Mapping[str, int]) -> list[list[str]]:
    """Nodes by rank; within one, near what they are joined with, so that few lines cross."""
    columns: list[list[str]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
    for node in sorted(nodes, key=lambda node: nodes[node].name):
        columns[ranks[node]].append(node)
    for _ in range(3):
        for sweep, relatives in ((columns[1:], _parents), (columns[-2::-1], _children)):
            at = {node: index / max(1, len(column)) for column in columns for index, node in enumerate(column)}
            for column in sweep:
                weights = {
                    node: _mean([at[other] for other in relatives(nodes[node]) if other in at], at[node])
                    for node in column
                }
                column.sort(key=lambda node: (weights[node], nodes[node].name))
                at |= {node: index / max(1, len(column)) for index, node in enumerate(column)}
    return columns


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A curve from one box to another: as a rule from the right side of the first to the left side of the second."""
    y, to_y = start[1] + BOX_HEIGHT / 2, end[1] + BOX_HEIGHT / 2
    bend = GAP_X / 2
    if start[0] == end[0]:
        return f"M{start[0]:g} {y:g}c{-bend:g} 0 {-bend:g} {to_y - y:g} 0 {to_y - y:g}"
    if start[0] > end[0]:
        x, to_x, bend = start[0], end[0] + BOX_WIDTH, -bend
    else:
        x, to_x = start[0] + BOX_WIDTH, end[0]
    return f"M{x:g} {y:g}C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"


def _cut(name: str) -> str:
    """The beginning and the end of a long name: what tells it apart is mostly at the end."""
    if len(name) <= MOST_LETTERS:
        return name
    return f"{name[:6]}…{name[7 - MOST_LETTERS :]}"
