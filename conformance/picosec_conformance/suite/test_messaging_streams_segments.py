"""Connections as networks and other programs make them: in pieces, in heaps, cut off, and half closed."""

from __future__ import annotations

import random
from typing import Final

import pytest

from picosec.messaging.coap import Code
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec_conformance.adapters.base import Ending
from picosec_conformance.target import Target

STORE = "/ps/test/store"
BINARY, CONTINUATION, PING = 2, 0, 9
#: Bytes of a WebSocket's header that say how long the rest is, for lengths that need more than one.
_EXTENDED: Final = {126: 2, 127: 8}


def ping(token: bytes) -> StreamMessage:
    """Return a Ping."""
    return StreamMessage(Signal.PING, token)


def frame(opcode: int, data: bytes, *, final: bool = True, size: int | None = None) -> bytes:
    """Return a WebSocket frame as a client sends it, masked with zeros; ``size`` lies about its length."""
    length = len(data) if size is None else size
    short = length if length < 126 else 126 if length < 1 << 16 else 127
    extended = length.to_bytes(_EXTENDED[short], "big") if short in _EXTENDED else b""
    return bytes((final << 7 | opcode, 0x80 | short)) + extended + bytes(4) + data


# -- in pieces and in heaps --------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1210")
@pytest.mark.needs("messaging.stream")
def test_message_may_come_byte_by_byte(target: Target) -> None:
    """A radio link with small packets, or a sender that flushes too often: a message ends where its length says."""
    for byte in target.form.encode(ping(b"slowly")):
        target.send_raw(bytes((byte,)))

    assert target.receive_signal(Signal.PONG).token == b"slowly"


@pytest.mark.requirement("MSG-1210")
@pytest.mark.needs("messaging.stream")
@pytest.mark.parametrize("size", [1, 3, 7, 1000], ids=lambda size: f"pieces-of-{size}")
def test_borders_of_messages_are_not_those_of_segments(target: Target, size: int) -> None:
    """A segment that ends within a message begins with the rest of it next time, and may hold three more."""
    tokens = [bytes((number,)) * (number % 9) for number in range(40)]
    data = b"".join(target.form.encode(ping(token)) for token in tokens)
    for start in range(0, len(data), size):
        target.send_raw(data[start : start + size])

    assert [target.receive_signal(Signal.PONG).token for _ in tokens] == tokens


@pytest.mark.requirement("MSG-1250")
def test_requests_need_not_wait_for_each_other(connection: Target) -> None:
    """An app that reads ten values asks for all of them at once: each answer is found by its token."""
    requests = [connection.build(Code.GET, connection.manifest.resources.get) for _ in range(10)]
    for request in requests:
        connection.send(request)

    answers = [connection.receive("an answer") for _ in requests]

    assert {answer.token for answer in answers} == {request.token for request in requests}
    assert connection.until_probe_answered() == []


# -- cut off -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.stream", "conformance.test-interface")
@pytest.mark.parametrize("ending", list(Ending), ids=lambda ending: ending.name.lower())
def test_message_that_was_cut_off_has_no_effect(target: Target, ending: Ending) -> None:
    """The battery of a remote control is pulled in the middle of a command."""
    command = target.form.encode(target.build(Code.PUT, STORE, b"on for ten minutes"))
    with target.expect_unchanged():
        for cut in (1, 2, len(command) // 2, len(command) - 1):
            target.send_raw(command[:cut])
            target.disconnect(ending)
            target.connect()


@pytest.mark.requirement("CNF-510")
@pytest.mark.parametrize("ending", list(Ending), ids=lambda ending: ending.name.lower())
def test_target_survives_peers_that_leave_without_their_answers(connection: Target, ending: Ending) -> None:
    """A phone out of reach asks and is gone: what it asked for must not bring down the device that answers."""
    for _ in range(20):
        for _ in range(5):
            connection.send(connection.build(Code.GET, connection.manifest.resources.get))
        connection.disconnect(ending)
        connection.connect()

    assert connection.until_probe_answered() == []


@pytest.mark.requirement("CNF-510")
def test_target_survives_connections_that_come_and_go(connection: Target) -> None:
    """A port scanner on the network knocks a hundred times and says nothing."""
    for number in range(100):
        connection.connect(csm=None)
        connection.disconnect(Ending.RESET if number % 2 else Ending.CLOSE)
    connection.connect()

    assert connection.until_probe_answered() == []


# -- WebSocket ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("MSG-1210")
@pytest.mark.needs("messaging.websocket")
def test_websocket_message_may_come_in_fragments(target: Target) -> None:
    """A proxy with small buffers splits messages, and puts a sign of life of its own between the fragments."""
    data = target.form.encode(ping(b"pieces"))
    target.send_raw(frame(BINARY, data[:1], final=False))
    target.send_raw(frame(PING, b"proxy"))
    target.send_raw(frame(CONTINUATION, data[1:3], final=False))
    target.send_raw(frame(CONTINUATION, b"", final=False))
    target.send_raw(frame(CONTINUATION, data[3:]))

    assert target.receive_signal(Signal.PONG).token == b"pieces"


@pytest.mark.requirement("MSG-1040")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize("size", [1 << 20, 1 << 40], ids=["a-megabyte", "a-terabyte"])
def test_announced_websocket_length_beyond_the_limit_ends_the_connection(target: Target, size: int) -> None:
    """Fourteen bytes announce more than there is memory: a target that waits for them, or sets it aside, is filled."""
    target.send_raw(frame(BINARY, b"", size=size))

    target.until_ended()
    target.connect()
    assert target.until_probe_answered() == []


@pytest.mark.requirement("MSG-1040")
@pytest.mark.needs("messaging.websocket")
def test_fragments_together_are_bounded(target: Target) -> None:
    """Each of the fragments is small, and there is no last one."""
    for number in range(64):
        target.send_raw(frame(CONTINUATION if number else BINARY, bytes(1 << 14), final=False))

    target.until_ended()
    target.connect()
    assert target.until_probe_answered() == []


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize("length", [1, 2, 16, 256])
def test_target_survives_noise_below_its_websocket(target: Target, rng: random.Random, length: int) -> None:
    """What comes through a broken proxy is neither HTTP nor WebSocket."""
    for bare in (True, False):
        if bare:
            target.connect_bare()
        target.send_raw(rng.randbytes(length))
        target.connect()

    assert target.until_probe_answered() == []


@pytest.mark.requirement("CNF-510")
@pytest.mark.needs("messaging.websocket")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param("82020001", id="not-masked"),
        pytest.param("c28000000000", id="reserved-bit"),
        pytest.param("838000000000", id="reserved-opcode"),
        pytest.param("808000000000", id="continuation-of-nothing"),
        pytest.param("098000000000", id="control-in-fragments"),
        pytest.param("89fe007e00000000", id="control-too-long"),
        pytest.param("888100000000" + "00", id="close-with-half-a-code"),
        pytest.param("888200000000" + "03e8", id="close"),
    ],
)
def test_target_survives_what_breaks_the_rules_of_websockets(target: Target, data: str) -> None:
    """The library below may close the connection; it must not take the device with it."""
    with target.expect_unchanged():
        target.send_raw(bytes.fromhex(data))
        target.connect()
