"""CoAP messages on datagrams (RFC 7252 section 3): what the bytes mean, not what is done about them.

A message is refused whole, with ``MALFORMED``, by the first fault from left to right (spec/v1/messaging.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NoReturn
from urllib.parse import quote_from_bytes, unquote_to_bytes

from picosec.errors import ProtocolError
from picosec.registry import OPTION_DELIVERY, Problem

VERSION: Final = 1
HEADER_SIZE: Final = 4
MAX_TOKEN: Final = 8
MAX_OPTION_NUMBER: Final = 0xFFFF

Options = tuple[tuple[int, bytes], ...]


class Type(IntEnum):
    """How the message layer treats a message."""

    CON = 0
    NON = 1
    ACK = 2
    RST = 3


class Code(IntEnum):
    """Methods and response codes, as the byte on the wire (class in the upper three bits)."""

    EMPTY = 0x00
    GET = 0x01
    POST = 0x02
    PUT = 0x03
    DELETE = 0x04
    FETCH = 0x05
    PATCH = 0x06
    IPATCH = 0x07
    CREATED = 0x41
    DELETED = 0x42
    VALID = 0x43
    CHANGED = 0x44
    CONTENT = 0x45
    CONTINUE = 0x5F
    BAD_REQUEST = 0x80
    UNAUTHORIZED = 0x81
    BAD_OPTION = 0x82
    FORBIDDEN = 0x83
    NOT_FOUND = 0x84
    METHOD_NOT_ALLOWED = 0x85
    NOT_ACCEPTABLE = 0x86
    REQUEST_ENTITY_INCOMPLETE = 0x88
    CONFLICT = 0x89
    PRECONDITION_FAILED = 0x8C
    REQUEST_ENTITY_TOO_LARGE = 0x8D
    UNSUPPORTED_CONTENT_FORMAT = 0x8F
    UNPROCESSABLE_ENTITY = 0x96
    TOO_MANY_REQUESTS = 0x9D
    INTERNAL_SERVER_ERROR = 0xA0
    NOT_IMPLEMENTED = 0xA1
    BAD_GATEWAY = 0xA2
    SERVICE_UNAVAILABLE = 0xA3
    GATEWAY_TIMEOUT = 0xA4
    PROXYING_NOT_SUPPORTED = 0xA5
    HOP_LIMIT_REACHED = 0xA8


class Option(IntEnum):
    """Option numbers. An odd number is critical: who does not understand it refuses the message."""

    IF_MATCH = 1
    URI_HOST = 3
    ETAG = 4
    IF_NONE_MATCH = 5
    OBSERVE = 6
    URI_PORT = 7
    LOCATION_PATH = 8
    OSCORE = 9
    URI_PATH = 11
    CONTENT_FORMAT = 12
    MAX_AGE = 14
    URI_QUERY = 15
    HOP_LIMIT = 16
    ACCEPT = 17
    LOCATION_QUERY = 20
    EDHOC = 21
    BLOCK2 = 23
    BLOCK1 = 27
    SIZE2 = 28
    PROXY_URI = 35
    PROXY_SCHEME = 39
    SIZE1 = 60
    ECHO = 252
    NO_RESPONSE = 258
    REQUEST_TAG = 292
    DELIVERY = OPTION_DELIVERY


#: Classes without codes for datagrams (RFC 7252 section 12.1): 0 holds the methods, 2 to 5 the responses.
RESERVED_CLASSES: Final = frozenset({1, 6, 7})


@dataclass(frozen=True, slots=True)
class Message:
    """One CoAP message. ``options`` are (number, value) pairs; those with the same number keep their order."""

    type: int
    code: int
    message_id: int
    token: bytes = b""
    options: Options = ()
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the datagram. Raises ``ValueError`` for a token longer than 8 bytes."""
        length = len(self.token)
        if length > MAX_TOKEN:
            raise ValueError(f"a token has at most {MAX_TOKEN} bytes")
        first = VERSION << 6 | self.type << 4 | length
        header = bytes((first, self.code, self.message_id >> 8, self.message_id & 0xFF))
        return header + self.token + encode_options(self.options, self.payload)

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Return the message in a datagram. Raises ``ProtocolError`` with ``MALFORMED``."""
        if len(data) < HEADER_SIZE:
            _malformed("MSG-210", f"{len(data)} bytes are no header")
        first, code = data[0], data[1]
        if first >> 6 != VERSION:
            _malformed("MSG-200", f"version {first >> 6}")
        end = HEADER_SIZE + (first & 15)
        if end > HEADER_SIZE + MAX_TOKEN:
            _malformed("MSG-220", f"token length {first & 15}")
        message_id = data[2] << 8 | data[3]
        if code == 0:
            if len(data) > HEADER_SIZE or first & 15:
                _malformed("MSG-230", "an empty message is its header alone")
            return cls(first >> 4 & 3, 0, message_id)
        if code >> 5 in RESERVED_CLASSES:
            _malformed("MSG-240", f"code {code_text(code)} is reserved")
        if end > len(data):
            _malformed("MSG-260", "the token is cut short")
        options, payload = decode_options(data, end)
        return cls(first >> 4 & 3, code, message_id, data[HEADER_SIZE:end], options, payload)

    @property
    def is_request(self) -> bool:
        """Whether the code is a method."""
        return 0 < self.code < 0x20

    @property
    def is_response(self) -> bool:
        """Whether the code is a response code."""
        return 0x40 <= self.code < 0xC0

    @property
    def is_empty(self) -> bool:
        """Whether the code is 0.00."""
        return self.code == 0

    def option(self, number: int) -> bytes | None:
        """Return the first value of an option, ``None`` without one."""
        for candidate, value in self.options:
            if candidate == number:
                return value
        return None

    def option_values(self, number: int) -> list[bytes]:
        """Return all values of an option, in order."""
        return [value for candidate, value in self.options if candidate == number]

    @property
    def path(self) -> str:
        """The request's path, such as ``/ps/info``; characters that would change its meaning are percent-encoded.

        Raises ``ProtocolError`` with ``BAD_OPTION`` for a segment that is not text, or is ``.`` or ``..``.
        """
        segments = [_segment(value) for number, value in self.options if number == Option.URI_PATH]
        return "/" + "/".join(segments)

    @property
    def queries(self) -> tuple[str, ...]:
        """The parts of the request's query, in order.

        Raises ``ProtocolError`` with ``BAD_OPTION`` for one that is not text.
        """
        try:
            return tuple(value.decode() for number, value in self.options if number == Option.URI_QUERY)
        except UnicodeDecodeError as error:
            raise ProtocolError(Problem.BAD_OPTION, "MSG-540", "a Uri-Query that is not UTF-8") from error

    @property
    def content_format(self) -> int | None:
        """The Content-Format, ``None`` without one."""
        value = self.option(Option.CONTENT_FORMAT)
        return None if value is None else uint_value(value)

    @property
    def accept(self) -> int | None:
        """The one Content-Format the client accepts, ``None`` without one."""
        value = self.option(Option.ACCEPT)
        return None if value is None else uint_value(value)


def encode_options(options: Iterable[tuple[int, bytes]], payload: bytes = b"") -> bytes:
    """Return options, in order of their numbers, and payload as they stand in a message or an OSCORE plaintext."""
    parts: list[bytes] = []
    previous = 0
    for number, value in sorted(options, key=_number):
        delta, length = number - previous, len(value)
        if delta < 13 and length < 13:
            parts.append(bytes((delta << 4 | length,)))
        else:
            delta_nibble, delta_extension = _extended(delta)
            length_nibble, length_extension = _extended(length)
            parts += (bytes((delta_nibble << 4 | length_nibble,)), delta_extension, length_extension)
        parts.append(value)
        previous = number
    if payload:
        parts += (b"\xff", payload)
    return b"".join(parts)


def decode_options(data: bytes, position: int = 0) -> tuple[Options, bytes]:
    """Return options and payload from ``position`` on. Raises ``ProtocolError`` with ``MALFORMED``."""
    options: list[tuple[int, bytes]] = []
    number = 0
    end = len(data)
    while position < end:
        initial = data[position]
        position += 1
        if initial == 0xFF:
            if position == end:
                _malformed("MSG-270", "a payload marker without payload")
            return tuple(options), data[position:]
        delta, length = initial >> 4, initial & 15
        if delta > 12:
            delta, position = _read_extended(data, position, delta)
        if length > 12:
            length, position = _read_extended(data, position, length)
        number += delta
        if number > MAX_OPTION_NUMBER:
            _malformed("MSG-280", f"option number {number}")
        value_end = position + length
        if value_end > end:
            _malformed("MSG-260", f"option {number} is cut short")
        options.append((number, data[position:value_end]))
        position = value_end
    return tuple(options), b""


def path_options(path: str) -> Options:
    """Return the Uri-Path options of a path such as ``/ps/info``; percent-encoded characters are decoded."""
    stripped = path.removeprefix("/")
    if not stripped:
        return ()
    return tuple((Option.URI_PATH, unquote_to_bytes(segment)) for segment in stripped.split("/"))


def uint_bytes(value: int) -> bytes:
    """Return a non-negative integer in CoAP's ``uint`` form: big-endian without leading zeros, empty for 0."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def uint_value(data: bytes) -> int:
    """Return the integer of an option in ``uint`` form; leading zeros are allowed (RFC 7252 section 3.2)."""
    return int.from_bytes(data, "big")


def code_text(code: int) -> str:
    """Return a code as documents write it: ``0x44`` is ``2.04``."""
    return f"{code >> 5}.{code & 31:02}"


def is_critical(number: int) -> bool:
    """Whether a recipient that does not understand the option refuses the message (RFC 7252 section 5.4.6)."""
    return bool(number & 1)


def _number(option: tuple[int, bytes]) -> int:
    return option[0]


def _extended(value: int) -> tuple[int, bytes]:
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes((value - 13,))
    return 14, (value - 269).to_bytes(2, "big")


def _read_extended(data: bytes, position: int, nibble: int) -> tuple[int, int]:
    if nibble == 15:
        _malformed("MSG-250", "15 stands for no option delta or length")
    end = position + nibble - 12
    if end > len(data):
        _malformed("MSG-260", "an option is cut short")
    return int.from_bytes(data[position:end], "big") + (13 if nibble == 13 else 269), end


def _segment(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        _bad_path("a Uri-Path that is not UTF-8")
    if text in (".", ".."):
        _bad_path(f"a Uri-Path of {text!r}")
    return quote_from_bytes(value, safe="") if "/" in text or "%" in text else text


def _bad_path(detail: str) -> NoReturn:
    raise ProtocolError(Problem.BAD_OPTION, "MSG-540", detail)


def _malformed(requirement: str, detail: str) -> NoReturn:
    raise ProtocolError(Problem.MALFORMED, requirement, f"CoAP: {detail}")
