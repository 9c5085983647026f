"""Options that the target does not understand: the critical ones spoil a request, the elective ones are nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.target import Target

UNKNOWN_CRITICAL = [9999, 2051, 65001, 65535]
UNKNOWN_ELECTIVE = [9998, 2048, 65000, 65534]


def write(target: Target, *options: tuple[int, bytes], kind: Type = Type.CON) -> Message:
    """Return a request that changes the open resource, with further options."""
    return target.build(Code.PUT, target.manifest.resources.put, b"written", kind=kind, options=options)


def read(target: Target, *options: tuple[int, bytes]) -> Message:
    """Return a request that reads the open resource, with further options."""
    return target.build(Code.GET, target.manifest.resources.get, options=options)


@pytest.mark.requirement("MSG-500")
@pytest.mark.parametrize("number", UNKNOWN_CRITICAL)
@pytest.mark.parametrize("value", [b"", b"\x01", bytes(300)], ids=len)
def test_an_unknown_critical_option_is_refused(target: Target, number: int, value: bytes) -> None:
    """An "only if" that nobody understands must not be read as "in any case"."""
    request = write(target, (number, value))
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-500")
def test_an_unknown_critical_option_is_refused_before_the_path_is_looked_at(target: Target) -> None:
    """What the option would have changed is unknown: it may well have been the path."""
    request = target.build(Code.GET, "/no-such-resource", options=((65001, b""),))
    target.expect_refusal(target.reply_to(request), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-500")
def test_one_critical_option_among_many_elective_ones_is_found(target: Target) -> None:
    """Whoever stops looking after the first unknown option misses the one that matters."""
    request = read(target, (65000, b"a"), (65001, b"b"), (65002, b"c"))
    target.expect_refusal(target.reply_to(request), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-510")
@pytest.mark.parametrize("number", UNKNOWN_CRITICAL)
def test_an_unknown_critical_option_silences_a_non_confirmable_request(
    target: Target, control: Control, number: int
) -> None:
    """A sender that wants no acknowledgement gets no refusal either, and no effect."""
    request = write(target, (number, b""), kind=Type.NON)
    with target.expect_unchanged():
        replies = target.replies(request)
        if not target.manifest.profile.plain:
            assert replies == []
        assert all(reply == Message(Type.RST, Code.EMPTY, request.message_id) for reply in replies)
    if not control.blind:
        assert control.changes(target.manifest.resources.put) == 0


@pytest.mark.requirement("MSG-530")
@pytest.mark.parametrize("number", UNKNOWN_ELECTIVE)
@pytest.mark.parametrize("value", [b"", b"\x01", bytes(300)], ids=len)
def test_an_unknown_elective_option_is_ignored(target: Target, number: int, value: bytes) -> None:
    """What later versions add must not shut out those that do not know it yet."""
    plain = target.reply_to(read(target))
    reply = target.reply_to(read(target, (number, value)))
    assert (reply.code, reply.payload) == (plain.code, plain.payload)


@pytest.mark.requirement("MSG-530")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
@pytest.mark.parametrize("number", UNKNOWN_ELECTIVE)
def test_an_unknown_elective_option_in_a_response_is_ignored(target: Target, control: Control, number: int) -> None:
    """A client that drops such a response waits for another that will look the same."""
    control.act("request", {1: int(Code.GET), 2: "/x"})
    request = target.receive("a request")
    target.send(Message(Type.ACK, Code.CONTENT, request.message_id, request.token, ((number, b"x"),), b"answer"))
    target.until_probe_answered()
    assert control.event("response").fields[2] == b"answer"


@pytest.mark.requirement("MSG-530", "MSG-540")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
@pytest.mark.parametrize("number", [Option.LOCATION_PATH, Option.LOCATION_QUERY], ids=lambda number: number.name)
def test_response_that_tells_where_something_was_made_is_taken(
    target: Target, control: Control, number: Option
) -> None:
    """A place takes several options of one kind; a client that has no use for them has its answer all the same."""
    control.act("request", {1: int(Code.POST), 2: "/x"})
    request = target.receive("a request")
    place = tuple((int(number), part) for part in (b"location1", b"location2", b"location3"))
    target.send(Message(Type.ACK, Code.CREATED, request.message_id, request.token, place, b"made"))
    target.until_probe_answered()

    response = control.event("response")
    assert (response.fields[1], response.fields[2]) == (Code.CREATED, b"made")


@pytest.mark.requirement("MSG-540")
@pytest.mark.parametrize(
    "options",
    [
        [(Option.IF_MATCH, bytes(9))],
        [(Option.IF_NONE_MATCH, bytes(1))],
        [(Option.URI_HOST, b"")],
        [(Option.URI_HOST, bytes(256))],
        [(Option.URI_PORT, bytes(3))],
        [(Option.ACCEPT, bytes(3))],
        [(Option.URI_PATH, bytes(256))],
        pytest.param([(Option.URI_PATH, b".")], marks=pytest.mark.beyond),
        pytest.param([(Option.URI_PATH, b"..")], marks=pytest.mark.beyond),
        pytest.param([(Option.URI_PATH, b"caf\xe9")], marks=pytest.mark.beyond),
        [(Option.URI_QUERY, bytes(256))],
        [(Option.BLOCK2, bytes(4))],
        [(Option.BLOCK1, bytes(4))],
        [(Option.URI_HOST, b"a"), (Option.URI_HOST, b"b")],
        [(Option.URI_PORT, b"\x16\x33"), (Option.URI_PORT, b"\x16\x34")],
        [(Option.ACCEPT, b"\x3c"), (Option.ACCEPT, b"\x28")],
    ],
    ids=lambda options: "-".join(f"{int(number)}:{value[:5].hex()}:{len(value)}" for number, value in options),
)
def test_a_critical_option_outside_its_definition_is_refused(target: Target, options: list[tuple[int, bytes]]) -> None:
    """Two hosts, a port of three bytes, a path that leads up: each reader makes something else of it."""
    request = write(target, *options)
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-540")
@pytest.mark.parametrize(
    "options",
    [
        [(Option.CONTENT_FORMAT, bytes(3))],
        [(Option.MAX_AGE, bytes(5))],
        [(Option.ETAG, b"")],
        [(Option.ETAG, bytes(9))],
        [(Option.SIZE1, bytes(5))],
        [(Option.NO_RESPONSE, b"\x00\x1a")],
        [(Option.MAX_AGE, b"\x01"), (Option.MAX_AGE, b"\x02")],
    ],
    ids=lambda options: "-".join(f"{int(number)}:{len(value)}" for number, value in options),
)
def test_an_elective_option_outside_its_definition_is_ignored(target: Target, options: list[tuple[int, bytes]]) -> None:
    """What may be ignored when it is unknown may be ignored when it is broken."""
    plain = target.reply_to(read(target))
    reply = target.reply_to(read(target, *options))
    assert (reply.code, reply.payload) == (plain.code, plain.payload)


@pytest.mark.requirement("MSG-540")
@pytest.mark.beyond
def test_the_host_and_port_of_a_request_are_understood(target: Target) -> None:
    """Within their definitions both options are fine: clients that know the server by name send them."""
    reply = target.reply_to(read(target, (Option.URI_HOST, b"device.local"), (Option.URI_PORT, b"\x16\x33")))
    assert reply.code == Code.CONTENT


@pytest.mark.requirement("MSG-540")
@pytest.mark.parametrize(
    "options",
    [
        [(Option.URI_HOST, b"a" * 255)],
        [(Option.URI_PORT, b"")],
        [(Option.URI_QUERY, b""), (Option.URI_QUERY, b"a" * 255), (Option.URI_QUERY, b"a" * 255)],
        [(Option.ETAG, b"1"), (Option.ETAG, bytes(8))],
    ],
    ids=lambda options: "-".join(f"{int(number)}:{len(value)}" for number, value in options),
)
def test_an_option_at_the_edge_of_its_definition_is_understood(
    target: Target, options: list[tuple[int, bytes]]
) -> None:
    """The longest, the shortest, and as many as there may be: whatever the server makes of them, it knows them."""
    assert target.reply_to(read(target, *options)).code != Code.BAD_OPTION


@pytest.mark.requirement("MSG-550")
@pytest.mark.parametrize(
    "option",
    [
        (Option.PROXY_URI, b"coap://[2001:db8::1]/secret"),
        (Option.PROXY_SCHEME, b"coap"),
        (Option.PROXY_SCHEME, b"http"),
    ],
    ids=lambda option: f"{int(option[0])}-{option[1].decode()}",
)
def test_a_request_to_be_forwarded_is_declined(target: Target, option: tuple[int, bytes]) -> None:
    """A device that forwards for anyone is the way into the network behind it."""
    request = write(target, option)
    with target.expect_unchanged():
        target.expect_refusal(target.reply_to(request), Code.PROXYING_NOT_SUPPORTED, Problem.NO_PROXY)


@pytest.mark.requirement("MSG-520")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("kind", [Type.ACK, Type.CON, Type.NON], ids=lambda kind: kind.name)
@pytest.mark.parametrize("number", UNKNOWN_CRITICAL)
def test_an_unknown_critical_option_in_a_response_is_rejected(
    target: Target, control: Control, kind: Type, number: int
) -> None:
    """The client cannot know what it would be taking for an answer."""
    control.act("request", {1: int(Code.GET), 2: "/x"})
    request = target.receive("a request")
    mid = request.message_id if kind is Type.ACK else target.fresh_message_id()
    response = Message(kind, Code.CONTENT, mid, request.token, ((number, b"x"),), b"answer")

    with target.expect_unchanged():
        replies = target.replies(response)

    assert replies == ([Message(Type.RST, Code.EMPTY, mid)] if kind is Type.CON else [])
    assert [event.name for event in control.events()] == []
    target.replies_to(replace(response, type=Type.NON, message_id=target.fresh_message_id(), options=()))
    assert control.event("response").fields[2] == b"answer"


@pytest.mark.requirement("MSG-2000")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("kind", [Type.ACK, Type.CON], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "option",
    [
        pytest.param((int(Option.IF_MATCH), b"tag"), id="if-match"),
        pytest.param((int(Option.IF_NONE_MATCH), b""), id="if-none-match"),
        pytest.param((int(Option.URI_HOST), b"suite.example"), id="uri-host"),
        pytest.param((int(Option.URI_PORT), b"\x16\x33"), id="uri-port"),
        pytest.param((int(Option.URI_PATH), b"x"), id="uri-path"),
        pytest.param((int(Option.URI_QUERY), b"a=b"), id="uri-query"),
        pytest.param((int(Option.ACCEPT), b""), id="accept"),
        pytest.param((int(Option.EDHOC), b""), id="edhoc"),
    ],
)
def test_option_of_requests_in_a_response_is_rejected(
    target: Target, control: Control, kind: Type, option: tuple[int, bytes]
) -> None:
    """An answer with a path in it is half a request: what it means depends on who reads it."""
    control.act("request", {1: int(Code.GET), 2: "/x"})
    request = target.receive("a request")
    mid = request.message_id if kind is Type.ACK else target.fresh_message_id()
    response = Message(kind, Code.CONTENT, mid, request.token, (option,), b"answer")

    replies = target.replies(response)

    assert replies == ([Message(Type.RST, Code.EMPTY, mid)] if kind is Type.CON else [])
    assert control.events() == []
    target.replies_to(replace(response, type=Type.NON, message_id=target.fresh_message_id(), options=()))
    assert control.event("response").fields[2] == b"answer"
