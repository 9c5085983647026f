"""Messages on connections, read for people: what they say, and where they stop being valid."""

from __future__ import annotations

import pytest

from picosec.messaging.coap import path_options
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec_conformance import wire

GET = StreamMessage(1, b"\x01\x02", path_options("/ps/info"))


def test_message_is_the_same_on_tcp_and_websocket() -> None:
    """A reader compares what the suite sent over two transports."""
    assert wire.summary(GET.encode(), "tcp") == "GET /ps/info token=0102"
    assert wire.summary(GET.encode_frame(), "websocket") == "GET /ps/info token=0102"
    assert wire.explain(GET.encode(), "tcp") == ["GET, token 0102", '  Uri-Path "ps"', '  Uri-Path "info"']


def test_signal_is_shown_with_its_own_options() -> None:
    """Option 2 is a size in one signal and custody in another."""
    csm = StreamMessage(Signal.CSM, b"", ((2, b"\x04\x80"), (4, b"")))
    ping = StreamMessage(Signal.PING, b"\x07", ((2, b""),))
    abort = StreamMessage(Signal.ABORT, b"", ((2, b"\x03"),), b"bad_option")

    assert wire.summary(csm.encode(), "tcp") == "CSM Max-Message-Size 1152 Block-Wise-Transfer"
    assert wire.summary(ping.encode_frame(), "websocket") == "Ping token=07 Custody"
    assert wire.summary(abort.encode(), "tcp") == 'Abort Bad-CSM-Option 3 "bad_option"'


@pytest.mark.parametrize(
    ("data", "layer", "words"),
    [
        (b"", "tcp", "no bytes are no message"),
        (b"\xd0", "tcp", "the message is cut short"),
        (b"\x30\x01", "tcp", "length 3, but 0 bytes follow"),
        (GET.encode() + b"x", "tcp", "length 8, but 9 bytes follow"),
        (GET.encode(), "websocket", "length 8, which is 0 on a WebSocket"),
        (b"\x0f\x01", "websocket", "token length 15 is reserved"),
    ],
)
def test_invalid_message_is_told_with_its_fault(data: bytes, layer: wire.LayerName, words: str) -> None:
    """Hostile frames are the ones that people have to read."""
    assert words in wire.summary(data, layer)
    assert any(line.startswith("!") and words in line for line in map(str.strip, wire.explain(data, layer)))


def test_raw_bytes_are_shown_as_they_are() -> None:
    """A message in pieces is nothing yet, and long attacks are cut."""
    assert wire.summary(b"\x00\xe1", "stream") == "00e1 2 raw bytes"
    assert wire.summary(bytes(100), "stream").endswith("… 100 raw bytes")
