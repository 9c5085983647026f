"""The smallest agent: it sends every datagram back, and notes what the loop did with it."""

from collections.abc import Hashable

from picosec.messaging.connections import Framing


class EchoAgent:
    def __init__(self, timers: tuple[float, ...] = ()) -> None:
        self.received: list[bytes] = []
        self.ticks: list[float] = []
        self.timers = list(timers)
        self.connections: list[tuple[Hashable, Framing]] = []
        self.disconnections: list[Hashable] = []
        self.to_close: list[Hashable] = []
        self._outgoing: list[tuple[Hashable, bytes]] = []

    def receive(self, datagram: bytes, peer: Hashable, now: float) -> None:
        self.received.append(datagram)
        self._outgoing.append((peer, datagram))

    def connected(self, peer: Hashable, now: float, framing: Framing = Framing.STREAM) -> None:
        self.connections.append((peer, framing))

    def disconnected(self, peer: Hashable, now: float) -> None:
        self.disconnections.append(peer)

    def closing(self) -> list[Hashable]:
        closing, self.to_close = self.to_close, []
        return closing

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.timers = [timer for timer in self.timers if timer > now]

    def next_timeout(self) -> float | None:
        return min(self.timers, default=None)

    def transmit(self) -> list[tuple[Hashable, bytes]]:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing
