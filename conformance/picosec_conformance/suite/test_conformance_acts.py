"""Acts, events, time and entropy of the Test Interface: the target as the one who begins."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.control import Control
from picosec_conformance.target import Target


def act_request(control: Control, path: str = "/ps/info", *, code: int = Code.GET, confirmable: bool = True) -> int:
    """Make the target send a request to the suite and return the handle."""
    body = {3: b"payload"} if code in (Code.POST, Code.PUT) else {}
    return control.act("request", {1: code, 2: path, 4: confirmable, **body})


def answer(target: Target, request: Message, payload: bytes = b"") -> None:
    """Answer a request of the target with 2.05, piggybacked or as a non-confirmable message."""
    kind = Type.ACK if request.type == Type.CON else Type.NON
    mid = request.message_id if request.type == Type.CON else target.fresh_message_id()
    target.send(Message(kind, Code.CONTENT, mid, request.token, (), payload))


@pytest.mark.requirement("CNF-300")
@pytest.mark.parametrize("code", [Code.GET, Code.POST, Code.PUT, Code.DELETE])
@pytest.mark.parametrize("confirmable", [True, False])
def test_request_is_sent_as_demanded(target: Target, control: Control, code: Code, confirmable: bool) -> None:
    """Half of the protocol can only be judged when the target is the one who asks."""
    act_request(control, "/a/path", code=code, confirmable=confirmable)

    request = target.receive("the request that the act demands")

    assert request.code == code
    assert request.path == "/a/path"
    assert request.payload == (b"payload" if code in (Code.POST, Code.PUT) else b"")
    assert not target.form.datagrams or request.type == (Type.CON if confirmable else Type.NON)
    answer(target, request)


@pytest.mark.requirement("CNF-820")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([(Option.ACCEPT, b"\x3c")], id="accept"),
        pytest.param([(Option.URI_QUERY, b"z=1"), (Option.URI_QUERY, b"a=2"), (Option.URI_QUERY, b"")], id="queries"),
        pytest.param([(Option.ETAG, b"tag"), (Option.URI_QUERY, b"a")], id="entity-tag-and-query"),
        pytest.param([(Option.ACCEPT, b""), (Option.IF_MATCH, b""), (Option.IF_MATCH, b"12345678")], id="conditions"),
        pytest.param([(Option.IF_NONE_MATCH, b"")], id="other-condition"),
    ],
)
def test_options_are_sent_as_demanded(target: Target, control: Control, options: list[tuple[int, bytes]]) -> None:
    """A client that loses the condition of a change overwrites what it did not mean to."""
    demanded = [[int(number), value] for number, value in options]
    control.act("request", {1: int(Code.PUT), 2: "/a/path", 3: b"payload", 8: demanded})

    request = target.receive("the request that the act demands")

    expected = sorted(((int(number), value) for number, value in options), key=lambda option: option[0])
    numbers = {number for number, _ in expected}
    assert [option for option in request.options if option[0] in numbers] == expected
    assert (request.path, request.payload) == ("/a/path", b"payload")
    answer(target, request)


def acknowledged_request(target: Target, control: Control, path: str) -> tuple[int, Message]:
    """Make the target ask, and acknowledge at once: RFC 7252 §4.7 then lets it ask again before the response."""
    handle = act_request(control, path)
    request = target.receive("the request that the act demands")
    if target.form.datagrams:
        target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    return handle, request


@pytest.mark.requirement("CNF-310", "CNF-320")
def test_outcome_is_reported_under_the_handle(target: Target, control: Control) -> None:
    """Two answers cross on the way: each belongs to its own question."""
    first, first_request = acknowledged_request(target, control, "/first")
    second, second_request = acknowledged_request(target, control, "/second")
    assert first != second

    for request, payload in ((second_request, b"two"), (first_request, b"one")):
        target.send(Message(Type.NON, Code.CONTENT, target.fresh_message_id(), request.token, (), payload))
    target.until_probe_answered()

    outcomes = {event.fields[0]: event.fields[2] for event in control.events() if event.name == "response"}
    assert outcomes == {first: b"one", second: b"two"}


@pytest.mark.requirement("CNF-330")
def test_event_is_reported_once_and_in_order(target: Target, control: Control) -> None:
    """An event that is reported twice looks like a command that was carried out twice."""
    for name in (b"one", b"two", b"three"):
        act_request(control)
        answer(target, target.receive(), name)
        target.until_probe_answered()

    assert [event.fields[2] for event in control.events() if event.name == "response"] == [b"one", b"two", b"three"]
    assert control.events() == []


@pytest.mark.requirement("CNF-340")
@pytest.mark.needs("messaging.datagram")
def test_ping_is_sent_and_its_answer_reported(target: Target, control: Control) -> None:
    """The simplest act shows that the target can begin at all."""
    handle = control.act("ping")
    ping = target.receive("an empty confirmable message")
    assert (ping.type, ping.code, ping.token, ping.payload) == (Type.CON, Code.EMPTY, b"", b"")

    target.send(Message(Type.RST, Code.EMPTY, ping.message_id))
    target.until_probe_answered()

    assert control.event("pong").fields[0] == handle


@pytest.mark.requirement("CNF-200")
def test_time_stands_still_without_the_suite(target: Target, control: Control) -> None:
    """A retransmission that comes by itself in one run and not in the next makes two verdicts out of one device."""
    act_request(control)
    target.receive()

    for _ in range(20):
        assert target.until_probe_answered() == []


@pytest.mark.requirement("CNF-210")
@pytest.mark.needs("messaging.datagram")
def test_what_becomes_due_is_sent_in_order_before_the_answer(target: Target, control: Control) -> None:
    """One advance over several deadlines: the suite must see each of them, oldest first."""
    act_request(control)
    request = target.receive()
    slow = target.build(Code.GET, "/ps/test/slow", kind=Type.NON)
    target.send(slow)

    due = [target.parse(data) for data in control.advance(100.0)]

    assert [message.token for message in due] == [slow.token] + [request.token] * 4
    assert target.until_probe_answered() == []
