"""The layers as tools of attack: a field that is given goes on the wire as it is, the rest is computed."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import Message
from picosec_conformance.wire.coap import CoAP, Option, OscoreOption, Payload, option, options
from picosec_conformance.wire.edhoc import Ead, Error, Message1, Raw
from picosec_conformance.wire.slipmux import Slipmux, fcs16


def test_well_formed_message_is_what_the_reference_encodes() -> None:
    """The layers agree with the reference before they start to disagree on purpose."""
    pairs = ((3, b"host"), (11, b"ps"), (11, b"info"), (12, b"\x3c"), (292, b"t" * 300), (2053, b""))
    message = Message(0, 1, 0x1234, b"\xa1\xa2", pairs, b"\x00")

    built = CoAP(type=0, code=1, message_id=0x1234, token=b"\xa1\xa2", options=options(*pairs)) / Payload(data=b"\x00")

    assert bytes(built) == message.encode()
    assert Message.decode(bytes(built)) == message


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (CoAP(version=2, message_id=1), "80000001"),
        (CoAP(token_length=9, code=1, message_id=1), "49010001"),
        (CoAP(token_length=4, token=b"\x01", code=1), "4401000001"),
        (CoAP(code=1, options=[Option(delta=15, length=0)]), "40010000f0"),
        (CoAP(code=1, options=[option(11, b"ps", length=40)]), "40010000bd1b7073"),
        (CoAP(code=1) / Payload(), "40010000ff"),
        (Message1(method=Raw(b"\x18\x03"), g_x=b"", c_i=0), "1803024000"),
        (Message1(method=3, suites_i=[1, 2], g_x=b"x", c_i=-24) / Ead(label=-1), "03820102417837" + "20"),
        (Error(code=2, info=[2, 3]), "02820203"),
        (OscoreOption(has_kid=1, piv=b"\x05", kid=b"\x01"), "090501"),
        (OscoreOption(piv_length=7, piv=b"\x05"), "0705"),
        (OscoreOption(has_kid_context=1, has_kid=1, piv=b"\x14", kid_context=b"Data"), "19140444617461"),
    ],
)
def test_lies_are_kept(packet: object, encoded: str) -> None:
    """A hostile peer writes lengths, versions and items that no encoder would."""
    assert bytes(packet).hex() == encoded  # type: ignore[call-overload]


def test_frame_check_sequence_is_that_of_rfc_1662() -> None:
    """The check value of CRC-16/X-25 is published."""
    assert fcs16(b"123456789") == 0x906E


@pytest.mark.parametrize("message", [b"", b"\xc0\xdb\xdc\xdd", bytes(range(256))])
def test_slipmux_frame_escapes_and_comes_back(message: bytes) -> None:
    """END and ESC inside a message must not end the frame."""
    frame = bytes(Slipmux(message=message))

    assert frame[0] == frame[-1] == 0xC0
    assert 0xC0 not in frame[1:-1]
    assert Slipmux(frame).message == message


def test_slipmux_frame_can_be_wrong_or_open() -> None:
    """Line noise and a peer that stops in the middle of a frame."""
    right = bytes(Slipmux(message=b"\x40\x00\x00\x01"))

    assert bytes(Slipmux(message=b"\x40\x00\x00\x01", fcs=0)) != right
    assert bytes(Slipmux(message=b"\x40\x00\x00\x01", end=b"")) == right[:-1]
