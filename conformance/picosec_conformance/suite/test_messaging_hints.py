"""What a client does not want to hear, and how far a request may go."""

from __future__ import annotations

import random

import pytest

from picosec.messaging.coap import Code, Message, Option, Type
from picosec.registry import Problem
from picosec_conformance.control import Control
from picosec_conformance.target import Target


@pytest.mark.requirement("MSG-1870", "MSG-310")
@pytest.mark.parametrize("value", [2, 2 | 8, 2 | 16, 26], ids=str)
@pytest.mark.parametrize("kind", [Type.CON, Type.NON], ids=lambda kind: kind.name)
def test_unwanted_success_is_not_sent(target: Target, kind: Type, value: int) -> None:
    """A sensor that reports to many wants no thanks: each would cost it the energy of a report."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(
        Code.GET, target.manifest.resources.put, kind=kind, options=((Option.NO_RESPONSE, bytes((value,))),)
    )
    replies = [target.parse(frame) for frame in target.replies_to(request)]
    empty = [Message(Type.ACK, Code.EMPTY, request.message_id)]
    assert replies == (empty if kind == Type.CON else [])


@pytest.mark.requirement("MSG-1870", "MSG-310")
@pytest.mark.needs("messaging.datagram", "conformance.test-interface")
def test_nothing_follows_what_was_not_wanted(target: Target, control: Control) -> None:
    """The request is done with: no second acknowledgement comes later, and it takes nobody's place."""
    path, unwanted = target.manifest.resources.put, ((int(Option.NO_RESPONSE), b"\2"),)
    target.request(Code.PUT, path, b"0")
    for _ in range(100):
        target.reply_to(target.build(Code.GET, path, options=unwanted))

    assert target.request(Code.GET, path).payload == b"0"
    assert control.advance(300) == []


@pytest.mark.requirement("MSG-1870")
@pytest.mark.parametrize(("value", "sent"), [(8, False), (10, False), (2, True), (16, True), (18, True)])
def test_each_class_has_its_bit(target: Target, rng: random.Random, value: int, sent: bool) -> None:
    """Who wants no thanks may well want to know what went wrong."""
    path = f"/none/{rng.randrange(1 << 32):x}"
    request = target.build(Code.GET, path, kind=Type.NON, options=((Option.NO_RESPONSE, bytes((value,))),))
    codes = [target.parse(frame).code for frame in target.replies_to(request)]
    assert codes == ([Code.NOT_FOUND] if sent else [])


@pytest.mark.requirement("MSG-1870")
def test_interest_in_everything_is_answered(target: Target) -> None:
    """The empty value takes nothing away."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(Code.GET, target.manifest.resources.put, options=((Option.NO_RESPONSE, b""),))
    assert target.exchange(request).payload == b"0"


@pytest.mark.requirement("MSG-1880")
@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\1\0", b"\xff\xff", bytes(256)], ids=lambda value: value[:2].hex() + f"-{len(value)}"
)
def test_hop_limit_that_cannot_be_is_refused(target: Target, value: bytes) -> None:
    """A request that went round for so long that its count is used up should not have arrived."""
    request = target.build(Code.PUT, target.manifest.resources.put, b"hops", options=((Option.HOP_LIMIT, value),))
    with target.expect_unchanged():
        target.expect_refusal(target.exchange(request), Code.BAD_REQUEST, Problem.BAD_REQUEST)


@pytest.mark.requirement("MSG-1880")
@pytest.mark.parametrize("value", [1, 2, 16, 255])
def test_hop_limit_of_others_is_left_alone(target: Target, value: int) -> None:
    """The last hop has arrived: 1 is enough for an origin server."""
    target.request(Code.PUT, target.manifest.resources.put, b"0")
    request = target.build(Code.GET, target.manifest.resources.put, options=((Option.HOP_LIMIT, bytes((value,))),))
    assert target.exchange(request).payload == b"0"
