"""The one loop: datagrams and connections in and out, timers in between. Everything that acts is a sans-I/O agent."""

from __future__ import annotations

import select
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Final, Protocol, cast

from picosec.messaging.connections import Framing
from picosec.net.clock import Clock
from picosec.net.connection import Connection, Listener
from picosec.net.transport import EndOfStream, Transport

#: A peer as an agent sees it: which link it is behind, and its address there.
Peer = tuple[int, Hashable]
#: What the loop runs on: datagrams, a place where others connect, or a connection of ours.
Link = Transport | Listener | Connection

#: Seconds for the opening handshake of a connection, and for its last words after :meth:`Agent.closing`.
OPENING: Final = 10.0
FAREWELL: Final = 5.0
#: Connections that an agent does not know yet, or any more; the oldest makes room.
MOST_UNKNOWN: Final = 64


class Agent(Protocol):
    """What the loop runs: a role, or anything that takes and gives datagrams."""

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram, or what came on a connection."""

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        """Take a connection that is open from now on."""

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Take the end of a connection."""

    def closing(self) -> list[Hashable]:
        """Drain the connections to close, once all that :meth:`transmit` gave for them is sent."""

    def tick(self, now: float) -> None:
        """Do what is due at ``now``."""

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is wanted next, if at all."""

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain what is to be sent."""


def run(agent: Agent, links: Sequence[Link], clock: Clock, finished: Callable[[], bool] = lambda: False) -> None:
    """Run ``agent`` until ``finished`` says so, or until every link has ended.

    Raises :class:`~picosec.net.transport.TransportError` when a link fails.
    """
    loop = _Loop(agent, clock)
    try:
        for index, link in enumerate(links):
            loop.add(index, link)
        loop.run(finished)
    finally:
        loop.close()


@dataclass(slots=True, eq=False)
class _Line:
    """A connection, and what the agent knows of it."""

    peer: Peer
    connection: Connection
    announced: bool = False
    leaving: bool = False
    #: Until when its handshake, or its farewell, has to be over.
    deadline: float | None = None

    @property
    def gone(self) -> bool:
        """Whether it was closed."""
        return self.connection.fileno() < 0

    @property
    def wanted(self) -> int:
        """What to wait for."""
        reading = select.POLLIN if self.connection.reads else 0
        return reading | (select.POLLOUT if self.connection.writes else 0)


class _Loop:
    """The state of one run."""

    def __init__(self, agent: Agent, clock: Clock) -> None:
        self._agent = agent
        self._clock = clock
        self._poller = select.poll()
        self._transports: dict[int, tuple[int, Transport]] = {}
        self._listeners: dict[int, tuple[int, Listener]] = {}
        self._lines: dict[int, _Line] = {}
        self._by_peer: dict[Peer, _Line] = {}

    def add(self, index: int, link: Link) -> None:
        """Take one of the links."""
        if isinstance(link, Connection):
            self._welcome(_Line((index, link.address), link))
            return
        self._poller.register(link.fileno(), select.POLLIN)
        if isinstance(link, Listener):
            self._listeners[link.fileno()] = (index, link)
        else:
            self._transports[link.fileno()] = (index, link)

    def run(self, finished: Callable[[], bool]) -> None:
        """Do the work."""
        self._send()
        while (self._transports or self._listeners or self._lines) and not finished():
            for descriptor, happening in self._poller.poll(self._pause()):
                if descriptor in self._lines:
                    self._exchange(self._lines[descriptor], happening)
                elif descriptor in self._listeners:
                    self._accept(*self._listeners[descriptor])
                elif descriptor in self._transports:  # unless writing to it failed a moment ago
                    self._receive(descriptor, *self._transports[descriptor])
            now = self._clock.now()
            due = self._agent.next_timeout()
            if due is not None and due <= now:
                self._agent.tick(now)
                self._send()
            for line in [line for line in self._lines.values() if line.deadline is not None and line.deadline <= now]:
                self._drop(line)

    def close(self) -> None:
        """Close the connections, those that were links included; the other links are their opener's to close."""
        for line in self._lines.values():
            with suppress(EndOfStream):
                line.connection.finish()
            line.connection.close()

    def _pause(self) -> int | None:
        deadlines = [line.deadline for line in self._lines.values() if line.deadline is not None]
        due = self._agent.next_timeout()
        pause = self._clock.pause(min([*deadlines, *([] if due is None else [due])], default=None))
        # Rounded up: a timer a fraction of a millisecond late is right, a loop that spins until it is due is not.
        return None if pause is None else ceil(pause * 1000)

    # -- datagrams -----------------------------------------------------------------------------------------------

    def _receive(self, descriptor: int, index: int, transport: Transport) -> None:
        try:
            received = transport.receive()
        except EndOfStream:
            self._forget(descriptor)
            return
        for address, datagram in received:
            self._agent.receive(datagram, (index, address), self._clock.now())
            self._send()

    def _forget(self, descriptor: int) -> None:
        if self._transports.pop(descriptor, None) is not None:
            self._poller.unregister(descriptor)

    # -- connections ---------------------------------------------------------------------------------------------

    def _accept(self, index: int, listener: Listener) -> None:
        connection = listener.accept()
        if connection is not None:
            self._welcome(_Line((index, connection.address), connection))
            self._send()

    def _welcome(self, line: _Line) -> None:
        self._lines[line.connection.fileno()] = line
        self._by_peer[line.peer] = line
        self._poller.register(line.connection.fileno(), line.wanted)
        if line.connection.opened:
            self._announce(line)
        else:
            line.deadline = self._clock.now() + OPENING
            self._bound()

    def _announce(self, line: _Line) -> None:
        line.announced, line.deadline = True, None
        self._agent.connected(line.peer, self._clock.now(), line.connection.framing)

    def _bound(self) -> None:
        """Keep few connections that no agent keeps few of."""
        unknown = [line for line in self._lines.values() if line.deadline is not None]
        for line in unknown[: max(0, len(unknown) - MOST_UNKNOWN)]:
            self._drop(line)

    def _exchange(self, line: _Line, happening: int) -> None:
        try:
            if happening & select.POLLOUT:
                line.connection.flush()
            messages = line.connection.receive() if happening & ~select.POLLOUT else []
        except EndOfStream:
            self._drop(line)
            self._send()
            return
        if line.connection.opened and not line.announced:
            self._announce(line)
            self._send()
        for message in messages:
            if line.leaving or line.gone:
                break
            self._agent.receive(message, line.peer, self._clock.now())
            self._send()
        self._watch(line)

    def _drop(self, line: _Line) -> None:
        """Close a connection and tell the agent."""
        if line.gone:
            return
        del self._lines[line.connection.fileno()]
        self._poller.unregister(line.connection.fileno())
        line.connection.close()
        del self._by_peer[line.peer]
        if line.announced:
            self._agent.disconnected(line.peer, self._clock.now())

    def _watch(self, line: _Line) -> None:
        if not line.gone:
            self._poller.modify(line.connection.fileno(), line.wanted)

    # -- what goes out -------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send what the agent has, until it has nothing more; the end of a connection may give it more to say."""
        broken = True
        while broken:
            broken = False
            for peer, data in self._agent.transmit():
                broken |= not self._sent(cast(Peer, peer), data)
            for peer in self._agent.closing():
                broken |= not self._finished(cast(Peer, peer))

    def _sent(self, peer: Peer, data: bytes) -> bool:
        line = self._by_peer.get(peer)
        if line is not None:
            return self._try(line, lambda: line.connection.send(data))
        for descriptor, (index, transport) in self._transports.items():
            if index == peer[0]:
                try:
                    transport.send(peer[1], data)
                except EndOfStream:
                    self._forget(descriptor)
                return True
        return True

    def _finished(self, peer: Peer) -> bool:
        line = self._by_peer.get(peer)
        if line is None:
            return True
        line.leaving, line.deadline = True, self._clock.now() + FAREWELL
        done = self._try(line, line.connection.finish)
        self._bound()
        return done

    def _try(self, line: _Line, act: Callable[[], None]) -> bool:
        """Write to a connection; return whether it took it."""
        try:
            act()
        except EndOfStream:
            self._drop(line)
            return False
        self._watch(line)
        return True
