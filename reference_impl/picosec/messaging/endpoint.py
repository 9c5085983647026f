"""A CoAP endpoint over any number of peers, without sockets or clocks (spec/v1/messaging.md).

Datagrams and the time come in; events come back, and :meth:`Endpoint.transmit` hands out what is to be sent. What is
done with a message is :data:`~picosec.messaging.reactions.REACTIONS`; how a request of a peer goes on is in the table
of ``exchanges``, and what this end begins by itself is in ``sending``. A message that is refused changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping

from picosec.errors import ProtocolError
from picosec.messaging import exchanges, notifications, problem, requests
from picosec.messaging.blocks import MAX_BODY
from picosec.messaging.coap import Code, Message, Type
from picosec.messaging.events import (
    Event,
    NotificationAcknowledged,
    NotificationEnded,
    PongReceived,
    RequestFailed,
    RequestReceived,
    RequestReset,
    ResponseReceived,
)
from picosec.messaging.exchanges import Exchange
from picosec.messaging.notifications import Notification
from picosec.messaging.options import DEFINITIONS, Definition, understood
from picosec.messaging.parameters import Parameters
from picosec.messaging.peers import Peer
from picosec.messaging.reactions import Reaction, reaction_to, reaction_to_malformed
from picosec.messaging.requests import Request
from picosec.messaging.retransmission import Retransmission
from picosec.messaging.sending import Sender
from picosec.registry import Problem

__all__ = [
    "Endpoint",
    "Event",
    "NotificationAcknowledged",
    "NotificationEnded",
    "PongReceived",
    "RequestFailed",
    "RequestReceived",
    "RequestReset",
    "ResponseReceived",
]


class Endpoint(Sender):
    """Client and server at once. Peers are named by any hashable value, such as an address.

    Entropy is drawn for: the first message id of each peer (2 bytes), each token (4), each confirmable message (2).
    ``ids`` gives the handles of requests.
    """

    def __init__(
        self,
        entropy: Callable[[int], bytes],
        parameters: Parameters = Parameters(),  # noqa: B008 - frozen
        definitions: Mapping[int, Definition] = DEFINITIONS,
        ids: Iterator[int] | None = None,
    ) -> None:
        super().__init__(entropy, parameters, ids)
        self._definitions = definitions

    # -- what comes in -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, peer: Hashable, now: float) -> list[Event]:
        """Process one datagram. Raises nothing: what is not understood is reset, refused or ignored."""
        try:
            message = Message.decode(data)
        except ProtocolError:
            if reaction_to_malformed(data) is Reaction.SEND_RESET:
                self._send_empty(peer, Type.RST, int.from_bytes(data[2:4], "big"))
            return []
        match reaction_to(message):
            case Reaction.SERVE:
                self._serve(message, len(data), peer, now)
            case Reaction.MATCH_BY_TOKEN:
                self._match_by_token(message, peer, now)
            case Reaction.MATCH_BY_ID_AND_TOKEN:
                self._match_by_id_and_token(message, peer, now)
            case Reaction.ACKNOWLEDGED:
                self._acknowledged(message, peer, now)
            case Reaction.REJECTED:
                self._rejected(message, peer, now)
            case Reaction.SEND_RESET:
                self._send_empty(peer, Type.RST, message.message_id)
            case Reaction.IGNORE:
                pass
        return self._take_events()

    def _serve(self, message: Message, size: int, key: Hashable, now: float) -> None:
        confirmable = message.type == Type.CON
        peer = self._peers.obtain(key)
        if peer is None:
            if confirmable:
                self._outbox.append((key, _piggybacked(message, problem.response(Problem.BUSY)).encode()))
            return
        received = peer.received.get(message.message_id, now)
        if received is not None:
            if confirmable and received.reply:
                self._outbox.append((key, received.reply))
            return
        expires = now + self.parameters.exchange_lifetime
        try:
            if size > self.parameters.max_message:
                raise ProtocolError(Problem.TOO_LARGE, "MSG-810", f"{size} bytes")
            message = understood(message, self._definitions)
            if len(peer.exchanges) >= self.parameters.max_exchanges:
                raise ProtocolError(Problem.BUSY, "MSG-820", f"{len(peer.exchanges)} requests are being worked on")
        except ProtocolError as error:
            reply = _piggybacked(message, _refusal(error)).encode() if confirmable else b""
            peer.received.add(message.message_id, expires, reply)
            if reply:
                self._outbox.append((key, reply))
            return
        received = peer.received.add(message.message_id, expires)
        state = exchanges.State.RECEIVED if confirmable else exchanges.State.RECEIVED_NON_CONFIRMABLE
        exchange = Exchange(key, message, received, state)
        peer.exchanges.add(exchange)
        patience = self.parameters.piggyback_window if confirmable else self.parameters.non_lifetime
        self._timers.set(exchange, now + patience)
        self._events.append(RequestReceived(exchange, message))

    def _match_by_token(self, message: Message, key: Hashable, now: float) -> None:
        """Take a response that comes in a message of its own, or reject it (MSG-360, MSG-480, MSG-490)."""
        confirmable = message.type == Type.CON
        peer = self._peers.find(key)
        received = peer.received.get(message.message_id, now) if peer else None
        if received is not None:
            if received.reply:
                self._outbox.append((key, received.reply))
            return
        request = peer.tokens.get(message.token) if peer else None
        response = self._understood(message)
        lasting = request is not None and request.lasting
        happening = requests.Input.LASTING_SEPARATE_RESPONSE if lasting else requests.Input.SEPARATE_RESPONSE
        if not peer or not request or not response or not request.takes(happening):
            if confirmable:
                self._send_empty(key, Type.RST, message.message_id)
            return
        reply = Message(Type.ACK, Code.EMPTY, message.message_id).encode() if confirmable else b""
        peer.received.add(message.message_id, now + self.parameters.exchange_lifetime, reply)
        if reply:
            self._outbox.append((key, reply))
        self._answered(peer, request, happening, now)
        self._events.append(ResponseReceived(request.id, response))

    def _match_by_id_and_token(self, message: Message, key: Hashable, now: float) -> None:
        """Take a piggybacked response, or ignore it (MSG-480)."""
        peer = self._peers.find(key)
        request = peer.sent.get(message.message_id) if peer else None
        if not peer or not isinstance(request, Request) or request.message.token != message.token:
            return
        response = self._understood(message)
        lasting = request.lasting
        happening = requests.Input.LASTING_PIGGYBACKED_RESPONSE if lasting else requests.Input.PIGGYBACKED_RESPONSE
        if response and request.takes(happening):
            self._answered(peer, request, happening, now)
            self._events.append(ResponseReceived(request.id, response))

    def _answered(self, peer: Peer, request: Request, happening: requests.Input, now: float) -> None:
        peer.probing.answered()
        if request.lasting:
            self._heard(peer, request, happening, now)
        else:
            self._finish(peer, request, happening, now)

    def _acknowledged(self, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        sent = peer.sent.get(message.message_id) if peer else None
        if not peer or not sent:
            return
        if isinstance(sent, Exchange):
            self._end(peer, sent, exchanges.Input.ACKNOWLEDGEMENT)
        elif isinstance(sent, Notification):
            self._notification_acknowledged(peer, sent, message.message_id, now)
        elif sent.takes(requests.Input.ACKNOWLEDGEMENT):
            peer.probing.answered()
            sent.advance(requests.Input.ACKNOWLEDGEMENT)
            if sent.state is requests.State.LISTENING:
                self._timers.cancel(sent)
            else:
                self._timers.set(sent, now + self.parameters.exchange_lifetime)
            self._start_queued(peer, now)

    def _rejected(self, message: Message, key: Hashable, now: float) -> None:
        peer = self._peers.find(key)
        sent = peer.sent.get(message.message_id) if peer else None
        if not peer or not sent:
            return
        if isinstance(sent, Exchange):
            self._end(peer, sent, exchanges.Input.RESET)
        elif isinstance(sent, Notification):
            if sent.takes(notifications.Input.RESET):
                self._conclude(peer, sent, notifications.Input.RESET, now)
                self._events.append(NotificationEnded(sent.id, None))
        elif sent.takes(requests.Input.RESET):
            peer.probing.answered()
            pinging = sent.state is requests.State.PINGING
            self._finish(peer, sent, requests.Input.RESET, now)
            self._events.append(PongReceived(sent.id) if pinging else RequestReset(sent.id))

    # -- serving -------------------------------------------------------------------------------------------------

    def respond(self, exchange: Exchange, response: Message, now: float) -> None:
        """Answer a request: on its acknowledgement while that is possible, else in a message of its own (MSG-410).

        Only code, options and payload of ``response`` matter. One that comes too late, or finds every message id in
        use, is dropped.
        """
        peer = self._peers.find(exchange.peer)
        if peer is None or not exchange.takes(exchanges.Input.RESPOND):
            return
        if exchange.state is exchanges.State.RECEIVED:
            frame = exchange.received.reply = _piggybacked(exchange.request, response).encode()
            self._outbox.append((exchange.peer, frame))
            self._end(peer, exchange, exchanges.Input.RESPOND)
            return
        if peer.ids.free_at() > now:
            self._end(peer, exchange, exchanges.Input.GIVE_UP)
            return
        confirmable = exchange.state is exchanges.State.ACKNOWLEDGED
        kind = Type.CON if confirmable else Type.NON
        message_id = peer.ids.take(now)
        token = exchange.request.token
        frame = dataclasses.replace(response, type=kind, message_id=message_id, token=token).encode()
        self._outbox.append((exchange.peer, frame))
        if not confirmable:
            self._end(peer, exchange, exchanges.Input.RESPOND)
            return
        exchange.advance(exchanges.Input.RESPOND)
        exchange.message_id = message_id
        exchange.retransmission = Retransmission(frame, self.parameters, self._entropy)
        peer.sent[message_id] = exchange
        self._timers.set(exchange, now + exchange.retransmission.timeout)

    def dismiss(self, exchange: Exchange, now: float) -> None:
        """End an exchange without a response, as its client wants (MSG-1870); a confirmable request is acknowledged."""
        peer = self._peers.find(exchange.peer)
        if peer is None or not exchange.takes(exchanges.Input.DISMISS):
            return
        if exchange.state is exchanges.State.RECEIVED:
            frame = exchange.received.reply = Message(Type.ACK, Code.EMPTY, exchange.request.message_id).encode()
            self._outbox.append((exchange.peer, frame))
        self._end(peer, exchange, exchanges.Input.DISMISS)

    def acknowledge(self, exchange: Exchange, now: float) -> None:
        """Tell the client that its request arrived and that the response will take a while (MSG-400).

        When too many responses are late already, refuse the request instead (MSG-820).
        """
        peer = self._peers.find(exchange.peer)
        if peer is None or not exchange.takes(exchanges.Input.ACKNOWLEDGE):
            return
        if peer.late >= self.parameters.max_late:
            self.respond(exchange, problem.response(Problem.BUSY), now)
            return
        exchange.advance(exchanges.Input.ACKNOWLEDGE)
        frame = exchange.received.reply = Message(Type.ACK, Code.EMPTY, exchange.request.message_id).encode()
        self._outbox.append((exchange.peer, frame))
        self._timers.set(exchange, now + self.parameters.exchange_lifetime)

    # -- time ----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due, ``None`` when nothing is waited for."""
        return self._timers.next()

    def tick(self, now: float) -> list[Event]:
        """Do what is due: send again, acknowledge, give up."""
        while (due := self._timers.pop_due(now)) is not None:
            peer = self._peers.find(due.peer)
            assert peer is not None  # a peer with deadlines is not idle
            if isinstance(due, Request):
                self._request_due(peer, due, now)
            elif isinstance(due, Notification):
                self._notification_due(peer, due, now)
            else:
                self._exchange_due(peer, due, now)
        return self._take_events()

    def _exchange_due(self, peer: Peer, exchange: Exchange, now: float) -> None:
        if exchange.takes(exchanges.Input.ACKNOWLEDGE):
            self.acknowledge(exchange, now)
        elif exchange.takes(exchanges.Input.RETRANSMIT) and self._send_again(exchange, now):
            exchange.advance(exchanges.Input.RETRANSMIT)
        else:
            self._end(peer, exchange, exchanges.Input.GIVE_UP)

    # -- what goes out, and what ends ----------------------------------------------------------------------------

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Hand out what is to be sent, in order: peer and datagram."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def _send_empty(self, peer: Hashable, kind: Type, message_id: int) -> None:
        self._outbox.append((peer, Message(kind, Code.EMPTY, message_id).encode()))

    def _understood(self, response: Message) -> Message | None:
        """Return a response with the options that are understood, ``None`` for one to reject (MSG-520)."""
        try:
            return understood(response, self._definitions)
        except ProtocolError:
            return None

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _end(self, peer: Peer, exchange: Exchange, happening: exchanges.Input) -> None:
        exchange.advance(happening)
        self._timers.cancel(exchange)
        peer.exchanges.discard(exchange)
        if exchange.message_id is not None:
            del peer.sent[exchange.message_id]


def _piggybacked(request: Message, response: Message) -> Message:
    return dataclasses.replace(response, type=Type.ACK, message_id=request.message_id, token=request.token)


def _refusal(error: ProtocolError) -> Message:
    """Return the response to a request that was not taken; what is too large may come in blocks."""
    return problem.too_large(MAX_BODY) if error.problem is Problem.TOO_LARGE else problem.error_response(error)
