"""What every role is made of: a message layer, channels, and a site of resources, joined without any I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

from picosec.channel.channels import Channel, Channels
from picosec.channel.credentials import Kind, OwnCredential
from picosec.channel.edhoc_config import Policy
from picosec.channel.oscore import (
    Binding,
    FreshnessRequired,
    echo_request,
    protect_request,
    protect_response,
    unprotect_response,
)
from picosec.errors import ProtocolError
from picosec.messaging import problem
from picosec.messaging.coap import Message, Option, Options, Type, uint_bytes
from picosec.messaging.endpoint import (
    Endpoint,
    PongReceived,
    RequestFailed,
    RequestReceived,
    RequestReset,
    ResponseReceived,
)
from picosec.messaging.endpoint import Event as EndpointEvent
from picosec.messaging.exchanges import Exchange
from picosec.messaging.options import DEFINITIONS, Definition, understood
from picosec.registry import Problem
from picosec.roles.events import Event, Failed, Pong, Reset, Response
from picosec.roles.keyring import ContextParameters, Keyring, Trusted
from picosec.roles.resources import Reply, Request, Site

Entropy = Callable[[int], bytes]

#: Events kept for a poll; when nobody polls, the oldest make room.
MAX_EVENTS: Final = 256

#: Options understood inside a protected message: it cannot hold another one, but it can prove freshness.
INNER_DEFINITIONS: Final = {
    **{number: definition for number, definition in DEFINITIONS.items() if number != Option.OSCORE},
    Option.ECHO: Definition(1, 40),
}


@dataclass(frozen=True, slots=True)
class _Answering:
    """A request that is being answered, and the channel that it came over, if any."""

    exchange: Exchange
    channel: Channel | None
    binding: Binding | None


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request of ours that is to be answered. ``message`` is what was asked, before protection."""

    handle: int
    message: Message
    peer: Hashable
    channel: Channel | None
    binding: Binding | None
    echoed: bool = False


class Agent:
    """One party. Datagrams and the time come in; datagrams and events go out."""

    def __init__(self, site: Site, entropy: Entropy, keyring: Keyring) -> None:
        self.channels = Channels()
        self._keyring = keyring
        for context in keyring.contexts:
            self.channels.add(context.channel())
        self._site = site
        self._endpoint = Endpoint(entropy)
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._asking: dict[int, _Asking] = {}
        self._delayed: list[tuple[float, int, _Answering, Message]] = []
        self._last_handle = 0
        self._last_delayed = 0

    # -- what the loop calls -------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram. Raises nothing: what a peer sends is answered, reset or ignored."""
        self._happened(self._endpoint.receive(datagram, peer, now), now)

    def tick(self, now: float) -> None:
        """Do what is due at ``now``."""
        while self._delayed and self._delayed[0][0] <= now:
            _due, _number, answering, response = heappop(self._delayed)
            self._respond(answering, response, now)
        self._happened(self._endpoint.tick(now), now)

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is wanted next, if at all."""
        due = self._endpoint.next_timeout()
        if not self._delayed:
            return due
        return self._delayed[0][0] if due is None else min(due, self._delayed[0][0])

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams to send, in order."""
        return self._endpoint.transmit()

    # -- acting --------------------------------------------------------------------------------------------------

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether a peer is there; a Pong or Failed follows. Raises ``ProtocolError`` with ``busy``."""
        handle = self._new_handle()
        request_id = self._endpoint.ping(peer, now)
        self._asking[request_id] = _Asking(handle, Message(Type.CON, 0, 0), peer, None, None)
        return handle

    def request(self, message: Message, peer: Hashable, now: float, channel: Channel | None = None) -> int:
        """Send a request, over a channel if one is given; a Response, Reset or Failed follows.

        Type, code, options and payload of ``message`` matter. Raises ``ProtocolError`` with ``busy`` or ``exhausted``,
        and ``ValueError`` for a message that a channel cannot carry.
        """
        handle = self._new_handle()
        self._ask(handle, message, peer, now, channel)
        return handle

    def provision(
        self,
        own: Sequence[OwnCredential] = (),
        trusted: Sequence[Trusted] = (),
        contexts: Sequence[ContextParameters] = (),
        policy: Policy | None = None,
    ) -> None:
        """Take in credentials, trust, contexts and a policy, all or nothing. Raises as :meth:`Keyring.add` does."""
        self._keyring.add(own, trusted, contexts, policy)
        for context in contexts:
            self.channels.add(context.channel())

    def channel(self, identifier: bytes) -> Channel:
        """Return the channel with this Recipient ID. Raises ``ProtocolError`` with ``bad_request``."""
        try:
            return self.channels[identifier]
        except KeyError as error:
            raise ProtocolError(Problem.BAD_REQUEST, "CNF-460", "no such channel") from error

    def open(
        self,
        peer: Hashable,
        now: float,
        method: int | None = None,
        suites: Sequence[int] | None = None,
        kind: Kind | None = None,
    ) -> int:
        """Start a handshake; a ChannelOpened or ChannelFailed follows."""
        raise ProtocolError(Problem.BUSY, "CHN-570", "handshakes are not served yet")

    def update_keys(self, channel: Channel, context: bytes) -> int:
        """Give a channel new keys (CHN-920)."""
        raise ProtocolError(Problem.BUSY, "CHN-920", "key updates are not served yet")

    @property
    def handshakes(self) -> int:
        """How many handshakes are in progress."""
        return 0

    def events(self) -> list[Event]:
        """Drain what happened, in order."""
        events = list(self._events)
        self._events.clear()
        return events

    def state(self) -> list[Any]:
        """Return what accepted messages may change, as a CBOR value for a digest."""
        return [self.channels.state(), sorted(asking.handle for asking in self._asking.values())]

    # -- serving -------------------------------------------------------------------------------------------------

    def _serve(self, exchange: Exchange, message: Message, now: float) -> None:
        answering = _Answering(exchange, None, None)
        delay = 0.0
        try:
            if message.option(Option.OSCORE) is not None:
                opened = self.channels.unprotect(message)
                answering = _Answering(exchange, opened.channel, opened.binding)
                message = understood(opened.message, INNER_DEFINITIONS)
            reply = self._site.answer(_request(message, exchange.peer, answering.channel, now))
            response, delay = as_message(reply), reply.delay
        except FreshnessRequired as unproven:
            self._endpoint.respond(exchange, unproven.challenge, now)
            return
        except ProtocolError as error:
            # Whoever holds the keys of a channel may know what exactly was wrong; anyone else, only which rule.
            detail = error.detail if answering.channel else ""
            response = problem.response(error.problem, detail)
        if delay:
            self._endpoint.acknowledge(exchange, now)
            self._last_delayed += 1
            heappush(self._delayed, (now + delay, self._last_delayed, answering, response))
        else:
            self._respond(answering, response, now)

    def _respond(self, answering: _Answering, response: Message, now: float) -> None:
        if answering.channel is not None and answering.binding is not None:
            try:
                response = protect_response(answering.channel.context, answering.binding, response)
            except ProtocolError as error:
                response = problem.error_response(error)
        self._endpoint.respond(answering.exchange, response, now)

    # -- asking --------------------------------------------------------------------------------------------------

    def _new_handle(self) -> int:
        self._last_handle += 1
        return self._last_handle

    def _ask(
        self,
        handle: int,
        message: Message,
        peer: Hashable,
        now: float,
        channel: Channel | None,
        *,
        echoed: bool = False,
    ) -> None:
        binding = None
        sent = message
        if channel is not None:
            sent, binding = protect_request(channel.context, message)
        request_id = self._endpoint.request(sent, peer, now)
        self._asking[request_id] = _Asking(handle, message, peer, channel, binding, echoed)

    def _happened(self, events: list[EndpointEvent], now: float) -> None:
        for event in events:
            match event:
                case RequestReceived(exchange, message):
                    self._serve(exchange, message, now)
                case ResponseReceived(request_id, message):
                    self._answered(self._asking.pop(request_id), message, now)
                case RequestFailed(request_id, reason):
                    self._events.append(Failed(self._asking.pop(request_id).handle, reason))
                case RequestReset(request_id):
                    self._events.append(Reset(self._asking.pop(request_id).handle))
                case PongReceived(request_id):
                    self._events.append(Pong(self._asking.pop(request_id).handle))

    def _answered(self, asking: _Asking, message: Message, now: float) -> None:
        if asking.channel is None or asking.binding is None:
            self._events.append(Response(asking.handle, message, protected=False))
            return
        try:
            response = unprotect_response(asking.channel.context, asking.binding, message)
            response = understood(response, INNER_DEFINITIONS)
            again = None if asking.echoed else echo_request(asking.message, response)
            if again is not None:
                self._ask(asking.handle, again, asking.peer, now, asking.channel, echoed=True)
                return
        except ProtocolError as error:
            self._events.append(Failed(asking.handle, error.problem))
            return
        self._events.append(Response(asking.handle, response, protected=True))


def as_message(reply: Reply) -> Message:
    """Return a reply as a message whose type, message id and token are the message layer's to fill in."""
    options: Options = ()
    if reply.content_format is not None:
        options = ((int(Option.CONTENT_FORMAT), uint_bytes(reply.content_format)),)
    return Message(Type.ACK, reply.code, 0, b"", options, reply.payload)


def _request(message: Message, peer: Hashable, channel: Channel | None, now: float) -> Request:
    return Request(
        message.code,
        message.path,
        message.payload,
        message.content_format,
        message.accept,
        channel,
        peer,
        now,
    )
