"""CoAP messages that are not what they should be: reset when they are confirmable, met with silence otherwise."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, Message, Type
from picosec_conformance.control import Control
from picosec_conformance.target import Target


def good(target: Target) -> bytes:
    """Return a confirmable GET that the target answers, with a token of four bytes."""
    return target.build(Code.GET, target.manifest.resources.get).encode()


def header(data: bytes, *, first: int | None = None, code: int | None = None) -> bytes:
    """Return a message with its first byte or its code replaced."""
    return bytes([data[0] if first is None else first, data[1] if code is None else code]) + data[2:]


def with_token_length(data: bytes, length: int) -> bytes:
    """Return a message that announces this token length, and has a token of it."""
    return bytes([data[0] & 0xF0 | length]) + data[1:4] + bytes(length) + data[8:]


def of_type(data: bytes, kind: int) -> bytes:
    """Return a message with another type."""
    return bytes([data[0] & 0xCF | kind << 4]) + data[1:]


def expect_reset(target: Target, data: bytes) -> None:
    """Judge that a message is answered by a reset of its id, changes nothing and leaves the target alive."""
    with target.expect_unchanged():
        reply = target.reply_to(data)
    assert reply == Message(Type.RST, Code.EMPTY, int.from_bytes(data[2:4], "big"))


def expect_silence(target: Target, data: bytes) -> None:
    """Judge that a message is not answered at all, changes nothing and leaves the target alive.

    A plain stack may reset a non-confirmable message that it rejects (RFC 7252, Section 4.3).
    """
    with target.expect_unchanged():
        replies = target.replies_to(data)
        if target.manifest.profile.plain and data[:1] and data[0] >> 4 & 3 == Type.NON:
            replies = [reply for reply in replies if reply != b"\x70\0" + data[2:4]]
        assert replies == []


def late_response(target: Target, control: Control) -> bytes:
    """Make the target send a confirmable message that waits for its acknowledgement, and return it."""
    target.replies_to(target.build(Code.GET, target.manifest.resources.slow))
    (response,) = control.advance(1.0)
    return response


@pytest.mark.requirement("MSG-200")
@pytest.mark.parametrize("version", [0, 2, 3])
@pytest.mark.parametrize("kind", list(Type), ids=lambda kind: kind.name)
def test_another_version_is_ignored(target: Target, version: int, kind: Type) -> None:
    """What the bytes of another version mean is unknown, so even a reset may say the wrong thing."""
    data = of_type(good(target), kind)
    expect_silence(target, header(data, first=data[0] & 0x3F | version << 6))


@pytest.mark.requirement("MSG-210")
@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_datagram_without_a_whole_header_is_ignored(target: Target, length: int) -> None:
    """A reader that takes the message id from behind the datagram tells what lies in its memory."""
    expect_silence(target, good(target)[:length])
    expect_silence(target, b"\x40\0\0"[:length])  # with zeros behind it, this would be a ping


@pytest.mark.requirement("MSG-220")
@pytest.mark.parametrize("length", range(9, 16))
def test_token_lengths_above_eight_are_malformed(target: Target, length: int) -> None:
    """Fifteen bytes into a buffer of eight is how a token overwrites what stands behind it."""
    expect_reset(target, with_token_length(good(target), length))


@pytest.mark.requirement("MSG-230")
@pytest.mark.parametrize("tail", ["ff00", "b161", "00", "c0ffee"])
def test_an_empty_message_with_bytes_behind_it_is_malformed(target: Target, tail: str) -> None:
    """A ping with luggage: one reader drops it, another delivers it. It is reset as a ping is, and no more."""
    ping = Message(Type.CON, Code.EMPTY, target.fresh_message_id()).encode()
    expect_reset(target, ping + bytes.fromhex(tail))


@pytest.mark.requirement("MSG-230")
@pytest.mark.parametrize("kind", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
@pytest.mark.parametrize(("token_length", "tail"), [(0, "ff00"), (0, "00"), (4, "00000000"), (1, "")])
def test_an_acknowledgement_with_luggage_counts_for_nothing(
    target: Target, control: Control, kind: Type, token_length: int, tail: str
) -> None:
    """It must not be taken for the empty one that it begins with: what it would acknowledge is sent again."""
    response = late_response(target, control)
    expect_silence(target, bytes([0x40 | kind << 4 | token_length, 0]) + response[2:4] + bytes.fromhex(tail))
    assert control.advance(3.01) == [response]


@pytest.mark.requirement("MSG-240")
@pytest.mark.parametrize("code", [0x20, 0x21, 0x3F, 0xC0, 0xC1, 0xE0, 0xE1, 0xFF])
def test_reserved_code_classes_are_malformed(target: Target, code: int) -> None:
    """Class 7 belongs to reliable transports: a release signal on a datagram must not end anything."""
    expect_reset(target, header(good(target), code=code))


@pytest.mark.requirement("MSG-240")
@pytest.mark.needs("messaging.client")
@pytest.mark.parametrize("code", [0x20, 0x3F, 0xC0, 0xE1, 0xFF])
def test_a_response_of_a_reserved_class_is_no_response(target: Target, control: Control, code: int) -> None:
    """What cannot be told for success or failure must not end the request."""
    control.act("request", {1: int(Code.GET), 2: "/x"})
    request = target.receive("a request")
    strange = Message(Type.ACK, code, request.message_id, request.token, (), b"strange")
    expect_silence(target, strange.encode())
    target.send(replace(strange, code=Code.CONTENT, payload=b"answer"))
    target.until_probe_answered()
    assert [event.fields[2] for event in control.events()] == [b"answer"]


@pytest.mark.requirement("MSG-250")
@pytest.mark.parametrize("option", ["f0", "f161", "fe0000", "bf", "bf61", "0f"])
def test_the_nibble_15_is_malformed(target: Target, option: str) -> None:
    """One reader takes 15 for a length, another for the end of the options: each sees another request."""
    expect_reset(target, good(target) + bytes.fromhex(option) + bytes(16))


@pytest.mark.requirement("MSG-260")
@pytest.mark.parametrize("length", range(4, 8))
def test_a_token_that_is_cut_short_is_malformed(target: Target, length: int) -> None:
    """A reader that takes four bytes where there are three answers with a byte of its own memory."""
    expect_reset(target, good(target)[:length])


@pytest.mark.requirement("MSG-260")
@pytest.mark.parametrize(
    "option", ["01", "0261", "0d", "0e", "0e00", "d0", "e0", "e000", "0dff61", "0effff61", "0efef3", "dd0000"]
)
def test_an_option_that_is_cut_short_is_malformed(target: Target, option: str) -> None:
    """Lengths up to 65,804 bytes in a datagram of twenty: each must be held against what is there."""
    expect_reset(target, good(target) + bytes.fromhex(option))


@pytest.mark.requirement("MSG-270")
def test_a_payload_marker_without_payload_is_malformed(target: Target) -> None:
    """The marker announces at least one byte; a reader that takes the next one has left the datagram."""
    expect_reset(target, good(target) + b"\xff")


@pytest.mark.requirement("MSG-280")
@pytest.mark.parametrize("options", ["e0fef3", "e0ffff", "e0fef210", "e0fff0" + "e0fff0"])
def test_option_numbers_do_not_wrap_around(target: Target, options: str) -> None:
    """65,547 is not 11: a number that overflows turns an unknown option into a path that no check has seen."""
    data = Message(Type.CON, Code.GET, target.fresh_message_id(), target.fresh_token()).encode()
    expect_reset(target, data + bytes.fromhex(options))


def faults(data: bytes) -> dict[str, bytes]:
    """Return one message for each way of being malformed, made from a good one."""
    return {
        "token length": with_token_length(data, 9),
        "class": header(data, code=0xC1),
        "nibble": data + b"\xf0",
        "cut short": data + b"\x0d",
        "marker": data + b"\xff",
        "number": data + bytes.fromhex("e0ffff"),
        "empty": data[:1] + b"\0" + data[2:],
    }


#: The standard leaves open what becomes of an option number that is too large.
FAULTS = [pytest.param(name, marks=pytest.mark.beyond) if name == "number" else name for name in faults(bytes(12))]


@pytest.mark.requirement("MSG-290")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_confirmable_message_is_reset(target: Target, fault: str) -> None:
    """Its sender stops at once instead of repeating for a minute what will never be understood."""
    expect_reset(target, faults(good(target))[fault])


@pytest.mark.requirement("MSG-290")
def test_each_copy_of_a_malformed_message_is_reset(target: Target) -> None:
    """The reset may be lost too; nothing is remembered about the message."""
    data = good(target) + b"\xff"
    expect_reset(target, data)
    expect_reset(target, data)


@pytest.mark.requirement("MSG-300")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", [Type.NON, Type.ACK, Type.RST], ids=lambda kind: kind.name)
def test_any_other_malformed_message_is_ignored(target: Target, fault: str, kind: Type) -> None:
    """Two endpoints that reset each other's resets never stop."""
    expect_silence(target, of_type(faults(good(target))[fault], kind))


@pytest.mark.requirement("MSG-300", "MSG-290")
def test_noise_is_reset_or_ignored_and_nothing_else(target: Target, rng: random.Random) -> None:
    """Fifty datagrams of random bytes: what cannot be a request of ours is not answered as one."""
    with target.expect_unchanged():
        for _ in range(50):
            data = bytes([0x40 | rng.randrange(64), 0xC0 | rng.randrange(64)]) + rng.randbytes(rng.randrange(2, 60))
            replies = target.replies_to(data)
            kind, reset = data[0] >> 4 & 3, [b"\x70\0" + data[2:4]]
            allowed = [reset] if kind == Type.CON else [[]]
            if target.manifest.profile.plain and kind == Type.NON:
                allowed.append(reset)
            assert replies in allowed


@pytest.mark.requirement("MSG-370")
@pytest.mark.parametrize("message_id", [0, 1, 0x7FFF, 0xFFFF])
def test_a_ping_is_answered(target: Target, message_id: int) -> None:
    """Whoever wants to know whether a device is there must not have to ask it for anything."""
    expect_reset(target, Message(Type.CON, Code.EMPTY, message_id).encode())


@pytest.mark.requirement("MSG-380")
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Type.NON, Code.EMPTY),
        (Type.ACK, Code.GET),
        (Type.ACK, Code.PUT),
        (Type.ACK, 0x1F),
        (Type.RST, Code.GET),
        (Type.RST, Code.CONTENT),
        (Type.RST, Code.NOT_FOUND),
    ],
)
def test_a_meaningless_combination_is_ignored(target: Target, kind: Type, code: int) -> None:
    """A request that rides on an acknowledgement would be served without anyone having to show that it is there."""
    message = Message(kind, code, target.fresh_message_id())
    if code:
        request = target.build(Code.PUT, target.manifest.resources.put, b"smuggled")
        message = replace(request, type=kind, code=code)
    expect_silence(target, message.encode())


@pytest.mark.requirement("MSG-380")
@pytest.mark.parametrize(
    ("kind", "code"),
    [(Type.NON, Code.EMPTY), (Type.ACK, Code.GET), (Type.RST, Code.GET), (Type.RST, Code.BAD_REQUEST)],
)
def test_a_meaningless_combination_ends_nothing(target: Target, control: Control, kind: Type, code: int) -> None:
    """A type that fits is not enough: whoever forges an error onto a reset must not silence the server."""
    response = late_response(target, control)
    expect_silence(target, Message(kind, code, int.from_bytes(response[2:4], "big")).encode())
    assert control.advance(3.01) == [response]


@pytest.mark.requirement("MSG-380")
@pytest.mark.parametrize("kind", [Type.ACK, Type.RST], ids=lambda kind: kind.name)
def test_an_answer_to_nothing_is_ignored(target: Target, kind: Type, rng: random.Random) -> None:
    """An attacker who guesses message ids must not learn from the reaction which one was near."""
    for _ in range(10):
        expect_silence(target, Message(kind, Code.EMPTY, rng.randrange(1 << 16)).encode())
