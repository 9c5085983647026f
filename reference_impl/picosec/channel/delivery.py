"""Requests that are acted on exactly once and in order: the receiver's side (spec/v1/channel-delivery.md).

The sender names a stream by the position of its first attempt among all that it sent, which never comes again, and
counts the requests in it. An :class:`Inbox` remembers the last of them with its response, and nothing else: its size
does not depend on the peer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import sha256
from typing import Any, Final

from picosec.channel.machine import Label
from picosec.channel.oscore import OUTER_OPTIONS
from picosec.errors import ProtocolError
from picosec.messaging import cbor
from picosec.messaging.coap import Message, Option, encode_options
from picosec.registry import Problem

#: Bounds of a place: 2^20 changes of keys with 2^20 sequence numbers each, and 2^32 requests.
MAX_STREAM: Final = (1 << 40) - 1
MAX_NUMBER: Final = (1 << 32) - 1
#: Options that spread a request or its response over several messages, which cannot be counted as one.
SPREADING: Final = frozenset(map(int, (Option.OBSERVE, Option.BLOCK1, Option.BLOCK2)))
#: What may differ between two attempts of one request.
_OF_THE_ATTEMPT: Final = OUTER_OPTIONS | {int(Option.OSCORE), int(Option.ECHO), int(Option.DELIVERY)}


class DeliveryClass(IntEnum):
    """What a sender promises for a request (the Test Interface names the classes by these numbers)."""

    AT_MOST_ONCE = 1
    AT_LEAST_ONCE = 2
    EXACTLY_ONCE = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Value of the Delivery option: which request of which stream this is."""

    stream: int
    number: int

    def encode(self) -> bytes:
        """Return the option's value."""
        return cbor.dumps(self.stream) + cbor.dumps(self.number)

    @classmethod
    def decode(cls, value: bytes) -> Place:
        """Read the option's value. Raises ``ProtocolError`` with ``BAD_OPTION`` (CHN-1850)."""
        try:
            items = cbor.loads_sequence(value)
        except ProtocolError as error:
            raise ProtocolError(Problem.BAD_OPTION, "CHN-1850", error.detail) from error
        match items:
            case [int(stream), int(number)] if bool not in (type(stream), type(number)):
                if 0 <= stream <= MAX_STREAM and 0 <= number <= MAX_NUMBER:
                    return cls(stream, number)
        raise ProtocolError(Problem.BAD_OPTION, "CHN-1850", "a Delivery option holds a stream and a number")

    @classmethod
    def of(cls, message: Message) -> Place | None:
        """Return the place that a verified message names, if any. Raises as :meth:`decode`."""
        value = message.option(Option.DELIVERY)
        return None if value is None else cls.decode(value)


def placed(message: Message, place: Place) -> Message:
    """Return the message with a Delivery option, in place of one that it has."""
    others = tuple(entry for entry in message.options if entry[0] != Option.DELIVERY)
    return replace(message, options=(*others, (int(Option.DELIVERY), place.encode())))


class Standing(Label):
    """How far the last request of a stream has come."""

    NOTHING = "nothing was accepted yet"
    ACTING = "the last request is being acted on"
    ANSWERED = "the last request has its response"


class Arrival(Label):
    """How a request stands to what was accepted before."""

    BEGINS = "number 0 of a stream that is new"
    NEXT = "the next number of the stream"
    REPEATS = "the last number, the same request"
    DIFFERS = "the last number, another request"
    ELSEWHERE = "any other number of the stream"
    FOREIGN = "of a stream that is not known"


class Verdict(Label):
    """What is done about it."""

    ACT = "act on it"
    REPEAT = "answer as the first time"
    BUSY = "refuse with busy"
    CHANGED = "refuse with delivery_changed"
    OUT_OF_ORDER = "refuse with out_of_order"
    LOST = "refuse with delivery_lost"


#: The whole decision; a pair without a cell cannot occur. The docs draw it; test_delivery.py visits every cell.
VERDICTS: Final[dict[tuple[Standing, Arrival], Verdict]] = {
    (Standing.NOTHING, Arrival.BEGINS): Verdict.ACT,
    (Standing.NOTHING, Arrival.FOREIGN): Verdict.LOST,
    (Standing.ACTING, Arrival.BEGINS): Verdict.ACT,
    (Standing.ACTING, Arrival.NEXT): Verdict.BUSY,
    (Standing.ACTING, Arrival.REPEATS): Verdict.BUSY,
    (Standing.ACTING, Arrival.DIFFERS): Verdict.CHANGED,
    (Standing.ACTING, Arrival.ELSEWHERE): Verdict.OUT_OF_ORDER,
    (Standing.ACTING, Arrival.FOREIGN): Verdict.LOST,
    (Standing.ANSWERED, Arrival.BEGINS): Verdict.ACT,
    (Standing.ANSWERED, Arrival.NEXT): Verdict.ACT,
    (Standing.ANSWERED, Arrival.REPEATS): Verdict.REPEAT,
    (Standing.ANSWERED, Arrival.DIFFERS): Verdict.CHANGED,
    (Standing.ANSWERED, Arrival.ELSEWHERE): Verdict.OUT_OF_ORDER,
    (Standing.ANSWERED, Arrival.FOREIGN): Verdict.LOST,
}
_REFUSALS: Final = {
    Verdict.BUSY: (Problem.BUSY, "CHN-1810"),
    Verdict.CHANGED: (Problem.DELIVERY_CHANGED, "CHN-1820"),
    Verdict.OUT_OF_ORDER: (Problem.OUT_OF_ORDER, "CHN-1800"),
    Verdict.LOST: (Problem.DELIVERY_LOST, "CHN-1830"),
}


class Inbox:
    """The ordered requests that came over one channel."""

    __slots__ = ("_content", "_place", "_response")

    def __init__(self) -> None:
        self._place: Place | None = None
        self._content = b""
        self._response: Message | None = None

    @property
    def standing(self) -> Standing:
        """How far the last request has come."""
        if self._place is None:
            return Standing.NOTHING
        return Standing.ACTING if self._response is None else Standing.ANSWERED

    @property
    def used(self) -> bool:
        """Whether an ordered request was ever accepted."""
        return self._place is not None

    @property
    def state(self) -> list[Any]:
        """Return what accepted requests change, as a CBOR value for a digest."""
        place = [] if self._place is None else [self._place.stream, self._place.number]
        return [place, self._content, self._response is not None]

    def admit(self, message: Message, horizon: int) -> Message | None:
        """Judge a verified request that has a place; return its response when it has one already, else act on it.

        ``horizon`` is the lowest position that the peer can have used since this end last lost its memory. Raises
        ``ProtocolError`` for a request that is not to be acted on; then nothing has changed.
        """
        place = Place.of(message)
        if place is None:
            return None
        if any(option in SPREADING for option, _value in message.options):
            raise ProtocolError(Problem.BAD_OPTION, "CHN-1850", "an ordered request is one message")
        content = fingerprint(message)
        verdict = VERDICTS[self.standing, self._arrival(place, content, horizon)]
        if verdict in _REFUSALS:
            problem, requirement = _REFUSALS[verdict]
            raise ProtocolError(problem, requirement, f"number {place.number} of stream {place.stream}")
        if verdict is Verdict.REPEAT:
            return self._response
        self._place, self._content, self._response = place, content, None
        return None

    def answered(self, place: Place, response: Message) -> Message:
        """Keep the response to the request at ``place`` and return it as the outcome that it is (CHN-1790)."""
        outcome = placed(response, place)
        if place == self._place:
            self._response = outcome
        return outcome

    def _arrival(self, place: Place, content: bytes, horizon: int) -> Arrival:
        last = self._place
        if last is None or place.stream != last.stream:
            new = place.stream >= horizon and (last is None or place.stream > last.stream)
            return Arrival.BEGINS if new and place.number == 0 else Arrival.FOREIGN
        if place.number == last.number + 1:
            return Arrival.NEXT
        if place.number != last.number:
            return Arrival.ELSEWHERE
        return Arrival.REPEATS if content == self._content else Arrival.DIFFERS


def fingerprint(message: Message) -> bytes:
    """Return what tells a request from any other: a hash over all that its sender protected and may not change."""
    options = [entry for entry in message.options if entry[0] not in _OF_THE_ATTEMPT]
    return sha256(bytes((message.code,)) + encode_options(options, message.payload)).digest()
