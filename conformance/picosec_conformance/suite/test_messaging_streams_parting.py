"""Connections that are about to end, and peers that take little: what the target does with what is under way."""

from __future__ import annotations

import pytest

from picosec.messaging import cbor
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.connections import greet
from picosec_conformance.control import Control, Event
from picosec_conformance.observing import Observer, ObservingTarget
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-2030")
@pytest.mark.needs("messaging.observe.server")
def test_registrations_go_with_a_released_connection(connection: Target) -> None:
    """An app says goodbye in good order eighty times a day: that must not leave behind more than a cut cable does."""
    Observer(connection).put(b"news")
    for _ in range(80):
        Observer(connection).register()
        connection.send(StreamMessage(Signal.RELEASE))
        assert connection.until_ended() == []
        connection.connect()


@pytest.mark.requirement("MSG-1050", "MSG-1620")
@pytest.mark.needs("messaging.observe.server")
def test_news_that_cannot_be_small_enough_are_not_sent(connection: Target) -> None:
    """A peer with room for one reading observes what becomes a long text."""
    greet(connection, size=24)
    observer = Observer(connection)
    observer.put(b"x")
    if connection.exchange(observer.request(0)).code != Code.CONTENT:
        pytest.skip("the target's answers do not fit into 24 bytes")
    long = bytes(range(200))
    connection.send(connection.build(Code.PUT, observer.path, long))

    assert [data for data in connection.until_probe_answered() if len(data) > 24] == []


@pytest.mark.requirement("MSG-1050")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
def test_request_that_the_peer_does_not_take_fails_at_once(connection: Target) -> None:
    """A setting is too long for a small peer: whoever makes it learns that, and not that nobody answered."""
    greet(connection, size=64)
    act = cbor.dumps(["request", {1: int(Code.PUT), 2: "/x", 3: bytes(200)}])
    reply = connection.request(Code.POST, "/ps/test/act", act, content_format=CONTENT_FORMAT_CBOR)
    if reply.code == Code.CHANGED:
        assert Control(connection).event("failed").fields[1] == Problem.TOO_LARGE.name.lower()
    else:
        connection.expect_refusal(reply, Code.REQUEST_ENTITY_TOO_LARGE, Problem.TOO_LARGE)

    assert connection.until_probe_answered() == []


@pytest.mark.requirement("MSG-840")
@pytest.mark.needs("messaging.observe.client", "conformance.test-interface")
def test_registration_again_that_is_not_answered_is_reported(connection: Target, elsewhere: Target) -> None:
    """The server hangs with its connection open: the app must not show the last state for ever."""
    one = ObservingTarget(connection, Control(connection))
    one.accept(max_age=10)
    one.news()
    Control(elsewhere).advance(60.0)
    assert connection.receive("another registration").token == one.registration.token
    Control(elsewhere).advance(600.0)

    assert Control(connection).events() == [Event("failed", {0: one.handle, 1: Problem.TIMEOUT.name.lower()})]


@pytest.mark.requirement("MSG-1230")
@pytest.mark.needs("messaging.observe.client", "conformance.test-interface")
def test_released_connection_is_closed_with_its_last_observation(connection: Target, elsewhere: Target) -> None:
    """The server restarts: what observes it lets go, and then there is nothing to stay for."""
    one = ObservingTarget(connection, Control(connection))
    one.accept()
    connection.send(StreamMessage(Signal.RELEASE))
    Control(connection).act("cancel", {1: one.handle})
    ending = connection.receive("a deregistration")
    connection.send(Message(Type.ACK, Code.CONTENT, 0, ending.token, (), b"last"))

    assert connection.until_ended() == []
