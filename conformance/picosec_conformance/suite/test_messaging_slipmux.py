"""Framing on a byte stream: damage costs the damaged frame, and the next one is read."""

from __future__ import annotations

import random

import pytest

from picosec.messaging import slipmux
from picosec.messaging.coap import Code, Message, Option, Type
from picosec_conformance.target import Target
from picosec_conformance.verdicts import Inconclusive

END, ESC = slipmux.END, slipmux.ESC
COAP = bytes([slipmux.COAP])


@pytest.fixture
def stream(target: Target) -> Target:
    """The target, on a link whose framing the suite can attack."""
    if target.framing != "slipmux":
        raise Inconclusive("this link has no framing to attack; certify slipmux as a program or over a serial line")
    return target


def command(target: Target) -> Message:
    """Return a request that would change something."""
    return target.build(Code.PUT, target.manifest.resources.put, b"written")


def framed(content: bytes) -> bytes:
    """Return a frame of any content, with a right frame check sequence."""
    return escaped(content + slipmux.frame_check_sequence(content))


def escaped(content: bytes) -> bytes:
    """Return a frame of any content, as it is."""
    return END + content.replace(ESC, slipmux.ESCAPED_ESC).replace(END, slipmux.ESCAPED_END) + END


def expect_dropped(target: Target, data: bytes) -> None:
    """Judge that bytes on the line bring forth nothing, change nothing, and do not spoil what comes next."""
    with target.expect_unchanged():
        assert target.replies_to_raw(data) == []


def echoed(target: Target, payload: bytes) -> bytes:
    """Return the payload that the target gives back after taking this one."""
    path = target.manifest.resources.put
    assert target.request(Code.PUT, path, payload).code == Code.CHANGED
    return target.request(Code.GET, path).payload


@pytest.mark.requirement("MSG-600")
def test_a_message_is_one_frame(stream: Target) -> None:
    """A ping and its answer, byte by byte: delimiters, 0xA9, the message, and a check that holds."""
    ping = Message(Type.CON, Code.EMPTY, stream.fresh_message_id())
    assert stream.replies_to_raw(slipmux.encode(ping.encode())) == [b"\x70\0" + ping.encode()[2:]]


@pytest.mark.requirement("MSG-600")
def test_frames_may_share_a_delimiter(stream: Target) -> None:
    """Between two frames one END is enough for a sender that saves bytes."""
    first, second = (Message(Type.CON, Code.EMPTY, stream.fresh_message_id()).encode() for _ in range(2))
    data = slipmux.encode(first) + slipmux.encode(second)[1:]
    assert stream.replies_to_raw(data) == [b"\x70\0" + first[2:], b"\x70\0" + second[2:]]


@pytest.mark.requirement("MSG-600")
@pytest.mark.needs("conformance.test-interface")
@pytest.mark.parametrize("size", [64, 256, 1000])
def test_a_long_message_is_one_frame_too(stream: Target, size: int) -> None:
    """A driver that sends what fits into its buffer makes two frames of one message, each of them in order."""
    assert echoed(stream, bytes(size)) == bytes(size)


@pytest.mark.requirement("MSG-600")
def test_a_frame_may_come_in_any_pieces(stream: Target) -> None:
    """More than any buffer holds at once, so that wherever a buffer ends, it ends inside of a frame."""
    asked = [stream.build(Code.GET, "/elsewhere", bytes(1000), kind=Type.NON) for _ in range(72)]
    burst = b"".join(slipmux.encode(message.encode()) for message in asked)
    replies = [stream.parse(data) for data in stream.replies_to_raw(burst)]
    assert [reply.token for reply in replies] == [message.token for message in asked]


@pytest.mark.requirement("MSG-610")
@pytest.mark.parametrize(
    "payload",
    [b"\xc0", b"\xdb", b"\xdb\xdc", b"\xdb\xdd", b"\xc0\xdb" * 20, b"\xdb\xc0", bytes(range(256)), b"\xc0" * 500],
    ids=lambda payload: f"{payload[:4].hex()}-{len(payload)}",
)
@pytest.mark.needs("conformance.test-interface")
def test_framing_bytes_inside_a_message_survive_both_ways(stream: Target, payload: bytes) -> None:
    """A measurement of 0xC0 must not end the frame that carries it."""
    assert echoed(stream, payload) == payload


@pytest.mark.requirement("MSG-610")
def test_framing_bytes_in_the_check_are_escaped_too(stream: Target) -> None:
    """The two bytes of the check take every value sooner or later: one answer in a hundred holds 0xC0 or 0xDB."""
    seen = set()
    for message_id in range(0x10000):
        answer = b"\x70\0" + message_id.to_bytes(2, "big")
        for byte in (0xC0, 0xDB):
            if byte in slipmux.frame_check_sequence(COAP + answer) and byte not in answer and byte not in seen:
                seen.add(byte)
                assert stream.replies_to(b"\x40\0" + answer[2:]) == [answer]
        if len(seen) == 2:
            return


@pytest.mark.requirement("MSG-630")
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_caught(stream: Target, bit: int, rng: random.Random) -> None:
    """Noise on the line turns "off" into "on": the check must notice wherever it strikes."""
    frame = bytearray(slipmux.encode(command(stream).encode()))
    position = rng.choice([at for at in range(2, len(frame) - 1) if frame[at] ^ 1 << bit not in (0xC0, 0xDB)])
    frame[position] ^= 1 << bit
    expect_dropped(stream, bytes(frame))


@pytest.mark.requirement("MSG-630")
@pytest.mark.parametrize(
    "form",
    [
        "missing",
        "zero",
        "not complemented",
        "swapped",
        "without 0xA9",
        "truncated",
        "first byte right",
        "second byte right",
    ],
)
def test_a_wrong_frame_check_sequence_is_caught(stream: Target, form: str) -> None:
    """The mistakes that implementations make: each would accept frames that nobody else sends."""
    content = COAP + command(stream).encode()
    fcs = slipmux.frame_check_sequence(content)
    wrong = {
        "missing": b"",
        "zero": b"\0\0",
        "not complemented": bytes(byte ^ 0xFF for byte in fcs),
        "swapped": fcs[::-1],
        "without 0xA9": slipmux.frame_check_sequence(content[1:]),
        "truncated": fcs[:1],
        "first byte right": fcs[:1] + bytes([fcs[1] ^ 1]),
        "second byte right": bytes([fcs[0] ^ 1]) + fcs[1:],
    }[form]
    expect_dropped(stream, escaped(content + wrong))


@pytest.mark.requirement("MSG-630")
@pytest.mark.parametrize("content", ["a9", "a900", "a9ff"])
def test_a_frame_without_room_for_the_check_is_dropped(stream: Target, content: str) -> None:
    """Whoever takes two bytes from the end of one reads what stood there before."""
    expect_dropped(stream, escaped(bytes.fromhex(content)))


@pytest.mark.requirement("MSG-640")
def test_an_aborted_frame_is_dropped(stream: Target) -> None:
    """The sender took the command back."""
    expect_dropped(stream, slipmux.encode(command(stream).encode())[:-1] + ESC + END)


@pytest.mark.requirement("MSG-640")
def test_a_frame_that_is_aborted_halfway_is_dropped(stream: Target) -> None:
    """Half a message, then a whole one: only the whole one is read."""
    half = slipmux.encode(command(stream).encode())[:10] + ESC + END
    ping = Message(Type.CON, Code.EMPTY, stream.fresh_message_id()).encode()
    with stream.expect_unchanged():
        assert stream.replies_to_raw(half + slipmux.encode(ping)) == [b"\x70\0" + ping[2:]]


@pytest.mark.requirement("MSG-650")
@pytest.mark.parametrize("byte", [0x00, 0x0A, 0xA9, 0xDA, 0xDB, 0xDE, 0xFF])
def test_an_escape_that_stands_for_nothing_spoils_its_frame(stream: Target, byte: int) -> None:
    """One receiver drops the escape, another the byte behind it: they would read two messages."""
    message = replace_payload(stream, bytes([byte]) * 3)
    frame = slipmux.encode(message)
    position = frame.index(bytes([byte]) * 3) + 1 if byte != 0xDB else frame.index(b"\xdb\xdd" * 3) + 2
    expect_dropped(stream, frame[:position] + ESC + frame[position:])


def replace_payload(target: Target, payload: bytes) -> bytes:
    """Return a request that would change something, with a payload that the framing is sensitive to."""
    options = ((Option.CONTENT_FORMAT, b"\x2a"),)
    return target.build(Code.PUT, target.manifest.resources.put, payload, options=options).encode()


@pytest.mark.requirement("MSG-660")
@pytest.mark.parametrize("first", [0x00, 0x01, 0x40, 0x45, 0x4F, 0x60, 0x6F, 0xA8, 0xAA, 0xFF])
def test_another_kind_of_frame_is_ignored(stream: Target, first: int) -> None:
    """IP packets, and what later versions add, share the line; none of it is a message of ours."""
    expect_dropped(stream, framed(bytes([first]) + command(stream).encode()))


@pytest.mark.requirement("MSG-660")
def test_a_bare_message_is_ignored(stream: Target) -> None:
    """Plain SLIP without kind and check is what a sender of the wrong protocol sends."""
    expect_dropped(stream, escaped(command(stream).encode()))


@pytest.mark.requirement("MSG-670")
@pytest.mark.parametrize("count", [1, 2, 100])
def test_empty_frames_are_ignored(stream: Target, count: int) -> None:
    """Senders wake a line with delimiters before they say anything."""
    expect_dropped(stream, END * count)


@pytest.mark.requirement("MSG-680")
@pytest.mark.parametrize("text", ["plain", "message", "frame"])
def test_diagnostics_are_not_messages(stream: Target, text: str) -> None:
    """A line of text for people must not become a command because of what it says."""
    message = command(stream).encode()
    content = {
        "plain": b"\nPUT on\n",
        "message": b"\n" + message,
        "frame": b"\n" + COAP + message + slipmux.frame_check_sequence(COAP + message),
    }[text]
    expect_dropped(stream, escaped(content))


@pytest.mark.requirement("MSG-690")
@pytest.mark.parametrize("size", [70_000, 200_000])
@pytest.mark.parametrize("filling", [b"\0", b"\xdb\xdc", b"\xdb"], ids=lambda filling: filling.hex())
def test_a_frame_that_does_not_end_costs_only_itself(stream: Target, size: int, filling: bytes) -> None:
    """A stuck line sends for minutes: when it ends, the target has its memory and its wits."""
    expect_dropped(stream, END + COAP + filling * (size // len(filling)) + END)


@pytest.mark.requirement("MSG-690")
@pytest.mark.parametrize("buffer", [1024, 1152, 1280, 1500])
def test_the_end_of_a_long_frame_is_not_a_frame(stream: Target, buffer: int) -> None:
    """A buffer that starts over when it is full holds, in its last lap, whatever the sender put there."""
    content = COAP + command(stream).encode()
    whole = content + slipmux.frame_check_sequence(content)
    expect_dropped(stream, escaped(bytes(64 * buffer) + whole))


@pytest.mark.requirement("MSG-630", "MSG-660")
def test_noise_on_the_line_costs_nothing_but_itself(stream: Target, rng: random.Random) -> None:
    """Whatever a line picks up while a plug is pulled and put back."""
    for _ in range(20):
        expect_dropped(stream, rng.randbytes(rng.randrange(1, 300)) + END)
