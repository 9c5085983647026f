"""The edges of definitions: what lies just inside is taken, so that what lies just outside can be told from it."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import CONTENT_FORMAT_CBOR, Problem
from picosec_conformance.control import Control
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-540")
@pytest.mark.parametrize(
    ("number", "value"),
    [
        pytest.param(Option.URI_HOST, b"h", id="shortest-host", marks=pytest.mark.beyond),
        pytest.param(Option.URI_HOST, b"h" * 255, id="longest-host", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PORT, b"", id="port-0", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PORT, b"\xff\xff", id="port-65535", marks=pytest.mark.beyond),
        pytest.param(Option.URI_QUERY, b"", id="empty-query", marks=pytest.mark.beyond),
        pytest.param(Option.URI_QUERY, b"q" * 255, id="longest-query", marks=pytest.mark.beyond),
        pytest.param(Option.URI_QUERY, "ä=ö".encode(), id="query-beyond-ascii", marks=pytest.mark.beyond),
        pytest.param(Option.URI_QUERY, b".", id="query-of-a-dot", marks=pytest.mark.beyond),
        pytest.param(Option.URI_QUERY, b"..", id="query-of-two-dots", marks=pytest.mark.beyond),
    ],
)
def test_critical_option_at_the_edge_of_its_definition_is_understood(target: Target, number: int, value: bytes) -> None:
    """A bound that is one too tight turns away the client with the longest name in the house."""
    assert target.request(Code.GET, target.manifest.resources.get, options=((number, value),)).code == Code.CONTENT


@pytest.mark.requirement("MSG-540")
@pytest.mark.beyond
def test_option_that_may_be_repeated_is_understood_when_it_is(target: Target) -> None:
    """A query in three parts is three options, and the first of them is no more the query than the last."""
    queries = tuple((int(Option.URI_QUERY), part) for part in (b"first=1", b"second=2", b"third=3"))

    assert target.request(Code.GET, target.manifest.resources.get, options=queries).code == Code.CONTENT


@pytest.mark.requirement("MSG-540")
@pytest.mark.parametrize(
    ("number", "value"),
    [
        pytest.param(Option.URI_QUERY, b"\xff", id="query", marks=pytest.mark.beyond),
        pytest.param(Option.URI_HOST, b"\xc3\x28", id="host", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PATH, b"\xff", id="path", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PATH, b".", id="this-folder", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PATH, b"..", id="folder-above", marks=pytest.mark.beyond),
        pytest.param(Option.URI_PATH, b"p" * 256, id="too-long-path"),
    ],
)
def test_option_that_is_not_the_text_it_should_be_is_refused(target: Target, number: int, value: bytes) -> None:
    """A path with two dots in it, or with half a character: each layer below makes something else of it."""
    with target.expect_unchanged():
        reply = target.request(Code.GET, "", options=((number, value),))
        target.expect_refusal(reply, Code.BAD_OPTION, Problem.BAD_OPTION)


@pytest.mark.requirement("MSG-560")
@pytest.mark.parametrize("segment", [b"p" * 255, b"...", b".p", b"", b"a/b", b"%2e%2e"], ids=repr)
def test_path_at_the_edge_of_its_definition_is_looked_up(target: Target, segment: bytes) -> None:
    """What is a path is looked for, and not found: neither refused as an option nor read as another path."""
    with target.expect_unchanged():
        reply = target.request(Code.GET, "", options=((Option.URI_PATH, segment), (Option.URI_PATH, b"x")))
        target.expect_refusal(reply, Code.NOT_FOUND, Problem.NOT_FOUND)


@pytest.mark.requirement("MSG-540")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("value", [b"\0\x3c", b"\x3c"], ids=["two-bytes", "one-byte"])
def test_numbers_in_options_may_have_leading_zeros(target: Target, value: bytes) -> None:
    """A small stack writes every number in two bytes; the longest form of a definition is inside of it."""
    reply = target.request(Code.GET, "/ps/info", options=((Option.ACCEPT, value),))
    assert (reply.code, reply.content_format) == (Code.CONTENT, CONTENT_FORMAT_CBOR)

    reply = target.request(Code.POST, "/ps/test/entropy", b"\x40", options=((Option.CONTENT_FORMAT, value),))
    assert reply.code == Code.CHANGED


@pytest.mark.requirement("MSG-140")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        pytest.param("d200", Problem.BAD_REQUEST, id="cose-sign1"),
        pytest.param("d83d00", Problem.BAD_REQUEST, id="cwt"),
        pytest.param("d83dd200", Problem.BAD_REQUEST, id="cwt-of-cose-sign1"),
        pytest.param("d100", Problem.MALFORMED, id="17"),
        pytest.param("d300", Problem.MALFORMED, id="19"),
        pytest.param("d83c00", Problem.MALFORMED, id="60"),
        pytest.param("d83e00", Problem.MALFORMED, id="62"),
    ],
)
def test_listed_tags_are_told_from_their_neighbours(target: Target, payload: str, problem: Problem) -> None:
    """A signed token is well-formed wherever it stands, and out of place here; one number further it is nothing."""
    with target.expect_unchanged():
        reply = target.request(Code.POST, "/ps/test/time", bytes.fromhex(payload), content_format=CONTENT_FORMAT_CBOR)
        target.expect_refusal(reply, Code.BAD_REQUEST, problem)


@pytest.mark.requirement("MSG-230", "MSG-210")
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_empty_message_with_a_token_length_is_malformed(target: Target, kind: Type) -> None:
    """Four bytes that announce a token: an empty message has none, and there is no room for one."""
    data = bytes((0x41 | kind << 4, 0, 0x12, 0x34))
    with target.expect_unchanged():
        assert target.replies_to(data) == ([b"\x70\0\x12\x34"] if kind is Type.CON else [])


@pytest.mark.requirement("MSG-540")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([b"\0\0\x2a"], id="three-bytes"),
        pytest.param([b"\x3c", b"\x2a"], id="twice"),
    ],
)
def test_format_outside_its_definition_is_no_format(target: Target, options: list[bytes]) -> None:
    """A check that reads the first format and a parser that reads the last one see two payloads in one."""
    plain = target.request(Code.POST, "/ps/test/entropy", b"\x40", content_format=CONTENT_FORMAT_CBOR)
    formats = tuple((int(Option.CONTENT_FORMAT), value) for value in options)

    reply = target.request(Code.POST, "/ps/test/entropy", b"\x40", options=formats)

    assert (reply.code, reply.payload) == (plain.code, plain.payload)


@pytest.mark.requirement("MSG-840")
@pytest.mark.needs("messaging.client", "conformance.test-interface")
def test_answer_to_a_non_confirmable_request_may_take_a_while(target: Target, control: Control) -> None:
    """Nothing is sent again, so nothing came back yet: two seconds are no reason to give up."""
    control.act("request", {1: int(Code.GET), 2: "/x", 4: False})
    request = target.receive("the request that the act demands")
    assert control.advance(2) == []

    answer = Message(Type.NON, Code.CONTENT, target.fresh_message_id(), request.token, (), b"answer")

    assert target.replies_to(answer) == []
    assert control.event("response").fields[2] == b"answer"
