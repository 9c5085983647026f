"""Sessions of the target as Responder: how they begin and end, how many there are, and what CoAP has to do with it."""

from __future__ import annotations

import random

import pytest

from picosec.channel.edhoc_error import ErrorMessage
from picosec.channel.edhoc_messages import encode_identifier
from picosec.messaging.cbor import dumps, loads
from picosec.messaging.coap import Code
from picosec.registry import CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EDHOC, Problem
from picosec_conformance.control import Control
from picosec_conformance.edhoc_peer import (
    HostileInitiator,
    HostileResponder,
    as_initiator,
    error_of,
    expect_ended,
    expect_error,
    expect_no_channel,
    meet,
    sent_by_target,
)
from picosec_conformance.handshake import PATH, TRUE, edhoc_request, message_of
from picosec_conformance.manifest import NotGiven
from picosec_conformance.target import Target

#: Seconds from message_1 to message_3: EXCHANGE_LIFETIME of RFC 7252.
LIFETIME = 247


def begun(target: Target, rng: random.Random) -> HostileInitiator:
    """Return an Initiator that has an honest message_2."""
    peer = HostileInitiator(target, meet(target, rng))
    peer.reach_2()
    return peer


@pytest.mark.requirement("CHN-540", "CHN-560")
def test_session_is_gone_after_a_refused_message_3(target: Target, control: Control, rng: random.Random) -> None:
    """An attacker guesses: each guess must cost a session, or short MACs would be guessed in the end."""
    peer = begun(target, rng)
    honest = peer.run.compose_message_3()
    forged = bytearray(honest)
    forged[-1] ^= 1
    expect_error(target, peer.send_3(bytes(forged)), Problem.AUTHENTICATION_FAILED)

    expect_error(target, peer.send_3(honest), Problem.UNEXPECTED_MESSAGE)

    expect_ended(control)


@pytest.mark.requirement("CHN-560")
def test_message_3_is_accepted_once(target: Target, control: Control, rng: random.Random) -> None:
    """A recorded message_3 is played again: a second channel with the same keys would repeat nonces."""
    peer = begun(target, rng)
    honest = peer.run.compose_message_3()
    accepted = peer.send_3(honest)
    assert accepted.code == Code.CHANGED

    with target.expect_unchanged():
        reply = peer.send_3(honest)
        if target.manifest.profile.plain and reply.code == Code.CHANGED:
            assert reply.payload == accepted.payload, "RFC 9528 section 7 allows a duplicate of the answer, no other"
            return
        expect_error(target, reply, Problem.UNEXPECTED_MESSAGE)

    assert control.state()[2] == 1


@pytest.mark.requirement("CHN-560")
@pytest.mark.parametrize("prefix", [b"\x00", b"\x37", b"\x40", b"\x42\xff\xff", b"\x58\x18" + bytes(24)])
def test_identifier_without_a_session_is_refused(
    target: Target, control: Control, rng: random.Random, prefix: bytes
) -> None:
    """Whoever sends message_3 to an identifier that names nothing must neither begin nor end anything."""
    if target.manifest.black_box and len(prefix) == 1:
        raise NotGiven("only the Test Interface could tell that no session is left from before")
    peer = begun(target, rng)
    if encode_identifier(peer.run.c_r) == prefix:
        prefix = b"\x17"
    honest = peer.run.compose_message_3()

    with target.expect_unchanged():
        expect_error(target, peer.send_behind(prefix, honest), Problem.UNEXPECTED_MESSAGE)

    assert peer.send_3(honest).code == Code.CHANGED


@pytest.mark.requirement("CHN-970")
@pytest.mark.parametrize("message", [b"\x01\x67refused", b"\x03\xf5", b"\x00\xf5"], ids=["1", "3", "0"])
def test_error_message_does_not_close_a_channel(
    target: Target, control: Control, rng: random.Random, message: bytes
) -> None:
    """Error messages are not authenticated: once the handshake is over, nobody may end anything with one."""
    peer = begun(target, rng)
    assert peer.send_3().code == Code.CHANGED

    with target.expect_unchanged():
        reply = peer.send_3(message, "error")

    assert reply.content_format != CONTENT_FORMAT_EDHOC
    assert control.state()[2] == 1


@pytest.mark.requirement("CHN-970")
@pytest.mark.parametrize("prefix", [b"\x37", b"\x42\xff\xff"], ids=["short", "long"])
def test_error_message_without_a_session_is_not_answered_with_one(
    target: Target, control: Control, rng: random.Random, prefix: bytes
) -> None:
    """RFC 9528 section 6: an error message answers any message but an error message."""
    if target.manifest.black_box and len(prefix) == 1:
        raise NotGiven("only the Test Interface could tell that no session is left from before")
    peer = begun(target, rng)
    if encode_identifier(peer.run.c_r) == prefix:
        prefix = b"\x17"

    with target.expect_unchanged():
        reply = peer.send_behind(prefix, ErrorMessage(1, "refused").encode(), "error")

    assert reply.content_format != CONTENT_FORMAT_EDHOC
    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-560")
def test_message_3_of_another_session_opens_nothing(target: Target, control: Control, rng: random.Random) -> None:
    """Two sessions at once; the attacker swaps their last messages."""
    parties = meet(target, rng)
    first, second = HostileInitiator(target, parties), HostileInitiator(target, parties)
    first.reach_2()
    second.reach_2()
    swapped = second.run.compose_message_3()

    expect_error(target, first.send_3(swapped), Problem.AUTHENTICATION_FAILED)

    expect_no_channel(control)
    assert second.send_3(swapped).code == Code.CHANGED


@pytest.mark.requirement("CHN-570")
def test_flood_of_sessions_stays_bounded_and_locks_nobody_out(
    target: Target, control: Control, rng: random.Random
) -> None:
    """Anyone can send message_1, at no cost: memory must stay bounded, and an honest peer still get in."""
    parties = meet(target, rng)
    early = HostileInitiator(target, parties)
    early.reach_2()
    attacker = HostileInitiator(target, parties)
    flood = attacker.run.compose_message_1()
    for _ in range(150):
        message_of(attacker.send_1(flood, note="flood"), plain=target.manifest.profile.plain)

    held = control.state()[3]
    late = HostileInitiator(target, parties)
    late.reach_2()

    assert held < 150
    assert late.send_3().code == Code.CHANGED
    error_of(early.send_3())


@pytest.mark.requirement("CHN-980")
def test_session_expires(target: Target, control: Control, rng: random.Random) -> None:
    """A session that somebody began and left must not lie around for ever."""
    peer = begun(target, rng)

    control.advance(LIFETIME + 1)

    assert control.state()[3] == 0
    expect_error(target, peer.send_3(), Problem.UNEXPECTED_MESSAGE)


@pytest.mark.requirement("CHN-1960")
def test_session_expires_in_silence(target: Target, control: Control, rng: random.Random) -> None:
    """The Initiator may have sent message_3 just now: an error message that crosses it ends what was complete."""
    begun(target, rng)

    assert control.advance(LIFETIME + 1) == []
    assert control.state()[3] == 0


@pytest.mark.requirement("CHN-1960")
def test_session_makes_room_in_silence(target: Target, rng: random.Random) -> None:
    """Whoever fills the table must not make the target write to those it throws out."""
    peer = begun(target, rng)

    for _ in range(40):
        assert len(target.replies(edhoc_request(target, TRUE, peer.run.compose_message_1()))) == 1


@pytest.mark.requirement("CHN-980")
def test_session_does_not_expire_early(target: Target, control: Control, rng: random.Random) -> None:
    """A slow radio takes its time; all of it is granted."""
    peer = begun(target, rng)

    control.advance(LIFETIME - 2)

    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-970")
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(ErrorMessage(1, "refused").encode(), id="unspecified"),
        pytest.param(ErrorMessage(3, True).encode(), id="unknown-credential"),
        pytest.param(b"\x18\x2a\xa0", id="unknown-code"),
        pytest.param(b"\x20\xf6", id="negative-code"),
    ],
)
def test_error_message_ends_the_session(target: Target, control: Control, rng: random.Random, message: bytes) -> None:
    """The Initiator gave up; an error message in return to one would go back and forth for ever."""
    peer = begun(target, rng)

    reply = peer.send_3(message, "error")

    assert reply.content_format != CONTENT_FORMAT_EDHOC
    expect_ended(control)
    expect_error(target, peer.send_3(), Problem.UNEXPECTED_MESSAGE)


# -- CoAP ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("CHN-940")
def test_messages_travel_in_post_and_changed(target: Target, rng: random.Random) -> None:
    """RFC 9528 appendix A.2: what carries each message, and in which format."""
    peer = HostileInitiator(target, meet(target, rng))
    second = peer.send_1()
    peer.read_2(second)
    last = peer.send_3()

    formats = (CONTENT_FORMAT_EDHOC, None) if target.manifest.profile.plain else (CONTENT_FORMAT_EDHOC,)
    assert (second.code, second.content_format in formats) == (Code.CHANGED, True)
    assert last.code == Code.CHANGED
    assert peer.message_4 or (last.payload, last.content_format) == (b"", None)


@pytest.mark.requirement("CHN-940")
def test_request_without_content_format_is_served(target: Target, rng: random.Random) -> None:
    """The payload says by itself what it is: there are clients that leave the option out."""
    peer = HostileInitiator(target, meet(target, rng))
    request = target.build(Code.POST, PATH, TRUE + peer.run.compose_message_1())

    peer.read_2(target.exchange(request))

    assert peer.send_3().code == Code.CHANGED


@pytest.mark.requirement("CHN-940", "CHN-010")
@pytest.mark.parametrize("prefix", ["f4", "f6", "61 00", "80", "a0", "18 18", "41 00", "ff"])
def test_request_without_true_or_identifier_is_refused(
    target: Target, control: Control, rng: random.Random, prefix: str
) -> None:
    """What stands before the message decides whose session it is: nothing else than the two forms may be taken for
    it.
    """
    peer = HostileInitiator(target, meet(target, rng))
    message = peer.run.compose_message_1()

    with target.expect_unchanged():
        expect_error(target, peer.send_behind(bytes.fromhex(prefix), message), Problem.MALFORMED)


@pytest.mark.requirement("CHN-030")
@pytest.mark.parametrize("identifier", [b"\xff\xff", bytes(23)], ids=len)
def test_identifier_with_a_longer_length_is_refused(
    target: Target, control: Control, rng: random.Random, identifier: bytes
) -> None:
    """The identifier before the message has one encoding only, too."""
    peer = begun(target, rng)

    with target.expect_unchanged():
        reply = peer.send_behind(bytes((0x58, len(identifier))) + identifier, peer.run.compose_message_3())
        expect_error(target, reply, Problem.NOT_DETERMINISTIC)


@pytest.mark.requirement("CHN-960")
@pytest.mark.parametrize("content_format", [0, CONTENT_FORMAT_CBOR, CONTENT_FORMAT_EDHOC, 66])
def test_other_content_format_is_refused(
    target: Target, control: Control, rng: random.Random, content_format: int
) -> None:
    """Content-Format 64 says that no identifier stands in front: such a message has no session that it belongs to."""
    peer = HostileInitiator(target, meet(target, rng))
    payload = TRUE + peer.run.compose_message_1()

    with target.expect_unchanged():
        reply = target.request(Code.POST, PATH, payload, content_format=content_format)
        target.expect_refusal(reply, Code.UNSUPPORTED_CONTENT_FORMAT, Problem.UNSUPPORTED_FORMAT)


@pytest.mark.requirement("CHN-530")
def test_error_messages_come_in_error_responses(target: Target, control: Control, rng: random.Random) -> None:
    """A client that looks at the response code alone must not take a refusal for a success."""
    peer = HostileInitiator(target, meet(target, rng))
    for message in (b"\x04\x02\x40\x00", b"\x03\x09\x40\x00", b"\xff"):
        error_of(peer.send_1(message))


@pytest.mark.requirement("CHN-950")
def test_initiator_begins_behind_true_and_goes_on_behind_the_identifier(
    target: Target, control: Control, rng: random.Random
) -> None:
    """The server finds the session by what stands in front, whichever identifier it chose."""
    for c_r in (b"\x00", b"\x17", b"\x20", b"\x37", b"\x18", b"\xff", b"", b"\x00\x01"):
        control.reset(rng.randbytes(32))
        peer = HostileResponder(target, control, meet(target, rng, **as_initiator()), c_r)
        peer.wait_1()
        if peer.run.c_i == c_r:
            continue
        peer.send_2()
        peer.wait_3()
        peer.send_4(b"", "end of the handshake")
        target.until_probe_answered()
        assert control.event("channel")


# -- message_4 -------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("CHN-580")
@pytest.mark.needs("channel.edhoc.responder")
def test_responder_confirms_with_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """The Initiator learns that the Responder has the same keys."""
    peer = HostileInitiator(target, meet(target, rng, message_4=True))
    peer.reach_2()

    reply = peer.send_3()

    with sent_by_target("message_4"):
        assert peer.run.read_message_4(message_of(reply, plain=target.manifest.profile.plain)) == b""
    assert control.state()[2] == 1


@pytest.mark.requirement("CHN-580")
@pytest.mark.needs("channel.edhoc.responder")
def test_forged_message_3_brings_no_message_4(target: Target, control: Control, rng: random.Random) -> None:
    """Key confirmation is for who proved to be somebody."""
    peer = HostileInitiator(target, meet(target, rng, message_4=True))
    peer.reach_2()
    content = bytearray(loads(peer.run.compose_message_3()))
    content[0] ^= 1

    expect_error(target, peer.send_3(dumps(bytes(content))), Problem.AUTHENTICATION_FAILED)

    expect_ended(control)


@pytest.mark.requirement("CHN-940")
def test_new_session_needs_no_memory_of_the_request(target: Target, control: Control, rng: random.Random) -> None:
    """The same Initiator begins anew while its first session is still open: both can be completed."""
    parties = meet(target, rng)
    first, second = HostileInitiator(target, parties), HostileInitiator(target, parties)
    first.reach_2()
    second.reach_2()

    assert second.send_3().code == Code.CHANGED
    assert first.send_3().code == Code.CHANGED
    assert control.state()[2] == 2
