"""Faults of clients: tokens that can be guessed, and answers that are believed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from picosec.errors import ProtocolError
from picosec.messaging import requests, sending
from picosec.messaging.coap import Message, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import RequestFailed, RequestReset, ResponseReceived
from picosec.messaging.peers import Peer
from picosec.messaging.requests import Request
from picosec.messaging.transfers import Transfer
from picosec.registry import Problem
from picosec.roles.client import Ask, Client
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import with_parameters


@fault("MSG-360")
def acknowledges_the_first_copy_only() -> None:
    """The second copy matches no request any more, and is answered by silence (an early Californium, issue 66)."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        peer = self._peers.find(key)
        known = peer.received.get(message.message_id, now) if peer else None
        if known is not None:
            known.reply = b""

    Endpoint._match_by_token = match


def _wait_on() -> None:
    """Keep what is asked for after its answer, as if nothing had come."""
    ended = Client.ended

    def again(self: Client, outcome: Any, now: float) -> None:
        pending = self._pending.get(outcome.request_id)
        ended(self, outcome, now)
        if isinstance(pending, Ask) and pending.message is not None:
            transfer = Transfer(pending.message)
            transfer.begin()
            self._pending[outcome.request_id] = replace(pending, transfer=transfer)

    Client.ended = again


@fault("MSG-360")
def takes_every_copy() -> None:
    """The request stays pending after its answer, and each copy of that is another answer: the meter counts twice."""
    original = Endpoint._match_by_token
    taken: dict[bytes, Request] = {}

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        if peer and message.token in peer.tokens:
            taken[message.token] = peer.tokens[message.token]
        elif message.token in taken:
            self._events.append(ResponseReceived(taken[message.token].id, message))
        original(self, message, key, now)

    Endpoint._match_by_token = match
    _wait_on()


@fault("MSG-360")
def acknowledges_no_responses() -> None:
    """The answer is there, and the server is not told: it repeats it until it gives up."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        self._outbox = [(peer, data) for peer, data in self._outbox if data[:2] != b"\x60\0"]

    Endpoint._match_by_token = match


@fault("MSG-470")
def has_short_tokens() -> None:
    """Two bytes tell more requests apart than anybody has; an attacker needs a second to send them all."""
    sending.TOKEN_SIZE = 2


def _with_tokens(chosen: Callable[[Endpoint], bytes]) -> None:
    """Choose the tokens of requests otherwise than at random."""
    original = Endpoint.request

    def request(self: Endpoint, message: Message, peer: Hashable, now: float, **named: Any) -> int:
        entropy, first = self._entropy, [chosen(self)]
        self._entropy = lambda count: first.pop() if first and count == sending.TOKEN_SIZE else entropy(count)
        try:
            return original(self, message, peer, now, **named)
        finally:
            self._entropy = entropy

    Endpoint.request = request


@fault("MSG-470")
def counts_tokens() -> None:
    """Unique, and known in advance to whoever has seen one."""
    _with_tokens(lambda self: self._last_id.to_bytes(4, "big"))


@fault("MSG-470")
def hashes_a_counter_into_tokens() -> None:
    """They look random, and are the same on every device after every start."""
    _with_tokens(lambda self: hashlib.sha256(self._last_id.to_bytes(4, "big")).digest()[:4])


@fault("MSG-470")
def sends_no_tokens() -> None:
    """One request at a time needs no token, says RFC 7252, and who guesses 16 bits answers it."""
    _with_tokens(lambda self: b"")


@fault("MSG-470")
def draws_the_length_of_a_token_too() -> None:
    """One token in eight has a single byte (Californium issue 83)."""
    original = Endpoint.request

    def request(self: Endpoint, message: Message, peer: Hashable, now: float, **named: Any) -> int:
        sending.TOKEN_SIZE = 1 + self._entropy(1)[0] % 8
        return original(self, message, peer, now, **named)

    Endpoint.request = request


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


@fault("MSG-480")
def compares_the_start_of_a_token() -> None:
    """The comparison ends with the shorter of the two, and an empty token fits every request."""

    def fitting(message: Message, request: Request) -> Message:
        token = request.message.token
        return replace(message, token=token) if token.startswith(message.token) else message

    _matching("_match_by_id_and_token", fitting)
    _matching("_match_by_token", fitting)


@fault("MSG-480")
def goes_on_listening_after_the_answer() -> None:
    """Whoever answers last is believed: the forgery only has to be slower."""
    original = Endpoint._finish

    def finish(self: Endpoint, peer: Peer, request: Request, happening: Any, now: float) -> None:
        original(self, peer, request, happening, now)
        if request.state is requests.State.ANSWERED:
            request.state = requests.State.UNANSWERED
            peer.tokens[request.message.token] = request
            peer.sent[request.message.message_id] = request

    Endpoint._finish = finish
    _wait_on()


@fault("MSG-490")
def is_silent_on_stray_responses() -> None:
    """A server that lost its client repeats its response to the end."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        self._outbox = [(peer, data) for peer, data in self._outbox if data[:1] != b"\x70"]

    Endpoint._match_by_token = match


@fault("MSG-490")
def acknowledges_stray_responses() -> None:
    """Everything confirmable is acknowledged: a server believes that its answer has arrived, somewhere."""
    original = Endpoint._match_by_token

    def match(self: Endpoint, message: Message, key: Hashable, now: float) -> None:
        original(self, message, key, now)
        self._outbox = [(peer, b"\x60" + data[1:] if data[:2] == b"\x70\0" else data) for peer, data in self._outbox]

    Endpoint._match_by_token = match


@fault("MSG-520")
def takes_responses_with_any_option() -> None:
    """Options are a matter of servers."""
    Endpoint._understood = lambda self, response: response


def _reject(kind: Type) -> None:
    original = Endpoint.receive

    def receive(self: Endpoint, data: bytes, peer: Hashable, now: float) -> list[Any]:
        try:
            message = Message.decode(data)
            if message.is_response and message.type == kind and self._understood(message) is None:
                self._send_empty(peer, Type.RST, message.message_id)
        except ProtocolError:
            pass
        return original(self, data, peer, now)

    Endpoint.receive = receive


@fault("MSG-520")
def rejects_aloud() -> None:
    """A reset for each response that is not understood, asked for or not."""
    _reject(Type.NON)


@fault("MSG-520")
def resets_acknowledgements() -> None:
    """The acknowledgement is understood, the response on it is not, and both are reset."""
    _reject(Type.ACK)


@fault("MSG-830")
def asks_four_things_at_once() -> None:
    """It is faster, as long as nobody else thinks so."""
    with_parameters(nstart=4)


@fault("MSG-840")
def gives_up_in_silence() -> None:
    """The timer ends, the memory is freed, and whoever asked waits on."""
    original = Endpoint.tick

    def tick(self: Endpoint, now: float) -> list[Any]:
        return [event for event in original(self, now) if getattr(event, "reason", None) is not Problem.TIMEOUT]

    Endpoint.tick = tick


@fault("MSG-840")
def calls_silence_a_refusal() -> None:
    """One error for all that goes wrong: whoever asked cannot tell a peer that is gone from one that said no."""
    original = Endpoint.tick

    def tick(self: Endpoint, now: float) -> list[Any]:
        events = original(self, now)
        return [RequestReset(event.request_id) if isinstance(event, RequestFailed) else event for event in events]

    Endpoint.tick = tick
