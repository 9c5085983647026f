"""The one loop: datagrams in, datagrams out, timers in between. Everything that acts is a sans-I/O agent."""

from __future__ import annotations

import select
from collections.abc import Callable, Hashable, Sequence
from math import ceil
from typing import Protocol, cast

from picosec.net.clock import Clock
from picosec.net.transport import EndOfStream, Transport

#: A peer as an agent sees it: which transport it is behind, and its address there.
Peer = tuple[int, Hashable]


class Agent(Protocol):
    """What the loop runs: a role, or anything that takes and gives datagrams."""

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        """Take one datagram."""

    def tick(self, now: float) -> None:
        """Do what is due at ``now``."""

    def next_timeout(self) -> float | None:
        """Return when :meth:`tick` is wanted next, if at all."""

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Drain the datagrams to send."""


def run(
    agent: Agent, transports: Sequence[Transport], clock: Clock, finished: Callable[[], bool] = lambda: False
) -> None:
    """Run ``agent`` until ``finished`` says so, or until every transport has ended.

    Raises :class:`~picosec.net.transport.TransportError` when a transport fails.
    """
    poller = select.poll()
    open_ones = {transport.fileno(): index for index, transport in enumerate(transports)}
    for descriptor in open_ones:
        poller.register(descriptor, select.POLLIN)

    def send() -> None:
        for peer, datagram in agent.transmit():
            index, address = cast(Peer, peer)
            try:
                transports[index].send(address, datagram)
            except EndOfStream:
                forget(transports[index].fileno())

    def forget(descriptor: int) -> None:
        if open_ones.pop(descriptor, None) is not None:
            poller.unregister(descriptor)

    send()
    while open_ones and not finished():
        pause = clock.pause(agent.next_timeout())
        # Rounded up: a timer a fraction of a millisecond late is right, a loop that spins until it is due is not.
        ready = poller.poll(None if pause is None else ceil(pause * 1000))
        now = clock.now()
        for descriptor, _event in ready:
            index = open_ones.get(descriptor)
            if index is None:  # writing to it failed a moment ago
                continue
            try:
                received = transports[index].receive()
            except EndOfStream:
                forget(descriptor)
                continue
            for address, datagram in received:
                agent.receive(datagram, (index, address), now)
                send()
                now = clock.now()
        due = agent.next_timeout()
        if due is not None and due <= now:
            agent.tick(now)
            send()
