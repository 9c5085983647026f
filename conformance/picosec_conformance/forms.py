"""The form that messages have on a link, and what a probe is there (CNF-510)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pytest

from picosec.messaging.coap import Code, Message, Type, code_text
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec_conformance.adapters.base import Framing
from picosec_conformance.report.model import Layer


class Form(Protocol):
    """How one message is laid out in a frame."""

    @property
    def layer(self) -> Layer:
        """What reports call it."""

    @property
    def datagrams(self) -> bool:
        """Whether messages have types and message ids, are acknowledged and can be reset."""

    def encode(self, message: Message | StreamMessage) -> bytes:
        """Return the frame."""

    def decode(self, frame: bytes) -> Message:
        """Return the message. Raises ``ProtocolError``."""

    def probe(self, message_id: int, token: bytes) -> bytes:
        """Return a frame that every target answers at once, and that changes nothing."""

    def answers(self, frame: bytes, message_id: int, token: bytes) -> bool:
        """Whether a frame is the answer to that probe."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """RFC 7252: the probe is an empty confirmable message, which is reset."""

    layer: Layer = "coap"
    datagrams: bool = True

    def encode(self, message: Message | StreamMessage) -> bytes:
        """Return the datagram."""
        if isinstance(message, StreamMessage):
            pytest.skip("the link carries datagrams, not a stream")
        return message.encode()

    def decode(self, frame: bytes) -> Message:
        """Return the message in a datagram."""
        return Message.decode(frame)

    def probe(self, message_id: int, token: bytes) -> bytes:
        """Return a ping."""
        return Message(Type.CON, Code.EMPTY, message_id).encode()

    def answers(self, frame: bytes, message_id: int, token: bytes) -> bool:
        """Whether it is the reset with this message id."""
        return frame == Message(Type.RST, Code.EMPTY, message_id).encode()


@dataclass(frozen=True, slots=True)
class Stream:
    """RFC 8323: the probe is a Ping, without custody, since a request that is answered late would delay its Pong.

    Message ids do not exist; the type of what comes in is always ``NON``, since nothing is acknowledged.
    """

    layer: Layer
    datagrams: bool = False

    def encode(self, message: Message | StreamMessage) -> bytes:
        """Return the frame; what only datagrams have cannot be sent."""
        if isinstance(message, Message):
            if message.code == Code.EMPTY:
                pytest.skip("on a stream there are no empty messages that acknowledge, reset or ping")
            message = StreamMessage.of(message)
        return message.encode_frame() if self.layer == "websocket" else message.encode()

    def decode(self, frame: bytes) -> Message:
        """Return the message in a frame."""
        found = self.read(frame)
        return Message(Type.NON, found.code, 0, found.token, found.options, found.payload)

    def read(self, frame: bytes) -> StreamMessage:
        """Return the message as streams have it."""
        return StreamMessage.decode_frame(frame) if self.layer == "websocket" else StreamMessage.decode(frame)

    def probe(self, message_id: int, token: bytes) -> bytes:
        """Return a Ping."""
        return self.encode(StreamMessage(Signal.PING, token))

    def answers(self, frame: bytes, message_id: int, token: bytes) -> bool:
        """Whether it is the Pong with this token."""
        head = frame[1:] if self.layer == "websocket" else frame[1 + {13: 1, 14: 2, 15: 4}.get(frame[0] >> 4, 0) :]
        return frame[:1] != b"" and head[: 1 + len(token)] == bytes((Signal.PONG,)) + token


FORMS: dict[Framing, Form] = {
    "slipmux": Datagram(),
    "datagram": Datagram(),
    "tcp": Stream("tcp"),
    "websocket": Stream("websocket"),
}


def describe(code: int) -> str:
    """Return a code with the name that signals have."""
    return Signal(code).name if code in Signal.__members__.values() else code_text(code)
