"""Faults of exchanges: copies, late answers, retransmission, and whose answer it is."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from picosec.messaging import endpoint, exchanges
from picosec.messaging.coap import Message, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.exchanges import Exchange
from picosec.messaging.message_ids import MessageIds, Received, ReceivedIds
from picosec.messaging.parameters import Parameters
from picosec.messaging.requests import Request
from picosec.messaging.retransmission import Retransmission
from picosec.registry import Problem
from picosec_conformance.faults import fault


def _with_parameters(**changes: Any) -> None:
    """Run the message layer with other numbers."""
    original = Endpoint.__init__

    def init(self: Endpoint, entropy: Any, parameters: Parameters | None = None, *rest: Any, **named: Any) -> None:
        original(self, entropy, replace(parameters or Parameters(), **changes), *rest, **named)

    Endpoint.__init__ = init


def _piggybacking(changed: Callable[[Message], Message]) -> None:
    """Send other messages than the right ones as piggybacked responses."""
    original = endpoint._piggybacked
    endpoint._piggybacked = lambda request, response: changed(original(request, response))


@fault("MSG-310")
def answers_without_acknowledging() -> None:
    """The response says it all; the client repeats its request until it is tired."""
    _piggybacking(lambda response: replace(response, type=Type.NON))


@fault("MSG-320")
def keeps_four_bytes_of_a_token() -> None:
    """Its own tokens have four bytes, and so has the field for the others'."""
    _piggybacking(lambda response: replace(response, token=response.token[:4]))


@fault("MSG-330")
def does_not_recognise_copies() -> None:
    """Every datagram is a new request: the door opens twice."""
    ReceivedIds.get = lambda self, message_id, now: None


@fault("MSG-330")
def leaves_copies_unanswered() -> None:
    """The copy is recognised and dropped: the client, who missed the answer, never gets it."""
    original = ReceivedIds.get

    def silent(self: ReceivedIds, message_id: int, now: float) -> Received | None:
        known = original(self, message_id, now)
        return known and Received(known.expires)

    ReceivedIds.get = silent


@fault("MSG-340")
def remembers_confirmable_messages_only() -> None:
    """What needs no acknowledgement needs no memory either."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        if peer and message.type == Type.NON:
            peer.received._entries.pop(message.message_id, None)
        original(self, message, size, key, now)

    Endpoint._serve = serve


@fault("MSG-350")
def remembers_eight_messages() -> None:
    """A ring buffer of eight entries was enough for every test on the desk."""
    _with_parameters(max_remembered=8)


@fault("MSG-350")
def remembers_for_a_minute() -> None:
    """MAX_TRANSMIT_SPAN is taken for EXCHANGE_LIFETIME."""
    Parameters.exchange_lifetime = property(lambda self: self.max_transmit_span)


@fault("MSG-360")
def acknowledges_the_first_copy_only() -> None:
    """The second copy matches no request any more, and is answered by silence."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        peer = self._peers.find(key)
        known = peer.received.get(message.message_id, now) if peer else None
        if known is not None:
            known.reply = b""

    Endpoint._match_by_token = match


@fault("MSG-390")
def confirms_what_nobody_asked_to_confirm() -> None:
    """Every response is important."""
    _responding(exchanges.State.RECEIVED_NON_CONFIRMABLE, exchanges.State.ACKNOWLEDGED)


@fault("MSG-410")
def sends_late_responses_once() -> None:
    """The response is sent, and that is that; when it is lost, the client waits in vain."""
    _responding(exchanges.State.ACKNOWLEDGED, exchanges.State.RECEIVED_NON_CONFIRMABLE)


def _responding(state: exchanges.State, taken_for: exchanges.State) -> None:
    original = Endpoint.respond

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        if exchange.state is state:
            exchange.state = taken_for
        original(self, exchange, response, now)

    Endpoint.respond = respond


@fault("MSG-400")
def does_not_announce_late_responses() -> None:
    """The client repeats its request while the measurement runs, and the network fills with it."""
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        self._outbox.pop()

    Endpoint.acknowledge = acknowledge


@fault("MSG-410")
def answers_late_under_the_requests_id() -> None:
    """The id of the request is at hand, and looks as if it belonged to the answer as well."""
    original = Endpoint.respond

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        peer = self._peers.find(exchange.peer)
        if peer and exchange.state is exchanges.State.ACKNOWLEDGED:
            peer.ids._next = exchange.request.message_id
        original(self, exchange, response, now)

    Endpoint.respond = respond


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
    _with_parameters(ack_timeout=0.5)


@fault("MSG-440")
def never_tires() -> None:
    """A sensor that calls a hub that was taken down last year."""
    _with_parameters(max_retransmit=8)


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


@fault("MSG-450")
def takes_any_acknowledgement() -> None:
    """There is one message under way, so the acknowledgement must be for it."""
    for name in ("_acknowledged", "_rejected"):
        setattr(Endpoint, name, _for_whatever_waits(getattr(Endpoint, name)))


def _for_whatever_waits(original: Any) -> Any:
    def credulous(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        waiting = next(iter(peer.sent), message.message_id) if peer else message.message_id
        original(self, replace(message, message_id=waiting), key, now)

    return credulous


@fault("MSG-460")
def counts_message_ids_in_five_bits() -> None:
    """The low bits index the table of pending messages, and the rest was optimised away."""
    original = MessageIds.take

    def take(self: MessageIds, now: float) -> int:
        self._next &= 0x1F
        return original(self, now)

    MessageIds.take = take


def _with_tokens(chosen: Callable[[Endpoint], bytes]) -> None:
    """Choose the tokens of requests otherwise than at random."""
    original = Endpoint.request

    def request(self: Endpoint, message: Message, peer: Hashable, now: float) -> int:
        entropy, first = self._entropy, [chosen(self)]
        self._entropy = lambda count: first.pop() if first and count == endpoint.TOKEN_SIZE else entropy(count)
        try:
            return original(self, message, peer, now)
        finally:
            self._entropy = entropy

    Endpoint.request = request


@fault("MSG-470")
def has_short_tokens() -> None:
    """Two bytes tell more requests apart than anybody has; an attacker needs a second to send them all."""
    endpoint.TOKEN_SIZE = 2


@fault("MSG-470")
def counts_tokens() -> None:
    """Unique, and known in advance to whoever has seen one."""
    _with_tokens(lambda self: self._last_id.to_bytes(4, "big"))


@fault("MSG-470")
def hashes_a_counter_into_tokens() -> None:
    """They look random, and are the same on every device after every start."""
    _with_tokens(lambda self: hashlib.sha256(self._last_id.to_bytes(4, "big")).digest()[:4])


def _matching(name: str, changed: Callable[[Message, Request], Message]) -> None:
    """Let a response look as if it were for the request that waits."""
    original = getattr(Endpoint, name)

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        waiting = [sent for sent in peer.sent.values() if isinstance(sent, Request)] if peer else []
        original(self, changed(message, waiting[0]) if waiting else message, key, now)

    setattr(Endpoint, name, match)


@fault("MSG-480")
def matches_by_message_id_alone() -> None:
    """The acknowledgement fits, so the token will."""
    _matching("_match_by_id_and_token", lambda message, request: replace(message, token=request.message.token))


@fault("MSG-480")
def matches_by_token_alone() -> None:
    """The token fits, so the message id will."""
    _matching(
        "_match_by_id_and_token", lambda message, request: replace(message, message_id=request.message.message_id)
    )


@fault("MSG-480")
def takes_whatever_is_confirmable() -> None:
    """One request is under way; what comes must be the response."""
    _matching("_match_by_token", lambda message, request: replace(message, token=request.message.token))


@fault("MSG-490")
def is_silent_on_stray_responses() -> None:
    """A server that lost its client repeats its response to the end."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        self._outbox = [(peer, data) for peer, data in self._outbox if data[:1] != b"\x70"]

    Endpoint._match_by_token = match


@fault("MSG-800")
def takes_a_kilobyte() -> None:
    """1024 bytes are allotted to a payload, and used for the whole message."""
    _with_parameters(max_message=1024)


@fault("MSG-810")
def dies_of_a_long_message() -> None:
    """The length is checked by an assertion."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        assert size <= self.parameters.max_message
        original(self, message, size, key, now)

    Endpoint._serve = serve


@fault("MSG-820")
def promises_more_than_it_keeps() -> None:
    """The table of late answers overwrites its oldest entry; its client was told to wait."""
    _with_parameters(max_late=1000, max_exchanges=1000)
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        peer = self._peers.find(exchange.peer)
        late = [one for one in peer.exchanges if one.state is exchanges.State.ACKNOWLEDGED] if peer else []
        if peer and len(late) > 8:
            self._end(peer, random.Random(0).choice(late), exchanges.Input.GIVE_UP)

    Endpoint.acknowledge = acknowledge


@fault("MSG-830")
def asks_four_things_at_once() -> None:
    """It is faster, as long as nobody else thinks so."""
    _with_parameters(nstart=4)


@fault("MSG-840")
def gives_up_in_silence() -> None:
    """The timer ends, the memory is freed, and whoever asked waits on."""
    original = Endpoint.tick

    def tick(self: Endpoint, now: float) -> list[Any]:
        return [event for event in original(self, now) if getattr(event, "reason", None) is not Problem.TIMEOUT]

    Endpoint.tick = tick
