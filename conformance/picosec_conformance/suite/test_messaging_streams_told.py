"""Observers of the target on connections: that they are told, in order, all of it, and in messages that they take."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code
from picosec.messaging.stream_message import CsmOption, Signal, StreamMessage
from picosec_conformance.control import Control
from picosec_conformance.observing import Observer, is_ahead, number_of, only
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1620", "MSG-1640")
def test_observer_on_a_connection_is_told_each_change(connection: Target) -> None:
    """Nothing is acknowledged on a connection, and nothing has to be: the hundredth change is told like the first."""
    observer = Observer(connection)
    observer.put(b"old")
    last = number_of(observer.register())
    for change in range(100):
        told = only(observer.put(b"%d" % change))
        assert told.payload == b"%d" % change
        assert is_ahead(number_of(told), last)
        last = number_of(told)


@pytest.mark.requirement("MSG-1620")
@pytest.mark.needs("conformance.test-interface")
def test_observer_on_a_connection_is_told_after_days(connection: Target) -> None:
    """Once a day a server wants a sign of life from its observers, which on a connection the connection gives."""
    observer = Observer(connection)
    observer.put(b"old")
    observer.register()
    for day in range(3):
        Control(connection).advance(90_000.0)
        for change in range(3):
            assert only(observer.put(b"%d of %d" % (change, day))).payload == b"%d of %d" % (change, day)


@pytest.mark.requirement("MSG-1050", "MSG-1620")
@pytest.mark.parametrize("size", [100, 1000])
def test_news_are_no_larger_than_the_peer_takes(connection: Target, size: int) -> None:
    """A small observer has read a short state; then the state becomes a long one."""
    connection.connect(
        StreamMessage(Signal.CSM, b"", ((int(CsmOption.MAX_MESSAGE_SIZE), size.to_bytes(2, "big").lstrip(b"\0")),))
    )
    observer = Observer(connection)
    observer.put(b"short")
    observer.register()
    long = bytes(range(256)) * 3
    said = connection.replies_to(connection.build(Code.PUT, observer.path, long + b"1"))

    told = only(observer.own(said))
    assert max(len(data) for data in said) <= size
    assert (long + b"1").startswith(told.payload)
    assert told.payload
