"""Which options are understood, and what becomes of a message that carries others (RFC 7252 section 5.4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Option, is_critical
from picosec.registry import Problem


@dataclass(frozen=True, slots=True)
class Definition:
    """Bounds of an option's value, in bytes, and whether it may stand more than once."""

    least: int
    most: int
    repeatable: bool = False
    text: bool = False

    def admits(self, number: int, value: bytes) -> bool:
        """Whether the value lies inside the definition."""
        if not self.least <= len(value) <= self.most:
            return False
        if not self.text:
            return True
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return False
        return number != Option.URI_PATH or text not in (".", "..")


#: The options that this endpoint understands. A layer that understands more adds to a copy.
DEFINITIONS: Final[Mapping[int, Definition]] = {
    Option.IF_MATCH: Definition(0, 8, repeatable=True),
    Option.URI_HOST: Definition(1, 255, text=True),
    Option.ETAG: Definition(1, 8, repeatable=True),
    Option.IF_NONE_MATCH: Definition(0, 0),
    Option.OBSERVE: Definition(0, 3),
    Option.URI_PORT: Definition(0, 2),
    Option.LOCATION_PATH: Definition(0, 255, repeatable=True, text=True),
    Option.OSCORE: Definition(0, 255),
    Option.URI_PATH: Definition(0, 255, repeatable=True, text=True),
    Option.CONTENT_FORMAT: Definition(0, 2),
    Option.MAX_AGE: Definition(0, 4),
    Option.URI_QUERY: Definition(0, 255, repeatable=True, text=True),
    Option.HOP_LIMIT: Definition(0, 0xFFFF),  # what is no hop limit is refused, not ignored (MSG-1880)
    Option.ACCEPT: Definition(0, 2),
    Option.EDHOC: Definition(0, 0xFFFF),  # whatever its value, it means what an empty one does (CHN-1570)
    Option.LOCATION_QUERY: Definition(0, 255, repeatable=True, text=True),
    Option.BLOCK2: Definition(0, 3),
    Option.BLOCK1: Definition(0, 3),
    Option.SIZE2: Definition(0, 4),
    Option.SIZE1: Definition(0, 4),
    Option.ECHO: Definition(1, 40),
    Option.NO_RESPONSE: Definition(0, 1),
    Option.REQUEST_TAG: Definition(0, 8, repeatable=True),
}


#: Critical options that a request can have and a response cannot (RFC 7252 section 5.10, RFC 9668 section 3.1).
OF_REQUESTS: Final = frozenset(
    map(
        int,
        (
            Option.IF_MATCH,
            Option.URI_HOST,
            Option.IF_NONE_MATCH,
            Option.URI_PORT,
            Option.URI_PATH,
            Option.URI_QUERY,
            Option.ACCEPT,
            Option.EDHOC,
        ),
    )
)


def understood(message: Message, definitions: Mapping[int, Definition] = DEFINITIONS) -> Message:
    """Return the message with the options that are understood; elective ones that are not are left out (MSG-530).

    An option outside its definition counts as not understood (MSG-540), and so does one of requests in a response
    (MSG-2000). Raises ``ProtocolError`` with ``BAD_OPTION``
    for a critical option that is not understood (MSG-500), ``NO_PROXY`` for a request to forward (MSG-550). Outside of
    a protected message, an option that is not understood is never believed and does no harm (CHN-760): it is left out.
    """
    protected = Option.OSCORE in definitions and message.option(Option.OSCORE) is not None
    response = message.is_response
    dropped = False
    kept: list[tuple[int, bytes]] = []
    previous = -1
    for option in message.options:
        number, value = option
        definition = None if response and number in OF_REQUESTS else definitions.get(number)
        repeated = number == previous
        previous = number
        if definition and definition.admits(number, value) and (definition.repeatable or not repeated):
            kept.append(option)
        elif number in (Option.PROXY_URI, Option.PROXY_SCHEME):
            raise ProtocolError(Problem.NO_PROXY, "MSG-550", f"option {number}")
        elif is_critical(number) and (number == Option.OSCORE or not protected):
            raise ProtocolError(Problem.BAD_OPTION, "MSG-540" if definition else "MSG-500", f"option {number}")
        else:
            dropped = True
    return dataclasses.replace(message, options=tuple(kept)) if dropped else message
