"""The target as a client that begins by itself, judged by what it sends, on the real clock where it must be."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.control import Control
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Nonconformity, Target

#: RFC 7252 section 4.8: the first timeout, and how late a busy machine may be.
SHORTEST, LONGEST, LATE = 2.0, 3.0, 0.5

pytestmark = pytest.mark.needs("messaging.client")


def asked(target: Target, control: Control, path: str = "/x") -> Message:
    """Have the target send a confirmable request, and return it."""
    control.act("request", {1: int(Code.GET), 2: path})
    return target.receive("a request")


def waiting(target: Target, seconds: float) -> None:
    """End the test unless the target is a black box whose manifest has the patience for it."""
    if not target.manifest.black_box:
        raise NotGiven("with the Test Interface, nobody waits: its clock shows the same")
    if target.manifest.patience < seconds:
        raise NotGiven(f"it takes {seconds:g} s, and the manifest has less patience (timeouts.patience)")


def next_copy(target: Target, at_most: float) -> tuple[float, bytes | None]:
    """Wait for the next frame; how long it took, and the frame."""
    began = time.monotonic()
    data = target.receive_bytes(at_most)
    return time.monotonic() - began, data


@pytest.mark.requirement("MSG-870")
@pytest.mark.parametrize("path", ["/x", "/a/b/c", "/" + "n" * 13, "/" + "n" * 255])
def test_request_is_well_formed(target: Target, control: Control, path: str) -> None:
    """A gateway drops what it cannot parse: the client that asks sloppily stays without an answer."""
    request = asked(target, control, path)
    received = [frame.data for frame in target.frames if frame.direction == "received"]
    assert target.parse(received[-1]).encode() == received[-1]
    if not (target.manifest.black_box and target.manifest.protects):
        assert (request.code, request.path) == (Code.GET, path)
    target.send(Message(Type.ACK, Code.CONTENT, request.message_id, request.token, (), b"answer"))
    target.until_probe_answered()


@pytest.mark.requirement("MSG-360")
def test_separate_response_is_acknowledged_each_time(target: Target, control: Control) -> None:
    """The acknowledgement was lost: the server sends its answer again, and must be told again that it arrived."""
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    response = Message(Type.CON, Code.CONTENT, target.fresh_message_id(), request.token, (), b"answer")
    acknowledgement = Message(Type.ACK, Code.EMPTY, response.message_id)
    assert target.replies(response) == [acknowledgement]


@pytest.mark.requirement("MSG-490")
def test_response_to_nothing_is_reset(target: Target, control: Control) -> None:
    """A server that answers the wrong question learns so at once, and does not go on repeating it."""
    request = asked(target, control)
    other = bytes([request.token[0] ^ 0xFF, *request.token[1:]]) if request.token else b"\x01"
    stray = Message(Type.CON, Code.CONTENT, target.fresh_message_id(), other, (), b"answer")
    replies = target.replies(stray)
    assert [reply for reply in replies if reply.type == Type.RST] == [Message(Type.RST, Code.EMPTY, stray.message_id)]
    target.send(Message(Type.ACK, Code.CONTENT, request.message_id, request.token, (), b"answer"))
    target.until_probe_answered()


@pytest.mark.requirement("MSG-520")
@pytest.mark.needs("messaging.datagram")
@pytest.mark.parametrize("number", [9999, 65001])
def test_response_with_an_unknown_critical_option_is_reset(target: Target, control: Control, number: int) -> None:
    """The client cannot know what it would be taking for an answer."""
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    mid = target.fresh_message_id()
    strange = Message(Type.CON, Code.CONTENT, mid, request.token, ((number, b"x"),), b"answer")
    assert target.replies(strange) == [Message(Type.RST, Code.EMPTY, mid)]


@pytest.mark.requirement("MSG-370")
def test_client_that_waits_answers_a_ping(target: Target, control: Control) -> None:
    """A server that prepares a long answer looks whether anybody still wants it."""
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    ping = Message(Type.CON, Code.EMPTY, target.fresh_message_id())
    assert target.replies(ping) == [Message(Type.RST, Code.EMPTY, ping.message_id)]


@pytest.mark.requirement("MSG-290")
@pytest.mark.parametrize("tail", ["ff", "f0", "0d"], ids=["marker", "nibble", "cut-short"])
def test_malformed_confirmable_response_is_reset(target: Target, control: Control, tail: str) -> None:
    """What cannot be read is no answer; its sender is told."""
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    response = Message(Type.CON, Code.CONTENT, target.fresh_message_id(), request.token)
    assert target.replies(response.encode() + bytes.fromhex(tail)) == [
        Message(Type.RST, Code.EMPTY, response.message_id)
    ]


@pytest.mark.requirement("MSG-470")
def test_tokens_of_later_requests_differ(target: Target, control: Control) -> None:
    """The token is all that an attacker off the path has to guess to answer in the server's place."""
    tokens = []
    for _ in range(4):
        request = asked(target, control)
        tokens.append(request.token)
        target.send(Message(Type.ACK, Code.CONTENT, request.message_id, request.token, (), b"answer"))
        target.until_probe_answered()
    assert len(set(tokens)) == len(tokens)
    assert all(len(token) >= 4 for token in tokens)


@pytest.mark.requirement("MSG-420", "MSG-430")
def test_silence_is_answered_by_the_same_bytes_ever_later(target: Target, control: Control) -> None:
    """Nobody acknowledges: the first copy comes after two to three seconds, the next after twice that time."""
    waiting(target, 3 * (LONGEST + LATE))
    request = asked(target, control)
    first, copy = next_copy(target, LONGEST + LATE)
    assert copy == request.encode(), "not sent again, byte for byte, in time"
    assert first >= SHORTEST - LATE
    second, copy = next_copy(target, 2 * (LONGEST + LATE))
    assert copy == request.encode(), "not sent again, byte for byte, in time"
    assert 2 * first - LATE <= second <= 2 * first + LATE


@pytest.mark.requirement("MSG-450")
def test_acknowledged_request_is_not_sent_again(target: Target, control: Control) -> None:
    """Going on after an answer burdens the network for nothing."""
    waiting(target, LONGEST + LATE)
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    assert next_copy(target, LONGEST + LATE)[1] is None


@pytest.mark.requirement("MSG-450")
def test_acknowledgement_of_something_else_ends_nothing(target: Target, control: Control) -> None:
    """An attacker who guesses wrong must not stop what was sent."""
    waiting(target, LONGEST + LATE)
    request = asked(target, control)
    target.send(replace(Message(Type.ACK, Code.EMPTY, request.message_id), message_id=request.message_id ^ 0x8000))
    assert next_copy(target, LONGEST + LATE)[1] == request.encode()


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.datagram")
def test_client_that_waits_survives_noise(target: Target, control: Control, rng: random.Random) -> None:
    """What comes to a port that is open for an answer may be anything."""
    request = asked(target, control)
    target.send(Message(Type.ACK, Code.EMPTY, request.message_id))
    for length in (0, 1, 3, 4, 8, 64, 1024):
        target.send(rng.randbytes(length))
    target.until_probe_answered()
    ping = Message(Type.CON, Code.EMPTY, target.fresh_message_id())
    try:
        reply = target.reply_to(ping)
    except NotGiven as ended:
        raise Nonconformity("the client ended before it had its answer") from ended
    assert reply == Message(Type.RST, Code.EMPTY, ping.message_id)
