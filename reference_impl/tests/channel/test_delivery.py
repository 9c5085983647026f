"""The receiver of ordered requests: every cell of its decision, and its bounds."""

from gc import collect
from weakref import ref

import pytest

from picosec.channel.delivery import VERDICTS, Arrival, Inbox, Place, Standing, Verdict, placed
from picosec.channel.whereabouts import ADDRESSES, Connections, Whereabouts
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem

ON = Message(Type.CON, Code.PUT, 0, b"", ((Option.URI_PATH, b"lamp"),), b"\xf5")
OFF = Message(Type.CON, Code.PUT, 0, b"", ((Option.URI_PATH, b"lamp"),), b"\xf4")
DONE = Message(Type.ACK, Code.CHANGED, 0)
STREAM = 20

#: A request that stands in each relation to number 3 of the stream, which was ON.
ARRIVALS = {
    Arrival.BEGINS: (ON, Place(30, 0)),
    Arrival.NEXT: (OFF, Place(STREAM, 4)),
    Arrival.REPEATS: (ON, Place(STREAM, 3)),
    Arrival.DIFFERS: (OFF, Place(STREAM, 3)),
    Arrival.ELSEWHERE: (ON, Place(STREAM, 5)),
    Arrival.FOREIGN: (ON, Place(STREAM - 1, 0)),
}
REFUSALS = {
    Verdict.BUSY: Problem.BUSY,
    Verdict.CHANGED: Problem.DELIVERY_CHANGED,
    Verdict.OUT_OF_ORDER: Problem.OUT_OF_ORDER,
    Verdict.LOST: Problem.DELIVERY_LOST,
}


def inbox_at(standing):
    """Return an inbox that accepted requests 0 to 3, or none."""
    inbox = Inbox()
    if standing is Standing.NOTHING:
        return inbox
    for number in range(4):
        place = Place(STREAM, number)
        inbox.admit(placed(ON, place), 0)
        if number < 3 or standing is Standing.ANSWERED:
            inbox.answered(place, DONE)
    return inbox


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("arrival", Arrival)
def test_every_cell_of_the_decision(standing, arrival):
    """A cell that nobody visited is where a request is acted on twice."""
    inbox = inbox_at(standing)
    message, place = ARRIVALS[arrival]
    if standing is Standing.NOTHING and arrival not in (Arrival.BEGINS, Arrival.FOREIGN):
        assert (standing, arrival) not in VERDICTS
        return
    before = inbox.state
    floor = 0 if arrival is Arrival.BEGINS else STREAM
    verdict = VERDICTS[standing, arrival]
    if verdict in REFUSALS:
        with pytest.raises(ProtocolError) as refused:
            inbox.admit(placed(message, place), floor)
        assert refused.value.problem is REFUSALS[verdict]
        assert inbox.state == before
    elif verdict is Verdict.REPEAT:
        assert inbox.admit(placed(message, place), floor) == placed(DONE, place)
        assert inbox.state == before
    else:
        assert inbox.admit(placed(message, place), floor) is None
        assert inbox.standing is Standing.ACTING


def test_request_without_a_place_leaves_no_trace():
    """Order is for those who ask for it."""
    inbox = Inbox()
    assert inbox.admit(ON, 0) is None
    assert not inbox.used


def test_late_outcome_of_a_stream_given_up_is_not_kept():
    """The sender gave up while the resource was at work: its response must not be taken for that of the new request."""
    inbox = inbox_at(Standing.ACTING)
    inbox.admit(placed(OFF, Place(30, 0)), 0)
    inbox.answered(Place(STREAM, 3), DONE)
    assert inbox.standing is Standing.ACTING


def test_response_is_marked_once():
    """A stored response that is sent again must not gather marks."""
    place = Place(STREAM, 3)
    twice = placed(placed(DONE, place), place)
    assert twice.option_values(Option.DELIVERY) == [place.encode()]


def test_address_follows_the_highest_number():
    """A request that was overtaken comes from where the peer no longer is."""
    whereabouts = Whereabouts()
    assert whereabouts.address(0) is None
    for address, number in (("home", 3), ("train", 5), ("home", 4)):
        whereabouts.heard(address, number)
    assert whereabouts.addresses == ("train", "home")


def test_addresses_are_tried_in_turn_and_bounded():
    """An attacker with many addresses must not push the honest one out more than one at a time."""
    whereabouts = Whereabouts()
    for number in range(10):
        whereabouts.heard(number, number)
    assert whereabouts.addresses == (9, 8)
    assert len(whereabouts.addresses) == ADDRESSES
    assert [whereabouts.address(attempt) for attempt in range(4)] == [9, 8, 9, 8]


def test_ended_connection_leaves_the_address_before_it():
    """Nobody is looked for at the end of a connection that is gone."""
    connections, whereabouts, other = Connections(), Whereabouts(), Whereabouts()
    connections.opened("train")
    for number, address in enumerate(["home", "train"]):
        connections.used(address, whereabouts)
        whereabouts.heard(address, number)
    other.heard("train", 0)
    connections.ended("train")
    assert (whereabouts.addresses, other.addresses) == (("home",), ("train",))
    connections.ended("train")
    whereabouts.heard("train", 2)
    assert whereabouts.addresses == ("train", "home")


def test_connections_hold_on_to_nobody():
    """A channel that is closed while its connection lives is forgotten there as well."""
    connections, gone = Connections(), Whereabouts()
    connections.opened("train")
    connections.used("train", gone)
    seen = ref(gone)
    del gone
    collect()
    assert seen() is None
