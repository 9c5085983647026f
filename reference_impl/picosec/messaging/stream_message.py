"""CoAP messages on reliable streams (RFC 8323): what the bytes mean, not what is done about them.

A stream delivers in order and loses nothing, so a message has neither type nor message id. On TCP it says how long it
is; on WebSocket the frame around it does. What is malformed is in spec/v1/messaging-streams.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn

from picosec.errors import ProtocolError
from picosec.messaging.coap import MAX_TOKEN, Message, Options, Type, code_text, decode_options, encode_options
from picosec.registry import Problem

#: Bytes of the largest message that an endpoint takes unless it says otherwise (RFC 8323 section 5.3.1).
BASE_MESSAGE_SIZE: Final = 1152
#: Classes without codes: 0 holds the methods, 2 to 5 the responses, 7 the signals.
RESERVED_CLASSES: Final = frozenset({1, 6})

#: Lengths that the values 13, 14 and 15 of the first nibble stand for: bytes that follow, and the least length.
_EXTENDED: Final = {13: (1, 13), 14: (2, 269), 15: (4, 65805)}


class Signal(IntEnum):
    """Codes of messages about the connection itself, as the byte on the wire."""

    CSM = 0xE1
    PING = 0xE2
    PONG = 0xE3
    RELEASE = 0xE4
    ABORT = 0xE5


class CsmOption(IntEnum):
    """Options of a CSM. Each signal has option numbers of its own."""

    MAX_MESSAGE_SIZE = 2
    BLOCK_WISE_TRANSFER = 4


class PingOption(IntEnum):
    """Options of Ping and Pong."""

    CUSTODY = 2


class ReleaseOption(IntEnum):
    """Options of Release."""

    ALTERNATIVE_ADDRESS = 2
    HOLD_OFF = 4


class AbortOption(IntEnum):
    """Options of Abort."""

    BAD_CSM_OPTION = 2


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One message on a connection. ``options`` are (number, value) pairs; a signal's numbers are those of its code."""

    code: int
    token: bytes = b""
    options: Options = ()
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes on a TCP connection. Raises ``ValueError`` for a token longer than 8 bytes."""
        rest = encode_options(self.options, self.payload)
        nibble, extension = _length(len(rest))
        return b"".join((bytes((nibble << 4 | _token_length(self.token),)), extension, self._code_and_token(), rest))

    def encode_frame(self) -> bytes:
        """Return the binary message on a WebSocket, which has length 0. Raises ``ValueError`` as :meth:`encode`."""
        rest = encode_options(self.options, self.payload)
        return b"".join((bytes((_token_length(self.token),)), self._code_and_token(), rest))

    def _code_and_token(self) -> bytes:
        return bytes((self.code,)) + self.token

    @classmethod
    def decode(cls, data: bytes) -> StreamMessage:
        """Return the one message that ``data`` is on a TCP connection. Raises ``ProtocolError`` with ``MALFORMED``."""
        size = message_size(data)
        if size is None or size > len(data):
            _malformed("MSG-1110", "the message is cut short")
        if size < len(data):
            _malformed("MSG-1110", f"{len(data) - size} bytes behind the message")
        extension = _EXTENDED[data[0] >> 4][0] if data[0] >> 4 in _EXTENDED else 0
        return cls._decode(data, 1 + extension)

    @classmethod
    def decode_frame(cls, data: bytes) -> StreamMessage:
        """Return the message in a binary message of a WebSocket. Raises ``ProtocolError`` with ``MALFORMED``."""
        if not data:
            _malformed("MSG-1110", "no bytes are no message")
        if data[0] >> 4:
            _malformed("MSG-1120", f"length {data[0] >> 4}")
        return cls._decode(data, 1)

    @classmethod
    def _decode(cls, data: bytes, position: int) -> StreamMessage:
        """Decode from the code on; the token length stands in the first byte."""
        token_end = position + 1 + (data[0] & 15)
        if data[0] & 15 > MAX_TOKEN:
            _malformed("MSG-1080", f"token length {data[0] & 15}")
        if token_end > len(data):
            _malformed("MSG-1110", "the token is cut short")
        code = data[position]
        if code == 0 and len(data) > position + 1:
            _malformed("MSG-1100", "an empty message has neither token nor content")
        if code >> 5 in RESERVED_CLASSES:
            _malformed("MSG-1090", f"code {code_text(code)} is reserved")
        options, payload = decode_options(data, token_end)
        return cls(code, data[position + 1 : token_end], options, payload)

    @classmethod
    def of(cls, message: Message) -> StreamMessage:
        """Return a message as it travels on a stream: without type and message id."""
        return cls(message.code, message.token, message.options, message.payload)

    def as_message(self) -> Message:
        """Return it as the layers above know messages; type and message id, which do not exist, are CON and 0."""
        return Message(Type.CON, self.code, 0, self.token, self.options, self.payload)

    @property
    def is_signal(self) -> bool:
        """Whether it is about the connection itself."""
        return self.code >> 5 == 7

    @property
    def is_request(self) -> bool:
        """Whether the code is a method."""
        return 0 < self.code < 0x20

    @property
    def is_empty(self) -> bool:
        """Whether the code is 0.00."""
        return self.code == 0

    def option(self, number: int) -> bytes | None:
        """Return the first value of an option, ``None`` without one."""
        return next((value for candidate, value in self.options if candidate == number), None)

    def option_values(self, number: int) -> list[bytes]:
        """Return all values of an option, in order."""
        return [value for candidate, value in self.options if candidate == number]


class Decoder:
    """Finds the messages in the bytes of a TCP connection, which come in pieces.

    What it raises ends the connection: behind a message that makes no sense, nothing tells where the next one begins.
    """

    def __init__(self, max_message: int = BASE_MESSAGE_SIZE) -> None:
        self.max_message = max_message
        self._pending = bytearray()

    def __len__(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._pending)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._pending += data

    def next(self) -> StreamMessage | None:
        """Return the next message, ``None`` when it is not complete.

        Raises ``ProtocolError`` with ``MALFORMED``, or with ``TOO_LARGE`` as soon as the length is known.
        """
        pending = self._pending
        if pending and pending[0] & 15 > MAX_TOKEN:
            _malformed("MSG-1080", f"token length {pending[0] & 15}")
        size = message_size(pending)
        if size is None:
            return None
        if size > self.max_message:
            raise ProtocolError(Problem.TOO_LARGE, "MSG-1040", f"CoAP: a message of {size} bytes")
        if size > len(pending):
            return None
        message = bytes(pending[:size])
        del pending[:size]
        return StreamMessage.decode(message)


def message_size(data: bytes | bytearray) -> int | None:
    """Return the bytes of the message that ``data`` begins with, ``None`` when too few are there to tell."""
    if not data:
        return None
    nibble = data[0] >> 4
    if nibble not in _EXTENDED:
        return 2 + (data[0] & 15) + nibble
    size, least = _EXTENDED[nibble]
    if len(data) <= size:
        return None
    return 2 + size + (data[0] & 15) + least + int.from_bytes(data[1 : 1 + size], "big")


def _length(length: int) -> tuple[int, bytes]:
    if length < 13:
        return length, b""
    nibble = 13 if length < 269 else 14 if length < 65805 else 15
    size, least = _EXTENDED[nibble]
    return nibble, (length - least).to_bytes(size, "big")


def _token_length(token: bytes) -> int:
    if len(token) > MAX_TOKEN:
        raise ValueError(f"a token has at most {MAX_TOKEN} bytes")
    return len(token)


def _malformed(requirement: str, detail: str) -> NoReturn:
    raise ProtocolError(Problem.MALFORMED, requirement, f"CoAP: {detail}")
