"""Faults in requests and responses on connections: they belong to the one on which they came."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from picosec.messaging.coap import Message, Type
from picosec.messaging.connections import Connection, Input
from picosec.messaging.events import ResponseReceived
from picosec.messaging.exchanges import Exchange
from picosec.messaging.router import Router
from picosec.messaging.stream_endpoint import StreamEndpoint
from picosec.messaging.stream_message import StreamMessage
from picosec_conformance.faults import fault
from picosec_conformance.faults.alterations import take_otherwise


@fault("MSG-1250")
def answers_whoever_spoke_last() -> None:
    """One variable holds the peer: a late answer goes to somebody else, with what it says."""
    receive, respond = Router.receive, Router.respond

    def remember(self: Router, data: bytes, peer: Hashable, now: float) -> Any:
        self._last_peer = peer
        return receive(self, data, peer, now)

    def answer(self: Router, exchange: Exchange, response: Message, now: float) -> None:
        last = getattr(self, "_last_peer", exchange.peer)
        if last == exchange.peer or exchange.peer not in self.streams or last in self.streams:
            respond(self, exchange, response, now)
            return
        stray = replace(response, type=Type.NON, message_id=7, token=exchange.request.token)
        self.datagrams._outbox.append((last, stray.encode()))

    Router.receive, Router.respond = remember, answer


@fault("MSG-1260")
def looks_for_tokens_everywhere() -> None:
    """One table of tokens for all connections and datagrams: who guesses a token answers for the server."""
    original = Router.receive

    def receive(self: Router, data: bytes, peer: Hashable, now: float) -> Any:
        if peer not in self.streams and data[:1] and data[0] >> 4 == 5:
            message = Message.decode(data)
            for connection in self.streams.connections():
                if message.token in connection.tokens:
                    self.streams._match(connection, message)
                    return self.streams.further_events()
        return original(self, data, peer, now)

    Router.receive = receive


@fault("MSG-1260")
def takes_its_questions_to_the_next_connection() -> None:
    """Reconnecting goes unnoticed: an answer that comes on the new connection counts for the old question."""
    connected, disconnected = StreamEndpoint.connected, StreamEndpoint.disconnected

    def leave(self: StreamEndpoint, peer: Hashable, now: float) -> Any:
        connection = self._connections.get(peer)
        if connection is not None:
            self._orphans = {token: request.id for token, request in connection.tokens.items()}
            connection.tokens.clear()
        return disconnected(self, peer, now)

    def adopt(self: StreamEndpoint, connection: Connection, message: StreamMessage, now: float) -> bool:
        orphans: dict[bytes, int] = getattr(self, "_orphans", {})
        handle = orphans.pop(message.token, None) if not message.is_signal and not message.is_request else None
        if handle is not None:
            self._events.append(ResponseReceived(handle, message.as_message()))
        return handle is not None

    StreamEndpoint.connected, StreamEndpoint.disconnected = connected, leave
    take_otherwise(adopt)


@fault("MSG-1270")
def waits_on_a_connection_that_is_gone() -> None:
    """Only the timer ends a request: four minutes of "please wait"."""
    original = StreamEndpoint._end

    def end(self: StreamEndpoint, connection: Connection, happening: Input, now: float, *, close: bool = True) -> None:
        connection.tokens.clear()
        connection.pings.clear()
        original(self, connection, happening, now, close=close)

    StreamEndpoint._end = end


@fault("MSG-1270")
def calls_the_end_of_a_connection_a_timeout() -> None:
    """The app says that the device is slow, and its user waits before he tries again."""
    from picosec.messaging.stream_sending import StreamSender
    from picosec.registry import Problem

    original = StreamSender._fail

    def fail(self: StreamEndpoint, connection: Connection, request: Any, reason: Problem) -> None:
        original(self, connection, request, Problem.TIMEOUT if reason is Problem.DISCONNECTED else reason)

    StreamSender._fail = fail
