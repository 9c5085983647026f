"""CoAP over any number of connections, without sockets or clocks (spec/v1/messaging-streams.md).

What comes in on a connection, and the time, go in; events come back, :meth:`StreamEndpoint.transmit` hands out what is
to be sent, and :meth:`StreamEndpoint.closing` the connections to close after that. How a connection goes on is in the
table of ``connections``. A message that is refused ends its connection and has no other effect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping

from picosec.errors import ProtocolError
from picosec.messaging import exchanges, problem, requests, signalling
from picosec.messaging.coap import Message, uint_value
from picosec.messaging.connections import Connection, DelayedPong, Framing, Input, State, input_of
from picosec.messaging.events import (
    ConnectionEnded,
    ConnectionReleased,
    Event,
    PongReceived,
    RequestReceived,
    ResponseReceived,
)
from picosec.messaging.exchanges import Exchange
from picosec.messaging.message_ids import Received
from picosec.messaging.options import DEFINITIONS, Definition, understood
from picosec.messaging.parameters import StreamParameters
from picosec.messaging.requests import Request
from picosec.messaging.signalling import BadCsmOption, Capabilities
from picosec.messaging.stream_message import CsmOption, Decoder, PingOption, ReleaseOption, Signal, StreamMessage
from picosec.messaging.stream_sending import StreamSender
from picosec.registry import Problem

_CUSTODY = ((int(PingOption.CUSTODY), b""),)


#: What an answer is to a lasting request, by whether another request was sent under its token meanwhile.
_LASTING_ANSWERS = {
    True: requests.Input.LASTING_PIGGYBACKED_RESPONSE,
    False: requests.Input.LASTING_SEPARATE_RESPONSE,
}


class StreamEndpoint(StreamSender):
    """Client and server at once, on connections that either end may have opened.

    A peer is one connection, named by any hashable value; its name comes back only after :meth:`disconnected`. Entropy
    is drawn for each token (4 bytes). ``ids`` gives the handles of requests.
    """

    def __init__(
        self,
        entropy: Callable[[int], bytes],
        parameters: StreamParameters = StreamParameters(),  # noqa: B008 - frozen
        definitions: Mapping[int, Definition] = DEFINITIONS,
        ids: Iterator[int] | None = None,
    ) -> None:
        super().__init__(entropy, parameters, ids)
        self._definitions = definitions
        self._unread: tuple[Connection, float] | None = None
        self._capabilities = Capabilities(parameters.max_message, parameters.block_wise)

    def __contains__(self, peer: object) -> bool:
        """Whether there is a connection of this name."""
        return peer in self._connections

    # -- connections that come and go ----------------------------------------------------------------------------

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> list[Event]:
        """Take a new connection; its first message is on its way. Without room for it, it is aborted at once."""
        live = sum(other.state is not State.CLOSED for other in self._connections.values())
        room = live < self.parameters.max_connections or self._make_room(now)
        connection = Connection(peer, framing, Decoder(self.parameters.max_message))
        self._connections[peer] = connection
        self._send(connection, self._capabilities.csm())
        if room:
            self._timers.set(connection, now + self.parameters.csm_timeout)
        else:
            self._refuse(connection, ProtocolError(Problem.BUSY, "MSG-820", "too many connections"), now)
        return self.further_events()

    def disconnected(self, peer: Hashable, now: float) -> list[Event]:
        """Take the end of a connection, which the network or either end has brought about."""
        connection = self._connections.get(peer)
        if connection is not None:
            self._end(connection, Input.DISCONNECTED, now, close=False)
            del self._connections[peer]
        return self.further_events()

    def closing(self) -> list[Hashable]:
        """Hand out the connections to close, after all that :meth:`transmit` gave for them has been sent."""
        closing, self._closing = self._closing, []
        return closing

    def release(
        self, peer: Hashable, now: float, alternatives: tuple[str, ...] = (), hold_off: int | None = None
    ) -> None:
        """Ask the peer to close the connection when it is done with it; requests still come and are answered."""
        connection = self._connections.get(peer)
        if connection is None or not connection.takes(Input.SEND_RELEASE):
            return
        connection.advance(Input.SEND_RELEASE)
        self._send(connection, signalling.release(alternatives, hold_off))
        self._timers.set(connection, now + self.parameters.release_timeout)

    def connections(self) -> list[Connection]:
        """Return the connections, as :meth:`adopt` takes them."""
        return list(self._connections.values())

    def adopt(self, connections: list[Connection], now: float) -> None:
        """Take over open connections from an endpoint that restarts: what was pending on them is forgotten."""
        for connection in connections:
            renewed = connection.renewed()
            self._connections[renewed.peer] = renewed
            if renewed.state is State.WAIT_CSM:
                self._timers.set(renewed, now + self.parameters.csm_timeout)
            elif renewed.state in (State.RELEASED_BY_PEER, State.RELEASED_BY_US):
                self._timers.set(renewed, now + self.parameters.release_timeout)

    def _make_room(self, now: float) -> bool:
        """Close the idle connection that was unheard of for longest."""
        for connection in self._connections.values():
            if connection.idle and connection.state is not State.CLOSED:
                self._refuse(connection, ProtocolError(Problem.BUSY, "MSG-820", "a new connection needs room"), now)
                return True
        return False

    # -- what comes in -------------------------------------------------------------------------------------------

    def receive(self, data: bytes, peer: Hashable, now: float) -> list[Event]:
        """Process bytes of a connection, or one message where frames carry it. Raises nothing: what is refused ends
        the connection.

        What lies behind a message that gave events waits for :meth:`further_events`, so that messages take effect in
        their order.
        """
        connection = self._connections.pop(peer, None)
        if connection is None:
            return []
        self._connections[peer] = connection  # the last is the one heard of most recently
        self._read(connection, data, now)
        return self.further_events()

    def further_events(self) -> list[Event]:
        """Drain what happened while earlier events were dealt with, or else go on with what a connection brought."""
        if not self._events and self._unread is not None:
            (connection, now), self._unread = self._unread, None
            self._read(connection, b"", now)
        return super().further_events()

    def _read(self, connection: Connection, data: bytes, now: float) -> None:
        """Process messages until one of them gives events."""
        try:
            while connection.state is not State.CLOSED and (message := connection.feed(data)) is not None:
                self._take(connection, message, now)
                if connection.framing is Framing.FRAMES:
                    return
                data = b""
                if self._events:
                    self._unread = connection, now
                    return
        except ProtocolError as error:
            self._refuse(connection, error, now)

    def _take(self, connection: Connection, message: StreamMessage, now: float) -> None:
        """Do what a message asks for. Raises ``ProtocolError`` for one that ends the connection."""
        if message.is_signal:
            message = signalling.understood(message)
        happening = input_of(message)
        if not connection.takes(happening):
            raise ProtocolError(Problem.UNEXPECTED_MESSAGE, "MSG-1010", f"{happening.name} in {connection.state.name}")
        match happening:
            case Input.CSM:
                self._take_csm(connection, message, now)
            case Input.PING:
                self._take_ping(connection, message)
            case Input.PONG:
                self._take_pong(connection, message)
            case Input.RELEASE:
                self._take_release(connection, message, now)
            case Input.ABORT:
                self._end(connection, Input.ABORT, now)
            case Input.REQUEST:
                self._serve(connection, message.as_message(), now)
            case Input.RESPONSE:
                self._match(connection, message.as_message())
            case _:
                pass

    def _take_csm(self, connection: Connection, csm: StreamMessage, now: float) -> None:
        connection.capabilities = connection.capabilities.updated(csm)
        if connection.state is State.WAIT_CSM:
            self._timers.cancel(connection)
        connection.advance(Input.CSM)
        held, connection.held = connection.held, []
        for request in held:
            encoded = connection.encode(StreamMessage.of(request.message))
            if connection.fits(encoded):
                self._outbox.append((connection.peer, encoded))
            else:
                self._fail(connection, request, Problem.TOO_LARGE)

    def _take_ping(self, connection: Connection, ping: StreamMessage) -> None:
        custody = ping.option(PingOption.CUSTODY) is not None
        pong = StreamMessage(Signal.PONG, ping.token, _CUSTODY if custody else ())
        if not custody or not connection.exchanges:
            self._send(connection, pong)
        elif len(connection.delayed_pongs) < self.parameters.max_delayed_pongs:
            connection.delayed_pongs.append(DelayedPong(ping.token, set(connection.exchanges)))
        else:  # it is there, which is all that can be said without remembering more
            self._send(connection, dataclasses.replace(pong, options=()))

    def _take_pong(self, connection: Connection, pong: StreamMessage) -> None:
        ping = connection.pings.get(pong.token)
        if ping is not None:
            self._finish(connection, ping, requests.Input.RESET)
            self._events.append(PongReceived(ping.id))
            self._close_if_done(connection)

    def _take_release(self, connection: Connection, release: StreamMessage, now: float) -> None:
        connection.advance(Input.RELEASE)
        addresses = tuple(value.decode() for value in release.option_values(ReleaseOption.ALTERNATIVE_ADDRESS))
        hold_off = release.option(ReleaseOption.HOLD_OFF)
        seconds = None if hold_off is None else uint_value(hold_off)
        self._events.append(ConnectionReleased(connection.peer, addresses, seconds))
        self._timers.set(connection, now + self.parameters.release_timeout)
        self._close_if_done(connection)

    def _serve(self, connection: Connection, message: Message, now: float) -> None:
        exchange = Exchange(connection.peer, message, Received(now), exchanges.State.RECEIVED_NON_CONFIRMABLE)
        try:
            exchange.request = understood(message, self._definitions)
            if len(connection.exchanges) >= self.parameters.max_exchanges:
                raise ProtocolError(Problem.BUSY, "MSG-820", "too many requests are being worked on")
        except ProtocolError as error:
            self._answer(connection, exchange, problem.error_response(error), now)
            return
        connection.exchanges.add(exchange)
        self._timers.set(exchange, now + self.parameters.patience)
        self._events.append(RequestReceived(exchange, exchange.request))

    def _match(self, connection: Connection, message: Message) -> None:
        """Take a response, or ignore it: whoever asked may have given up meanwhile."""
        request = connection.tokens.get(message.token)
        if request is None:
            return
        try:
            response = understood(message, self._definitions)
        except ProtocolError as error:
            self._fail(connection, request, error.problem)
            return
        if request.lasting:
            renewing = request.takes(requests.Input.LASTING_PIGGYBACKED_RESPONSE)
            request.advance(_LASTING_ANSWERS[renewing])
            self._timers.cancel(request)
        else:
            self._finish(connection, request, requests.Input.SEPARATE_RESPONSE)
        self._events.append(ResponseReceived(request.id, response))
        self._close_if_done(connection)

    # -- serving -------------------------------------------------------------------------------------------------

    def respond(self, exchange: Exchange, response: Message, now: float) -> None:
        """Answer a request, on the connection that it came from; one that has ended takes the answer with it.

        Only code, options and payload of ``response`` matter. What the peer cannot take becomes 5.00.
        """
        connection = self._connections.get(exchange.peer)
        if connection is None or exchange not in connection.exchanges:
            return
        self._drop(connection, exchange, exchanges.Input.RESPOND)
        self._answer(connection, exchange, response, now)
        self._worked_off(connection)

    def dismiss(self, exchange: Exchange, now: float) -> None:
        """End an exchange without a response, as its client wants."""
        connection = self._connections.get(exchange.peer)
        if connection is not None and exchange in connection.exchanges:
            self._drop(connection, exchange, exchanges.Input.DISMISS)
            self._worked_off(connection)

    def acknowledge(self, exchange: Exchange, now: float) -> None:
        """Do nothing: on a connection a client knows that its request has arrived."""

    def _answer(self, connection: Connection, exchange: Exchange, response: Message, now: float) -> None:
        """Send a response, or the largest refusal that the peer takes."""
        refusal = problem.response(Problem.INTERNAL)
        for candidate in (response, refusal, dataclasses.replace(refusal, options=(), payload=b"")):
            message = StreamMessage(candidate.code, exchange.request.token, candidate.options, candidate.payload)
            encoded = connection.encode(message)
            if connection.fits(encoded):
                self._outbox.append((connection.peer, encoded))
                return
        self._refuse(connection, BadCsmOption(CsmOption.MAX_MESSAGE_SIZE, "MSG-1050"), now)

    def _drop(self, connection: Connection, exchange: Exchange, happening: exchanges.Input) -> None:
        exchange.advance(happening)
        self._timers.cancel(exchange)
        connection.exchanges.discard(exchange)
        for pong in connection.delayed_pongs:
            pong.waiting_for.discard(exchange)

    def _worked_off(self, connection: Connection) -> None:
        """Send the Pongs that waited for what is done now, and close the connection if that was all."""
        while connection.delayed_pongs and not connection.delayed_pongs[0].waiting_for:
            self._send(connection, StreamMessage(Signal.PONG, connection.delayed_pongs.pop(0).token, _CUSTODY))
        self._close_if_done(connection)

    # -- time ----------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due, ``None`` when nothing is waited for."""
        return self._timers.next() if not self._events else 0.0

    def tick(self, now: float) -> list[Event]:
        """Give up what is due: requests without response, connections without CSM, and released ones."""
        while (due := self._timers.pop_due(now)) is not None:
            connection = due if isinstance(due, Connection) else self._connections[due.peer]
            if isinstance(due, Request):
                self._fail(connection, due, Problem.TIMEOUT)
            elif isinstance(due, Exchange):
                self._drop(connection, due, exchanges.Input.GIVE_UP)
                self._worked_off(connection)
            elif connection.state is State.WAIT_CSM:
                self._refuse(connection, ProtocolError(Problem.TIMEOUT, "MSG-1030", "no CSM came"), now)
            else:
                self._end(connection, Input.TIMEOUT, now)
        return self.further_events()

    # -- what ends -----------------------------------------------------------------------------------------------

    def _refuse(self, connection: Connection, error: ProtocolError, now: float) -> None:
        """Abort: nothing that is on its way counts any more. The reason goes along if the peer takes as much."""
        if connection.state is not State.CLOSED:
            abort = signalling.abort(error)
            fits = connection.fits(connection.encode(abort))
            self._send(connection, abort if fits else StreamMessage(Signal.ABORT))
            self._end(connection, Input.REFUSED, now)

    def _end(self, connection: Connection, happening: Input, now: float, *, close: bool = True) -> None:
        """Close a connection and fail what waits for it."""
        if connection.state is State.CLOSED:
            return
        connection.advance(happening)
        self._timers.cancel(connection)
        if close:
            self._closing.append(connection.peer)
        connection.delayed_pongs.clear()
        for exchange in list(connection.exchanges):
            self._drop(connection, exchange, exchanges.Input.GIVE_UP)
        for request in [*connection.tokens.values(), *connection.pings.values()]:
            self._fail(connection, request, Problem.DISCONNECTED)
        self._events.append(ConnectionEnded(connection.peer))
