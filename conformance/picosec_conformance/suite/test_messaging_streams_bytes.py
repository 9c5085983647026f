"""Connections: what the bytes on them mean, and which end them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from picosec.messaging.coap import Code, encode_options
from picosec.messaging.stream_message import (
    Signal,
    StreamMessage,
)
from picosec_conformance.connections import CSM, aborted, as_sent, info
from picosec_conformance.settings import CONTROL
from picosec_conformance.target import Target

STORE = "/ps/test/store"


@pytest.mark.requirement("MSG-1070")
@pytest.mark.needs("messaging.stream")
def test_length_counts_what_follows_the_token(target: Target, rng: random.Random) -> None:
    """A length that is wrong by one makes the next message garbage."""
    for payload in (b"", b"x", rng.randbytes(20), rng.randbytes(300)):
        if payload:
            target.request(Code.PUT, target.manifest.resources.protected_get, payload)
        target.request(Code.GET, target.manifest.resources.get)
        target.request(Code.GET, "/no/such/path")

        assert target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1070")
@pytest.mark.needs("messaging.stream", CONTROL)
@pytest.mark.parametrize("around", [13, 269])
def test_length_is_right_where_its_form_changes(target: Target, rng: random.Random, around: int) -> None:
    """12, 13, 268 and 269 bytes are each the first or last of their kind; off by one, and nothing behind is read."""
    target.request(Code.PUT, STORE, b"")
    rest = len(encode_options(target.request(Code.GET, STORE).options, b""))
    for payload in range(max(0, around - rest - 4), around - rest + 3):
        body = rng.randbytes(payload)
        target.request(Code.PUT, STORE, body)

        assert target.request(Code.GET, STORE).payload == body
    assert target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1070", "MSG-1080")
@pytest.mark.needs("messaging.stream", CONTROL)
@pytest.mark.parametrize("length", range(9))
def test_token_of_any_length_stands_before_any_body(target: Target, rng: random.Random, length: int) -> None:
    """Where a message ends depends on both lengths: most clients have four bytes of token, and short requests."""
    for size in (1, 12, 40, 300):
        body = rng.randbytes(size)
        put = replace(target.build(Code.PUT, STORE, body), token=rng.randbytes(length))
        assert target.exchange(put).code == Code.CHANGED
        assert target.request(Code.GET, STORE).payload == body


@pytest.mark.requirement("MSG-1280")
@pytest.mark.needs("messaging.websocket")
def test_no_length_stands_in_a_websocket_message(target: Target) -> None:
    """Two lengths could differ, and then two readers see two messages."""
    target.connect(csm=None)
    target.send(CSM)
    target.send(info(target))
    target.send(StreamMessage(Signal.PING, b"\x01"))

    for _ in range(3):
        data = target.receive_bytes()
        assert data
        assert data[0] >> 4 == 0


#: What is wrong by requirement: the bytes on TCP, behind the CSM.
MALFORMED = {
    "MSG-1080": {"token-length-9": "0901" + "00" * 9, "token-length-15": "0f01" + "00" * 15},
    "MSG-1090": {"class-1": "0020", "class-1-token": "013f01", "class-6": "00c0"},
    "MSG-1100": {"token": "0100c0", "option": "2000b161", "payload": "2000ff00", "token-length": "0100"},
    "MSG-1110": {
        "option-value-cut-short": "3001b3616263"[:10],
        "option-delta-cut-short": "1001d0",
        "option-delta-16-cut-short": "2001e000",
        "option-length-cut-short": "10010d",
        "marker-without-payload": "1045ff",
        "option-delta-15": "1001f0",
        "option-length-15": "10010f",
    },
}
EVERY = [
    pytest.param(bytes.fromhex(data), id=f"{requirement}-{name}", marks=pytest.mark.requirement(requirement))
    for requirement, cases in MALFORMED.items()
    for name, data in cases.items()
    if name != "token-length"
]


@pytest.mark.parametrize("data", EVERY)
def test_malformed_message_ends_the_connection(connection: Target, data: bytes) -> None:
    """Behind it nothing tells where the next message begins: reading on is guessing."""
    with connection.expect_unchanged():
        connection.send(as_sent(connection, data))
        aborted(connection)


@pytest.mark.requirement("MSG-1110")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize("data", ["", "00", "0401c0ffee"], ids=["nothing", "no-code", "token-cut-short"])
def test_websocket_message_that_is_too_short_ends_the_connection(target: Target, data: str) -> None:
    """A frame can be shorter than what it holds."""
    with target.expect_unchanged():
        target.send(bytes.fromhex(data))
        aborted(target)


@pytest.mark.requirement("MSG-1120")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize(
    "data", ["1045ff", "1001b0", "20450100", "d0000100" + "00" * 12], ids=["wrong", "one", "two", "extended"]
)
def test_length_in_a_websocket_message_ends_the_connection(target: Target, data: str) -> None:
    """One reader believes the frame, another the length inside it."""
    with target.expect_unchanged():
        target.send(bytes.fromhex(data))
        aborted(target)


@pytest.mark.requirement("MSG-1130")
@pytest.mark.needs("conformance.test-interface")
def test_nothing_counts_behind_a_malformed_message(connection: Target) -> None:
    """An attacker hides a command in what one reader takes for a payload and another for the next message."""
    command = connection.form.encode(connection.build(Code.PUT, STORE, b"smuggled"))
    with connection.expect_unchanged():
        if connection.framing == "tcp":
            connection.send_raw(bytes.fromhex("0020") + command)
        else:
            connection.send(bytes.fromhex("0020"))
            connection.send(command)
        aborted(connection)


def opening(path: str = "/.well-known/coap", *headers: str) -> bytes:
    """Return the opening handshake of a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: target",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def status(target: Target, request: bytes) -> int:
    """Return the HTTP status with which the target answers an opening handshake."""
    target.connect_bare()
    target.send_raw(request)
    answer = target.receive_bytes()
    assert answer is not None, "the opening handshake stays unanswered"
    return int(answer.split(b" ")[1])


@pytest.mark.requirement("MSG-1290")
@pytest.mark.parametrize("offer", [(), ("Sec-WebSocket-Protocol: chat",), ("Sec-WebSocket-Protocol: coap2, CoAP",)])
def test_websocket_without_the_subprotocol_is_refused(target: Target, offer: tuple[str, ...]) -> None:
    """A web page opens any WebSocket that it finds; what it says there must not be taken for CoAP."""
    assert status(target, opening("/.well-known/coap", *offer)) >= 400


@pytest.mark.requirement("MSG-1290")
def test_websocket_is_opened_for_coap_among_others(target: Target) -> None:
    """A client that speaks several protocols offers them all."""
    assert status(target, opening("/.well-known/coap", "Sec-WebSocket-Protocol: chat, coap")) == 101


@pytest.mark.requirement("MSG-1240")
@pytest.mark.parametrize("text", [b"", b"hello", bytes.fromhex("0001")], ids=["empty", "hello", "a-request"])
def test_text_ends_the_websocket(target: Target, text: bytes) -> None:
    """The same bytes as text pass filters for text, and mean something else."""
    with target.expect_unchanged():
        target.send_raw(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
        assert [message for message in target.until_ended() if message.code != Signal.ABORT] == []
        target.connect()
