"""EDHOC in CoAP messages (RFC 9528 appendix A.2): what stands before a message, and the requests and responses around
it.
"""

from __future__ import annotations

from typing import Final

from picosec.channel.edhoc_messages import SHORT_IDENTIFIERS, encode_identifier
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Option, Type, path_options, uint_bytes
from picosec.registry import CONTENT_FORMAT_CID_EDHOC, CONTENT_FORMAT_EDHOC, Problem

PATH: Final = "/.well-known/edhoc"

_REQUEST_OPTIONS: Final = (
    *path_options(PATH),
    (int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_CID_EDHOC)),
)
_RESPONSE_OPTIONS: Final = ((int(Option.CONTENT_FORMAT), uint_bytes(CONTENT_FORMAT_EDHOC)),)
#: Before message_1: the CBOR item ``true``.
_NEW_SESSION: Final = b"\xf5"


def request(message: bytes, c_r: bytes | None) -> Message:
    """Return the request that carries a message: message_1 when ``c_r`` is ``None`` (CHN-950).

    Message id and token are the message layer's.
    """
    prefix = _NEW_SESSION if c_r is None else encode_identifier(c_r)
    return Message(Type.CON, Code.POST, 0, b"", _REQUEST_OPTIONS, prefix + message)


def invitation() -> Message:
    """Return the empty request that asks a server for message_1 (CHN-1670)."""
    return Message(Type.CON, Code.POST, 0, b"", path_options(PATH))


def response(code: int, message: bytes = b"") -> Message:
    """Return the response that carries a message, or none. Message id and token are the message layer's."""
    return Message(Type.ACK, code, 0, b"", _RESPONSE_OPTIONS if message else (), message)


def split_prefix(payload: bytes) -> tuple[bytes | None, bytes]:
    """Return the connection identifier before a message, ``None`` for ``true``, and the message (CHN-940).

    Raises ``malformed`` or ``not_deterministic``.
    """
    first, rest = payload[:1], payload[1:]
    if first == _NEW_SESSION:
        return None, rest
    if first in SHORT_IDENTIFIERS:
        return first, rest
    if b"\x40" <= first < b"\x58":
        length = first[0] - 0x40
    elif first == b"\x58" and rest:
        length, rest = rest[0], rest[1:]
        if length < 24:
            raise ProtocolError(Problem.NOT_DETERMINISTIC, "CHN-030", "the identifier's length has a shorter form")
    else:
        raise ProtocolError(Problem.MALFORMED, "CHN-010", "neither true nor an identifier before the message")
    identifier = rest[:length]
    if len(identifier) < length or identifier in SHORT_IDENTIFIERS:
        raise ProtocolError(Problem.MALFORMED, "CHN-010", "no identifier before the message")
    return identifier, rest[length:]
