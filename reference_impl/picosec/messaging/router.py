"""Both message layers as one: which of them has a peer is decided by how the peer is reached."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import count

from picosec.messaging.coap import Message
from picosec.messaging.endpoint import Endpoint
from picosec.messaging.events import Event
from picosec.messaging.exchanges import Exchange
from picosec.messaging.layer import MessageLayer
from picosec.messaging.stream_endpoint import StreamEndpoint


class Router:
    """A message layer over datagrams and connections. A peer without connection is one that datagrams reach."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        ids = count(1)
        self.datagrams = Endpoint(entropy, ids=ids)
        self.streams = StreamEndpoint(entropy, ids=ids)

    def receive(self, data: bytes, peer: Hashable, now: float) -> list[Event]:
        """Process a datagram, or what came on a connection."""
        if peer in self.streams:
            return self.streams.receive(data, peer, now)
        return self.datagrams.receive(data, peer, now)

    def further_events(self) -> list[Event]:
        """Drain what happened while earlier events were dealt with."""
        return self.streams.further_events()

    def respond(self, exchange: Exchange, response: Message, now: float) -> None:
        """Answer a request the way it came."""
        self._layer(exchange.peer).respond(exchange, response, now)

    def dismiss(self, exchange: Exchange, now: float) -> None:
        """End an exchange without a response, as its client wants."""
        self._layer(exchange.peer).dismiss(exchange, now)

    def acknowledge(self, exchange: Exchange, now: float) -> None:
        """Tell the client, where it cannot know, that its request arrived."""
        self._layer(exchange.peer).acknowledge(exchange, now)

    def request(self, message: Message, peer: Hashable, now: float, *, lasting: bool = False) -> int:
        """Send a request and return its handle."""
        return self._layer(peer).request(message, peer, now, lasting=lasting)

    def renew(self, request_id: int, message: Message, now: float) -> bool:
        """Send another request under the token and the handle of a lasting one; return whether it was."""
        return self.datagrams.renew(request_id, message, now) or self.streams.renew(request_id, message, now)

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
        """Send a response beyond the first and return its handle."""
        return self._layer(peer).notify(peer, token, message, now, confirmable=confirmable, replacing=replacing)

    def forget(self, handle: int, now: float) -> None:
        """Let go of a request or a notification."""
        self.datagrams.forget(handle, now)
        self.streams.forget(handle, now)

    def ping(self, peer: Hashable, now: float) -> int:
        """Ask whether the peer is there and return a handle."""
        return self._layer(peer).ping(peer, now)

    def ordered(self, peer: Hashable) -> bool:
        """Whether what this peer sends comes in order, all of it, and cannot be rejected."""
        return peer in self.streams

    def fits(self, peer: Hashable, token: bytes, response: Message, overhead: int = 0) -> bool:
        """Whether the peer, as far as it told, takes a response under ``token`` that grows by ``overhead`` bytes."""
        return self._layer(peer).fits(peer, token, response, overhead)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Hand out what is to be sent, in order for each peer."""
        return self.datagrams.transmit() + self.streams.transmit()

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is due, ``None`` when nothing is waited for."""
        times = (self.datagrams.next_timeout(), self.streams.next_timeout())
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> list[Event]:
        """Do what is due."""
        return self.datagrams.tick(now) + self.streams.tick(now)

    def _layer(self, peer: Hashable) -> MessageLayer:
        return self.streams if peer in self.streams else self.datagrams
