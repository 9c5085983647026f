"""Faults of servers: copies that act, answers that do not arrive, and too little room."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import replace

from picosec.errors import ProtocolError
from picosec.messaging import endpoint, exchanges, slipmux
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.exchanges import Exchange
from picosec.messaging.message_ids import MessageIds, Received, ReceivedIds
from picosec.messaging.parameters import Parameters
from picosec.registry import RESPONSE_CODE, Problem
from picosec.roles import test_resources
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import with_parameters


def _piggybacking(changed: Callable[[Message], Message]) -> None:
    """Send other messages than the right ones as piggybacked responses."""
    original = endpoint._piggybacked
    endpoint._piggybacked = lambda request, response: changed(original(request, response))


@fault("MSG-310")
def answers_without_acknowledging() -> None:
    """The response says it all; the client repeats its request until it is tired."""
    _piggybacking(lambda response: replace(response, type=Type.NON))


@fault("MSG-310")
def acknowledges_under_an_id_of_its_own() -> None:
    """Every message that goes out takes the next id, acknowledgements too: nobody can tell what they are for."""
    _piggybacking(lambda response: replace(response, message_id=response.message_id + 1 & 0xFFFF))


@fault("MSG-310")
def keeps_one_list_of_ids() -> None:
    """Its own ids and those of its peers are remembered together (iotivity-lite issue 26): a request under one of its
    own is taken for a copy, and dropped."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        if peer is None or message.message_id not in used:
            original(self, message, size, key, now)

    used: set[int] = set()
    take = MessageIds.take

    def noted(self: MessageIds, now: float) -> int:
        used.add(self._next)
        return take(self, now)

    Endpoint._serve, MessageIds.take = serve, noted


@fault("MSG-320")
def keeps_four_bytes_of_a_token() -> None:
    """Its own tokens have four bytes, and so has the field for the others'."""
    _piggybacking(lambda response: replace(response, token=response.token[:4]))


@fault("MSG-320")
def makes_up_missing_tokens() -> None:
    """A request without token is given one, which its client has never seen (CoAPthon issue 48)."""
    _piggybacking(lambda response: replace(response, token=response.token or b"\x2a"))


@fault("MSG-320")
def refuses_without_token() -> None:
    """The refusal is made before the token is stored: the client goes on waiting for an answer that came."""
    _piggybacking(lambda response: replace(response, token=b"") if response.code >> 5 > 2 else response)


@fault("MSG-330")
def does_not_recognise_copies() -> None:
    """Every datagram is a new request: the door opens twice (Contiki issue 2085)."""
    ReceivedIds.get = lambda self, message_id, now: None


@fault("MSG-330")
def leaves_copies_unanswered() -> None:
    """The copy is recognised and dropped: the client, who missed the answer, never gets it."""
    original = ReceivedIds.get

    def silent(self: ReceivedIds, message_id: int, now: float) -> Received | None:
        known = original(self, message_id, now)
        return known and Received(known.expires)

    ReceivedIds.get = silent


@fault("MSG-330")
def tells_copies_by_their_bytes() -> None:
    """Only what is the same to the last bit is a copy: another command under the same id acts a second time."""
    original = Endpoint._serve
    seen: dict[int, bytes] = {}

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        if peer and seen.get(message.message_id) not in (None, message.payload):
            peer.received._entries.pop(message.message_id, None)
        seen[message.message_id] = message.payload
        original(self, message, size, key, now)

    Endpoint._serve = serve


@fault("MSG-330")
def answers_slow_requests_once_per_copy() -> None:
    """A copy that comes while the handler is busy starts it again: four copies, four answers (go-coap issue 218)."""
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        peer = self._peers.find(exchange.peer)
        if peer is not None:
            peer.received._entries.pop(exchange.request.message_id, None)

    Endpoint.acknowledge = acknowledge


@fault("MSG-330")
def acknowledges_slow_requests_once() -> None:
    """The empty acknowledgement is sent and forgotten: when it is lost, the client repeats itself to the end."""
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        exchange.received.reply = b""

    Endpoint.acknowledge = acknowledge


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


@fault("MSG-340")
def repeats_its_answers_to_non_confirmable_requests() -> None:
    """Whoever recorded one datagram makes the server speak as often as he likes, to any address he likes."""
    serve, respond = Endpoint._serve, Endpoint.respond
    answers: dict[int, bytes] = {}

    def respond_and_keep(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        respond(self, exchange, response, now)
        if exchange.request.type == Type.NON and self._outbox:
            answers[exchange.request.message_id] = self._outbox[-1][1]

    def serve_again(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        if message.type == Type.NON and message.message_id in answers:
            self._outbox.append((key, answers[message.message_id]))
        serve(self, message, size, key, now)

    Endpoint._serve, Endpoint.respond = serve_again, respond_and_keep


@fault("MSG-350")
def remembers_eight_messages() -> None:
    """A ring buffer of eight entries was enough for every test on the desk."""
    with_parameters(max_remembered=8)


@fault("MSG-350")
def remembers_for_a_minute() -> None:
    """MAX_TRANSMIT_SPAN is taken for EXCHANGE_LIFETIME."""
    Parameters.exchange_lifetime = property(lambda self: self.max_transmit_span)


@fault("MSG-350")
def remembers_fifteen_messages() -> None:
    """A ring buffer of sixteen entries is full when it holds fifteen."""
    with_parameters(max_remembered=15)


@fault("MSG-350")
def forgets_non_confirmable_messages_early() -> None:
    """NON_LIFETIME is shorter by the time for retransmissions, which other copies of the message need not keep to."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        original(self, message, size, key, now)
        peer = self._peers.find(key)
        if peer and message.type == Type.NON and (known := peer.received.get(message.message_id, now)):
            known.expires = min(known.expires, now + self.parameters.non_lifetime)

    Endpoint._serve = serve


def _responding(state: exchanges.State, taken_for: exchanges.State) -> None:
    original = Endpoint.respond

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        if exchange.state is state:
            exchange.state = taken_for
        original(self, exchange, response, now)

    Endpoint.respond = respond


@fault("MSG-390")
def confirms_what_nobody_asked_to_confirm() -> None:
    """Every response is important."""
    _responding(exchanges.State.RECEIVED_NON_CONFIRMABLE, exchanges.State.ACKNOWLEDGED)


@fault("MSG-400")
def does_not_announce_late_responses() -> None:
    """The client repeats its request while the measurement runs, and the network fills with it."""
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        self._outbox.pop()

    Endpoint.acknowledge = acknowledge


@fault("MSG-400")
def announces_late_responses_late() -> None:
    """The acknowledgement waits for two seconds, as long as the client does: its copy is on the way already."""
    with_parameters(piggyback_window=2.0)
    test_resources.SLOW = 2.5
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        if exchange.deadline is None:
            original(self, exchange, now)

    Endpoint.acknowledge = acknowledge


@fault("MSG-410")
def sends_late_responses_once() -> None:
    """The response is sent, and that is that; when it is lost, the client waits in vain."""
    _responding(exchanges.State.ACKNOWLEDGED, exchanges.State.RECEIVED_NON_CONFIRMABLE)


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


@fault("MSG-410")
def answers_late_on_an_acknowledgement() -> None:
    """The second acknowledgement carries the response: the client, who has the first, does not listen any more."""
    original = Endpoint.respond

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        late = exchange.state is exchanges.State.ACKNOWLEDGED
        original(self, exchange, response, now)
        if late and self._outbox:
            peer, data = self._outbox.pop()
            self._outbox.append((peer, bytes((data[0] & 0x4F | 0x60,)) + data[1:]))

    Endpoint.respond = respond


@fault("MSG-800")
def takes_a_kilobyte() -> None:
    """1024 bytes are allotted to a payload, and used for the whole message."""
    with_parameters(max_message=1024)


@fault("MSG-800")
def has_sixteen_places_for_options() -> None:
    """A table of fixed size, and a message with one option more is refused (so RIOT's nanocoap is built by default)."""
    original = Message.decode

    def decode(cls: type[Message], data: bytes) -> Message:
        message = original(data)
        if len(message.options) > 16:
            raise ProtocolError(Problem.MALFORMED, "MSG-800", f"{len(message.options)} options")
        return message

    Message.decode = classmethod(decode)


@fault("MSG-800")
def reads_frames_of_one_kilobyte() -> None:
    """The buffer of the line is smaller than that of the messages, and the long ones never arrive."""
    original = slipmux.Decoder.__init__

    def small(self: slipmux.Decoder, max_message: int = 1024) -> None:
        original(self, min(max_message, 1024))

    slipmux.Decoder.__init__ = small


@fault("MSG-810")
def dies_of_a_long_message() -> None:
    """The length is checked by an assertion."""
    original = Endpoint._serve

    def serve(self: Endpoint, message: Message, size: int, key: Hashable, now: float) -> None:
        assert size <= self.parameters.max_message
        original(self, message, size, key, now)

    Endpoint._serve = serve


@fault("MSG-810")
def calls_a_large_request_a_bad_one() -> None:
    """4.00 instead of 4.13: a client that could send less does not learn that it should."""
    RESPONSE_CODE[Problem.TOO_LARGE] = 0x80


@fault("MSG-820")
def promises_more_than_it_keeps() -> None:
    """The table of late answers overwrites its oldest entry; its client was told to wait."""
    with_parameters(max_late=1000, max_exchanges=1000)
    original = Endpoint.acknowledge

    def acknowledge(self: Endpoint, exchange: Exchange, now: float) -> None:
        original(self, exchange, now)
        peer = self._peers.find(exchange.peer)
        late = [one for one in peer.exchanges if one.state is exchanges.State.ACKNOWLEDGED] if peer else []
        if peer and len(late) > 8:
            self._end(peer, random.Random(0).choice(late), exchanges.Input.GIVE_UP)

    Endpoint.acknowledge = acknowledge


@fault("MSG-820")
def drops_what_it_has_no_room_for() -> None:
    """Silence under load: the clients repeat themselves, and the load grows."""
    original = Endpoint.respond

    def respond(self: Endpoint, exchange: Exchange, response: Message, now: float) -> None:
        if response.code != Code.SERVICE_UNAVAILABLE:
            original(self, exchange, response, now)

    Endpoint.respond = respond


@fault("MSG-820")
def fails_without_room() -> None:
    """An allocation that fails is 5.00: the client cannot tell it from a defect, and does not come back later."""
    RESPONSE_CODE[Problem.BUSY] = 0xA0
