"""Connections: what becomes of requests and responses on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.stream_message import (
    Signal,
    StreamMessage,
)
from picosec.registry import Problem
from picosec_conformance.adapters.base import Ending
from picosec_conformance.connections import CRITICAL, arrived, as_sent, info
from picosec_conformance.control import Control, Event
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1250")
@pytest.mark.needs("conformance.test-interface")
def test_response_takes_the_connection_of_its_request(connection: Target, elsewhere: Target) -> None:
    """Two people ask the same slow resource; each gets one answer, and it is his own."""
    slow = connection.manifest.resources.slow
    here, there = connection.build(Code.GET, slow), elsewhere.build(Code.GET, slow)
    connection.send(here)
    arrived(connection)
    elsewhere.send(there)
    said = [elsewhere.parse(data) for data in Control(elsewhere).advance(2.0)]

    assert {message.token for message in said if message.code != Code.EMPTY} == {there.token}
    assert connection.response_to(here).code == Code.CONTENT
    assert connection.until_probe_answered() == []


def ask(connection: Target) -> tuple[int, Message]:
    """Make the target ask the suite for something, and return handle and request."""
    handle = Control(connection).act("request", {1: int(Code.GET), 2: "/x"})
    return handle, connection.receive("the request that the act demands")


@pytest.mark.requirement("MSG-1260")
@pytest.mark.needs("conformance.test-interface")
def test_response_from_elsewhere_answers_nothing(connection: Target, elsewhere: Target) -> None:
    """Tokens are counted from one by many: the answer to another's question has the right token."""
    handle, asked = ask(connection)
    forged = Message(Type.NON, Code.CONTENT, elsewhere.fresh_message_id(), asked.token, (), b"forged")
    elsewhere.replies_to(forged)
    assert Control(connection).events() == []

    connection.send(StreamMessage(Code.CONTENT, asked.token, (), b"right"))

    (event,) = Control(connection).events()
    assert (event.name, event.fields[0], event.fields[2]) == ("response", handle, b"right")


@pytest.mark.requirement("MSG-1260")
@pytest.mark.needs("conformance.test-interface")
def test_response_from_the_connection_behind_answers_nothing(connection: Target) -> None:
    """A client that reconnects quickly takes what comes for the answer that it waited for before."""
    handle, asked = ask(connection)
    connection.connect()
    connection.send(StreamMessage(Code.CONTENT, asked.token, (), b"late"))

    assert _failures(connection) == [Event("failed", {0: handle, 1: "disconnected"})]


@pytest.mark.requirement("MSG-1270")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("what", ["request", "ping"])
@pytest.mark.parametrize("end", ["close", "reset", "abort", "malformed"])
def test_requests_end_with_their_connection(connection: Target, elsewhere: Target, what: str, end: str) -> None:
    """An app shows "please wait" for four minutes although the answer cannot come any more."""
    parameters = {1: int(Code.GET), 2: "/x"} if what == "request" else {}
    handle = Control(connection).act(what, parameters)
    connection.receive("what the act demands")
    match end:
        case "close":
            connection.disconnect()
        case "reset":
            connection.disconnect(Ending.RESET)
        case "abort":
            connection.send(StreamMessage(Signal.ABORT))
            connection.until_ended()
        case _:
            connection.send(as_sent(connection, bytes.fromhex("0020")))
            connection.until_ended()

    assert _failures(elsewhere) == [Event("failed", {0: handle, 1: "disconnected"})]


def _failures(elsewhere: Target) -> list[Event]:
    """Return what the target reports, once the news of the connection's end has reached it."""
    for _ in range(200):
        events = Control(elsewhere).events()
        if events:
            return events
    return []


@pytest.mark.requirement("MSG-500")
def test_request_with_an_unknown_critical_option_ends_nothing(connection: Target) -> None:
    """It is refused, as on datagrams; the connection has others to carry."""
    request = connection.build(Code.GET, connection.manifest.resources.get, options=((CRITICAL, b""),))
    connection.expect_refusal(connection.exchange(request), Code.BAD_OPTION, Problem.BAD_OPTION)

    assert connection.exchange(info(connection)).code == Code.CONTENT


@pytest.mark.requirement("MSG-520")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
def test_response_with_an_unknown_critical_option_is_no_answer(connection: Target) -> None:
    """What it says depends on something that the target does not know."""
    _handle, asked = ask(connection)
    connection.send(StreamMessage(Code.CONTENT, asked.token, ((CRITICAL, b""),), b"misunderstood"))

    assert "response" not in [event.name for event in Control(connection).events()]
    assert connection.exchange(info(connection)).code == Code.CONTENT


@pytest.mark.requirement("MSG-570")
def test_method_that_nobody_has_defined_is_answered(connection: Target) -> None:
    """0.31 is a request like any other, and whoever sent it waits for its response."""
    request = replace(info(connection), code=31)

    connection.expect_refusal(connection.exchange(request), Code.METHOD_NOT_ALLOWED, Problem.METHOD_NOT_ALLOWED)
