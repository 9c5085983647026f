"""The layout of state diagrams: a reader trusts that a picture shows the whole machine and hides nothing of it."""

from __future__ import annotations

from enum import Enum, auto
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picosec_docs.state_layout import CHARACTER, LINE, STATE_HEIGHT, Box, Edge, Transition, lay_out, transitions_of

from picosec.channel import initiator, responder
from picosec.messaging import exchanges, requests

STATES = st.sampled_from(["idle", "waiting for a response", "open", "closing", "done", "failed"])
EVENTS = st.sampled_from(["start", "acknowledgement", "time is up", "reset"])
MACHINES = st.dictionaries(st.tuples(STATES, EVENTS), STATES, min_size=1).map(
    lambda table: [Transition(source, event, target) for (source, event), target in table.items()]
)

Rectangle = tuple[float, float, float, float]


def box_area(box: Box) -> Rectangle:
    return (
        box.x - box.width / 2,
        box.y - STATE_HEIGHT / 2,
        box.x + box.width / 2,
        box.y + STATE_HEIGHT / 2,
    )


def label_area(edge: Edge) -> Rectangle:
    width, height = max(map(len, edge.events)) * CHARACTER, LINE * len(edge.events)
    x, y = edge.label
    left = x if edge.source == edge.target else x - width / 2
    return left, y - height / 2, left + width, y + height / 2


def overlap(one: Rectangle, other: Rectangle) -> bool:
    slack = 1e-6
    apart_x = one[2] <= other[0] + slack or other[2] <= one[0] + slack
    apart_y = one[3] <= other[1] + slack or other[3] <= one[1] + slack
    return not (apart_x or apart_y)


@given(MACHINES)
def test_every_transition_is_drawn_once(machine):
    """A state diagram that leaves a transition out is a wrong specification."""
    drawn = [(edge.source, event, edge.target) for edge in lay_out(machine).edges for event in edge.events]

    assert sorted(drawn) == sorted((cell.source, cell.event, cell.target) for cell in machine)


@given(MACHINES)
def test_states_and_labels_do_not_cover_each_other(machine):
    """What is covered cannot be read."""
    diagram = lay_out(machine)
    areas = [box_area(box) for box in diagram.boxes] + [label_area(edge) for edge in diagram.edges]

    assert not [pair for pair in combinations(areas, 2) if overlap(*pair)]


@given(MACHINES)
def test_nothing_leaves_the_picture(machine):
    """What lies outside of the picture is cut off."""
    diagram = lay_out(machine)
    for left, top, right, bottom in [box_area(b) for b in diagram.boxes] + [label_area(e) for e in diagram.edges]:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= diagram.width + 1e-6
        assert bottom <= diagram.height + 1e-6


@given(MACHINES)
def test_an_arrow_starts_at_its_source_and_ends_at_its_target(machine):
    """An arrow the wrong way round says the opposite."""
    diagram = lay_out(machine)
    boxes = {box.name: box_area(box) for box in diagram.boxes}
    for edge in diagram.edges:
        for state, (x, y) in ((edge.source, edge.points[0]), (edge.target, edge.points[-1])):
            left, top, right, bottom = boxes[state]
            assert left - 1e-6 <= x <= right + 1e-6
            assert top - 1e-6 <= y <= bottom + 1e-6


@given(MACHINES)
def test_a_line_never_turns_back(machine):
    """The curve between two points assumes that every line goes down, or up, all the way."""
    for edge in lay_out(machine).edges:
        if edge.source != edge.target:
            steps = {after[1] > before[1] for before, after in pairwise(edge.points)}
            assert len(steps) == 1


@pytest.mark.parametrize("module", [exchanges, requests, initiator, responder])
def test_the_machines_of_the_reference_are_drawn_whole(module):
    """These are the pictures in the specification."""
    cells = transitions_of(module.TRANSITIONS)

    assert sum(len(edge.events) for edge in lay_out(cells).edges) == len(module.TRANSITIONS)


def test_names_are_written_as_people_say_them():
    """WAIT_MESSAGE_2 is the name of a constant; a reader knows message_2 from the RFC."""

    class State(Enum):
        WAIT_MESSAGE_2 = auto()
        COMPLETED = "has all keys"

    class Message2:
        pass

    assert transitions_of({(State.WAIT_MESSAGE_2, Message2): State.COMPLETED}) == [
        Transition("wait message_2", "Message2", "has all keys")
    ]
