"""What a message is to the message layer, and what is done with it: RFC 7252 table 1 and section 4, as data."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from picosec.messaging.coap import HEADER_SIZE, VERSION, Message, Type


class Kind(Enum):
    """What the code makes of a message, or that it does not parse."""

    EMPTY = auto()
    REQUEST = auto()
    RESPONSE = auto()
    MALFORMED = auto()


class Reaction(Enum):
    """What is done with a message."""

    SERVE = auto()
    MATCH_BY_TOKEN = auto()
    MATCH_BY_ID_AND_TOKEN = auto()
    ACKNOWLEDGED = auto()
    REJECTED = auto()
    SEND_RESET = auto()
    IGNORE = auto()


#: All that can come (MSG-290, MSG-300, MSG-370, MSG-380).
REACTIONS: Final[dict[tuple[Type, Kind], Reaction]] = {
    (Type.CON, Kind.EMPTY): Reaction.SEND_RESET,
    (Type.CON, Kind.REQUEST): Reaction.SERVE,
    (Type.CON, Kind.RESPONSE): Reaction.MATCH_BY_TOKEN,
    (Type.CON, Kind.MALFORMED): Reaction.SEND_RESET,
    (Type.NON, Kind.EMPTY): Reaction.IGNORE,
    (Type.NON, Kind.REQUEST): Reaction.SERVE,
    (Type.NON, Kind.RESPONSE): Reaction.MATCH_BY_TOKEN,
    (Type.NON, Kind.MALFORMED): Reaction.IGNORE,
    (Type.ACK, Kind.EMPTY): Reaction.ACKNOWLEDGED,
    (Type.ACK, Kind.REQUEST): Reaction.IGNORE,
    (Type.ACK, Kind.RESPONSE): Reaction.MATCH_BY_ID_AND_TOKEN,
    (Type.ACK, Kind.MALFORMED): Reaction.IGNORE,
    (Type.RST, Kind.EMPTY): Reaction.REJECTED,
    (Type.RST, Kind.REQUEST): Reaction.IGNORE,
    (Type.RST, Kind.RESPONSE): Reaction.IGNORE,
    (Type.RST, Kind.MALFORMED): Reaction.IGNORE,
}


def reaction_to(message: Message) -> Reaction:
    """Return what is done with a message that parses."""
    kind = Kind.EMPTY if message.is_empty else Kind.REQUEST if message.is_request else Kind.RESPONSE
    return REACTIONS[Type(message.type), kind]


def reaction_to_malformed(data: bytes) -> Reaction:
    """Return what is done with bytes that do not parse: nothing, unless they begin like a confirmable message."""
    if len(data) < HEADER_SIZE or data[0] >> 6 != VERSION:
        return Reaction.IGNORE
    return REACTIONS[Type(data[0] >> 4 & 3), Kind.MALFORMED]
