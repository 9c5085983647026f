"""Two small options that a request may carry: No-Response (RFC 7967) and Hop-Limit (RFC 8768)."""

from __future__ import annotations

from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option, uint_value
from picosec.registry import Problem

_MOST_HOPS: Final = 255


def unwanted(request: Message, code: int) -> bool:
    """Whether the client wants no response of this code's class: one bit of No-Response stands for each (MSG-1870).

    What stands outside of a protected message that could not be opened is nobody's word.
    """
    value = request.option(Option.NO_RESPONSE)
    return (
        value is not None and request.option(Option.OSCORE) is None and bool(uint_value(value) >> (code >> 5) - 1 & 1)
    )


def check_hop_limit(request: Message) -> None:
    """Raise ``ProtocolError`` with ``BAD_REQUEST`` for a Hop-Limit that no request can have (MSG-1880)."""
    value = request.option(Option.HOP_LIMIT)
    if value is not None and not 0 < uint_value(value) <= _MOST_HOPS:
        raise ProtocolError(Problem.BAD_REQUEST, "MSG-1880", f"a Hop-Limit of {uint_value(value)}")
