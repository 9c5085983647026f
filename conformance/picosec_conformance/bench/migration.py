"""A channel under load that moves between four transports, and what each delivery class makes of it.

Both ends are the reference, on real sockets of this machine: UDP, a serial line (a pseudo-terminal), TCP and WebSocket.
The app leaves a link without a word, in the middle of exchanges: what it sends or receives there from then on is gone.
No handshake follows. The device notes what it acts on.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import tty
from collections.abc import Hashable
from contextlib import ExitStack
from time import monotonic
from typing import Final

from picosec.channel.delivery import DeliveryClass
from picosec.crypto.vault import software_vault
from picosec.errors import ProtocolError
from picosec.messaging.coap import Code, Message, Type, path_options
from picosec.messaging.connections import Framing
from picosec.net import tcp, udp, websocket
from picosec.net.clock import SystemClock
from picosec.net.connection import Connection
from picosec.net.loop import Link, Peer
from picosec.net.loop import run as run_loop
from picosec.net.serial import open_serial
from picosec.net.stream import StreamTransport
from picosec.registry import Problem
from picosec.roles.agent import Agent
from picosec.roles.events import Failed, Response
from picosec.roles.keyring import ContextParameters, Keyring
from picosec.roles.resources import Reply, Request, Resource
from picosec.roles.storage import MemoryStorage
from picosec_conformance.bench.report import Delivered, MeasurementFailed

LINKS: Final = ("UDP", "serial line", "TCP", "WebSocket")
REQUESTS, REQUESTS_QUICK = 600, 60
#: Requests under way or waiting at a time.
_LOAD: Final = 6
#: How likely a message that is sent is the last on its link, and how likely it is lost with it.
_MOVE, _LOSE = 0.3, 0.5
#: Seconds after which a telegram that stays unanswered is not waited for, and after which the whole run has failed.
_TELEGRAM, _DEADLINE = 0.02, 60.0
_HOST: Final = "127.0.0.1"
_SINK: Final = "/sink"


def migrations(count: int) -> list[Delivered]:
    """Send that many requests in each class. Raises ``MeasurementFailed``."""
    return [_deliver(delivery, count) for delivery in DeliveryClass]


def _deliver(delivery: DeliveryClass, count: int) -> Delivered:
    here, there = _ends()
    device = _Device(there)
    with ExitStack() as opened:
        serving, links = _open(opened)
        thread = threading.Thread(target=run_loop, args=(device.agent, serving, SystemClock(), device.stopped.is_set))
        thread.start()
        app = _App(here, links, delivery, count)
        try:
            run_loop(app, links, SystemClock(), app.finished)
        finally:
            device.stopped.set()
            # A connection wakes the loop, which then sees that it is over.
            with socket.create_connection((_HOST, _port(serving[2]))):
                thread.join(_DEADLINE)
    if app.late:
        raise MeasurementFailed(f"channel migration, {delivery.name.lower()}: not over after {_DEADLINE:g} s")
    acted = device.acted
    return Delivered(
        delivery.name.lower().replace("_", " "),
        count,
        app.moves,
        app.sent,
        count - len(set(acted)),
        len(acted) - len(set(acted)),
        acted == sorted(acted),
        len(app.unsettled) + app.failed,
        round(app.seconds, 3),
    )


def _ends() -> tuple[Keyring, Keyring]:
    secret = bytes(range(16))
    keyrings = []
    for own, peer in ((b"\x0a", b"\x0d"), (b"\x0d", b"\x0a")):
        keyring = Keyring(software_vault(os.urandom))
        keyring.add(contexts=[ContextParameters(own, peer, secret, MemoryStorage())])
        keyrings.append(keyring)
    return keyrings[0], keyrings[1]


def _open(opened: ExitStack) -> tuple[list[Link], list[Link]]:
    """Return the links of the device and those of the app, in the order of ``LINKS``."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    serving: list[Link] = [
        udp.listen(_HOST, 0)[0],
        open_serial(os.ttyname(theirs)),
        tcp.listen(_HOST, 0)[0],
        websocket.listen(_HOST, 0)[0],
    ]
    links: list[Link] = [
        udp.connect(_HOST, _port(serving[0])),
        StreamTransport("serial line", ours, ours, lambda: os.close(ours)),
        tcp.connect(_HOST, _port(serving[2])),
        websocket.connect(_HOST, _port(serving[3])),
    ]
    opened.callback(os.close, theirs)
    for link in (*serving, *links[:2]):
        opened.callback(link.close)
    return serving, links


def _port(link: Link) -> int:
    with socket.socket(fileno=os.dup(link.fileno())) as bound:
        port: int = bound.getsockname()[1]
    return port


class _Device:
    """Notes what it acts on."""

    def __init__(self, keyring: Keyring) -> None:
        self.acted: list[int] = []
        self.stopped = threading.Event()
        sink = Resource({Code.PUT: self._note}, attributes=None)
        self.agent = Agent(os.urandom, keyring, {_SINK: sink}, responder=False, knows_date=False)

    def _note(self, request: Request) -> Reply:
        self.acted.append(int.from_bytes(request.payload, "big"))
        return Reply(Code.CHANGED)


class _App:
    """An agent under load that moves, between the loop and the reference."""

    def __init__(self, keyring: Keyring, links: list[Link], delivery: DeliveryClass, count: int) -> None:
        self._agent = Agent(os.urandom, keyring, {}, responder=False, knows_date=False)
        (self._channel,) = self._agent.channels
        self._peers: list[Peer] = [(at, getattr(link, "address", None)) for at, link in enumerate(links)]
        self._connecting = {peer for peer, link in zip(self._peers, links, strict=True) if isinstance(link, Connection)}
        #: Connections on which nothing was heard yet: what comes first are their settings.
        self._greeting: set[Hashable] = set(self._connecting)
        self._at = 0
        self._now = 0.0
        self._gone: set[Hashable] = set()
        self._delivery = delivery
        self._count = count
        self._rng = random.Random(count)
        self._asked = 0
        self._telegrams: dict[int, float] = {}
        self._began = monotonic()
        self._deadline = self._began + _DEADLINE
        self.unsettled: set[int] = set()
        self.failed = self.moves = self.sent = 0
        self.seconds = 0.0

    @property
    def late(self) -> bool:
        """Whether the run took too long."""
        return monotonic() > self._deadline

    def finished(self) -> bool:
        """Whether every request has an outcome, or nobody waits for it any more."""
        over = self._asked == self._count and not self.unsettled and not self._connecting
        self.seconds = monotonic() - self._began
        return over or self.late

    # -- what the loop calls -------------------------------------------------------------------------------------

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        """Begin when all connections are there."""
        self._agent.connected(peer, now, framing)
        self._connecting.discard(peer)
        if not self._connecting:
            self._began = monotonic()
            self._agent.move(self._channel, self._peers[self._at], now)
            self._load(now)

    def disconnected(self, peer: Hashable, now: float) -> None:
        """Pass it on."""
        self._agent.disconnected(peer, now)

    def closing(self) -> list[Hashable]:
        """Pass it on."""
        return self._agent.closing()

    def receive(self, data: bytes, peer: Hashable, now: float) -> None:
        """Hear what comes on a link that was not left, and with what settings a connection begins."""
        greeting = peer in self._greeting
        self._greeting.discard(peer)
        if greeting or peer not in self._gone:
            self._agent.receive(data, peer, now)
            self._load(now)

    def tick(self, now: float) -> None:
        """Do what is due; give up telegrams."""
        self._agent.tick(now)
        for handle in [handle for handle, until in self._telegrams.items() if until <= now]:
            self._agent.forget(handle, now)
            self._settle(handle)
        self._load(now)

    def next_timeout(self) -> float | None:
        """Return when something is due."""
        times = [self._agent.next_timeout(), *self._telegrams.values()]
        return min((time for time in times if time is not None), default=None)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        """Send, and now and then leave the link that was sent on."""
        leaving: list[tuple[Hashable, bytes]] = []
        queue = self._agent.transmit()
        while queue:
            peer, data = queue.pop(0)
            if peer in self._gone:
                continue
            lost = False
            if not self._connecting and peer == self._peers[self._at] and self._rng.random() < _MOVE:
                lost = self._rng.random() < _LOSE
                self._leave()
                queue += self._agent.transmit()
            self.sent += 1
            if not lost:
                leaving.append((peer, data))
        return leaving

    # -- within --------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        now = self._now
        self._gone.add(self._peers[self._at])
        self._at = self._rng.choice([at for at in range(len(self._peers)) if at != self._at])
        self._gone.discard(self._peers[self._at])
        self.moves += 1
        self._agent.move(self._channel, self._peers[self._at], now)

    def _load(self, now: float) -> None:
        """Take note of outcomes, and ask for more."""
        self._now = now
        for event in self._agent.events():
            if isinstance(event, Failed):
                self.failed += 1
            if isinstance(event, Response | Failed):
                self._settle(event.handle)
        while not self._connecting and self._asked < self._count and len(self.unsettled) < _LOAD:
            message = Message(Type.CON, Code.PUT, 0, b"", path_options(_SINK), self._asked.to_bytes(2, "big"))
            try:
                handle = self._agent.deliver(message, self._delivery, now, self._channel)
            except ProtocolError as error:
                if error.problem is Problem.BUSY:
                    return
                raise
            self._asked += 1
            self.unsettled.add(handle)
            if self._delivery is DeliveryClass.AT_MOST_ONCE:
                self._telegrams[handle] = now + _TELEGRAM

    def _settle(self, handle: int) -> None:
        self.unsettled.discard(handle)
        self._telegrams.pop(handle, None)
