"""Frames explained: every layer by example, agreement with the reference, and no input that breaks the report."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message
from picosec_conformance import wire
from picosec_conformance.wire.coap import CoAP, Payload, options
from picosec_conformance.wire.slipmux import Slipmux

EDHOC_PATH = ((11, b".well-known"), (11, b"edhoc"))
KEY = bytes(range(32))
MESSAGE_1 = b"\x03\x82\x06\x02\x58\x20" + KEY + b"\x37"
PROBLEM = bytes.fromhex("a2") + b"\x20\x68replayed" + bytes.fromhex("19fde8a10016")


def coap(code: int, *pairs: tuple[int, bytes], payload: bytes = b"", type_: int = 0) -> bytes:
    """Return a message with message id 0x12 and token a1."""
    packet = CoAP(type=type_, code=code, message_id=0x12, token=b"\xa1", options=options(*pairs))
    return bytes(packet / Payload(data=payload) if payload else packet)


SUMMARIES = [
    (coap(1, (11, b"ps"), (11, b"info")), "CON GET /ps/info mid=0x0012 token=a1"),
    (coap(1, (11, b"a"), (15, b"x=1"), (15, b"y")), "CON GET /a?x=1&y mid=0x0012 token=a1"),
    (bytes.fromhex("40000007"), "CON Empty mid=0x0007"),
    (bytes.fromhex("70000007"), "RST Empty mid=0x0007"),
    (coap(0x45, payload=b"abc", type_=2), 'ACK 2.05 Content mid=0x0012 token=a1 "abc"'),
    (coap(2, (12, b"\x3c"), payload=b"\x82\x64ping\xa0"), 'CON POST / mid=0x0012 token=a1 ["ping", {}]'),
    (coap(2, (12, b"\x3c"), payload=b"\x58\x28" + bytes(40)), "CON POST / mid=0x0012 token=a1 42 bytes"),
    (coap(0x81, (12, b"\x01\x01"), payload=PROBLEM, type_=2), "ACK 4.01 Unauthorized mid=0x0012 token=a1 replayed"),
    (coap(2, (9, b"\x09\x05\x01"), payload=b"12345678"), "CON POST / mid=0x0012 token=a1 OSCORE kid=01 piv=5 8 bytes"),
    (coap(0x44, (9, b""), payload=b"12345678"), "CON 2.04 Changed mid=0x0012 token=a1 OSCORE 8 bytes"),
    (
        coap(2, *EDHOC_PATH, (12, b"\x41"), payload=b"\xf5" + MESSAGE_1),
        "CON POST /.well-known/edhoc mid=0x0012 token=a1 EDHOC message_1 40 bytes",
    ),
    (
        coap(2, *EDHOC_PATH, (12, b"\x41"), payload=b"\x2b\x58\x58" + bytes(88)),
        "CON POST /.well-known/edhoc mid=0x0012 token=a1 EDHOC message_3 91 bytes",
    ),
    (
        coap(0x44, (12, b"\x40"), payload=b"\x58\x2b" + bytes(43)),
        "CON 2.04 Changed mid=0x0012 token=a1 EDHOC message_2 45 bytes",
    ),
    (
        coap(0x44, (12, b"\x40"), payload=b"\x48" + bytes(8)),
        "CON 2.04 Changed mid=0x0012 token=a1 EDHOC message_4 9 bytes",
    ),
    (coap(0x80, (12, b"\x40"), payload=b"\x02\x02"), "CON 4.00 Bad Request mid=0x0012 token=a1 EDHOC error 2 bytes"),
    (bytes.fromhex("490100aa"), "CON GET / mid=0x00aa invalid: token length 9 is reserved"),
    (b"\x40", "invalid: a CoAP message has at least 4 bytes, this has 1"),
]


@pytest.mark.parametrize(("frame", "line"), SUMMARIES)
def test_summary_names_what_matters(frame: bytes, line: str) -> None:
    """The line on an arrow of the sequence picture."""
    assert wire.summary(frame) == line


PUBLISHED = [
    (  # RFC 8613 appendix C.4
        "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e",
        "coap",
        "CON POST / mid=0x5d1f token=00003974 OSCORE kid=empty piv=20 13 bytes",
    ),
    (  # RFC 8613 appendix C.7
        "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106",
        "coap",
        "ACK 2.04 Changed mid=0x5d1f token=00003974 OSCORE 22 bytes",
    ),
    (  # RFC 9529 section 2.1
        "0000582031f82c7b5b9cbbf0f194d913cc12ef1532d328ef32632a4881a1c0701e237f042d",
        "edhoc",
        "EDHOC message_1 37 bytes",
    ),
]


@pytest.mark.parametrize(("frame", "layer", "line"), PUBLISHED)
def test_published_messages_are_recognised(frame: str, layer: wire.LayerName, line: str) -> None:
    """What others sent, not what we built."""
    data = bytes.fromhex(frame)

    assert wire.detect(data) == layer
    assert wire.summary(data, layer) == line
    assert not any(one.wrong for one in wire.lines(data, layer))


def text_of(frame: bytes, layer: wire.LayerName = "coap") -> list[str]:
    return [line.strip() for line in wire.explain(frame, layer)]


def test_options_and_cbor_payload_are_decoded() -> None:
    """A reader should not need a second tool."""
    lines = text_of(
        coap(0x45, (4, b"\xe1"), (12, b"\x3c"), (14, b"\x3c"), (65001, b"\x01"), payload=b"\xa1\x00\x18\x01")
    )

    assert "ETag e1" in lines
    assert "Content-Format 60 application/cbor" in lines
    assert "Max-Age 60" in lines
    assert "option 65001 (critical) 01" in lines
    assert "{0: 1_0}" in lines
    assert "! not deterministic: an argument longer than needed at byte 2" in lines


def test_long_collection_is_spread_over_lines() -> None:
    """Forty features on one line are not readable."""
    features = bytes([0x84]) + b"".join(bytes([0x78, 30]) + bytes([65 + n]) * 30 for n in range(4))

    lines = wire.explain(b"\xa1\x64name" + features, "cbor")

    assert lines[:2] == ["map of 1", '  "name": array of 4']
    assert len(lines) == 6


def test_edhoc_message_is_named_field_by_field() -> None:
    """Whoever debugs a handshake looks for the suite that was selected."""
    lines = text_of(coap(2, *EDHOC_PATH, (12, b"\x41"), payload=b"\xf5" + MESSAGE_1 + b"\x22\x41\x07"))

    for expected in (
        "prefix true: a new session",
        "METHOD 3 (static Diffie-Hellman, static Diffie-Hellman)",
        "SUITES_I [6, 2], selects 2",
        f"G_X {KEY.hex()}",
        "C_I -24",
        "EAD label -3 (critical)",
        "EAD value h'07'",
    ):
        assert expected in lines


def test_edhoc_with_the_first_request_shows_both_parts() -> None:
    """RFC 9668 puts message_3 in front of the protected request."""
    lines = text_of(coap(2, (9, b"\x09\x00\x01"), (21, b""), payload=b"\x52" + bytes(18) + b"\x01" * 10))

    assert "EDHOC CIPHERTEXT_3, 19 bytes with its head" in lines
    assert "OSCORE ciphertext and tag, 10 bytes" in lines


def test_problem_details_show_the_registered_error() -> None:
    """Problem 22 tells nobody anything."""
    lines = text_of(coap(0x81, (12, b"\x01\x01"), payload=PROBLEM))

    assert 'title "replayed"' in lines
    assert "PicoSec error replayed: the sequence number was used before" in lines


def test_slipmux_line_shows_frames_and_their_check_sequence() -> None:
    """A stream may hold several frames, diagnostic text between them, and a broken one."""
    good = bytes(Slipmux(message=coap(1)))
    stream = good + b"\x0ahello\xc0" + bytes(Slipmux(message=coap(1), fcs=0xBEEF)) + b"\xa9\x40\xdb"

    lines = text_of(stream, "slipmux")

    assert lines.count("CON GET, message id 0x0012, token a1") == 2
    assert '"hello"' in lines
    assert any(line.startswith("! frame check sequence 0xbeef, but") for line in lines)
    assert "! the frame is not closed by END (0xc0)" in lines
    assert any(line.startswith("! an escape that is none at byte") for line in lines)


@pytest.mark.parametrize(
    ("frame", "wrong"),
    [
        ("00010001", "CoAP version 0, not 1"),
        ("4401000101", "a token of 4 bytes, but 1 follow"),
        ("40010001b5", "an option of 5 bytes, but 0 follow"),
        ("40010001f0", "an option with the reserved nibble 15"),
        ("40010001d0", "the data ends inside an option delta"),
        ("400100010e01", "the data ends inside an option length"),
        ("40010001e0ffff", "an option number above 65535"),
        ("40010001ff", "a payload marker without a payload"),
        ("4000000100", "an Empty message with bytes behind its header"),
        ("40e00001", "code class 7 is reserved"),
    ],
)
def test_place_where_a_message_stops_being_valid_is_shown(frame: str, wrong: str) -> None:
    """The line with the exclamation mark is what the engineer needs first."""
    assert f"! {wrong}" in text_of(bytes.fromhex(frame))


@pytest.mark.parametrize(
    ("frame", "layer"),
    [
        (coap(1, (11, b"ps")).hex(), "coap"),
        ("40010001", "coap"),
        (bytes(Slipmux(message=coap(1))).hex(), "slipmux"),
        (bytes(Slipmux(message=coap(1))).hex()[2:], "slipmux"),
        ((b"\xf5" + MESSAGE_1).hex(), "edhoc"),
        ("52" + "33" * 18, "edhoc"),
        ("582b" + "77" * 43, "edhoc"),
        ("01626e6f", "edhoc"),
        ("a10102", "cbor"),
        ("f6", "cbor"),
        ("c074323031332d30332d32315432303a30343a30305a", "cbor"),
        ("4001", "cbor"),
        ("41010001a1ff", "coap"),
    ],
)
def test_layer_is_found_out(frame: str, layer: str) -> None:
    """Who has only the bytes does not know the layer either."""
    assert wire.detect(bytes.fromhex(frame)) == layer


LAYERS: tuple[wire.LayerName, ...] = ("coap", "slipmux", "edhoc", "oscore", "object", "cbor")
FRAMES = (
    st.binary(max_size=120)
    | st.binary(max_size=9).map(b"\xa9".__add__)
    | st.builds(
        lambda frame, at, value: frame[:at] + bytes([value]) + frame[at + 1 :],
        st.sampled_from([frame for frame, _ in SUMMARIES]),
        st.integers(0, 100),
        st.integers(0, 255),
    )
)


@pytest.mark.parametrize("layer", LAYERS)
@given(data=FRAMES)
def test_no_bytes_break_the_decoder(layer: wire.LayerName, data: bytes) -> None:
    """The report of a failing test is written from what a hostile or broken target sent."""
    lines = wire.lines(data, layer)
    texts = [wire.summary(data, layer), *(line.text for line in lines)]

    assert wire.detect(data) in LAYERS
    assert lines or not data
    assert all(text.isprintable() for text in texts)


@given(FRAMES)
@example(bytes.fromhex("40010001e0fef2"))
def test_what_the_reference_refuses_is_what_the_decoder_calls_wrong(data: bytes) -> None:
    """Two independent readings of RFC 7252 section 3."""
    try:
        message = Message.decode(data)
    except ProtocolError:
        assert "invalid: " in wire.summary(data)
    else:
        assert "invalid: " not in wire.summary(data)
        packet = CoAP(data)
        assert (packet.token, packet.code) == (message.token, message.code)
        assert [one.value for one in packet.options] == [value for _, value in message.options]


def test_text_of_a_peer_cannot_steer_the_terminal() -> None:
    """A target puts an escape sequence into a path or a payload to forge the verdict on the screen."""
    attack = "\x1b[2J\x9b0m\u202eCERTIFIED".encode()

    shown = "".join(wire.explain(coap(1, (11, attack), payload=attack))) + wire.summary(coap(1, (11, attack)))

    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf"}


def test_a_datagram_full_of_options_is_read_as_far_as_people_read() -> None:
    """A hostile frame holds 65,000 options; the report on the test that sent it must still be written."""
    shown = wire.explain(bytes.fromhex("40010001") + bytes(65000))

    assert len(shown) < 1100
    assert "more options" in shown[-1]
    assert len(wire.lines(bytes.fromhex("40010001") + bytes(500) + b"\xff1", "coap")) > 500
