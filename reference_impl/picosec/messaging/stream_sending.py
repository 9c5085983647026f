"""What an endpoint sends of its own accord on connections: requests, pings and notifications.

What comes in is the business of :class:`~picosec.messaging.stream_endpoint.StreamEndpoint`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from itertools import count

from picosec.errors import ProtocolError
from picosec.messaging import requests
from picosec.messaging.coap import Message
from picosec.messaging.connections import Connection, Input, State
from picosec.messaging.events import ConnectionEnded, Event, NotificationAcknowledged, RequestFailed
from picosec.messaging.exchanges import Exchange
from picosec.messaging.parameters import StreamParameters
from picosec.messaging.requests import Request
from picosec.messaging.stream_message import Signal, StreamMessage
from picosec.messaging.timers import Timers
from picosec.registry import Problem

#: Bytes of a token of ours.
TOKEN_SIZE = 4


class StreamSender:
    """The half of an endpoint that begins things. One handle names each of them until its end."""

    def __init__(
        self, entropy: Callable[[int], bytes], parameters: StreamParameters, ids: Iterator[int] | None
    ) -> None:
        self.parameters = parameters
        self._entropy = entropy
        self._ids = count(1) if ids is None else ids
        self._connections: dict[Hashable, Connection] = {}
        self._timers: Timers[Request | Exchange | Connection] = Timers()
        self._outbox: list[tuple[Hashable, bytes]] = []
        self._closing: list[Hashable] = []
        self._events: list[Event] = []
        self._begun: dict[int, Request] = {}

    # -- asking --------------------------------------------------------------------------------------------------

    def request(self, message: Message, peer: Hashable, now: float, *, lasting: bool = False) -> int:
        """Send a request and return its handle. The token is chosen here; type and message id mean nothing.

        A ``lasting`` one goes on listening after its first answer. Raises ``ProtocolError`` with ``BUSY`` when too many
        requests are pending, ``TOO_LARGE`` for one that the peer does not take, ``DISCONNECTED`` without a connection.
        """
        connection = self._asking(peer)
        token = self._new_token(connection)
        request = Request(next(self._ids), peer, dataclasses.replace(message, token=token), lasting)
        self._ask(connection, request)
        request.advance(requests.Input.SEND_NON_CONFIRMABLE)
        connection.tokens[token] = self._begun[request.id] = request
        self._timers.set(request, now + self.parameters.patience)
        return request.id

    def renew(self, request_id: int, message: Message, now: float) -> bool:
        """Send another request under the token and the handle of a lasting one that was answered.

        Returns whether it was. Raises ``ProtocolError`` with ``TOO_LARGE``.
        """
        request = self._begun.get(request_id)
        if request is None or not request.takes(requests.Input.RENEW):
            return False
        request.message = dataclasses.replace(message, token=request.message.token)
        self._ask(self._connections[request.peer], request)
        request.advance(requests.Input.RENEW)
        request.advance(requests.Input.SEND_CONFIRMABLE)
        self._timers.set(request, now + self.parameters.patience)
        return True

    def _ask(self, connection: Connection, request: Request) -> None:
        encoded = connection.encode(StreamMessage.of(request.message))
        if connection.fits(encoded):
            self._outbox.append((connection.peer, encoded))
        elif connection.state is State.WAIT_CSM:
            connection.held.append(request)
        else:
            raise ProtocolError(Problem.TOO_LARGE, "MSG-1050", f"a request of {len(encoded)} bytes")

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request: what still comes is for nobody."""
        request = self._begun.get(handle)
        if request is not None:
            connection = self._connections[request.peer]
            self._finish(connection, request, requests.Input.FORGET)
            self._close_if_done(connection)

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether the peer is there and return a handle. Raises as :meth:`request` does."""
        connection = self._asking(peer)
        token = self._new_token(connection)
        request = Request(next(self._ids), peer, Message(0, Signal.PING, 0, token))
        request.advance(requests.Input.SEND_PING)
        connection.pings[token] = self._begun[request.id] = request
        self._send(connection, StreamMessage(Signal.PING, token))
        self._timers.set(request, now + self.parameters.patience)
        return request.id

    def _asking(self, peer: Hashable) -> Connection:
        connection = self._connections.get(peer)
        if connection is None or connection.state is State.CLOSED:
            raise ProtocolError(Problem.DISCONNECTED, "MSG-1270", "no such connection")
        if len(connection.tokens) + len(connection.pings) >= self.parameters.max_requests:
            raise ProtocolError(Problem.BUSY, "MSG-820", "too many requests are pending")
        return connection

    def _new_token(self, connection: Connection) -> bytes:
        token = self._entropy(TOKEN_SIZE)
        while token in connection.tokens or token in connection.pings:
            token = self._entropy(TOKEN_SIZE)
        return token

    def _finish(self, connection: Connection, request: Request, happening: requests.Input) -> None:
        request.advance(happening)
        self._timers.cancel(request)
        self._begun.pop(request.id, None)
        connection.tokens.pop(request.message.token, None)
        connection.pings.pop(request.message.token, None)
        if request in connection.held:
            connection.held.remove(request)

    def _fail(self, connection: Connection, request: Request, reason: Problem) -> None:
        failing = request.takes(requests.Input.GIVE_UP)
        self._finish(connection, request, requests.Input.GIVE_UP if failing else requests.Input.FORGET)
        self._events.append(RequestFailed(request.id, reason))
        self._close_if_done(connection)

    # -- telling -------------------------------------------------------------------------------------------------

    def notify(
        self,
        peer: Hashable,
        token: bytes,
        message: Message,
        now: float,
        *,
        confirmable: bool,
        replacing: int | None = None,
    ) -> int:
        """Send a response beyond the first to a request with ``token``, and return its handle.

        It arrives, or the connection ends: a confirmable one counts as acknowledged at once, so that there is never
        one to replace. Raises ``ProtocolError`` with ``TOO_LARGE`` for what the peer does not take, ``DISCONNECTED``
        without a connection.
        """
        connection = self._connections.get(peer)
        if connection is None or connection.state is State.CLOSED:
            raise ProtocolError(Problem.DISCONNECTED, "MSG-1270", "no such connection")
        encoded = connection.encode(StreamMessage(message.code, token, message.options, message.payload))
        if not connection.fits(encoded):
            raise ProtocolError(Problem.TOO_LARGE, "MSG-1050", f"a notification of {len(encoded)} bytes")
        self._outbox.append((peer, encoded))
        handle = next(self._ids)
        if confirmable:
            self._events.append(NotificationAcknowledged(handle))
        return handle

    def ordered(self, peer: Hashable) -> bool:
        """Return true: that is what a connection is for."""
        return True

    def fits(self, peer: Hashable, token: bytes, response: Message, overhead: int = 0) -> bool:
        """Whether the peer takes a response under ``token`` that grows by ``overhead`` bytes; who is gone takes any."""
        connection = self._connections.get(peer)
        if connection is None:
            return True
        encoded = connection.encode(StreamMessage(response.code, token, response.options, response.payload))
        return connection.fits(encoded, overhead)

    # -- what goes out -------------------------------------------------------------------------------------------

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Hand out what is to be sent, in order: connection and bytes, each one whole message."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def _send(self, connection: Connection, message: StreamMessage) -> None:
        self._outbox.append((connection.peer, connection.encode(message)))

    def _close_if_done(self, connection: Connection) -> None:
        if connection.state is State.RELEASED_BY_PEER and connection.idle:
            self._timers.cancel(connection)
            connection.advance(Input.DONE)
            self._closing.append(connection.peer)
            self._events.append(ConnectionEnded(connection.peer))

    def further_events(self) -> list[Event]:
        """Drain what happened while earlier events were dealt with."""
        events, self._events = self._events, []
        return events
