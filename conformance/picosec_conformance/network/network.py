"""The network between the target and honest endpoints, in the hands of whoever calls its acts.

Endpoints put datagrams on it; nothing arrives unless an act delivers it, as it was or otherwise. Every act is counted
and recorded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from picosec.errors import ProtocolError
from picosec.messaging.coap import Message, Type
from picosec_conformance.network import tampering
from picosec_conformance.network.link import Link
from picosec_conformance.network.packet import Packet
from picosec_conformance.report.model import Frame

#: All that can be done to datagrams.
ACTS: Final = (
    "deliver",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "truncate",
    "flip",
    "splice",
    "replay",
    "reflect",
    "divert",
    "inject",
)

TARGET: Final = "target"


class Endpoint(Protocol):
    """Somebody on the network. What it sends in answer to a datagram is returned, not delivered."""

    name: str

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Take one datagram; ``sender`` is whom it claims to be from, ``note`` what the record says of it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A datagram that arrived: which one it was made from, if any, and what the receiver sent on account of it."""

    act: str
    packet: Packet | None
    data: bytes
    receiver: str
    emitted: tuple[Packet, ...]


#: Says for whom a message of the target is, that came on account of one of the given sender, and what it is called.
Address = Callable[[Message, str], tuple[str, str]]


class TargetEndpoint:
    """The target under test as an endpoint."""

    name = TARGET

    def __init__(self, link: Link, address: Address) -> None:
        self._link = link
        self._address = address

    def receive(self, data: bytes, sender: str, note: str) -> list[Packet]:
        """Send the datagram and return what comes back before a probe is answered. Raises ``Silence``."""
        return self.packets(self._link.replies_to(data, note), sender)

    def packets(self, frames: Iterable[bytes], sender: str) -> list[Packet]:
        """Address what the target sent on account of ``sender``."""
        return [self._packet(data, sender) for data in frames]

    def _packet(self, data: bytes, sender: str) -> Packet:
        try:
            message = Message.decode(data)
        except ProtocolError:
            return Packet(f"{TARGET}/garbage", TARGET, sender, data)
        receiver, label = self._address(message, sender)
        return Packet(label, TARGET, receiver, data)


class Network:
    """Holds what was sent and not delivered (``in_flight``) and all that was ever sent (``packets``).

    ``witness`` is told of every delivery, after it. ``acts`` counts them, over several networks if it is shared.
    """

    def __init__(
        self,
        link: Link,
        witness: Callable[[Delivery], None] = lambda delivery: None,
        acts: Counter[str] | None = None,
    ) -> None:
        self._link = link
        self._witness = witness
        self._endpoints: dict[str, Endpoint] = {}
        self._began = time.monotonic()
        self.packets: dict[str, Packet] = {}
        self.in_flight: list[Packet] = []
        self.frames: list[Frame] = []
        self.acts: Counter[str] = Counter() if acts is None else acts

    def join(self, endpoint: Endpoint) -> None:
        """Connect an endpoint."""
        self._endpoints[endpoint.name] = endpoint

    def post(self, packets: Iterable[Packet]) -> tuple[Packet, ...]:
        """Take what an endpoint sends; a label that is taken gets a number. Return it under its labels."""
        posted = tuple(self._labelled(packet) for packet in packets)
        self.in_flight += posted
        for packet in posted:
            if packet.sender == TARGET:
                self._record(packet.data, packet.sender, packet.receiver, packet.label)
        return posted

    # -- acts ----------------------------------------------------------------------------------------------------

    def deliver(self, packet: Packet) -> Delivery:
        """Deliver a datagram as it is; one that others were sent before counts as reordered."""
        first = bool(self.in_flight) and self.in_flight[0] == packet
        self._take(packet)
        return self._hand_over("deliver" if first else "reorder", packet, packet.data, packet.receiver)

    def drop(self, packet: Packet) -> None:
        """Let a datagram never arrive."""
        self.acts["drop"] += 1
        self._take(packet)
        self._record(packet.data, packet.sender, packet.receiver, f"dropped: {packet.label}")

    def duplicate(self, packet: Packet) -> Delivery:
        """Deliver a datagram, and leave it in flight."""
        return self._hand_over("duplicate", packet, packet.data, packet.receiver)

    def delay(self, packet: Packet) -> None:
        """Put a datagram behind all others in flight."""
        self.acts["delay"] += 1
        self._take(packet)
        self.in_flight.append(packet)

    def truncate(self, packet: Packet, length: int) -> Delivery:
        """Deliver the first bytes of a datagram."""
        data = tampering.truncated(packet.data, length)
        return self._hand_over("truncate", packet, data, packet.receiver, f"cut to {length} bytes")

    def flip(self, packet: Packet, bit: int) -> Delivery:
        """Deliver a datagram with one bit inverted."""
        data = tampering.flipped(packet.data, bit)
        return self._hand_over("flip", packet, data, packet.receiver, f"bit {bit} flipped")

    def splice(self, packet: Packet, donor: Packet, field: str) -> Delivery:
        """Deliver a datagram with a field of another one. Raises ``KeyError`` where one of them lacks it."""
        data = tampering.spliced(packet.data, donor.data, field)
        return self._hand_over("splice", packet, data, packet.receiver, f"with {field} of {donor.label}")

    def replay(self, packet: Packet, *, fresh: bool) -> Delivery:
        """Deliver a datagram of any time again; ``fresh`` gives a request another message id and token.

        Raises ``ProtocolError`` for one with ``fresh`` that is no CoAP message.
        """
        data = packet.data
        if fresh:
            data = tampering.renumbered(data, self._link.fresh_message_id(), self._link.fresh_token())
        return self._hand_over("replay", packet, data, packet.receiver, "fresh ids" if fresh else "as it was")

    def reflect(self, packet: Packet) -> Delivery:
        """Deliver a datagram to its own sender."""
        return self._hand_over("reflect", packet, packet.data, packet.sender, "to its sender")

    def divert(self, packet: Packet, receiver: str) -> Delivery:
        """Deliver a datagram to somebody else."""
        self._take(packet)
        return self._hand_over("divert", packet, packet.data, receiver, f"to {receiver}")

    def inject(self, data: bytes, receiver: str, note: str, origin: Packet | None = None) -> Delivery:
        """Deliver bytes that nobody sent, as an answer to ``origin`` if there is one."""
        sender = next(name for name in self._endpoints if name != receiver) if origin is None else origin.receiver
        return self._hand_over("inject", origin, data, receiver, note, sender)

    def settle(self, most: int = 64) -> None:
        """Be an honest network for a while: deliver in order until nothing is in flight, ``most`` datagrams at most."""
        for _ in range(most):
            if not self.in_flight:
                return
            self.deliver(self.in_flight[0])

    def clear(self) -> None:
        """Forget what is in flight."""
        self.in_flight.clear()

    # -- within --------------------------------------------------------------------------------------------------

    def _hand_over(
        self, act: str, packet: Packet | None, data: bytes, receiver: str, how: str = "", sender: str | None = None
    ) -> Delivery:
        self.acts[act] += 1
        if sender is None:
            assert packet is not None
            sender = packet.sender if receiver == packet.receiver else packet.receiver
        origin = packet.label if packet is not None else ""
        note = ", ".join(part for part in (f"{act} {origin}".strip(), how) if part)
        if receiver == TARGET or act not in ("deliver", "reorder"):
            self._record(data, sender, receiver, note)
        emitted = self.post(self._endpoints[receiver].receive(data, sender, note))
        delivery = Delivery(act, packet, data, receiver, emitted)
        self._witness(delivery)
        return delivery

    def _record(self, data: bytes, sender: str, receiver: str, note: str) -> None:
        outgoing = receiver == TARGET
        seconds = time.monotonic() - self._began
        peer = sender if outgoing else receiver
        self.frames.append(Frame("sent" if outgoing else "received", seconds, data, note, peer=peer))

    def _labelled(self, packet: Packet) -> Packet:
        label, count = packet.label, 1
        while label in self.packets:
            count += 1
            label = f"{packet.label}-{count}"
        named = Packet(label, packet.sender, packet.receiver, packet.data)
        self.packets[label] = named
        return named

    def _take(self, packet: Packet) -> None:
        if packet in self.in_flight:
            self.in_flight.remove(packet)


def forged_answer(request: bytes, code: int, options: Sequence[tuple[int, bytes]] = (), payload: bytes = b"") -> bytes:
    """Return an answer to a request that anyone who saw it can make. Raises ``ProtocolError`` for no CoAP message."""
    message = Message.decode(request)
    token = message.token if code else b""
    return Message(Type.ACK, code, message.message_id, token, tuple(options), payload).encode()
