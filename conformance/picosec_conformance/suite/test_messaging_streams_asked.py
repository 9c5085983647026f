"""The target asks on connections: how long it waits, what it takes for an answer, and what it leaves behind."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec.registry import Problem
from picosec_conformance.control import Control, Event
from picosec_conformance.observing import ObservingTarget
from picosec_conformance.target import Target

pytestmark = pytest.mark.needs("messaging.client", "conformance.test-interface")
BOTH = pytest.mark.parametrize("what", ["request", "ping"])


def ask(connection: Target, what: str = "request") -> tuple[int, Message]:
    """Make the target ask the suite for something, or whether it is there; handle and message."""
    handle = Control(connection).act(what, {1: int(Code.GET), 2: "/x"} if what == "request" else {})
    return handle, connection.receive("what the act demands")


def answer(connection: Target, asked: Message) -> None:
    """Answer a request or a Ping of the target."""
    code, payload = (Signal.PONG, b"") if asked.code == Signal.PING else (Code.CONTENT, b"yes")
    connection.send(StreamMessage(code, asked.token, (), payload))


def outcomes(connection: Target) -> list[tuple[str, object]]:
    """Return name and handle of what became of requests and Pings, in order."""
    events = Control(connection).events()
    return [(event.name, event.fields[0]) for event in events if event.name in ("response", "pong", "failed")]


@pytest.mark.requirement("MSG-840")
@BOTH
def test_giving_up_on_a_connection_is_reported(connection: Target, elsewhere: Target, what: str) -> None:
    """The other end is alive and does not answer: whoever asked learns of it, and may ask again."""
    handle, _ = ask(connection, what)
    Control(elsewhere).advance(600.0)
    assert Control(connection).events() == [Event("failed", {0: handle, 1: Problem.TIMEOUT.name.lower()})]

    handle, asked = ask(connection, what)
    answer(connection, asked)

    assert outcomes(connection) == [("response" if what == "request" else "pong", handle)]


@pytest.mark.requirement("MSG-840")
@BOTH
def test_answer_that_comes_too_late_is_nobodys(connection: Target, elsewhere: Target, what: str) -> None:
    """One request has one outcome; and the connection is none the worse for it."""
    handle, asked = ask(connection, what)
    Control(elsewhere).advance(600.0)
    answer(connection, asked)

    assert connection.until_probe_answered() == []
    assert outcomes(connection) == [("failed", handle)]


@pytest.mark.requirement("MSG-840")
@BOTH
def test_answer_on_a_connection_may_take_its_time(connection: Target, elsewhere: Target, what: str) -> None:
    """A hub asks a lock that turns slowly: a minute later the answer is as good."""
    handle, asked = ask(connection, what)
    Control(elsewhere).advance(60.0)
    answer(connection, asked)

    assert connection.until_probe_answered() == []
    assert outcomes(connection) == [("response" if what == "request" else "pong", handle)]


@pytest.mark.requirement("MSG-1260")
@BOTH
def test_answer_to_nothing_is_ignored_on_a_connection(connection: Target, what: str) -> None:
    """A peer answers twice, or what was never asked: only what has the token of a request is an answer."""
    handle, asked = ask(connection, what)
    code = Code.CONTENT if what == "request" else Signal.PONG
    connection.send(StreamMessage(code, bytes(byte ^ 1 for byte in asked.token)))
    assert connection.until_probe_answered() == []
    assert outcomes(connection) == []
    for _ in range(2):
        answer(connection, asked)

    assert connection.until_probe_answered() == []
    assert outcomes(connection) == [("response" if what == "request" else "pong", handle)]


@pytest.mark.requirement("MSG-1260")
def test_requests_on_a_connection_are_answered_in_any_order(connection: Target) -> None:
    """The slow one was asked first; its answer comes last, and is its own."""
    asked = [ask(connection, what) for what in ("request", "ping", "request", "request", "ping")]
    for _, each in reversed(asked):
        answer(connection, each)

    assert connection.until_probe_answered() == []
    assert [handle for _, handle in outcomes(connection)] == [handle for handle, _ in reversed(asked)]


@pytest.mark.requirement("MSG-470")
@BOTH
def test_token_on_a_connection_has_32_bits(connection: Target, what: str) -> None:
    """Behind a proxy that joins the connections of many, an answer to a short token is quickly guessed."""
    assert len(ask(connection, what)[1].token) >= 4


@pytest.mark.requirement("MSG-470")
def test_pending_requests_on_a_connection_have_different_tokens(connection: Target) -> None:
    """Chance gives the same token twice: one answer would be taken for both."""
    Control(connection).inject(bytes(64))

    asked = [ask(connection, what)[1] for what in ("request", "request", "ping", "ping", "request")]

    assert len({each.token for each in asked}) == len(asked)


@pytest.mark.requirement("MSG-840")
def test_every_request_on_a_connection_has_an_outcome(connection: Target, elsewhere: Target) -> None:
    """Twenty questions, every other one answered: none is forgotten, and none is reported twice."""
    asked = [ask(connection, what) for what in ("request", "ping") * 10]
    for _, each in asked[::2]:
        answer(connection, each)
    assert connection.until_probe_answered() == []
    Control(elsewhere).advance(600.0)

    found = outcomes(connection)
    assert [handle for name, handle in found if name != "failed"] == [handle for handle, _ in asked[::2]]
    assert sorted(str(handle) for name, handle in found if name == "failed") == sorted(
        str(handle) for handle, _ in asked[1::2]
    )


@pytest.mark.requirement("MSG-520")
def test_answer_with_an_unknown_critical_option_fails_its_request(connection: Target) -> None:
    """Nothing else will come under this token, so that nobody need wait for it."""
    handle, asked = ask(connection)
    connection.send(StreamMessage(Code.CONTENT, asked.token, ((65001, b""),), b"misunderstood"))
    assert connection.until_probe_answered() == []

    assert Control(connection).events() == [Event("failed", {0: handle, 1: Problem.BAD_OPTION.name.lower()})]


@pytest.mark.requirement("MSG-1260")
def test_requests_on_several_links_are_told_apart(connection: Target, elsewhere: Target) -> None:
    """A hub asks two devices at once over different transports: each answer goes to whoever asked that device."""
    for _ in range(3):
        (first, here), (second, there) = ask(connection), ask(elsewhere)
        elsewhere.send(Message(Type.ACK, Code.CONTENT, there.message_id, there.token, (), b"there"))
        assert elsewhere.until_probe_answered() == []
        answer(connection, here)
        assert connection.until_probe_answered() == []

        found = [(event.name, event.fields[0], event.fields[2]) for event in Control(connection).events()]
        assert found == [("response", second, b"there"), ("response", first, b"yes")]


@pytest.mark.requirement("MSG-2010")
@pytest.mark.needs("messaging.observe.client")
def test_observation_on_a_connection_lasts(connection: Target, elsewhere: Target) -> None:
    """The server has answered and has no news for ten minutes: that is no silence that anybody gives up on."""
    one = ObservingTarget(connection, Control(connection))
    one.accept(max_age=3600)
    Control(elsewhere).advance(600.0)
    one.notify(2, b"news")

    assert one.happened() == [("notification", b"0"), ("notification", b"news")]


@pytest.mark.requirement("MSG-2020")
@pytest.mark.needs("messaging.observe.client")
def test_observation_on_a_connection_is_ended_once(connection: Target) -> None:
    """News cross the request that ends them: it is on its way, and need not be sent again."""
    one = ObservingTarget(connection, Control(connection))
    one.accept()
    Control(connection).act("cancel", {1: one.handle})
    ending = connection.receive("a deregistration")

    assert one.notify(2, b"crossing") == []
    assert connection.replies_to(Message(Type.ACK, Code.CONTENT, 0, ending.token, (), b"last")) == []


# -- the peer wants to go ----------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1230")
@BOTH
def test_released_connection_brings_the_answers_that_are_outstanding(
    connection: Target, elsewhere: Target, what: str
) -> None:
    """The server restarts, and still answers what it was asked: who closes at once loses it."""
    handle, asked = ask(connection, what)
    connection.send(StreamMessage(Signal.RELEASE))
    answer(connection, asked)

    assert connection.until_ended() == []
    wanted = [("response" if what == "request" else "pong", handle)]
    assert [(event.name, event.fields[0]) for event in Control(elsewhere).events()] == wanted


@pytest.mark.requirement("MSG-1230", "MSG-840")
@BOTH
def test_released_connection_is_closed_without_the_answer_in_the_end(
    connection: Target, elsewhere: Target, what: str
) -> None:
    """The server that released the connection does not answer any more: nobody waits for it for ever."""
    handle, _ = ask(connection, what)
    connection.send(StreamMessage(Signal.RELEASE))
    connection.send(StreamMessage(Signal.PING, b"arrived"))
    connection.receive_signal(Signal.PONG)
    Control(elsewhere).advance(600.0)

    assert connection.until_ended() == []
    assert [(event.name, event.fields[0]) for event in Control(elsewhere).events()] == [("failed", handle)]
