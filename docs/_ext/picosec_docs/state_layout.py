"""Lays out a state diagram: states in layers from top to bottom, and for every edge room for its label.

The method is Sugiyama's: reverse what closes a cycle, layer the states by longest path, let an edge take a place in
every layer that it crosses (one of them as wide as its label), order each layer by barycentres, then give out x.
Nothing here knows Sphinx or SVG. Lengths are in units of the text's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

#: Width of a character and height of a line, for states' names and labels alike.
CHARACTER = 0.57
LINE = 1.35
STATE_HEIGHT = 2.3
GAP_X = 1.8
GAP_Y = 1.7
_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Transition:
    """One cell of a transition table, by readable names."""

    source: str
    event: str
    target: str


@dataclass(frozen=True, slots=True)
class Box:
    """A state. ``x`` and ``y`` are its centre."""

    name: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Edge:
    """All transitions from one state to another: the points the line passes, and where the events stand.

    ``label`` is the middle of the events, or for a loop the middle of their left side.
    """

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    events: tuple[str, ...]
    label: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing's geometry."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


@dataclass(slots=True, eq=False)
class _Place:
    """What takes room in a layer: a state, or the passage of an edge.

    ``loop`` is room right of a state for its loop, ``weight`` how much the place insists on standing where it wants.
    """

    width: float
    height: float
    loop: float = 0.0
    weight: float = 1.0
    x: float = 0.0
    above: list[_Place] = field(default_factory=list)
    below: list[_Place] = field(default_factory=list)

    @property
    def half(self) -> float:
        return self.width / 2

    def gap_to(self, right: _Place) -> float:
        """How far the centre of the next place to the right must be at least."""
        return self.half + self.loop + GAP_X + right.half


def readable(name: object) -> str:
    """Return a state's or event's name as people say it.

    That is the text that is an enum's value, where it is one; else ``WAIT_MESSAGE_2`` becomes ``wait message_2``.
    """
    if isinstance(name, Enum) and isinstance(name.value, str):
        return name.value
    text = name.name if isinstance(name, Enum) else name.__name__ if isinstance(name, type) else str(name)
    if text.isupper():
        text = text.lower().replace("_", " ")
        for number in "1234":
            text = text.replace(f"message {number}", f"message_{number}")
    return text


def transitions_of(table: Mapping[tuple[object, object], object]) -> list[Transition]:
    """Return the cells of a transition table, in its order."""
    return [Transition(readable(state), readable(event), readable(target)) for (state, event), target in table.items()]


def lay_out(transitions: Iterable[Transition]) -> Diagram:
    """Return the drawing of a machine. The source of the first transition is its start and stands on top."""
    groups: dict[tuple[str, str], list[str]] = {}
    for transition in transitions:
        groups.setdefault((transition.source, transition.target), []).append(transition.event)
    states = list(dict.fromkeys(name for pair in groups for name in pair))
    backward = _closing_cycles(states, groups)
    layer = _layers(states, [pair[::-1] if pair in backward else pair for pair in groups if pair[0] != pair[1]])

    rows: list[list[_Place]] = [[] for _ in range(max(layer.values()) + 1)]
    boxes: dict[str, _Place] = {}
    for state in states:
        loop = groups.get((state, state))
        height = max(STATE_HEIGHT, LINE * len(loop or ()))
        boxes[state] = _Place(_width([state]) + 1.6, height, _width(loop) + 1.6 if loop else 0.0)
        rows[layer[state]].append(boxes[state])
    routes: dict[tuple[str, str], list[_Place]] = {}
    for pair, events in groups.items():
        if pair[0] != pair[1]:
            top, bottom = sorted(pair, key=layer.__getitem__)
            routes[pair] = _route(rows, boxes[top], layer[top], boxes[bottom], layer[bottom], events)
    _order(rows)
    _place(rows)
    return _geometry(rows, boxes, layer, routes, groups)


def _closing_cycles(states: list[str], groups: Mapping[tuple[str, str], object]) -> set[tuple[str, str]]:
    """Return the pairs that lead back to a state on the way from the start (depth-first)."""
    backward: set[tuple[str, str]] = set()
    done: set[str] = set()
    path: list[str] = []

    def visit(state: str) -> None:
        path.append(state)
        for source, target in groups:
            if source == state and target in path:
                backward.add((source, target))
            elif source == state and target not in done:
                visit(target)
        done.add(path.pop())

    for state in states:
        if state not in done:
            visit(state)
    return backward


def _layers(states: list[str], forward: list[tuple[str, str]]) -> dict[str, int]:
    """Return each state's layer: twice the longest way to it, which leaves a layer for labels between any two."""
    layers: dict[str, int] = {}

    def layer(state: str) -> int:
        if state not in layers:
            layers[state] = max((layer(source) + 2 for source, target in forward if target == state), default=0)
        return layers[state]

    return {state: layer(state) for state in states}


def _width(lines: Iterable[str]) -> float:
    return max(len(line) for line in lines) * CHARACTER


def _route(
    rows: list[list[_Place]], top: _Place, first: int, bottom: _Place, last: int, events: list[str]
) -> list[_Place]:
    """Give an edge a place in each layer between its ends; the label stands in the first. Return all, ends included."""
    label = _Place(_width(events) + 0.8, LINE * len(events))
    between = [label] + [_Place(0.4, 0.0, weight=8.0) for _ in range(first + 2, last)]
    for row, place in zip(rows[first + 1 : last], between, strict=True):
        row.append(place)
    route = [top, *between, bottom]
    for upper, lower in pairwise(route):
        upper.below.append(lower)
        lower.above.append(upper)
    return route


def _order(rows: list[list[_Place]]) -> None:
    """Sort the rows so that lines cross little: by the mean position of neighbours above, then below, in turns."""
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        index = {place: position for row in rows for position, place in enumerate(row)}
        for row in rows if downwards else reversed(rows):
            mean: dict[_Place, float] = {}
            for place in row:
                near = place.above if downwards else place.below
                mean[place] = sum(index[other] for other in near) / len(near) if near else index[place]
            row.sort(key=mean.__getitem__)
            index.update({place: position for position, place in enumerate(row)})


def _place(rows: list[list[_Place]]) -> None:
    """Give every place its x: packed to the left first, then drawn towards the middle of its neighbours."""
    for row in rows:
        for left, right in pairwise(row):
            right.x = left.x + left.gap_to(right)
    for sweep in range(8 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = []
            for place in row:
                near = place.above + place.below
                wanted.append(sum(other.x for other in near) / len(near) if near else place.x)
            _settle(row, wanted)


def _settle(row: list[_Place], wanted: list[float]) -> None:
    """Move a row's places to where they want to be, as near as order and gaps allow (pool adjacent violators)."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + left.gap_to(right))
    pools: list[tuple[float, float, int]] = []
    for place, want, offset in zip(row, wanted, offsets, strict=True):
        value, weight, size = want - offset, place.weight, 1
        while pools and pools[-1][0] > value:
            other, other_weight, other_size = pools.pop()
            value = (value * weight + other * other_weight) / (weight + other_weight)
            weight, size = weight + other_weight, size + other_size
        pools.append((value, weight, size))
    shifts = [value for value, _, size in pools for _ in range(size)]
    for place, offset, shift in zip(row, offsets, shifts, strict=True):
        place.x = offset + shift


def _geometry(
    rows: list[list[_Place]],
    boxes: Mapping[str, _Place],
    layer: Mapping[str, int],
    routes: Mapping[tuple[str, str], list[_Place]],
    groups: Mapping[tuple[str, str], list[str]],
) -> Diagram:
    """Turn places into coordinates that start at zero."""
    left = min(place.x - place.half for row in rows for place in row)
    right = max(place.x + place.half + place.loop for row in rows for place in row)
    centre: dict[_Place, float] = {}
    bottom = 0.0
    for row in rows:
        height = max((place.height for place in row), default=0.0)
        centre |= dict.fromkeys(row, bottom + height / 2)
        bottom += height + GAP_Y
    edges = []
    for (source, target), events in groups.items():
        if source == target:
            box = boxes[source]
            edge_x, y = box.x + box.half - left, centre[box]
            points = tuple((edge_x + dx, y + dy) for dx, dy in ((0, -0.6), (1.1, -0.9), (1.1, 0.9), (0, 0.6)))
            label = (edge_x + 1.3, y)
        else:
            route = routes[source, target]
            points = _ports(route, centre, left)
            if layer[source] > layer[target]:
                points = points[::-1]
            label = (route[1].x - left, centre[route[1]])
        edges.append(Edge(source, target, points, tuple(events), label))
    placed = tuple(Box(name, place.x - left, centre[place], place.width) for name, place in boxes.items())
    return Diagram(right - left, bottom - GAP_Y, placed, tuple(edges))


def _ports(route: list[_Place], centre: Mapping[_Place, float], left: float) -> tuple[tuple[float, float], ...]:
    """Return the points of a line from the lower side of its upper state to the upper side of its lower one."""
    top, bottom = route[0], route[-1]
    points = [(_port(top, top.below, route[1]) - left, centre[top] + STATE_HEIGHT / 2)]
    for place in route[1:-1]:
        points.append((place.x - left, centre[place]))
    points.append((_port(bottom, bottom.above, route[-2]) - left, centre[bottom] - STATE_HEIGHT / 2))
    return tuple(dict.fromkeys(points))


def _port(box: _Place, lines: list[_Place], line: _Place) -> float:
    """Return the x at which a line meets its state's side, where the lines share the middle of the side in order."""
    ordered = sorted(lines, key=lambda place: place.x)
    share = min(1.6, (box.width - 1.0) / len(ordered))
    return box.x + (ordered.index(line) - (len(ordered) - 1) / 2) * share
