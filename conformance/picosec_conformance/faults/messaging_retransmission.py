"""Faults of retransmission and message ids: too often, too late, or under the wrong number."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from picosec.messaging.coap import Message
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.exchanges import Exchange
from picosec.messaging.message_ids import MessageIds
from picosec.messaging.parameters import Parameters
from picosec.messaging.requests import Request
from picosec.messaging.retransmission import Retransmission
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import with_parameters


@fault("MSG-420")
def repeats_at_a_fixed_rate() -> None:
    """A timer with a period is easier than one that doubles."""
    original = Retransmission.next

    def steady(self: Retransmission) -> bool:
        timeout = self.timeout
        more = original(self)
        self.timeout = timeout
        return more

    Retransmission.next = steady


@fault("MSG-420")
def repeats_under_a_new_id() -> None:
    """Sending again goes through the code for sending: the copy is a new message, and has a second effect."""
    original = Retransmission.next

    def renewed(self: Retransmission) -> bool:
        more = original(self)
        self.frame = self.frame[:2] + bytes((self.frame[2] ^ 0x40, self.frame[3] ^ self._left)) + self.frame[4:]
        return more

    Retransmission.next = renewed


@fault("MSG-420")
def sends_only_once() -> None:
    """The network of the laboratory loses nothing."""
    with_parameters(max_retransmit=0)


@fault("MSG-420")
def doubles_only_once() -> None:
    """The timeout is computed anew from its first value each time."""
    original = Retransmission.next

    def next_(self: Retransmission) -> bool:
        before, first = self.timeout, self._left == 4
        more = original(self)
        self.timeout = self.timeout if first else before
        return more

    Retransmission.next = next_


@fault("MSG-430")
def repeats_without_dice() -> None:
    """Two and a half seconds, on every device of the street."""
    original = Retransmission.__init__

    def init(self: Retransmission, frame: bytes, parameters: Parameters, entropy: Any) -> None:
        original(self, frame, parameters, lambda count: b"\x80" * count)

    Retransmission.__init__ = init


@fault("MSG-430")
def repeats_too_soon() -> None:
    """The local network answers in milliseconds, so why wait."""
    with_parameters(ack_timeout=0.5)


@fault("MSG-430")
def waits_exactly_two_seconds() -> None:
    """A constant for everyone: what collided once collides again."""
    with_parameters(ack_random_factor=1.0)


@fault("MSG-430")
def waits_up_to_four_seconds() -> None:
    """Between the timeout and its double."""
    with_parameters(ack_random_factor=2.0)


@fault("MSG-430")
def draws_one_timeout_for_all() -> None:
    """The random number is drawn at the start and serves for a lifetime."""
    original = Retransmission.__init__
    drawn: list[bytes] = []

    def init(self: Retransmission, frame: bytes, parameters: Parameters, entropy: Callable[[int], bytes]) -> None:
        drawn.append(drawn[0] if drawn else entropy(2))
        original(self, frame, parameters, lambda count: drawn[0])

    Retransmission.__init__ = init


@fault("MSG-440")
def never_tires() -> None:
    """A sensor that calls a hub that was taken down last year."""
    with_parameters(max_retransmit=8)


@fault("MSG-440")
def sends_once_more() -> None:
    """The first transmission is not counted."""
    with_parameters(max_retransmit=5)


@fault("MSG-450")
def goes_on_after_the_acknowledgement() -> None:
    """Only requests wait for acknowledgements, says the table; late responses are sent five times each."""
    original = Endpoint._acknowledged

    def deaf(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        if peer and isinstance(peer.sent.get(message.message_id), Exchange):
            return
        original(self, message, key, now)

    Endpoint._acknowledged = deaf


def _for_whatever_waits(original: Any) -> Any:
    def credulous(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        waiting = next(iter(peer.sent), message.message_id) if peer else message.message_id
        original(self, replace(message, message_id=waiting), key, now)

    return credulous


@fault("MSG-450")
def takes_any_acknowledgement() -> None:
    """There is one message under way, so the acknowledgement must be for it."""
    for name in ("_acknowledged", "_rejected"):
        setattr(Endpoint, name, _for_whatever_waits(getattr(Endpoint, name)))


@fault("MSG-450")
def goes_on_after_a_reset() -> None:
    """A reset is an error of the other side, and errors are worth another try."""
    original = Endpoint._rejected

    def stubborn(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        sent = peer.sent.get(message.message_id) if peer else None
        if isinstance(sent, Request) and not sent.message.is_empty:
            return
        original(self, message, key, now)

    Endpoint._rejected = stubborn


@fault("MSG-460")
def counts_message_ids_in_five_bits() -> None:
    """The low bits index the table of pending messages, and the rest was optimised away."""
    original = MessageIds.take

    def take(self: MessageIds, now: float) -> int:
        self._next &= 0x1F
        return original(self, now)

    MessageIds.take = take


@fault("MSG-460")
def counts_message_ids_in_eight_bits() -> None:
    """The upper byte stays as it was drawn: the 257th message is taken for a copy of the first."""
    original = MessageIds.take

    def take(self: MessageIds, now: float) -> int:
        taken = original(self, now)
        self._next = taken & 0xFF00 | taken + 1 & 0xFF
        return taken

    MessageIds.take = take


@fault("MSG-460")
def counts_answers_for_themselves() -> None:
    """Client and server are two modules with a counter each: an answer has the id of a question, and passes for its
    copy."""
    original = Endpoint.respond
    counters: dict[MessageIds, MessageIds] = {}

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        peer = self._peers.find(exchange.peer)
        if peer is None:
            return
        own = peer.ids
        peer.ids = counters.setdefault(own, MessageIds(own._next, self.parameters.exchange_lifetime))
        original(self, exchange, response, now)
        peer.ids = own

    Endpoint.respond = respond


@fault("MSG-460")
def sends_everything_under_one_id() -> None:
    """The id is for the caller to set, and no caller knows (coap-rs issue 79): the server repeats its last answer."""
    original = MessageIds.take

    def take(self: MessageIds, now: float) -> int:
        before = self._next
        original(self, now)
        self._next = before
        return before

    MessageIds.take = take


@fault("MSG-460")
def counts_from_one_after_each_start() -> None:
    """A static variable begins at one: after a loss of power, the server repeats its answers to the old questions."""
    original = MessageIds.__init__

    def init(self: MessageIds, start: int, lifetime: float) -> None:
        original(self, 1, lifetime)

    MessageIds.__init__ = init
