"""What tests of connections have in common: on which they run, how one opens, and how one is seen to end."""

from __future__ import annotations

from typing import Final

import pytest

from picosec.messaging.coap import Code, Message, Options, uint_bytes, uint_value
from picosec.messaging.stream_message import BASE_MESSAGE_SIZE, CsmOption, PingOption, Signal, StreamMessage
from picosec_conformance.target import Nonconformity, Target

#: The kinds of connections, each with the feature that a target needs for it.
WAYS: Final = [pytest.param(way, marks=pytest.mark.needs(f"messaging.{way}")) for way in ("stream", "websocket")]
CSM: Final = StreamMessage(Signal.CSM)
CUSTODY: Final[Options] = ((int(PingOption.CUSTODY), b""),)
#: Options of signals that nobody has defined.
CRITICAL, ELECTIVE = 65001, 65000


def greet(connection: Target, *options: tuple[int, bytes], size: int | None = None) -> None:
    """Make a new connection with a CSM that has these options, and says how large a message may be."""
    room = () if size is None else ((int(CsmOption.MAX_MESSAGE_SIZE), uint_bytes(size)),)
    connection.connect(StreamMessage(Signal.CSM, b"", (*room, *options)))


def aborted(connection: Target) -> StreamMessage:
    """Return the Abort with which the target ends the connection, the last thing that it says, and see it alive."""
    said = connection.until_ended()
    if not said or said[-1].code != Signal.ABORT:
        raise Nonconformity("the target ended the connection without an Abort")
    assert [message.code for message in said].count(Signal.ABORT) == 1
    connection.connect()
    assert connection.until_probe_answered() == []
    return said[-1]


def info(connection: Target) -> Message:
    """Return a request that is answered by some hundred bytes."""
    return connection.build(Code.GET, connection.manifest.resources.get)


def largest_of(connection: Target) -> int:
    """Return what the target said to take."""
    size = connection.csm.option(CsmOption.MAX_MESSAGE_SIZE)
    return BASE_MESSAGE_SIZE if size is None else uint_value(size)


def arrived(connection: Target) -> None:
    """Wait until the target has read what was sent on a connection: links are not in step with each other."""
    connection.send(StreamMessage(Signal.PING, b"arrived"))
    connection.receive_signal(Signal.PONG)


def as_sent(connection: Target, data: bytes) -> bytes:
    """Return a message of TCP, shorter than 13 bytes behind its token, as the connection carries it."""
    return data if connection.framing == "tcp" else bytes((data[0] & 15,)) + data[1:]
