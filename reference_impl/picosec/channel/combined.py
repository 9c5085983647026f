"""message_3 and the first protected request in one CoAP message (RFC 9668 section 3, spec/v1/channel-coap.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

from picosec.channel.oscore import request_option
from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option
from picosec.registry import Problem

#: Bytes of payload beyond which message_3 and the request go one after the other (CHN-1610, RFC 7252 section 4.6).
MAX_PAYLOAD: Final = 1024

_EDHOC: Final = (int(Option.EDHOC), b"")


@dataclass(frozen=True, slots=True)
class Combined:
    """What a combined request holds: C_R, message_3 as it was sent, and the protected request that is left."""

    c_r: bytes
    message_3: bytes
    protected: Message


def combine(message_3: bytes, protected: Message) -> Message:
    """Return the combined request (CHN-1580)."""
    options = tuple(sorted((*protected.options, _EDHOC), key=itemgetter(0)))
    return replace(protected, options=options, payload=message_3 + protected.payload)


def split(message: Message) -> Combined:
    """Take a request with an EDHOC option apart; the value of the option means nothing (CHN-1570).

    Raises ``malformed`` for what is no combined request (CHN-1510), ``bad_option`` as
    :func:`picosec.channel.oscore.request_option` does.
    """
    if message.option(Option.OSCORE) is None:
        raise ProtocolError(Problem.MALFORMED, "CHN-1510", "an EDHOC option without an OSCORE option")
    end = _end_of_message_3(message.payload)
    options = tuple(entry for entry in message.options if entry[0] != Option.EDHOC)
    protected = replace(message, options=options, payload=message.payload[end:])
    return Combined(request_option(protected).kid or b"", message.payload[:end], protected)


def _end_of_message_3(payload: bytes) -> int:
    """Return where the byte string ends that a payload starts with; something follows it. Raises ``malformed``."""
    first = payload[:1]
    if b"\x40" <= first < b"\x58":
        start, length, least = 1, first[0] - 0x40, 0
    elif first == b"\x58":
        start, length, least = 2, int.from_bytes(payload[1:2], "big"), 24
    elif first == b"\x59":
        start, length, least = 3, int.from_bytes(payload[1:3], "big"), 256
    else:
        raise ProtocolError(Problem.MALFORMED, "CHN-1510", "the payload starts with no byte string")
    end = start + length
    if length < least or end >= len(payload):
        raise ProtocolError(Problem.MALFORMED, "CHN-1510", "no message_3 with a protected request behind it")
    return end
